"""Lots: they add themselves up, export lots are made of them, and every gram can be followed back, on both stores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.market.peoples import buyer
from tests.market.stations import CHERRY, HUB, PARCHMENT, Station
from tests.market.trades import refused
from ussd_app.market import deliveries, listings, lots, offers, orders
from ussd_app.market.lot_parts import allot
from ussd_app.market.seasons import season_of
from ussd_app.market.terms import Refused, Terms
from ussd_app.store import Store, Tx

DAY_MS = 86_400_000


@pytest.fixture
def station(store: Store) -> Station:
    return Station(store)


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=40), st.integers(0, 100))
def test_a_heap_is_shared_to_the_gram(contents: list[int], pct: int) -> None:
    quantity = sum(contents) * pct // 100
    shares = allot(contents, quantity)
    assert sum(shares) == quantity
    total = sum(contents)
    for share, content in zip(shares, contents, strict=True):
        assert 0 <= share <= content
        assert not total or abs(share * total - quantity * content) < total


def test_nobody_takes_more_than_there_is() -> None:
    with pytest.raises(ValueError, match="cannot be taken"):
        allot([1, 2], 4)


@pytest.mark.parametrize(("day", "season"), [("2025-09-30", "2025"), ("2025-10-01", "2026"), ("2026-01-01", "2026")])
def test_a_season_bears_the_year_it_ends_in(day: str, season: str) -> None:
    assert season_of(day) == season


def test_what_is_weighed_adds_itself_to_the_lots_of_the_day(station: Station) -> None:
    station.weigh(gross=100_000, floaters=4_000)
    station.weigh(1, gross=50_500)
    station.weigh(produce=PARCHMENT, gross=20_000)
    station.weigh(1, produce=PARCHMENT, gross=30_000, grade="A2")
    found = {(row["produce"], row["grade"]): row for row in station.rows("SELECT * FROM lots")}
    assert {key: row["quantity"] for key, row in found.items()} == {
        (CHERRY, ""): 146_500, (CHERRY, "floaters"): 4_000, (PARCHMENT, "A1"): 20_000, (PARCHMENT, "A2"): 30_000,
    }  # fmt: skip
    assert sorted(row["number"] for row in found.values()) == [f"RW-37-KANJONGO-2026-000{n}" for n in (1, 2, 3, 4)]
    station.sound()


def test_a_closed_day_s_lot_takes_nothing_more(station: Station) -> None:
    station.weigh()
    station.close()
    station.weigh(1)
    assert [(row["state"], row["quantity"]) for row in station.rows("SELECT * FROM lots ORDER BY id")] == [
        ("ready", 120_000), ("gathering", 120_000),
    ]  # fmt: skip
    station.sound()


def test_day_lots_become_an_export_lot_with_its_trail(station: Station) -> None:
    for n in range(3):
        station.weigh(n, produce=PARCHMENT, gross=10_001 + n)
        station.clock.advance(DAY_MS)
    lot = station.gather(quantity=25_000)
    assert lot["number"] == "RW-37-KANJONGO-2026-E0001"
    assert (lot["kind"], lot["quantity"], lot["from_day"], lot["to_day"]) == (
        "export",
        25_000,
        "2026-09-21",
        "2026-09-23",
    )
    with station.store.read() as tx:
        trail = lots.trail(tx, lot["id"])
        assert [row["quantity"] for row in trail] == [10_001, 10_002, 4_997]
        assert [row["name"] for row in trail] == ["Jeanne", "Marie", "Yves"]
        assert trail[0]["day_lot"] == trail[0]["from_lot"] == "RW-37-KANJONGO-2026-0001"
        sums = lots.trail_sums(tx, lot["id"])
    assert sums == {"people": 3, "intakes": 3, "day_lots": 3, "quantity": 25_000}
    with refused("not_enough", left=5_006):
        station.gather(quantity=6_000)
    assert station.gather()["quantity"] == 5_006
    with refused("not_enough", left=0):
        station.gather()
    station.sound()


def test_a_window_and_named_lots_are_respected(station: Station) -> None:
    for n in range(3):
        station.weigh(n, produce=PARCHMENT, gross=10_000)
        station.clock.advance(DAY_MS)
    ids = [row["id"] for row in station.rows("SELECT id FROM lots ORDER BY from_day")]
    assert station.gather(window=("2026-09-22", "2026-09-22"))["from_day"] == "2026-09-22"
    with refused("not_found"):
        station.gather(lot_ids=[ids[1]])
    assert station.gather(lot_ids=[ids[2]])["from_day"] == "2026-09-23"
    with pytest.raises(Refused) as no:
        station.store.turn(
            lambda tx: lots.split(tx, hub=HUB, now=station.now, manager_id=station.clerk, lot_id=ids[0], quantity=1)
        )
    assert no.value.reason == "not_allowed"


@pytest.mark.parametrize("seed", range(4))
def test_splits_merges_and_corrections_keep_every_gram(station: Station, seed: int) -> None:
    """A random history: whatever is done, lots, lists and trail add up."""
    from random import Random

    rng = Random(seed)
    weighed: list[Any] = []
    for _step in range(30):
        kind = rng.choice(("weigh", "weigh", "weigh", "split", "merge", "gather", "correct", "process"))
        have = station.rows(
            "SELECT * FROM lots WHERE state IN ('gathering', 'ready') AND left_quantity > 0 ORDER BY number"
        )
        try:
            if kind == "weigh":
                weighed.append(station.weigh(rng.randrange(3), rng.randint(1, 200_000), produce=PARCHMENT))
            elif kind == "correct" and weighed:
                row = weighed.pop(rng.randrange(len(weighed)))
                weighed.append(station.correct(row, gross=rng.randint(1, 200_000), grade="A1"))
            elif kind == "split" and have:
                lot = rng.choice(have)
                station.lot("split", lot_id=lot["id"], quantity=rng.randint(1, lot["left_quantity"]))
            elif kind == "merge" and len(have) > 1:
                station.lot("merge", lot_ids=[row["id"] for row in rng.sample(have, 2)])
            elif kind == "gather":
                station.gather(quantity=rng.randint(1, 300_000))
            elif kind == "process" and have:
                lot = rng.choice(have)
                out = max(1, lot["left_quantity"] * 4 // 5)
                station.lot("process", lot_ids=[lot["id"]], produce="coffee.green", grade="A1", quantity=out)
        except Refused as no:
            assert no.reason in ("not_enough", "mixed"), no
    station.sound()
    day_lots = station.rows("SELECT CAST(SUM(p.quantity) AS BIGINT) AS q FROM lot_parts p WHERE from_lot_id IS NULL")[
        0
    ]["q"]
    lost = station.rows("SELECT CAST(COALESCE(SUM(in_quantity - out_quantity), 0) AS BIGINT) AS q FROM lot_processes")[
        0
    ]["q"]
    held = station.rows("SELECT CAST(SUM(left_quantity) AS BIGINT) AS q FROM lots")[0]["q"]
    assert day_lots == held + lost


def test_lots_of_different_goods_are_not_merged_and_nothing_is_taken(station: Station) -> None:
    station.weigh(produce=PARCHMENT)
    station.weigh(produce=PARCHMENT, grade="A2")
    ids = [row["id"] for row in station.rows("SELECT id FROM lots")]
    before = station.rows("SELECT * FROM lots ORDER BY id")

    def merge(tx: Tx) -> str:  # as a screen does: the refusal is shown, and the turn is kept
        try:
            lots.merge(tx, hub=HUB, now=station.now, manager_id=station.manager, lot_ids=ids)
        except Refused as no:
            return no.reason
        return ""

    assert station.store.turn(merge) == "mixed"
    assert station.rows("SELECT * FROM lots ORDER BY id") == before


def test_a_change_of_form_keeps_the_trail_and_names_the_loss(station: Station) -> None:
    for n in range(3):
        station.weigh(n, gross=100_000)
    lot_id = station.rows("SELECT id FROM lots")[0]["id"]
    with refused("bad_quantity"):
        station.lot("process", lot_ids=[lot_id], produce=PARCHMENT, quantity=300_001)
    out = station.lot("process", lot_ids=[lot_id], produce=PARCHMENT, grade="A1", quantity=60_001)
    with station.store.read() as tx:
        found = lots.processed(tx, out["id"])
        assert found is not None
        assert (found["produce_in"], found["in_quantity"], found["loss"]) == (CHERRY, 300_000, 239_999)
        trail = lots.trail(tx, out["id"])
    assert sorted(row["quantity"] for row in trail) == [20_000, 20_000, 20_001]
    assert [row["taken"] for row in trail] == [100_000] * 3
    assert station.gather()["quantity"] == 60_001
    station.sound()


def test_a_correction_after_something_went_on_leaves_the_trail_of_what_went(station: Station) -> None:
    row = station.weigh(produce=PARCHMENT, gross=50_000)
    station.weigh(1, produce=PARCHMENT, gross=30_000)
    same_day = station.correct(station.rows("SELECT * FROM intakes WHERE gross = 30000")[0], gross=31_000, grade="A1")
    assert station.rows("SELECT quantity FROM lots")[0]["quantity"] == 81_000
    lot = station.gather()
    station.correct(row, gross=40_000, grade="A1")
    with station.store.read() as tx:
        trail = lots.trail(tx, lot["id"])
    assert {one["receipt"]: one["quantity"] for one in trail} == {row["receipt"]: 50_000, same_day["receipt"]: 31_000}
    assert {one["intake_state"] for one in trail} == {"corrected", "recorded"}
    station.sound()


def test_gathering_at_once_never_uses_a_gram_twice(station: Station) -> None:
    for n in range(6):
        station.weigh(n % 3, produce=PARCHMENT, gross=10_000)
        station.clock.advance(DAY_MS)

    def gather(_n: int) -> int:
        try:
            return int(station.gather(quantity=17_000)["quantity"])
        except Refused as no:
            assert no.reason == "not_enough"
            return 0

    with ThreadPoolExecutor(4) as pool:
        weighing = [pool.submit(station.weigh, n % 3, 5_000, produce=PARCHMENT) for n in range(4)]
        taken = sum(pool.map(gather, range(6)))
        for one in weighing:
            one.result()
    left = station.rows("SELECT CAST(SUM(left_quantity) AS BIGINT) AS q FROM lots WHERE kind = 'day'")[0]["q"]
    assert taken + left == 80_000
    station.sound()


def _order(station: Station, quantity: int) -> Any:
    """An order of the cooperative's account, made as any is."""
    market = {"hub": HUB, "clock": station.clock, "now": station.now}

    def make(tx: Tx) -> Any:
        who = buyer(tx, mail="marc@example.com")
        listing = listings.add(
            tx, seller_id=station.row["account_id"], produce=PARCHMENT, quantity=quantity, price=2500, place="3706",
            **market,  # type: ignore[arg-type]
        )  # fmt: skip
        terms = Terms(quantity, 2500, "station", "Kanjongo", "buyer", "outside")
        offer = offers.make(tx, buyer_id=who["id"], listing_id=listing["id"], terms=terms, **market)  # type: ignore[arg-type]
        return orders.accept(
            tx, clock=station.clock, now=station.now, person_id=station.row["account_id"], offer_id=offer["id"]
        )

    return station.store.turn(make)


def test_a_lot_is_shipped_weighed_by_the_buyer_and_agreed_by_a_manager(station: Station) -> None:
    order = _order(station, 50_000)
    station.weigh(produce=PARCHMENT, gross=60_000)
    lot = station.gather()
    with refused("surplus", most=52_500):
        station.lot("ship", lot_id=lot["id"], order_id=order["id"])
    part = station.lot("split", lot_id=lot["id"], quantity=48_000)
    station.lot("ship", lot_id=part["id"], order_id=order["id"])
    station.clock.advance(6 * 60_000)

    def record(gross: int) -> Any:
        return station.store.turn(
            lambda tx: deliveries.record(
                tx, clock=station.clock, now=station.now, order_id=order["id"], buyer_id=order["buyer_id"], gross=gross
            )
        )

    def answer(delivery: Any, person: str, yes: bool = True) -> Any:
        if not yes:
            return station.store.turn(
                lambda tx: deliveries.refuse(tx, now=station.now, seller_id=person, delivery_id=delivery["id"])
            )
        return station.store.turn(
            lambda tx: deliveries.agree(
                tx, clock=station.clock, now=station.now, seller_id=person, delivery_id=delivery["id"]
            )
        )

    heavy = record(52_000)
    with refused("not_found"):
        answer(heavy, station.clerk)
    with refused("over_lot", most=50_400):
        answer(heavy, station.manager)
    answer(heavy, station.manager, yes=False)
    agreed = answer(record(47_900), station.manager)
    assert (agreed["state"], agreed["ended_by"]) == ("agreed", station.manager)
    assert station.rows("SELECT state FROM lots WHERE order_id = :id", id=order["id"]) == [{"state": "delivered"}]
    with refused("gone"):
        station.store.turn(lambda tx: lots.unship(tx, now=station.now, manager_id=station.manager, lot_id=part["id"]))
    station.sound()


def test_a_shipped_lot_comes_back_where_nothing_was_weighed(station: Station) -> None:
    order = _order(station, 50_000)
    station.weigh(produce=PARCHMENT, gross=50_000)
    lot = station.lot("ship", lot_id=station.gather()["id"], order_id=order["id"])
    with refused("gone"):
        station.lot("ship", lot_id=lot["id"], order_id=order["id"])
    back = station.store.turn(lambda tx: lots.unship(tx, now=station.now, manager_id=station.manager, lot_id=lot["id"]))
    assert (back["state"], back["order_id"]) == ("ready", None)
