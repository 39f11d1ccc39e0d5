"""How far goods travel and what that costs: straight lines between the centroids of places, stretched to roads.

Both are estimates of the day's dated row, good enough to choose between buyers; no invoice is made of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ussd_app.hubs.distances import Distances

_GRAMS_PER_TONNE = 1_000_000
_GRAMS_PER_UNIT = 1_000  # a kilogram, or a litre, which is hauled like one


@dataclass(frozen=True, slots=True)
class Haul:
    """`km` by road, and `cost` in minor units of the hub's currency for one kilogram, litre or piece."""

    km: int
    cost: int


class Haulage:
    """What a day's row says between any two places; each pair is reckoned once."""

    def __init__(self, distances: Distances, day: str) -> None:
        """Args: `day` YYYY-MM-DD, whose row of haulage.csv is in force."""
        self._distances, self._rate = distances, distances.haulage_at(day)
        self._km: dict[tuple[str, str], int] = {}

    def between(self, one: str, other: str, unit: str) -> Haul:
        """From one place (code) to another, the same both ways.

        Args: `unit` g, ml or piece. Kilometres are rounded up, and so is the cost, once: haulage is never reckoned
        lower than the row says, so that a bid's limit is not passed. Raises KeyError for an unknown place.
        """
        pair = (one, other) if one < other else (other, one)
        km = self._km.get(pair)
        if km is None:
            # whole metres first: a float's last digit must not make one kilometre more
            metres = round(self._distances.straight_km(*pair) * 1000) * self._rate.road_pct // 100
            km = self._km[pair] = max(self._rate.inside_km, -(-metres // 1000))
        grams = self._rate.piece_grams if unit == "piece" else _GRAMS_PER_UNIT
        return Haul(km, -(-km * self._rate.tonne_km * grams // _GRAMS_PER_TONNE))

    def knows(self, place: str) -> bool:
        """Whether this place (code) has a centroid, its own or its district's."""
        return place in self._distances.points
