"""MTN MoMo's wire to the letter: requests, every code, every status word, callbacks; and its emulator."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from tests.providers.wallets import Wired, listening, mtn, until, wired
from ussd_app.money.providers.base import plain_reason
from ussd_app.money.providers.mtn_momo import PATHS, REFUSALS

TOKEN = b'{"access_token":"eyJ.t","token_type":"access_token","expires_in":3600}'
REPLY = {
    "financialTransactionId": "1432942836",
    "externalId": "ORD4711",
    "amount": "5000",
    "currency": "RWF",
    "payer": {"partyIdType": "MSISDN", "partyId": "250788383383"},
    "status": "SUCCESSFUL",
}


class Canned:
    """Their side, saying what it is told to; keeps what it was asked."""

    def __init__(self) -> None:
        self.status, self.body = 202, b""
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []

    def __call__(self, request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append((request.method, request.path, headers, request.get_data()))
        if request.path.endswith("/token/"):
            return Response(TOKEN)
        return Response(self.body, self.status)

    def say(self, status: int, body: object = b"") -> None:
        self.status, self.body = status, body if isinstance(body, bytes) else json.dumps(body).encode()


@pytest.fixture
def canned() -> Iterator[tuple[Canned, Any, Wired]]:
    side = Canned()
    with listening(side) as url:
        client = mtn(url, callback_host="127.0.0.1")
        yield side, client, Wired("mtn_momo", client, None)
        client.close()


@pytest.fixture
def wallet() -> Iterator[Wired]:
    with wired("mtn_momo") as one:
        yield one


def test_a_request_to_pay_to_the_letter(canned: tuple[Canned, Any, Wired]) -> None:
    side, client, made = canned
    url = "http://127.0.0.1:9/payments/mtn_momo/t"
    order = made.order(note="n'ibirayi 12 kg", callback_url=url)
    assert client.send(order).outcome == "accepted"
    (_, token_path, token_headers, token_body), (method, path, headers, body) = side.asked
    assert (token_path, token_body) == ("/collection/token/", b"")
    assert token_headers["authorization"] == "Basic YXBpLXVzZXI6YXBpLWtleQ=="
    assert token_headers["ocp-apim-subscription-key"] == "key-c"
    assert (method, path) == ("POST", "/collection/v1_0/requesttopay")
    assert headers["x-reference-id"] == order.reference_id
    assert headers["x-target-environment"] == "mtnrwanda"
    assert headers["authorization"] == "Bearer eyJ.t"
    assert headers["ocp-apim-subscription-key"] == "key-c"
    assert headers["x-callback-url"] == url
    assert json.loads(body) == {
        "amount": "5000",
        "currency": "RWF",
        "externalId": "ORD4711",
        "payer": {"partyIdType": "MSISDN", "partyId": "250788000001"},
        "payerMessage": "nibirayi 12 kg",
        "payeeNote": "nibirayi 12 kg",
    }


def test_payouts_and_refunds_go_by_the_other_product(canned: tuple[Canned, Any, Wired]) -> None:
    side, client, made = canned
    client.send(made.order(kind="disbursement"))
    client.send(made.order(kind="refund", original_reference="the-original"))
    client.fetch(made.order(kind="refund", reference_id="r"))
    token, transfer, refund, fetched = side.asked
    assert token[1] == "/disbursement/token/"
    assert transfer[1] == "/disbursement/v1_0/transfer"
    assert transfer[2]["ocp-apim-subscription-key"] == "key-d"
    assert json.loads(transfer[3])["payee"] == {"partyIdType": "MSISDN", "partyId": "250788000001"}
    assert refund[1] == "/disbursement/v1_0/refund"
    told = json.loads(refund[3])
    assert told["referenceIdToRefund"] == "the-original" and "payee" not in told and "payer" not in told
    assert fetched[:2] == ("GET", "/disbursement/v1_0/refund/r")


@pytest.mark.parametrize(
    "url", ["", "http://elsewhere.example/p/t", "https://elsewhere.example/p/t", "http://127.0.0.1.example/p"]
)
def test_a_callback_address_they_would_refuse_is_left_out(canned: tuple[Canned, Any, Wired], url: str) -> None:
    side, client, made = canned
    client.send(made.order(callback_url=url))
    assert "x-callback-url" not in side.asked[-1][2]


def test_without_a_registered_host_nothing_calls_back() -> None:
    client = mtn("https://wallet.example")
    assert client.needs_callback_per_payment is False
    host = mtn("https://wallet.example", callback_host="market.example")
    assert host.needs_callback_per_payment is True
    assert host._may_call("https://market.example/p/t") is True
    assert host._may_call("http://market.example/p/t") is False


def test_the_sandbox_is_spoken_to_in_euro_with_decimals(canned: tuple[Canned, Any, Wired]) -> None:
    side, client, made = canned
    client.send(made.order(currency="EUR", amount=1_250))
    assert json.loads(side.asked[-1][3])["amount"] == "12.50"


SENT = [
    (202, b"", "accepted"),
    (202, b"<html>", "unknown"),
    (200, b"", "unknown"),
    (200, b"<html>", "unknown"),
    (201, b"", "unknown"),
    (302, b"", "unknown"),
    (400, b"", "unknown"),
    (400, {"code": "SOMETHING_NEW"}, "unknown"),
    (400, {"code": "INTERNAL_PROCESSING_ERROR"}, "unknown"),
    (404, b"", "unknown"),
    (408, {"code": "PAYER_NOT_FOUND"}, "unknown"),
    (409, {"code": "RESOURCE_ALREADY_EXIST"}, "duplicate"),
    (409, b"", "duplicate"),
    (401, {"statusCode": 401, "message": "Access denied"}, "unauthorised"),
    (403, b"", "unauthorised"),
    (429, b"", "busy"),
    (500, {"code": "NOT_ALLOWED"}, "misconfigured"),
    (500, {"code": "NOT_ALLOWED_TARGET_ENVIRONMENT"}, "misconfigured"),
    (500, {"code": "INVALID_CALLBACK_URL_HOST"}, "misconfigured"),
    (500, {"code": "INVALID_CURRENCY"}, "misconfigured"),
    (500, {"code": "INTERNAL_PROCESSING_ERROR"}, "unknown"),
    (500, {"code": "PAYER_NOT_FOUND"}, "unknown"),
    (500, b"", "unknown"),
    (503, {"code": "SERVICE_UNAVAILABLE"}, "unknown"),
    (504, b"<html>", "unknown"),
    *((400, {"code": code}, "refused") for code in sorted(REFUSALS)),
]


@pytest.mark.parametrize(("status", "body", "outcome"), SENT)
def test_every_answer_to_a_sending(canned: tuple[Canned, Any, Wired], status: int, body: object, outcome: str) -> None:
    side, client, made = canned
    side.say(status, body)
    sent = client.send(made.instruction)
    assert sent.outcome == outcome
    assert len(sent.raw_hash) == 64
    if isinstance(body, dict) and "code" in body:
        assert sent.reason == body["code"]


WORDS = [
    ("SUCCESSFUL", "paid"),
    ("FAILED", "failed"),
    ("REJECTED", "failed"),
    ("TIMEOUT", "failed"),
    ("EXPIRED", "failed"),
    ("CREATED", "pending"),
    ("PENDING", "pending"),
    ("ONGOING", "pending"),
    ("SUCCESS", "unknown"),
    ("Successful", "unknown"),
    ("CANCELLED", "unknown"),
    ("", "unknown"),
    (None, "unknown"),
    (True, "unknown"),
    (["SUCCESSFUL"], "unknown"),
]


@pytest.mark.parametrize(("said", "state"), WORDS)
def test_every_status_word(canned: tuple[Canned, Any, Wired], said: object, state: str) -> None:
    side, client, made = canned
    side.say(200, REPLY | {"status": said})
    assert client.fetch(made.instruction).state == state


@pytest.mark.parametrize("amount", ["5000", 5000, "5000.0", 5000.0])
def test_a_paid_status_in_full(canned: tuple[Canned, Any, Wired], amount: object) -> None:
    side, client, made = canned
    side.say(200, REPLY | {"amount": amount})
    status = client.fetch(made.instruction)
    assert (status.state, status.external_id, status.amount) == ("paid", "1432942836", 5_000)
    assert (status.currency, status.msisdn, status.our_external) == ("RWF", "+250788383383", "ORD4711")
    assert status.reason == ""


@pytest.mark.parametrize("amount", ["5000.5", None, "", {}, "five"])
def test_an_amount_that_is_none_is_none(canned: tuple[Canned, Any, Wired], amount: object) -> None:
    side, client, made = canned
    side.say(200, REPLY | {"amount": amount})
    status = client.fetch(made.instruction)
    assert (status.state, status.amount) == ("paid", None)


def test_a_party_that_is_no_number_equals_none_of_ours(canned: tuple[Canned, Any, Wired]) -> None:
    side, client, made = canned
    side.say(200, REPLY | {"payer": {"partyIdType": "PARTY_CODE", "partyId": "shop"}})
    assert client.fetch(made.instruction).msisdn == "shop"
    side.say(200, REPLY | {"payer": "x"})
    assert client.fetch(made.instruction).msisdn == ""


REASONS = {
    "PAYEE_NOT_FOUND": "payee_unknown",
    "PAYER_NOT_FOUND": "payer_unknown",
    "NOT_ENOUGH_FUNDS": "no_funds",
    "PAYER_LIMIT_REACHED": "limit",
    "PAYEE_LIMIT_REACHED": "limit",
    "PAYEE_NOT_ALLOWED_TO_RECEIVE": "not_allowed",
    "PAYMENT_NOT_APPROVED": "rejected",
    "APPROVAL_REJECTED": "rejected",
    "EXPIRED": "expired",
    "TRANSACTION_CANCELED": "rejected",
    "COULD_NOT_PERFORM_TRANSACTION": "other",
    "SENDER_ACCOUNT_NOT_ACTIVE": "not_allowed",
    "TRANSACTION_NOT_FOUND": "other",
    "VALIDATION_ERROR": "other",
    "INTERNAL_PROCESSING_ERROR": "other",
    "LOW_BALANCE_OR_PAYEE_LIMIT_REACHED_OR_NOT_ALLOWED": "other",
}


@pytest.mark.parametrize("as_object", [True, False])
@pytest.mark.parametrize(("code", "plain"), REASONS.items())
def test_every_reason(canned: tuple[Canned, Any, Wired], code: str, plain: str, as_object: bool) -> None:
    side, client, made = canned
    told = {"code": code, "message": "in words"} if as_object else code
    side.say(200, REPLY | {"status": "FAILED", "reason": told})
    status = client.fetch(made.instruction)
    assert (status.state, status.reason, plain_reason(status.reason)) == ("failed", code, plain)


@pytest.mark.parametrize(
    ("status", "body", "state"),
    [
        (404, {"code": "RESOURCE_NOT_FOUND"}, "not_found"),
        (404, {"code": "TRANSACTION_NOT_FOUND"}, "not_found"),
        (404, {"statusCode": 404, "message": "Resource not found"}, "unknown"),
        (404, b"", "unknown"),
        (200, b"", "unknown"),
        (200, [1], "unknown"),
        (202, REPLY, "unknown"),
        (400, REPLY, "unknown"),
        (500, {"code": "RESOURCE_NOT_FOUND"}, "unknown"),
        (429, b"", "unknown"),
        (401, b"", "unknown"),
        (302, b"", "unknown"),
    ],
)
def test_every_answer_to_a_question(canned: tuple[Canned, Any, Wired], status: int, body: object, state: str) -> None:
    side, client, made = canned
    side.say(status, body)
    got = client.fetch(made.instruction)
    assert got.state == state
    assert got.wait_ms == (5_000 if status == 429 else 0)


def test_a_callback_is_a_hint() -> None:
    client = mtn("https://wallet.example")
    hint = client.read_callback(json.dumps(REPLY).encode(), {}, "token")
    assert (hint.external_id, hint.our_external, hint.state) == ("1432942836", "ORD4711", "paid")
    assert (hint.reference_id, hint.signed, len(hint.raw_hash)) == ("", None, 64)


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"status":{}}', b"{" * 50_000, b'{"externalId":[1]}'])
def test_a_broken_callback_says_nothing(body: bytes) -> None:
    hint = mtn("https://wallet.example").read_callback(body, {}, "token")
    assert (hint.external_id, hint.our_external, hint.state) == ("", "", "unknown")
    assert len(hint.raw_hash) == 64


# the emulator


@pytest.mark.parametrize(
    ("last", "outcome", "reason"),
    [
        ("50", "failed", "INTERNAL_PROCESSING_ERROR"),
        ("51", "failed", "APPROVAL_REJECTED"),
        ("52", "failed", "EXPIRED"),
        ("55", "failed", "PAYER_NOT_FOUND"),
        ("56", "failed", "PAYEE_NOT_ALLOWED_TO_RECEIVE"),
        ("57", "misconfigured", "NOT_ALLOWED"),
        ("58", "misconfigured", "NOT_ALLOWED_TARGET_ENVIRONMENT"),
        ("59", "misconfigured", "INVALID_CALLBACK_URL_HOST"),
        ("60", "misconfigured", "INVALID_CURRENCY"),
        ("61", "failed", "INTERNAL_PROCESSING_ERROR"),
        ("62", "unknown", "SERVICE_UNAVAILABLE"),
        ("63", "failed", "COULD_NOT_PERFORM_TRANSACTION"),
        ("64", "failed", "transferType unknown"),
        ("99", "paid", ""),
    ],
)
def test_their_test_numbers(wallet: Wired, last: str, outcome: str, reason: str) -> None:
    order = wallet.order(msisdn=f"+467331234{last}")
    sent = wallet.client.send(order)
    if sent.outcome == "accepted":
        status = wallet.final(order)
        assert (status.state, status.reason) == (outcome, reason)
    else:
        assert (sent.outcome, sent.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("last", "reason"), [("55", "NOT_ENOUGH_FUNDS"), ("57", "PAYEE_NOT_FOUND"), ("62", "INTERNAL_PROCESSING_ERROR")]
)
def test_their_test_numbers_for_transfers(wallet: Wired, last: str, reason: str) -> None:
    order = wallet.order(kind="disbursement", msisdn=f"+467331234{last}")
    assert wallet.client.send(order).outcome == "accepted"
    assert wallet.final(order).reason == reason


def test_one_number_stays_and_one_is_late() -> None:
    with wired("mtn_momo", late_ms=100) as wallet:
        stays, late = wallet.order(msisdn="+46733123453"), wallet.order(msisdn="+46733123454")
        assert [wallet.client.send(one).outcome for one in (stays, late)] == ["accepted", "accepted"]
        assert wallet.client.fetch(late).reason == "CREATED"
        assert wallet.final(late).state == "paid"
        assert wallet.client.fetch(stays).state == "pending"


@pytest.mark.parametrize("amounts", ["string", "number", "decimal"])
@pytest.mark.parametrize("reason", ["string", "object"])
def test_its_forms_are_all_understood(amounts: str, reason: str) -> None:
    with wired("mtn_momo", amounts=amounts, reason=reason) as wallet:
        wallet.client.send(wallet.instruction)
        assert wallet.final(wallet.instruction).amount == 5_000
        wallet.control(balance={"+250788000001": 0})
        poor = wallet.order()
        wallet.client.send(poor)
        assert wallet.final(poor).reason == "NOT_ENOUGH_FUNDS"


def test_a_refund_gives_back_no_more_than_was_paid(wallet: Wired) -> None:
    wallet.client.send(wallet.instruction)
    wallet.final(wallet.instruction)
    before = wallet.emulator.balance_of("250788000001")
    original = wallet.instruction.reference_id
    refunds = [wallet.order(kind="refund", amount=3_000, original_reference=original) for _ in range(2)]
    stray = wallet.order(kind="refund", original_reference=str(uuid.uuid4()))
    for one in (*refunds, stray):
        assert wallet.client.send(one).outcome == "accepted"
    assert wallet.final(refunds[0]).state == "paid"
    assert wallet.final(refunds[1]).state == "failed"
    assert wallet.final(stray).reason == "TRANSACTION_NOT_FOUND"
    assert wallet.emulator.balance_of("250788000001") == before + 3_000


@pytest.mark.parametrize(
    ("client", "outcome"),
    [
        ({"keys": {"collection": ""}}, "unauthorised"),
        ({"keys": {"collection": "wrong"}}, "unauthorised"),
        ({"api_key": "wrong"}, "unauthorised"),
        ({"environment": "sandbox"}, "misconfigured"),
        ({}, "accepted"),
    ],
)
def test_it_refuses_whom_it_does_not_know(client: dict[str, Any], outcome: str) -> None:
    with wired("mtn_momo", client=client, api_user="api-user", api_key="api-key", collection_key="key-c") as wallet:
        assert wallet.client.send(wallet.instruction).outcome == outcome


def test_it_takes_a_uuid4_and_its_own_currency_only(wallet: Wired) -> None:
    assert wallet.client.send(wallet.order(reference_id="not-a-uuid")).outcome == "unknown"
    assert wallet.client.send(wallet.order(reference_id=str(uuid.uuid1()))).outcome == "unknown"
    foreign = wallet.client.send(wallet.order(currency="EUR"))
    assert (foreign.outcome, foreign.reason) == ("misconfigured", "INVALID_CURRENCY")
    assert wallet.emulator.payments == {}


def test_it_refuses_a_foreign_callback_host() -> None:
    with wired("mtn_momo", client={"callback_host": "127.0.0.1"}, callback_host="market.example") as wallet:
        sent = wallet.client.send(wallet.order(callback_url="http://127.0.0.1:9/p/t"))
        assert (sent.outcome, sent.reason) == ("misconfigured", "INVALID_CALLBACK_URL_HOST")


def test_every_request_knows_its_path() -> None:
    assert set(PATHS) == {"collection", "disbursement", "refund"}


def test_provisioning_a_sandbox_user(wallet: Wired) -> None:
    from urllib.request import Request as Asked
    from urllib.request import urlopen

    user, key = str(uuid.uuid4()), {"Ocp-Apim-Subscription-Key": "key-c"}
    base = wallet.emulator.url + "/v1_0/apiuser"
    body = b'{"providerCallbackHost":"market.example"}'
    with urlopen(Asked(base, body, {**key, "X-Reference-Id": user}), timeout=5) as answer:
        assert answer.status == 201
    with urlopen(Asked(f"{base}/{user}/apikey", b"", key), timeout=5) as answer:
        secret = json.loads(answer.read())["apiKey"]
    client = mtn(wallet.emulator.url, api_user=user, api_key=secret)
    assert client.send(wallet.instruction).outcome == "accepted"
    wrong = mtn(wallet.emulator.url, api_user=user, api_key="0" * 32)
    assert wrong.send(wallet.order()).outcome == "unauthorised"
    client.close()
    wrong.close()
    until(lambda: wallet.stored(wallet.instruction))
