"""No query of deliveries, wallets and disputes reads a whole table."""

from __future__ import annotations

import contextlib
import re
import sqlite3

import pytest

from ussd_app.store.sql import queries

FILES = ("deliveries.sql", "wallets.sql", "disputes.sql")
NAMED = sorted(name for name, query in queries("sqlite").items() if query.file in FILES)
# Of one seller's season, or of the few orders that are open at all: short by themselves.
SMALL = {"deliveries_total_of_seller"}


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
    sorts = [step for step in plan if "TEMP B-TREE" in step and name not in SMALL]
    assert not scans and not sorts, plan
