"""Distances and haulage: the hub's own files, and what they are made into."""

from __future__ import annotations

from pathlib import Path

import pytest

from ussd_app.hubs import HubError, load_hub
from ussd_app.hubs.distances import Distances, HaulageRate, load_distances
from ussd_app.market.haulage import Haulage

RATE = HaulageRate("2025-01-01", 150, 3, 400, 1000, "a test")
LATER = HaulageRate("2026-01-01", 200, 3, 500, 2000, "a test")


def test_every_place_of_the_hub_has_a_centroid() -> None:
    distances = load_distances("rw")
    assert {place.code for place in load_hub("rw").places} == set(distances.points)


def test_known_distances() -> None:
    """Kigali's Nyarugenge to Huye's Ngoma is about 81 km as the crow flies, to Rusizi's Kamembe about 147."""
    hub, distances = load_hub("rw"), load_distances("rw")
    code = {(place.district, place.name): place.code for place in hub.places if place.kind == "sector"}
    town = code["Nyarugenge", "Nyarugenge"]
    assert 75 < distances.straight_km(town, code["Huye", "Ngoma"]) < 90
    assert 140 < distances.straight_km(town, code["Rusizi", "Kamembe"]) < 160


def test_a_sector_lies_in_its_district() -> None:
    hub, distances = load_hub("rw"), load_distances("rw")
    far = {place.label for place in hub.places if distances.straight_km(place.code, place.district_code) > 45}
    assert far == set()


def test_cost_is_rounded_up_and_the_row_of_the_day_holds() -> None:
    distances = Distances({"1": (0.0, 30.0), "2": (0.0, 30.1)}, [RATE, LATER], load_distances("rw").matching)
    haul = Haulage(distances, "2025-06-01").between("1", "2", "g")  # 11.119 km, 16.679 by road
    assert (haul.km, haul.cost) == (17, 7)  # 6.8
    assert Haulage(distances, "2025-06-01").between("2", "1", "g") == haul
    assert Haulage(distances, "2026-06-01").between("1", "2", "piece").cost == 23  # 23 km x 2 kg x 0.5
    assert Haulage(distances, "2025-06-01").between("1", "1", "g").km == 3


def test_faults_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "xx"
    folder.mkdir()
    (folder / "centroids.csv").write_text("code,lat,lon\n1,north,30.0\n")
    (folder / "haulage.csv").write_text("valid_from,road_pct,inside_km,tonne_km,piece_grams,source\n")
    with pytest.raises(HubError) as caught:
        load_distances("xx", tmp_path)
    assert caught.value.faults == [
        "centroids.csv row 2, column lat: 'north' does not look like -1.9920.",
        "matching.csv: the file is missing.",
        "haulage.csv: it has no rows.",
    ]
