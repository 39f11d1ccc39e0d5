"""Call backs: a person asks to be rung, and an operator knows from which screen."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from ussd_app.lib import ids
from ussd_app.lib.redact import redact
from ussd_app.store import Tx

MOST_OPEN = 3  # of one number; further wishes get the ticket of the latest
QUESTION_LONGEST = 160
_TICKET_DIGITS = 5  # and a check digit, for reading aloud

# A number of just five digits may be a PIN somebody typed here: no question is worth keeping one.
_MAYBE_PIN = re.compile(r"(?<![0-9])[0-9]{5}(?![0-9])")


def ask_call_back(tx: Tx, *, now: int, msisdn: str, person_id: str | None, screen: str, question: str = "") -> str:
    """Note that the person at `msisdn` (E.164) wants to be rung about `screen`, with her words in `question`.

    Phone numbers and what may be a PIN are blanked in the question. Asking again from the same screen, or with three
    wishes open, gives the ticket there is. Returns the ticket: six digits, the last a check digit.
    """
    tx.lock(f"callback:{msisdn}")
    waiting = tx.call_backs_open_of(msisdn=msisdn)
    for row in waiting:
        if row["screen"] == screen or len(waiting) >= MOST_OPEN:
            return str(row["code"])
    while True:
        added = tx.call_back_add(
            id=ids.new_id(),
            code=ids.with_check(ids.code_digits(_TICKET_DIGITS)),
            person_id=person_id,
            msisdn=msisdn,
            screen=screen,
            question=clean_question(question),
            now=now,
        )
        if added is not None:
            return str(added["code"])


def open_call_backs(tx: Tx, limit: int = 100) -> list[dict[str, Any]]:
    """Who waits to be rung, longest waiting first: `code` (ticket), msisdn, name, language, screen, question."""
    return list(tx.call_backs_open(limit=limit))


def close_call_back(tx: Tx, *, now: int, call_back_id: str, by: str, note: str = "") -> bool:
    """An operator (`by`) rang, or will not. Returns False when it was closed already."""
    return bool(tx.call_back_close(id=call_back_id, by=by, note=clean_question(note), now=now))


def clean_question(text: str) -> str:
    """Free text as it may be kept: one line, at most 160 characters, numbers of phones and likely PINs blanked."""
    plain = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in text)
    return _MAYBE_PIN.sub("*****", redact(" ".join(plain.split())))[:QUESTION_LONGEST]
