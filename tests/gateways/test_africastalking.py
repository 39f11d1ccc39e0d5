"""Africa's Talking, both ways, as tables."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from africastalking.Service import AfricasTalkingException
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from tests.gateways.test_contract import MSISDN, form
from ussd_app.gateways.africastalking import AfricasTalking
from ussd_app.gateways.africastalking_sms import ANSWER_LOST, Sender
from ussd_app.gateways.base import Malformed
from ussd_app.lib.gsm7 import sms_parts
from ussd_app.messages import OptOut, SendResult, SessionEnd, SmsIn, SmsOut, UssdReply

GATEWAY = AfricasTalking(Sender("sandbox", "key"))
SMS = SmsOut("01ORDER", MSISDN, "Muraho")


def turn(**fields: str) -> Any:
    whole = {
        "sessionId": "ATUid_1",
        "serviceCode": "*384*100#",
        "phoneNumber": MSISDN,
        "networkCode": "63510",
        "text": "",
    }
    return GATEWAY.read(form(**{**whole, **fields}))


def test_the_path_so_far_is_handed_on_whole() -> None:
    read = turn(text="1*2**25*")
    assert (read.text, read.cumulative, read.turn, read.first) == ("1*2**25*", True, None, None)
    assert read.service_code == "*384*100#"


@pytest.mark.parametrize(
    "code, name",
    [
        ("63510", "mtn"),
        ("63513", "airtel"),
        ("63514", "airtel"),
        ("99999", "sandbox"),
        ("64101", "64101"),
        ("x", ""),
        ("", ""),
    ],
)
def test_network_codes(code: str, name: str) -> None:
    assert turn(networkCode=code).network == name


@pytest.mark.parametrize(
    "reply, body, header",
    [
        (UssdReply("Muraho\n1. Gurisha", True, "home"), "CON Muraho\n1. Gurisha", "home"),
        (UssdReply("Murakoze", False, "sell.done"), "END Murakoze", "sell.done"),
        (UssdReply("x", True, "a|b\r\nSet-Cookie: é"), "CON x", "abSet-Cookie:"),
        (UssdReply("x", True, "s" * 150), "CON x", "s" * 99),
        (UssdReply(" x", True), "CON  x", None),
    ],
)
def test_screens(reply: UssdReply, body: str, header: str | None) -> None:
    out = GATEWAY.write(reply)
    assert (out.body, out.status, out.content_type) == (body, 200, "text/plain; charset=utf-8")
    assert out.headers.get("at-ussd-hop-metadata") == header


END = {
    "date": "2026-09-28 10:00:00",
    "sessionId": "ATUid_1",
    "serviceCode": "*384*100#",
    "networkCode": "63510",
    "phoneNumber": MSISDN,
    "status": "Incomplete",
    "cost": "KES 0.10",
    "durationInMillis": "22321",
    "hopsCount": "3",
    "hopsMetadata": "home|sell",
    "input": "1*2*48213",
    "lastAppResponse": "CON PIN:",
    "errorMessage": "",
}


@pytest.mark.parametrize(
    "changed, read",
    [
        ({}, ("incomplete", 22321, 3, 1000, "KES")),
        ({"status": "Success", "cost": "0"}, ("success", 22321, 3, 0, "")),
        ({"status": "Failed", "cost": "", "hopsCount": "", "durationInMillis": "x"}, ("failed", None, None, None, "")),
    ],
)
def test_end_notices(changed: dict[str, str], read: tuple[Any, ...]) -> None:
    end = GATEWAY.read_end(form(**{**END, **changed}))
    assert isinstance(end, SessionEnd)
    assert (end.status, end.duration_ms, end.hops, end.cost_minor, end.cost_currency) == read
    assert (end.session_id, end.msisdn) == ("ATUid_1", MSISDN)
    assert "48213" not in repr(end) and "PIN" not in repr(end)


def test_incoming() -> None:
    told = form(
        **{"from": MSISDN}, id="ec9adc86-51d5", date="2017-05-03 06:04:45", linkId="", networkCode="63514",
        text="GURISHA ibirayi\n50", to="21512",
    )  # fmt: skip
    assert GATEWAY.read_incoming(told) == SmsIn(
        "africastalking", "ec9adc86-51d5", MSISDN, "21512", "GURISHA ibirayi\n50", 1_493_791_485_000, "airtel"
    )


@pytest.mark.parametrize("missing", ["id", "from"])
def test_incoming_without_what_it_needs(missing: str) -> None:
    fields = {"from": MSISDN, "id": "1", "text": "x"}
    del fields[missing]
    with pytest.raises(Malformed, match=missing):
        GATEWAY.read_incoming(form(**fields))


@pytest.mark.parametrize(
    "status, reason, state, read",
    [
        ("Sent", "", "sent", ""),
        ("Submitted", "", "sent", ""),
        ("Buffered", "", "sent", ""),
        ("Success", "", "delivered", ""),
        ("success", "", "delivered", ""),
        ("Failed", "NotNetworkSubcriber", "failed", "NotNetworkSubcriber"),
        ("Rejected", "UserInBlackList", "failed", "opted_out"),
        ("Rejected", "UserInBlacklist", "failed", "opted_out"),
        ("AbsentSubscriber", "", "failed", ""),
        ("Expired", "", "failed", ""),
        ("Teleported", "", "unknown", ""),
    ],
)
def test_delivery_reports(status: str, reason: str, state: str, read: str) -> None:
    report = GATEWAY.read_delivery(
        form(id="ATXid_1234567890", status=status, phoneNumber=MSISDN, networkCode="63510", failureReason=reason)
    )
    assert (report.external_id, report.state, report.word, report.reason) == ("ATXid_1234567890", state, status, read)


@pytest.mark.parametrize(
    "fields, wish",
    [
        ({"senderId": "DUHA"}, OptOut("africastalking", MSISDN, "DUHA", False)),
        (
            {"shortCode": "21512", "keyword": "x", "updateType": "deletion"},
            OptOut("africastalking", MSISDN, "21512", False),
        ),
        (
            {"shortCode": "21512", "keyword": "x", "updateType": "Addition"},
            OptOut("africastalking", MSISDN, "21512", True),
        ),
    ],
)
def test_opt_outs(fields: dict[str, str], wish: OptOut) -> None:
    assert GATEWAY.read_optout(form(phoneNumber=MSISDN, **fields)) == wish


class Package:
    """Stands where the package's SMS service stands."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.sent: list[tuple[Any, ...]] = []

    def send(self, *args: Any, **options: Any) -> object:
        self.sent.append(args)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def handed_over(answer: object, sms: SmsOut = SMS) -> SendResult:
    sender = Sender("sandbox", "key")
    sender.__dict__["_service"] = Package(answer)
    return AfricasTalking(sender).send(sms)


def recipient(code: object, status: str, **other: object) -> dict[str, Any]:
    one = {"statusCode": code, "number": MSISDN, "status": status, "cost": "0", "messageId": "None", **other}
    return {"SMSMessageData": {"Message": "Sent", "Recipients": [one]}}


TAKEN = {"cost": "RWF 10.0000", "messageId": "ATXid_0123456789"}


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize(
    "answer, outcome, reason",
    [
        (recipient(100, "Processed", **TAKEN), "accepted", ""),
        (recipient(101, "Success", **TAKEN), "accepted", ""),
        (recipient("102", "Queued", **TAKEN), "accepted", ""),
        (recipient(None, "Success", **TAKEN), "accepted", ""),
        (recipient(401, "RiskHold"), "refused", "RiskHold (401)"),
        (recipient(402, "InvalidSenderId"), "refused", "InvalidSenderId (402)"),
        (recipient(403, "InvalidPhoneNumber"), "refused", "InvalidPhoneNumber (403)"),
        (recipient(404, "UnsupportedNumberType"), "refused", "UnsupportedNumberType (404)"),
        (recipient(405, "InsufficientBalance"), "no_balance", "InsufficientBalance (405)"),
        (recipient(406, "UserInBlacklist"), "opted_out", "UserInBlacklist (406)"),
        (recipient(407, "CouldNotRoute"), "refused", "CouldNotRoute (407)"),
        (recipient(409, "DoNotDisturbRejection"), "refused", "DoNotDisturbRejection (409)"),
        (recipient(500, "InternalServerError"), "retry", "InternalServerError (500)"),
        (recipient(501, "GatewayError"), "retry", "GatewayError (501)"),
        (recipient(502, "RejectedByGateway"), "refused", "RejectedByGateway (502)"),
        ({"SMSMessageData": {"Message": "InvalidSenderId", "Recipients": []}}, "refused", "InvalidSenderId"),
        ({"SMSMessageData": {"Message": "InvalidPhoneNumber", "Recipients": []}}, "refused", "InvalidPhoneNumber"),
        ({"SMSMessageData": {"Message": "InsufficientBalance", "Recipients": []}}, "no_balance", "InsufficientBalance"),
        ({"SMSMessageData": {}}, "refused", "no recipient in the answer"),
        ({"other": 1}, "retry", ANSWER_LOST),
        ([], "retry", ANSWER_LOST),
    ],
)  # fmt: skip
def test_answers(answer: object, outcome: str, reason: str, as_text: bool) -> None:
    result = handed_over(json.dumps(answer) if as_text else answer)
    assert (result.outcome, result.reason) == (outcome, reason)
    if outcome == "accepted":
        assert (result.external_id, result.cost_minor, result.cost_currency) == ("ATXid_0123456789", 100_000, "RWF")


def connection_error(reason: Exception) -> requests.ConnectionError:
    return requests.ConnectionError(MaxRetryError(None, "/version1/messaging", reason))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "failure, outcome, reason",
    [
        (AfricasTalkingException("The supplied authentication is invalid"), "retry", "(401)"),
        (AfricasTalkingException(json.dumps(recipient(409, "DoNotDisturbRejection"))), "refused", "409"),
        (AfricasTalkingException("<html>Bad gateway +250788000001</html>"), "retry", "refused whole: html Bad gateway"),
        (requests.ReadTimeout(), "retry", ANSWER_LOST),
        (requests.ConnectTimeout(), "retry", "no connection"),
        (connection_error(NewConnectionError(None, "refused")), "retry", "no connection"),  # type: ignore[arg-type]
        (requests.ConnectionError(ProtocolError("Connection aborted", ConnectionResetError())), "retry", ANSWER_LOST),
        (requests.ConnectionError(), "retry", ANSWER_LOST),
        (requests.exceptions.JSONDecodeError("x", "", 0), "retry", ANSWER_LOST),
        (requests.exceptions.ChunkedEncodingError(), "retry", ANSWER_LOST),
        (ValueError("Invalid phone number: +2"), "refused", "no phone number"),
    ],
)
def test_failures(failure: Exception, outcome: str, reason: str) -> None:
    result = handed_over(failure)
    assert result.outcome == outcome
    assert reason in result.reason
    assert "788000001" not in result.reason


def test_parts_are_theirs_or_counted() -> None:
    long = SmsOut("1", MSISDN, "x" * 200)
    assert handed_over(recipient(101, "Success", messageParts=3, **TAKEN), long).parts == 3
    assert handed_over(recipient(101, "Success", **TAKEN), long).parts == sms_parts(long.text) == 2


def test_our_recipient_is_found_among_several() -> None:
    answer = recipient(101, "Success", **TAKEN)
    answer["SMSMessageData"]["Recipients"].insert(0, {"number": "+250788000009", "statusCode": 403, "status": "x"})
    assert handed_over(answer).outcome == "accepted"


@pytest.mark.parametrize("own, of_sms, sent", [("", "", None), ("DUHA", "", "DUHA"), ("DUHA", "OTHER", "OTHER")])
def test_sender_ids(own: str, of_sms: str, sent: str | None) -> None:
    package = Package(recipient(101, "Success", **TAKEN))
    sender = Sender("sandbox", "key", own)
    sender.__dict__["_service"] = package
    sender.send(SmsOut("1", MSISDN, "x", of_sms))
    assert package.sent == [("x", [MSISDN], sent)]


@pytest.mark.parametrize(
    "username, base, address",
    [
        ("sandbox", "", "https://api.sandbox.africastalking.com/version1"),
        ("duha", "", "https://api.africastalking.com/version1"),
        ("sandbox", "http://127.0.0.1:8100/", "http://127.0.0.1:8100/version1"),
        ("duha", "http://127.0.0.1:8100/version1", "http://127.0.0.1:8100/version1"),
    ],
)
def test_their_address(username: str, base: str, address: str) -> None:
    assert Sender(username, "key", base_url=base)._service._baseUrl == address
