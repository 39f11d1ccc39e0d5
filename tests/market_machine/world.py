"""A market in one process for the machine: its store, clock, workers and wallets, with everything that is seen of them.

A wallet keeps a journal of the money that really moved. It looks, at each call, whether it is called as it may be: with
no transaction open, and with the sending committed before.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import event

from tests.market.trades import Country, FeeRow
from tests.money.scripted import Record, Wallet
from ussd_app.lib.clock import ManualClock
from ussd_app.market import buyers, deliveries, expiry, people, rates, settlement, wallets
from ussd_app.market.terms import Refused
from ussd_app.money import audit, driver, reviews
from ussd_app.money.driver import Driver, Task
from ussd_app.money.providers.base import Holder, Instruction, Sent, Status
from ussd_app.store import Store, Tx

MINUTE = 60_000
HOUR = 60 * MINUTE
SERVICE_FEE = 20
EXPECTED = (Refused, people.Refused, reviews.NotPossible)  # a rule that says no is an answer, anything else a fault


class Killed(BaseException):
    """The process is gone, here and now."""


class Died(Exception):
    """The transaction is gone before its end."""


class Watched:
    """A store that knows whether one of its transactions is open."""

    def __init__(self, store: Store) -> None:
        self.real, self.engine, self.inside = store, store.engine, 0
        self._lock = threading.Lock()

    @contextmanager
    def _open(self) -> Iterator[None]:
        with self._lock:
            self.inside += 1
        try:
            yield
        finally:
            with self._lock:
                self.inside -= 1

    def turn(self, work: Callable[[Tx], Any]) -> Any:
        with self._open():
            return self.real.turn(work)

    def write(self, work: Callable[[Tx], Any]) -> Any:
        with self._open():
            return self.real.write(work)

    @contextmanager
    def read(self) -> Iterator[Tx]:
        with self._open(), self.real.read() as tx:
            yield tx


class Purse(Wallet):
    """A wallet that settles when it is told to, and notes how it was called."""

    def __init__(self, world: World, name: str, **more: Any) -> None:
        super().__init__(name, **more)
        self.world = world
        self.holders: dict[str, Holder] = {}
        self.late: set[str] = set()  # what was told to have failed and succeeded after all

    def send(self, instruction: Instruction) -> Sent:
        self.world.called("send")
        self.world.sent(self, instruction)
        answer = super().send(instruction)
        self.world.let_it_happen()
        return answer

    def fetch(self, instruction: Instruction) -> Status:
        self.world.called("fetch")
        answer = super().fetch(instruction)
        self.world.let_it_happen()
        return answer

    def holder(self, msisdn: str) -> Holder:
        self.world.called("holder")
        return self.holders.get(msisdn) or Holder(True, self.world.names.get(msisdn))

    def journal(self, reference: str) -> tuple[int, str] | None:
        """(amount, currency) that moved under a reference; None: nothing did."""
        record = self.records.get(reference)
        if record is None or record.state != "paid":
            return None
        asked = record.instruction
        return record.told.get("amount", asked.amount), record.told.get("currency", asked.currency)

    def float_of(self, currency: str) -> int:
        """What our account at this wallet holds by its journal: collected, less what went out."""
        total = 0
        for reference, record in self.records.items():
            amount, moved = self.journal(reference) or (0, currency)
            if moved == currency:
                total += amount if record.instruction.kind == "collection" else -amount
        return total

    def recover(self) -> None:
        """It is well again: nothing more goes wrong than what did."""
        self.down = False
        self._script.clear()
        self._answers.clear()

    def waiting(self) -> list[Record]:
        return [record for record in self.records.values() if record.state == "pending"]


class World:
    """The market. `faults` are what the wallets saw that must not be; `lost` kilos that ended with an order, by listing;
    `heads` the ends of the trail as they were exported; `gone` people who were forgotten."""

    def __init__(self, store: Store) -> None:
        self.store: Any = Watched(store)
        self.clock = ManualClock()
        self.hub: Any = Country(fees=[FeeRow("service", "mtn_momo", 0, 10_000_000, SERVICE_FEE)])
        self.faults: list[str] = []
        self.names: dict[str, str] = {}
        self.numbers: dict[str, str] = {}
        self.purses = {
            "mtn_momo": Purse(self, "mtn_momo"),
            "airtel_money": Purse(self, "airtel_money", tells_amount=False, first_s=180),
        }
        self.worker, self.slow = self.driver("w1"), self.driver("w2")
        self.held: list[Task] = []
        self.lost: Counter[str] = Counter()
        self.heads: list[tuple[int, str]] = []
        self.swept_at = 0
        self.gone: set[str] = set()
        self.known: set[str] = set()
        self.reached: Counter[str] = Counter()
        self.die_at = ""
        self.meanwhile: Callable[[], None] | None = None
        store.write(lambda tx: rates.load(tx, self.hub))
        self._real_crash = driver.crash_here
        driver.crash_here = self._crash_here

    def close(self) -> None:
        driver.crash_here = self._real_crash

    def driver(self, name: str) -> Driver:
        return Driver(
            self.store, self.clock, self.purses, settlement.handlers(self.clock), name,
            public_url="https://market.test", spread=random.Random(7), pause=lambda _seconds: None,
        )  # fmt: skip

    @property
    def now(self) -> int:
        return self.clock.now()

    def _crash_here(self, name: str) -> None:
        if name == self.die_at:
            self.die_at = ""
            raise Killed(name)

    # what the wallets see

    def called(self, what: str) -> None:
        if self.store.inside:
            self.faults.append(f"I7: {what} inside a transaction")

    def sent(self, purse: Purse, instruction: Instruction) -> None:
        with self.store.real.read() as tx:
            row = tx.payment_by_id(id=instruction.reference_id)
            if row is None or row["state"] != "sending":
                self.faults.append(f"I10: {instruction.kind} goes out and is {row and row['state']}")
                return
            first = all(one.reference_id != instruction.reference_id for one in purse.sendings)
            dispute = tx.dispute_open_of(order_id=row["order_id"])
            if first and dispute is not None and row["kind"] != "refund":
                self.faults.append(f"dispute: {row['kind']} of a disputed order goes out")

    def let_it_happen(self) -> None:
        """What happens once while a call to a wallet is under way."""
        happens, self.meanwhile = self.meanwhile, None
        if happens is not None:
            happens()

    # acts

    def act(self, work: Callable[[Tx], Any]) -> Any:
        """One turn of somebody's; None where a rule said no."""
        try:
            return self.store.turn(work)
        except EXPECTED as no:
            event(f"refused: {getattr(no, 'reason', 'not possible')}")
            return None

    def asked(self, work: Callable[[Tx], Any]) -> str:
        """The reason why a rule says no, "" where it did not."""
        try:
            self.store.turn(work)
        except EXPECTED as no:
            return str(getattr(no, "reason", "not possible"))
        return ""

    def reach(self, what: str, times: int = 1) -> None:
        self.reached[what] += times
        event(what)

    def number(self, network: str = "8") -> str:
        return f"+2507{network}{len(self.names) + 1:07d}"

    def seller(self, network: str) -> str:
        msisdn, name = self.number(network), f"Uwase {self._letters()}"
        row = self.store.turn(
            lambda tx: people.register_seller(
                tx, now=self.now, msisdn=msisdn, name=name, language="rw", place="3701", pin_hash="kept",
                consent_version="1", channel="ussd",
            )
        )  # fmt: skip
        self.names[msisdn], self.numbers[row["id"]] = name, msisdn
        return str(row["id"])

    def buyer(self, network: str) -> str:
        msisdn, name = self.number(network), f"Marc {self._letters()}"

        def work(tx: Tx) -> dict[str, Any]:
            row = people.register_buyer(
                tx, now=self.now, name=name, language="en", country="RW", consent_version="1", channel="ussd",
                msisdn=msisdn, pin_hash="kept",
            )  # fmt: skip
            tx.buyer_confirm(person_id=row["id"])
            buyers.verify(tx, now=self.now, person_id=row["id"], by="Alice", why="papers seen")
            return row

        row = self.store.turn(work)
        self.names[msisdn], self.numbers[row["id"]] = name, msisdn
        return str(row["id"])

    def _letters(self) -> str:
        count = len(self.names)
        return "".join(chr(97 + count // 26**place % 26) for place in range(3)).title() + "zimana"

    # workers

    def jobs(self, drive: bool = True) -> None:
        """Everything a worker does at its regular times."""
        now = self.now
        self.store.write(lambda tx: expiry.expire(tx, now=now))
        self.store.write(lambda tx: deliveries.remind(tx, clock=self.clock, now=now))
        self.store.write(lambda tx: wallets.activate_due(tx, now=now))
        self.look_at_holders()
        settlement.run(self.store, self.clock, now)
        if drive:
            self.drive(self.worker)
        audit.seal(self.store, now)
        with self.store.read() as tx:
            head = audit.head(tx)
        self.heads = [*self.heads[-3:], (head.sequence, head.hash)] if head.sequence else []

    def look_at_holders(self) -> None:
        with self.store.read() as tx:
            rows = wallets.to_look_at(tx, now=self.now)
        for row in rows:
            told = self.purses[row["provider"]].holder(row["msisdn"])
            self.store.write(
                lambda tx, row=row, told=told: wallets.note_holder(
                    tx, clock=self.clock, now=self.now, wallet_id=row["id"], active=told.active, name=told.name
                )
            )

    def drive(self, worker: Driver) -> None:
        """Let a worker do what is due; it may be killed on the way."""
        try:
            worker.run_due()
        except Killed as killed:
            self.reach(f"killed {killed}")

    def settle(self, rounds: int = 4) -> None:
        """Let whoever is asked say yes, and the workers go on."""
        for _ in range(rounds):
            self.jobs()
            for purse in self.purses.values():
                for record in purse.waiting():
                    purse.approve(record.instruction.reference_id)
            self.clock.advance(4 * MINUTE)
            self.drive(self.worker)

    def payment(self, payment_id: str) -> dict[str, Any]:
        with self.store.read() as tx:
            row: dict[str, Any] = tx.payment_by_id(id=payment_id)
            return row

    def new_payments(self) -> list[str]:
        """Payments that were not seen before."""
        with self.store.read() as tx:
            found = [row["id"] for row in tx.rows("SELECT id FROM payments ORDER BY created_at, order_id, kind, part")]
        fresh = [one for one in found if one not in self.known]
        self.known.update(fresh)
        return fresh
