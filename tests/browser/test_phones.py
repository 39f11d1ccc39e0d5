"""The phones in a real browser: calls over each wire, what a network does to them, the keyboard, and the export."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from werkzeug.serving import make_server

from tests.fake_market import GUIDANCE, HOME, SECRET, FakeMarket
from tests.web.phone_pages import MANAGER, SELLER, fake_market_with_phones
from ussd_app.handset import HttpWorld
from ussd_app.player import Player
from ussd_app.transcript import parse

pytestmark = pytest.mark.browser
AT = f"/ussd/africastalking/{SECRET}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def market() -> Iterator[FakeMarket]:
    fake = fake_market_with_phones()
    server = make_server("127.0.0.1", 0, fake.app, threaded=True)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    fake.app.config["ADDRESS"] = f"http://127.0.0.1:{server.server_port}"
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(browser: Browser, market: FakeMarket) -> Iterator[Page]:
    """The page, ready; a script error, a refusal by the policy or a foreign host fails the test."""
    address, faults = market.app.config["ADDRESS"], []
    opened = browser.new_page(viewport={"width": 1280, "height": 860})
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda message: faults.append(message.text) if "Content Security" in message.text else None)
    opened.on("request", lambda request: None if request.url.startswith(address) else faults.append(request.url))
    opened.goto(f"{address}/phone")
    opened.wait_for_selector("html[data-ready]")
    yield opened
    opened.close()
    assert [fault for fault in faults if not fault.startswith("blob:")] == []


class Handset:
    """One of the two phones, by what a person sees of it."""

    def __init__(self, page: Page, side: str = "first") -> None:
        self.root = page.locator(f"[data-phone={side}]")

    def part(self, name: str) -> Locator:
        return self.root.locator(f"[data-{name}]")

    def key(self, name: str) -> Locator:
        return self.root.locator(f"[data-do={name}]")

    def call(self, code: str = "*384*100#") -> None:
        self.part("typed").fill(code)
        self.key("call").click()

    def send(self, text: str) -> None:
        self.part("typed").fill(text)
        self.part("typed").press("Enter")

    def shows(self, text: str, name: str) -> None:
        expect(self.part("screen-name")).to_have_text(name)
        assert text in self.part("screen").inner_text()


def texts(market: FakeMarket, path: str = AT) -> list[Any]:
    return [told.get("text") for posted, told in market.posted if posted == path]


@pytest.mark.parametrize("wire", ["africastalking", "hubtel", "simulator"])
def test_a_sale_over_every_wire(page: Page, market: FakeMarket, wire: str) -> None:
    phone = Handset(page)
    phone.part("wire").select_option(wire)
    phone.call()
    phone.shows("1 Gurisha", "home")
    phone.send("1")
    phone.shows("Igicuruzwa", "sell.produce")
    phone.send("1")
    phone.shows("Ingano", "sell.quantity")
    phone.send("40")
    phone.shows("Byemejwe: 40 kg", "sell.done")
    expect(phone.part("clock")).to_have_text("ended")
    expect(phone.part("inbox")).to_contain_text("Kawa 40 kg iri ku isoko.")
    assert {posted for posted, _ in market.posted} == {f"/ussd/{wire}/{SECRET}"}


def test_the_wire_is_africas_talkings_own(page: Page, market: FakeMarket) -> None:
    phone = Handset(page)
    phone.call("*384*100*1*1#")
    phone.shows("Ingano", "sell.quantity")
    phone.send("abc")
    expect(phone.part("screen")).to_contain_text(GUIDANCE)
    assert texts(market) == ["1*1", "1*1*abc"]
    told = market.posted[-1][1]
    assert list(told) == ["sessionId", "serviceCode", "phoneNumber", "networkCode", "text"]
    assert (told["serviceCode"], told["phoneNumber"], told["networkCode"]) == ("*384*100#", SELLER["msisdn"], "63510")


def test_the_meter_counts_the_prefix_and_the_clock_runs_down(page: Page) -> None:
    phone = Handset(page)
    phone.call()
    expect(phone.part("septets")).to_have_text(f"{len(HOME) + 4}/160")
    expect(phone.part("clock")).to_contain_text("2:5")
    expect(phone.part("ms")).to_contain_text(" ms")


def test_the_keypad_types_and_clears(page: Page, market: FakeMarket) -> None:
    phone = Handset(page)
    for digit in "*384*100*15#":
        phone.root.locator(f'[data-key="{digit}"]').click()
    for _ in "5#":
        phone.key("clear").click()
    phone.root.locator('[data-key="#"]').click()
    phone.key("call").click()
    phone.shows("Igicuruzwa", "sell.produce")
    phone.root.locator('[data-key="1"]').click()
    phone.key("send").click()
    phone.shows("Ingano", "sell.quantity")


def test_the_keyboard_alone_is_enough(page: Page, market: FakeMarket) -> None:
    phone = Handset(page)
    phone.part("typed").focus()
    page.keyboard.press("Enter")
    phone.shows("1 Gurisha", "home")
    page.keyboard.type("1")
    page.keyboard.press("Enter")
    phone.shows("Igicuruzwa", "sell.produce")
    expect(phone.part("typed")).to_be_focused()
    with page.expect_response(f"**{AT}/events"):
        page.keyboard.press("Escape")
    expect(phone.part("typed")).to_have_value("*384*100#")
    expect(phone.part("screen")).to_have_text("")
    assert market.posted[-1][1]["status"] == "Incomplete"
    assert market.posted[-1][1]["hopsMetadata"] == "home|sell.produce"


def test_a_dropped_call_is_told_and_resumes(page: Page, market: FakeMarket) -> None:
    phone = Handset(page)
    phone.call("*384*100*1#")
    phone.shows("Igicuruzwa", "sell.produce")
    with page.expect_response(f"**{AT}/events"):
        phone.key("drop").click()
    expect(phone.part("verdict")).to_contain_text("The network dropped the call")
    phone.call()
    phone.shows("1 Komeza", "resume")
    assert [posted for posted, _ in market.posted] == [AT, f"{AT}/events", AT]


def test_a_callback_twice_late_and_out_of_order(page: Page, market: FakeMarket) -> None:
    phone = Handset(page)
    phone.call()
    phone.shows("Gurisha", "home")
    expect(phone.key("late")).to_be_disabled()
    phone.send("1")
    phone.shows("Igicuruzwa", "sell.produce")
    phone.key("twice").click()
    expect(phone.part("verdict")).to_contain_text("byte for byte: nothing changed")
    phone.key("late").click()
    expect(phone.part("wire-count")).to_have_text("(4)")
    phone.key("hold").click()
    phone.send("1")
    expect(phone.part("verdict")).to_contain_text("held back")
    phone.send("40")
    phone.shows("Byemejwe: 40 kg", "sell.done")
    expect(phone.part("verdict")).to_contain_text("came after the newer one and got: CON Kawa")
    assert texts(market) == ["", "1", "1", "", "1*1*40", "1*1"]


def test_another_answer_to_a_repeated_callback_is_said(page: Page, market: FakeMarket) -> None:
    phone = Handset(page)
    phone.call()
    phone.shows("Gurisha", "home")
    market.answer = (200, "END other")
    phone.key("twice").click()
    expect(phone.part("verdict")).to_have_text("Another answer came: END other")


@pytest.mark.parametrize("answer", [(500, "CON x"), (200, "hello")])
def test_an_answer_no_gateway_shows_ends_the_call(page: Page, market: FakeMarket, answer: tuple[int, str]) -> None:
    market.answer = answer
    phone = Handset(page)
    phone.call()
    expect(phone.part("screen")).to_have_text("Connection problem or invalid MMI code.")
    expect(phone.part("verdict")).to_contain_text("The gateway ended the call")
    expect(phone.key("send")).to_be_disabled()


def test_switching_the_person_ends_the_call(page: Page, market: FakeMarket) -> None:
    phone = Handset(page)
    phone.call()
    phone.shows("Gurisha", "home")
    phone.part("person").select_option(label="Habimana Jean, seller")
    expect(phone.part("card")).to_contain_text("+250728000002")
    expect(phone.part("network")).to_have_value("airtel")
    phone.call()
    phone.shows("Gurisha", "home")
    assert market.posted[-1][1]["networkCode"] == "63514"
    phone.part("person").select_option("other")
    phone.part("number").fill("+250 788 777 777")
    phone.part("number").blur()
    phone.call()
    phone.shows("Gurisha", "home")
    assert market.posted[-1][1]["phoneNumber"] == "+250788777777"


def test_an_sms_is_written_and_answered(page: Page, market: FakeMarket) -> None:
    phone = Handset(page, "second")
    phone.part("sms").fill("IGICIRO KAWA")
    phone.part("sms").press("Enter")
    expect(phone.part("inbox")).to_contain_text("IGICIRO KAWA: 650 RWF")
    expect(phone.part("inbox")).to_contain_text("1 part · GSM-7")
    posted, told = market.posted[-1]
    assert (posted, told["from"]) == (f"/sms/africastalking/{SECRET}/incoming", MANAGER["msisdn"])


def test_the_exported_dialogue_of_both_phones_plays_as_a_test(page: Page, market: FakeMarket) -> None:
    first, second = Handset(page), Handset(page, "second")
    expect(page.locator("[data-export]")).to_be_disabled()
    first.call()
    first.shows("Gurisha", "home")
    first.send('a "quoted; -> answer')
    expect(first.part("screen")).to_contain_text(GUIDANCE)
    first.send("1")
    first.shows("Igicuruzwa", "sell.produce")
    first.key("twice").click()
    expect(first.part("verdict")).to_contain_text("byte for byte")
    second.call("*384*100*1*1#")
    second.shows("Ingano", "sell.quantity")
    second.send("40")
    second.shows("Byemejwe", "sell.done")
    expect(second.part("inbox")).to_contain_text("40 kg")
    first.key("end").click()
    with page.expect_download() as download:
        page.locator("[data-export]").click()
    text = download.value.path().read_text(encoding="utf-8")
    assert download.value.suggested_filename.endswith(".txt")
    assert f"given seller Mukamana Alice {SELLER['msisdn']} speaks rw pin 13579" in text
    assert f'sms to {MANAGER["msisdn"]} contains "Kawa 40 kg iri ku isoko."' in text
    fresh = FakeMarket()
    world = HttpWorld(fresh.app, SECRET, on_given=lambda words: None, on_inbox=lambda phone: fresh.inbox.get(phone, []))
    assert Player(world).play(parse(text, "exported.txt")) == 6


@pytest.mark.parametrize("width", [320, 768])
def test_a_narrow_page_has_no_sideways_scroll(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    Handset(page).call()
    Handset(page).shows("Gurisha", "home")
