"""The simulator, both ways, as tables."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.gateways.test_contract import MSISDN, as_json
from ussd_app.gateways.base import Malformed
from ussd_app.gateways.simulator import Simulator
from ussd_app.messages import OptOut, SessionEnd, SmsIn, SmsOut, UssdReply

GATEWAY = Simulator("*384*100#")
TOLD = {"session_id": "S1", "phone": "0788000001", "network": "MTN", "text": "2"}


@pytest.mark.parametrize(
    "told, turn, first",
    [({}, None, None), ({"turn": None}, None, None), ({"turn": 0}, 0, True), ({"turn": 4}, 4, False)],
)
def test_with_a_turn_number_and_without(told: dict[str, Any], turn: int | None, first: bool | None) -> None:
    read = GATEWAY.read(as_json({**TOLD, **told}))
    assert (read.turn, read.first, read.text, read.cumulative) == (turn, first, "2", False)
    assert (read.msisdn, read.network, read.service_code) == (MSISDN, "mtn", "*384*100#")


@pytest.mark.parametrize("turn", ["x", -1, 1.5, [], True])
def test_a_turn_number_that_is_none(turn: object) -> None:
    with pytest.raises(Malformed, match="turn"):
        GATEWAY.read(as_json({**TOLD, "turn": turn}))


def test_screens() -> None:
    out = GATEWAY.write(UssdReply("Muraho", True, "home", 2))
    assert json.loads(out.body) == {"text": "Muraho", "more": True, "screen": "home", "turn": 2}


def test_ends() -> None:
    end = GATEWAY.read_end(as_json({"session_id": "S1", "phone": MSISDN, "status": "Incomplete", "hops": 2}))
    assert end == SessionEnd("simulator", "S1", MSISDN, "incomplete", hops=2)


def test_sms_are_accepted_and_counted() -> None:
    result = GATEWAY.send(SmsOut("01REF", MSISDN, "x" * 161))
    assert (result.outcome, result.parts, result.cost_minor) == ("accepted", 2, 0)
    assert result.external_id == GATEWAY.send(SmsOut("01REF", MSISDN, "x")).external_id


def test_incoming() -> None:
    told = {"id": "7", "from": MSISDN, "to": "2150", "text": "IBICIRO"}
    assert GATEWAY.read_incoming(as_json(told)) == SmsIn("simulator", "7", MSISDN, "2150", "IBICIRO")


@pytest.mark.parametrize(
    "status, state", [("sent", "sent"), ("Delivered", "delivered"), ("failed", "failed"), ("lost", "unknown")]
)
def test_delivery_reports(status: str, state: str) -> None:
    report = GATEWAY.read_delivery(as_json({"id": "sim-1", "status": status}))
    assert (report.external_id, report.state, report.word) == ("sim-1", state, status)


@pytest.mark.parametrize(
    "told, wanted", [({}, False), ({"wanted": False}, False), ({"wanted": True}, True), ({"wanted": 1}, False)]
)
def test_opt_outs(told: dict[str, Any], wanted: bool) -> None:
    assert GATEWAY.read_optout(as_json({"phone": MSISDN, **told})) == OptOut("simulator", MSISDN, wanted=wanted)
