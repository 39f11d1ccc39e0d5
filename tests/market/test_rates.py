"""Floor prices and fees are dated rows: the one in force judges."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.market.trades import Country, Trade, refused
from ussd_app.hubs import load_hub
from ussd_app.market import rates
from ussd_app.store import Store


def at(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.fixture
def trade(store: Store) -> Trade:
    return Trade(store)


@pytest.mark.parametrize(
    ("day", "price", "floaters"),
    [
        ("2024-02-11", None, None),
        ("2024-02-11T21:59", None, None),
        ("2024-02-11T22:00", 480, None),  # midnight in Kigali
        ("2025-01-24", 480, None),
        ("2025-01-25", 600, 200),
        ("2030-01-01", 600, 200),
    ],
)
def test_the_last_row_begun_is_in_force(trade: Trade, day: str, price: int | None, floaters: int | None) -> None:
    with trade.store.read() as tx:
        floor = rates.floor_for(tx, "coffee.cherry", "RWF", at(day))
    assert (floor.price, floor.price_floaters) == (price, floaters)


def test_a_floor_is_of_one_form_and_one_currency(trade: Trade) -> None:
    with trade.store.read() as tx:
        assert rates.floor_for(tx, "coffee.green", "RWF", at("2026-01-01")) == rates.Floor(None)
        assert rates.floor_for(tx, "coffee.cherry", "USD", at("2026-01-01")).price is None
        old = rates.floor_for(tx, "coffee.cherry", "RWF", at("2026-09-01"))
    assert (old.valid_from, old.kind, old.currency) == ("2025-01-25", "minimum", "RWF")
    assert old.source == "the board's letter"


def test_a_minimum_a_fixed_price_and_no_floor() -> None:
    minimum = rates.Floor(600, 200, "minimum", "2025-01-25", "RWF")
    minimum.check(600)
    minimum.check(900, 200)
    with refused("below_floor", floor=600, kind="minimum", valid_from="2025-01-25", floaters=False):
        minimum.check(599, 500)
    with refused("below_floor", floor=200, floaters=True):
        minimum.check(600, 199)
    fixed = replace(minimum, kind="fixed")
    fixed.check(600, 200)
    for good, floaters in ((601, 200), (599, 200), (600, 201)):
        with refused("below_floor", kind="fixed"):
            fixed.check(good, floaters)
    rates.Floor().check(1, 0)


def test_loading_again_changes_nothing_and_a_correction_is_taken(trade: Trade) -> None:
    def rows() -> list[dict[str, object]]:
        with trade.store.read() as tx:
            return tx.rows("SELECT * FROM floor_prices ORDER BY produce, valid_from")

    before = rows()
    trade.store.write(lambda tx: rates.load(tx, trade.hub))
    assert rows() == before and len(before) == 3
    hub = Country()
    hub.floor_prices[1] = replace(hub.floor_prices[1], price_good=605)
    trade.store.write(lambda tx: rates.load(tx, hub))  # type: ignore[arg-type]
    assert [row["price"] for row in rows()] == [480, 605, 300]


def test_the_rows_of_rwanda_can_be_loaded(store: Store) -> None:
    hub = load_hub("rw")
    dated = (hub.floor_prices, hub.fees, hub.wallet_limits, hub.exchange_rates)
    assert store.write(lambda tx: rates.load(tx, hub)) == sum(len(rows) for rows in dated)
    with store.read() as tx:
        assert rates.floor_for(tx, "coffee.cherry", hub.currency, at("2025-03-01")).price == 600
        assert rates.floor_for(tx, "coffee.cherry", hub.currency, at("2023-03-01")).kind == "fixed"
