"""No query reads a whole table or sorts more than a handful of rows, as SQLite plans it; what may is listed with why."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from ussd_app.store import Tx, migrate, open_store
from ussd_app.store.sql import queries

QUERIES = queries("sqlite")
# These read everything because that is their work: an operator or the worker asks for the whole, not a caller.
WHOLE = {
    "audit_first_lost": "flask audit verify", "audit_unsealed": "flask audit verify", "audit_next_to_seal": "what waits",
    "audit_head": "the last row, from the end", "demo_wallet_names": "a demonstration's people",
    "ledger_minus": "flask ledger totals", "ledger_totals": "flask ledger totals",
    "ledger_unbalanced": "flask ledger totals", "ledger_untrue": "flask ledger totals",
    "ledger_wrong_ends": "flask ledger totals", "payment_reviews_all": "flask review list",
    "outbox_counts": "flask outbox list", "job_runs_all": "one row a job", "breakers_all": "one row a wallet",
    "exchange_rates_in_force": "a row a currency and day", "floors_in_force": "a row a produce and season",
}  # fmt: skip
# What they sort is short by itself: of one order, one phone, one person's page, or what is open at all.
SHORT = {
    "bank_transfers_of_order", "bank_transfers_waiting", "caller_load", "deliveries_total_of_seller",
    "deliveries_unanswered", "delivery_reports_of", "money_of_buyer", "money_of_seller", "open_business",
    "payment_review_of", "payment_sums", "payments_lease", "payments_of_buyer", "payments_of_order", "payments_old",
    "payments_settled_between", "payments_stopped_sending", "phone_mail", "sim_checks_late", "trade_days_near",
    "wallets_to_approve",
}  # fmt: skip


@pytest.fixture(scope="module")
def tx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tx]:
    url = f"sqlite:///{tmp_path_factory.mktemp('plans')}/market.db"
    migrate(url)
    store = open_store(url)
    with store.read() as opened:
        yield opened
    store.close()


@pytest.fixture(scope="module")
def walks(tx: Tx) -> set[str]:
    """The tables, and the indices that hold every row of theirs; a partial index holds the few that are open."""
    sql = "SELECT name FROM sqlite_schema WHERE type = 'table' OR (type = 'index' AND COALESCE(sql, '') NOT LIKE '% WHERE %')"
    return {str(row["name"]) for row in tx.rows(sql)}


def plan_of(tx: Tx, name: str) -> list[str]:
    query = QUERIES[name]
    return [step["detail"] for step in tx.rows(f"EXPLAIN QUERY PLAN {query.sql}", **dict.fromkeys(query.params, 1))]


@pytest.mark.parametrize("name", sorted(QUERIES.keys() - WHOLE.keys()))
def test_a_query_walks_nothing_whole_and_sorts_little(tx: Tx, walks: set[str], name: str) -> None:
    plan = plan_of(tx, name)
    assert [step for step in plan if _whole(step, QUERIES[name].sql) in walks] == []
    assert name in SHORT or not [step for step in plan if "TEMP B-TREE" in step], plan


def test_the_exceptions_are_needed(tx: Tx, walks: set[str]) -> None:
    """A query that reads whole no more, or sorts no more, leaves the list; nor does the list name what is gone."""
    reads = {name for name in WHOLE if any(_whole(step, QUERIES[name].sql) in walks for step in plan_of(tx, name))}
    sorts = {name for name in SHORT if any("TEMP B-TREE" in step for step in plan_of(tx, name))}
    assert (reads, sorts) == (set(WHOLE), SHORT)


def _whole(step: str, sql: str) -> str:
    """The table or index that a plan's step walks from end to end; "" for none."""
    walked = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?(?! CONSTANT)", step)
    if walked is None or "CONSTANT ROW" in step:
        return ""
    if walked[2]:
        return walked[2]
    alias = re.search(rf"(?:FROM|JOIN|UPDATE|INTO)\s+(\w+)\s+(?:AS\s+)?{walked[1]}\b", sql)
    return alias[1] if alias else walked[1]
