"""Pay lists on the phone: the manager's and clerk's side under `coop.home`, and a member's own books."""

from __future__ import annotations

from typing import Any

from menus import refusals
from menus.offers import joined
from menus.pay import HOLDS
from menus.pay import reason as failure
from menus.words import produce_name, short
from ussd_app.engine.answers import Money, Words
from ussd_app.engine.screen import Ask, Confirm, Done, Menu, Option, Pages, Screen, Secret, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Amount, Bare, Msg, Quantity, Text, When, _
from ussd_app.market import cooperatives, shares
from ussd_app.market.terms import Refused

MOST_SHOWN = 20
TOTAL_MOST = 1_000_000_000

STATES: dict[str, Msg] = {
    "draft": _("draft"),
    "approved": _("approved"),
    "paying": _("being paid"),
    "done": _("paid"),
    "waiting": _("waits"),
    "held": _("waits"),
    "sent": _("on its way"),
    "failed": _("failed"),
    "paid": _("paid"),
    "recorded": _("given out"),
    "contested": _("not received"),
}

# the lists


@screen("shares.lists", goes=("shares.make", "shares.one", "shares.books", "shares.season"))
def lists(visit: Visit) -> Menu:
    """Orders whose money waits for a list, then the lists there are."""
    roles, coop = _roles(visit), visit.draft["coop"]
    if not roles:
        return Menu(_("You act for no cooperative."), [])
    drafts = {row["order_id"] for row in shares.lists(visit.tx, coop, MOST_SHOWN) if row["state"] == "draft"}
    options = [
        Option(_("{code} {amount} new", code=row["code"], amount=Bare(row["owed"])), "shares.make", row["id"])
        for row in shares.to_make(visit.tx, coop, MOST_SHOWN)
    ]
    options += [
        Option(_("{code} {state}", code=name_of(row), state=STATES[row["state"]]), "shares.one", row["id"])
        for row in shares.lists(visit.tx, coop, MOST_SHOWN)
        if row["order_id"] not in drafts or row["order_id"] is None
    ]
    if "manager" in roles:
        options.append(Option(_("Books"), "shares.books", number=97))
        options.append(Option(_("Second payment"), "shares.season", number=98))
    return Menu(_("Pay lists"), options, keep="paylist")


@action("shares.make", goes=("shares.one",))
def make(visit: Visit) -> str | Done:
    """The draft of an order, as it stands now."""
    try:
        row = shares.draft(
            visit.tx, now=visit.now, cooperative_id=visit.draft["coop"], order_id=visit.draft["paylist"],
            by=visit.me["id"],
        )  # fmt: skip
    except Refused as refused:
        return Done(_refused(refused))
    visit.draft["paylist"] = row["id"]
    return "shares.one"


@screen("shares.one", goes=("shares.pin", "shares.rows", "shares.open"))
def one(visit: Visit) -> Menu:
    """The totals before anything else."""
    row = _list(visit)
    if row is None:
        return Menu(_("It is no longer there."), [])
    visit.draft["seen"] = {name: row[name] for name in shares.SEEN}
    options = [Option(_("Every share"), "shares.rows", number=2)]
    if row["state"] == "draft" and "manager" in _roles(visit):
        options.insert(0, Option(_("Approve"), "shares.pin", number=1))
    if row["state"] in ("approved", "paying"):
        options.append(Option(_("To give out"), "shares.open", number=3))
    title = _(
        "{code} {state}\nMembers {n}, {quantity}\nTotal {total}\nFee {fee}, inputs {advance}\nRounding {rounding}",
        code=name_of(row), state=STATES[row["state"]], n=row["count"], quantity=Quantity(row["good"], row["unit"]),
        total=Amount(row["total"], row["currency"]), fee=Bare(row["fee"]), advance=Bare(row["advance"]),
        rounding=Bare(row["rounding"]),
    )  # fmt: skip
    return Menu(title, options)


@screen("shares.pin", goes=("shares.approve",))
def pin(visit: Visit) -> Screen:
    """What she approves stands above the PIN."""
    row = _list(visit)
    if row is None or row["state"] != "draft":
        return Menu(_("It is no longer there."), [])
    title = _(
        "Pay {total} to {n} members, fee {fee}, inputs {advance}?\nYour {hub} PIN:",
        total=Amount(row["total"], row["currency"]), n=row["count"], fee=Bare(row["fee"]), advance=Bare(row["advance"]),
        hub=visit.hub.name,
    )  # fmt: skip
    return Secret(title, "shares.approve")


@action("shares.approve")
def approve(visit: Visit) -> Done:
    try:
        row = shares.approve(
            visit.tx, clock=visit.clock, now=visit.now, manager_id=visit.me["id"], pay_list_id=visit.draft["paylist"],
            seen=visit.draft["seen"],
        )  # fmt: skip
    except Refused as refused:
        return Done(_refused(refused))
    total = Amount(row["total"], row["currency"])
    if row["fund"] == "outside":
        return Done(_("Approved: {total}. Give it out and record each share.", total=total))
    return Done(_("Approved: {total}. Each share goes out once the money is there.", total=total))


@screen("shares.rows")
def rows(visit: Visit) -> Pages:
    row = _list(visit)
    found = shares.rows_of(visit.tx, row["id"]) if row else []
    if row is None or not found:
        return Pages(_("It is no longer there."))
    lines = [
        _(
            "{number}. {name} {quantity} {net} {state}",
            number=one["number"] or "-", name=short(one["name"]), quantity=Quantity(one["good"], row["unit"]),
            net=Bare(one["net"]), state=STATES[one["state"]],
        )
        for one in found
    ]  # fmt: skip
    return Pages(joined(lines))


@screen("shares.open", goes=("shares.share",))
def open_(visit: Visit) -> Menu:
    """What is with nobody yet: to be given out, or to be looked at."""
    row = _list(visit)
    found = visit.tx.shares_to_give_out(pay_list_id=row["id"], limit=MOST_SHOWN) if row else []
    options = [
        Option(_("{name} {net}", name=short(one["name"]), net=Bare(one["net"])), "shares.share", one["id"])
        for one in found
    ]
    return Menu(_("To give out") if options else _("Nothing waits."), options, keep="share")


@screen("shares.share", goes=("shares.note", "shares.again"))
def share(visit: Visit) -> Menu:
    row = _share(visit)
    if row is None:
        return Menu(_("It is no longer there."), [])
    title = _(
        "{number}. {name}\n{quantity}: {net}\n{why}",
        number=row["number"] or "-", name=row["name"], quantity=Quantity(row["good"], row["unit"]),
        net=Amount(row["net"], row["currency"]), why=why_of(row),
    )  # fmt: skip
    options = [
        Option(_("Given in cash"), "shares.note", "cash", 1),
        Option(_("At the SACCO"), "shares.note", "sacco", 2),
    ]
    if "manager" in _roles(visit) and row["fund"] == "market":
        options.append(Option(_("Send to the wallet"), "shares.again", "wallet", 3, confirms=True))
    return Menu(title, options, keep="via")


@screen("shares.note", goes=("shares.record_pin",))
def note(visit: Visit) -> Ask:
    words = Words(_said, _("Write who gave it, or the number of the slip."), ("Slip 123456789 Mukandayisenga",))
    return Ask(_("Who gave it, or number of the slip:"), words, "note", "shares.record_pin")


@screen("shares.record_pin", goes=("shares.record",))
def record_pin(visit: Visit) -> Screen:
    """It counts as paid from here on, so it takes her PIN once in a call."""
    row = _share(visit)
    if row is None:
        return Menu(_("It is no longer there."), [])
    title = _("{name}: {net} given out?", name=row["name"], net=Amount(row["net"], row["currency"]))
    if visit.verified:
        return Confirm(title, "shares.record", _("Yes"))
    return Secret(_("{title}\nYour {hub} PIN:", title=title, hub=visit.hub.name), "shares.record")


@action("shares.record")
def record(visit: Visit) -> Done:
    try:
        shares.record_outside(
            visit.tx, clock=visit.clock, now=visit.now, clerk_id=visit.me["id"], share_id=visit.draft["share"],
            via=visit.draft["via"], note=visit.draft["note"],
        )  # fmt: skip
    except Refused as refused:
        return Done(_refused(refused))
    return Done(_("Recorded. An SMS tells the member."))


@action("shares.again")
def again(visit: Visit) -> Done:
    try:
        shares.send_again(
            visit.tx, clock=visit.clock, now=visit.now, manager_id=visit.me["id"], share_id=visit.draft["share"]
        )
    except Refused as refused:
        return Done(_refused(refused))
    return Done(_("Saved. It goes to the wallet."))


@screen("shares.books")
def books(visit: Visit) -> Pages:
    """The sums of all members, then each of them."""
    if "manager" not in _roles(visit):
        return Pages(_("You act for no cooperative."))
    coop = visit.draft["coop"]
    row = shares.books(visit.tx, coop)
    lines = [sums(visit, row), _("Own share {own}", own=Amount(row["own"], visit.hub.currency))]
    lines += [
        _(
            "{number}. {name} sold {sold}, paid {paid}, pending {pending}",
            number=one["number"], name=short(one["name"]), sold=Bare(one["sold"]), paid=Bare(one["paid"]),
            pending=Bare(one["pending"]),
        )
        for one in shares.member_books(visit.tx, coop, limit=MOST_SHOWN)
    ]  # fmt: skip
    return Pages(joined(lines))


def sums(visit: Visit, row: dict[str, Any]) -> Msg:
    """Sold, deducted, paid and pending: the first is the others together."""
    return _(
        "Sold {sold}\nDeducted {deducted}\nPaid {paid}\nPending {pending}",
        sold=Amount(row["sold"], visit.hub.currency), deducted=Bare(row["deducted"]), paid=Bare(row["paid"]),
        pending=Bare(row["pending"]),
    )  # fmt: skip


# a second payment


@screen("shares.season", goes=("shares.total",))
def season(visit: Visit) -> Menu:
    if "manager" not in _roles(visit):
        return Menu(_("You act for no cooperative."), [])
    found = visit.tx.share_seasons(cooperative_id=visit.draft["coop"], limit=8)
    options = [
        Option(
            _("{season} {produce}", season=row["season"], produce=produce_name(visit, row["produce"])),
            "shares.total",
            [row["season"], row["produce"]],
        )
        for row in found
    ]
    return Menu(
        _("Second payment of which season?") if options else _("Nothing was weighed yet."), options, keep="season"
    )


@screen("shares.total", goes=("shares.fund",))
def total(visit: Visit) -> Ask:
    most = Money(visit.hub.currency, TOTAL_MOST)
    return Ask(_("Total to share out, {currency}:", currency=visit.hub.currency), most, "total", "shares.fund")


@screen("shares.fund", goes=("shares.second",))
def fund(visit: Visit) -> Menu:
    options = [
        Option(_("From our wallet, to theirs"), "shares.second", "market", 1),
        Option(_("We give it out ourselves"), "shares.second", "outside", 2),
    ]
    return Menu(_("How is it paid?"), options, keep="fund")


@action("shares.second", goes=("shares.one",))
def second(visit: Visit) -> str | Done:
    of, produce = visit.draft["season"]
    try:
        row = shares.second(
            visit.tx, now=visit.now, manager_id=visit.me["id"], cooperative_id=visit.draft["coop"], produce=produce,
            season=of, total=visit.draft["total"], fund=visit.draft["fund"], currency=visit.hub.currency,
        )  # fmt: skip
    except Refused as refused:
        return Done(_refused(refused))
    visit.draft["paylist"] = row["id"]
    return "shares.one"


# a member's own


@screen("shares.mine", goes=("shares.own",))
def mine(visit: Visit) -> Menu:
    """Her own books there, and her latest shares."""
    me, coop = visit.me["id"], visit.draft.get("coop", "")
    row = shares.books(visit.tx, coop, me)
    options = [
        Option(
            _("{code} {net} {state}", code=name_of(one), net=Bare(one["net"]), state=STATES[one["state"]]),
            "shares.own",
            one["id"],
        )
        for one in shares.of_person(visit.tx, me, coop, 5)
    ]
    return Menu(sums(visit, row), options, keep="share")


@screen("shares.own", goes=("shares.deny",))
def own(visit: Visit) -> Pages:
    row = visit.tx.share_by_id(id=visit.draft["share"])
    if row is None or row["person_id"] != visit.me["id"]:
        return Pages(_("It is no longer there."))
    lines = [
        _("{code}: {quantity}", code=name_of(row), quantity=Quantity(row["good"], row["unit"])),
        _("Share {amount}", amount=Amount(row["amount"], row["currency"])),
    ]
    if row["fee"]:
        lines.append(_("Fee: -{amount}", amount=Bare(row["fee"])))
    for one in visit.tx.share_deductions_of(share_id=row["id"]):
        lines.append(_("{name}: -{amount}", name=one["name"], amount=Bare(one["amount"])))
    lines.append(_("You get {net}: {why}", net=Amount(row["net"], row["currency"]), why=why_of(row)))
    options = []
    if row["state"] == "recorded" and row["contest_until"] > visit.now:
        lines.append(
            _("Noted by your cooperative: {note}. Say no by {time}.", note=row["note"], time=When(row["contest_until"]))
        )
        options.append(Option(_("I did not get it"), "shares.deny", number=1))
    return Pages(joined(lines), options)


@screen("shares.deny", goes=("shares.contest",))
def deny(visit: Visit) -> Confirm:
    return Confirm(_("You did not get this money? The managers are told."), "shares.contest", _("I did not get it"))


@action("shares.contest")
def contest(visit: Visit) -> Done:
    try:
        shares.contest(visit.tx, now=visit.now, person_id=visit.me["id"], share_id=visit.draft["share"])
    except Refused as refused:
        return Done(_refused(refused))
    return Done(_("Noted: not received. Your cooperative is told."))


def name_of(row: dict[str, Any]) -> Text:
    """What a list is known by: the order's code, or the season."""
    return str(row["order_code"] or row["season"])


def why_of(row: dict[str, Any]) -> Msg:
    """A share's state, with what holds it."""
    if row["state"] == "held":
        return HOLDS.get(row["why"]) or _("has not said yes on the own phone yet")
    return failure(row["why"]) if row["state"] == "failed" else STATES[row["state"]]


def _roles(visit: Visit) -> set[str]:
    """A role may be taken back while somebody is on the line."""
    return {row["role"] for row in cooperatives.role_of(visit.tx, visit.me["id"], visit.draft.get("coop", ""))}


def _list(visit: Visit) -> dict[str, Any] | None:
    """The list that is looked at, where she acts for its cooperative."""
    row: dict[str, Any] | None = visit.tx.pay_list_by_id(id=visit.draft.get("paylist", ""))
    return row if row is not None and row["cooperative_id"] == visit.draft["coop"] and _roles(visit) else None


def _share(visit: Visit) -> dict[str, Any] | None:
    row: dict[str, Any] | None = visit.tx.share_by_id(id=visit.draft["share"])
    return row if row is not None and row["cooperative_id"] == visit.draft["coop"] and _roles(visit) else None


def _said(text: str) -> str | None:
    said = " ".join(text.split())[:40]
    return said if any(char.isalnum() for char in said) else None


def _refused(refused: Refused) -> Msg:
    lines = {
        "own_weighing": _("You weighed for it yourself: another manager approves."),
        "nothing_delivered": _("No weight of a member belongs to it yet."),
        "not_allowed": _("You act for no cooperative."),
    }
    if refused.reason == "contested":
        return _("{n} weights are contested. Decide on them first.", n=refused.facts["count"])
    if refused.reason == "too_late":
        return _("It is too late for that.")
    return lines.get(refused.reason) or refusals.line(refused)
