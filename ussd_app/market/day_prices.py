"""What a cooperative pays at its scale from a day on, where neither a call nor an order says so."""

from __future__ import annotations

from typing import Any

from ussd_app.hubs import Hub
from ussd_app.lib import clock as clocks
from ussd_app.market import cooperatives, rates
from ussd_app.market.terms import Refused
from ussd_app.money import audit
from ussd_app.store import Tx

DayPrice = dict[str, Any]


def at(tx: Tx, cooperative_id: str, produce: str, grade: str, now: int) -> DayPrice | None:
    """The row in force at `now` (epoch ms): produce, grade, valid_from, price, price_floaters (minor units per kilogram,
    litre or piece), currency. One for the grade stands before one for all grades; None: nobody set a price."""
    row: DayPrice | None = tx.day_price_at(
        cooperative_id=cooperative_id, produce=produce, grade=grade, day=clocks.day(now)
    )
    return row


def put(
    tx: Tx,
    *,
    hub: Hub,
    now: int,
    manager_id: str,
    cooperative_id: str,
    produce: str,
    price: int,
    price_floaters: int | None = None,
    grade: str = "",
    valid_from: str | None = None,
) -> DayPrice:
    """A manager says what is paid from a day on (YYYY-MM-DD, today when not given); said twice for a day, the last counts.

    Args: `now` epoch ms; prices minor units per kilogram, litre or piece, `price_floaters` only where the produce has
    floaters; `grade` '' for all. The caller has checked her PIN.
    Returns the row. Raises Refused not_allowed, unknown_produce, bad_price (most), no_floaters, below_floor.
    """
    cooperatives.check_role(tx, manager_id, cooperative_id, "manager")
    try:
        kind = hub.produce_by(produce)
    except KeyError:
        raise Refused("unknown_produce") from None
    if not 0 < price <= kind.max_price or not 0 <= (price_floaters or 0) <= kind.max_price:
        raise Refused("bad_price", most=kind.max_price)
    if price_floaters is not None and not kind.floater:
        raise Refused("no_floaters")
    rates.floor_for(tx, produce, hub.currency, now).check(price, price_floaters)
    row: DayPrice = tx.day_price_put(
        cooperative_id=cooperative_id, produce=produce, grade=grade, valid_from=valid_from or clocks.day(now),
        price=price, price_floaters=price_floaters, currency=hub.currency, by=manager_id, now=now,
    )  # fmt: skip
    audit.note(
        tx, now=now, actor=f"person:{manager_id}", action="cooperative.price", subject=f"cooperative:{cooperative_id}",
        becomes=f"{produce} {grade or 'all'} {price} from {row['valid_from']}",
    )  # fmt: skip
    return row


def produce_weighed(tx: Tx, cooperative_id: str, now: int) -> list[str]:
    """What is weighed here: codes of what has a price today or is called for."""
    rows = tx.day_prices_in_force(cooperative_id=cooperative_id, day=clocks.day(now))
    return [str(row["produce"]) for row in rows]
