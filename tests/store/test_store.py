"""Turns and reads, the same on both engines."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from ussd_app.store import Store, StoreError, Tx, Unfinished, Withdrawn, open_store, pending
from ussd_app.store.migrate import statements
from ussd_app.store.sql import queries

ADD = "INSERT INTO notes (id, n) VALUES (:id, :n)"


@pytest.fixture
def notes(store: Store) -> Store:
    """A store with a table to write in."""
    store.write(lambda tx: tx.rows("CREATE TABLE notes (id TEXT PRIMARY KEY, n BIGINT NOT NULL CHECK (n >= 0))"))
    return store


def count(store: Store) -> int:
    with store.read() as tx:
        return int(tx.rows("SELECT count(*) AS n FROM notes")[0]["n"])


def add(id: str, n: int = 1) -> object:
    return lambda tx: tx.rows(ADD, id=id, n=n)


def test_a_turn_gives_its_value_and_stores_its_rows(notes: Store) -> None:
    def work(tx: Tx) -> str:
        tx.rows(ADD, id="a", n=5)
        assert tx.statement_count == 1
        return "done"

    assert notes.turn(work) == "done"
    with notes.read() as tx:
        assert tx.rows("SELECT id, n FROM notes WHERE id = :id", id="a") == [{"id": "a", "n": 5}]


def test_what_work_raises_comes_back_and_nothing_of_it_stays(notes: Store) -> None:
    def work(tx: Tx) -> None:
        tx.rows(ADD, id="a", n=5)
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        notes.turn(work)
    assert count(notes) == 0


def test_a_refused_row_is_one_of_the_refusals(notes: Store) -> None:
    with pytest.raises(notes.refusals):
        notes.turn(lambda tx: tx.rows(ADD, id="a", n=-1))
    assert count(notes) == 0


def test_savepoints_nest_and_undo_alone(notes: Store) -> None:
    def work(tx: Tx) -> None:
        tx.rows(ADD, id="kept", n=1)
        with tx.savepoint():
            tx.rows(ADD, id="inner", n=1)
            with pytest.raises(notes.refusals), tx.savepoint():
                tx.rows(ADD, id="kept", n=1)
        with pytest.raises(LookupError), tx.savepoint():
            tx.rows(ADD, id="gone", n=1)
            raise LookupError

    notes.turn(work)
    with notes.read() as tx:
        assert [row["id"] for row in tx.rows("SELECT id FROM notes ORDER BY id")] == ["inner", "kept"]


def test_a_read_cannot_write_and_sees_one_moment(notes: Store) -> None:
    with notes.read() as tx:
        assert tx.rows("SELECT * FROM notes") == []
        notes.turn(add("a"))
        assert tx.rows("SELECT * FROM notes") == []
    assert count(notes) == 1
    with pytest.raises(Exception, match="read"), notes.read() as tx:
        tx.rows("DELETE FROM notes")
    assert count(notes) == 1


def test_reads_may_nest(notes: Store) -> None:
    with notes.read() as outer, notes.read() as inner:
        assert outer.rows("SELECT 1 AS one") == inner.rows("SELECT 1 AS one") == [{"one": 1}]


def test_a_handle_is_dead_after_its_turn(notes: Store) -> None:
    kept = notes.turn(lambda tx: tx)
    with pytest.raises(StoreError, match="over"):
        kept.rows("SELECT 1 AS one")


def test_a_turn_that_has_not_begun_in_time_never_runs(notes: Store) -> None:
    blocked, free = threading.Event(), threading.Event()

    def block(tx: Tx) -> None:
        blocked.set()
        free.wait(10)

    threads = [threading.Thread(target=lambda: notes.turn(block)) for _ in range(1 if notes.engine == "sqlite" else 16)]
    for thread in threads:
        thread.start()
    blocked.wait(10)
    if notes.engine == "postgres":
        while notes._pool.get_stats().get("pool_available", 0) or notes._pool.get_stats()["pool_size"] < 16:  # type: ignore[attr-defined]
            threading.Event().wait(0.01)
    with pytest.raises(Withdrawn):
        notes.turn(add("late"), begin_ms=50, wait_ms=1000)
    free.set()
    for thread in threads:
        thread.join()
    notes.turn(add("next"))
    assert count(notes) == 1


def test_a_turn_that_takes_too_long_is_unfinished(notes: Store) -> None:
    def slow(tx: Tx) -> None:
        threading.Event().wait(0.3)

    with pytest.raises(Unfinished):
        notes.turn(slow, begin_ms=50, wait_ms=150)


def test_trace_sees_every_statement(notes: Store) -> None:
    seen: list[str] = []
    notes.trace = seen.append
    notes.turn(add("a"))
    assert len(seen) == 1 and seen[0].startswith("INSERT INTO notes")


def test_sums_and_flags_read_alike(notes: Store) -> None:
    notes.turn(add("a", 2))
    notes.turn(add("b", 3))
    with notes.read() as tx:
        row = tx.rows("SELECT sum(n) AS total, avg(n) AS middle, count(*) > 1 AS many FROM notes")[0]
    assert row == {"total": 5, "middle": 2.5, "many": 1}
    assert [type(value) for value in row.values()] == [int, float, int]


def test_text_compares_byte_by_byte_as_migrated(store: Store) -> None:
    texts = ["b", "B", "a", "é", "Z", "0"]
    [create] = statements("CREATE TABLE words (word TEXT NOT NULL) STRICT;", store.engine)
    store.write(lambda tx: tx.rows(create))
    store.write(lambda tx: [tx.rows("INSERT INTO words (word) VALUES (:w)", w=word) for word in texts])
    with store.read() as tx:
        assert [row["word"] for row in tx.rows("SELECT word FROM words ORDER BY word")] == sorted(texts)


def test_a_closed_store_takes_nothing(notes: Store) -> None:
    notes.close()
    with pytest.raises(StoreError):
        notes.turn(lambda tx: None)
    with pytest.raises(StoreError), notes.read():
        pass


def test_every_query_is_bound_and_the_template_is_up_to_date(store: Store) -> None:
    assert pending(store) == []
    names = set(queries(store.engine))
    with store.read() as tx:
        assert names and all(callable(getattr(tx, name)) for name in names)


def test_every_query_is_understood_by_its_engine(store: Store) -> None:
    """Each named query is planned with no values, so that a misspelt column shows here and not in a turn."""
    faults = []
    with store.read() as tx:
        for name, query in queries(store.engine).items():
            sql = query.sql
            try:
                if store.engine == "sqlite":
                    tx._execute(f"EXPLAIN {sql}", dict.fromkeys(query.params))
                else:
                    tx._execute("SAVEPOINT plan")
                    tx._execute(f"EXPLAIN {sql}", dict.fromkeys(query.params))
            except Exception as error:
                faults.append(f"{query.file}: {name}: {error}")
            finally:
                if store.engine == "postgres":
                    tx._execute("ROLLBACK TO SAVEPOINT plan")
    assert not faults, "\n".join(faults)


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        opened = open_store(f"sqlite:///{tmp_path}/new/market.db")
        opened.turn(lambda tx: tx.rows("CREATE TABLE t (a TEXT)"))
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "new").iterdir()}
        opened.close()
    finally:
        os.umask(old)
    assert set(modes) >= {"market.db", "market.db-wal", "market.db.lock"}
    assert set(modes.values()) == {0o600}


def test_an_unknown_address_is_refused() -> None:
    for url in ("mysql://x", "sqlite://x", "sqlite:///:memory:", "sqlite:///"):
        with pytest.raises(ValueError):
            open_store(url)
