"""Dated rows: floor prices set by the crop board, fees, limits of wallets and exchange rates. Nothing here is a constant in code.

A floor belongs to one form of a produce (ripe cherry is not green coffee) and one currency.
"""

from __future__ import annotations

from dataclasses import dataclass

from ussd_app.hubs import Hub
from ussd_app.lib import clock as clocks
from ussd_app.market.terms import Refused
from ussd_app.store import Tx


@dataclass(frozen=True)
class Floor:
    """The official price of a form: `price` in minor units of `currency` per kilogram, litre or piece, None where no
    row says anything. `kind` is minimum or fixed; `valid_from` (YYYY-MM-DD) lets a screen show that a row is of an old
    season; `price_floaters` None where floaters have no floor."""

    price: int | None = None
    price_floaters: int | None = None
    kind: str = "minimum"
    valid_from: str = ""
    currency: str = ""
    source: str = ""

    def check(self, price: int, price_floaters: int | None = None) -> None:
        """Whether these prices (minor units; floaters None = not said) respect the floor.

        A minimum wants at least the floor, a fixed price wants exactly it.
        Raises Refused below_floor: floor, kind, valid_from, currency, floaters (whether it is the floaters' price).
        """
        for asked, floor, floaters in ((price, self.price, False), (price_floaters, self.price_floaters, True)):
            if asked is None or floor is None:
                continue
            if asked < floor or (self.kind == "fixed" and asked != floor):
                facts = {"kind": self.kind, "valid_from": self.valid_from, "currency": self.currency}
                raise Refused("below_floor", floor=floor, floaters=floaters, **facts)


def floor_for(tx: Tx, produce: str, currency: str, at: int) -> Floor:
    """The floor of `produce` (a form's code) in `currency` on the day of `at` (epoch ms); Floor() where none is set."""
    row = tx.floor_at(produce=produce, currency=currency, day=clocks.day(at))
    if row is None:
        return Floor()
    return Floor(**{name: row[name] for name in Floor.__dataclass_fields__})


def load(tx: Tx, hub: Hub) -> int:
    """Bring the hub's floor prices, fees, limits of wallets and exchange rates into the store; running it again changes nothing. Returns how many rows.

    Rows entered by an operator under other dates stay.
    """
    for floor in hub.floor_prices:
        tx.floor_add(
            produce=floor.product,
            currency=hub.currency,
            valid_from=floor.valid_from,
            kind=floor.kind,
            price=floor.price_good,
            price_floaters=floor.price_floaters,
            source=floor.source,
        )
    for fee in hub.fees:
        tx.fee_add(
            kind=fee.kind,
            wallet=fee.wallet,
            currency=hub.currency,
            valid_from=fee.valid_from,
            from_minor=fee.amount_from,
            to_minor=fee.amount_to,
            fee_minor=fee.fee,
            estimate=int(fee.estimate),
            source=fee.source,
        )
    for limit in hub.wallet_limits:
        tx.wallet_limit_add(
            wallet=limit.wallet,
            currency=hub.currency,
            valid_from=limit.valid_from,
            per_transaction=limit.transaction,
            per_day=limit.day,
            estimate=int(limit.estimate),
            source=limit.source,
        )
    for rate in hub.exchange_rates:
        tx.exchange_rate_load(
            base=rate.currency,
            quote=hub.currency,
            valid_from=rate.valid_from,
            rate=rate.rate,
            estimate=int(rate.estimate),
            source=rate.source,
        )
    return len(hub.floor_prices) + len(hub.fees) + len(hub.wallet_limits) + len(hub.exchange_rates)
