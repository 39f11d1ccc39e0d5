"""Which callbacks belong to a session, and which are told to dial again: numbers, texts, time, and the last input only."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conversation.rows import differences, dump
from tests.conversation.world import BARE, SECRET, SETTINGS, Market
from ussd_app.messages import UssdReply, UssdRequest
from ussd_app.wires import WIRES, Call

SELLER, STRANGER = "+250788000001", "+250788000002"
GIVEN = (f"seller Mukamana {SELLER} speaks en", "listing of Mukamana: maize.grain 50 kg at 400")
NUMBERED = ("hubtel", "simulator")


def ask(market: Market, text: str, msisdn: str = SELLER, session: str = "s1", **more: Any) -> UssdReply:
    """One turn over a gateway that sends the whole text."""
    request = UssdRequest("africastalking", session, msisdn, text, cumulative=True, service_code="*384*100#", **more)
    return market.parts.conversation.ussd(request)


@pytest.fixture
def market(here: Market) -> Market:
    for line in GIVEN:
        here.given(line)
    return here


def dial_again(reply: UssdReply) -> bool:
    return (reply.screen, reply.more) == ("over", False) and SETTINGS.service_code in reply.text


@pytest.mark.parametrize("text", ["", "8", "8*1", "8*1*1"])
def test_another_number_on_a_known_session_sees_nothing_and_changes_nothing(market: Market, text: str) -> None:
    for typed in ("", "8"):
        ask(market, typed)
    before = dump(market.store)
    reply = ask(market, text, STRANGER)
    assert dial_again(reply)
    assert "Maize" not in reply.text and "Mukamana" not in reply.text
    assert differences(before, dump(market.store)) == []
    assert ask(market, "8*1").screen == "listings.one"  # the owner's session goes on


@pytest.mark.parametrize("text", ["8*2", "1", "7*1*1", "81", "8*", "8 *1"])
def test_a_text_that_was_never_sent_and_does_not_go_on_is_told_to_dial_again(market: Market, text: str) -> None:
    for typed in ("", "8", "8*1"):
        ask(market, typed)
    before = dump(market.store)
    assert dial_again(ask(market, text))
    assert differences(before, dump(market.store)) == []
    assert ask(market, "8*1*1").screen == "listings.price"


def test_a_shorter_text_that_was_sent_before_gets_its_own_answer(market: Market) -> None:
    first = {typed: ask(market, typed) for typed in ("", "8", "8*1", "8*1*1")}
    before = dump(market.store)
    for typed, reply in first.items():
        assert ask(market, typed) == reply
    assert differences(before, dump(market.store)) == []


def test_a_star_that_somebody_types_is_part_of_the_text(market: Market) -> None:
    """The gateway joins inputs with stars: what follows the text known so far is this turn's input, stars and all."""
    ask(market, "")
    assert ask(market, "8*1").screen == "listings.one"
    assert ask(market, "8*1*").screen == "listings.one"
    assert ask(market, "8*1**1").screen == "listings.price"


def test_nothing_follows_an_end(market: Market) -> None:
    for typed in ("", "6", "6*1"):
        ask(market, typed)
    last = ask(market, "6*1*5")
    assert not last.more
    before = dump(market.store)
    assert ask(market, "6*1*5") == last
    for text in ("6*1*5*1", "6*1*5*00", "6*1*4"):
        assert dial_again(ask(market, text))
    assert differences(before, dump(market.store)) == []


@pytest.mark.parametrize(("ms", "over"), [(179_000, False), (180_001, True)])
def test_three_minutes_after_its_last_turn_a_session_is_over(market: Market, ms: int, over: bool) -> None:
    ask(market, "")
    market.clock.advance(170_000)
    ask(market, "1")
    first = ask(market, "1*4")
    market.clock.advance(ms)
    reply = ask(market, "1*4*50")
    assert dial_again(reply) is over
    assert ask(market, "1*4") == first  # a repeat gets its answer whenever it comes
    if over:
        assert ask(market, "", session="s2").screen == "resume"


def test_a_session_left_for_a_new_one_is_over(market: Market) -> None:
    ask(market, "")
    ask(market, "1")
    ask(market, "", session="s2")
    assert dial_again(ask(market, "1*4"))
    assert ask(market, "1", session="s2").screen == "sell.produce"


def call(wire: str, market: Market, session: str = "n1") -> tuple[Call, Any]:
    """A call over a gateway that sends the last input only, and a function that posts and reads one turn of it."""
    phone = Call(SELLER, SETTINGS.service_code, session_id=session)
    client = market.app.test_client()

    def turn(text: str | None = None, state: Any = None) -> Any:
        if text is not None:
            phone.inputs.append(text)
        phone.state = state if state is not None else phone.state
        callback = WIRES[wire].turn(phone, SECRET)
        answer = client.post(callback.path, data=callback.body, content_type=callback.content_type)
        return WIRES[wire].read(phone, answer.status_code, dict(answer.headers), answer.data, 0)

    return phone, turn


@pytest.mark.parametrize("wire", NUMBERED)
def test_the_turn_number_tells_a_repeat_from_the_same_key_again(wire: str, market: Market) -> None:
    phone, turn = call(wire, market)
    turn()
    first = turn("1")
    state = phone.state
    again = turn("1")
    assert (first.screen, again.screen) == ("sell.produce", "sell.quantity")
    late = turn("1", 1 if wire == "simulator" else "1")  # the first 1 once more: it answered turn 1
    assert (late.screen, late.text) == (first.screen, first.text)
    assert turn("50", 3 if wire == "simulator" else "3").screen == "sell.price"
    assert state is not None


@pytest.mark.parametrize("wire", NUMBERED)
@pytest.mark.parametrize("state", [0, 2, 7])
def test_a_turn_number_of_another_turn_is_told_to_dial_again(wire: str, state: int, market: Market) -> None:
    _phone, turn = call(wire, market)
    turn()
    before = dump(market.store)
    assert turn("5", state if wire == "simulator" else str(state)).screen == "over"
    assert differences(before, dump(market.store)) == []


@pytest.mark.parametrize("wire", NUMBERED)
def test_an_answer_to_a_session_nobody_began_is_told_to_dial_again(wire: str, market: Market) -> None:
    phone, turn = call(wire, market)
    phone.inputs.append("1")
    assert turn("8", 3 if wire == "simulator" else "3").screen == "over"
    assert market.rows("SELECT * FROM sessions") == []


def test_where_nothing_is_echoed_a_confirmation_that_comes_twice_commits_once(market: Market) -> None:
    """The key that confirmed has no meaning on the screen that follows, and after the end the reply is found again."""
    _phone, turn = call(BARE, market)
    for text in (None, "1", "4", "30", "410"):
        turn(text)
    last, again = turn("1"), turn("1")
    assert (last.screen, again.text, last.more) == ("sell.save", last.text, False)
    assert len(market.rows("SELECT id FROM listings WHERE price = 410")) == 1


TWICE = {
    # what is given, what is typed before, the answer that comes twice, the screen it leads to, the key that commits there
    "an order's undo": ("order of Marc with Mukamana: 20 kg at 410", ["3", "1"], "1", "orders.undo", "8"),
    "an undo by its label": ("order of Marc with Mukamana: 20 kg at 410", ["3", "1"], "undo", "orders.undo", "1"),
    "a price of one franc": ("", ["1", "4", "30"], "1", "sell.confirm", "8"),
    "a listing taken back": ("", ["8", "1"], "3", "listings.withdraw", "1"),
}


@pytest.mark.parametrize("case", TWICE)
def test_where_nothing_is_echoed_an_answer_that_leads_to_a_confirmation_does_not_confirm_it(
    case: str, market: Market
) -> None:
    """The network sends it again, and again: the same confirmation stands there, under another key."""
    given, before, typed, screen, key = TWICE[case]
    market.given("buyer Marc +250788000003 speaks en")
    if given:
        market.given(given)
    _phone, turn = call(BARE, market)
    for text in (None, *before):
        turn(text)
    first = turn(typed)
    assert (first.screen, f"\n{key} " in first.text) == (screen, True)
    rows = dump(market.store)
    for again in (turn(typed), turn(typed)):
        assert again.more and again.screen == screen
    market_rows = {name: kept for name, kept in dump(market.store).items() if name not in ("sessions", "turns")}
    assert differences({name: rows[name] for name in market_rows}, market_rows) == []
    assert not turn(key).more


def test_where_nothing_is_echoed_a_resumed_call_confirms_nothing(market: Market) -> None:
    _phone, turn = call(BARE, market)
    for text in (None, "1", "4", "30", "410"):
        turn(text)
    _phone, turn = call(BARE, market, "n2")
    assert turn().screen == "resume"
    assert "8 Confirm" in turn("1").text
    assert turn("1").screen == turn("1").screen == "sell.confirm"
    assert market.rows("SELECT id FROM listings WHERE price = 410") == []
    assert turn("8").screen == "sell.save"


def test_where_nothing_is_echoed_a_direct_dial_that_comes_twice_commits_nothing(market: Market) -> None:
    requests = [
        UssdRequest("simulator", "d1", SELLER, text, cumulative=False, service_code="*384*100#")
        for text in ("1*4*30*410", "1*4*30*410")
    ]
    shown = [market.parts.conversation.ussd(request) for request in requests]
    assert [reply.screen for reply in shown] == ["sell.confirm", "sell.confirm"]
    assert market.rows("SELECT id FROM listings WHERE price = 410") == []


@pytest.mark.parametrize("wire", NUMBERED)
def test_where_repeats_are_told_apart_the_usual_key_confirms(wire: str, market: Market) -> None:
    phone, turn = call(wire, market)
    for text in (None, "1", "4", "30"):
        turn(text)
    assert "1 Confirm" in turn("401").text
    assert turn("1").screen == "sell.save"
    assert phone.inputs[-1] == "1"


@pytest.mark.parametrize("wire", [*NUMBERED, BARE])
def test_after_the_end_another_input_is_told_to_dial_again(wire: str, market: Market) -> None:
    _phone, turn = call(wire, market)
    turn()
    assert not turn("7").more
    before = dump(market.store)
    assert turn("8").screen == "over"
    assert differences(before, dump(market.store)) == []
