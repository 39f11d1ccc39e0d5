"""Deliveries: what was weighed, recorded by one side and agreed by the other on her own phone.

The net is the sum of the lines of `receipts`, to the franc. Silence is never consent: she is reminded, then people ask her.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ussd_app.lib import ids
from ussd_app.lib.clock import Clock
from ussd_app.market import cooperatives, listings, lots, orders, people, settlement
from ussd_app.market import help as helping
from ussd_app.market.receipts import SERVICE, deductions_of, lines
from ussd_app.market.tell import both, tell
from ussd_app.market.terms import HOUR_MS, Refused
from ussd_app.money import audit
from ussd_app.store import Tx

Delivery = dict[str, Any]

ROLES = ("buyer", "collector", "clerk")
RECEIPT_DIGITS = 7  # and a check digit
REMIND_MS = 12 * HOUR_MS
ASK_MS = 24 * HOUR_MS
_DRAWS = 50


def record(
    tx: Tx,
    *,
    clock: Clock,
    now: int,
    order_id: str,
    buyer_id: str,
    gross: int,
    floaters: int = 0,
    deductions: Sequence[tuple[str, int]] = (),
    recorded_as: str = "buyer",
    recorded_by: str = "",
) -> Delivery:
    """Record what came for an order of this buyer; the seller is asked by SMS to say whether it is right.

    Args: `now` epoch ms; `gross` all that was weighed and `floaters` of it, base units; `deductions` (name, minor
    units) at most five; `recorded_as` buyer, collector or clerk, who are the buyer's people, and `recorded_by` their
    name (40 characters; else the buyer's id).
    Returns the delivery with its `deductions`. Raises Refused: not_found, gone (state), waiting (receipt: an earlier
    one waits for the seller), bad_quantity, no_floaters, surplus (most: base units that still fit the order; the rest
    needs a new offer), bad_deduction (name), over_deducted (most: minor units).
    """
    order = _order(tx, order_id, buyer_id, "buyer_id")
    if order["state"] != "agreed":
        raise Refused("gone", state=order["state"])
    waiting = tx.delivery_waiting(order_id=order_id)
    if waiting is not None:
        raise Refused("waiting", receipt=waiting["receipt"])
    if recorded_as not in ROLES:
        raise ValueError(f"nobody records as {recorded_as}")
    _check_weight(tx, order, gross, floaters)
    row = {
        name: order[name]
        for name in ("seller_id", "buyer_id", "produce", "unit", "price", "price_floaters", "currency")
    }
    row |= {"order_id": order_id, "gross": gross, "floaters": floaters, "good": gross - floaters}
    named = deductions_of(tx, now, order, row, deductions)
    row["deductions"] = named
    net = sum(line.amount for line in lines(row))
    fee = sum(one["amount"] for one in named if one["name"] == SERVICE)
    delivery = _add(tx, clock, now, row, net, fee, (recorded_by.strip() or buyer_id)[:40], recorded_as)
    tx.order_weigh(id=order_id, more=1, now=now)
    _note(tx, now, f"person:{buyer_id}", "delivery.recorded", delivery, "", "recorded")
    _tell(tx, now, order, delivery, "seller", "delivery.recorded")
    return delivery


def agree(tx: Tx, *, clock: Clock, now: int, seller_id: str, delivery_id: str) -> Delivery:
    """The seller, or a manager of the cooperative that sells, says on her own phone that it is right: money is asked for,
    and the order may be complete.

    A yes on her own phone (behind her PIN where the phone is shared), as the question came. Raises Refused: not_found,
    gone (state), over_lot (most: base units that can have come out of the lots that were shipped).
    """
    order, delivery = _hers(tx, seller_id, delivery_id)
    lots.check_weighed(tx, order, tx.deliveries_taken(order_id=order["id"])["gross"] + delivery["gross"])
    delivery = _end(tx, now, delivery, "agreed", "", seller_id)
    taken = tx.deliveries_taken(order_id=order["id"])["gross"]
    if taken * 100 >= order["quantity"] * (100 - order["tolerance_pct"]):
        # What little is missing was lost between two scales: there is nothing to put back on the shelf.
        orders.move(tx, now=now, order_id=order["id"], was="agreed", becomes="delivered")
        lots.note_delivered(tx, now, order["id"])
    _tell(tx, now, order, delivery, "seller", "delivery.agreed.seller")
    _tell(tx, now, order, delivery, "buyer", "delivery.agreed.buyer")
    settlement.advance(tx, clock=clock, now=now, order_id=order["id"])
    return delivery


def refuse(tx: Tx, *, now: int, seller_id: str, delivery_id: str, why: str = "") -> Delivery:
    """The seller (or her cooperative's manager) says that it is not right: nothing is owed for it, the buyer hears it and may weigh again.

    Raises Refused: not_found, gone (state).
    """
    order, delivery = _hers(tx, seller_id, delivery_id)
    delivery = _end(tx, now, delivery, "refused", helping.clean_question(why), seller_id)
    tx.order_weigh(id=order["id"], more=-1, now=now)
    _tell(tx, now, order, delivery, "buyer", "delivery.refused")
    return delivery


def lapse(tx: Tx, *, now: int, delivery_id: str, by: str, why: str) -> Delivery:
    """An operator ends a delivery that nobody answers, in writing; the buyer may weigh again. Never a yes.

    Raises Refused: not_found, no_reason, gone (state).
    """
    delivery = tx.delivery_by_id(id=delivery_id)
    if delivery is None:
        raise Refused("not_found")
    if not by.strip() or not why.strip():
        raise Refused("no_reason")
    order = tx.order_hold(id=delivery["order_id"])
    delivery = _end(tx, now, delivery, "lapsed", helping.clean_question(why), by.strip())
    tx.order_weigh(id=order["id"], more=-1, now=now)
    for side in ("seller", "buyer"):
        _tell(tx, now, order, delivery, side, "delivery.lapsed")
    return delivery


def finish(tx: Tx, *, clock: Clock, now: int, person_id: str, order_id: str, give_back: bool = True) -> dict[str, Any]:
    """One side says that no more will come: the order is for what did, the rest is for sale again or just ends.

    Returns the order's row. Raises Refused: not_found, gone (state), waiting (receipt), nothing_delivered.
    """
    order = tx.order_hold(id=order_id)
    if order is None or person_id not in (order["seller_id"], order["buyer_id"]):
        raise Refused("not_found")
    if order["state"] != "agreed":
        raise Refused("gone", state=order["state"])
    waiting = tx.delivery_waiting(order_id=order_id)
    if waiting is not None:
        raise Refused("waiting", receipt=waiting["receipt"])
    rest = end_rest(tx, now=now, order=order, give_back=give_back)
    if rest is None:
        raise Refused("nothing_delivered")
    order = orders.move(tx, now=now, order_id=order_id, was="agreed", becomes="delivered")
    lots.note_delivered(tx, now, order_id)
    for person in both(tx, order["seller_id"], order["buyer_id"]):
        values = {name: order[name] for name in ("code", "produce", "unit")} | {"rest_quantity": rest}
        tell(tx, now, person, "order.rest_ended", order_id, values)
    settlement.advance(tx, clock=clock, now=now, order_id=order_id)
    return order


def end_rest(tx: Tx, *, now: int, order: Mapping[str, Any], give_back: bool) -> int | None:
    """Make an order one for what came. Returns the rest, base units; None when nothing came at all."""
    came = tx.deliveries_taken(order_id=order["id"])["gross"]
    if not came:
        return None
    if tx.order_end_rest(id=order["id"], came=came, now=now) is None:
        return 0
    rest = int(order["quantity"] - came)
    if give_back:
        listings.give_back(tx, now=now, listing_id=order["listing_id"], quantity=rest)
    return rest


def room(tx: Tx, order: Mapping[str, Any]) -> tuple[int, int]:
    """(what of an order has not come, the most that may still come with its tolerance), base units."""
    taken = tx.deliveries_taken(order_id=order["id"])["gross"]
    most = order["quantity"] * (100 + order["tolerance_pct"]) // 100
    return max(0, order["quantity"] - taken), max(0, most - taken)


def answers_for(tx: Tx, person_id: str, seller_id: str) -> bool:
    """Whether a person may say what this seller says: she is it, or a manager of the cooperative whose account it is."""
    return person_id == seller_id or person_id in {row["id"] for row in cooperatives.told(tx, seller_id)}


# --- for the screens ---------------------------------------------------------------------------------------------


def of_party(tx: Tx, *, person_id: str, delivery_id: str = "", receipt: str = "") -> Delivery:
    """A delivery of this person's, by id or by receipt, with its `deductions`. Raises Refused not_found."""
    if receipt:
        row = tx.delivery_by_receipt(receipt=receipt, person_id=person_id)
    else:
        row = tx.delivery_for_party(id=delivery_id, person_id=person_id)
    if row is None:
        raise Refused("not_found")
    return _whole(tx, row)


def of_order(tx: Tx, order_id: str) -> list[Delivery]:
    """The deliveries of an order, the first first, with their `deductions`."""
    return [_whole(tx, row) for row in tx.deliveries_of_order(order_id=order_id)]


def waiting_for(tx: Tx, seller_id: str, limit: int = 6) -> list[Delivery]:
    """What waits for this seller's yes, oldest first, with `deductions`, `code` and `buyer_name`."""
    return [_whole(tx, row) for row in tx.deliveries_waiting_of_seller(seller_id=seller_id, limit=limit)]


def statement(tx: Tx, seller_id: str, limit: int = 5) -> list[Delivery]:
    """A seller's last deliveries, the latest first, with `deductions`, `code`, `order_state` and `buyer_name`."""
    return [_whole(tx, row) for row in tx.deliveries_of_seller(seller_id=seller_id, limit=limit)]


def totals(tx: Tx, *, seller_id: str, since: int, until: int) -> list[dict[str, Any]]:
    """What a seller agreed from `since` to before `until` (epoch ms), by produce and currency: deliveries, gross, net."""
    rows: list[dict[str, Any]] = tx.deliveries_total_of_seller(seller_id=seller_id, since=since, until=until)
    return rows


# --- reminders ---------------------------------------------------------------------------------------------------


def remind(tx: Tx, *, clock: Clock, now: int, limit: int = 100) -> int:
    """For the worker: sellers who did not answer are reminded after 12 hours; after 24 more (both scaled) an operator is
    asked to ring her and she hears who can help. Nothing is ever agreed by waiting. Returns how many were."""
    count = 0
    for row in tx.deliveries_due(now=now, limit=limit):
        first = row["reminders"] == 0
        due_at = now + clock.wait(ASK_MS) if first else None
        taken = tx.delivery_reminded(id=row["id"], reminders=row["reminders"], due_at=due_at)
        if taken is None:
            continue
        count += 1
        delivery = _whole(tx, taken)
        order = tx.order_for_party(id=row["order_id"], person_id=row["seller_id"])
        if first:
            _tell(tx, now, order, delivery, "seller", "delivery.reminder")
        else:
            _ask_people(tx, now, order, delivery)
    return count


def _ask_people(tx: Tx, now: int, order: Mapping[str, Any], delivery: Delivery) -> None:
    seller = people.by_id(tx, delivery["seller_id"])
    if seller is None or not seller["msisdn"]:
        return
    question = f"Order {order['code']}: receipt {delivery['receipt']} waits for her yes or no"
    helping.ask_call_back(
        tx,
        now=now,
        msisdn=seller["msisdn"],
        person_id=seller["id"],
        screen=f"delivery.{delivery['id']}",
        question=question,
    )
    cooperative = tx.cooperative_by_id(id=order["cooperative_id"]) if order["cooperative_id"] else None
    if cooperative is None:
        _tell(tx, now, order, delivery, "seller", "delivery.unanswered")
    else:
        _tell(tx, now, order, delivery, "seller", "delivery.unanswered.coop", cooperative=cooperative["name"])


# --- parts -------------------------------------------------------------------------------------------------------


def _order(tx: Tx, order_id: str, person_id: str, side: str) -> dict[str, Any]:
    """The order, held by this transaction, of the person on `side`. Raises Refused not_found."""
    order: dict[str, Any] | None = tx.order_hold(id=order_id)
    if order is None or order[side] != person_id:
        raise Refused("not_found")
    return order


def _hers(tx: Tx, seller_id: str, delivery_id: str) -> tuple[dict[str, Any], Delivery]:
    delivery = tx.delivery_by_id(id=delivery_id)
    if delivery is None or not answers_for(tx, seller_id, delivery["seller_id"]):
        raise Refused("not_found")
    return tx.order_hold(id=delivery["order_id"]), _whole(tx, delivery)


def _check_weight(tx: Tx, order: Mapping[str, Any], gross: int, floaters: int) -> None:
    if gross <= 0 or not 0 <= floaters <= gross:
        raise Refused("bad_quantity")
    if floaters and order["price_floaters"] is None:
        raise Refused("no_floaters")
    most = room(tx, order)[1]
    if gross > most:
        raise Refused("surplus", most=most)


def _add(
    tx: Tx, clock: Clock, now: int, row: dict[str, Any], net: int, fee: int, recorded_by: str, recorded_as: str
) -> Delivery:
    named = row.pop("deductions")
    for _ in range(_DRAWS):
        added: Delivery | None = tx.delivery_add(
            id=ids.new_id(), receipt=ids.with_check(ids.code_digits(RECEIPT_DIGITS)), net=net, fee=fee,
            recorded_by=recorded_by, recorded_as=recorded_as, due_at=now + clock.wait(REMIND_MS), now=now, **row,
        )  # fmt: skip
        if added is not None:
            tx.delivery_deductions_add(
                [one | {"delivery_id": added["id"], "place": place} for place, one in enumerate(named, 1)]
            )
            return added | {"deductions": named}
    raise RuntimeError(f"no free receipt number in {_DRAWS} draws: the numbers are running out")


def _end(tx: Tx, now: int, delivery: Delivery, state: str, why: str, by: str) -> Delivery:
    row = tx.delivery_end(id=delivery["id"], state=state, why=why, ended_by=by, now=now)
    if row is None:
        seen = tx.delivery_by_id(id=delivery["id"])
        raise Refused("gone", state=seen["state"])
    actor = f"person:{by}" if answers_for(tx, by, delivery["seller_id"]) else f"operator:{by}"
    _note(tx, now, actor, f"delivery.{state}", delivery, "recorded", state)
    return _whole(tx, row)


def _whole(tx: Tx, row: Delivery) -> Delivery:
    return row | {"deductions": tx.delivery_deductions_of(delivery_id=row["id"])}


def _note(tx: Tx, now: int, actor: str, action: str, delivery: Delivery, was: str, becomes: str) -> None:
    audit.note(tx, now=now, actor=actor, action=action, subject=f"delivery:{delivery['id']}", was=was, becomes=becomes)


def _tell(
    tx: Tx, now: int, order: Mapping[str, Any], delivery: Delivery, side: str, template: str, **more: Any
) -> None:
    seller, buyer = both(tx, order["seller_id"], order["buyer_id"])
    to, other = (seller, buyer) if side == "seller" else (buyer, seller)
    values = {name: delivery[name] for name in ("receipt", "produce", "unit", "currency")}
    values |= {"code": order["code"], "name": other["name"], "net_minor": delivery["net"]}
    values |= {"gross_quantity": delivery["gross"], "good_quantity": delivery["good"]}
    values |= {"lines_minor": [list(line) for line in lines(delivery)]}
    tell(tx, now, to, template, f"{delivery['id']}:{side}", values | more)
