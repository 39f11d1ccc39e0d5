"""A manager's calls to members: made with the PIN, pledged against wanted as it stands, who was told and who was not."""

from __future__ import annotations

from menus import refusals
from menus.coop_orders import manager_of, not_hers
from menus.offers import joined
from menus.words import produce_name, unit_word
from ussd_app.engine.answers import Money, QuantityOf
from ussd_app.engine.screen import Ask, Confirm, Done, Menu, Option, Pages, Screen, Secret, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Bare, Msg, Named, Quantity, Text, When, _
from ussd_app.market import calls, cooperatives, rates, terms
from ussd_app.market.terms import Refused

MOST_SHOWN = 7
MOST_NAMED = 100
HOURS = (2, 4, 8, 12, 24, 48)  # how long members may answer
STATES = {"open": _("open"), "full": _("full"), "closed": _("over")}
WHY: dict[str, Text] = {
    "stopped": _("wants no SMS"),
    "cap": _("called 3 times today"),
    "no_phone": _("no phone"),
    "not_active": _("has not agreed yet"),
    "far": _("too far"),
    "quiet": _("night"),
    "cancelled": _("stopped"),
    "refused": _("the network refused"),
    "dead": _("did not go out"),
}


@screen("coop.calls", goes=("coop.call_produce", "coop.call"))
def listed(visit: Visit) -> Menu:
    """A new call, and those there are with what is pledged of what is wanted."""
    role = manager_of(visit)
    if role is None:
        return not_hers()
    options = []
    for row in calls.of(visit.tx, role["cooperative_id"], MOST_SHOWN):
        label = _(
            "{produce} {pledged} of {wanted}, {state}",
            produce=produce_name(visit, row["produce"]),
            pledged=_bare(row["pledged"], row["unit"]),
            wanted=Quantity(row["wanted"], row["unit"]),
            state=STATES[row["state"]],
        )
        options.append(Option(label, "coop.call", row["id"]))
    options.append(Option(_("New call"), "coop.call_produce", number=8))
    return Menu(_("Calls to members"), options, keep="call")


def _bare(quantity: int, unit: str) -> str:
    """A quantity without its unit, which stands beside it."""
    return Quantity(quantity, unit).render("en").split(" kg")[0].split(" L")[0]


@screen("coop.call", goes=("coop.call_pledges", "coop.call_messages", "coop.call_close"))
def one(visit: Visit) -> Menu:
    """Live: each look reads what stands now."""
    row = calls.live(visit.tx, visit.draft["call"])
    role = manager_of(visit)
    if role is None or row is None or row["cooperative_id"] != role["cooperative_id"]:
        return not_hers()
    title = [
        _("{code} {produce}: {state}", code=row["code"], produce=produce_name(visit, row["produce"]),
          state=STATES[row["state"]]),
        _("Pledged {pledged} of {wanted} ({n})", pledged=_bare(row["pledged"], row["unit"]),
          wanted=Quantity(row["wanted"], row["unit"]), n=row["people"]),
        _("SMS {sent}, not sent {others}. {time}", sent=row["sent"], others=row["not_sent"],
          time=When(row["until_at"])),
    ]  # fmt: skip
    options = [
        Option(_("Who pledged"), "coop.call_pledges", number=1),
        Option(_("Who got the SMS"), "coop.call_messages", number=2),
    ]
    if row["state"] == "open":
        options.append(Option(_("End it now"), "coop.call_close", number=3))
    return Menu(joined(title), options)


def _hers(visit: Visit) -> bool:
    row, role = calls.live(visit.tx, visit.draft["call"]), manager_of(visit)
    return row is not None and role is not None and row["cooperative_id"] == role["cooperative_id"]


@screen("coop.call_pledges")
def pledged(visit: Visit) -> Pages:
    """In the order they came."""
    unit = str((calls.live(visit.tx, visit.draft["call"]) or {}).get("unit", "g"))
    rows = calls.pledges(visit.tx, visit.draft["call"], MOST_NAMED) if _hers(visit) else []
    lines = [
        _("{number} {name} {quantity}", number=row["number"] or "-", name=row["name"],
          quantity=Quantity(row["quantity"], unit))
        for row in rows
    ]  # fmt: skip
    return Pages(joined(lines) if lines else _("Nobody pledged yet."))


@screen("coop.call_messages")
def sent(visit: Visit) -> Pages:
    """Those who were not told first, with why; then those who were."""
    rows = calls.messages(visit.tx, visit.draft["call"], limit=MOST_NAMED) if _hers(visit) else []
    rows.sort(key=lambda row: (row["state"] == "sent", row["number"]))
    lines = [
        _("{number} {name}: {state}", number=row["number"], name=row["name"],
          state=_("sent") if row["state"] == "sent" else WHY[row["why"]])
        for row in rows
    ]  # fmt: skip
    return Pages(joined(lines) if lines else _("The SMS are going out."))


@screen("coop.call_close", goes=("coop.call_close_now",))
def close(visit: Visit) -> Confirm:
    return Confirm(_("End this call now? Who pledged is told."), "coop.call_close_now", _("End it"))


@action("coop.call_close_now")
def close_now(visit: Visit) -> Done:
    which = {"cooperative_id": visit.draft["coop"], "call_id": visit.draft["call"]}
    try:
        calls.close(visit.tx, now=visit.now, manager_id=visit.me["id"], **which)
    except Refused as refused:
        return Done(refusals.line(refused))
    return Done(_("The call is over. Who pledged is told."))


# a new call


@screen("coop.call_produce", goes=("coop.call_new",))
def produce(visit: Visit) -> Menu:
    options = [Option(Named(one.names), "coop.call_new", one.code, one.number) for one in visit.hub.produce]
    return Menu(_("What should members bring?"), options, keep="call_produce")


@action("coop.call_new", goes=("coop.call_wanted",))
def new(visit: Visit) -> str:
    """Ahead of an order: nothing of another call is left in it."""
    for name in ("call_wanted", "call_price", "call_for"):
        visit.draft.pop(name, None)
    visit.draft["call_until"] = visit.now + visit.clock.wait(12 * terms.HOUR_MS)
    return "coop.call_wanted"


@screen("coop.call_wanted", goes=("coop.call_next",))
def wanted(visit: Visit) -> Ask:
    kind = visit.hub.produce_by(visit.draft["call_produce"])
    title = _("{produce}\nHow much in all?", produce=produce_name(visit, kind.code))
    return Ask(title, QuantityOf(kind.unit, kind.max_quantity), "call_wanted", "coop.call_next")


@action("coop.call_next", goes=("coop.call_price", "coop.call_check"))
def following(visit: Visit) -> str:
    return "coop.call_check" if "call_price" in visit.draft else "coop.call_price"


@screen("coop.call_price", goes=("coop.call_check",))
def price(visit: Visit) -> Ask:
    kind = visit.hub.produce_by(visit.draft["call_produce"])

    def check(minor: int) -> Msg | None:
        try:
            rates.floor_for(visit.tx, kind.code, visit.hub.currency, visit.now).check(minor)
        except Refused as refused:
            return refusals.line(refused, kind.unit)
        return None

    title = _("What a member gets per {unit}, in RWF:", unit=unit_word(kind))
    return Ask(title, Money(visit.hub.currency, kind.max_price, check), "call_price", "coop.call_check")


@screen("coop.call_until", goes=("coop.call_set_until",))
def until(visit: Visit) -> Menu:
    options = [Option(_("{n} hours", n=hours), "coop.call_set_until", hours) for hours in HOURS]
    return Menu(_("How long may members answer?"), options, keep="call_hours")


@action("coop.call_set_until", goes=("coop.call_check",))
def set_until(visit: Visit) -> str:
    visit.draft["call_until"] = visit.now + visit.clock.wait(visit.draft["call_hours"] * terms.HOUR_MS)
    return "coop.call_check"


@screen("coop.call_station", goes=("coop.call_check",))
def station(visit: Visit) -> Menu:
    rows = cooperatives.stations(visit.tx, visit.draft["coop"])
    options = [Option(row["name"], "coop.call_check", row["id"]) for row in rows]
    return Menu(_("Where should they bring it?"), options, keep="call_station")


@screen(
    "coop.call_check",
    goes=("coop.call_pin", "coop.call_wanted", "coop.call_price", "coop.call_until", "coop.call_station"),
)
def check(visit: Visit) -> Menu:
    """Everything the call says; each part can be changed. Key 1 is the PIN's."""
    draft = visit.draft
    if manager_of(visit) is None:
        return not_hers()
    kind = visit.hub.produce_by(draft["call_produce"])
    rows = cooperatives.stations(visit.tx, draft["coop"])
    chosen = next((row for row in rows if row["id"] == draft.get("call_station")), rows[0])
    title = _(
        "{produce} {quantity} x {price}\n{station}, until {time}",
        produce=produce_name(visit, kind.code),
        quantity=Quantity(draft["call_wanted"], kind.unit),
        price=Bare(draft["call_price"]),
        station=chosen["name"],
        time=When(draft["call_until"]),
    )
    options = [
        Option(_("Call members"), "coop.call_pin", number=1),
        Option(_("Other quantity"), "coop.call_wanted", number=2),
        Option(_("Other price"), "coop.call_price", number=3),
        Option(_("Other time"), "coop.call_until", number=4),
    ]
    if len(rows) > 1:
        options.append(Option(_("Other station"), "coop.call_station", number=5))
    return Menu(title, options)


@screen("coop.call_pin", goes=("coop.call_open",))
def pin(visit: Visit) -> Screen:
    kind = visit.hub.produce_by(visit.draft["call_produce"])
    title = _(
        "Call members: {produce} {quantity} x {price}\nYour {hub} PIN:",
        produce=produce_name(visit, kind.code),
        quantity=Quantity(visit.draft["call_wanted"], kind.unit),
        price=Bare(visit.draft["call_price"]),
        hub=visit.hub.name,
    )
    return Secret(title, "coop.call_open")


@action("coop.call_open")
def open_call(visit: Visit) -> Done:
    draft = visit.draft
    kind = visit.hub.produce_by(draft["call_produce"])
    try:
        call = calls.open_(
            visit.tx, hub=visit.hub, clock=visit.clock, now=visit.now, manager_id=visit.me["id"],
            cooperative_id=draft["coop"], produce=kind.code, wanted=draft["call_wanted"], price=draft["call_price"],
            until_at=draft["call_until"], station_id=draft.get("call_station"), order_id=draft.get("call_for"),
        )  # fmt: skip
    except Refused as refused:
        if refused.reason == "over_cap":
            return Done(_("Too many calls are open: at most {n}.", n=refused.facts["most"]))
        return Done(refusals.line(refused, kind.unit))
    return Done(_("Call {code} goes out to members now. Look at it under Cooperative, Calls.", code=call["code"]))
