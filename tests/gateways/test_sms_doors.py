"""The doors for SMS: what comes in, what became of what went out, who wants no more."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.gateways.doors import (
    SMS,
    Parts,
    client_of,
    delivered,
    ordered,
    rows,
    sent,
)
from tests.gateways.test_contract import MSISDN

# SMS to us

INCOMING = {"id": "ec9adc86", "from": MSISDN, "to": "2150", "text": "IBICIRO", "date": "2017-05-03 06:04:45"}


def test_an_sms_is_acted_on_once(stored: Parts) -> None:
    client = client_of(stored)
    assert [client.post(f"{SMS}/incoming", data=INCOMING).status_code for _ in range(3)] == [200] * 3
    assert client.post(f"{SMS}/incoming", data={**INCOMING, "id": "other"}).status_code == 200
    assert stored.conversation.texts == ["IBICIRO"] * 2
    inbox = rows(stored.store, "SELECT * FROM inbox ORDER BY external_id")
    assert inbox[0] == {"gateway": "africastalking", "external_id": "ec9adc86", "received_at": stored.clock.now()}
    assert len(inbox) == 2


def test_an_sms_whose_effects_failed_comes_again(stored: Parts, caplog: pytest.LogCaptureFixture) -> None:
    client = client_of(stored)
    stored.conversation.fault = ValueError("IBICIRO of +250788000001")
    assert client.post(f"{SMS}/incoming", data=INCOMING).status_code == 503
    assert rows(stored.store, "SELECT * FROM inbox") == rows(stored.store, "SELECT * FROM session_ends") == []
    assert "IBICIRO" not in caplog.text and MSISDN not in caplog.text
    stored.conversation.fault = None
    assert client.post(f"{SMS}/incoming", data=INCOMING).status_code == 200
    assert [row["session_id"] for row in rows(stored.store, "SELECT * FROM session_ends")] == ["effect of ec9adc86"]


@pytest.mark.parametrize(
    "told", [{}, {**INCOMING, "id": ""}, {**INCOMING, "from": "MTN-Promo"}, {**INCOMING, "from": ""}]
)
def test_an_sms_nobody_can_answer_is_taken_all_the_same(
    client: FlaskClient, parts: Parts, told: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    assert client.post(f"{SMS}/incoming", data=told).status_code == 200
    assert parts.conversation.texts == []
    assert parts.metrics.counted == [("africastalking", "incoming", "malformed")]
    assert "cannot be read" in caplog.text


def test_a_text_nobody_can_parse_goes_to_the_conversation(stored: Parts) -> None:
    told = {**INCOMING, "text": "\x00\ufffd ?? %%"}
    assert client_of(stored).post(f"{SMS}/incoming", data=told).status_code == 200
    assert stored.conversation.texts == ["\ufffd ?? %%"]


# Delivery reports


@pytest.mark.parametrize("early", [0, 1, 2, 4])
def test_reports_in_any_order_before_and_after_our_own_note(stored: Parts, early: int) -> None:
    client, message = client_of(stored), ordered(stored)
    words = ["Teleported", "Success", "Success", "Sent"]
    for word in words[:early]:
        told = {"id": "ATXid_1", "status": word, "phoneNumber": MSISDN}
        assert client.post(f"{SMS}/delivery", data=told).status_code == 200
    sent(stored, message, "ATXid_1")
    for word in words[early:]:
        told = {"id": "ATXid_1", "status": word, "phoneNumber": MSISDN}
        assert client.post(f"{SMS}/delivery", data=told).status_code == 200
    assert delivered(stored) == [("delivered", "Success")]
    assert rows(stored.store, "SELECT * FROM delivery_reports") == []


def test_a_report_on_nothing_of_ours_is_kept_without_the_number(stored: Parts) -> None:
    told = {"id": "ATXid_9", "status": "Failed", "phoneNumber": MSISDN, "failureReason": "UserIsInactive"}
    client = client_of(stored)
    assert [client.post(f"{SMS}/delivery", data=told).status_code for _ in range(2)] == [200, 200]
    assert rows(stored.store, "SELECT * FROM delivery_reports") == [
        {"gateway": "africastalking", "external_id": "ATXid_9", "state": "failed", "word": "Failed",
         "reason": "UserIsInactive", "received_at": stored.clock.now()}
    ]  # fmt: skip


def test_a_report_that_names_the_blacklist_is_an_opt_out(stored: Parts) -> None:
    told = {"id": "ATXid_1", "status": "Rejected", "phoneNumber": MSISDN, "failureReason": "UserInBlackList"}
    assert client_of(stored).post(f"{SMS}/delivery", data=told).status_code == 200
    assert stored.opted == [(MSISDN, False)]


@pytest.mark.parametrize("told", [{}, {"id": "1"}, {"status": "Success"}, {"id": "a b", "status": "Success"}])
def test_a_report_that_says_nothing(client: FlaskClient, told: dict[str, str]) -> None:
    assert client.post(f"{SMS}/delivery", data=told).status_code == 400


# Opt-outs


def test_opt_outs_are_handed_on(stored: Parts) -> None:
    client = client_of(stored)
    told = {"senderId": "DUHA", "phoneNumber": MSISDN}
    assert client.post(f"{SMS}/optout", data=told).status_code == 200
    assert client.post(f"{SMS}/optout", data={**told, "updateType": "Addition"}).status_code == 200
    assert client.post(f"{SMS}/optout", data={"senderId": "DUHA"}).status_code == 400
    assert stored.opted == [(MSISDN, False), (MSISDN, True)]


@pytest.mark.parametrize(
    "kind, told",
    [
        ("incoming", INCOMING),
        ("optout", {"phoneNumber": MSISDN}),
        ("delivery", {"id": "1", "status": "Sent"}),
    ],
)
def test_what_cannot_be_kept_now_is_to_come_later(client: FlaskClient, kind: str, told: dict[str, str]) -> None:
    assert client.post(f"{SMS}/{kind}", data=told).status_code == 503
