"""What was paid lately, and nearby first: the median of the agreed trades of the last fourteen days.

Trades are kept as small daily sums per area and price, so the answer costs the same in a busy country as in a new one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ussd_app.hubs import Hub
from ussd_app.lib import clock as clocks
from ussd_app.market import listings, rates
from ussd_app.store import Tx

DAYS = 14
_DAY_MS = 86_400_000
_COUNTRY = "*"


@dataclass(frozen=True)
class Recent:
    """Recent trades: `area` says how near (district, province, country) and `code` which district or province.

    Prices in minor units of `currency` per kilogram, litre or piece; `trades` how many; `quantity` base units.
    """

    area: str
    code: str
    currency: str
    median: int
    low: int
    high: int
    trades: int
    quantity: int


@dataclass(frozen=True)
class Summary:
    """The price of the day for a produce: the floor (perhaps none) and recent trades (None: no trade yet)."""

    produce: str
    floor: rates.Floor
    recent: Recent | None


def median(tx: Tx, hub: Hub, produce: str, district: str, now: int) -> Recent | None:
    """Trades of the last 14 calendar days, today included, in the nearest area that has any.

    Args: `district` a district code of the hub; `now` epoch ms. The median counts trades, not kilos; between two middle
    prices it is their mean, half a unit rounded up. Returns None where nothing was traded. Raises Refused bad_place.
    """
    areas = _areas(district, listings.place_of(hub, district).province)
    rows = tx.trade_days_near(
        produce=produce,
        currency=hub.currency,
        since=clocks.day(now - (DAYS - 1) * _DAY_MS),
        until=clocks.day(now),
        **areas,
    )
    for area, key in areas.items():
        near = [row for row in rows if row["area"] == key]
        if near:
            return _recent(area, key.partition(":")[2], hub.currency, near)
    return None


def summary(tx: Tx, hub: Hub, produce: str, district: str, at: int) -> Summary:
    """The floor and the recent trades of `produce` near `district` at `at` (epoch ms). Raises Refused bad_place."""
    return Summary(produce, rates.floor_for(tx, produce, hub.currency, at), median(tx, hub, produce, district, at))


def note_trade(tx: Tx, order: Mapping[str, Any]) -> None:
    """Count an agreed order in its district, province and country."""
    tx.trade_day_add(**_cell(order))


def forget_trade(tx: Tx, order: Mapping[str, Any]) -> None:
    """Take a cancelled order out of the counts of the day it was agreed."""
    tx.trade_day_undo(**_cell(order))


def _cell(order: Mapping[str, Any]) -> dict[str, Any]:
    same = {name: order[name] for name in ("produce", "currency", "price", "quantity")}
    return same | {"day": order["agreed_day"]} | _areas(order["district"], order["province"])


def _areas(district: str, province: str) -> dict[str, str]:
    """The keys an order counts under, the nearest first."""
    return {"district": f"district:{district}", "province": f"province:{province}", "country": _COUNTRY}


def _recent(area: str, code: str, currency: str, rows: Sequence[Mapping[str, Any]]) -> Recent:
    """Sum up the rows of one area: one for each price, the lowest first."""
    trades = sum(row["trades"] for row in rows)
    middle = (_nth(rows, (trades - 1) // 2) + _nth(rows, trades // 2) + 1) // 2
    quantity = sum(row["quantity"] for row in rows)
    return Recent(area, code, currency, middle, rows[0]["price"], rows[-1]["price"], trades, quantity)


def _nth(rows: Sequence[Mapping[str, Any]], n: int) -> int:
    """The price of the n-th cheapest trade, from 0."""
    for row in rows:
        if n < row["trades"]:
            return int(row["price"])
        n -= row["trades"]
    raise IndexError(n)
