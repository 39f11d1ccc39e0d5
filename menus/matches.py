"""Proposals of the clearing: what reaches her first, then why this one; yes with the PIN, or no. Both sides use them."""

from __future__ import annotations

from typing import Any

from menus import refusals
from menus.words import place_name, produce_name, short, unit_word
from ussd_app.engine.screen import Confirm, Done, Menu, Option, Screen, Secret, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Amount, Bare, Msg, Quantity, When, _
from ussd_app.market import proposals, terms

MOST_SHOWN = 12


@screen("matches.list", goes=("matches.one", "offers.list"))
def for_seller(visit: Visit) -> Menu:
    rows = visit.tx.proposals_for_seller(seller_id=visit.me["id"], now=visit.now, limit=MOST_SHOWN)
    if not rows:
        return Menu(_("Nothing found yet. We tell you."), [Option(_("Offers"), "offers.list")])
    options = [Option(_labelled(visit, row), "matches.one", row["id"]) for row in rows]
    return Menu(_("We found, you get about:"), options, keep="match")


def _labelled(visit: Visit, row: dict[str, Any]) -> Msg:
    return _(
        "{net}: {produce} {quantity} x {price}, {buyer}",
        net=Amount(row["take_home"], row["currency"]),
        produce=produce_name(visit, row["produce"]),
        quantity=Quantity(row["quantity"], row["unit"]),
        price=Bare(row["price"]),
        buyer=short(row["buyer_name"]),
    )


@screen("matches.found", goes=("matches.one",))
def for_buyer(visit: Visit) -> Menu:
    rows = visit.tx.proposals_for_buyer(buyer_id=visit.me["id"], now=visit.now, limit=MOST_SHOWN)
    options = [
        Option(
            _(
                "{produce} {quantity} x {price}, {km} km",
                produce=produce_name(visit, row["produce"]),
                quantity=Quantity(row["quantity"], row["unit"]),
                price=Bare(row["price"]),
                km=row["km"],
            ),
            "matches.one",
            row["id"],
        )
        for row in rows
    ]
    return Menu(_("Found for you:") if rows else _("Nothing found yet. We tell you."), options, keep="match")


def waiting(visit: Visit) -> dict[str, Any] | None:
    """The chosen proposal while this caller can still answer it."""
    row: dict[str, Any] | None = visit.tx.proposal_for_party(id=visit.draft["match"], person_id=visit.me["id"])
    if row is None or row["expires_at"] <= visit.now:
        return None
    own = "accepted_seller" if row["seller_id"] == visit.me["id"] else "accepted_buyer"
    return row if row["state"] in proposals.LIVE and row["state"] != own else None


@screen("matches.one", goes=("matches.pin", "matches.refuse"))
def one(visit: Visit) -> Menu:
    row = waiting(visit)
    if row is None:
        return Menu(_("It is no longer open."), [])
    sold = row["seller_id"] == visit.me["id"]
    title = _sold(row) if sold else _bought(visit, row)
    return Menu(title, [
        Option(_("Accept"), "matches.pin", number=1),
        Option(_("Refuse"), "matches.refuse", number=2),
    ])  # fmt: skip


def _sold(row: dict[str, Any]) -> Msg:
    """Take-home first, then the reason."""
    return _(
        "You get about {net}\n{quantity} x {price}, {buyer}\n{reason}\nUntil {time}",
        net=Amount(row["take_home"], row["currency"]),
        quantity=Quantity(row["quantity"], row["unit"]),
        price=Bare(row["price"]),
        buyer=short(row["buyer_name"]),
        reason=reason_line(row),
        time=When(row["expires_at"]),
    )


def _bought(visit: Visit, row: dict[str, Any]) -> Msg:
    """The price where the goods stand, and what fetching them adds."""
    return _(
        "{produce} {quantity} x {price}, {seller}\n{place}, {km} km\nHaulage about {haulage} per {unit}",
        produce=produce_name(visit, row["produce"]),
        quantity=Quantity(row["quantity"], row["unit"]),
        price=Bare(row["price"]),
        seller=short(row["seller_name"]),
        place=place_name(visit, row["place"]),
        km=row["km"],
        haulage=Bare(row["haulage"]),
        unit=unit_word(visit.hub.produce_by(row["produce"])),
    )


def reason_line(row: dict[str, Any]) -> Msg:
    """Why this buyer and no other, in one line."""
    lines = {
        "only_buyer": _("Only buyer now, {km} km", km=row["km"]),
        "best_price": _("Best price, {km} km", km=row["km"]),
        "nearest": _("Nearest buyer, {km} km", km=row["km"]),
        "most_reliable": _("Keeps his word best, {km} km", km=row["km"]),
        "best_fit": _("Fits best, {km} km", km=row["km"]),
    }
    return lines[row["reason"]]


@screen("matches.pin", goes=("matches.accept",))
def pin(visit: Visit) -> Screen:
    """What is agreed to stands above the PIN."""
    row = waiting(visit)
    if row is None:
        return Menu(_("It is no longer open."), [])
    title = _(
        "Accept {quantity} x {price}\nBuyer fetches at {place}\nYour {hub} PIN:",
        quantity=Quantity(row["quantity"], row["unit"]),
        price=Amount(row["price"], row["currency"]),
        place=place_name(visit, row["place"]),
        hub=visit.hub.name,
    )
    return Secret(title, "matches.accept")


@action("matches.accept")
def accept(visit: Visit) -> Done:
    try:
        row = proposals.accept(
            visit.tx,
            hub=visit.hub,
            clock=visit.clock,
            now=visit.now,
            person_id=visit.me["id"],
            proposal_id=visit.draft["match"],
        )
    except terms.Refused as refused:
        return Done(refusals.line(refused))
    if row["order"] is None:
        return Done(_("Accepted. We ask the other side and tell you by {time}.", time=When(row["expires_at"])))
    return Done(
        _(
            "Agreed. Order {code}. Handover {place}, {time}.",
            code=row["order"]["code"],
            place=place_name(visit, row["order"]["handover_place"]),
            time=When(row["order"]["handover_at"]),
        )
    )


@screen("matches.refuse", goes=("matches.decline",))
def refuse(visit: Visit) -> Confirm:
    return Confirm(_("Refuse? We look on for you."), "matches.decline", _("Refuse"))


@action("matches.decline")
def decline(visit: Visit) -> Done:
    try:
        proposals.decline(visit.tx, now=visit.now, person_id=visit.me["id"], proposal_id=visit.draft["match"])
    except terms.Refused as refused:
        return Done(refusals.line(refused))
    return Done(_("Refused. The other side is told."))
