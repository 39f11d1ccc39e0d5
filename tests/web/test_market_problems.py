"""A buyer reports a problem and ends it, on the page of the order."""

from __future__ import annotations

import pytest

from tests.web.market_world import BUYER, World, fields_of
from tests.web.sales import Sale, fault_of, form_of, shown
from ussd_app.lib.clock import ManualClock
from ussd_app.market import disputes
from ussd_app.store import Store


@pytest.fixture
def world(store: Store, clock: ManualClock) -> World:
    return World(store, clock)


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
