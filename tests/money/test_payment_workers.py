"""Several workers at once, the pace of statuses, the breaker, and a driver on its own threads."""

from __future__ import annotations

import time
from typing import Any

from tests.money.cashier import MINUTE, Cashier
from tests.money.invariants import broken
from tests.money.scripted import Wallet
from tests.money.spoil import at_once
from ussd_app.lib.clock import Clock, ManualClock
from ussd_app.money import breaker
from ussd_app.store import Store


def state_of(cashier: Cashier) -> dict[str, Any]:
    with cashier.store.read() as tx:
        found: dict[str, Any] = tx.breaker_of(provider="mtn_momo")
        return found


def test_many_workers_send_and_settle_each_payment_once(cashier: Cashier) -> None:
    asked = [cashier.ask(order_id=f"01ORDER{n}", msisdn=f"+2507881{n:05}") for n in range(40)]
    workers = [cashier.worker(f"w{n}") for n in range(6)]
    at_once([worker.run_due for worker in workers])
    references = [one.reference_id for one in cashier.wallet.sendings]
    assert sorted(references) == sorted(one["id"] for one in asked)
    for one in asked:
        cashier.wallet.approve(one["id"])
    cashier.clock.advance(25_000)
    at_once([worker.run_due for worker in workers])
    assert {cashier.state(one) for one in asked} == {"paid"}
    assert sorted(cashier.sms()) == sorted(f"paid:{one['id']}" for one in asked)
    assert cashier.stands("wallet:mtn_momo") == -40_000


def test_one_payer_is_prompted_once_by_many_workers(cashier: Cashier) -> None:
    for number in range(8):
        cashier.ask(order_id=f"01ORDER{number}")
    at_once([cashier.worker(f"w{n}").run_due for n in range(6)])
    assert len(cashier.wallet.sendings) == 1


def test_the_pace_of_statuses_is_one_for_all_workers(cashier: Cashier) -> None:
    cashier.wallet.status_rate = 5.0
    for number in range(30):
        cashier.ask(order_id=f"01ORDER{number}", msisdn=f"+2507881{number:05}")
    cashier.run()
    cashier.clock.advance(25_000)
    workers = [cashier.worker(f"w{n}") for n in range(4)]
    for second in range(1, 4):
        for worker in workers:
            worker.run_due()
        assert len(cashier.wallet.fetches) <= 5 * second + 1
        cashier.clock.advance(1_000)
    assert len(cashier.wallet.fetches) >= 12


def test_the_breaker_opens_tries_once_and_closes(cashier: Cashier) -> None:
    cashier.wallet.down = True
    asked = [cashier.ask(order_id=f"01ORDER{n}", msisdn=f"+2507881{n:05}") for n in range(20)]
    cashier.run()
    assert state_of(cashier)["state"] == "open"
    tried = len(cashier.wallet.sendings)
    assert breaker.FAILURES <= tried < 12
    assert cashier.run(1_000) == 0
    assert cashier.run(15_000) == 1  # one trial
    assert cashier.run(1_000) == 0
    cashier.wallet.down = False
    cashier.run(MINUTE)
    assert state_of(cashier)["state"] == "closed" and state_of(cashier)["failures"] == 0
    cashier.run_for(10 * MINUTE)
    assert {cashier.state(one) for one in asked} == {"pending"}


def test_somebody_may_have_a_paused_wallet_asked_again(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.wallet.play("misconfigured:NOT_ALLOWED")
    cashier.run()
    assert state_of(cashier)["state"] == "paused"
    now = cashier.clock.now()
    assert cashier.store.write(lambda tx: breaker.resume(tx, "mtn_momo", now=now))
    assert not cashier.store.write(lambda tx: breaker.resume(tx, "mtn_momo", now=now))
    cashier.run_for(90 * MINUTE, step=MINUTE)
    cashier.expect(asked, "pending")


def test_one_hung_wallet_keeps_no_other_waiting(store: Store) -> None:
    slow, quick = Wallet("mtn_momo"), Wallet("airtel_money", tells_amount=False)
    desk = Cashier(store, ManualClock(), slow, quick)
    slow.during_send = lambda _: time.sleep(1.5)
    for number in range(6):
        desk.ask(order_id=f"01SLOW{number}", msisdn=f"+2507881{number:05}")
    asked = desk.ask(provider="airtel_money", order_id="01QUICK")
    driver = desk.worker("threads")
    began = time.monotonic()
    driver.start()
    while desk.state(asked) != "pending" and time.monotonic() - began < 10:
        time.sleep(0.02)
    took = time.monotonic() - began
    driver.end()
    assert took < 1.4
    assert broken(store) == []
    with store.read() as tx:
        assert tx.rows("SELECT id FROM payments WHERE lease_by IS NOT NULL") == []  # all given back


def test_a_scaled_clock_settles_in_moments(store: Store) -> None:
    desk = Cashier(store, Clock(scale=0.002), Wallet())  # type: ignore[arg-type]
    desk.clock.advance = lambda ms: desk.clock.now()  # type: ignore[method-assign]
    asked = desk.ask()
    driver = desk.worker("threads")
    driver.start()
    deadline = time.monotonic() + 10
    while asked["id"] not in desk.wallet.records and time.monotonic() < deadline:
        time.sleep(0.01)
    desk.wallet.approve(asked["id"])
    while desk.state(asked) != "paid" and time.monotonic() < deadline:
        time.sleep(0.02)
    driver.end()
    desk.expect(asked, "paid")


def test_a_breaker_that_a_wrong_calendar_shut_is_tried_once_the_calendar_is_right(cashier: Cashier) -> None:
    cashier.clock.advance(24 * 60 * MINUTE)
    asked = cashier.ask()
    cashier.wallet.down = True
    cashier.run_for(10 * MINUTE)
    assert state_of(cashier)["state"] == "open"
    cashier.wallet.down = False
    cashier.clock.advance(-24 * 60 * MINUTE)
    cashier.store.write(lambda tx: tx.payments_of_tomorrow(ahead=0, now=cashier.clock.now(), lease=0))
    cashier.run_for(2 * MINUTE)
    cashier.expect(asked, "pending")
    assert state_of(cashier)["state"] == "closed"
