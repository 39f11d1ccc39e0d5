"""What became of a roster and its rows, in the reader's words."""

from __future__ import annotations

from typing import Any

from ussd_app.i18n import Msg, _

OUTCOMES = {
    "new": _("new"),
    "joins": _("known, and a member now"),
    "changed": _("changed"),
    "same": _("as before"),
    "fault": _("not possible"),
}
FAULTS = {
    "bad_name": _("The name has 2 to 24 letters and nothing else."),
    "bad_phone": _("This is no phone number."),
    "phone_rounded": _("The spreadsheet rounded the phone number. Write it as text."),
    "bad_number": _("This is no member number: {number}"),
    "bad_place": _("No such place: {place}"),
    "many_places": _("Several places are called {place}. Add the district."),
    "bad_produce": _("No such produce: {produce}"),
    "bad_language": _("No such language: {language}"),
    "number_full": _("{most} people use this phone already."),
    "number_taken": _("Member No {number} is {name}."),
    "number_differs": _("{name} is member No {number}."),
    "phone_differs": _("{name} dials from another phone. Only an operator may change that."),
    "left_herself": _("{name} left and may join again by the code."),
    "twice": _("The same person or number is in row {row}."),
}
FILES = {
    "too_large": _("The file is too large."),
    "too_many_rows": _("The file has more than {most} rows."),
    "no_table": _("The file is no table. Save it as CSV or XLSX."),
    "empty": _("The file has no rows."),
    "missing": _("A column is missing: {columns}"),
}


def of_line(outcome: str, reason: str, facts: dict[str, Any]) -> Msg:
    """What to say of one row: of a `rosters.Line`."""
    return Msg(FAULTS[reason].msgid, facts) if outcome == "fault" else OUTCOMES[outcome]


def of_file(reason: str, facts: dict[str, Any]) -> Msg:
    """Why the whole file cannot be read: of a `BadFile`."""
    shown = dict(facts)
    if "columns" in shown:
        shown["columns"] = ", ".join(shown["columns"])
    return Msg(FILES[reason].msgid, shown)
