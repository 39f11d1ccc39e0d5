"""What every gateway adapter is: it reads a request into the envelope and writes the envelope into a response.

Requests and responses are plain values here, so an adapter needs no web framework to be tried.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Literal, Protocol, runtime_checkable
from urllib.parse import parse_qsl

from ussd_app.lib import msisdn as numbers
from ussd_app.messages import DeliveryReport, OptOut, SendResult, SessionEnd, SmsIn, SmsOut, UssdReply, UssdRequest

SCREEN_SEPTETS = 160  # nothing is published for Rwanda; the prefix is counted in it
SESSION_ID_CHARACTERS = 128
COST_UNITS = 10_000  # costs are kept in 1/10000 of the currency unit

_FIELDS_MOST = 40
_E164 = re.compile(r"\+[1-9][0-9]{8,14}")
_COST = re.compile(r"(?:([A-Za-z]{3})\s*)?(\d[\d,]{0,14}(?:\.\d{1,12})?)")
_DATES = ("%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S")
_BARE = {code: None for code in (*range(32), 127, *range(0xD800, 0xE000)) if code not in (9, 10, 13)}
_ONE_LINE = {**_BARE, 9: " ", 10: " ", 13: None}


class Malformed(ValueError):
    """The body is not what this gateway sends. `reason` names the field, never its value."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Headers(Protocol):
    """Request headers, looked up without regard to case."""

    def get(self, name: str, default: str, /) -> str: ...


@dataclass(frozen=True)
class HttpIn:
    """A request as it came. `form` and `json` are the body read one way or the other, when asked for."""

    body: bytes
    content_type: str = ""
    method: str = "POST"
    headers: Headers = field(default_factory=dict[str, str])

    @cached_property
    def form(self) -> dict[str, str]:
        """The form fields, decoded once as UTF-8 (U+FFFD for what cannot be decoded); of a repeated field the first.

        Raises Malformed for a body that is no form.
        """
        if self.content_type.startswith(("multipart/", "application/json")):
            raise Malformed("the body is not a URL-encoded form")
        try:
            pairs = parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_FIELDS_MOST)
        except ValueError as error:
            raise Malformed("the form has too many fields") from error
        return dict(reversed(pairs))

    @cached_property
    def json(self) -> dict[str, object]:
        """The JSON object. Raises Malformed for anything else."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise Malformed("the body is not JSON") from error
        if not isinstance(value, dict):
            raise Malformed("the body is not a JSON object")
        return value


@dataclass(frozen=True)
class HttpOut:
    """A response to give."""

    body: str
    content_type: str = "text/plain; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@runtime_checkable
class UssdGateway(Protocol):
    """A gateway that carries USSD turns. `limit_septets` is what one screen may hold, the prefix included."""

    name: str
    limit_septets: int

    def read(self, http: HttpIn) -> UssdRequest:
        """The turn in `http`. Raises Malformed."""

    def read_end(self, http: HttpIn) -> SessionEnd | None:
        """The notice that a session is over, None where `http` is a turn. Raises Malformed."""

    def write(self, reply: UssdReply) -> HttpOut:
        """The response that shows `reply`."""


@runtime_checkable
class SmsGateway(Protocol):
    """A gateway that carries SMS."""

    name: str

    def send(self, sms: SmsOut) -> SendResult:
        """Hand one SMS over and say what became of it; may take seconds. Raises nothing for what a network can do."""

    def read_incoming(self, http: HttpIn) -> SmsIn:
        """The SMS to us in `http`. Raises Malformed."""

    def read_delivery(self, http: HttpIn) -> DeliveryReport:
        """The delivery report in `http`. Raises Malformed."""

    def read_optout(self, http: HttpIn) -> OptOut:
        """The wish to get SMS no more (or again) in `http`. Raises Malformed."""


Swap = Literal["swapped", "kept", "unknown", "queued"]


@dataclass(frozen=True)
class SimAnswer:
    """What is said of a SIM. `swap`: swapped (lately), kept, unknown (nothing that can be relied on), or queued: the
    answer comes by callback with `reference`. `reason`: their word, fit for a log."""

    swap: Swap
    reference: str = ""
    reason: str = ""


@runtime_checkable
class SimQuery(Protocol):
    """Who can be asked whether the SIM of a number was swapped."""

    name: str

    def ask(self, msisdn: str) -> SimAnswer:
        """Ask about a number (E.164); may take seconds, so the worker alone asks. Raises nothing for what a network
        can do."""

    def read_answer(self, http: HttpIn) -> SimAnswer:
        """The answer that came later, in `http`; never queued. Raises Malformed."""


def one_line(value: object) -> str:
    """What was typed or named, as text on one line: no control characters, no lone surrogates (no store takes them)."""
    text = value if isinstance(value, str) else "" if value is None or isinstance(value, dict | list) else str(value)
    return text if text.isascii() and text.isprintable() else text.translate(_ONE_LINE)


def message_text(value: object) -> str:
    """As `one_line`, but line ends stay: an SMS may have several lines."""
    return value.translate(_BARE) if isinstance(value, str) else one_line(value)


def token(value: object, name: str, most: int = SESSION_ID_CHARACTERS) -> str:
    """An id given by a gateway: printable ASCII without spaces, 1 to `most` characters.

    Raises Malformed naming `name`.
    """
    text = one_line(value).strip()
    if not text or len(text) > most or not text.isascii() or not text.isprintable() or " " in text:
        raise Malformed(f"{name} is missing or no id")
    return text


def number(value: object, name: str, plus: bool = True) -> str:
    """A phone number as E.164 with +. `plus` False: the gateway writes international numbers without it.

    A gateway knows its numbers: one in full that no numbering plan of ours has is taken as it stands.
    Raises Malformed naming `name`.
    """
    typed = one_line(value).strip()
    if not plus and typed[:1].isdigit() and not typed.startswith("0"):
        typed = f"+{typed}"
    parsed = numbers.parse(typed) if typed else None
    if parsed is None and not _E164.fullmatch(typed):
        raise Malformed(f"{name} is missing or no phone number")
    return parsed or typed


def word(value: object, most: int = 40) -> str:
    """A status or reason word of a gateway, fit for a log: letters, digits and plain punctuation, at most `most`
    characters, and no run of digits long enough to be a phone number."""
    kept = re.sub(r"[^A-Za-z0-9 ._/-]+", " ", one_line(value))
    return re.sub(r"\d{6,}", "...", " ".join(kept.split()))[:most].strip()


def whole(value: object) -> int | None:
    """A count or milliseconds told as a number or as text; None where it is neither. Never negative."""
    text = one_line(value).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None


def cost(value: object) -> tuple[int | None, str]:
    """A price in a gateway's words (`RWF 10.0000`, `0`) as (1/10000 of the unit, currency); (None, "") if unknown."""
    found = _COST.fullmatch(one_line(value).strip())
    if not found:
        return None, ""
    return int((Decimal(found[2].replace(",", "")) * COST_UNITS).to_integral_value()), (found[1] or "").upper()


def moment(value: object) -> int | None:
    """A date in a gateway's words (UTC) as epoch milliseconds; None where it is in none of the known forms."""
    text = one_line(value).strip()
    for form in _DATES:
        try:
            return round(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp() * 1000)
        except ValueError:
            continue
    return None
