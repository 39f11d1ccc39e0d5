"""Registrations by SMS, one line each, for a day without USSD: `REG name; phone; place; produce`.

Only from an agent's number. Every line is answered in one reply; the same line again is the same seller and the same
answer. Whoever is written down so is pending as by phone: she begins with her own code, on her own phone.
"""

from __future__ import annotations

import re
from typing import Any

from ussd_app.lib import msisdn as numbers
from ussd_app.lib.gsm7 import fold_ascii
from ussd_app.market import agents, people
from ussd_app.market.terms import Refused
from ussd_app.messages import SmsIn
from ussd_app.store import Tx

MOST_LINES = 10  # as many answers as three parts of an SMS carry in every language
NAME_SHOWN = 10
_BEGINS = re.compile(r"\s*REG\b", re.IGNORECASE)
_WORD = re.compile(r"(?:^|[\n;])[ \t]*REG\b[\s:;,.\-]*", re.IGNORECASE)
_SEPARATORS = (";", "|", "\t", "/", ",")
_PHONE = re.compile(r"\+?\d[\d .\-()]{6,16}\d")
_ANSWERS = {
    "bad_name": "name", "bad_place": "place", "unknown_produce": "produce", "own_number": "own", "known": "known",
    "number_full": "full", "too_many_today": "cap", "not_allowed": "agent",
}  # fmt: skip


def asked(sms: SmsIn) -> bool:
    """Whether this SMS begins with REG."""
    return _BEGINS.match(sms.text) is not None


def answer(tx: Tx, services: Any, sms: SmsIn) -> dict[str, Any] | None:
    """Register every line of an agent's SMS. Returns the values of the notice `agent.reg`, with the agent's `language`
    and `person_id` beside them under `agent`; None: it comes from no agent."""
    agent = agents.on_number(tx, sms.msisdn)
    if agent is None:
        return None
    lines = lines_of(sms.text)
    answers = [[n, *_one(tx, services, agent, line)] for n, line in enumerate(lines[:MOST_LINES], 1)]
    if len(lines) > MOST_LINES:
        answers.append([MOST_LINES + 1, "...", "more"])
    return {"answers": answers or [[1, "", "line"]], "agent": agent}


def lines_of(text: str) -> list[str]:
    """The registrations of an SMS: what follows each REG, and each further line."""
    plain = text.replace("\r", "\n").replace("\u2028", "\n").replace("\uff1b", ";")
    found = [line.strip(" \t;,.|/-:") for piece in _WORD.split(plain) for line in piece.split("\n")]
    return [line for line in found if line]


def parts_of(line: str) -> tuple[str, str, str, str] | None:
    """Name, phone, place and produce of a line, as typed; None where they cannot be told apart.

    Between them stands `;`, `|`, `/`, `,` or a tab; the phone may come before the name. Without any of these the phone
    parts the name from the rest, whose last word is the produce.
    """
    for separator in _SEPARATORS:
        parts = [part.strip() for part in line.split(separator)]
        if len(parts) >= 4:
            name, phone = (parts[1], parts[0]) if _PHONE.fullmatch(parts[0]) else (parts[0], parts[1])
            return name, phone, parts[2], " ".join(parts[3:]).strip(" .")
    phone_there = _PHONE.search(line)
    if phone_there is None:
        return None
    rest = line[phone_there.end() :].strip(" ;,.|/").split()
    if len(rest) < 2:
        return None
    return line[: phone_there.start()].strip(" ;,.|/"), phone_there[0], " ".join(rest[:-1]).strip(" ;,."), rest[-1]


def _one(tx: Tx, services: Any, agent: dict[str, Any], line: str) -> tuple[str, str]:
    """(the name as the answer shows it, what became of the line)."""
    parts = parts_of(line)
    if parts is None:
        return _shown(line), "line"
    name, phone, place, produce = parts
    number = numbers.parse(phone, services.hub.country)
    if people.clean_name(name) is None:
        return _shown(name), "name"
    if number is None:
        return _shown(name), "phone"
    where, what = _place(services.hub, agent, place), _produce(services.hub, produce)
    if where is None or what is None:
        return _shown(name), "place" if where is None else "produce"
    try:
        agents.register(
            tx, hub=services.hub, clock=services.clock, now=services.clock.now(), key=services.settings.secret_key,
            agent_id=agent["person_id"], msisdn=number, name=name, place=where, produce=what, via="sms",
        )  # fmt: skip
    except Refused as refused:
        return _shown(name), _ANSWERS[refused.reason]
    return _shown(name), "ok"


def _place(hub: Any, agent: dict[str, Any], typed: str) -> str | None:
    """The code of the one place that is meant, within the agent's districts; None where it is none or several."""
    found = [place for place in hub.places.find(typed, limit=500) if agents.may_register_at(agent, hub, place.code)]
    if len(found) > 1:
        found = [place for place in found if _letters(place.name) == _letters(typed)] or found
    if len(found) > 1:
        found = [place for place in found if place.kind == "district"]
    return str(found[0].code) if len(found) == 1 else None


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, fold_ascii(text).lower()))


def _produce(hub: Any, typed: str) -> str | None:
    words = typed.split()
    for phrase in (typed, *words):
        found = hub.produce_by_word(phrase) if phrase else None
        if found is not None:
            return str(found.code)
    return None


def _shown(name: str) -> str:
    """The beginning of a name, in letters alone: what else was typed may be a number."""
    return "".join(char for char in name if char.isalpha() or char in " '").strip()[:NAME_SHOWN].rstrip()
