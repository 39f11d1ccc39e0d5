"""A buyer's orders: what was agreed, whom to call, undone within the first minutes, freed when nobody came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, abort, g, request
from werkzeug.wrappers import Response as AnyResponse

from ussd_app.i18n import Msg
from ussd_app.market import orders
from ussd_app.market.terms import Refused
from ussd_app.store import Tx
from ussd_app.web import refusals
from ussd_app.web.forms import posted
from ussd_app.web.pages import PageParts, draw, for_buyers, see

PAGE = 20
LAST = "Z"  # after every id, in any collation
CALLABLE = ("agreed", "delivered", "disputed", "settled")  # the two sides still have business with each other


def add_routes(pages: Blueprint, parts: PageParts) -> None:
    """The list, one order, and its two ways back."""

    @pages.get("/orders")
    @for_buyers
    def my_orders() -> AnyResponse:
        before = request.args.get("before", "")[:40] or LAST
        with parts.store.read() as tx:
            rows = tx.orders_of_buyer_before(buyer_id=_me(), before=before, limit=PAGE + 1)
        before = rows[PAGE - 1]["id"] if len(rows) > PAGE else ""
        return draw(parts, "market_orders.html", rows=rows[:PAGE], before=before)

    @pages.get("/orders/<order_id>")
    @for_buyers
    def order(order_id: str) -> AnyResponse:
        return _draw_order(parts, order_id)

    @pages.post("/orders/<order_id>/undo")
    @for_buyers
    def undo(order_id: str) -> AnyResponse:
        return _act(parts, order_id, orders.undo, "undone")

    @pages.post("/orders/<order_id>/free")
    @for_buyers
    def free(order_id: str) -> AnyResponse:
        return _act(parts, order_id, orders.free, "freed")


def _act(parts: PageParts, order_id: str, rule: Callable[..., object], done: str) -> AnyResponse:
    posted(())
    me, now = _me(), g.visitor.now

    def work(tx: Tx) -> None:
        _mine(tx, me, order_id)
        rule(tx, now=now, person_id=me, order_id=order_id)

    try:
        parts.store.write(work)
    except Refused as refused:
        return _draw_order(parts, order_id, refusals.words(refused, "g", parts.hub.currency))
    return see("market.order", order_id=order_id, done=done)


def _draw_order(parts: PageParts, order_id: str, fault: Msg | None = None) -> Response:
    with parts.store.read() as tx:
        row = _mine(tx, _me(), order_id)
    now = g.visitor.now
    return draw(
        parts,
        "market_order.html",
        422 if fault else 200,
        row=row,
        fault=fault,
        may_call=row["state"] in CALLABLE,
        may_undo=row["state"] == "agreed" and now < row["regret_until"],
        may_free=row["state"] == "agreed" and now >= row["free_after"],
    )


def _mine(tx: Tx, me: str, order_id: str) -> dict[str, Any]:
    row: dict[str, Any] | None = tx.order_of_buyer(id=order_id, buyer_id=me)
    if row is None:
        abort(404)
    return row


def _me() -> str:
    return str(g.visitor.buyer["person_id"])
