"""A manager's orders: what buyers ask the cooperative for, taken whole or in part with the PIN, or refused with one key."""

from __future__ import annotations

from typing import Any

from menus import refusals
from menus.offers import joined
from menus.orders import STATES
from menus.words import carrier_line, place_name, produce_name
from ussd_app.engine.answers import QuantityOf
from ussd_app.engine.screen import Ask, Confirm, Done, Menu, Option, Pages, Screen, Secret, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Amount, Bare, Msg, Quantity, When, _
from ussd_app.market import calls, cooperatives, orders, terms, wants
from ussd_app.market.terms import Refused

MOST_SHOWN = 8


def manager_of(visit: Visit) -> dict[str, Any] | None:
    """The caller's role as manager of the chosen cooperative; a role may be taken back while she is on the line."""
    rows = cooperatives.role_of(visit.tx, visit.me["id"], visit.draft.get("coop", ""))
    return next((row for row in rows if row["role"] == "manager"), None)


def not_hers() -> Menu:
    return Menu(_("You act for no cooperative."), [])


@screen("coop.orders", goes=("coop.want", "coop.order"))
def listed(visit: Visit) -> Menu:
    """What can be taken stands first, marked; then the cooperative's orders, the newest first."""
    role = manager_of(visit)
    if role is None:
        return not_hers()
    options = [
        Option(_("! {line}", line=_line(visit, row, row["left_quantity"])), "coop.want", row["id"])
        for row in wants.open_for(visit.tx, role["cooperative_id"], visit.now, MOST_SHOWN)
    ]
    options += [
        Option(
            _("{line} {state}", line=_line(visit, row, row["quantity"]), state=STATES[row["state"]]),
            "coop.order",
            row["id"],
        )
        for row in visit.tx.orders_of_seller(seller_id=role["account_id"], limit=MOST_SHOWN)
    ]
    return Menu(_("Orders (! = take or refuse)") if options else _("No orders yet."), options, keep="chosen")


def _line(visit: Visit, row: dict[str, Any], quantity: int) -> Msg:
    return _(
        "{produce} {quantity}", produce=produce_name(visit, row["produce"]), quantity=Quantity(quantity, row["unit"])
    )


def _want(visit: Visit) -> dict[str, Any] | None:
    """The chosen want while this manager can answer it."""
    role = manager_of(visit)
    if role is None:
        return None
    return wants.of_cooperative(visit.tx, visit.draft["chosen"], role["cooperative_id"], visit.now)


def _over() -> Menu:
    return Menu(_("It is no longer open."), [Option(_("Orders"), "coop.orders")])


@screen("coop.want", goes=("coop.take_all", "coop.part", "coop.refuse", "coop.orders"))
def want(visit: Visit) -> Menu:
    row = _want(visit)
    if row is None:
        return _over()
    code = row["handover_place"]
    place = visit.hub.places.get(code).name if code.isdigit() else code
    title = [
        _("From {buyer}", buyer=row["buyer_name"]),
        _("{line} x {price}", line=_line(visit, row, row["left_quantity"]), price=Bare(row["price"])),
        _("Bring to {place}", place=place) if place else _("Buyer fetches"),
        _("Until {time}", time=When(row["closes_at"])),
    ]
    return Menu(joined(title), [
        Option(_("Take all"), "coop.take_all", number=1),
        Option(_("Take a part"), "coop.part", number=2),
        Option(_("Refuse"), "coop.refuse", number=3, confirms=True),
    ])  # fmt: skip


@action("coop.refuse")
def refuse(visit: Visit) -> Done:
    """One key: she may still take it while it is open."""
    which = {"want_id": visit.draft["chosen"], "cooperative_id": visit.draft["coop"]}
    try:
        wants.refuse(visit.tx, now=visit.now, manager_id=visit.me["id"], **which)
    except Refused as refused:
        return Done(refusals.line(refused))
    return Done(_("Refused."))


@action("coop.take_all", goes=("coop.take_pin",))
def take_all(visit: Visit) -> str:
    visit.draft.pop("part", None)
    return "coop.take_pin"


@screen("coop.part", goes=("coop.take_pin", "coop.orders"))
def part(visit: Visit) -> Screen:
    row = _want(visit)
    if row is None:
        return _over()
    title = _("{line}\nHow much do you take?", line=_line(visit, row, row["left_quantity"]))
    return Ask(title, QuantityOf(row["unit"], row["left_quantity"]), "part", "coop.take_pin")


@screen("coop.take_pin", goes=("coop.take", "coop.orders"))
def take_pin(visit: Visit) -> Screen:
    """What she takes stands above the PIN; all is what is left now."""
    row = _want(visit)
    if row is None:
        return _over()
    quantity = visit.draft.get("part", row["left_quantity"])
    visit.draft["taking"] = quantity
    title = _(
        "Take {line} x {price} = {total}\nYour {hub} PIN:",
        line=_line(visit, row, quantity),
        price=Bare(row["price"]),
        total=Amount(terms.amount(quantity, row["price"], row["unit"]), row["currency"]),
        hub=visit.hub.name,
    )
    return Secret(title, "coop.take")


@action("coop.take")
def take(visit: Visit) -> Done:
    row = _want(visit)
    which = {"want_id": visit.draft["chosen"], "cooperative_id": visit.draft["coop"]}
    try:
        order = wants.take(
            visit.tx, hub=visit.hub, clock=visit.clock, now=visit.now, manager_id=visit.me["id"],
            quantity=visit.draft["taking"], **which,
        )  # fmt: skip
    except Refused as refused:
        if refused.reason == "over_cap":
            return Done(_("This buyer cannot order more now."))
        return Done(refusals.line(refused, row["unit"] if row else "g"))
    return Done(
        _(
            "Taken. Order {code}: {line}. To call members or undo (5 minutes): {dial}, Cooperative, 1",
            code=order["code"],
            line=_line(visit, order, order["quantity"]),
            dial=visit.settings.service_code,
        )
    )


# an order that stands


def order_of(visit: Visit) -> dict[str, Any] | None:
    """The chosen order of the cooperative's account, with both sides' names."""
    role = manager_of(visit)
    if role is None:
        return None
    row: dict[str, Any] | None = visit.tx.order_details(id=visit.draft["chosen"], person_id=role["account_id"])
    return row


@screen("coop.order", goes=("coop.call_order", "coop.undo", "coop.free", "coop.order_terms", "coop.orders"))
def order(visit: Visit) -> Menu:
    row = order_of(visit)
    if row is None:
        return _over()
    title = [
        _("Order {code}: {state}", code=row["code"], state=STATES[row["state"]]),
        _line(visit, row, row["quantity"]),
    ]
    options = []
    if row["state"] == "agreed":
        options.append(Option(_("Call members"), "coop.call_order", number=1))
        if not row["weighed"] and visit.now < row["regret_until"]:
            options.append(Option(_("Undo"), "coop.undo", number=2))
        elif not row["weighed"] and visit.now >= row["free_after"]:
            options.append(Option(_("Nobody came: end it"), "coop.free", number=3, confirms=True))
    return Menu(joined(title), [*options, Option(_("Price and handover"), "coop.order_terms", number=7)])


@screen("coop.order_terms")
def order_terms(visit: Visit) -> Pages:
    row = order_of(visit)
    if row is None:
        return Pages(_("It is no longer there."))
    lines = [
        _("{name} {phone}", name=row["buyer_name"] or "", phone=row["buyer_msisdn"] or ""),
        _("{line} x {price}", line=_line(visit, row, row["quantity"]), price=Bare(row["price"])),
        _("Handover: {place}, {time}", place=place_name(visit, row["handover_place"]), time=When(row["handover_at"])),
        carrier_line(row),
    ]
    return Pages(joined(lines))


@screen("coop.undo", goes=("coop.undo_now",))
def undo(visit: Visit) -> Confirm:
    return Confirm(_("Undo this order? The other side is told."), "coop.undo_now", _("Undo"))


@action("coop.undo_now")
def undo_now(visit: Visit) -> Done:
    return _end(visit, orders.undo, _("Undone. The other side is told."))


@action("coop.free")
def free(visit: Visit) -> Done:
    return _end(visit, orders.free, _("Ended. The other side is told."))


def _end(visit: Visit, act: Any, said: Msg) -> Done:
    role = manager_of(visit)
    if role is None:
        return Done(_("You act for no cooperative."))
    try:
        act(visit.tx, now=visit.now, person_id=role["account_id"], order_id=visit.draft["chosen"])
    except Refused as refused:
        return Done(refusals.line(refused))
    wants.mend(visit.tx, now=visit.now)
    return Done(said)


@action("coop.call_order", goes=("coop.call_check", "coop.orders"))
def call_order(visit: Visit) -> str:
    """A call for what this order still needs, at its price less the cooperative's fee, until the goods must go."""
    row = order_of(visit)
    if row is None:
        return "coop.orders"
    called = int(visit.tx.calls_called_for(order_id=row["id"]))
    hour = visit.clock.wait(terms.HOUR_MS)
    visit.draft.update(
        call_produce=row["produce"],
        call_wanted=max(row["quantity"] - called, 0) or row["quantity"],
        call_price=calls.price_of_order(visit.tx, row, visit.now),
        call_until=max(min(row["handover_at"] - 2 * hour, visit.now + 24 * hour), visit.now + hour),
        call_for=row["id"],
    )
    return "coop.call_check"
