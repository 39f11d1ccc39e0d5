"""The PIN of the market: five digits that say "it is me" and never move money by themselves.

Order of a check, so that a hundred sessions at once get no more guesses than one:
1. `spend_try` in a transaction that commits: the try is written as spent before anybody looks at the PIN;
2. `check_pin` in the request's own thread, outside any transaction (argon2 takes some 20 ms);
3. in the turn: `give_back` when it was right, nothing when it was wrong. A crash in between costs a try and
   never gives one.

Reading stays open to a locked person: the lock hits only what a PIN is asked for (a rival must not shut a farmer out).
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import itertools
import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ussd_app.lib.clock import Clock
from ussd_app.store import Tx

if TYPE_CHECKING:
    from argon2 import PasswordHasher

PIN_DIGITS = 5
# A short lock, a long one, a reset. The conditional UPDATE in pins.sql decides by the same three.
LOCKS_AT = (3, 6, 10)
SHORT_LOCK_MS = 15 * 60_000
LONG_LOCK_MS = 24 * 3_600_000
HOUR_MS = 3_600_000
# One PIN tried over many numbers: people mistype about one PIN in ten, a sprayer misses nearly always.
SPRAY_WRONG_COUNT = 50
SPRAY_WRONG_SHARE = 0.5

# The keys of a phone: who may follow whom in a pattern drawn with the thumb.
_NEXT_TO = {
    "1": "24",
    "2": "135",
    "3": "26",
    "4": "157",
    "5": "2468",
    "6": "359",
    "7": "48",
    "8": "5790",
    "9": "68",
    "0": "8",
}
_YEAR = re.compile("19[0-9][0-9]|20[0-3][0-9]")


@dataclass(frozen=True)
class Spent:
    """A try was written as spent. `spent_at` counts the tries spent so far, this one included; `pin_hash` is what to
    check against (kept out of every repr)."""

    spent_at: int
    pin_hash: str = field(repr=False)


@dataclass(frozen=True)
class Locked:
    """No try was given. `reason`: wait (until `until`, epoch ms), reset (ten wrong: she must ask for a new PIN),
    or no_pin (none set, or the person is not active)."""

    reason: str
    until: int | None = None


def clean_pin(text: str) -> str | None:
    """Five digits out of what was typed (spaces around, full-width and Arabic digits allowed), else None."""
    typed = text.strip()
    if len(typed) != PIN_DIGITS or any(unicodedata.decimal(char, None) is None for char in typed):
        return None
    return "".join(str(unicodedata.decimal(char)) for char in typed)


def weak(pin: str, msisdn: str = "") -> bool:
    """Whether a new PIN is too easy: about a tenth of all, and the end of her own number.

    Args: `pin` five digits; `msisdn` her number, '' when there is none.
    """
    return (
        len(set(pin)) <= 2
        or pin == pin[::-1]
        or _YEAR.search(pin) is not None
        or _paired(pin)
        or any(_run(part) or _drawn(part) for part in (pin[:4], pin[1:]))
        or (msisdn != "" and msisdn.endswith(pin))
    )


def hash_pin(pin: str, key: str) -> str:
    """The PIN as it is kept: argon2id (19 MiB, 2 passes, 1 lane) over HMAC-SHA256(PIN_KEY, PIN).

    Without the key, which is not in the database, five digits would fall in seconds. Takes some 20 ms of CPU.
    """
    return _hasher().hash(_peppered(pin, key))


def check_pin(pin_hash: str, pin: str, key: str) -> bool:
    """Whether `pin` is the one kept. CPU only: call it outside any transaction, after `spend_try` committed.

    Raises argon2's InvalidHashError when the kept hash is damaged.
    """
    import argon2  # the package before its parts: the first PINs of a process come at once, and two orders deadlock

    try:
        return _hasher().verify(pin_hash, _peppered(pin, key))
    except argon2.exceptions.VerifyMismatchError:
        return False


def spend_try(tx: Tx, person_id: str, now: int, clock: Clock) -> Spent | Locked:
    """Write one try as spent, before the PIN is checked; this transaction must commit before `check_pin`.

    The third try sets a lock of 15 minutes (scaled), the sixth one of 24 hours, the tenth the need for a reset; all
    are rows, so they outlive sessions and restarts.
    """
    row = tx.pin_spend_try(
        id=person_id, now=now, short_until=now + clock.wait(SHORT_LOCK_MS), long_until=now + clock.wait(LONG_LOCK_MS)
    )
    if row is not None:
        return Spent(int(row["pin_fails"]), row["pin_hash"])
    # Between the two statements another session may have lifted the lock: then the next try is free at once.
    return standing(tx, person_id, now) or Locked("wait", now)


def tries_left(spent_at: int) -> int:
    """Wrong PINs still free before the next lock, after `spent_at` tries were spent: 0 when this one locked."""
    return next((limit - spent_at for limit in LOCKS_AT if spent_at <= limit), 0)


def standing(tx: Tx, person_id: str, now: int) -> Locked | None:
    """Why no PIN can be tried now, without spending a try; None when one can."""
    row = tx.pin_standing(id=person_id)
    if row is None or row["state"] != "active" or not row["has_pin"]:
        return Locked("no_pin")
    if row["pin_reset_needed"]:
        return Locked("reset")
    until = row["pin_locked_until"]
    return Locked("wait", int(until)) if until is not None and until > now else None


def give_back(tx: Tx, person_id: str, spent_at: int) -> None:
    """The PIN was right: this try and those before it are forgotten, with the lock they set.

    Tries spent by other sessions after this one (their count was above `spent_at`) stay spent.
    """
    tx.pin_give_back(id=person_id, tries=spent_at)


def refund_one(tx: Tx, person_id: str) -> None:
    """One try turned out to be the same callback once more: it is unspent, with the lock it alone set."""
    tx.pin_refund_one(id=person_id)


def set_pin(tx: Tx, *, now: int, person_id: str, pin_hash: str) -> bool:
    """Keep a new PIN and forget tries and locks; the caller made sure that she may. False when she is not active."""
    return bool(tx.pin_set(id=person_id, pin_hash=pin_hash, now=now))


def note_check(tx: Tx, *, now: int, gateway: str, right: bool) -> None:
    """Count the outcome of a check of a PIN for `spraying` (no number and no PIN is kept)."""
    tx.pin_checks_note(gateway=gateway, hour=now // HOUR_MS, right_count=int(right), wrong_count=int(not right))


def spraying(tx: Tx, gateway: str, now: int) -> bool:
    """Whether this hour's PIN checks over `gateway` look like one PIN tried on many numbers: slow down."""
    row = tx.pin_checks_in_hour(gateway=gateway, hour=now // HOUR_MS)
    if row is None or row["wrong_count"] < SPRAY_WRONG_COUNT:
        return False
    return bool(row["wrong_count"] > SPRAY_WRONG_SHARE * (row["wrong_count"] + row["right_count"]))


@functools.cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher  # lazily: the service must start fast

    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def _peppered(pin: str, key: str) -> bytes:
    if not key:
        raise ValueError("PIN_KEY is empty")
    return hmac.new(key.encode(), pin.encode(), hashlib.sha256).digest()


def _run(part: str) -> bool:
    """1234, 4321, 7890, 1357: the same step of one or two up or down all the way, 0 following 9."""
    steps = {(int(b) - int(a)) % 10 for a, b in itertools.pairwise(part)}
    return len(steps) == 1 and steps <= {0, 1, 2, 8, 9}


def _drawn(part: str) -> bool:
    """2580, 1478, 3698: each key next to the one before, none twice."""
    return len(set(part)) == len(part) and all(b in _NEXT_TO[a] for a, b in itertools.pairwise(part))


def _paired(pin: str) -> bool:
    """1212x, x1212, 1122x, x1122, 11x22: made of two pairs."""
    return any(
        (part[0] == part[2] and part[1] == part[3]) or (part[0] == part[1] and part[2] == part[3])
        for part in (pin[:4], pin[1:], pin[:2] + pin[3:])
    )
