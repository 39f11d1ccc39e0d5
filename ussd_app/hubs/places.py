"""The places of a hub: districts and their sectors, found by the first letters that somebody types."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ussd_app.hubs.tables import Folder, Once, Row

COLUMNS = ("code", "kind", "name", "district_code", "province_code")
LONGEST_NAME = 20
_CODE = re.compile(r"\d+", re.ASCII)
_BREAKS = re.compile(r"[\s,;:/()_.\-]+")
_MOST_WORDS = 6  # more are no place, and every one costs a search
_TYPO_FROM = 4  # letters: with fewer, one wrong letter matches half the country
_EXACT, _PREFIX, _NEAR_NAME, _NEAR_PREFIX = range(4)


def fold(text: str) -> str:
    """`text` as it is compared: small letters and digits only, without accents, apostrophes, spaces and signs."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
    return "".join(filter(str.isalnum, text.lower()))


@dataclass(frozen=True, slots=True)
class Place:
    """A district or a sector. A district's `district` and `district_code` are its own; `province` is a name."""

    code: str
    name: str
    district_code: str
    district: str
    province: str
    kind: str

    @property
    def label(self) -> str:
        """How the place is always shown: "Remera (Gasabo)" for a sector, "Gasabo" for a district."""
        return f"{self.name} ({self.district})" if self.kind == "sector" else self.name


@dataclass(frozen=True, slots=True)
class _Key:
    """A place with its folded names and its rank among equal matches: districts first, then by alphabet."""

    place: Place
    name: str
    district: str
    provinces: tuple[str, ...]
    rank: tuple[bool, str, str]


class Places:
    """All places of a hub. `kind_words` are words such as "sector" or "umurenge" that people type along."""

    def __init__(self, places: Iterable[Place], kind_words: Iterable[str] = ()) -> None:
        self._by_code = {place.code: place for place in places}
        self._kind_words = frozenset(fold(word) for word in kind_words)
        self._keys = sorted(map(_key, self._by_code.values()), key=lambda key: key.rank)

    def __iter__(self) -> Iterator[Place]:
        return iter(self._by_code.values())

    def __len__(self) -> int:
        return len(self._by_code)

    def get(self, code: str) -> Place:
        """The place with this code. Raises KeyError where there is none."""
        return self._by_code[code]

    def district_of(self, code: str) -> Place:
        """The district of a sector, or the district itself. Raises KeyError where there is no such code."""
        return self._by_code[self._by_code[code].district_code]

    def sectors_of(self, district_code: str) -> list[Place]:
        """The sectors of a district in the order of the alphabet."""
        sectors = (p for p in self._by_code.values() if p.kind == "sector" and p.district_code == district_code)
        return sorted(sectors, key=lambda place: place.name)

    def find(self, typed: str, limit: int = 12) -> list[Place]:
        """The places that `typed` may mean, the likeliest first, at most `limit`.

        `typed` is a code, or the first letters of a name; case, accents, spaces and apostrophes do not matter. The
        first letters of the district or province may follow or stand before: "remera gasabo", "remera, gas". An exact
        name comes first, then districts before sectors, then the alphabet. Only when nothing matches, one wrong,
        missing, doubled or swapped letter is forgiven.
        """
        words = [word for word in map(fold, _BREAKS.split(typed)) if word]
        whole = "".join(words)
        if not whole or len(words) > _MOST_WORDS:
            return []
        if whole.isdigit():
            return [self._by_code[whole]] if whole in self._by_code else []
        naming = [word for word in words if word not in self._kind_words] or words
        for near in (False, True):
            for attempt in (words, naming):
                found = self._search(attempt, near)
                if found:
                    return found[:limit]
        return []

    def _search(self, words: list[str], near: bool) -> list[Place]:
        """The places that match `words`, with one slip forgiven if `near`."""
        splits = [("".join(words[:at]), "".join(words[at:])) for at in range(len(words), 0, -1)]
        splits += [("".join(words[at:]), "".join(words[:at])) for at in range(1, len(words))]
        for name, area in splits:
            scored = [(score, key) for key in self._keys if (score := _score(key, name, area, near)) is not None]
            if scored:  # the sort is stable, so equal scores keep the rank of the keys
                return [key.place for _, key in sorted(scored, key=lambda pair: pair[0])]
        return []


def _score(key: _Key, name: str, area: str, near: bool) -> int | None:
    """How well a place fits: lower is better, None is not at all. A slip is forgiven in one of the two, not in both."""
    fit = _fit(name, key.name, near)
    if fit is None or not area:
        return fit
    areas = key.provinces if key.place.kind == "district" else (key.district, *key.provinces)
    if any(full.startswith(area) for full in areas):
        return fit
    if near and key.place.kind == "sector" and fit <= _PREFIX and _fit(area, key.district, near) is not None:
        return fit + _NEAR_NAME
    return None


def _fit(typed: str, name: str, near: bool) -> int | None:
    if name.startswith(typed):
        return _EXACT if len(name) == len(typed) else _PREFIX
    if not near or not _TYPO_FROM <= len(typed) <= len(name) + 1:
        return None
    if _one_slip(typed, name):
        return _NEAR_NAME
    size = len(typed)
    return _NEAR_PREFIX if any(_one_slip(typed, name[:end]) for end in (size - 1, size, size + 1)) else None


def _one_slip(a: str, b: str) -> bool:
    """Whether one letter changed, put in or left out, or two neighbours swapped, makes `a` into `b`."""
    if len(a) > len(b):
        a, b = b, a
    if len(b) - len(a) > 1:
        return False
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    if len(a) != len(b):
        return a[at:] == b[at + 1 :]
    return a[at + 1 :] == b[at + 1 :] or (a[at : at + 2] == b[at : at + 2][::-1] and a[at + 2 :] == b[at + 2 :])


def _key(place: Place) -> _Key:
    name, district = fold(place.name), fold(place.district)
    provinces = (fold(place.province), *map(fold, place.province.split()))
    return _Key(place, name, district, provinces, (place.kind != "district", name, district))


def read_places(folder: Folder, kind_words: Iterable[str]) -> Places:
    """places.csv: every sector under a district and every district under a province, no two shown alike."""
    rows = folder.each("places.csv", COLUMNS, _read_row)
    provinces = {row.cells["code"]: row.cells["name"] for row in rows if row.cells["kind"] == "province"}
    districts = {row.cells["code"]: row.cells["name"] for row in rows if row.cells["kind"] == "district"}
    codes, places = Once(), []
    for row in rows:
        cells = row.cells
        codes.check(row, "code", cells["code"])
        if cells["kind"] == "province":
            continue
        if cells["district_code"] not in districts:
            row.fault("district_code", "is not the code of a district")
        elif cells["province_code"] not in provinces:
            row.fault("province_code", "is not the code of a province")
        elif cells["kind"] == "district" and cells["district_code"] != cells["code"]:
            row.fault("district_code", "is not the district's own code")
        else:
            district, province = districts[cells["district_code"]], provinces[cells["province_code"]]
            code, kind = cells["code"], cells["kind"]
            places.append(Place(code, cells["name"], cells["district_code"], district, province, kind))
    shown = Counter(fold(place.label) for place in places)
    twice = [place for place in places if shown[fold(place.label)] > 1]
    folder.faults.extend(f"places.csv: {place.label} ({place.code}) is shown like another place." for place in twice)
    return Places(places, kind_words)


def _read_row(row: Row) -> Row:
    row.matches("code", _CODE, "3706")
    row.choice("kind", ("province", "district", "sector"))
    row.plain("name", LONGEST_NAME)
    return row
