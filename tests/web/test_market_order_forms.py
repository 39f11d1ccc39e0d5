"""Whoever sends the forms of an order: another buyer, a busy store, a strange field, four languages."""

from __future__ import annotations

import gzip
import re

import pytest

from tests.web.market_world import BUYER, OTHER, World
from tests.web.sales import LINES, Sale, busy, shown
from ussd_app.lib.clock import ManualClock
from ussd_app.store import Store


@pytest.fixture
def world(store: Store, clock: ManualClock) -> World:
    return World(store, clock)


POSTS: dict[str, dict[str, str]] = {
    "weigh": LINES | {"seen": "9000", "step": "send"},
    "finish": {"form_key": "f"},
    "pay": {"form_key": "f", "provider": "mtn_momo"},
    "problem": {"form_key": "f", "kind": "weight"},
    "problem/propose": {"form_key": "f", "end": "cancelled", "amount": ""},
    "problem/accept": {"form_key": "f", "seen_as": "settled", "seen_amount": "5000"},
    "problem/withdraw": {"form_key": "f"},
}


@pytest.mark.parametrize("act", POSTS)
def test_another_buyers_order_is_the_same_page_as_one_that_does_not_exist(world: World, act: str) -> None:
    sale = Sale(world)
    sale.weighed(9_000)
    dispute = ""
    if act.startswith("problem/"):
        dispute = sale.reported()
        sale.proposed(dispute, 5_000)
    world.buyer("Eve", OTHER)
    eve = world.browser(OTHER)
    tables = ("deliveries", "orders", "payments", "disputes", "settlements", "web_posts")
    before = {table: world.rows(f"SELECT * FROM {table}") for table in tables}
    fields = POSTS[act] | ({"dispute": dispute} if dispute else {})
    foreign = eve.post(f"{sale.path}/{act}", **fields)
    missing = eve.post(f"/orders/nothing/{act}", **fields)
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert re.sub(r'value="[^"]+"', "", foreign.text) == re.sub(r'value="[^"]+"', "", missing.text)
    if act in ("weigh", "problem"):
        assert eve.get(f"{sale.path}/{act}").status_code == 404
    assert {table: world.rows(f"SELECT * FROM {table}") for table in tables} == before
    assert world.browser().get(f"{sale.path}/weigh").status_code == 303
    assert "No payment yet." in shown(eve.get("/orders/payments"))


@pytest.mark.parametrize("act", [act for act in POSTS if act != "weigh"])
def test_a_busy_store_does_nothing_and_says_so(world: World, act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sale = Sale(world)
    sale.weighed(9_000)
    dispute = sale.reported() if act.startswith("problem/") else ""
    if dispute:
        sale.proposed(dispute, 5_000)
    browser = world.browser(BUYER)
    browser.get(sale.path)
    busy(world, monkeypatch)
    answer = browser.post(f"{sale.path}/{act}", **POSTS[act], **({"dispute": dispute} if dispute else {}))
    assert (answer.status_code, "Nothing was lost or done twice." in shown(answer)) == (503, True)


@pytest.mark.parametrize("act", POSTS)
def test_fields_a_form_does_not_have_are_refused(world: World, act: str) -> None:
    sale = Sale(world)
    answer = world.browser(BUYER).post(f"{sale.path}/{act}", **POSTS[act], buyer_id="somebody")
    assert answer.status_code == 400


@pytest.mark.parametrize("language", ["en", "rw", "fr", "sw"])
def test_every_page_is_light_and_reads_in_every_language(world: World, language: str) -> None:
    sale = Sale(world, produce="coffee.cherry")
    for _ in range(5):
        sale.weighed(4_000, why="weight")
    sale.weighed(9_000)
    sale.payment("failed", reason="expired", settled_at=world.clock.now())
    browser = world.browser(BUYER)
    browser.post("/account/language", language=language)
    pages = [browser.get(f"{sale.path}{tail}") for tail in ("", "/weigh", "/problem")] + [
        browser.get("/orders/payments")
    ]
    pages.append(browser.post(f"{sale.path}/weigh", **(LINES | {"gross": "4 kg"}), step="look"))
    dispute = sale.reported()
    sale.proposed(dispute, None)
    pages.append(browser.get(sale.path))
    for page in pages:
        assert page.status_code == 200 and f'<html lang="{language}">' in page.text
        assert len(page.data) < 40_000 and len(gzip.compress(page.data)) < 10_000
        assert "<script" not in page.text and not re.search(r"\s(on\w+|style)=", page.text)
        ids = re.findall(r'\sid="([^"]+)"', page.text)
        assert len(ids) == len(set(ids))
        for label in re.findall(r'<label for="([^"]+)"', page.text):
            assert label in ids, label
        if language != "en":
            for english in ("weighed", "Receipt", "Paid", "problem", "Amount", "seller", "lines", "deduction"):
                assert not re.search(rf"\b{english}\b", shown(page)), (english, shown(page))
