"""A buyer's orders: what was agreed, whom to call, undone within the first minutes, freed when nobody came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, abort, g, request
from werkzeug.wrappers import Response as AnyResponse

from ussd_app.i18n import Msg
from ussd_app.lib import ids
from ussd_app.market import orders
from ussd_app.market.terms import Refused
from ussd_app.store import StoreError, Tx
from ussd_app.web import market_shown, refusals
from ussd_app.web.forms import Form, posted
from ussd_app.web.pages import PageParts, draw, for_buyers, see

PAGE = 20
LAST = "Z"  # after every id, in any collation
FORM_KEPT_MS = 24 * 3_600_000
Row = dict[str, Any]


def add_routes(pages: Blueprint, parts: PageParts) -> None:
    """The list, one order, and its two ways back."""

    @pages.get("/orders")
    @for_buyers
    def my_orders() -> AnyResponse:
        before = request.args.get("before", "")[:40] or LAST
        with parts.store.read() as tx:
            rows = tx.orders_of_buyer_before(buyer_id=my_id(), before=before, limit=PAGE + 1)
        before = rows[PAGE - 1]["id"] if len(rows) > PAGE else ""
        return draw(parts, "market_orders.html", rows=rows[:PAGE], before=before)

    @pages.get("/orders/<order_id>")
    @for_buyers
    def order(order_id: str) -> AnyResponse:
        return draw_order(parts, order_id)

    @pages.post("/orders/<order_id>/undo")
    @for_buyers
    def undo(order_id: str) -> AnyResponse:
        return _end(parts, order_id, orders.undo, "undone")

    @pages.post("/orders/<order_id>/free")
    @for_buyers
    def free(order_id: str) -> AnyResponse:
        return _end(parts, order_id, orders.free, "freed")


def _end(parts: PageParts, order_id: str, rule: Callable[..., object], done: str) -> AnyResponse:
    posted(())
    me, now = my_id(), g.visitor.now

    def work(tx: Tx) -> None:
        mine(tx, me, order_id)
        rule(tx, now=now, person_id=me, order_id=order_id)

    try:
        parts.store.write(work)
    except Refused as refused:
        return draw_order(parts, order_id, refusals.words(refused, "g", parts.hub.currency))
    return see("market.order", order_id=order_id, done=done)


def act(parts: PageParts, order_id: str, form: Form, rule: Callable[[Tx, Row], object]) -> Refused | None:
    """Let `rule` act on the buyer's order in one transaction, once for a form however often it is sent.

    Args: `form` with the text `form_key`; `rule` gets the transaction and the order's row.
    Returns why not, None when it was done (now or before). Aborts with 404 for an order that is not this buyer's.
    """
    me, now = my_id(), g.visitor.now
    key = form["form_key"][:40] and f"{request.endpoint}:{order_id}:{form['form_key'][:40]}"

    def work(tx: Tx) -> None:
        order = mine(tx, me, order_id)
        tx.web_posts_forget(person_id=me, before=now - FORM_KEPT_MS)
        if not key or tx.web_post_take(person_id=me, post_key=key, now=now):
            rule(tx, order)

    try:
        parts.store.write(work)
    except StoreError:
        return Refused("busy")  # the page is drawn again with what was typed; its key makes another press safe
    except Refused as refused:
        if refused.reason == "not_found":
            abort(404)
        return refused
    return None


def draw_order(
    parts: PageParts, order_id: str, fault: Msg | None = None, form: Form | None = None, status: int = 422
) -> Response:
    """The page of the buyer's order; with `fault` or a `form` whose fields are at fault its status is `status`."""
    buyer, now = g.visitor.buyer, g.visitor.now
    with parts.store.read() as tx:
        row = mine(tx, my_id(), order_id)
        shown = market_shown.weighed(tx, row)
        shown |= market_shown.money(tx, row, buyer, now, parts.settings.providers)
        shown |= market_shown.problems(tx, row, my_id())
    return draw(
        parts,
        "market_order.html",
        status if fault or (form and form.faults) else 200,
        row=row,
        fault=fault,
        form=form or Form({}),
        form_key=form["form_key"] if form else ids.new_id(),
        may_call=row["state"] in market_shown.MOVING,
        may_undo=row["state"] == "agreed" and now < row["regret_until"] and not row["weighed"],
        may_free=row["state"] == "agreed" and now >= row["free_after"] and not row["weighed"],
        **shown,
    )


def status_of(refused: Refused) -> int:
    """The HTTP status of a page that says why not."""
    return 503 if refused.reason == "busy" else 422


def mine(tx: Tx, me: str, order_id: str) -> Row:
    """The order if `me` is its buyer; any other does not exist (404)."""
    row: Row | None = tx.order_of_buyer(id=order_id, buyer_id=me)
    if row is None:
        abort(404)
    return row


def my_id() -> str:
    """The id of the buyer who asks."""
    return str(g.visitor.buyer["person_id"])
