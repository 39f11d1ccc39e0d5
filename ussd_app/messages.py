"""The envelope every gateway speaks: what came in and what goes out, with no transport in it.

Law of this module: plain frozen values. Gateways build and read them; the conversation, the worker and the
tests see nothing else of a gateway.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class UssdRequest:
    """One USSD turn as the gateway told it.

    `text` is the whole path typed so far joined with `*` when `cumulative`, else only the last input; on the first
    request it is empty, or holds what was dialled after the service code (a direct dial).
    `turn` is the number of the turn this answers, where the gateway echoes our own state (0 = the start); None where it
    echoes nothing. `first` is True or False where the gateway says whether a session begins, None where it does not.
    """

    gateway: str
    session_id: str
    msisdn: str
    text: str
    cumulative: bool
    service_code: str = ""
    network: str = ""
    turn: int | None = None
    first: bool | None = None
    limit_septets: int = 160


@dataclass(frozen=True)
class UssdReply:
    """What the phone shows. `more` keeps the session open; `screen` names the screen (no personal data);
    `turn` is the number the gateway should echo with the next input."""

    text: str
    more: bool
    screen: str = ""
    turn: int = 0


@dataclass(frozen=True)
class SessionEnd:
    """A gateway's notice that a session is over. Costs in the gateway's own words, read leniently:
    `cost_minor` in 1/10000 of `cost_currency` units, None where it could not be read."""

    gateway: str
    session_id: str
    msisdn: str
    status: str
    duration_ms: int | None = None
    hops: int | None = None
    cost_text: str = ""
    cost_minor: int | None = None
    cost_currency: str = ""


@dataclass(frozen=True)
class SmsIn:
    """An SMS to us. `external_id` is the gateway's own id, unique per gateway."""

    gateway: str
    external_id: str
    msisdn: str
    to: str
    text: str
    received_at: int | None = None
    network: str = ""


@dataclass(frozen=True)
class SmsOut:
    """An SMS to hand to a gateway: one recipient, final text (GSM-7 folded), our outbox id as `reference`."""

    reference: str
    msisdn: str
    text: str
    sender_id: str = ""


@dataclass(frozen=True)
class SendResult:
    """What became of handing over one SMS.

    `outcome`: accepted, retry (try again later), refused (final), opted_out (final, remember it), no_balance (later, alert).
    `cost_minor` in 1/10000 of the currency unit.
    """

    outcome: str
    external_id: str = ""
    reason: str = ""
    parts: int | None = None
    cost_minor: int | None = None
    cost_currency: str = ""


@dataclass(frozen=True)
class DeliveryReport:
    """A gateway's word on a handed-over SMS. `state`: sent, delivered, failed, or unknown where their word is new to us
    (`word` keeps it)."""

    gateway: str
    external_id: str
    state: str
    word: str
    reason: str = ""
    msisdn: str = ""
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class OptOut:
    """A number that wants no more SMS from a sender (`wanted` False) or wants them again (True)."""

    gateway: str
    msisdn: str
    sender_id: str = ""
    wanted: bool = False
