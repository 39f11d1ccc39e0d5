"""The list of what people must look at: how something comes on it, and what is told of it while it is there."""

from __future__ import annotations

from ussd_app.lib.ids import new_id
from ussd_app.money.payments import Row
from ussd_app.money.providers.base import Status
from ussd_app.store import Tx

NO_STATUS = Status("unknown")


def open_case(
    tx: Tx,
    *,
    now: int,
    why: str,
    row: Row | None = None,
    provider: str = "",
    detail: str = "",
    status: Status = NO_STATUS,
    in_suspense: int = 0,
    amount: int | None = None,
    reference: str = "",
    once: str = "",
) -> bool:
    """Put something on the list; the same case (`once`, else the payment and `why`) only once. False: it is there.

    Args: `row` is the payment it is about, None (and `provider`) where we know of none; `status` is what was told of
    it; `in_suspense` is how much of it was booked to suspense, minor units of the told currency.
    """
    added = tx.payment_review_open(
        id=new_id(),
        once=once or f"{why}:{row['id'] if row else reference}",
        payment_id=row["id"] if row else None,
        provider=row["provider"] if row else provider,
        why=why,
        detail=detail[:200],
        told_external=status.external_id,
        told_amount=status.amount if amount is None else amount,
        told_currency=status.currency,
        told_msisdn=status.msisdn,
        told_state=status.state,
        told_reference=reference,
        in_suspense=in_suspense,
        evidence=status.raw_hash,
        now=now,
    )
    return bool(added)


def tell_case(tx: Tx, case: Row, status: Status, *, in_suspense: int) -> None:
    """Note in an open case what the wallet says by now. Whoever had decided on less must say so again."""
    tx.payment_review_tell(
        id=case["id"],
        told_external=status.external_id,
        told_amount=status.amount,
        told_currency=status.currency,
        told_msisdn=status.msisdn,
        told_state=status.state,
        in_suspense=in_suspense,
        evidence=status.raw_hash,
    )
