"""Standing orders of a buyer: make one in four answers, see what was found, withdraw one."""

from __future__ import annotations

from menus import refusals
from menus.sell import asked_price
from menus.words import place_name, produce_name, unit_word
from ussd_app.engine.answers import PlaceLetters, QuantityOf
from ussd_app.engine.screen import Ask, Confirm, Done, Menu, Option, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Bare, Named, Quantity, When, _
from ussd_app.market import bids, buyers, terms

MOST_SHOWN = 12


@screen("standing.menu", goes=("matches.found", "standing.produce", "standing.list"))
def menu(visit: Visit) -> Menu:
    return Menu(_("Standing orders"), [
        Option(_("Found for you"), "matches.found", number=1),
        Option(_("New standing order"), "standing.produce", number=2),
        Option(_("My standing orders"), "standing.list", number=3),
    ])  # fmt: skip


@screen("standing.list", goes=("standing.one",))
def mine(visit: Visit) -> Menu:
    rows = visit.tx.bids_of_buyer(buyer_id=visit.me["id"], now=visit.now, limit=MOST_SHOWN)
    options = [
        Option(
            _(
                "{produce} {quantity} x {price}",
                produce=produce_name(visit, row["produce"]),
                quantity=Quantity(row["quantity"], row["unit"]),
                price=Bare(row["limit_price"]),
            ),
            "standing.one",
            row["id"],
        )
        for row in rows
    ]
    return Menu(_("My standing orders") if rows else _("You have no standing order."), options, keep="bid")


@screen("standing.one", goes=("standing.withdraw",))
def one(visit: Visit) -> Menu:
    row = visit.tx.bid_of_buyer(id=visit.draft["bid"], buyer_id=visit.me["id"])
    if row is None or row["state"] != "open" or row["until_at"] <= visit.now:
        return Menu(_("It is no longer open."), [])
    title = _(
        "{produce}\n{left} of {quantity} still wanted\nAt most {price}, {place}\nUntil {time}",
        produce=produce_name(visit, row["produce"]),
        left=Quantity(row["left_quantity"], row["unit"]),
        quantity=Quantity(row["quantity"], row["unit"]),
        price=Bare(row["limit_price"]),
        place=place_name(visit, row["place"]),
        time=When(row["until_at"]),
    )
    return Menu(title, [Option(_("Withdraw"), "standing.withdraw")])


@screen("standing.withdraw", goes=("standing.take_back",))
def withdraw(visit: Visit) -> Confirm:
    return Confirm(_("Withdraw this standing order?"), "standing.take_back", _("Withdraw"))


@action("standing.take_back")
def take_back(visit: Visit) -> Done:
    try:
        bids.withdraw(visit.tx, now=visit.now, buyer_id=visit.me["id"], bid_id=visit.draft["bid"])
    except terms.Refused as refused:
        return Done(refusals.line(refused))
    return Done(_("Withdrawn."))


@screen("standing.produce", goes=("standing.quantity",))
def produce(visit: Visit) -> Menu:
    options = [Option(Named(one.names), "standing.quantity", one.code, one.number) for one in visit.hub.produce]
    return Menu(_("What do you buy?"), options, keep="produce")


@screen("standing.quantity", goes=("standing.price",))
def quantity(visit: Visit) -> Ask:
    kind = visit.hub.produce_by(visit.draft["produce"])
    title = _("{produce}\nHow much do you want at most?", produce=Named(kind.names))
    return Ask(title, QuantityOf(kind.unit, kind.max_quantity), "quantity", "standing.price")


@screen("standing.price", goes=("standing.where",))
def price(visit: Visit) -> Ask:
    """Haulage is within it: what the seller gets is less."""
    kind = visit.hub.produce_by(visit.draft["produce"])
    title = _("{produce}\nAt most per {unit} in RWF, brought to you:", produce=Named(kind.names), unit=unit_word(kind))
    return Ask(title, asked_price(visit), "price", "standing.where")


@action("standing.where", goes=("standing.confirm", "standing.place"))
def where(visit: Visit) -> str:
    """Who lives here wants it there, unless she says otherwise; a buyer from abroad names a place."""
    if not visit.me["place"]:
        return "standing.place"
    visit.draft["place"] = visit.me["place"]
    return "standing.confirm"


@screen("standing.place", goes=("standing.place_pick",))
def place(visit: Visit) -> Ask:
    title = _("Brought to which sector or district? Write its first letters. Example: Nyam")
    return Ask(title, PlaceLetters(visit.hub.places), "places", "standing.place_pick")


@screen("standing.place_pick", goes=("standing.confirm",))
def place_pick(visit: Visit) -> Menu:
    options = [Option(visit.hub.places.get(code).label, "standing.confirm", code) for code in visit.draft["places"]]
    return Menu(_("Choose the place:"), options, keep="place")


@screen("standing.confirm", goes=("standing.save", "standing.place"))
def confirm(visit: Visit) -> Confirm:
    draft = visit.draft
    kind = visit.hub.produce_by(draft["produce"])
    title = _(
        "Buy {produce}\n{quantity}, at most {price}\n{place}, {days} days",
        produce=Named(kind.names),
        quantity=Quantity(draft["quantity"], kind.unit),
        price=Bare(draft["price"]),
        place=place_name(visit, draft["place"]),
        days=bids.USUAL_DAYS,
    )
    return Confirm(title, "standing.save", _("Confirm"), [Option(_("Other place"), "standing.place", number=2)])


@action("standing.save")
def save(visit: Visit) -> Done:
    draft = visit.draft
    try:
        bids.make(
            visit.tx,
            hub=visit.hub,
            clock=visit.clock,
            now=visit.now,
            buyer_id=visit.me["id"],
            produce=draft["produce"],
            quantity=draft["quantity"],
            limit_price=draft["price"],
            place=draft["place"],
            settlement=visit.settings.settlement[0],
            caps=buyers.caps(visit.me["verification"]),
        )
    except terms.Refused as refused:
        return Done(refusals.line(refused, visit.hub.produce_by(draft["produce"]).unit))
    return Done(_("It stands. We look for sellers and tell you by SMS."))
