"""A true callback a thousand times over fifty threads, through the wallets' real door and while workers ask: one posting,
one SMS, and every one of them answered."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conversation import world
from tests.conversation.world import SECRET, Market, market
from tests.faults.processes import await_true
from tests.money.invariants import broken
from tests.money.spoil import at_once
from ussd_app.emulators import airtel_money, mtn_momo
from ussd_app.emulators.wallet import Wallet
from ussd_app.market import deliveries
from ussd_app.money import ledger

THREADS, EACH = 50, 20
EMULATED = {"mtn_momo": mtn_momo, "airtel_money": airtel_money}
BUYERS = {"mtn_momo": "+250788000002", "airtel_money": "+250738000002"}


@pytest.fixture(params=[*EMULATED])
def wallet(request: pytest.FixtureRequest) -> Iterator[Wallet]:
    module: Any = EMULATED[request.param]
    with module.running(module.Options(port=0, approval="ask", callback="never", status_rate=1000)) as emulator:
        yield emulator


@pytest.fixture
def opened(store_url: str, wallet: Wallet, monkeypatch: pytest.MonkeyPatch) -> Iterator[Market]:
    name = "mtn_momo" if isinstance(wallet, mtn_momo.MtnMomoEmulator) else "airtel_money"
    address: dict[str, Any] = {f"{name}_base_url": wallet.url}
    monkeypatch.setattr(world, "SETTINGS", dataclasses.replace(world.SETTINGS, providers=(name,), **address))
    with market(store_url, monkeypatch) as opened:
        yield opened


def asked(opened: Market, provider: str) -> dict[str, Any]:
    """The buyer's collection, sent and waiting for her in her wallet."""
    for line in ("seller Mukamana +250788000001 speaks en", f"buyer Marc {BUYERS[provider]} speaks en",
                 "listing of Mukamana: maize.grain 50 kg at 400",
                 "pass_through order of Marc with Mukamana: 40 kg at 390"):  # fmt: skip
        opened.given(line)
    order = opened.rows("SELECT id, buyer_id, seller_id, quantity FROM orders")[0]
    market = {"clock": opened.clock, "now": opened.clock.now()}

    def weigh(tx: Any) -> None:
        row = deliveries.record(tx, order_id=order["id"], buyer_id=order["buyer_id"], gross=order["quantity"], **market)
        deliveries.agree(tx, seller_id=order["seller_id"], delivery_id=row["id"], **market)

    opened.store.write(weigh)
    opened.parts.money.driver("first").run_due()
    (payment,) = opened.rows("SELECT * FROM payments")
    assert payment["state"] == "pending"
    return payment


def what_it_tells(wallet: Wallet, reference: str) -> bytes:
    """The body of the callback that this wallet sends of a payment."""
    payment = wallet.payments[reference]
    if isinstance(wallet, mtn_momo.MtnMomoEmulator):
        return json.dumps(wallet.told(payment)).encode()
    assert isinstance(wallet, airtel_money.AirtelMoneyEmulator)
    return json.dumps({"transaction": wallet._about(payment, "status_code")}).encode()


def test_a_true_callback_a_thousand_times_over_fifty_threads(opened: Market, wallet: Wallet) -> None:
    (provider,) = opened.parts.money.providers
    payment = asked(opened, provider)
    (prompt,) = wallet.prompts()
    assert wallet.approve(prompt["reference"], "1234", True)[0] == 200
    token = payment["callback_token"] if provider == "mtn_momo" else SECRET
    body = what_it_tells(wallet, prompt["reference"])
    answers: Counter[int] = Counter()
    done, lock = threading.Event(), threading.Lock()

    def drive(name: str) -> None:
        driver = opened.parts.money.driver(name)
        while not done.is_set():
            driver.run_due()
            done.wait(0.01)

    def call() -> None:
        client = opened.app.test_client()
        got = Counter(client.post(f"/payments/{provider}/{token}", data=body).status_code for _ in range(EACH))
        with lock:
            answers.update(got)

    workers = [threading.Thread(target=drive, args=(f"w{n}",)) for n in range(2)]
    for worker in workers:
        worker.start()
    try:
        at_once([call] * THREADS)
        await_true(
            lambda: opened.rows("SELECT state FROM payments WHERE kind = 'collection'") == [{"state": "paid"}], "it"
        )
    finally:
        done.set()
        for worker in workers:
            worker.join()
    assert answers == {202: THREADS * EACH}
    with opened.store.read() as tx:
        moved = ledger.of_payment(tx, payment["id"])
        (evidence,) = tx.rows("SELECT * FROM payment_evidence WHERE payment_id = :id", id=payment["id"])
        assert ledger.balance(tx, f"wallet:{provider}", "RWF").posted == -payment["amount"]
    assert [(one["kind"], one["amount"]) for one in moved] == [
        (kind, payment["amount"]) for kind in ("pending", "post")
    ]
    assert evidence["times"] == THREADS * EACH
    sms = opened.rows("SELECT id, dedupe FROM outbox WHERE dedupe LIKE :about", about=f"payment.%:{payment['id']}:%")
    assert [row["dedupe"].split(":")[0] for row in sms] == ["payment.collected"]
    texts = opened.inbox(BUYERS[provider])
    assert texts.count(opened.phones.taken[sms[0]["id"]].text) == 1
    assert broken(opened.store) == []
