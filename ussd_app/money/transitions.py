"""How a payment comes to another state: row, trail, who listens, and the money that goes to suspense, all in one
transaction that holds the row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ussd_app.money import audit, ledger
from ussd_app.money.cases import open_case
from ussd_app.money.payments import FINAL, Row, release, save, subject, wallet_account
from ussd_app.money.providers.base import Status
from ussd_app.store import Tx

Handler = Callable[[Tx, Row, int], object]
Handlers = Mapping[str, Handler]  # "payment.paid", "payment.failed", "payment.review"

WORKER = "worker"


def proof(raw_hash: str, now: int) -> str:
    """What the trail keeps of an answer: its hash and when it was had."""
    return f"{raw_hash or '-'} at {now}"


def to_state(
    tx: Tx,
    row: Row,
    state: str,
    *,
    now: int,
    handlers: Handlers,
    evidence: str = "",
    actor: str = WORKER,
    **changes: Any,
) -> None:
    """Save `row` as `state` with `changes`, let it go, and tell whoever listens.

    A hold is voided on the way to `failed` where it was not ended before; `paid` expects it posted. News that came
    meanwhile (`hinted`) brings the next look forward.
    """
    was = row["state"]
    row |= changes
    if state == "failed" and row["hold_id"] and ledger.ending(tx, row["hold_id"]) is None:
        ledger.void(tx, row["hold_id"], now, why=row["reason"] or "failed")
    row["state"] = state
    if state in FINAL and was != state:
        row["settled_at"] = now
    if row["hinted"] and row["next_at"] is not None and state != "created":
        row["next_at"] = min(row["next_at"], now)
    release(row)
    save(tx, row, now)
    if was != state:
        tell(tx, row, was, now=now, handlers=handlers, evidence=evidence, actor=actor)


def tell(tx: Tx, row: Row, was: str, *, now: int, handlers: Handlers, evidence: str = "", actor: str = WORKER) -> None:
    """Write into the trail that a payment came from the state `was` to its own, and tell whoever listens."""
    state = row["state"]
    audit.note(
        tx,
        now=now,
        actor=actor,
        action=f"payment.{state}",
        subject=subject(row),
        was=was,
        becomes=state,
        evidence=evidence,
    )
    if state in FINAL:
        tx.payment_reviews_close(payment_id=row["id"])
    if row["kind"] == "collection" and state not in ("sending", "pending", "unknown"):
        tx.payment_wake(msisdn=row["msisdn"], now=now)
    if state == "failed" and row["source"] == ledger.SUSPENSE and row["kind"] == "refund":
        _still_in_suspense(tx, row, now)
    handler = handlers.get(f"payment.{state}")
    if handler is not None:
        handler(tx, {name: value for name, value in row.items() if name != "was_fence"}, now)


def _still_in_suspense(tx: Tx, row: Row, now: int) -> None:
    """What was to go back and did not is on the list again."""
    status = Status(
        "paid",
        external_id=row["original_external"],
        amount=row["amount"],
        currency=row["currency"],
        msisdn=row["msisdn"],
    )
    open_case(
        tx,
        now=now,
        provider=row["provider"],
        why="refund_failed",
        detail="collection",
        status=status,
        in_suspense=row["amount"],
        reference=row["original_id"],
        once=f"refund_failed:{row['id']}",
    )


def post(tx: Tx, row: Row, amount: int, now: int, evidence: str) -> None:
    """The held money moved as it was meant to."""
    if ledger.post(tx, row["hold_id"], amount, now, evidence=evidence) is None:
        raise RuntimeError("the hold of an open payment was ended before")


def to_suspense(tx: Tx, row: Row, amount: int, currency: str, now: int, evidence: str) -> None:
    """Real money moved, and not as it was meant to: between the wallet and suspense, until people decide."""
    held = row["hold_id"] is not None and ledger.ending(tx, row["hold_id"]) is None
    if held and currency == row["currency"]:
        ledger.post(tx, row["hold_id"], amount, now, evidence=evidence, suspense=True)
    else:
        if held:
            ledger.void(tx, row["hold_id"], now, why="other currency")
        park(tx, row["kind"], row["provider"], amount, currency, now, row["id"], f"payment:{row['id']}:suspense")
    audit.note(tx, now=now, actor=WORKER, action="payment.suspense", subject=subject(row), evidence=evidence)


def park(tx: Tx, kind: str, provider: str, amount: int, currency: str, now: int, payment_id: str, once: str) -> None:
    """Book money that came in (a collection) or went out against suspense, once."""
    wallet = wallet_account(provider)
    source, destination = (wallet, ledger.SUSPENSE) if kind == "collection" else (ledger.SUSPENSE, wallet)
    ledger.move(
        tx,
        now=now,
        source=source,
        destination=destination,
        amount=amount,
        currency=currency,
        why="not as asked",
        payment_id=payment_id,
        once=once,
    )
