"""Pay lists: drafted from what members brought, approved, and paid out share by share, to the franc."""

from __future__ import annotations

import pytest

from tests.market.coops import CoopDeal
from tests.market.trades import hours, refused
from ussd_app.market import cooperatives, disputes
from ussd_app.money import audit
from ussd_app.store import Store


@pytest.fixture
def deal(store: Store) -> CoopDeal:
    return CoopDeal(store)


def test_a_buyers_payment_reaches_each_member_to_the_franc(deal: CoopDeal) -> None:
    deal.terms(fee_per_unit=20)
    deal.own_wallet()
    first, second, third = (deal.member() for _ in range(3))
    order = deal.sold({first: 3_333, second: 3_333, third: 3_334})
    draft = deal.draft(order)
    assert [draft[name] for name in ("count", "good", "total", "fee", "state")] == [3, 10_000, 4_000, 201, "draft"]
    assert [share["amount"] for share in deal.shares(draft)] == [1_333, 1_333, 1_334, 0]
    deal.pay()
    assert deal.status(order)["hold"] == "pay_list" and deal.payments(order) == [("collection", 4_000, "paid")]
    deal.approve(draft)
    sent = deal.pay("disbursement")
    assert sorted(one.amount for one in sent) == [201, 1_266, 1_266, 1_267]
    assert deal.states(draft) == ["paid"] * 4 and deal.state(order) == "settled"
    assert deal.status(order)["paid_out"] == deal.status(order)["owed"] == 4_000
    assert deal.heard(first)[-1] == "share.paid.less"
    assert [deal.stands(f"{account}") for account in (f"order:{order['id']}:held", f"seller:{first}:payable")] == [0, 0]
    assert deal.stands("wallet:mtn_momo") == 0
    books = deal.books()
    assert (books["sold"], books["deducted"], books["paid"], books["pending"], books["own"]) == (
        4_000,
        201,
        3_799,
        0,
        201,
    )
    assert deal.books(first)["paid"] == 1_266 and deal.row("pay_lists", draft["id"])["state"] == "done"
    deal.sound()


def test_nothing_is_paid_before_a_manager_approved(deal: CoopDeal) -> None:
    member = deal.member()
    order = deal.sold({member: 10_000})
    deal.pay()
    draft = deal.draft(order)
    deal.work(hours(30))
    assert deal.pay("disbursement") == [] and deal.state(order) == "delivered"
    with refused("not_allowed"):
        deal.approve(draft, deal.clerk)
    with refused("not_allowed"):
        deal.approve(draft, member)
    deal.approve(draft)
    with refused("gone", state="paying"):
        deal.approve(draft)
    with refused("gone", state="paying"):
        deal.draft(order)
    assert [one.amount for one in deal.pay("disbursement")] == [4_000]
    with deal.store.read() as tx:
        trail = audit.of_subject(tx, f"paylist:{draft['id']}")
    assert [(row["actor"], row["becomes"]) for row in trail][-1] == (f"person:{deal.manager}", "approved")


def test_what_changed_since_it_was_seen_is_not_approved(deal: CoopDeal) -> None:
    first, second = deal.member(), deal.member()
    order = deal.sold({first: 5_000, second: 5_000})
    draft = deal.draft(order)
    deal.intake(first, 1_000, order_id=order["id"])
    with refused("changed"):
        deal.approve(draft)
    again = deal.draft(order)
    assert again["good"] == 11_000
    with refused("changed"):
        deal.approve(again, seen=draft)
    deal.approve(again, seen=again)


def test_a_contested_weight_holds_the_list(deal: CoopDeal) -> None:
    member = deal.member()
    order = deal.sold({member: 10_000})
    deal.intake(member, 1, order_id=order["id"], state="contested")
    with refused("contested", count=1):
        deal.draft(order)


def test_who_weighed_does_not_approve_where_another_can(deal: CoopDeal) -> None:
    member = deal.member()
    order = deal.sold({member: 10_000}, clerk=deal.manager)
    draft = deal.draft(order)
    with refused("own_weighing"):
        deal.approve(draft)
    deal.store.write(
        lambda tx: cooperatives.remove_role(
            tx, now=deal.now, cooperative_id=deal.coop["id"], person_id=deal.other, role="manager", by="operator:a"
        )
    )
    assert deal.approve(draft)["state"] == "approved"


def test_inputs_on_credit_come_back_once_and_by_name(deal: CoopDeal) -> None:
    deal.own_wallet()
    deal.terms(fee_per_unit=10, advance_pct=50)
    member = deal.member()
    advance = deal.store.write(
        lambda tx: cooperatives.advance(
            tx, now=deal.now, manager_id=deal.manager, cooperative_id=deal.coop["id"], person_id=member, amount=3_000,
            name="Fertiliser",
        )
    )  # fmt: skip
    orders = [deal.sold({member: 10_000}) for _ in range(2)]
    deal.pay()
    lists = [deal.approved(order) for order in orders]
    deal.pay("disbursement")
    taken = [deal.share(one, member) for one in lists]
    assert [(one["fee"], one["advance"], one["net"]) for one in taken] == [(100, 2_000, 1_900), (100, 1_000, 2_900)]
    assert deal.row("advances", advance["id"])["left_amount"] == 0
    assert deal.share(lists[0], deal.account)["net"] == 2_100 and deal.books(member)["deducted"] == 3_200
    deal.sound()


def test_one_failed_share_stops_no_other_and_may_be_sent_again(deal: CoopDeal) -> None:
    first, second = deal.member(), deal.member()
    order = deal.sold({first: 4_000, second: 6_000})
    deal.pay()
    pay_list = deal.approved(order)
    deal.drive()
    record = next(r for r in deal.wallet.records.values() if r.instruction.amount == 1_600)
    deal.wallet.reject(record.instruction.reference_id, "PAYEE_NOT_FOUND")
    deal.pay("disbursement")
    deal.hear([record.instruction.reference_id])
    assert deal.states(pay_list) == ["failed", "paid"] and deal.state(order) == "delivered"
    assert deal.heard(first)[-1] == "payment.not_sent"
    assert deal.status(order)["paid_out"] == 2_400
    deal.sound()
    deal.send_again(deal.share(pay_list, first))
    with refused("gone"):
        deal.send_again(deal.share(pay_list, second))
    deal.pay("disbursement")
    assert deal.states(pay_list) == ["paid", "paid"] and deal.state(order) == "settled"
    deal.sound()


def test_a_failed_share_may_be_given_out_in_cash(deal: CoopDeal) -> None:
    deal.own_wallet()
    member = deal.member()
    order = deal.sold({member: 10_000})
    deal.pay()
    pay_list = deal.approved(order)
    deal.drive()
    deal.reject("disbursement", "PAYEE_NOT_FOUND")
    share = deal.record_outside(deal.share(pay_list, member))
    assert share["state"] == "recorded" and deal.books()["paid"] == 4_000
    assert deal.stands(f"order:{order['id']}:held") == 4_000
    deal.work(hours(49))
    (sent,) = deal.pay("disbursement")
    assert sent.msisdn == "+250788999999" and deal.state(order) == "settled"
    deal.sound()


def test_who_has_not_said_yes_is_held_and_named_why(deal: CoopDeal) -> None:
    first, pending = deal.member(), deal.member(state="pending")
    order = deal.sold({first: 5_000, pending: 5_000})
    deal.pay()
    pay_list = deal.approved(order)
    deal.pay("disbursement")
    held = deal.share(pay_list, pending)
    assert (held["state"], held["why"]) == ("held", "not_activated") and deal.heard(pending) == []
    assert deal.share(pay_list, first)["state"] == "paid" and deal.state(order) == "delivered"
    deal.be(pending, "active")
    deal.know(pending)
    deal.work(hours(2))
    deal.pay("disbursement")
    assert deal.states(pay_list) == ["paid", "paid"] and deal.state(order) == "settled"
    deal.sound()


def test_a_share_beyond_the_wallets_limit_goes_in_parts(deal: CoopDeal) -> None:
    first, second = deal.member(), deal.member()
    order = deal.sold({first: 3_000_000, second: 10_000}, price=1_000)
    deal.pay()
    deal.work(hours(1))
    deal.pay()
    pay_list = deal.approved(order)
    while deal.pay("disbursement"):
        deal.sound()
    assert deal.states(pay_list) == ["paid", "paid"]
    with deal.store.read() as tx:
        parts = [row["amount"] for row in tx.payments_of_order(order_id=deal.share(pay_list, first)["id"])]
    assert parts == [2_000_000, 1_000_000]
    assert [one for one in deal.heard(first) if one.startswith("share.")] == ["share.paid"]


def test_money_outside_is_given_out_by_the_cooperative_and_may_be_contested(deal: CoopDeal) -> None:
    deal.terms(fee_per_unit=10)
    first, second = deal.member(), deal.member()
    order = deal.sold({first: 5_000, second: 5_000}, "outside")
    pay_list = deal.approved(order)
    assert deal.states(pay_list) == ["waiting", "waiting", "paid"] and deal.payments(order) == []
    mine = deal.share(pay_list, first)
    with refused("no_reason"):
        deal.record_outside(mine, note="  ")
    with refused("not_allowed"):
        deal.record_outside(mine, by=second)
    deal.record_outside(mine)
    assert deal.heard(first)[-1] == "share.cash" and deal.books()["pending"] == 1_950
    with refused("gone"):
        deal.record_outside(mine)
    with refused("not_found"):
        deal.contest(mine, second)
    deal.contest(mine)
    assert deal.heard(deal.manager)[-1] == "share.contested" and deal.books()["pending"] == 3_900
    for share in (mine, deal.share(pay_list, second)):
        deal.record_outside(share, "sacco")
    assert deal.row("pay_lists", pay_list["id"])["state"] == "done"
    deal.clock.advance(hours(49))
    with refused("too_late"):
        deal.contest(mine)
    with refused("gone"):
        deal.send_again(mine)
    deal.sound()


def test_cash_contested_in_time_pays_the_member_and_not_the_cooperative(deal: CoopDeal) -> None:
    deal.own_wallet()
    member = deal.member(known=False)
    order = deal.sold({member: 10_000})
    deal.pay()
    pay_list = deal.approved(order)
    share = deal.share(pay_list, member)
    assert share["state"] == "held"
    deal.record_outside(share)
    assert deal.pay("disbursement") == []
    deal.contest(share)
    deal.know(member)
    deal.work(hours(50))
    assert deal.pay("disbursement") == []
    deal.send_again(share)
    (sent,) = deal.pay("disbursement")
    assert sent.msisdn != "+250788999999" and deal.state(order) == "settled"
    deal.sound()


def test_a_dispute_freezes_what_was_not_sent_and_its_end_is_approved_anew(deal: CoopDeal) -> None:
    first, second = deal.member(), deal.member(known=False)
    order = deal.sold({first: 5_000, second: 5_000})
    deal.pay()
    pay_list = deal.approved(order)
    deal.pay("disbursement")
    assert deal.states(pay_list) == ["paid", "held"]
    dispute = deal.dispute(order, order["buyer_id"], "quality")
    deal.know(second)
    deal.work(hours(2))
    assert deal.pay("disbursement") == []
    with refused("disputed"):
        deal.record_outside(deal.share(pay_list, second))
    with refused("paid_out", least=2_000):
        deal.decide(dispute, "settled", 1_999)
    deal.decide(dispute, "settled", 3_000)
    deal.pay("refund")
    assert deal.states(pay_list) == ["paid", "draft"] and "paylist.changed" in deal.heard(deal.manager)
    assert deal.pay("disbursement") == []
    deal.approve(deal.draft(order))
    deal.pay("disbursement")
    assert [one["net"] for one in deal.shares(pay_list)] == [2_000, 1_000] and deal.state(order) == "settled"
    assert deal.status(order)["refunded"] == 1_000
    deal.sound()


def test_a_dispute_takes_back_what_was_asked_and_not_sent(deal: CoopDeal) -> None:
    member = deal.member()
    order = deal.sold({member: 10_000})
    deal.pay()
    pay_list = deal.approved(order)
    assert deal.states(pay_list) == ["sent"]
    dispute = deal.dispute(order, order["buyer_id"], "quality")
    assert deal.states(pay_list) == ["waiting"] and deal.status(order)["paying_out"] == 0
    deal.decide(dispute, "cancelled")
    deal.pay("refund")
    assert deal.state(order) == "cancelled" and deal.status(order)["refunded"] == 4_000
    assert deal.row("pay_lists", pay_list["id"])["state"] == "void" and deal.pay("disbursement") == []
    assert deal.stands(f"seller:{member}:payable") == 0
    deal.sound()


def test_a_second_payment_comes_from_the_cooperatives_wallet(deal: CoopDeal) -> None:
    deal.own_wallet()
    deal.terms(fee_per_unit=20)
    first, second = deal.member(), deal.member()
    for person, good in ((first, 1_000), (second, 2_000), (first, 500)):
        deal.intake(person, good, order_id=None)
    deal.second(999, "market")
    pay_list = deal.second(1_000, "market")
    assert [share["amount"] for share in deal.shares(pay_list)] == [429, 571] and pay_list["fee"] == 0
    deal.approve(pay_list)
    with refused("gone", state="approved"):
        deal.second(2_000, "market")
    assert deal.pay("disbursement") == []
    (asked,) = deal.pay()
    assert (asked.amount, asked.msisdn) == (1_000, "+250788999999")
    deal.pay("disbursement")
    assert deal.states(pay_list) == ["paid", "paid"] and deal.row("pay_lists", pay_list["id"])["state"] == "done"
    assert deal.stands(f"order:{pay_list['id']}:held") == 0 and deal.books(first)["sold"] == 429
    deal.sound()


def test_a_second_payment_outside_is_recorded_line_by_line(deal: CoopDeal) -> None:
    member = deal.member()
    deal.intake(member, 1_000, order_id=None)
    pay_list = deal.approve(deal.second(700, "outside"))
    deal.work(hours(1))
    assert deal.pay("disbursement") == []
    deal.record_outside(deal.share(pay_list, member), "sacco")
    assert deal.row("pay_lists", pay_list["id"])["state"] == "done" and deal.heard(member) == ["share.sacco"]


def test_the_account_itself_disputes_through_its_managers(deal: CoopDeal) -> None:
    member = deal.member()
    order = deal.sold({member: 10_000}, "outside")
    row = deal.store.turn(
        lambda tx: disputes.not_received(tx, now=deal.now, seller_id=deal.account, order_id=order["id"])
    )
    assert row["side"] == "seller"
    with refused("disputed"):
        deal.draft(order)


def test_her_share_keeps_her_account_open_and_its_transaction_is_known_as_hers(deal: CoopDeal) -> None:
    member, other = deal.member(), deal.member()
    order = deal.sold({member: 10_000})
    deal.pay()
    deal.approved(order)
    with deal.store.read() as tx:
        assert tx.open_business(person_id=member) and not tx.open_business(person_id=other)
    deal.pay("disbursement", external_id="MP1")
    with deal.store.read() as tx:
        assert not tx.open_business(person_id=member)
        found = tx.money_by_external(person_id=member, external_id="MP1")
        assert (found["code"], found["settled_amount"]) == (order["code"], 4_000)
        assert tx.money_by_external(person_id=other, external_id="MP1") is None
