"""The laws of goods, of what a seller gets, and of people: after every step, as those of payments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

from tests.market_machine.seen import Row, Seen, money_moved, paid_sums
from tests.market_machine.world import World


def kilos_are_sold_once(seen: Seen, before: Seen, world: World) -> None:
    """P9: for each listing what is sold, reserved and left is what was listed, and never below nothing."""
    bound: Counter[str] = Counter()
    for order in seen.rows["orders"]:
        if order["state"] != "cancelled":
            bound[order["listing_id"]] += order["quantity"]
    for listing in seen.rows["listings"]:
        left = listing["left_quantity"]
        assert left >= 0, "P9: less than nothing is left"
        whole = left + bound[listing["id"]] + world.lost[listing["id"]]
        assert whole == listing["quantity"], (
            f"P9: {listing['quantity']} listed, {left} left, {bound[listing['id']]} bound"
        )


def nobody_gets_more_than_owed(seen: Seen, before: Seen, world: World) -> None:
    """P4: what is on its way to a seller, or came to her by the wallets' journals, is no more than what she agreed to,
    worked out here from kilos and prices, or than was ruled; the buyer's money covers it."""
    out: Counter[str] = Counter()
    for row in seen.rows["payments"]:
        if row["kind"] == "disbursement" and (row["state"] not in ("failed", "cancelled") or money_moved(world, row)):
            out[row["order_id"]] += row["amount"]
    orders, agreed = seen.by_id("orders"), _agreed(seen.rows["deliveries"], seen.deductions)
    for settled in seen.rows["settlements"]:
        order = orders[settled["order_id"]]
        owed = settled["owed"]
        if not settled["ruled"] and order["state"] != "cancelled":
            assert owed == agreed[order["id"]], f"P4: owed {owed}, agreed {agreed[order['id']]}"
        assert out[order["id"]] <= owed, f"P4: {out[order['id']]} go to the seller, {owed} are owed"
        paid = paid_sums(seen, order["id"])
        given = out[order["id"]] + paid["refund"]
        assert given <= paid["collection"], f"P4: {given} given out of {paid['collection']} collected"


def _agreed(rows: Iterable[Row], deductions: dict[str, int]) -> Counter[str]:
    """What the agreed deliveries of each order come to, each line rounded by itself."""
    found: Counter[str] = Counter()
    for row in rows:
        if row["state"] != "agreed":
            continue
        base = Decimal(1 if row["unit"] == "piece" else 1000)
        lines = ((row["good"], row["price"]), (row["floaters"], row["price_floaters"] or 0))
        worth = sum(
            int((Decimal(weight * price) / base).quantize(Decimal(1), ROUND_HALF_UP)) for weight, price in lines
        )
        assert row["net"] == worth - deductions.get(row["id"], 0), "P4: a receipt does not add up"
        found[row["order_id"]] += row["net"]
    return found


def nothing_moves_in_dispute(seen: Seen, before: Seen, world: World) -> None:
    """Nothing more is asked of the buyer or sent to the seller while they disagree."""
    assert not [fault for fault in world.faults if fault.startswith("dispute")], world.faults
    was = before.by_id("payments")
    for dispute in seen.rows["disputes"]:
        if dispute["state"] == "open" and before.of("disputes", id=dispute["id"], state="open"):
            fresh = [row for row in seen.of("payments", order_id=dispute["order_id"]) if row["id"] not in was]
            asked = [row["kind"] for row in fresh if row["state"] != "review" and row["source"] != "suspense"]
            assert not asked, f"{asked} were asked for in a dispute"


def the_forgotten_are_waited_for_by_nobody(seen: Seen, before: Seen, world: World) -> None:
    """P15: whoever was forgotten has no order open, and no money on its way."""
    for order in seen.rows["orders"]:
        if order["state"] in ("agreed", "delivered", "disputed"):
            assert not world.gone & {order["seller_id"], order["buyer_id"]}, (
                f"P15: forgotten with a {order['state']} order"
            )
