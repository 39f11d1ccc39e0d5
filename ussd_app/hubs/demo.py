"""What demonstration people are made of: names, buyers and cooperatives of a hub. Read only when data is seeded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ussd_app.hubs.tables import Folder, Once, Row

if TYPE_CHECKING:
    from ussd_app.hubs import Hub

LONGEST_NAME = 24
_COUNTRY, _CURRENCY = re.compile("[A-Z]{2}"), re.compile("[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class DemoName:
    """A given or family name and whom it is usual for: 'm', 'f' or 'x' for both (Mukamana is a woman's)."""

    name: str
    sex: str


@dataclass(frozen=True, slots=True)
class DemoBuyer:
    """A made-up company. `language` is one of the hub's; `currency` what it reckons in."""

    name: str
    city: str
    country: str
    language: str
    currency: str


@dataclass(frozen=True, slots=True)
class DemoCooperative:
    """A made-up cooperative, at a place (code) of the hub, with the groups of produce it deals in."""

    name: str
    place: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Demo:
    """All there is to make demonstration data of; every part may be empty."""

    given_names: tuple[DemoName, ...]
    family_names: tuple[DemoName, ...]
    buyers: tuple[DemoBuyer, ...]
    cooperatives: tuple[DemoCooperative, ...]


def read_demo(folder: Folder, hub: Hub) -> Demo:
    """names.csv, buyers.csv and cooperatives.csv; what is wrong goes to the folder's faults."""
    given, family = _names(folder)
    return Demo(given, family, _buyers(folder, hub.languages), _cooperatives(folder, hub))


def _names(folder: Folder) -> tuple[tuple[DemoName, ...], tuple[DemoName, ...]]:
    once = Once()

    def read(row: Row) -> tuple[str, DemoName]:
        kind, name = row.choice("kind", ("given", "family")), row.plain("name", LONGEST_NAME)
        once.check(row, "name", (kind, name))
        return kind, DemoName(name, row.choice("sex", ("m", "f", "x")))

    found = folder.each("names.csv", ("kind", "name", "sex"), read, needed=False)
    given = tuple(name for kind, name in found if kind == "given")
    return given, tuple(name for kind, name in found if kind == "family")


def _buyers(folder: Folder, languages: Sequence[str]) -> tuple[DemoBuyer, ...]:
    once = Once()

    def read(row: Row) -> DemoBuyer:
        name = row.plain("name", LONGEST_NAME)
        once.check(row, "name", name)
        return DemoBuyer(
            name,
            row.plain("city", LONGEST_NAME),
            row.matches("country", _COUNTRY, "RW"),
            row.choice("language", languages),
            row.matches("currency", _CURRENCY, "RWF"),
        )

    return tuple(folder.each("buyers.csv", ("name", "city", "country", "language", "currency"), read, needed=False))


def _cooperatives(folder: Folder, hub: Hub) -> tuple[DemoCooperative, ...]:
    places = {place.code for place in hub.places}
    groups = {produce.group for produce in hub.produce}
    once = Once()

    def read(row: Row) -> DemoCooperative:
        name = row.plain("name", LONGEST_NAME)
        once.check(row, "name", name)
        if row.cells["place"] not in places:
            row.fault("place", "is not the code of a place")
        if unknown := [group for group in row.parts("groups") if group not in groups]:
            row.fault("groups", f"names {', '.join(unknown)}, which produce.csv does not have")
        return DemoCooperative(name, row.cells["place"], row.parts("groups"))

    return tuple(folder.each("cooperatives.csv", ("name", "place", "groups"), read, needed=False))
