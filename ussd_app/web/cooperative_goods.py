"""What came over the scale: the lists of a day with their totals, and lots with the trail back to who brought what."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, abort, g, request
from werkzeug.wrappers import Response as AnyResponse

from ussd_app.i18n import _
from ussd_app.lib import clock as clocks
from ussd_app.market import intakes, lots
from ussd_app.web.cooperative_desk import FILES, LAST, before, draw_desk, file_of, place_asked, staff
from ussd_app.web.forms import posted
from ussd_app.web.pages import PageParts

PAGE = 100
LOTS = 30
DAYS = 14
LOT_STATES = {
    "gathering": _("growing"),
    "ready": _("in store"),
    "spent": _("went on"),
    "shipped": _("sent"),
    "delivered": _("delivered"),
}
INTAKE_STATES = {
    "recorded": _("recorded"),
    "contested": _("contested"),
    "corrected": _("corrected"),
    "void": _("taken away"),
}
COLUMNS = (
    "receipt", "number", "name", "produce", "grade", "unit", "gross", "floaters", "good", "price", "price_floaters",
    "currency", "state",
)  # fmt: skip
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def add_routes(pages: Blueprint, parts: PageParts) -> None:
    """Weights for clerks and managers; lots for managers."""

    @pages.get("/<code>/weights")
    @staff(parts)
    def weights() -> AnyResponse:
        return _draw_day(parts)

    @pages.post("/<code>/weights/export")
    @staff(parts)
    def export_weights() -> AnyResponse:
        return _export_day(parts)

    @pages.get("/<code>/lots")
    @staff(parts, manager=True)
    def stock() -> AnyResponse:
        with parts.store.read() as tx:
            rows = tx.web_coop_lots(cooperative_id=g.desk.id, before=before(), limit=LOTS + 1)
        more = rows[LOTS - 1]["id"] if len(rows) > LOTS else ""
        return draw_desk(parts, "coop_lots.html", rows=rows[:LOTS], more=more, states=LOT_STATES)

    @pages.get("/<code>/lots/<lot_id>")
    @staff(parts, manager=True)
    def lot(lot_id: str) -> AnyResponse:
        return _draw_lot(parts, lot_id)


def _day(text: str) -> str:
    """A day as asked for, today where none is."""
    if text and not _DAY.fullmatch(text):
        abort(404)
    return text or clocks.day(g.visitor.now)


def _draw_day(parts: PageParts) -> Response:
    """The lists of a day, and the rows of one of them."""
    desk, day, start = g.desk, _day(request.args.get("day", "")), place_asked()
    with parts.store.read() as tx:
        lists = intakes.lists_of(tx, desk.id, day)
        chosen = next((one for one in lists if one["id"] == request.args.get("list")), lists[0] if lists else None)
        rows = intakes.of_list(tx, chosen["id"]) if chosen else []
        days = [row["day"] for row in tx.web_coop_days(cooperative_id=desk.id, before=LAST, limit=DAYS)]
    return draw_desk(
        parts,
        "coop_weights.html",
        day=day,
        days=days,
        lists=lists,
        chosen=chosen,
        rows=rows[start : start + PAGE],
        more=start + PAGE if len(rows) > start + PAGE else 0,
        states=INTAKE_STATES,
    )


def _export_day(parts: PageParts) -> AnyResponse:
    """Every weight of a day as a file: base units and minor units."""
    form, desk = posted(("kind", "day")), g.desk
    if form["kind"] not in FILES:
        abort(400)
    day = _day(form["day"])
    with parts.store.read() as tx:
        rows = [row for one in intakes.lists_of(tx, desk.id, day) for row in intakes.of_list(tx, one["id"])]
    return file_of(rows, COLUMNS, form["kind"], f"weights-{desk.code}-{day}")


def _draw_lot(parts: PageParts, lot_id: str) -> Response:
    start = place_asked()
    with parts.store.read() as tx:
        row: dict[str, Any] | None = tx.web_coop_lot(id=lot_id, cooperative_id=g.desk.id)
        if row is None:
            abort(404)
        trail, sums, made_of = lots.trail(tx, lot_id), lots.trail_sums(tx, lot_id), lots.processed(tx, lot_id)
    return draw_desk(
        parts,
        "coop_lot.html",
        row=row,
        sums=sums,
        made_of=made_of,
        trail=trail[start : start + PAGE],
        more=start + PAGE if len(trail) > start + PAGE else 0,
        states=LOT_STATES,
    )
