"""The lines of a delivery: the screen before her yes, the SMS and the statement all show these, and they add up.

Good kilos at their price, floaters at theirs, then each deduction by name; every line is rounded by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ussd_app.lib import clock as clocks
from ussd_app.lib.gsm7 import fold
from ussd_app.market import people, takehome, wallets
from ussd_app.market.terms import Refused, amount
from ussd_app.store import Tx

# Deductions that have a name in every language; any other word of at most NAME_LONGEST characters stands as written.
DEDUCTIONS = ("inputs", "advance", "transport", "sacks", "membership")
SERVICE = "service"  # the market's own, if the hub takes one
MOST_DEDUCTIONS = 5
NAME_LONGEST = 20


class Line(NamedTuple):
    """One line of a receipt. `kind` good, floaters, or the name of a deduction; `quantity` base units and `price` minor
    units per kilogram, litre or piece (None for a deduction); `amount` minor units, below 0 for a deduction."""

    kind: str
    quantity: int | None
    price: int | None
    amount: int


def lines(delivery: Mapping[str, Any]) -> list[Line]:
    """The lines of a delivery (a row with its `deductions`); their amounts add up to its net exactly."""
    found = [_line("good", delivery, delivery["good"], delivery["price"])]
    if delivery["floaters"]:
        found.append(_line("floaters", delivery, delivery["floaters"], delivery["price_floaters"]))
    return found + [Line(row["name"], None, None, -row["amount"]) for row in delivery["deductions"]]


def deductions_of(
    tx: Tx, now: int, order: Mapping[str, Any], row: Mapping[str, Any], named: Sequence[tuple[str, int]]
) -> list[dict[str, Any]]:
    """The deductions of goods (`row`: their weights and prices) as rows with name and amount, the market's own last.

    Args: `named` (name, minor units) each. Raises Refused: bad_deduction (name), over_deducted (most: minor units).
    """
    found: list[dict[str, Any]] = []
    for name, taken in named:
        name = " ".join(fold(name).split())
        known = {one["name"] for one in found} | {"good", "floaters", SERVICE}
        if not 0 < len(name) <= NAME_LONGEST or name in known or type(taken) is not int or taken <= 0:
            raise Refused("bad_deduction", name=name[:NAME_LONGEST])
        found.append({"name": name, "amount": taken})
    if len(found) > MOST_DEDUCTIONS:
        raise Refused("bad_deduction", name=found[MOST_DEDUCTIONS]["name"])
    worth = sum(line.amount for line in lines({**row, "deductions": []}))
    fee = _service(tx, now, order, worth)
    if sum(one["amount"] for one in found) + fee > worth:
        raise Refused("over_deducted", most=worth - fee)
    return found + ([{"name": SERVICE, "amount": fee}] if fee else [])


def _service(tx: Tx, now: int, order: Mapping[str, Any], worth: int) -> int:
    """What the hub takes of goods worth so many minor units, by the fees of the day."""
    seller = people.by_id(tx, order["seller_id"])
    wallet = takehome.wallet_for(order["settlement"], seller["msisdn"] if seller else None)
    chosen = wallets.shown(tx, order["seller_id"])["active"]
    if order["settlement"] != takehome.OUTSIDE and chosen is not None:
        wallet = chosen["provider"]
    rows = tx.fees_at(wallet=wallet, currency=order["currency"], day=clocks.day(now))
    bands = [one for one in rows if one["kind"] == SERVICE and one["from_minor"] <= worth <= one["to_minor"]]
    return min(worth, int(bands[0]["fee_minor"])) if bands else 0


def _line(kind: str, delivery: Mapping[str, Any], quantity: int, price: int) -> Line:
    return Line(kind, quantity, price, amount(quantity, price, delivery["unit"]))
