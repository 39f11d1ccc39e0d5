"""Handing SMS to Africa's Talking through their own package, and understanding what it gives back.

Their package is imported at the first SMS: it brings an HTTP client no web process needs. A call may take 12 s, so
nothing but the worker sends.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

from ussd_app.gateways.base import cost, one_line, whole, word
from ussd_app.lib.gsm7 import sms_parts
from ussd_app.messages import SendResult, SmsOut

ACCEPTED = (100, 101, 102)
OUTCOMES = {405: "no_balance", 406: "opted_out", 500: "retry", 501: "retry"}  # every other code is a final refusal
# Some replies name the state and leave the number out.
CODES = {
    "processed": 100,
    "success": 101,
    "sent": 101,
    "queued": 102,
    "insufficientbalance": 405,
    "userinblacklist": 406,
    "internalservererror": 500,
    "gatewayerror": 501,
}
ANSWER_LOST = "answer lost: it may have been sent"


class Sender:
    """Sends SMS from one account. `base_url` replaces their address (an emulator, a proxy); empty = theirs.
    `timeout_s`: seconds to connect, and to wait for the answer."""

    def __init__(
        self,
        username: str,
        api_key: str,
        sender_id: str = "",
        base_url: str = "",
        timeout_s: tuple[float, float] = (3.05, 9.05),
    ) -> None:
        self._username, self._api_key = username, api_key
        self._sender_id = sender_id
        self._timeout_s = timeout_s
        self._base_url = base_url.rstrip("/").removesuffix("/version1")

    @cached_property
    def _service(self) -> Any:
        from africastalking.SMS import SMSService

        service = SMSService(self._username, self._api_key)
        if self._base_url:
            service._baseUrl = service._contentUrl = f"{self._base_url}/version1"
        return service

    def send(self, sms: SmsOut) -> SendResult:
        """Hand one SMS over. A failure after which it may have been sent is a `retry` too: an SMS twice is better than
        none."""
        import requests
        from africastalking.Service import AfricasTalkingException

        try:
            sender_id = sms.sender_id or self._sender_id or None
            answer = self._service.send(sms.text, [sms.msisdn], sender_id, timeout=self._timeout_s)
        except AfricasTalkingException as refusal:
            return _refused_whole(str(refusal), sms)
        except requests.ConnectTimeout:
            return SendResult("retry", reason="no connection")
        except requests.ConnectionError as error:
            return SendResult("retry", reason=_broken(error))
        except requests.RequestException:
            return SendResult("retry", reason=ANSWER_LOST)
        except ValueError:  # their own check of the number, before anything is sent
            return SendResult("refused", reason="no phone number")
        return _read(answer, sms)


def _read(answer: object, sms: SmsOut) -> SendResult:
    """The answer of a request they took: a dict, or text when the content type names a charset."""
    data = _data(answer)
    if data is None:
        return SendResult("retry", reason=ANSWER_LOST)
    recipients = data.get("Recipients")
    found = [one for one in recipients if isinstance(one, dict)] if isinstance(recipients, list) else []
    if not found:
        reason = word(data.get("Message"))
        outcome = "no_balance" if "insufficientbalance" in reason.lower().replace(" ", "") else "refused"
        return SendResult(outcome, reason=reason or "no recipient in the answer")
    ours = next((one for one in found if one.get("number") == sms.msisdn), found[0])
    return _recipient(ours, sms)


def _recipient(told: dict[str, object], sms: SmsOut) -> SendResult:
    status = word(told.get("status"))
    code = whole(told.get("statusCode")) or CODES.get(status.lower().replace(" ", ""), 0)
    if code not in ACCEPTED:
        return SendResult(OUTCOMES.get(code, "refused"), reason=f"{status} ({code})" if code else status)
    given = one_line(told.get("messageId")).strip()
    minor, currency = cost(told.get("cost"))
    return SendResult(
        "accepted",
        external_id="" if given == "None" else given,
        parts=whole(told.get("messageParts")) or sms_parts(sms.text),
        cost_minor=minor,
        cost_currency=currency,
    )


def _refused_whole(text: str, sms: SmsOut) -> SendResult:
    """An answer that is no 2xx; the package keeps its body only. A wrong key is ours to mend, so the SMS waits."""
    if "authentication is invalid" in text.lower():
        return SendResult("retry", reason="their side refuses our username and key (401)")
    if _data(text):
        return _read(text, sms)
    return SendResult("retry", reason=f"refused whole: {word(text)}")


def _data(answer: object) -> dict[str, object] | None:
    """`SMSMessageData` of an answer, None where there is none."""
    if isinstance(answer, str):
        try:
            answer = json.loads(answer)
        except ValueError:
            return None
    data = answer.get("SMSMessageData") if isinstance(answer, dict) else None
    return data if isinstance(data, dict) else None


def _broken(error: BaseException) -> str:
    """Whether a broken connection broke before anything was sent (the connection was never made)."""
    from urllib3.exceptions import NewConnectionError

    cause = getattr(error.args[0], "reason", None) if error.args else None
    return "no connection" if isinstance(cause, NewConnectionError) else ANSWER_LOST
