"""Members: who asked to join, the list, one of them with her books."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, g, request
from werkzeug.wrappers import Response as AnyResponse

from ussd_app.i18n import Msg, _
from ussd_app.market import accounts, intakes, members, shares
from ussd_app.market.terms import Refused
from ussd_app.store import Tx
from ussd_app.web.cooperative_desk import draw_desk, place_asked, staff
from ussd_app.web.forms import one_line, posted
from ussd_app.web.pages import PageParts, see

PAGE = 50
_REFUSALS = {"gone": _("Somebody answered already."), "not_allowed": _("You act for no cooperative.")}


def add_routes(pages: Blueprint, parts: PageParts) -> None:
    """The list, the answers to who asked, one member."""

    @pages.get("/<code>/members")
    @staff(parts)
    def people() -> AnyResponse:
        return _draw_list(parts)

    @pages.post("/<code>/members/<person_id>/answer")
    @staff(parts, manager=True)
    def answer(person_id: str) -> AnyResponse:
        return _answer(parts, person_id)

    @pages.get("/<code>/members/<person_id>")
    @staff(parts, manager=True)
    def member(person_id: str) -> AnyResponse:
        return _draw_member(parts, person_id)


def _draw_list(parts: PageParts, fault: Msg | None = None) -> Response:
    desk, find = g.desk, one_line(request.args.get("find", ""))[:30]
    with parts.store.read() as tx:
        found = members.find(tx, desk.id, find) if find else members.of(tx, desk.id, place_asked(), PAGE + 1)
        asking = members.asking(tx, desk.id) if desk.manager else []
        people = members.count(tx, desk.id)
    more = found[PAGE - 1]["number"] if not find and len(found) > PAGE else 0
    shown: dict[str, Any] = {"rows": found[:PAGE], "asking": asking, "find": find, "more": more, "people": people}
    return draw_desk(parts, "coop_members.html", 422 if fault else 200, fault=fault, **shown)


def _answer(parts: PageParts, person_id: str) -> AnyResponse:
    said = posted(("answer",))["answer"]
    if said not in ("yes", "no"):
        abort(400)
    desk, now = g.desk, g.visitor.now

    def work(tx: Tx) -> None:
        members.decide(
            tx, now=now, cooperative_id=desk.id, person_id=person_id, by=desk.person_id, yes=said == "yes"
        )  # fmt: skip

    try:
        parts.store.write(work)
    except Refused as refused:
        return _draw_list(parts, _REFUSALS[refused.reason])
    return see("cooperative.people", code=desk.code, done=said)


def _draw_member(parts: PageParts, person_id: str) -> Response:
    """What the cooperative knows of her; the look is noted."""
    desk, now = g.desk, g.visitor.now

    def look(tx: Tx) -> dict[str, Any]:
        row = members.of_person(tx, desk.id, person_id)
        if row is None or row["state"] == "refused" or row["person_state"] == "erased":
            abort(404)
        accounts.log_access(
            tx, now=now, looked_by=f"person:{desk.person_id}", person_id=person_id, what="cooperative.member",
            why=f"cooperative:{desk.id}",
        )  # fmt: skip
        return {
            "row": row,
            "grown": members.grown_by(tx, desk.id, person_id),
            "books": shares.books(tx, desk.id, person_id),
            "season": intakes.season_of_member(tx, desk.id, person_id, now),
            "weights": intakes.of_member(tx, desk.id, person_id, 20),
            "paid": shares.of_person(tx, person_id, desk.id, 20),
        }

    return draw_desk(parts, "coop_member.html", **parts.store.write(look))
