"""Clearing: laws that hold for any bids and asks, against brute force and against taking the best pair first."""

from __future__ import annotations

import random
import time
from functools import lru_cache
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ussd_app.market.haulage import Haul
from ussd_app.market.matching import Ask, Bid, Clearing, Match, Weights, clear, price_between
from ussd_app.market.rates import Floor

PLACES = "123"
FLOORS = {"cherry": Floor(600), "tea": Floor(300, kind="fixed")}
WEIGHTS = Weights()


def haul(one: str, other: str, produce: str) -> Haul:
    km = 10 * abs(int(one) - int(other)) + 3
    return Haul(km, km)


def sides(most_of_each: int, least: int, largest: int) -> st.SearchStrategy[tuple[list[Bid], list[Ask]]]:
    def side(kind: type[Bid] | type[Ask]) -> st.SearchStrategy[list[Bid | Ask]]:
        one = st.builds(
            kind,
            id=st.uuids().map(str),
            produce=st.sampled_from(["cherry", "maize", "tea"] if largest > 3 else ["cherry"]),
            grade=st.sampled_from(["", "A", "B"]),
            place=st.sampled_from(PLACES),
            from_at=st.integers(0, 3),
            until_at=st.integers(3, 6),
            least=st.integers(0, least),
            most=st.integers(1, largest),
            limit=st.integers(590, 720),
            reliability=st.sampled_from([0.1, 0.5, 1.0]),
            freshness=st.sampled_from([0.0, 0.7, 1.0]),
            owner=st.sampled_from(["", "x", "y"]),
        )
        return st.lists(one, max_size=most_of_each, unique_by=lambda row: row.id)

    return st.tuples(side(Bid), side(Ask))  # type: ignore[arg-type]


def worth(bid: Bid, ask: Ask) -> int:
    """What a unit of a pair is worth, 0 where it may not meet: written again, without tables."""
    floor = FLOORS.get(bid.produce, Floor())
    high = bid.limit - haul(ask.place, bid.place, bid.produce).cost
    low = max(ask.limit, floor.price or 0)
    meets = bid.produce == ask.produce and (not bid.grade or bid.grade == ask.grade) and high >= low
    meets = meets and max(bid.from_at, ask.from_at) <= min(bid.until_at, ask.until_at)
    if floor.kind == "fixed":
        meets = meets and ask.limit <= (floor.price or 0)
    if not meets or (bid.owner and bid.owner == ask.owner):
        return 0
    gain = (high - ask.limit + WEIGHTS.trade) * 100.0
    gain *= 1 - WEIGHTS.reliability * (1 - bid.reliability * ask.reliability)
    gain *= 1 - WEIGHTS.freshness * (1 - bid.freshness * ask.freshness)
    return max(1, round(gain))


def run(bids: list[Bid], asks: list[Ask], steps: dict[str, int] | None = None) -> Clearing:
    return clear(bids, asks, FLOORS, haul, WEIGHTS, steps)


def greedy(bids: list[Bid], asks: list[Ask]) -> int:
    """The best pair first; whoever ends below a minimum is left out."""
    left = {one.id: one.most if one.most >= one.least else 0 for one in (*bids, *asks)}
    flows: dict[tuple[str, str], tuple[int, int]] = {}
    for value, b, a in sorted(((worth(b, a), b.id, a.id) for b in bids for a in asks), key=lambda t: (-t[0], t[1:])):
        units = min(left[b], left[a])
        if value and units:
            flows[b, a] = units, value
            left[b] -= units
            left[a] -= units
    while True:
        used: dict[str, int] = {}
        for pair, (units, _) in flows.items():
            for one in pair:
                used[one] = used.get(one, 0) + units
        below = {one.id for one in (*bids, *asks) if 0 < used.get(one.id, 0) < one.least}
        if not below:
            return sum(units * value for units, value in flows.values())
        flows = {pair: flow for pair, flow in flows.items() if below.isdisjoint(pair)}


def brute(bids: list[Bid], asks: list[Ask]) -> int:
    """The best there is: every way of sharing whole units out, ask by ask."""

    @lru_cache(None)
    def most(at: int, left: tuple[int, ...]) -> int:
        if at == len(asks):
            return 0
        ask, found = asks[at], 0
        for units in product(
            *(range(min(ask.most, room) + 1 if worth(b, ask) else 1) for b, room in zip(bids, left, strict=True))
        ):
            if sum(units) <= ask.most:
                here = sum(n * worth(b, ask) for n, b in zip(units, bids, strict=True))
                rest = tuple(room - n for room, n in zip(left, units, strict=True))
                found = max(found, here + most(at + 1, rest))
        return found

    return most(0, tuple(b.most for b in bids))


@settings(max_examples=150, deadline=None)
@given(sides(8, 400, 900), st.randoms(use_true_random=False))
def test_laws(both: tuple[list[Bid], list[Ask]], chance: random.Random) -> None:
    bids, asks = both
    found = run(bids, asks)
    of_bid, of_ask = {b.id: b for b in bids}, {a.id: a for a in asks}
    used: dict[str, int] = {}
    for match in found.matches:
        bid, ask, floor = of_bid[match.bid_id], of_ask[match.ask_id], FLOORS.get(of_bid[match.bid_id].produce, Floor())
        assert worth(bid, ask) and match.quantity > 0
        assert ask.limit <= match.price <= bid.limit - match.haulage  # never past a limit
        assert match.price >= (floor.price or 0)  # never under the floor
        assert floor.kind == "minimum" or match.price == floor.price
        for one in (match.bid_id, match.ask_id):
            used[one] = used.get(one, 0) + match.quantity
    for one in (*bids, *asks):  # never a kilo twice, and never below a minimum
        assert used.get(one.id, 0) in (0, *range(one.least, one.most + 1))
    assert found.worth == sum(m.quantity * worth(of_bid[m.bid_id], of_ask[m.ask_id]) for m in found.matches)
    assert found.worth >= greedy(bids, asks)
    chance.shuffle(bids)
    chance.shuffle(asks)
    assert run(bids, asks) == found


@settings(max_examples=150, deadline=None)
@given(sides(3, 0, 3))
def test_without_minimums_nothing_is_better(both: tuple[list[Bid], list[Ask]]) -> None:
    assert run(*both).worth == brute(*both)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**9))
def test_pairs_that_were_not_taken_in_would_not_help(seed: int) -> None:
    """Large enough that the programme begins with a part of the pairs: it must end where all pairs together end."""
    from ussd_app.market import flow

    chance = random.Random(seed)
    asks = [
        Ask(
            f"a{n}",
            "maize",
            "",
            chance.choice(PLACES),
            0,
            9,
            0,
            chance.randrange(1, 50),
            chance.randrange(300, 500),
            chance.random(),
        )
        for n in range(90)
    ]
    bids = [
        Bid(
            f"b{n}",
            "maize",
            "",
            chance.choice(PLACES),
            0,
            9,
            0,
            chance.randrange(50, 300),
            chance.randrange(300, 600),
            chance.random(),
        )
        for n in range(20)
    ]
    some = run(bids, asks).worth
    was = flow.BEST_OF_BID, flow.BEST_OF_ASK
    flow.BEST_OF_BID, flow.BEST_OF_ASK = 2, 1
    few = run(bids, asks).worth
    flow.BEST_OF_BID, flow.BEST_OF_ASK = 1000, 1000
    whole = run(bids, asks).worth
    flow.BEST_OF_BID, flow.BEST_OF_ASK = was
    assert some == few == whole


@pytest.mark.parametrize(
    ("low", "high", "price"),
    [
        (600, 650, 625),
        (600, 655, 630),
        (601, 604, 602),
        (600, 604, 600),
        (603, 603, 603),
        (600, 605, 605),
        (611, 617, 615),
    ],
)
def test_the_middle_is_rounded_where_it_stays_between(low: int, high: int, price: int) -> None:
    assert price_between(low, high, 5) == price


def test_a_minimum_is_met_or_nothing() -> None:
    asks = [Ask(f"a{n}", "cherry", "", "1", 0, 9, 0, 40, 600) for n in range(3)]
    big, small = Bid("b1", "cherry", "", "1", 0, 9, 130, 500, 700), Bid("b2", "cherry", "", "1", 0, 9, 0, 60, 650)
    assert sorted((m.bid_id, m.quantity) for m in run([big, small], asks).matches) == [("b2", 20), ("b2", 40)]
    enough = Bid("b1", "cherry", "", "1", 0, 9, 120, 500, 700)
    assert {(m.bid_id, m.quantity) for m in run([enough, small], asks).matches} == {("b1", 40)}


def test_whole_steps_alone_are_matched() -> None:
    found = run(
        [Bid("b", "maize", "", "1", 0, 9, 0, 90_400, 700)],
        [Ask("a", "maize", "", "1", 0, 9, 0, 40_999, 600)],
        {"maize": 1000},
    )
    assert [m.quantity for m in found.matches] == [40_000]


def test_reasons() -> None:
    ask = Ask("a", "maize", "", "1", 0, 9, 0, 10, 600)
    far, near = Bid("far", "maize", "", "3", 0, 9, 0, 10, 720), Bid("near", "maize", "", "1", 0, 9, 0, 10, 650)
    assert run([near], [ask]).matches == [Match("near", "a", 10, 625, 3, 3, "only_buyer", 0)]
    assert run([far, near], [ask]).matches == [Match("far", "a", 10, 650, 23, 23, "best_price", 1)]
    poor = Bid("far", "maize", "", "3", 0, 9, 0, 10, 720, reliability=0.0)
    assert [(m.bid_id, m.reason) for m in run([poor, near], [ask]).matches] == [("near", "nearest")]


def test_ten_thousand_asks_against_a_thousand_bids() -> None:
    """Over the ten forms of a hub, all over a country; printed with the processor's time, which is what one core needs."""
    chance, places = random.Random(4), [str(n) for n in range(1, 400)]
    forms = [f"form{n}" for n in range(10)]

    def far(one: str, other: str, produce: str) -> Haul:
        return Haul(abs(int(one) - int(other)), abs(int(one) - int(other)) // 3)

    asks = [
        Ask(f"a{n:05}", chance.choice(forms), "", chance.choice(places), 0, 9, 0, chance.randrange(20, 2000), chance.randrange(600, 800), chance.random(), chance.random())
        for n in range(10_000)
    ]  # fmt: skip
    bids = [
        Bid(f"b{n:04}", chance.choice(forms), "", chance.choice(places), 0, 9, 0, chance.randrange(4000, 20_000), chance.randrange(600, 900), chance.random(), chance.random())
        for n in range(1000)
    ]  # fmt: skip
    began = time.process_time()
    found = clear(bids, asks, {}, far, WEIGHTS)
    took = time.process_time() - began
    print(f"\n10 000 asks x 1 000 bids: {len(found.matches)} matches in {took:.1f} s of one core")
    assert len(found.matches) > 3000 and took < 10
