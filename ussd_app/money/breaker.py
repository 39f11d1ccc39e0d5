"""The breaker of each wallet: whether it is asked at all, how often, and when it may be tried again.

It stands in the database, so that all workers know the same. `open`: it does not answer; one call at a time is let
through when its time has come, and the first answer closes it. `paused`: it answers, and refuses our settings; nothing is
sent but a trial, while statuses are still asked.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from ussd_app.lib.clock import Clock
from ussd_app.store import Tx

FAILURES = 5  # in a row, before nothing more is asked
FIRST_PROBE_MS = 15_000
LAST_PROBE_MS = 300_000
PAUSE_MS = 900_000
AHEAD_MS = 1_000  # how far ahead slots for statuses are given out

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Gate:
    """What a worker may do with a wallet now: how many `sends` and `polls` to begin, the polls from `slot_at` (epoch ms)
    on, one every `slot_ms` milliseconds. `probe`: one call in all, to see whether it is back."""

    sends: int
    polls: int
    slot_at: int = 0
    slot_ms: float = 0.0
    probe: bool = False


def is_shut(tx: Tx, provider: str, now: int) -> bool:
    """Whether nothing at all may be asked of a wallet now; for a read."""
    row = tx.breaker_of(provider=provider)
    return row is not None and row["state"] == "open" and _waits(row, now)


def enter(tx: Tx, provider: str, *, now: int, clock: Clock, most: int, rate: float) -> Gate:
    """What may be begun now, at most `most` calls; `rate` is status calls a second (0: any). Other workers wait until
    this transaction ends; a trial is given to one of them only."""
    tx.breaker_add(provider=provider)
    row = tx.breaker_take(provider=provider)
    polls, slot_at, slot_ms = _pace(row, now, most, rate)
    if row["state"] == "closed":
        return Gate(most, polls, slot_at, slot_ms)
    may_try = not _waits(row, now)
    if row["state"] == "paused":
        if may_try:
            _save(tx, row, now, probe_at=now + clock.wait(PAUSE_MS))
        return Gate(1 if may_try else 0, polls, slot_at, slot_ms)
    if not may_try:
        return Gate(0, 0)
    failures = row["failures"] + 1
    _save(tx, row, now, failures=failures, probe_at=now + clock.wait(_probe_ms(failures)))
    return Gate(1, min(1, polls), slot_at, slot_ms, probe=True)


def spend(tx: Tx, provider: str, gate: Gate, polls: int) -> None:
    """Note that `polls` status calls were given their slots."""
    if polls and gate.slot_ms:
        tx.breaker_pace(provider=provider, free_at=round(gate.slot_at + polls * gate.slot_ms))


def well(tx: Tx, provider: str, *, now: int, sent: bool = False) -> None:
    """It answered as it should. A sending that it took (`sent`) ends a pause as well."""
    tx.breaker_well(provider=provider, now=now)
    row = tx.breaker_of(provider=provider) if sent else None
    if row is not None and row["state"] == "paused":
        log.warning("Wallet %s takes payments again", provider)
        _save(tx, row, now, state="closed", reason="", opened_at=None)


def failed(tx: Tx, provider: str, *, now: int, clock: Clock, reason: str) -> None:
    """It did not answer as it should: after FAILURES in a row it is left alone for a while."""
    tx.breaker_add(provider=provider)
    row = tx.breaker_take(provider=provider)
    if row["state"] == "open":
        return  # a call begun before, or a trial: `enter` has put the next one off
    failures = row["failures"] + 1
    if row["state"] == "paused" or failures < FAILURES:
        _save(tx, row, now, failures=failures)
        return
    log.error("Wallet %s is left alone for now: %s", provider, reason)
    probe_at = now + clock.wait(_probe_ms(failures))
    _save(tx, row, now, state="open", failures=failures, reason=reason[:120], opened_at=now, probe_at=probe_at)


def pause(tx: Tx, provider: str, *, now: int, clock: Clock, reason: str) -> None:
    """It refuses our settings: nothing is sent there until somebody has looked, or a trial goes through."""
    tx.breaker_add(provider=provider)
    row = tx.breaker_take(provider=provider)
    log.error("Wallet %s is paused, it refuses our settings: %s", provider, reason)
    probe_at = now + clock.wait(PAUSE_MS)
    opened_at = row["opened_at"] or now
    _save(tx, row, now, state="paused", reason=reason[:120], opened_at=opened_at, probe_at=probe_at)


def resume(tx: Tx, provider: str, *, now: int) -> bool:
    """Somebody has looked: ask it again at once. False where it was not shut."""
    row = tx.breaker_take(provider=provider)
    if row is None or row["state"] == "closed":
        return False
    _save(tx, row, now, state="closed", failures=0, reason="", opened_at=None)
    return True


def listing(tx: Tx) -> list[dict[str, Any]]:
    """Every wallet's breaker: provider, state, failures, reason, opened_at, probe_at."""
    rows: list[dict[str, Any]] = tx.breakers_all()
    return rows


def _pace(row: dict[str, Any], now: int, most: int, rate: float) -> tuple[int, int, float]:
    """(how many statuses may be asked, from when on, milliseconds between them)."""
    if rate <= 0:
        return most, now, 0.0
    slot_ms = 1000 / rate
    free_at = row["free_at"] if row["free_at"] <= now + 2 * AHEAD_MS else now  # further ahead: the calendar went back
    slot_at = max(now, free_at)
    room = int((now + AHEAD_MS - slot_at) / slot_ms)
    return max(0, min(most, room or int(slot_at == now))), slot_at, slot_ms


def _waits(row: dict[str, Any], now: int) -> bool:
    """Whether the time of its next trial has not come; one further ahead than any pause was set by a wrong calendar."""
    return bool(now < row["probe_at"] <= now + PAUSE_MS)


def _probe_ms(failures: int) -> int:
    return int(min(FIRST_PROBE_MS * 2 ** min(max(0, failures - FAILURES), 10), LAST_PROBE_MS))


def _save(tx: Tx, row: dict[str, Any], now: int, **changes: Any) -> None:
    kept = {name: row[name] for name in ("provider", "state", "failures", "reason", "opened_at", "probe_at")}
    tx.breaker_save(**(kept | changes), now=now)
