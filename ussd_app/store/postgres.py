"""The store on PostgreSQL: a pool of connections, a transaction per turn."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar, LiteralString

import psycopg
from aiosql.adapters.pyformat import PyFormatAdapter
from psycopg import errors
from psycopg.adapt import Buffer, Loader
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from ussd_app.lib.crash import crash_here
from ussd_app.store.base import (
    BEGIN_MS,
    WAIT_MS,
    CommitFailed,
    Row,
    Store,
    StoreError,
    T,
    Tx,
    Unfinished,
    Withdrawn,
)
from ussd_app.store.deadlines import Deadlines
from ussd_app.store.sql import bind

TRIES = 5
POOL_MOST = 16
LOCK_TIMEOUT_MS = 5_000
READ_TIMEOUT_MS = 30_000
READ_MOST_S = 600.0
CONNECT_S = 5
# The pool waits twice as long after each try that fails, up to minutes. Giving up soon, it tries anew at the next turn.
RECONNECT_S = 2.0
GRACE_S = 0.5  # for the server to end a turn itself before its connection is hung up

Connection = psycopg.Connection[Row]


class _Stale(StoreError):
    """The pooled connection had been lost: nothing was begun on it."""


class _WholeNumber(Loader):
    """numeric as SQLite gives it: sums of whole numbers are int, what has a fraction is float."""

    def load(self, data: Buffer) -> int | float:
        text = bytes(data).decode()
        return int(text) if text.lstrip("-").isdigit() else float(text)


class _Flag(Loader):
    """boolean as SQLite gives it: 1 or 0."""

    def load(self, data: Buffer) -> int:
        return int(bytes(data) == b"t")


class PostgresTx(Tx):
    """A transaction on PostgreSQL."""

    engine: ClassVar[str] = "postgres"

    def lock(self, key: str) -> None:
        self._run("SELECT pg_advisory_xact_lock(hashtextextended(%(key)s, 0))", {"key": key})

    def rows(self, sql: str, **params: Any) -> list[Row]:
        cursor = self._run(_pyformat(sql) if params else sql, params or None)
        return list(cursor.fetchall()) if cursor.description else []

    def _run(self, sql: str, params: Row | None) -> Any:
        self.statement_count += 1
        if self._trace is not None:
            self._trace(sql)
        return self._execute(sql, params)

    def _all(self, sql: str, params: Row) -> list[Row]:
        return list(self._run(sql, params).fetchall())

    def _one(self, sql: str, params: Row) -> Row | None:
        row: Row | None = self._run(sql, params).fetchone()
        return row

    def _value(self, sql: str, params: Row) -> Any:
        row = self._run(sql, params).fetchone()
        return None if row is None else next(iter(row.values()))

    def _count(self, sql: str, params: Row) -> int:
        return int(self._run(sql, params).rowcount)

    def _many(self, sql: str, rows: Sequence[Row]) -> int:
        self.statement_count += 1
        if self._trace is not None:
            self._trace(sql)
        with self._connection.cursor() as cursor:
            cursor.executemany(sql, rows)
            return int(cursor.rowcount)


@cache
def _pyformat(sql: str) -> str:
    adapter: Any = PyFormatAdapter
    return str(adapter().process_sql("", None, sql))


@cache
def _tx_class() -> type[Tx]:
    return bind(PostgresTx)


class PostgresStore(Store):
    """One PostgreSQL database. `url` is a libpq address."""

    engine: ClassVar[str] = "postgres"
    refusals: ClassVar[tuple[type[Exception], ...]] = (psycopg.IntegrityError, errors.RaiseException)
    failures: ClassVar[tuple[type[Exception], ...]] = (StoreError, psycopg.Error, OSError)

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self._tx_class = _tx_class()
        self._deadlines = Deadlines()
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url,
            connection_class=psycopg.Connection[Row],
            kwargs={"autocommit": True, "row_factory": dict_row, "connect_timeout": CONNECT_S},
            min_size=1,
            max_size=POOL_MOST,
            timeout=BEGIN_MS / 1000,
            reconnect_timeout=RECONNECT_S,
            configure=_configure,
            name="store",
            open=False,
        )

    def turn(self, work: Callable[[Tx], T], begin_ms: int = BEGIN_MS, wait_ms: int = WAIT_MS) -> T:
        started = time.monotonic()
        begin_by, deadline = started + begin_ms / 1000, started + wait_ms / 1000
        tries = 0
        while True:
            with self._connection(begin_by - time.monotonic(), begun=tries > 0) as connection:
                try:
                    return self._attempt(connection, work, wait_ms, begin_by, deadline)
                except _Stale:
                    continue  # the server was away, or is: other connections may be good, or made anew
                except (errors.SerializationFailure, errors.DeadlockDetected) as error:
                    failure = error
            tries += 1
            begin_by = deadline
            pause = random.uniform(0.5, 1.5) * 0.01 * 2**tries
            if tries == TRIES or time.monotonic() + pause > deadline:
                raise Unfinished(f"given up after {tries} tries: {type(failure).__name__}") from failure
            time.sleep(pause)

    def _attempt(
        self, connection: Connection, work: Callable[[Tx], T], wait_ms: int, begin_by: float, deadline: float
    ) -> T:
        """One try of a turn. Raises what `work` raises, or psycopg's errors for a try that lost to another."""
        with self._deadlines.by(connection, begin_by):
            _begin(connection, "BEGIN")
        with self._deadlines.by(connection, deadline + GRACE_S):
            return self._run(connection, work, wait_ms, deadline)

    def _run(self, connection: Connection, work: Callable[[Tx], T], wait_ms: int, deadline: float) -> T:
        """The turn in the transaction that has begun."""
        tx = self._tx_class(connection, self.trace)
        try:
            if wait_ms > WAIT_MS:
                connection.execute(f"SET LOCAL statement_timeout = {int(wait_ms)}")
            value = work(tx)
            tx._end()
            if time.monotonic() > deadline:
                raise Unfinished(f"not done within {wait_ms} ms")
        except BaseException as error:
            tx._end()
            _roll_back(connection)
            late = connection.closed and time.monotonic() >= deadline
            if late or isinstance(error, (errors.QueryCanceled, errors.LockNotAvailable)):
                raise Unfinished(f"not done within {wait_ms} ms: {type(error).__name__}") from error
            raise
        crash_here("turn.before_commit")
        try:
            connection.execute("COMMIT")
        except (errors.SerializationFailure, errors.DeadlockDetected):
            raise
        except psycopg.Error as error:
            _roll_back(connection)
            raise CommitFailed(f"{type(error).__name__}") from error
        crash_here("turn.after_commit")
        return value

    @contextmanager
    def read(self) -> Iterator[Tx]:
        begin_by = time.monotonic() + BEGIN_MS / 1000
        while True:
            with self._connection(begin_by - time.monotonic()) as connection:
                try:
                    with self._deadlines.by(connection, begin_by):
                        _begin(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                except _Stale:
                    continue
                tx = self._tx_class(connection, self.trace)
                try:
                    with self._deadlines.by(connection, time.monotonic() + READ_MOST_S):
                        yield tx
                finally:
                    tx._end()
                    _roll_back(connection)
                return

    @contextmanager
    def _connection(self, patience_s: float, begun: bool = False) -> Iterator[Connection]:
        """A pooled connection within `patience_s` seconds. Raises Withdrawn, or Unfinished where a try was `begun`."""
        if self._pool.closed:
            try:
                self._pool.open()  # the pool's threads start late, so that a server may fork after the store was opened
            except psycopg.OperationalError as error:
                raise StoreError("the store is closed") from error
        try:
            connection = self._pool.getconn(timeout=max(0.001, patience_s))
        except (PoolTimeout, TooManyRequests) as error:
            if begun:
                raise Unfinished("no connection for another try") from error
            raise Withdrawn("no connection in time") from error
        except PoolClosed as error:
            raise StoreError("the store is closed") from error
        try:
            yield connection
        finally:
            self._pool.putconn(connection)

    @property
    def waiting(self) -> int:
        return int(self._pool.get_stats().get("requests_waiting", 0))

    def close(self) -> None:
        self._pool.close()


def _configure(connection: Connection) -> None:
    """What each new connection is told once."""
    for setting in (
        "synchronous_commit = on",
        f"statement_timeout = {WAIT_MS}",
        f"lock_timeout = {LOCK_TIMEOUT_MS}",
        f"idle_in_transaction_session_timeout = {READ_TIMEOUT_MS}",
    ):
        connection.execute(f"SET {setting}")
    tell_types(connection)


def tell_types(connection: Connection) -> None:
    """Have rows read as SQLite gives them."""
    connection.adapters.register_loader("numeric", _WholeNumber)
    connection.adapters.register_loader("bool", _Flag)


def _begin(connection: Connection, how: LiteralString) -> None:
    try:
        connection.execute(how)
    except psycopg.OperationalError as error:
        if connection.closed:
            raise _Stale("the pooled connection was lost before it was used") from error
        raise


def _roll_back(connection: Connection) -> None:
    if connection.info.transaction_status not in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
        return
    try:
        connection.execute("ROLLBACK")
    except psycopg.OperationalError:
        if not connection.closed:  # where it is lost, the server rolls back by itself
            raise
