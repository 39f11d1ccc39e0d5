"""What buyers ask for, what the cooperative sold, its calls to members as they stand, and the messages that went out."""

from __future__ import annotations

from flask import Blueprint, Response, abort, g
from werkzeug.wrappers import Response as AnyResponse

from ussd_app.i18n import _
from ussd_app.market import calls, wants
from ussd_app.web.cooperative_desk import before, draw_desk, place_asked, staff
from ussd_app.web.pages import PageParts

PAGE = 20
PEOPLE = 100
MESSAGES = 50
CALL_STATES = {"open": _("open"), "full": _("full"), "closed": _("over")}
WHY = {
    "stopped": _("wants no SMS"),
    "cap": _("called 3 times today"),
    "no_phone": _("no phone"),
    "not_active": _("has not agreed yet"),
    "far": _("too far"),
    "quiet": _("night"),
    "cancelled": _("stopped"),
    "refused": _("the network refused"),
    "dead": _("did not go out"),
}
DELIVERED = {"delivered": _("arrived"), "failed": _("did not arrive")}
SMS_STATES = {
    "waiting": _("waits"),
    "leased": _("waits"),
    "held": _("waits"),
    "sending": _("on its way"),
    "sent": _("sent"),
    "refused": _("the network refused"),
    "dead": _("did not go out"),
    "cancelled": _("stopped"),
}


def add_routes(pages: Blueprint, parts: PageParts) -> None:
    """Orders with what can be taken, one call as it stands, the messages of calls."""

    @pages.get("/<code>/orders")
    @staff(parts, manager=True)
    def orders() -> AnyResponse:
        return _draw_orders(parts)

    @pages.get("/<code>/calls/<call_id>")
    @staff(parts, manager=True)
    def call(call_id: str) -> AnyResponse:
        return _draw_call(parts, call_id)

    @pages.get("/<code>/messages")
    @staff(parts, manager=True)
    def messages() -> AnyResponse:
        with parts.store.read() as tx:
            rows = tx.web_coop_messages(cooperative_id=g.desk.id, before=before(), limit=MESSAGES + 1)
        more = rows[MESSAGES - 1]["id"] if len(rows) > MESSAGES else ""
        return draw_desk(
            parts, "coop_messages.html", rows=rows[:MESSAGES], more=more, states=SMS_STATES, delivered=DELIVERED
        )


def _draw_orders(parts: PageParts) -> Response:
    desk, now = g.desk, g.visitor.now
    with parts.store.read() as tx:
        rows = tx.web_coop_orders(
            cooperative_id=desk.id, account_id=desk.account_id, before=before(), limit=PAGE + 1
        )  # fmt: skip
        alerts, called = wants.open_for(tx, desk.id, now), calls.of(tx, desk.id)
    more = rows[PAGE - 1]["id"] if len(rows) > PAGE else ""
    return draw_desk(
        parts, "coop_orders.html", rows=rows[:PAGE], more=more, wants=alerts, calls=called, states=CALL_STATES
    )


def _draw_call(parts: PageParts, call_id: str) -> Response:
    after = place_asked()
    with parts.store.read() as tx:
        if tx.web_coop_call(id=call_id, cooperative_id=g.desk.id) is None:
            abort(404)
        row, pledged = calls.live(tx, call_id), calls.pledges(tx, call_id)
        sent = calls.messages(tx, call_id, after, PEOPLE + 1)
    more = sent[PEOPLE - 1]["number"] if len(sent) > PEOPLE else 0
    return draw_desk(
        parts, "coop_call.html", row=row, pledges=pledged, sent=sent[:PEOPLE], more=more, states=CALL_STATES, why=WHY
    )
