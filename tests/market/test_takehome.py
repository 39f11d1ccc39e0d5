"""What reaches the seller, to the franc."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.market.trades import MAIZE_TERMS, NOW, Country, FeeRow, Trade
from ussd_app.market import takehome
from ussd_app.market.terms import amount
from ussd_app.store import Store

FEES = [
    FeeRow("service", "mtn_momo", 1, 10_000, 100),
    FeeRow("service", "mtn_momo", 10_001, 1_000_000, 250),
    FeeRow("cash_out", "mtn_momo", 1, 20_000, 350, estimate=True),
    FeeRow("cash_out", "mtn_momo", 20_001, 1_000_000, 700),
    FeeRow("cash_out", "mtn_momo", 1, 1_000_000, 999, valid_from="2030-01-01"),
    FeeRow("cash_out", "mtn_momo", 1, 9_000_000, 111, valid_from="2023-01-01"),
    FeeRow("transfer", "mtn_momo", 1, 1_000_000, 77),
    FeeRow("service", "airtel_money", 1, 1_000_000, 5),
]


@pytest.fixture
def trade(store: Store) -> Trade:
    return Trade(store, Country(fees=FEES))


def home(trade: Trade, quantity: int, price: int, wallet: str = "mtn_momo", unit: str = "g") -> takehome.TakeHome:
    with trade.store.read() as tx:
        return takehome.take_home(tx, quantity, price, "RWF", wallet, NOW, unit)


@pytest.mark.parametrize(
    ("quantity", "price", "unit", "francs"),
    [
        (112_000, 650, "g", 72_800),
        (1, 499, "g", 0),
        (1, 500, "g", 1),
        (40_500, 333, "g", 13_487),
        (1_001, 500, "ml", 501),
        (3, 25_000, "piece", 75_000),
    ],
)
def test_price_times_quantity_is_rounded_half_up(quantity: int, price: int, unit: str, francs: int) -> None:
    assert amount(quantity, price, unit) == francs


def test_the_worked_example_of_a_weighing_adds_up() -> None:
    assert amount(112_000, 650, "g") + amount(8_000, 250, "g") == 74_800


@given(st.integers(0, 10**9), st.integers(0, 10**7))
def test_rounding_is_never_off_by_more_than_half_a_franc(quantity: int, price: int) -> None:
    assert abs(2 * (amount(quantity, price, "g") * 1000 - quantity * price)) <= 1000


def test_deductions_come_off_and_cashing_out_is_named_apart(trade: Trade) -> None:
    assert home(trade, 25_000, 400) == takehome.TakeHome(10_000, [("service", 100)], 9_900, 350, True)
    assert home(trade, 100_000, 400) == takehome.TakeHome(40_000, [("service", 250)], 39_750, 700, False)
    assert home(trade, 1, 500) == takehome.TakeHome(1, [("service", 1)], 0, None, False)


def test_above_the_last_band_and_for_an_unknown_wallet_nothing_is_invented(trade: Trade) -> None:
    assert home(trade, 5_000_000, 400) == takehome.TakeHome(2_000_000, [], 2_000_000, None, False)
    assert home(trade, 25_000, 400, "") == takehome.TakeHome(10_000, [], 10_000, None, False)
    assert home(trade, 3, 5_000, "outside", "piece").net == 15_000


def test_an_offers_take_home_is_by_the_sellers_wallet_and_the_settlement(trade: Trade) -> None:
    listing = trade.list(trade.person())
    terms = replace(MAIZE_TERMS, settlement="pass_through")
    assert trade.offer(trade.buyer(), listing, terms)["take_home"] == 3_900
    assert trade.offer(trade.buyer(), listing)["take_home"] == 4_000


def test_the_wallet_is_told_by_the_network() -> None:
    assert takehome.wallet_for("pass_through", "+250788000001") == "mtn_momo"
    assert takehome.wallet_for("held", "+250728000001") == "airtel_money"
    assert takehome.wallet_for("pass_through", "+3225550100") == ""
    assert takehome.wallet_for("pass_through", None) == ""
    assert takehome.wallet_for("outside", "+250788000001") == "outside"
