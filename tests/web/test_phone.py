"""The phones' page: what it hands out, where it must not exist, and that it loads nothing from elsewhere."""

from __future__ import annotations

import gzip
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.fake_market import SECRET
from tests.web.phone_pages import MANAGER, NEIGHBOUR, SELLER, PhoneParts, fake_market_with_phones
from ussd_app.handset import HttpWorld
from ussd_app.player import Player, Unexpected
from ussd_app.settings import Settings
from ussd_app.transcript import parse
from ussd_app.web.phone import phones

STATIC = Path("ussd_app/web/static")


class Page(HTMLParser):
    """The tags of a page and its inline texts of script and style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.fixture
def html() -> str:
    return fake_market_with_phones().app.test_client().get("/phone").get_data(as_text=True)


def test_production_has_no_phones() -> None:
    with pytest.raises(ValueError, match="development only"):
        phones(PhoneParts(settings=Settings(environment="production", callback_secrets=("x" * 32,))))


def test_the_page_tells_the_script_where_and_what_to_dial(html: str) -> None:
    found = re.search(r'<script type="application/json" id="phones-config">(.*?)</script>', html, re.S)
    assert found
    config = json.loads(found[1])
    assert (config["secret"], config["serviceCode"]) == (SECRET, "*384*100#")
    assert (config["peopleUrl"], config["inboxUrl"]) == ("/phone/people", "/phone/inbox")
    assert [network["code"] for network in config["networks"]] == ["63510", "63514", "63517"]


def test_only_enabled_gateways_are_offered() -> None:
    parts = PhoneParts(settings=Settings(callback_secrets=(SECRET,)))
    parts.market.app.register_blueprint(phones(parts))
    html = parts.market.app.test_client().get("/phone").get_data(as_text=True)
    assert 'value="simulator"' in html
    assert 'value="hubtel"' not in html


def test_nothing_is_inline_and_nothing_comes_from_another_host(html: str) -> None:
    page = Page(html)
    for tag, attrs in page.tags:
        assert tag != "style"
        assert not [name for name in attrs if name == "style" or name.startswith("on")]
        assert tag != "script" or attrs.get("src") or attrs.get("type") == "application/json"
    for file in [html, *(path.read_text(encoding="utf-8") for path in STATIC.glob("phone*"))]:
        assert re.sub(r'xmlns="http://www\.w3\.org/2000/svg"', "", file).find("://") < 0


def test_every_control_has_a_name_and_is_a_real_control(html: str) -> None:
    page = Page(html)
    keys = [attrs for tag, attrs in page.tags if tag == "button" and "data-key" in attrs]
    assert len(keys) == 24
    assert all(attrs.get("aria-label") and attrs.get("type") == "button" for attrs in keys)
    screens = [attrs for _, attrs in page.tags if "data-screen" in attrs]
    assert [attrs["role"] for attrs in screens] == ["status", "status"]


def test_the_page_is_light() -> None:
    client = fake_market_with_phones().app.test_client()
    paths = ["/phone", *(f"/phone/static/{path.name}" for path in STATIC.glob("phone*"))]
    sizes = {}
    for path in paths:
        with client.get(path) as reply:
            sizes[path] = len(gzip.compress(reply.get_data()))
    assert len(paths) <= 8
    assert sum(sizes.values()) < 25_000, sizes


def test_people_and_inbox() -> None:
    market = fake_market_with_phones()
    client = market.app.test_client()
    assert client.get("/phone/people").get_json() == {"people": [SELLER, NEIGHBOUR, MANAGER]}
    market.inbox[SELLER["msisdn"]] = ["Kawa", "Igiciro: 650 RWF « ç »", "a" * 161]
    messages = client.get("/phone/inbox?phone=0788000001").get_json()["messages"]
    assert [(message["parts"], message["text"][:30]) for message in messages] == [
        (2, "a" * 30),
        (1, 'Igiciro: 650 RWF " c "'),
        (1, "Kawa"),
    ]
    assert messages[2] == {
        "id": "+250788000001-0",
        "kind": "sms",
        "sender": "Duhahirane",
        "text": "Kawa",
        "parts": 1,
        "encoding": "GSM-7",
        "state": "delivered",
        "at": 1_790_000_000_000,
    }
    assert client.get("/phone/inbox?phone=+250788000009").get_json() == {"messages": []}
    assert client.get("/phone/inbox?phone=hello").status_code == 400


def test_a_transcript_plays_against_a_running_server_with_its_demo_people() -> None:
    market = fake_market_with_phones()
    world = HttpWorld(market.app, SECRET, patience_s=0.3)
    sale = f'dial; send 1; send 1; send 40\nsms to {SELLER["msisdn"]} contains "40 kg"'
    text = f"given seller {SELLER['msisdn']} speaks rw\n{sale}"
    assert Player(world).play(parse(text)) == 4
    for words, told in (
        ("seller +250788999999 speaks rw", "only demo people can be given"),
        (f"seller {SELLER['msisdn']} speaks sw", "this demo person speaks rw"),
    ):
        with pytest.raises(Unexpected, match=told):
            Player(world).play(parse(f"given {words}"))
    with pytest.raises(Unexpected, match="the inbox holds"):
        Player(world).play(parse(f'sms to {SELLER["msisdn"]} contains "41 kg"'))
