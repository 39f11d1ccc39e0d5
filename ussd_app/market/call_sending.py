"""A call goes out to members, a batch a transaction: whom it is sent to, whom not, and why not.

A batch's decisions, its messages and how far it came are one transaction, so a worker that dies in between repeats
nothing; whatever happens, nobody has two rows of one call.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ussd_app.hubs import Hub
from ussd_app.hubs.distances import Distances, load_distances
from ussd_app.hubs.tables import HubError
from ussd_app.lib.clock import Clock
from ussd_app.market.calls import Call, drain
from ussd_app.market.terms import HOUR_MS
from ussd_app.store import Store, Tx, outbox

BATCH = 200
A_DAY = 3  # calls a member is sent within 24 hours, whoever calls
REACH_KM = 30.0  # as the crow flies: members of the same district, or nearer than this, can bring it
KEEPS_HOURS = 12  # what must be handed over within this spoils overnight


def run(store: Store, hub: Hub, clock: Clock, distances: Distances | None, now: int) -> int:
    """Send every open call to those members it was not decided for yet. Returns how many members were decided.

    `distances` None where the hub has none: then the same district is within reach.
    """
    with store.read() as tx:
        due = [row["id"] for row in tx.calls_to_send(limit=100)]
    return sum(
        drain(store, partial(batch, hub=hub, clock=clock, distances=distances, call_id=call_id), now) for call_id in due
    )


def distances_of(hub: Hub) -> Distances | None:
    """How far the places of a hub lie from each other; None where nobody measured them."""
    try:
        return load_distances(hub.code)
    except HubError:
        return None


def batch(tx: Tx, *, hub: Hub, clock: Clock, distances: Distances | None, now: int, call_id: str) -> int:
    """Decide for the next members of one call, by number. Returns how many; 0: it is done."""
    tx.lock(f"call.send:{call_id}")
    call = tx.call_by_id(id=call_id)
    if call["sent_at"] is not None:
        return 0
    rows = tx.call_members_next(
        cooperative_id=call["cooperative_id"], produce=call["produce"], after=call["sent_to"],
        since=now - 24 * HOUR_MS, limit=BATCH,
    )  # fmt: skip
    if not rows or call["state"] != "open":
        tx.call_sent(id=call_id, now=now)
        return 0
    held_until = None if spoils(hub, clock, call, now) else outbox.quiet_until(now)
    for row in rows:
        why = _why_not(hub, distances, call, row, held_until)
        state = "not_sent" if why else "sent"
        if tx.call_message_add(call_id=call_id, person_id=row["id"], state=state, why=why, now=now) and not why:
            _order(tx, now, call, row, "order" if held_until is None and outbox.quiet_until(now) else "news")
    tx.call_sent_to(id=call_id, was=call["sent_to"], number=rows[-1]["number"])
    return len(rows)


def spoils(hub: Hub, clock: Clock, call: Mapping[str, Any], now: int) -> bool:
    """Whether in the quiet hours the goods, or the call for goods that do not keep, are over before these end: then
    members are called at any hour."""
    morning = outbox.quiet_until(now)
    hours = hub.produce_by(call["produce"]).handover_hours
    if morning is None or hours > KEEPS_HOURS:
        return False
    return bool(min(call["until_at"], now + clock.wait(hours * HOUR_MS)) <= morning)


def within_reach(hub: Hub, distances: Distances | None, station: str, home: str | None) -> bool:
    """Whether goods can be brought from `home` to `station` (places' codes): the same district, or within 30 km. Who has
    no place is called: the cooperative knows where she lives."""
    if home is None:
        return True
    places = hub.places
    if places.district_of(home).code == places.district_of(station).code:
        return True
    if distances is None or not {home, station} <= distances.points.keys():
        return False
    return distances.straight_km(home, station) <= REACH_KM


def _why_not(hub: Hub, distances: Distances | None, call: Call, row: Mapping[str, Any], held_until: int | None) -> str:
    """Why this member is not sent the call; empty: she is."""
    if row["state"] != "active":
        return "not_active"
    if not row["msisdn"]:
        return "no_phone"
    if not row["calls"]:
        return "stopped"
    if row["lately"] >= A_DAY:
        return "cap"
    if not within_reach(hub, distances, call["station_place"], row["place"]):
        return "far"
    if held_until is not None and held_until >= call["until_at"]:
        return "quiet"
    return ""


def _order(tx: Tx, now: int, call: Call, row: Mapping[str, Any], purpose: outbox.Purpose) -> None:
    """Her message. News wait for the morning, are not sent to who stopped them, and few a day; where the goods do not
    last until then it goes out as an order's would."""
    names = ("produce", "unit", "code", "cooperative", "station", "until_at", "currency")
    values: dict[str, Any] = {name: call[name] for name in names} | {"price_minor": call["price"]}
    template = "call.members"
    if not row["amounts_in_sms"]:
        template += ".plain"
        values = {name: value for name, value in values.items() if name not in ("currency", "price_minor")}
    message = outbox.order(
        tx, now=now, kind="sms", to=row["msisdn"], template=template, values=values, language=row["language"],
        purpose=purpose, person_id=row["id"], dedupe=f"call:{call['id']}:{row['id']}", urgent=False,
    )  # fmt: skip
    tx.call_message_ordered(call_id=call["id"], person_id=row["id"], outbox_id=message)
