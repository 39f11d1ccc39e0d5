"""Ninety days of trade: mornings and market days, seasons, prices that drift, and a few who did not keep their word.

Made before the store is touched: plain rows, each as the market itself would have left it. What a listing held is
always what is left, what live orders hold and what was sold. The parties paid each other, as before wallets came.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from ussd_app.demo import marks
from ussd_app.demo.crowd import DAY_MS, Crowd, Seller
from ussd_app.demo.rows import SETTLEMENT, Row, listing_row, midnight_of, offer_row, price_near
from ussd_app.demo.rwanda import CHERRY, CHERRY_FLOOR, CROPS, Crop
from ussd_app.hubs import Hub, Produce
from ussd_app.lib import clock as clocks
from ussd_app.lib import ids
from ussd_app.market import takehome
from ussd_app.market.orders import CODE_DIGITS
from ussd_app.market.terms import HANDOVER_GRACE_MS, HOUR_MS, REGRET_MS, amount

DAYS = 90
_MINUTE_MS = 60_000
_WEEKDAYS = (0.9, 1.0, 1.3, 0.9, 1.3, 1.2, 0.4)  # Wednesday, Friday and Saturday are market days; Sunday is for church
_PLANS = {"whole": 62, "countered": 10, "split": 8, "part": 8, "missed": 5, "regret": 2, "unsold": 5}
_OFF_SEASON_PRICE = 1.06


@dataclass
class History:
    """The rows of the past, in the order they may be written; `kept` and `missed` count orders by buyer id."""

    listings: list[Row] = field(default_factory=list)
    offers: list[Row] = field(default_factory=list)
    orders: list[Row] = field(default_factory=list)
    kept: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)


def write(hub: Hub, crowd: Crowd, midnight: int, rng: Random) -> History:
    """The trade of the ninety days before `midnight` (epoch ms), by `rng`."""
    past = _Past(hub, crowd, midnight, rng)
    drift = dict.fromkeys((crop.produce for crop in CROPS), 0.0)
    for back in range(DAYS, 0, -1):
        start = midnight - back * DAY_MS
        for crop in CROPS:
            drift[crop.produce] = 0.94 * drift[crop.produce] + rng.gauss(0, 0.012)
            for _ in range(int(past.expected(crop, start) + rng.random())):
                past.sale(crop, start, drift[crop.produce])
    return past.history


class _Past:
    """Writes one sale after another; `midnight` is where the past ends."""

    def __init__(self, hub: Hub, crowd: Crowd, midnight: int, rng: Random) -> None:
        self.hub, self.crowd, self.midnight, self.rng = hub, crowd, midnight, rng
        self.history = History()
        self.codes: set[str] = set()
        self.growers = {crop.produce: crowd.growers(crop.produce) for crop in CROPS}

    def expected(self, crop: Crop, start: int) -> float:
        """How many sales of `crop` the day that begins at `start` sees on average; communal work takes a morning."""
        quiet = 0.3 if _communal_work(start) else 1.0
        season = 1.0 if self.in_season(crop, start) else crop.off_season
        return crop.per_day * _WEEKDAYS[clocks.local(start).weekday()] * season * quiet

    def in_season(self, crop: Crop, at: int) -> bool:
        group = self.hub.produce_by(crop.produce).group
        seasons = [season for season in self.hub.seasons if season.group == group]
        return not seasons or any(season.holds(clocks.day(at)) for season in seasons)

    def price(self, crop: Crop, at: int, drift: float) -> int:
        """A price of the day for `crop`; cherries follow the floor of that day."""
        day = clocks.day(at)
        usual = float(crop.price)
        if crop.produce == CHERRY:
            floor = self.hub.floor_price(CHERRY, day)
            usual *= floor.price_good / CHERRY_FLOOR if floor else 1
        if not self.in_season(crop, at):
            usual *= _OFF_SEASON_PRICE
        usual *= (1 + drift) * (1 + self.rng.uniform(-crop.spread, crop.spread))
        return price_near(self.hub, crop.produce, round(usual), crop.step, day)

    def sale(self, crop: Crop, start: int, drift: float) -> None:
        """One listing of the day that begins at `start` and all that came of it."""
        rng, kind = self.rng, self.hub.produce_by(crop.produce)
        at = start + round(rng.triangular(5.6, 11, 7.3) * HOUR_MS) + (4 * HOUR_MS if _communal_work(start) else 0)
        asked = self.price(crop, at, drift)
        quantity = _round(rng.triangular(crop.low, crop.high, crop.low + (crop.high - crop.low) / 3)) * kind.unit_size
        seller = rng.choice(self.growers[crop.produce])
        listing = self.listing(seller, kind, quantity, asked, at)
        plan = rng.choices(list(_PLANS), list(_PLANS.values()))[0]
        if plan in ("split", "part") and quantity < 4 * kind.unit_size:
            plan = "whole"
        getattr(self, f"_{plan}")(crop, listing, seller)
        self.finish(listing)

    def _whole(self, crop: Crop, listing: Row, seller: Seller, fate: str = "kept") -> None:
        """One buyer takes all of it; now and then a lower offer was declined for it."""
        first = listing["created_at"] + self.minutes(8, 120)
        if self.rng.random() < 0.25:
            other = self.offer(crop, listing, seller, first - self.minutes(1, 6), listing["quantity"], 0.96)
            other |= {"state": "declined", "changed_at": first + self.minutes(1, 5)}
        offer = self.offer(crop, listing, seller, first, listing["quantity"])
        self.agree(listing, offer, first + self.minutes(6, 60), fate)

    def _countered(self, crop: Crop, listing: Row, seller: Seller) -> None:
        """Offered low, answered with a better price, agreed."""
        first = listing["created_at"] + self.minutes(8, 100)
        low = self.offer(crop, listing, seller, first, listing["quantity"], 0.94)
        low |= {"state": "countered", "changed_at": first + self.minutes(4, 30)}
        answer = self.offer(crop, listing, seller, low["changed_at"], listing["quantity"], answers=low)
        self.agree(listing, answer, answer["created_at"] + self.minutes(3, 40), "kept")

    def _split(self, crop: Crop, listing: Row, seller: Seller) -> None:
        """Two buyers share it."""
        at = listing["created_at"]
        part = _part(listing, self.rng.uniform(0.4, 0.7))
        for quantity in (part, listing["quantity"] - part):
            at += self.minutes(8, 60)
            offer = self.offer(crop, listing, seller, at, quantity)
            at += self.minutes(6, 40)
            self.agree(listing, offer, at, "kept")

    def _part(self, crop: Crop, listing: Row, seller: Seller) -> None:
        """Some of it is sold; for the rest nobody came."""
        at = listing["created_at"] + self.minutes(8, 120)
        offer = self.offer(crop, listing, seller, at, _part(listing, self.rng.uniform(0.5, 0.8)))
        self.agree(listing, offer, at + self.minutes(6, 60), "kept")

    def _missed(self, crop: Crop, listing: Row, seller: Seller) -> None:
        self._whole(crop, listing, seller, "missed")

    def _regret(self, crop: Crop, listing: Row, seller: Seller) -> None:
        self._whole(crop, listing, seller, "regret")

    def _unsold(self, crop: Crop, listing: Row, seller: Seller) -> None:
        """An offer too low, and then no other."""
        at = listing["created_at"] + self.minutes(20, 200)
        offer = self.offer(crop, listing, seller, at, listing["quantity"], 0.9)
        offer |= {"state": "declined", "changed_at": at + self.minutes(5, 60)}

    def minutes(self, low: int, high: int) -> int:
        return self.rng.randint(low * 60, high * 60) * 1000

    def listing(self, seller: Seller, kind: Produce, quantity: int, price: int, at: int) -> Row:
        """A new listing of `quantity` base units at `price`, still open; `finish` closes it."""
        home = seller.cooperative
        row = listing_row(self.hub, seller, kind, quantity, price, at, at + kind.expires_hours * HOUR_MS, self.rng)
        row["cooperative_id"] = None if home is None else self.crowd.cooperatives[home].id
        self.history.listings.append(row)
        return row

    def offer(
        self,
        crop: Crop,
        listing: Row,
        seller: Seller,
        at: int,
        quantity: int,
        share: float = 0.0,
        answers: Row | None = None,
    ) -> Row:
        """An offer for `quantity` base units at `share` of the price asked (0 = about the price), or the counter that
        `answers` one."""
        rng, kind, day = self.rng, self.hub.produce_by(crop.produce), clocks.day(at)
        factor = share or rng.choice((1.0, 1.0, 0.99, 0.98, 1.01))
        price = price_near(self.hub, crop.produce, round(listing["price"] * factor), crop.step, day)
        if answers:
            buyer = next(each for each in self.crowd.buyers if each.id == answers["buyer_id"])
            price = max(price, answers["price"])
        else:
            buyer = self.crowd.buyers[rng.choice(crop.buyers)]
        row = offer_row(self.hub, listing, seller, buyer, quantity, price, at, crop.brought, rng)
        row |= {"handover_at": self.handover(kind, at), "expires_at": listing["expires_at"]}
        if answers:
            row |= {"made_by": "seller", "round": 2, "answers": answers["id"], "handover_at": answers["handover_at"]}
        wallet = takehome.wallet_for(SETTLEMENT, seller.msisdn)
        gross = amount(quantity, price, kind.unit)
        service = self.hub.fee("service", wallet, gross, day)
        row["take_home"] = gross - (service.fee if service else 0)
        self.history.offers.append(row)
        return row

    def handover(self, kind: Produce, at: int) -> int:
        """A quarter of an hour by day, within the produce's time: the same day for what spoils."""
        if kind.handover_hours < 24:
            wait = round(self.rng.uniform(0.5, 0.9) * kind.handover_hours * HOUR_MS)
            return _quarter(at + wait)
        days = self.rng.randint(1, max(1, min(3, kind.handover_hours // 24)))
        start = midnight_of(at) + days * DAY_MS
        return _quarter(start + round(self.rng.uniform(7.5, 15) * HOUR_MS))

    def agree(self, listing: Row, offer: Row, at: int, fate: str) -> None:
        """The offer becomes an order at `at`; `fate` is kept, missed or regret, as far as the time has come for it."""
        offer |= {"state": "accepted", "changed_at": at}
        order = {name: offer[name] for name in _SHARED}
        order |= {name: listing[name] for name in ("district", "province", "cooperative_id")}
        order |= {"id": marks.row_id(self.rng, at), "code": self.code(), "offer_id": offer["id"]}
        order |= {"free_after": offer["handover_at"] + HANDOVER_GRACE_MS, "regret_until": at + REGRET_MS}
        order |= {"agreed_at": at, "agreed_day": clocks.day(at), "changed_at": at}
        order |= {"state": "agreed", "cancelled_as": None}
        self.history.orders.append(order)
        getattr(self, f"_order_{fate}")(order)

    def _order_kept(self, order: Row) -> None:
        """Handed over, paid within a day or so, closed two days after; still agreed where that day has not come."""
        over = self.midnight - order["handover_at"]
        if over <= 0:
            return
        paid = order["handover_at"] + min(self.minutes(20, 26 * 60), over // 2)
        order |= {"state": "settled", "changed_at": paid}
        if paid + 2 * DAY_MS < self.midnight:
            order |= {"state": "closed", "changed_at": paid + 2 * DAY_MS}
        self.history.kept[order["buyer_id"]] += 1

    def _order_missed(self, order: Row) -> None:
        """Nobody came; the seller freed her goods."""
        freed = order["free_after"] + self.minutes(5, 120)
        if freed < self.midnight:
            order |= {"state": "cancelled", "cancelled_as": "missed", "changed_at": freed}
            self.history.missed[order["buyer_id"]] += 1

    def _order_regret(self, order: Row) -> None:
        order |= {"state": "cancelled", "cancelled_as": "regret", "changed_at": order["agreed_at"] + self.minutes(1, 4)}

    def finish(self, listing: Row) -> None:
        """Close the listing as its orders left it."""
        orders = [order for order in self.history.orders[-2:] if order["listing_id"] == listing["id"]]
        held = sum(order["quantity"] for order in orders if order["state"] != "cancelled")
        live = any(order["state"] == "agreed" for order in orders)
        offers = [offer for offer in self.history.offers[-3:] if offer["listing_id"] == listing["id"]]
        last = max([row["changed_at"] for row in (*orders, *offers)], default=listing["created_at"])
        listing["left_quantity"] = listing["quantity"] - held
        if listing["left_quantity"] == 0:
            settled = [order["agreed_at"] if live else order["changed_at"] for order in orders]
            listing |= {"state": "reserved" if live else "sold", "changed_at": max(settled)}
        elif listing["expires_at"] < self.midnight:
            listing |= {"state": "expired", "changed_at": max(last, listing["expires_at"])}
        else:
            listing |= {"state": "withdrawn", "changed_at": min(last + 2 * HOUR_MS, self.midnight - 1)}

    def code(self) -> str:
        """An order's code that no other has."""
        while True:
            code = ids.with_check(f"{self.rng.randrange(10**CODE_DIGITS):0{CODE_DIGITS}d}")
            if code not in self.codes:
                self.codes.add(code)
                return code


_SHARED = (
    "listing_id", "seller_id", "buyer_id", "produce", "unit", "quantity", "price", "price_floaters", "currency",
    "point", "handover_place", "handover_at", "carrier", "settlement", "tolerance_pct",
)  # fmt: skip


def _communal_work(start: int) -> bool:
    """Umuganda: the last Saturday of a month belongs to everybody until noon."""
    day = clocks.local(start)
    return day.weekday() == 5 and (day + timedelta(days=7)).month != day.month


def _round(quantity: float) -> int:
    """A quantity as people say it: tens from 50 up, fives from 20 up."""
    step = 10 if quantity >= 50 else 5 if quantity >= 20 else 1
    return max(1, round(quantity / step) * step)


def _part(listing: Row, share: float) -> int:
    """About `share` of a listing in whole kilograms, litres or pieces."""
    size = 1 if listing["unit"] == "piece" else 1000
    return max(1, round(int(listing["quantity"]) * share / size)) * size


def _quarter(at: int) -> int:
    return at - at % (15 * _MINUTE_MS)
