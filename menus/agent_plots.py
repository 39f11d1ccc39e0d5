"""An agent notes where a seller's produce grows, or opens a problem for her. Weights are a clerk's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from menus.agent import agents_only, hers, pin_first, refused_line
from ussd_app.engine.answers import Words
from ussd_app.engine.screen import Ask, Confirm, Done, Menu, Option, Wrong, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Msg, Text, _
from ussd_app.lib import clock as clocks
from ussd_app.lib import typed
from ussd_app.market import agent_acts, cooperatives
from ussd_app.market.terms import Refused

METHODS: dict[str, Msg] = {"gps": _("GPS device"), "phone": _("Smartphone"), "map": _("Map")}
_DEGREE = 1_000_000


@dataclass(frozen=True)
class Point:
    """Coordinates near a place (its code); kept as [latitude, longitude, decimals]."""

    hub: str
    place: str
    examples: Sequence[str] = ("-2.345678 29.123456",)

    def read(self, text: str) -> list[int] | Wrong:
        found = agent_acts.read_point(agent_acts.distances_of(self.hub), text, self.place)
        if found is None:
            return Wrong(_("Not read, or far away. Latitude, space, longitude. Example: 2.3456 29.1234"))
        return [*found[0], found[1]]


@screen("agent.record", goes=("agent.find", "agent.weight"))
@agents_only
def record(visit: Visit) -> Menu:
    return Menu(
        _("Weight or plot"), [Option(_("Plot"), "agent.find", number=1), Option(_("Weight"), "agent.weight", number=2)]
    )


@screen("agent.weight", goes=("coop.start",))
@agents_only
def weight(visit: Visit) -> Menu:
    """No agent's right: who is a clerk as well goes on to the weigh-in of her cooperative."""
    clerk = any(row["role"] == "clerk" for row in cooperatives.role_of(visit.tx, visit.me["id"]))
    options = [Option(_("Cooperative"), "coop.start", number=1)] if clerk else []
    return Menu(_("Only a clerk of the cooperative, or the buyer, records a weight."), options)


@screen("agent.plot_how", goes=("agent.plot_village", "agent.plot_point"))
@agents_only
def how(visit: Visit) -> Menu:
    if hers(visit) is None:
        return Menu(_("It is no longer there."), [])
    return Menu(_("Where is the plot?"), [
        Option(_("Code of the village"), "agent.plot_village", number=1),
        Option(_("Coordinates"), "agent.plot_point", number=2),
    ])  # fmt: skip


@screen("agent.plot_village", goes=("agent.plot_area",))
@agents_only
def village(visit: Visit) -> Ask:
    visit.draft.pop("point", None)
    words = Words(
        lambda text: _village(visit, text), _("A village code has 8 digits. Example: 37061234"), ("37061234",)
    )
    return Ask(_("Code of the village, 8 digits:"), words, "village", "agent.plot_area")


@screen("agent.plot_point", goes=("agent.plot_method",))
@agents_only
def point(visit: Visit) -> Ask | Menu:
    row = hers(visit)
    if row is None:
        return Menu(_("It is no longer there."), [])
    title = _("Latitude, space, longitude, 4 decimals or more.\nExample: 2.3456 29.1234")
    return Ask(title, Point(visit.hub.code, row["place"]), "point", "agent.plot_method")


@screen("agent.plot_method", goes=("agent.plot_day",))
@agents_only
def method(visit: Visit) -> Menu:
    options = [Option(label, "agent.plot_day", code, number) for number, (code, label) in enumerate(METHODS.items(), 1)]
    return Menu(_("How was it taken?"), options, keep="method")


@screen("agent.plot_day", goes=("agent.plot_area",))
@agents_only
def day(visit: Visit) -> Ask:
    words = Words(lambda text: _day(visit, text), _("A day like 21/09/2026, not later than today."), ("1/1/2026", "0"))
    return Ask(_("Day it was taken, like 21/09/2026 (1 = today):"), words, "day", "agent.plot_area")


@screen("agent.plot_area", goes=("agent.plot_confirm",))
@agents_only
def area(visit: Visit) -> Ask:
    words = Words(_ares, _("Write numbers only. Example: 25"), ("25", "999999"))
    return Ask(_("Area in ares (100 are 1 hectare):"), words, "ares", "agent.plot_confirm")


@screen("agent.plot_confirm", goes=("agent.plot_save",))
@agents_only
def confirm(visit: Visit) -> Menu | Confirm:
    row = hers(visit)
    if row is None:
        return Menu(_("It is no longer there."), [])
    title = _(
        "Plot of {name}: {where}, {ares} ares", name=row["name"], where=_where(visit.draft), ares=visit.draft["ares"]
    )
    return Confirm(title, "agent.plot_save", _("Save"))


@action("agent.plot_save", goes=("agent.pin",))
def save(visit: Visit) -> str | Done:
    if pin_first(visit, "plot"):
        return "agent.pin"
    draft = visit.draft
    place: dict[str, Any] = {"village": draft.get("village", "")}
    if point := draft.get("point"):
        place = {
            "point": (point[0], point[1]),
            "decimals": point[2],
            "method": draft["method"],
            "taken_day": draft["day"],
        }
    try:
        row = agent_acts.note_plot(
            visit.tx, hub=visit.hub, now=visit.now, agent_id=visit.me["id"], seller_id=draft["seller"],
            ares=int(draft["ares"]), **place,
        )  # fmt: skip
    except Refused as refused:
        return Done(refused_line(refused))
    return Done(_("Saved: plot {n}.", n=row["number"]))


def _where(draft: dict[str, Any]) -> Text:
    if not (point := draft.get("point")):
        return str(draft["village"])
    return " ".join(f"{'-' if part < 0 else ''}{abs(part) // _DEGREE}.{abs(part) % _DEGREE:06d}" for part in point[:2])


def _village(visit: Visit, text: str) -> str | None:
    code = typed.normalise(text).replace(" ", "")
    return code if agent_acts.is_village(visit.hub, code) else None


def _day(visit: Visit, text: str) -> str | None:
    """YYYY-MM-DD of 21/9/2026, 21.9.2026 or 21-9-2026; 1 is today."""
    today = clocks.day(visit.now)
    said = typed.normalise(text).strip()
    if said == "1":
        return today
    parts = said.replace(".", "/").replace("-", "/").replace(" ", "/").split("/")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) <= 4 for part in parts):
        return None
    try:
        found = date(int(parts[2]), int(parts[1]), int(parts[0])).isoformat()
    except ValueError:
        return None
    return found if "2000" < found <= today else None


def _ares(text: str) -> str | None:
    read = typed.pieces(text, agent_acts.MOST_ARES)
    return None if read is None else str(read)


# a problem of a seller


@screen("agent.problem", goes=("agent.problem_save",))
@agents_only
def problem(visit: Visit) -> Menu:
    row = hers(visit)
    if row is None:
        return Menu(_("It is no longer there."), [])
    labels = (_("Selling"), _("Offers"), _("An order"), _("Payment"), _("PIN"), _("Something else"))
    options = [
        Option(label, "agent.problem_save", about, number)
        for number, (about, label) in enumerate(zip(agent_acts.PROBLEMS, labels, strict=True), 1)
    ]
    return Menu(_("What is it about?"), options, keep="about")


@action("agent.problem_save", goes=("agent.pin",))
def problem_save(visit: Visit) -> str | Done:
    if pin_first(visit, "problem"):
        return "agent.pin"
    told = {"agent_id": visit.me["id"], "seller_id": visit.draft["seller"], "about": visit.draft["about"]}
    try:
        ticket = agent_acts.problem(visit.tx, now=visit.now, **told)
    except Refused as refused:
        return Done(refused_line(refused))
    return Done(
        _("Noted, No {ticket}. We call the seller. Help: {phone}", ticket=ticket, phone=visit.settings.support_phone)
    )
