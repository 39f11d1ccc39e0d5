"""What was weighed: the past of those who are shown first, and an order whose weight waits to be recorded today.

The market's own functions do it, in the order things happened, so receipts, audit and statements are true. No payment is
made up: the past was paid outside, and a wallet would know nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ussd_app.demo import marks
from ussd_app.demo.crowd import DAY_MS
from ussd_app.demo.rows import Row, listing_row, offer_row
from ussd_app.demo.rwanda import CHERRY
from ussd_app.demo.standing import Square, cherry_price
from ussd_app.lib import clock as clocks
from ussd_app.lib import ids
from ussd_app.lib.clock import Clock
from ussd_app.market import deliveries, orders, prices, settlement, takehome
from ussd_app.market.terms import HANDOVER_GRACE_MS, HOUR_MS, REGRET_MS
from ussd_app.store import Tx

SELLERS = 6  # as many as stand at the front of the list
CLOSED_AFTER_MS = 2 * DAY_MS
_KILOS = 40
_PRICE = 680
_LISTED_BEFORE_MS = 9 * HOUR_MS  # before the stands of today: her last listing is one of those


def not_yet(order: Row) -> Row:
    """A kept order of the past as it was before anything came."""
    return order | {"state": "agreed", "cancelled_as": None, "changed_at": order["agreed_at"]}


def weigh(tx: Tx, clock: Clock, kept: Sequence[Row]) -> int:
    """Weigh, agree and confirm `kept` orders, stored as `not_yet`, up to the state each has here. Returns how many."""
    events: list[tuple[int, int, Callable[[int], object]]] = []
    for order in kept:
        paid = order["changed_at"] - (CLOSED_AFTER_MS if order["state"] == "closed" else 0)
        step = (paid - order["handover_at"]) // 3
        events += [
            (order["handover_at"] + step, 1, partial(_record, tx, clock, order)),
            (order["handover_at"] + 2 * step, 2, partial(_agree, tx, clock, order)),
            (paid, 3, partial(_receive, tx, clock, order)),
        ]
        if order["state"] == "closed":
            events.append((order["changed_at"], 4, partial(_close, tx, order)))
    for at, _, happen in sorted(events, key=lambda event: event[:2]):
        happen(at)
    until = max((at for at, _, _ in events), default=0)
    tx.demo_messages_forget(first=marks.FIRST, after=marks.AFTER, since=0, until=until)
    return len(kept)


def _record(tx: Tx, clock: Clock, order: Row, at: int) -> None:
    """Of cherries a twentieth floats."""
    floaters = order["quantity"] // 20_000 * 1000 if order["price_floaters"] is not None else 0
    which = {"order_id": order["id"], "buyer_id": order["buyer_id"]}
    deliveries.record(tx, clock=clock, now=at, gross=order["quantity"], floaters=floaters, **which)


def _agree(tx: Tx, clock: Clock, order: Row, at: int) -> None:
    waiting = tx.delivery_waiting(order_id=order["id"])
    deliveries.agree(tx, clock=clock, now=at, seller_id=order["seller_id"], delivery_id=waiting["id"])


def _receive(tx: Tx, clock: Clock, order: Row, at: int) -> None:
    settlement.confirm_received(tx, clock=clock, now=at, seller_id=order["seller_id"], order_id=order["id"])


def _close(tx: Tx, order: Row, at: int) -> None:
    orders.move(tx, now=at, order_id=order["id"], was="settled", becomes="closed")


def await_weight(square: Square, agreed_at: int, handover_at: int, clock: Clock) -> bool:
    """Have an order of the first seller and the first buyer that can be weighed now, agreed at `agreed_at` (epoch ms),
    where none is there. False: there is one, or one of them is gone."""
    tx, seller, buyer = square.tx, square.crowd.sellers[0], square.crowd.buyers[0]
    way = square.settlement(buyer)
    if not {seller.id, buyer.id} <= square.present:
        return False
    if tx.demo_orders_to_weigh(seller_id=seller.id, buyer_id=buyer.id, settlement=way):
        return False
    listing, offer = _goods(square, agreed_at, handover_at, way)
    tx.demo_listings_add([listing])
    tx.demo_offers_add([offer])
    order = None
    while order is None:  # another order may have that code
        order = tx.order_add(
            id=marks.row_id(square.rng, agreed_at),
            code=ids.with_check(f"{square.rng.randrange(10**orders.CODE_DIGITS):0{orders.CODE_DIGITS}d}"),
            offer_id=offer["id"],
            now=agreed_at,
            agreed_day=clocks.day(agreed_at),
            regret_until=agreed_at + clock.wait(REGRET_MS),
            free_after=handover_at + clock.wait(HANDOVER_GRACE_MS),
            **{name: listing[name] for name in ("district", "province", "cooperative_id")},
            **{name: offer[name] for name in _TERMS},
        )
    prices.note_trade(tx, order)
    return True


_TERMS = (
    "listing_id", "seller_id", "buyer_id", "produce", "unit", "quantity", "price", "price_floaters", "currency", "point",
    "handover_place", "handover_at", "carrier", "settlement", "tolerance_pct",
)  # fmt: skip


def _goods(square: Square, agreed_at: int, handover_at: int, way: str) -> tuple[Row, Row]:
    """The listing and the offer of that order, as its agreement left them."""
    seller, buyer, kind = square.crowd.sellers[0], square.crowd.buyers[0], square.hub.produce_by(CHERRY)
    at, made_at = agreed_at - _LISTED_BEFORE_MS, agreed_at - HOUR_MS
    quantity, price = _KILOS * kind.unit_size, cherry_price(square, _PRICE, at)
    listing = listing_row(square.hub, seller, kind, quantity, price, at, handover_at + HOUR_MS, square.rng)
    listing |= {"left_quantity": 0, "state": "reserved", "changed_at": agreed_at}
    if seller.cooperative is not None:
        listing["cooperative_id"] = square.crowd.cooperatives[seller.cooperative].id
    offer = offer_row(square.hub, listing, seller, buyer, quantity, price, made_at, True, square.rng, way)
    wallet = takehome.wallet_for(way, seller.msisdn)
    net = takehome.take_home(square.tx, quantity, price, square.hub.currency, wallet, made_at, unit=kind.unit).net
    offer |= {"handover_at": handover_at, "expires_at": listing["expires_at"], "take_home": net}
    return listing, offer | {"state": "accepted", "changed_at": agreed_at}
