"""Lots: what is weighed adds itself to the day's lot; day lots become export lots; the trail keeps every gram.

A lot is numbered `RW-<district>-<station>-<season>-<number>`, an export lot with an E before its number. Whoever takes out
of a lot takes of every weighing in it by its share, in one conditional UPDATE: a gram is used once whatever happens at the
same moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ussd_app.hubs import Hub
from ussd_app.lib import ids
from ussd_app.lib.gsm7 import fold_ascii
from ussd_app.market import cooperatives
from ussd_app.market.lot_parts import allot
from ussd_app.market.seasons import season_of
from ussd_app.market.terms import Refused
from ussd_app.money import audit
from ussd_app.store import Tx

Lot = dict[str, Any]

FLOATERS = "floaters"  # the grade of what floated, a lot of its own
NAME_LONGEST = 8
ANY_DAY = ("0000-00-00", "9999-99-99")
_TRIES = 20


# --- from the scale ----------------------------------------------------------------------------------------------


def bring(tx: Tx, *, hub: Hub, now: int, intake: Mapping[str, Any], day: str) -> None:
    """Add a weighing (its row) to the lots of a day (YYYY-MM-DD): its good to that of its grade, its floaters to theirs."""
    for grade, quantity in ((intake["grade"], intake["good"]), (FLOATERS, intake["floaters"])):
        if quantity:
            lot = _bring(tx, hub, now, intake, grade, quantity, day)
            _add_parts(tx, lot["id"], [(intake["id"], lot["id"], None, quantity, quantity)])


def take_back(tx: Tx, *, now: int, intake: Mapping[str, Any]) -> str | None:
    """Undo `bring` for a correction. Returns the day its lots are of, or None where something was taken out of one of
    them already: the trail of what went on stays as it was."""
    parts = tx.lot_parts_of_intake(intake_id=intake["id"])
    for place, part in enumerate(parts):
        if tx.lot_change(id=part["lot_id"], more=-part["quantity"], now=now) is None:
            for done in parts[:place]:
                tx.lot_change(id=done["lot_id"], more=done["quantity"], now=now)
            return None
    tx.lot_parts_forget(intake_id=intake["id"])
    return str(parts[0]["from_day"]) if parts else str(intake["day"])


def close_day(tx: Tx, *, now: int, cooperative_id: str, produce: str, day: str) -> None:
    """What comes later of that day opens lots of its own."""
    tx.lots_close_day(cooperative_id=cooperative_id, produce=produce, day=day, now=now)


def _bring(tx: Tx, hub: Hub, now: int, intake: Mapping[str, Any], grade: str, quantity: int, day: str) -> Lot:
    which = {"station_id": intake["station_id"], "produce": intake["produce"], "grade": grade}
    for _ in range(_TRIES):
        lot: Lot | None = tx.lot_bring(**which, day=day, quantity=quantity, now=now)
        if lot is None:
            cooperative = cooperatives.by_id(tx, intake["cooperative_id"])
            lot = tx.lot_add(
                id=ids.new_id(), cooperative_id=intake["cooperative_id"], kind="day", unit=intake["unit"], from_day=day,
                to_day=day, quantity=quantity, state="gathering", by=intake["clerk_id"], now=now, **which,
                number=_number(tx, hub, cooperative, intake["station_id"], "day", day),
            )  # fmt: skip
        if lot is not None:
            return lot
    raise RuntimeError("the day's lot was opened and closed by others again and again")


# --- by a manager ------------------------------------------------------------------------------------------------


def gather(
    tx: Tx,
    *,
    hub: Hub,
    now: int,
    manager_id: str,
    cooperative_id: str,
    produce: str,
    grade: str = "",
    lot_ids: Sequence[str] | None = None,
    window: tuple[str, str] = ANY_DAY,
    quantity: int | None = None,
) -> Lot:
    """Make an export lot of day lots in store.

    Args: `lot_ids` these, None = all of the days of `window` (YYYY-MM-DD, both included); `quantity` base units, the
    oldest first; None = everything that is left in them.
    Returns the export lot. Raises Refused not_allowed, not_found (a lot that is not theirs, or of another produce or
    grade), not_enough (left: base units).
    """
    cooperatives.check_role(tx, manager_id, cooperative_id, "manager")
    days = {"from_day": window[0], "to_day": window[1]}
    found = tx.lots_in_store(cooperative_id=cooperative_id, produce=produce, grade=grade, **days)
    if lot_ids is not None:
        found = [row for row in found if row["id"] in lot_ids]
        if len(found) != len(set(lot_ids)):
            raise Refused("not_found")
    left = sum(row["left_quantity"] for row in found)
    if not 0 < (left if quantity is None else quantity) <= left:
        raise Refused("not_enough", left=left)
    wanted, takes = left if quantity is None else quantity, []
    for row in found:
        if part := min(wanted, row["left_quantity"]):
            takes.append((row["id"], part))
            wanted -= part
    return _make(tx, hub, now, manager_id, cooperative_id, "export", takes)


def split(tx: Tx, *, hub: Hub, now: int, manager_id: str, lot_id: str, quantity: int) -> Lot:
    """Take `quantity` (base units) out of a lot as a lot of its own; the rest stays. Returns the new lot.

    Raises Refused not_allowed, not_found, bad_quantity, not_enough (left).
    """
    lot = _managed(tx, manager_id, lot_id)
    if quantity <= 0:
        raise Refused("bad_quantity")
    return _make(tx, hub, now, manager_id, lot["cooperative_id"], lot["kind"], [(lot_id, quantity)])


def merge(tx: Tx, *, hub: Hub, now: int, manager_id: str, lot_ids: Sequence[str]) -> Lot:
    """Put what is left of several lots of one produce and grade into a new one.

    Raises Refused not_allowed, not_found, bad_quantity (fewer than two), mixed (of different produce or grade),
    not_enough (left) where another was faster.
    """
    if len(set(lot_ids)) < 2:
        raise Refused("bad_quantity")
    rows = [_managed(tx, manager_id, lot_id) for lot_id in dict.fromkeys(lot_ids)]
    kind = "export" if any(row["kind"] == "export" for row in rows) else "day"
    takes = [(row["id"], row["left_quantity"]) for row in rows]
    return _make(tx, hub, now, manager_id, rows[0]["cooperative_id"], kind, takes)


def process(
    tx: Tx, *, hub: Hub, now: int, manager_id: str, lot_ids: Sequence[str], produce: str, quantity: int, grade: str = ""
) -> Lot:
    """Goods changed their form (cherries became parchment): what is left of `lot_ids` is now `quantity` of `produce`.

    Args: `quantity` base units that came out; what went in less that is the loss, which `processed` names. Each
    weighing has its share of what came out. Returns the new day lot, of the same days.
    Raises Refused not_allowed, not_found, unknown_produce, mixed, bad_quantity (more than went in), not_enough (left).
    """
    if produce not in {one.code for one in hub.produce}:
        raise Refused("unknown_produce")
    rows = [_managed(tx, manager_id, lot_id) for lot_id in dict.fromkeys(lot_ids)]
    came_in = sum(row["left_quantity"] for row in rows)
    if not rows or not 0 < quantity <= came_in or hub.produce_by(produce).unit != rows[0]["unit"]:
        raise Refused("bad_quantity")
    takes = [(row["id"], row["left_quantity"]) for row in rows]
    out = {"produce": produce, "grade": grade, "quantity": quantity}
    lot = _make(tx, hub, now, manager_id, rows[0]["cooperative_id"], "day", takes, out)
    tx.lot_process_add(
        lot_id=lot["id"],
        produce_in=rows[0]["produce"],
        in_quantity=came_in,
        out_quantity=quantity,
        by=manager_id,
        now=now,
    )
    return lot


def ship(tx: Tx, *, hub: Hub, now: int, manager_id: str, lot_id: str, order_id: str) -> Lot:
    """Send what is left of a lot for an order of the cooperative; the buyer then weighs it as of any seller.

    Raises Refused not_allowed, not_found, gone (state), surplus (most: base units that still fit the order).
    """
    lot = _managed(tx, manager_id, lot_id)
    order = tx.order_hold(id=order_id)
    account = cooperatives.by_id(tx, lot["cooperative_id"])["account_id"]
    if order is None or order["seller_id"] != account or order["produce"] != lot["produce"]:
        raise Refused("not_found")
    if order["state"] != "agreed":
        raise Refused("gone", state=order["state"])
    if lot["state"] not in ("gathering", "ready"):
        raise Refused("gone", state=lot["state"])
    sent = tx.lots_shipped(order_id=order_id)["quantity"]
    most = order["quantity"] * (100 + order["tolerance_pct"]) // 100 - sent
    if lot["left_quantity"] > most:
        raise Refused("surplus", most=max(0, most))
    if 0 < lot["left_quantity"] < lot["quantity"]:  # the rest of a lot travels under a number of its own
        lot = split(tx, hub=hub, now=now, manager_id=manager_id, lot_id=lot_id, quantity=lot["left_quantity"])
    row: Lot | None = tx.lot_ship(id=lot["id"], cooperative_id=lot["cooperative_id"], order_id=order_id, now=now)
    if row is None:
        raise Refused("gone", state=lot["state"])
    _note(tx, now, manager_id, row, "lot.shipped", lot["state"], "shipped")
    return row


def unship(tx: Tx, *, now: int, manager_id: str, lot_id: str) -> Lot:
    """A shipped lot comes back, nothing of its order having been weighed. Raises Refused not_allowed, not_found, gone."""
    lot = _managed(tx, manager_id, lot_id)
    row: Lot | None = tx.lot_unship(id=lot_id, cooperative_id=lot["cooperative_id"], now=now)
    if row is None:
        raise Refused("gone", state=lot["state"])
    _note(tx, now, manager_id, row, "lot.returned", "shipped", "ready")
    return row


def check_weighed(tx: Tx, order: Mapping[str, Any], gross: int) -> None:
    """Whether what a buyer weighed in all for an order (base units) can have come out of the lots that were shipped for
    it. Raises Refused over_lot (most: base units); never where no lot was."""
    shipped = tx.lots_shipped(order_id=order["id"])
    most = shipped["quantity"] * (100 + order["tolerance_pct"]) // 100
    if shipped["lots"] and gross > most:
        raise Refused("over_lot", most=most)


def note_delivered(tx: Tx, now: int, order_id: str) -> None:
    """The order is delivered: so are its lots."""
    tx.lots_delivered(order_id=order_id, now=now)


# --- to look at --------------------------------------------------------------------------------------------------


def of(tx: Tx, cooperative_id: str, limit: int = 24) -> list[Lot]:
    """The lots of a cooperative, the latest first."""
    return list(tx.lots_of_cooperative(cooperative_id=cooperative_id, limit=limit))


def by_id(tx: Tx, lot_id: str) -> Lot:
    """A lot's row. Raises Refused not_found."""
    row: Lot | None = tx.lot_by_id(id=lot_id)
    if row is None:
        raise Refused("not_found")
    return row


def in_store(
    tx: Tx, cooperative_id: str, produce: str, grade: str = "", window: tuple[str, str] = ANY_DAY
) -> list[Lot]:
    """Day lots that may be gathered, the oldest first; `window` two days (YYYY-MM-DD), both included."""
    days = {"from_day": window[0], "to_day": window[1]}
    return list(tx.lots_in_store(cooperative_id=cooperative_id, produce=produce, grade=grade, **days))


def of_order(tx: Tx, order_id: str) -> list[Lot]:
    """The lots that were shipped for an order."""
    return list(tx.lots_of_order(order_id=order_id))


def trail(tx: Tx, lot_id: str) -> list[dict[str, Any]]:
    """Where every gram of a lot is from: rows with person_id, name, number, receipt, day, day_lot, from_lot, taken and
    quantity (base units), whose quantities add up to the lot's."""
    return list(tx.lot_trail(lot_id=lot_id))


def trail_sums(tx: Tx, lot_id: str) -> dict[str, int]:
    """How many people, intakes and day_lots are behind a lot, and their quantity in all (base units)."""
    row: dict[str, int] = tx.lot_trail_sums(lot_id=lot_id)
    return row


def processed(tx: Tx, lot_id: str) -> dict[str, Any] | None:
    """What a lot was made of, where goods changed their form: produce_in, in_quantity, out_quantity, and the `loss`."""
    row = tx.lot_process_of(lot_id=lot_id)
    return None if row is None else row | {"loss": row["in_quantity"] - row["out_quantity"]}


# --- parts -------------------------------------------------------------------------------------------------------


def _make(
    tx: Tx,
    hub: Hub,
    now: int,
    by: str,
    cooperative_id: str,
    kind: str,
    takes: Sequence[tuple[str, int]],
    out: Mapping[str, Any] | None = None,
) -> Lot:
    """A new lot of `takes` (lot, base units); `out` where what comes out is of another form, or less. Nothing is taken
    where one of them is refused."""
    with tx.savepoint():
        rows, taken = _take(tx, now, cooperative_id, takes)
        first = rows[0]
        if any((row["produce"], row["grade"]) != (first["produce"], first["grade"]) for row in rows):
            raise Refused("mixed")
        made = {name: first[name] for name in ("produce", "grade")} | {"quantity": sum(share for *_, share in taken)}
        made |= out or {}
        lot = _add(tx, hub, now, by, cooperative_id, kind, rows, made)
        came_out = allot([share for *_, share in taken], made["quantity"])
        _add_parts(tx, lot["id"], [(*part, share) for part, share in zip(taken, came_out, strict=True)])
    _note(tx, now, by, lot, "lot.made", "", "ready")
    return lot


def _take(
    tx: Tx, now: int, cooperative_id: str, takes: Sequence[tuple[str, int]]
) -> tuple[list[Lot], list[tuple[str, str, str, int]]]:
    """Take out of each lot: its rows, and (intake, day lot, from which lot, base units) of everything that was taken."""
    rows: list[Lot] = []
    taken: list[tuple[str, str, str, int]] = []
    for lot_id, quantity in sorted(takes):  # always in one order: two who take the same lots wait, never for each other
        row = tx.lot_take(id=lot_id, cooperative_id=cooperative_id, quantity=quantity, now=now) if quantity else None
        if row is None:
            seen = by_id(tx, lot_id)
            raise Refused("not_enough", left=seen["left_quantity"] if seen["state"] in ("gathering", "ready") else 0)
        contents = [one for one in tx.lot_contents(lot_id=lot_id) if one["left_quantity"]]
        shares = allot([one["left_quantity"] for one in contents], quantity)
        for one, share in zip(contents, shares, strict=True):
            if share:
                taken.append((one["intake_id"], one["day_lot_id"], lot_id, share))
        rows.append(row)
    return rows, taken


def _add(
    tx: Tx, hub: Hub, now: int, by: str, cooperative_id: str, kind: str, rows: Sequence[Lot], made: Mapping[str, Any]
) -> Lot:
    stations = {row["station_id"] for row in rows}
    station = stations.pop() if len(stations) == 1 else None
    cooperative = cooperatives.by_id(tx, cooperative_id)
    from_day, to_day = min(row["from_day"] for row in rows), max(row["to_day"] for row in rows)
    lot: Lot | None = tx.lot_add(
        id=ids.new_id(), cooperative_id=cooperative_id, station_id=station, kind=kind, unit=rows[0]["unit"],
        from_day=from_day, to_day=to_day, state="ready", by=by, now=now,
        number=_number(tx, hub, cooperative, station, kind, to_day), **made,
    )  # fmt: skip
    if lot is None:
        raise RuntimeError("a number of lots was given twice")
    return lot


def _number(tx: Tx, hub: Hub, cooperative: Mapping[str, Any], station_id: str | None, kind: str, day: str) -> str:
    """The next number of a station's (or, of several stations, the cooperative's) season."""
    rows = {row["id"]: row for row in cooperatives.stations(tx, cooperative["id"])}
    place = rows.get(station_id or "") or cooperative
    district = hub.places.district_of(place["place"]).code if place["place"] else cooperative["district"]
    letters = "".join(char for char in fold_ascii(place["name"]).upper() if char.isalnum())[:NAME_LONGEST]
    series = f"{hub.code.upper()}-{district}-{letters}-{season_of(day)}-" + ("E" if kind == "export" else "")
    return f"{series}{int(tx.lot_series_next(series=series)):04d}"


def _add_parts(tx: Tx, lot_id: str, parts: Sequence[tuple[str, str, str | None, int, int]]) -> None:
    """Rows of the trail: (intake, day lot, from which lot, base units that left it, base units that came here) each."""
    names = ("intake_id", "day_lot_id", "from_lot_id", "taken", "quantity")
    tx.lot_parts_add([{"lot_id": lot_id} | dict(zip(names, part, strict=True)) for part in parts])


def _managed(tx: Tx, manager_id: str, lot_id: str) -> Lot:
    lot = by_id(tx, lot_id)
    cooperatives.check_role(tx, manager_id, lot["cooperative_id"], "manager")
    return lot


def _note(tx: Tx, now: int, by: str, lot: Lot, action: str, was: str, becomes: str) -> None:
    audit.note(tx, now=now, actor=f"person:{by}", action=action, subject=f"lot:{lot['id']}", was=was, becomes=becomes)
