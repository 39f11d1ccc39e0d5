"""A seller whom a field agent wrote down dials for the first time: the code of the SMS, then consent and a PIN of her
own (menus/written_down.py). Three answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ussd_app.engine.answers import Code
from ussd_app.engine.screen import Ask, Menu, Option, Wrong, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Msg, _
from ussd_app.lib.typed import normalise
from ussd_app.market import agents, codes

NEW_CODE, LANGUAGE, NOT_ME = "6", "7", "8"


@dataclass(frozen=True)
class CodeOrKey:
    """A code of six digits, or one of the keys named beside the question."""

    examples: Sequence[str] = ("123456", NEW_CODE, LANGUAGE, NOT_ME)

    def read(self, text: str) -> str | Wrong:
        key = normalise(text).strip(" .#")
        return key if key in (NEW_CODE, LANGUAGE, NOT_ME) else Code(codes.CODE_DIGITS).read(text)


def first(visit: Visit, rows: list[dict[str, Any]]) -> Menu | Ask:
    """Instead of the choice of a language: her code, once it is clear who of this phone she is. `rows` as
    `agents.pending_on` gives them."""
    if visit.person is None and not visit.state.language:
        visit.state.language = rows[0]["language"]
    back = bool(visit.state.stack)
    chosen = [row for row in rows if len(rows) == 1 or row["id"] == visit.draft.get("waiting")]
    if chosen:
        return Ask(_question(chosen[0]), CodeOrKey(), "code", "activate.check", back=back)
    options = [Option(row["name"], "activate.one", row["id"]) for row in rows]
    options.append(Option(_("It is not me"), "written.not_me", number=8))
    return Menu(_("Who are you?"), options, keep="waiting", back=back)


def _question(row: dict[str, Any]) -> Msg:
    return _(
        "{agent} registered {name}.\nCode of the SMS:\n6 New code\n7 Language\n8 It is not me",
        agent=row["agent"],
        name=row["name"],
    )


@screen("activate.one", goes=("activate.check",))
def one(visit: Visit) -> Menu | Ask:
    """The code of the one she chose."""
    rows = agents.pending_on(visit.tx, visit.msisdn)
    row = next((row for row in rows if row["id"] == visit.draft.get("waiting")), None)
    if row is None:
        return Menu(_("It is no longer there."), [])
    return Ask(_question(row), CodeOrKey(), "code", "activate.check")


@action("activate.check", goes=("welcome", "written.language", "written.consent"))
def check(visit: Visit) -> str:
    """From a right code on it is she who speaks; a code that is over is renewed at once."""
    typed = visit.draft.pop("code")
    rows = agents.pending_on(visit.tx, visit.msisdn)
    hers = next((row["id"] for row in rows if len(rows) == 1 or row["id"] == visit.draft.get("waiting")), None)
    if typed == LANGUAGE:
        return "written.language"
    if typed == NOT_ME or hers is None:
        visit.draft["stranger"] = True
        return "welcome"
    if typed != NEW_CODE:
        verdict = agents.check_code(
            visit.tx, now=visit.now, key=visit.settings.secret_key, msisdn=visit.msisdn, person_id=hers, code=typed
        )
        if verdict == "ok":
            visit.draft["written"] = hers
            return "written.consent"
        if verdict == "wrong":
            visit.guide(_("The code is not right."))
            return "welcome"
    sent = agents.send_code(visit.tx, clock=visit.clock, now=visit.now, key=visit.settings.secret_key, person_id=hers)
    visit.guide(_("A new code comes by SMS.") if sent else _("No new code now. Wait a minute."))
    return "welcome"
