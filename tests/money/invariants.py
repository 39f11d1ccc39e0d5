"""What must be true of the payments after whatever happened (I1 to I6), read from the database alone."""

from __future__ import annotations

from collections import Counter

from ussd_app.money import ledger
from ussd_app.money.payments import OPEN
from ussd_app.store import Store


def broken(store: Store) -> list[str]:
    """Every invariant that does not hold, a line each."""
    with store.read() as tx:
        faults = ledger.check(tx)
        payments = tx.rows("SELECT * FROM payments")
        open_parts = Counter(
            (row["order_id"], row["kind"], row["part"])
            for row in payments
            if row["state"] not in ("failed", "cancelled")
        )
        faults += [f"I1: {part} has {count} intents" for part, count in open_parts.items() if count > 1]
        for row in payments:
            transfers = ledger.of_payment(tx, row["id"])
            ends = [one for one in transfers if one["kind"] in ("post", "void")]
            posted = [one["amount"] for one in ends if one["kind"] == "post"]
            if len(ends) > 1:
                faults.append(f"I3: the hold of {row['id']} was ended {len(ends)} times")
            if row["state"] in OPEN and ends:
                faults.append(f"I3: {row['state']} {row['id']} has no hold any more")
            if row["state"] == "cancelled" and posted:
                faults.append(f"I3: cancelled {row['id']} was posted")
            if row["state"] == "failed" and posted and row["reason"] != "refunded":
                faults.append(f"I3: failed {row['id']} was posted")
            if row["state"] in ("failed", "cancelled") and row["hold_id"] and not ends:
                faults.append(f"I3: {row['state']} {row['id']} still holds")
            moved = posted + [one["amount"] for one in transfers if one["kind"] == "move"]
            if row["state"] == "paid" and row["settled_amount"] not in moved:
                faults.append(f"I3: paid {row['id']} is not in the books")
            trail = tx.rows(
                "SELECT becomes FROM audit WHERE subject = :s AND action LIKE :a AND becomes <> '' ORDER BY id",
                s=f"payment:{row['id']}",
                a="payment.%",
            )
            states = [one["becomes"] for one in trail]
            if row["state"] not in states:
                faults.append(f"I6: {row['id']} is {row['state']}, the trail says {states}")
    return faults
