"""What every page of the market promises: its headers, its weight, no script, no other host, and forms nobody else
can send."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from tests.web.market_world import BUYER, SECRET, TERMS, World, text_of
from ussd_app.lib.clock import ManualClock
from ussd_app.market import orders
from ussd_app.settings import Settings
from ussd_app.store import Store, open_store
from ussd_app.web import pages

CSS = Path("ussd_app/web/static/market.css")
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def world(sqlite_url: str, clock: ManualClock) -> World:
    return World(open_store(sqlite_url), clock)


@pytest.fixture
def paths(world: World) -> list[str]:
    """Every page there is to look at, with something on each."""
    buyer, seller = world.buyer(), world.seller()
    first, *_more = [world.list(seller, price=400 + n) for n in range(14)]
    counter = world.counter(seller, world.offer(buyer, first))
    open_offer = world.offer(buyer, first)
    done = world.offer(buyer, first)
    order = world.store.write(
        lambda tx: orders.accept(tx, clock=world.clock, now=world.clock.now(), person_id=seller, offer_id=done["id"])
    )
    return [
        "/", "/?produce=maize.grain", f"/listings/{first['id']}", "/offers", f"/offers/{counter['id']}",
        f"/offers/{counter['id']}/accept", f"/offers/{counter['id']}/terms", f"/offers/{open_offer['id']}", "/orders",
        f"/orders/{order['id']}", "/account", "/nothing-here",
    ]  # fmt: skip


OPEN_PATHS = ("/", "/sign-in", "/register", "/nothing-here")


@pytest.mark.parametrize("language", ["en", "fr", "rw", "sw"])
def test_every_page_is_light_and_loads_nothing_from_elsewhere(world: World, paths: list[str], language: str) -> None:
    inside, outside = world.browser(BUYER), world.browser()
    inside.post("/account/language", language=language)
    css = len(gzip.compress(CSS.read_bytes()))
    assert css < 11_000
    for browser, path in [(inside, path) for path in paths] + [(outside, f"{p}?lang={language}") for p in OPEN_PATHS]:
        answer = browser.get(path)
        assert answer.status_code == (404 if "nothing" in path else 200), path
        assert f'<html lang="{language}">' in answer.text, path
        assert len(gzip.compress(answer.data)) + css < 40_000, path
        addresses = re.findall(r'(?:href|src|action)="([^"]*)"', answer.text)
        assert addresses
        for address in addresses:
            assert re.match(r"(/(?!/)|\?lang=|#main|tel:\+)", address), (path, address)
        assert "<script" not in answer.text and "http:" not in answer.text and "https:" not in answer.text
        assert not re.search(r"\s(on\w+|style)=", answer.text), path
        assert answer.text.count("<h1>") == 1, path
        ids = re.findall(r'\sid="([^"]+)"', answer.text)
        assert len(ids) == len(set(ids)), path
        for label in re.findall(r'<label for="([^"]+)"', answer.text):
            assert label in ids, (path, label)
    assert "url(" not in CSS.read_text() and "@import" not in CSS.read_text()


def test_every_page_keeps_to_itself(world: World, paths: list[str]) -> None:
    inside, outside = world.browser(BUYER), world.browser()
    for answer in [inside.get(path) for path in paths] + [outside.get(path) for path in (*OPEN_PATHS, "/phone")]:
        assert answer.headers["Content-Security-Policy"] == (
            "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
        )
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert "Strict-Transport-Security" not in answer.headers
    assert inside.get("/offers").headers["Cache-Control"] == "no-store"


def test_production_asks_for_https(sqlite_url: str, clock: ManualClock) -> None:
    guard = pages.guard_headers(Settings(environment="production"))
    from flask import Response

    assert "max-age=" in guard(Response("<p>", mimetype="text/html")).headers["Strict-Transport-Security"]
    assert "Content-Security-Policy" not in guard(Response("{}", mimetype="application/json")).headers


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(world: World) -> None:
    cookie = world.browser().get("/sign-in").headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert "Set-Cookie" not in world.browser().get("/").headers


def test_a_form_without_its_token_changes_nothing(world: World) -> None:
    world.buyer()
    listing = world.list(world.seller())
    browser = world.browser(BUYER)
    for token in ("", "forged"):
        answer = browser.client.post(f"/listings/{listing['id']}/offers", data={**TERMS, "csrf_token": token})
        assert answer.status_code == 400
        assert "This form could not be trusted." in text_of(answer)
    stranger = world.browser()
    stranger.get("/sign-in")
    stolen = browser.client.post(f"/listings/{listing['id']}/offers", data={**TERMS, "csrf_token": stranger.token})
    assert stolen.status_code == 400
    assert world.rows("SELECT id FROM offers") == []


def test_reading_changes_nothing(world: World, paths: list[str]) -> None:
    browser = world.browser(BUYER)
    before = world.rows("SELECT id, state FROM offers ORDER BY id"), world.rows("SELECT id, state FROM orders")
    for act in ("withdraw", "decline"):
        assert browser.get(f"{paths[4]}/{act}").status_code == 405
    assert browser.get("/sign-out").status_code == 405
    for path in paths:
        browser.get(path)
    assert (
        world.rows("SELECT id, state FROM offers ORDER BY id"),
        world.rows("SELECT id, state FROM orders"),
    ) == before


def test_what_people_wrote_is_shown_and_never_run(world: World) -> None:
    """Names are checked where they are typed; should one ever get past, a page still shows it as text."""
    world.buyer(company=EVIL, city=EVIL)
    seller = world.seller()
    listing = world.list(seller)
    browser = world.browser(BUYER)
    browser.post(
        f"/listings/{listing['id']}/offers", **(TERMS | {"handover_place": "<b onclick=x>'\"&</b>"}), form_key=""
    )
    (offer,) = world.rows("SELECT id, handover_place FROM offers")
    assert offer["handover_place"] == "<b onclick=x>'\"&</b>"
    order = world.store.write(
        lambda tx: orders.accept(tx, clock=world.clock, now=world.clock.now(), person_id=seller, offer_id=offer["id"])
    )
    world.store.write(
        lambda tx: tx.rows("UPDATE people SET name = :name WHERE id = :id RETURNING id", name=EVIL, id=seller)
    )
    for path in ("/account", f"/offers/{offer['id']}", f"/orders/{order['id']}", "/orders", "/offers"):
        page = browser.get(path).text
        assert "<script" not in page and "<b onclick" not in page, path
    assert "&lt;script&gt;" in browser.get("/orders").text
    assert "&lt;b onclick" in browser.get(f"/orders/{order['id']}").text


def test_the_query_is_never_echoed_as_markup(world: World) -> None:
    browser = world.browser()
    for path in (f"/sign-in?next={EVIL}", f"/?lang={EVIL}", f"/sign-in?next=/%22%3E{EVIL}", f"/{EVIL}"):
        assert "<script" not in browser.get(path).text, path


@pytest.mark.parametrize(
    ("path", "accepts", "language"),
    [
        ("/", "fr-BE,fr;q=0.9,en;q=0.5", "fr"),
        ("/", "zh-CN", "en"),
        ("/?lang=sw", "fr", "sw"),
        ("/?lang=xx", "rw", "rw"),
    ],
)
def test_the_language_of_a_stranger(world: World, path: str, accepts: str, language: str) -> None:
    answer = world.browser(Accept_Language=accepts).get(path)
    assert f'<html lang="{language}">' in answer.text
    assert answer.headers["Content-Language"] == language


def test_a_chosen_language_stays_from_page_to_page(world: World) -> None:
    page = world.browser().get("/?lang=fr").text
    assert 'href="/sign-in?lang=fr"' in page
    assert 'href="/?lang=fr"' in page


def test_a_gateway_pays_nothing_for_the_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cookie, no session, no token is touched when a USSD turn or a wrong door is knocked at."""

    def never(*_args: object, **_values: object) -> None:
        raise AssertionError("a gateway's turn paid for a page")

    monkeypatch.setattr(pages.SecureCookieSessionInterface, "open_session", never)
    monkeypatch.setattr(pages.SecureCookieSessionInterface, "save_session", never)
    monkeypatch.setattr("flask_wtf.csrf.validate_csrf", never)
    turn = {"session_id": "s1", "msisdn": "+250788000777", "text": "", "service_code": "*384*100#"}
    answer = world.app.test_client().post(f"/ussd/simulator/{SECRET}", json=turn)
    assert answer.status_code == 200
    for header in ("Set-Cookie", "Vary", "Content-Security-Policy"):
        assert header not in answer.headers
    wrong = world.app.test_client().post("/ussd/simulator/wrong", json=turn)
    assert (wrong.status_code, wrong.headers.get("Set-Cookie")) == (404, None)


def test_a_store_that_is_busy_is_told_and_nothing_is_half_done(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from ussd_app.store import Withdrawn

    world.buyer()
    listing = world.list(world.seller())
    browser = world.browser(BUYER)
    browser.get("/")

    def busy(self: Store, work: object) -> None:
        raise Withdrawn("not begun")

    monkeypatch.setattr(type(world.store), "write", busy)
    answer = browser.post(f"/listings/{listing['id']}/offers", **TERMS, form_key="k")
    assert (answer.status_code, "The market is busy." in text_of(answer)) == (503, True)


def test_every_text_of_the_pages_can_be_translated() -> None:
    """Each `t(...)` holds its whole text, so that it can be collected; and no words stand outside of one."""
    from babel.messages.extract import extract
    from jinja2.ext import babel_extract

    for path in sorted(Path("ussd_app/web/templates").glob("market_*.html")):
        source = path.read_text("utf-8")
        with path.open("rb") as file:
            found = [entry[1] for entry in extract(babel_extract, file, keywords={"t": None})]
        literal = re.findall(r"""\bt\((["'])""", source)
        assert len(found) == len(literal), path
        bare = re.sub(r"(?s){%.*?%}|{{.*?}}|{#.*?#}", "", source)
        bare = re.sub(r"""(?s)<[^>]*>|[\w-]+="[^"]*\"""", "", bare)
        assert not re.search(r"[A-Za-z]{2}", bare), (path, bare.split())
