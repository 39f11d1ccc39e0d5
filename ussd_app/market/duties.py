"""What the worker does for deliveries, wallets and settlements without being asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ussd_app.lib.clock import Clock
from ussd_app.market import deliveries, settlement, wallets
from ussd_app.money.providers.base import Holder, Provider
from ussd_app.store import Store

Duty = Callable[[Store, int], object]


def jobs(clock: Clock, providers: Mapping[str, Provider]) -> dict[str, tuple[int, Duty]]:
    """Regular jobs: name -> (interval in ms, unscaled; function of the store and now)."""
    return {
        "deliveries.remind": (
            60_000,
            lambda store, now: store.write(lambda tx: deliveries.remind(tx, clock=clock, now=now)),
        ),
        "wallets.activate": (60_000, lambda store, now: store.write(lambda tx: wallets.activate_due(tx, now=now))),
        "wallets.holders": (10_000, lambda store, now: ask_holders(store, clock, providers, now)),
        "settlement.run": (10_000, lambda store, now: settlement.run(store, clock, now)),
    }


def ask_holders(store: Store, clock: Clock, providers: Mapping[str, Provider], now: int) -> int:
    """Ask the providers whose wallets those are that wait for a name; no transaction is open meanwhile.

    Returns how many were asked for. A wallet of a provider that is not set up counts as one that does not answer.
    """
    with store.read() as tx:
        waiting = wallets.to_look_at(tx, now=now)
    for row in waiting:
        provider = providers.get(row["provider"])
        holder = provider.holder(row["msisdn"]) if provider is not None else Holder()
        store.write(
            lambda tx, row=row, holder=holder: wallets.note_holder(  # type: ignore[misc]
                tx, clock=clock, now=now, wallet_id=row["id"], active=holder.active, name=holder.name
            )
        )
    return len(waiting)
