"""A member answers her cooperative's call: how much she brings, in two answers. No PIN: a pledge is no sale."""

from __future__ import annotations

from typing import Any

from menus import refusals
from menus.words import produce_name
from ussd_app.engine.answers import QuantityOf
from ussd_app.engine.screen import Ask, Done, Menu, Option, Screen, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Bare, Msg, Quantity, When, _
from ussd_app.market import calls
from ussd_app.market.terms import Refused


@action("pledges.start", goes=("pledges.ask", "pledges.which", "pledges.mine"))
def start(visit: Visit) -> str:
    """Straight on to the question where there is one call that she has not answered."""
    rows = calls.open_for(visit.tx, visit.me["id"], visit.now)
    if len(rows) != 1:
        return "pledges.which"
    visit.draft["call"] = rows[0]["id"]
    return "pledges.mine" if rows[0]["mine"] else "pledges.ask"


@screen("pledges.which", goes=("pledges.mine",))
def which(visit: Visit) -> Menu | Done:
    rows = calls.open_for(visit.tx, visit.me["id"], visit.now)
    if not rows:
        return Done(_("No call is open now."))
    options = [
        Option(
            _(
                "{produce} {price}, {cooperative}",
                produce=produce_name(visit, row["produce"]),
                price=Bare(row["price"]),
                cooperative=row["cooperative"],
            ),
            "pledges.mine",
            row["id"],
        )
        for row in rows
    ]
    return Menu(_("Which call?"), options, keep="call")


@screen("pledges.mine", goes=("pledges.ask", "pledges.withdraw"))
def mine(visit: Visit) -> Menu:
    """What she said can be changed until the call ends."""
    row = _chosen(visit)
    if row is None:
        return Menu(_("This call is over."), [])
    if not row["mine"]:
        return Menu(_facts(visit, row), [Option(_("Say how much"), "pledges.ask", number=1)])
    title = _(
        "{produce}, {station}: you bring {quantity}. Until {time}",
        produce=produce_name(visit, row["produce"]),
        station=row["station"],
        quantity=Quantity(row["mine"], row["unit"]),
        time=When(row["until_at"]),
    )
    return Menu(title, [
        Option(_("Other quantity"), "pledges.ask", number=1),
        Option(_("I bring nothing"), "pledges.withdraw", number=2, confirms=True),
    ])  # fmt: skip


def _facts(visit: Visit, row: dict[str, Any]) -> Msg:
    return _(
        "{cooperative}: {produce} {price} RWF, {station}, until {time}",
        cooperative=row["cooperative"],
        produce=produce_name(visit, row["produce"]),
        price=Bare(row["price"]),
        station=row["station"],
        time=When(row["until_at"]),
    )


@screen("pledges.ask", goes=("pledges.save",))
def ask(visit: Visit) -> Screen:
    row = _chosen(visit)
    if row is None:
        return Menu(_("This call is over."), [])
    title = _("{call}.\nHow much do you bring?", call=_facts(visit, row))
    produce = visit.hub.produce_by(row["produce"])
    return Ask(title, QuantityOf(row["unit"], produce.max_quantity), "pledge", "pledges.save")


@action("pledges.save")
def save(visit: Visit) -> Done:
    which = {"person_id": visit.me["id"], "call_id": visit.draft["call"]}
    try:
        done = calls.pledge(visit.tx, hub=visit.hub, now=visit.now, quantity=visit.draft["pledge"], via="dial", **which)
    except Refused as refused:
        return Done(_refused(visit, refused))
    said = {
        "quantity": Quantity(done.taken, done.call["unit"]),
        "station": done.call["station"],
        "time": When(done.call["until_at"]),
    }
    if done.in_part:
        return Done(_("Only {quantity} is still wanted. Bring that to {station} until {time}.", **said))
    return Done(_("Noted: {quantity}. Bring it to {station} until {time}. To change it dial again.", **said))


@action("pledges.withdraw")
def withdraw(visit: Visit) -> Done:
    try:
        calls.withdraw(visit.tx, now=visit.now, person_id=visit.me["id"], call_id=visit.draft["call"])
    except Refused as refused:
        return Done(_refused(visit, refused))
    return Done(_("Noted: you bring nothing."))


def _chosen(visit: Visit) -> dict[str, Any] | None:
    rows = calls.open_for(visit.tx, visit.me["id"], visit.now)
    return next((row for row in rows if row["id"] == visit.draft.get("call")), None)


def _refused(visit: Visit, refused: Refused) -> Msg:
    if refused.reason == "too_late":
        full = _("Too late: all that was wanted is pledged.")
        return (
            full if refused.facts["full"] else _("Too late: the call ended {time}.", time=When(refused.facts["until"]))
        )
    if refused.reason == "not_found":
        return _("This call is over.")
    return refusals.line(refused)
