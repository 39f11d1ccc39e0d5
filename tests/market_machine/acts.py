"""What all rules share: the bundles, what is traded, and the single acts that several of them are made of."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, multiple

from tests.market.trades import CHERRY_TERMS, MAIZE_TERMS
from tests.market_machine.world import World
from ussd_app.market import deliveries, listings, offers, orders
from ussd_app.market.terms import Terms

sellers, buyers, shelf, bids = Bundle("sellers"), Bundle("buyers"), Bundle("listings"), Bundle("offers")
agreements, weights, quarrels, moves = Bundle("orders"), Bundle("deliveries"), Bundle("disputes"), Bundle("payments")

NETWORKS = st.sampled_from(["8", "8", "3"])
MODES = st.sampled_from(["pass_through", "pass_through", "held", "held", "outside"])
GOODS = {
    # produce: (terms, quantity, prices; the last one is more than a wallet moves at once)
    "maize.grain": (MAIZE_TERMS, 20_000, (400, 433, 150_000 // 2)),
    "coffee.cherry": (CHERRY_TERMS, 40_000, (650, 701, 60_000)),
    "basket.large": (MAIZE_TERMS, 10, (4_000, 12_500, 99_000)),
}
PRODUCE = st.sampled_from(sorted(GOODS))
PRICE = st.sampled_from([0, 0, 1, 1, 2])


class Acts(RuleBasedStateMachine):
    """The acts; `world` is made anew for each example."""

    world: World

    def fresh(self) -> Any:
        """The payments that came of this step, for their bundle."""
        return multiple(*self.world.new_payments())

    def sale(self, seller: str, buyer: str, produce: str, price: int, mode: str, listed: int = 1) -> str | None:
        """Goods are listed, an offer is made and accepted. Returns the order's id."""
        world, (terms, quantity, prices) = self.world, GOODS[produce]
        if {seller, buyer} & world.gone:
            return None
        terms = dataclasses.replace(terms, price=prices[price], quantity=quantity, settlement=mode)
        listing = world.act(lambda tx: self._listed(tx, seller, produce, quantity * listed, terms.price))
        offer = listing and world.act(lambda tx: self._offered(tx, buyer, listing["id"], terms))
        order = offer and world.act(
            lambda tx: orders.accept(tx, clock=world.clock, now=world.now, person_id=seller, offer_id=offer["id"])
        )
        return order and str(order["id"])

    def _listed(self, tx: Any, seller: str, produce: str, quantity: int, price: int) -> Any:
        world = self.world
        return listings.add(
            tx, hub=world.hub, clock=world.clock, now=world.now, seller_id=seller, produce=produce, quantity=quantity,
            price=price, place="3701",
        )  # fmt: skip

    def _offered(self, tx: Any, buyer: str, listing_id: str, terms: Terms) -> Any:
        world = self.world
        return offers.make(
            tx, hub=world.hub, clock=world.clock, now=world.now, buyer_id=buyer, listing_id=listing_id, terms=terms
        )

    def weigh(self, order_id: str, pct: int, floaters: int = 0, deduct: int = 0) -> str | None:
        """What came, as a hundredth of what the order is for, and 7 units. Returns the delivery's id."""
        world, order = self.world, self.row("orders", order_id)
        gross = order["quantity"] * pct // 100 + (7 if pct < 100 and order["unit"] == "g" else 0)
        delivery = world.act(
            lambda tx: deliveries.record(
                tx, clock=world.clock, now=world.now, order_id=order_id, buyer_id=order["buyer_id"], gross=gross,
                floaters=floaters, deductions=[("transport", deduct), ("Sacks, old", 5)] if deduct else (),
            )
        )  # fmt: skip
        return delivery and str(delivery["id"])

    def say_right(self, delivery_id: str) -> Any:
        world, delivery = self.world, self.row("deliveries", delivery_id)
        return world.act(
            lambda tx: deliveries.agree(
                tx, clock=world.clock, now=world.now, seller_id=delivery["seller_id"], delivery_id=delivery_id
            )
        )

    def row(self, table: str, row_id: str) -> dict[str, Any]:
        with self.world.store.read() as tx:
            return dict(tx.rows(f"SELECT * FROM {table} WHERE id = :id", id=row_id)[0])

    def count(self, table: str) -> int:
        with self.world.store.read() as tx:
            return int(tx.rows(f"SELECT COUNT(*) AS n FROM {table}")[0]["n"])
