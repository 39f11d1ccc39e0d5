"""A cooperative on the phone: its members' side, and the list its managers keep."""

from __future__ import annotations

from typing import Any

from menus import refusals
from menus.words import produce_name
from ussd_app.engine.answers import Code, Words
from ussd_app.engine.screen import Ask, Confirm, Done, Menu, Option, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Amount, Msg, Text, _
from ussd_app.lib.msisdn import mask
from ussd_app.market import cooperatives, members
from ussd_app.market.terms import Refused

CODE_LENGTH = cooperatives.CODE_DIGITS + 1
FOUND_LONGEST = 24

# a member's side


@screen("member.mine", goes=("member.code", "member.leave", "member.one", "intake.mine", "shares.mine"))
def mine(visit: Visit) -> Menu:
    """The cooperative she belongs to; a choice where there are several."""
    rows = members.memberships(visit.tx, visit.me["id"])
    if len(rows) == 1:
        return _shown(visit, rows[0])
    options = [Option(row["name"], "member.one", row["cooperative_id"]) for row in rows]
    join = Option(_("Join by code"), "member.code", number=8)
    return Menu(_("My cooperatives") if rows else _("You are in no cooperative."), [*options, join], keep="coop")


@screen("member.one", goes=("member.code", "member.leave", "intake.mine", "shares.mine"))
def one(visit: Visit) -> Menu:
    rows = members.memberships(visit.tx, visit.me["id"])
    row = next((row for row in rows if row["cooperative_id"] == visit.draft.get("coop")), None)
    return Menu(_("It is no longer there."), []) if row is None else _shown(visit, row)


def _shown(visit: Visit, row: dict[str, Any]) -> Menu:
    """What a member, or one who asked, may know and do."""
    managers = cooperatives.managers(visit.tx, row["cooperative_id"])
    phone = managers[0]["msisdn"] if managers else visit.settings.support_phone
    join = Option(_("Join another by code"), "member.code", number=8)
    value = row["cooperative_id"]
    if row["state"] == "asked":
        title = _("{name} has not answered you yet. Manager: {phone}", name=row["name"], phone=phone)
        return Menu(title, [Option(_("Take it back"), "member.leave", value, 2), join], keep="coop")
    fee = cooperatives.terms_at(visit.tx, row["cooperative_id"], "", visit.now)["fee_per_unit"]
    title = _(
        "{name}\nMember No {number}\nFee per kg: {fee}\nManager: {phone}",
        name=row["name"], number=row["number"], fee=Amount(fee, visit.hub.currency), phone=phone,
    )  # fmt: skip
    weights = Option(_("My weights"), "intake.mine", value, 3)
    paid = Option(_("My payments"), "shares.mine", value, 4)
    return Menu(title, [Option(_("Leave"), "member.leave", value, 2), weights, paid, join], keep="coop")


@screen("member.code", goes=("member.look",))
def code(visit: Visit) -> Ask:
    return Ask(_("Code of the cooperative, 7 digits:"), Code(CODE_LENGTH, ("2018018",)), "coop_code", "member.look")


@action("member.look", goes=("member.code", "member.join"))
def look(visit: Visit) -> str:
    if cooperatives.by_code(visit.tx, visit.draft["coop_code"]) is None:
        visit.guide(_("No cooperative has this code. Look again."))
        return "member.code"
    return "member.join"


@screen("member.join", goes=("member.ask",))
def join(visit: Visit) -> Menu | Confirm:
    """Her yes comes after the name: a wrong code is seen before it does anything."""
    row = cooperatives.by_code(visit.tx, visit.draft["coop_code"])
    if row is None:
        return Menu(_("It is no longer there."), [])
    place = visit.hub.places.get(row["place"]).label
    return Confirm(
        _("{name}, {place}. Join? The manager answers.", name=row["name"], place=place), "member.ask", _("Join")
    )


@action("member.ask")
def ask(visit: Visit) -> Done:
    try:
        row = members.ask(visit.tx, now=visit.now, person_id=visit.me["id"], code=visit.draft["coop_code"])
    except Refused as refused:
        return Done(_refused(refused))
    return Done(_("{name} is asked. You get an SMS when the manager answers.", name=row["name"]))


@screen("member.leave", goes=("member.leave_now",))
def leave(visit: Visit) -> Confirm:
    title = _("Leave {name}? Your number stays yours if you come back.", name=_name(visit))
    return Confirm(title, "member.leave_now", _("Leave"))


@action("member.leave_now")
def leave_now(visit: Visit) -> Done:
    try:
        members.leave(visit.tx, now=visit.now, cooperative_id=visit.draft["coop"], person_id=visit.me["id"])
    except Refused as refused:
        return Done(_refused(refused))
    return Done(_("You are no longer in {name}.", name=_name(visit)))


# who acts for a cooperative


@action("coop.start", goes=("coop.home", "coop.which", "coop.none"))
def start(visit: Visit) -> str:
    """Straight on where she acts for one; several are chosen from first."""
    here = {row["cooperative_id"] for row in cooperatives.role_of(visit.tx, visit.me["id"])}
    if len(here) == 1:
        visit.draft["coop"] = here.pop()
        return "coop.home"
    return "coop.which" if here else "coop.none"


@screen("coop.which", goes=("coop.home",))
def which(visit: Visit) -> Menu:
    names = {row["cooperative_id"]: row["name"] for row in cooperatives.role_of(visit.tx, visit.me["id"])}
    return Menu(_("Which cooperative?"), [Option(name, "coop.home", of) for of, name in names.items()], keep="coop")


@screen("coop.none")
def none(visit: Visit) -> Menu:
    return _no_role()


def _no_role() -> Menu:
    return Menu(_("You act for no cooperative."), [])


@screen("coop.home", goes=("coop.orders", "coop.calls", "intake.home", "members.list", "shares.lists", "lots.list"))
def coop_home(visit: Visit) -> Menu:
    """What her role allows; each key is for life: 1 orders, 2 calls, 3 weigh in, 4 members, 5 pay lists, 6 lots."""
    rows = cooperatives.role_of(visit.tx, visit.me["id"], visit.draft["coop"])
    if not rows:
        return _no_role()
    options = [Option(_("Weigh in"), "intake.home", number=3)]
    if any(row["role"] == "manager" for row in rows):
        options.insert(0, Option(_("Orders"), "coop.orders", number=1))
        options.insert(1, Option(_("Calls"), "coop.calls", number=2))
        options.append(Option(_("Members"), "members.list", number=4))
        options.append(Option(_("Lots"), "lots.list", number=6))
    options.append(Option(_("Pay lists"), "shares.lists", number=5))
    return Menu(rows[0]["name"], sorted(options, key=lambda option: option.number or 0))


@screen("members.list", goes=("members.asked", "members.find", "members.waiting"))
def listed(visit: Visit) -> Menu:
    """The code to tell, how many there are, who waits for an answer."""
    if not _manages(visit):
        return _no_role()
    coop = visit.draft["coop"]
    count, asking = members.count(visit.tx, coop), members.asking(visit.tx, coop)
    row = cooperatives.by_id(visit.tx, coop)
    options = [Option(_("Find a member"), "members.find", number=2)]
    if asking:
        options.insert(0, Option(_("Who asked ({n})", n=len(asking)), "members.asked", number=1))
    if count["pending"]:
        options.append(Option(_("Not agreed yet ({n})", n=count["pending"]), "members.waiting", number=3))
    return Menu(_("Members: {n}\nCode to join: {code}", n=count["members"], code=row["code"]), options)


@screen("members.asked", goes=("members.answer",))
def asked(visit: Visit) -> Menu:
    if not _manages(visit):
        return _no_role()
    rows = members.asking(visit.tx, visit.draft["coop"])
    options = [Option(row["name"], "members.answer", row["person_id"]) for row in rows]
    return Menu(_("Who asked to join:") if rows else _("Nobody asks."), options, keep="member")


@screen("members.answer", goes=("members.yes", "members.no"))
def answer(visit: Visit) -> Menu | Confirm:
    row = _row(visit)
    if row is None or row["state"] != "asked":
        return Menu(_("It is no longer there."), [])
    place = visit.hub.places.get(row["place"]).label if row["place"] else "-"
    title = _("{name}, {place}, phone {phone}. A member?", name=row["name"], place=place, phone=mask(row["msisdn"]))
    return Confirm(title, "members.yes", _("Yes"), [Option(_("No"), "members.no", number=2, confirms=True)])


@action("members.yes")
def yes(visit: Visit) -> Done:
    return _decide(visit, True)


@action("members.no")
def no(visit: Visit) -> Done:
    return _decide(visit, False)


def _decide(visit: Visit, agreed: bool) -> Done:
    which = {"cooperative_id": visit.draft["coop"], "person_id": visit.draft["member"]}
    try:
        row = members.decide(visit.tx, now=visit.now, by=visit.me["id"], yes=agreed, **which)
    except Refused as refused:
        return Done(_refused(refused))
    if agreed:
        return Done(_("Saved: member No {number}. An SMS tells it.", number=row["number"]))
    return Done(_("Saved. You refused. An SMS tells it."))


@screen("members.find", goes=("members.found",))
def find(visit: Visit) -> Ask:
    words = Words(_typed, _("Write a member number, or the first letters of the name."), ("Mukandayisenga", "12"))
    return Ask(_("Member number, or first letters of the name:"), words, "found", "members.found")


@screen("members.found", goes=("members.one",))
def found(visit: Visit) -> Menu:
    if not _manages(visit):
        return _no_role()
    rows = members.find(visit.tx, visit.draft["coop"], visit.draft["found"])
    return _choice(rows, _("Choose the member:") if rows else _("No member is found."))


@screen("members.waiting", goes=("members.one",))
def waiting(visit: Visit) -> Menu:
    """Whom a roster wrote down and who did not dial yet: a manager may ask them to."""
    if not _manages(visit):
        return _no_role()
    return _choice(members.pending(visit.tx, visit.draft["coop"]), _("Not agreed yet:"))


@screen("members.one", goes=("members.invite", "members.remove"))
def member(visit: Visit) -> Menu:
    row = _row(visit)
    if row is None or row["state"] != "active" or not _manages(visit):
        return Menu(_("It is no longer there."), [])
    grown = members.grown_by(visit.tx, visit.draft["coop"], row["person_id"])
    options = [Option(_("Take off the list"), "members.remove", number=2)]
    if row["person_state"] == "pending":
        options.insert(0, Option(_("Ask by SMS to dial"), "members.invite", number=3, confirms=True))
    shown: Text = produce_name(visit, grown[0]) if grown else "-"
    phone = mask(row["msisdn"]) if row["msisdn"] else "-"
    return Menu(
        _("No {number} {name}\n{produce}, {phone}", number=row["number"], name=row["name"], produce=shown, phone=phone),
        options,
    )


@action("members.invite")
def invite(visit: Visit) -> Done:
    which = {"cooperative_id": visit.draft["coop"], "person_id": visit.draft["member"]}
    try:
        members.invite(visit.tx, now=visit.now, by=visit.me["id"], **which)
    except Refused as refused:
        return Done(_refused(refused))
    return Done(_("An SMS asks the member to dial."))


@screen("members.remove", goes=("members.remove_now",))
def remove(visit: Visit) -> Menu | Confirm:
    row = _row(visit)
    if row is None:
        return Menu(_("It is no longer there."), [])
    title = _("Take {name} off the list? An SMS tells it.", name=row["name"])
    return Confirm(title, "members.remove_now", _("Take off"))


@action("members.remove_now")
def remove_now(visit: Visit) -> Done:
    which = {"cooperative_id": visit.draft["coop"], "person_id": visit.draft["member"]}
    try:
        members.leave(visit.tx, now=visit.now, by=visit.me["id"], **which)
    except Refused as refused:
        return Done(_refused(refused))
    return Done(_("Saved. No longer a member."))


def _manages(visit: Visit) -> bool:
    """A role may be taken back while somebody is on the line."""
    rows = cooperatives.role_of(visit.tx, visit.me["id"], visit.draft.get("coop", ""))
    return any(row["role"] == "manager" for row in rows)


def _row(visit: Visit) -> dict[str, Any] | None:
    return members.of_person(visit.tx, visit.draft["coop"], visit.draft["member"])


def _name(visit: Visit) -> str:
    return str(cooperatives.by_id(visit.tx, visit.draft["coop"])["name"])


def _choice(rows: list[dict[str, Any]], title: Msg) -> Menu:
    options = [Option(f"{row['number']}. {row['name']}", "members.one", row["person_id"]) for row in rows]
    return Menu(title, options, keep="member")


def _typed(text: str) -> str | None:
    """What may be a member's number or name."""
    said = " ".join(text.split())[:FOUND_LONGEST]
    return said if any(char.isalnum() for char in said) else None


def _refused(refused: Refused) -> Msg:
    lines = {
        "member_already": _("You are a member already."),
        "open_already": _("You asked already. The manager has not answered yet."),
        "not_allowed": _("You act for no cooperative."),
    }
    return lines.get(refused.reason) or refusals.line(refused)
