"""What wallets call back with: kept as evidence (a hash), and a reason to ask for the status now. Never a proof."""

from __future__ import annotations

import logging
from typing import Any, Literal

from ussd_app.lib.ids import new_id
from ussd_app.money.providers.base import CallbackHint
from ussd_app.store import Tx

Verdict = Literal["hint", "settled", "foreign", "forged", "unknown"]

HOUR_MS = 3_600_000
STRANGE_AN_HOUR = 1_000  # of callbacks that fit no payment, so many are kept: anybody may send them
KEPT_MS = 30 * 24 * HOUR_MS

log = logging.getLogger(__name__)


def callback(tx: Tx, *, now: int, provider: str, hint: CallbackHint, token: str = "", shared: bool = False) -> Verdict:
    """Keep what a wallet called back with and, where it fits a payment that is not paid, look at that one now.

    Args: `token` is the secret part of the address, a payment's own; `shared` says that it is the one all callbacks of
    this wallet come to, so that the body alone names the payment. Returns what was made of it: `hint` (looked at),
    `settled` (nothing to do), `foreign` (the body is about another payment than the address), `forged` (its signature
    is wrong), `unknown` (fits none). No state is changed, nothing is created.
    """
    rows = _find(tx, provider, hint, token, shared)
    verdict = _judge(rows, hint)
    if verdict in ("unknown", "forged") and _flooded(tx, verdict, now):
        return verdict
    if verdict == "unknown":
        rows = []
    for payment_id in [row["id"] for row in rows] or [""]:
        times = tx.payment_evidence_add(
            id=new_id(),
            provider=provider,
            payment_id=payment_id,
            body_hash=hint.raw_hash,
            claimed=hint.state,
            verdict=verdict,
            now=now,
        )
        if times == 1 and verdict not in ("hint", "settled"):
            log.error("A callback of %s is %s (payment %s, hash %s)", provider, verdict, payment_id, hint.raw_hash)
        if verdict == "settled" and hint.state == "failed":
            log.warning("A callback of %s says that payment %s failed; it is paid", provider, payment_id)
        if verdict == "hint":
            tx.payment_hint(id=payment_id, now=now)
    return verdict


def forget(tx: Tx, *, now: int) -> int:
    """Drop what fitted no payment and is older than 30 days; returns how many."""
    return int(tx.payment_evidence_forget(before=now - KEPT_MS))


def _find(tx: Tx, provider: str, hint: CallbackHint, token: str, shared: bool) -> list[dict[str, Any]]:
    """The payments a callback may be about."""
    if not shared:
        row = tx.payment_by_token(callback_token=token)
    elif hint.reference_id:
        row = tx.payment_by_id(id=hint.reference_id)
    elif hint.our_external:
        rows: list[dict[str, Any]] = tx.payments_by_our_external(provider=provider, our_external=hint.our_external)
        return rows
    else:
        row = None
    return [row] if row is not None and row["provider"] == provider else []


def _judge(rows: list[dict[str, Any]], hint: CallbackHint) -> Verdict:
    if not rows:
        return "unknown"
    if hint.signed is False:
        return "forged"
    if any(
        hint.reference_id not in ("", row["id"]) or hint.our_external not in ("", row["our_external"]) for row in rows
    ):
        return "foreign"
    return "settled" if all(row["state"] == "paid" for row in rows) else "hint"


def _flooded(tx: Tx, verdict: str, now: int) -> bool:
    return bool(tx.payment_evidence_count(verdict=verdict, since=now - HOUR_MS) >= STRANGE_AN_HOUR)
