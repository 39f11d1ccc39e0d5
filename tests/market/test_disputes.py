"""What people disagree on: money waits, and goes on as they agree or as somebody decides in writing."""

from __future__ import annotations

import pytest

from tests.market.deals import Deal
from tests.market.trades import hours, refused
from ussd_app.market import disputes
from ussd_app.store import Store


@pytest.fixture
def deal(store: Store) -> Deal:
    return Deal(store)


def test_a_dispute_freezes_what_was_not_sent(deal: Deal) -> None:
    order = deal.order()
    deal.know(order["seller_id"])
    deal.deliver(order, 10_000)
    deal.drive()
    for record in deal.wallet.records.values():
        deal.wallet.approve(record.instruction.reference_id)
    dispute = deal.dispute(order, order["buyer_id"], "quality")
    assert deal.heard(order["seller_id"])[-1] == "dispute.opened"
    with refused("open_already"):
        deal.dispute(order, order["seller_id"])
    deal.pay()
    deal.work(hours(100))
    assert deal.payments(order) == [("collection", 4_000, "paid")] and deal.state(order) == "disputed"
    decided = deal.decide(dispute, "settled", 3_000)
    assert (decided["ended_as"], decided["decided_by"], decided["amount"]) == ("decision", "Alice", 3_000)
    deal.pay("disbursement")
    deal.pay("refund")
    status = deal.status(order)
    assert (deal.state(order), status["paid_out"], status["refunded"]) == ("settled", 3_000, 1_000)
    deal.sound()


def test_a_payout_that_was_not_sent_is_called_back(deal: Deal) -> None:
    order = deal.order()
    deal.know(order["seller_id"])
    deal.deliver(order, 10_000)
    deal.wallet.play("accepted", *["not_sent"] * 50)
    deal.pay()
    assert deal.payments(order)[-1] == ("disbursement", 4_000, "created")
    assert deal.stands(f"seller:{order['seller_id']}:payable") == 4_000
    dispute = deal.dispute(order, order["buyer_id"])
    assert deal.payments(order)[-1] == ("disbursement", 4_000, "cancelled")
    deal.wallet._script.clear()
    deal.decide(dispute, "cancelled")
    deal.pay("refund")
    assert deal.state(order) == "cancelled" and deal.status(order)["refunded"] == 4_000
    assert deal.stands(f"seller:{order['seller_id']}:payable") == deal.stands(f"order:{order['id']}:held") == 0
    deal.sound()


@pytest.mark.parametrize(("amount", "ended"), [(None, "agreement"), (1_500, "partial")])
def test_both_agree_on_an_end(deal: Deal, amount: int | None, ended: str) -> None:
    order = deal.order()
    deal.know(order["seller_id"])
    deal.deliver(order, 10_000)
    dispute = deal.dispute(order, order["buyer_id"])
    assert deal.payments(order) == [("collection", 4_000, "cancelled")]
    wanted = 4_000 if amount is None else amount
    seen = {"dispute_id": dispute["id"], "seen_as": "settled", "seen_amount": wanted}

    def accept(person: str, **more: object) -> object:
        return deal.store.turn(
            lambda tx: disputes.accept(tx, clock=deal.clock, now=deal.now, person_id=person, **(seen | more))  # type: ignore[arg-type]
        )

    with refused("gone", state="no_proposal"):
        accept(order["seller_id"])
    deal.store.turn(
        lambda tx: disputes.propose(
            tx,
            now=deal.now,
            person_id=order["buyer_id"],
            dispute_id=dispute["id"],
            becomes="settled",
            amount_minor=amount,
        )
    )
    assert deal.heard(order["seller_id"])[-1] == "dispute.proposed.settled"
    with refused("gone"):
        accept(order["buyer_id"])
    with refused("changed"):
        accept(order["seller_id"], seen_amount=wanted + 1)
    with refused("not_found"):
        accept(deal.person())
    assert accept(order["seller_id"])["ended_as"] == ended  # type: ignore[index]
    deal.pay()
    deal.pay("disbursement")
    assert deal.state(order) == "settled" and deal.status(order)["paid_out"] == wanted
    deal.sound()


def test_a_dispute_on_part_of_an_order_ends_with_what_came(deal: Deal) -> None:
    order = deal.order(listed=20_000)
    deal.know(order["seller_id"])
    deal.deliver(order, 6_000)
    waiting = deal.record(order, 2_000)
    dispute = deal.dispute(order, order["seller_id"], "weight")
    with refused("gone", state="lapsed"):
        deal.agree(waiting)
    deal.store.turn(
        lambda tx: disputes.withdraw(
            tx, clock=deal.clock, now=deal.now, person_id=order["seller_id"], dispute_id=dispute["id"]
        )
    )
    deal.pay()
    deal.pay("disbursement")
    assert deal.state(order) == "settled" and deal.status(order)["paid_out"] == 2_400
    assert deal.row("listings", order["listing_id"])["left_quantity"] == 14_000
    deal.sound()


def test_nothing_came_and_it_is_cancelled(deal: Deal) -> None:
    order = deal.order("held")
    deal.work(hours(1))
    deal.pay()
    dispute = deal.dispute(order, order["buyer_id"], "not_come")
    deal.decide(dispute, "cancelled")
    deal.pay("refund")
    assert deal.state(order) == "cancelled" and deal.status(order)["refunded"] == 4_000
    assert deal.row("listings", order["listing_id"])["left_quantity"] == 10_000
    with refused("gone", state="ended"):
        deal.decide(dispute, "cancelled")
    deal.sound()


def test_what_was_paid_out_cannot_be_decided_away(deal: Deal) -> None:
    order = deal.order()
    deal.know(order["seller_id"])
    deal.deliver(order, 6_000)
    deal.pay()
    deal.pay("disbursement")
    dispute = deal.dispute(order, order["buyer_id"])
    with refused("paid_out", least=2_400):
        deal.decide(dispute, "settled", 2_000)
    with refused("paid_out", least=2_400):
        deal.decide(dispute, "cancelled")
    with refused("too_much"):
        deal.decide(dispute, "settled", 10**9)
    with refused("no_reason"):
        deal.decide(dispute, "settled", 2_400, why=" ")
    deal.decide(dispute, "settled", 2_400)
    with refused("gone", state="ended"):
        deal.decide(dispute, "settled", 2_000)
    assert deal.state(order) == "settled"


def test_after_it_was_settled_a_dispute_is_a_claim(deal: Deal) -> None:
    order = deal.order()
    deal.know(order["seller_id"])
    deal.deliver(order, 10_000)
    deal.pay()
    deal.pay("disbursement")
    claim = deal.dispute(order, order["buyer_id"], "quality", words="call me 0788123456")
    assert (claim["was"], deal.state(order)) == ("settled", "settled") and "0788123" not in claim["words"]
    ended = deal.decide(claim, "settled", 3_500, why="the seller gives 500 back in cash")
    assert (ended["ended_as"], deal.state(order)) == ("decision", "settled")
    assert len(deal.payments(order)) == 2
    with refused("not_found"):
        deal.dispute(order, deal.person())
    deal.sound()
