"""Airtel Money's wire to the letter: requests, every code, every status word, PINs, signatures, callbacks."""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from werkzeug.wrappers import Request, Response

from tests.providers.wallets import PIN, Wired, airtel, listening, wired
from ussd_app.money.providers.airtel_crypto import encrypt_pin, load_key, verify_hash
from ussd_app.money.providers.airtel_money import their_id
from ussd_app.money.providers.base import plain_reason

TOKEN = b'{"access_token":"tok","expires_in":"180","token_type":"bearer"}'
PRIVATE = rsa.generate_private_key(65537, 1024)
DER = PRIVATE.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
PEM = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
KEY = b64encode(DER).decode()


class Canned:
    """Their side, saying what it is told to; keeps what it was asked."""

    def __init__(self) -> None:
        self.status, self.body = 200, b""
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []

    def __call__(self, request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        raw = request.get_data()
        self.asked.append((request.method, request.full_path.rstrip("?"), headers, json.loads(raw) if raw else None))
        return Response(TOKEN if request.path == "/auth/oauth2/token" else self.body, self.status)

    def say(self, status: int, body: object = b"") -> None:
        self.status, self.body = status, body if isinstance(body, bytes) else json.dumps(body).encode()


@pytest.fixture
def side() -> Iterator[Canned]:
    yield Canned()


@pytest.fixture
def canned(side: Canned) -> Iterator[tuple[Canned, Any, Wired]]:
    with listening(side) as url:
        client = airtel(url, pin_key=KEY)
        yield side, client, Wired("airtel_money", client, None)
        client.close()


def status_of(code: str, success: bool = False, **more: object) -> dict[str, object]:
    names = "result_code" if code.startswith("ESB") else "response_code"
    return {"status": {"code": "200", "message": "m", names: code, "success": success, **more}}


def told(said: object, code: str = "DP00800001001", **more: object) -> dict[str, object]:
    return {"data": {"transaction": {"status": said, **more}}, **status_of(code, True)}


def test_a_push_to_the_letter(canned: tuple[Canned, Any, Wired]) -> None:
    side, client, made = canned
    side.say(200, status_of("DP00800001006", True))
    order = made.instruction
    assert client.send(order).outcome == "accepted"
    token, push = side.asked
    assert token[1] == "/auth/oauth2/token"
    assert token[3] == {"client_id": "client", "client_secret": "secret", "grant_type": "client_credentials"}
    method, path, headers, body = push
    assert (method, path) == ("POST", "/merchant/v1/payments/")
    assert (headers["x-country"], headers["x-currency"], headers["authorization"]) == ("RW", "RWF", "Bearer tok")
    assert "x-signature" not in headers
    assert body == {
        "reference": "ORD4711",
        "subscriber": {"country": "RW", "currency": "RWF", "msisdn": "728000001"},
        "transaction": {"amount": 5000, "country": "RW", "currency": "RWF", "id": their_id(order.reference_id)},
    }


@pytest.mark.parametrize("kind", ["disbursement", "refund"])
def test_a_payout_to_the_letter(canned: tuple[Canned, Any, Wired], kind: str) -> None:
    side, client, made = canned
    side.say(200, status_of("DP00900001001", True))
    order = made.order(kind=kind, external_id="4-7")
    assert client.send(order).outcome == "accepted"
    method, path, _, body = side.asked[-1]
    assert (method, path) == ("POST", "/standard/v1/disbursements/")
    pin = PRIVATE.decrypt(b64decode(body.pop("pin")), padding.PKCS1v15())
    assert pin == PIN.encode()
    assert body == {
        "payee": {"msisdn": "728000001"},
        "reference": "0047",
        "transaction": {"amount": "5000", "id": their_id(order.reference_id)},
    }
    client.fetch(order)
    assert side.asked[-1][1] == f"/standard/v1/disbursements/{their_id(order.reference_id)}"


def test_the_second_version(side: Canned) -> None:
    with listening(side) as url:
        client, made = airtel(url, pin_key=KEY, version=2, padding="oaep"), Wired("airtel_money", None, None)
        order = made.order(kind="disbursement")
        client.send(order)
        client.fetch(order)
        client.send(made.order())
        client.close()
    _, payout, fetched, push = side.asked
    assert payout[1] == "/standard/v2/disbursements/"
    assert payout[3]["payee"] == {"msisdn": "728000001", "currency": "RWF"}
    assert payout[3]["transaction"] == {"amount": 5000, "id": their_id(order.reference_id), "type": "B2C"}
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    assert PRIVATE.decrypt(b64decode(payout[3]["pin"]), oaep) == PIN.encode()
    assert fetched[1] == f"/standard/v2/disbursements/{their_id(order.reference_id)}?transactionType=B2C"
    assert push[1] == "/merchant/v2/payments/"


SENT = [
    (200, status_of("DP00800001006", True), "accepted"),
    (200, status_of("ESB000010", True), "accepted"),
    (200, {"status": {"success": True}}, "accepted"),
    (200, {"status": {"success": "true"}}, "unknown"),
    (200, {"status": {}}, "unknown"),
    (200, b"<html>", "unknown"),
    (200, b"", "unknown"),
    (200, [1], "unknown"),
    (201, status_of("ESB000010", True), "unknown"),
    (302, b"", "unknown"),
    (200, status_of("ESB000041"), "duplicate"),
    (200, status_of("DP00900001011"), "duplicate"),
    (409, b"", "duplicate"),
    (200, status_of("ESB000001"), "unknown"),
    (200, status_of("ESB000004"), "unknown"),
    (200, status_of("ESB000011"), "unknown"),
    (200, status_of("DP00800001000"), "unknown"),
    (200, status_of("DP00900001000"), "unknown"),
    (200, {"status_code": "ROUTER117", "status_message": "m"}, "unknown"),
    (200, status_of("ESB000008"), "refused"),
    (400, status_of("ESB000008"), "refused"),
    (200, status_of("ESB000033"), "refused"),
    (200, status_of("ESB000036"), "refused"),
    (200, status_of("DP00900001012"), "refused"),
    (200, status_of("DP00900001004"), "refused"),
    (200, status_of("DP00900001013", message="Msisdn Length should be 9"), "refused"),
    (200, status_of("DP00900001013", message="Invalid Currency"), "misconfigured"),
    (200, status_of("DP00800001026"), "misconfigured"),
    (200, status_of("DP00900001016"), "misconfigured"),
    (400, {"status_code": "ROUTER110", "status_message": "m"}, "misconfigured"),
    *((200, status_of(f"DP0080000{code}"), "unknown") for code in (1002, 1003, 1005, 1007, 1008, 1009, 1010, 1024)),
    *((400, {"status_code": f"ROUTER{code}"}, "unknown") for code in ("003", "006", "112", "115", "116", "119")),
    (400, b"", "unknown"),
    (404, b"", "unknown"),
    (408, status_of("ESB000008"), "unknown"),
    (401, b"", "unauthorised"),
    (403, {"error": "invalid_token"}, "unauthorised"),
    (429, b"", "busy"),
    (500, status_of("ESB000008"), "unknown"),
    (502, b"<html>", "unknown"),
    (504, b"", "unknown"),
]


@pytest.mark.parametrize(("status", "body", "outcome"), SENT)
def test_every_answer_to_a_sending(side: Canned, status: int, body: object, outcome: str) -> None:
    def answer(request: Request) -> Response:
        is_token = request.path == "/auth/oauth2/token"
        return Response(TOKEN) if is_token else Response(side.body, side.status)

    side.say(status, body)
    with listening(answer) as url:
        client = airtel(url)
        sent = client.send(Wired("airtel_money", None, None).instruction)
        client.close()
    assert sent.outcome == outcome
    assert len(sent.raw_hash) == 64


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("TS", "paid"),
        ("TF", "failed"),
        ("TE", "failed"),
        ("TIP", "pending"),
        ("TI", "pending"),
        ("TA", "unknown"),
        ("SUCCESS", "unknown"),
        ("ts", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
        (["TS"], "unknown"),
    ],
)
def test_every_status_word(canned: tuple[Canned, Any, Wired], said: object, state: str) -> None:
    side, client, made = canned
    side.say(200, told(said, airtel_money_id="MP1"))
    status = client.fetch(made.instruction)
    assert status.state == state
    assert (status.amount, status.currency, status.msisdn) == (None, "", "")


def test_the_status_decides_and_the_code_only_explains(canned: tuple[Canned, Any, Wired]) -> None:
    side, client, made = canned
    side.say(200, told("TS", "DP00800001007", airtel_money_id="MP1"))
    paid = client.fetch(made.instruction)
    assert (paid.state, paid.external_id, paid.reason) == ("paid", "MP1", "")
    side.say(200, told("TF", "DP00800001001"))
    assert client.fetch(made.instruction).state == "failed"


@pytest.mark.parametrize(
    ("code", "plain"),
    [
        ("DP00800001003", "limit"),
        ("DP00800001005", "expired"),
        ("DP00800001007", "no_funds"),
        ("DP00800001008", "rejected"),
        ("DP00800001010", "not_allowed"),
        ("DP00800001024", "expired"),
        ("DP00800001029", "expired"),
        ("DP00900001012", "payee_unknown"),
        ("DP00800009999", "other"),
    ],
)
def test_every_reason(canned: tuple[Canned, Any, Wired], code: str, plain: str) -> None:
    side, client, made = canned
    side.say(200, told("TF", code))
    status = client.fetch(made.instruction)
    assert (status.reason, plain_reason(status.reason)) == (code, plain)


@pytest.mark.parametrize(
    ("status", "body", "state"),
    [
        (200, status_of("DP00800001025"), "not_found"),
        (200, status_of("ESB000045"), "not_found"),
        (404, status_of("ESB000045"), "not_found"),
        (404, b"", "unknown"),
        (200, status_of("ESB000001"), "unknown"),
        (500, status_of("ESB000045"), "unknown"),
        (503, told("TS"), "unknown"),
        (200, b"<html>", "unknown"),
        (429, b"", "unknown"),
    ],
)
def test_every_answer_to_a_question(canned: tuple[Canned, Any, Wired], status: int, body: object, state: str) -> None:
    side, client, made = canned
    side.say(200, b"")
    client.balance()  # so that there is a token
    side.say(status, body)
    assert client.fetch(made.instruction).state == state


def test_another_ids_answer_is_seen(canned: tuple[Canned, Any, Wired]) -> None:
    side, client, made = canned
    side.say(200, told("TS", id="someoneelse"))
    assert client.fetch(made.instruction).our_external == "someoneelse"
    side.say(200, told("TS", id=their_id(made.instruction.reference_id)))
    assert client.fetch(made.instruction).our_external == "ORD4711"


def test_a_balance_with_commas(canned: tuple[Canned, Any, Wired]) -> None:
    side, client, _ = canned
    side.say(200, {"data": {"balance": "37,600.00", "currency": "RWF", "account_status": "Active"}})
    assert client.balance() == 37_600
    side.say(200, {"data": {"balance": "37,600.00", "currency": "UGX"}})
    assert client.balance() is None


# PINs, keys, signatures


@pytest.mark.parametrize(
    "key", [KEY, PEM.decode(), b64encode(KEY.encode()).decode(), b64encode(PEM).decode(), f" {KEY}\n"]
)
def test_a_key_in_each_of_its_forms(key: str) -> None:
    told = encrypt_pin("4411", key)
    assert PRIVATE.decrypt(b64decode(told), padding.PKCS1v15()) == b"4411"
    assert told != encrypt_pin("4411", key)


@pytest.mark.parametrize(
    "key",
    ["", "x", "====", "AAAA", KEY[:40], "-----BEGIN PUBLIC KEY-----"],
    ids=["empty", "word", "padding", "short", "cut", "pem"],
)
def test_no_key(key: str) -> None:
    assert load_key(key) is None
    assert encrypt_pin("4411", key) == ""


def test_without_a_key_no_payout_leaves(canned: tuple[Canned, Any, Wired]) -> None:
    side, _, made = canned
    with listening(side) as url:
        client = airtel(url)  # no key of its own, and their side gives none
        assert client.send(made.order(kind="disbursement")).outcome == "not_sent"
        client.close()
    assert [path for _, path, _, _ in side.asked] == ["/auth/oauth2/token", "/v1/rsa/encryption-keys"]


@pytest.mark.parametrize("kind", ["collection", "disbursement"])
def test_signed_bodies_are_taken_and_others_refused(kind: str) -> None:
    with wired("airtel_money", client={"signing": True}, signing=True) as wallet:
        order = wallet.order(kind=kind)
        assert wallet.client.send(order).outcome == "accepted"
        assert wallet.final(order).state == "paid"
        plain = airtel(wallet.emulator.url)
        assert plain.send(wallet.order(kind=kind)).outcome == "misconfigured"
        plain.close()


def test_a_signature_of_another_body_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with wired("airtel_money", client={"signing": True}, signing=True) as wallet:
        sign = wallet.client._signer.sign
        monkeypatch.setattr(wallet.client._signer, "sign", lambda body: sign(body + b" "))
        sent = wallet.client.send(wallet.instruction)
        assert (sent.outcome, sent.reason) == ("misconfigured", "DP00800001026")


def test_a_wrong_pin_moves_nothing() -> None:
    with wired("airtel_money", client={"pin": "0000"}) as wallet:
        order = wallet.order(kind="disbursement")
        assert wallet.client.send(order).outcome == "unknown"
        assert wallet.client.fetch(order).state == "not_found"


def test_a_bad_secret_comes_without_a_4xx() -> None:
    with wired("airtel_money", client={"client_secret": "wrong"}, client_secret="right") as wallet:
        assert wallet.client.send(wallet.instruction).outcome == "unauthorised"
        assert wallet.calls("send") == 0


def test_a_number_of_the_wrong_length_is_refused() -> None:
    with wired("airtel_money") as wallet:
        sent = wallet.client.send(wallet.order(msisdn="+46733123450"))
        assert (sent.outcome, sent.reason) == ("refused", "ESB000033")


# callbacks

ABOUT = '{"id":"%s","message":"Paid.","status_code":"TS","airtel_money_id":"MP210603.1234.L06941"}'
ID = "0f8fad5bd9cb469fa16570867728950e"


def signature(payload: str, key: str = "hmac-key") -> str:
    return b64encode(hmac.digest(key.encode(), payload.encode(), "sha256")).decode()


def test_a_callback_is_a_hint() -> None:
    client = airtel("https://wallet.example", hmac_key="hmac-key")
    about = ABOUT % ID
    hint = client.read_callback(f'{{"transaction":{about}}}'.encode(), {}, "secret")
    assert hint.reference_id == "0f8fad5b-d9cb-469f-a165-70867728950e"
    assert (hint.external_id, hint.state, hint.signed) == ("MP210603.1234.L06941", "paid", None)


@pytest.mark.parametrize("form", ["compact", "spaced"])
def test_a_signed_callback(form: str) -> None:
    about = ABOUT % ID if form == "compact" else (ABOUT % ID).replace(",", " , ")
    bodies = [f'{{"transaction":{about},"hash":"{signature(about)}"}}']
    whole = f'{{"transaction":{about}}}'
    bodies.append(f'{{"transaction":{about},"hash":"{signature(whole)}"}}')
    bodies.append(f'{{"hash":"{signature(about)}", "transaction": {about}}}')
    for body in bodies:
        told_hash = json.loads(body)["hash"]
        assert verify_hash(body.encode(), told_hash, "hmac-key") is True
        assert verify_hash(body.encode(), told_hash, "other-key") is False
        assert verify_hash(body.encode(), told_hash, "") is None
        forged = body.replace(ID, "1" * 32)
        assert verify_hash(forged.encode(), told_hash, "hmac-key") is False


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"transaction":[]}',
        b'{"transaction":',
        b'{"transaction":{"id":"../../x"}}',
        b'{"transaction":{"id":7}}',
        b'{"transaction":' * 20_000,
        b'{"hash":"x","transaction":{"id":"' + b"9" * 32 + b'\xff"}}',
    ],
)
def test_a_broken_callback_says_nothing(body: bytes) -> None:
    hint = airtel("https://wallet.example", hmac_key="k").read_callback(body, {}, "secret")
    assert (hint.reference_id, hint.external_id, hint.state) == ("", "", "unknown")
    assert hint.signed is not True


@pytest.mark.parametrize("told_hash", [7, None, [], {}, True])
def test_a_hash_that_is_no_text_is_none(told_hash: object) -> None:
    assert verify_hash(b'{"transaction":{}}', told_hash, "k") is None
