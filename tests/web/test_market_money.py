"""A buyer sees and pays what is due, on the page of the order."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.web.market_world import BUYER, World
from tests.web.sales import Sale, fault_of, form_of, shown
from ussd_app.lib.clock import ManualClock
from ussd_app.market import settlement
from ussd_app.money import payments
from ussd_app.store import Store


@pytest.fixture
def world(store: Store, clock: ManualClock) -> World:
    return World(store, clock)


def test_the_page_says_what_is_due_asked_and_paid_and_of_whom_it_is_asked(world: World) -> None:
    sale = Sale(world)
    browser = world.browser(BUYER)
    before = shown(browser.get(sale.path))
    assert "Nothing is asked for before the goods are weighed and the seller agrees." in before
    sale.weighed()
    page = shown(browser.get(sale.path))
    for text in (
        "To be paid in all 9 000 RWF", "Asked for now 9 000 RWF", "Paid so far 0 RWF",
        "Wallet that is asked MTN MoMo ...501", "you are asked soon", "Part 1",
    ):  # fmt: skip
        assert text in page, text
    assert "Pay again" not in page and BUYER not in page


@pytest.mark.parametrize(
    ("state", "facts", "told", "never"),
    [
        ("pending", {}, "approve it on your phone", "not paid"),
        ("unknown", {}, "being checked with the wallet, do not pay twice", "not paid"),
        ("review", {}, "being checked with the wallet, do not pay twice", "not paid"),
        (
            "failed",
            {"reason": "no_funds", "settled_at": 1},
            "not paid: not enough money in the wallet",
            "being checked",
        ),
        ("failed", {"reason": "never heard of", "settled_at": 1}, "not paid: it did not go through", "being checked"),
    ],
)
def test_a_payment_stands_in_honest_words(
    world: World, state: str, facts: dict[str, Any], told: str, never: str
) -> None:
    sale = Sale(world)
    sale.weighed()
    sale.payment(state, **facts)
    page = shown(world.browser(BUYER).get(sale.path))
    assert told in page and never not in page
    assert ("Pay again" in page) == (state == "failed")


def test_what_was_paid_stands_with_its_transaction_and_time(world: World) -> None:
    sale = Sale(world)
    sale.weighed()
    at = world.clock.now()
    sale.payment("paid", external_id="MP260921.1", settled_amount=9_000, settled_at=at)
    browser = world.browser(BUYER)
    for path in (sale.path, "/orders/payments"):
        page = shown(browser.get(path))
        for text in ("MP260921.1", "9 000 RWF", "paid", "MTN MoMo"):
            assert text in page, (path, text)
    assert "Paid so far 9 000 RWF" in shown(browser.get(sale.path))


def test_a_buyer_pays_again_from_another_wallet_and_once(world: World) -> None:
    sale = Sale(world)
    sale.weighed()
    sale.payment("failed", reason="rejected", settled_at=world.clock.now())
    browser = world.browser(BUYER)
    page = browser.get(sale.path)
    assert "9 000 RWF not paid: refused in the wallet. Pay again." in shown(page)
    assert re.search(r'value="mtn_momo" required checked', page.text)
    form = form_of(page, "/pay")
    for provider in ("", "bank", "outside", "cash"):
        wrong = browser.post(f"{sale.path}/pay", **form, provider=provider)
        assert wrong.status_code == 422 and fault_of(wrong, "provider") == "Choose one."
    for _ in range(2):
        done = browser.post(f"{sale.path}/pay", **form, provider="airtel_money")
        assert "Soon your phone shows the wallet's request." in shown(browser.follow(done))
    rows = world.rows("SELECT provider, state FROM payments ORDER BY created_at, id")
    assert sorted(tuple(row.values()) for row in rows) == [("airtel_money", "created"), ("mtn_momo", "failed")]
    other = browser.post(f"{sale.path}/pay", form_key="new", provider="mtn_momo")
    assert other.status_code == 422 and "A request is under way already." in shown(other)
    assert len(world.rows("SELECT id FROM payments")) == 2


def test_nothing_is_asked_where_nothing_is_due(world: World) -> None:
    sale = Sale(world)
    browser = world.browser(BUYER)
    answer = browser.post(f"{sale.path}/pay", form_key="a", provider="mtn_momo")
    assert answer.status_code == 422 and "Nothing is to be paid for this order now." in shown(answer)
    assert world.rows("SELECT id FROM payments") == []


def test_more_than_a_wallet_moves_at_once_is_said_to_come_in_parts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payments, "limits_of", lambda *_, **__: payments.Limits(4_000, 10_000_000))
    sale = Sale(world)
    sale.weighed()
    page = shown(world.browser(BUYER).get(sale.path))
    assert "you are asked in 3 parts, one after another" in page and "Asked for now 4 000 RWF" in page


def test_a_buyer_without_a_phone_is_led_to_the_bank(world: World) -> None:
    sale = Sale(world, mail="buyer@example.com")
    browser = world.browser(BUYER)
    world.store.write(lambda tx: tx.rows("UPDATE people SET msisdn = NULL WHERE id = :id RETURNING id", id=sale.buyer))
    sale.weighed()
    page = browser.get(sale.path)
    assert f'action="{sale.path}/pay"' not in page.text and "Pay by bank transfer" in shown(page)
    answer = browser.post(f"{sale.path}/pay", form_key="a", provider="mtn_momo")
    assert answer.status_code == 422 and "Pay by bank transfer." in shown(answer)


def test_nothing_is_promised_to_a_number_without_a_wallet(world: World) -> None:
    abroad = "+33612345678"
    sale = Sale(world, msisdn=abroad, country="FR")
    sale.weighed()
    browser = world.browser(abroad)
    assert "9 000 RWF not paid: no wallet is known." in shown(browser.get(sale.path))
    answer = browser.post(f"{sale.path}/pay", form_key="a", provider="mtn_momo")
    assert answer.status_code == 422 and "no wallet is known" in shown(answer)
    assert world.rows("SELECT id FROM payments") == []


def test_money_between_the_two_is_not_asked_for_here(world: World) -> None:
    sale = Sale(world, "outside")
    browser = world.browser(BUYER)
    assert "You pay the seller yourself, as agreed." in shown(browser.get(sale.path))
    sale.weighed()
    page = shown(browser.get(sale.path))
    assert "Pay the seller 9 000 RWF. The seller confirms it." in page and "Asked for now" not in page
    answer = browser.post(f"{sale.path}/pay", form_key="a", provider="mtn_momo")
    assert answer.status_code == 422 and world.rows("SELECT id FROM payments") == []
    world.store.write(
        lambda tx: settlement.confirm_received(
            tx, clock=world.clock, now=world.clock.now(), seller_id=sale.seller, order_id=sale.id
        )
    )
    assert "9 000 RWF paid outside, confirmed by the seller" in shown(browser.get(sale.path))
