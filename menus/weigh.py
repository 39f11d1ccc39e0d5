"""What came is weighed: the buyer records it, the seller says on her own phone whether it is right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from menus import refusals
from menus.offers import joined
from menus.words import produce_name
from ussd_app.engine.answers import Money, QuantityOf
from ussd_app.engine.screen import Ask, Confirm, Done, Menu, Option, Pages, Screen, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Amount, Msg, Quantity, Text, _
from ussd_app.market import deliveries, receipts
from ussd_app.market.terms import Refused
from ussd_app.trade_words import NOT_RIGHT, RECEIPT_LINES, receipt


def receipt_of(delivery: Mapping[str, Any]) -> list[Msg]:
    """The lines of a delivery (with its `deductions`) and their sum."""
    return receipt(receipts.lines(delivery), delivery["unit"], delivery["currency"])


# the buyer records


@screen("weigh.gross", goes=("weigh.grossed",))
def gross(visit: Visit) -> Screen:
    order = visit.tx.order_details(id=visit.draft["order"], person_id=visit.me["id"])
    if order is None or order["state"] != "agreed":
        return Menu(_("It is no longer open."), [])
    title = _(
        "{produce}: weighed in all, {unit}?", produce=produce_name(visit, order["produce"]), unit=_unit(order["unit"])
    )
    return Ask(title, QuantityOf(order["unit"], max(deliveries.room(visit.tx, order)[1], 1)), "gross", "weigh.grossed")


def _unit(unit: str) -> Text:
    return {"g": "kg", "ml": "L"}.get(unit) or _("pieces")


@action("weigh.grossed", goes=("weigh.floaters", "weigh.sum"))
def grossed(visit: Visit) -> str:
    visit.draft.update(floaters=0, deductions=[])
    order = visit.tx.order_details(id=visit.draft["order"], person_id=visit.me["id"])
    return "weigh.floaters" if order and order["price_floaters"] is not None else "weigh.sum"


@screen("weigh.floaters", goes=("weigh.how_many", "weigh.none_floats"))
def floaters(visit: Visit) -> Menu:
    return Menu(_("Are there floaters?"), [
        Option(_("None"), "weigh.none_floats", number=1),
        Option(_("Yes"), "weigh.how_many", number=2),
    ])  # fmt: skip


@action("weigh.none_floats", goes=("weigh.sum",))
def none_floats(visit: Visit) -> str:
    visit.draft["floaters"] = 0
    return "weigh.sum"


@screen("weigh.how_many", goes=("weigh.sum",))
def how_many(visit: Visit) -> Ask:
    return Ask(_("Floaters, kg?"), QuantityOf("g", visit.draft["gross"]), "floaters", "weigh.sum")


@screen("weigh.sum", goes=("weigh.record", "weigh.name"))
def summed(visit: Visit) -> Screen:
    """What she will be shown, before it is sent to her."""
    order = visit.tx.order_details(id=visit.draft["order"], person_id=visit.me["id"])
    if order is None or order["state"] != "agreed":
        return Menu(_("It is no longer open."), [])
    options = [Option(_("Send to the seller"), "weigh.record", number=1, confirms=True)]
    if len(visit.draft["deductions"]) < receipts.MOST_DEDUCTIONS:
        options.append(Option(_("A deduction"), "weigh.name", number=2))
    return Pages(joined(receipt_of(_drafted(visit, order))), options)


def _drafted(visit: Visit, order: Mapping[str, Any]) -> dict[str, Any]:
    """The delivery as typed so far."""
    draft = visit.draft
    named = [{"name": name, "amount": taken} for name, taken in draft["deductions"]]
    whole = {name: order[name] for name in ("price", "price_floaters", "currency", "unit")}
    return whole | {"good": draft["gross"] - draft["floaters"], "floaters": draft["floaters"], "deductions": named}


@screen("weigh.name", goes=("weigh.amount",))
def name(visit: Visit) -> Menu:
    taken = {one for one, _amount in visit.draft["deductions"]}
    options = [
        Option(RECEIPT_LINES[one], "weigh.amount", one, number)
        for number, one in enumerate(receipts.DEDUCTIONS, 1)
        if one not in taken
    ]
    return Menu(_("Deduction for what?"), options, keep="deduction")


@screen("weigh.amount", goes=("weigh.deduct",))
def amount(visit: Visit) -> Screen:
    order = visit.tx.order_details(id=visit.draft["order"], person_id=visit.me["id"])
    if order is None:
        return Menu(_("It is no longer open."), [])
    left = sum(line.amount for line in receipts.lines(_drafted(visit, order)))
    title = _("{name}: how much is taken off?", name=RECEIPT_LINES[visit.draft["deduction"]])
    return Ask(title, Money(order["currency"], max(left, 1)), "taken", "weigh.deduct")


@action("weigh.deduct", goes=("weigh.sum",))
def deduct(visit: Visit) -> str:
    kept = [one for one in visit.draft["deductions"] if one[0] != visit.draft["deduction"]]
    visit.draft["deductions"] = [*kept, [visit.draft["deduction"], visit.draft["taken"]]]
    return "weigh.sum"


@action("weigh.record")
def record(visit: Visit) -> Done:
    draft = visit.draft
    try:
        row = deliveries.record(
            visit.tx,
            clock=visit.clock,
            now=visit.now,
            order_id=draft["order"],
            buyer_id=visit.me["id"],
            gross=draft["gross"],
            floaters=draft["floaters"],
            deductions=[(name, taken) for name, taken in draft["deductions"]],
        )
    except Refused as refused:
        return Done(refusals.line(refused, "g"))
    net = Amount(row["net"], row["currency"])
    return Done(_("Recorded, receipt {receipt}: {net}. The seller is asked by SMS.", receipt=row["receipt"], net=net))


# the seller answers


@screen("weigh.check", goes=("weigh.correct", "weigh.wrong"))
def check(visit: Visit) -> Screen:
    """The same lines as in the SMS. Her yes is given on her own phone; silence is none."""
    row = visit.tx.delivery_waiting(order_id=visit.draft["order"])
    if row is None or row["seller_id"] != visit.me["id"]:
        return Menu(_("Nothing waits for your answer."), [])
    delivery = deliveries.of_party(visit.tx, person_id=visit.me["id"], delivery_id=row["id"])
    visit.draft["delivery"] = row["id"]
    head = _(
        "{produce} weighed: {gross}",
        produce=produce_name(visit, row["produce"]),
        gross=Quantity(row["gross"], row["unit"]),
    )
    return Pages(joined([head, *receipt_of(delivery)]), [
        Option(_("Correct"), "weigh.correct", number=1, confirms=True),
        Option(_("Not correct"), "weigh.wrong", number=2),
    ])  # fmt: skip


@action("weigh.correct")
def correct(visit: Visit) -> Done:
    try:
        row = deliveries.agree(
            visit.tx, clock=visit.clock, now=visit.now, seller_id=visit.me["id"], delivery_id=visit.draft["delivery"]
        )
    except Refused as refused:
        return Done(refusals.line(refused))
    net = Amount(row["net"], row["currency"])
    return Done(_("Agreed: {net}. To see the payment dial {code} and 4.", net=net, code=visit.settings.service_code))


@screen("weigh.wrong", goes=("weigh.refuse",))
def wrong(visit: Visit) -> Menu:
    options = [Option(label, "weigh.refuse", reason, confirms=True) for reason, label in NOT_RIGHT.items()]
    return Menu(_("What is not correct?"), options, keep="why")


@action("weigh.refuse")
def refuse(visit: Visit) -> Done:
    draft = visit.draft
    try:
        deliveries.refuse(
            visit.tx, now=visit.now, seller_id=visit.me["id"], delivery_id=draft["delivery"], why=draft["why"]
        )
    except Refused as refused:
        return Done(refusals.line(refused))
    return Done(_("The buyer is told. Weigh again together."))


# no more will come


@screen("weigh.finish", goes=("weigh.finish_now",))
def finish(visit: Visit) -> Confirm:
    return Confirm(
        _("No more will come of this order? The rest is for sale again."), "weigh.finish_now", _("No more comes")
    )


@action("weigh.finish_now")
def finish_now(visit: Visit) -> Done:
    try:
        deliveries.finish(
            visit.tx, clock=visit.clock, now=visit.now, person_id=visit.me["id"], order_id=visit.draft["order"]
        )
    except Refused as refused:
        return Done(refusals.line(refused))
    return Done(_("Saved. The order is for what came."))
