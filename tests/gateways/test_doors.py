"""The doors of the gateways: who may enter, what a turn is answered, how a session ends."""

from __future__ import annotations

import json
import logging
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gateways.doors import (
    END,
    SECRETS,
    SMS,
    TURN,
    USSD,
    Parts,
    client_of,
    parts_with,
    rows,
)
from tests.gateways.test_contract import MSISDN, NAMES
from ussd_app.web.callbacks import SORRY
from ussd_app.web.gate import BODY_BYTES, allowed, client_address

# Who may enter


def test_a_turn_is_answered(client: FlaskClient, parts: Parts) -> None:
    answer = client.post(USSD, data={**TURN, "text": "1*é"})
    assert (answer.status_code, answer.data.decode()) == (200, "CON [1*é]")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["at-ussd-hop-metadata"] == "home"
    assert "Set-Cookie" not in answer.headers
    assert parts.metrics.counted == [("africastalking", "answered")]


@pytest.mark.parametrize("secret", SECRETS)
def test_either_secret_opens(client: FlaskClient, secret: str) -> None:
    assert client.post(f"/ussd/africastalking/{secret}", data=TURN).status_code == 200


@pytest.mark.parametrize("end", ["", "/events"])
@pytest.mark.parametrize(
    "path",
    ["africastalking/wrong", f"africastalking/{SECRETS[0]}x", f"africastalking/{SECRETS[0][:-1]}",
     f"nokia/{SECRETS[0]}", "africastalking/é", f"AfricasTalking/{SECRETS[0]}"],
)  # fmt: skip
def test_who_may_not_enter_sees_what_stands_at_any_unknown_address(
    client: FlaskClient, parts: Parts, caplog: pytest.LogCaptureFixture, path: str, end: str
) -> None:
    caplog.set_level(logging.DEBUG)
    nowhere = client.post("/no/such/address", data=TURN)
    answer = client.post(f"/ussd/{path}{end}", data=TURN)
    assert (answer.status_code, answer.data, answer.headers.to_wsgi_list()) == (
        404, nowhere.data, nowhere.headers.to_wsgi_list()
    )  # fmt: skip
    assert (parts.conversation.turns, parts.metrics.counted, caplog.records) == ([], [], [])


@pytest.mark.parametrize("kind", ["incoming", "delivery", "optout"])
@pytest.mark.parametrize("path", ["africastalking/wrong", f"hubtel/{SECRETS[0]}", f"nokia/{SECRETS[0]}"])
def test_the_sms_doors_are_as_shut(client: FlaskClient, path: str, kind: str) -> None:
    assert client.post(f"/sms/{path}/{kind}", data={"id": "1", "from": MSISDN}).status_code == 404


def test_a_gateway_for_sms_alone_carries_no_turns() -> None:
    parts = parts_with(gateways=("africastalking",), sms_gateway="simulator")
    told = {"session_id": "S1", "phone": MSISDN, "text": ""}
    assert client_of(parts).post(f"/ussd/simulator/{SECRETS[0]}", json=told).status_code == 404


@pytest.mark.parametrize(
    "proxies, peer, forwarded, status",
    [
        (0, "10.1.2.3", None, 200),
        (0, "::ffff:10.1.2.3", None, 200),
        (0, "192.0.2.9", None, 404),
        (0, "192.0.2.9", "10.1.2.3", 404),
        (1, "127.0.0.1", "10.1.2.3", 200),
        (1, "127.0.0.1", "192.0.2.9", 404),
        (1, "127.0.0.1", "10.1.2.3, 192.0.2.9", 404),
        (1, "127.0.0.1", "10.9.9.9, 192.0.2.9, 10.1.2.3", 200),
        (2, "127.0.0.1", "10.1.2.3, 192.0.2.9", 200),
        (2, "127.0.0.1", "192.0.2.9, 10.1.2.3, 127.0.0.2", 200),
        (2, "127.0.0.1", "10.1.2.3", 404),
        (2, "127.0.0.1", "10.1.2.3, 192.0.2.9, 127.0.0.2", 404),
        (1, "127.0.0.1", None, 404),
        (1, "127.0.0.1", "rubbish", 404),
        (1, "127.0.0.1", "", 404),
    ],
)
def test_networks_and_proxies(proxies: int, peer: str, forwarded: str | None, status: int) -> None:
    client = client_of(parts_with(callback_sources=("10.1.0.0/16", "2001:db8::/32"), trusted_proxies=proxies))
    headers = {"X-Forwarded-For": forwarded} if forwarded is not None else {}
    answer = client.post(USSD, data=TURN, headers=headers, environ_base={"REMOTE_ADDR": peer})
    assert answer.status_code == status


def test_an_address_lies_in_its_network() -> None:
    import ipaddress

    networks = (ipaddress.ip_network("2001:db8::/32"), ipaddress.ip_network("10.0.0.0/8"))
    assert [allowed(one, networks) for one in ("2001:db8::1", "fe80::1%eth0", "10.0.0.1", "", "1.1.1.1")] == [
        True, False, True, False, False
    ]  # fmt: skip


def test_the_peer_counts_where_no_proxy_is_trusted() -> None:
    app = Flask("x")
    with app.test_request_context(
        headers={"X-Forwarded-For": "1.2.3.4"}, environ_base={"REMOTE_ADDR": "9.9.9.9"}
    ) as at:
        assert client_address(at.request, 0) == "9.9.9.9"
        assert client_address(at.request, 1) == "1.2.3.4"


# A turn never gets a 5xx


@pytest.mark.parametrize(
    "body, content_type",
    [
        (b"", ""),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"sessionId=S1&phoneNumber=abc&text=", "application/x-www-form-urlencoded"),
        (b"sessionId=S1&phoneNumber=%2B250788000001&text=" + b"1" * BODY_BYTES, "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
    ],
)
def test_a_turn_that_cannot_be_read_is_told_sorry(
    client: FlaskClient, parts: Parts, body: bytes, content_type: str
) -> None:
    answer = client.post(USSD, data=body, content_type=content_type)
    assert (answer.status_code, answer.data.decode()) == (200, f"END {SORRY.text}")
    assert answer.data.isascii() and len(answer.data) <= 160
    assert parts.metrics.counted == [("africastalking", "malformed")]


@pytest.mark.parametrize("gateway, shown", [("hubtel", "Message"), ("simulator", "text")])
def test_the_sorry_is_in_the_words_of_the_gateway(client: FlaskClient, gateway: str, shown: str) -> None:
    answer = client.post(f"/ussd/{gateway}/{SECRETS[0]}", data=b"{")
    assert answer.status_code == 200
    assert json.loads(answer.data)[shown] == SORRY.text


def test_a_failure_is_told_sorry_and_nothing_typed_is_logged(
    client: FlaskClient, parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    parts.conversation.fault = ValueError("Key (msisdn)=(+250788000001) exists: 48213")
    answer = client.post(USSD, data={**TURN, "text": "1*48213"})
    assert (answer.status_code, answer.data.decode()) == (200, f"END {SORRY.text}")
    assert "ValueError" in caplog.text and "ref " in caplog.text
    assert not any(secret in caplog.text for secret in ("48213", "788000001", *SECRETS))
    assert parts.metrics.counted == [("africastalking", "failed")]


FORM, JSON = "application/x-www-form-urlencoded", "application/json"
WIRES = {"africastalking": FORM, "hubtel": JSON, "simulator": JSON}


@given(
    gateway=st.sampled_from(NAMES),
    told=st.dictionaries(
        st.sampled_from(
            [
                "sessionId",
                "phoneNumber",
                "text",
                "status",
                "networkCode",
                "SessionId",
                "Mobile",
                "Type",
                "Message",
                "ClientState",
                "session_id",
                "phone",
                "turn",
            ]
        ),
        st.one_of(
            st.text(max_size=30),
            st.sampled_from(["S1", MSISDN, "250788000001", "Initiation", "Response", "Release"]),
            st.integers(),
            st.floats(),
            st.none(),
            st.lists(st.integers(), max_size=2),
        ),
    ),
    raw=st.one_of(st.none(), st.binary(max_size=200)),
)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_whatever_comes_a_turn_gets_an_answer(gateway: str, told: dict[str, Any], raw: bytes | None) -> None:
    if raw is not None:
        body = raw
    elif gateway == "africastalking":
        body = urlencode({name: str(value).encode("utf-8", "replace") for name, value in told.items()}).encode()
    else:
        body = json.dumps(told).encode()
    answer = DOORS.post(f"/ussd/{gateway}/{SECRETS[0]}", data=body, content_type=WIRES[gateway])
    assert answer.status_code == 200
    if gateway == "africastalking":
        assert answer.data.startswith((b"CON ", b"END ")) or answer.data == b"OK"


DOORS = client_of(parts_with())


def test_other_bodies_too_large_are_413(client: FlaskClient) -> None:
    for path in (f"{USSD}/events", f"{SMS}/incoming", f"{SMS}/delivery", f"{SMS}/optout"):
        assert client.post(path, data={"id": "x" * BODY_BYTES}).status_code == 413
    assert client.post("/sms/africastalking/wrong/incoming", data={"id": "x" * BODY_BYTES}).status_code == 404


# End notices


def test_an_end_notice_is_kept_once_without_number_or_input(stored: Parts) -> None:
    client = client_of(stored)
    told = {**END, "durationInMillis": "9000", "input": "1*48213", "lastAppResponse": "END Murakoze"}
    assert [client.post(f"{USSD}/events", data=told).status_code for _ in range(2)] == [200, 200]
    kept = rows(stored.store, "SELECT * FROM session_ends")
    assert kept == [
        {"gateway": "africastalking", "session_id": "S1", "status": "success", "hops": 3, "duration_ms": 9000,
         "cost_minor": 50_000, "cost_currency": "RWF", "ended_at": stored.clock.now()}
    ]  # fmt: skip


def test_an_end_notice_may_come_where_turns_come(stored: Parts) -> None:
    client = client_of(stored)
    told = {"Type": "Release", "SessionId": "S7", "Mobile": MSISDN[1:], "Message": ""}
    assert client.post(f"/ussd/hubtel/{SECRETS[0]}", json=told).status_code == 200
    assert client.post(USSD, data=END).status_code == 200
    ends = rows(stored.store, "SELECT gateway, session_id, status FROM session_ends ORDER BY gateway")
    assert [tuple(row.values()) for row in ends] == [
        ("africastalking", "S1", "success"),
        ("hubtel", "S7", "incomplete"),
    ]
    assert stored.conversation.turns == []


def test_an_end_notice_nobody_can_keep_is_forgotten(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    assert client.post(f"{USSD}/events", data=END).status_code == 200
    assert "Withdrawn" in caplog.text and MSISDN not in caplog.text


@pytest.mark.parametrize("told", [{}, TURN, {**END, "sessionId": ""}])
def test_what_is_no_end_notice(client: FlaskClient, told: dict[str, str]) -> None:
    assert client.post(f"{USSD}/events", data=told).status_code == 400
