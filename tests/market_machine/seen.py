"""The database as it stands after a step, and what the wallets' journals say of its payments."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from tests.market_machine.world import World
from ussd_app.money import audit, ledger

Row = dict[str, Any]
TABLES = ("payments", "transfers", "audit", "orders", "listings", "settlements", "deliveries", "disputes")
# Of what began in the same millisecond, first what ended first.
ORDERED = {"payments": "created_at, CASE WHEN settled_at IS NULL THEN 1 ELSE 0 END, settled_at, id", "audit": "id"}


@dataclass(frozen=True)
class Seen:
    """The database at one moment."""

    rows: dict[str, list[Row]]
    deductions: dict[str, int]
    messages: list[Row]
    cases: list[Row]
    wallets: list[Row]
    books: list[str]
    verdict: audit.Verdict

    def by_id(self, table: str) -> dict[str, Row]:
        return {row["id"]: row for row in self.rows[table]}

    def of(self, table: str, **wanted: Any) -> list[Row]:
        return [row for row in self.rows[table] if all(row[name] == value for name, value in wanted.items())]


def look(world: World) -> Seen:
    """Read everything, in one transaction."""
    with world.store.real.read() as tx:
        return Seen(
            rows={name: tx.rows(f"SELECT * FROM {name} ORDER BY {ORDERED.get(name, '1')}") for name in TABLES},
            deductions={
                row["delivery_id"]: int(row["amount"])
                for row in tx.rows("SELECT delivery_id, SUM(amount) AS amount FROM delivery_deductions GROUP BY 1")
            },
            messages=tx.rows("SELECT template, values_json, dedupe FROM outbox WHERE dedupe IS NOT NULL"),
            cases=tx.rows("SELECT * FROM payment_reviews"),
            wallets=tx.rows("SELECT * FROM wallets"),
            books=ledger.check(tx),
            verdict=audit.verify(tx, world.heads),
        )


def trail_of(seen: Seen) -> dict[str, list[Row]]:
    """The trail by subject, in order."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in seen.rows["audit"]:
        found[row["subject"]].append(row)
    return found


def money_moved(world: World, row: Row) -> tuple[int, str] | None:
    """What really moved under a payment, by the wallet's own journal; late money is found under the first reference."""
    purse = world.purses[row["provider"]]
    found = purse.journal(row["id"])
    if found is None and row["original_id"] and row["kind"] != "refund":
        found = purse.journal(row["original_id"])
    return found


def paid_sums(seen: Seen, order_id: str) -> Counter[str]:
    """What was paid of an order, by kind; what went back out of suspense had never come to it."""
    found: Counter[str] = Counter()
    for row in seen.of("payments", order_id=order_id, state="paid"):
        if row["source"] != "suspense":
            found[row["kind"]] += row["settled_amount"]
    return found
