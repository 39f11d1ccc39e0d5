"""A buyer records what was weighed, on the page of the order."""

from __future__ import annotations

import pytest

from menus.weigh import receipt_of as on_the_phone
from tests.web.market_world import BUYER, World, fields_of
from tests.web.sales import LINES, Sale, busy, fault_of, form_of, shown
from ussd_app.lib.clock import ManualClock
from ussd_app.market import deliveries
from ussd_app.store import Store


@pytest.fixture
def world(store: Store, clock: ManualClock) -> World:
    return World(store, clock)


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
