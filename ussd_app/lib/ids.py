"""Identifiers: row ids that sort by time, and the short digit codes people read to each other."""

from __future__ import annotations

import secrets
import threading
import time

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(a + b for a in _CROCKFORD for b in _CROCKFORD)  # ten bits at a time: 13 look-ups an id
_RANDOM_BITS = 80
_lock = threading.Lock()
_last = 0


def new_id() -> str:
    """A new id: 26 Crockford characters, 48 bits of epoch ms and then 80 random bits (the shape of a ULID).

    Ids of one process sort in the order they were made, even within a millisecond and when the machine's clock steps
    back; ids of several processes sort by millisecond.
    """
    global _last
    fresh = (time.time_ns() // 1_000_000 << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS - 1)
    with _lock:
        if fresh <= _last:
            # A random step, not one: two processes forked from this one must not count on to the same id.
            fresh = _last + 1 + secrets.randbits(60)
        _last = fresh
    return "".join([_PAIRS[fresh >> shift & 1023] for shift in range(120, -1, -10)])


def code_digits(n: int) -> str:
    """`n` random digits (leading zeros count), from the system's source of secrets. Raises ValueError below 1."""
    if n < 1:
        raise ValueError(f"a code has at least one digit, not {n}")
    return f"{secrets.randbelow(10**n):0{n}d}"


def with_check(digits: str) -> str:
    """`digits` with its Luhn check digit appended: one wrong digit, or most swaps of two neighbours, will show.

    Raises ValueError when `digits` is empty or holds anything but 0-9.
    """
    if not _is_digits(digits):
        raise ValueError("a check digit needs digits 0-9 before it")
    return digits + str(-_luhn(digits + "0") % 10)


def check_ok(s: str) -> bool:
    """Whether `s` is digits 0-9, at least two, and ends with its right check digit."""
    return len(s) > 1 and _is_digits(s) and _luhn(s) % 10 == 0


def _is_digits(s: str) -> bool:
    return s.isascii() and s.isdigit()


def _luhn(digits: str) -> int:
    """The Luhn sum, counted from the right: every second digit doubled, its own digits added."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total
