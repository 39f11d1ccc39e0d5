"""What must be true of the market after every step, each as one function over what is in the database and the wallets'
journals. The ten laws of payments first, then those of goods and of people's money."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

from tests.market_machine.laws_of_goods import (
    kilos_are_sold_once,
    nobody_gets_more_than_owed,
    nothing_moves_in_dispute,
    the_forgotten_are_waited_for_by_nobody,
)
from tests.market_machine.seen import Row, Seen, money_moved, paid_sums, trail_of
from tests.market_machine.world import HOUR, World

OPEN = ("created", "sending", "pending", "unknown")
FINAL = ("paid", "failed", "cancelled")


def one_open_intent(seen: Seen, before: Seen, world: World) -> None:
    """I1: "one open intent per order; its reference never changes; a new reference only after a verified FAILED."

    A part of an order that was never sent may be given up (CANCELLED) as well; refunds go by collection.
    """
    under_way = Counter((row["order_id"], row["kind"]) for row in seen.rows["payments"] if row["state"] in OPEN)
    doubled = [key for key, count in under_way.items() if count > 1 and key[1] != "refund"]
    assert not doubled, f"I1: {doubled} have several open intents"
    last: dict[tuple[Any, ...], Row] = {}
    for row in seen.rows["payments"]:
        key = (row["order_id"], row["kind"], row["part"])
        earlier = last.get(key)
        if earlier is not None:
            ended = earlier["state"] in ("failed", "cancelled") and earlier["settled_at"] <= row["created_at"]
            assert ended, f"I1: {key} has a new reference while {earlier['id']} is {earlier['state']}"
        last[key] = row
    known = seen.by_id("payments")
    for purse in world.purses.values():
        first: dict[str, Any] = {}
        for instruction in purse.sendings:
            assert first.setdefault(instruction.reference_id, instruction) == instruction, "I1: a reference changed"
            assert instruction.reference_id in known, "I1: a reference went out that is nobody's"


def final_is_final(seen: Seen, before: Seen, world: World) -> None:
    """I2: "PAID, FAILED, REFUNDED, CANCELLED never change. Later contradicting evidence opens REVIEW on a new row; it
    never rewrites." """
    names = {
        "payments": FINAL,
        "orders": ("settled", "closed", "cancelled"),
        "deliveries": ("agreed", "refused", "lapsed"),
    }
    kept = {
        "payments": ("state", "settled_amount", "external_id", "settled_at", "amount", "currency", "hold_id"),
        "deliveries": ("state", "net", "fee", "gross", "ended_at"),
        "orders": ("state", "cancelled_as", "price"),
    }
    for table, ends in names.items():
        now = seen.by_id(table)
        for was in before.rows[table]:
            if was["state"] in ends:
                row = now[was["id"]]
                changed = [name for name in kept[table] if row[name] != was[name]]
                assert not changed or row["state"] == "closed", f"I2: {changed} of an ended row of {table} changed"


def holds_end_once(seen: Seen, before: Seen, world: World) -> None:
    """I3: "a hold is posted once or voided once, never both; posted amount = verified amount." """
    ends: dict[str, list[Row]] = defaultdict(list)
    for row in seen.rows["transfers"]:
        if row["kind"] in ("post", "void"):
            ends[row["pending_id"]].append(row)
    assert all(len(found) == 1 for found in ends.values()), "I3: a hold was ended twice"
    for row in seen.rows["payments"]:
        end = ends.get(row["hold_id"] or "", [None])[0]
        if end is not None and end["kind"] == "post":
            moved = money_moved(world, row)
            assert moved == (end["amount"], end["currency"]), f"I3: posted {end['amount']}, the wallet moved {moved}"
        if row["state"] in OPEN:
            assert end is None, f"I3: {row['state']} {row['id']} has no hold any more"
        elif row["state"] in ("failed", "cancelled"):
            posted = end is not None and end["kind"] == "post"
            assert not row["hold_id"] or end is not None, f"I3: {row['state']} {row['id']} still holds"
            assert not posted or row["reason"] == "refunded", f"I3: {row['state']} {row['id']} was posted"


def books_balance(seen: Seen, before: Seen, world: World) -> None:
    """I4: "debits = credits per transaction and in total; no account that may not go negative does." """
    assert seen.books == [], f"I4: {seen.books}"


def paid_is_paid(seen: Seen, before: Seen, world: World) -> None:
    """I5: "order is "paid" only if its payment is PAID; goods are released once."

    A payment is PAID only if the wallet's journal has it, FAILED only if it has not; a settled order's buyer has paid
    what was due and its seller has what is owed; outside the wallets she, or an operator, said so.
    """
    for row in seen.rows["payments"]:
        moved, purse = money_moved(world, row), world.purses[row["provider"]]
        if row["state"] == "paid":
            assert moved == (row["settled_amount"], row["currency"]), f"I5: paid {row['settled_amount']}, moved {moved}"
        elif row["state"] in ("failed", "cancelled") and row["id"] not in purse.late:
            assert moved is None or row["reason"] == "refunded", f"I5: {row['state']} ({row['reason']}), moved {moved}"
    money = {row["order_id"]: row for row in seen.rows["settlements"]}
    for order in seen.rows["orders"]:
        if order["state"] not in ("settled", "closed"):
            continue
        settled = money[order["id"]]
        if order["settlement"] == "outside":
            decided = seen.of("disputes", order_id=order["id"], ended_as="decision")
            assert settled["confirmed_at"] or decided, "I5: an order is settled and nobody said so"
            continue
        sums = paid_sums(seen, order["id"])
        assert sums["disbursement"] >= settled["owed"], f"I5: settled, owed {settled['owed']}, paid out {sums}"
        left = sums["collection"] - sums["refund"]
        assert left >= settled["owed"] + settled["fee"], f"I5: settled, due {settled['due']}, collected {sums}"


def changes_are_noted(seen: Seen, before: Seen, world: World) -> None:
    """I6: "every state change has an audit row, an actor and evidence (response hash, query time)." """
    trail, was = trail_of(seen), before.by_id("payments")
    for row in seen.rows["payments"]:
        states = [one for one in trail[f"payment:{row['id']}"] if one["action"] == f"payment.{one['becomes']}"]
        given = [one for one in trail[f"payment:{row['id']}"] if one["becomes"] == "created" and not one["was"]]
        path = [*given[:1], *(one for one in states if one["was"] or not given)]
        assert path and path[-1]["becomes"] == row["state"], f"I6: {row['state']}, the trail says {path[-1:]}"
        for one, following in pairwise(path):
            assert one["becomes"] == following["was"], f"I6: {one['becomes']} is followed by {following['was']}"
        assert all(one["actor"] for one in path)
        if row["state"] in ("paid", "failed", "review") and was.get(row["id"], {}).get("state") != row["state"]:
            evidence = path[-1]["evidence"]
            assert evidence and not evidence.startswith("- "), f"I6: {row['state']} on the evidence {evidence!r}"
    for table, kind in (("deliveries", "delivery"), ("disputes", "dispute")):
        for row in seen.rows[table]:
            noted = {one["becomes"] for one in trail[f"{kind}:{row['id']}"]}
            assert row.get("ended_as") in noted | {None} or row["state"] in noted or _by_market(row), (
                f"I6: {kind} {row}"
            )
    assert seen.verdict.sound, f"I6: the trail is broken: {seen.verdict}"


def _by_market(row: Row) -> bool:
    """A delivery that ended with the quarrel over its order, which has a row of its own."""
    return row.get("ended_by") == "market"


def no_calls_inside(seen: Seen, before: Seen, world: World) -> None:
    """I7: "no provider or SMS call is made inside a database transaction or inside a USSD request." """
    assert not [fault for fault in world.faults if fault.startswith("I7")], world.faults


def age_settles_nothing(seen: Seen, before: Seen, world: World) -> None:
    """I8: "nothing leaves UNKNOWN/PENDING by age alone; at 24 h it goes on the operator list, still open." """
    trail, now = trail_of(seen), seen.by_id("payments")
    for was in before.rows["payments"]:
        row = now[was["id"]]
        if was["state"] in ("pending", "unknown") and row["state"] in ("paid", "failed", "review", "cancelled"):
            last = [one for one in trail[f"payment:{row['id']}"] if one["becomes"] == row["state"]][-1]
            hashed = last["evidence"] and not last["evidence"].startswith("- ")
            assert hashed, f"I8: {was['state']} became {row['state']} without an answer"
    listed = {case["payment_id"] for case in seen.cases if case["state"] == "open"}
    for row in seen.rows["payments"]:
        if row["state"] in OPEN and row["created_at"] <= world.swept_at - 24 * HOUR:
            assert row["id"] in listed, f"I8: {row['state']} for a day, on nobody's list"


_TOLD_OF = {
    "payment.collected": ("payments", ("paid",)),
    "payment.paid_out": ("payments", ("paid",)),
    "payment.refunded": ("payments", ("paid",)),
    "payment.failed": ("payments", ("failed",)),
    "payment.not_sent": ("payments", ("failed",)),
    "delivery.recorded": ("deliveries", ("recorded", "agreed", "refused", "lapsed")),
    "delivery.agreed.seller": ("deliveries", ("agreed",)),
    "delivery.agreed.buyer": ("deliveries", ("agreed",)),
    "delivery.refused": ("deliveries", ("refused",)),
    "delivery.lapsed": ("deliveries", ("lapsed",)),
    "dispute.opened": ("disputes", ("open", "ended")),
    "dispute.ended": ("disputes", ("ended",)),
    "order.cancelled": ("orders", ("cancelled",)),
    "order.freed": ("orders", ("cancelled",)),
    "payment.received": ("orders", ("settled", "closed")),
}


def messages_tell_facts(seen: Seen, before: Seen, world: World) -> None:
    """I9: "SMS tells only committed facts." """
    tables = {table: seen.by_id(table) for table, _ in _TOLD_OF.values()}
    for message in seen.messages:
        template, _, rest = message["dedupe"].partition(":")
        found = _TOLD_OF.get(template.removesuffix(".plain"))
        if found is None:
            continue
        table, states = found
        row = tables[table].get(rest.partition(":")[0])
        assert row is not None and row["state"] in states, f"I9: {template} is told of {row and row['state']}"
        amount = json.loads(message["values_json"]).get("amount_minor")
        if table == "payments" and amount is not None:
            assert amount == (row["settled_amount"] or row["amount"]), f"I9: {template} tells of {amount}"


def one_worker_a_payment(seen: Seen, before: Seen, world: World) -> None:
    """I10: "one worker per payment (lease with fencing number); a slow old worker's late result is an event, not an
    overwrite." """
    now = seen.by_id("payments")
    for was in before.rows["payments"]:
        row = now[was["id"]]
        assert row["fence"] >= was["fence"], "I10: a fence went back"
        assert row["state"] == was["state"] or row["fence"] > was["fence"], "I10: a state changed under no new lease"
    assert not [fault for fault in world.faults if fault.startswith("I10")], world.faults


LAWS = (
    one_open_intent, final_is_final, holds_end_once, books_balance, paid_is_paid, changes_are_noted, no_calls_inside,
    age_settles_nothing, messages_tell_facts, one_worker_a_payment, kilos_are_sold_once, nobody_gets_more_than_owed,
    nothing_moves_in_dispute, the_forgotten_are_waited_for_by_nobody,
)  # fmt: skip
