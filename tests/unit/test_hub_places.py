"""Rwanda's districts and sectors, found by what people type."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from ussd_app.hubs import load_hub
from ussd_app.lib import gsm7

RW = load_hub("rw")


def labels(typed: str, limit: int = 12) -> list[str]:
    return [place.label for place in RW.places.find(typed, limit)]


def test_counts_and_codes_are_the_official_ones() -> None:
    kinds = Counter(place.kind for place in RW.places)
    assert kinds == {"district": 30, "sector": 416}
    per_district = Counter(place.district for place in RW.places if place.kind == "sector")
    assert min(per_district.values()) == per_district["Ruhango"] == 9
    assert max(per_district.values()) == per_district["Gicumbi"] == 21
    for place in RW.places:
        assert len(place.code) == (2 if place.kind == "district" else 4)
        assert place.code[:2] == place.district_code
        assert place.name.isascii() and place.name.isalpha() and place.name == place.name.title()
    gasabo = RW.places.get("12")
    assert (gasabo.name, gasabo.province, gasabo.district) == ("Gasabo", "Kigali City", "Gasabo")
    assert RW.places.get("1110").name == "Rwezamenyo"
    assert RW.places.district_of("3706").name == RW.places.district_of("37").name == "Nyamasheke"
    assert [place.name for place in RW.places.sectors_of("26")][:2] == ["Bweramana", "Byimana"]
    with pytest.raises(KeyError):
        RW.places.get("9999")


def test_the_names_that_occur_several_times_are_told_apart() -> None:
    names = Counter(place.name for place in RW.places if place.kind == "sector")
    several = [name for name, count in names.items() if count > 1]
    assert len(several) == 30
    for name in several:
        found = [place for place in RW.places.find(name) if place.name == name and place.kind == "sector"]
        assert len({place.label for place in found}) == names[name]
        for place in found:
            assert RW.places.find(f"{name} {place.district}")[0] == place
    assert len({place.label for place in RW.places}) == len(RW.places)


def test_every_place_is_found_by_its_name_and_fits_a_line() -> None:
    for place in RW.places:
        assert place in RW.places.find(place.name)
        assert place in RW.places.find(place.name[:-1], limit=100)
        assert gsm7.septets(place.label) <= 30


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("Remera", ["Remera (Gasabo)", "Remera (Gatsibo)", "Remera (Musanze)", "Remera (Ngoma)"]),
        ("remera gasabo", ["Remera (Gasabo)"]),
        ("REMERA, GAS", ["Remera (Gasabo)"]),
        ("gasabo remera", ["Remera (Gasabo)"]),
        ("remera kigali", ["Remera (Gasabo)"]),
        ("remera ga", ["Remera (Gasabo)", "Remera (Gatsibo)"]),
        ("ngoma", ["Ngoma", "Ngoma (Huye)", "Ngoma (Nyaruguru)", "Ngoma (Rulindo)"]),
        ("Nyama sheke", ["Nyamasheke"]),
        ("  n'yamashéke ", ["Nyamasheke"]),
        ("ＮＹＡＭＡＳＨＥＫＥ", ["Nyamasheke"]),
        ("umurenge wa Kanjongo", ["Kanjongo (Nyamasheke)"]),
        ("akarere ka gasabo", ["Gasabo"]),
        ("3706", ["Kanjongo (Nyamasheke)"]),
        ("37060", []),
        ("", []),
        ("?!", []),
        ("remera huye", []),
        ("xqwv", []),
    ],
)
def test_find(typed: str, expected: list[str]) -> None:
    assert labels(typed) == expected


def test_exact_then_districts_then_the_alphabet() -> None:
    assert labels("Nyam", 4) == ["Nyamagabe", "Nyamasheke", "Nyamabuye (Muhanga)", "Nyamata (Bugesera)"]
    assert labels("Ruhango") == ["Ruhango", "Ruhango (Ruhango)", "Ruhango (Rutsiro)"]
    found = RW.places.find("k", limit=500)
    assert all(place.name.startswith("K") for place in found)
    assert [(place.kind != "district", place.name, place.district) for place in found] == sorted(
        (place.kind != "district", place.name, place.district) for place in found
    )
    assert len(labels("k")) == 12


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("nyamashke", "Nyamasheke"),  # left out
        ("nyamasheeke", "Nyamasheke"),  # doubled
        ("nyamahseke", "Nyamasheke"),  # swapped
        ("nyamasteke", "Nyamasheke"),  # changed
        ("Mageragere", "Mageregere (Nyarugenge)"),
        ("remara gasabo", "Remera (Gasabo)"),
        ("remera gasobo", "Remera (Gasabo)"),
    ],
)
def test_one_slip_is_forgiven(typed: str, expected: str) -> None:
    assert labels(typed) == [expected]


def test_slips_are_a_last_resort() -> None:
    assert labels("Gatsi") == ["Gatsibo", "Gatsibo (Gatsibo)"]  # not Gatsata too
    assert labels("nyamshke") == []  # two slips
    assert labels("xem") == []  # too short to guess
    assert labels("remara gasobo") == []  # one in each


def test_nothing_typed_takes_long() -> None:
    began = time.perf_counter()
    for typed in ("a " * 80, "remera " * 20, "q" * 160, "abcd efgh ijkl mnop qrst uvwx"):
        assert labels(typed) == []
    assert time.perf_counter() - began < 0.5
