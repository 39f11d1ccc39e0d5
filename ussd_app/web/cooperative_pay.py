"""Pay lists with every share as it stands, and the books."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, g
from werkzeug.wrappers import Response as AnyResponse

from ussd_app.i18n import _
from ussd_app.market import shares
from ussd_app.store import Tx
from ussd_app.web.cooperative_desk import FILES, draw_desk, file_of, place_asked, staff
from ussd_app.web.forms import posted
from ussd_app.web.pages import PageParts

PAGE = 100
LISTS = 50
STATES = {
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
VIA = {"wallet": _("wallet"), "cash": _("cash"), "sacco": _("SACCO")}
COLUMNS = ("number", "name", "unit", "good", "amount", "fee", "advance", "net", "currency", "via", "state")
BOOKS = ("number", "name", "good", "sold", "deducted", "paid", "pending", "currency")


def add_routes(pages: Blueprint, parts: PageParts) -> None:
    """The lists, one of them, the books; the last two as files too."""

    @pages.get("/<code>/pay")
    @staff(parts, manager=True)
    def pay_lists() -> AnyResponse:
        with parts.store.read() as tx:
            rows, waiting = shares.lists(tx, g.desk.id, LISTS), shares.to_make(tx, g.desk.id)
        return draw_desk(parts, "coop_pay.html", rows=rows, waiting=waiting, states=STATES)

    @pages.get("/<code>/pay/<list_id>")
    @staff(parts, manager=True)
    def pay_list(list_id: str) -> AnyResponse:
        return _draw_list(parts, list_id)

    @pages.post("/<code>/pay/<list_id>/export")
    @staff(parts, manager=True)
    def export_pay_list(list_id: str) -> AnyResponse:
        return _export_list(parts, list_id)

    @pages.get("/<code>/books")
    @staff(parts, manager=True)
    def books() -> AnyResponse:
        return _draw_books(parts)

    @pages.post("/<code>/books/export")
    @staff(parts, manager=True)
    def export_books() -> AnyResponse:
        kind, currency = _kind(), parts.hub.currency
        with parts.store.read() as tx:
            rows = [row | {"currency": currency} for row in shares.member_books(tx, g.desk.id, limit=1_000_000)]
        return file_of(rows, BOOKS, kind, f"books-{g.desk.code}")


def _kind() -> str:
    kind = posted(("kind",))["kind"]
    if kind not in FILES:
        abort(400)
    return kind


def _list(tx: Tx, list_id: str) -> dict[str, Any]:
    row: dict[str, Any] | None = tx.web_coop_pay_list(id=list_id, cooperative_id=g.desk.id)
    if row is None:
        abort(404)
    return row


def _draw_list(parts: PageParts, list_id: str) -> Response:
    start = place_asked()
    with parts.store.read() as tx:
        row, rows = _list(tx, list_id), shares.rows_of(tx, list_id)
    more = start + PAGE if len(rows) > start + PAGE else 0
    return draw_desk(
        parts, "coop_pay_list.html", row=row, rows=rows[start : start + PAGE], more=more, states=STATES, via=VIA
    )


def _export_list(parts: PageParts, list_id: str) -> AnyResponse:
    kind = _kind()
    with parts.store.read() as tx:
        row = _list(tx, list_id)
        rows = [share | {"unit": row["unit"], "currency": row["currency"]} for share in shares.rows_of(tx, list_id)]
    return file_of(rows, COLUMNS, kind, f"pay-{g.desk.code}-{row['order_code'] or row['season']}")


def _draw_books(parts: PageParts) -> Response:
    with parts.store.read() as tx:
        whole = shares.books(tx, g.desk.id)
        rows = shares.member_books(tx, g.desk.id, place_asked(), PAGE + 1)
    more = rows[PAGE - 1]["number"] if len(rows) > PAGE else 0
    return draw_desk(parts, "coop_books.html", whole=whole, rows=rows[:PAGE], more=more)
