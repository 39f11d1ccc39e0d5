"""What every wallet is asked and what it may answer. Nothing a network or a wallet does is raised: all are values."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from typing import Protocol

from ussd_app.lib.money import decimals

_SECOND = 1_000
_MINUTE = 60_000
_HOUR = 3_600_000
_LONGEST_NOTE = 100
_NOTE = frozenset(string.ascii_letters + string.digits + " .,:-")
_DECIMAL = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,9}))?")


@dataclass(frozen=True)
class Instruction:
    """One movement of money, chosen and stored before anything is sent.

    Args: `reference_id` is ours, a UUID4, and never changes. `kind` is collection, disbursement or refund. `amount` in
    minor units of `currency`. `msisdn` (E.164) pays a collection, and is paid by the other two. `external_id` is our
    order's code, ASCII. `note` is shown to people. `original_external` and `original_reference`: for a refund, the
    wallet's transaction id and our reference of what is given back.
    """

    reference_id: str
    kind: str
    amount: int
    currency: str
    msisdn: str
    external_id: str
    note: str
    callback_url: str = ""
    original_external: str = ""
    original_reference: str = ""


@dataclass(frozen=True)
class Sent:
    """What became of one sending.

    Args: `outcome` is accepted; not_sent (not a byte of it left); unknown (it may or may not be there); refused (theirs,
    definitely, and nothing moved); duplicate (this reference is there already); unauthorised (also with a fresh token;
    nothing moved); busy (ask again in `wait_ms` milliseconds); misconfigured (ours to mend, never sent again as it is).
    `reason` is their word. `raw_hash` is the SHA-256 of their answer.
    """

    outcome: str
    reason: str = ""
    raw_hash: str = ""
    wait_ms: int = 0


@dataclass(frozen=True)
class Status:
    """What a wallet says of one instruction.

    Args: `state` is pending, paid, failed, not_found or unknown; a word we do not know is unknown, never final.
    `external_id` is the wallet's transaction id. `amount` in minor units, None where it was not told or is no amount of
    this currency. `msisdn` (E.164) is who paid or was paid, as told. `our_external` is the order's code as told.
    `reason` is their word. `wait_ms`: a busy side asks for a pause.
    """

    state: str
    external_id: str = ""
    amount: int | None = None
    currency: str = ""
    msisdn: str = ""
    our_external: str = ""
    reason: str = ""
    raw_hash: str = ""
    wait_ms: int = 0


@dataclass(frozen=True)
class Holder:
    """Whose wallet a number is: `active` and `name` are None where the wallet does not say."""

    active: bool | None = None
    name: str | None = None


@dataclass(frozen=True)
class CallbackHint:
    """What a callback claims; a reason to ask for the status, never a proof.

    Args: `reference_id` is "" where the wire does not carry it. `state` as in Status. `signed` is None where there is
    no signature or no key to check it with.
    """

    reference_id: str = ""
    external_id: str = ""
    our_external: str = ""
    state: str = "unknown"
    raw_hash: str = ""
    signed: bool | None = None


class Provider(Protocol):
    """One wallet. `polls`: when its status is asked, in milliseconds since sending. `window_ms`: how long a payer may
    take to approve. `tells_amount`: its status names the amount. `status_rate`: status calls a second it allows.
    `needs_callback_per_payment`: it calls back where each request says."""

    @property
    def name(self) -> str: ...
    @property
    def polls(self) -> tuple[int, ...]: ...
    @property
    def window_ms(self) -> int: ...
    @property
    def tells_amount(self) -> bool: ...
    @property
    def status_rate(self) -> float: ...
    @property
    def needs_callback_per_payment(self) -> bool: ...

    def send(self, instruction: Instruction) -> Sent:
        """Hand one instruction over, once."""

    def fetch(self, instruction: Instruction) -> Status:
        """Ask what became of an instruction."""

    def balance(self) -> int | None:
        """What our account holds for payouts, in minor units of its currency; None where it is not told."""

    def holder(self, msisdn: str) -> Holder:
        """Whose wallet `msisdn` (E.164) is."""

    def read_callback(self, body: bytes, headers: Mapping[str, str], token: str) -> CallbackHint:
        """Read what came to a callback address; `token` is the secret part of that address."""

    def close(self) -> None:
        """Let its connections go."""


# Their words for why nothing moved, as one of ours. What is not here is `other`.
FAIL_REASONS: dict[str, str] = {
    # MTN MoMo
    "APPROVAL_REJECTED": "rejected",
    "PAYMENT_NOT_APPROVED": "rejected",
    "REJECTED": "rejected",
    "TRANSACTION_CANCELED": "rejected",
    "EXPIRED": "expired",
    "TIMEOUT": "expired",
    "NOT_ENOUGH_FUNDS": "no_funds",
    "PAYER_NOT_FOUND": "payer_unknown",
    "PAYEE_NOT_FOUND": "payee_unknown",
    "PAYER_LIMIT_REACHED": "limit",
    "PAYEE_LIMIT_REACHED": "limit",
    "PAYEE_NOT_ALLOWED_TO_RECEIVE": "not_allowed",
    "SENDER_ACCOUNT_NOT_ACTIVE": "not_allowed",
    "NOT_ALLOWED": "not_allowed",
    # Airtel Money
    "TE": "expired",
    "DP00800001003": "limit",
    "DP00800001005": "expired",
    "DP00800001007": "no_funds",
    "DP00800001008": "rejected",
    "DP00800001009": "not_allowed",
    "DP00800001010": "not_allowed",
    "DP00800001024": "expired",
    "DP00800001029": "expired",
    "DP00900001012": "payee_unknown",
    "ESB000033": "payer_unknown",
    "ESB000036": "payer_unknown",
}


def plain_reason(word: str) -> str:
    """`word` of a wallet as one of ours: rejected, expired, no_funds, payer_unknown, payee_unknown, limit, not_allowed
    or other."""
    return FAIL_REASONS.get(word, "other")


def schedule(*first_s: int) -> tuple[int, ...]:
    """When to ask for a status, in milliseconds since sending: at `first_s` (seconds), every 5 minutes to an hour,
    every hour to a day, every day to a week."""
    start = [one * _SECOND for one in first_s]
    tail = [*range(5, 60, 5), *range(60, 24 * 60, 60), *(day * 24 * 60 for day in range(1, 8))]
    return (*start, *(minutes * _MINUTE for minutes in tail if minutes * _MINUTE > start[-1]))


def parse_amount(told: object, currency: str, grouping: bool = False) -> int | None:
    """An amount as a wallet tells it (text or number), in minor units of `currency`; None where it is not exactly one.

    `100.0` RWF is 100; `100.5` RWF is None. `grouping`: commas between thousands are taken (`37,600.00`).
    """
    if isinstance(told, bool) or not isinstance(told, str | int | Decimal):
        return None
    if isinstance(told, int) and abs(told) >= 10**15:
        return None
    text = format(told, "f") if isinstance(told, Decimal) and told.adjusted() < 15 else str(told).strip()
    found = _DECIMAL.fullmatch(text.replace(",", "") if grouping else text)
    if found is None:
        return None
    try:
        places = decimals(currency)
    except ValueError:
        return None
    fraction = found[2] or ""
    if fraction[places:].strip("0"):
        return None
    return int(found[1] + fraction[:places].ljust(places, "0"))


def amount_text(amount: int, currency: str) -> str:
    """`amount` (minor units) as wallets take it: `5000` RWF, `50.00` EUR."""
    places = decimals(currency)
    if not places:
        return str(amount)
    whole, part = divmod(amount, 10**places)
    return f"{whole}.{part:0{places}d}"


def plain_note(text: str) -> str:
    """A note as every wallet takes it: ASCII without apostrophes and the like, 100 characters, never empty."""
    kept = "".join(char if char in _NOTE else " " for char in text.replace("'", ""))
    return " ".join(kept.split())[:_LONGEST_NOTE].strip() or "-"


def word(told: object) -> str:
    """A code or a name out of an answer: one short line, "" for what is no text or number."""
    if isinstance(told, bool) or not isinstance(told, str | int):
        return ""
    text = str(told) if not isinstance(told, int) or abs(told) < 10**30 else ""
    return " ".join("".join(char for char in text if char.isprintable()).split())[:120]


def e164(told: object) -> str:
    """A number as a wallet tells it, with its +; "" where it is not one."""
    digits = word(told).removeprefix("+")
    return f"+{digits}" if digits.isascii() and digits.isdigit() and 6 <= len(digits) <= 15 else ""


def hash_of(body: bytes) -> str:
    """The SHA-256 of what came, as hex: the evidence that is kept."""
    return sha256(body).hexdigest()
