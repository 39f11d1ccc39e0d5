"""Money as one part of the service: wired once by `create_app`, used by the worker, the callbacks' door and people's
commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ussd_app.lib.clock import Clock
from ussd_app.money import audit, callbacks, reviews
from ussd_app.money.driver import Driver
from ussd_app.money.providers.base import Provider
from ussd_app.money.transitions import Handlers
from ussd_app.settings import Settings
from ussd_app.store import Store

WATCH_EVERY_MS = 60_000
AHEAD_MS = 300_000


@dataclass(frozen=True)
class Money:
    """Store, clock, settings, wallets by name, and who listens: `payment.paid`, `payment.failed`, `payment.review` ->
    function of (transaction, payment row, now), called in the transaction of the change."""

    store: Store
    clock: Clock
    settings: Settings
    providers: Mapping[str, Provider]
    handlers: Handlers

    def driver(self, name: str) -> Driver:
        """A driver for the worker `name`: `start` it beside the worker's loop, `end` it after."""
        return Driver(self.store, self.clock, self.providers, self.handlers, name, public_url=self.settings.public_url)

    def jobs(self) -> dict[str, tuple[int, object]]:
        """Regular jobs: name -> (interval in ms, function of the store and now)."""
        return {
            "payments.watch": (WATCH_EVERY_MS, self.watch),
            "audit.seal": (audit.SEAL_EVERY_MS, audit.seal),
        }

    def watch(self, store: Store, now: int) -> int:
        """Put payments that are open for a day on the list (returns how many), look again at what a calendar that went
        back had planned, and forget strange callbacks."""
        wait = self.clock.wait
        ahead = {"ahead": now + wait(AHEAD_MS), "now": now, "lease": now + wait(2 * AHEAD_MS)}
        store.write(lambda tx: tx.payments_of_tomorrow(**ahead))
        store.write(lambda tx: callbacks.forget(tx, now=now))
        return store.write(lambda tx: reviews.sweep(tx, now=now, clock=self.clock))
