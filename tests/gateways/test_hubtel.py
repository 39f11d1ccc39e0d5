"""Hubtel, both ways, as tables."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.gateways.test_contract import MSISDN, as_json
from ussd_app.gateways.base import Malformed
from ussd_app.gateways.hubtel import Hubtel
from ussd_app.messages import SessionEnd, UssdReply

GATEWAY = Hubtel("*384*100#")
TOLD = {"SessionId": "S1", "ServiceCode": "7c920d", "Mobile": "250788000001", "Operator": "MTN", "Platform": "USSD"}


def read(**fields: Any) -> Any:
    return GATEWAY.read(as_json({**TOLD, **fields}))


@pytest.mark.parametrize(
    "dialled, text",
    [
        ("*384*100#", ""),
        ("*384*100*1#", "1"),
        ("*384*100*1*2*50#", "1*2*50"),
        ("*384*100*1*2", "1*2"),
        ("*384*1001*2#", ""),
        ("*711*23#", ""),
        ("", ""),
    ],
)
@pytest.mark.parametrize("kind", ["Initiation", "initiation", "INITIATION", "Query", "Favorite"])
def test_starts(kind: str, dialled: str, text: str) -> None:
    turn = read(Type=kind, Message=dialled)
    assert (turn.text, turn.turn, turn.first, turn.cumulative) == (text, 0, True, False)
    assert (turn.msisdn, turn.network, turn.service_code) == (MSISDN, "mtn", "7c920d")


@pytest.mark.parametrize("state, turn", [("4", 4), (4, 4), ("", None), (None, None)])
def test_the_turn_number_comes_back(state: object, turn: int | None) -> None:
    got = read(Type="Response", Message="2", ClientState=state)
    assert (got.text, got.turn, got.first) == ("2", turn, False)


@pytest.mark.parametrize("state", ["x", "-1", "1.5", {"a": 1}, True])
def test_a_state_that_is_not_ours(state: object) -> None:
    with pytest.raises(Malformed, match="ClientState"):
        read(Type="Response", Message="2", ClientState=state)


def test_both_ways_of_writing_keys() -> None:
    camel = {key[0].lower() + key[1:]: value for key, value in {**TOLD, "Type": "Response", "Message": "7"}.items()}
    assert GATEWAY.read(as_json(camel)) == read(Type="Response", Message="7")


def test_a_number_from_ghana() -> None:
    assert read(Type="Initiation", Message="", Mobile="233244234546").msisdn == "+233244234546"


@pytest.mark.parametrize("kind", ["Release", "Timeout", "", "Nonsense", None])
def test_what_is_no_turn(kind: str | None) -> None:
    with pytest.raises(Malformed, match="Type"):
        read(Type=kind, Message="")


@pytest.mark.parametrize("kind, status", [("Release", "incomplete"), ("release", "incomplete"), ("Timeout", "failed")])
def test_ends(kind: str, status: str) -> None:
    end = GATEWAY.read_end(as_json({**TOLD, "Type": kind, "Sequence": 5}))
    assert end == SessionEnd("hubtel", "S1", MSISDN, status, hops=5)


@pytest.mark.parametrize(
    "reply, told",
    [
        (
            UssdReply("Muraho é", True, "home", 3),
            {"Type": "response", "Message": "Muraho é", "ClientState": "3", "Label": "home", "DataType": "input"},
        ),
        (
            UssdReply("Murakoze", False, "done", 4),
            {"Type": "release", "Message": "Murakoze", "ClientState": "4", "Label": "done", "DataType": "display"},
        ),
    ],
)
def test_screens(reply: UssdReply, told: dict[str, str]) -> None:
    out = GATEWAY.write(reply)
    assert out.content_type == "application/json"
    assert json.loads(out.body) == {**told, "FieldType": "text"}
