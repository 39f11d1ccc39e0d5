"""The doors with stand-ins behind them: what a conversation, a meter and a store would do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from tests.gateways.test_contract import MSISDN, NAMES
from ussd_app.gateways import load_gateways
from ussd_app.lib.clock import Clock, ManualClock
from ussd_app.messages import SmsIn, UssdReply, UssdRequest
from ussd_app.settings import Settings
from ussd_app.store import Store, Tx, Withdrawn, outbox
from ussd_app.web.callbacks import register

SECRETS = ("first-secret-of-the-two", "other-secret-of-the-two")
USSD = f"/ussd/africastalking/{SECRETS[0]}"
SMS = f"/sms/africastalking/{SECRETS[0]}"
TURN = {"sessionId": "S1", "serviceCode": "*384*100#", "phoneNumber": MSISDN, "networkCode": "63510", "text": ""}
END = {"sessionId": "S1", "phoneNumber": MSISDN, "status": "Success", "cost": "RWF 5.0000", "hopsCount": "3"}


@dataclass
class Talk:
    """Stands where the conversation stands. `fault`, when set, is raised."""

    turns: list[UssdRequest] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    fault: Exception | None = None

    def ussd(self, request: UssdRequest) -> UssdReply:
        self.turns.append(request)
        if self.fault:
            raise self.fault
        return UssdReply(f"[{request.text}]", more=True, screen="home", turn=len(self.turns))

    def sms(self, tx: Tx, sms: SmsIn) -> None:
        tx.session_end_note(
            gateway=sms.gateway, session_id=f"effect of {sms.external_id}", status="x", hops=None, duration_ms=None,
            cost_minor=None, cost_currency="", ended_at=0,
        )  # fmt: skip
        self.texts.append(sms.text)
        if self.fault:
            raise self.fault


@dataclass
class Meter:
    counted: list[tuple[str, ...]] = field(default_factory=list)

    def ussd_turn(self, gateway: str, outcome: str, ms: float) -> None:
        assert 0 <= ms < 10_000
        self.counted.append((gateway, outcome))

    def callback(self, gateway: str, kind: str, outcome: str) -> None:
        self.counted.append((gateway, kind, outcome))


class NoStore:
    """A store that has no time for anybody."""

    def write(self, work: Callable[[Tx], object]) -> object:
        raise Withdrawn("busy")


@dataclass
class Parts:
    settings: Settings
    store: Any
    clock: Clock = field(default_factory=ManualClock)
    conversation: Talk = field(default_factory=Talk)
    metrics: Meter = field(default_factory=Meter)
    opted: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def gateways(self) -> dict[str, Any]:
        return load_gateways(self.settings)

    def opt_out(self, tx: Tx, msisdn: str, wanted: bool) -> None:
        self.opted.append((msisdn, wanted))


def parts_with(store: Any = None, **settings: Any) -> Parts:
    return Parts(Settings(**{"gateways": NAMES, "callback_secrets": SECRETS, **settings}), store or NoStore())


def client_of(parts: Parts) -> FlaskClient:
    app = Flask("doors")
    app.config["MAX_CONTENT_LENGTH"] = 64 * 1024
    register(app, parts)
    return app.test_client()


def rows(store: Store, sql: str) -> list[dict[str, Any]]:
    with store.read() as tx:
        return tx.rows(sql)


def ordered(parts: Parts) -> outbox.Message:
    """An SMS that is about to go out."""
    now = parts.clock.now()

    def begin(tx: Tx) -> outbox.Message:
        outbox.order(tx, now=now, kind="sms", to=MSISDN, template="x", values={}, language="rw", purpose="order")
        message = outbox.lease(tx, now=now, worker="w", limit=1, lease_ms=1_000)[0]
        assert outbox.mark_sending(tx, message, now=now, lease_ms=1_000)
        return message

    message: outbox.Message = parts.store.write(begin)
    return message


def sent(parts: Parts, message: outbox.Message, external_id: str) -> None:
    """Its gateway took it and names it so."""
    now = parts.clock.now()
    assert parts.store.write(
        lambda tx: outbox.mark_sent(tx, message, now=now, gateway="africastalking", external_id=external_id)
    )


def delivered(parts: Parts) -> list[tuple[str, str]]:
    told = rows(parts.store, "SELECT delivery_state, delivery_word FROM outbox ORDER BY id")
    return [(row["delivery_state"], row["delivery_word"]) for row in told]
