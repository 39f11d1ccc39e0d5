"""An order's money and its problems: paying again, the last payments, a dispute opened, answered and ended."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g
from werkzeug.wrappers import Response as AnyResponse

from ussd_app.i18n import Amount, _
from ussd_app.lib import ids, typed
from ussd_app.market import disputes, settlement
from ussd_app.market.terms import Refused
from ussd_app.store import Tx
from ussd_app.trade_words import COMPLAINTS, WALLETS
from ussd_app.web import market_weigh
from ussd_app.web.forms import WHOLE_FORM, Form, posted
from ussd_app.web.market_orders import act, draw_order, mine, my_id, status_of
from ussd_app.web.market_shown import no, said
from ussd_app.web.pages import PageParts, draw, for_buyers, see

LAST_PAYMENTS = 20
WORDS_LONGEST = 160
ENDS = ("amount", "weighed", "cancelled")
Row = dict[str, Any]


def add_routes(pages: Blueprint, parts: PageParts) -> None:
    """What a buyer does about weights, money and problems of an order."""
    market_weigh.add_routes(pages, parts)
    _add_money_routes(pages, parts)
    _add_report_routes(pages, parts)
    _add_dispute_routes(pages, parts)


def _again(parts: PageParts, order_id: str, form: Form, refused: Refused, field: str = WHOLE_FORM) -> Response:
    """The order's page once more, with why not and everything typed."""
    with parts.store.read() as tx:
        words = no(refused, mine(tx, my_id(), order_id))
    if field:
        form.fault(field, words)
        return draw_order(parts, order_id, None, form, status_of(refused))
    return draw_order(parts, order_id, words, form, status_of(refused))


# --- money ----------------------------------------------------------------------------------------------------------


def _add_money_routes(pages: Blueprint, parts: PageParts) -> None:
    @pages.get("/orders/payments")
    @for_buyers
    def my_payments() -> AnyResponse:
        with parts.store.read() as tx:
            rows = tx.payments_of_buyer(buyer_id=my_id(), limit=LAST_PAYMENTS)
        return draw(parts, "market_payments.html", rows=[said(row) for row in rows])

    @pages.post("/orders/<order_id>/pay")
    @for_buyers
    def pay(order_id: str) -> AnyResponse:
        form, me, now = posted(("provider", "form_key")), my_id(), g.visitor.now
        with_phone, provider = bool(g.visitor.buyer["msisdn"]), form["provider"]
        if provider not in WALLETS or provider not in parts.settings.providers:
            form.fault("provider", _("Choose one."))
            return draw_order(parts, order_id, None, form)

        def rule(tx: Tx, order: Row) -> None:
            if order["settlement"] == "outside":
                raise Refused("outside")
            if not with_phone:
                raise Refused("no_wallet")
            if disputes.open_of(tx, order["id"]) is not None:
                raise Refused("disputed")
            if tx.settlement_of(order_id=order["id"]) is None:
                raise Refused("nothing_due")
            found = settlement.pay_again(
                tx, clock=parts.clock, now=now, buyer_id=me, order_id=order["id"], provider=provider
            )
            if found["collect_stop"]:  # nobody will be asked: do not promise it
                raise Refused("stopped")

        refused = act(parts, order_id, form, rule)
        return (
            _again(parts, order_id, form, refused) if refused else see("market.order", order_id=order_id, done="asked")
        )


# --- a problem is reported ------------------------------------------------------------------------------------------


def _add_report_routes(pages: Blueprint, parts: PageParts) -> None:
    @pages.get("/orders/<order_id>/problem")
    @for_buyers
    def problem(order_id: str) -> AnyResponse:
        return _draw_report(parts, order_id, Form({"form_key": ids.new_id()}), 200)

    @pages.post("/orders/<order_id>/problem")
    @for_buyers
    def report(order_id: str) -> AnyResponse:
        form, me, now = posted(("kind", "words", "form_key")), my_id(), g.visitor.now
        if form["kind"] not in COMPLAINTS:
            form.fault("kind", _("Choose one."))
        if len(form["words"]) > WORDS_LONGEST:
            form.fault("words", _("At most {most} characters.", most=WORDS_LONGEST))
        if form.faults:
            return _draw_report(parts, order_id, form)
        refused = act(
            parts,
            order_id,
            form,
            lambda tx, order: disputes.begin(
                tx, now=now, person_id=me, order_id=order["id"], kind=form["kind"], words=form["words"]
            ),
        )
        if refused is None:
            return see("market.order", order_id=order_id, done="reported")
        with parts.store.read() as tx:
            form.fault(WHOLE_FORM, no(refused, mine(tx, me, order_id)))
        return _draw_report(parts, order_id, form, status_of(refused))


def _draw_report(parts: PageParts, order_id: str, form: Form, status: int = 422) -> Response:
    with parts.store.read() as tx:
        order = mine(tx, my_id(), order_id)
    kinds = [(kind, label.render(g.visitor.language)) for kind, label in COMPLAINTS.items()]
    return draw(parts, "market_report.html", status, row=order, form=form, kinds=kinds)


# --- and ended ------------------------------------------------------------------------------------------------------


def _add_dispute_routes(pages: Blueprint, parts: PageParts) -> None:
    @pages.post("/orders/<order_id>/problem/propose")
    @for_buyers
    def propose(order_id: str) -> AnyResponse:
        form, me, now = posted(("end", "amount", "dispute", "form_key")), my_id(), g.visitor.now
        with parts.store.read() as tx:
            order = mine(tx, me, order_id)
        wanted = _wanted(form, order)
        if form.faults:
            return draw_order(parts, order_id, None, form)

        def rule(tx: Tx, order: Row) -> None:
            becomes = "cancelled" if form["end"] == "cancelled" else "settled"
            dispute_id = _seen(tx, order, form)
            disputes.propose(tx, now=now, person_id=me, dispute_id=dispute_id, becomes=becomes, amount_minor=wanted)

        refused = act(parts, order_id, form, rule)
        if refused is None:
            return see("market.order", order_id=order_id, done="proposed")
        field = "amount" if form["end"] == "amount" and refused.reason in ("too_much", "paid_out") else WHOLE_FORM
        return _again(parts, order_id, form, refused, field)

    @pages.post("/orders/<order_id>/problem/accept")
    @for_buyers
    def accept_end(order_id: str) -> AnyResponse:
        form, me, now = posted(("dispute", "seen_as", "seen_amount", "form_key")), my_id(), g.visitor.now
        seen = form["seen_amount"]
        seen_amount = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 16 else -1

        def rule(tx: Tx, order: Row) -> None:
            disputes.accept(
                tx,
                clock=parts.clock,
                now=now,
                person_id=me,
                dispute_id=_seen(tx, order, form),
                seen_as=form["seen_as"],
                seen_amount=seen_amount,
            )

        refused = act(parts, order_id, form, rule)
        return (
            _again(parts, order_id, form, refused) if refused else see("market.order", order_id=order_id, done="ended")
        )

    @pages.post("/orders/<order_id>/problem/withdraw")
    @for_buyers
    def take_back(order_id: str) -> AnyResponse:
        form, me, now = posted(("dispute", "form_key")), my_id(), g.visitor.now
        refused = act(
            parts,
            order_id,
            form,
            lambda tx, order: disputes.withdraw(
                tx, clock=parts.clock, now=now, person_id=me, dispute_id=_seen(tx, order, form)
            ),
        )
        return (
            _again(parts, order_id, form, refused) if refused else see("market.order", order_id=order_id, done="solved")
        )


def _wanted(form: Form, order: Row) -> int | None:
    """What the seller is to get by the end proposed, minor units; None for what was weighed, or nothing at all."""
    if form["end"] not in ENDS:
        form.fault("end", _("Choose one."))
    if form["end"] != "amount":
        return None
    if typed.number(form["amount"]) == 0:
        return 0
    most = 10**12
    wanted = typed.minor(form["amount"], order["currency"], most)
    if wanted is None:
        form.fault("amount", _("Write an amount such as {example}.", example=Amount(5_000, order["currency"])))
    return wanted


def _seen(tx: Tx, order: Row, form: Form) -> str:
    """The open dispute, if it is the one the page showed. Raises Refused gone."""
    dispute = disputes.open_of(tx, order["id"])
    if dispute is None or dispute["id"] != form["dispute"]:
        raise Refused("gone", state="ended")
    return str(dispute["id"])
