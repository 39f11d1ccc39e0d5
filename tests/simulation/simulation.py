"""One run: two workers, a market, two wallets, troubles at every step, then recovery; and the summary of it."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from unittest import mock

from tests.simulation import verdict, wallet_world
from tests.simulation.market import Market
from tests.simulation.virtual_wallets import ours_of
from tests.simulation.wallet_world import Watched
from tests.simulation.world import DAY, HOUR, MINUTE, SECOND, Crash, MishapStore, OurClock, World, seeded_ids
from ussd_app.emulators.wallet_http import statement
from ussd_app.money import audit, driver
from ussd_app.money.driver import LANES, Driver, Task
from ussd_app.money.payments import OPEN
from ussd_app.money.reconcile import reconcile
from ussd_app.money.service import Money
from ussd_app.money.statement import read_statement
from ussd_app.settings import from_environment
from ussd_app.store import Store, StoreError

IDLE_MS, LONGEST_IDLE_MS = 300, 20 * SECOND
WATCH_MS = 10 * MINUTE
SETTLED_WITHIN_MS = 30 * HOUR  # the longest wait between two looks at a payment of the last day, and more


@dataclass
class Report:
    """What a run came to. `faults` names what is wrong, each with the last events of its payment; empty: all is well."""

    seed: int
    payments: int = 0
    states: dict[str, int] = field(default_factory=dict)
    met: dict[str, int] = field(default_factory=dict)
    polls: int = 0
    most_polls: int = 0
    reviews: dict[str, int] = field(default_factory=dict)
    differences: dict[str, int] = field(default_factory=dict)
    digest: str = ""
    faults: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The summary, to be printed."""
        lines = [f"seed {self.seed}: {self.payments} payments, digest {self.digest[:16]}"]
        told = {
            "states": self.states,
            "reviews": self.reviews,
            "found in the statements": self.differences,
            "faults met": self.met,
        }
        for name, counts in told.items():
            lines.append(f"{name}: " + (", ".join(f"{key} {count}" for key, count in sorted(counts.items())) or "none"))
        lines.append(
            f"statuses asked: {self.polls}; after recovery a payment was asked about at most {self.most_polls} times"
        )
        lines += [f"WRONG (seed {self.seed}): {fault}" for fault in self.faults] or ["nothing is wrong"]
        return "\n".join(lines)


class Worker:
    """One worker's process: it leases, works off what it holds, dies at times and comes back under another name."""

    def __init__(self, simulation: Simulation, name: str) -> None:
        self.simulation, self.world, self._base, self._lives = simulation, simulation.world, name, 0
        self._idle_ms = IDLE_MS
        self.born()

    def born(self) -> None:
        """A new process, with nothing in its hands."""
        if self.simulation.market.deaf:
            return  # it starts with the machine
        self._lives += 1
        self._life = self._lives
        one = self.simulation
        spread = random.Random(f"{self.world.seed}:{self._base}:{self._lives}")
        self._driver = Driver(
            one.store, one.clock, one.wallets, one.market.handlers, f"{self._base}.{self._lives}",
            public_url="http://127.0.0.1", spread=spread, pause=lambda seconds: self.world.pass_time(seconds * SECOND),
        )  # fmt: skip
        self.world.after(IDLE_MS, lambda: self.look(self._life))

    def die(self, fault: str) -> None:
        """kill -9; a supervisor starts it anew."""
        if fault:
            self.world.meet(fault)
        self._life = -1
        self.world.after(self.world.chance("deaths").randrange(SECOND, 90 * SECOND), self.born)

    def look(self, life: int) -> None:
        """One round: lease what is due at each wallet, and begin it now or a little later."""
        if life != self._life:
            return
        count = 0
        try:
            for name in self.simulation.wallets:
                tasks = self._driver.lease(name, LANES)
                count += len(tasks)
                for task in tasks:
                    self._plan(task, life)
        except StoreError:
            pass  # the rows wait, as in Driver._serve
        self._idle_ms = IDLE_MS if count else min(LONGEST_IDLE_MS * (1 if self.world.faulty else 6), self._idle_ms * 2)
        self.world.after(self._idle_ms, lambda: self.look(life))

    def _plan(self, task: Task, life: int) -> None:
        wait_ms = self.world.chance("lanes").randrange(0, 200)
        if self.world.strikes("worker: slow before the call", 0.005, task.row["id"]):
            wait_ms = self.world.chance("lanes").randrange(30 * SECOND, 3 * MINUTE)
        self.world.after(wait_ms, lambda: self._handle(task, life))

    def _handle(self, task: Task, life: int) -> None:
        if life != self._life:
            return
        before, self.simulation.at_work = self.simulation.at_work, task.row["id"]
        self.world.alive = lambda: life == self._life
        try:
            self._driver.handle(task)
        except StoreError as error:
            self.world.tell(task.row["id"], f"stays leased: {type(error).__name__}")  # as in Driver._handle_lane
        except Crash:
            if life == self._life:
                self.die("")
        finally:
            self.simulation.at_work = before
        if self.world.strikes("worker: killed while idle", 0.001) and life == self._life:
            self.die("")


class Simulation:
    """One seed's run over `books`, a migrated store that is empty."""

    def __init__(self, books: Store, seed: int, payments: int) -> None:
        self.world = World(seed)
        self.clock = OurClock(self.world)
        self.books, self.store = books, MishapStore(books, self.world)
        self.wallets: dict[str, Watched] = {
            one.name: one for one in (wallet_world.mtn(self.world), wallet_world.airtel(self.world))
        }
        self.market = Market(self.world, self.store, books, self.wallets, self.clock, payments)
        self.money = Money(books, self.clock, from_environment({}), self.wallets, self.market.handlers)
        self.at_work = ""  # the payment a worker is at
        self.report = Report(seed)
        self.broke: list[str] = []
        self.recovered_at = 0

    def run(self) -> Report:
        """Everything from the first order to the verdict."""
        with (
            seeded_ids(self.world),
            wallet_world.calling_back(self.market.hear),
            mock.patch.object(driver, "crash_here", self._between_steps),
            self._listening(),
        ):
            self.workers = [Worker(self, name) for name in ("w1", "w2")]
            self.market.open()
            self._plan_troubles()
            self._watch()
            self._trade()
            self._recover()
            self._settle()
            verdict.judge(self)
            self._compare()
            self.report.digest = self._digest()
        return self.report

    # the phases

    def _trade(self) -> None:
        """Orders come until there are enough payments, then nothing new for a while."""
        while len(self.market.plans) < self.market.orders:
            self.world.run_until(self.world.now + MINUTE)
        self.world.run_until(self.world.now + 20 * MINUTE)

    def _recover(self) -> None:
        """Both wallets are away for an hour, and settle meanwhile; then nothing goes wrong any more."""
        for wallet in self.wallets.values():
            wallet.network.down = "lost before"
        self.world.meet("outage: both at once")
        self.world.run_until(self.world.now + HOUR)
        self.world.faulty = False
        for wallet in self.wallets.values():
            emulator = wallet.network.emulator
            emulator.end_all()
            wallet.network.down, wallet.network.since = "", self.world.now
            wallet.network.clean.clear()
            wallet.network._missing.clear()
            emulator.faults.clear()
        self.market.deaf = False
        self.recovered_at = self.world.now

    def _settle(self) -> None:
        until = self.world.now + SETTLED_WITHIN_MS
        while self.world.now < until and verdict.unsettled(self):
            self.world.run_until(self.world.now + 10 * MINUTE)
        newest = max((row["created_at"] for row in verdict.rows_of(self) if row["state"] in OPEN), default=0)
        self.world.run_until(max(self.world.now, newest + DAY + 2 * WATCH_MS))  # what stays open is on the list by then

    def _compare(self) -> None:
        """Beside the wallets' statements: what our statuses could not tell comes to light, and nothing else."""
        found: Counter[str] = Counter()
        for _ in range(2):
            for name, wallet in self.wallets.items():
                lines = read_statement(statement(wallet.network.emulator))
                for one in reconcile(self.books, self.clock, self.wallets, statement=lines, provider=name):
                    found[one["what"]] += 1
                    self.report.faults += verdict.explain_difference(self, one)
            self.world.run_until(self.world.now + 10 * MINUTE)
        self.report.differences = dict(found)
        verdict.judge_after_statement(self)

    # troubles

    def _plan_troubles(self) -> None:
        """Outages, machines that are off, calendars that jump; forgers; payments that fail and succeed after all."""
        world, chance = self.world, self.world.chance("troubles")
        lasts = self.market.orders * self.market.order_every_ms
        for wallet in self.wallets.values():
            for how in ("not sent", "lost before", "503"):
                begin = chance.randrange(lasts)
                world.after(begin, lambda w=wallet, how=how: self._outage(w, how))
        world.after(chance.randrange(lasts), self._machine_off)
        for skew in (DAY, -HOUR, HOUR):
            world.after(chance.randrange(lasts), lambda skew=skew: self._jump(skew))
        world.after(SECOND, self.market.forge)
        world.after(MINUTE, self._flip)

    def _outage(self, wallet: Watched, how: str) -> None:
        if not self.world.faulty or wallet.network.down:
            return
        self.world.meet(f"outage: {how}")
        wallet.network.down = how

        def back() -> None:
            if self.world.faulty:
                wallet.network.down = ""

        self.world.after(self.world.chance("troubles").randrange(2 * MINUTE, HOUR), back)

    def _machine_off(self) -> None:
        """Our machine is off for a day, the wallets are not."""
        if not self.world.faulty:
            return
        self.world.meet("machine off for a day")
        self.market.deaf = True
        for worker in self.workers:
            worker._life = -1

        def back() -> None:
            self.market.deaf = False
            for worker in self.workers:
                worker.born()

        self.world.after(DAY, back)

    def _jump(self, by: int) -> None:
        """Our calendar jumps, and is set right an hour or two later."""
        if not self.world.faulty:
            return
        self.world.meet(f"calendar: {by // HOUR:+} h")
        self.world.skew += by

        def right() -> None:
            self.world.skew -= by

        self.world.after(self.world.chance("troubles").randrange(10 * MINUTE, 2 * HOUR), right)

    def _flip(self) -> None:
        """What a wallet said had failed is settled after all."""
        if not self.world.faulty:
            return
        chance = self.world.chance("flips")
        self.world.after(chance.expovariate(1 / (10 * MINUTE)), self._flip)
        emulator = chance.choice(list(self.wallets.values())).network.emulator
        failed = [one.reference for one in list(emulator.payments.values())[-200:] if one.status == "FAILED"]
        if failed:
            reference = chance.choice(failed)
            self.world.meet("settled after it had failed", ours_of(reference))
            emulator.flip(reference)

    def _between_steps(self, name: str) -> None:
        """At every named place of the driver: the process ends, or others work on while this one stands still."""
        world = self.world
        world.see_alive()
        if world.strikes(f"crash: {name}", 0.004, self.at_work):
            raise Crash
        if world.strikes(f"stands still: {name}", 0.006, self.at_work):
            world.pass_time(world.chance("stalls").choice((5, 25, 70, 200)) * SECOND)

    # the worker's regular jobs

    def _watch(self) -> None:
        self.world.after(WATCH_MS, self._watch)
        if not self.market.deaf:
            self.money.watch(self.books, self.clock.now())
            audit.seal(self.books, self.clock.now())

    # the end

    def _digest(self) -> str:
        """A hash over every payment, transfer, case and movement of the run."""
        found = sha256()
        with self.books.read() as tx:
            for table in ("payments", "transfers", "payment_reviews", "audit", "outbox", "payment_evidence"):
                for row in sorted(tuple(map(str, row.values())) for row in tx.rows(f"SELECT * FROM {table}")):
                    found.update(repr(row).encode())
        for wallet in self.wallets.values():
            found.update(repr(wallet.network.emulator.journal()).encode())
        return found.hexdigest()

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """The logs are not printed; an exception in them is a fault of ours."""
        broke = self.broke

        class Listener(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                if record.exc_info:
                    broke.append(f"{record.getMessage()}: {record.exc_info[1]!r}")

        log, listener = logging.getLogger("ussd_app"), Listener()
        before = log.propagate
        log.addHandler(listener)
        log.propagate = False
        try:
            yield
        finally:
            log.removeHandler(listener)
            log.propagate = before


def simulate(books: Store, seed: int, payments: int) -> Report:
    """Run one seed over an empty migrated store."""
    return Simulation(books, seed, payments).run()


__all__ = ("Report", "Simulation", "simulate")
