"""F1 to F15, what happens while we send and ask: each by its name with the outcome it must have, on both engines."""

from __future__ import annotations

from typing import Any

import pytest

from tests.money.cashier import HOUR, MINUTE, PAYER, Cashier
from ussd_app.money.callbacks import callback
from ussd_app.money.payments import Refused
from ussd_app.money.providers.base import Status
from ussd_app.money.reconcile import reconcile
from ussd_app.money.service import Money
from ussd_app.money.statement import Line
from ussd_app.settings import from_environment

DAY = 24 * HOUR


def call_back(cashier: Cashier, payment: dict[str, Any], body: bytes = b"paid:", **terms: Any) -> str:
    """The wallet calls back at the payment's own address."""
    hint = cashier.wallet.read_callback(body, {}, "")
    terms = {"token": payment["callback_token"]} | terms
    now = cashier.clock.now()
    return cashier.store.write(lambda tx: callback(tx, now=now, provider=cashier.wallet.name, hint=hint, **terms))


def money(cashier: Cashier) -> Money:
    return Money(cashier.store, cashier.clock, from_environment({}), cashier.wallets, cashier.handlers)


def test_f01_nothing_left_us_so_it_stays_created_under_the_same_reference(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.wallet.play("not_sent", "not_sent")
    cashier.run()
    row = cashier.row(asked)
    assert (row["state"], row["sends"], row["tries"], row["sent_at"]) == ("created", 0, 1, None)
    assert row["next_at"] > cashier.clock.now()
    assert cashier.run(1_000) == 0  # it backs off
    first_wait = row["next_at"] - cashier.clock.now()
    cashier.run(6_000)
    assert cashier.row(asked)["next_at"] - cashier.clock.now() > first_wait
    cashier.run(MINUTE)
    cashier.expect(asked, "pending")
    assert {one.reference_id for one in cashier.wallet.sendings} == {asked["id"]}


def test_f02_a_timeout_after_sending_is_unknown_and_asked_about(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.wallet.play("lost")
    cashier.run()
    cashier.expect(asked, "unknown")
    cashier.wallet.approve(asked["id"])
    cashier.run(20_000)
    cashier.expect(asked, "paid")
    assert len(cashier.wallet.sendings) == 1


def test_f03_a_reset_or_half_an_answer_is_the_same(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.wallet.play("lost_before")
    cashier.run()
    cashier.expect(asked, "unknown")
    with pytest.raises(Refused, match="open_intent"):
        cashier.ask(amount=999)  # no second request while nobody knows
    cashier.run_for(20 * MINUTE)
    cashier.expect(asked, "pending")  # it had never arrived: sent again, under its reference
    assert [one.reference_id for one in cashier.wallet.sendings] == [asked["id"]] * 2


def test_f04_5xx_is_unknown_and_429_waits_as_it_is_told(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.wallet.play("unknown:500")
    cashier.run()
    cashier.expect(asked, "unknown")
    other = cashier.ask(order_id="01OTHER", msisdn="+250788000002")
    cashier.wallet.play("busy:40000")
    cashier.run()
    assert cashier.state(other) == "unknown"
    assert cashier.row(other)["next_at"] == cashier.clock.now() + 40_000
    cashier.wallet.say(Status("unknown", reason="429", wait_ms=90_000))
    cashier.run(20_000)  # the first one's status
    assert cashier.row(asked)["next_at"] == cashier.clock.now() + 90_000
    assert cashier.state(asked) == "unknown"


def test_f05_junk_with_a_good_status_is_unknown(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.wallet.play("junk")
    cashier.wallet.say(Status("unknown", reason="html"))
    cashier.run()
    cashier.run(20_000)
    cashier.expect(asked, "unknown")
    cashier.wallet.approve(asked["id"])
    cashier.run(MINUTE)
    cashier.expect(asked, "paid")


def test_f06_a_duplicate_on_our_own_retry_means_that_the_first_got_through(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.wallet.play("lost")
    cashier.run()
    cashier.wallet.say(*[Status("not_found")] * 30)  # their status lags behind
    while cashier.row(asked)["sends"] == 1:
        cashier.run(15_000)
    cashier.expect(asked, "pending")
    cashier.wallet._answers.clear()
    cashier.wallet.approve(asked["id"])
    cashier.run(MINUTE)
    cashier.expect(asked, "paid")
    assert len(cashier.wallet.moved()) == 1


@pytest.mark.parametrize("same", [True, False])
def test_f07_a_duplicate_on_the_very_first_sending_is_reviewed(cashier: Cashier, same: bool) -> None:
    asked = cashier.ask()
    cashier.wallet.play("duplicate")
    told = {"amount": 1000 if same else 777, "currency": "RWF", "msisdn": PAYER, "our_external": "1234567"}
    cashier.wallet.say(Status("paid", external_id="old1", **told))
    cashier.run()
    cashier.expect(asked, "review")
    (case,) = cashier.cases()
    assert (case["why"], case["detail"], case["told_state"]) == ("reference_in_use", "" if same else "amount", "paid")
    assert -cashier.stands("wallet:mtn_momo") == cashier.stands("suspense") == (1000 if same else 0)
    assert cashier.told == [("review", asked["id"])]


def test_f07_while_it_is_reviewed_the_case_is_told_what_becomes_of_it(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.wallet.play("lost")
    other = cashier.worker("w0")
    other.run_due()
    cashier.store.write(lambda tx: tx.rows("UPDATE payments SET sends = 0, state = 'created', next_at = 0"))
    cashier.run(1)
    cashier.expect(asked, "review")
    assert cashier.cases()[0]["told_state"] == "pending" and cashier.stands("suspense") == 0
    cashier.wallet.approve(asked["id"])
    cashier.run_for(2 * MINUTE)
    assert cashier.cases()[0]["told_state"] == "paid" and cashier.stands("suspense") == 1000
    cashier.expect(asked, "review")


@pytest.mark.parametrize(("outcome", "state"), [("refused:PAYER_NOT_FOUND", "failed"), ("unknown:400", "unknown")])
def test_f08_only_a_known_refusal_of_a_first_sending_fails(cashier: Cashier, outcome: str, state: str) -> None:
    asked = cashier.ask()
    cashier.wallet.play(outcome)
    cashier.run()
    cashier.expect(asked, state)
    assert cashier.row(asked)["reason"] == ("payer_unknown" if state == "failed" else "")


def test_f08_a_refusal_of_a_repeated_sending_proves_nothing(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.wallet.play("lost_before", "refused:NOT_ENOUGH_FUNDS")
    cashier.run()
    while cashier.row(asked)["sends"] == 1:
        cashier.run(15_000)
    cashier.expect(asked, "unknown")


def test_f09_a_repeated_401_pauses_the_wallet_and_not_the_payment(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.wallet.play("unauthorised")
    cashier.run()
    cashier.expect(asked, "created")
    with cashier.store.read() as tx:
        assert tx.breaker_of(provider="mtn_momo")["state"] == "paused"
    sent = len(cashier.wallet.sendings)
    late = cashier.ask(order_id="01LATE", msisdn="+250788000003")
    cashier.run_for(5 * MINUTE)
    assert len(cashier.wallet.sendings) == sent and cashier.state(late) == "created"
    cashier.run_for(20 * MINUTE)  # a trial goes through, then all
    cashier.expect(asked, "pending")
    cashier.expect(late, "pending")
    with cashier.store.read() as tx:
        assert tx.breaker_of(provider="mtn_momo")["state"] == "closed"


def test_f09_settings_that_are_refused_pause_the_wallet_too(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.wallet.play("misconfigured:INVALID_CURRENCY")
    cashier.run()
    cashier.expect(asked, "created")
    with cashier.store.read() as tx:
        breaker = tx.breaker_of(provider="mtn_momo")
    assert (breaker["state"], breaker["reason"]) == ("paused", "INVALID_CURRENCY")


def test_f10_not_found_is_believed_late_and_then_the_same_reference_goes_again(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.wallet.play("lost_before")
    cashier.run()
    cashier.run_for(14 * MINUTE)
    assert cashier.row(asked)["not_found_count"] >= 3
    cashier.expect(asked, "unknown")
    assert len(cashier.wallet.sendings) == 1
    cashier.run_for(10 * MINUTE)
    assert [one.reference_id for one in cashier.wallet.sendings] == [asked["id"]] * 2
    cashier.expect(asked, "pending")


def test_f10_a_wallet_that_finds_it_after_all_is_not_sent_it_again(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.wallet.play("lost")
    cashier.wallet.say(*[Status("not_found")] * 3)
    cashier.run()
    cashier.run_for(30 * MINUTE)
    cashier.expect(asked, "pending")
    assert len(cashier.wallet.sendings) == 1


def test_f11_pending_for_ever_stays_open_and_comes_to_the_list(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.run()
    cashier.run_for(25 * HOUR, step=10 * MINUTE)
    money(cashier).watch(cashier.store, cashier.clock.now())
    (case,) = cashier.cases()
    assert (case["why"], case["payment_id"], case["payment_state"]) == ("overdue", asked["id"], "pending")
    assert cashier.ask()["id"] == asked["id"]  # no second payment
    cashier.run_for(9 * DAY, step=HOUR)
    cashier.expect(asked, "pending")
    cashier.wallet.approve(asked["id"])
    cashier.run_for(2 * DAY, step=HOUR)
    cashier.expect(asked, "paid")
    assert cashier.cases() == []


@pytest.mark.parametrize("amount", [400, 1600])
def test_f12_another_amount_is_reviewed_in_suspense(cashier: Cashier, amount: int) -> None:
    asked = cashier.ask()
    cashier.run()
    cashier.wallet.approve(asked["id"], amount=amount)
    cashier.run(20_000)
    cashier.expect(asked, "review")
    assert cashier.stands("suspense") == -cashier.stands("wallet:mtn_momo") == amount
    assert cashier.stands("order:01ORDER:held") == 0
    (case,) = cashier.cases()
    assert (case["why"], case["told_amount"], case["in_suspense"]) == ("wrong_amount", amount, amount)
    assert cashier.told == [("review", asked["id"])]


def test_f12_an_amount_that_a_wallet_should_tell_and_does_not(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.run()
    cashier.wallet.approve(asked["id"], amount=None)
    cashier.run(20_000)
    cashier.expect(asked, "review")
    assert cashier.cases()[0]["why"] == "amount_not_told" and cashier.stands("suspense") == 0


def test_f12_where_no_amount_is_told_the_statement_shows_it(airtel: Cashier) -> None:
    asked = airtel.ask()
    airtel.run()
    airtel.wallet.approve(asked["id"])
    airtel.run(4 * MINUTE)
    airtel.expect(asked, "paid")  # bound when it was asked
    line = Line(asked["id"].replace("-", ""), "txairtel_money1", PAYER, 900, "RWF", "paid", airtel.clock.now())
    found = reconcile(airtel.store, airtel.clock, airtel.wallets, statement=[line], provider="airtel_money")
    assert [one["what"] for one in found] == ["statement_amount"]
    assert airtel.stands("wallet:airtel_money") == -900 and airtel.stands("suspense") == -100
    assert airtel.cases()[0]["why"] == "statement_amount"


def test_f13_a_wrong_currency_is_reviewed_in_its_own(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.run()
    cashier.wallet.approve(asked["id"], currency="EUR")
    cashier.run(20_000)
    cashier.expect(asked, "review")
    assert (cashier.stands("suspense", "EUR"), cashier.stands("suspense")) == (1000, 0)


def test_f13_production_does_not_start_with_sandbox_settings() -> None:
    from ussd_app.settings import BadSettings

    with pytest.raises(BadSettings, match="sandbox"):
        from_environment({"ENVIRONMENT": "production", "MTN_MOMO_TARGET_ENVIRONMENT": "sandbox"})


def test_f14_evidence_of_another_payment_is_rejected(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.run()
    record = cashier.wallet.approve(asked["id"], our_external="7654321")
    cashier.run(20_000)
    cashier.expect(asked, "pending")
    assert cashier.cases()[0]["why"] == "foreign_evidence" and cashier.told == []
    assert call_back(cashier, asked, b"paid:00000000-0000-4000-8000-000000000000") == "foreign"
    record.told.clear()
    cashier.run_for(2 * MINUTE)
    cashier.expect(asked, "paid")  # its own evidence settles it


def test_f15_another_payer_is_reviewed(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.run()
    cashier.wallet.approve(asked["id"], msisdn="+250788999999")
    cashier.run(20_000)
    cashier.expect(asked, "review")
    assert cashier.cases()[0]["why"] == "wrong_payer" and cashier.stands("suspense") == 1000
