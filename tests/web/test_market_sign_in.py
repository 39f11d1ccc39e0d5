"""Signing in by code, registering, signing out: and that no answer tells who is known here."""

from __future__ import annotations

import pytest

from tests.web.market_world import BUYER, OTHER, SELLER, World, fields_of, text_of
from ussd_app.lib.clock import ManualClock
from ussd_app.market import people
from ussd_app.store import Store
from ussd_app.web import entry

MINUTE = 60_000
WANTED = {
    "name": "Ingrid Maes", "company": "Maes Koffie", "country": "BE", "city": "Liège", "contact": "ingrid@example.com",
    "language": "fr", "consent": "yes",
}  # fmt: skip


@pytest.fixture
def world(store: Store, clock: ManualClock) -> World:
    return World(store, clock)


def test_a_code_by_sms_signs_in_and_leads_where_she_wanted(world: World) -> None:
    world.buyer()
    browser = world.browser()
    asked = browser.get("/orders")
    assert (asked.status_code, asked.location) == (303, "/sign-in?next=/orders")
    browser.get(asked.location)
    code_page = browser.post("/sign-in", contact="0788 000 501", next="/orders")
    assert "6 digits" in text_of(code_page)
    message = world.rows("SELECT recipient, template, purpose FROM outbox")[0]
    assert message == {"recipient": BUYER, "template": "code.sign_in", "purpose": "code"}
    answer = browser.post("/sign-in/code", contact="0788 000 501", next="/orders", code=world.last_code())
    assert (answer.status_code, answer.location) == (303, "/orders")
    assert "My orders" in text_of(browser.get("/orders"))


def test_the_cookie_holds_the_person_and_times_alone_and_is_a_new_one(world: World) -> None:
    buyer = world.buyer()
    browser = world.browser()
    browser.get("/sign-in")
    with browser.client.session_transaction() as before:
        before["choose"] = ["somebody"]
        old_token = before["csrf_token"]
    browser.post("/sign-in", contact=BUYER, next="/")
    browser.post("/sign-in/code", contact=BUYER, next="/", code=world.last_code())
    with browser.client.session_transaction() as session:
        assert dict(session) == {"person": buyer, "since": world.clock.now()}
    browser.get("/")
    with browser.client.session_transaction() as session:
        assert session["csrf_token"] != old_token


@pytest.mark.parametrize("target", [BUYER, "+250788999999", SELLER, "nobody@example.com"])
def test_known_and_unknown_targets_get_the_same_answers(world: World, target: str) -> None:
    world.buyer()
    world.seller()
    browser = world.browser()
    browser.get("/sign-in")
    asked = text_of(browser.post("/sign-in", contact=target, next="/"))
    assert f"If {target} is known here, a code of 6 digits is on its way." in asked
    real = world.last_code() if world.codes_sent() else "123456"
    wrong = "000000" if real != "000000" else "111111"
    for _ in range(3):
        answer = browser.post("/sign-in/code", contact=target, next="/", code=wrong)
        assert answer.status_code == 422
        assert "This is not the code." in text_of(answer)
    assert "written wrong three times" in text_of(browser.post("/sign-in/code", contact=target, next="/", code=real))
    assert world.codes_sent() == (1 if target == BUYER else 0)


def test_a_code_dies_after_five_minutes_and_with_its_use(world: World) -> None:
    world.buyer()
    browser = world.browser()
    browser.get("/sign-in")
    browser.post("/sign-in", contact=BUYER, next="/")
    code = world.last_code()
    world.clock.advance(5 * MINUTE)
    late = browser.post("/sign-in/code", contact=BUYER, next="/", code=code)
    assert (late.status_code, fields_of(late)["contact"]) == (422, BUYER)
    assert "too old" in text_of(late)
    browser.post("/sign-in", contact=BUYER, next="/")
    code = world.last_code()
    assert browser.post("/sign-in/code", contact=BUYER, next="/", code=code).status_code == 303
    again = world.browser()
    assert "was used" in text_of(again.post("/sign-in/code", contact=BUYER, next="/", code=code))


def test_an_unreadable_contact_is_named_and_kept(world: World) -> None:
    browser = world.browser()
    answer = browser.post("/sign-in", contact="07880005", next="/")
    assert (answer.status_code, fields_of(answer)["contact"]) == (422, "07880005")
    assert 'aria-describedby=" contact-fault"' in answer.text
    assert "Write a mobile number such as" in text_of(answer)


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1"])
def test_nobody_is_led_to_another_place(world: World, elsewhere: str) -> None:
    world.buyer()
    browser = world.browser()
    assert fields_of(browser.get(f"/sign-in?next={elsewhere}"))["next"] == "/"
    browser.post("/sign-in", contact=BUYER, next=elsewhere)
    answer = browser.post("/sign-in/code", contact=BUYER, next=elsewhere, code=world.last_code())
    assert answer.location == "/"


def test_several_buyers_on_a_number_say_who_they_are(world: World) -> None:
    world.buyer("Marc")
    second = world.buyer("Anne")
    stranger = world.buyer("Eve", OTHER)
    browser = world.browser()
    browser.post("/sign-in", contact=BUYER, next="/account")
    who = browser.post("/sign-in/code", contact=BUYER, next="/account", code=world.last_code())
    assert "Marc" in text_of(who) and "Anne" in text_of(who) and "Eve" not in text_of(who)
    assert browser.post("/sign-in/who", person=stranger, next="/account").location == "/sign-in"
    answer = browser.post("/sign-in/who", person=second, next="/account")
    assert answer.location == "/account"
    assert "Anne" in text_of(browser.get("/account"))


def test_who_they_are_must_be_said_within_five_minutes(world: World) -> None:
    first = world.buyer("Marc")
    world.buyer("Anne")
    browser = world.browser()
    browser.post("/sign-in", contact=BUYER, next="/")
    browser.post("/sign-in/code", contact=BUYER, next="/", code=world.last_code())
    world.clock.advance(5 * MINUTE)
    assert browser.post("/sign-in/who", person=first, next="/").location == "/sign-in"


def test_a_session_ends_after_twelve_hours(world: World) -> None:
    world.buyer()
    browser = world.browser(BUYER)
    world.clock.advance(12 * 60 * MINUTE - 1)
    assert browser.get("/orders").status_code == 200
    world.clock.advance(1)
    assert browser.get("/orders").location == "/sign-in?next=/orders"


def test_signing_out_ends_every_copy_of_the_session(world: World) -> None:
    world.buyer()
    browser = world.browser(BUYER)
    with browser.client.session_transaction() as session:
        stolen = dict(session)
    world.clock.advance(1)
    browser.get("/")
    assert browser.post("/sign-out").status_code == 303
    assert browser.get("/orders").status_code == 303
    thief = world.browser()
    with thief.client.session_transaction() as session:
        session.update(stolen)
    assert thief.get("/orders").location == "/sign-in?next=/orders"


def test_who_stopped_is_signed_out_at_once(world: World) -> None:
    buyer = world.buyer()
    browser = world.browser(BUYER)
    world.store.write(lambda tx: tx.person_set_state(id=buyer, state="stopped", was="active", now=world.clock.now()))
    assert browser.get("/orders").location == "/sign-in?next=/orders"


def test_registering_asks_for_a_code_and_then_writes_the_buyer_down(world: World) -> None:
    browser = world.browser()
    consent = text_of(browser.get("/register"))
    assert world.hub.consent.texts["en"] in consent
    code_page = browser.post("/register", **WANTED)
    assert "We sent a code of 6 digits to ingrid@example.com." in text_of(code_page)
    assert world.rows("SELECT id FROM people") == []
    message = world.rows("SELECT kind, recipient, template, language FROM outbox")[0]
    assert message == {"kind": "mail", "recipient": "ingrid@example.com", "template": "code.contact", "language": "fr"}
    hidden = {name: text for name, text in fields_of(code_page).items() if name in WANTED}
    assert hidden == WANTED
    answer = browser.post("/register/code", **hidden, code=world.last_code())
    assert answer.location == "/account?done=registered"
    found = world.rows("SELECT * FROM people JOIN buyers ON person_id = id")[0]
    assert {name: found[name] for name in ("name", "company", "country", "city", "language", "mail")} == {
        "name": "Ingrid Maes", "company": "Maes Koffie", "country": "BE", "city": "Liège", "language": "fr",
        "mail": "ingrid@example.com",
    }  # fmt: skip
    assert (found["state"], found["verification"]) == ("active", "confirmed")
    told = world.rows("SELECT purpose, version, language, channel FROM consents")
    assert told == [{"purpose": "service", "version": world.hub.consent.version, "language": "fr", "channel": "web"}]
    assert "Maes Koffie" in text_of(browser.get("/account"))


def test_a_wrong_code_registers_nobody_and_loses_nothing(world: World) -> None:
    browser = world.browser()
    browser.get("/register")
    browser.post("/register", **WANTED)
    wrong = "000000" if world.last_code() != "000000" else "111111"
    answer = browser.post("/register/code", **WANTED, code=wrong)
    assert answer.status_code == 422
    assert WANTED.items() <= fields_of(answer).items()
    assert world.rows("SELECT id FROM people") == []


def test_each_fault_of_a_registration_stands_by_its_field(world: World) -> None:
    browser = world.browser()
    browser.get("/register")
    typed = WANTED | {"name": "<b>7</b>", "country": "XX", "contact": "ingrid@", "language": "xx", "company": "c" * 61}
    del typed["consent"]
    answer = browser.post("/register", **typed)
    assert answer.status_code == 422
    for field in ("name", "country", "contact", "language", "consent", "company"):
        assert f'id="{field}-fault"' in answer.text, field
    assert fields_of(answer)["name"] == "<b>7</b>"
    assert "<b>7</b>" not in answer.text
    assert world.codes_sent() == 0


def test_registering_a_known_mail_again_signs_in(world: World) -> None:
    known = world.buyer("Ingrid Maes", None, mail="ingrid@example.com", channel="web")
    browser = world.browser()
    browser.get("/register")
    browser.post("/register", **WANTED)
    browser.post("/register/code", **WANTED, code=world.last_code())
    with browser.client.session_transaction() as session:
        assert session["person"] == known
    assert len(world.rows("SELECT id FROM people")) == 1


def test_a_number_with_six_people_takes_no_seventh(world: World) -> None:
    for name in ("Aline", "Berthe", "Claire", "Diane", "Emma", "Flora"):
        world.buyer(name)
    browser = world.browser()
    browser.get("/register")
    wanted = WANTED | {"contact": BUYER}
    browser.post("/register", **wanted)
    answer = browser.post("/register/code", **wanted, code=world.last_code())
    assert answer.status_code == 422
    assert "as many people as it can" in text_of(answer)
    assert len(world.rows("SELECT id FROM people")) == people.MOST_ON_A_NUMBER


def test_signing_in_confirms_the_contact_of_a_new_buyer(world: World) -> None:
    world.buyer("Ingrid", None, mail="ingrid@example.com", channel="web")
    assert world.rows("SELECT verification FROM buyers") == [{"verification": "new"}]
    browser = world.browser()
    browser.post("/sign-in", contact="Ingrid@Example.com", next="/")
    browser.post("/sign-in/code", contact="Ingrid@Example.com", next="/", code=world.last_code())
    assert world.rows("SELECT verification FROM buyers") == [{"verification": "confirmed"}]


def asked_from(world: World, address: str, times: int, path: str = "/sign-in", **fields: str) -> list[int]:
    browser = world.browser(X_Forwarded_For=f"6.6.6.6, {address}")
    browser.get("/sign-in")
    return [browser.post(path, contact=BUYER, next="/", **fields).status_code for _ in range(times)]


def test_a_client_asks_for_codes_and_tries_them_so_often_in_an_hour(store: Store, clock: ManualClock) -> None:
    """By the address that the trusted proxy saw, whatever the client claims, and for an hour."""
    world = World(store, clock, trusted_proxies=1)
    world.buyer()
    assert asked_from(world, "10.0.0.1", entry.MOST_ASKED + 1) == [200] * entry.MOST_ASKED + [429]
    assert asked_from(world, "10.0.0.2", 1) == [200]
    tries = asked_from(world, "10.0.0.1", entry.MOST_TRIED + 1, "/sign-in/code", code="000000")
    assert tries == [422] * entry.MOST_TRIED + [429]
    kept = world.rows("SELECT client, asked, tried FROM web_tries ORDER BY asked DESC")
    assert [row["asked"] for row in kept] == [entry.MOST_ASKED + 1, 1] and "10.0" not in str(kept)
    clock.advance(2 * 60 * MINUTE)
    assert asked_from(world, "10.0.0.1", 1) == [200]
    assert len(world.rows("SELECT client FROM web_tries")) == 1


@pytest.mark.parametrize("language", ["en", "rw", "fr", "sw"])
def test_who_asks_too_often_reads_it_in_her_language(
    world: World, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "MOST_ASKED", 0)
    browser = world.browser(Accept_Language=language)
    browser.get("/sign-in")
    answer = browser.post("/sign-in", contact=BUYER, next="/")
    said = {"en": "Wait an hour", "rw": "Tegereza isaha", "fr": "Attendez une heure", "sw": "Subiri saa moja"}
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3600")
    assert said[language] in text_of(answer) and world.settings.support_phone in text_of(answer)
    assert browser.post("/register", **WANTED).status_code == 429
    assert world.codes_sent() == 0
