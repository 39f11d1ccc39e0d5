"""Deliveries: weighed by one side, agreed by the other, explained to the franc; kilos are neither lost nor made."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.market.deals import Deal
from tests.market.trades import hours, refused
from ussd_app.hubs import load_hub
from ussd_app.lib import ids
from ussd_app.market import cooperatives, deliveries, orders, receipts
from ussd_app.market.terms import Refused
from ussd_app.store import Store


@pytest.fixture
def deal(store: Store) -> Deal:
    return Deal(store)


def test_the_example_of_the_field_is_right_to_the_franc(deal: Deal) -> None:
    order = deal.order("outside", 120_000, 650, price_floaters=250)
    delivery = deal.record(order, 120_000, floaters=8_000, deductions=[("inputs", 5_000)], recorded_by="Aline")
    assert receipts.lines(delivery) == [
        ("good", 112_000, 650, 72_800), ("floaters", 8_000, 250, 2_000), ("inputs", None, None, -5_000),
    ]  # fmt: skip
    assert (delivery["net"], delivery["good"], delivery["recorded_by"]) == (69_800, 112_000, "Aline")
    assert ids.check_ok(delivery["receipt"]) and len(delivery["receipt"]) == 8
    with deal.store.read() as tx:
        (seen,) = deliveries.waiting_for(tx, order["seller_id"])
        by_receipt = deliveries.of_party(tx, person_id=order["seller_id"], receipt=delivery["receipt"])
    assert receipts.lines(seen) == receipts.lines(by_receipt) == receipts.lines(delivery)
    assert (seen["code"], seen["buyer_name"]) == (order["code"], "Kivu Coffee")
    assert deal.heard(order["seller_id"])[-1] == "delivery.recorded"


def test_her_yes_completes_the_order_and_both_get_the_receipt(deal: Deal) -> None:
    order = deal.order("outside")
    agreed = deal.deliver(order, 9_600)  # 4 % less: within the tolerance
    assert (agreed["state"], deal.state(order)) == ("agreed", "delivered")
    assert deal.row("orders", order["id"])["quantity"] == 10_000
    assert deal.heard(order["seller_id"])[-1] == "delivery.agreed.seller"
    assert deal.heard(order["buyer_id"])[-1] == "delivery.agreed.buyer"
    with refused("gone", state="agreed"):
        deal.agree(agreed)
    with refused("gone", state="delivered"):
        deal.record(order, 1_000)
    deal.sound()


def test_her_no_is_heard_and_the_buyer_weighs_again(deal: Deal) -> None:
    order = deal.order("outside")
    no = deal.record(order, 9_000)
    with refused("waiting", receipt=no["receipt"]):
        deal.record(order, 10_000)
    assert deal.refuse(no)["why"] == "too light"
    assert deal.heard(order["buyer_id"])[-1] == "delivery.refused"
    with refused("gone", state="refused"):
        deal.agree(no)
    deal.deliver(order, 10_000)
    assert deal.status(order)["owed"] == 4_000 and deal.state(order) == "delivered"


def test_several_deliveries_make_one_order_and_surplus_is_a_new_offer(deal: Deal) -> None:
    order = deal.order("outside")
    deal.deliver(order, 6_000)
    assert deal.state(order) == "agreed"
    with deal.store.read() as tx:
        assert deliveries.room(tx, order) == (4_000, 4_500)
    with refused("surplus", most=4_500):
        deal.record(order, 4_501)
    deal.deliver(order, 4_500)
    assert deal.state(order) == "delivered" and deal.status(order)["owed"] == 4_200
    deal.sound()


@pytest.mark.parametrize(("back", "left"), [(True, 9_000), (False, 5_000)])
def test_the_rest_is_for_sale_again_or_ends(deal: Deal, back: bool, left: int) -> None:
    order = deal.order("outside", listed=15_000)
    with refused("nothing_delivered"):
        deal.finish(order, order["seller_id"])
    waiting = deal.record(order, 6_000)
    with refused("waiting"):
        deal.finish(order, order["seller_id"])
    deal.agree(waiting)
    with refused("not_found"):
        deal.finish(order, deal.person())
    deal.finish(order, order["seller_id"], give_back=back)
    row = deal.row("orders", order["id"])
    assert (row["state"], row["quantity"], row["rest_quantity"]) == ("delivered", 6_000, 4_000)
    assert deal.row("listings", order["listing_id"])["left_quantity"] == left
    assert "order.rest_ended" in deal.heard(order["buyer_id"])


def test_goods_on_the_scale_keep_an_order_from_being_undone_or_freed(deal: Deal) -> None:
    order = deal.order("outside")
    delivery = deal.record(order, 5_000)
    for person in (order["seller_id"], order["buyer_id"]):
        with refused("weighed"):
            deal.store.turn(lambda tx, who=person: orders.undo(tx, now=deal.now, person_id=who, order_id=order["id"]))
    deal.clock.set(order["free_after"] + 1)
    with refused("weighed"):
        deal.store.turn(lambda tx: orders.free(tx, now=deal.now, person_id=order["seller_id"], order_id=order["id"]))
    deal.refuse(delivery)
    deal.store.turn(lambda tx: orders.free(tx, now=deal.now, person_id=order["seller_id"], order_id=order["id"]))
    assert deal.state(order) == "cancelled"


def test_what_others_or_nonsense_ask_is_refused(deal: Deal) -> None:
    order = deal.order("outside")
    with refused("not_found"):
        deal.record(order, 1_000, buyer_id=order["seller_id"])
    with refused("not_found"):
        deal.agree(deal.record(order, 1_000), seller=order["buyer_id"])
    deal.refuse(deal_waiting(deal, order))
    for gross, floaters in ((0, 0), (-1, 0), (1_000, 1_001), (1_000, -1)):
        with refused("bad_quantity"):
            deal.record(order, gross, floaters=floaters)
    with refused("no_floaters"):
        deal.record(order, 1_000, floaters=1)
    with refused("over_deducted", most=400):
        deal.record(order, 1_000, deductions=[("inputs", 401)])
    for bad in ([("", 1)], [("x" * 21, 1)], [("inputs", 0)], [("a", 1), ("a", 1)], [("service", 5)], [("good", 1)]):
        with refused("bad_deduction"):
            deal.record(order, 1_000, deductions=bad)
    with refused("bad_deduction"):
        deal.record(order, 1_000, deductions=[(name, 1) for name in "abcdef"])
    with deal.store.read() as tx, refused("not_found"):
        deliveries.of_party(tx, person_id=deal_stranger, receipt="00000000")


deal_stranger = "01STRANGER"


def deal_waiting(deal: Deal, order: Any) -> Any:
    with deal.store.read() as tx:
        return deliveries.waiting_for(tx, order["seller_id"])[0]


def test_silence_is_never_consent(deal: Deal) -> None:
    order = deal.order("pass_through")
    delivery = deal.record(order, 10_000)

    def remind() -> int:
        return deal.store.write(lambda tx: deliveries.remind(tx, clock=deal.clock, now=deal.now))

    assert remind() == 0
    deal.clock.advance(hours(12))
    assert (remind(), remind()) == (1, 0)
    assert deal.heard(order["seller_id"])[-1] == "delivery.reminder"
    deal.clock.advance(hours(24))
    assert (remind(), remind()) == (1, 0)
    assert deal.heard(order["seller_id"])[-1] == "delivery.unanswered"
    with deal.store.read() as tx:
        (call,) = tx.call_backs_open(limit=5)
    assert delivery["receipt"] in call["question"] and call["person_id"] == order["seller_id"]
    deal.clock.advance(hours(24 * 90))
    assert remind() == 0
    assert deal.row("deliveries", delivery["id"])["state"] == "recorded"
    assert (deal.state(order), deal.payments(order)) == ("agreed", [])
    with refused("no_reason"):
        deal.store.write(lambda tx: deliveries.lapse(tx, now=deal.now, delivery_id=delivery["id"], by="Alice", why=" "))
    deal.store.write(
        lambda tx: deliveries.lapse(tx, now=deal.now, delivery_id=delivery["id"], by="Alice", why="she is abroad")
    )
    assert deal.row("deliveries", delivery["id"])["state"] == "lapsed"
    assert deal.status(order)["owed"] == 0 and deal.row("orders", order["id"])["weighed"] == 0


def test_a_cooperative_is_named_to_its_member(deal: Deal) -> None:
    order = deal.order("outside")

    def join(tx: Any) -> None:
        cooperatives.add(tx, hub=load_hub("rw"), now=deal.now, name="Abakundakawa", place="3706", cooperative_id="coop")
        tx.rows("UPDATE orders SET cooperative_id = 'coop' WHERE id = :id RETURNING id", id=order["id"])

    deal.store.write(join)
    deal.record(order, 10_000)
    for pause in (12, 24):
        deal.clock.advance(hours(pause))
        deal.store.write(lambda tx: deliveries.remind(tx, clock=deal.clock, now=deal.now))
    assert deal.heard(order["seller_id"])[-1] == "delivery.unanswered.coop"


def test_statement_and_total_of_a_season(deal: Deal) -> None:
    order = deal.order("outside")
    start = deal.now
    deal.deliver(order, 4_000)
    deal.refuse(deal.record(order, 1_000))
    deal.deliver(order, 6_000, deductions=[("Sprayer", 100)])
    with deal.store.read() as tx:
        rows = deliveries.statement(tx, order["seller_id"])
        (total,) = deliveries.totals(tx, seller_id=order["seller_id"], since=start, until=deal.now + 1)
        assert deliveries.totals(tx, seller_id=order["seller_id"], since=deal.now + 1, until=deal.now + 2) == []
    assert [(row["state"], row["net"]) for row in rows] == [("agreed", 2_300), ("refused", 400), ("agreed", 1_600)]
    assert receipts.lines(rows[0])[-1] == ("Sprayer", None, None, -100)
    assert (total["deliveries"], total["gross"], total["net"]) == (2, 10_000, 3_900)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_lines_add_up_and_kilos_are_conserved(store: Store, data: st.DataObject) -> None:
    deal = Deal(store)
    quantity = data.draw(st.integers(1_000, 60_000), "quantity")
    order = deal.order(
        data.draw(st.sampled_from(["outside", "pass_through"])), quantity, 650, price_floaters=250, listed=80_000
    )
    came = net = 0
    for _ in range(data.draw(st.integers(1, 5), "deliveries")):
        gross = data.draw(st.integers(1, quantity), "gross")
        floaters = data.draw(st.integers(0, gross), "floaters")
        named = data.draw(st.lists(st.tuples(st.sampled_from("abcdefg"), st.integers(1, 9_000)), max_size=3), "taken")
        with contextlib.suppress(Refused):
            delivery = deal.record(order, gross, floaters=floaters, deductions=named)
            assert sum(line.amount for line in receipts.lines(delivery)) == delivery["net"] >= 0
            assert sum(line.quantity or 0 for line in receipts.lines(delivery)) == gross
            if data.draw(st.booleans(), "right"):
                deal.agree(delivery)
                came, net = came + gross, net + delivery["net"]
            else:
                deal.refuse(delivery)
    if deal.state(order) == "agreed" and came:
        deal.finish(order, order["buyer_id"])
        assert deal.row("orders", order["id"])["quantity"] == came
    if came:
        assert deal.status(order)["owed"] == net and deal.state(order) in ("delivered", "settled")
        assert came * 100 <= quantity * 105
    with deal.store.read() as tx:
        assert tx.deliveries_taken(order_id=order["id"])["gross"] == came
    deal.sound()
