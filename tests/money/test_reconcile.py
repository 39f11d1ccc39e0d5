"""Our payments beside the wallets: by their statuses, beside a statement, and the verbs of the command line."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner

from tests.money.cashier import PAYER, Cashier
from ussd_app import cli, cli_payments
from ussd_app.money import breaker
from ussd_app.money.providers.base import Status
from ussd_app.money.reconcile import reconcile
from ussd_app.money.statement import Line, read_statement

HEADER = "Reference,Wallet ID,Number,Amount,Currency,Status,Time"


def differ(cashier: Cashier, *lines: Line) -> list[str]:
    statement = list(lines) or None
    found = reconcile(cashier.store, cashier.clock, cashier.wallets, statement=statement, provider="mtn_momo")
    return [one["what"] for one in found]


def paid(cashier: Cashier, **terms: Any) -> dict[str, Any]:
    asked = cashier.ask(**terms)
    cashier.run()
    cashier.wallet.approve(asked["id"])
    cashier.run(20_000)
    cashier.expect(asked, "paid")
    return cashier.row(asked)


def line_of(row: dict[str, Any], **other: Any) -> Line:
    terms = {"reference": row["id"], "wallet_id": row["external_id"], "msisdn": PAYER, "amount": row["amount"]}
    terms |= {"currency": "RWF", "state": "paid", "at": row["settled_at"]}
    return Line(**(terms | other))


def test_where_all_agree_there_is_nothing(cashier: Cashier) -> None:
    row = paid(cashier)
    assert differ(cashier) == []
    assert differ(cashier, line_of(row), line_of(row, reference="")) == []
    assert cashier.cases() == []


def test_what_is_paid_here_and_not_there(cashier: Cashier) -> None:
    row = paid(cashier)
    cashier.wallet.reject(row["id"])
    assert differ(cashier) == ["paid_here_not_there"]
    assert differ(cashier, line_of(row, state="failed")) == ["paid_here_not_there"]
    assert [case["why"] for case in cashier.cases()] == ["paid_here_not_there"]
    cashier.expect(row, "paid")


def test_what_is_open_here_is_settled_by_the_driver(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.run()
    cashier.wallet.approve(asked["id"])
    assert differ(cashier) == ["paid_there_not_here"]
    cashier.expect(asked, "pending")
    cashier.run(1)
    cashier.expect(asked, "paid")


def test_what_failed_here_and_is_paid_there_becomes_a_case_once(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.run()
    cashier.wallet.reject(asked["id"])
    cashier.run(20_000)
    cashier.wallet.approve(asked["id"])
    assert differ(cashier) == ["paid_there_not_here"]
    cashier.run(1)
    assert [case["why"] for case in cashier.cases()] == ["late_success"]
    assert differ(cashier) == []


def test_a_wallet_that_does_not_answer_is_not_called_equal(cashier: Cashier) -> None:
    paid(cashier)
    cashier.wallet.down = True
    assert differ(cashier) == ["no_answer"]


def test_more_or_less_than_was_paid(cashier: Cashier) -> None:
    row = paid(cashier)
    assert differ(cashier, line_of(row, amount=1100)) == ["statement_amount"]
    assert differ(cashier, line_of(row, amount=1100)) == ["statement_amount"]
    assert (cashier.stands("wallet:mtn_momo"), cashier.stands("suspense")) == (-1100, 100)  # once


def test_taken_twice_under_one_reference(cashier: Cashier) -> None:
    """A second transaction of theirs for our reference is money that we do not know."""
    row = paid(cashier)
    assert differ(cashier, line_of(row), line_of(row, wallet_id="second")) == ["not_in_our_books"]
    (case,) = cashier.cases()
    assert (case["told_external"], case["in_suspense"]) == ("second", 1000)


def test_one_transaction_id_for_two_payments(cashier: Cashier) -> None:
    """The second one's money is not more of the first one's, whose id it bears: our reference tells them apart."""
    first = paid(cashier)
    second = cashier.ask(order_id="01OTHER", amount=700)
    cashier.run()
    line = line_of(first, reference=second["id"], amount=700)
    assert differ(cashier, line_of(first), line) == ["paid_there_not_here"]
    assert cashier.cases() == [] and cashier.stands("suspense") == 0


def test_what_is_held_in_review_follows_the_statement(cashier: Cashier) -> None:
    """Its status told 900 of 1000, the statement says 950: our account at the wallet is what the wallet moved."""
    asked = cashier.ask()
    cashier.run()
    cashier.wallet.approve(asked["id"], amount=900)
    cashier.run(20_000)
    cashier.expect(asked, "review")
    line = line_of(cashier.row(asked), wallet_id="", amount=950, at=cashier.clock.now())
    assert differ(cashier, line_of(cashier.row(asked), wallet_id="", amount=900, at=1)) == []
    assert differ(cashier, line) == differ(cashier, line) == ["statement_amount"]
    assert (cashier.stands("wallet:mtn_momo"), cashier.stands("suspense")) == (-950, 950)


def test_what_we_have_and_the_statement_has_not(cashier: Cashier) -> None:
    first, second = paid(cashier), paid(cashier, order_id="01OTHER")
    third = paid(cashier, order_id="01THIRD")
    assert differ(cashier, line_of(first), line_of(third)) == ["not_in_statement"]
    assert cashier.cases()[0]["payment_id"] == second["id"]


def test_a_payout_unknown_to_us(cashier: Cashier) -> None:
    strange = Line("", "tx9", "+250788000009", 500, "RWF", "paid", 1, kind="disbursement")
    assert differ(cashier, strange) == ["not_in_our_books"]
    assert (cashier.stands("wallet:mtn_momo"), cashier.stands("suspense")) == (500, -500)


def test_reading_a_statement() -> None:
    rows = f'\ufeff{HEADER},Kind\nr1,w1,250788000001,"37,600.00",rwf,Transaction Success,2026-03-10 08:00:00,\n'
    rows += "r2,w2,+250788000002,100,RWF,TF,1790000000,disbursement\n"
    first, second = read_statement(rows)
    assert first == Line("r1", "w1", "+250788000001", 37_600, "RWF", "paid", 1_773_122_400_000, "collection")
    assert (second.state, second.at, second.kind) == ("failed", 1_790_000_000_000, "disbursement")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a,b\n1,2\n", "header"),
        ("", "header"),
        (f"{HEADER}\nr,w,1,-5,RWF,paid,\n", "line 2: the amount"),
        (f"{HEADER}\nr,w,1,NaN,RWF,paid,\n", "line 2: the amount"),
        (f"{HEADER}\nr,w,1,5,XXXX,paid,\n", "line 2"),
        (f"{HEADER}\nr,w,1,5,RWF,paid,\n,,1,5,RWF,paid,\n", "line 3: neither"),
    ],
)
def test_a_statement_is_taken_whole_or_not_at_all(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        read_statement(text)


# the verbs


@pytest.fixture
def runner(cashier: Cashier) -> FlaskCliRunner:
    app = Flask("payments")
    money = SimpleNamespace(providers=cashier.wallets, handlers=cashier.handlers)
    app.extensions["parts"] = SimpleNamespace(store=cashier.store, clock=cashier.clock, money=money)
    cli_payments.register(app)
    return app.test_cli_runner()


def test_the_verbs_are_among_those_of_the_program() -> None:
    app = Flask("program")
    cli.register(app)
    assert {"review", "reconcile"} <= set(app.cli.commands)


def test_review_list_and_decide(cashier: Cashier, runner: FlaskCliRunner) -> None:
    assert runner.invoke(args=["review", "list"]).exit_code == 0
    asked = cashier.ask()
    cashier.run()
    cashier.wallet.approve(asked["id"], amount=900, msisdn="+250788999999")
    cashier.run(20_000)
    told = runner.invoke(args=["review", "list"])
    assert told.exit_code == 1
    assert "wrong_amount" in told.output and "900 RWF" in told.output and "+250788999999" not in told.output
    listed = json.loads(runner.invoke(args=["review", "list", "--json"]).output)
    (case,) = listed["cases"]
    assert case["told_msisdn"] == "...999" and case["in_suspense"] == 900
    verb = ["review", "decide", case["id"], "--as", "paid", "--why", "the buyer agrees to the rest later"]
    first = runner.invoke(args=[*verb, "--by", "Aline"])
    assert first.exit_code == 0 and "Another operator" in first.output
    assert "operator:aline says paid" in runner.invoke(args=["review", "list"]).output
    assert "Another operator" in runner.invoke(args=[*verb, "--by", "Aline"]).output
    assert runner.invoke(args=[*verb, "--by", "Bosco"]).output == "Decided: paid.\n"
    cashier.expect(asked, "paid")
    again = runner.invoke(args=[*verb, "--by", "Bosco"])
    assert again.exit_code == 1 and "No open case" in again.output
    assert runner.invoke(args=[*verb[:3], "--as", "perhaps", "--why", "x", "--by", "A"]).exit_code == 2


def test_review_resume(cashier: Cashier, runner: FlaskCliRunner) -> None:
    verb = ["review", "resume", "mtn_momo", "--by", "Aline"]
    assert runner.invoke(args=verb).exit_code == 1
    cashier.store.write(lambda tx: breaker.pause(tx, "mtn_momo", now=1, clock=cashier.clock, reason="NOT_ALLOWED"))
    assert "mtn_momo is paused: NOT_ALLOWED" in runner.invoke(args=["review", "list"]).output
    assert runner.invoke(args=verb).exit_code == 0
    assert runner.invoke(args=["review", "list"]).exit_code == 0


def test_reconcile_on_the_command_line(cashier: Cashier, runner: FlaskCliRunner, tmp_path: Path) -> None:
    row = paid(cashier)
    same = runner.invoke(args=["reconcile"], catch_exceptions=False)
    assert (same.exit_code, same.output) == (0, "0 differences.\n")
    cashier.wallet.say(Status("failed"))
    assert runner.invoke(args=["reconcile"]).exit_code == 1
    file = tmp_path / "statement.csv"
    file.write_text(f"{HEADER}\n{row['id']},{row['external_id']},{PAYER},950,RWF,TS,\n")
    verb = ["reconcile", "--statement", str(file), "--provider", "mtn_momo"]
    told = runner.invoke(args=[*verb, "--json"])
    assert told.exit_code == 1
    (difference,) = json.loads(told.output)["differences"]
    assert (difference["what"], difference["ours"], difference["theirs"]) == (
        "statement_amount", "paid 1000 RWF", "paid 950 RWF",
    )  # fmt: skip
    file.write_text("nonsense\n")
    assert runner.invoke(args=verb).exit_code == 2
    assert runner.invoke(args=[*verb[:3], "--provider", "nobody"]).exit_code == 2
