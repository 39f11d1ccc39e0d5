"""Web server and worker die at random moments while buyers pay: the wallets' journals are the ledger, to the franc."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.faults.processes import Process
from tests.faults_money.till import (
    Sellers,
    Till,
    Trade,
    check_books,
    check_messages,
    check_told,
    check_wallets,
    till,
)
from ussd_app.store import open_store
from ussd_app.worker.loop import LANES

PHONES = 4
TAKEN, UNHEARD = "callback 202", "callback 0"  # taken; nobody was there to take it
# What the wallets do besides while processes die: each comes to something that nobody here can be sure of.
HARMLESS: tuple[dict[str, Any], ...] = (
    {"do": "reset", "on": "send"},
    {"do": "after", "on": "send", "value": 500},
    {"do": "half", "on": "send"},
    {"do": "slow", "on": "send", "value": 400},
    {"do": "junk", "on": "fetch"},
    {"do": "drop", "on": "fetch"},
    {"do": "callback", "value": "twice"},
    {"do": "callback", "value": "never"},
    {"do": "callback", "value": "late"},
)


class Executioner:
    """Kills web server and worker at moments of a seed, and starts them again."""

    def __init__(self, market: Till, trade: Trade, seed: int, quick: bool) -> None:
        self.market, self.trade, self.dice, self.quick = market, trade, random.Random(seed), quick
        self.victims: Counter[str] = Counter()
        self.running: dict[str, Process] = {"web": market.web(), "worker": self.worker()}
        market.until("/readyz", self.running["web"])

    def worker(self) -> Process:
        return self.market.quick_worker() if self.quick else self.market.worker()

    def kill(self, victim: str) -> None:
        self.running[victim].kill()
        self.victims[victim] += 1
        self.running[victim] = self.worker() if victim == "worker" else self.market.web()
        if victim == "web":
            self.market.until("/readyz", self.running[victim])

    def trouble(self) -> None:
        """One wallet misbehaves once, or one buyer refuses."""
        fault = self.dice.choice((*HARMLESS, {"do": "outcome", "value": "APPROVAL_REJECTED"}))
        if fault["do"] == "outcome":
            fault = fault | {"msisdn": self.dice.choice(self.trade.buyers)}
        self.market.control(self.dice.choice(("mtn_momo", "airtel_money")), fault=fault)


def pay_under_fire(
    folder: Path, url: str, orders: int, kills: int, pause_s: float, seed: int, *, quick: bool, scale: str
) -> str:
    """One whole run; returns its figures in a line. Raises AssertionError for anything lost, doubled or not the same."""
    stop = threading.Event()
    with till(folder, url, TIME_SCALE=scale) as market, contextlib.closing(open_store(url)) as store:
        market.emulator(latency_ms=5, report_after_ms=300)
        approve_after_ms = round(250 / float(scale))  # a payer takes a quarter of a second
        for name in ("mtn_momo", "airtel_money"):
            market.wallet(name, approve_after_ms=approve_after_ms, latency_ms=15, late_ms=round(3_000 / float(scale)))
        trade = Trade(market, store, orders, known=quick)
        market.control("mtn_momo", fault={"do": "outcome", "value": "APPROVAL_REJECTED", "msisdn": trade.buyers[0]})
        for name in ("mtn_momo", "airtel_money"):  # whatever the seed says: taken, and no answer
            market.control(name, fault={"do": "reset", "on": "send"})
        fire = Executioner(market, trade, seed, quick)
        began = time.monotonic()
        lanes = [Sellers(market, trade.sellers[n::PHONES], stop, pause_s, seed + n) for n in range(PHONES)]
        for lane in lanes:
            lane.start()
        try:
            for number in range(kills):
                fire.trouble()
                time.sleep(fire.dice.uniform(0.05, 2.0 if not quick else 1.0))
                if stop.is_set():
                    break
                fire.kill(("worker", "web")[number % 2] if quick else fire.dice.choice(("worker", "worker", "web")))
            for lane in lanes:
                lane.join(300)
        finally:
            stop.set()
        for lane in lanes:
            if lane.fault is not None:
                raise lane.fault
        trade.calm(60 if quick else 400)
        took_s = time.monotonic() - began
        told = [number for lane in lanes for number in lane.told]
        assert sorted(told) == sorted(trade.sellers)
        check_told(store, told)
        sums = check_wallets(market, store)
        assert (sums["collection"], sums["disbursement"]) == (orders, orders) and sums["failed"]
        sent = check_messages(market, store, fire.victims["worker"], LANES)
        check_books(store, orders)
        for name in ("web", "worker"):
            log = market.log(name)
            assert "Traceback" not in log and "database is locked" not in log, log[-3000:]
            assert "+25078" not in log and "+25073" not in log
        calls = market.calls()
        answers = {kind for kind in calls if kind.startswith("callback ")}
        assert {TAKEN} <= answers <= {TAKEN, UNHEARD}, answers
    repeats = sum(lane.tally.repeats for lane in lanes)
    return (
        f"seed {seed}: {fire.victims.total()} kills ({fire.victims['web']} web, {fire.victims['worker']} worker) in "
        f"{took_s:.0f} s; {orders} collections and {orders} payouts moved once each, {sums['failed']} came to nothing, "
        f"the journals are the ledger; {calls['send']} sendings, {calls['fetch']} statuses, "
        f"{calls[TAKEN]} callbacks taken, {calls[UNHEARD]} unheard; "
        f"{repeats} turns sent again; {sent['messages']} SMS, {sent['doubled']} twice"
    )


def test_kills_while_buyers_pay(sqlite_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = pay_under_fire(tmp_path, sqlite_url, 16, 5, 0.4, seed=3, quick=True, scale="0.01")
    with capsys.disabled():
        print(f"\n  {figures}")


@pytest.mark.soak
@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_sixty_kills_during_five_hundred_payments(
    request: pytest.FixtureRequest, engine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url: str = request.getfixturevalue(f"{engine}_url")
    figures = pay_under_fire(tmp_path, url, 250, 64, 0.6, seed=int(time.time()), quick=False, scale="0.03")
    with capsys.disabled():
        print(f"\n  {engine}: {figures}")
