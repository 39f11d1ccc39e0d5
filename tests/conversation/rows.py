"""Every row of every table, to compare two runs or to look for what must not be kept."""

from __future__ import annotations

from typing import Any

from ussd_app.store import Store

Dump = dict[str, list[dict[str, Any]]]
_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
    "postgres": "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'",
}


def dump(store: Store) -> Dump:
    """All rows by table, each table's in an order of their own; without what a gateway measured of a session."""
    with store.read() as tx:
        tables = sorted(row["name"] for row in tx.rows(_TABLES[store.engine]))
        rows = {table: tx.rows(f"SELECT * FROM {table}") for table in tables}
    return {
        table: sorted(({name: row[name] for name in row if name != "duration_ms"} for row in found), key=repr)
        for table, found in rows.items()
    }


def differences(before: Dump, after: Dump) -> list[str]:
    """What one dump has and the other has not, as lines for a person."""
    found = []
    for table in before.keys() | after.keys():
        old, new = before.get(table, []), after.get(table, [])
        found += [f"gone from {table}: {row}" for row in old if row not in new]
        found += [f"new in {table}: {row}" for row in new if row not in old]
        if not found and len(old) != len(new):
            found.append(f"{table} has {len(new)} rows, not {len(old)}")
    return found
