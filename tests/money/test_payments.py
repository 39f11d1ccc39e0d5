"""A payment from its asking to its end: what is stored, when it is sent, what the books and the trail say."""

from __future__ import annotations

import uuid

import pytest

from tests.money.cashier import HOUR, MINUTE, PAYER, Cashier
from tests.money.spoil import at_once
from ussd_app.money import audit, ledger, payments
from ussd_app.money.payments import Refused


def test_asking_stores_everything_and_sends_nothing(cashier: Cashier) -> None:
    asked = cashier.ask()
    assert (asked["state"], asked["sends"], asked["hold_id"], asked["external_id"]) == ("created", 0, None, None)
    assert uuid.UUID(asked["id"]).version == 4 and len(asked["callback_token"]) >= 22
    assert (asked["source"], asked["destination"]) == ("wallet:mtn_momo", "order:01ORDER:held")
    assert cashier.wallet.sendings == []
    assert cashier.stands("wallet:mtn_momo") == 0


def test_a_payment_goes_its_way(cashier: Cashier) -> None:
    asked = cashier.ask(note="Coffee 40 kg")
    assert cashier.run() == 1
    cashier.expect(asked, "pending")
    (sent,) = cashier.wallet.sendings
    assert (sent.reference_id, sent.amount, sent.currency, sent.msisdn) == (asked["id"], 1000, "RWF", PAYER)
    assert (sent.external_id, sent.note) == ("1234567", "Coffee 40 kg")
    assert sent.callback_url == f"https://market.test/payments/mtn_momo/{asked['callback_token']}"
    with cashier.store.read() as tx:
        assert ledger.balance(tx, "order:01ORDER:held", "RWF") == ledger.Balance(0, 1000, 0)
    cashier.wallet.approve(asked["id"])
    assert cashier.run(5_000) == 0  # not asked before its time
    assert cashier.run(15_000) == 1
    row = cashier.row(asked)
    assert (row["state"], row["settled_amount"], row["external_id"]) == ("paid", 1000, "txmtn_momo1")
    assert (row["settled_at"], row["next_at"], row["lease_by"]) == (cashier.clock.now(), None, None)
    assert cashier.stands("order:01ORDER:held") == 1000 and cashier.stands("wallet:mtn_momo") == -1000
    assert cashier.told == [("paid", asked["id"])]
    with cashier.store.read() as tx:
        trail = audit.of_subject(tx, f"payment:{asked['id']}")
        assert payments.sums(tx, "01ORDER")["paid"] == 1000
    assert [note["becomes"] for note in reversed(trail)] == ["created", "sending", "pending", "paid"]
    assert len(trail[0]["evidence"].partition(" at ")[0]) == 64
    assert trail[0]["evidence"].endswith(f" at {cashier.clock.now()}")
    assert cashier.run(HOUR) == 0


def test_a_refusal_frees_the_part_for_a_new_reference(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.run()
    assert cashier.ask()["id"] == asked["id"]  # the same intent while it is open
    cashier.wallet.reject(asked["id"])
    cashier.run(20_000)
    row = cashier.row(asked)
    assert (row["state"], row["reason"], row["word"]) == ("failed", "rejected", "APPROVAL_REJECTED")
    assert cashier.told == [("failed", asked["id"])]
    again = cashier.ask()
    assert again["id"] != asked["id"] and again["state"] == "created"


def test_one_open_intent_per_part(cashier: Cashier) -> None:
    asked = cashier.ask()
    with pytest.raises(Refused) as refused:
        cashier.ask(amount=2000)
    assert refused.value.reason == "open_intent" and refused.value.facts["payment_id"] == asked["id"]
    with cashier.store.read() as tx:
        assert payments.next_part(tx, "01ORDER", "collection") == 2
    assert cashier.ask(part=2, amount=2000)["part"] == 2
    cashier.run()
    cashier.wallet.approve(asked["id"])
    cashier.run(20_000)
    assert cashier.ask()["state"] == "paid"  # paid once, for good


def test_asked_by_twenty_at_once_it_is_one_intent(cashier: Cashier) -> None:
    rows = at_once([cashier.ask for _ in range(20)])
    assert len({row["id"] for row in rows}) == 1


def test_a_row_never_changes_its_terms_nor_its_end(cashier: Cashier) -> None:
    asked = cashier.ask()
    cancelled = cashier.store.write(
        lambda tx: payments.cancel(tx, now=1, payment_id=asked["id"], by="person:01BUYER", why="regret")
    )
    assert cancelled is not None and cancelled["state"] == "cancelled"
    for statement in (
        "UPDATE payments SET amount = 2",
        "UPDATE payments SET state = 'created', settled_at = NULL",
        "DELETE FROM payments",
    ):
        with pytest.raises(cashier.store.refusals):
            cashier.store.write(lambda tx, statement=statement: tx.rows(statement))
    cashier.expect(asked, "cancelled")


def test_only_what_was_never_sent_can_be_cancelled(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.run()
    gone = cashier.store.write(lambda tx: payments.cancel(tx, now=1, payment_id=asked["id"], by="person:x", why="no"))
    assert gone is None
    cashier.expect(asked, "pending")


def test_one_prompt_per_payer_at_a_time(cashier: Cashier) -> None:
    first, second = cashier.ask(), cashier.ask(order_id="01OTHER", external="7654321")
    cashier.run()
    assert [cashier.state(one) for one in (first, second)] == ["pending", "created"]
    assert cashier.row(second)["reason"] == "payer_busy"
    cashier.run(16_000)
    assert len(cashier.wallet.sendings) == 1
    cashier.wallet.approve(first["id"])
    cashier.run_for(MINUTE)
    assert [cashier.state(one) for one in (first, second)] == ["paid", "pending"]


def test_a_prompt_that_has_run_out_blocks_no_other_order(cashier: Cashier) -> None:
    first, second = cashier.ask(), cashier.ask(order_id="01OTHER", external="7654321")
    cashier.run_for(7 * MINUTE)
    assert [cashier.state(one) for one in (first, second)] == ["pending", "pending"]


def test_so_many_an_hour_and_no_more(cashier: Cashier) -> None:
    for number in range(payments.ASKS_AN_HOUR):
        cashier.ask(order_id=f"01ORDER{number}")
    with pytest.raises(Refused, match="too_many"):
        cashier.ask(order_id="01MORE")
    assert cashier.ask(order_id="01MORE", msisdn="+250788000002")["state"] == "created"
    cashier.clock.advance(HOUR + 1)
    assert cashier.ask(order_id="01LATER")["state"] == "created"


def test_a_payout_waits_until_it_is_covered(cashier: Cashier) -> None:
    payout = cashier.ask(kind="disbursement", person_id="01SELLER")
    cashier.run()
    assert (cashier.state(payout), cashier.row(payout)["reason"]) == ("created", "not_covered")
    assert cashier.wallet.sendings == []
    cashier.store.write(
        lambda tx: ledger.move(
            tx, now=1, source="bank", destination="seller:01SELLER:payable", amount=1000, currency="RWF", why="test"
        )
    )
    cashier.run(6 * MINUTE)
    cashier.expect(payout, "pending")
    cashier.wallet.approve(payout["id"])
    cashier.run(20_000)
    cashier.expect(payout, "paid")
    assert cashier.stands("seller:01SELLER:payable") == 0 and cashier.stands("wallet:mtn_momo") == 1000


def test_refunds_never_exceed_what_was_paid(cashier: Cashier) -> None:
    paid = cashier.ask()
    cashier.run()
    cashier.wallet.approve(paid["id"])
    cashier.run(20_000)
    refund = cashier.ask(kind="refund", amount=700, original_id=paid["id"])
    with pytest.raises(Refused) as refused:
        cashier.ask(kind="refund", amount=301, part=2, original_id=paid["id"])
    assert (refused.value.reason, refused.value.facts) == ("over_refund", {"left": 300})
    with pytest.raises(Refused, match="no_original"):
        cashier.ask(kind="refund", amount=1, part=3, original_id=refund["id"])
    cashier.run()
    sent = cashier.wallet.sendings[-1]
    assert (sent.kind, sent.original_reference, sent.original_external) == ("refund", paid["id"], "txmtn_momo1")
    cashier.wallet.approve(refund["id"])
    cashier.run(20_000)
    cashier.expect(refund, "paid")
    assert cashier.stands("order:01ORDER:held") == 300


def test_a_handler_that_fails_undoes_the_whole_change(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.run()
    cashier.wallet.approve(asked["id"])
    listener = cashier.handlers["payment.paid"]

    def fail(*_: object) -> None:
        raise ValueError("the market is confused")

    cashier.handlers["payment.paid"] = fail
    with pytest.raises(ValueError, match="confused"):
        cashier.run(20_000)
    cashier.expect(asked, "pending")
    assert cashier.stands("order:01ORDER:held") == 0
    cashier.handlers["payment.paid"] = listener
    cashier.run(2 * MINUTE)
    cashier.expect(asked, "paid")
    assert cashier.sms() == [f"paid:{asked['id']}"]


def test_after_a_day_away_a_payment_that_never_arrived_goes_again_within_minutes(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.wallet.play("lost_before")
    cashier.run()
    cashier.run(26 * HOUR)  # nobody worked; the schedule's next places are a day apart
    cashier.run_for(5 * MINUTE)
    cashier.expect(asked, "pending")
    assert [one.reference_id for one in cashier.wallet.sendings] == [asked["id"]] * 2
