"""What a store is on either engine: the transaction handle, the store, and what can go wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

T = TypeVar("T")
Row = dict[str, Any]
Trace = Callable[[str], None]

BEGIN_MS = 3_000  # a gateway's patience less the time to say sorry
WAIT_MS = 8_000
PATIENT_BEGIN_MS = 30_000
PATIENT_WAIT_MS = 60_000


class StoreError(Exception):
    """The store could not do what was asked."""


class Withdrawn(StoreError):
    """The turn had not begun in time and never will: nothing of it is stored."""


class Unfinished(StoreError):
    """The turn had begun and was not done in time. On SQLite it may still be stored; on PostgreSQL it is not."""


class CommitFailed(StoreError):
    """The turn ran but its commit did not succeed. Nothing was answered on its strength."""


class Tx:
    """One transaction. The named queries of `queries/*.sql` are its methods and take keyword parameters.

    A query marked `^` gives a dict or None, `$` a value or None, `!` the count of rows changed, `*!` takes a list of
    dicts, and an unmarked one gives a list of dicts. `statement_count` is how many statements ran.
    A handle is dead once its turn is over.
    """

    engine: ClassVar[str]

    def __init__(self, connection: Any, trace: Trace | None = None) -> None:
        self.statement_count = 0
        self._execute: Callable[..., Any] = connection.execute
        self._connection = connection
        self._trace = trace
        self._depth = 0

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Callable[..., Any]: ...

    def lock(self, key: str) -> None:
        """Until this transaction ends, no other one holds the lock named `key` (SQLite has one writer anyway)."""
        raise NotImplementedError

    def rows(self, sql: str, **params: Any) -> list[Row]:
        """Run `sql` (`:name` parameters, either engine) and give its rows; for tools and tests, not for the market."""
        raise NotImplementedError

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What happens inside is undone alone when it raises (the exception goes on)."""
        name = f"s{self._depth}"
        self._depth += 1
        self._control(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            self._control(f"ROLLBACK TO SAVEPOINT {name}")
            self._control(f"RELEASE SAVEPOINT {name}")
            raise
        else:
            self._control(f"RELEASE SAVEPOINT {name}")
        finally:
            self._depth -= 1

    def _control(self, sql: str) -> None:
        self._execute(sql)

    def _end(self) -> None:
        self._execute = _over

    # How a bound query runs; each engine has its own.
    def _all(self, sql: str, params: Row) -> list[Row]:
        raise NotImplementedError

    def _one(self, sql: str, params: Row) -> Row | None:
        raise NotImplementedError

    def _value(self, sql: str, params: Row) -> Any:
        raise NotImplementedError

    def _count(self, sql: str, params: Row) -> int:
        raise NotImplementedError

    def _many(self, sql: str, rows: Sequence[Row]) -> int:
        raise NotImplementedError


def _over(*_: Any) -> NoReturn:
    raise StoreError("this transaction is over")


class Store:
    """An open store. `trace`, when set, is called with every statement of the turns and reads begun after.

    `refusals` are the exceptions by which this engine refuses a row (constraints, triggers); `failures` those by which
    turns and reads tell that the database is away, full, broken or too slow, refusals among them.
    """

    engine: ClassVar[str]
    refusals: ClassVar[tuple[type[Exception], ...]]
    failures: ClassVar[tuple[type[Exception], ...]]

    def __init__(self) -> None:
        self.trace: Trace | None = None

    def turn(self, work: Callable[[Tx], T], begin_ms: int = BEGIN_MS, wait_ms: int = WAIT_MS) -> T:
        """Run `work` as one write transaction; its value is returned once it is durable.

        `work` may run more than once (a deadlock on PostgreSQL), so it does nothing outside the store. What it raises
        comes back after its own rows are rolled back; other turns never notice.
        Raises Withdrawn when it had not begun within `begin_ms` milliseconds, Unfinished when it was not done within
        `wait_ms` milliseconds of the call, CommitFailed when the commit failed.
        """
        raise NotImplementedError

    def write(self, work: Callable[[Tx], T]) -> T:
        """As `turn`, with the patience of a command, a worker or a web page."""
        return self.turn(work, PATIENT_BEGIN_MS, PATIENT_WAIT_MS)

    def read(self) -> AbstractContextManager[Tx]:
        """A read-only transaction on a connection of its own, seeing one moment of the store."""
        raise NotImplementedError

    @property
    def waiting(self) -> int:
        """How many turns wait to begin in this process."""
        raise NotImplementedError

    def close(self) -> None:
        """End the turns that have begun and let go of every connection."""
        raise NotImplementedError
