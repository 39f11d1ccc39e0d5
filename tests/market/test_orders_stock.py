"""A kilo is sold once: a thousand acceptances at the same moment, and random trading that never loses a gram."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.market.trades import MAIZE_TERMS, NOW, Trade, hours
from ussd_app.lib import ids
from ussd_app.market import expiry, listings, offers, orders
from ussd_app.market.terms import Refused
from ussd_app.store import Store, Tx, open_store

ACCEPTS, THREADS, STOCK = 1000, 16, 300


def test_a_thousand_acceptances_at_once_sell_exactly_the_stock(store: Store) -> None:
    trade = Trade(store)
    seller, buyer = trade.person(), trade.buyer()
    listing = trade.list(seller, quantity=STOCK * 1000)

    def fill(tx: Tx) -> list[str]:
        names = ("listing_id", "seller_id", "buyer_id", "produce", "unit", "currency", "point", "settlement", "carrier")
        first = trade_row | {"handover_place": "Bushekeri", "handover_at": NOW + hours(9), "tolerance_pct": 5}
        same = {name: first[name] for name in (*names, "handover_place", "handover_at", "tolerance_pct")}
        same |= {"made_by": "buyer", "round": 1, "answers": None, "replaces": None, "price_floaters": None}
        same |= {"quantity": 1000, "price": 400, "take_home": 400, "now": NOW, "expires_at": NOW + hours(5)}
        return [tx.offer_add(id=ids.new_id(), **same)["id"] for _ in range(ACCEPTS)]

    trade_row = trade.offer(buyer, listing, quantity=1000)
    made = store.write(fill)

    def accept(offer_id: str) -> str:
        try:
            order = store.write(
                lambda tx: orders.accept(tx, clock=trade.clock, now=NOW, person_id=seller, offer_id=offer_id)
            )
            return str(order["code"])
        except Refused as no:
            assert (no.reason, no.facts) == ("not_enough", {"left": 0})
            return ""

    with ThreadPoolExecutor(THREADS) as pool:
        codes = [code for code in pool.map(accept, made) if code]
    assert len(codes) == len(set(codes)) == STOCK
    shelf = trade.row("listings", listing["id"])
    assert (shelf["left_quantity"], shelf["state"]) == (0, "reserved")
    with store.read() as tx:
        (held,) = tx.rows("SELECT COUNT(*) AS n, CAST(SUM(quantity) AS BIGINT) AS kilos FROM orders")
        (day,) = tx.rows("SELECT trades, quantity FROM trade_days WHERE area = '*'")
        (won,) = tx.rows("SELECT COUNT(*) AS n FROM offers WHERE state = 'accepted'")
    assert (held["n"], held["kilos"]) == (STOCK, STOCK * 1000) and day == {"trades": STOCK, "quantity": STOCK * 1000}
    assert won["n"] == STOCK


def test_one_offer_accepted_by_many_threads_is_one_order(store: Store) -> None:
    trade = Trade(store)
    seller, buyer = trade.person(), trade.buyer()
    listing = trade.list(seller)
    offer = trade.offer(buyer, listing)

    def accept(_: int) -> bool:
        try:
            trade.accept(seller, offer)
            return True
        except Refused as no:
            assert no.reason == "gone"
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(accept, range(24))) == 1
    assert trade.row("listings", listing["id"])["left_quantity"] == 40_000


def test_last_orders_settled_at_the_same_moment_still_sell_the_listing(store: Store) -> None:
    trade = Trade(store)
    seller, buyer = trade.person(), trade.buyer()
    listing = trade.list(seller, quantity=8_000)
    made = [trade.accept(seller, trade.offer(buyer, listing, quantity=1000)) for _ in range(8)]
    for order in made:
        trade.move(order, "agreed", "delivered")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda order: trade.move(order, "delivered", "settled"), made))
    assert trade.row("listings", listing["id"])["state"] == "sold"
    assert trade.row("buyers", buyer)["kept_count"] == 8


ACTS = ("offer", "counter", "accept", "undo", "free", "deliver", "settle", "dispute", "cancel", "change", "withdraw")
STEPS = st.lists(
    st.tuples(st.sampled_from((*ACTS, "accept", "offer", "wait")), st.integers(0, 9), st.integers(1, 30)), max_size=40
)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from ussd_app.store import migrate

    url = f"sqlite:///{tmp_path_factory.mktemp('stock')}/market.db"
    migrate(url)
    with contextlib.closing(open_store(url)) as opened:
        yield Trade(opened)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_no_gram_is_lost_or_made_whatever_people_do(market: Trade, steps: list[tuple[str, int, int]]) -> None:
    _trade_at_random(market, steps)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_no_gram_is_lost_on_postgres_either(postgres_url: str, steps: list[tuple[str, int, int]]) -> None:
    with contextlib.closing(open_store(postgres_url)) as opened:
        _trade_at_random(Trade(opened), steps)


def _trade_at_random(trade: Trade, steps: list[tuple[str, int, int]]) -> None:
    trade.clock.set(NOW)
    seller, buyer = trade.person(), trade.buyer()
    listing = trade.list(seller, quantity=60_000)
    made: list[Any] = [trade.offer(buyer, listing, quantity=5_000)]
    agreed: list[Any] = []
    for act, which, size in steps:
        with contextlib.suppress(Refused, IndexError):
            _do(trade, act, seller, buyer, listing, made, agreed, which, size * 1000)
        _check_kilos(trade, listing["id"])


def _do(
    trade: Trade,
    act: str,
    seller: str,
    buyer: str,
    listing: Any,
    made: list[Any],
    agreed: list[Any],
    which: int,
    size: int,
) -> None:
    moves = {
        "deliver": ("agreed", "delivered"),
        "settle": ("delivered", "settled"),
        "dispute": ("agreed", "disputed"),
        "cancel": ("disputed", "cancelled"),
    }
    people = {"buyer": seller, "seller": buyer}
    if act == "offer":
        made.append(trade.offer(buyer, listing, MAIZE_TERMS, quantity=size))
    elif act == "counter":
        made.append(trade.counter(people[made[-1]["made_by"]], made[-1], quantity=size))
    elif act == "accept":
        agreed.append(trade.accept(people[made[-1 - which]["made_by"]], made[-1 - which]))
    elif act in ("undo", "free"):
        end = orders.undo if act == "undo" else orders.free
        trade.store.turn(lambda tx: end(tx, now=trade.now, person_id=seller, order_id=agreed[which]["id"]))
    elif act in moves:
        trade.move(agreed[which], *moves[act])
    elif act == "change":
        seen = trade.row("listings", listing["id"])["left_quantity"]
        trade.store.turn(
            lambda tx: listings.change(
                tx, hub=trade.hub, now=trade.now, seller_id=seller, listing_id=listing["id"], left=size, price=400,
                seen_left=seen,
            )
        )  # fmt: skip
    elif act == "withdraw" and which == 0:
        trade.store.turn(lambda tx: listings.withdraw(tx, now=trade.now, seller_id=seller, listing_id=listing["id"]))
    elif act == "withdraw":
        trade.store.turn(lambda tx: offers.withdraw(tx, now=trade.now, person_id=buyer, offer_id=made[which]["id"]))
    elif act == "wait":
        trade.clock.advance(hours(which))
        trade.store.turn(lambda tx: expiry.expire(tx, now=trade.now))


def _check_kilos(trade: Trade, listing_id: str) -> None:
    """Quantity = left + held by live orders + sold; and the day's sums hold exactly what is not cancelled."""
    shelf = trade.row("listings", listing_id)
    with trade.store.read() as tx:
        made = tx.rows("SELECT state, quantity FROM orders WHERE listing_id = :id", id=listing_id)
        (day,) = tx.rows("SELECT CAST(COALESCE(SUM(quantity), 0) AS BIGINT) AS n FROM trade_days WHERE area = '*'")
        live_sum = "SELECT CAST(COALESCE(SUM(quantity), 0) AS BIGINT) AS n FROM orders WHERE state <> 'cancelled'"
        (real,) = tx.rows(live_sum)
    out = sum(row["quantity"] for row in made if row["state"] != "cancelled")
    live = {row["state"] for row in made} & {"agreed", "delivered", "disputed"}
    assert shelf["quantity"] == shelf["left_quantity"] + out
    assert day == real
    if shelf["state"] in ("reserved", "sold"):
        assert shelf["left_quantity"] == 0 and bool(live) == (shelf["state"] == "reserved")
