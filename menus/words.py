"""Words that several flows share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ussd_app.engine.visit import Visit
from ussd_app.i18n import Msg, Named, Text, _
from ussd_app.market import prices

SHORT_NAME = 12
LANGUAGES = (("rw", "Kinyarwanda"), ("en", "English"), ("fr", "Francais"), ("sw", "Kiswahili"))


def produce_name(visit: Visit, code: str) -> Named:
    return Named(visit.hub.produce_by(code).names)


def unit_word(produce: Any) -> Text:
    """What a price is for."""
    return _("piece") if produce.unit == "piece" else "L" if produce.unit == "ml" else "kg"


def carrier_line(row: Mapping[str, Any]) -> Msg:
    """Who brings the goods, and where."""
    if row["carrier"] == "seller":
        return _("Seller brings")
    return _("Buyer fetches")


def place_name(visit: Visit, place: str) -> str:
    """A place code's label, or the free text that was written instead."""
    return str(visit.hub.places.get(place).label) if place.isdigit() else place


def nearby(visit: Visit, produce: str, place: str | None) -> prices.Recent | None:
    """Recent trades nearest to `place` (a code); who has no place (a buyer abroad) sees the capital's."""
    places = visit.hub.places
    district = places.district_of(place).code if place else next(iter(places)).district_code
    return prices.median(visit.tx, visit.hub, produce, district, visit.now)


def area_name(visit: Visit, near: prices.Recent) -> Text:
    """Which area the trades were in: the district, its province, or the whole country."""
    if near.area == "district":
        return str(visit.hub.places.get(near.code).name)
    return _("Province") if near.area == "province" else _("Country")


def twins(rows: Sequence[Mapping[str, Any]], *columns: str) -> set[str]:
    """The ids of rows that agree with another in all `columns`: lines made of those alone would look the same."""
    count = Counter(tuple(row[column] for column in columns) for row in rows)
    return {row["id"] for row in rows if count[tuple(row[column] for column in columns)] > 1}


def short(name: str) -> str:
    """A name on a crowded screen; the details show it whole."""
    return name if len(name) <= SHORT_NAME else name[: SHORT_NAME - 1].rstrip() + "."
