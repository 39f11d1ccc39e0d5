"""The store on SQLite: one file, one writer thread per process, read-only connections beside it."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from ussd_app.store.base import BEGIN_MS, WAIT_MS, Row, Store, StoreError, T, Tx
from ussd_app.store.sql import bind
from ussd_app.store.writer import Writer

_PRAGMAS = (
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
    "PRAGMA cache_size=-65536",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA journal_size_limit=67108864",
)
_STATEMENTS = 512


class SqliteTx(Tx):
    """A transaction on SQLite."""

    engine: ClassVar[str] = "sqlite"

    def lock(self, key: str) -> None:
        """Nothing to do: a writer is alone already."""

    def rows(self, sql: str, **params: Any) -> list[Row]:
        cursor = self._run(sql, params)
        return _dicts(cursor) if cursor.description else []

    def _run(self, sql: str, params: Row) -> Any:
        self.statement_count += 1
        if self._trace is not None:
            self._trace(sql)
        return self._execute(sql, params)

    def _all(self, sql: str, params: Row) -> list[Row]:
        return _dicts(self._run(sql, params))

    def _one(self, sql: str, params: Row) -> Row | None:
        cursor = self._run(sql, params)
        row = cursor.fetchone()
        return None if row is None else dict(zip([column[0] for column in cursor.description], row, strict=True))

    def _value(self, sql: str, params: Row) -> Any:
        row = self._run(sql, params).fetchone()
        return None if row is None else row[0]

    def _count(self, sql: str, params: Row) -> int:
        return int(self._run(sql, params).rowcount)

    def _many(self, sql: str, rows: Sequence[Row]) -> int:
        self.statement_count += 1
        if self._trace is not None:
            self._trace(sql)
        return int(self._connection.executemany(sql, rows).rowcount)


def _dicts(cursor: Any) -> list[Row]:
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


@cache
def _tx_class() -> type[Tx]:
    return bind(SqliteTx)


class SqliteStore(Store):
    """One SQLite file (made, with its folder, where there is none)."""

    engine: ClassVar[str] = "sqlite"
    refusals: ClassVar[tuple[type[Exception], ...]] = (sqlite3.IntegrityError,)
    failures: ClassVar[tuple[type[Exception], ...]] = (StoreError, sqlite3.Error, OSError)

    def __init__(self, path: str) -> None:
        super().__init__()
        if not path or path.startswith(":memory:"):
            raise ValueError("the store needs a file: what is only in memory is lost with the process")
        self.path = Path(path).resolve()
        self.lock_path = f"{self.path}.lock"
        self._tx_class = _tx_class()
        self._closed = False
        self._start_lock = threading.Lock()
        self._writer: Writer | None = None
        self._readers: deque[sqlite3.Connection] = deque()
        create(self.path)
        _stores.add(self)

    def turn(self, work: Callable[[Tx], T], begin_ms: int = BEGIN_MS, wait_ms: int = WAIT_MS) -> T:
        writer = self._writer or self._start()
        value: T = writer.run(work, begin_ms, wait_ms)
        return value

    def _start(self) -> Writer:
        """The writer starts with the first turn, so that a server may fork after the store was opened."""
        with self._start_lock:
            if self._closed:
                raise StoreError("the store is closed")
            if self._writer is None:
                self._writer = Writer(self.connect, self.lock_path, self._tx_class, lambda: self.trace)
            return self._writer

    def connect(self) -> sqlite3.Connection:
        """A tuned connection that may write, for the calling thread alone."""
        return tune(sqlite3.connect(self.path, isolation_level=None, cached_statements=_STATEMENTS))

    @contextmanager
    def read(self) -> Iterator[Tx]:
        try:
            connection = self._readers.pop()  # the last one used has the warmest cache
        except IndexError:
            connection = self._connect_reader()
        tx = self._tx_class(connection, self.trace)
        try:
            connection.execute("BEGIN")
            try:
                yield tx
            finally:
                tx._end()
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.DatabaseError:
            connection.close()
            raise
        except BaseException:
            self._readers.append(connection)
            raise
        if self._closed:
            connection.close()
        else:
            self._readers.append(connection)

    def _connect_reader(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreError("the store is closed")
        connection = sqlite3.connect(
            f"file:{quote(str(self.path))}?mode=ro",
            uri=True,
            isolation_level=None,
            check_same_thread=False,  # it goes from thread to thread, one at a time
            cached_statements=_STATEMENTS,
        )
        for pragma in ("PRAGMA query_only=ON", *_PRAGMAS[2:5]):
            connection.execute(pragma)
        return connection

    @property
    def waiting(self) -> int:
        return 0 if self._writer is None else self._writer.waiting

    def close(self) -> None:
        with self._start_lock:
            self._closed = True
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        while self._readers:
            self._readers.pop().close()

    def _forked(self) -> None:
        """In a child process: the writer thread is not here and the parent's connections must not be touched."""
        _left_behind.extend((self._writer, *self._readers))
        self._start_lock = threading.Lock()
        self._writer = None
        self._readers = deque()


def create(path: Path) -> None:
    """Make the file where there is none, for its owner's eyes alone, and see that it keeps a write-ahead log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = tune(sqlite3.connect(path, isolation_level=None))
    connection.close()


def tune(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Set `connection` up for durable writing; returns it."""
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        from sqlite_utils import Database  # a fifth of a second, which a start on a file already made can do without

        Database(connection, execute_plugins=False).enable_wal()
    return connection


_stores: weakref.WeakSet[SqliteStore] = weakref.WeakSet()
_left_behind: list[object] = []  # kept from being closed: closing would speak for the parent


def _after_fork() -> None:
    for store in list(_stores):
        store._forked()


os.register_at_fork(after_in_child=_after_fork)
