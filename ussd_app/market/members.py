"""Members of a cooperative: they ask by its code, a manager says yes or no, they leave when they like.

A person whom a roster or an agent wrote down is a member without a word of her own: nothing is sent to her and nothing
asked of her until she says yes on her own phone (`people.state` is pending until then).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ussd_app.lib import clock as clocks
from ussd_app.lib.gsm7 import fold_ascii
from ussd_app.market import cooperatives
from ussd_app.market.tell import tell
from ussd_app.market.terms import Refused
from ussd_app.money import audit
from ussd_app.store import Tx

Member = dict[str, Any]

WRITTEN_DOWN = "cooperative:"  # people.registered_by of a roster's people, before the cooperative's id
MOST_FOUND = 20


def ask(tx: Tx, *, now: int, person_id: str, code: str) -> Member:
    """An active person asks to join the cooperative of a code; its managers are told, once a day at most.

    Returns the member's row with the cooperative's `name`. Raises Refused not_found (code), open_already (she asked),
    member_already.
    """
    cooperative = cooperatives.by_code(tx, code)
    person = tx.person_by_id(id=person_id)
    if cooperative is None or person is None or person["state"] != "active" or not person["msisdn"]:
        raise Refused("not_found")
    row: Member | None = tx.member_ask(cooperative_id=cooperative["id"], person_id=person_id, joined_by="code", now=now)
    if row is None:
        standing = tx.member_of(cooperative_id=cooperative["id"], person_id=person_id)
        raise Refused("member_already" if standing["state"] == "active" else "open_already")
    _note(tx, now, f"person:{person_id}", row, "member.asked", "", "asked")
    values = {"name": person["name"], "cooperative": cooperative["name"]}
    for manager in cooperatives.managers(tx, cooperative["id"]):
        tell(tx, now, manager, "member.asked", f"{cooperative['id']}:{person_id}:{clocks.day(now)}", values)
    return row | {"name": cooperative["name"]}


def decide(tx: Tx, *, now: int, cooperative_id: str, person_id: str, by: str, yes: bool) -> Member:
    """A manager (`by`, a person's id) answers who asked; she hears it. Returns the member's row.

    Raises Refused not_allowed, gone (nobody of this id waits any more).
    """
    cooperatives.check_role(tx, by, cooperative_id, "manager")
    which = {"cooperative_id": cooperative_id, "person_id": person_id}
    row: Member | None
    if yes:
        row = tx.member_accept(**which, number=_next_number(tx, cooperative_id), by=f"person:{by}", now=now)
    else:
        row = tx.member_refuse(**which, by=f"person:{by}", now=now)
    if row is None:
        raise Refused("gone", state="decided")
    if yes:
        _belong(tx, now, cooperative_id, person_id)
    _note(tx, now, f"person:{by}", row, "member.decided", "asked", row["state"])
    _tell_member(tx, now, row, "member.accepted" if yes else "member.refused")
    return row


def add(
    tx: Tx, *, now: int, cooperative_id: str, person_id: str, joined_by: str, by: str, number: int | None = None
) -> Member | None:
    """Make a person a member at once: a roster's or an agent's, on the cooperative's behalf.

    Args: `joined_by` 'roster' or `agent:<id>`; `by` for the audit trail; `number` the one she has there, None = the
    next free one. Active people are told; pending ones hear nothing before they said yes themselves.
    Returns the row, or None when she is a member already. Raises Refused number_taken.
    """
    free = _next_number(tx, cooperative_id)
    if number is not None:
        holder = tx.member_by_number(cooperative_id=cooperative_id, number=number)
        if holder is not None and holder["person_id"] != person_id:
            raise Refused("number_taken", number=number)
    row: Member | None = tx.member_add(
        cooperative_id=cooperative_id, person_id=person_id, number=number or free, joined_by=joined_by, by=by, now=now
    )
    if row is None:
        return None
    _belong(tx, now, cooperative_id, person_id)
    _note(tx, now, by, row, "member.added", "", "active")
    person = tx.person_by_id(id=person_id)
    if person["state"] == "active":
        _tell_member(tx, now, row, "member.accepted")
    return row


def leave(tx: Tx, *, now: int, cooperative_id: str, person_id: str, by: str | None = None) -> Member:
    """She leaves (or takes her asking back); her number stays hers. `by`: a manager's id who takes her off the list.

    Raises Refused not_found, not_allowed.
    """
    if by is not None:
        cooperatives.check_role(tx, by, cooperative_id, "manager")
    actor = f"person:{by or person_id}"
    row: Member | None = tx.member_leave(cooperative_id=cooperative_id, person_id=person_id, by=actor, now=now)
    if row is None:
        raise Refused("not_found")
    tx.seller_part(person_id=person_id, cooperative_id=cooperative_id)
    _note(tx, now, actor, row, "member.left", "", "left")
    if by is not None and by != person_id:
        _tell_member(tx, now, row, "member.removed")
    return row


def invite(tx: Tx, *, now: int, cooperative_id: str, person_id: str, by: str) -> None:
    """A manager asks a member who was only written down to dial and say yes: one SMS a day at most.

    Raises Refused not_allowed, gone (she is active, or no member).
    """
    cooperatives.check_role(tx, by, cooperative_id, "manager")
    row = of_person(tx, cooperative_id, person_id)
    if row is None or row["state"] != "active" or row["person_state"] != "pending":
        raise Refused("gone", state="active")
    _tell_member(tx, now, row, "member.invited")
    _note(tx, now, f"person:{by}", row, "member.invited", "", "")


def of_person(tx: Tx, cooperative_id: str, person_id: str) -> Member | None:
    """A member's row with name, msisdn, language, place, person_state; whatever her state, None: never asked."""
    row: Member | None = tx.member_of(cooperative_id=cooperative_id, person_id=person_id)
    return row


def memberships(tx: Tx, person_id: str) -> list[Member]:
    """Where she is a member (first) or has asked to be: rows with name, code, place and account_id of each."""
    return list(tx.memberships_of(person_id=person_id))


def of(tx: Tx, cooperative_id: str, cursor: int = 0, limit: int = 100) -> list[Member]:
    """Members by number, those after number `cursor`; person_state is pending until they said yes themselves."""
    return list(tx.members_of_cooperative(cooperative_id=cooperative_id, after=cursor, limit=limit))


def pending(tx: Tx, cooperative_id: str, limit: int = 50) -> list[Member]:
    """Members who were only written down and have not said yes themselves, by number."""
    return list(tx.members_pending(cooperative_id=cooperative_id, limit=limit))


def grown_by(tx: Tx, cooperative_id: str, person_id: str) -> list[str]:
    """What she grows for this cooperative: codes of produce."""
    return [row["produce"] for row in tx.member_produce_of(cooperative_id=cooperative_id, person_id=person_id)]


def asking(tx: Tx, cooperative_id: str, limit: int = 50) -> list[Member]:
    """Who asked to join and waits, the longest first."""
    return list(tx.members_asking(cooperative_id=cooperative_id, limit=limit))


def count(tx: Tx, cooperative_id: str) -> dict[str, int]:
    """How many `members` there are, and how many of them are `pending` (have not said yes themselves)."""
    row: dict[str, int] = tx.members_count(cooperative_id=cooperative_id)
    return row


def find(tx: Tx, cooperative_id: str, typed: str, limit: int = MOST_FOUND) -> list[Member]:
    """Members by number, or by the first letters of one of their names however they are written."""
    text = " ".join(fold_ascii(typed).lower().split())
    if text.isascii() and text.isdigit():
        row = tx.member_by_number(cooperative_id=cooperative_id, number=int(text[:9]))
        return [row] if row is not None and row["state"] == "active" else []
    letters = "".join(char for char in text if char.isalpha() or char in " '-.")
    if not letters.strip():
        return []
    pattern, inner = letters + "%", "% " + letters + "%"
    return list(tx.members_named(cooperative_id=cooperative_id, pattern=pattern, inner=inner, limit=limit))


def growers(tx: Tx, cooperative_id: str, produce: str, cursor: int = 0, limit: int = 10_000) -> list[Member]:
    """Active members who grow `produce` and may be told so, by number, those after number `cursor`: rows that `tell`
    takes, with number and place. Pending people are not among them."""
    return list(tx.members_growing(cooperative_id=cooperative_id, produce=produce, after=cursor, limit=limit))


def set_produce(tx: Tx, *, cooperative_id: str, person_id: str, produce: Iterable[str]) -> None:
    """What she grows for this cooperative (codes of the hub), instead of what was said before."""
    tx.member_produce_clear(cooperative_id=cooperative_id, person_id=person_id)
    for code in sorted(set(produce)):
        tx.member_produce_add(cooperative_id=cooperative_id, person_id=person_id, produce=code)


def written_down(tx: Tx, msisdn: str) -> list[dict[str, Any]]:
    """People of a number (E.164) whom a cooperative wrote down and who have not said yes yet: id, name, language,
    place, cooperative (its name)."""
    return list(tx.people_registered_by_cooperative(msisdn=msisdn, prefix=WRITTEN_DOWN))


def _next_number(tx: Tx, cooperative_id: str) -> int:
    """The next free number; nobody else gets it before this transaction ends."""
    tx.lock(f"members:{cooperative_id}")
    return int(tx.members_next_number(cooperative_id=cooperative_id))


def _belong(tx: Tx, now: int, cooperative_id: str, person_id: str) -> None:
    """A member sells: she has that role, and what she grows is known where she has sold before."""
    tx.seller_add(person_id=person_id, kind="farmer", cooperative_id=cooperative_id, now=now)
    tx.seller_join(person_id=person_id, cooperative_id=cooperative_id)
    tx.member_produce_from_listings(cooperative_id=cooperative_id, person_id=person_id)


def _tell_member(tx: Tx, now: int, row: Member, template: str) -> None:
    person = tx.contact_of(id=row["person_id"])
    cooperative = cooperatives.by_id(tx, row["cooperative_id"])
    values: dict[str, Any] = {"cooperative": cooperative["name"]}
    if template == "member.accepted":
        values["number"] = row["number"]
    tell(tx, now, person, template, f"{row['cooperative_id']}:{row['person_id']}:{clocks.day(now)}", values)


def _note(tx: Tx, now: int, actor: str, row: Member, action: str, was: str, becomes: str) -> None:
    subject = f"member:{row['cooperative_id']}-{row['person_id']}"
    audit.note(tx, now=now, actor=actor, action=action, subject=subject, was=was, becomes=becomes)
