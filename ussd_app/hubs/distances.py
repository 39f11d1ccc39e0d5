"""How far the places of a hub lie from each other, what haulage costs, and how often bids and asks are matched.

Read apart from the hub: only the worker's clearing and the screens of its proposals need it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import asin, cos, radians, sin, sqrt
from pathlib import Path
from typing import Protocol, TypeVar

from ussd_app.hubs.tables import Folder, HubError, Once, Row

_DEGREES = re.compile(r"-?\d{1,3}\.\d{1,6}", re.ASCII)
_CODE = re.compile(r"\d+", re.ASCII)
EARTH_KM = 6371.0


@dataclass(frozen=True, slots=True)
class HaulageRate:
    """From the day `valid_from` on: roads are `road_pct` percent of the straight line, `inside_km` lie between two
    farms of one place, and a tonne costs `tonne_km` minor units a kilometre; a piece weighs `piece_grams`."""

    valid_from: str
    road_pct: int
    inside_km: int
    tonne_km: int
    piece_grams: int
    source: str


@dataclass(frozen=True, slots=True)
class MatchingRule:
    """From the day `valid_from` on: minutes between clearings in a produce's season and outside it, minutes a proposal
    waits for its answers; how much of a pair's worth hangs on reliability and on freshness (percent), hours until a bid
    or ask is no longer fresh, what a traded unit is worth besides its surplus, and what prices are rounded to (minor
    units)."""

    valid_from: str
    season_minutes: int
    other_minutes: int
    answer_minutes: int
    reliability_pct: int
    freshness_pct: int
    fresh_hours: int
    trade_minor: int
    round_to: int
    source: str


class _Dated(Protocol):
    @property
    def valid_from(self) -> str: ...


_D = TypeVar("_D", bound=_Dated)


@dataclass(frozen=True, eq=False)
class Distances:
    """Centroids (degrees) by place code; the dated rows of haulage and matching, the oldest first."""

    points: Mapping[str, tuple[float, float]]
    haulage: Sequence[HaulageRate]
    matching: Sequence[MatchingRule]

    def straight_km(self, one: str, other: str) -> float:
        """Great-circle kilometres between two places (codes). Raises KeyError for a place without a centroid."""
        (lat1, lon1), (lat2, lon2) = self.points[one], self.points[other]
        a, b = radians(lat1), radians(lat2)
        half = sin((b - a) / 2) ** 2 + cos(a) * cos(b) * sin(radians(lon2 - lon1) / 2) ** 2
        return 2 * EARTH_KM * asin(sqrt(half))

    def haulage_at(self, day: str) -> HaulageRate:
        """The row in force on `day` (YYYY-MM-DD); before the first one, the first."""
        return _at(self.haulage, day)

    def matching_at(self, day: str) -> MatchingRule:
        """The row in force on `day` (YYYY-MM-DD); before the first one, the first."""
        return _at(self.matching, day)


def _at(rows: Sequence[_D], day: str) -> _D:
    begun = [row for row in rows if row.valid_from <= day]
    return begun[-1] if begun else rows[0]


@lru_cache(maxsize=4)
def load_distances(code: str, root: Path = Path(__file__).parent) -> Distances:
    """centroids.csv, haulage.csv and matching.csv of the hub `root`/`code`, read once a process.

    Raises HubError naming every fault with its file, row and column.
    """
    folder = Folder(root / code)
    points = dict(folder.each("centroids.csv", ("code", "lat", "lon"), _point))
    haulage, matching = _dated(folder, "haulage.csv", _haulage), _dated(folder, "matching.csv", _matching)
    for file, found in (("centroids.csv", points), ("haulage.csv", haulage), ("matching.csv", matching)):
        if not found and not any(fault.startswith(file) for fault in folder.faults):
            folder.faults.append(f"{file}: it has no rows.")
    if folder.faults:
        raise HubError(code, folder.faults)
    return Distances(points, haulage, matching)


def _point(row: Row) -> tuple[str, tuple[float, float]]:
    before = len(row.faults)
    code = row.matches("code", _CODE, "3706")
    lat, lon = row.matches("lat", _DEGREES, "-1.9920"), row.matches("lon", _DEGREES, "30.0289")
    return code, ((float(lat), float(lon)) if len(row.faults) == before else (0.0, 0.0))


def _haulage(row: Row) -> HaulageRate:
    counts = (row.whole("road_pct", 100), row.whole("inside_km"), row.whole("tonne_km"), row.whole("piece_grams", 1))
    return HaulageRate(row.day("valid_from"), *counts, row.plain("source", 160))


def _matching(row: Row) -> MatchingRule:
    least = {"season_minutes": 1, "other_minutes": 1, "answer_minutes": 1, "fresh_hours": 1, "round_to": 1}
    names = [name for name in MatchingRule.__dataclass_fields__ if name not in ("valid_from", "source")]
    counts = {name: row.whole(name, least.get(name, 0)) for name in names}
    for name in ("reliability_pct", "freshness_pct"):
        if counts[name] > 100:
            row.fault(name, "is more than 100")
    return MatchingRule(row.day("valid_from"), **counts, source=row.plain("source", 160))


def _dated(folder: Folder, file: str, read: Callable[[Row], _D]) -> tuple[_D, ...]:
    once = Once()

    def one(row: Row) -> _D:
        found = read(row)
        once.check(row, "valid_from", found.valid_from)
        return found

    columns = tuple((HaulageRate if file == "haulage.csv" else MatchingRule).__dataclass_fields__)
    return tuple(sorted(folder.each(file, columns, one), key=lambda row: row.valid_from))
