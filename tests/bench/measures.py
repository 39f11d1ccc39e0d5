"""What is measured over HTTP: whole turns against a bare commit, and turns while the SMS gateway hangs."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench import crowd
from tests.bench.loadgen import Orders
from tests.bench.report import Report, spread
from tests.bench.servers import ROOT, Server, busy_seconds, market_env, running, serving
from tests.bench.turns import SALE_WALK
from ussd_app.lib.clock import Clock
from ussd_app.store import Tx, open_store, outbox

CALLERS = 16
P99_MS, LONGEST_MS = 30, 250
QUIET = 0.15  # with more of the machine taken by other work, times in ms say little about the market
CROWDED = 0.5  # and with half of it, ratios too
PHONES = 2_000
WORKER_START_S = 20
# Menus alone: home, a list of 37 products, her offers, and back.
MENU_WALK = [
    ("", "home"), ("1", "sell.produce"), ("0", "home"), ("2", "offers.list"), ("0", "home"), ("5", "prices.produce"),
    ("00", "home"),
]  # fmt: skip
BARE_WALK = [(typed, "") for typed, _screen in MENU_WALK]


@dataclass(frozen=True)
class Pace:
    """How long and how often. `warm_s`: the seconds before each round that do not count."""

    seconds: float
    rounds: int
    warm_s: float = 0.5


@dataclass(frozen=True)
class Round:
    """One round of one server: turns a second, latencies in ms, the server's CPU microseconds an answer, the share of
    the machine that other work took meanwhile (0 to 1; 0 where the machine does not tell)."""

    rate: float
    p50: float
    p99: float
    longest: float
    cpu_us: float
    others: float
    wrong: int
    troubles: str


def cores() -> tuple[list[int], list[int]]:
    """The server's core and the generator's; the same none where there is but one."""
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return (usable[:1], usable[1:2]) if len(usable) > 1 else ([], [])


def load(server: Server, orders: Orders) -> Round:
    """Let a generator of its own process loose on `server`. Raises RuntimeError when the generator fails."""
    before, ours_before, busy_before = server.cpu_seconds(), _children_seconds(), busy_seconds()
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.loadgen"],
        input=json.dumps(asdict(orders)),
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=orders.seconds + 90,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"no figures from {server.name}: {done.stderr.strip().splitlines()[-1:]}")
    told: dict[str, Any] = json.loads(done.stdout)
    spent = server.cpu_seconds() - before
    others = busy_seconds() - busy_before - spent - (_children_seconds() - ours_before)
    share = max(0.0, others / (time.monotonic() - began) / (os.cpu_count() or 1))
    troubles = "; ".join(f"{count} x {trouble}" for trouble, count in told["troubles"])
    cpu_us = spent / told["answers"] * 1e6
    return Round(told["rate"], told["p50"], told["p99"], told["max"], cpu_us, share, told["wrong"], troubles)


def _children_seconds() -> float:
    """CPU time of the generators so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def interleaved(servers: Sequence[Server], sellers: int, pace: Pace, generator: list[int]) -> dict[str, list[Round]]:
    """Every server once a round, in turn; only one is under load at a time."""
    found: dict[str, list[Round]] = defaultdict(list)
    phones = [crowd.seller_phone(n) for n in range(1, min(sellers, PHONES) + 1)]
    for number in range(pace.rounds):
        fresh = phones[number :: pace.rounds]  # whose call a round broke off is offered it again: not in the next one
        for server in servers if number % 2 else reversed(servers):
            walk = MENU_WALK if server.name == "market" else BARE_WALK
            orders = Orders(server.port, server.path, CALLERS, pace.seconds, pace.warm_s, walk, fresh, cpus=generator)
            found[server.name].append(load(server, orders))
    return found


def saturated(
    report: Report,
    label: str,
    urls: tuple[str, str],
    sellers: int,
    pace: Pace,
    at_least: float | None,
    workers: int = 1,
    env: dict[str, str] | None = None,
    tail: bool = True,
) -> None:
    """A whole turn against the bare commit, both at saturation on the same kind of server.

    `urls`: the filled market and the bare baseline's own database. `at_least`: the ratio wanted (None: none). `tail`: whether the
    time at saturation has a target as well.
    """
    server_cpus, generator = cores() if workers == 1 else ([], [])
    with contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(serving(name, url, workers, server_cpus, env))
            for name, url in zip(("market", "bare"), urls, strict=True)
        ]
        rounds = interleaved(servers, sellers, pace, generator)
    turns, bare = rounds["market"], rounds["bare"]
    ratios = [turn.rate / base.rate for turn, base in zip(turns, bare, strict=True)]
    others = median(r.others for r in (*turns, *bare))
    target, met = "", None
    if at_least is not None:
        target, met = _judged(f">= {at_least:g} x", median(ratios) >= at_least, others > CROWDED)
    report.add(f"{label}: turns against bare commits", f"{spread(ratios)} x", target, met)
    for name, one in (("turns", turns), ("bare commits", bare)):
        cpu = median(r.cpu_us for r in one)
        report.add(
            f"  {name} a second",
            spread([r.rate for r in one], 0) + (f", {cpu:.0f} us CPU each" if cpu else ""),
        )
    _add_times(report, turns, bare, tail)
    report.faults += [f"{label}, {r.troubles}" for r in (*turns, *bare) if r.wrong]


def _add_times(report: Report, turns: Sequence[Round], bare: Sequence[Round], tail: bool) -> None:
    """Times at saturation: judged (`tail`) only on a machine that was left alone."""
    others = median(r.others for r in (*turns, *bare))
    target, met = "", None
    if tail:
        met = median(r.p99 for r in turns) < P99_MS and median(r.longest for r in turns) < LONGEST_MS
        target, met = _judged(f"p99 < {P99_MS}, longest < {LONGEST_MS}", met, others > QUIET)
    report.add("  turn p50 / p99 / longest", _times(turns), target, met)
    report.add("  bare p50 / p99 / longest", _times(bare))
    report.add("  share of the machine taken by other work", f"{others:.0%}")


def _judged(target: str, met: bool, busy: bool) -> tuple[str, bool | None]:
    """A target and whether it is met; a miss on a busy machine says nothing about the market."""
    return (f"{target}: not judged, the machine was busy", None) if busy and not met else (target, met)


def _times(rounds: Sequence[Round]) -> str:
    middle = " / ".join(
        f"{median(values):.0f}" for values in zip(*[(r.p50, r.p99, r.longest) for r in rounds], strict=True)
    )
    return f"{middle} ms, worst {max(r.longest for r in rounds):.0f}"


def hung(report: Report, url: str, sellers: int, seconds: float, rate: float = 50.0) -> None:
    """Calls at a fixed rate while the gateway takes each SMS and never answers, and a worker tries to send them."""
    from ussd_app.emulators.africastalking import Options
    from ussd_app.emulators.africastalking import running as emulated

    server_cpus, generator = cores()
    phones = [crowd.seller_phone(n) for n in range(1, min(sellers, PHONES) + 1)]
    with contextlib.ExitStack() as stack:
        gateway = stack.enter_context(emulated(Options(port=0, latency_ms=int((seconds + 60) * 1000), reports="never")))
        sms = {
            "SMS_GATEWAY": "africastalking",
            "AFRICASTALKING_BASE_URL": gateway.url,
            "AFRICASTALKING_USERNAME": "bench",
            "AFRICASTALKING_API_KEY": "bench",
        }
        server = stack.enter_context(serving("market", url, cpus=server_cpus, env=sms))
        worker = [sys.executable, "-m", "flask", "--app", "wsgi", "worker"]
        _order_sms(url, phones[:50])
        stack.enter_context(running(worker, market_env(url) | sms, server_cpus))
        patience = time.monotonic() + WORKER_START_S
        while not gateway.journal() and time.monotonic() < patience:
            time.sleep(0.1)  # it is to hang before the first turn comes
        walk = [(typed, screen) for typed, screen, _name in SALE_WALK]  # each sale orders an SMS
        orders = Orders(server.port, server.path, 64, seconds, 2.0, walk, phones, rate=rate, cpus=generator)
        heard = load(server, orders)
        taken = len(gateway.journal())
    met = heard.p99 < 1000 and heard.rate > rate * 0.95
    report.add(
        f"{rate:.0f} turns a second, SMS gateway hung: p50 / p99 / longest",
        f"{heard.p50:.1f} / {heard.p99:.0f} / {heard.longest:.0f} ms",
        "p99 < 1000",
        met,
    )
    report.add("  answered a second; SMS left hanging", f"{heard.rate:.1f}; {taken}")
    if heard.wrong:
        report.faults.append(f"hung gateway, {heard.troubles}")
    if not taken:
        report.faults.append("the worker handed no SMS to the hung gateway: nothing was proved")


def _order_sms(url: str, phones: Sequence[str]) -> None:
    """Have messages wait for the worker, so that each of its lanes hangs from the first moment."""
    now = Clock().now()

    def order(tx: Tx) -> None:
        for phone in phones:
            outbox.order(
                tx, now=now, kind="sms", to=phone, template="sms.help", values={}, language="en", purpose="order"
            )

    with contextlib.closing(open_store(url)) as store:
        store.write(order)


def copy_market(filled: Path, to: Path) -> str:
    """A filled SQLite market for one server alone; returns its address."""
    shutil.copyfile(filled, to)
    return f"sqlite:///{to}"
