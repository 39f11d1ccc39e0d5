"""`flask ledger` and `flask audit`: what they print and how they end."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner

from tests.money.spoil import spoil
from ussd_app import cli, cli_money
from ussd_app.lib.clock import ManualClock
from ussd_app.money import audit, ledger
from ussd_app.store import Store

NOW = 1_790_000_000_000


@pytest.fixture
def runner(store: Store, clock: ManualClock) -> FlaskCliRunner:
    app = Flask("money")
    app.extensions["parts"] = SimpleNamespace(store=store, clock=clock)
    cli_money.register(app)
    store.write(
        lambda tx: ledger.move(
            tx, now=NOW, source="wallet:mtn_momo", destination="order:1:held", amount=12_500, currency="RWF", why="test"
        )
    )
    for number in (1, 2):
        store.write(
            lambda tx, number=number: audit.note(
                tx, now=NOW, actor="worker", action="test", subject=f"payment:{number}"
            )
        )
        if number == 1:
            audit.seal(store, NOW)
    return app.test_cli_runner()


def test_every_verb_is_among_those_of_the_program() -> None:
    app = Flask("program")
    cli.register(app)
    assert {"ledger", "audit", "migrate"} <= set(app.cli.commands)


@pytest.mark.spoils_books
def test_ledger_totals(runner: FlaskCliRunner, store: Store) -> None:
    result = runner.invoke(args=["ledger", "totals"])
    assert result.exit_code == 0
    assert "wallet:mtn_momo" in result.output and "12 500 RWF" in result.output
    assert result.output.endswith("The books balance.\n")
    told = json.loads(runner.invoke(args=["ledger", "totals", "--json"]).output)
    assert told["balanced"] and told["totals"]["RWF"]["debits"] == told["totals"]["RWF"]["credits"] == 12_500
    spoil(store, "UPDATE entries SET posted = 1 WHERE side = 'debit'")
    result = runner.invoke(args=["ledger", "totals", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.output)["faults"][0] == "RWF: debits 1 are not credits 12500"


def test_audit_verify_and_head(runner: FlaskCliRunner, store: Store, clock: ManualClock) -> None:
    clock.advance(7_000)
    result = runner.invoke(args=["audit", "verify"])
    assert (result.exit_code, result.output) == (
        0,
        "Sound.\n1 rows sealed and true, 1 wait for a seal, the oldest for 7 s.\n",
    )
    head = runner.invoke(args=["audit", "head"]).output.strip()
    assert json.loads(runner.invoke(args=["audit", "head", "--json"]).output)["hash"] == head.removeprefix("1:")
    assert runner.invoke(args=["audit", "verify", "--head", head]).exit_code == 0
    wrong = "1:" + "0" * 64
    assert runner.invoke(args=["audit", "verify", "--head", wrong]).exit_code == 1
    assert runner.invoke(args=["audit", "verify", "--head", "1:x"]).exit_code == 2
    spoil(store, "UPDATE audit SET becomes = 'x' WHERE subject = 'payment:1'")
    result = runner.invoke(args=["audit", "verify", "--json"])
    assert result.exit_code == 1
    told = json.loads(result.output)
    assert (told["sound"], told["sequence"], told["unsealed"], told["oldest_age_s"]) == (False, 1, 1, 7)
