"""Whatever deliveries, money, disputes and wallets tell people has a text, without an amount where she wants none."""

from __future__ import annotations

import json

import pytest

from tests.market.deals import Deal
from tests.market.trades import hours
from ussd_app.hubs import load_hub
from ussd_app.lib import gsm7
from ussd_app.market import deliveries, disputes, settlement, wallets
from ussd_app.notices import LONG, Notices
from ussd_app.settings import Settings
from ussd_app.store import Store


@pytest.mark.parametrize("amounts", [1, 0])
def test_every_message_can_be_read(store: Store, amounts: int) -> None:
    deal = Deal(store, load_hub("rw"))
    _everything_happens(deal, amounts)
    notices = Notices(deal.hub, Settings(service_code="*384*100*1234#"))
    with store.read() as tx:
        rows = tx.rows("SELECT template, values_json FROM outbox")
    told = {row["template"].removesuffix(".plain") for row in rows}
    assert {"delivery.recorded", "delivery.agreed.seller", "delivery.agreed.buyer", "delivery.refused",
            "delivery.reminder", "delivery.unanswered", "delivery.lapsed", "order.rest_ended", "payment.collected",
            "payment.paid_out", "payment.refunded", "payment.failed", "payment.not_sent", "payment.held",
            "payment.checking", "dispute.opened", "dispute.proposed.settled", "dispute.ended", "wallet.change_old",
            "wallet.change_new", "wallet.changed", "wallet.cancelled"} <= told  # fmt: skip
    for row in rows:
        text = notices.render(row["template"], "en", json.loads(row["values_json"]))
        assert gsm7.is_gsm7(text) and "{" not in text
        assert gsm7.sms_parts(text) <= (3 if row["template"] in LONG else 1), text
        if row["template"].split(".")[0] in ("delivery", "payment", "dispute", "wallet"):
            assert amounts or "RWF" not in text, text


def test_a_receipt_reads_like_one(store: Store) -> None:
    deal = Deal(store, load_hub("rw"))
    order = deal.order("outside", 120_000, 700, price_floaters=250)
    deal.record(order, 120_000, floaters=8_000, deductions=[("inputs", 5_000)])
    with store.read() as tx:
        (row,) = tx.rows("SELECT values_json FROM outbox WHERE template = 'delivery.recorded'")
    text = Notices(deal.hub, Settings()).render("delivery.recorded", "en", json.loads(row["values_json"]))
    assert "Good 112 kg x 700 = 78 400; Floaters 8 kg x 250 = 2 000; Inputs -5 000. You get 75 400 RWF." in text


def _everything_happens(deal: Deal, amounts: int) -> None:
    def plain() -> None:
        if not amounts:
            deal.store.write(lambda tx: tx.rows("UPDATE people SET amounts_in_sms = 0 RETURNING id"))

    clock, turn = deal.clock, deal.store.turn
    order = deal.order("held", listed=20_000)
    plain()
    deal.work(hours(1))
    deal.reject("collection")
    turn(lambda tx: _again(tx, deal, order))
    deal.pay()
    deal.refuse(deal.record(order, 9_000))
    slow = deal.record(order, 6_000)
    for pause in (12, 24):
        clock.advance(hours(pause))
        deal.store.write(lambda tx: deliveries.remind(tx, clock=clock, now=deal.now))
    deal.store.write(lambda tx: deliveries.lapse(tx, now=deal.now, delivery_id=slow["id"], by="Alice", why="away"))
    deal.deliver(order, 6_000)
    deal.finish(order, order["buyer_id"])
    deal.know(order["seller_id"], "Habimana Eric")
    deal.work()
    deal.know(order["seller_id"])
    deal.work()
    deal.reject("disbursement", "PAYEE_NOT_FOUND")
    deal.pay("refund")
    dispute = deal.dispute(order, order["buyer_id"])
    turn(
        lambda tx: disputes.propose(
            tx, now=deal.now, person_id=order["buyer_id"], dispute_id=dispute["id"], becomes="settled"
        )
    )
    deal.decide(dispute, "settled")
    paid = deal.order()
    plain()
    deal.know(paid["seller_id"])
    deal.deliver(paid, 10_000)
    deal.pay()
    deal.pay("disbursement")
    odd = deal.order()
    plain()
    deal.deliver(odd, 10_000)
    deal.pay(amount=3_999)
    person = odd["seller_id"]
    for _ in range(2):
        turn(
            lambda tx: wallets.choose(
                tx, clock=clock, now=deal.now, person_id=person, provider="mtn_momo", msisdn="+250788999000"
            )
        )
        if "wallet.cancelled" not in deal.heard(person):
            turn(lambda tx: wallets.cancel(tx, now=deal.now, person_id=person))
    deal.work(hours(48))


def _again(tx: object, deal: Deal, order: dict[str, object]) -> None:
    settlement.pay_again(tx, clock=deal.clock, now=deal.now, buyer_id=order["buyer_id"], order_id=order["id"])  # type: ignore[arg-type]
