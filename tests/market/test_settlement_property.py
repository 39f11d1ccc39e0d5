"""Whatever happens in whatever order: the books balance, nobody is paid for nothing, and every franc is somewhere."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.market.deals import Deal
from tests.market.trades import hours
from ussd_app.market import orders, settlement
from ussd_app.market.terms import Refused
from ussd_app.money import ledger
from ussd_app.store import Store

STEPS = ("weigh", "yes", "no", "collect", "reject", "pay_out", "give_back", "dispute", "rule", "cancel", "finish", "wait", "free", "again")  # fmt: skip


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mode=st.sampled_from(["pass_through", "held", "outside"]), data=st.data())
def test_every_franc_is_somewhere(store: Store, mode: str, data: st.DataObject) -> None:
    deal = Deal(store)
    order = deal.order(mode, listed=20_000)
    deal.know(order["seller_id"])
    open_now: dict[str, Any] = {}
    for _ in range(data.draw(st.integers(3, 12), "steps")):
        step = data.draw(st.sampled_from(STEPS), "step")
        with contextlib.suppress(Refused):
            _do(deal, order, step, data, open_now)
        deal.sound()
    _bring_to_an_end(deal, order, open_now)
    deal.sound()
    status, state = deal.status(order), deal.state(order)
    assert status["paid"] == status["paid_out"] + status["refunded"] and not status["asked"]
    if state == "cancelled":
        assert status["paid_out"] == 0
    elif mode != "outside":
        assert state == "settled" and status["paid_out"] == status["owed"]
    with store.read() as tx:
        for account in (f"order:{order['id']}:held", f"seller:{order['seller_id']}:payable"):
            assert ledger.balance(tx, account, "RWF") == ledger.Balance(0, 0, 0)


def _do(deal: Deal, order: Any, step: str, data: st.DataObject, now: dict[str, Any]) -> None:
    if step == "weigh":
        now["delivery"] = deal.record(order, data.draw(st.integers(1, 10_500), "gross"))
    elif step in ("yes", "no") and "delivery" in now:
        (deal.agree if step == "yes" else deal.refuse)(now["delivery"])
    elif step in ("collect", "pay_out", "give_back"):
        deal.pay({"collect": "collection", "pay_out": "disbursement", "give_back": "refund"}[step])
    elif step == "reject":
        deal.reject(data.draw(st.sampled_from(["collection", "disbursement", "refund"]), "kind"))
    elif step == "dispute":
        now["dispute"] = deal.dispute(order, data.draw(st.sampled_from([order["seller_id"], order["buyer_id"]])))
    elif step == "rule" and "dispute" in now:
        deal.decide(now["dispute"], "settled", data.draw(st.integers(0, 4_200), "amount"))
    elif step == "cancel" and "dispute" in now:
        deal.decide(now["dispute"], "cancelled")
    elif step == "finish":
        deal.finish(order, order["buyer_id"])
    elif step == "wait":
        deal.work(hours(data.draw(st.sampled_from([0.1, 30]), "hours")))
    elif step == "free":
        deal.store.turn(lambda tx: orders.free(tx, now=deal.now, person_id=order["buyer_id"], order_id=order["id"]))
    elif step == "again":
        _again(deal, order)


def _again(deal: Deal, order: Any) -> None:
    for again in (
        lambda tx: settlement.pay_again(
            tx, clock=deal.clock, now=deal.now, buyer_id=order["buyer_id"], order_id=order["id"]
        ),
        lambda tx: settlement.send_again(
            tx, clock=deal.clock, now=deal.now, order_id=order["id"], by="Alice", why="try again"
        ),
    ):
        with contextlib.suppress(Refused):
            deal.store.turn(again)


def _bring_to_an_end(deal: Deal, order: Any, now: dict[str, Any]) -> None:
    """Let people do what they would do in the end."""
    if deal.state(order) == "agreed":
        with contextlib.suppress(Refused):
            deal.refuse(now["delivery"]) if "delivery" in now else None
        try:
            deal.finish(order, order["buyer_id"])
        except Refused:
            now["dispute"] = deal.dispute(order, order["buyer_id"], "not_come")
    with contextlib.suppress(Refused):
        if "dispute" in now:
            deal.decide(now["dispute"], "settled", deal.status(order)["paid_out"])
    for _ in range(4):
        _again(deal, order)
        deal.work(hours(3))
        for kind in ("collection", "disbursement", "refund"):
            deal.pay(kind)
    if order["settlement"] == "outside" and deal.state(order) in ("delivered", "disputed"):
        deal.store.turn(
            lambda tx: settlement.confirm_received(
                tx, clock=deal.clock, now=deal.now, seller_id=order["seller_id"], order_id=order["id"]
            )
        )
