"""Turns at a fixed rate while every wallet takes each call and answers none, payments are due and a worker asks for them."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.bench import crowd
from tests.bench.loadgen import Orders
from tests.bench.measures import PHONES, WORKER_START_S, cores, load
from tests.bench.report import Report
from tests.bench.servers import market_env, running, serving
from tests.bench.turns import SALE_WALK
from ussd_app.lib.clock import Clock
from ussd_app.lib.ids import code_digits
from ussd_app.money import ledger, payments
from ussd_app.store import Tx, open_store

DUE = 400  # payments at each wallet: more than can be tried while it hangs
UNDER_WAY = 40  # of them sent already, so that their status is due as well
P99_MS = 1000
# Payments first, then a sale: it writes a listing and orders an SMS.
WALK = [("", "home"), ("4", "pay.latest"), ("00", "home"), *[(typed, screen) for typed, screen, _ in SALE_WALK[1:]]]
CALLS = ("token", "send", "fetch", "balance", "holder")


def hung(report: Report, url: str, sellers: int, seconds: float, rate: float = 50.0) -> None:
    """Calls at `rate` turns a second for `seconds` while both wallets hang; the store at `url` is a filled market."""
    from ussd_app.emulators import airtel_money, mtn_momo
    from ussd_app.emulators.wallet_http import control

    server_cpus, generator = cores()
    phones = [crowd.seller_phone(n) for n in range(1, min(sellers, PHONES) + 1)]
    hang = {"do": "hang", "value": int((seconds + 60) * 1000), "times": 0}
    # The one gives tokens out and hangs on all that follows, the other on everything.
    hangs = {"mtn_momo": ("send", "fetch", "holder", "balance"), "airtel_money": ("any",)}
    with contextlib.ExitStack() as stack:
        wallets: dict[str, Any] = {
            "mtn_momo": stack.enter_context(mtn_momo.running(mtn_momo.Options(port=0))),
            "airtel_money": stack.enter_context(airtel_money.running(airtel_money.Options(port=0))),
        }
        env = {f"{name.upper()}_BASE_URL": wallet.url for name, wallet in wallets.items()}
        for name, wallet in wallets.items():
            control(wallet, {"faults": [hang | {"on": on} for on in hangs[name]]})
        _make_due(url, [*wallets])
        server = stack.enter_context(serving("market", url, cpus=server_cpus, env=env))
        worker = [sys.executable, "-m", "flask", "--app", "wsgi", "worker"]
        stack.enter_context(running(worker, market_env(url) | env, server_cpus))
        patience = time.monotonic() + WORKER_START_S
        while not all(_calls(wallet) for wallet in wallets.values()) and time.monotonic() < patience:
            time.sleep(0.1)  # they are to hang before the first turn comes
        orders = Orders(server.port, server.path, 64, seconds, 2.0, WALK, phones, rate=rate, cpus=generator)
        heard = load(server, orders)
        hanging = {name: _calls(wallet) for name, wallet in wallets.items()}
        states = _states(url)
    met = heard.p99 < P99_MS and heard.rate > rate * 0.95
    report.add(
        f"{rate:.0f} turns a second for {seconds:.0f} s, wallets hung: p50 / p99 / longest",
        f"{heard.p50:.1f} / {heard.p99:.0f} / {heard.longest:.0f} ms",
        f"p99 < {P99_MS}",
        met,
    )
    left = "; ".join(f"{name} {calls} calls" for name, calls in hanging.items())
    report.add("  answered a second; left hanging", f"{heard.rate:.1f}; {left}")
    report.add(
        "  what became of the payments", ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    )
    if heard.wrong:
        report.faults.append(f"hung wallets, {heard.troubles}")
    for name, calls in hanging.items():
        if not calls:
            report.faults.append(f"the worker called {name} not once while it hung: nothing was proved")
    if states["failed"] or states["paid"]:
        report.faults.append("a payment came to an end though no wallet ever answered")


def _calls(wallet: Any) -> int:
    """How many calls a wallet took."""
    return sum(entry["kind"] in CALLS for entry in wallet.journal())


def _make_due(url: str, names: Sequence[str]) -> None:
    """Payments at each wallet that are due now, some to be asked about and most to be sent."""

    def ask(tx: Tx) -> None:
        now = Clock().now()
        for place, name in enumerate(names):
            for number in range(DUE):
                row = payments.ask(
                    tx, now=now, kind="collection", provider=name, person_id=None, amount=1000, currency="RWF",
                    msisdn=f"+2507{8 if place == 0 else 3}{9_000_000 + number}", order_id=f"bench-{name}-{number}",
                    external=code_digits(8),
                )  # fmt: skip
                if number < UNDER_WAY:
                    ends = {name: row[name] for name in ("source", "destination", "amount", "currency")}
                    tx.rows(
                        "UPDATE payments SET state = 'pending', sends = 1, first_sent_at = :now, sent_at = :now,"
                        " hold_id = :hold WHERE id = :id RETURNING id",
                        now=now,
                        id=row["id"],
                        hold=ledger.hold(tx, now=now, payment_id=row["id"], **ends),
                    )

    with contextlib.closing(open_store(url)) as store:
        store.write(ask)


def _states(url: str) -> Counter[str]:
    with contextlib.closing(open_store(url)) as store, store.read() as tx:
        return Counter(
            {row["state"]: row["n"] for row in tx.rows("SELECT state, COUNT(*) AS n FROM payments GROUP BY state")}
        )
