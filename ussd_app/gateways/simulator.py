"""The simulator: the simplest JSON, for phones in the browser and in tests. It refuses to exist in production.

The last input only. A caller that sends `turn` gets it back and stands for a gateway that echoes our state; one that
does not stands for a gateway that echoes nothing.
"""

from __future__ import annotations

import json

from ussd_app.gateways.base import (
    SCREEN_SEPTETS,
    HttpIn,
    HttpOut,
    Malformed,
    message_text,
    moment,
    number,
    one_line,
    token,
    whole,
    word,
)
from ussd_app.lib.gsm7 import sms_parts
from ussd_app.messages import DeliveryReport, OptOut, SendResult, SessionEnd, SmsIn, SmsOut, UssdReply, UssdRequest
from ussd_app.settings import Settings

STATES = ("sent", "delivered", "failed")


def gateway(settings: Settings) -> Simulator:
    """The adapter for these settings."""
    return Simulator(settings.service_code)


class Simulator:
    """USSD `{session_id, phone, network, text, turn?}` -> `{text, more, screen, turn}`; SMS always accepted."""

    name = "simulator"
    limit_septets = SCREEN_SEPTETS

    def __init__(self, service_code: str) -> None:
        self._service_code = service_code

    def read(self, http: HttpIn) -> UssdRequest:
        """One turn. Text that comes with turn 0 is what was dialled after the service code."""
        told = http.json
        turn = None if told.get("turn") is None else whole(told["turn"])
        if turn is None and told.get("turn") is not None:
            raise Malformed("turn is not a number")
        return UssdRequest(
            gateway=self.name,
            session_id=token(told.get("session_id"), "session_id"),
            msisdn=number(told.get("phone"), "phone"),
            text=one_line(told.get("text")),
            cumulative=False,
            service_code=self._service_code,
            network=word(told.get("network"), 20).lower(),
            turn=turn,
            first=None if turn is None else turn == 0,
            limit_septets=self.limit_septets,
        )

    def read_end(self, http: HttpIn) -> SessionEnd | None:
        """`{session_id, phone, status, hops?, duration_ms?}`: the phone hung up, or saw the last screen."""
        told = http.json
        if "status" not in told or "text" in told:
            return None
        return SessionEnd(
            gateway=self.name,
            session_id=token(told.get("session_id"), "session_id"),
            msisdn=number(told.get("phone"), "phone"),
            status=word(told["status"]).lower(),
            duration_ms=whole(told.get("duration_ms")),
            hops=whole(told.get("hops")),
        )

    def write(self, reply: UssdReply) -> HttpOut:
        """The screen and what a caller needs to go on."""
        told = {"text": reply.text, "more": reply.more, "screen": reply.screen, "turn": reply.turn}
        return HttpOut(json.dumps(told, ensure_ascii=False), content_type="application/json")

    def send(self, sms: SmsOut) -> SendResult:
        """Accepted, for nothing; the id is made of ours, so that a second try gets the same."""
        return SendResult("accepted", external_id=f"sim-{sms.reference}", parts=sms_parts(sms.text), cost_minor=0)

    def read_incoming(self, http: HttpIn) -> SmsIn:
        """`{id, from, to, text, date?, network?}`."""
        told = http.json
        return SmsIn(
            gateway=self.name,
            external_id=token(told.get("id"), "id"),
            msisdn=number(told.get("from"), "from"),
            to=one_line(told.get("to")).strip()[:40],
            text=message_text(told.get("text")),
            received_at=moment(told.get("date")),
            network=word(told.get("network"), 20).lower(),
        )

    def read_delivery(self, http: HttpIn) -> DeliveryReport:
        """`{id, status, reason?}` with status sent, delivered or failed."""
        told = http.json
        status = word(told.get("status"))
        if not status:
            raise Malformed("status is missing")
        return DeliveryReport(
            gateway=self.name,
            external_id=token(told.get("id"), "id"),
            state=status.lower() if status.lower() in STATES else "unknown",
            word=status,
            reason=word(told.get("reason")),
        )

    def read_optout(self, http: HttpIn) -> OptOut:
        """`{phone, wanted?}`."""
        told = http.json
        return OptOut(
            gateway=self.name,
            msisdn=number(told.get("phone"), "phone"),
            sender_id=word(told.get("sender_id")),
            wanted=told.get("wanted") is True,
        )
