"""Africa's Talking: USSD as forms with the whole path typed so far, answered `CON ` or `END `; SMS callbacks as forms.

Handing an SMS over is in `africastalking_sms`, which the worker alone needs.
"""

from __future__ import annotations

from ussd_app.gateways.africastalking_sms import Sender
from ussd_app.gateways.base import (
    SCREEN_SEPTETS,
    HttpIn,
    HttpOut,
    Malformed,
    cost,
    message_text,
    moment,
    number,
    one_line,
    token,
    whole,
    word,
)
from ussd_app.lib.msisdn import parse
from ussd_app.messages import DeliveryReport, OptOut, SendResult, SessionEnd, SmsIn, SmsOut, UssdReply, UssdRequest
from ussd_app.settings import Settings

# Their codes for the networks; 63513 is Tigo, merged into Airtel. A KTRN caller may come with a code not listed.
NETWORKS = {"63510": "mtn", "63513": "airtel", "63514": "airtel", "99999": "sandbox"}

# Their words for what became of an SMS. `Success` is theirs for "on the handset".
STATES = {
    "sent": "sent",
    "submitted": "sent",
    "buffered": "sent",
    "success": "delivered",
    "failed": "failed",
    "rejected": "failed",
    "absentsubscriber": "failed",
    "expired": "failed",
}
HOP_CHARACTERS = 99


def gateway(settings: Settings) -> AfricasTalking:
    """The adapter for these settings."""
    return AfricasTalking(
        Sender(
            settings.africastalking_username,
            settings.africastalking_api_key,
            settings.africastalking_sender_id,
            settings.africastalking_base_url,
        )
    )


class AfricasTalking:
    """USSD and SMS through Africa's Talking."""

    name = "africastalking"
    limit_septets = SCREEN_SEPTETS

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def read(self, http: HttpIn) -> UssdRequest:
        """One turn. They give no turn number and do not say whether a session begins."""
        form = http.form
        return UssdRequest(
            gateway=self.name,
            session_id=token(form.get("sessionId"), "sessionId"),
            msisdn=number(form.get("phoneNumber"), "phoneNumber"),
            text=one_line(form.get("text")),
            cumulative=True,
            service_code=word_of_code(form.get("serviceCode", "")),
            network=network(form.get("networkCode", "")),
            limit_septets=self.limit_septets,
        )

    def read_end(self, http: HttpIn) -> SessionEnd | None:
        """The end-of-session notice: a form with a `status`, which a turn never has."""
        form = http.form
        if "status" not in form or "text" in form:
            return None
        cost_minor, currency = cost(form.get("cost"))
        return SessionEnd(
            gateway=self.name,
            session_id=token(form.get("sessionId"), "sessionId"),
            msisdn=number(form.get("phoneNumber"), "phoneNumber"),
            status=word(form["status"]).lower(),
            duration_ms=whole(form.get("durationInMillis")),
            hops=whole(form.get("hopsCount")),
            cost_text=word(form.get("cost")),
            cost_minor=cost_minor,
            cost_currency=currency,
        )

    def write(self, reply: UssdReply) -> HttpOut:
        """The screen as text. Nothing may stand before the prefix: they would end the session."""
        screen = "".join(char for char in reply.screen if "!" <= char <= "~" and char != "|")[:HOP_CHARACTERS]
        return HttpOut(
            body=f"{'CON' if reply.more else 'END'} {reply.text}",
            headers={"at-ussd-hop-metadata": screen} if screen else {},
        )

    def send(self, sms: SmsOut) -> SendResult:
        """Hand one SMS over; up to 12 s."""
        return self._sender.send(sms)

    def read_incoming(self, http: HttpIn) -> SmsIn:
        """An SMS to us. Their dates come in three forms; one that cannot be read is left out."""
        form = http.form
        return SmsIn(
            gateway=self.name,
            external_id=token(form.get("id"), "id"),
            msisdn=number(form.get("from"), "from"),
            to=word_of_code(form.get("to", "")),
            text=message_text(form.get("text")),
            received_at=moment(form.get("date")),
            network=network(form.get("networkCode", "")),
        )

    def read_delivery(self, http: HttpIn) -> DeliveryReport:
        """A delivery report. A number on their blacklist has opted out, however they spell it."""
        form = http.form
        status, reason = word(form.get("status")), word(form.get("failureReason"))
        if not status:
            raise Malformed("status is missing")
        extra = {"network": network(form.get("networkCode", "")), "retries": word(form.get("retryCount"))}
        return DeliveryReport(
            gateway=self.name,
            external_id=token(form.get("id"), "id"),
            state=STATES.get(status.lower(), "unknown"),
            word=status,
            reason="opted_out" if reason.lower() == "userinblacklist" else reason,
            msisdn=parse(one_line(form.get("phoneNumber"))) or "",  # not needed to know which SMS it is
            extra={name: value for name, value in extra.items() if value},
        )

    def read_optout(self, http: HttpIn) -> OptOut:
        """A bulk opt-out, or a change of a subscription (`updateType` addition or deletion)."""
        form = http.form
        return OptOut(
            gateway=self.name,
            msisdn=number(form.get("phoneNumber"), "phoneNumber"),
            sender_id=word(form.get("senderId") or form.get("shortCode")),
            wanted=form.get("updateType", "").strip().lower() == "addition",
        )


def network(code: str) -> str:
    """The name of a network code of theirs; an unknown code as it came, as far as it is digits."""
    return NETWORKS.get(code) or (code if code.isascii() and code.isdigit() and len(code) <= 8 else "")


def word_of_code(code: str) -> str:
    """A service code, short code or sender name as they give it, at most 40 printable characters."""
    return one_line(code).strip()[:40]
