"""What I sell: see it, change quantity or price, withdraw it."""

from __future__ import annotations

from typing import Any

from menus import refusals
from menus.sell import asked_price
from menus.words import produce_name, twins, unit_word
from ussd_app.engine.answers import QuantityOf
from ussd_app.engine.screen import Ask, Confirm, Done, Menu, Option, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Bare, Msg, Quantity, When, _
from ussd_app.market import listings, terms

MOST_SHOWN = 12


@screen("listings.list", goes=("listings.one", "sell.produce"))
def open_ones(visit: Visit) -> Menu:
    rows = visit.tx.listings_open_of_seller(seller_id=visit.me["id"], now=visit.now, limit=MOST_SHOWN)
    if not rows:
        return Menu(_("You have nothing for sale now."), [Option(_("Sell"), "sell.produce")])
    alike, same = twins(rows, "produce", "left_quantity"), twins(rows, "produce", "left_quantity", "price")
    options = [
        Option(_labelled(visit, row, row["id"] in alike, row["id"] in same), "listings.one", row["id"]) for row in rows
    ]
    return Menu(_("What I sell"), options, keep="listing")


def _labelled(visit: Visit, row: dict[str, Any], priced: bool, dated: bool) -> Msg:
    """Produce and quantity; where those do not tell two listings apart the price, and then the time it was listed."""
    label = _(
        "{produce} {left}",
        produce=produce_name(visit, row["produce"]),
        left=Quantity(row["left_quantity"], row["unit"]),
    )
    if priced:
        label = _("{goods} x {price}", goods=label, price=Bare(row["price"]))
    return _("{goods}, {time}", goods=label, time=When(row["created_at"])) if dated else label


@screen("listings.one", goes=("listings.price", "listings.quantity", "listings.withdraw"))
def one(visit: Visit) -> Menu:
    row = visit.tx.listing_of_seller(id=visit.draft["listing"], seller_id=visit.me["id"])
    if row is None or row["state"] != "open" or row["expires_at"] <= visit.now:
        return Menu(_("It is no longer open."), [])
    visit.draft["produce"] = row["produce"]
    visit.draft["seen_left"] = row["left_quantity"]
    visit.draft["old_price"] = row["price"]
    title = _(
        "{produce}\n{left} of {quantity}, {price} RWF\nUntil {time}",
        produce=produce_name(visit, row["produce"]),
        left=Quantity(row["left_quantity"], row["unit"]),
        quantity=Quantity(row["quantity"], row["unit"]),
        price=Bare(row["price"]),
        time=When(row["expires_at"]),
    )
    return Menu(title, [
        Option(_("Change price"), "listings.price"),
        Option(_("Change quantity"), "listings.quantity"),
        Option(_("Withdraw"), "listings.withdraw"),
    ])  # fmt: skip


@screen("listings.price", goes=("listings.confirm",))
def price(visit: Visit) -> Ask:
    produce = visit.hub.produce_by(visit.draft["produce"])
    visit.draft.pop("quantity", None)
    title = _("New price per {unit} in RWF:", unit=unit_word(produce))
    return Ask(title, asked_price(visit), "price", "listings.confirm")


@screen("listings.quantity", goes=("listings.confirm",))
def quantity(visit: Visit) -> Ask:
    produce = visit.hub.produce_by(visit.draft["produce"])
    visit.draft.pop("price", None)
    title = _("{produce}\nHow much is for sale now?", produce=produce_name(visit, produce.code))
    return Ask(title, QuantityOf(produce.unit, produce.max_quantity), "quantity", "listings.confirm")


@screen("listings.confirm", goes=("listings.change",))
def confirm(visit: Visit) -> Confirm:
    draft = visit.draft
    produce = visit.hub.produce_by(draft["produce"])
    title = _(
        "Change to: {quantity}, {price} RWF",
        quantity=Quantity(draft.get("quantity", draft["seen_left"]), produce.unit),
        price=Bare(draft.get("price", draft["old_price"])),
    )
    return Confirm(title, "listings.change", _("Confirm"))


@action("listings.change")
def change(visit: Visit) -> Done:
    draft = visit.draft
    try:
        listings.change(
            visit.tx,
            hub=visit.hub,
            now=visit.now,
            seller_id=visit.me["id"],
            listing_id=draft["listing"],
            left=draft.get("quantity", draft["seen_left"]),
            price=draft.get("price", draft["old_price"]),
            seen_left=draft["seen_left"],
        )
    except terms.Refused as refused:
        return Done(refusals.line(refused))
    return Done(_("Changed."))


@screen("listings.withdraw", goes=("listings.take_back",))
def withdraw(visit: Visit) -> Confirm:
    title = _("Withdraw {produce}? Buyers will no longer see it.", produce=produce_name(visit, visit.draft["produce"]))
    return Confirm(title, "listings.take_back", _("Withdraw"))


@action("listings.take_back")
def take_back(visit: Visit) -> Done:
    try:
        listings.withdraw(visit.tx, now=visit.now, seller_id=visit.me["id"], listing_id=visit.draft["listing"])
    except terms.Refused as refused:
        return Done(refusals.line(refused))
    return Done(_("Withdrawn."))
