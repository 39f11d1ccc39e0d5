"""F26: a worker that dies at a named point leaves rows from which another one goes on, and no money moves twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults_money.dying_worker import WrittenWallet
from tests.money.cashier import HOUR, MINUTE, Cashier
from tests.money.invariants import broken
from ussd_app.lib.clock import ManualClock
from ussd_app.lib.crash import CRASH_POINTS
from ussd_app.store import open_store

ROOT = Path(__file__).parents[2]
KILLED = 137
# Where it dies while sending -> how the row stands, and whether the wallet has it.
SENDING = {
    "payment.after_sending_mark": ("sending", 0),
    "payment.after_send": ("sending", 1),
    "payment.before_apply": ("sending", 1),
    "payment.after_apply": ("pending", 1),
}
# Where it dies while settling -> how the row stands.
SETTLING = {"payment.before_apply": "pending", "payment.after_apply": "paid"}


def test_every_point_of_a_payment_is_tested_here() -> None:
    assert {*SENDING, *SETTLING} == {name for name in CRASH_POINTS if name.startswith("payment.")}


def worker(url: str, journal: Path, clock: ManualClock, crash_at: str) -> int:
    """Run a worker in a process of its own; its exit status."""
    command = [sys.executable, "-m", "tests.faults_money.dying_worker", url, str(journal), str(clock.now())]
    env = {**os.environ, "CRASH_AT": crash_at, "ENVIRONMENT": "development"}
    return subprocess.run(command, cwd=ROOT, env=env, timeout=60, check=False).returncode


@pytest.mark.parametrize("point", SENDING)
def test_f26_a_worker_dies_around_the_sending(store_url: str, tmp_path: Path, point: str) -> None:
    store, clock, wallet = open_store(store_url), ManualClock(), WrittenWallet(tmp_path / "journal")
    desk = Cashier(store, clock, wallet)
    asked = desk.ask()
    assert worker(store_url, wallet.journal, clock, point) == KILLED
    wallet.recall(store)
    state, arrived = SENDING[point]
    assert (desk.state(asked), len(wallet.records)) == (state, arrived)
    assert desk.run(1_000) == 0  # until its lease runs out it is nobody else's
    desk.run_for(30 * MINUTE)
    desk.expect(asked, "pending")
    assert [one.reference_id for one in wallet.sendings] == [asked["id"]] * (1 - arrived)
    wallet.approve(asked["id"])
    desk.run_for(HOUR, step=MINUTE)
    desk.expect(asked, "paid")
    assert desk.sms() == [f"paid:{asked['id']}"] and desk.stands("order:01ORDER:held") == 1000
    assert broken(store) == []
    store.close()


@pytest.mark.parametrize("point", SETTLING)
def test_f26_a_worker_dies_around_the_settling(store_url: str, tmp_path: Path, point: str) -> None:
    store, clock, wallet = open_store(store_url), ManualClock(), WrittenWallet(tmp_path / "journal")
    desk = Cashier(store, clock, wallet)
    asked = desk.ask()
    desk.run()
    wallet.journal.write_text(f"{asked['id']} paid\n")
    clock.advance(20_000)
    assert worker(store_url, wallet.journal, clock, point) == KILLED
    assert desk.state(asked) == SETTLING[point]
    assert len(desk.sms()) == (point == "payment.after_apply")  # the message comes with the commit, or not at all
    wallet.approve(asked["id"])
    desk.run_for(5 * MINUTE)
    desk.expect(asked, "paid")
    assert desk.sms() == [f"paid:{asked['id']}"] and desk.stands("order:01ORDER:held") == 1000
    assert broken(store) == []
    store.close()
