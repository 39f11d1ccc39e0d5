"""What the two sides agree on, what a refusal says, and the arithmetic both share.

Quantities are base units (grams, millilitres, pieces); prices are minor units per kilogram, litre or piece.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HOUR_MS = 3_600_000
REGRET_MS = 5 * 60_000  # either side may undo an agreement this long
HANDOVER_GRACE_MS = 2 * HOUR_MS  # a truck may be this late before the kilos can be freed
HANDOVER_LATEST_MS = 90 * 24 * HOUR_MS  # an agreement may not hold stock for a year
MAX_ROUNDS = 3  # the offer is the first; then a counter, and a counter to that
TOLERANCE_PCT = 5  # how far the weighed quantity may differ from the agreed one
PLACE_LONGEST = 24
POINTS = ("farm_gate", "station")
CARRIERS = ("seller", "buyer")
SETTLEMENTS = ("outside", "pass_through", "held")
_BASE_UNITS = {"g": 1000, "ml": 1000, "piece": 1}  # base units in what a price is for


class Refused(Exception):
    """A rule said no, and nothing was written.

    `reason` is one machine word; `facts` hold the numbers a screen needs to say it plainly (minor units, base units,
    epoch ms). Reasons: not_found (also what belongs to others), gone (state), expired (expired_at), not_enough (left),
    below_floor (floor, kind, valid_from, currency, floaters), over_cap (cap, most), too_many_rounds (most),
    own_listing, changed (left), too_late (until), too_early (from_at), too_much (most), bad_quantity, bad_price (most),
    bad_place, bad_time, bad_terms (term), no_floaters, nothing_to_repeat, unknown_produce.
    """

    def __init__(self, reason: str, **facts: Any) -> None:
        super().__init__(reason, facts)
        self.reason = reason
        self.facts = facts


@dataclass(frozen=True)
class Terms:
    """What a buyer offers, or a seller counters with.

    `quantity` base units; `price` and `price_floaters` minor units per kilogram, litre or piece (floaters None = not
    said); `point` farm_gate or station; `handover_place` free text of at most 24 characters or a place code;
    `handover_at` epoch ms, None = the produce's usual time from now; `carrier` seller or buyer; `settlement` one of
    SETTLEMENTS; `expires_at` epoch ms, None = as long as the produce keeps (never beyond the listing).
    """

    quantity: int
    price: int
    point: str
    handover_place: str
    carrier: str
    settlement: str
    price_floaters: int | None = None
    handover_at: int | None = None
    expires_at: int | None = None
    tolerance_pct: int = TOLERANCE_PCT


def amount(quantity: int, price: int, unit: str) -> int:
    """`quantity` base units at `price` minor units per kilogram, litre or piece: minor units, half a unit rounded up.

    Each line of a sale (good kilos, floaters) is rounded by itself and then added, as on a receipt.
    """
    base = _BASE_UNITS[unit]
    return (quantity * price * 2 + base) // (2 * base)


def within_caps(caps: Mapping[str, int] | None, quantity: int, unit: str, value_minor: int) -> None:
    """Whether a buyer may offer this much at once.

    Args: `caps` what her verification allows (`buyers.caps`; None = anything): max_quantity_grams (grams or
    millilitres), max_pieces, max_value_minor; `quantity` base units of `unit`; `value_minor` minor units.
    Raises Refused over_cap: cap (max_quantity or max_value_minor), most (base units or minor units).
    """
    if caps is None:
        return
    most = caps["max_pieces" if unit == "piece" else "max_quantity_grams"]
    if quantity > most:
        raise Refused("over_cap", cap="max_quantity", most=most)
    if value_minor > caps["max_value_minor"]:
        raise Refused("over_cap", cap="max_value_minor", most=caps["max_value_minor"])
