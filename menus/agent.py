"""A field agent's own menu: register a seller in six answers, her sellers, what she earned.

Her PIN is asked once a session, before the first act. Each screen asks anew whether she still is an agent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from menus import refusals
from menus.words import LANGUAGES, produce_name
from ussd_app.engine.answers import PhoneNumber, PlaceLetters, Words
from ussd_app.engine.screen import Ask, Confirm, Done, Menu, Option, Screen, Secret, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Amount, Msg, Named, When, _
from ussd_app.lib.msisdn import mask
from ussd_app.market import agent_acts, agents, commissions, people
from ussd_app.market.terms import Refused

NAME_EXAMPLES = ("Uwamahoro Marie Claudine",)
LETTERS_LONGEST = 24
STARTS = {
    "register": "agent.phone", "sellers": "agent.sellers", "list": "agent.find", "plot": "agent.record",
    "problem": "agent.find", "commission": "agent.commission",
}  # fmt: skip
ACTS = {"register": "agent.save", "code": "agent.send_code", "reset": "agent.reset_now", "list": "agent.draft",
        "plot": "agent.plot_save", "problem": "agent.problem_save"}  # fmt: skip


class PlacesOf:
    """The places of an agent's districts, found as among all."""

    def __init__(self, visit: Visit, agent: dict[str, Any]) -> None:
        self.hub, self.agent = visit.hub, agent

    def find(self, typed: str, limit: int) -> list[Any]:
        found = self.hub.places.find(typed, limit=500 if self.agent["districts"] else limit)
        return [place for place in found if agents.may_register_at(self.agent, self.hub, place.code)][:limit]


def agents_only(look: Callable[[Visit], Screen]) -> Callable[[Visit], Screen]:
    """The screen for an agent; one line for who is none, or no longer."""

    @wraps(look)
    def guarded(visit: Visit) -> Screen:
        return look(visit) if agents.of(visit.tx, visit.me["id"]) else Menu(_("You are not a field agent."), [])

    return guarded


def pin_first(visit: Visit, act: str) -> bool:
    """Whether the PIN must come before `act`, a name of ACTS; it follows then."""
    visit.draft["act"] = act
    return not visit.verified


def refused_line(refused: Refused) -> Msg:
    """Why an agent's act was refused."""
    lines = {
        "not_allowed": _("You are not a field agent."),
        "own_number": _("This is your own number. It must be the seller's."),
        "known": _("Somebody of this name has this number already. No need to register."),
        "number_full": _("Too many people use this number."),
        "bad_place": _("Not a place where you may register."),
    }
    if refused.reason == "too_many_today":
        return _("Enough for today: at most {n}.", n=refused.facts["most"])
    return lines.get(refused.reason) or refusals.line(refused)


@screen("agent.home", goes=("agent.go",))
@agents_only
def home(visit: Visit) -> Menu:
    return Menu(_("Field agent: {name}", name=visit.me["name"]), [
        Option(_("Register a seller"), "agent.go", "register", 1),
        Option(_("My sellers"), "agent.go", "sellers", 2),
        Option(_("List for a seller"), "agent.go", "list", 3),
        Option(_("Weight or plot"), "agent.go", "plot", 4),
        Option(_("Problem of a seller"), "agent.go", "problem", 5),
        Option(_("Commission"), "agent.go", "commission", 6),
    ], keep="task")  # fmt: skip


@action("agent.go", goes=("agent.pin", *STARTS.values()))
def go(visit: Visit) -> str:
    """To the task, over the PIN where this session has not seen it yet."""
    visit.draft.pop("act", None)
    return STARTS[visit.draft["task"]] if visit.verified else "agent.pin"


@screen("agent.pin", goes=("agent.go_on",))
@agents_only
def pin(visit: Visit) -> Secret:
    return Secret(_("Your {hub} PIN:", hub=visit.hub.name), "agent.go_on")


@action("agent.go_on", goes=("agent.go", *ACTS.values()))
def go_on(visit: Visit) -> str:
    act = visit.draft.get("act")
    return ACTS[act] if act else "agent.go"


# registering


@screen("agent.phone", goes=("agent.name",))
@agents_only
def phone(visit: Visit) -> Ask:
    return Ask(_("Phone number of the seller:"), PhoneNumber(visit.hub.country), "phone", "agent.name")


@screen("agent.name", goes=("agent.place",))
@agents_only
def name(visit: Visit) -> Ask:
    refusal = _("Write the name in letters, 2 to 24. Of a long one two parts are enough.")
    here = people.everyone_on_number(visit.tx, visit.draft["phone"])
    title = _("{n} people have this number. Name of the new seller:", n=len(here)) if here else _("Name of the seller:")
    return Ask(title, Words(people.clean_name, refusal, NAME_EXAMPLES), "name", "agent.place")


@screen("agent.place", goes=("agent.place_pick",))
@agents_only
def place(visit: Visit) -> Ask:
    places = PlacesOf(visit, agents.check(visit.tx, visit.me["id"]))
    title = _("Sector of the seller. Write its first letters.\nExample: Nyam")
    return Ask(title, PlaceLetters(places), "places", "agent.place_pick")


@screen("agent.place_pick", goes=("agent.grown",))
@agents_only
def place_pick(visit: Visit) -> Menu:
    options = [Option(visit.hub.places.get(code).label, "agent.grown", code) for code in visit.draft["places"]]
    return Menu(_("Choose the place:"), options, keep="place")


@screen("agent.grown", goes=("agent.confirm",))
@agents_only
def grown(visit: Visit) -> Menu:
    options = [Option(Named(one.names), "agent.confirm", one.code, one.number) for one in visit.hub.produce]
    return Menu(_("What does the seller grow?"), options, keep="produce")


@screen("agent.confirm", goes=("agent.save", "agent.language", "agent.phone"))
@agents_only
def confirm(visit: Visit) -> Confirm:
    draft = visit.draft
    title = _(
        "{name}, {phone}\n{place}\n{produce}",
        name=draft["name"],
        phone="0" + draft["phone"][4:] if draft["phone"].startswith("+250") else draft["phone"],
        place=visit.hub.places.get(draft["place"]).label,
        produce=produce_name(visit, draft["produce"]),
    )
    speaks = dict(LANGUAGES)[draft.get("speaks") or visit.language]
    return Confirm(title, "agent.save", _("Register"), [
        Option(_("Speaks {language}", language=speaks), "agent.language", number=2),
        Option(_("Change"), "agent.phone", number=3),
    ])  # fmt: skip


@screen("agent.language", goes=("agent.confirm",))
@agents_only
def language(visit: Visit) -> Menu:
    options = [Option(label, "agent.confirm", code, number) for number, (code, label) in enumerate(LANGUAGES, 1)]
    return Menu(_("Language of the seller:"), options, keep="speaks")


@action("agent.save", goes=("agent.pin", "agent.saved", "agent.refused"))
def save(visit: Visit) -> str:
    if pin_first(visit, "register"):
        return "agent.pin"
    draft = visit.draft
    try:
        row = agents.register(
            visit.tx, hub=visit.hub, clock=visit.clock, now=visit.now, key=visit.settings.secret_key,
            agent_id=visit.me["id"], msisdn=draft["phone"], name=draft["name"], place=draft["place"],
            produce=draft["produce"], language=draft.get("speaks", visit.language),
        )  # fmt: skip
    except Refused as refused:
        visit.guide(refused_line(refused))
        return "agent.refused"
    draft["seller"], draft["sent"] = row["person_id"], row["sent"]
    return "agent.saved"


@screen("agent.saved", goes=("agent.phone", "agent.home"))
@agents_only
def saved(visit: Visit) -> Menu:
    """Key 1 has no meaning here, for it may be the confirmation arriving twice."""
    name, code = visit.draft["name"], visit.settings.service_code
    if visit.draft["sent"]:
        title = _("{name} is written down. A code comes to that phone: dial {code} there.", name=name, code=code)
    else:
        title = _("{name} is written down. Dial {code} on that phone, 6 for a code.", name=name, code=code)
    return Menu(
        title,
        [Option(_("Register another"), "agent.phone", number=2), Option(_("Field agent"), "agent.home", number=3)],
    )


@screen("agent.refused", goes=("agent.phone", "agent.name", "agent.place"))
@agents_only
def refused_screen(visit: Visit) -> Menu:
    """Nothing typed is lost."""
    return Menu(_("Not registered."), [
        Option(_("Other number"), "agent.phone", number=2),
        Option(_("Other name"), "agent.name", number=3),
        Option(_("Other place"), "agent.place", number=4),
    ])  # fmt: skip


# her sellers


@screen("agent.sellers", goes=("agent.one", "agent.find"))
@agents_only
def sellers(visit: Visit) -> Menu:
    count = agents.count(visit.tx, visit.me["id"])
    title = _("Your sellers: {n}, not begun: {waiting}", n=count["sellers"], waiting=count["pending"])
    return Menu(title, _options(agents.find(visit.tx, visit.me["id"]), "agent.one"), keep="seller")


@screen("agent.find", goes=("agent.found",))
@agents_only
def find(visit: Visit) -> Ask:
    words = Words(_letters, _("Write the first letters of the name."), ("Mukandayisenga", "Al"))
    return Ask(_("First letters of the seller's name:"), words, "found", "agent.found")


@screen("agent.found", goes=("agent.list_produce", "agent.plot_how", "agent.problem", "agent.one"))
@agents_only
def found(visit: Visit) -> Menu:
    task = visit.draft.get("task", "")
    rows = agents.find(visit.tx, visit.me["id"], visit.draft["found"])
    if task == "list":
        rows = [row for row in rows if row["state"] == "active"]
    to = {"list": "agent.list_produce", "plot": "agent.plot_how", "problem": "agent.problem"}.get(task, "agent.one")
    return Menu(
        _("Choose the seller:") if rows else _("No seller of yours is found."), _options(rows, to), keep="seller"
    )


def _options(rows: list[dict[str, Any]], to: str) -> list[Option]:
    return [Option(f"{row['name']} {mask(row['msisdn'] or '')}", to, row["person_id"]) for row in rows]


def _letters(text: str) -> str | None:
    said = " ".join(text.split())[:LETTERS_LONGEST]
    return said if any(char.isalpha() for char in said) else None


def hers(visit: Visit) -> dict[str, Any] | None:
    """The chosen seller, while this agent looks after her."""
    try:
        return agents.seller_of(visit.tx, visit.me["id"], visit.draft.get("seller", ""))
    except Refused:
        return None


@screen("agent.one", goes=("agent.send_code", "agent.list_produce", "agent.plot_how", "agent.problem", "agent.reset"))
@agents_only
def one(visit: Visit) -> Menu:
    row = hers(visit)
    if row is None:
        return Menu(_("It is no longer there."), [])
    options = [Option(_("Add a plot"), "agent.plot_how", number=4), Option(_("Problem"), "agent.problem", number=5)]
    if row["state"] == "pending":
        options.insert(0, Option(_("Send the code again"), "agent.send_code", number=2, confirms=True))
        return Menu(_("{name}, {phone}: not begun yet.", name=row["name"], phone=mask(row["msisdn"])), options)
    options.insert(0, Option(_("List"), "agent.list_produce", number=3))
    options.append(Option(_("PIN forgotten"), "agent.reset", number=6))
    plots = len(agent_acts.plots(visit.tx, row["person_id"]))
    return Menu(_("{name}, {phone}. Plots: {n}", name=row["name"], phone=mask(row["msisdn"] or ""), n=plots), options)


@action("agent.send_code", goes=("agent.pin",))
def send_code(visit: Visit) -> str | Done:
    if pin_first(visit, "code"):
        return "agent.pin"
    told = {"agent_id": visit.me["id"], "person_id": visit.draft["seller"]}
    try:
        sent = agents.send_code_again(visit.tx, clock=visit.clock, now=visit.now, key=visit.settings.secret_key, **told)
    except Refused as refused:
        return Done(refused_line(refused))
    return Done(_("A new code comes to the seller by SMS.") if sent else _("No new code now. Wait a minute."))


@screen("agent.reset", goes=("agent.reset_now",))
@agents_only
def reset(visit: Visit) -> Menu | Confirm:
    row = hers(visit)
    if row is None:
        return Menu(_("It is no longer there."), [])
    title = _("{name} sets a new PIN on her own phone, 24 hours from now.", name=row["name"])
    return Confirm(title, "agent.reset_now", _("Ask for a new PIN"))


@action("agent.reset_now", goes=("agent.pin",))
def reset_now(visit: Visit) -> str | Done:
    if pin_first(visit, "reset"):
        return "agent.pin"
    told = {"agent_id": visit.me["id"], "seller_id": visit.draft["seller"]}
    try:
        waits = agent_acts.ask_pin_reset(visit.tx, clock=visit.clock, now=visit.now, **told)
    except Refused as refused:
        return Done(refused_line(refused))
    return Done(_("Asked. From {time} the seller dials and sets it. An SMS tells it.", time=When(waits["ready_at"])))


@screen("agent.commission")
@agents_only
def commission(visit: Visit) -> Menu:
    row = commissions.earned(visit.tx, hub=visit.hub, agent_id=visit.me["id"])
    title = _(
        "Earned: {amount}, {n} sellers sold.\nNot paid to you yet: {owed}\nNo sale yet: {waiting}",
        amount=Amount(row["amount"], visit.hub.currency),
        n=row["sellers"],
        owed=Amount(row["owed"], visit.hub.currency),
        waiting=row["waiting"],
    )
    return Menu(title, [])
