"""A wallet within the test's own process: it keeps what it was told by reference, and plays the faults it is given."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ussd_app.money.providers.base import CallbackHint, Holder, Instruction, Sent, Status, hash_of, schedule


@dataclass
class Record:
    """What the wallet knows of one reference."""

    instruction: Instruction
    state: str = "pending"
    external_id: str = ""
    reason: str = ""
    told: dict[str, Any] = field(default_factory=dict)


class Wallet:
    """Takes every instruction, and settles it when the test says so.

    `play(...)` queues what becomes of the next sendings: an outcome of `Sent`; `lost` (it arrived, we hear nothing),
    `lost_before` (it did not arrive, we hear nothing). `say(...)` queues answers to the next status calls.
    """

    needs_callback_per_payment = True

    def __init__(
        self, name: str = "mtn_momo", *, tells_amount: bool = True, first_s: int = 15, rate: float = 0.0
    ) -> None:
        self.name, self.tells_amount, self.status_rate = name, tells_amount, rate
        self.polls = schedule(first_s, 30, 60, 120) if first_s < 30 else schedule(first_s)
        self.window_ms = 300_000
        self.records: dict[str, Record] = {}
        self.sendings: list[Instruction] = []
        self.fetches: list[str] = []
        self.down = False
        self._script: deque[str] = deque()
        self._answers: deque[Status] = deque()
        self._count = 0
        self._lock = threading.Lock()
        self.during_send: Any = None

    def play(self, *outcomes: str) -> None:
        self._script.extend(outcomes)

    def say(self, *answers: Status) -> None:
        self._answers.extend(answers)

    def approve(self, reference: str, **told: Any) -> Record:
        """The payer said yes; `told` is told otherwise than it was asked (amount, currency, msisdn, external_id ...)."""
        record = self.records[reference]
        self._count += 1
        record.state, record.told = "paid", told
        record.external_id = told.pop("external_id", f"tx{self.name}{self._count}")
        return record

    def reject(self, reference: str, reason: str = "APPROVAL_REJECTED") -> None:
        record = self.records[reference]
        record.state, record.reason = "failed", reason

    def send(self, instruction: Instruction) -> Sent:
        with self._lock:
            self.sendings.append(instruction)
            outcome = self._script.popleft() if self._script else "accepted"
            if self.down:
                outcome = "not_sent"
            if outcome in ("accepted", "lost", "junk"):
                if instruction.reference_id in self.records:
                    return Sent("duplicate", "RESOURCE_ALREADY_EXIST", hash_of(b"409"))
                self.records[instruction.reference_id] = Record(instruction)
        if self.during_send is not None:
            self.during_send(instruction)
        if outcome in ("lost", "lost_before", "junk"):
            return Sent("unknown", outcome)
        if outcome.startswith("busy"):
            return Sent("busy", "429", wait_ms=int(outcome.partition(":")[2] or 5000))
        outcome, _, reason = outcome.partition(":")
        return Sent(outcome, reason or outcome, hash_of(outcome.encode()))

    def fetch(self, instruction: Instruction) -> Status:
        with self._lock:
            self.fetches.append(instruction.reference_id)
            if self._answers:
                return self._answers.popleft()
            if self.down:
                return Status("unknown", reason="no connection")
            record = self.records.get(instruction.reference_id)
            if record is None:
                return Status("not_found", reason="RESOURCE_NOT_FOUND", raw_hash=hash_of(b"404"))
            asked = record.instruction
            told: dict[str, Any] = {"external_id": record.external_id, "reason": record.reason}
            if self.tells_amount:
                told |= {"amount": asked.amount, "currency": asked.currency, "msisdn": asked.msisdn}
                told |= {"our_external": asked.external_id}
            return Status(record.state, raw_hash=hash_of(record.state.encode()), **(told | record.told))

    def moved(self) -> list[Record]:
        """Every payment in which money moved."""
        return [record for record in self.records.values() if record.state == "paid"]

    def balance(self) -> int | None:
        return None

    def holder(self, msisdn: str) -> Holder:
        return Holder()

    def read_callback(self, body: bytes, headers: Mapping[str, str], token: str) -> CallbackHint:
        state, _, reference = body.decode().partition(":")
        return CallbackHint(reference_id=reference, state=state or "unknown", raw_hash=hash_of(body))

    def close(self) -> None:
        """Nothing is open."""
