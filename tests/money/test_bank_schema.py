"""The bank's tables come to a market that is in use, and their queries read no whole table."""

from __future__ import annotations

import contextlib
import re
import sqlite3

import pytest

from tests.market.deals import Deal
from tests.market.trades import Country
from ussd_app.market import rates
from ussd_app.store import Store, migrate, pending
from ussd_app.store.sql import queries

NAMED = sorted(name for name, query in queries("sqlite").items() if query.file == "bank.sql")
# What is open at all, or one row a currency or an order: short by themselves.
SMALL = {"bank_lines_open", "bank_transfers_waiting", "exchange_rates_in_force", "bank_transfers_of_order"}
BACK = (
    "DROP TABLE bank_lines", "DROP TABLE bank_transfers", "DROP TABLE exchange_rates", "DROP TABLE wallet_limits",
    "ALTER TABLE settlements DROP COLUMN pay_currency", "DELETE FROM schema_migrations WHERE number = 13",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_no_query_scans_a_table_or_sorts(sqlite_url: str, name: str) -> None:
    query = queries("sqlite")[name]
    with contextlib.closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        params = dict.fromkeys(re.findall(r"(?<!:):(\w+)", query.sql), 1)
        plan = [str(row[3]) for row in connection.execute("EXPLAIN QUERY PLAN " + query.sql, params)]
    scans = [
        step for step in plan
        if step.startswith("SCAN") and "CONSTANT ROW" not in step and not re.search(r"INDEX \w+", step)
    ]  # fmt: skip
    sorts = [step for step in plan if "TEMP B-TREE" in step]
    assert name in SMALL or (not scans and not sorts), plan


def test_a_market_in_use_gets_them_and_keeps_every_row(store: Store) -> None:
    deal = Deal(store)
    order = deal.order()
    deal.know(order["seller_id"])
    deal.deliver(order, 10_000)
    deal.pay()
    before = deal.payments(order), deal.status(order)
    for statement in BACK:
        store.write(lambda tx, statement=statement: tx.rows(statement))  # type: ignore[misc]
    assert "0013_bank" in pending(store)
    assert "0013_bank" in migrate(store) and migrate(store) == []
    store.write(lambda tx: rates.load(tx, Country()))  # type: ignore[arg-type]
    assert (deal.payments(order), deal.status(order)) == before
    with store.read() as tx:
        assert tx.rows("SELECT pay_currency FROM settlements") == [{"pay_currency": ""}]
    deal.pay("disbursement")
    assert deal.state(order) == "settled"
    deal.sound()
