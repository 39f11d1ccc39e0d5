"""Who stands at the desk of a cooperative: a manager or clerk who signed in, and what she may see.

A cooperative of others, one that does not exist and a page of managers opened by a clerk are the same 404.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

from flask import Response, abort, g, request
from werkzeug.wrappers import Response as AnyResponse

from ussd_app.lib import clock as clocks
from ussd_app.market import cooperatives
from ussd_app.market.roster_files import write
from ussd_app.web.pages import PageParts, View, draw, to_sign_in

LAST = "Z"  # after every id and every day, in any collation
KEY_LONGEST = 40
FILES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True)
class Desk:
    """The cooperative (`id`, `code`, `name`, `account_id`), the person who acts, and whether as a `manager`."""

    id: str
    code: str
    name: str
    account_id: str
    person_id: str
    manager: bool


def staff(parts: PageParts, *, manager: bool = False) -> Callable[[View], View]:
    """Only for who acts for the cooperative of the address's `code`, `manager`: only for its managers."""

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(code: str, **values: Any) -> AnyResponse:
            if g.visitor.person is None:
                return to_sign_in()
            person_id = g.visitor.person["person_id"]
            with parts.store.read() as tx:
                rows = [row for row in cooperatives.role_of(tx, person_id) if row["code"] == code]
            manages = any(row["role"] == "manager" for row in rows)
            if not rows or (manager and not manages):
                abort(404)
            row = rows[0]
            g.desk = Desk(row["cooperative_id"], code, row["name"], row["account_id"], person_id, manages)
            return view(**values)

        return guarded

    return guard


def draw_desk(parts: PageParts, template: str, status: int = 200, **values: Any) -> Response:
    """A page of the desk of this request; `today` is the local day (YYYY-MM-DD)."""
    return draw(parts, template, status, desk=g.desk, today=clocks.day(g.visitor.now), **values)


def before() -> str:
    """Where the page before ended, of the query `before`."""
    return request.args.get("before", "")[:KEY_LONGEST] or LAST


def place_asked(name: str = "after") -> int:
    """A number of the query, 0 where it is none."""
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def file_of(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], kind: str, name: str) -> Response:
    """A table to keep: `kind` csv or xlsx, with no cell that a spreadsheet would run."""
    response = Response(write(rows, kind, columns), content_type=FILES[kind])
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
