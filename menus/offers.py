"""Offers to a seller: the best first, what reaches her before anything else, then whether it is fair.

Accepting needs her PIN and shows the terms once more; a counter-offer is two short steps.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from menus import refusals
from menus.words import carrier_line, nearby, place_name, produce_name, short, twins, unit_word
from ussd_app.engine.answers import Money
from ussd_app.engine.screen import Ask, Confirm, Done, Menu, Option, Pages, Screen, Secret, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Amount, Bare, Msg, Quantity, When, _
from ussd_app.market import buyers, offers, orders, rates, takehome, terms

MOST_SHOWN = 12


@screen("offers.list", goes=("offers.one", "prices.produce", "matches.list"))
def best_first(visit: Visit) -> Menu:
    rows = visit.tx.offers_for_seller(seller_id=visit.me["id"], now=visit.now, limit=MOST_SHOWN)
    waits = visit.tx.proposals_wait(seller_id=visit.me["id"], now=visit.now)
    found = [Option(_("Buyers we found"), "matches.list")] if waits else []
    if not rows:
        return Menu(_("No buyer yet. We will tell you."), [*found, Option(_("Prices"), "prices.produce")])
    alike = twins(rows, "produce")
    options = [Option(_labelled(visit, row, row["id"] in alike), "offers.one", row["id"]) for row in rows]
    return Menu(_("Offers, you get about:"), [*found, *options], keep="offer")


def _labelled(visit: Visit, row: dict[str, Any], plainer: bool) -> Msg:
    """What she gets and for what; of several offers for one produce also how much, at which price, and whose."""
    net, produce = Amount(row["take_home"], row["currency"]), produce_name(visit, row["produce"])
    if not plainer:
        return _("{net}: {produce}", net=net, produce=produce)
    return _(
        "{net}: {produce} {quantity} x {price}, {buyer}",
        net=net,
        produce=produce,
        quantity=Quantity(row["quantity"], row["unit"]),
        price=Bare(row["price"]),
        buyer=short(row["buyer_name"]),
    )


def waiting(visit: Visit) -> dict[str, Any] | None:
    """The chosen offer while it can still be answered by this caller."""
    ask = {"id": visit.draft["offer"]}
    row: dict[str, Any] | None = visit.tx.offer_for_seller(**ask, seller_id=visit.me["id"])
    if row is None:
        row = visit.tx.offer_for_buyer(**ask, buyer_id=visit.me["id"])
    if row is None or row["state"] != "open" or row["expires_at"] <= visit.now:
        return None
    return row


@screen("offers.one", goes=("offers.pin", "offers.refuse", "offers.counter", "offers.details", "offers.list"))
def one(visit: Visit) -> Menu:
    """Take-home first, then the floor and the neighbours' median, then how the buyer kept his word."""
    row = waiting(visit)
    if row is None:
        return Menu(_("This offer is no longer open."), [Option(_("Offers"), "offers.list")])
    buyer = short(row["buyer_name"])
    title = _(
        "You get about {net}\n{quantity} x {price}, {buyer}\n{fair}\n{kept}",
        net=Amount(row["take_home"], row["currency"]),
        quantity=Quantity(row["quantity"], row["unit"]),
        price=Bare(row["price"]),
        buyer=buyer,
        fair=fairness(visit, row),
        kept=word_kept(row),
    )
    return Menu(title, [*answers(row), Option(_("Info"), "offers.details", number=4)])


def answers(row: dict[str, Any]) -> list[Option]:
    """What can be answered to an offer or a counter-offer: another price only while there is a round left."""
    options = [Option(_("Accept"), "offers.pin", number=1), Option(_("Refuse"), "offers.refuse", number=2)]
    if row["round"] < terms.MAX_ROUNDS:
        options.append(Option(_("New price"), "offers.counter", number=3))
    return options


def fairness(visit: Visit, row: dict[str, Any]) -> Msg:
    """Floor and median in a few words; what is not known is said, not left out."""
    floor = rates.floor_for(visit.tx, row["produce"], row["currency"], visit.now)
    near = nearby(visit, row["produce"], row["district"])
    low = _("Minimum {floor}", floor=Bare(floor.price)) if floor.price else _("No minimum")
    middle = _("near {median}", median=Bare(near.median)) if near else _("no trade yet")
    return _("{low}, {middle}", low=low, middle=middle)


def word_kept(row: dict[str, Any]) -> Msg:
    """Kept and missed orders; an unverified buyer is called so."""
    if row["verification"] == "verified":
        return _("Kept {kept}/not {missed}", kept=row["kept_count"], missed=row["missed_count"])
    return _("Unverified. Kept {kept}/not {missed}", kept=row["kept_count"], missed=row["missed_count"])


@screen("offers.details")
def details(visit: Visit) -> Pages:
    row = waiting(visit)
    if row is None:
        return Pages(_("This offer is no longer open."))
    floor = rates.floor_for(visit.tx, row["produce"], row["currency"], visit.now)
    estimate = takehome.take_home(
        visit.tx, row["quantity"], row["price"], row["currency"], "", visit.now, unit=row["unit"]
    )
    lines: list[Msg] = [
        _("Buyer: {buyer}", buyer=row["buyer_name"]),
        _(
            "{produce} {quantity}",
            produce=produce_name(visit, row["produce"]),
            quantity=Quantity(row["quantity"], row["unit"]),
        ),
        _("Price {price}, floaters {floaters}", price=Bare(row["price"]), floaters=Bare(row["price_floaters"]))
        if row["price_floaters"] is not None
        else _("Price {price} RWF", price=Bare(row["price"])),
        _("Total {total}", total=Amount(estimate.gross, row["currency"])),
        _("Cash-out fee {fee}", fee=Amount(estimate.cash_out_fee, row["currency"]))
        if estimate.cash_out_fee is not None
        else _("Cash-out fee not known"),
        _("Handover: {place}, {time}", place=place_name(visit, row["handover_place"]), time=When(row["handover_at"])),
        carrier_line(row),
        _("Until {time}", time=When(row["expires_at"])),
    ]
    if floor.price and floor.valid_from:
        lines.append(_("Minimum {floor} since {day}", floor=Bare(floor.price), day=refusals.day_of(floor.valid_from)))
    return Pages(joined(lines))


def joined(lines: list[Msg]) -> Msg:
    """Several lines as one text."""
    result = lines[0]
    for line in lines[1:]:
        result = Msg("{above}\n{below}", {"above": result, "below": line})
    return result


@screen("offers.pin", goes=("offers.accept", "offers.list"))
def pin(visit: Visit) -> Screen:
    """What she agrees to stands above the PIN."""
    row = waiting(visit)
    if row is None:
        return Menu(_("This offer is no longer open."), [Option(_("Offers"), "offers.list")])
    title = _(
        "Accept {quantity} x {price}\nHandover {place} {time}. {carrier}\nYour {hub} PIN:",
        quantity=Quantity(row["quantity"], row["unit"]),
        price=Amount(row["price"], row["currency"]),
        place=place_name(visit, row["handover_place"]),
        time=When(row["handover_at"]),
        carrier=carrier_line(row),
        hub=visit.hub.name,
    )
    return Secret(title, "offers.accept")


@action("offers.accept")
def accept(visit: Visit) -> Done:
    try:
        order = orders.accept(
            visit.tx, clock=visit.clock, now=visit.now, person_id=visit.me["id"], offer_id=visit.draft["offer"]
        )
    except terms.Refused as refused:
        offer = visit.tx.offer_for_party(id=visit.draft["offer"], person_id=visit.me["id"])
        return Done(refusals.line(refused, offer["unit"] if offer else "g"))
    return Done(
        _(
            "Accepted. Order {code}. Handover {place}, {time}. To undo within 5 minutes: {dial} then 3",
            code=order["code"],
            place=place_name(visit, order["handover_place"]),
            time=When(order["handover_at"]),
            dial=visit.settings.service_code,
        )
    )


@screen("offers.refuse", goes=("offers.decline",))
def refuse(visit: Visit) -> Confirm:
    return Confirm(_("Refuse this offer?"), "offers.decline", _("Refuse"))


@action("offers.decline")
def decline(visit: Visit) -> Done:
    try:
        offers.decline(visit.tx, now=visit.now, person_id=visit.me["id"], offer_id=visit.draft["offer"])
    except terms.Refused as refused:
        return Done(refusals.line(refused))
    return Done(_("Refused. The other side is told."))


@screen("offers.counter", goes=("offers.counter_confirm", "offers.list"))
def counter(visit: Visit) -> Screen:
    row = waiting(visit)
    if row is None:
        return Menu(_("This offer is no longer open."), [Option(_("Offers"), "offers.list")])
    produce = visit.hub.produce_by(row["produce"])

    def check(minor: int) -> Msg | None:
        try:
            rates.floor_for(visit.tx, produce.code, row["currency"], visit.now).check(minor)
        except terms.Refused as refused:
            return refusals.line(refused, produce.unit)
        return None

    title = _("Offered: {price} per {unit}. Your price:", price=Bare(row["price"]), unit=unit_word(produce))
    return Ask(title, Money(row["currency"], produce.max_price, check), "counter", "offers.counter_confirm")


@screen("offers.counter_confirm", goes=("offers.send_counter", "offers.list"))
def counter_confirm(visit: Visit) -> Screen:
    row = waiting(visit)
    if row is None:
        return Menu(_("This offer is no longer open."), [Option(_("Offers"), "offers.list")])
    asked = visit.draft["counter"]
    title = _(
        "Ask {quantity} x {price} = {total}? Nothing is reserved meanwhile.",
        quantity=Quantity(row["quantity"], row["unit"]),
        price=Bare(asked),
        total=Amount(terms.amount(row["quantity"], asked, row["unit"]), row["currency"]),
    )
    return Confirm(title, "offers.send_counter", _("Send"))


@action("offers.send_counter")
def send_counter(visit: Visit) -> Done:
    row = waiting(visit)
    if row is None:
        return Done(_("It is no longer open."))
    try:
        offers.counter(
            visit.tx,
            hub=visit.hub,
            clock=visit.clock,
            now=visit.now,
            person_id=visit.me["id"],
            offer_id=row["id"],
            terms=replace(offers.terms_of(row), price=visit.draft["counter"]),
            caps=buyers.caps(visit.me["verification"]) if row["buyer_id"] == visit.me["id"] else None,
        )
    except terms.Refused as refused:
        return Done(refusals.line(refused, row["unit"]))
    return Done(_("Sent. We will tell you the answer by SMS."))
