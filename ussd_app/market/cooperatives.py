"""Cooperatives: found them, who acts for them, their stations and terms.

A cooperative's account is a row of `people` without a number: its listings and orders are ordinary ones whose seller is
the account. Nobody dials as it; people act for it after `check_role`, and its managers read what it is told.
"""

from __future__ import annotations

from typing import Any

from ussd_app.hubs import Hub
from ussd_app.lib import clock as clocks
from ussd_app.lib import ids
from ussd_app.lib.gsm7 import fold_ascii
from ussd_app.market.terms import Refused
from ussd_app.money import audit
from ussd_app.store import Tx

Cooperative = dict[str, Any]

CODE_DIGITS = 6  # and a check digit behind them
NAME_LONGEST = 24  # as for people: the account is shown where a seller is
STATION_LONGEST = 24
ROLES = ("manager", "clerk")
NO_NUMBER = ""  # the account's: no phone leads to it
USUAL_TERMS = {"fee_per_unit": 0, "advance_pct": 50, "order_from_minute": 5 * 60, "order_to_minute": 22 * 60}
_CODE_TRIES = 20


def add(
    tx: Tx,
    *,
    hub: Hub,
    now: int,
    name: str,
    place: str,
    manager_id: str | None = None,
    by: str = "operator",
    cooperative_id: str | None = None,
    account_id: str | None = None,
    code: str | None = None,
) -> Cooperative:
    """Found a cooperative with its code and account, and a station at its place.

    Args: `now` epoch ms; `name` at most 24 characters after folding to ASCII; `place` a code of the hub; `manager_id` an
    active person; `by` who does it, for the audit trail (`operator:<name>`); the two ids and the code only where they must
    be known beforehand. Returns its row (id, name, place, district, code, account_id, state).
    Raises Refused bad_name, bad_place, not_found (the manager); RuntimeError where no code is free.
    """
    shown = clean_name(name)
    if shown is None:
        raise Refused("bad_name")
    district = _district(hub, place)
    account_id = account_id or ids.new_id()
    _add_account(tx, hub, now, account_id, shown, place)
    about = {"id": cooperative_id or ids.new_id(), "name": shown, "place": place, "district": district}
    tries = (
        tx.cooperative_found(**about, code=code or _new_code(), account_id=account_id, now=now)
        for _ in range(_CODE_TRIES)
    )
    row = next((row for row in tries if row is not None), None)
    if row is None:
        raise RuntimeError("no code for a new cooperative is free")
    tx.seller_set_cooperative(person_id=account_id, cooperative_id=row["id"])
    tx.station_add(
        id=ids.new_id(), cooperative_id=row["id"], name=hub.places.get(place).name[:24], place=place, now=now
    )
    audit.note(
        tx, now=now, actor=by, action="cooperative.founded", subject=f"cooperative:{row['id']}", becomes="active"
    )
    if manager_id is not None:
        give_role(tx, now=now, cooperative_id=row["id"], person_id=manager_id, role="manager", by=by)
    found: Cooperative = row
    return found


def complete(tx: Tx, *, hub: Hub, now: int) -> int:
    """Give a code and an account to cooperatives that were written down before there were any. Returns how many."""
    count = 0
    for row in tx.cooperatives_incomplete():
        account_id, done = ids.new_id(), None
        _add_account(tx, hub, now, account_id, clean_name(row["name"]) or "Cooperative", row["place"])
        while done is None:
            district = _district(hub, row["place"]) if row["place"] else ""
            done = tx.cooperative_complete(id=row["id"], code=_new_code(), account_id=account_id, district=district)
        tx.seller_set_cooperative(person_id=account_id, cooperative_id=row["id"])
        count += 1
    return count


def by_id(tx: Tx, cooperative_id: str) -> Cooperative:
    """The cooperative's row. Raises Refused not_found."""
    row: Cooperative | None = tx.cooperative_whole(id=cooperative_id)
    if row is None:
        raise Refused("not_found")
    return row


def by_code(tx: Tx, code: str) -> Cooperative | None:
    """The active cooperative of a typed code (spaces and dashes do not matter), or None: also for a wrong digit."""
    digits = "".join(char for char in code if char not in " -.")
    if len(digits) != CODE_DIGITS + 1 or not ids.check_ok(digits):
        return None
    row: Cooperative | None = tx.cooperative_by_code(code=digits)
    return row


def by_account(tx: Tx, account_id: str) -> Cooperative | None:
    """The cooperative whose account this person id is; None: it is nobody's account."""
    row: Cooperative | None = tx.cooperative_by_account(account_id=account_id)
    return row


def in_district(tx: Tx, district: str) -> list[Cooperative]:
    """The active cooperatives of a district (its code)."""
    return list(tx.cooperatives_in_district(district=district))


def told(tx: Tx, account_id: str) -> list[dict[str, Any]]:
    """Who reads what is told to an account: the active managers, as rows for `tell`. Empty: it is nobody's account."""
    return list(tx.cooperative_told(account_id=account_id))


def managers(tx: Tx, cooperative_id: str) -> list[dict[str, Any]]:
    """The active managers (id, name, msisdn, mail, language, amounts_in_sms), the longest in office first."""
    return list(tx.cooperative_managers(cooperative_id=cooperative_id))


# --- roles -------------------------------------------------------------------------------------------------------


def role_of(tx: Tx, person_id: str, cooperative_id: str | None = None) -> list[dict[str, Any]]:
    """What a person may do: rows with cooperative_id, role, station_id, name, account_id, code, place, district.

    Args: `cooperative_id` only there; None = everywhere.
    """
    rows: list[dict[str, Any]] = tx.cooperative_roles_of(person_id=person_id)
    return [row for row in rows if cooperative_id in (None, row["cooperative_id"])]


def check_role(tx: Tx, person_id: str, cooperative_id: str, *roles: str) -> dict[str, Any]:
    """The row of `role_of` that lets her do it, one of `roles` (none given: any). Raises Refused not_allowed."""
    for row in role_of(tx, person_id, cooperative_id):
        if not roles or row["role"] in roles:
            return row
    raise Refused("not_allowed")


def roles_in(tx: Tx, cooperative_id: str) -> list[dict[str, Any]]:
    """Who acts for a cooperative: rows with person_id, role, name, msisdn, station_id, station_name, given_by, at."""
    return list(tx.cooperative_roles_in(cooperative_id=cooperative_id))


def give_role(
    tx: Tx, *, now: int, cooperative_id: str, person_id: str, role: str, by: str, station_id: str | None = None
) -> bool:
    """Make somebody manager or clerk (`station_id` where a clerk weighs, None = everywhere). False: she is already.

    `by` as in the audit trail: `operator:<name>` or `person:<id>` (a manager's, whose right the caller checked).
    Raises Refused not_found (no active person with a number and PIN, no such cooperative or station), bad_role.
    """
    if role not in ROLES:
        raise Refused("bad_role")
    by_id(tx, cooperative_id)
    person = tx.person_by_id(id=person_id)
    if person is None or person["state"] != "active" or not person["msisdn"] or not person["has_pin"]:
        raise Refused("not_found")
    if station_id is not None and station_id not in {row["id"] for row in stations(tx, cooperative_id)}:
        raise Refused("not_found")
    tx.seller_add(person_id=person_id, kind="farmer", cooperative_id=None, now=now)  # whose home has its key
    given = {"cooperative_id": cooperative_id, "person_id": person_id, "role": role}
    if tx.cooperative_role_give(**given, station_id=station_id, by=by, now=now) is None:
        return False
    _note_role(tx, now, by, cooperative_id, person_id, "", role)
    return True


def remove_role(tx: Tx, *, now: int, cooperative_id: str, person_id: str, role: str, by: str) -> bool:
    """Take a role back, at once. False when she does not have it."""
    row = tx.cooperative_role_remove(cooperative_id=cooperative_id, person_id=person_id, role=role, by=by, now=now)
    if row is None:
        return False
    _note_role(tx, now, by, cooperative_id, person_id, role, "")
    return True


# --- stations, terms, inputs on credit ---------------------------------------------------------------------------


def stations(tx: Tx, cooperative_id: str) -> list[dict[str, Any]]:
    """The stations of a cooperative (id, name, place), by name."""
    return list(tx.stations_of(cooperative_id=cooperative_id))


def add_station(tx: Tx, *, hub: Hub, now: int, cooperative_id: str, name: str, place: str, by: str) -> dict[str, Any]:
    """Add a station at `place` (a code). Raises Refused bad_name, bad_place, not_found, open_already (that name)."""
    shown = clean_name(name)
    if shown is None:
        raise Refused("bad_name")
    _district(hub, place)
    by_id(tx, cooperative_id)
    row: dict[str, Any] | None = tx.station_add(
        id=ids.new_id(), cooperative_id=cooperative_id, name=shown, place=place, now=now
    )
    if row is None:
        raise Refused("open_already")
    audit.note(tx, now=now, actor=by, action="cooperative.station", subject=f"station:{row['id']}", becomes="active")
    return row


def terms_at(tx: Tx, cooperative_id: str, produce: str, now: int) -> dict[str, Any]:
    """The terms in force for a produce (code; '' = those for all) at `now` (epoch ms).

    Returns fee_per_unit (minor units per kilogram, litre or piece), advance_pct (most of a share that inputs on credit
    may take), order_from_minute and order_to_minute (minutes of the local day, the end left out).
    """
    row = tx.cooperative_terms_in_force(cooperative_id=cooperative_id, produce=produce, day=clocks.day(now))
    return {name: (row or USUAL_TERMS)[name] for name in USUAL_TERMS}


def set_terms(
    tx: Tx, *, now: int, cooperative_id: str, by: str, produce: str = "", valid_from: str | None = None, **terms: int
) -> dict[str, Any]:
    """New terms from a day on (YYYY-MM-DD, today when not given); what is not named stays as it is in force.

    Args: `terms` as `terms_at` returns them. Raises Refused bad_terms (term), not_found.
    """
    by_id(tx, cooperative_id)
    if unknown := set(terms) - set(USUAL_TERMS):
        raise Refused("bad_terms", term=min(unknown))
    wanted = terms_at(tx, cooperative_id, produce, now) | terms
    bounds = {
        "fee_per_unit": (0, 1_000_000),
        "advance_pct": (0, 100),
        "order_from_minute": (0, min(1439, wanted["order_to_minute"] - 1)),
        "order_to_minute": (1, 1440),
    }
    for name, (least, most) in bounds.items():
        if not least <= wanted[name] <= most:
            raise Refused("bad_terms", term=name)
    tx.cooperative_terms_add(
        id=ids.new_id(),
        cooperative_id=cooperative_id,
        produce=produce,
        valid_from=valid_from or clocks.day(now),
        **wanted,
    )
    audit.note(
        tx, now=now, actor=by, action="cooperative.terms", subject=f"cooperative:{cooperative_id}",
        becomes=f"{produce or 'all'} from {valid_from or clocks.day(now)}",
    )  # fmt: skip
    return wanted


def advance(
    tx: Tx, *, now: int, manager_id: str, cooperative_id: str, person_id: str, amount: int, name: str
) -> dict[str, Any]:
    """Write down inputs a manager gave a member on credit: `amount` minor units, `name` what they were.

    Returns the row (id, amount, left_amount). Raises Refused not_allowed, not_found (no member), bad_price, bad_name.
    """
    check_role(tx, manager_id, cooperative_id, "manager")
    member = tx.member_of(cooperative_id=cooperative_id, person_id=person_id)
    if member is None or member["state"] != "active":
        raise Refused("not_found")
    if not 0 < amount <= 10_000_000:
        raise Refused("bad_price", most=10_000_000)
    said = " ".join(fold_ascii(name).split())[:STATION_LONGEST]
    if not said:
        raise Refused("bad_name")
    row: dict[str, Any] = tx.advance_add(
        id=ids.new_id(), cooperative_id=cooperative_id, person_id=person_id, amount=amount, name=said,
        by=manager_id, now=now,
    )  # fmt: skip
    audit.note(
        tx,
        now=now,
        actor=f"person:{manager_id}",
        action="advance.given",
        subject=f"advance:{row['id']}",
        becomes="open",
    )
    return row


def clean_name(text: str) -> str | None:
    """A cooperative's or station's name as any phone shows it: 2 to 24 printable ASCII characters with a letter; or
    None."""
    shown = " ".join(fold_ascii(text).split())
    plain = all(" " <= char <= "~" for char in shown)
    return shown if plain and 2 <= len(shown) <= NAME_LONGEST and any(map(str.isalpha, shown)) else None


def _add_account(tx: Tx, hub: Hub, now: int, account_id: str, name: str, place: str | None) -> None:
    tx.person_add(
        id=account_id, msisdn=NO_NUMBER, mail=None, name=name, language=hub.languages[0], place=place, state="active",
        registered_by=None, pin_hash=None, now=now,
    )  # fmt: skip
    tx.seller_add(person_id=account_id, kind="farmer", cooperative_id=None, now=now)


def _district(hub: Hub, place: str) -> str:
    try:
        return hub.places.district_of(place).code
    except KeyError:
        raise Refused("bad_place") from None


def _new_code() -> str:
    return ids.with_check(ids.code_digits(CODE_DIGITS))


def _note_role(tx: Tx, now: int, by: str, cooperative_id: str, person_id: str, was: str, becomes: str) -> None:
    subject = f"cooperative:{cooperative_id}"
    audit.note(tx, now=now, actor=by, action=f"cooperative.role:{person_id}", subject=subject, was=was, becomes=becomes)
