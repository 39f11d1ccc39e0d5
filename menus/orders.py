"""My orders: what was agreed, undo within five minutes, free the kilos when the other side did not come."""

from __future__ import annotations

from typing import Any

from menus import refusals
from menus.offers import joined
from menus.words import carrier_line, place_name, produce_name
from ussd_app.engine.screen import Confirm, Done, Menu, Option, Pages, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Amount, Bare, Msg, Quantity, When, _
from ussd_app.market import orders, terms

MOST_SHOWN = 12
STATES: dict[str, Msg] = {
    "agreed": _("agreed"),
    "delivered": _("delivered"),
    "disputed": _("disputed"),
    "settled": _("settled"),
    "closed": _("closed"),
    "cancelled": _("cancelled"),
}


@screen("orders.list", goes=("orders.one",))
def mine(visit: Visit) -> Menu:
    """Those of her role; who both sells and buys sees what she sold here, and what she bought under Buy."""
    if visit.me["seller_kind"] and not visit.draft.get("as_buyer"):
        rows = visit.tx.orders_of_seller(seller_id=visit.me["id"], limit=MOST_SHOWN)
    else:
        rows = visit.tx.orders_of_buyer(buyer_id=visit.me["id"], limit=MOST_SHOWN)
    if not rows:
        return Menu(_("No orders yet."), [])
    options = [
        Option(
            _(
                "{produce} {quantity} {state}",
                produce=produce_name(visit, row["produce"]),
                quantity=Quantity(row["quantity"], row["unit"]),
                state=STATES[row["state"]],
            ),
            "orders.one",
            row["id"],
        )
        for row in rows
    ]
    return Menu(_("My orders"), options, keep="order")


@screen(
    "orders.one",
    goes=(
        "orders.undo",
        "orders.free_now",
        "orders.details",
        "weigh.gross",
        "weigh.check",
        "weigh.finish",
        "pay.one",
        "dispute.kind",
        "dispute.one",
    ),
)
def one(visit: Visit) -> Menu:
    """What it is, with whom, and what can be done now, all on the first page; the terms are one key further."""
    row = visit.tx.order_details(id=visit.draft["order"], person_id=visit.me["id"])
    if row is None:
        return Menu(_("It is no longer there."), [])
    selling = row["seller_id"] == visit.me["id"]
    other = row["buyer_name"] if selling else row["seller_name"]
    phone = row["buyer_msisdn"] if selling else row["seller_msisdn"]
    title = [
        _("Order {code}: {state}", code=row["code"], state=STATES[row["state"]]),
        _goods(visit, row),
        _("{name} {phone}", name=other, phone=phone or "") if other else _("left the market"),
    ]
    return Menu(joined(title), [*_keys(visit, row), Option(_("Price and handover"), "orders.details", number=7)])


def _goods(visit: Visit, row: dict[str, Any]) -> Msg:
    return _(
        "{produce} {quantity}",
        produce=produce_name(visit, row["produce"]),
        quantity=Quantity(row["quantity"], row["unit"]),
    )


@screen("orders.details")
def details(visit: Visit) -> Pages:
    row = visit.tx.order_details(id=visit.draft["order"], person_id=visit.me["id"])
    if row is None:
        return Pages(_("It is no longer there."))
    total = terms.amount(row["quantity"], row["price"], row["unit"])
    lines = [
        _("Handover: {place}, {time}", place=place_name(visit, row["handover_place"]), time=When(row["handover_at"])),
        carrier_line(row),
        _goods(visit, row),
        _("{price} RWF, about {total}", price=Bare(row["price"]), total=Amount(total, row["currency"])),
    ]
    return Pages(joined(lines))


def _keys(visit: Visit, row: dict[str, Any]) -> list[Option]:
    """What may be done with the order now; every key keeps its number."""
    if row["state"] == "cancelled":
        return []
    options = []
    if row["state"] == "agreed":
        options += _while_agreed(visit, row)
    if row["weighed"] or row["state"] != "agreed":
        options.append(Option(_("The money"), "pay.one", number=5))
    if row["state"] == "disputed":
        options.append(Option(_("The problem"), "dispute.one", number=6))
    elif row["state"] != "closed" and visit.now >= row["regret_until"]:
        options.append(Option(_("Report a problem"), "dispute.kind", number=6))
    return options


def _while_agreed(visit: Visit, row: dict[str, Any]) -> list[Option]:
    selling = row["seller_id"] == visit.me["id"]
    options = []
    if not row["weighed"] and visit.now < row["regret_until"]:
        options.append(Option(_("Undo"), "orders.undo", number=1))
    elif not row["weighed"] and visit.now >= row["free_after"]:
        options.append(Option(_("Not done: free it"), "orders.free_now", number=2, confirms=True))
    if not selling and visit.now >= row["regret_until"]:
        options.append(Option(_("Record the weight"), "weigh.gross", number=3))
    elif row["weighed"]:
        options.append(Option(_("Check the weight"), "weigh.check", number=3))
    if row["weighed"]:
        options.append(Option(_("No more comes"), "weigh.finish", number=4))
    return options


@screen("orders.undo", goes=("orders.undo_now",))
def undo(visit: Visit) -> Confirm:
    return Confirm(_("Undo this order? The other side is told."), "orders.undo_now", _("Undo"))


@action("orders.undo_now")
def undo_now(visit: Visit) -> Done:
    try:
        orders.undo(visit.tx, now=visit.now, person_id=visit.me["id"], order_id=visit.draft["order"])
    except terms.Refused as refused:
        return Done(refusals.line(refused))
    return Done(_("Undone. The goods are for sale again."))


@action("orders.free_now")
def free_now(visit: Visit) -> Done:
    """One key, past the handover time: the kilos are hers to sell again."""
    try:
        orders.free(visit.tx, now=visit.now, person_id=visit.me["id"], order_id=visit.draft["order"])
    except terms.Refused as refused:
        return Done(refusals.line(refused))
    return Done(_("Cancelled. The goods are for sale again."))
