"""What a wallet's answer makes of a payment. Every function runs in one transaction that holds the payment's row.

Only a status we asked for ourselves settles anything; a word that is not known, a failed call or time alone never does.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass

from ussd_app.lib.clock import Clock
from ussd_app.money import breaker, cases
from ussd_app.money.payments import Row, add_found
from ussd_app.money.providers.base import Provider, Sent, Status, plain_reason
from ussd_app.money.transitions import Handlers, park, post, proof, tell, to_state, to_suspense
from ussd_app.store import Tx

DAY_MS = 86_400_000
NOT_FOUND_MS = 600_000  # past the payer's window, before a reference that is not known there is sent again
NOT_FOUND_TIMES = 3
NOT_FOUND_AGAIN_MS = 60_000  # between these, once that time has passed
FIRST_RETRY_MS, LAST_RETRY_MS = 5_000, 300_000
MISCONFIGURED_MS = 3_600_000
LATE_CHECK_MS = DAY_MS  # how long after sending a given-up payment is looked at again when a callback asks for it

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcomes:
    """What answers are judged with. `spread` scatters the waits a little."""

    clock: Clock
    handlers: Handlers
    spread: random.Random

    # after a sending

    def sent(self, tx: Tx, row: Row, provider: Provider, answer: Sent, now: int) -> None:
        """Apply the answer to a sending (`row` is `sending`)."""
        evidence = proof(answer.raw_hash, now)
        row["word"] = answer.reason[:120]
        first = row["sends"] == 1
        if answer.outcome in ("accepted", "duplicate", "refused", "busy"):
            breaker.well(tx, provider.name, now=now, sent=answer.outcome != "busy")
        match answer.outcome:
            case "accepted":
                self._wait(tx, row, "pending", provider, now, evidence)
            case "duplicate" if first:
                self._wait(tx, row, "unknown", provider, now, evidence, at=now, collision=1)
            case "duplicate":
                self._wait(tx, row, "pending", provider, now, evidence, at=now)
            case "refused" if first:
                self._fail(tx, row, answer.reason, now, evidence)
            case "not_sent" | "unauthorised" | "misconfigured":
                self._not_sent(tx, row, provider, answer, now, evidence)
            case "busy":
                self._wait(tx, row, "unknown", provider, now, evidence, at=now + max(1, answer.wait_ms))
            case _:
                breaker.failed(tx, provider.name, now=now, clock=self.clock, reason=answer.reason)
                self._wait(tx, row, "unknown", provider, now, evidence)

    def _not_sent(self, tx: Tx, row: Row, provider: Provider, answer: Sent, now: int, evidence: str) -> None:
        """Nothing of this sending arrived: it does not count. What was sent before may still be there."""
        pause_ms = min(FIRST_RETRY_MS * 2 ** min(row["tries"], 10), LAST_RETRY_MS)
        if answer.outcome == "not_sent":
            breaker.failed(tx, provider.name, now=now, clock=self.clock, reason=answer.reason)
        else:
            breaker.pause(tx, provider.name, now=now, clock=self.clock, reason=answer.reason or answer.outcome)
            pause_ms = MISCONFIGURED_MS if answer.outcome == "misconfigured" else pause_ms
        sends = row["sends"] - 1
        row |= {"sends": sends, "tries": row["tries"] + 1, "reason": answer.outcome}
        if sends == 0:
            row |= {"first_sent_at": None, "sent_at": None}
        else:
            row["resend"] = 1
        state = "unknown" if sends else "created"
        next_at = now + self.clock.wait(round(pause_ms * self._jitter()))
        to_state(tx, row, state, now=now, handlers=self.handlers, evidence=evidence, next_at=next_at)

    # after a status

    def fetched(self, tx: Tx, row: Row, provider: Provider, status: Status, now: int) -> None:
        """Apply what the wallet says of a payment; `row` is open, in review, or given up."""
        evidence = proof(status.raw_hash, now)
        row["polls"] += 1
        if status.state == "unknown":
            if not status.wait_ms:
                breaker.failed(tx, provider.name, now=now, clock=self.clock, reason=status.reason)
        else:
            breaker.well(tx, provider.name, now=now)
        if row["state"] in ("failed", "cancelled"):
            self._after_the_end(tx, row, provider, status, now, evidence)
        elif row["state"] == "review":
            self._in_review(tx, row, provider, status, now, evidence)
        elif row["collision"]:
            self._collided(tx, row, provider, status, now, evidence)
        elif status.our_external and status.our_external != row["our_external"]:
            log.error("Wallet %s told of another payment when asked for %s", provider.name, row["id"])
            detail = "the wallet's answer names another order"
            cases.open_case(tx, now=now, row=row, why="foreign_evidence", detail=detail, status=status)
            self._wait(tx, row, row["state"], provider, now, evidence)
        else:
            self._judge(tx, row, provider, status, now, evidence)

    def _judge(self, tx: Tx, row: Row, provider: Provider, status: Status, now: int, evidence: str) -> None:
        if status.state != "not_found":
            row["not_found_count"] = 0
        match status.state:
            case "paid":
                self._paid(tx, row, provider, status, now, evidence)
            case "failed":
                row["external_id"] = _free_external(tx, row, status)
                self._fail(tx, row, status.reason, now, evidence)
            case "pending":
                self._wait(tx, row, "pending", provider, now, evidence)
            case "not_found":
                self._not_found(tx, row, provider, now, evidence)
            case _:
                self._wait(
                    tx, row, row["state"], provider, now, evidence, at=self._ask_again(row, provider, status, now)
                )

    def _paid(self, tx: Tx, row: Row, provider: Provider, status: Status, now: int, evidence: str) -> None:
        why = mismatch(row, provider, status)
        external_id = _free_external(tx, row, status)
        if status.external_id and external_id is None:
            why = "same_transaction"
        row["external_id"] = external_id
        if why:
            self._review(tx, row, provider, status, now, evidence, why)
            return
        amount = status.amount or row["amount"]
        post(tx, row, amount, now, evidence)
        to_state(
            tx,
            row,
            "paid",
            now=now,
            handlers=self.handlers,
            evidence=evidence,
            settled_amount=amount,
            reason="",
            next_at=None,
            resend=0,
        )

    def _review(
        self, tx: Tx, row: Row, provider: Provider, status: Status, now: int, evidence: str, why: str, detail: str = ""
    ) -> None:
        """Hold what does not match until people decide; money that did move goes to suspense."""
        log.error("Payment %s is to be looked at: %s", row["id"], why)
        amount = _moved(row, provider, status)
        if why in ("same_transaction", "reference_in_use"):
            amount = None if detail or why == "same_transaction" else amount  # another's money is not booked twice
        if amount:
            to_suspense(tx, row, amount, status.currency or row["currency"], now, evidence)
        cases.open_case(
            tx, now=now, row=row, why=why, detail=detail, status=status, in_suspense=amount or 0, amount=amount
        )
        settled = status.state in ("paid", "failed")
        next_at = None if settled else self._next_poll(row, provider, now)
        to_state(
            tx,
            row,
            "review",
            now=now,
            handlers=self.handlers,
            evidence=evidence,
            reason=why,
            next_at=next_at,
            resend=0,
        )

    def _collided(self, tx: Tx, row: Row, provider: Provider, status: Status, now: int, evidence: str) -> None:
        """Our first sending was told to be a repetition: the reference was used before, or our rows are of yesterday."""
        if status.state == "unknown":
            self._wait(tx, row, row["state"], provider, now, evidence)
            return
        detail = differences(row, status)
        if not detail:
            row["external_id"] = _free_external(tx, row, status)
        self._review(tx, row, provider, status, now, evidence, "reference_in_use", detail)

    def _in_review(self, tx: Tx, row: Row, provider: Provider, status: Status, now: int, evidence: str) -> None:
        """People decide; meanwhile the case is told what the wallet says now."""
        case = tx.payment_review_of(payment_id=row["id"])
        settled = status.state in ("paid", "failed")  # there is no more to hear, whatever calls back
        next_at = None if settled else self._next_poll(row, provider, now)
        if case is not None and settled and not case["in_suspense"]:
            amount = None if differences(row, status) else _moved(row, provider, status)
            if amount and case["why"] == "reference_in_use":
                row["external_id"] = _free_external(tx, row, status)
                to_suspense(tx, row, amount, status.currency or row["currency"], now, evidence)
            else:
                amount = 0
            cases.tell_case(tx, case, status, in_suspense=amount or 0)
        to_state(tx, row, "review", now=now, handlers=self.handlers, evidence=evidence, next_at=next_at)

    def _not_found(self, tx: Tx, row: Row, provider: Provider, now: int, evidence: str) -> None:
        """Not there, they say. Believed three times, and after the payer's time and more: then sent again as it is."""
        row["not_found_count"] += 1
        believed_at = (row["sent_at"] or row["created_at"]) + self.clock.wait(provider.window_ms + NOT_FOUND_MS) + 1
        if row["not_found_count"] >= NOT_FOUND_TIMES and now >= believed_at:
            to_state(tx, row, "unknown", now=now, handlers=self.handlers, evidence=evidence, resend=1, next_at=now)
            return
        next_at = self._next_poll(row, provider, now)
        # Once it may be believed, the schedule's hours and days are too long: after a long outage it is all there is.
        soon = believed_at if now < believed_at else now + self.clock.wait(round(NOT_FOUND_AGAIN_MS * self._jitter()))
        at = next_at if next_at is None else min(next_at, soon)
        self._wait(tx, row, row["state"], provider, now, evidence, at=at)

    def _after_the_end(self, tx: Tx, row: Row, provider: Provider, status: Status, now: int, evidence: str) -> None:
        """News of a payment that was given up. It stays so; money that did move is a case of its own."""
        next_at = None
        foreign = status.our_external not in ("", row["our_external"])
        if status.state == "paid" and not foreign:
            self._late(tx, row, provider, status, now, evidence)
        elif status.state in ("pending", "unknown") and now - (row["sent_at"] or 0) < self.clock.wait(LATE_CHECK_MS):
            next_at = self._next_poll(row, provider, now)
        to_state(tx, row, row["state"], now=now, handlers={}, next_at=next_at)

    def _late(self, tx: Tx, row: Row, provider: Provider, status: Status, now: int, evidence: str) -> None:
        once = f"late:{row['id']}"
        if tx.payment_review_by_once(once=once) is not None:
            return
        log.error("Payment %s was given up and has succeeded after all", row["id"])
        amount = _moved(row, provider, status)
        currency = status.currency or row["currency"]
        found = add_found(
            tx, row, now, amount=amount or row["amount"], currency=currency, external_id=status.external_id
        )
        if amount:
            park(tx, row["kind"], row["provider"], amount, currency, now, found["id"], once)
        cases.open_case(
            tx, now=now, row=found, why="late_success", status=status, in_suspense=amount or 0, amount=amount, once=once
        )
        tell(tx, found, "", now=now, handlers=self.handlers, evidence=evidence)

    # both

    def _wait(
        self,
        tx: Tx,
        row: Row,
        state: str,
        provider: Provider,
        now: int,
        evidence: str,
        *,
        at: int | None = None,
        collision: int | None = None,
    ) -> None:
        """Not known yet; look again when the schedule, or `at`, says."""
        row["collision"] = row["collision"] if collision is None else collision
        next_at = self._next_poll(row, provider, now) if at is None else at
        row |= {"resend": 0, "reason": ""}
        to_state(tx, row, state, now=now, handlers=self.handlers, evidence=evidence, next_at=next_at)

    def _fail(self, tx: Tx, row: Row, word: str, now: int, evidence: str) -> None:
        row |= {"reason": plain_reason(word), "word": word[:120], "next_at": None, "resend": 0}
        to_state(tx, row, "failed", now=now, handlers=self.handlers, evidence=evidence)

    def _ask_again(self, row: Row, provider: Provider, status: Status, now: int) -> int | None:
        """After no answer: when they said, else soon, so that nothing waits long once the wallet is back."""
        if status.wait_ms:
            return now + status.wait_ms
        next_at = self._next_poll(row, provider, now)
        soon = now + self.clock.wait(round(LAST_RETRY_MS * self._jitter() / 1.2))
        return next_at if next_at is None else min(next_at, soon)

    def _next_poll(self, row: Row, provider: Provider, now: int) -> int | None:
        """When the status is asked next: at the next place of the schedule, a fifth of the way sooner or later."""
        if not provider.polls:
            return None  # nobody there can be asked
        began: int = row["sent_at"] or row["created_at"]
        elapsed = max(0, now - began)
        before = 0
        for offset in provider.polls:
            gap = self.clock.wait(offset) - elapsed
            if gap > self.clock.wait(offset - before) // 4:  # not the place that was just a little early
                return now + max(1, round(gap * self._jitter()))
            before = offset
        return now + self.clock.wait(round(DAY_MS * self._jitter()))

    def _jitter(self) -> float:
        return self.spread.uniform(0.8, 1.2)


def mismatch(row: Row, provider: Provider, status: Status) -> str:
    """Why a success is not ours as it was asked: wrong_currency, wrong_amount, amount_not_told, wrong_payer; "" for none.

    What a wallet never tells is bound when we ask, and compared with its statement later.
    """
    if status.currency and status.currency != row["currency"]:
        return "wrong_currency"
    if status.amount is None and provider.tells_amount:
        return "amount_not_told"
    if status.amount is not None and status.amount != row["amount"]:
        return "wrong_amount"
    if status.msisdn and row["msisdn"] and status.msisdn != row["msisdn"]:
        return "wrong_payer"
    return ""


def differences(row: Row, status: Status) -> str:
    """What the wallet tells otherwise than we know it, in words; "" where all that is told is the same."""
    told = {
        "amount": (status.amount, row["amount"]),
        "currency": (status.currency, row["currency"]),
        "number": (status.msisdn, row["msisdn"]),
        "order": (status.our_external, row["our_external"]),
    }
    return ", ".join(name for name, (theirs, ours) in told.items() if theirs not in ("", None, ours))


def _moved(row: Row, provider: Provider, status: Status) -> int | None:
    """How much money moved, minor units; None where that is not known."""
    if status.state != "paid":
        return None
    if status.amount is None:
        return None if provider.tells_amount else int(row["amount"])
    return status.amount or None


def _free_external(tx: Tx, row: Row, status: Status) -> str | None:
    """The wallet's transaction id where no other payment has it; others wait until this transaction ends."""
    if not status.external_id or row["external_id"] == status.external_id:
        return status.external_id or row["external_id"]
    tx.lock(f"external:{row['provider']}:{status.external_id}")
    other = tx.payment_by_external(provider=row["provider"], external_id=status.external_id)
    return status.external_id if other is None or other["id"] == row["id"] else None
