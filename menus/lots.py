"""Lots on a manager's phone: what is in store, where it is from, an export lot of it, and sending it to a buyer."""

from __future__ import annotations

from typing import Any

from menus.intake import NO_ROLE, day_of, manages, refused
from menus.offers import joined
from menus.words import produce_name
from ussd_app.engine.screen import Confirm, Done, Menu, Option, Pages, Screen, Secret, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Msg, Quantity, Text, _
from ussd_app.market import cooperatives, deliveries, lots
from ussd_app.market.terms import Refused

MOST_SHOWN = 24
NAMED = 8
STATES: dict[str, Msg] = {
    "gathering": _("growing"),
    "ready": _("in store"),
    "spent": _("went on"),
    "shipped": _("sent"),
    "delivered": _("delivered"),
}


@screen("lots.list", goes=("lots.one", "lots.weights"))
def listed(visit: Visit) -> Menu:
    """The latest first, with their kilos; before them what a buyer weighed and waits for."""
    if not manages(visit):
        return Menu(NO_ROLE, [])
    rows = lots.of(visit.tx, visit.draft["coop"], MOST_SHOWN)
    options = [Option(_label(row), "lots.one", row["id"], number + 10) for number, row in enumerate(rows)]
    waiting = deliveries.waiting_for(visit.tx, _account(visit))
    if waiting:
        options.insert(0, Option(_("Weights to answer ({n})", n=len(waiting)), "lots.weights", number=1))
    return Menu(_("Lots") if rows else _("No lots yet."), options, keep="lot")


def _label(row: dict[str, Any]) -> Msg:
    left = row["left_quantity"] or row["quantity"]
    return _(
        "{lot} {quantity} {state}", lot=_short(row), quantity=Quantity(left, row["unit"]), state=STATES[row["state"]]
    )


def _short(row: dict[str, Any]) -> str:
    """The end of a lot's number, which tells lots of a station and season apart."""
    return str(row["number"].rsplit("-", 1)[1])


@screen("lots.one", goes=("lots.trail", "lots.gather", "lots.orders"))
def one(visit: Visit) -> Menu:
    row = _lot(visit)
    if row is None:
        return Menu(_("It is no longer there."), [])
    options = [Option(_("Where it is from"), "lots.trail", number=2)]
    if row["left_quantity"] and row["state"] in ("gathering", "ready"):
        if row["kind"] == "day":
            options.append(Option(_("Gather for export"), "lots.gather", number=3))
        options.append(Option(_("Send to a buyer"), "lots.orders", number=4))
    title = [
        row["number"],
        _("{produce} {grade}", produce=produce_name(visit, row["produce"]), grade=_grade(row)),
        _("{quantity}, left {left}", quantity=Quantity(row["quantity"], row["unit"]), left=Quantity(row["left_quantity"], row["unit"])),
    ]  # fmt: skip
    return Menu(joined(title), options)


def _grade(row: dict[str, Any]) -> Text:
    return _("Floaters") if row["grade"] == lots.FLOATERS else row["grade"] or "-"


@screen("lots.trail")
def trail(visit: Visit) -> Screen:
    """How many are behind it, and the first of them by name: all stand on the cooperative's page."""
    row = _lot(visit)
    if row is None:
        return Menu(_("It is no longer there."), [])
    sums = lots.trail_sums(visit.tx, row["id"])
    said: list[Msg] = [
        _("{people} people, {weights} weights, {days} day lots", people=sums["people"], weights=sums["intakes"], days=sums["day_lots"])
    ]  # fmt: skip
    process = lots.processed(visit.tx, row["id"])
    if process is not None:
        came = Quantity(process["in_quantity"], row["unit"])
        said.append(_("From {produce} {quantity}", produce=produce_name(visit, process["produce_in"]), quantity=came))
    said += [
        _(
            "{receipt} {name} {quantity}",
            receipt=one["receipt"],
            name=one["name"],
            quantity=Quantity(one["quantity"], row["unit"]),
        )
        for one in lots.trail(visit.tx, row["id"])[:NAMED]
    ]
    return Pages(joined(said))


@screen("lots.gather", goes=("lots.gather_now",))
def gather(visit: Visit) -> Screen:
    """All day lots of this produce and grade that are in store."""
    row = _lot(visit)
    found = [] if row is None else lots.in_store(visit.tx, row["cooperative_id"], row["produce"], row["grade"])
    if row is None or not found:
        return Menu(_("It is no longer there."), [])
    left = Quantity(sum(one["left_quantity"] for one in found), row["unit"])
    title = _(
        "Export lot of {produce} {grade}: {n} day lots from {day}, {quantity}?",
        produce=produce_name(visit, row["produce"]), grade=_grade(row), n=len(found), day=day_of(found[0]["from_day"]),
        quantity=left,
    )  # fmt: skip
    return Confirm(title, "lots.gather_now", _("Gather"))


@action("lots.gather_now")
def gather_now(visit: Visit) -> Done:
    row = _lot(visit)
    if row is None:
        return Done(_("It is no longer there."))
    which = {name: row[name] for name in ("cooperative_id", "produce", "grade")}
    try:
        made = lots.gather(visit.tx, hub=visit.hub, now=visit.now, manager_id=visit.me["id"], **which)
    except Refused as no:
        return Done(refused(no, row["unit"]))
    return Done(
        _("Export lot {lot}: {quantity}.", lot=made["number"], quantity=Quantity(made["quantity"], made["unit"]))
    )


@screen("lots.orders", goes=("lots.pin",))
def orders(visit: Visit) -> Menu:
    """Orders of the cooperative that this lot may be sent for."""
    row = _lot(visit)
    if row is None:
        return Menu(_("It is no longer there."), [])
    found = [
        order for order in visit.tx.orders_of_seller(seller_id=_account(visit), limit=MOST_SHOWN)
        if order["state"] == "agreed" and order["produce"] == row["produce"]
    ]  # fmt: skip
    options = [
        Option(_("{name} {quantity}", name=order["buyer_name"], quantity=Quantity(order["quantity"], order["unit"])), "lots.pin", order["id"])
        for order in found
    ]  # fmt: skip
    return Menu(_("For which order?") if found else _("No order for these goods."), options, keep="order")


@screen("lots.pin", goes=("lots.ship",))
def ship_pin(visit: Visit) -> Secret:
    row = _lot(visit)
    left = Quantity(row["left_quantity"], row["unit"]) if row else "-"
    return Secret(_("Send {quantity} to the buyer. Your {hub} PIN:", quantity=left, hub=visit.hub.name), "lots.ship")


@action("lots.ship")
def ship(visit: Visit) -> Done:
    draft = visit.draft
    try:
        row = lots.ship(
            visit.tx,
            hub=visit.hub,
            now=visit.now,
            manager_id=visit.me["id"],
            lot_id=draft["lot"],
            order_id=draft["order"],
        )
    except Refused as no:
        return Done(refused(no))
    return Done(_("Sent: lot {lot}. The buyer weighs it, then you are asked.", lot=row["number"]))


@screen("lots.weights", goes=("weigh.check",))
def weights(visit: Visit) -> Menu:
    """What buyers weighed of the cooperative's goods: each waits for a manager's yes."""
    rows = deliveries.waiting_for(visit.tx, _account(visit)) if manages(visit) else []
    options = [
        Option(_("{name} {quantity}", name=row["buyer_name"], quantity=Quantity(row["gross"], row["unit"])), "weigh.check", row["order_id"])
        for row in rows
    ]  # fmt: skip
    return Menu(_("Which weight?") if rows else _("Nothing waits for your answer."), options, keep="order")


def _account(visit: Visit) -> str:
    return str(cooperatives.by_id(visit.tx, visit.draft["coop"])["account_id"])


def _lot(visit: Visit) -> dict[str, Any] | None:
    """The chosen lot, if it is of the cooperative she manages."""
    row = visit.tx.lot_by_id(id=visit.draft["lot"])
    return row if row is not None and row["cooperative_id"] == visit.draft["coop"] and manages(visit) else None
