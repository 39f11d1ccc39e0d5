"""Sales from the agreement to the money, with a wallet in the test's own process: for deliveries and what follows."""

from __future__ import annotations

import random
from typing import Any

from tests.market.trades import CHERRY_TERMS, MAIZE_TERMS, Trade
from tests.money.invariants import broken
from tests.money.scripted import Wallet
from ussd_app.lib import ids
from ussd_app.market import deliveries, disputes, settlement, wallets
from ussd_app.money import ledger, payments
from ussd_app.money.driver import Driver
from ussd_app.store import Store


class Deal(Trade):
    """The market, its clock, one wallet provider and one worker."""

    def __init__(self, store: Store, hub: Any = None) -> None:
        super().__init__(store, hub)
        self.wallet = Wallet()
        self.driver = Driver(
            store, self.clock, {"mtn_momo": self.wallet}, settlement.handlers(self.clock), "w1",
            public_url="https://market.test", spread=random.Random(7),
            pause=lambda _seconds: None,
        )  # fmt: skip

    def order(self, settlement: str = "pass_through", quantity: int = 10_000, price: int = 400, **more: Any) -> Any:
        """An agreed order between two new people: maize, or cherries where a price of floaters is named."""
        seller, buyer = self.person(more.pop("name", "Uwase Jeanne")), self.buyer(msisdn=more.pop("msisdn", ""))
        terms = CHERRY_TERMS if "price_floaters" in more else MAIZE_TERMS
        produce = "coffee.cherry" if "price_floaters" in more else "maize.grain"
        listing = self.list(seller, produce, more.pop("listed", quantity), price)
        return self.accept(
            seller, self.offer(buyer, listing, terms, quantity=quantity, price=price, settlement=settlement, **more)
        )

    def record(self, order: Any, gross: int, **more: Any) -> Any:
        buyer = more.pop("buyer_id", order["buyer_id"])
        return self.store.turn(
            lambda tx: deliveries.record(
                tx, clock=self.clock, now=self.now, order_id=order["id"], buyer_id=buyer, gross=gross, **more
            )
        )

    def agree(self, delivery: Any, seller: str = "") -> Any:
        return self.store.turn(
            lambda tx: deliveries.agree(
                tx,
                clock=self.clock,
                now=self.now,
                seller_id=seller or delivery["seller_id"],
                delivery_id=delivery["id"],
            )
        )

    def refuse(self, delivery: Any) -> Any:
        return self.store.turn(
            lambda tx: deliveries.refuse(
                tx, now=self.now, seller_id=delivery["seller_id"], delivery_id=delivery["id"], why="too light"
            )
        )

    def finish(self, order: Any, person: str, **more: Any) -> Any:
        return self.store.turn(
            lambda tx: deliveries.finish(
                tx, clock=self.clock, now=self.now, person_id=person, order_id=order["id"], **more
            )
        )

    def deliver(self, order: Any, gross: int, **more: Any) -> Any:
        return self.agree(self.record(order, gross, **more))

    def know(self, person: str, name: str | None = "UWASE Jeanne", active: bool | None = True) -> str:
        """The provider names the holder of the person's wallet."""
        wallet = self.store.write(lambda tx: wallets.of(tx, now=self.now, person_id=person))
        assert wallet is not None
        verdict = self.store.write(
            lambda tx: wallets.note_holder(
                tx, clock=self.clock, now=self.now, wallet_id=wallet["id"], active=active, name=name
            )
        )
        return verdict

    def drive(self) -> None:
        while self.driver.run_due():
            pass

    def pay(self, kind: str = "collection", **told: Any) -> Any:
        """Send what is asked, let the wallet move the money of `kind`, and hear of it. Returns what was moved."""
        self.drive()
        moved = [
            record for record in self.wallet.records.values()
            if record.instruction.kind == kind and record.state == "pending"
        ]  # fmt: skip
        for record in moved:
            self.wallet.approve(record.instruction.reference_id, **({"external_id": ids.new_id()} | told))
        self.hear([record.instruction.reference_id for record in moved])
        return [record.instruction for record in moved]

    def hear(self, references: list[str]) -> None:
        """Let time pass until the wallet was asked what became of these."""
        for look in range(90):
            self.clock.advance(60_000 if look < 30 else 3_600_000)
            self.drive()
            with self.store.read() as tx:
                states = {tx.payment_by_id(id=one)["state"] for one in references}
            if states <= {"paid", "failed", "review"}:
                return
        raise AssertionError("nobody asked")

    def reject(self, kind: str, reason: str = "NOT_ENOUGH_FUNDS") -> None:
        """Let the wallet refuse what of `kind` is under way, and hear of it."""
        self.drive()
        found = []
        for record in self.wallet.records.values():
            if record.instruction.kind == kind and record.state == "pending":
                self.wallet.reject(record.instruction.reference_id, reason)
                found.append(record.instruction.reference_id)
        self.hear(found)

    def work(self, ms: int = 0) -> int:
        self.clock.advance(ms)
        self.store.write(lambda tx: wallets.activate_due(tx, now=self.now))
        return settlement.run(self.store, self.clock, self.now)

    def status(self, order: Any) -> Any:
        with self.store.read() as tx:
            return settlement.status(tx, order["id"])

    def payments(self, order: Any) -> list[tuple[str, int, str]]:
        with self.store.read() as tx:
            return [(row["kind"], row["amount"], row["state"]) for row in tx.payments_of_order(order_id=order["id"])]

    def state(self, order: Any) -> str:
        return str(self.row("orders", order["id"])["state"])

    def dispute(self, order: Any, person: str, kind: str = "weight", **more: Any) -> Any:
        return self.store.turn(
            lambda tx: disputes.begin(tx, now=self.now, person_id=person, order_id=order["id"], kind=kind, **more)
        )

    def decide(self, dispute: Any, becomes: str, amount: int | None = None, why: str = "both were heard") -> Any:
        return self.store.turn(
            lambda tx: disputes.decide(
                tx, clock=self.clock, now=self.now, dispute_id=dispute["id"], by="Alice", becomes=becomes,
                amount_minor=amount, why=why,
            )
        )  # fmt: skip

    def stands(self, account: str) -> int:
        with self.store.read() as tx:
            return ledger.balance(tx, account, "RWF").posted

    def sound(self) -> None:
        """Books, payments and shelf agree with each other."""
        assert broken(self.store) == []
        with self.store.read() as tx:
            short = tx.rows("""
                SELECT l.id FROM listings l
                WHERE l.quantity <> l.left_quantity + COALESCE((SELECT SUM(o.quantity) FROM orders o
                                                       WHERE o.listing_id = l.id AND o.state <> 'cancelled'), 0)""")
            for row in tx.rows("SELECT id FROM orders"):
                sums = payments.sums(tx, row["id"])
                assert sums["paid_out"] + sums["paying_out"] + sums["refunded"] + sums["refunding"] <= sums["paid"]
        assert not short
