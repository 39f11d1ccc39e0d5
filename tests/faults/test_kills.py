"""Processes are killed at random moments under load: nothing that was acknowledged is lost, nothing is done twice."""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.market import Crowd, check_books, check_messages, check_promises, drain
from tests.faults.processes import Process, Service, service
from ussd_app.store import open_store
from ussd_app.worker.loop import LANES

READY_S = 5.0


@dataclass
class Kills:
    """What was killed, and how long the web server took until it was ready again."""

    victims: Counter[str] = field(default_factory=Counter)
    ready_s: list[float] = field(default_factory=list)


def kill_at_random(market: Service, crowd: Crowd, kills: int, spread_s: float, seed: int) -> Kills:
    """Kill web server or worker `kills` times, each after up to `spread_s` seconds of work, and start it again."""
    dice, told = random.Random(seed), Kills()
    running: dict[str, Process] = {process.name: process for process in market.running if process.name != "emulator"}
    for number in range(kills):
        time.sleep(dice.uniform(0.05, spread_s))
        if crowd.stop.is_set():
            break  # somebody met a fault: it is told at the end
        # The worker's turn comes first, so that what it held is free again while the web server is still being killed.
        victim = "worker" if number % 2 == 0 and number <= kills // 2 else dice.choice(("web", "web", "worker"))
        victim = "web" if number > kills - 4 else victim
        running[victim].kill()
        told.victims[victim] += 1
        if victim == "worker":
            running[victim] = market.worker()
            continue
        running[victim] = market.web()
        told.ready_s.append(market.until("/readyz", running[victim]))
    return told


def trade_under_fire(folder: Path, url: str, kills: int, lanes: int, spread_s: float, seed: int) -> str:
    """One whole run; returns its figures in a line. Raises AssertionError for anything lost, doubled or slow."""
    with service(folder, url, TIME_SCALE="0.5") as market, contextlib.closing(open_store(url)) as store:
        market.flask("migrate")
        market.emulator(latency_ms=15, report_after_ms=300)
        web = market.web()
        market.until("/readyz", web)
        market.worker()
        began = time.monotonic()
        crowd = Crowd(market, lanes, seed, patient=0.75)
        try:
            told = kill_at_random(market, crowd, kills, spread_s, seed)
        finally:
            crowd.stop.set()
        crowd.finish()
        took_s = time.monotonic() - began
        drain(store)
        check_promises(store, crowd)
        sent = check_messages(store, market, told.victims["worker"], LANES)
        check_books(store)
        for name in ("web", "worker"):
            log = market.log(name)
            assert "Traceback" not in log and "database is locked" not in log, log[-3000:]
        assert max(told.ready_s) < READY_S, f"ready again only after {max(told.ready_s):.1f} s"
    tally, promises = crowd.tally, crowd.promises
    return (
        f"seed {seed}: {told.victims.total()} kills ({told.victims['web']} web, {told.victims['worker']} worker) in "
        f"{took_s:.0f} s; {sum(tally.turns.values())} turns answered, {promises.count} steps acknowledged "
        f"({promises.listed.total()} listings, {promises.offered.total()} offers, {len(promises.orders)} orders), "
        f"0 lost, 0 twice; {tally.repeats} callbacks sent again, {tally.compared} answers compared, "
        f"{tally.redials} calls dialled again; {sent['messages']} SMS, all taken, {sent['doubled']} twice; "
        f"ready again in {sum(told.ready_s) / len(told.ready_s):.1f} s, at most {max(told.ready_s):.1f} s"
    )


def test_kills_under_load_lose_nothing(sqlite_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = trade_under_fire(tmp_path, sqlite_url, kills=8, lanes=3, spread_s=0.7, seed=11)
    with capsys.disabled():
        print(f"\n  {figures}")


@pytest.mark.soak
def test_two_hundred_kills_lose_nothing(sqlite_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = trade_under_fire(tmp_path, sqlite_url, kills=200, lanes=6, spread_s=1.2, seed=int(time.time()))
    with capsys.disabled():
        print(f"\n  {figures}")


@pytest.mark.soak
def test_fifty_kills_on_postgres_lose_nothing(
    postgres_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = trade_under_fire(tmp_path, postgres_url, kills=50, lanes=6, spread_s=1.2, seed=int(time.time()))
    with capsys.disabled():
        print(f"\n  {figures}")
