"""An order in the browser as on the buyer's phone: what was weighed, what was paid, what is argued over; nobody else's."""

from __future__ import annotations

import gzip
import re
from typing import Any

import pytest
from werkzeug.test import TestResponse

from menus.weigh import receipt_of as on_the_phone
from tests.web.market_world import BUYER, OTHER, World, fields_of, text_of
from ussd_app.lib.clock import ManualClock
from ussd_app.market import deliveries, disputes, offers, orders, settlement
from ussd_app.market.terms import Terms
from ussd_app.money import ledger, payments
from ussd_app.store import Store, Withdrawn

LINES = {
    "gross": "20 kg", "floaters": "", "name_1": "", "amount_1": "", "name_2": "", "amount_2": "", "name_3": "",
    "amount_3": "", "recorded_as": "buyer", "recorded_by": "", "form_key": "k1",
}  # fmt: skip
REGRET_MS = 5 * 60_000


@pytest.fixture
def world(store: Store, clock: ManualClock) -> World:
    return World(store, clock)


class Sale:
    """An order of 20 kg of one seller's and one buyer's, with acts of the seller's phone."""

    def __init__(self, world: World, settlement: str = "pass_through", produce: str = "maize.grain", **buyer: Any):
        self.world, self.price = world, 700 if produce == "coffee.cherry" else 450
        self.buyer, self.seller = world.buyer(**buyer), world.seller()
        listing = world.list(self.seller, produce, price=self.price)
        floaters = 200 if produce == "coffee.cherry" else None
        terms = Terms(20_000, self.price, "farm_gate", "At the mill", "buyer", settlement, price_floaters=floaters)
        now = world.clock.now()
        offer = world.store.write(
            lambda tx: offers.make(
                tx, hub=world.hub, clock=world.clock, now=now, buyer_id=self.buyer, listing_id=listing["id"],
                terms=terms,
            )
        )  # fmt: skip
        order = world.store.write(
            lambda tx: orders.accept(tx, clock=world.clock, now=now, person_id=self.seller, offer_id=offer["id"])
        )
        self.id, self.path = str(order["id"]), f"/orders/{order['id']}"

    def weighed(self, gross: int = 20_000, agreed: bool = True, why: str = "") -> str:
        world, now = self.world, self.world.clock.now()

        def work(tx: Any) -> str:
            row = deliveries.record(tx, clock=world.clock, now=now, order_id=self.id, buyer_id=self.buyer, gross=gross)
            if why:
                deliveries.refuse(tx, now=now, seller_id=self.seller, delivery_id=row["id"], why=why)
            elif agreed:
                deliveries.agree(tx, clock=world.clock, now=now, seller_id=self.seller, delivery_id=row["id"])
            return str(row["id"])

        return str(world.store.write(work))

    def payment(self, state: str, **set_to: Any) -> None:
        """The latest collection comes to this, as the wallet's answer would bring it."""
        row = self.world.rows("SELECT * FROM payments WHERE kind = 'collection' ORDER BY created_at DESC, id DESC")[0]
        now = self.world.clock.now()
        names = {"state": state, "reason": "", "external_id": None, "settled_amount": None, "settled_at": None,
                 "sends": 1} | set_to  # fmt: skip
        sets = ", ".join(f"{name} = :{name}" for name in names)
        terms = {name: row[name] for name in ("source", "destination", "amount", "currency")}

        def work(tx: Any) -> None:
            hold = ledger.hold(tx, now=now, payment_id=row["id"], **terms)
            sql = f"UPDATE payments SET hold_id = :hold, {sets} WHERE id = :id RETURNING *"
            changed = tx.rows(sql, id=row["id"], hold=hold, **names)[0]
            if state == "failed":
                ledger.void(tx, hold, now, why="failed")
                settlement.on_failed(tx, changed, now, self.world.clock)

        self.world.store.write(work)

    def reported(self, by: str = "") -> str:
        now = self.world.clock.now()
        row = self.world.store.write(
            lambda tx: disputes.begin(tx, now=now, person_id=by or self.seller, order_id=self.id, kind="weight")
        )
        return str(row["id"])

    def proposed(self, dispute_id: str, amount: int | None = 5_000, becomes: str = "settled") -> None:
        now = self.world.clock.now()
        self.world.store.write(
            lambda tx: disputes.propose(
                tx, now=now, person_id=self.seller, dispute_id=dispute_id, becomes=becomes, amount_minor=amount
            )
        )


def shown(answer: TestResponse) -> str:
    return text_of(answer).replace("\u202f", " ")


def fault_of(answer: TestResponse, field: str) -> str:
    found = re.search(rf'id="{field}-fault">([^<]*)<', answer.text)
    return found[1].replace("\u00a0", " ").replace("&#39;", "'") if found else ""


def form_of(answer: TestResponse, action: str) -> dict[str, str]:
    """The hidden fields of the form that goes to `action`."""
    found = re.search(rf'<form[^>]*action="[^"]*{action}">(.*?)</form>', answer.text, re.S)
    assert found, action
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', found[1]))
    hidden.pop("csrf_token")
    return hidden


def busy(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Store, work: object) -> None:
        raise Withdrawn("not begun")

    monkeypatch.setattr(type(world.store), "write", full)


# --- what was weighed -----------------------------------------------------------------------------------------------


def test_what_was_weighed_is_shown_as_she_will_read_it_and_then_sent_once(world: World) -> None:
    sale = Sale(world, produce="coffee.cherry")
    browser = world.browser(BUYER)
    assert f'href="{sale.path}/weigh"' in browser.get(sale.path).text
    typed = fields_of(browser.get(f"{sale.path}/weigh")) | {
        "gross": "20,5", "floaters": "1.5 kg", "name_1": "Inputs", "amount_1": "1 000", "name_2": "Amafaranga y'isoko",
        "amount_2": "250", "name_3": "transport", "amount_3": "100 rwf", "recorded_as": "collector",
        "recorded_by": "Eric",
    }  # fmt: skip
    typed.pop("csrf_token")
    page = browser.post(f"{sale.path}/weigh", **typed)
    assert page.status_code == 200 and world.rows("SELECT * FROM deliveries") == []
    hidden = fields_of(page)
    hidden.pop("csrf_token")
    assert hidden["seen"] == str(19 * 700 + 300 - 1_350)
    sent = browser.post(f"{sale.path}/weigh", **hidden, step="send")
    order = browser.follow(sent)
    (row,) = world.rows("SELECT * FROM deliveries")
    assert (row["gross"], row["floaters"], row["net"]) == (20_500, 1_500, 12_250)
    assert (row["recorded_as"], row["recorded_by"], row["state"]) == ("collector", "Eric", "recorded")
    named = world.rows("SELECT name, amount FROM delivery_deductions ORDER BY place")
    assert [tuple(one.values()) for one in named] == [
        ("inputs", 1_000),
        ("Amafaranga y'isoko", 250),
        ("transport", 100),
    ]
    with world.store.read() as tx:
        whole = deliveries.of_order(tx, sale.id)[0]
    for line in on_the_phone(whole):
        text = " ".join(line.render("en").split())
        assert text in shown(page) and text in shown(order), text
    for text in (f"Receipt {row['receipt']}", "waits for the seller", "by the collector Eric", "Recorded."):
        assert text in shown(order), text
    again = browser.post(f"{sale.path}/weigh", **hidden, step="send")
    assert again.location == sent.location
    assert len(world.rows("SELECT * FROM deliveries")) == 1
    assert len(world.rows("SELECT * FROM outbox WHERE template = 'delivery.recorded'")) == 1
    assert "has not answered the last weight yet" in shown(browser.get(f"{sale.path}/weigh"))


def test_change_leads_back_with_everything_typed(world: World) -> None:
    sale = Sale(world)
    browser = world.browser(BUYER)
    typed = LINES | {"name_1": "Sacks", "amount_1": "500", "recorded_as": "clerk", "recorded_by": "Ange"}
    page = browser.post(f"{sale.path}/weigh", **typed, step="change")
    assert page.status_code == 200 and {**fields_of(page), **typed} == fields_of(page) | {"floaters": ""}
    assert fields_of(page)["recorded_by"] == "Ange" and fields_of(page)["amount_1"] == "500"


FAULTS: list[tuple[dict[str, str], str, str]] = [
    ({"gross": "much"}, "gross", "Write a quantity such as 40 kg, at most 21 kg."),
    ({"gross": "-3"}, "gross", "Write a quantity such as 40 kg, at most 21 kg."),
    ({"gross": "0"}, "gross", "Write a quantity such as 40 kg, at most 21 kg."),
    ({"gross": "30 kg"}, "gross", "At most 21 kg more fits this order. For the rest make a new offer."),
    ({"floaters": "a few"}, "floaters", "Write a quantity such as 40 kg, or nothing."),
    ({"floaters": "21 kg"}, "floaters", "No more floats than was weighed in all."),
    ({"name_2": "Sacks"}, "amount_2", "Write an amount in RWF, at most 14 000 RWF."),
    ({"name_1": "Sacks", "amount_1": "99 000"}, "amount_1", "Write an amount in RWF, at most 14 000 RWF."),
    ({"amount_3": "500"}, "name_3", "Write what it is for."),
    (
        {"name_1": "sacks", "amount_1": "9000", "name_3": "Advance", "amount_3": "9000"},
        "amount_3",
        "Together at most 14 000 RWF can be taken off.",
    ),
    ({"name_1": "Sacks", "amount_1": "9", "name_2": "Imifuka", "amount_2": "9"}, "name_2", "It stands here already."),
    ({"name_1": "Service fee", "amount_1": "9"}, "name_1", "Write another name, of at most 20 characters."),
    ({"name_1": "x" * 21, "amount_1": "9"}, "name_1", "Write another name, of at most 20 characters."),
    ({"recorded_as": "clerk"}, "recorded_by", "Write the name of who weighed."),
    ({"recorded_as": "agent", "recorded_by": "Eve"}, "recorded_as", "Choose one."),
    ({"recorded_as": "clerk", "recorded_by": "y" * 41}, "recorded_by", "At most 40 characters."),
]


@pytest.mark.parametrize("step", ["look", "send"])
def test_each_fault_of_a_weight_stands_by_its_field_and_nothing_is_lost(world: World, step: str) -> None:
    sale = Sale(world, produce="coffee.cherry")
    browser = world.browser(BUYER)
    for typed, field, told in FAULTS:
        sent = LINES | typed
        answer = browser.post(f"{sale.path}/weigh", **sent, step=step)
        assert answer.status_code == 422
        assert fault_of(answer, field) == told, shown(answer)
        kept = fields_of(answer)
        for name in set(sent) - {"recorded_as"}:
            assert kept.get(name, "") == sent[name], name
    assert world.rows("SELECT * FROM deliveries") == []


def test_all_faults_are_told_at_once(world: World) -> None:
    sale = Sale(world, produce="coffee.cherry")
    typed = LINES | {"floaters": "21 kg", "name_1": "Sacks", "recorded_as": "clerk"}
    answer = world.browser(BUYER).post(f"{sale.path}/weigh", **typed, step="look")
    assert all(fault_of(answer, field) for field in ("floaters", "amount_1", "recorded_by"))


def test_floaters_of_a_produce_without_a_price_for_them(world: World) -> None:
    sale = Sale(world)
    browser = world.browser(BUYER)
    assert 'name="floaters"' not in browser.get(f"{sale.path}/weigh").text
    answer = browser.post(f"{sale.path}/weigh", **(LINES | {"floaters": "1"}), step="send")
    assert answer.status_code == 422 and world.rows("SELECT * FROM deliveries") == []


def test_what_is_sent_is_what_was_shown(world: World) -> None:
    sale = Sale(world)
    browser = world.browser(BUYER)
    stale = browser.post(f"{sale.path}/weigh", **LINES, seen="8000", step="send")
    assert stale.status_code == 422 and "It changed meanwhile." in shown(stale)
    assert world.rows("SELECT * FROM deliveries") == []
    assert fields_of(stale)["seen"] == "9000"
    right = browser.post(f"{sale.path}/weigh", **LINES, seen="9000", step="send")
    assert right.status_code == 303 and len(world.rows("SELECT * FROM deliveries")) == 1


def test_a_busy_store_keeps_the_weight_typed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sale = Sale(world)
    browser = world.browser(BUYER)
    with monkeypatch.context() as patch:
        busy(world, patch)
        answer = browser.post(f"{sale.path}/weigh", **LINES, seen="9000", step="send")
        assert answer.status_code == 503 and "Nothing was lost or done twice." in shown(answer)
        hidden = fields_of(answer)
    hidden.pop("csrf_token")
    assert browser.post(f"{sale.path}/weigh", **hidden, step="send").status_code == 303
    assert [row["net"] for row in world.rows("SELECT net FROM deliveries")] == [9_000]


def test_earlier_weights_stand_with_what_she_said(world: World) -> None:
    sale = Sale(world)
    sale.weighed(9_000, why="weight")
    sale.weighed(8_000, why="The bag was wet")
    sale.weighed(10_000)
    sale.weighed(5_000, agreed=False)
    page = shown(world.browser(BUYER).get(sale.path))
    for text in (
        "refused by the seller Her reason: The weight",
        "Her reason: The bag was wet",
        "agreed by the seller",
        "waits for the seller",
        "Good: 10 kg x 450 = 4 500",
        "Silence is never a yes",
        "by you",
    ):
        assert text in page, text
    assert "Undo this order" not in page and "No more comes" not in page


def test_no_more_comes_ends_the_rest_once(world: World) -> None:
    sale = Sale(world)
    browser = world.browser(BUYER)
    refused = browser.post(f"{sale.path}/finish", form_key="a")
    assert refused.status_code == 422 and "Nothing was weighed and agreed yet." in shown(refused)
    sale.weighed(10_000)
    page = browser.get(sale.path)
    form = form_of(page, "/finish")
    for _ in range(2):
        done = browser.post(f"{sale.path}/finish", **form)
        assert "Saved. The order is for what came." in shown(browser.follow(done))
    (row,) = world.rows("SELECT state, quantity, rest_quantity FROM orders")
    assert (row["state"], row["quantity"], row["rest_quantity"]) == ("delivered", 10_000, 10_000)


# --- money ----------------------------------------------------------------------------------------------------------


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


# --- problems -------------------------------------------------------------------------------------------------------


def test_a_problem_is_reported_once_and_freezes_the_money(world: World) -> None:
    sale = Sale(world)
    sale.weighed()
    browser = world.browser(BUYER)
    assert f'href="{sale.path}/problem"' in browser.get(sale.path).text
    key = fields_of(browser.get(f"{sale.path}/problem"))["form_key"]
    empty = browser.post(f"{sale.path}/problem", form_key=key, words="The sacks were wet")
    assert empty.status_code == 422 and fault_of(empty, "kind") == "Choose one."
    assert fields_of(empty)["words"] == "The sacks were wet"
    long = browser.post(f"{sale.path}/problem", form_key=key, kind="quality", words="w" * 161)
    assert fault_of(long, "words") == "At most 160 characters."
    for _ in range(2):
        done = browser.post(f"{sale.path}/problem", form_key=key, kind="quality", words="Wet, call 0788000501")
        page = shown(browser.follow(done))
    (row,) = world.rows("SELECT kind, words, state, side FROM disputes")
    assert (row["kind"], row["state"], row["side"]) == ("quality", "open", "buyer") and "0788000501" not in row["words"]
    assert "the quality is not right" in page and "A problem is open. Nothing moves until it ends." in page
    assert [one["state"] for one in world.rows("SELECT state FROM payments")] == ["cancelled"] and "never sent" in page
    second = browser.post(f"{sale.path}/problem", form_key="other", kind="price")
    assert second.status_code == 422 and "A problem is open already." in shown(second)
    frozen = browser.post(f"{sale.path}/pay", form_key="p", provider="mtn_momo")
    assert frozen.status_code == 422 and "Nothing moves until it ends." in shown(frozen)


def test_whoever_reported_it_takes_it_back(world: World) -> None:
    sale = Sale(world)
    sale.weighed()
    sale.reported(by=sale.buyer)
    browser = world.browser(BUYER)
    form = form_of(browser.get(sale.path), "/problem/withdraw")
    stale = browser.post(f"{sale.path}/problem/withdraw", **(form | {"dispute": "another"}))
    assert stale.status_code == 422 and "It is no longer open." in shown(stale)
    for _ in range(2):
        page = shown(browser.follow(browser.post(f"{sale.path}/problem/withdraw", **form)))
    assert "Saved. The order goes on." in page and "taken back" in page
    assert world.rows("SELECT state, ended_as FROM disputes") == [{"state": "ended", "ended_as": "withdrawn"}]


def test_hers_is_not_taken_back_by_the_buyer(world: World) -> None:
    sale = Sale(world)
    sale.weighed()
    dispute = sale.reported()
    browser = world.browser(BUYER)
    assert "problem/withdraw" not in browser.get(sale.path).text
    assert browser.post(f"{sale.path}/problem/withdraw", dispute=dispute, form_key="x").status_code == 404
    assert world.rows("SELECT state FROM disputes") == [{"state": "open"}]


def test_her_proposal_is_agreed_to_as_it_was_seen(world: World) -> None:
    sale = Sale(world)
    sale.weighed()
    dispute = sale.reported()
    browser = world.browser(BUYER)
    assert "problem/accept" not in browser.get(sale.path).text
    sale.proposed(dispute, 5_000)
    page = browser.get(sale.path)
    assert "The seller proposes to get 5 000 RWF." in shown(page) and "Agree to 5 000 RWF" in shown(page)
    form = form_of(page, "/problem/accept")
    sale.proposed(dispute, 6_000)
    late = browser.post(f"{sale.path}/problem/accept", **form)
    assert late.status_code == 422 and "It changed meanwhile." in shown(late) and "6 000 RWF" in shown(late)
    for forged in ("-1", "x", "9" * 20, "٥"):
        assert browser.post(f"{sale.path}/problem/accept", **(form | {"seen_amount": forged})).status_code == 422
    assert world.rows("SELECT state FROM disputes") == [{"state": "open"}]
    form = form_of(browser.get(sale.path), "/problem/accept")
    for _ in range(2):
        page = shown2 = shown(browser.follow(browser.post(f"{sale.path}/problem/accept", **form)))
    assert "both agreed that the seller gets 6 000 RWF" in shown2
    assert world.rows("SELECT ended_as, amount FROM disputes") == [{"ended_as": "partial", "amount": 6_000}]
    assert "To be paid in all 6 000 RWF" in page


@pytest.mark.parametrize(
    ("typed", "row", "told"),
    [
        ({"end": "amount", "amount": "4 500"}, ("settled", 4_500), "You propose that the seller gets 4 500 RWF."),
        ({"end": "weighed", "amount": ""}, ("settled", 9_000), "You propose that the seller gets 9 000 RWF."),
        ({"end": "cancelled", "amount": ""}, ("cancelled", 0), "You propose: the order ends and nothing is paid."),
    ],
)
def test_a_buyer_proposes_an_end_once(world: World, typed: dict[str, str], row: tuple[str, int], told: str) -> None:
    sale = Sale(world)
    sale.weighed()
    sale.reported()
    browser = world.browser(BUYER)
    form = form_of(browser.get(sale.path), "/problem/propose")
    for _ in range(2):
        page = shown(browser.follow(browser.post(f"{sale.path}/problem/propose", **form, **typed)))
        world.clock.advance(1_000)
    assert told in page
    (found,) = world.rows("SELECT proposed_by, proposed_as, proposed_amount FROM disputes")
    assert tuple(found.values()) == (sale.buyer, *row)
    assert len(world.rows("SELECT id FROM outbox WHERE template LIKE 'dispute.proposed.%'")) == 1
    assert "problem/accept" not in browser.get(sale.path).text


@pytest.mark.parametrize(
    ("end", "amount", "field", "told"),
    [
        ("amount", "lots", "amount", "Write an amount such as 5 000 RWF."),
        ("amount", "", "amount", "Write an amount such as 5 000 RWF."),
        ("amount", "900 000", "amount", "At most 9 450 RWF."),
        ("moon", "5", "end", "Choose one."),
    ],
)
def test_each_fault_of_a_proposal_stands_by_its_field(
    world: World, end: str, amount: str, field: str, told: str
) -> None:
    sale = Sale(world)
    sale.weighed()
    sale.reported()
    browser = world.browser(BUYER)
    form = form_of(browser.get(sale.path), "/problem/propose")
    answer = browser.post(f"{sale.path}/problem/propose", **form, end=end, amount=amount)
    assert answer.status_code == 422 and fault_of(answer, field) == told, shown(answer)
    assert fields_of(answer)["amount"] == amount
    assert world.rows("SELECT proposed_by FROM disputes") == [{"proposed_by": None}]


def test_a_decision_stands_with_its_written_reason(world: World) -> None:
    sale = Sale(world)
    sale.weighed()
    dispute = sale.reported()
    world.store.write(
        lambda tx: disputes.decide(
            tx, clock=world.clock, now=world.clock.now(), dispute_id=dispute, by="Aline", becomes="settled",
            amount_minor=7_000, why="The station's scale was checked",
        )
    )  # fmt: skip
    page = shown(world.browser(BUYER).get(sale.path))
    assert "the seller gets 7 000 RWF. Reason: The station's scale was checked" in page and "Aline" not in page


# --- whose, and how -------------------------------------------------------------------------------------------------

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
