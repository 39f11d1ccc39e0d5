"""What was paid lately: the median nearby, and what it costs to know."""

from __future__ import annotations

from typing import Any

import pytest

from tests.market.trades import GASABO, NYAMASHEKE, RUSIZI, Trade, hours
from ussd_app.market import orders, prices
from ussd_app.market.terms import Refused
from ussd_app.store import Store

DAY = 24


@pytest.fixture
def trade(store: Store) -> Trade:
    return Trade(store)


def near(trade: Trade, district: str = NYAMASHEKE, produce: str = "maize.grain") -> prices.Recent | None:
    with trade.store.read() as tx:
        return prices.median(tx, trade.hub, produce, district, trade.now)


def sold(trade: Trade, *asked: int, place: str = "3701") -> list[Any]:
    return [trade.agreed(1000, price, place) for price in asked]


def test_no_trade_yet_is_said_and_not_guessed(trade: Trade) -> None:
    assert near(trade) is None
    with pytest.raises(Refused, match="bad_place"):
        near(trade, "99")


@pytest.mark.parametrize(
    ("asked", "median"), [((400,), 400), ((400, 410, 900), 410), ((400, 411), 406), ((1, 1, 1, 9, 9), 1)]
)
def test_the_median_counts_trades(trade: Trade, asked: tuple[int, ...], median: int) -> None:
    sold(trade, *asked)
    recent = near(trade)
    assert recent is not None
    assert (recent.median, recent.low, recent.high) == (median, min(asked), max(asked))
    assert (recent.trades, recent.quantity) == (len(asked), 1000 * len(asked))


def test_nearby_is_the_district_then_the_province_then_the_country(trade: Trade) -> None:
    sold(trade, 500, place=GASABO)
    found = near(trade)
    assert found is not None and (found.area, found.code, found.median) == ("country", "", 500)
    sold(trade, 400, place=RUSIZI)
    found = near(trade)
    assert found is not None and (found.area, found.code, found.median) == ("province", "Western", 400)
    sold(trade, 300)
    found = near(trade)
    assert found is not None and (found.area, found.code, found.median) == ("district", "37", 300)
    assert near(trade, produce="tea.leaf") is None


def test_a_cancelled_trade_counts_no_more_even_on_another_day(trade: Trade) -> None:
    first, second = sold(trade, 400, 900)
    trade.store.turn(lambda tx: orders.undo(tx, now=trade.now, person_id=first["seller_id"], order_id=first["id"]))
    recent = near(trade)
    assert recent is not None and (recent.median, recent.low, recent.trades, recent.quantity) == (900, 900, 1, 1000)
    trade.clock.advance(hours(2 * DAY))
    trade.store.turn(lambda tx: orders.free(tx, now=trade.now, person_id=second["seller_id"], order_id=second["id"]))
    assert near(trade) is None


def test_fourteen_calendar_days_count_whatever_the_scale_of_waits(trade: Trade) -> None:
    trade.clock.scale = 0.01
    sold(trade, 400)
    trade.clock.advance(hours(13 * DAY))
    assert near(trade) is not None
    trade.clock.advance(hours(DAY))
    assert near(trade) is None


def test_the_price_of_the_day_has_the_floor_beside_the_trades_in_two_statements(trade: Trade) -> None:
    trade.agreed(1000, 650, produce="coffee.cherry")
    with trade.store.read() as tx:
        day = prices.summary(tx, trade.hub, "coffee.cherry", NYAMASHEKE, trade.now)
        assert tx.statement_count == 2
        plain = prices.summary(tx, trade.hub, "maize.grain", NYAMASHEKE, trade.now)
    assert day.floor.price == 600 and day.recent is not None and day.recent.median == 650
    assert plain.floor.price is None and plain.recent is None


def test_a_thousand_trades_are_a_handful_of_rows(trade: Trade) -> None:
    order = trade.agreed(1000, 400)

    def many(tx: Any) -> None:
        for n in range(1000):
            prices.note_trade(tx, {**order, "price": 400 + n % 5})

    trade.store.write(many)
    with trade.store.read() as tx:
        (rows,) = tx.rows("SELECT COUNT(*) AS n FROM trade_days")
    recent = near(trade)
    assert rows["n"] == 15 and recent is not None and (recent.trades, recent.median) == (1001, 402)
