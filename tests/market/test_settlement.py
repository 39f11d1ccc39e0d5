"""Settlement in its three modes, with the real payments, books and driver, and a wallet that plays along."""

from __future__ import annotations

import pytest

from tests.market.deals import Deal
from tests.market.trades import hours, refused
from ussd_app.market import accounts, disputes, orders, settlement, wallets
from ussd_app.store import Store


@pytest.fixture
def deal(store: Store) -> Deal:
    return Deal(store)


def again(deal: Deal, order: dict[str, object], **more: str) -> object:
    return deal.store.turn(
        lambda tx: settlement.pay_again(
            tx, clock=deal.clock, now=deal.now, buyer_id=str(order["buyer_id"]), order_id=str(order["id"]), **more
        )
    )


# --- outside ----------------------------------------------------------------------------------------------------


def test_outside_the_seller_confirms_and_nobody_else(deal: Deal) -> None:
    order = deal.order("outside")

    def confirm(person: str) -> None:
        deal.store.turn(
            lambda tx: settlement.confirm_received(
                tx, clock=deal.clock, now=deal.now, seller_id=person, order_id=order["id"]
            )
        )

    with refused("gone", state="agreed"):
        confirm(order["seller_id"])
    deal.deliver(order, 10_000)
    deal.work(hours(200))
    assert deal.state(order) == "delivered" and deal.payments(order) == []
    with refused("not_found"):
        confirm(order["buyer_id"])
    confirm(order["seller_id"])
    assert deal.state(order) == "settled" and deal.heard(order["buyer_id"])[-1] == "payment.received"
    assert deal.row("buyers", order["buyer_id"])["kept_count"] == 1
    with refused("gone", state="settled"):
        confirm(order["seller_id"])
    assert deal.status(order)["confirmed_at"] == deal.now


def test_not_received_is_a_dispute_that_her_word_ends(deal: Deal) -> None:
    order = deal.order("outside")
    deal.deliver(order, 10_000)
    deal.store.turn(
        lambda tx: disputes.not_received(tx, now=deal.now, seller_id=order["seller_id"], order_id=order["id"])
    )
    assert deal.state(order) == "disputed" and deal.heard(order["buyer_id"])[-1] == "dispute.opened"
    deal.store.turn(
        lambda tx: settlement.confirm_received(
            tx, clock=deal.clock, now=deal.now, seller_id=order["seller_id"], order_id=order["id"]
        )
    )
    assert deal.state(order) == "settled"
    with deal.store.read() as tx:
        assert disputes.open_of(tx, order["id"]) is None


# --- passed through ---------------------------------------------------------------------------------------------


def test_what_is_agreed_is_collected_and_paid_out(deal: Deal) -> None:
    order = deal.order(name="Uwase Jeanne")
    deal.know(order["seller_id"])
    assert deal.payments(order) == []
    deal.deliver(order, 10_000)
    assert deal.payments(order) == [("collection", 4_000, "created")]
    (asked,) = deal.pay()
    assert asked.external_id == order["code"] and asked.msisdn == deal.row("people", order["buyer_id"])["msisdn"]
    assert deal.state(order) == "delivered"
    (sent,) = deal.pay("disbursement")
    assert (sent.amount, sent.msisdn) == (4_000, deal.row("people", order["seller_id"])["msisdn"])
    assert deal.state(order) == "settled"
    assert deal.row("buyers", order["buyer_id"])["kept_count"] == 1
    status = deal.status(order)
    assert (status["due"], status["paid"], status["paid_out"], status["asked"]) == (4_000, 4_000, 4_000, 0)
    assert "payment.paid_out" in deal.heard(order["seller_id"])
    assert "payment.collected" in deal.heard(order["buyer_id"])
    assert deal.stands(f"order:{order['id']}:held") == deal.stands(f"seller:{order['seller_id']}:payable") == 0
    deal.sound()


def test_advancing_a_hundred_times_asks_once(deal: Deal) -> None:
    order = deal.order()
    deal.know(order["seller_id"])
    deal.deliver(order, 10_000)
    for _ in range(20):
        deal.store.write(lambda tx: settlement.advance(tx, clock=deal.clock, now=deal.now, order_id=order["id"]))
    deal.pay()
    for _ in range(20):
        deal.store.write(lambda tx: settlement.advance(tx, clock=deal.clock, now=deal.now, order_id=order["id"]))
    deal.pay("disbursement")
    assert deal.payments(order) == [("collection", 4_000, "paid"), ("disbursement", 4_000, "paid")]


def test_each_delivery_is_settled_and_the_order_at_its_end(deal: Deal) -> None:
    order = deal.order()
    deal.know(order["seller_id"])
    deal.deliver(order, 6_000)
    deal.pay()
    deal.pay("disbursement")
    assert deal.state(order) == "agreed"
    deal.deliver(order, 4_000)
    deal.pay()
    deal.pay("disbursement")
    assert deal.state(order) == "settled"
    assert deal.status(order)["paid_out"] == 4_000
    deal.sound()


def test_more_than_a_wallet_moves_at_once_goes_in_named_parts(deal: Deal) -> None:
    order = deal.order(quantity=4_000_000, price=900)  # 3 600 000 RWF
    deal.know(order["seller_id"])
    deal.deliver(order, 4_000_000)
    assert deal.payments(order) == [("collection", 2_000_000, "created")]
    (first,) = deal.pay()
    assert first.note == f"Order {order['code']} part 1 of 2"
    (second,) = deal.pay()
    assert (second.amount, second.external_id) == (1_600_000, f"{order['code']}-2")
    for _ in range(3):
        deal.pay("disbursement")
    assert deal.state(order) == "settled" and deal.status(order)["paid_out"] == 3_600_000
    deal.sound()


def test_a_refused_payment_stops_until_the_buyer_asks_again(deal: Deal) -> None:
    order = deal.order()
    deal.know(order["seller_id"])
    deal.deliver(order, 10_000)
    with refused("asked_already"):
        again(deal, order)
    deal.reject("collection")
    assert deal.heard(order["buyer_id"])[-1] == "payment.failed"
    assert deal.status(order)["collect_stop"] == "no_funds"
    deal.work(hours(48))
    assert deal.payments(order) == [("collection", 4_000, "failed")]
    with refused("not_found"):
        again(deal, order | {"buyer_id": order["seller_id"]})
    again(deal, order)
    deal.pay()
    deal.pay("disbursement")
    assert deal.state(order) == "settled"
    with refused("nothing_due"):
        again(deal, order)


def test_a_failed_payout_waits_for_people_and_is_sent_once(deal: Deal) -> None:
    order = deal.order()
    deal.know(order["seller_id"])
    deal.deliver(order, 10_000)
    deal.pay()
    deal.reject("disbursement", "PAYEE_NOT_FOUND")
    assert deal.heard(order["seller_id"])[-1] == "payment.not_sent"
    deal.work(hours(5))
    assert [row[2] for row in deal.payments(order)] == ["paid", "failed"]

    def send_again(why: str) -> None:
        deal.store.write(
            lambda tx: settlement.send_again(
                tx, clock=deal.clock, now=deal.now, order_id=order["id"], by="Alice", why=why
            )
        )

    with refused("no_reason"):
        send_again("")
    send_again("the wallet was opened today")
    deal.pay("disbursement")
    assert deal.state(order) == "settled" and len(deal.wallet.moved()) == 2
    deal.sound()


def test_nothing_worth_nothing_is_settled_at_once(deal: Deal) -> None:
    order = deal.order()
    deal.deliver(order, 10_000, deductions=[("inputs", 4_000)])
    assert deal.state(order) == "settled" and deal.payments(order) == []


# --- held -------------------------------------------------------------------------------------------------------


def test_held_money_is_asked_for_when_regret_is_over(deal: Deal) -> None:
    order = deal.order("held")
    assert deal.work() == 0 and deal.payments(order) == []
    deal.work(order["regret_until"] - deal.now)
    assert deal.payments(order) == [("collection", 4_000, "created")]
    deal.work()
    deal.pay()
    assert deal.state(order) == "agreed" and deal.payments(order) == [("collection", 4_000, "paid")]
    deal.know(order["seller_id"])
    deal.deliver(order, 9_600)
    deal.pay("disbursement")
    deal.pay("refund")
    assert deal.state(order) == "settled"
    status = deal.status(order)
    assert (status["paid"], status["paid_out"], status["refunded"]) == (4_000, 3_840, 160)
    assert "payment.refunded" in deal.heard(order["buyer_id"])
    deal.sound()


def test_held_money_is_trued_up_by_a_second_collection(deal: Deal) -> None:
    order = deal.order("held")
    deal.know(order["seller_id"])
    deal.work(hours(1))
    deal.pay()
    deal.deliver(order, 10_400)
    deal.pay()
    for _ in range(2):
        deal.pay("disbursement")
    assert deal.state(order) == "settled" and deal.status(order)["paid_out"] == 4_160
    deal.sound()


@pytest.mark.parametrize("paid_first", [True, False])
def test_an_order_that_ends_gives_the_held_money_back(deal: Deal, paid_first: bool) -> None:
    order = deal.order("held")
    deal.work(hours(1))
    if paid_first:
        deal.pay()
    else:
        deal.drive()  # the payer is asked, and has not said yes
    deal.clock.set(order["free_after"] + 1)
    deal.store.turn(lambda tx: orders.free(tx, now=deal.now, person_id=order["seller_id"], order_id=order["id"]))
    if not paid_first:
        deal.pay()  # and now she has
    deal.work()
    deal.pay("refund")
    deal.work()
    assert deal.status(order)["refunded"] == 4_000 and deal.state(order) == "cancelled"
    assert deal.status(order)["done_at"] is not None
    deal.sound()


def test_what_was_not_sent_of_an_ended_order_is_not_asked_for(deal: Deal) -> None:
    order = deal.order("held")
    deal.work(hours(1))
    deal.clock.set(order["free_after"] + 1)
    deal.store.turn(lambda tx: orders.free(tx, now=deal.now, person_id=order["seller_id"], order_id=order["id"]))
    deal.work()
    deal.drive()
    assert deal.payments(order) == [("collection", 4_000, "cancelled")] and deal.wallet.sendings == []
    assert deal.status(order)["done_at"] is not None


# --- whose wallet -----------------------------------------------------------------------------------------------


def test_a_payout_waits_for_the_name_of_the_wallet(deal: Deal) -> None:
    order = deal.order(name="Uwase Jeanne")
    deal.deliver(order, 10_000)
    deal.pay()
    assert deal.status(order)["hold"] == "name_unasked"
    assert "payment.held" not in deal.heard(order["seller_id"])
    assert deal.know(order["seller_id"], "Habimana Eric") == "differs"
    deal.work()
    deal.work()
    assert deal.status(order)["hold"] == "name_differs"
    assert deal.heard(order["seller_id"]).count("payment.held") == 1
    with deal.store.read() as tx:
        (wallet,) = wallets.to_decide(tx)
    with refused("no_reason"):
        deal.store.write(
            lambda tx: wallets.decide(tx, now=deal.now, wallet_id=wallet["id"], by="Alice", allow=True, why="")
        )
    deal.store.write(
        lambda tx: wallets.decide(
            tx, now=deal.now, wallet_id=wallet["id"], by="Alice", allow=True, why="her husband's SIM"
        )
    )
    deal.work()
    deal.pay("disbursement")
    assert deal.state(order) == "settled"


def test_a_number_that_moved_lately_is_not_paid(deal: Deal) -> None:
    order = deal.order()
    deal.know(order["seller_id"])

    def move(tx: object) -> None:
        move_id = accounts.start_move(
            tx, now=deal.now, person_id=order["seller_id"], new_msisdn="+250788999999", by="A"
        )  # type: ignore[arg-type]
        assert accounts.approve_move(tx, now=deal.now, clock=deal.clock, move_id=move_id, by="B") == "moved"  # type: ignore[arg-type]

    deal.store.write(move)
    until = deal.now + hours(48)
    deal.deliver(order, 10_000)
    deal.pay()
    status = deal.status(order)
    assert (status["hold"], status["hold_until"]) == ("number_moved", until)
    deal.know(order["seller_id"])
    deal.work(until - deal.now - 1)
    assert len(deal.payments(order)) == 1
    deal.work(1)
    (sent,) = deal.pay("disbursement")
    assert sent.msisdn == "+250788999999" and deal.state(order) == "settled"


def test_a_buyer_without_a_wallet_is_not_asked(deal: Deal) -> None:
    order = deal.order(msisdn="+32470000001")
    deal.deliver(order, 10_000)
    assert deal.payments(order) == [] and deal.status(order)["collect_stop"] == "no_wallet"


# --- asked again ---------------------------------------------------------------------------------------------------


def test_nobody_is_asked_again_for_what_is_argued_over_or_paid_elsewhere(deal: Deal) -> None:
    order = deal.order()
    deal.deliver(order, 10_000)
    deal.reject("collection")
    with pytest.raises(ValueError, match="no wallet"):
        again(deal, order, provider="piggy_bank")
    claim = deal.dispute(order, order["buyer_id"])
    with refused("disputed"):
        again(deal, order)
    deal.decide(claim, "cancelled")
    with refused("nothing_due"):
        again(deal, order)
    outside = deal.order("outside")
    deal.deliver(outside, 10_000)
    with refused("nothing_due"):
        again(deal, outside)
