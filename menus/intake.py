"""Weighing at a cooperative's station: member, gross, floaters or grade, saved; the next member follows at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from menus import refusals
from menus.members import _typed
from menus.offers import joined
from menus.words import produce_name
from ussd_app.engine.answers import QuantityOf, Words
from ussd_app.engine.screen import Ask, Confirm, Done, Menu, Option, Pages, Screen, Secret, Wrong, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Amount, Bare, Msg, Quantity, Text, _
from ussd_app.lib import typed
from ussd_app.market import cooperatives, day_prices, intakes, members
from ussd_app.market.terms import Refused

NO_ROLE = _("You act for no cooperative.")


@screen("intake.home", goes=("intake.start", "intake.lists", "intake.contested", "intake.price_of"))
def home(visit: Visit) -> Menu:
    """1 weigh, 2 close the day, 3 what members contest, 4 the price of the day; the latter two are a manager's."""
    roles = {row["role"] for row in cooperatives.role_of(visit.tx, visit.me["id"], visit.draft.get("coop", ""))}
    if not roles:
        return Menu(NO_ROLE, [])
    options = [Option(_("Weigh"), "intake.start", number=1), Option(_("Close the day"), "intake.lists", number=2)]
    if "manager" in roles:
        waiting = intakes.contested_count(visit.tx, visit.draft["coop"])
        options.append(Option(_("Contested ({n})", n=waiting), "intake.contested", number=3))
        options.append(Option(_("Price of the day"), "intake.price_of", number=4))
    return Menu(_("Weigh in"), options)


# who and what


@action("intake.start", goes=("intake.pin", "intake.produce", "intake.member"))
def start(visit: Visit) -> str:
    """The PIN once, before the first weight of a call."""
    return _begin(visit) if visit.verified else "intake.pin"


@screen("intake.pin", goes=("intake.begin",))
def pin(visit: Visit) -> Secret:
    return Secret(_("Weigh in. Your {hub} PIN:", hub=visit.hub.name), "intake.begin")


@action("intake.begin", goes=("intake.produce", "intake.member"))
def begin(visit: Visit) -> str:
    return _begin(visit)


def _begin(visit: Visit) -> str:
    """Straight to the first member where only one thing is weighed here."""
    found = day_prices.produce_weighed(visit.tx, visit.draft["coop"], visit.now)
    if len(found) != 1:
        return "intake.produce"
    visit.draft["produce"] = found[0]
    return "intake.member"


@screen("intake.produce", goes=("intake.member",))
def produce(visit: Visit) -> Menu:
    found = set(day_prices.produce_weighed(visit.tx, visit.draft["coop"], visit.now))
    rows = [one for one in visit.hub.produce if one.code in found]
    options = [Option(produce_name(visit, one.code), "intake.member", one.code, one.number) for one in rows]
    title = _("What is weighed?") if rows else _("No price of the day. The manager sets it.")
    return Menu(title, options, keep="produce")


@screen("intake.member", goes=("intake.find",))
def member(visit: Visit) -> Ask:
    words = MemberWords(visit.state.led_by)
    return Ask(_("{produce}\nMember number or name:", produce=_produce(visit)), words, "found", "intake.find")


@dataclass(frozen=True)
class MemberWords:
    """A member's number or first letters. The key that has just saved a weight is no answer where the gateway may bring it
    twice: that member is written with a 0 in front."""

    led_by: str = ""

    @property
    def examples(self) -> tuple[str, ...]:
        return ("Mukandayisenga", "99999", "4242")

    def read(self, text: str) -> str | Wrong:
        said = _typed(text)
        if said is None:
            return Wrong(_("Write a member number, or the first letters of the name."))
        return Wrong(_("For member No {number} write 0{number}.", number=said)) if said == self.led_by else said


@action("intake.find", goes=("intake.member", "intake.choose", "intake.gross"))
def find(visit: Visit) -> str:
    rows = members.find(visit.tx, visit.draft["coop"], visit.draft["found"])
    if not rows:
        visit.guide(_("No member is found."))
        return "intake.member"
    if len(rows) > 1:
        return "intake.choose"
    visit.draft["member"] = rows[0]["person_id"]
    return "intake.gross"


@screen("intake.choose", goes=("intake.gross",))
def choose(visit: Visit) -> Menu:
    rows = members.find(visit.tx, visit.draft["coop"], visit.draft["found"])
    options = [Option(f"{row['number']}. {row['name']}", "intake.gross", row["person_id"]) for row in rows]
    return Menu(_("Choose the member:"), options, keep="member")


# the weight


@screen("intake.gross", goes=("intake.grossed",))
def gross(visit: Visit) -> Screen:
    row = _member(visit)
    if row is None:
        return Menu(_("It is no longer there."), [])
    one = visit.hub.produce_by(visit.draft["produce"])
    title = _(
        "No {number} {name}\nWeighed in all, {unit}:", number=row["number"], name=row["name"], unit=unit_of(one.unit)
    )
    return Ask(title, QuantityOf(one.unit, one.max_quantity), "gross", "intake.grossed")


def unit_of(unit: str) -> Text:
    """What a weight is typed in."""
    return {"g": "kg", "ml": "L"}.get(unit) or _("pieces")


@action("intake.grossed", goes=("intake.floaters", "intake.grade", "intake.confirm"))
def grossed(visit: Visit) -> str:
    visit.draft.update(floaters=0, grade="")
    one = visit.hub.produce_by(visit.draft["produce"])
    return "intake.floaters" if one.floater else _after_floaters(one)


def _after_floaters(produce: Any) -> str:
    return "intake.grade" if produce.grades else "intake.confirm"


@screen("intake.floaters", goes=("intake.floated",))
def floaters(visit: Visit) -> Ask:
    return Ask(_("Floaters, kg? None: 0"), FloatersOf(visit.draft["gross"]), "floaters", "intake.floated", zero=True)


@dataclass(frozen=True)
class FloatersOf:
    """How many of `gross` grams float: kilos, 0 for none."""

    gross: int

    @property
    def examples(self) -> tuple[str, ...]:
        return ("0", str(self.gross // 1000 or "0"))

    def read(self, text: str) -> int | Wrong:
        none = typed.number(text) == 0 or typed.yes_no(text) is False
        return 0 if none else QuantityOf("g", self.gross).read(text)


@action("intake.floated", goes=("intake.grade", "intake.confirm"))
def floated(visit: Visit) -> str:
    return _after_floaters(visit.hub.produce_by(visit.draft["produce"]))


@screen("intake.grade", goes=("intake.confirm",))
def grade(visit: Visit) -> Menu:
    one = visit.hub.produce_by(visit.draft["produce"])
    return Menu(_("Grade?"), [Option(name, "intake.confirm", name) for name in one.grades], keep="grade")


@screen("intake.confirm", goes=("intake.save", "intake.gross"))
def confirm(visit: Visit) -> Screen:
    """What the member will read, before it is saved."""
    row, draft = _member(visit), visit.draft
    if row is None:
        return Menu(_("It is no longer there."), [])
    which = {"cooperative_id": draft["coop"], "produce": draft["produce"]}
    try:
        priced = intakes.price_for(visit.tx, now=visit.now, person_id=row["person_id"], grade=draft["grade"], **which)
    except Refused as no:
        return Menu(refused(no), [])
    unit = visit.hub.produce_by(draft["produce"]).unit
    weighed = priced | {"good": draft["gross"] - draft["floaters"], "floaters": draft["floaters"], "unit": unit}
    fee = cooperatives.terms_at(visit.tx, draft["coop"], draft["produce"], visit.now)["fee_per_unit"]
    head = _("No {number} {name}", number=row["number"], name=row["name"])
    if draft["grade"]:
        head = _("No {number} {name}, grade {grade}", number=row["number"], name=row["name"], grade=draft["grade"])
    options = [
        Option(_("Save"), "intake.save", number=1, confirms=True),
        Option(_("Weigh again"), "intake.gross", number=2),
    ]
    return Pages(joined([head, *lines(weighed, fee)]), options)


def lines(row: dict[str, Any], fee_per_unit: int) -> list[Msg]:
    """The lines of a weighing and about what she gets; `fee_per_unit` minor units, 0 where it is not told."""
    worth, currency = intakes.worth(row, fee_per_unit), row["currency"]
    found = [_line(_("Good"), row["good"], row["price"], worth["good"], row)]
    if row["floaters"]:
        found.append(_line(_("Floaters"), row["floaters"], row["price_floaters"] or 0, worth["floaters"], row))
    if worth["fee"]:
        found.append(_("Fee: -{fee}", fee=Bare(worth["fee"], currency)))
    return [*found, _("About {net}", net=Amount(worth["net"], currency))]


def _line(name: Msg, quantity: int, price: int, total: int, row: dict[str, Any]) -> Msg:
    shown, currency = Quantity(quantity, row["unit"]), row["currency"]
    return _(
        "{name}: {quantity} x {price} = {total}",
        name=name, quantity=shown, price=Bare(price, currency), total=Bare(total, currency),
    )  # fmt: skip


@action("intake.save", goes=("intake.member", "intake.pin_again"))
def save(visit: Visit) -> str | Done:
    """Saved, and on to the next member; where the PIN was long ago, it is asked first."""
    if not visit.verified:
        return "intake.pin_again"
    draft = visit.draft
    try:
        row = intakes.record(
            visit.tx, hub=visit.hub, clock=visit.clock, now=visit.now, clerk_id=visit.me["id"],
            cooperative_id=draft["coop"], person_id=draft["member"], produce=draft["produce"], gross=draft["gross"],
            floaters=draft["floaters"], grade=draft["grade"],
        )  # fmt: skip
    except Refused as no:
        return Done(refused(no))
    visit.guide(_("Saved {receipt}: {good}. Next.", receipt=row["receipt"], good=Quantity(row["good"], row["unit"])))
    for name in ("member", "found", "gross", "floaters", "grade"):
        draft.pop(name, None)
    return "intake.member"


@screen("intake.pin_again", goes=("intake.save",))
def pin_again(visit: Visit) -> Secret:
    return Secret(_("To save, your {hub} PIN:", hub=visit.hub.name), "intake.save")


# the list of a day


@screen("intake.lists", goes=("intake.close",))
def lists(visit: Visit) -> Menu:
    rows = intakes.open_lists(visit.tx, visit.draft["coop"])
    options = [
        Option(_("{produce} {day}", produce=produce_name(visit, row["produce"]), day=day_of(row["day"])), "intake.close", row["id"])
        for row in rows
    ]  # fmt: skip
    return Menu(_("Which list is closed?") if rows else _("No list is open."), options, keep="list")


@screen("intake.close", goes=("intake.close_now",))
def close(visit: Visit) -> Screen:
    row = _list(visit)
    if row is None:
        return Menu(_("It is no longer open."), [])
    return Confirm(
        joined([*_sums(visit, row), _("Close? Later weights open a second list.")]), "intake.close_now", _("Close")
    )


def _sums(visit: Visit, row: dict[str, Any]) -> list[Msg]:
    unit = row["unit"]
    return [
        _("{produce} {day}: {n} weights", produce=produce_name(visit, row["produce"]), day=day_of(row["day"]), n=row["count"]),
        _("In all {gross}, good {good}", gross=Quantity(row["gross"], unit), good=Quantity(row["good"], unit)),
    ]  # fmt: skip


@action("intake.close_now")
def close_now(visit: Visit) -> Done:
    row = _list(visit)
    if row is None:
        return Done(_("It is no longer open."))
    which = {"cooperative_id": visit.draft["coop"], "day": row["day"], "produce": row["produce"]}
    try:
        closed = intakes.close_day(visit.tx, now=visit.now, by=visit.me["id"], **which)
    except Refused as no:
        return Done(refused(no))
    return Done(joined([_("Closed."), *_sums(visit, closed)]))


def _list(visit: Visit) -> dict[str, Any] | None:
    rows = intakes.open_lists(visit.tx, visit.draft["coop"])
    return next((row for row in rows if row["id"] == visit.draft["list"]), None)


# parts


def day_of(iso: str) -> str:
    """21/09 of 2026-09-21."""
    return f"{iso[8:]}/{iso[5:7]}"


def refused(no: Refused, unit: str = "g") -> Msg:
    """The line for what the scale says no with."""
    told = {
        "not_allowed": NO_ROLE,
        "no_price": _("No price of the day. The manager sets it."),
        "no_reason": _("Write why in a few words."),
        "over_lot": _("More than the lots that were sent."),
        "mixed": _("Different goods or grades."),
    }
    return told.get(no.reason) or refusals.line(no, unit)


def manages(visit: Visit) -> bool:
    """A role may be taken back while somebody is on the line."""
    rows = cooperatives.role_of(visit.tx, visit.me["id"], visit.draft.get("coop", ""))
    return any(row["role"] == "manager" for row in rows)


def reason() -> Words:
    """A decision in writing."""
    return Words(intakes.clean_why, _("Write why in a few words."), ("Wapimwe nabi kabiri ku munzani wa kabiri",))


def _member(visit: Visit) -> dict[str, Any] | None:
    row = members.of_person(visit.tx, visit.draft["coop"], visit.draft.get("member", ""))
    return row if row is not None and row["state"] == "active" else None


def _produce(visit: Visit) -> Text:
    return produce_name(visit, visit.draft["produce"])
