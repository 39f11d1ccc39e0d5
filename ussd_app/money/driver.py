"""The driver: leases payments that are due, sends them, asks what became of them and applies the answers.

Any number of workers run one each. A payment belongs to whoever holds its lease, by its fence: who comes back too late
changes nothing. That it is sent is committed before the call; no wallet is ever called inside a transaction.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ussd_app.lib.clock import Clock
from ussd_app.lib.crash import crash_here
from ussd_app.money import audit, breaker, ledger
from ussd_app.money.outcomes import Outcomes
from ussd_app.money.payments import Row, release, save, subject
from ussd_app.money.providers.base import Instruction, Provider, Sent, Status
from ussd_app.money.transitions import WORKER, Handlers, proof, tell, to_state
from ussd_app.store import Store, Tx

LANES = 4  # calls under way at once, a wallet
LEASE_MS, LEASE_LEAST_MS = 60_000, 20_000  # longer than a call takes, however fast the clock of a rehearsal runs
IDLE_S = 0.2
PROMPT_GRACE_MS = 60_000
BUSY_MS = 15_000  # until the phone is looked at again that shows another request
SHORT_MS = 300_000

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """A leased payment: to be sent, or to be asked about from `slot_at` (epoch ms) on."""

    row: Row
    send: bool
    slot_at: int


class Driver:
    """One worker's driver.

    Args: `providers` by name. `handlers` by event ("payment.paid", "payment.failed", "payment.review"), called in the
    transaction of the change with the payment's row and now. `name` is this worker's own. `public_url` is where wallets
    call back. `spread` scatters waits. `pause(seconds)` waits for a status call's turn.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        providers: Mapping[str, Provider],
        handlers: Handlers,
        name: str,
        *,
        public_url: str = "",
        spread: random.Random | None = None,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self._store, self._clock, self._providers, self._name = store, clock, providers, name
        self._outcomes = Outcomes(clock, handlers, spread or random.Random())
        self._handlers = handlers
        self._public_url = public_url.rstrip("/")
        self._stop = threading.Event()
        self._pause = pause or self._stop.wait
        self._lease_ms = max(clock.wait(LEASE_MS), LEASE_LEAST_MS)
        self._threads: list[threading.Thread] = []
        self._sends_first = False

    def run_due(self) -> int:
        """Do all that is due now, here and one after the other. Returns how many calls were begun."""
        count = 0
        for name in self._providers:
            while tasks := self.lease(name, LANES):
                for task in tasks:
                    self.handle(task)
                count += len(tasks)
        return count

    def start(self) -> None:
        """Work on threads of its own until `end`: one a wallet, so that a slow one keeps only its own waiting."""
        for name in self._providers:
            thread = threading.Thread(target=self._serve, args=(name,), name=f"payments-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def end(self) -> None:
        """Finish the calls under way and give the rest back."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self._store.write(lambda tx: tx.payments_give_back(worker=self._name))

    def _serve(self, name: str) -> None:
        free = threading.Semaphore(LANES)
        with ThreadPoolExecutor(LANES, thread_name_prefix=f"payments-{name}") as lanes:
            while not self._stop.is_set():
                free.acquire()  # one lane at least
                room = 1
                while room < LANES and free.acquire(blocking=False):
                    room += 1
                try:
                    tasks = self.lease(name, room)
                except Exception:  # the store is away: the rows wait, and so do we
                    log.exception("The payments of %s cannot be read", name)
                    tasks = []
                for _ in range(room - len(tasks)):
                    free.release()
                for task in tasks:
                    lanes.submit(self._handle_lane, task, free)
                if not tasks:
                    self._stop.wait(IDLE_S)

    def _handle_lane(self, task: Task, free: threading.Semaphore) -> None:
        try:
            if not self._stop.is_set():
                self.handle(task)
        except Exception as error:
            log.exception("Payment %s stays leased: %s", task.row["id"], type(error).__name__)
        finally:
            free.release()

    def lease(self, name: str, most: int) -> list[Task]:
        """Take what is due at one wallet, at most `most` payments."""
        now = self._clock.now()
        with self._store.read() as tx:
            if breaker.is_shut(tx, name, now) or not tx.payments_are_due(provider=name, now=now):
                return []
        return self._store.write(lambda tx: self._lease(tx, name, most))

    def _lease(self, tx: Tx, name: str, most: int) -> list[Task]:
        now = self._clock.now()
        provider = self._providers[name]
        self._take_back(tx, name, now)
        gate = breaker.enter(tx, name, now=now, clock=self._clock, most=most, rate=provider.status_rate)
        lease = {"provider": name, "now": now, "until": now + self._lease_ms, "worker": self._name}
        left = 1 if gate.probe else most
        self._sends_first = not self._sends_first and not gate.probe  # by turns: a backlog of one starves not the other
        polls: list[Row] = []
        sends: list[Row] = []
        for send in (True, False) if self._sends_first else (False, True):
            allowed = min(gate.sends if send else gate.polls, left - len(polls) - len(sends))
            (sends if send else polls).extend(tx.payments_lease(**lease, send=int(send), most=allowed))
        breaker.spend(tx, name, gate, len(polls))
        tasks = [Task(row, True, now) for row in _in_order(sends)]
        for place, row in enumerate(_in_order(polls)):
            tasks.append(Task(row, False, round(gate.slot_at + place * gate.slot_ms)))
        return tasks

    def _take_back(self, tx: Tx, name: str, now: int) -> None:
        """Sendings whose worker is gone: they may have left or not, so the wallet is asked, never sent again at once."""
        for found in tx.payments_stopped_sending(provider=name, now=now, most=50):
            row = tx.payment_take(id=found["id"])
            if row["state"] == "sending" and row["fence"] == found["fence"]:
                row["word"] = "stopped while sending"
                to_state(tx, row, "unknown", now=now, handlers=self._handlers, next_at=now)

    def handle(self, task: Task) -> None:
        """Send or ask, and apply the answer."""
        if task.send:
            self._send(task.row)
        else:
            self._fetch(task)

    def _send(self, leased: Row) -> None:
        provider = self._providers[leased["provider"]]
        marked = self._store.write(lambda tx: self._mark_sending(tx, leased, provider))
        if marked is None:
            return
        begun, instruction = marked
        crash_here("payment.after_sending_mark")
        try:
            answer = provider.send(instruction)
        except Exception as error:  # a fault of the adapter's: it may have left
            log.exception("Wallet %s broke on sending payment %s", provider.name, begun["id"])
            answer = Sent("unknown", type(error).__name__)
        crash_here("payment.after_send")

        def change(tx: Tx, row: Row, now: int) -> None:
            self._outcomes.sent(tx, row, provider, answer, now)

        self._apply(begun, f"send {answer.outcome}", answer.raw_hash, change)

    def _fetch(self, task: Task) -> None:
        leased, provider = task.row, self._providers[task.row["provider"]]
        early_ms = task.slot_at - self._clock.now()
        if early_ms > 0:
            self._pause(min(early_ms, breaker.AHEAD_MS) / 1000)
        with self._store.read() as tx:
            instruction = instruction_of(tx, leased)
        try:
            status = provider.fetch(instruction)
        except Exception as error:
            log.exception("Wallet %s broke on asking for payment %s", provider.name, leased["id"])
            status = Status("unknown", reason=type(error).__name__)

        def change(tx: Tx, row: Row, now: int) -> None:
            self._outcomes.fetched(tx, row, provider, status, now)

        self._apply(leased, f"status {status.state}", status.raw_hash, change)

    def _apply(self, leased: Row, what: str, raw_hash: str, change: Callable[[Tx, Row, int], None]) -> None:
        """Apply an answer in one transaction, or note it as an event where the lease was lost meanwhile."""

        def work(tx: Tx) -> None:
            now = self._clock.now()
            row = tx.payment_take(id=leased["id"])
            if row["fence"] == leased["fence"] and row["state"] == leased["state"]:
                change(tx, row, now)
                return
            log.warning("Payment %s: an answer came too late to count (%s)", row["id"], what)
            evidence = proof(raw_hash, now)
            told = {"action": "payment.late_answer", "subject": subject(row), "was": what, "becomes": row["state"]}
            audit.note(tx, now=now, actor=WORKER, **told, evidence=evidence)
            tx.payment_hint(id=row["id"], now=now)

        crash_here("payment.before_apply")
        self._store.write(work)
        crash_here("payment.after_apply")

    def _mark_sending(self, tx: Tx, leased: Row, provider: Provider) -> tuple[Row, Instruction] | None:
        """Commit that it is sent, with the money held. None where it must not be sent now."""
        now = self._clock.now()
        row: Row = tx.payment_take(id=leased["id"])
        if row["fence"] != leased["fence"] or row["state"] not in ("created", "pending", "unknown"):
            return None
        was = row["state"]
        if row["kind"] == "collection":
            tx.lock(f"payer:{row['msisdn']}")
            since = now - self._clock.wait(provider.window_ms + PROMPT_GRACE_MS)
            if tx.payment_prompt_open(msisdn=row["msisdn"], id=row["id"], since=since):
                self._put_off(tx, row, "payer_busy", now, BUSY_MS)
                return None
        if row["hold_id"] is None:
            try:
                row["hold_id"] = self._hold(tx, row, now)
            except ledger.Short:
                log.error("Payment %s is not covered by its account", row["id"])
                self._put_off(tx, row, "not_covered", now, SHORT_MS)
                return None
        row |= {"state": "sending", "sends": row["sends"] + 1, "sent_at": now, "resend": 0, "reason": ""}
        row |= {"first_sent_at": row["first_sent_at"] or now, "not_found_count": 0}
        row["lease_until"] = now + self._lease_ms
        save(tx, row, now)
        tell(tx, row, was, now=now, handlers=self._handlers)
        called = provider.needs_callback_per_payment and self._public_url
        address = f"{self._public_url}/payments/{provider.name}/{row['callback_token']}" if called else ""
        return row, instruction_of(tx, row, address)

    def _hold(self, tx: Tx, row: Row, now: int) -> str:
        return ledger.hold(
            tx,
            now=now,
            payment_id=row["id"],
            source=row["source"],
            destination=row["destination"],
            amount=row["amount"],
            currency=row["currency"],
        )

    def _put_off(self, tx: Tx, row: Row, reason: str, now: int, pause_ms: int) -> None:
        row |= {"reason": reason, "next_at": now + self._clock.wait(pause_ms)}
        release(row)
        save(tx, row, now)


def instruction_of(tx: Tx, row: Row, callback_url: str = "") -> Instruction:
    """A payment as its wallet is told of it, always the same."""
    return Instruction(
        reference_id=row["id"],
        kind=row["kind"],
        amount=row["amount"],
        currency=row["currency"],
        msisdn=row["msisdn"],
        external_id=row["our_external"],
        note=row["note"],
        callback_url=callback_url,
        original_external=row["original_external"],
        original_reference=_original_reference(tx, row),
    )


def _original_reference(tx: Tx, row: Row) -> str:
    """The reference under which the wallet knows what a refund gives back."""
    if row["kind"] != "refund":
        return ""
    original = tx.payment_by_id(id=row["original_id"])
    if original is None:
        return str(row["original_id"])  # never one of ours: as the wallet's statement names it
    return str(original["original_id"] or original["id"])  # money that came late came under the earlier reference


def _in_order(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row["next_at"], row["part"], row["id"]))
