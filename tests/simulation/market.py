"""The market of the simulation: orders whose collections lead to payouts and refunds, people who change their minds, and
whoever calls back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.simulation.wallet_world import Watched, forged
from tests.simulation.world import MINUTE, SECOND, World
from ussd_app.lib.ids import new_id
from ussd_app.money import ledger, payments
from ussd_app.money.callbacks import callback
from ussd_app.money.payments import Refused
from ussd_app.store import Store, StoreError, Tx

Row = dict[str, Any]
RETRIES = 2
AN_ORDER = 2.1  # payments: the collection, a payout or refund, and what is asked anew after a failure
ORDER_EVERY_MS = 700  # on average, and slower where there are few
TRADING_MS = 40 * MINUTE  # at least


@dataclass(frozen=True)
class Plan:
    """What an order is to come to: who pays how much by which wallet, and what then goes out."""

    order_id: str
    code: str
    payer: str
    amount: int
    wallet: str
    seller: str
    seller_wallet: str
    refund: int  # of what is paid, so much goes back to the payer; the rest to the seller


class Market:
    """Asks for payments until about `most` were asked for, and answers what becomes of them.

    `books` is the store without mishaps: for looking, and for what is not the simulation's subject.
    """

    def __init__(
        self, world: World, store: Store, books: Store, wallets: dict[str, Watched], clock: Any, most: int
    ) -> None:
        self.world, self.store, self.books, self.wallets, self.clock = world, store, books, wallets, clock
        self.orders = max(1, round(most / AN_ORDER))
        self.order_every_ms = max(ORDER_EVERY_MS, TRADING_MS // self.orders)
        self.plans: dict[str, Plan] = {}
        self.asked: dict[str, Row] = {}
        self.deaf = False  # our machine is off
        self.handlers = {
            "payment.paid": self._paid,
            "payment.failed": self._told("failed"),
            "payment.review": self._told("review"),
        }

    def open(self) -> None:
        """Begin: the first order now."""
        self.world.after(0, self._order)

    def _order(self) -> None:
        chance, world = self.world.chance("market"), self.world
        if len(self.plans) >= self.orders:
            return
        world.after(chance.expovariate(1 / self.order_every_ms), self._order)
        if self.deaf:
            return
        people, number = max(12, self.orders // 2), len(self.plans) + 1
        plan = Plan(
            order_id=f"01ORDER{number:06}",
            code=f"{number:07}",
            payer=f"+25078{chance.randrange(people):07}",
            amount=chance.randrange(1, 400) * 100,
            wallet=chance.choice(("mtn_momo", "airtel_money")),
            seller=f"01SELLER{chance.randrange(people):05}",
            seller_wallet=chance.choice(("mtn_momo", "airtel_money")),
            refund=0,
        )
        share = chance.choices((0, 1, 2), (70, 15, 15))[0]
        plan = Plan(**(plan.__dict__ | {"refund": plan.amount * share // 2}))
        self.plans[plan.order_id] = plan
        self._collect(plan)

    def _collect(self, plan: Plan) -> None:
        """Ask the payer; the same intent twice at times, and now and then she leaves at once."""
        chance = self.world.chance("market")
        row = self._ask_apart(self._collection, plan)
        if row is not None and chance.random() < 0.05:
            self._ask_apart(self._collection, plan)
        if row is not None and chance.random() < 0.03:
            self.world.after(chance.randrange(3 * SECOND), lambda: self._leave(row["id"]))

    def _ask_apart(self, ask: Any, plan: Plan) -> Row | None:
        """Ask in a transaction of its own, as a phone does."""
        try:
            row: Row = self.store.write(lambda tx: ask(tx, plan, self.clock.now()))
        except Refused as refused:
            self.world.met[f"refused: {refused.reason}"] += 1
            return None
        except StoreError:
            return None
        return self._asked(row)

    def _asked(self, row: Row) -> Row:
        if row["id"] not in self.asked:
            self.world.tell(row["id"], f"asked: {row['kind']} of {row['amount']} by {row['provider']}")
        self.asked[row["id"]] = row
        return row

    def _leave(self, payment_id: str) -> None:
        if self.deaf:
            return
        self.world.met["cancelled by people"] += 1
        try:
            now = self.clock.now()
            self.store.write(
                lambda tx: payments.cancel(tx, now=now, payment_id=payment_id, by="person:01BUYER", why="left")
            )
        except StoreError:
            return

    def _collection(self, tx: Tx, plan: Plan, now: int) -> Row:
        return payments.ask(
            tx, now=now, kind="collection", provider=plan.wallet, person_id="01BUYER", msisdn=plan.payer,
            amount=plan.amount, currency="RWF", order_id=plan.order_id, external=plan.code,
        )  # fmt: skip

    def _payout(self, tx: Tx, plan: Plan, now: int) -> Row:
        return payments.ask(
            tx, now=now, kind="disbursement", provider=plan.seller_wallet, person_id=plan.seller,
            msisdn=f"+25079{plan.seller[-5:]:0>7}", amount=plan.amount - plan.refund, currency="RWF",
            order_id=plan.order_id, external=plan.code,
        )  # fmt: skip

    def _refund(self, tx: Tx, plan: Plan, now: int) -> Row:
        (paid,) = (
            row
            for row in tx.payments_of_order(order_id=plan.order_id)
            if row["kind"] == "collection" and row["state"] == "paid"
        )
        return payments.ask(
            tx, now=now, kind="refund", provider=plan.wallet, person_id="01BUYER", msisdn=plan.payer,
            amount=plan.refund, currency="RWF", order_id=plan.order_id, external=plan.code, original_id=paid["id"],
        )  # fmt: skip

    def _paid(self, tx: Tx, row: Row, now: int) -> None:
        """Goods are released once: what was collected goes on to the seller, or back."""
        self._tell(tx, row, "paid", now)
        if row["kind"] != "collection":
            return
        plan = self.plans[row["order_id"]]
        if plan.amount > plan.refund:
            ledger.move(
                tx, now=now, source=f"order:{plan.order_id}:held", destination=f"seller:{plan.seller}:payable",
                amount=plan.amount - plan.refund, currency="RWF", why="share", once=f"order:{plan.order_id}:share",
            )  # fmt: skip
            self._asked(self._payout(tx, plan, now))
        if plan.refund:
            self._asked(self._refund(tx, plan, now))

    def _told(self, state: str) -> Any:
        def told(tx: Tx, row: Row, now: int) -> None:
            self._tell(tx, row, state, now)
            if state == "failed" and row["order_id"] in self.plans:
                again = {"collection": self._collection, "disbursement": self._payout, "refund": self._refund}[
                    row["kind"]
                ]
                plan, wait_ms = self.plans[row["order_id"]], self.world.chance("market").randrange(5 * MINUTE)
                self.world.after(wait_ms, lambda: self._again(again, plan, row["kind"]))

        return told

    def _again(self, ask: Any, plan: Plan, kind: str) -> None:
        """After a failure, asked anew under a new reference, where nothing of it is open."""
        if self.deaf:
            return
        with self.books.read() as tx:
            same = [row for row in tx.payments_of_order(order_id=plan.order_id) if row["kind"] == kind]
        if all(row["state"] in ("failed", "cancelled") for row in same) and 0 < len(same) <= RETRIES:
            self._ask_apart(ask, plan)

    def _tell(self, tx: Tx, row: Row, state: str, now: int) -> None:
        """Somebody is told, in the transaction of the change: nothing hides a second telling."""
        self.world.settled.add(row["id"])
        self.world.tell(row["id"], f"told: {state} {row['reason']}")
        tx.outbox_order(
            id=new_id(), kind="sms", recipient="+250788000001", template="test", values_json=f'"{state}:{row["id"]}"',
            language="en", purpose="payment", urgent=1, person_id=None, dedupe=None, due_at=now, now=now,
        )  # fmt: skip

    # callbacks

    def hear(self, url: str, body: bytes) -> int:
        """What a wallet calls back with comes to our door, and perhaps is not kept."""
        if not url or self.deaf:
            return 0
        _, name, token = urlsplit(url).path.strip("/").split("/")
        return self.keep(name, token, body)

    def keep(self, name: str, token: str, body: bytes) -> int:
        wallet, now = self.wallets[name], self.clock.now()
        hint = wallet.read_callback(body, {}, token)
        shared = not wallet.needs_callback_per_payment and token == "s"
        try:
            self.store.write(lambda tx: callback(tx, now=now, provider=name, hint=hint, token=token, shared=shared))
        except StoreError:
            return 503
        return 202

    def forge(self) -> None:
        """Now and then somebody calls back who is no wallet, or a wallet in strange words."""
        chance = self.world.chance("forgers")
        if not self.world.faulty:
            return
        self.world.after(chance.expovariate(1 / (20 * SECOND)), self.forge)
        if self.deaf or not self.asked:
            return
        recent = list(self.asked.values())[-60:]
        row, other = chance.choice(recent), chance.choice(recent)
        token = row["callback_token"] if row["provider"] == "mtn_momo" else "s"
        what = chance.choice(("forged", "foreign", "empty", "stranger", "many", "failed"))
        reference = other["id"] if what == "foreign" else row["id"]
        external = other["our_external"] if what == "foreign" else row["our_external"]
        body = b"" if what == "empty" else forged("FAILED" if what == "failed" else "SUCCESSFUL", reference, external)
        self.world.meet(f"callback: {what}", row["id"])
        for _ in range(8 if what == "many" else 1):
            self.keep(row["provider"], "0" * 43 if what == "stranger" else token, body)
