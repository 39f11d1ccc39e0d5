#!/usr/bin/env python3
"""Makes ussd_app/hubs/rw/places.csv: the 5 provinces, 30 districts and 416 sectors of Rwanda with their NISR codes.

Sources, both read from unpacked Python packages (neither is needed to run the service):

- rwanda-admin 1.4.1, rwanda_administrative.json: the National Institute of Statistics of Rwanda (NISR), "List of
  Villages", July 2019; the file gives its licence as CC-BY-4.0. Village codes have 8 digits: district 2, sector 2,
  cell 2, village 2; the first four are the sector's code, the first two the district's, the first one the province's.
  Known faults: three districts in capitals, and "RwezamenyoKabuguru", where a cell's name ran into the sector's.
- rwanda-geo-data 1.1.0, data.json, MIT licence, (c) 2026 LinkFy Connect: the same places, clean spelling, no codes.

Codes come from the first, spelling from the second; both must name the same sectors or nothing is written.

    python -m venv /tmp/places && /tmp/places/bin/pip install --no-deps rwanda-admin==1.4.1 rwanda-geo-data==1.1.0
    python docs/data/build_places.py /tmp/places/lib/python3.11/site-packages > ussd_app/hubs/rw/places.csv
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROVINCES = {
    "1": "Kigali City",
    "2": "Southern Province",
    "3": "Western Province",
    "4": "Northern Province",
    "5": "Eastern Province",
}
"""NISR's numbers, English names."""

SPELLING = {"RwezamenyoKabuguru": "Rwezamenyo"}
"""Names that rwanda-admin has wrong beyond capitals."""

EXPECTED = {"province": 5, "district": 30, "sector": 416}

Row = tuple[str, str, str, str, str]


def coded_sectors(data: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(sector code, district, sector) of rwanda-admin's tree; raises ValueError where a sector's villages disagree."""
    for province in data["provinces"]:
        for district in province["districts"]:
            for sector in district["sectors"]:
                villages = [v["id"].removeprefix("village-") for cell in sector["cells"] for v in cell["villages"]]
                codes = {village[:4] for village in villages}
                if len(codes) != 1 or any(len(village) != 8 for village in villages):
                    raise ValueError(f"{district['name']}, {sector['name']}: its villages give the codes {codes}")
                yield codes.pop(), district["name"], SPELLING.get(sector["name"], sector["name"])


def rows(coded: dict[str, Any], spelled: dict[str, Any]) -> list[Row]:
    """The rows of places.csv, by code within each kind; raises ValueError where the two sources do not meet."""
    spelling = {
        (district.lower(), sector.lower()): (district, sector)
        for districts in spelled.values()
        for district, sectors in districts.items()
        for sector in sectors
    }
    found: list[Row] = [(code, "province", name, "", code) for code, name in PROVINCES.items()]
    districts: dict[str, str] = {}
    for code, district, sector in coded_sectors(coded):
        pair = spelling.pop((district.lower(), sector.lower()), None)
        if pair is None:
            raise ValueError(f"{district}, {sector} ({code}): not in rwanda-geo-data")
        if districts.setdefault(code[:2], pair[0]) != pair[0]:
            raise ValueError(f"district code {code[:2]} belongs to {districts[code[:2]]} and to {pair[0]}")
        found.append((code, "sector", pair[1], code[:2], code[0]))
    if spelling:
        raise ValueError(f"not in rwanda-admin: {sorted(spelling)}")
    found.extend((code, "district", name, code, code[0]) for code, name in districts.items())
    order = list(EXPECTED)
    return sorted(found, key=lambda row: (order.index(row[1]), row[0]))


def check(found: list[Row]) -> None:
    """Raises ValueError unless the counts are the official ones, codes are unique and names plain ASCII letters."""
    for kind, count in EXPECTED.items():
        if (have := sum(row[1] == kind for row in found)) != count:
            raise ValueError(f"{have} of kind {kind}, not {count}")
    if len({row[0] for row in found}) != len(found):
        raise ValueError("a code is there twice")
    for row in found:
        if not (row[2].isascii() and row[2].replace(" ", "").isalpha() and row[2] == row[2].title()):
            raise ValueError(f"{row[0]}: the name {row[2]!r} is not plain")


def main(site_packages: Path) -> None:
    coded = json.loads((site_packages / "rwanda_admin/rwanda_administrative.json").read_text("utf-8"))
    spelled = json.loads((site_packages / "rwanda_geo_data/data.json").read_text("utf-8"))
    found = rows(coded, spelled)
    check(found)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(("code", "kind", "name", "district_code", "province_code"))
    out.writerows(found)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: build_places.py SITE_PACKAGES > places.csv")
    main(Path(sys.argv[1]))
