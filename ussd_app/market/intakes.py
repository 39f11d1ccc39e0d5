"""Weighing at a cooperative's station: what each member brought, the list of the day, and what she says against it.

A row adds itself to the list of the day, to the lots of its grade and to the call it was brought for. Nothing is changed
afterwards: a correction is a row of its own that names the old one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ussd_app.hubs import Hub
from ussd_app.lib import clock as clocks
from ussd_app.lib import ids
from ussd_app.lib.clock import Clock
from ussd_app.lib.gsm7 import fold_ascii
from ussd_app.market import cooperatives, day_prices, lots, members
from ussd_app.market.seasons import season_of
from ussd_app.market.tell import tell
from ussd_app.market.terms import HOUR_MS, Refused, amount
from ussd_app.money import audit
from ussd_app.store import Tx

Intake = dict[str, Any]

RECEIPT_DIGITS = 7  # and a check digit
CONTEST_MS = 48 * HOUR_MS
REASONS = ("weight", "quality", "price", "other")
WHY_LONGEST = 40
SHOWN = 5
_TRIES = 50


def price_for(
    tx: Tx, *, now: int, cooperative_id: str, person_id: str, produce: str, grade: str = ""
) -> dict[str, Any]:
    """What a weighing would be paid with, and why: price and price_floaters (minor units per kilogram, litre or piece;
    floaters None = nothing is paid for them), currency, call_id, order_id, pledge_id, valid_from ('' for a call).

    The call she pledged to comes first, then one that is open, then the cooperative's price of the day.
    Raises Refused no_price.
    """
    which = {"cooperative_id": cooperative_id, "produce": produce, "grade": grade}
    daily = day_prices.at(tx, cooperative_id, produce, grade, now)
    called = tx.intake_call_pledged(**which, person_id=person_id) or tx.intake_call_open(**which, now=now)
    if called is not None:
        floaters = called["price_floaters"]
        if floaters is None and daily is not None:
            floaters = daily["price_floaters"]
        found = {name: called[name] for name in ("price", "currency", "order_id", "pledge_id")}
        return found | {"call_id": called["id"], "price_floaters": floaters, "valid_from": ""}
    if daily is None:
        raise Refused("no_price")
    found = {name: daily[name] for name in ("price", "price_floaters", "currency", "valid_from")}
    return found | {"call_id": None, "order_id": None, "pledge_id": None}


def worth(row: Mapping[str, Any], fee_per_unit: int) -> dict[str, int]:
    """What a weighing (good, floaters, price, price_floaters, unit) is worth, minor units: good, floaters, fee, net.

    `fee_per_unit` of the cooperative's terms, for each good kilogram, litre or piece; inputs on credit come off later.
    """
    good = amount(row["good"], row["price"], row["unit"])
    floaters = amount(row["floaters"], row["price_floaters"] or 0, row["unit"])
    fee = min(good + floaters, amount(row["good"], fee_per_unit, row["unit"]))
    return {"good": good, "floaters": floaters, "fee": fee, "net": good + floaters - fee}


def record(
    tx: Tx,
    *,
    hub: Hub,
    clock: Clock,
    now: int,
    clerk_id: str,
    cooperative_id: str,
    person_id: str,
    produce: str,
    gross: int,
    floaters: int = 0,
    grade: str = "",
) -> Intake:
    """A clerk or manager weighs what a member brought; she is told by SMS until when she may contest it.

    Args: `now` epoch ms; `gross` all that was weighed and `floaters` of it, base units; `grade` one of the produce's,
    '' where it has none. The caller has checked the clerk's PIN.
    Returns the row. Raises Refused not_allowed, not_found (no active member), unknown_produce, bad_quantity (most),
    bad_grade, no_floaters, no_price.
    """
    role = cooperatives.check_role(tx, clerk_id, cooperative_id, "clerk", "manager")
    member = members.of_person(tx, cooperative_id, person_id)
    if member is None or member["state"] != "active" or member["person_state"] == "erased":
        raise Refused("not_found")
    check(hub, produce, gross, floaters, grade)
    priced = price_for(
        tx, now=now, cooperative_id=cooperative_id, person_id=person_id, produce=produce, grade=grade
    )  # fmt: skip
    row = {name: priced[name] for name in ("call_id", "order_id", "price", "price_floaters", "currency")}
    row |= {
        "cooperative_id": cooperative_id, "person_id": person_id, "produce": produce, "grade": grade, "gross": gross,
        "unit": hub.produce_by(produce).unit, "floaters": floaters, "good": gross - floaters, "clerk_id": clerk_id,
        "station_id": role["station_id"] or _first_station(tx, cooperative_id), "corrects": None, "state": "recorded",
    }  # fmt: skip
    intake = _add(tx, clock, now, row, clocks.day(now), dict.fromkeys(("gross", "floaters", "good"), 0), 1)
    lots.bring(tx, hub=hub, now=now, intake=intake, day=intake["day"])
    if priced["pledge_id"] is not None:
        tx.pledge_bring(call_id=intake["call_id"], person_id=person_id, more=intake["good"])
    _note(tx, now, clerk_id, intake, "intake.recorded", "", "recorded")
    _tell_weighed(tx, now, intake, member)
    return intake


def check(hub: Hub, produce: str, gross: int, floaters: int, grade: str) -> None:
    """Whether this can be weighed (base units). Raises Refused unknown_produce, bad_quantity (most), bad_grade,
    no_floaters."""
    try:
        kind = hub.produce_by(produce)
    except KeyError:
        raise Refused("unknown_produce") from None
    if not 0 < gross <= kind.max_quantity or not 0 <= floaters <= gross:
        raise Refused("bad_quantity", most=kind.max_quantity)
    if floaters and not kind.floater:
        raise Refused("no_floaters")
    if grade not in (kind.grades or ("",)):
        raise Refused("bad_grade")


# --- what she says against it ------------------------------------------------------------------------------------


def contest(tx: Tx, *, now: int, person_id: str, receipt: str, why: str) -> Intake:
    """The member says that a weighing of hers is not right: no pay list takes it before a manager has decided.

    Args: `why` one of REASONS. Raises Refused not_found, too_late (until: epoch ms), gone (state).
    """
    if why not in REASONS:
        raise ValueError(f"nobody contests for {why}")
    row: Intake | None = tx.intake_contest(receipt=receipt, person_id=person_id, why=why, now=now)
    if row is None:
        seen = tx.intake_by_receipt(receipt=receipt)
        if seen is None or seen["person_id"] != person_id:
            raise Refused("not_found")
        if seen["state"] != "recorded" or seen["decided_at"] is not None:
            raise Refused("gone", state=seen["state"])
        raise Refused("too_late", until=seen["contest_until"])
    _note(tx, now, person_id, row, "intake.contested", "recorded", "contested")
    person = tx.contact_of(id=person_id)
    account = tx.contact_of(id=cooperatives.by_id(tx, row["cooperative_id"])["account_id"])
    tell(tx, now, account, "intake.contested", row["id"], _shown(row) | {"name": person["name"], "why": why})
    return row


def uphold(tx: Tx, *, now: int, manager_id: str, intake_id: str, why: str) -> Intake:
    """A manager decides in writing that a contested weighing stands; both hear it. The caller has checked her PIN.

    Raises Refused not_allowed, not_found, no_reason, gone (state).
    """
    row, said = _decide(tx, now, manager_id, intake_id, why, "recorded")
    _tell_both(tx, now, row, row, "intake.upheld", said)
    return row


def correct(
    tx: Tx,
    *,
    hub: Hub,
    clock: Clock,
    now: int,
    manager_id: str,
    intake_id: str,
    why: str,
    gross: int,
    floaters: int = 0,
    grade: str = "",
) -> Intake:
    """A manager corrects a weighing in writing: a new row that names the old one, with its price and a new receipt, in
    the list of today. Both hear it, and she may contest the new one. The caller has checked the manager's PIN.

    Returns the new row. Raises Refused not_allowed, not_found, no_reason, gone (state), and as `check`.
    """
    seen = tx.intake_by_id(id=intake_id)
    if seen is not None:
        check(hub, seen["produce"], gross, floaters, grade)
    old, said = _decide(tx, now, manager_id, intake_id, why, "corrected")
    new = _replace(
        tx, clock, now, old, manager_id,
        {"gross": gross, "floaters": floaters, "good": gross - floaters, "grade": grade, "state": "recorded"},
    )  # fmt: skip
    day = lots.take_back(tx, now=now, intake=old)
    if day is not None:
        lots.bring(tx, hub=hub, now=now, intake=new, day=day)
    _bring_pledge(tx, old, new["good"] - old["good"])
    _tell_both(tx, now, old, new, "intake.corrected", said)
    return new


def void(tx: Tx, *, clock: Clock, now: int, manager_id: str, intake_id: str, why: str) -> Intake:
    """A manager takes a weighing away in writing (it was of somebody else): a row that weighs nothing names it.

    Returns the new row. Raises Refused as `uphold`.
    """
    old, said = _decide(tx, now, manager_id, intake_id, why, "void")
    new = _replace(tx, clock, now, old, manager_id, {"gross": 0, "floaters": 0, "good": 0, "state": "void"})
    lots.take_back(tx, now=now, intake=old)
    _bring_pledge(tx, old, -old["good"])
    _tell_both(tx, now, old, old, "intake.voided", said)
    return new


def _bring_pledge(tx: Tx, old: Intake, more: int) -> None:
    if old["call_id"] is not None:
        tx.pledge_bring(call_id=old["call_id"], person_id=old["person_id"], more=more)


def clean_why(text: str) -> str | None:
    """A reason as it is written down: at most 40 printable characters with a letter, or None."""
    said = " ".join(fold_ascii(text).split())[:WHY_LONGEST]
    return said if any(map(str.isalpha, said)) and all(" " <= char <= "~" for char in said) else None


def _decide(tx: Tx, now: int, manager_id: str, intake_id: str, why: str, becomes: str) -> tuple[Intake, str]:
    seen = tx.intake_by_id(id=intake_id)
    if seen is None:
        raise Refused("not_found")
    cooperatives.check_role(tx, manager_id, seen["cooperative_id"], "manager")
    said = clean_why(why)
    if said is None:
        raise Refused("no_reason")
    row: Intake | None = tx.intake_decide(id=intake_id, becomes=becomes, by=manager_id, why=said, now=now)
    if row is None:
        raise Refused("gone", state=seen["state"])
    _note(tx, now, manager_id, row, "intake.decided", seen["state"], becomes)
    return row, said


def _replace(tx: Tx, clock: Clock, now: int, old: Intake, manager_id: str, changed: dict[str, Any]) -> Intake:
    names = (
        "cooperative_id", "station_id", "person_id", "call_id", "order_id", "produce", "unit", "grade", "price",
        "price_floaters", "currency",
    )  # fmt: skip
    row = {name: old[name] for name in names} | changed | {"clerk_id": manager_id, "corrects": old["id"]}
    return _add(tx, clock, now, row, clocks.day(now), old, int(changed["gross"] > 0) - 1)


# --- the list of a day -------------------------------------------------------------------------------------------


def close_day(tx: Tx, *, now: int, by: str, cooperative_id: str, day: str, produce: str) -> dict[str, Any]:
    """A clerk or manager (`by`) closes the open list of a day (YYYY-MM-DD): nothing is added to it any more.

    Returns it with number, count, gross, floaters, good (base units). Raises Refused not_allowed, not_found (none is
    open); RuntimeError where its sums are not those of its rows.
    """
    cooperatives.check_role(tx, by, cooperative_id, "clerk", "manager")
    which = {"cooperative_id": cooperative_id, "produce": produce, "day": day}
    row: dict[str, Any] | None = tx.day_list_close(**which, by=by, now=now)
    if row is None:
        raise Refused("not_found")
    sums = tx.day_list_sums(list_id=row["id"])
    if any(row[name] != sums[name] for name in sums):
        raise RuntimeError(f"the list {row['id']} does not add up")
    lots.close_day(tx, now=now, **which)
    audit.note(
        tx, now=now, actor=f"person:{by}", action="day_list.closed", subject=f"day_list:{row['id']}", was="open",
        becomes="closed",
    )  # fmt: skip
    return row


def open_lists(tx: Tx, cooperative_id: str) -> list[dict[str, Any]]:
    """The lists that are open, the oldest day first."""
    return list(tx.day_lists_open(cooperative_id=cooperative_id))


def lists_of(tx: Tx, cooperative_id: str, day: str) -> list[dict[str, Any]]:
    """The lists of a day (YYYY-MM-DD), open and closed."""
    return list(tx.day_lists_of(cooperative_id=cooperative_id, day=day))


def of_list(tx: Tx, list_id: str) -> list[Intake]:
    """The rows of a list with name and number of the member, the first first."""
    return list(tx.intakes_of_list(list_id=list_id))


# --- to look at --------------------------------------------------------------------------------------------------


def by_id(tx: Tx, intake_id: str) -> Intake | None:
    """A row with name and number of the member."""
    row: Intake | None = tx.intake_by_id(id=intake_id)
    return row


def of_member(tx: Tx, cooperative_id: str, person_id: str, limit: int = SHOWN) -> list[Intake]:
    """A member's last weighings that count or are contested, the latest first."""
    return list(tx.intakes_of_member(cooperative_id=cooperative_id, person_id=person_id, limit=limit))


def season_of_member(tx: Tx, cooperative_id: str, person_id: str, now: int) -> list[dict[str, Any]]:
    """What a member brought this season: rows with produce, unit, good, floaters (base units) and count."""
    season = season_of(clocks.day(now))
    return list(tx.intakes_season_of(cooperative_id=cooperative_id, person_id=person_id, season=season))


def contested(tx: Tx, cooperative_id: str, limit: int = 24) -> list[Intake]:
    """What waits for a manager's decision, the longest first."""
    return list(tx.intakes_contested(cooperative_id=cooperative_id, limit=limit))


def contested_count(tx: Tx, cooperative_id: str) -> int:
    """How many wait for a manager's decision."""
    return int(tx.intakes_contested_count(cooperative_id=cooperative_id))


def payable(tx: Tx, cooperative_id: str, order_id: str) -> list[Intake]:
    """What a pay list of an order may take: rows that count and that nobody contests."""
    return list(tx.intakes_payable(cooperative_id=cooperative_id, order_id=order_id))


# --- parts -------------------------------------------------------------------------------------------------------


def _add(
    tx: Tx, clock: Clock, now: int, row: dict[str, Any], day: str, before: Mapping[str, Any], count: int
) -> Intake:
    """A row with a receipt nobody else has, in the open list of a day; `before` is what the list loses for it."""
    more = {name: row[name] - before[name] for name in ("gross", "floaters", "good")} | {"count": count}
    which = {"cooperative_id": row["cooperative_id"], "day": day, "produce": row["produce"]}
    until = now + clock.wait(CONTEST_MS)
    for _ in range(_TRIES):
        opened = tx.day_list_count(**which, **more)
        if opened is not None:
            break
        tx.day_list_open(id=ids.new_id(), unit=row["unit"], **which)
    else:
        raise RuntimeError("the day's list was opened and closed by others again and again")
    for _ in range(_TRIES):
        added: Intake | None = tx.intake_add(
            id=ids.new_id(), receipt=ids.with_check(ids.code_digits(RECEIPT_DIGITS)), list_id=opened["id"], day=day,
            season=season_of(day), contest_until=until, now=now, **row,
        )  # fmt: skip
        if added is not None:
            return added
    raise RuntimeError(f"no free receipt number in {_TRIES} draws: the numbers are running out")


def _first_station(tx: Tx, cooperative_id: str) -> str:
    found = cooperatives.stations(tx, cooperative_id)
    if not found:
        raise Refused("not_found")
    return str(found[0]["id"])


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """The values every message about a weighing names."""
    same = {name: row[name] for name in ("receipt", "produce", "unit", "currency", "contest_until")}
    return same | {"good_quantity": row["good"], "floaters_quantity": row["floaters"], "grade": row["grade"]}


def _tell_weighed(tx: Tx, now: int, row: Intake, member: Mapping[str, Any]) -> None:
    """Who was only written down hears nothing before she said yes herself."""
    if member["person_state"] != "active":
        return
    sums = season_of_member(tx, row["cooperative_id"], row["person_id"], now)
    total = next(one["good"] for one in sums if one["produce"] == row["produce"])
    kind = "graded" if row["grade"] else "floated" if row["floaters"] else "weighed"
    person = tx.contact_of(id=row["person_id"])
    values = _shown(row) | {"price_minor": row["price"], "season_quantity": total}
    tell(tx, now, person, f"intake.{kind}", row["id"], values)


def _tell_both(tx: Tx, now: int, old: Intake, new: Intake, template: str, said: str) -> None:
    """The member and whoever weighed hear what was decided."""
    member = members.of_person(tx, old["cooperative_id"], old["person_id"])
    person = tx.contact_of(id=old["person_id"])
    values = _shown(new) | {"old_receipt": old["receipt"], "name": person["name"], "words": said}
    if member is not None and member["person_state"] == "active":
        tell(tx, now, person, template, new["id"], values)
    if old["clerk_id"] != old["person_id"]:
        tell(tx, now, tx.contact_of(id=old["clerk_id"]), template, new["id"], values)


def _note(tx: Tx, now: int, by: str, row: Intake, action: str, was: str, becomes: str) -> None:
    audit.note(
        tx, now=now, actor=f"person:{by}", action=action, subject=f"intake:{row['id']}", was=was, becomes=becomes
    )
