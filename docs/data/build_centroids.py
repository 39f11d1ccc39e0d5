#!/usr/bin/env python3
"""Makes ussd_app/hubs/rw/centroids.csv: the middle of each district and sector of Rwanda, in degrees.

Source: the administrative boundaries of the Water and Sanitation Corporation of Rwanda, (c) WASAC,Ltd., CC BY 4.0,
https://github.com/WASAC/rw-admin-boundary, branch gh-pages, commit 6c2e44f3ff00b67ba4dd5f0c94caa0202c023b02 (April
2021): P/district.geojson and P/DD/sector.geojson, whose ids are the same codes as in places.csv. Only the centroids are
taken, as facts; changes: area-weighted means of all rings (holes taken away), rounded to four decimals (11 metres).

A sector that the source lacks, or whose name is not that of places.csv, gets its district's centroid and `exact` 0.

    git clone --branch gh-pages https://github.com/WASAC/rw-admin-boundary /tmp/boundary
    python docs/data/build_centroids.py /tmp/boundary/.git > ussd_app/hubs/rw/centroids.csv
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

COMMIT = "6c2e44f3ff00b67ba4dd5f0c94caa0202c023b02"
PLACES = Path(__file__).parents[2] / "ussd_app/hubs/rw/places.csv"
EXPECTED = 446
SPELLING = {"Shyrongi": "Shyorongi"}
"""Names that the source has otherwise than places.csv, under the same code."""
# Degrees that hold all of Rwanda: a centroid outside them is a fault of the source or of this script.
SOUTH, NORTH, WEST, EAST = -2.85, -1.04, 28.85, 30.91

Point = tuple[float, float]


def ring_moment(ring: list[list[float]]) -> tuple[float, float, float]:
    """Signed area of a ring and its first moments (lon, lat), in degrees; a country this small is flat enough."""
    lon0, lat0 = ring[0][:2]  # taken off first: differences of far numbers would lose their digits
    area = east = north = 0.0
    for (x1, y1, *_), (x2, y2, *_) in zip(ring, [*ring[1:], ring[0]], strict=True):
        ax, ay, bx, by = x1 - lon0, y1 - lat0, x2 - lon0, y2 - lat0
        cross = ax * by - bx * ay
        area, east, north = area + cross / 2, east + (ax + bx) * cross / 6, north + (ay + by) * cross / 6
    return area, east + lon0 * area, north + lat0 * area


def centroid(geometry: dict[str, Any]) -> Point:
    """(lat, lon) of a Polygon or MultiPolygon. Raises ValueError for one without area."""
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    area = east = north = 0.0
    for rings in polygons:
        for at, ring in enumerate(rings):
            part = ring_moment(ring)
            sign = (1 if part[0] >= 0 else -1) * (1 if at == 0 else -1)  # the first ring is the outside, others holes
            area, east, north = area + sign * part[0], east + sign * part[1], north + sign * part[2]
    if area <= 0:
        raise ValueError("a boundary without area")
    return north / area, east / area


def features(git_dir: Path) -> Iterator[tuple[str, str, Point]]:
    """(code, name, centroid) of every district and sector of the source."""
    for province in "12345":
        names = [f"{province}/district.geojson"]
        listed = git(git_dir, "ls-tree", "-r", "--name-only", COMMIT, f"{province}/").split()
        names += sorted(path for path in listed if path.endswith("/sector.geojson"))
        for name in names:
            for feature in json.loads(git(git_dir, "show", f"{COMMIT}:{name}"))["features"]:
                told = feature["properties"]
                yield str(told["id"]), str(told["name"]), centroid(feature["geometry"])


def git(git_dir: Path, *command: str) -> str:
    return subprocess.run(["git", "--git-dir", str(git_dir), *command], check=True, capture_output=True).stdout.decode()


def main(git_dir: Path) -> None:
    found = {code: (name, point) for code, name, point in features(git_dir)}
    with PLACES.open(encoding="utf-8", newline="") as opened:
        places = [row for row in csv.DictReader(opened) if row["kind"] != "province"]
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(("code", "lat", "lon", "exact"))
    stand_ins = 0
    for place in places:
        name, point = found.get(place["code"], ("", (0.0, 0.0)))
        name = SPELLING.get(name, name)
        exact = name.lower().replace(" ", "") == place["name"].lower().replace(" ", "")
        if not exact:
            print(f"{place['code']} {place['name']}: {name or 'not there'}; district taken", file=sys.stderr)
            stand_ins += 1
            point = found[place["district_code"]][1]
        if not (SOUTH < point[0] < NORTH and WEST < point[1] < EAST):
            raise ValueError(f"{place['code']} lies outside the country: {point}")
        out.writerow((place["code"], f"{point[0]:.4f}", f"{point[1]:.4f}", int(exact)))
    if len(places) != EXPECTED:
        raise ValueError(f"{len(places)} places, not {EXPECTED}")
    print(f"{len(places)} places, {stand_ins} stand-ins", file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: build_centroids.py GIT_DIRECTORY > centroids.csv")
    main(Path(sys.argv[1]))
