"""The cooperatives' pages: who gets in, what each role sees, what stands on them, on both stores."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from tests.web.coop_world import CLERK, MANAGER, STRANGER, CoopWorld, take_file
from tests.web.market_world import BUYER, text_of
from ussd_app.lib.clock import ManualClock
from ussd_app.market import cooperatives, intakes, members, people
from ussd_app.store import Store, open_store

WEB = Path("ussd_app/web")
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def world(store: Store, clock: ManualClock) -> CoopWorld:
    return CoopWorld(store, clock)


@pytest.fixture
def light(sqlite_url: str, clock: ManualClock) -> CoopWorld:
    """For what no database has a part in."""
    return CoopWorld(open_store(sqlite_url), clock)


def test_a_manager_signs_in_with_a_code_and_comes_to_the_cooperative(world: CoopWorld) -> None:
    browser = world.browser(MANAGER)
    assert browser.get("/").location == "/cooperative"
    assert browser.get("/offers").location == "/cooperative"
    page = browser.follow(browser.get("/cooperative"))
    assert "Kawa Nziza" in text_of(page) and "manager" in text_of(page)
    assert "For sale" not in text_of(page), "the buyers' pages are not hers"
    browser.post("/sign-out")
    assert browser.get(world.at()).location == f"/sign-in?next={world.at()}"


def test_who_acts_for_nobody_gets_no_code(world: CoopWorld) -> None:
    browser, sent = world.browser(), world.codes_sent()
    browser.get("/sign-in")
    browser.post("/sign-in", contact="+250788000711", next="/")
    assert world.codes_sent() == sent


def test_a_role_taken_back_ends_at_once(world: CoopWorld) -> None:
    browser = world.browser(CLERK)
    assert browser.get(world.at()).status_code == 200
    which = {"cooperative_id": world.id, "person_id": world.clerk, "role": "clerk"}
    world.do(cooperatives.remove_role, now=world.clock.now(), by="operator:a", **which)
    assert browser.get(world.at()).status_code == 303, "she is nobody here any more"


def test_who_buys_and_acts_has_both(world: CoopWorld) -> None:
    world.do(people.make_buyer, now=world.clock.now(), person_id=world.manager, country="RW")
    browser = world.browser(MANAGER)
    page = browser.get("/")
    assert page.status_code == 200 and 'href="/cooperative"' in page.text and "For sale" in text_of(page)
    assert browser.get(world.at()).status_code == 200


def test_each_role_sees_what_is_its_and_others_the_same_404(world: CoopWorld) -> None:
    paths = world.filled()
    manager, clerk, stranger = world.browser(MANAGER), world.browser(CLERK), world.browser(STRANGER)
    allowed = {world.at(), world.at("/members"), world.at("/members?find=jea"), world.at("/weights")}
    missing = text_of(stranger.get("/cooperative/0000000"))
    for path in paths:
        assert manager.get(path).status_code == 200, path
        assert clerk.get(path).status_code == (200 if path in allowed else 404), path
        answer = stranger.get(path)
        assert (answer.status_code, text_of(answer)) == (404, missing), path
        assert world.browser().get(path).status_code == 303, path
    world.buyer(name="Zoe", msisdn="+250788000599")
    assert world.browser("+250788000599").get(paths[0]).status_code == 404


def test_things_of_another_cooperative_are_404_under_ones_own_code(world: CoopWorld) -> None:
    paths = world.filled()
    stranger = world.browser(STRANGER)
    for path in paths:
        own = path.replace(world.code, world.other["code"])
        if re.search(r"/(calls|lots|pay|members)/\w", path):
            assert stranger.get(own).status_code == 404, own
        else:
            text = text_of(stranger.get(own))
            assert "Jeanne" not in text and "Odette" not in text, own


def test_a_clerk_sees_no_phone_and_no_money(world: CoopWorld) -> None:
    paths = world.filled()
    clerk = world.browser(CLERK)
    for path in (paths[0], paths[1], world.at("/weights")):
        assert "+250788" not in clerk.get(path).text.replace(world.settings.support_phone, ""), path
    assert "Odette" not in text_of(clerk.get(world.at("/members"))), "who asks is for managers"


def test_what_waits_stands_on_the_first_page(world: CoopWorld) -> None:
    world.filled()
    browser = world.browser(MANAGER)
    text = text_of(browser.get(world.at()))
    assert "1 ask to join" in text
    assert "500 kg" not in text, "what it took is no longer asked of it"
    assert "40 kg pledged of 100 kg, by 1. SMS sent 3, not sent 0." in text
    assert "123 kg 6 kg 117 kg" in text, "weighed, floaters, good of today"
    world.clock.advance(5_000)
    intake = world.weigh(0, 1000)
    world.do(
        intakes.contest, now=world.clock.now(), person_id=world.members[0], receipt=intake["receipt"], why="weight"
    )
    assert "1 weights are contested" in text_of(browser.get(world.at()))


def test_an_alert_is_shown_and_answered_on_the_phone_alone(world: CoopWorld) -> None:
    want = world.want()
    browser = world.browser(MANAGER)
    for path in (world.at(), world.at("/orders")):
        page = browser.get(path)
        assert want["code"] in page.text and "800 kg" in text_of(page)
        assert "needs your PIN" in text_of(page)
        assert not re.search(r'type="password"|name="pin"', page.text)


def test_who_asked_is_answered_once(world: CoopWorld) -> None:
    first, second = world.asks(), world.asks("Solange", "+250788000732")
    browser = world.browser(MANAGER)
    page = browser.get(world.at("/members"))
    assert "Odette" in page.text and "Solange" in page.text
    answer = browser.post(world.at(f"/members/{first}/answer"), answer="yes")
    assert "An SMS tells it" in text_of(browser.follow(answer))
    browser.get(world.at("/members"))
    assert browser.post(world.at(f"/members/{second}/answer"), answer="no").status_code == 303
    with world.store.read() as tx:
        assert members.of_person(tx, world.id, first)["number"] == 4
        assert members.of_person(tx, world.id, second)["state"] == "refused"
    browser.get(world.at("/members"))
    assert browser.post(world.at(f"/members/{second}/answer"), answer="yes").status_code == 422
    assert browser.post(world.at(f"/members/{second}/answer"), answer="perhaps").status_code == 400


def test_nobody_else_answers_and_no_form_without_its_token(world: CoopWorld) -> None:
    person = world.asks()
    path = world.at(f"/members/{person}/answer")
    for msisdn in (CLERK, STRANGER):
        browser = world.browser(msisdn)
        browser.get("/cooperative/" + (world.code if msisdn == CLERK else world.other["code"]))
        assert browser.post(path, answer="yes").status_code == 404
    elsewhere = path.replace(world.code, world.other["code"])
    assert browser.post(elsewhere, answer="yes").status_code == 422, "she asked another cooperative"
    manager = world.browser(MANAGER)
    for token in ("", "forged"):
        assert manager.client.post(path, data={"answer": "yes", "csrf_token": token}).status_code == 400
    assert world.rows("SELECT state FROM members WHERE person_id = :id", id=person)[0]["state"] == "asked"


def test_looking_at_a_member_is_noted_and_at_the_list_shows_no_phone(world: CoopWorld) -> None:
    browser = world.browser(MANAGER)
    assert "+250788000711" not in browser.get(world.at("/members")).text
    assert world.rows("SELECT id FROM access_log") == []
    assert "+250788000711" in browser.get(world.at(f"/members/{world.members[0]}")).text
    (look,) = world.rows("SELECT looked_by, person_id, what, why FROM access_log")
    assert look == {
        "looked_by": f"person:{world.manager}", "person_id": world.members[0], "what": "cooperative.member",
        "why": f"cooperative:{world.id}",
    }  # fmt: skip
    assert browser.get(world.at(f"/members/{world.stranger}")).status_code == 404
    assert len(world.rows("SELECT id FROM access_log")) == 1


def test_the_list_goes_on_where_it_ended(world: CoopWorld) -> None:
    for n in range(55):
        world.member("Aline", 800 + n)
    browser = world.browser(CLERK)
    page = browser.get(world.at("/members"))
    assert page.text.count('<th scope="row">') == 50
    following = re.search(r'href="([^"]+)" rel="next"', page.text)
    assert following is not None
    assert browser.get(following[1]).text.count('<th scope="row">') == 8
    assert browser.get(world.at("/members?after=x")).status_code == 200


def test_a_call_tells_who_got_the_sms_and_why_not(world: CoopWorld) -> None:
    world.do(lambda tx: tx.people_set_calls(msisdn="+250788000712", calls=0, now=world.clock.now()))
    call = world.call()
    browser = world.browser(MANAGER)
    text = text_of(browser.get(world.at(f"/calls/{call['id']}")))
    assert "SMS sent 2, not sent 1." in text and "wants no SMS" in text
    text = text_of(browser.get(world.at("/messages")))
    assert "Jeanne" in text and "Marie" not in text and "waits" in text


def test_corrected_weights_and_a_closed_day_show(world: CoopWorld) -> None:
    first = world.weigh(0, 40_000)
    world.do(
        intakes.correct, hub=world.hub, clock=world.clock, now=world.clock.now(), manager_id=world.manager,
        intake_id=first["id"], why="one sack too many", gross=30_000,
    )  # fmt: skip
    browser, day = world.browser(CLERK), first["day"]
    page = browser.get(world.at("/weights"))
    assert 'class="struck"' in page.text and "corrected" in page.text and "open" in text_of(page)
    world.do(
        intakes.close_day,
        now=world.clock.now(),
        by=world.clerk,
        cooperative_id=world.id,
        day=day,
        produce=first["produce"],
    )
    assert "closed" in text_of(browser.get(world.at(f"/weights?day={day}")))
    assert browser.get(world.at("/weights?day=yesterday")).status_code == 404
    assert "Nothing was weighed" in text_of(browser.get(world.at("/weights?day=2020-01-01")))


def test_files_hold_what_the_pages_show_and_no_formula(world: CoopWorld) -> None:
    world.filled()
    world.do(lambda tx: tx.rows("UPDATE people SET name = '=1+1' WHERE id = :id RETURNING id", id=world.members[0]))
    day = world.rows("SELECT day FROM day_lists")[0]["day"]
    pay_list = world.rows("SELECT id FROM pay_lists")[0]["id"]
    browser = world.browser(MANAGER)
    for path, more in (("/weights/export", {"day": day}), (f"/pay/{pay_list}/export", {}), ("/books/export", {})):
        browser.get(world.at("/weights"))
        answer = browser.post(world.at(path), kind="csv", **more)
        assert answer.status_code == 200 and answer.mimetype == "text/csv", path
        assert "attachment" in answer.headers["Content-Disposition"]
        assert "'=1+1" in answer.text and ",=1+1" not in answer.text, path
        assert answer.text.count("\n") == 4, path
        answer = take_file(browser, world.at(path), kind="xlsx", **more)
        assert answer.data[:2] == b"PK", path
        assert browser.post(world.at(path), kind="exe", **more).status_code == 400
    clerk = world.browser(CLERK)
    clerk.get(world.at("/weights"))
    assert clerk.post(world.at("/weights/export"), kind="csv", day=day).status_code == 200
    assert clerk.post(world.at("/books/export"), kind="csv").status_code == 404


@pytest.mark.parametrize("language", ["en", "fr", "rw", "sw"])
def test_every_page_is_light_translated_and_loads_nothing_from_elsewhere(light: CoopWorld, language: str) -> None:
    paths, browser = light.filled(), light.browser(MANAGER)
    browser.get(light.at())
    assert browser.post("/account/language", language=language).location == "/account"
    css = sum(len(gzip.compress((WEB / "static" / name).read_bytes())) for name in ("market.css", "coop.css"))
    for path in paths:
        answer = browser.get(path)
        assert answer.status_code == 200 and f'<html lang="{language}">' in answer.text, path
        assert len(gzip.compress(answer.data)) + css < 40_000, path
        for address in re.findall(r'(?:href|src|action)="([^"]*)"', answer.text):
            assert re.match(r"(/(?!/)|#main|tel:\+)", address), (path, address)
        assert "<script" not in answer.text and "http:" not in answer.text and "https:" not in answer.text
        assert not re.search(r"\s(on\w+|style)=", answer.text), path
        assert answer.text.count("<h1>") == 1 and answer.headers["Cache-Control"] == "no-store", path
        ids = re.findall(r'\sid="([^"]+)"', answer.text)
        assert len(ids) == len(set(ids)), path
        for label in re.findall(r'<label for="([^"]+)"', answer.text):
            assert label in ids, (path, label)
        if language != "en":
            assert "Floaters" not in answer.text and "Not yet paid" not in answer.text, path
    assert (
        "url(" not in (WEB / "static/coop.css").read_text() and "@import" not in (WEB / "static/coop.css").read_text()
    )


def test_a_long_list_stays_light(light: CoopWorld) -> None:
    light.members += [light.member(f"Uwimana {'abcdefghij'[n % 10] * 3}", 800 + n) for n in range(100)]
    call = light.call()
    for n in range(100):
        light.weigh(n % 50, 10_000 + n)
    browser = light.browser(MANAGER)
    for path in ("/members", "/weights", f"/calls/{call['id']}", f"/lots/{light.lot()['id']}", "/messages"):
        assert len(gzip.compress(browser.get(light.at(path)).data)) < 34_000, path


def test_what_people_wrote_is_shown_and_never_run(light: CoopWorld) -> None:
    paths = light.filled()
    light.do(lambda tx: tx.rows("UPDATE people SET name = :name WHERE msisdn <> :m RETURNING id", name=EVIL, m=BUYER))
    browser = light.browser(MANAGER)
    for path in (*paths, light.at(f"/members?find={EVIL}"), light.at(f"/weights?list={EVIL}&after={EVIL}")):
        assert "<script" not in browser.get(path).text, path
