"""An agent lists for a seller, who says yes: by telling the code of her SMS, or on her own phone."""

from __future__ import annotations

from menus.agent import agents_only, hers, pin_first, refused_line
from menus.sell import asked_price
from menus.words import produce_name, unit_word
from ussd_app.engine.answers import Code, QuantityOf
from ussd_app.engine.screen import Ask, Confirm, Done, Menu, Option, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Amount, Bare, Named, Quantity, _
from ussd_app.market import agent_acts, codes, terms
from ussd_app.market.terms import Refused


@screen("agent.list_produce", goes=("agent.list_quantity",))
@agents_only
def produce(visit: Visit) -> Menu:
    row = hers(visit)
    if row is None or row["state"] != "active":
        return Menu(_("This seller has not begun yet."), [])
    options = [Option(Named(one.names), "agent.list_quantity", one.code, one.number) for one in visit.hub.produce]
    return Menu(_("{name} sells:", name=row["name"]), options, keep="produce")


@screen("agent.list_quantity", goes=("agent.list_price",))
@agents_only
def quantity(visit: Visit) -> Ask:
    one = visit.hub.produce_by(visit.draft["produce"])
    title = _("{produce}\nQuantity in {unit}:", produce=Named(one.names), unit=unit_word(one))
    return Ask(title, QuantityOf(one.unit, one.max_quantity), "quantity", "agent.list_price")


@screen("agent.list_price", goes=("agent.list_confirm",))
@agents_only
def price(visit: Visit) -> Ask:
    one = visit.hub.produce_by(visit.draft["produce"])
    title = _("{produce}\nPrice per {unit} in RWF:", produce=Named(one.names), unit=unit_word(one))
    return Ask(title, asked_price(visit), "price", "agent.list_confirm")


@screen("agent.list_confirm", goes=("agent.draft", "agent.list_produce"))
@agents_only
def confirm(visit: Visit) -> Menu | Confirm:
    row, draft = hers(visit), visit.draft
    if row is None:
        return Menu(_("It is no longer there."), [])
    one = visit.hub.produce_by(draft["produce"])
    title = _(
        "For {name}: {produce} {quantity} x {price} RWF. The seller is asked by SMS.",
        name=row["name"],
        produce=Named(one.names),
        quantity=Quantity(draft["quantity"], one.unit),
        price=Bare(draft["price"]),
    )
    return Confirm(title, "agent.draft", _("Ask"), [Option(_("Change"), "agent.list_produce", number=2)])


@action("agent.draft", goes=("agent.pin", "agent.code"))
def draft(visit: Visit) -> str | Done:
    if pin_first(visit, "list"):
        return "agent.pin"
    kept = visit.draft
    told = {"agent_id": visit.me["id"], "seller_id": kept["seller"], "produce": kept["produce"]}
    try:
        row = agent_acts.draft(
            visit.tx, hub=visit.hub, clock=visit.clock, now=visit.now, key=visit.settings.secret_key,
            quantity=kept["quantity"], price=kept["price"], **told,
        )  # fmt: skip
    except Refused as refused:
        return Done(refused_line(refused))
    if not row["sent"]:
        return Done(_("The seller was asked by SMS and answers on that phone, within a day. Nothing is listed before."))
    kept["listing_draft"] = row["id"]
    return "agent.code"


@screen("agent.code", goes=("agent.list_now",))
@agents_only
def code(visit: Visit) -> Ask:
    title = _("The seller got a code by SMS. Yes: she tells it to you. Or she dials later, within a day.\nCode:")
    return Ask(title, Code(codes.CODE_DIGITS), "code", "agent.list_now")


@action("agent.list_now", goes=("agent.code",))
def list_now(visit: Visit) -> str | Done:
    try:
        answer = agent_acts.list_by_code(
            visit.tx, hub=visit.hub, clock=visit.clock, now=visit.now, key=visit.settings.secret_key,
            agent_id=visit.me["id"], draft_id=visit.draft["listing_draft"], code=visit.draft.pop("code"),
        )  # fmt: skip
    except Refused as refused:
        return Done(refused_line(refused))
    if answer == "wrong":
        visit.guide(_("The code is not right."))
        return "agent.code"
    if isinstance(answer, str):
        return Done(_("The code is over. The seller can say yes on that phone, within a day."))
    return Done(
        _(
            "Listed: {produce} {quantity}, {price} RWF. An SMS tells the seller.",
            produce=produce_name(visit, answer["produce"]),
            quantity=Quantity(answer["quantity"], answer["unit"]),
            price=Bare(answer["price"]),
        )
    )


# the seller's own phone


@screen("asked.listing", goes=("asked.yes", "asked.no"))
def asked(visit: Visit) -> Menu | Confirm:
    row = agent_acts.waiting(visit.tx, now=visit.now, seller_id=visit.me["id"])
    if row is None:
        return Menu(_("It is no longer there."), [])
    visit.draft["listing_draft"] = row["id"]
    worth = terms.amount(row["quantity"], row["price"], row["unit"])
    title = _(
        "{agent} would list for you:\n{produce} {quantity} x {price} = {total}",
        agent=row["agent"],
        produce=produce_name(visit, row["produce"]),
        quantity=Quantity(row["quantity"], row["unit"]),
        price=Bare(row["price"]),
        total=Amount(worth, row["currency"]),
    )
    return Confirm(title, "asked.yes", _("Yes, list it"), [Option(_("No"), "asked.no", number=2, confirms=True)])


@action("asked.yes")
def yes(visit: Visit) -> Done:
    try:
        row = agent_acts.say_yes(
            visit.tx, hub=visit.hub, clock=visit.clock, now=visit.now, seller_id=visit.me["id"],
            draft_id=visit.draft["listing_draft"],
        )  # fmt: skip
    except Refused as refused:
        return Done(refused_line(refused))
    return Done(
        _(
            "Listed: {produce} {quantity}, {price} RWF. We send an SMS when a buyer offers. To change: {code} then 8",
            produce=produce_name(visit, row["produce"]),
            quantity=Quantity(row["quantity"], row["unit"]),
            price=Bare(row["price"]),
            code=visit.settings.service_code,
        )
    )


@action("asked.no")
def no(visit: Visit) -> Done:
    try:
        agent_acts.say_no(visit.tx, now=visit.now, seller_id=visit.me["id"], draft_id=visit.draft["listing_draft"])
    except Refused as refused:
        return Done(refused_line(refused))
    return Done(_("Saved. It is not listed."))
