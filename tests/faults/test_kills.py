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
from tests.faults.phones import PIN, Phone
from tests.faults.processes import Process, Service, service
from ussd_app.store import open_store
from ussd_app.worker.loop import LANES

READY_S = 5.0
SLOW_MACHINE = 3  # or so many times the clean start of the same run, where that is longer


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
        clean_s = market.until("/readyz", market.web())
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
            assert PIN not in log and "+25078" not in log
        most_s = max(READY_S, SLOW_MACHINE * clean_s)
        assert max(told.ready_s) < most_s, f"ready again only after {max(told.ready_s):.1f} s"
    tally, promises = crowd.tally, crowd.promises
    return (
        f"seed {seed}: {told.victims.total()} kills ({told.victims['web']} web, {told.victims['worker']} worker) in "
        f"{took_s:.0f} s; {sum(tally.turns.values())} turns answered, {promises.count} steps acknowledged "
        f"({promises.listed.total()} listings, {promises.offered.total()} offers, {len(promises.orders)} orders), "
        f"0 lost, 0 twice; {tally.repeats} callbacks sent again, {tally.compared} answers compared, "
        f"{tally.redials} calls dialled again, {tally.locked} PINs locked; {sent['messages']} SMS, all taken, {sent['doubled']} twice; "
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


ORDERS = 100_000
_COUNT = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ORDERS}) "
_FILL = (
    "INSERT INTO people (id, msisdn, name, language, created_at, updated_at)"
    " VALUES ('s', '+250788000010', 'Jeanne', 'en', 1, 1), ('b', '+250788000011', 'Marc', 'en', 1, 1)",
    _COUNT + "INSERT INTO listings (id, seller_id, produce, unit, quantity, left_quantity, price, currency, place,"
    " district, province, state, created_at, changed_at, expires_at) SELECT 'l' || i, 's', 'beans.dry', 'g', 1000, 0,"
    " 900, 'RWF', '11', '11', 'Kigali', 'sold', 1, 1, 2 FROM n",
    _COUNT + "INSERT INTO offers (id, listing_id, seller_id, buyer_id, made_by, round, produce, unit, quantity, price,"
    " currency, point, handover_place, handover_at, carrier, settlement, tolerance_pct, take_home, state, created_at,"
    " changed_at, expires_at) SELECT 'o' || i, 'l' || i, 's', 'b', 'buyer', 1, 'beans.dry', 'g', 1000, 900, 'RWF',"
    " 'farm_gate', '11', 2, 'buyer', 'outside', 5, 900, 'accepted', 1, 1, 2 FROM n",
    _COUNT + "INSERT INTO orders (id, code, offer_id, listing_id, seller_id, buyer_id, produce, unit, quantity, price,"
    " currency, point, district, province, handover_place, handover_at, free_after, carrier, settlement, tolerance_pct,"
    " state, agreed_at, agreed_day, regret_until, changed_at) SELECT 'a' || i, 'c' || i, 'o' || i, 'l' || i, 's', 'b',"
    " 'beans.dry', 'g', 1000, 900, 'RWF', 'farm_gate', '11', 'Kigali', '11', 2, 2, 'buyer', 'outside', 5, 'settled', 1,"
    " '2026-01-01', 2, 2 FROM n",
)


@pytest.mark.soak
def test_ready_at_once_with_a_hundred_thousand_orders(
    sqlite_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed fifty times over a big file, no step by hand: ready in time, every time."""
    with contextlib.closing(open_store(sqlite_url)) as store:
        for sql in _FILL:
            store.write(lambda tx, sql=sql: tx.rows(sql))  # type: ignore[misc]
    ready_s = []
    with service(tmp_path, sqlite_url) as market:
        for number in range(50):
            web = market.web()
            ready_s.append(market.until("/readyz", web))
            phone = Phone(market.port, f"+2507883{number:05d}")
            for answer in (phone.dial(), phone.send("2"), phone.send("1")):
                assert answer.more
            phone.close()
            web.kill()
    with capsys.disabled():
        print(f"\n  {ORDERS} orders, 50 kills: ready in {sum(ready_s) / 50:.1f} s, at most {max(ready_s):.1f} s")
    assert max(ready_s) < READY_S
