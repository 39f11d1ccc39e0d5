"""What came is weighed and written down by the buyer's people: a form, the lines as the seller will read them, sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, g
from werkzeug.wrappers import Response as AnyResponse

from ussd_app.hubs import Produce
from ussd_app.i18n import LANGUAGES, Amount, Quantity, _
from ussd_app.lib import ids, typed
from ussd_app.market import deliveries, receipts
from ussd_app.market.deliveries import ROLES
from ussd_app.market.terms import Refused, amount
from ussd_app.store import Tx
from ussd_app.trade_words import RECEIPT_LINES
from ussd_app.web.forms import WHOLE_FORM, Form, example, posted
from ussd_app.web.market_orders import act, draw_order, mine, my_id, status_of
from ussd_app.web.market_shown import no, receipt_of, weighed
from ussd_app.web.pages import PageParts, draw, for_buyers, see

MOST_DEDUCTIONS = 3  # rows of the form
NAME_OF_WHOM = 40
_ROWS = range(1, MOST_DEDUCTIONS + 1)
_PAIRS = tuple(f"{what}_{n}" for n in _ROWS for what in ("name", "amount"))
FIELDS = ("gross", "floaters", *_PAIRS, "recorded_as", "recorded_by", "form_key", "seen", "step")
Row = dict[str, Any]


@dataclass(frozen=True)
class Weighed:
    """What a form says was weighed: base units, (name, minor units) and the number of the row each stands in."""

    gross: int
    floaters: int
    deductions: tuple[tuple[str, int], ...]
    rows: tuple[int, ...]
    recorded_as: str
    recorded_by: str


def add_routes(pages: Blueprint, parts: PageParts) -> None:
    """The form, its lines before they are sent, and the end of what does not come."""

    @pages.get("/orders/<order_id>/weigh")
    @for_buyers
    def weigh(order_id: str) -> AnyResponse:
        return _draw(parts, order_id, Form({"recorded_as": "buyer", "form_key": ids.new_id()}))

    @pages.post("/orders/<order_id>/weigh")
    @for_buyers
    def record(order_id: str) -> AnyResponse:
        form = posted(FIELDS)
        with parts.store.read() as tx:
            order = mine(tx, my_id(), order_id)
            most = deliveries.room(tx, order)[1]
        if form["step"] == "change":
            return _draw(parts, order_id, form)
        found = read(form, parts.hub.produce_by(order["produce"]), order, most)
        if found is not None and form["step"] == "send":
            refused = _send(parts, order_id, form, found)
            if refused is None:
                return see("market.order", order_id=order_id, done="weighed")
            _blame(form, refused, found, order)
            if refused.reason in ("busy", "changed"):
                return _draw(parts, order_id, form, found, status_of(refused))
        return _draw(parts, order_id, form, found if not form.faults else None)

    @pages.post("/orders/<order_id>/finish")
    @for_buyers
    def finish(order_id: str) -> AnyResponse:
        form, me, now = posted(("form_key",)), my_id(), g.visitor.now
        refused = act(
            parts,
            order_id,
            form,
            lambda tx, order: deliveries.finish(tx, clock=parts.clock, now=now, person_id=me, order_id=order["id"]),
        )
        if refused is None:
            return see("market.order", order_id=order_id, done="finished")
        with parts.store.read() as tx:
            order = mine(tx, me, order_id)
        return draw_order(parts, order_id, no(refused, order), form, status_of(refused))


def read(form: Form, kind: Produce, order: Row, most: int) -> Weighed | None:
    """What was weighed as typed, at most `most` base units where that is said; None where a field is at fault."""
    largest = max(most, kind.max_quantity)
    gross = _quantity(form["gross"], kind, largest)
    if gross is None:
        shown = Quantity(max(most, 1), kind.unit)
        form.fault("gross", _("Write a quantity such as {example}, at most {most}.", example=example(kind), most=shown))
    floaters = _floaters(form, kind, largest, gross)
    named = [] if gross is None else _deductions(form, order, gross)
    if form["recorded_as"] not in ROLES:
        form.fault("recorded_as", _("Choose one."))
    elif form["recorded_as"] != "buyer" and not form["recorded_by"]:
        form.fault("recorded_by", _("Write the name of who weighed."))
    if len(form["recorded_by"]) > NAME_OF_WHOM:
        form.fault("recorded_by", _("At most {most} characters.", most=NAME_OF_WHOM))
    if form.faults or gross is None:
        return None
    pairs = tuple((name, taken) for _row, name, taken in named)
    return Weighed(gross, floaters, pairs, tuple(row for row, *_ in named), form["recorded_as"], form["recorded_by"])


def _quantity(text: str, kind: Produce, most: int) -> int | None:
    readers = {"g": typed.grams, "ml": typed.millilitres, "piece": typed.pieces}
    return readers[kind.unit](text, most)


def _floaters(form: Form, kind: Produce, most: int, gross: int | None) -> int:
    text = form["floaters"]
    if not text or typed.number(text) == 0:
        return 0
    found = _quantity(text, kind, most)
    if found is None:
        form.fault("floaters", _("Write a quantity such as {example}, or nothing.", example=example(kind)))
    elif gross is not None and found > gross:
        form.fault("floaters", no(Refused("bad_quantity"), {}))
    return found or 0


def _deductions(form: Form, order: Row, gross: int) -> list[tuple[int, str, int]]:
    """(row, name, minor units) of every row that was filled in."""
    worth = max(amount(gross, max(order["price"], order["price_floaters"] or 0), order["unit"]), 1)
    found: list[tuple[int, str, int]] = []
    for row in _ROWS:
        name, text = form[f"name_{row}"], form[f"amount_{row}"]
        if not name and not text:
            continue
        taken = typed.minor(text, order["currency"], worth)
        if taken is None:
            most = Amount(worth, order["currency"])
            why = _("Write an amount in {currency}, at most {most}.", currency=order["currency"], most=most)
            form.fault(f"amount_{row}", why)
        if not name:
            form.fault(f"name_{row}", _("Write what it is for."))
        elif _named(name) in {known for _row, known, _taken in found}:
            form.fault(f"name_{row}", _("It stands here already."))
        found.append((row, _named(name), taken or 0))
    return found


def _named(name: str) -> str:
    """The market's word for a deduction written in any of its languages, else the words themselves."""
    for word, label in RECEIPT_LINES.items():
        if name.casefold() in {label.render(language).casefold() for language in LANGUAGES}:
            return word
    return name


def _drafted(tx: Tx, now: int, order: Row, found: Weighed) -> Row:
    """The delivery as it would be recorded, with its `deductions`. Raises Refused as `deliveries.record` does."""
    row = {name: order[name] for name in ("seller_id", "price", "price_floaters", "currency", "unit")}
    row |= {"good": found.gross - found.floaters, "floaters": found.floaters}
    if found.floaters and order["price_floaters"] is None:
        raise Refused("no_floaters")
    most = deliveries.room(tx, order)[1]
    if found.gross > most:
        raise Refused("surplus", most=most)
    return row | {"deductions": receipts.deductions_of(tx, now, order, row, found.deductions)}


def _send(parts: PageParts, order_id: str, form: Form, found: Weighed) -> Refused | None:
    me, now, seen = my_id(), g.visitor.now, form["seen"]

    def rule(tx: Tx, order: Row) -> None:
        row = deliveries.record(
            tx,
            clock=parts.clock,
            now=now,
            order_id=order["id"],
            buyer_id=me,
            gross=found.gross,
            floaters=found.floaters,
            deductions=found.deductions,
            recorded_as=found.recorded_as,
            recorded_by=found.recorded_by,
        )
        if str(row["net"]) != seen:  # a fee began meanwhile: what is sent is what was shown
            raise Refused("changed")

    return act(parts, order_id, form, rule)


def _blame(form: Form, refused: Refused, found: Weighed, order: Row) -> None:
    """Put what the rule said beside the field it is about."""
    field = {"surplus": "gross", "bad_quantity": "floaters", "no_floaters": "floaters"}.get(refused.reason, WHOLE_FORM)
    if refused.reason == "over_deducted":
        field = f"amount_{found.rows[-1]}" if found.rows else "gross"
    if refused.reason == "bad_deduction":
        names = [name[: receipts.NAME_LONGEST] for name, _taken in found.deductions]
        at = names.index(refused.facts["name"]) if refused.facts["name"] in names else -1
        field = f"name_{found.rows[at]}"
    form.fault(field, no(refused, order))


def _draw(
    parts: PageParts, order_id: str, form: Form, found: Weighed | None = None, status: int | None = None
) -> Response:
    """The form; with `found` (nothing typed is at fault) the lines as they would be sent."""
    with parts.store.read() as tx:
        order = mine(tx, my_id(), order_id)
        shown = weighed(tx, order)
        room = deliveries.room(tx, order)[1]
        lines, net = [], 0
        if found is not None and shown["may_weigh"]:
            try:
                drafted = _drafted(tx, g.visitor.now, order, found)
                lines, net = receipt_of(drafted), sum(line.amount for line in receipts.lines(drafted))
            except Refused as refused:
                _blame(form, refused, found, order)
    return draw(
        parts,
        "market_weigh.html",
        status or (422 if form.faults else 200),
        row=order,
        form=form,
        fields=[name for name in FIELDS if name not in ("seen", "step")],
        lines=lines,
        net=net,
        room=room,
        names=[RECEIPT_LINES[name] for name in receipts.DEDUCTIONS],
        rows=_ROWS,
        **shown,
    )
