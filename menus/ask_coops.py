"""A buyer asks cooperatives: produce, how much, at which price, whom, until when. Their managers answer."""

from __future__ import annotations

from typing import Any

from menus import refusals
from menus.words import produce_name, unit_word
from ussd_app.engine.answers import Money, PlaceLetters, QuantityOf
from ussd_app.engine.screen import Ask, Confirm, Done, Menu, Option, Screen, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Amount, Bare, Msg, Named, Quantity, When, _
from ussd_app.market import cooperatives, rates, terms, wants
from ussd_app.market.terms import Refused

HOURS = (6, 24, 48, 96)  # how long it may be answered
MOST_SHOWN = 12
STATES = {
    "open": _("open"), "filled": _("all taken"), "withdrawn": _("withdrawn"), "expired": _("time over"),
}  # fmt: skip


@screen("ask.mine", goes=("ask.produce", "ask.one"))
def mine(visit: Visit) -> Menu:
    """What was asked before, and a new one."""
    rows = wants.mine(visit.tx, visit.me["id"], MOST_SHOWN)
    options = [
        Option(
            _(
                "{produce} {taken} of {quantity}",
                produce=produce_name(visit, row["produce"]),
                taken=Bare((row["quantity"] - row["left_quantity"]) // _base(row["unit"])),
                quantity=Quantity(row["quantity"], row["unit"]),
            ),
            "ask.one",
            row["id"],
        )
        for row in rows
    ]
    # Its key never moves, however many follow.
    new = Option(_("Ask cooperatives"), "ask.produce", number=15)
    return Menu(
        _("You asked (taken of wanted):") if rows else _("Their managers answer you."), [*options, new], keep="want"
    )


@screen("ask.one", goes=("ask.withdraw", "ask.mine"))
def one(visit: Visit) -> Menu:
    rows = wants.mine(visit.tx, visit.me["id"], MOST_SHOWN)
    row = next((row for row in rows if row["id"] == visit.draft["want"]), None)
    if row is None:
        return Menu(_("It is no longer there."), [])
    title = _(
        "{code} {produce} {quantity} x {price}: {state}\nLeft {left}. {took} of {asked} took. Until {time}",
        code=row["code"],
        produce=produce_name(visit, row["produce"]),
        quantity=Quantity(row["quantity"], row["unit"]),
        price=Bare(row["price"]),
        state=STATES[row["state"]],
        left=Quantity(row["left_quantity"], row["unit"]),
        took=row["took"],
        asked=row["asked"],
        time=When(row["closes_at"]),
    )
    if row["state"] != "open":
        return Menu(title, [])
    return Menu(title, [Option(_("Withdraw"), "ask.withdraw", number=2, confirms=True)])


@action("ask.withdraw")
def withdraw(visit: Visit) -> Done:
    try:
        wants.withdraw(visit.tx, now=visit.now, buyer_id=visit.me["id"], want_id=visit.draft["want"])
    except Refused as refused:
        return Done(refusals.line(refused))
    return Done(_("Withdrawn."))


@screen("ask.produce", goes=("ask.quantity",))
def produce(visit: Visit) -> Menu:
    options = [Option(Named(one.names), "ask.quantity", one.code, one.number) for one in visit.hub.produce]
    return Menu(_("What do you want to buy?"), options, keep="produce")


@screen("ask.quantity", goes=("ask.price",))
def quantity(visit: Visit) -> Ask:
    kind = visit.hub.produce_by(visit.draft["produce"])
    title = _("{produce}\nHow much do you want?", produce=produce_name(visit, kind.code))
    return Ask(title, QuantityOf(kind.unit, kind.max_quantity), "quantity", "ask.price")


@screen("ask.price", goes=("ask.place",))
def price(visit: Visit) -> Ask:
    kind = visit.hub.produce_by(visit.draft["produce"])

    def check(minor: int) -> Msg | None:
        try:
            rates.floor_for(visit.tx, kind.code, visit.hub.currency, visit.now).check(minor)
        except Refused as refused:
            return refusals.line(refused, kind.unit)
        return None

    title = _("Price per {unit} in RWF:", unit=unit_word(kind))
    return Ask(title, Money(visit.hub.currency, kind.max_price, check), "price", "ask.place")


@screen("ask.place", goes=("ask.pick",))
def place(visit: Visit) -> Ask:
    title = _("Cooperatives of which district? Write its first letters.\nExample: Nyam")
    return Ask(title, PlaceLetters(visit.hub.places), "places", "ask.pick")


@screen("ask.pick", goes=("ask.whom",))
def pick(visit: Visit) -> Menu:
    """Each district once, by the place whose letters were typed."""
    places = visit.hub.places
    found: dict[str, str] = {}
    for code in visit.draft["places"]:
        found.setdefault(places.district_of(code).code, places.get(code).label)
    options = [Option(label, "ask.whom", district) for district, label in found.items()]
    return Menu(_("Choose the place:"), options, keep="where")


@screen("ask.whom", goes=("ask.until", "ask.place"))
def whom(visit: Visit) -> Menu:
    rows = cooperatives.in_district(visit.tx, visit.draft["where"])
    if not rows:
        return Menu(_("No cooperative there."), [Option(_("Elsewhere"), "ask.place")])
    options = [Option(row["name"], "ask.until", row["id"]) for row in rows]
    if len(rows) > 1:
        options.insert(0, Option(_("All {n}", n=len(rows)), "ask.until", ""))
    return Menu(_("Whom do you ask?"), options, keep="whom")


@screen("ask.until", goes=("ask.confirm",))
def until(visit: Visit) -> Menu:
    options = [Option(_("{n} hours", n=hours), "ask.confirm", hours) for hours in HOURS]
    return Menu(_("How long may they answer?"), options, keep="hours")


@screen("ask.confirm", goes=("ask.send", "ask.carrier"))
def confirm(visit: Visit) -> Screen:
    """Everything that is asked; who carries can be changed here."""
    draft = visit.draft
    kind = visit.hub.produce_by(draft["produce"])
    asked = _terms(visit)
    title = _(
        "{produce} {quantity} x {price} = {total}. {carrier}",
        produce=produce_name(visit, kind.code),
        quantity=Quantity(asked.quantity, kind.unit),
        price=Bare(asked.price),
        total=Amount(terms.amount(asked.quantity, asked.price, kind.unit), visit.hub.currency),
        carrier=_("They bring it") if asked.carrier == "seller" else _("I fetch it there"),
    )
    others = [Option(_("Change who carries"), "ask.carrier", number=3)] if visit.me["place"] else []
    return Confirm(title, "ask.send", _("Send"), others)


@action("ask.carrier", goes=("ask.confirm",))
def carrier(visit: Visit) -> str:
    visit.draft["brought"] = not visit.draft.get("brought")
    return "ask.confirm"


@action("ask.send")
def send(visit: Visit) -> Done:
    draft = visit.draft
    whom = {"cooperative_ids": [draft["whom"]]} if draft["whom"] else {"district": draft["where"]}
    try:
        want = wants.make(
            visit.tx, hub=visit.hub, clock=visit.clock, now=visit.now, buyer_id=visit.me["id"],
            produce=draft["produce"], terms=_terms(visit),
            closes_at=visit.now + visit.clock.wait(draft["hours"] * terms.HOUR_MS), **whom,
        )  # fmt: skip
    except Refused as refused:
        if refused.reason == "not_confirmed":
            return Done(_("First enter the code from our SMS."))
        return Done(refusals.line(refused, visit.hub.produce_by(draft["produce"]).unit))
    return Done(
        _("Asked {n} cooperatives, code {code}. Their answers come by SMS.", n=want["asked"], code=want["code"])
    )


def _terms(visit: Visit) -> terms.Terms:
    """The usual terms: fetched at each cooperative's place, or brought to the buyer's where he chose so."""
    draft: dict[str, Any] = visit.draft
    kind = visit.hub.produce_by(draft["produce"])
    brought = draft.get("brought") and visit.me["place"]
    floor = rates.floor_for(visit.tx, kind.code, visit.hub.currency, visit.now)
    return terms.Terms(
        quantity=draft["quantity"],
        price=draft["price"],
        price_floaters=floor.price_floaters if kind.floater else None,
        point="station",
        handover_place=visit.me["place"] if brought else "",
        carrier="seller" if brought else "buyer",
        settlement=visit.settings.settlement[0],
    )


def _base(unit: str) -> int:
    return 1 if unit == "piece" else 1000
