"""Exchange rates: dated rows, and amounts turned by them. A rate people enter counts once a second person says the same.

A rate is `1 base = rate quote`; the quote is the hub's own currency. A result names the day of the rate it came from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from ussd_app.lib.clock import day as day_of
from ussd_app.lib.money import decimals
from ussd_app.money import audit
from ussd_app.money.reviews import NotPossible, operator
from ussd_app.store import Tx

STALE_DAYS = 1  # older than this, the rate is said to be old wherever it is shown
_RATE = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,8})?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


@dataclass(frozen=True)
class Rate:
    """1 `base` = `rate` `quote` from the day `valid_from` (YYYY-MM-DD) on, by `source`. `estimate`: nobody published it."""

    base: str
    quote: str
    rate: Decimal
    valid_from: str
    source: str
    estimate: bool = False


def age_days(valid_from: str, at: int) -> int:
    """How many days before the day of `at` (epoch ms) a rate of `valid_from` is."""
    return (date.fromisoformat(day_of(at)) - date.fromisoformat(valid_from)).days


def is_stale(valid_from: str, at: int) -> bool:
    """Whether a rate of that day must be said to be old."""
    return age_days(valid_from, at) > STALE_DAYS


def rate_for(tx: Tx, base: str, quote: str, at: int) -> Rate | None:
    """The rate in force on the day of `at` (epoch ms); None where there is none. A currency in itself is 1, of today."""
    if base == quote:
        return Rate(base, quote, Decimal(1), day_of(at), "-")
    row = tx.exchange_rate_at(base=base, quote=quote, day=day_of(at))
    if row is None:
        return None
    return Rate(base, quote, Decimal(row["rate"]), row["valid_from"], row["source"], bool(row["estimate"]))


def to_foreign(amount: int, rate: Rate) -> int:
    """`amount` minor units of the quote in minor units of the base, half up, at least 1."""
    units = Decimal(amount).scaleb(-decimals(rate.quote)) / rate.rate
    return max(1, _minor(units, rate.base))


def to_home(amount: int, base: str, quote: str, rate: str) -> int:
    """`amount` minor units of `base` in minor units of `quote` at `rate`, half up, at least 1."""
    return max(1, _minor(Decimal(amount).scaleb(-decimals(base)) * Decimal(rate), quote))


def _minor(units: Decimal, currency: str) -> int:
    return int(units.scaleb(decimals(currency)).quantize(Decimal(1), ROUND_HALF_UP))


def enter(tx: Tx, *, now: int, base: str, quote: str, rate: str, valid_from: str, source: str, by: str) -> bool:
    """Enter a rate, or approve the one another operator entered. Returns whether it counts now.

    Raises NotPossible: malformed, of a coming day, approved before, or the same person a second time.
    """
    who = operator(by)
    if not _RATE.fullmatch(rate) or not Decimal(rate):
        raise NotPossible("A rate is a number above 0, like 1652.30.")
    if not _DAY.fullmatch(valid_from) or not _real(valid_from) or valid_from > day_of(now):
        raise NotPossible("A day is YYYY-MM-DD, and not one to come.")
    if not re.fullmatch(r"[A-Z]{3}", base) or base == quote:
        raise NotPossible("A currency is three capital letters, and another than our own.")
    if not 3 <= len(source.strip()) <= 120:
        raise NotPossible("Say where the rate is from.")
    key = {"base": base, "quote": quote, "valid_from": valid_from}
    told = f"{Decimal(rate).normalize():f}"
    earlier = tx.exchange_rate_of(**key)
    proposed = earlier is not None and not earlier["approved_by"]
    if proposed and earlier["rate"] == told:
        if not tx.exchange_rate_approve(**key, rate=told, by=who):
            raise NotPossible("Another operator must say the same.")
        _note(tx, now, who, "rate.approved", base, quote, valid_from, told)
        return True
    if not tx.exchange_rate_propose(**key, rate=told, source=source.strip(), by=who):
        raise NotPossible("The rate of that day was approved before; it stays.")
    _note(tx, now, who, "rate.entered", base, quote, valid_from, told)
    return False


def _note(tx: Tx, now: int, who: str, action: str, base: str, quote: str, valid_from: str, rate: str) -> None:
    audit.note(tx, now=now, actor=who, action=action, subject=f"rate:{base}:{quote}:{valid_from}", becomes=rate)


def _real(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
