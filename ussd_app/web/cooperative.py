"""The cooperatives' pages: what waits, what is called for and what was weighed today; the other pages hang on here.

Nothing that needs a PIN is done on a page: taking an order, calling members and approving a pay list stay on the phone.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, g
from werkzeug.wrappers import Response as AnyResponse

from ussd_app.lib import clock as clocks
from ussd_app.market import calls, cooperatives, intakes, members, shares, wants
from ussd_app.web import cooperative_goods, cooperative_members, cooperative_pay, cooperative_rosters, cooperative_trade
from ussd_app.web.cooperative_desk import draw_desk, staff
from ussd_app.web.pages import PageParts, draw, load_visitor, see, to_sign_in


def cooperative_pages(parts: PageParts) -> Blueprint:
    """The blueprint of every page for managers and clerks."""
    pages = Blueprint("cooperative", __name__, url_prefix="/cooperative")

    @pages.before_request
    def know_visitor() -> None:
        g.visitor = load_visitor(parts)

    @pages.get("")
    def choose() -> AnyResponse:
        return _choose(parts)

    @pages.get("/<code>")
    @staff(parts)
    def overview() -> AnyResponse:
        return _overview(parts)

    for module in (cooperative_members, cooperative_rosters, cooperative_trade, cooperative_goods, cooperative_pay):
        module.add_routes(pages, parts)
    return pages


def _choose(parts: PageParts) -> AnyResponse:
    """The only cooperative at once; else a list of them."""
    if g.visitor.person is None:
        return to_sign_in()
    with parts.store.read() as tx:
        rows = cooperatives.role_of(tx, g.visitor.person["person_id"])
    found = {row["code"]: row for row in reversed(rows)}  # where she is both, what she may do more stands
    if len(found) == 1:
        return see("cooperative.overview", code=next(iter(found)))
    return draw(parts, "coop_choose.html", rows=list(reversed(found.values())))


def _overview(parts: PageParts) -> Response:
    desk, now = g.desk, g.visitor.now
    shown: dict[str, Any] = {}
    with parts.store.read() as tx:
        shown["lists"] = intakes.lists_of(tx, desk.id, clocks.day(now))
        shown["people"] = members.count(tx, desk.id)
        if desk.manager:
            shown["wants"] = wants.open_for(tx, desk.id, now)
            running = [row for row in calls.of(tx, desk.id) if row["state"] == "open"]
            shown["calls"] = [calls.live(tx, row["id"]) for row in running]
            shown["asking"] = len(members.asking(tx, desk.id))
            shown["contested"] = intakes.contested_count(tx, desk.id)
            shown["unpaid"] = shares.to_make(tx, desk.id)
            shown["drafts"] = [row for row in shares.lists(tx, desk.id) if row["state"] == "draft"]
    return draw_desk(parts, "coop_overview.html", **shown)
