"""What stands for sale today, with the offers that wait: put up at first, put up again once it has run out.

Nothing is opened a second time: what is over ends as expired, and a new listing takes its place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from ussd_app.demo import marks
from ussd_app.demo.crowd import DAY_MS, Buyer, Crowd
from ussd_app.demo.rows import Row, listing_row, offer_row, price_near
from ussd_app.demo.rwanda import CHERRY, CHERRY_FLOOR, CROPS, STANDS, Bid, Stand
from ussd_app.hubs import Hub, Produce
from ussd_app.lib import clock as clocks
from ussd_app.lib.clock import Clock
from ussd_app.market import rates, takehome
from ussd_app.market.terms import HOUR_MS
from ussd_app.store import Tx

SOON_MS = 2 * HOUR_MS  # what ends sooner is put up anew
_MOST = 500
_BROUGHT = {crop.produce for crop in CROPS if crop.brought}
_STEPS = {crop.produce: crop.step for crop in CROPS}


@dataclass(frozen=True)
class Times:
    """When a stand is put up, is offered on, ends and is handed over: epoch ms."""

    listed_at: int
    offered_at: int
    expires_at: int
    handover_at: int


def evening_before(midnight: int, rng: Random) -> Callable[[Produce], Times]:
    """Times that hold for the whole day that begins at `midnight`, whenever the demonstration is made in it."""

    def times(kind: Produce) -> Times:
        listed = midnight - rng.randrange(120, 420) * 60_000
        expires = max(listed + kind.expires_hours * HOUR_MS, midnight + 30 * HOUR_MS)
        return Times(listed, listed + rng.randrange(20, 110) * 60_000, expires, midnight + DAY_MS + 9 * HOUR_MS)

    return times


def from_now(now: int, clock: Clock) -> Callable[[Produce], Times]:
    """Times of what is put up at `now`, as long as the produce keeps."""

    def times(kind: Produce) -> Times:
        expires, handover = (clock.wait(hours * HOUR_MS) for hours in (kind.expires_hours, kind.handover_hours))
        return Times(now, now, now + expires, now + handover)

    return times


@dataclass(frozen=True)
class Square:
    """Where stands are put up: `present` are the ids of those who still take part, `rng` gives ids, `settlements` are
    those of the service, its usual one first."""

    tx: Tx
    hub: Hub
    crowd: Crowd
    present: set[str]
    rng: Random
    settlements: tuple[str, ...]

    def settlement(self, buyer: Buyer) -> str:
        """How `buyer` pays: the usual way, but no wallet can ask one who has no phone here."""
        usual = self.settlements[0]
        return "outside" if not buyer.msisdn and "outside" in self.settlements else usual


def put_up(square: Square, until: int, times: Callable[[Produce], Times]) -> int:
    """Put up every stand and offer that will not be there at `until` (epoch ms); returns how many rows."""
    count = 0
    for stand in STANDS:
        if square.crowd.sellers[stand.seller - 1].id in square.present:
            count += _stand(square, stand, until, times(square.hub.produce_by(stand.produce)))
    return count


def sweep(tx: Tx, now: int) -> int:
    """End what the demonstration had put up and is over, without a message to anybody; returns how many rows."""
    count = 0
    ends: tuple[tuple[list[Row], Callable[..., int]], ...] = (
        (tx.listings_due(now=now, limit=_MOST), tx.listing_expire),
        (tx.offers_due(now=now, limit=_MOST), tx.offer_expire),
    )
    for rows, expire in ends:
        count += sum(expire(id=row["id"], now=now) for row in rows if marks.is_demo(row["id"]))
    return count


def _stand(square: Square, stand: Stand, until: int, times: Times) -> int:
    """Put up one stand as far as it is not there at `until`; returns how many rows."""
    tx, kind = square.tx, square.hub.produce_by(stand.produce)
    seller = square.crowd.sellers[stand.seller - 1]
    count = 0
    mine = tx.listings_open_of_seller(seller_id=seller.id, now=until, limit=_MOST)
    listing: Row | None = next((row for row in mine if row["produce"] == stand.produce), None)
    if listing is None:
        quantity, price = stand.quantity * kind.unit_size, _price(square, stand, stand.price, times.listed_at)
        listing = listing_row(square.hub, seller, kind, quantity, price, times.listed_at, times.expires_at, square.rng)
        if seller.cooperative is not None:
            listing["cooperative_id"] = square.crowd.cooperatives[seller.cooperative].id
        tx.demo_listings_add([listing])
        count = 1
    waiting = tx.offers_open_on_listing(listing_id=listing["id"], above=0, up_to=listing["quantity"], now=until)
    taken = {row["buyer_id"] for row in waiting}
    for bid in stand.bids:
        buyer = square.crowd.buyers[bid.buyer]
        fits = bid.quantity * kind.unit_size <= listing["left_quantity"]
        if fits and buyer.id in square.present - taken:
            tx.demo_offers_add([_offer(square, stand, bid, listing, times)])
            count += 1
    return count


def _offer(square: Square, stand: Stand, bid: Bid, listing: Row, times: Times) -> Row:
    """The row of an offer that waits on `listing`."""
    seller, buyer = square.crowd.sellers[stand.seller - 1], square.crowd.buyers[bid.buyer]
    kind, at = square.hub.produce_by(stand.produce), times.offered_at
    quantity, price = bid.quantity * kind.unit_size, _price(square, stand, bid.price, at)
    brought = stand.produce in _BROUGHT
    row = offer_row(square.hub, listing, seller, buyer, quantity, price, at, brought, square.rng,
                    square.settlement(buyer))  # fmt: skip
    wallet = takehome.wallet_for(row["settlement"], seller.msisdn)
    net = takehome.take_home(square.tx, quantity, price, square.hub.currency, wallet, at, unit=kind.unit).net
    ends = min(times.expires_at, listing["expires_at"])
    return row | {"handover_at": times.handover_at, "expires_at": ends, "take_home": net}


def cherry_price(square: Square, price: int, at: int) -> int:
    """`price` for cherries as the floor of the moment `at` (epoch ms) has it."""
    return _price(square, Stand(1, CHERRY, 0, price), price, at)


def _price(square: Square, stand: Stand, price: int, at: int) -> int:
    """A price of today: cherries follow the floor of the store, which an operator may have raised."""
    floor = rates.floor_for(square.tx, stand.produce, square.hub.currency, at)
    if stand.produce == CHERRY and floor.price:
        price = price * floor.price // CHERRY_FLOOR
    near = price_near(square.hub, stand.produce, price, _STEPS[stand.produce], clocks.day(at))
    if floor.price is None:
        return near
    return floor.price if floor.kind == "fixed" else max(near, floor.price)
