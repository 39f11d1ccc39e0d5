"""The proforma in the browser: what a buyer abroad pays, in which currency, at which rate; and nobody else sees it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from tests.web.market_world import BUYER, OTHER, World, text_of
from ussd_app.lib.clock import ManualClock, day
from ussd_app.lib.ids import check_ok
from ussd_app.market import deliveries, offers, orders, transfers
from ussd_app.market.terms import Terms
from ussd_app.store import Store


@pytest.fixture
def world(store: Store, clock: ManualClock) -> World:
    return World(store, clock)


def sold(world: World, settlement: str = "pass_through") -> Any:
    """A weighed order of 20 kg at 450 RWF: 9 000 RWF to be paid."""
    buyer, seller = world.buyer(), world.seller()
    listing = world.list(seller)
    terms = Terms(20_000, 450, "farm_gate", "At the mill", "buyer", settlement)
    now = world.clock.now()
    offer = world.store.write(
        lambda tx: offers.make(
            tx, hub=world.hub, clock=world.clock, now=now, buyer_id=buyer, listing_id=listing["id"], terms=terms
        )
    )
    order = world.store.write(
        lambda tx: orders.accept(tx, clock=world.clock, now=now, person_id=seller, offer_id=offer["id"])
    )

    def weigh(tx: Any) -> None:
        found = deliveries.record(tx, clock=world.clock, now=now, order_id=order["id"], buyer_id=buyer, gross=20_000)
        deliveries.agree(tx, clock=world.clock, now=now, seller_id=seller, delivery_id=found["id"])

    world.store.write(weigh)
    return order


def rate(world: World, currency: str, rate: str, on: str = "") -> None:
    on = on or day(world.clock.now())
    world.store.write(
        lambda tx: tx.exchange_rate_load(
            base=currency, quote="RWF", valid_from=on, rate=rate, estimate=0, source="BNR average"
        )
    )


def test_a_buyer_gets_a_proforma_with_reference_currency_and_dated_rate(world: World) -> None:
    order = sold(world)
    rate(world, "EUR", "1600")
    browser = world.browser(BUYER)
    assert f'href="/orders/{order["id"]}/transfer"' in browser.get(f"/orders/{order['id']}").text
    path = f"/orders/{order['id']}/transfer"
    before = browser.get(path)
    assert "Pay 9 000 RWF in" in text_of(before) and re.findall(r"<option>(\w+)", before.text) == [
        "RWF",
        "EUR",
        "USD",
        "CNY",
    ]
    page = browser.follow(browser.post(path, currency="EUR"))
    reference = re.search(r'class="reference">(\d{10})<', page.text)
    assert reference is not None and check_ok(reference[1])
    shown = text_of(page)
    today = "/".join(day(world.clock.now()).split("-")[::-1])
    for text in (
        "5.63 EUR",
        "9 000 RWF",
        f"1 EUR = 1600 RWF, {today}",
        "BNR average",
        "Duhahirane demonstration",
        "Asked for now",
    ):
        assert text in shown, text
    assert "estimate" not in shown and "The rate is old" not in shown and "do not pay to it" in shown
    assert "Give me a reference" not in shown
    (told,) = world.rows("SELECT values_json FROM outbox WHERE template = 'transfer.told'")
    assert reference[1] in told["values_json"]
    assert page.text == browser.get(path).text  # as often as she looks


def test_an_old_rate_and_an_estimate_are_said_to_be(world: World) -> None:
    order = sold(world)
    rate(world, "EUR", "1600", day(world.clock.now() - 3 * 86_400_000))
    browser, path = world.browser(BUYER), f"/orders/{order['id']}/transfer"
    assert "The rate is old: it was of 3 days before." in text_of(browser.follow(browser.post(path, currency="EUR")))
    world.clock.advance(transfers.VALID_MS)
    browser = world.browser(BUYER)
    over = text_of(browser.get(path))
    assert "do not pay this one" in over and "Give me a reference" in over
    assert "The rate is an estimate" in text_of(browser.follow(browser.post(path, currency="CNY")))


def test_francs_have_no_rate(world: World) -> None:
    order = sold(world)
    browser, path = world.browser(BUYER), f"/orders/{order['id']}/transfer"
    page = text_of(browser.follow(browser.post(path, currency="RWF")))
    assert "9 000 RWF" in page and "Rate" not in page and "estimate" not in page


def test_another_buyers_order_is_not_found(world: World) -> None:
    order = sold(world)
    world.buyer("Other", OTHER)
    browser, path = world.browser(OTHER), f"/orders/{order['id']}/transfer"
    assert browser.get(path).status_code == 404
    assert browser.post(path, currency="EUR").status_code == 404
    assert world.rows("SELECT * FROM bank_transfers") == []
    stranger = world.browser()
    assert stranger.get(path).status_code == 303


@pytest.mark.parametrize("currency", ["", "KES", "eur", "EUR ' --"])
def test_a_currency_that_is_not_offered(world: World, currency: str) -> None:
    order = sold(world)
    answer = world.browser(BUYER).post(f"/orders/{order['id']}/transfer", currency=currency)
    assert answer.status_code == 422 and world.rows("SELECT * FROM bank_transfers") == []


def test_an_order_paid_outside_has_no_transfer(world: World) -> None:
    order = sold(world, "outside")
    browser = world.browser(BUYER)
    assert "transfer" not in browser.get(f"/orders/{order['id']}").text
    assert browser.post(f"/orders/{order['id']}/transfer", currency="EUR").status_code == 422


def test_production_shows_no_invented_account(world: World) -> None:
    order = sold(world)
    parts = world.app.extensions["parts"]
    browser, path = world.browser(BUYER), f"/orders/{order['id']}/transfer"
    object.__setattr__(parts, "settings", replace(parts.settings, environment="production"))
    assert "Bank transfers are not set up here." in text_of(browser.get(path))
    assert browser.post(path, currency="EUR").status_code == 422
    assert world.rows("SELECT * FROM bank_transfers") == []


@pytest.mark.parametrize("language", ["rw", "fr", "sw"])
def test_the_page_reads_in_every_language(world: World, language: str) -> None:
    order = sold(world)
    world.store.write(lambda tx: tx.rows("UPDATE people SET language = :l RETURNING id", l=language))
    browser, path = world.browser(BUYER), f"/orders/{order['id']}/transfer"
    page = text_of(browser.follow(browser.post(path, currency="EUR")))
    for english in ("Reference", "Good until", "Pay exactly", "estimate", "demonstration:"):
        assert english not in page, english
