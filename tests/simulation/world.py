"""The simulation's own time, chance and mishaps: events in order, ids from the seed, commits that fail."""

from __future__ import annotations

import heapq
import itertools
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from unittest import mock

from ussd_app.lib import ids
from ussd_app.lib.clock import Clock
from ussd_app.money import payments
from ussd_app.store import CommitFailed, Store, StoreError, Tx, Unfinished, open_store
from ussd_app.store.sqlite import SqliteStore

T = TypeVar("T")
START = 1_790_000_000_000
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
DEEPEST = 3  # calls that are under way within calls
LAST_EVENTS = 60  # kept of each payment, to be printed where it goes wrong


class Crash(BaseException):
    """Our process ends here; nothing after it is done."""


class World:
    """True time (epoch ms), what happens when, and one stream of chance for each concern.

    `skew` is how far our calendar is from the true time. `faulty` is off before and after the troubles.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.now = START
        self.skew = 0
        self.faulty = True
        self.met: Counter[str] = Counter()  # faults that happened, by kind
        self.befallen: dict[str, set[str]] = {}  # faults by payment
        self.settled: set[str] = set()  # payments that came to an end here, or to people
        self.told: dict[str, list[str]] = {}  # what happened to each payment
        self.alive: Callable[[], bool] | None = None  # whether the process of the call under way still lives
        self._events: list[tuple[int, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._depth = 0
        self._streams: dict[str, random.Random] = {}

    def chance(self, of: str) -> random.Random:
        """The stream of chance of one concern, so that another concern's draws do not change it."""
        if of not in self._streams:
            self._streams[of] = random.Random(f"{self.seed}:{of}")
        return self._streams[of]

    def strikes(self, fault: str, share: float, payment_id: str = "") -> bool:
        """Whether a fault happens now, in `share` of the cases; it is counted then."""
        if not self.faulty or self.chance(fault).random() >= share:
            return False
        self.meet(fault, payment_id)
        return True

    def meet(self, fault: str, payment_id: str = "") -> None:
        """A fault happens, to a payment where one is named."""
        self.met[fault] += 1
        if payment_id:
            self.befallen.setdefault(payment_id, set()).add(fault)
            self.tell(payment_id, f"fault: {fault}")

    def tell(self, payment_id: str, what: str) -> None:
        """Keep what happened to a payment, for whoever looks for the reason of a failure."""
        lines = self.told.setdefault(payment_id, [])
        lines.append(f"{self.now - START:>11} {what}")
        del lines[:-LAST_EVENTS]

    def at(self, when: int, what: Callable[[], object]) -> None:
        """Let `what` happen at the true time `when`."""
        heapq.heappush(self._events, (max(when, self.now), next(self._order), what))

    def after(self, ms: float, what: Callable[[], object]) -> None:
        """Let `what` happen `ms` milliseconds from now."""
        self.at(self.now + round(ms), what)

    def pass_time(self, ms: float) -> None:
        """Let time pass with all that happens in it: others work on while one call is under way."""
        until = self.now + round(ms)
        if self._depth < DEEPEST:
            self._depth += 1
            try:
                self.run_until(until)
            finally:
                self._depth -= 1
        self.now = max(self.now, until)

    def run_until(self, until: int) -> None:
        """Let everything happen that is planned up to `until`."""
        while self._events and self._events[0][0] <= until:
            when, _, what = heapq.heappop(self._events)
            self.now = max(self.now, when)
            before, self.alive = self.alive, None
            try:
                what()
            finally:
                self.alive = before
        self.now = max(self.now, until)

    def see_alive(self) -> None:
        """A call under way goes no further where its process died meanwhile."""
        if self.alive is not None and not self.alive():
            raise Crash


class OurClock(Clock):
    """Our calendar: the true time and what it is wrong by."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def now(self) -> int:
        return self._world.now + self._world.skew


@dataclass
class MishapStore(Store):
    """A store whose turns sometimes fail: before they begin, at the commit, or after it with the answer lost."""

    real: Store
    world: World
    engine: Any = field(init=False)

    def __post_init__(self) -> None:
        super().__init__()
        self.engine = self.real.engine

    def turn(self, work: Callable[[Tx], T], begin_ms: int = 30_000, wait_ms: int = 60_000) -> T:
        world = self.world
        world.see_alive()
        if world.strikes("store: away", 0.001):
            raise StoreError("the database is away")
        if world.strikes("store: commit failed", 0.002):

            def undone(tx: Tx) -> None:
                work(tx)
                raise CommitFailed("the disk is full")

            self.real.turn(undone, begin_ms, wait_ms)
        value = self.real.turn(work, begin_ms, wait_ms)
        if world.strikes("store: committed and not told", 0.001):
            raise Unfinished("not done in time")
        return value

    def read(self) -> AbstractContextManager[Tx]:
        return self.real.read()

    @property
    def waiting(self) -> int:
        return 0

    def close(self) -> None:
        """The real one belongs to whoever opened it."""


class InlineStore(SqliteStore):
    """SQLite as it is, but for the writer's thread: one caller alone need not be handed over, which is most of the time."""

    _own: sqlite3.Connection | None = None

    def turn(self, work: Callable[[Tx], T], begin_ms: int = 0, wait_ms: int = 0) -> T:
        connection = self._own = self._own or self.connect()
        connection.execute("BEGIN IMMEDIATE")
        tx = self._tx_class(connection, self.trace)
        try:
            value = work(tx)
        except BaseException:
            tx._end()
            connection.execute("ROLLBACK")
            raise
        tx._end()
        connection.execute("COMMIT")
        return value

    def close(self) -> None:
        if self._own is not None:
            self._own.close()
        super().close()


def open_books(url: str) -> Store:
    """The migrated store at `url`, quick for one caller."""
    path = url.removeprefix("sqlite:///")
    return InlineStore(path) if path != url else open_store(url)


class _Secrets:
    """The part of `secrets` that ids and references use, from the seed."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def token_bytes(self, count: int) -> bytes:
        return self._chance.randbytes(count)

    def token_urlsafe(self, count: int) -> str:
        return self._chance.randbytes(count).hex()

    def randbits(self, count: int) -> int:
        return self._chance.getrandbits(count)


class _Time:
    def __init__(self, world: World) -> None:
        self._world = world

    def time_ns(self) -> int:
        return self._world.now * 1_000_000


@contextmanager
def seeded_ids(world: World) -> Iterator[None]:
    """References, tokens and row ids come from the seed and the simulation's time."""
    last, ids._last = ids._last, 0
    chance = _Secrets(world.chance("ids"))
    with (
        mock.patch.object(payments, "secrets", chance),
        mock.patch.object(ids, "secrets", chance),
        mock.patch.object(ids, "time", _Time(world)),
    ):
        yield
    ids._last = max(last, ids._last)
