"""F16 to F31, callbacks, late truths, clocks and limits: each by its name with the outcome it must have, on both engines."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.money.cashier import HOUR, MINUTE, PAYER, Cashier
from tests.money.spoil import at_once
from ussd_app.money import audit, ledger, payments
from ussd_app.money.callbacks import callback
from ussd_app.money.payments import Limits, Refused
from ussd_app.money.providers.base import CallbackHint, Status, hash_of
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


def test_f16_one_transaction_pays_one_payment(cashier: Cashier) -> None:
    first, second = cashier.ask(), cashier.ask(order_id="01OTHER", msisdn="+250788000002")
    cashier.run()
    for one in (first, second):
        cashier.wallet.approve(one["id"], external_id="tx1")
    cashier.run(25_000)
    assert sorted(cashier.state(one) for one in (first, second)) == ["paid", "review"]
    assert cashier.cases()[0]["why"] == "same_transaction"
    assert cashier.stands("wallet:mtn_momo") == -1000


def test_f17_a_callback_before_our_sending_returned_is_not_lost(cashier: Cashier) -> None:
    asked = cashier.ask()

    def at_once_approved(instruction: Any) -> None:
        cashier.wallet.approve(instruction.reference_id)
        assert call_back(cashier, asked) == "hint"

    cashier.wallet.during_send = at_once_approved
    cashier.run()
    cashier.expect(asked, "paid")  # no poll had to be waited for


def test_f18_a_callback_for_an_unknown_reference_creates_nothing(cashier: Cashier) -> None:
    asked = cashier.ask()
    hint = CallbackHint(state="paid", raw_hash=hash_of(b"x"))
    for number in range(2):
        verdict = cashier.store.write(
            lambda tx, number=number: callback(
                tx, now=1, provider="mtn_momo", hint=hint, token="nobody's", shared=bool(number)
            )
        )
        assert verdict == "unknown"
    with cashier.store.read() as tx:
        (evidence,) = tx.rows("SELECT * FROM payment_evidence WHERE payment_id = :id", id="")
        assert (evidence["times"], evidence["body_hash"]) == (2, hint.raw_hash)
        assert len(tx.rows("SELECT id FROM payments")) == 1
    cashier.expect(asked, "created")


def test_f19_a_true_callback_a_thousand_times_at_once(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.run()
    cashier.wallet.approve(asked["id"])
    done = threading.Event()

    def drive() -> None:
        while not done.is_set():
            cashier.driver.run_due()

    driving = threading.Thread(target=drive)
    driving.start()
    verdicts = at_once([lambda: [call_back(cashier, asked) for _ in range(20)] for _ in range(50)])
    done.set()
    driving.join()
    cashier.run(20_000)
    assert {verdict for some in verdicts for verdict in some} <= {"hint", "settled"}
    cashier.expect(asked, "paid")
    assert cashier.sms() == [f"paid:{asked['id']}"]
    with cashier.store.read() as tx:
        assert [one["kind"] for one in ledger.of_payment(tx, asked["id"])] == ["pending", "post"]
        (evidence,) = tx.rows("SELECT * FROM payment_evidence WHERE payment_id = :id", id=asked["id"])
    assert evidence["times"] == 1000


@pytest.mark.parametrize("truth", ["pending", "failed"])
def test_f20_the_status_wins_over_the_callback(cashier: Cashier, truth: str) -> None:
    asked = cashier.ask()
    cashier.run()
    if truth == "failed":
        cashier.wallet.reject(asked["id"])
    call_back(cashier, asked, b"paid:")
    cashier.run(1)
    cashier.expect(asked, truth)


def test_f21_a_failed_callback_after_paid_is_ignored(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.run()
    cashier.wallet.approve(asked["id"])
    cashier.run(20_000)
    asked_before = len(cashier.wallet.fetches)
    assert call_back(cashier, asked, b"failed:") == "settled"
    cashier.run_for(10 * MINUTE)
    cashier.expect(asked, "paid")
    assert len(cashier.wallet.fetches) == asked_before


def test_f22_a_success_after_failed_is_a_case_of_its_own(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.run()
    cashier.wallet.reject(asked["id"])
    cashier.run(20_000)
    cashier.expect(asked, "failed")
    again = cashier.ask()
    cashier.wallet.approve(asked["id"])
    for _ in range(3):
        call_back(cashier, asked)
        cashier.run(1)
    cashier.expect(asked, "failed")
    cashier.expect(again, "pending")
    (case,) = cashier.cases()
    assert (case["why"], case["payment_state"], case["in_suspense"]) == ("late_success", "review", 1000)
    assert case["payment_id"] not in (asked["id"], again["id"])
    assert cashier.stands("suspense") == 1000


def test_f22_a_success_after_cancelled(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.store.write(lambda tx: payments.cancel(tx, now=1, payment_id=asked["id"], by="person:x", why="regret"))
    cashier.wallet.say(Status("paid", external_id="tx9", amount=1000, currency="RWF", msisdn=PAYER))
    call_back(cashier, asked)
    cashier.run(1)
    cashier.expect(asked, "cancelled")
    assert [case["why"] for case in cashier.cases()] == ["late_success"]


def test_f23_without_any_callback_the_polls_settle_it(airtel: Cashier) -> None:
    asked = airtel.ask()
    airtel.run()
    airtel.wallet.approve(asked["id"])
    airtel.run(2 * MINUTE)
    assert airtel.wallet.fetches == []  # not before three minutes, less a fifth
    airtel.run_for(2 * MINUTE)
    airtel.expect(asked, "paid")


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("APPROVAL_REJECTED", "rejected"),
        ("EXPIRED", "expired"),
        ("NOT_ENOUGH_FUNDS", "no_funds"),
        ("PAYER_NOT_FOUND", "payer_unknown"),
        ("PAYER_LIMIT_REACHED", "limit"),
    ],
)
def test_f24_a_payer_who_does_not_pay(cashier: Cashier, word: str, reason: str) -> None:
    asked = cashier.ask()
    cashier.run()
    cashier.wallet.reject(asked["id"], word)
    cashier.run(20_000)
    row = cashier.row(asked)
    assert (row["state"], row["reason"]) == ("failed", reason)
    assert cashier.ask()["id"] != asked["id"]


def test_f25_an_internal_error_fails_only_by_the_status(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.wallet.play("unknown:INTERNAL_PROCESSING_ERROR")
    cashier.wallet.say(Status("unknown", reason="INTERNAL_PROCESSING_ERROR"))
    cashier.run()
    cashier.run(20_000)
    cashier.expect(asked, "unknown")
    cashier.wallet.say(Status("failed", reason="INTERNAL_PROCESSING_ERROR"))
    cashier.run(40_000)
    assert (cashier.state(asked), cashier.row(asked)["reason"]) == ("failed", "other")


def test_f27_a_jumping_calendar_ends_nothing(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.run()
    cashier.clock.advance(HOUR)
    cashier.run()
    cashier.expect(asked, "pending")
    cashier.clock.advance(-2 * HOUR)
    money(cashier).watch(cashier.store, cashier.clock.now())
    cashier.wallet.approve(asked["id"])
    cashier.run(MINUTE)
    cashier.expect(asked, "paid")  # not an hour later
    assert len(cashier.wallet.sendings) == 1


def test_f28_a_wallet_that_is_down_for_hours(cashier: Cashier) -> None:
    cashier.wallet.status_rate = 10.0
    sent = [cashier.ask(order_id=f"01SENT{n}", msisdn=f"+2507880001{n:02}") for n in range(30)]
    cashier.run()
    cashier.wallet.down = True
    waiting = [cashier.ask(order_id=f"01WAIT{n}", msisdn=f"+2507880002{n:02}") for n in range(10)]
    cashier.run_for(3 * HOUR, step=MINUTE)
    with cashier.store.read() as tx:
        assert tx.breaker_of(provider="mtn_momo")["state"] == "open"
    assert {cashier.state(one) for one in sent} == {"pending"}
    assert {cashier.state(one) for one in waiting} == {"created"}
    tried = len(cashier.wallet.fetches)
    assert tried < 3 * 60  # not thirty times every few minutes
    cashier.wallet.down = False
    for one in sent:
        cashier.wallet.approve(one["id"])
    cashier.run(6 * MINUTE)
    for _ in range(4):  # seconds: forty statuses at ten a second
        before = len(cashier.wallet.fetches)
        cashier.run(1_000)
        assert len(cashier.wallet.fetches) - before <= 11
    assert {cashier.state(one) for one in sent} == {"paid"}
    cashier.run_for(10 * MINUTE)
    assert {cashier.state(one) for one in waiting} == {"pending"}


def test_f29_after_a_restore_the_statement_shows_what_we_lack(cashier: Cashier) -> None:
    line = Line("3b0a4e0a-7f5b-4f0e-9d8e-1f0c9a7b6d55", "tx77", PAYER, 2500, "RWF", "paid", cashier.clock.now())
    for _ in range(2):
        found = reconcile(cashier.store, cashier.clock, cashier.wallets, statement=[line], provider="mtn_momo")
        assert [one["what"] for one in found] == ["not_in_our_books"]
    (case,) = cashier.cases()
    assert (case["why"], case["told_external"], case["in_suspense"]) == ("not_in_our_books", "tx77", 2500)
    assert cashier.stands("suspense") == 2500  # once
    cashier.run_for(HOUR, step=MINUTE)
    assert cashier.wallet.sendings == []


def test_f30_a_payout_that_succeeds_while_we_time_out_is_paid_once(cashier: Cashier) -> None:
    cashier.store.write(
        lambda tx: ledger.move(
            tx, now=1, source="bank", destination="seller:01SELLER:payable", amount=3000, currency="RWF", why="test"
        )
    )
    payout = cashier.ask(kind="disbursement", person_id="01SELLER")
    cashier.wallet.play("lost")
    cashier.run()
    cashier.wallet.approve(payout["id"])
    cashier.wallet.say(*[Status("unknown", reason="500")] * 3)
    cashier.run_for(30 * MINUTE)
    cashier.expect(payout, "paid")
    assert (len(cashier.wallet.sendings), len(cashier.wallet.moved())) == (1, 1)
    assert cashier.stands("seller:01SELLER:payable") == 2000


def test_f31_limits_are_looked_at_before_and_the_wallets_word_is_final(cashier: Cashier) -> None:
    limits = {("mtn_momo", "RWF"): Limits(transaction=1000, day=1500)}
    with pytest.raises(Refused) as refused:
        cashier.ask(amount=1001, limits=limits)
    assert (refused.value.reason, refused.value.facts) == ("over_transaction", {"most": 1000})
    asked = cashier.ask(amount=1000, limits=limits)
    with pytest.raises(Refused) as refused:
        cashier.ask(amount=501, part=2, limits=limits)
    assert (refused.value.reason, refused.value.facts) == ("over_day", {"most": 1500, "left": 500})
    cashier.wallet.play("refused:PAYER_LIMIT_REACHED")
    cashier.run()
    assert (cashier.state(asked), cashier.row(asked)["reason"]) == ("failed", "limit")
    assert cashier.ask(amount=1000, limits=limits)["state"] == "created"  # what failed does not count


def test_i10_a_slow_workers_late_answer_is_an_event(cashier: Cashier) -> None:
    asked = cashier.ask()
    slow = cashier.worker("slow")

    def meanwhile(_instruction: Any) -> None:
        cashier.wallet.during_send = None
        cashier.clock.advance(5 * MINUTE)  # its lease runs out, another worker asks and settles
        cashier.wallet.approve(asked["id"])
        cashier.driver.run_due()
        cashier.expect(asked, "paid")

    cashier.wallet.during_send = meanwhile
    slow.run_due()
    cashier.expect(asked, "paid")
    with cashier.store.read() as tx:
        notes = audit.of_subject(tx, f"payment:{asked['id']}")
    assert [note["action"] for note in notes][:2] == ["payment.late_answer", "payment.paid"]
    assert cashier.sms() == [f"paid:{asked['id']}"]
