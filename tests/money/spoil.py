"""For tests of what finds a spoiled book: change rows as nobody can who goes through the store."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any

from ussd_app.store import Store


def spoil(store: Store, *statements: str) -> None:
    """Run statements with triggers, foreign keys and (on SQLite) checks out of the way."""
    if store.engine == "sqlite":
        path = store.path  # type: ignore[attr-defined]
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA ignore_check_constraints=ON")
            triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
            connection.execute("BEGIN IMMEDIATE")
            for name, _ in triggers:
                connection.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                connection.execute(statement)
            for _, sql in triggers:
                connection.execute(sql)
            connection.execute("COMMIT")
        return
    import psycopg

    with psycopg.connect(store.url, autocommit=True) as connection:  # type: ignore[attr-defined]
        connection.execute("SET session_replication_role = replica")
        for statement in statements:
            connection.execute(statement.encode())


def at_once(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run every work on a thread of its own, all from one moment; gives what each returned or raised."""
    results: list[Any] = [None] * len(works)
    start = threading.Barrier(len(works))

    def one(index: int) -> None:
        start.wait(10)
        try:
            results[index] = works[index]()
        except Exception as error:
            results[index] = error

    threads = [threading.Thread(target=one, args=(index,)) for index in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results
