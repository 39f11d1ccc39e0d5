"""The PIN in the conversation: few guesses however they are sent, none spent by a repeat, and no trace of it anywhere."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conversation.givens import PIN
from tests.conversation.rows import dump
from tests.conversation.world import SECRET, Market
from ussd_app.market import leaving, offers, pins
from ussd_app.messages import UssdReply, UssdRequest

SELLER, BUYER = "+250788123001", "+250788123002"
TO_THE_PIN = "10*4*1"  # my account, PIN, change: asks for the PIN that is now
ABREAST = 16


def ask(market: Market, session: str, text: str, gateway: str = "africastalking") -> UssdReply:
    request = UssdRequest(gateway, session, SELLER, text, cumulative=True, service_code="*384*100#")
    return market.parts.conversation.ussd(request)


def counted(patch: pytest.MonkeyPatch, before: Callable[[], Any] = lambda: None) -> list[str]:
    """The PINs that are checked from now on; `before` runs ahead of each check."""
    checked: list[str] = []
    check = pins.check_pin

    def note(pin_hash: str, pin: str, key: str) -> bool:
        checked.append(pin)
        before()
        return check(pin_hash, pin, key)

    patch.setattr(pins, "check_pin", note)
    return checked


def standing(market: Market) -> dict[str, Any]:
    return market.rows("SELECT pin_fails, pin_locked_until FROM people WHERE msisdn = :msisdn", msisdn=SELLER)[0]


def test_a_hundred_sessions_at_once_get_three_guesses(everywhere: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    everywhere.given(f"seller Mukamana {SELLER} speaks en pin {PIN}")
    sessions = [(f"s{n}", ("africastalking", "hubtel", "simulator")[n % 3]) for n in range(100)]
    for session, gateway in sessions:
        assert ask(everywhere, session, TO_THE_PIN, gateway).screen == "account.pin_old"
    # Each dial closed the session before it. Had all come in the same moment, all would stand open.
    everywhere.store.write(lambda tx: tx.rows("UPDATE sessions SET state = 'open' RETURNING session_id"))
    checked = counted(monkeypatch)
    with ThreadPoolExecutor(ABREAST) as pool:
        replies = list(
            pool.map(
                lambda one: ask(everywhere, one[1][0], f"{TO_THE_PIN}*{30_000 + one[0]}", one[1][1]),
                enumerate(sessions),
            )
        )
    assert len(checked) == 3
    shown = sorted(reply.screen for reply in replies)
    assert shown.count("account.pin_old") == 2 and shown.count("pin.locked") == 98
    assert standing(everywhere)["pin_fails"] == 3
    assert ask(everywhere, "later", TO_THE_PIN).screen == "account.pin_old"
    assert ask(everywhere, "later", f"{TO_THE_PIN}*{PIN}").screen == "pin.locked"  # the right one waits as well
    assert len(checked) == 3


def test_a_repeat_of_a_pin_turn_spends_no_second_try(everywhere: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    everywhere.given(f"seller Mukamana {SELLER} speaks en pin {PIN}")
    checked = counted(monkeypatch)
    ask(everywhere, "s1", TO_THE_PIN)
    wrong = f"{TO_THE_PIN}*90284"
    first = ask(everywhere, "s1", wrong)
    assert [ask(everywhere, "s1", wrong) for _ in range(5)] == [first] * 5
    assert (standing(everywhere)["pin_fails"], len(checked)) == (1, 1)
    right = ask(everywhere, "s1", f"{wrong}*{PIN}")
    assert right.screen == "account.pin_new"
    assert standing(everywhere) == {"pin_fails": 0, "pin_locked_until": None}
    assert ask(everywhere, "s1", f"{wrong}*{PIN}") == right
    assert (standing(everywhere)["pin_fails"], len(checked)) == (0, 2)


@pytest.mark.parametrize("pin", ["90284", PIN], ids=["wrong", "right"])
def test_a_pin_turn_that_comes_twice_at_once_costs_one_try(
    everywhere: Market, pin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both copies are being checked at the same moment; the second finds the first one's answer and is not counted."""
    everywhere.given(f"seller Mukamana {SELLER} speaks en pin {PIN}")
    ask(everywhere, "s1", TO_THE_PIN)
    together = threading.Barrier(2)
    checked = counted(monkeypatch, lambda: together.wait(10))
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _n: ask(everywhere, "s1", f"{TO_THE_PIN}*{pin}"), range(2))
    assert first == second
    assert first.screen == ("account.pin_new" if pin == PIN else "account.pin_old")
    assert checked == [pin, pin]
    assert standing(everywhere) == {"pin_fails": 0 if pin == PIN else 1, "pin_locked_until": None}


def test_a_right_pin_gives_the_tries_back(here: Market) -> None:
    here.given(f"seller Mukamana {SELLER} speaks en pin {PIN}")
    for n in range(4):
        text = TO_THE_PIN
        ask(here, f"s{n}", text)
        for wrong in ("90284", "90285"):
            text += f"*{wrong}"
            ask(here, f"s{n}", text)
        assert standing(here)["pin_fails"] == 2
        assert ask(here, f"s{n}", f"{text}*{PIN}").screen == "account.pin_new"
        assert standing(here) == {"pin_fails": 0, "pin_locked_until": None}


def test_locks_grow_and_outlive_sessions(here: Market) -> None:
    here.given(f"seller Mukamana {SELLER} speaks en pin {PIN}")
    session = iter(range(100))

    def wrong() -> str:
        name = f"s{next(session)}"
        ask(here, name, TO_THE_PIN)
        return ask(here, name, f"{TO_THE_PIN}*90284").screen

    assert [wrong() for _ in range(4)] == ["account.pin_old"] * 2 + ["pin.locked"] * 2
    here.clock.advance(15 * 60_000 + 1)
    assert [wrong() for _ in range(4)] == ["account.pin_old"] * 2 + ["pin.locked"] * 2
    here.clock.advance(16 * 60_000)
    assert wrong() == "pin.locked"
    here.clock.advance(24 * 3_600_000)
    assert [wrong() for _ in range(5)] == ["account.pin_old"] * 3 + ["pin.locked"] * 2
    here.clock.advance(30 * 24 * 3_600_000)
    assert wrong() == "pin.locked"  # ten wrong: a new PIN must be asked for


@pytest.mark.parametrize("change", ["offer", "seller"])
def test_what_changes_while_the_pin_is_judged_is_told_and_costs_no_try(
    here: Market, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for line in (f"seller Mukamana {SELLER} speaks en pin {PIN}", f"buyer Marc {BUYER} speaks en",
                 "listing of Mukamana: maize.grain 50 kg at 400", "offer of Marc to Mukamana: 40 kg at 390"):  # fmt: skip
        here.given(line)
    offer = here.rows("SELECT id, buyer_id, seller_id FROM offers")[0]
    if change == "offer":
        act: Callable[[Any], Any] = lambda tx: offers.withdraw(  # noqa: E731
            tx, now=here.clock.now(), person_id=offer["buyer_id"], offer_id=offer["id"]
        )
    else:
        act = lambda tx: leaving.stop(tx, here.clock.now(), offer["seller_id"])  # noqa: E731
    counted(monkeypatch, lambda: here.store.write(act))
    assert ask(here, "s1", "2*1*1").screen == "offers.pin"
    reply = ask(here, "s1", f"2*1*1*{PIN}")
    assert reply.screen != "sorry"
    assert here.rows("SELECT id FROM orders") == []
    assert standing(here)["pin_fails"] == 0


def texts_of(market: Market) -> list[tuple[str, str]]:
    """Every text in every table, with the name of its table."""
    found = []
    for table, rows in dump(market.store).items():
        found += [(table, value) for row in rows for value in row.values() if isinstance(value, str)]
    return found


def test_no_pin_is_kept_or_logged_and_no_number_is_logged(everywhere: Market, caplog: pytest.LogCaptureFixture) -> None:
    """A whole life with a market: registered, locked, agreed, changed, forgotten, erased, over every wire."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("werkzeug").setLevel(logging.DEBUG)
    typed: list[str] = []
    numbers = []
    for n, wire in enumerate(("africastalking", "hubtel", "simulator")):
        phone, buyer = f"+25078845600{n}", f"+25073845600{n}"
        numbers += [phone, buyer]
        world = everywhere.world(wire)
        everywhere.given(f"seller Kalisa {phone} speaks en pin 81593")
        everywhere.given(f"buyer Marc {buyer} speaks en")
        calls = (
            ["10", "7", "2", "1", "Mukamana", "huye", "1", "73926", "73926", "1", "4", "50", "400", "1"],
            ["2", "73925", "73924", "73926", "00", "10", "4", "1", "73926", "60482", "60482"],
            ["2", "60482", "10", "6", "2", "1", "60481", "60482"],
        )
        for inputs in calls:
            shown = world.dial(phone, "*384*100#")
            for text in inputs:
                assert shown.more, (inputs, text, shown)
                shown = world.send(phone, text)
            assert not shown.more, shown
            typed += ["*".join(inputs[:stop]) for stop in range(6, len(inputs) + 1)]
        foreign = world.dial(phone, "*384*100*2*60482#")
        assert foreign.more
        everywhere.app.test_client().post(f"/ussd/{wire}/{SECRET}", data={"phoneNumber": phone, "text": "1*60482"})
        everywhere.app.test_client().post(f"/ussd/{wire}/wrong", data={"phoneNumber": phone, "text": "1*60482"})
    everywhere.work()
    assert caplog.records
    secret = re.compile(r"(?<![0-9A-Za-z])(81593|7392[456]|6048[12])(?![0-9A-Za-z])")
    kept = texts_of(everywhere)
    assert len(kept) > 500
    assert [(table, text) for table, text in kept if secret.search(text) or any(one in text for one in typed)] == []
    logged = [record.getMessage() + (record.exc_text or "") + str(record.args) for record in caplog.records]
    assert [line for line in logged if secret.search(line)] == []
    assert [
        line for line in logged for number in numbers if number.lstrip("+") in line or f"0{number[4:]}" in line
    ] == []
