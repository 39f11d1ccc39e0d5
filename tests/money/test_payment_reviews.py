"""What people decide: two of them where money moves, once, with a reason, and the books agree."""

from __future__ import annotations

from typing import Any

import pytest

from tests.money.cashier import MINUTE, PAYER, Cashier
from tests.money.invariants import broken
from tests.money.spoil import at_once
from ussd_app.lib.clock import ManualClock
from ussd_app.money import audit, payments, reviews
from ussd_app.money.providers.base import Status
from ussd_app.money.providers.outside import Outside
from ussd_app.money.reviews import Decided, NotPossible
from ussd_app.store import Store, Tx


def decide(
    cashier: Cashier, case: dict[str, Any], by: str, decision: Any, why: str = "seen in their portal"
) -> Decided:
    now = cashier.clock.now()
    return cashier.store.write(
        lambda tx: reviews.decide(
            tx, now=now, review_id=case["id"], by=by, decision=decision, why=why, handlers=cashier.handlers
        )
    )


def mismatched(cashier: Cashier, **told: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A payment in review and its case."""
    asked = cashier.ask()
    cashier.run()
    cashier.wallet.approve(asked["id"], **(told or {"amount": 900}))
    cashier.run(20_000)
    return asked, cashier.cases()[0]


def test_two_different_people_accept_what_came(cashier: Cashier) -> None:
    asked, case = mismatched(cashier)
    assert not decide(cashier, case, "Aline M.", "paid").done
    assert not decide(cashier, case, "  aline   m", "paid").done  # the same person, written otherwise
    cashier.expect(asked, "review")
    assert not decide(cashier, case, "Bosco", "refund").done  # two people must say the same
    cashier.expect(asked, "review")
    assert decide(cashier, case, "Aline M.", "refund").done
    with pytest.raises(NotPossible):
        decide(cashier, case, "Chantal", "paid")


def test_paid_is_what_came_and_not_what_was_asked(cashier: Cashier) -> None:
    asked, case = mismatched(cashier)
    decide(cashier, case, "Aline", "paid")
    assert decide(cashier, case, "Bosco", "paid") == Decided(True)
    row = cashier.row(asked)
    assert (row["state"], row["amount"], row["settled_amount"]) == ("paid", 1000, 900)
    assert (cashier.stands("suspense"), cashier.stands("order:01ORDER:held")) == (0, 900)
    assert cashier.told == [("review", asked["id"]), ("paid", asked["id"])]
    with cashier.store.read() as tx:
        last = audit.of_subject(tx, f"payment:{asked['id']}")[0]
        case_notes = audit.of_subject(tx, f"review:{case['id']}")
    assert (last["actor"], last["becomes"], last["evidence"]) == ("operator:bosco", "paid", f"review:{case['id']}")
    assert [note["actor"] for note in case_notes] == ["operator:bosco", "operator:aline"]


def test_a_refund_goes_back_to_who_paid(cashier: Cashier) -> None:
    asked, case = mismatched(cashier, msisdn="+250788999999")
    decide(cashier, case, "Aline", "refund")
    decided = decide(cashier, case, "Bosco", "refund")
    assert cashier.row(asked)["reason"] == "refunded"
    cashier.run()
    sent = cashier.wallet.sendings[-1]
    assert (sent.reference_id, sent.kind, sent.msisdn) == (decided.refund_id, "refund", "+250788999999")
    assert (sent.original_reference, sent.amount) == (asked["id"], 1000)
    cashier.wallet.approve(decided.refund_id)
    cashier.run(20_000)
    cashier.expect({"id": decided.refund_id}, "paid")
    assert cashier.stands("suspense") == cashier.stands("wallet:mtn_momo") == 0
    assert cashier.ask()["id"] != asked["id"]  # the order may be paid anew


def test_a_refund_that_fails_is_on_the_list_again(cashier: Cashier) -> None:
    _asked, case = mismatched(cashier)
    decide(cashier, case, "Aline", "refund")
    refund_id = decide(cashier, case, "Bosco", "refund").refund_id
    cashier.run()
    cashier.wallet.reject(refund_id, "PAYEE_NOT_FOUND")
    cashier.run(20_000)
    assert cashier.stands("suspense") == 900
    (again,) = cashier.cases()
    assert (again["why"], again["in_suspense"]) == ("refund_failed", 900)
    decide(cashier, again, "Aline", "refund")
    other_id = decide(cashier, again, "Bosco", "refund").refund_id
    cashier.run()
    assert cashier.wallet.sendings[-1].original_reference == _asked["id"]
    cashier.wallet.approve(other_id)
    cashier.run(20_000)
    assert cashier.stands("suspense") == 0
    with cashier.store.read() as tx:
        assert set(payments.sums(tx, "01ORDER").values()) == {0}


def test_what_a_bank_says_is_told_by_one_and_decided_by_two(store: Store) -> None:
    desk = Cashier(store, ManualClock(), Outside())  # type: ignore[arg-type]
    asked = desk.ask()
    desk.run()
    desk.expect(asked, "pending")
    desk.run_for(2 * 60 * MINUTE, step=MINUTE)
    desk.expect(asked, "pending")  # nobody can be asked

    def told(tx: Tx) -> str:
        status = Status("paid", external_id="line-1", amount=980, currency="RWF")
        return reviews.tell_by_hand(tx, now=1, payment_id=asked["id"], status=status)

    case = {"id": desk.store.write(told)}
    assert case["id"] == desk.store.write(told)
    decide(desk, case, "Aline", "paid")
    decide(desk, case, "Bosco", "paid")
    row = desk.row(asked)
    assert (row["state"], row["settled_amount"], row["external_id"]) == ("paid", 980, "line-1")
    assert (desk.stands("outside"), desk.stands("order:01ORDER:held")) == (-980, 980)
    with pytest.raises(NotPossible):
        desk.store.write(told)
    assert broken(store) == []


def test_money_in_suspense_cannot_be_said_not_to_have_moved(cashier: Cashier) -> None:
    _asked, case = mismatched(cashier)
    for decision in ("failed", "noted"):
        with pytest.raises(NotPossible):
            decide(cashier, case, "Aline", decision)


def test_another_currency_can_only_go_back(cashier: Cashier) -> None:
    _asked, case = mismatched(cashier, currency="EUR")
    with pytest.raises(NotPossible, match="currency"):
        decide(cashier, case, "Aline", "paid")
    decide(cashier, case, "Aline", "refund")
    decide(cashier, case, "Bosco", "refund")
    cashier.run()
    assert cashier.wallet.sendings[-1].currency == "EUR"


@pytest.mark.parametrize(("decision", "held"), [("paid", 1000), ("failed", 0)])
def test_what_is_open_too_long_is_decided_by_two(cashier: Cashier, decision: str, held: int) -> None:
    asked = cashier.ask()
    cashier.run()
    cashier.run_for(25 * 60 * MINUTE, step=30 * MINUTE)
    now = cashier.clock.now()
    cashier.store.write(lambda tx: reviews.sweep(tx, now=now, clock=cashier.clock))
    (case,) = cashier.cases()
    decide(cashier, case, "Aline", decision)
    cashier.expect(asked, "pending")
    decide(cashier, case, "Bosco", decision)
    cashier.expect(asked, decision)
    assert cashier.stands("order:01ORDER:held") == held
    assert cashier.cases() == []


def test_late_money_can_be_taken_for_the_order(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.run()
    cashier.wallet.reject(asked["id"])
    cashier.run(20_000)
    cashier.wallet.approve(asked["id"])
    cashier.store.write(lambda tx: tx.payment_hint(id=asked["id"], now=0))
    cashier.run(1)
    (case,) = cashier.cases()
    with cashier.store.read() as tx:
        assert payments.sums(tx, "01ORDER")["asked"] == 1000
    decide(cashier, case, "Aline", "paid")
    decide(cashier, case, "Bosco", "paid")
    cashier.expect(asked, "failed")
    with cashier.store.read() as tx:
        assert payments.sums(tx, "01ORDER")["paid"] == 1000
    assert (cashier.stands("suspense"), cashier.stands("order:01ORDER:held")) == (0, 1000)


def test_foreign_evidence_is_noted_by_one(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.run()
    cashier.wallet.say(Status("paid", amount=1000, currency="RWF", msisdn=PAYER, our_external="other"))
    cashier.run(20_000)
    (case,) = cashier.cases()
    assert decide(cashier, case, "Aline", "noted") == Decided(True)
    cashier.expect(asked, "pending")


@pytest.mark.parametrize(("by", "why"), [("", "seen in their portal"), ("0788123456", "seen it"), ("Aline", "ok")])
def test_a_decision_has_a_name_and_a_reason(cashier: Cashier, by: str, why: str) -> None:
    _asked, case = mismatched(cashier)
    with pytest.raises(NotPossible):
        decide(cashier, case, by, "paid", why)


def test_decided_by_many_at_once_it_happens_once(cashier: Cashier) -> None:
    asked, case = mismatched(cashier)
    decide(cashier, case, "Aline", "paid")
    names = [f"Bosco {chr(65 + number)}" for number in range(8)]
    done = at_once([lambda name=name: decide(cashier, case, name, "paid") for name in names])
    assert [one for one in done if one == Decided(True)] == [Decided(True)]
    cashier.expect(asked, "paid")
    assert cashier.stands("order:01ORDER:held") == 900


def test_what_is_in_suspense_is_not_asked_about_for_ever_when_somebody_calls_back(cashier: Cashier) -> None:
    asked, case = mismatched(cashier)
    cashier.store.write(lambda tx: tx.payment_hint(id=asked["id"], now=cashier.clock.now()))
    before = len(cashier.wallet.fetches)
    cashier.run(1_000)
    assert len(cashier.wallet.fetches) == before + 1 and cashier.row(asked)["next_at"] is None
    assert cashier.cases()[0]["in_suspense"] == case["in_suspense"] == cashier.stands("suspense") == 900
