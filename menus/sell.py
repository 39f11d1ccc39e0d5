"""Sell: produce, quantity, price, confirm. Four answers after the home key; the last listing again in one."""

from __future__ import annotations

from menus import refusals
from menus.words import nearby, produce_name, unit_word
from ussd_app.engine.answers import Money, QuantityOf
from ussd_app.engine.screen import Ask, Confirm, Done, Menu, Option, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Amount, Bare, Msg, Named, Quantity, _
from ussd_app.market import listings, rates, terms


@screen("sell.produce", goes=("sell.quantity",))
def produce(visit: Visit) -> Menu:
    """The whole list, each with its lifelong number, accepted from any page."""
    options = [Option(Named(one.names), "sell.quantity", one.code, one.number) for one in visit.hub.produce]
    return Menu(_("What do you sell?"), options, keep="produce")


@screen("sell.quantity", goes=("sell.price",))
def quantity(visit: Visit) -> Ask:
    one = visit.hub.produce_by(visit.draft["produce"])
    name = Named(one.names)
    if one.unit == "piece":
        title = _("{produce}\nHow many? Example: 5", produce=name)
    elif one.unit == "ml":
        title = _("{produce}\nHow many litres? Example: 20", produce=name)
    else:
        title = _("{produce}\nHow many kg? Example: 50", produce=name)
    return Ask(title, QuantityOf(one.unit, one.max_quantity), "quantity", "sell.price")


@screen("sell.price", goes=("sell.confirm",))
def price(visit: Visit) -> Ask:
    """The question says what is fair: the official price and what neighbours got lately."""
    one = visit.hub.produce_by(visit.draft["produce"])
    question = _("{produce}\nPrice per {unit} in RWF:", produce=Named(one.names), unit=unit_word(one))
    title = _("{question}\n{hints}", question=question, hints=fair_hints(visit, one.code))
    return Ask(title, asked_price(visit), "price", "sell.confirm")


def fair_hints(visit: Visit, code: str) -> Msg:
    """Minimum, or that there is none, and the nearby median where one is known."""
    floor = rates.floor_for(visit.tx, code, visit.hub.currency, visit.now)
    near = nearby(visit, code, visit.me["place"])
    low = _("Minimum {floor}", floor=Bare(floor.price)) if floor.price else _("No official minimum")
    if near is None:
        return low
    return _("{low}. {middle}", low=low, middle=_("Nearby {median}", median=Bare(near.median)))


def asked_price(visit: Visit) -> Money:
    """Reads a price and refuses one that the official price forbids, naming it."""
    produce = visit.hub.produce_by(visit.draft["produce"])

    def check(minor: int) -> Msg | None:
        try:
            rates.floor_for(visit.tx, produce.code, visit.hub.currency, visit.now).check(minor)
        except terms.Refused as refused:
            return refusals.line(refused, produce.unit)
        return None

    return Money(visit.hub.currency, produce.max_price, check)


@screen("sell.confirm", goes=("sell.save", "sell.produce"))
def confirm(visit: Visit) -> Confirm:
    draft = visit.draft
    one = visit.hub.produce_by(draft["produce"])
    title = _(
        "Sell: {produce}\n{quantity} x {price} = {total}",
        produce=Named(one.names),
        quantity=Quantity(draft["quantity"], one.unit),
        price=Bare(draft["price"]),
        total=Amount(terms.amount(draft["quantity"], draft["price"], one.unit), visit.hub.currency),
    )
    return Confirm(title, "sell.save", _("Confirm"), [Option(_("Change"), "sell.produce", number=2)])


@action("sell.save", goes=("sell.refused",))
def save(visit: Visit) -> str | Done:
    draft = visit.draft
    try:
        row = listings.add(
            visit.tx,
            hub=visit.hub,
            clock=visit.clock,
            now=visit.now,
            seller_id=visit.me["id"],
            place=visit.me["place"],
            produce=draft["produce"],
            quantity=draft["quantity"],
            price=draft["price"],
        )
    except terms.Refused as refused:
        visit.guide(refusals.line(refused))
        return "sell.refused"
    return said(visit, row)


@screen("sell.refused", goes=("sell.price", "sell.quantity"))
def refused(visit: Visit) -> Menu:
    """Nothing typed is lost; key 1 has no meaning here, for it may be the confirmation arriving twice."""
    return Menu(_("It is not listed."), [
        Option(_("New price"), "sell.price", number=2),
        Option(_("Other quantity"), "sell.quantity", number=3),
    ])  # fmt: skip


@action("sell.repeat")
def repeat(visit: Visit) -> Done:
    """The last listing once more, in one answer."""
    try:
        row = listings.repeat(visit.tx, hub=visit.hub, clock=visit.clock, now=visit.now, seller_id=visit.me["id"])
    except terms.Refused as refused:
        return Done(refusals.line(refused))
    return said(visit, row)


def said(visit: Visit, row: dict[str, object]) -> Done:
    return Done(
        _(
            "Listed: {produce} {quantity}, {price} RWF. We send an SMS when a buyer offers. To change: {code} then 8",
            produce=produce_name(visit, str(row["produce"])),
            quantity=Quantity(int(str(row["quantity"])), str(row["unit"])),
            price=Bare(int(str(row["price"]))),
            code=visit.settings.service_code,
        )
    )
