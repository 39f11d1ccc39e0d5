"""Clearing: which bids and asks should meet, for how much and at what price. Pure: no store, no clock, no chance.

A pair is compatible when form, grade and dates agree, the official price is kept and the bid's limit less haulage
reaches the ask's limit. Each compatible pair is worth something a unit; quantities are divisible, so the best whole is a
min-cost flow. It is solved exactly where no minimum binds; where one does, the best of two ways is taken, neither of
which falls below taking the best pair first (see `flow`).

The price is paid at the ask's place and is what the seller gets; haulage from there is the buyer's, on top of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ussd_app.market.haulage import Haul
from ussd_app.market.rates import Floor

if TYPE_CHECKING:
    from ussd_app.market.pairs import Pairs

WORTH_SCALE = 100  # a worth of 100 is one minor unit a kilogram, litre or piece


@dataclass(frozen=True, slots=True)
class Bid:
    """What a buyer wants: `least` to `most` base units (none, or at least `least` in all), at most `limit` minor units
    a kilogram, litre or piece delivered at `place` (code), sometime from `from_at` to `until_at` (epoch ms).

    `grade` '' takes any; `reliability` and `freshness` are 0 to 1; `owner` never meets herself.
    """

    id: str
    produce: str
    grade: str
    place: str
    from_at: int
    until_at: int
    least: int
    most: int
    limit: int
    reliability: float = 1.0
    freshness: float = 1.0
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a seller has: as a bid, but `limit` is the least she takes where the goods stand. A cooperative's pooled ask
    has `least` 0. `grade` '' is ungraded and meets only bids for any grade."""

    id: str
    produce: str
    grade: str
    place: str
    from_at: int
    until_at: int
    least: int
    most: int
    limit: int
    reliability: float = 1.0
    freshness: float = 1.0
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Weights:
    """What a pair is worth a unit: its surplus and `trade` (minor units), less `reliability` of it where nobody is
    reliable and `freshness` of it where nothing is fresh (0 to 1). Prices are rounded to `round_to` minor units."""

    reliability: float = 0.5
    freshness: float = 0.2
    trade: int = 10
    round_to: int = 5


@dataclass(frozen=True, slots=True)
class Match:
    """A bid and an ask that should meet: `quantity` base units at `price`, hauled `km` for `haulage` a unit.

    `reason` is only_buyer, best_price, nearest, most_reliable or best_fit, seen from the ask among the `others` buyers
    that it could also meet.
    """

    bid_id: str
    ask_id: str
    quantity: int
    price: int
    km: int
    haulage: int
    reason: str
    others: int


@dataclass(frozen=True)
class Clearing:
    """The matches, by bid and ask, and their summed worth (worth a unit times base units)."""

    matches: list[Match] = field(default_factory=list)
    worth: int = 0


def clear(
    bids: Sequence[Bid],
    asks: Sequence[Ask],
    floors: Mapping[str, Floor],
    haul: Callable[[str, str, str], Haul],
    weights: Weights,
    steps: Mapping[str, int] | None = None,
    barred: Collection[tuple[str, str]] = (),
) -> Clearing:
    """Match bids with asks; the same bids and asks in any order give the same matches.

    Args: `floors` the official price by produce, none where a produce is missing; `haul` the way from the ask's place
    to the bid's for a produce (place, place, produce); `steps` the smallest quantity by produce that is matched (base
    units, 1 where missing): maxima are rounded down to it and minima up; `barred` pairs (bid and ask ids) never
    meet: somebody said no.
    """
    from ussd_app.market import flow, pairs

    forms: dict[str, tuple[list[Bid], list[Ask]]] = defaultdict(lambda: ([], []))
    for bid in bids:
        forms[bid.produce][0].append(bid)
    for ask in asks:
        forms[ask.produce][1].append(ask)
    matches: list[Match] = []
    worth = 0
    for produce in sorted(forms):
        of_bids = sorted(forms[produce][0], key=lambda one: one.id)
        of_asks = sorted(forms[produce][1], key=lambda one: one.id)
        step = (steps or {}).get(produce, 1)
        found = pairs.find(of_bids, of_asks, floors.get(produce, Floor()), haul, weights, barred)
        if found is None:
            continue
        bid_sizes, ask_sizes = [_size(one, step) for one in of_bids], [_size(one, step) for one in of_asks]
        flows = flow.best(found.worth, bid_sizes, ask_sizes)
        for (b, a), units in sorted(flows.items()):
            matches.append(_match(found, of_bids, of_asks, b, a, units * step, weights))
            worth += units * step * int(found.worth[b, a])
    return Clearing(matches, worth)


def price_between(low: int, high: int, round_to: int) -> int:
    """The middle of two limits (minor units, low <= high), rounded to `round_to` where that stays between them.

    A middle between two multiples goes to the upper one: half a step is the seller's.
    """
    rounded = (low + high + round_to) // (2 * round_to) * round_to
    return rounded if low <= rounded <= high else (low + high) // 2


def _size(one: Bid | Ask, step: int) -> tuple[int, int]:
    """Least and most in steps; (0, 0) where the range holds no step."""
    least, most = -(-one.least // step), one.most // step
    return (least, most) if most > 0 and least <= most else (0, 0)


def _match(
    found: Pairs, bids: Sequence[Bid], asks: Sequence[Ask], b: int, a: int, quantity: int, weights: Weights
) -> Match:
    """The match with its price, and why this bid is good for this ask."""
    bid, ask = bids[b], asks[a]
    rivals = [int(row) for row in found.bids_of(a)]

    def price(row: int) -> int:
        low, high = found.limits(row, a)
        return price_between(low, high, weights.round_to)

    way = found.way(b, a)
    best = price(b)
    if len(rivals) == 1:
        reason = "only_buyer"
    elif best >= max(map(price, rivals)):
        reason = "best_price"
    elif way.km <= min(found.way(row, a).km for row in rivals):
        reason = "nearest"
    elif bid.reliability >= max(bids[row].reliability for row in rivals):
        reason = "most_reliable"
    else:
        reason = "best_fit"
    return Match(bid.id, ask.id, quantity, best, way.km, way.cost, reason, len(rivals) - 1)
