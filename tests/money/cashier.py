"""A market's cashier for tests: asks, drives, looks; and notes what the handlers were told."""

from __future__ import annotations

import random
from typing import Any

from tests.money.scripted import Wallet
from ussd_app.lib.clock import ManualClock
from ussd_app.money import ledger, payments
from ussd_app.money.driver import Driver
from ussd_app.store import Store, Tx

PAYER = "+250788000001"
MINUTE = 60_000
HOUR = 60 * MINUTE


class Cashier:
    """One store, one clock, some wallets, one driver."""

    def __init__(self, store: Store, clock: ManualClock, *wallets: Wallet) -> None:
        self.store, self.clock = store, clock
        self.wallets = {wallet.name: wallet for wallet in wallets or (Wallet(),)}
        self.wallet = next(iter(self.wallets.values()))
        self.told: list[tuple[str, str]] = []
        self.handlers = {f"payment.{state}": self._listener(state) for state in ("paid", "failed", "review")}
        self.driver = self.worker("w1")

    def worker(self, name: str) -> Driver:
        spread = random.Random(7)
        return Driver(
            self.store, self.clock, self.wallets, self.handlers, name, public_url="https://market.test", spread=spread,
            pause=lambda _seconds: None,
        )  # fmt: skip

    def _listener(self, state: str) -> Any:
        def note(tx: Tx, row: dict[str, Any], now: int) -> None:
            # In the transaction itself: a note that is undone with it.
            tx.outbox_order(
                id=f"{state}:{row['id']}", kind="sms", recipient=PAYER, template="test", values_json="{}", language="en",
                purpose="payment", urgent=1, person_id=None, dedupe=f"{state}:{row['id']}", due_at=now, now=now,
            )  # fmt: skip
            self.told.append((state, row["id"]))

        return note

    def ask(self, **terms: Any) -> dict[str, Any]:
        given: dict[str, Any] = {
            "kind": "collection", "provider": self.wallet.name, "person_id": "01BUYER", "msisdn": PAYER, "amount": 1000,
            "currency": "RWF", "order_id": "01ORDER", "external": "1234567",
        } | terms  # fmt: skip
        now = self.clock.advance(1)
        return self.store.write(lambda tx: payments.ask(tx, now=now, **given))

    def run(self, ms: int = 0) -> int:
        """Let `ms` pass, then do what is due."""
        self.clock.advance(ms)
        return self.driver.run_due()

    def run_for(self, ms: int, step: int = 15_000) -> None:
        for _ in range(0, ms, step):
            self.run(step)

    def row(self, payment: dict[str, Any]) -> dict[str, Any]:
        with self.store.read() as tx:
            found: dict[str, Any] = tx.payment_by_id(id=payment["id"])
            return found

    def state(self, payment: dict[str, Any]) -> str:
        return str(self.row(payment)["state"])

    def stands(self, account: str, currency: str = "RWF") -> int:
        with self.store.read() as tx:
            return ledger.balance(tx, account, currency).posted

    def cases(self, state: str = "open") -> list[dict[str, Any]]:
        with self.store.read() as tx:
            rows: list[dict[str, Any]] = tx.payment_reviews_all(state=state)
            return rows

    def sms(self) -> list[str]:
        """What was ordered to go out, and is really there."""
        with self.store.read() as tx:
            return [row["id"] for row in tx.rows("SELECT id FROM outbox ORDER BY id")]

    def expect(self, payment: dict[str, Any], state: str) -> None:
        assert self.state(payment) == state, self.row(payment)
