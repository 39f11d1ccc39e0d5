"""What every gateway adapter must do, whichever it is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from ussd_app.gateways import load_gateways
from ussd_app.gateways.base import HttpIn, Malformed, SmsGateway, UssdGateway
from ussd_app.messages import UssdReply
from ussd_app.settings import Settings

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
NAMES = ("africastalking", "hubtel", "simulator")
MSISDN = "+250788000001"


def form(**fields: str) -> HttpIn:
    return HttpIn(urlencode(fields).encode(), FORM)


def as_json(fields: Mapping[str, Any]) -> HttpIn:
    return HttpIn(json.dumps(fields).encode(), JSON)


@dataclass(frozen=True)
class Case:
    """One gateway, and how it says the same things as the others."""

    name: str
    gateway: Any

    def turn(self, text: str, start: bool = False, **other: str) -> HttpIn:
        """A turn of the session S1; `text` as this gateway carries it; `other` replaces session_id or phone."""
        session, phone = other.get("session_id", "S1"), other.get("phone", MSISDN)
        if self.name == "africastalking":
            return form(sessionId=session, serviceCode="*384*100#", phoneNumber=phone, networkCode="63510", text=text)
        if self.name == "hubtel":
            told: dict[str, Any] = {"SessionId": session, "Mobile": phone.removeprefix("+"), "Operator": "mtn"}
            if start:
                return as_json({**told, "Type": "Initiation", "Message": f"*384*100*{text}#" if text else "*384*100#"})
            return as_json({**told, "Type": "Response", "Message": text, "ClientState": "3"})
        return as_json(
            {"session_id": session, "phone": phone, "network": "mtn", "text": text, "turn": 0 if start else 3}
        )


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param, load_gateways(Settings(gateways=NAMES))[request.param])


def test_is_a_ussd_gateway_with_a_limit(case: Case) -> None:
    assert isinstance(case.gateway, UssdGateway)
    assert case.gateway.name == case.name
    assert case.gateway.limit_septets == 160


def test_a_start_has_no_text_and_names_the_caller(case: Case) -> None:
    turn = case.gateway.read(case.turn("", start=True))
    assert (turn.gateway, turn.session_id, turn.msisdn, turn.text) == (case.name, "S1", MSISDN, "")
    assert turn.network == "mtn"
    assert turn.first in (True, None) and turn.turn in (0, None)


def test_a_direct_dial_comes_as_the_text_of_the_start(case: Case) -> None:
    assert case.gateway.read(case.turn("1*2*50", start=True)).text == "1*2*50"


@pytest.mark.parametrize(
    "typed", ["1", "00", "a b", "Mukamana & fils+1", "é à ç", "50%", "1#", "  ", "*", "<b>", "'\""]
)
def test_what_is_typed_arrives_as_typed(case: Case, typed: str) -> None:
    assert case.gateway.read(case.turn(typed)).text == typed


@pytest.mark.parametrize(
    "typed, read", [("a\x00b", "ab"), ("1\r\n2", "1 2"), ("\x1b[31m", "[31m"), ("x\u0085y", "x\u0085y")]
)
def test_control_characters_are_left_out(case: Case, typed: str, read: str) -> None:
    assert case.gateway.read(case.turn(typed)).text == read


def test_an_adapter_keeps_nothing_of_a_request(case: Case) -> None:
    first = case.turn("1", session_id="S1")
    before = (vars(case.gateway).copy(), case.gateway.read(first))
    case.gateway.read(case.turn("2", session_id="S2", phone="+250728000002"))
    assert (vars(case.gateway), case.gateway.read(first)) == before


@pytest.mark.parametrize("phone", ["", "abc", "+", "+25078", "12", "+250788000001;drop"])
def test_a_number_that_is_none_is_malformed(case: Case, phone: str) -> None:
    with pytest.raises(Malformed) as caught:
        case.gateway.read(case.turn("1", phone=phone))
    assert not phone or phone not in caught.value.reason


@pytest.mark.parametrize("phone", ["+250711000001", "+233244234546", "+8613812345678"])
def test_a_number_in_full_is_the_gateways_word(case: Case, phone: str) -> None:
    assert case.gateway.read(case.turn("1", phone=phone)).msisdn == phone


@pytest.mark.parametrize("session_id", ["", " ", "a b", "x" * 129, "é", "a\nb\tc d"])
def test_a_session_id_that_is_none_is_malformed(case: Case, session_id: str) -> None:
    with pytest.raises(Malformed):
        case.gateway.read(case.turn("1", session_id=session_id))


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{", b"\xff\xfe\x00", b"{}", b"[" * 15_000, b"&".join([b"a=1"] * 500), b"sessionId"]
)
@pytest.mark.parametrize("content_type", [FORM, JSON, "", "multipart/form-data; boundary=x"])
def test_a_body_that_is_none_is_malformed(case: Case, body: bytes, content_type: str) -> None:
    with pytest.raises(Malformed):
        case.gateway.read(HttpIn(body, content_type))


def test_a_repeated_callback_can_be_told_from_the_same_key_again(case: Case) -> None:
    """By the whole text or by our turn number. A gateway that has neither says so with turn=None, and what commits then
    stands on other keys (tests/conversation/test_sessions.py)."""
    turn = case.gateway.read(case.turn("1"))
    assert turn == case.gateway.read(case.turn("1"))
    assert turn.cumulative or turn.turn is not None


def test_without_a_turn_number_none_is_made_up() -> None:
    door: Any = load_gateways(Settings(gateways=("simulator",)))["simulator"]
    turn = door.read(as_json({"session_id": "S1", "phone": MSISDN, "network": "mtn", "text": "1"}))
    assert (turn.cumulative, turn.turn, turn.first) == (False, None, None)


def test_a_turn_is_no_end_notice(case: Case) -> None:
    assert case.gateway.read_end(case.turn("1")) is None
    assert case.gateway.read_end(case.turn("", start=True)) is None


def test_a_screen_and_its_turn_come_out(case: Case) -> None:
    reply = UssdReply("Murakaza neza\n1. Gurisha", more=True, screen="home", turn=1)
    out = case.gateway.write(reply)
    assert out.status == 200
    if case.name == "africastalking":
        assert out.body == "CON Murakaza neza\n1. Gurisha"
    else:
        told = json.loads(out.body)
        assert "Murakaza neza\n1. Gurisha" in (told.get("text"), told.get("Message"))
        assert str(told.get("turn", told.get("ClientState"))) == "1"


def test_the_last_screen_ends_the_session(case: Case) -> None:
    out = case.gateway.write(UssdReply("Murakoze", more=False))
    ended = {
        "africastalking": lambda: out.body == "END Murakoze",
        "hubtel": lambda: json.loads(out.body)["Type"] == "release",
        "simulator": lambda: json.loads(out.body)["more"] is False,
    }
    assert ended[case.name]()


def test_who_carries_sms() -> None:
    loaded = load_gateways(Settings(gateways=NAMES))
    assert {name for name, door in loaded.items() if isinstance(door, SmsGateway)} == {"africastalking", "simulator"}


def test_only_named_gateways_are_loaded() -> None:
    assert set(load_gateways(Settings(gateways=("hubtel",), sms_gateway="simulator"))) == {"hubtel", "simulator"}


@pytest.mark.parametrize("name", ["nokia", "base.x", "../simulator", ""])
def test_a_gateway_without_an_adapter_is_named(name: str) -> None:
    with pytest.raises(LookupError, match=repr(name)):
        load_gateways(Settings(gateways=(name,)))


def test_loading_adapters_brings_in_no_http_client() -> None:
    """The web processes must start at once; only the worker sends."""
    script = (
        "import sys; from ussd_app.gateways import load_gateways; from ussd_app.settings import Settings;"
        f"load_gateways(Settings(gateways={NAMES!r}));"
        "print([name for name in ('requests', 'africastalking') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
