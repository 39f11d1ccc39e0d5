"""What reaches the seller: good kilos times price, less each named deduction. Taking it out as cash is named apart.

Rounding: quantity times price is rounded half up to the minor unit (the franc), each line of a sale by itself; fees are
whole amounts. The net is exactly the gross less the deductions shown, so a seller can add the lines up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ussd_app.lib import clock as clocks
from ussd_app.lib import msisdn as msisdns
from ussd_app.market.terms import amount
from ussd_app.store import Tx

OUTSIDE = "outside"
_WALLETS = {"mtn": "mtn_momo", "airtel": "airtel_money"}


@dataclass(frozen=True)
class TakeHome:
    """Minor units of the sale's currency: `gross` less `deductions` (name, amount) is `net`; `cash_out_fee` is what the
    wallet would take if she drew the net as cash (None: no tariff known). `about`: some fee in it is an estimate."""

    gross: int
    deductions: list[tuple[str, int]]
    net: int
    cash_out_fee: int | None
    about: bool


def take_home(tx: Tx, quantity: int, price: int, currency: str, wallet: str, at: int, unit: str = "g") -> TakeHome:
    """What a sale brings, by the fees in force on the day of `at` (epoch ms).

    Args: `quantity` base units of `unit`; `price` minor units of `currency` per kilogram, litre or piece; `wallet`
    where the money goes (see `wallet_for`; '' = not known, no fee is).
    """
    gross = amount(quantity, price, unit)
    rows = tx.fees_at(wallet=wallet, currency=currency, day=clocks.day(at))
    service, cash_out = _band(rows, "service", gross), None
    deductions = [] if service is None else [("service", min(gross, int(service["fee_minor"])))]
    net = gross - sum(taken for _, taken in deductions)
    if net:
        cash_out = _band(rows, "cash_out", net)
    about = any(band is not None and bool(band["estimate"]) for band in (service, cash_out))
    return TakeHome(gross, deductions, net, None if cash_out is None else int(cash_out["fee_minor"]), about)


def wallet_for(settlement: str, msisdn: str | None) -> str:
    """The wallet a sale's money would reach: 'outside' when the parties pay each other, else that of the number's
    network (E.164 with +), '' where the number tells none."""
    if settlement == OUTSIDE:
        return OUTSIDE
    return _WALLETS.get(msisdns.network_hint(msisdn) or "", "") if msisdn else ""


def _band(rows: Sequence[Mapping[str, Any]], kind: str, value: int) -> Mapping[str, Any] | None:
    """The band of this kind of fee that holds `value` minor units."""
    bands = (row for row in rows if row["kind"] == kind and row["from_minor"] <= value <= row["to_minor"])
    return next(bands, None)
