"""What people must look at: money that does not match, and what takes too long. Two different people decide whatever
moves money, or says that none has moved; every decision has a written reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from ussd_app.lib.clock import Clock
from ussd_app.money import audit, ledger
from ussd_app.money.cases import open_case
from ussd_app.money.payments import BY_HAND, OPEN, Row, add_refund, cancel, wallet_account
from ussd_app.money.providers.base import Status
from ussd_app.money.transitions import Handlers, post, to_state
from ussd_app.store import Tx

Decision = Literal["paid", "failed", "refund", "noted"]

OVERDUE_MS = 86_400_000
SWEEP = 200
WHY_LEAST, WHY_MOST = 5, 500


class NotPossible(Exception):
    """The case cannot be decided so; the message says why, in a sentence."""


@dataclass(frozen=True)
class Decided:
    """`done` is False while a second person must say the same. `refund_id` is the payment that gives the money back."""

    done: bool
    refund_id: str = ""


def sweep(tx: Tx, *, now: int, clock: Clock) -> int:
    """Put what has been open for a day on the list; it stays open. Returns how many."""
    old = tx.payments_old(before=now - clock.wait(OVERDUE_MS), limit=SWEEP)
    for row in old:
        open_case(tx, now=now, row=row, why="overdue", detail=f"{row['state']} {row['reason']}".strip())
    return len(old)


def listing(tx: Tx, state: str = "open") -> list[dict[str, Any]]:
    """The cases in `state` (open, decided, closed), the oldest first, with the payment's terms and state."""
    rows: list[dict[str, Any]] = tx.payment_reviews_all(state=state)
    return rows


def tell_by_hand(tx: Tx, *, now: int, payment_id: str, status: Status) -> str:
    """What a person read of a payment that no wallet can tell of (a bank's line); returns the case, which two people
    then decide. Raises NotPossible."""
    row = tx.payment_take(id=payment_id)
    if row is None or row["provider"] not in BY_HAND or row["state"] not in ("pending", "unknown"):
        raise NotPossible("No payment outside the wallets waits under this id.")
    if status.currency not in ("", row["currency"]):
        raise NotPossible("It came in another currency.")
    once = f"by_hand:{payment_id}:{status.external_id}"
    open_case(tx, now=now, row=row, why="by_hand", status=status, once=once)
    return str(tx.payment_review_by_once(once=once)["id"])


def decide(tx: Tx, *, now: int, review_id: str, by: str, decision: Decision, why: str, handlers: Handlers) -> Decided:
    """Say what becomes of a case. The first person's word waits for a second one's, except for `noted`.

    Args: `by` is the operator's name. `decision`: paid (the money goes, or went, where it was meant to), failed (none
    moved; it may be asked for anew), refund (it goes back to who paid), noted (seen; nothing is changed).
    Raises NotPossible.
    """
    who = operator(by)
    why = reason(why)
    case = tx.payment_review_take(id=review_id)
    if case is None or case["state"] != "open":
        raise NotPossible("No open case has this id.")
    row = tx.payment_take(id=case["payment_id"]) if case["payment_id"] else None
    _check(case, row, decision)
    alone = decision == "noted" and not case["in_suspense"]
    seconded = case["proposed_as"] == decision and case["proposed_by"] != who
    if not alone and not seconded:
        tx.payment_review_propose(id=review_id, decision=decision, by=who, why=why, now=now)
        _note(tx, case, now, who, "review.proposed", decision)
        return Decided(False)
    tx.payment_review_decide(id=review_id, decision=decision, by=who, why=why, now=now)
    _note(tx, case, now, who, "review.decided", decision)
    try:
        return Decided(True, _carry_out(tx, case, row, decision, now, who, handlers))
    except ledger.Short as short:
        raise NotPossible("The account it is to leave does not hold so much.") from short


def _check(case: Row, row: Row | None, decision: Decision) -> None:
    open_still = row is not None and row["state"] in (*OPEN, "review")
    if decision == "noted":
        if open_still and case["why"] != "foreign_evidence":
            raise NotPossible("The payment is still open: decide paid, failed or refund.")
        return
    if decision == "refund" and row is None:
        if case["in_suspense"] and case["told_msisdn"] and case["detail"] == "collection":
            return
        raise NotPossible("Nothing that came in from a known number is in suspense.")
    if row is None or not open_still:
        raise NotPossible("There is no open payment in this case: it can only be noted.")
    if row["state"] == "sending":
        raise NotPossible("It is just being sent: try again in a minute.")
    if decision == "refund" and (row["kind"] != "collection" or not case["in_suspense"]):
        raise NotPossible("Only what came in, and is in suspense, can be given back.")
    if decision == "failed" and case["in_suspense"]:
        raise NotPossible("Money did move: decide paid or refund.")
    if decision == "paid" and row["provider"] == "bank":
        raise NotPossible("A transfer is paid by the bank's line alone: flask bank confirm.")
    if decision == "paid" and row["state"] == "created":
        raise NotPossible("It was never sent.")
    if decision == "paid" and case["in_suspense"] and case["told_currency"] not in ("", row["currency"]):
        raise NotPossible("It came in another currency: it can only go back.")


def _carry_out(tx: Tx, case: Row, row: Row | None, decision: Decision, now: int, who: str, handlers: Handlers) -> str:
    """Do what was decided; the id of a refund, else "". The payment's row is held."""
    if decision == "noted":
        return ""
    refund_id = _give_back(tx, case, row, now, who) if decision == "refund" else ""
    if row is None:
        return refund_id
    evidence = f"review:{case['id']}"
    if decision == "paid":
        amount = _accept(tx, case, row, now, evidence)
        changes: dict[str, Any] = {"settled_amount": amount, "reason": ""}
        if case["why"] == "by_hand" and case["told_external"]:
            other = tx.payment_by_external(provider=row["provider"], external_id=case["told_external"])
            if other is not None:
                raise NotPossible("Another payment was paid by that line.")
            changes["external_id"] = case["told_external"]
    elif row["state"] == "created":
        cancel(tx, now=now, payment_id=row["id"], by=who, why="given up")
        return ""
    else:
        changes = {"reason": "refunded" if refund_id else "not_paid"}
    state = "paid" if decision == "paid" else "failed"
    to_state(
        tx, row, state, now=now, handlers=handlers, evidence=evidence, actor=who, next_at=None, resend=0, **changes
    )
    return refund_id


def _accept(tx: Tx, case: Row, row: Row, now: int, evidence: str) -> int:
    """Book the money where it was meant to go; returns how much."""
    told = case["told_amount"] if case["why"] == "by_hand" else None
    amount = int(case["in_suspense"] or told or row["amount"])
    held = row["hold_id"] is not None and ledger.ending(tx, row["hold_id"]) is None
    if held:
        post(tx, row, amount, now, evidence)
        return amount
    wallet = wallet_account(row["provider"])
    left = ledger.SUSPENSE if case["in_suspense"] else wallet
    source, destination = (left, row["destination"]) if row["kind"] == "collection" else (row["source"], left)
    if source != destination:  # a refund out of suspense is where it belongs
        ledger.move(
            tx,
            now=now,
            source=source,
            destination=destination,
            amount=amount,
            currency=row["currency"],
            why="decided",
            payment_id=row["id"],
            once=f"review:{case['id']}",
        )
    return amount


def _give_back(tx: Tx, case: Row, row: Row | None, now: int, who: str) -> str:
    """A refund of what is in suspense, to whoever paid it."""
    original = row["id"] if row else case["told_reference"] or case["told_external"]
    currency = case["told_currency"] or (row["currency"] if row else "")
    terms = {
        "order_id": row["order_id"] if row else f"case-{case['id']}",
        "delivery_id": row["delivery_id"] if row else None,
        "provider": case["provider"],
        "person_id": row["person_id"] if row else None,
        "msisdn": case["told_msisdn"] or (row["msisdn"] if row else ""),
        "amount": case["in_suspense"],
        "currency": currency,
        "our_external": row["our_external"] if row else f"refund-{case['id']}",
        "source": ledger.SUSPENSE,
        "destination": wallet_account(case["provider"]),
        "original_id": original,
    }
    refund = add_refund(tx, terms, now, original_external=case["told_external"])
    audit.note(
        tx,
        now=now,
        actor=who,
        action="payment.refund",
        subject=f"payment:{refund['id']}",
        becomes="created",
        evidence=f"review:{case['id']}",
    )
    return str(refund["id"])


def _note(tx: Tx, case: Row, now: int, who: str, action: str, decision: str) -> None:
    audit.note(tx, now=now, actor=who, action=action, subject=f"review:{case['id']}", was="open", becomes=decision)


def operator(by: str) -> str:
    """An operator as the trail names her: the same person writes her name in several ways. Raises NotPossible."""
    name = re.sub(r"[^\w]+", ".", by.strip().casefold()).strip(".")
    if not name or len(name) > 60 or sum(char.isdigit() for char in name) > 4:
        raise NotPossible("Say who decides: a name.")
    return f"operator:{name}"


def reason(why: str) -> str:
    """A decision's written reason, on one line. Raises NotPossible."""
    text = " ".join("".join(char if char.isprintable() else " " for char in why).split())
    if not WHY_LEAST <= len(text) <= WHY_MOST:
        raise NotPossible(f"Say why in {WHY_LEAST} to {WHY_MOST} characters.")
    return text
