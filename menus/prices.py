"""Prices: floor, median and range of the last 14 days, near her or in any district."""

from __future__ import annotations

from menus import refusals
from menus.offers import joined
from menus.words import area_name, nearby, produce_name, unit_word
from ussd_app.engine.answers import PlaceLetters
from ussd_app.engine.screen import Ask, Menu, Option, Pages, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Bare, Msg, Named, _
from ussd_app.market import rates


@screen("prices.produce", goes=("prices.show",))
def produce(visit: Visit) -> Menu:
    options = [Option(Named(one.names), "prices.show", one.code, one.number) for one in visit.hub.produce]
    return Menu(_("Prices of what?"), options, keep="price_of")


@screen("prices.show", goes=("prices.place",))
def show(visit: Visit) -> Pages:
    code = visit.draft["price_of"]
    place = visit.draft.get("price_place") or visit.me["place"]
    return Pages(lines(visit, code, place), [Option(_("Other district"), "prices.place", number=1)])


def lines(visit: Visit, code: str, place: str | None) -> Msg:
    """What is known, and plainly what is not."""
    one = visit.hub.produce_by(code)
    floor = rates.floor_for(visit.tx, code, visit.hub.currency, visit.now)
    near = nearby(visit, code, place)
    said = [_("{produce}, RWF per {unit}", produce=produce_name(visit, code), unit=unit_word(one))]
    if floor.price and floor.valid_from:
        said.append(_("Minimum {floor} since {day}", floor=Bare(floor.price), day=refusals.day_of(floor.valid_from)))
    else:
        said.append(_("No official minimum"))
    if near is None:
        said.append(_("No trade yet in the last 14 days"))
    else:
        said.append(
            _(
                "{area}: middle {median}, {low} to {high}",
                area=area_name(visit, near),
                median=Bare(near.median),
                low=Bare(near.low),
                high=Bare(near.high),
            )
        )
        said.append(_("Trades in 14 days: {n}", n=near.trades))
    return joined(said)


@screen("prices.place", goes=("prices.pick",))
def place(visit: Visit) -> Ask:
    return Ask(
        _("Which district? Write its first letters.\nExample: Nyam"),
        PlaceLetters(visit.hub.places),
        "places",
        "prices.pick",
    )


@screen("prices.pick", goes=("prices.show",))
def pick(visit: Visit) -> Menu:
    places = visit.hub.places
    options = [Option(places.get(code).label, "prices.show", code) for code in visit.draft["places"]]
    return Menu(_("Choose the place:"), options, keep="price_place")
