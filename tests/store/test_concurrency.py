"""Many turns at once: threads, processes, groups, and what a dying process leaves behind."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ussd_app.store import CommitFailed, Store, StoreError, Tx, Withdrawn, open_store

ROOT = Path(__file__).parents[2]
TABLE = "CREATE TABLE notes (id TEXT PRIMARY KEY, n BIGINT NOT NULL)"
ADD = "INSERT INTO notes (id, n) VALUES (:id, 1)"
COUNT_UP = "INSERT INTO notes (id, n) VALUES (:id, 1) ON CONFLICT (id) DO UPDATE SET n = notes.n + 1 RETURNING n"


@pytest.fixture
def notes(store: Store) -> Store:
    store.write(lambda tx: tx.rows(TABLE))
    return store


@pytest.fixture
def lite(sqlite_url: str) -> Iterator[Store]:
    with contextlib.closing(open_store(sqlite_url)) as opened:
        opened.write(lambda tx: tx.rows(TABLE))
        yield opened


@pytest.fixture
def pg(postgres_url: str) -> Iterator[Store]:
    with contextlib.closing(open_store(postgres_url)) as opened:
        opened.write(lambda tx: tx.rows(TABLE))
        yield opened


def ids(store: Store) -> set[str]:
    with store.read() as tx:
        return {row["id"] for row in tx.rows("SELECT id FROM notes")}


def add(id: str) -> Callable[[Tx], Any]:
    return lambda tx: tx.rows(ADD, id=id)


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Run every work on a thread of its own; gives what each returned or raised."""
    results: list[Any] = [None] * len(works)

    def one(index: int, work: Callable[[], Any]) -> None:
        try:
            results[index] = work()
        except Exception as error:
            results[index] = error

    threads = [threading.Thread(target=one, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


def grouped(store: Store, *works: Callable[[Tx], Any]) -> list[Any]:
    """Take `works` as one group: they are handed over while the writer is busy with another turn."""
    busy, go = threading.Event(), threading.Event()

    def block(tx: Tx) -> None:
        busy.set()
        go.wait(10)

    blocker = threading.Thread(target=lambda: store.turn(block))
    blocker.start()
    busy.wait(10)

    def release() -> None:
        while store.waiting < len(works):
            time.sleep(0.001)
        go.set()

    results = at_once(release, *(lambda work=work: store.turn(work) for work in works))
    blocker.join()
    return results[1:]


def test_every_count_is_counted_once(notes: Store) -> None:
    def counter() -> list[int]:
        return [notes.turn(lambda tx: tx.rows(COUNT_UP, id="all"))[0]["n"] for _ in range(25)]

    seen = [n for result in at_once(*[counter] * 8) for n in result]
    assert sorted(seen) == list(range(1, 201))


# --- groups on SQLite -----------------------------------------------------------------------------------------------


def test_a_turn_that_raises_harms_no_other_of_its_group(lite: Store) -> None:
    def broken(tx: Tx) -> None:
        tx.rows(ADD, id="broken")
        raise LookupError("mine alone")

    works = [add("a"), broken, add("a"), add("b"), broken, add("c")]
    results = grouped(lite, *works)
    assert isinstance(results[1], LookupError) and isinstance(results[4], LookupError)
    assert sum(isinstance(results[index], sqlite3.IntegrityError) for index in (0, 2)) == 1
    assert results[3] == results[5] == []
    assert ids(lite) == {"a", "b", "c"}


def test_a_commit_that_fails_is_told_to_every_turn_of_its_group(lite: Store) -> None:
    lite.write(
        lambda tx: tx.rows(
            "CREATE TABLE links (id TEXT PRIMARY KEY, note TEXT REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED)"
        )
    )

    def dangling(tx: Tx) -> None:
        tx.rows("INSERT INTO links (id, note) VALUES ('l', 'nowhere')")

    def broken(tx: Tx) -> None:
        raise LookupError("mine")

    results = grouped(lite, add("a"), dangling, broken, add("b"))
    assert [type(result) for result in results] == [CommitFailed, CommitFailed, LookupError, CommitFailed]
    assert ids(lite) == set()
    lite.turn(add("next"))
    assert ids(lite) == {"next"}


def test_a_transaction_that_is_lost_midway_is_told_and_the_rest_begin_again(lite: Store) -> None:
    order: list[str] = []

    def full(tx: Tx) -> None:
        order.append("full")
        tx._execute("ROLLBACK")  # what SQLite does by itself when the disk is full
        raise OSError("disk full")

    def noted(name: str) -> Callable[[Tx], Any]:
        def work(tx: Tx) -> None:
            order.append(name)
            tx.rows(ADD, id=name)

        return work

    names = [f"n{n}" for n in range(8)]
    results = grouped(lite, *(noted(name) for name in names[:4]), full, *(noted(name) for name in names[4:]))
    told = dict(zip([*names[:4], "full", *names[4:]], results, strict=True))
    before, after = order[: order.index("full")], order[order.index("full") + 1 :]
    assert isinstance(told.pop("full"), OSError)
    assert all(isinstance(told[name], CommitFailed) for name in before)
    assert all(told[name] is None for name in after)
    assert ids(lite) == set(after)


def test_a_group_is_one_commit(lite: Store) -> None:
    commits: list[str] = []
    writer = lite._writer  # type: ignore[attr-defined]
    commit = writer._commit
    writer._commit = lambda connection: (commits.append("commit"), commit(connection))[1]
    grouped(lite, *(add(f"n{n}") for n in range(16)))
    assert len(commits) == 2  # the blocker's own, and one for sixteen turns
    assert len(ids(lite)) == 16


def test_withdrawn_while_another_program_holds_the_file(lite: Store, sqlite_url: str) -> None:
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(Withdrawn):
        lite.turn(add("late"), begin_ms=200, wait_ms=1000)
    assert time.monotonic() - began < 1
    other.execute("ROLLBACK")
    other.close()
    lite.turn(add("next"), begin_ms=8000, wait_ms=9000)
    assert ids(lite) == {"next"}


def test_a_turn_inside_a_turn_is_refused_at_once(lite: Store) -> None:
    with pytest.raises(StoreError, match="inside"):
        lite.turn(lambda tx: lite.turn(add("a")))


def test_a_store_opened_before_a_fork_works_in_the_child(lite: Store) -> None:
    lite.turn(add("parent"))
    assert ids(lite) == {"parent"}
    child = os.fork()
    if child == 0:
        try:
            lite.turn(add("child"))
            os._exit(0 if ids(lite) == {"parent", "child"} else 1)
        except BaseException:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    lite.turn(add("after"))
    assert ids(lite) == {"parent", "child", "after"}


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


def test_a_deadlock_is_tried_again(pg: Store) -> None:
    pg.write(add("a"))
    pg.write(add("b"))
    barrier = threading.Barrier(2)
    runs: list[str] = []

    def both(first: str, second: str) -> Callable[[Tx], None]:
        def work(tx: Tx) -> None:
            runs.append(first)
            tx.rows("UPDATE notes SET n = n + 1 WHERE id = :id", id=first)
            if len(runs) <= 2:
                barrier.wait(10)
            tx.rows("UPDATE notes SET n = n + 1 WHERE id = :id", id=second)

        return work

    assert at_once(lambda: pg.turn(both("a", "b")), lambda: pg.turn(both("b", "a"))) == [None, None]
    assert len(runs) == 3
    with pg.read() as tx:
        assert [row["n"] for row in tx.rows("SELECT n FROM notes")] == [3, 3]


def test_lost_connections_are_replaced(pg: Store) -> None:
    at_once(*[lambda: pg.turn(lambda tx: tx.rows("SELECT pg_sleep(0.1)"))] * 4)
    import psycopg

    with psycopg.connect(pg.url, autocommit=True) as other:  # type: ignore[attr-defined]
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    pg.turn(add("a"))
    assert ids(pg) == {"a"}


def test_a_lock_is_held_until_the_turn_ends(pg: Store) -> None:
    inside: list[int] = []

    def work(tx: Tx) -> None:
        tx.lock("news:+250788000001")
        inside.append(1)
        assert len(inside) == 1
        time.sleep(0.02)
        inside.pop()

    assert at_once(*[lambda: pg.turn(work)] * 5) == [None] * 5


# --- processes ------------------------------------------------------------------------------------------------------

COUNT = """
import sys, threading
from ussd_app.store import open_store
store = open_store(sys.argv[1])
def count():
    for _ in range(50):
        store.turn(lambda tx: tx.rows(sys.argv[2], id="all"), begin_ms=20000, wait_ms=30000)
threads = [threading.Thread(target=count) for _ in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
store.close()
"""

PROMISE = """
import sys, threading
from ussd_app.store import open_store
store = open_store(sys.argv[1])
def promise(name):
    for n in range(100000):
        store.turn(lambda tx: tx.rows(sys.argv[2], id=f"{name}.{n}"), begin_ms=20000, wait_ms=30000)
        print(f"{name}.{n}\\n", end="", flush=True)
for k in range(4):
    threading.Thread(target=promise, args=(f"{sys.argv[3]}.{k}",), daemon=True).start()
threading.Event().wait()
"""


def start(program: str, *arguments: str, **settings: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_several_processes_write_at_once(notes: Store, store_url: str) -> None:
    processes = [start(COUNT, store_url, COUNT_UP) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    for process in processes:
        process.communicate()
    with notes.read() as tx:
        assert tx.rows("SELECT n FROM notes") == [{"n": 450}]


def test_what_was_answered_survives_the_kill(notes: Store, store_url: str) -> None:
    """Two processes write and are killed; a third one is not kept waiting by what they held."""
    promised: set[str] = set()
    for round in range(3):
        processes = [start(PROMISE, store_url, ADD, f"{round}.{n}") for n in range(2)]
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        time.sleep(0.1 * (round + 1))
        for process in processes:
            process.send_signal(signal.SIGKILL)
        for process in processes:
            rest, _ = process.communicate()
            promised |= {line for line in rest.split("\n")[:-1] if line}
        notes.turn(add(f"mine.{round}"))
    assert len(promised) > 20
    assert promised <= ids(notes)


@pytest.mark.parametrize(("point", "stored"), [("turn.before_commit", False), ("turn.after_commit", True)])
def test_killed_around_the_commit(notes: Store, store_url: str, point: str, stored: bool) -> None:
    process = start(PROMISE, store_url, ADD, "x", CRASH_AT=point)
    answered, _ = process.communicate(timeout=30)
    assert process.returncode == 137 and answered == ""
    assert bool(ids(notes)) is stored
