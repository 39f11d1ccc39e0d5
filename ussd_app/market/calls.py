"""A cooperative calls its members to bring goods, and they pledge kilos.

A pledge is no sale: it needs no PIN and can be changed until the call ends, at its limit or at its time. Pledges count in
the order they came; the last one may be taken in part. Whom a call was sent to is in `call_sending`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ussd_app.hubs import Hub
from ussd_app.lib import ids
from ussd_app.lib.clock import Clock
from ussd_app.market import cooperatives, listings, orders, rates
from ussd_app.market.tell import tell
from ussd_app.market.terms import HOUR_MS, Refused
from ussd_app.money import audit
from ussd_app.store import Store, Tx

Call = dict[str, Any]

CODE_DIGITS = 4  # and a check digit behind them
LONGEST_MS = 7 * 24 * HOUR_MS  # how long a call may be open
MOST_OPEN = 10  # calls of one cooperative at once
BATCH = 100
_CODE_DRAWS = 50


@dataclass(frozen=True)
class Pledged:
    """What became of a pledge: `taken` of the `asked` base units count; `call` the call's row after it."""

    taken: int
    asked: int
    call: Call

    @property
    def in_part(self) -> bool:
        """Less was still wanted than she would bring."""
        return self.taken < self.asked


def open_(
    tx: Tx,
    *,
    hub: Hub,
    clock: Clock,
    now: int,
    manager_id: str,
    cooperative_id: str,
    produce: str,
    wanted: int,
    price: int,
    until_at: int,
    station_id: str | None = None,
    order_id: str | None = None,
    grade: str = "",
) -> Call:
    """A manager calls the members who grow it; the worker sends it to them.

    Args: `wanted` base units; `price` to members, minor units per kilogram, litre or piece; `until_at` epoch ms, at most
    7 days ahead; `station_id` where to bring it, None = the cooperative's first; `order_id` the order it is for, None =
    ahead of one. The caller has checked the PIN before this transaction.
    Returns the call's row. Raises Refused: not_allowed, not_found (station, order), unknown_produce, bad_quantity,
    too_much, bad_price, below_floor, bad_time, bad_terms (grade), over_cap (max_calls).
    """
    cooperatives.check_role(tx, manager_id, cooperative_id, "manager")
    kind = listings.produce_of(hub, produce)
    listings.check_quantity(kind, wanted)
    listings.check_price(kind, price)
    rates.floor_for(tx, produce, hub.currency, now).check(price)
    if not now < until_at <= now + clock.wait(LONGEST_MS):
        raise Refused("bad_time")
    if grade and grade not in kind.grades:
        raise Refused("bad_terms", term="grade")
    _check_order(tx, cooperative_id, order_id, produce)
    tx.lock(f"calls:{cooperative_id}")
    if tx.call_count_open(cooperative_id=cooperative_id, now=now) >= MOST_OPEN:
        raise Refused("over_cap", cap="max_calls", most=MOST_OPEN)
    said = {"produce": produce, "unit": kind.unit, "wanted": wanted, "price": price, "grade": grade}
    call = _add(
        tx, cooperative_id=cooperative_id, order_id=order_id, currency=hub.currency, until_at=until_at,
        station_id=_station(tx, cooperative_id, station_id), person_id=manager_id, now=now, **said,
    )  # fmt: skip
    _note(tx, now, f"person:{manager_id}", call["id"], "call.opened", "", "open")
    return call


def pledge(tx: Tx, *, hub: Hub, now: int, person_id: str, call_id: str, quantity: int, via: str) -> Pledged:
    """A member says how much she brings, or changes what she said; as much of it counts as is still wanted.

    Args: `quantity` base units; `via` 'dial' or 'sms'. Returns what counts.
    Raises Refused: not_found (no such call, or she is no member who grows it), too_late (until, full), bad_quantity,
    too_much.
    """
    tx.lock(f"call:{call_id}")  # what is still wanted does not change until this one is written
    call = _call_of_member(tx, call_id, person_id)
    listings.check_quantity(listings.produce_of(hub, call["produce"]), quantity)
    _check_open(call, now)
    before = tx.pledge_of(call_id=call_id, person_id=person_id)
    held = before["quantity"] if before and before["state"] == "standing" else 0
    taken = min(quantity, call["wanted"] - call["pledged"] + held)
    row = tx.call_pledge_more(id=call_id, more=taken - held, now=now)
    if row is None:
        raise Refused("too_late", until=call["until_at"], full=False)
    tx.pledge_save(
        id=ids.new_id(), call_id=call_id, person_id=person_id, quantity=taken, asked=quantity, via=via, now=now
    )
    if row["state"] == "full":
        _ended(tx, now, row, "worker")
    return Pledged(taken, quantity, call | row)


def withdraw(tx: Tx, *, now: int, person_id: str, call_id: str) -> Call:
    """She brings nothing after all; what she held is wanted again. Raises Refused: not_found, too_late."""
    tx.lock(f"call:{call_id}")
    call = tx.call_by_id(id=call_id)
    before = tx.pledge_of(call_id=call_id, person_id=person_id)
    if call is None or before is None or before["state"] != "standing":
        raise Refused("not_found")
    _check_open(call, now)
    row: Call | None = tx.call_pledge_more(id=call_id, more=-before["quantity"], now=now)
    if row is None:
        raise Refused("too_late", until=call["until_at"], full=False)
    tx.pledge_withdraw(call_id=call_id, person_id=person_id, now=now)
    return row


def close(tx: Tx, *, now: int, manager_id: str, cooperative_id: str, call_id: str) -> Call:
    """A manager ends a call early; who pledged hears the outcome. Raises Refused: not_allowed, gone."""
    cooperatives.check_role(tx, manager_id, cooperative_id, "manager")
    row: Call | None = tx.call_close(id=call_id, cooperative_id=cooperative_id, now=now)
    if row is None:
        raise Refused("gone", state="closed")
    _ended(tx, now, row, f"person:{manager_id}")
    return row


def by_code(tx: Tx, code: str) -> Call | None:
    """The open call of a typed code, else the last one that had it; None for a wrong digit."""
    if len(code) != CODE_DIGITS + 1 or not ids.check_ok(code):
        return None
    row: Call | None = tx.call_by_code(code=code)
    return row


def open_for(tx: Tx, person_id: str, now: int, limit: int = 10) -> list[Call]:
    """Open calls that a member can answer, the first to end first; `mine` is what she pledged (None: nothing)."""
    return list(tx.calls_open_for_member(person_id=person_id, now=now, limit=limit))


def of(tx: Tx, cooperative_id: str, limit: int = 12) -> list[Call]:
    """A cooperative's calls, the open ones first, then the newest."""
    return list(tx.calls_of_cooperative(cooperative_id=cooperative_id, limit=limit))


def live(tx: Tx, call_id: str) -> Call | None:
    """A call as it stands now, with `people` who pledged, and messages `sent` and `not_sent`. One statement."""
    row: Call | None = tx.call_live(id=call_id)
    return row


def pledges(tx: Tx, call_id: str, limit: int = 200) -> list[dict[str, Any]]:
    """Standing pledges in order of arrival, with name and member's number."""
    return list(tx.pledges_of_call(call_id=call_id, limit=limit))


def messages(tx: Tx, call_id: str, cursor: int = 0, limit: int = 100) -> list[dict[str, Any]]:
    """Members by number after `cursor`: state 'sent' or 'not_sent', and `why` not: stopped, cap, no_phone, not_active,
    far, quiet, or what the outbox said (cancelled, refused, dead)."""
    return list(tx.call_messages_of(call_id=call_id, after=cursor, limit=limit))


def price_of_order(tx: Tx, order: Mapping[str, Any], now: int) -> int:
    """What an order leaves members per unit after the cooperative's fee, not under the floor of today; minor units."""
    fee = cooperatives.terms_at(tx, order["cooperative_id"], order["produce"], now)["fee_per_unit"]
    floor = rates.floor_for(tx, order["produce"], order["currency"], now).price or 1
    return int(max(order["price"] - fee, floor))


# --- the worker's part -------------------------------------------------------------------------------------------


def run(store: Store, now: int) -> int:
    """Close calls whose time is over and tell everyone who pledged what came of it. Returns how many rows moved.

    Safe to run again and beside another worker: each call ends once, each person is told once.
    """
    return sum(drain(store, step, now) for step in (close_due, tell_outcomes))


def close_due(tx: Tx, *, now: int) -> int:
    """End open calls whose time is over. Returns how many."""
    rows = tx.calls_due(now=now, limit=BATCH)
    for due in rows:
        row = tx.call_close(id=due["id"], cooperative_id=due["cooperative_id"], now=now)
        if row is not None:
            _ended(tx, now, row, "worker")
    return len(rows)


def tell_outcomes(tx: Tx, *, now: int) -> int:
    """Tell at most a batch of those who pledged to an ended call what was taken. Returns how many rows moved."""
    for due in tx.calls_to_tell(limit=1):
        call = tx.call_by_id(id=due["id"])
        rows = tx.pledges_to_tell(call_id=call["id"], limit=BATCH)
        for row in rows:
            if tx.pledge_told(id=row["id"]):
                _tell_outcome(tx, now, call, row)
        if not rows:
            return int(tx.call_told(id=call["id"], now=now))
        return len(rows)
    return 0


def drain(store: Store, step: Callable[..., int], now: int) -> int:
    """Run a step that does a batch, a transaction each, until it finds nothing. Returns how much it did."""
    count = 0
    while done := store.write(lambda tx: step(tx, now=now)):
        count += done
    return count


# --- inside ------------------------------------------------------------------------------------------------------


def _tell_outcome(tx: Tx, now: int, call: Call, row: Mapping[str, Any]) -> None:
    values = {name: call[name] for name in ("produce", "unit", "code", "cooperative", "station", "until_at")}
    values["quantity"] = row["quantity"]
    template = "pledge.outcome"
    if row["quantity"] < row["asked"]:
        template, values["asked_quantity"] = "pledge.outcome.part", row["asked"]
    tell(tx, now, dict(row) | {"id": row["person_id"]}, template, call["id"], values)


def _ended(tx: Tx, now: int, call: Mapping[str, Any], actor: str) -> None:
    """A call is over: what still waits to be sent is not, its managers hear how it ended."""
    tx.call_messages_cancel(call_id=call["id"])
    tx.call_sent(id=call["id"], now=now)
    _note(tx, now, actor, call["id"], "call.ended", "open", call["state"])
    whole = tx.call_by_id(id=call["id"])
    values = {name: whole[name] for name in ("produce", "unit", "code")}
    values |= {"quantity": whole["pledged"], "wanted_quantity": whole["wanted"]}
    tell(tx, now, tx.contact_of(id=whole["account_id"]), "call.ended", call["id"], values)


def _call_of_member(tx: Tx, call_id: str, person_id: str) -> Call:
    """The call, if this person is an active member who grows what it is for. Raises Refused not_found."""
    call: Call | None = tx.call_by_id(id=call_id)
    if call is None:
        raise Refused("not_found")
    member = tx.member_of(cooperative_id=call["cooperative_id"], person_id=person_id)
    if member is None or member["state"] != "active" or member["person_state"] != "active":
        raise Refused("not_found")
    grown = tx.member_produce_of(cooperative_id=call["cooperative_id"], person_id=person_id)
    if call["produce"] not in {row["produce"] for row in grown}:
        raise Refused("not_found")
    return call


def _check_open(call: Call, now: int) -> None:
    if call["state"] != "open" or call["until_at"] <= now:
        raise Refused("too_late", until=call["until_at"], full=call["state"] == "full")


def _check_order(tx: Tx, cooperative_id: str, order_id: str | None, produce: str) -> None:
    if order_id is None:
        return
    account = cooperatives.by_id(tx, cooperative_id)["account_id"]
    order: orders.Order | None = tx.order_for_party(id=order_id, person_id=account)
    if order is None or order["seller_id"] != account:
        raise Refused("not_found")
    if order["state"] != "agreed":
        raise Refused("gone", state=order["state"])


def _station(tx: Tx, cooperative_id: str, station_id: str | None) -> str:
    known = [row["id"] for row in cooperatives.stations(tx, cooperative_id)]
    if not known or (station_id is not None and station_id not in known):
        raise Refused("not_found")
    return str(station_id or known[0])


def _add(tx: Tx, **columns: Any) -> Call:
    for _ in range(_CODE_DRAWS):
        call: Call | None = tx.call_add(id=ids.new_id(), code=ids.with_check(ids.code_digits(CODE_DIGITS)), **columns)
        if call is not None:
            return call
    raise RuntimeError(f"no free code of a call in {_CODE_DRAWS} draws: the codes are running out")


def _note(tx: Tx, now: int, actor: str, call_id: str, action: str, was: str, becomes: str) -> None:
    audit.note(tx, now=now, actor=actor, action=action, subject=f"call:{call_id}", was=was, becomes=becomes)
