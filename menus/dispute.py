"""A problem with an order: said with two keys, and ended by the two sides themselves where they agree."""

from __future__ import annotations

from menus import refusals
from menus.offers import joined
from ussd_app.engine.answers import Money
from ussd_app.engine.screen import Ask, Confirm, Done, Menu, Option, Pages, Screen, Secret, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Amount, _
from ussd_app.market import disputes, terms
from ussd_app.market.terms import Refused
from ussd_app.trade_words import COMPLAINTS


@screen("dispute.kind", goes=("dispute.confirm",))
def kind(visit: Visit) -> Menu:
    options = [Option(label, "dispute.confirm", word) for word, label in COMPLAINTS.items()]
    return Menu(_("What is the problem?"), options, keep="kind")


@screen("dispute.confirm", goes=("dispute.open",))
def confirm(visit: Visit) -> Confirm:
    title = _(
        "Report: {problem}? The other side is told. Money that has not moved waits.",
        problem=COMPLAINTS[visit.draft["kind"]],
    )
    return Confirm(title, "dispute.open", _("Report it"))


@action("dispute.open")
def begin(visit: Visit) -> Done:
    draft = visit.draft
    try:
        disputes.begin(visit.tx, now=visit.now, person_id=visit.me["id"], order_id=draft["order"], kind=draft["kind"])
    except Refused as refused:
        return Done(refusals.line(refused))
    return Done(_("The problem is open. The other side is told. Help: {phone}", phone=visit.settings.support_phone))


@screen("dispute.one", goes=("dispute.agree", "dispute.offer", "dispute.drop"))
def one(visit: Visit) -> Screen:
    row = disputes.open_of(visit.tx, visit.draft["order"])
    order = visit.tx.order_for_party(id=visit.draft["order"], person_id=visit.me["id"])
    if row is None or order is None:
        return Menu(_("It is no longer there."), [])
    visit.draft["dispute"] = row["id"]
    lines = [_("Order {code}: {problem}", code=order["code"], problem=COMPLAINTS[row["kind"]])]
    options = []
    if row["proposed_by"]:
        amount = Amount(row["proposed_amount"], order["currency"])
        hers = row["proposed_by"] == visit.me["id"]
        lines.append(
            _("You propose {amount}.", amount=amount) if hers else _("Proposed to end it: {amount}.", amount=amount)
        )
        if not hers:
            visit.draft["seen"] = [row["proposed_as"], row["proposed_amount"]]
            options.append(Option(_("Agree to it"), "dispute.agree", number=1))
    options.append(Option(_("Propose an amount"), "dispute.offer", number=2))
    if row["opened_by"] == visit.me["id"]:
        options.append(Option(_("It is solved"), "dispute.drop", number=3))
    return Pages(joined(lines), options)


@screen("dispute.agree", goes=("dispute.agree_now",))
def agree(visit: Visit) -> Secret:
    """Money is given up here, as it is promised with an offer: not without the PIN."""
    amount = Amount(visit.draft["seen"][1], visit.hub.currency)
    return Secret(
        _("The seller gets {amount} and the problem ends. Your {hub} PIN:", amount=amount, hub=visit.hub.name),
        "dispute.agree_now",
    )


@action("dispute.agree_now")
def agree_now(visit: Visit) -> Done:
    seen_as, seen_amount = visit.draft["seen"]
    try:
        disputes.accept(
            visit.tx,
            clock=visit.clock,
            now=visit.now,
            person_id=visit.me["id"],
            dispute_id=visit.draft["dispute"],
            seen_as=seen_as,
            seen_amount=seen_amount,
        )
    except Refused as refused:
        return Done(refusals.line(refused))
    return Done(_("The problem is ended, as both agreed."))


@screen("dispute.offer", goes=("dispute.offer_sure",))
def offer(visit: Visit) -> Screen:
    order = visit.tx.order_for_party(id=visit.draft["order"], person_id=visit.me["id"])
    if order is None:
        return Menu(_("It is no longer there."), [])
    most = terms.amount(order["quantity"] * (100 + order["tolerance_pct"]) // 100, order["price"], order["unit"])
    return Ask(_("How much should the seller get in all, {currency}?", currency=order["currency"]),
               Money(order["currency"], max(most, 1)), "wanted", "dispute.offer_sure")  # fmt: skip


@screen("dispute.offer_sure", goes=("dispute.offer_now",))
def offer_sure(visit: Visit) -> Confirm:
    amount = Amount(visit.draft["wanted"], visit.hub.currency)
    return Confirm(_("Propose that the seller gets {amount}?", amount=amount), "dispute.offer_now", _("Propose it"))


@action("dispute.offer_now")
def offer_now(visit: Visit) -> Done:
    try:
        disputes.propose(
            visit.tx,
            now=visit.now,
            person_id=visit.me["id"],
            dispute_id=visit.draft["dispute"],
            becomes="settled",
            amount_minor=visit.draft["wanted"],
        )
    except Refused as refused:
        return Done(refusals.line(refused))
    return Done(_("The other side is told of your proposal."))


@screen("dispute.drop", goes=("dispute.drop_now",))
def drop(visit: Visit) -> Confirm:
    return Confirm(_("The problem is solved? The order goes on as agreed."), "dispute.drop_now", _("It is solved"))


@action("dispute.drop_now")
def drop_now(visit: Visit) -> Done:
    try:
        disputes.withdraw(
            visit.tx, clock=visit.clock, now=visit.now, person_id=visit.me["id"], dispute_id=visit.draft["dispute"]
        )
    except Refused as refused:
        return Done(refusals.line(refused))
    return Done(_("Saved. The order goes on."))
