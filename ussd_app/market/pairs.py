"""Which bids and asks of one form of produce may meet, and what each pair is worth: whole tables at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ussd_app.market.haulage import Haul
from ussd_app.market.matching import WORTH_SCALE, Ask, Bid, Weights
from ussd_app.market.rates import Floor

Whole = NDArray[np.int64]
_MOST_WORTH = 1_000_000_000  # sums of this times every kilogram of a country are still exact in a solver's floats


@dataclass(frozen=True)
class Pairs:
    """`worth` by bid and ask (rows, columns; 0: they may not meet), and what it was made of."""

    worth: Whole
    highs: Whole
    """The most a bid can pay at each of the asks' places, by bid and place."""
    lows: Whole
    """The least an ask may be sold for, by ask."""
    fixed: int | None
    ways: list[list[Haul]]
    bid_at: NDArray[np.intp]
    ask_at: NDArray[np.intp]

    def bids_of(self, a: int) -> NDArray[np.intp]:
        """The bids (rows) that an ask may meet."""
        return np.flatnonzero(self.worth[:, a])

    def way(self, b: int, a: int) -> Haul:
        return self.ways[int(self.bid_at[b])][int(self.ask_at[a])]

    def limits(self, b: int, a: int) -> tuple[int, int]:
        """Between which prices (minor units) this pair may settle: both the official one where that is fixed."""
        if self.fixed is not None:
            return self.fixed, self.fixed
        return int(self.lows[a]), int(self.highs[b, self.ask_at[a]])


def find(
    bids: Sequence[Bid],
    asks: Sequence[Ask],
    floor: Floor,
    haul: Callable[[str, str, str], Haul],
    weights: Weights,
    barred: Collection[tuple[str, str]] = (),
) -> Pairs | None:
    """The pairs of one form, bids and asks in the order given; None where no two may meet.

    An ask whose limit passes a fixed official price meets nobody, nor does a bid that cannot pay it.
    """
    if not bids or not asks:
        return None
    bid_places, bid_at = _places(bids)
    ask_places, ask_at = _places(asks)
    ways = [[haul(there, here, bids[0].produce) for there in ask_places] for here in bid_places]
    costs = np.array([[way.cost for way in row] for row in ways], np.int64)
    highs = _column(bids, "limit")[:, None] - costs[bid_at]
    limits = _column(asks, "limit")
    lows = limits if floor.price is None else np.maximum(limits, floor.price)
    fixed = floor.price if floor.kind == "fixed" else None
    if fixed is not None:
        lows = np.where(limits <= fixed, fixed, np.iinfo(np.int64).max)
    faith = np.array([one.reliability for one in bids]), np.array([one.reliability for one in asks])
    fresh = np.array([one.freshness for one in bids]), np.array([one.freshness for one in asks])
    from_at, until_at = _column(asks, "from_at"), _column(asks, "until_at")
    grades, owners = (np.array([getattr(one, name) for one in asks]) for name in ("grade", "owner"))
    worth = np.zeros((len(bids), len(asks)), np.int64)
    for b, bid in enumerate(bids):  # a row at a time: the tables in between stay small
        high = highs[b, ask_at]
        meets = (high >= lows) & (from_at <= bid.until_at) & (until_at >= bid.from_at)
        if bid.grade:
            meets &= grades == bid.grade
        if bid.owner:
            meets &= owners != bid.owner
        gain = (high - limits + weights.trade) * float(WORTH_SCALE)
        gain *= 1 - weights.reliability * (1 - faith[0][b] * faith[1])
        gain *= 1 - weights.freshness * (1 - fresh[0][b] * fresh[1])
        worth[b] = np.where(meets, np.clip(np.rint(gain), 1, _MOST_WORTH), 0)
    _bar(worth, bids, asks, barred)
    if not worth.any():
        return None
    return Pairs(worth, highs, lows, fixed, ways, bid_at, ask_at)


def _bar(worth: Whole, bids: Sequence[Bid], asks: Sequence[Ask], barred: Collection[tuple[str, str]]) -> None:
    """Pairs of which somebody said no may not meet again."""
    rows = {bid.id: b for b, bid in enumerate(bids)}
    columns = {ask.id: a for a, ask in enumerate(asks)}
    for bid_id, ask_id in barred:
        if bid_id in rows and ask_id in columns:
            worth[rows[bid_id], columns[ask_id]] = 0


def _places(side: Sequence[Bid] | Sequence[Ask]) -> tuple[list[str], NDArray[np.intp]]:
    """The places of a side, each once, and which of them each one stands at."""
    places = sorted({one.place for one in side})
    number = {place: at for at, place in enumerate(places)}
    return places, np.array([number[one.place] for one in side], np.intp)


def _column(side: Sequence[Bid] | Sequence[Ask], name: str) -> Whole:
    return np.array([getattr(one, name) for one in side], np.int64)
