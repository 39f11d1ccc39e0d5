"""What a manager decides about weights: what members contest, in writing, and the price of the day."""

from __future__ import annotations

from typing import Any

from menus.intake import NO_ROLE, FloatersOf, lines, manages, reason, refused, unit_of
from menus.offers import joined
from menus.words import produce_name, short, unit_word
from ussd_app.engine.answers import Money, QuantityOf
from ussd_app.engine.screen import Ask, Done, Menu, Option, Pages, Screen, Secret, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Amount, Msg, Quantity, _
from ussd_app.market import day_prices, intakes, rates
from ussd_app.market.terms import Refused

COMPLAINTS: dict[str, Msg] = {
    "weight": _("The weight"),
    "quality": _("The grade or floaters"),
    "price": _("The price"),
    "other": _("Something else"),
}


@screen("intake.contested", goes=("intake.judge",))
def contested(visit: Visit) -> Menu:
    if not manages(visit):
        return Menu(NO_ROLE, [])
    rows = intakes.contested(visit.tx, visit.draft["coop"])
    options = [
        Option(_("{name} {quantity}", name=row["name"], quantity=Quantity(row["good"], row["unit"])), "intake.judge", row["id"])
        for row in rows
    ]  # fmt: skip
    return Menu(_("Contested:") if rows else _("Nothing is contested."), options, keep="intake")


@screen("intake.judge", goes=("intake.why", "intake.right_gross"))
def judge(visit: Visit) -> Screen:
    row = intakes.by_id(visit.tx, visit.draft["intake"])
    if row is None or row["state"] != "contested" or not manages(visit):
        return Menu(_("It is no longer open."), [])
    visit.draft["produce"] = row["produce"]
    head = _(
        "{receipt} {name}: {why}", receipt=row["receipt"], name=short(row["name"]), why=COMPLAINTS[row["contested_why"]]
    )
    options = [
        Option(_("It stays"), "intake.why", "stays", 2),
        Option(_("Correct it"), "intake.right_gross", "correct", 3),
        Option(_("Take it away"), "intake.why", "void", 4),
    ]
    good, floats = Quantity(row["good"], row["unit"]), Quantity(row["floaters"], row["unit"])
    return Menu(
        joined([head, _("Good {good}, floaters {floaters}", good=good, floaters=floats)]), options, keep="judged"
    )


@screen("intake.right_gross", goes=("intake.righted",))
def right_gross(visit: Visit) -> Ask:
    one = visit.hub.produce_by(visit.draft["produce"])
    title = _("Right weight in all, {unit}:", unit=unit_of(one.unit))
    return Ask(title, QuantityOf(one.unit, one.max_quantity), "gross", "intake.righted")


@action("intake.righted", goes=("intake.right_floaters", "intake.right_grade", "intake.why"))
def righted(visit: Visit) -> str:
    visit.draft.update(floaters=0, grade="")
    one = visit.hub.produce_by(visit.draft["produce"])
    return "intake.right_floaters" if one.floater else "intake.right_grade" if one.grades else "intake.why"


@screen("intake.right_floaters", goes=("intake.why",))
def right_floaters(visit: Visit) -> Ask:
    return Ask(_("Floaters, kg? None: 0"), FloatersOf(visit.draft["gross"]), "floaters", "intake.why", zero=True)


@screen("intake.right_grade", goes=("intake.why",))
def right_grade(visit: Visit) -> Menu:
    one = visit.hub.produce_by(visit.draft["produce"])
    return Menu(_("Grade?"), [Option(name, "intake.why", name) for name in one.grades], keep="grade")


@screen("intake.why", goes=("intake.judge_pin",))
def why(visit: Visit) -> Ask:
    return Ask(_("Why? Both will read it:"), reason(), "why", "intake.judge_pin")


@screen("intake.judge_pin", goes=("intake.decide",))
def judge_pin(visit: Visit) -> Secret:
    return Secret(_("To decide, your {hub} PIN:", hub=visit.hub.name), "intake.decide")


@action("intake.decide")
def decide(visit: Visit) -> Done:
    draft = visit.draft
    about = {"now": visit.now, "manager_id": visit.me["id"], "intake_id": draft["intake"], "why": draft["why"]}
    try:
        if draft["judged"] == "stays":
            intakes.uphold(visit.tx, **about)
            return Done(_("Saved: it stays. Both are told."))
        if draft["judged"] == "void":
            intakes.void(visit.tx, clock=visit.clock, **about)
            return Done(_("Saved: taken away. Both are told."))
        weighed = {name: draft[name] for name in ("gross", "floaters", "grade")}
        row = intakes.correct(visit.tx, hub=visit.hub, clock=visit.clock, **about, **weighed)
    except Refused as no:
        return Done(refused(no))
    return Done(_("Saved: new receipt {receipt}. Both are told.", receipt=row["receipt"]))


# the price of the day


@screen("intake.price_of", goes=("intake.price",))
def price_of(visit: Visit) -> Menu:
    """The whole list, each with its lifelong number."""
    if not manages(visit):
        return Menu(NO_ROLE, [])
    options = [Option(produce_name(visit, one.code), "intake.price", one.code, one.number) for one in visit.hub.produce]
    return Menu(_("Price of what?"), options, keep="produce")


@screen("intake.price", goes=("intake.priced",))
def price(visit: Visit) -> Ask:
    one = visit.hub.produce_by(visit.draft["produce"])
    now = day_prices.at(visit.tx, visit.draft["coop"], one.code, "", visit.now)
    stands = Amount(now["price"], now["currency"]) if now else "-"
    title = _(
        "{produce}\nPrice per {unit} from today. Now: {price}",
        produce=produce_name(visit, one.code),
        unit=unit_word(one),
        price=stands,
    )
    return Ask(title, Money(visit.hub.currency, one.max_price), "price", "intake.priced")


@action("intake.priced", goes=("intake.price_floaters", "intake.price_pin"))
def priced(visit: Visit) -> str:
    visit.draft["price_floaters"] = None
    one = visit.hub.produce_by(visit.draft["produce"])
    return "intake.price_floaters" if one.floater else "intake.price_pin"


@screen("intake.price_floaters", goes=("intake.price_pin",))
def price_floaters(visit: Visit) -> Ask:
    """The official price of floaters is named where there is one."""
    floor = rates.floor_for(visit.tx, visit.draft["produce"], visit.hub.currency, visit.now).price_floaters
    title = _("Price of floaters per kg. Minimum {floor}", floor=Amount(floor or 0, visit.hub.currency))
    return Ask(title, Money(visit.hub.currency, visit.draft["price"]), "price_floaters", "intake.price_pin")


@screen("intake.price_pin", goes=("intake.price_set",))
def price_pin(visit: Visit) -> Secret:
    title = _(
        "Pay {price} from today. Your {hub} PIN:",
        price=Amount(visit.draft["price"], visit.hub.currency),
        hub=visit.hub.name,
    )
    return Secret(title, "intake.price_set")


@action("intake.price_set")
def price_set(visit: Visit) -> Done:
    draft = visit.draft
    try:
        row = day_prices.put(
            visit.tx, hub=visit.hub, now=visit.now, manager_id=visit.me["id"], cooperative_id=draft["coop"],
            produce=draft["produce"], price=draft["price"], price_floaters=draft["price_floaters"],
        )  # fmt: skip
    except Refused as no:
        return Done(refused(no))
    return Done(_("Saved: {price} from today.", price=Amount(row["price"], row["currency"])))


# a member's own


@screen("intake.mine", goes=("intake.receipt",))
def mine(visit: Visit) -> Menu:
    """Her last five receipts and what she brought this season."""
    rows = intakes.of_member(visit.tx, visit.draft["coop"], visit.me["id"])
    sums = intakes.season_of_member(visit.tx, visit.draft["coop"], visit.me["id"], visit.now)
    totals = [
        _(
            "{produce}: {quantity}",
            produce=produce_name(visit, row["produce"]),
            quantity=Quantity(row["good"], row["unit"]),
        )
        for row in sums[:2]
    ]
    options = [
        Option(_("{receipt}: {quantity}", receipt=row["receipt"], quantity=Quantity(row["good"], row["unit"])), "intake.receipt", row["receipt"])
        for row in rows
    ]  # fmt: skip
    title = joined([_("This season:"), *totals]) if rows else _("Nothing was weighed yet.")
    return Menu(title, options, keep="receipt")


@screen("intake.receipt", goes=("intake.contest",))
def receipt(visit: Visit) -> Screen:
    row = _mine(visit)
    if row is None:
        return Menu(_("It is no longer there."), [])
    head = _("Receipt {receipt}, {day}", receipt=row["receipt"], day=row["day"])
    said = [
        head,
        _("{produce} {grade}", produce=produce_name(visit, row["produce"]), grade=row["grade"] or "-"),
        *lines(row, 0),
    ]
    if row["state"] == "contested":
        return Pages(joined([*said, _("Contested. The manager decides.")]))
    if visit.now >= row["contest_until"] or row["decided_at"] is not None:
        return Pages(joined(said))
    return Pages(joined(said), [Option(_("Not correct"), "intake.contest", number=8)])


@screen("intake.contest", goes=("intake.contest_now",))
def contest(visit: Visit) -> Menu:
    options = [Option(label, "intake.contest_now", name, confirms=True) for name, label in COMPLAINTS.items()]
    return Menu(_("What is not correct?"), options, keep="why")


@action("intake.contest_now")
def contest_now(visit: Visit) -> Done:
    draft = visit.draft
    try:
        intakes.contest(visit.tx, now=visit.now, person_id=visit.me["id"], receipt=draft["receipt"], why=draft["why"])
    except Refused as no:
        return Done(_("The time to contest it is over.") if no.reason == "too_late" else refused(no))
    return Done(_("Saved. The manager is told and decides. An SMS tells you."))


def _mine(visit: Visit) -> dict[str, Any] | None:
    rows = intakes.of_member(visit.tx, visit.draft["coop"], visit.me["id"])
    return next((row for row in rows if row["receipt"] == visit.draft["receipt"]), None)
