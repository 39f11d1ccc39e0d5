"""A list of members comes as a file: looked at row by row, then taken as a whole or only what is good; and goes out as
one."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, abort, g, request
from werkzeug.wrappers import Response as AnyResponse

from ussd_app import roster_words
from ussd_app.i18n import Msg, _
from ussd_app.lib import ids
from ussd_app.market import rosters
from ussd_app.market.terms import HOUR_MS
from ussd_app.store import Tx
from ussd_app.web.cooperative_desk import FILES, Desk, draw_desk, file_of, place_asked, staff
from ussd_app.web.forms import CSRF_FIELD, Form, posted
from ussd_app.web.pages import PageParts, see

FILE_BYTES = 1_000_000
FORM_BYTES = FILE_BYTES + 16 * 1024  # the other fields, and what stands between them
PAGE = 100
KEPT_MS = HOUR_MS
NAME_LONGEST, WHY_LONGEST = 80, 80


def allow_files() -> None:
    """Before the form is read: the page that takes a file may be sent more than the others."""
    if request.endpoint == "cooperative.upload":
        request.max_content_length = FORM_BYTES


def add_routes(pages: Blueprint, parts: PageParts) -> None:
    """The file in, what is in it, the yes; the file out."""

    @pages.get("/<code>/roster")
    @staff(parts, manager=True)
    def roster() -> AnyResponse:
        return _draw_roster(parts, Form({}))

    @pages.post("/<code>/roster")
    @staff(parts, manager=True)
    def upload() -> AnyResponse:
        return _upload(parts)

    @pages.get("/<code>/roster/<roster_id>")
    @staff(parts, manager=True)
    def uploaded(roster_id: str) -> AnyResponse:
        with parts.store.read() as tx:
            kept = _kept(tx, g.desk, roster_id, _since(parts))
            report = rosters.check(tx, hub=parts.hub, cooperative_id=g.desk.id, rows=_rows(kept))
        return _draw_report(parts, kept, report)

    @pages.post("/<code>/roster/<roster_id>")
    @staff(parts, manager=True)
    def take(roster_id: str) -> AnyResponse:
        return _take(parts, roster_id)

    @pages.post("/<code>/export")
    @staff(parts, manager=True)
    def export() -> AnyResponse:
        return _export(parts)


def _draw_roster(parts: PageParts, form: Form) -> Response:
    return draw_desk(
        parts, "coop_roster.html", 422 if form.faults else 200, form=form, columns=rosters.COLUMNS[:-1],
        why_longest=WHY_LONGEST,
    )  # fmt: skip


def _upload(parts: PageParts) -> AnyResponse:
    """Read the file and keep its rows for an hour, beside nothing else of it."""
    if set(request.form) - {CSRF_FIELD} or set(request.files) - {"file"}:
        abort(400)
    form, file, desk, now = Form({}), request.files.get("file"), g.desk, g.visitor.now
    data = file.read(FILE_BYTES + 1) if file else b""
    name = " ".join((file.filename or "").split())[-NAME_LONGEST:] if file else ""
    fault = None
    if not name:
        fault = _("Choose a file.")
    elif len(data) > FILE_BYTES:
        fault = roster_words.of_file("too_large", {})
    else:
        try:
            rows = rosters.read(data, name)
        except rosters.BadFile as bad:
            fault = roster_words.of_file(bad.reason, bad.facts)
    if fault is not None:
        form.fault("file", fault)
        return _draw_roster(parts, form)
    roster_id, rows_json = ids.new_id(), json.dumps([asdict(row) for row in rows])

    def keep(tx: Tx) -> None:
        tx.web_rosters_forget(before=now - parts.clock.wait(KEPT_MS))
        tx.web_roster_put(
            id=roster_id, person_id=desk.person_id, cooperative_id=desk.id, filename=name, rows_json=rows_json, now=now
        )

    parts.store.write(keep)
    return see("cooperative.uploaded", code=desk.code, roster_id=roster_id)


def _since(parts: PageParts) -> int:
    return int(g.visitor.now - parts.clock.wait(KEPT_MS))


def _kept(tx: Tx, desk: Desk, roster_id: str, since: int) -> dict[str, Any]:
    """Her own file of this cooperative, sent after `since` (epoch ms)."""
    kept: dict[str, Any] | None = tx.web_roster_of(
        id=roster_id, person_id=desk.person_id, cooperative_id=desk.id, since=since
    )
    if kept is None:
        abort(404)
    return kept


def _rows(kept: dict[str, Any]) -> list[rosters.Row]:
    return [rosters.Row(**row) for row in json.loads(kept["rows_json"])]


def _take(parts: PageParts, roster_id: str) -> AnyResponse:
    which = posted(("which",))["which"]
    if which not in ("all", "good"):
        abort(400)
    desk, now, since = g.desk, g.visitor.now, _since(parts)

    def work(tx: Tx) -> tuple[dict[str, Any], rosters.Report]:
        kept = _kept(tx, desk, roster_id, since)
        report = rosters.apply(
            tx, hub=parts.hub, now=now, cooperative_id=desk.id, rows=_rows(kept), by=f"person:{desk.person_id}",
            only_good=which == "good",
        )  # fmt: skip
        if report.applied and not tx.web_roster_drop(id=roster_id):
            abort(404)
        return kept, report

    kept, report = parts.store.write(work)
    return _draw_report(parts, kept, report, tried=True)


def _draw_report(parts: PageParts, kept: dict[str, Any], report: rosters.Report, tried: bool = False) -> Response:
    """A page of the report: all rows, or only those with faults (`?only=fault`, and once it was taken)."""
    only = report.applied or request.args.get("only") == "fault"
    lines = [line for line in report.lines if line.outcome == rosters.FAULT] if only else list(report.lines)
    start = place_asked()
    shown = [
        {"row": line.row, "name": line.name, "outcome": line.outcome, "words": words(line)}
        for line in lines[start : start + PAGE]
    ]
    counts = [(outcome, report.count(outcome), text) for outcome, text in roster_words.OUTCOMES.items()]
    return draw_desk(
        parts,
        "coop_roster_report.html",
        422 if tried and not report.applied else 200,
        kept=kept,
        report=report,
        lines=shown,
        counts=counts,
        only=only,
        tried=tried,
        more=start + PAGE if len(lines) > start + PAGE and not report.applied else 0,
        takes=len(report.lines) - report.count(rosters.FAULT) - report.count(rosters.SAME),
    )


def words(line: rosters.Line) -> Msg:
    """What becomes of a row, in words."""
    return roster_words.of_line(line.outcome, line.reason, line.facts)


def _export(parts: PageParts) -> AnyResponse:
    """The members as a file; who took it and why is noted."""
    form, desk, now = posted(("kind", "why")), g.desk, g.visitor.now
    if form["kind"] not in FILES:
        abort(400)
    if not 3 <= len(form["why"]) <= WHY_LONGEST:
        form.fault("why", _("Write what for, in 3 to {most} characters.", most=WHY_LONGEST))
        return _draw_roster(parts, form)

    def work(tx: Tx) -> list[dict[str, Any]]:
        return rosters.export(
            tx, hub=parts.hub, now=now, cooperative_id=desk.id, by=f"person:{desk.person_id}", why=form["why"]
        )

    return file_of(parts.store.write(work), rosters.COLUMNS, form["kind"], f"members-{desk.code}")
