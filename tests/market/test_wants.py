"""What buyers ask cooperatives for: alerts, taking in part, two at once, floors, caps, on both stores."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from tests.market.hills import KANJONGO, NYAMASHEKE, WANTED, Hills
from tests.market.trades import refused
from ussd_app.market import cooperatives, orders, wants
from ussd_app.market.terms import HOUR_MS, Refused
from ussd_app.money import audit
from ussd_app.store import Store

DAY_MS = 24 * HOUR_MS


@pytest.fixture
def hills(store: Store) -> Hills:
    return Hills(store)


def test_managers_are_alerted_at_once_and_nobody_else(hills: Hills) -> None:
    coop, other = hills.coop(), hills.coop("Other")
    want = hills.want(hills.a_buyer(), coop)
    assert (want["asked"], len(want["code"])) == (1, 5)
    assert hills.heard(coop["manager"]) == ["want.alert"]
    assert hills.heard(other["manager"]) == []
    assert hills.alert(want, coop)["state"] == "sent"
    row = hills.store.write(
        lambda tx: tx.rows("SELECT purpose, due_at, values_json FROM outbox WHERE template = 'want.alert'")
    )[0]
    assert row["purpose"] == "order" and row["due_at"] == hills.now and want["code"] in row["values_json"]


def test_a_whole_district_is_asked(hills: Hills) -> None:
    hills.coop(), hills.coop("Second", "3701"), hills.coop("Elsewhere", "3601")
    assert hills.want(hills.a_buyer(), district=NYAMASHEKE)["asked"] == 2
    with refused("not_found"):
        hills.want(hills.a_buyer(), district="1101")


def test_taking_makes_an_order_of_the_account_that_can_be_undone(hills: Hills) -> None:
    coop, buyer = hills.coop(), hills.a_buyer()
    want = hills.want(buyer, coop)
    order = hills.take(want, coop, 300_000)
    assert (order["seller_id"], order["cooperative_id"], order["buyer_id"]) == (coop["account_id"], coop["id"], buyer)
    assert (order["quantity"], order["price"], order["handover_place"]) == (300_000, 700, KANJONGO)
    assert hills.row("wants", want["id"])["left_quantity"] == 500_000
    assert hills.alert(want, coop)["order_id"] == order["id"]
    assert hills.heard(coop["manager"]) == ["want.alert", "order.agreed.seller"]
    assert hills.heard(buyer) == ["order.agreed.buyer"]
    with hills.store.read() as tx:
        assert [row["action"] for row in audit.of_subject(tx, f"want:{want['id']}")] == ["want.taken"]
    with refused("gone"):
        hills.take(want, coop, 1000)
    assert hills.row("wants", want["id"])["left_quantity"] == 500_000
    hills.store.turn(lambda tx: orders.undo(tx, now=hills.now, person_id=buyer, order_id=order["id"]))
    assert wants.run(hills.store, hills.now) == 1
    assert wants.run(hills.store, hills.now) == 0
    assert hills.row("wants", want["id"])["left_quantity"] == 800_000
    assert hills.row("listings", order["listing_id"])["state"] == "withdrawn"
    assert hills.take(want, coop, 800_000)["quantity"] == 800_000
    assert hills.row("wants", want["id"])["state"] == "filled"


def test_two_cooperatives_at_once_never_take_more_than_wanted(hills: Hills) -> None:
    coops = [hills.coop(f"Coop {n}") for n in "ABCD"]
    want = hills.want(hills.a_buyer(), *coops)
    said: list[Any] = []

    def act(coop: Any) -> None:
        try:
            said.append(hills.take(want, coop, 300_000)["quantity"])
        except Refused as no:
            said.append(no.reason)

    threads = [threading.Thread(target=act, args=(coop,)) for coop in coops]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(map(str, said)) == ["300000", "300000", "not_enough", "not_enough"]
    with hills.store.read() as tx:
        assert tx.rows("SELECT SUM(quantity) AS n FROM orders")[0]["n"] == 600_000
        assert tx.rows("SELECT COUNT(*) AS n FROM listings")[0]["n"] == 2
    assert hills.row("wants", want["id"])["left_quantity"] == 200_000


def test_only_managers_answer_and_a_refusal_can_be_taken_back(hills: Hills) -> None:
    coop, other = hills.coop(), hills.coop("Other")
    want = hills.want(hills.a_buyer(), coop)
    with refused("not_allowed"):
        hills.take(want, {**coop, "manager": other["manager"]}, 1000)
    with refused("not_found"):
        hills.take(want, other, 1000)
    refuse = {"now": hills.now, "manager_id": coop["manager"], "want_id": want["id"], "cooperative_id": coop["id"]}
    hills.store.turn(lambda tx: wants.refuse(tx, **refuse))
    with refused("gone"):
        hills.store.turn(lambda tx: wants.refuse(tx, **refuse))
    assert hills.take(want, coop, 1000)["quantity"] == 1000


def test_floors_are_checked_when_made_and_when_taken(hills: Hills) -> None:
    coop, buyer = hills.coop(), hills.a_buyer()
    with refused("below_floor"):
        hills.want(buyer, coop, terms=replace(WANTED, price=599))
    want = hills.want(buyer, coop, terms=replace(WANTED, price=600))
    hills.store.write(lambda tx: tx.rows("UPDATE floor_prices SET price = 601 WHERE price = 600 RETURNING price"))
    with refused("below_floor"):
        hills.take(want, coop, 1000)
    assert hills.row("wants", want["id"])["left_quantity"] == 800_000
    assert hills.alert(want, coop)["state"] == "sent"


@pytest.mark.parametrize(("known", "reason"), [("new", "not_confirmed"), ("confirmed", "over_cap")])
def test_who_is_not_verified_asks_for_little(hills: Hills, known: str, reason: str) -> None:
    coop, buyer = hills.coop(), hills.a_buyer(known)
    with refused(reason):
        hills.want(buyer, coop, terms=replace(WANTED, quantity=3_000_000))
    if known == "new":
        return
    for _ in range(5):
        hills.want(buyer, coop, terms=replace(WANTED, quantity=1000))
    with refused("over_cap", cap="max_open_offers"):
        hills.want(buyer, coop, terms=replace(WANTED, quantity=1000))


def test_a_prankster_makes_few_phones_ring(hills: Hills) -> None:
    coops = [hills.coop(f"Coop {n}") for n in range(11)]
    buyer = hills.a_buyer("confirmed")
    small = replace(WANTED, quantity=1000)
    hills.want(buyer, *coops, terms=small)
    with refused("over_cap", cap="max_offers_a_day"):
        hills.want(buyer, *coops, terms=small)


def test_the_order_window_is_respected_unless_the_goods_do_not_keep(hills: Hills) -> None:
    coop, quick = hills.coop(), hills.coop("Quick")
    hills.store.write(
        lambda tx: cooperatives.set_terms(
            tx, now=hills.now, cooperative_id=coop["id"], by="operator:a", order_from_minute=18 * 60,
            order_to_minute=19 * 60,
        )
    )  # fmt: skip
    hills.store.write(
        lambda tx: cooperatives.set_terms(
            tx, now=hills.now, cooperative_id=quick["id"], by="operator:a", order_from_minute=60, order_to_minute=120
        )
    )
    want = hills.want(hills.a_buyer(), coop, quick)
    assert hills.alert(want, coop)["state"] == "waiting"  # it is 16:13, they open at 18:00
    assert hills.heard(quick["manager"]) == ["want.alert"]  # cherries do not keep until one in the morning
    hills.clock.advance(HOUR_MS)
    wants.run(hills.store, hills.now)
    assert hills.heard(coop["manager"]) == []
    hills.clock.advance(HOUR_MS)
    assert wants.run(hills.store, hills.now) == 1
    wants.run(hills.store, hills.now)
    assert hills.heard(coop["manager"]) == ["want.alert"]


def test_it_ends_with_its_time_and_the_buyer_hears_it(hills: Hills) -> None:
    coop, buyer = hills.coop(), hills.a_buyer()
    want = hills.want(buyer, coop, hours=1)
    hills.clock.advance(HOUR_MS)
    with refused("expired"):
        hills.take(want, coop, 1000)
    assert wants.run(hills.store, hills.now) == 1
    wants.run(hills.store, hills.now)
    assert hills.heard(buyer) == ["want.expired"]
    assert hills.alert(want, coop)["state"] == "lapsed"


def test_what_the_buyer_took_back_cannot_be_taken(hills: Hills) -> None:
    coop, buyer = hills.coop(), hills.a_buyer()
    want = hills.want(buyer, coop)
    hills.store.turn(lambda tx: wants.withdraw(tx, now=hills.now, buyer_id=buyer, want_id=want["id"]))
    with refused("gone"):
        hills.take(want, coop, 1000)
