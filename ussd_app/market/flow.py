"""The min-cost flow of one form's bids and asks, with HiGHS.

The whole table of pairs is far larger than what a solution uses, so the linear programme starts with each side's best
pairs and takes in others as long as one would improve it (column generation): once none does, the solution is the best
over all pairs, not only over those taken in. Bounds and worths are whole numbers and the rows are a network's, so every
corner the simplex method stops at is whole, and so are its prices; both are rounded, and the flows checked.

A minimum (all of it or none) makes the problem hard. Two ways are tried: solve without minimums and leave out, one by
one, whoever stays furthest below theirs; and take the best pair first, leave out whoever stays below, and solve for the
others with their minimums as bounds. The better is taken, so it is never below the best pair first.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from ussd_app.market.pairs import Whole

Flows = dict[tuple[int, int], int]
Sizes = Sequence[tuple[int, int]]

BEST_OF_ASK, BEST_OF_BID = 3, 40  # pairs that the programme begins with
NEW_OF_ASK, NEW_OF_BID = 1, 20  # pairs that a round may add
DROPPED_AT_ONCE = 10  # one in so many of those below their minimum, at least one


def best(worth: Whole, bid_sizes: Sizes, ask_sizes: Sizes) -> Flows:
    """How much each bid takes of each ask, in steps.

    Args: `worth` a step by bid and ask, 0 where they may not meet; `bid_sizes`, `ask_sizes` (least, most) in steps.
    Returns flows by (bid, ask): none passes a most, and each side has at least its least or nothing.
    """
    rows = len(bid_sizes)
    sizes = [*bid_sizes, *ask_sizes]
    closed = {at for at, (_, most) in enumerate(sizes) if not most}
    flows = _solve(worth, sizes, rows, closed, (), {})
    if _short(flows, sizes, rows):
        dropped = _drop_and_solve(worth, sizes, rows, closed, flows)
        flows = max(dropped, _greedy_and_solve(worth, sizes, rows, closed), key=lambda one: total(worth, one))
    _check(flows, worth, sizes, rows)
    return flows


def total(worth: Whole, flows: Flows) -> int:
    """The summed worth of `flows`."""
    return sum(units * int(worth[pair]) for pair, units in flows.items())


def greedy(worth: Whole, sizes: Sizes, rows: int, closed: Collection[int]) -> Flows:
    """The best pair first, each as much as both still have; minimums are not looked at."""
    left = [0 if at in closed else most for at, (_, most) in enumerate(sizes)]
    orders = [np.argsort(-worth[b], kind="stable") for b in range(rows)]
    heap = [(-int(worth[b, order[0]]), b, int(order[0]), 0) for b, order in enumerate(orders)]
    heapq.heapify(heap)
    flows: Flows = {}
    while heap:
        value, b, a, at = heapq.heappop(heap)
        if not value:
            break
        units = min(left[b], left[rows + a])
        if units:
            flows[b, a] = units
            left[b] -= units
            left[rows + a] -= units
        if left[b] and at + 1 < worth.shape[1]:
            after = int(orders[b][at + 1])
            heapq.heappush(heap, (-int(worth[b, after]), b, after, at + 1))
    return flows


def _greedy_and_solve(worth: Whole, sizes: Sizes, rows: int, closed: Collection[int]) -> Flows:
    """The best pair first, without whoever stays below the minimum, then the best among the others."""
    flows = greedy(worth, sizes, rows, closed)
    while below := _short(flows, sizes, rows):
        flows = {(b, a): units for (b, a), units in flows.items() if b not in below and rows + a not in below}
    used = _used(flows, rows)
    bound = {at for at, (least, _) in enumerate(sizes) if least}
    return _solve(worth, sizes, rows, {*closed, *(bound - used.keys())}, bound & used.keys(), flows)


def _drop_and_solve(worth: Whole, sizes: Sizes, rows: int, closed: Collection[int], flows: Flows) -> Flows:
    """Without minimums, again and again, until nobody who takes part stays below one."""
    out = set(closed)
    while below := _short(flows, sizes, rows):
        used = _used(flows, rows)
        worst = sorted(below, key=lambda at: (used[at] / sizes[at][0], at))
        out.update(worst[: max(1, len(worst) // DROPPED_AT_ONCE)])
        flows = _solve(worth, sizes, rows, out, (), {})
    return flows


def _used(flows: Flows, rows: int) -> dict[int, int]:
    """What each side that takes part has in all; asks are numbered behind the `rows` bids."""
    used: dict[int, int] = {}
    for (b, a), units in flows.items():
        used[b] = used.get(b, 0) + units
        used[rows + a] = used.get(rows + a, 0) + units
    return used


def _short(flows: Flows, sizes: Sizes, rows: int) -> set[int]:
    """Who takes part and stays below the minimum."""
    return {at for at, units in _used(flows, rows).items() if units < sizes[at][0]}


def _check(flows: Flows, worth: Whole, sizes: Sizes, rows: int) -> None:
    """Raises ArithmeticError where a solver's answer breaks a law: better no proposal than a wrong one."""
    used = _used(flows, rows)
    kept = all(sizes[at][0] <= units <= sizes[at][1] for at, units in used.items())
    if not kept or any(units <= 0 or not worth[pair] for pair, units in flows.items()):
        raise ArithmeticError("the flows pass a limit")


def _solve(
    worth: Whole, sizes: Sizes, rows: int, closed: Collection[int], bound: Collection[int], known: Flows
) -> Flows:
    """The best flows with nobody of `closed`, and everybody of `bound` at the minimum or above.

    `known` flows keep all that: with bounds, the programme has an answer only from them on.
    """
    free = worth.copy()
    free[[at for at in closed if at < rows], :] = 0
    free[:, [at - rows for at in closed if at >= rows]] = 0
    if not free.any():
        return {}
    nothing = np.zeros(len(sizes), np.int64)
    taken = _tops(free, nothing[:rows], nothing[rows:], BEST_OF_ASK, BEST_OF_BID)
    for pair in known:
        taken[pair] = True
    programme = _Programme([(sizes[at][0] if at in bound else 0, sizes[at][1]) for at in range(len(sizes))], rows)
    while True:
        pairs = np.argwhere(taken)
        programme.add(pairs, free[taken])
        prices = programme.run()
        taken = _tops(free, prices[:rows], prices[rows:], NEW_OF_ASK, NEW_OF_BID)
        if not taken.any():
            return programme.flows()


def _tops(free: Whole, of_rows: Whole, of_columns: Whole, of_ask: int, of_bid: int) -> NDArray[np.bool_]:
    """The `of_bid` pairs of each bid, and `of_ask` of each ask, that are worth most above both prices, if any."""
    chosen = np.zeros(free.shape, bool)
    leaders = np.zeros((of_ask, free.shape[1]), np.int64), np.zeros((of_ask, free.shape[1]), np.intp)
    for b, row in enumerate(free):
        gain = np.where(row > 0, row - of_columns - of_rows[b], 0)
        better = np.flatnonzero(gain > 0)
        if len(better) > of_bid:
            chosen[b, better[np.argpartition(gain[better], len(better) - of_bid)[-of_bid:]]] = True
        else:
            chosen[b, better] = True
        _lead(leaders, gain, b)
    for gains, bids in zip(*leaders, strict=True):
        led = np.flatnonzero(gains)
        chosen[bids[led], led] = True
    return chosen


def _lead(leaders: tuple[Whole, NDArray[np.intp]], gain: Whole, b: int) -> None:
    """Put a bid's gains among each ask's largest so far."""
    gain, bids = gain.copy(), np.full(len(gain), b)
    for best_gain, best_bid in zip(*leaders, strict=True):
        swap = gain > best_gain
        best_gain[swap], gain[swap] = gain[swap], best_gain[swap]
        best_bid[swap], bids[swap] = bids[swap], best_bid[swap]


class _Programme:
    """The linear programme in HiGHS: a row for each bid and ask, a column for each pair taken in."""

    def __init__(self, bounds: Sizes, rows: int) -> None:
        import highspy

        self._rows, self._pairs = rows, np.empty((0, 2), np.int64)
        self._highs = highspy.Highs()  # type: ignore[no-untyped-call]
        for option, value in (("output_flag", False), ("threads", 1), ("parallel", "off"), ("solver", "simplex")):
            self._highs.setOptionValue(option, value)
        self._optimal = highspy.HighsModelStatus.kOptimal
        for least, most in bounds:
            self._highs.addRow(float(least), float(most), 0, np.empty(0, np.int32), np.empty(0))

    def add(self, pairs: NDArray[np.intp], worth: Whole) -> None:
        """Take pairs (bid, ask) in, each worth so much."""
        count = len(pairs)
        at = np.empty(2 * count, np.int32)
        at[0::2], at[1::2] = pairs[:, 0], pairs[:, 1] + self._rows
        starts = np.arange(0, 2 * count, 2, dtype=np.int32)
        free, none = np.full(count, np.inf), np.zeros(count)
        self._highs.addCols(count, -worth.astype(float), none, free, 2 * count, starts, at, np.ones(2 * count))
        self._pairs = np.vstack([self._pairs, pairs])

    def run(self) -> Whole:
        """Solve; returns what a step more of each bid and ask would be worth. Raises ArithmeticError if it cannot."""
        self._highs.run()
        if self._highs.getModelStatus() != self._optimal:
            raise ArithmeticError(f"no best flow: {self._highs.getModelStatus()}")
        prices: Whole = np.rint(-np.array(self._highs.getSolution().row_dual)).astype(np.int64)
        return prices

    def flows(self) -> Flows:
        """What the last run gave each pair."""
        units = np.rint(np.array(self._highs.getSolution().col_value)).astype(np.int64)
        return {(int(b), int(a)): int(n) for (b, a), n in zip(self._pairs, units, strict=True) if n}
