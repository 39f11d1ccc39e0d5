"""What people do with an order: weigh, agree, say what was paid, and quarrel."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, multiple, rule

from tests.market_machine.acts import (
    MODES,
    PRICE,
    PRODUCE,
    Acts,
    agreements,
    buyers,
    moves,
    quarrels,
    sellers,
    weights,
)
from tests.market_machine.world import MINUTE
from ussd_app.market import deliveries, disputes, settlement


class DeliveryRules(Acts):
    """Deliveries and disputes."""

    @initialize(
        target=agreements,
        mode=st.sampled_from(["pass_through", "held"]),
        produce=PRODUCE,
        until=st.sampled_from(["agreed", "paid out", "refunded", "wrong", "disputed", "rest ended"]),
    )
    def first_orders(self, mode: str, produce: str, until: str) -> Any:
        """An order whose goods have come and one still to be weighed, of people who do nothing else; taken so far that
        even a few examples see money on all its ways."""
        world = self.world
        found = [self.sale(world.seller("8"), world.buyer("8"), produce, 0, one) for one in (mode, "held")]
        world.clock.advance(6 * MINUTE)
        assert found[0] and found[1]
        delivery = self.weigh(found[0], 40 if until == "rest ended" else 100)
        assert delivery and self.say_right(delivery)
        if until == "rest ended":
            order = self.row("orders", found[0])
            self._no_more_comes(order, order["buyer_id"], give_back=True)
        world.jobs()
        if until == "wrong":
            asked = world.purses["mtn_momo"].waiting()[0].instruction
            world.purses["mtn_momo"].approve(asked.reference_id, amount=asked.amount + 1)
        if until in ("paid out", "refunded", "wrong"):
            world.settle(3)
        if until in ("refunded", "disputed"):
            self._called_off(found[1], decided=until == "refunded")
        return multiple(*found)

    def _called_off(self, order_id: str, decided: bool) -> None:
        """The buyer says that nobody came, and an operator that it is off: what was paid goes back."""
        world, order = self.world, self.row("orders", order_id)
        dispute = world.store.turn(
            lambda tx: disputes.begin(
                tx, now=world.now, person_id=order["buyer_id"], order_id=order_id, kind="not_come"
            )
        )
        world.reach("disputed")
        said = {"dispute_id": dispute["id"], "by": "Alice", "why": "both were heard", "amount_minor": None}
        if decided:
            world.act(lambda tx: disputes.decide(tx, clock=world.clock, now=world.now, becomes="cancelled", **said))
        world.settle(2)

    # what came

    @rule(
        target=weights,
        order_id=agreements,
        pct=st.sampled_from([30, 60, 96, 100, 105, 106, 140]),
        floats=st.booleans(),
        deduct=st.sampled_from([0, 0, 90, 10**9]),
    )
    def record_delivery(self, order_id: str, pct: int, floats: bool, deduct: int) -> Any:
        """Part of it, all, more than agreed within the tolerance, and more than that."""
        order = self.row("orders", order_id)
        floaters = 1_500 if floats and order["produce"] == "coffee.cherry" else 0
        delivery = self.weigh(order_id, pct, floaters, deduct)
        gross = self.row("deliveries", delivery)["gross"] if delivery else 0
        assert gross * 100 <= order["quantity"] * 105, "more was recorded than the order allows"
        assert delivery is None or deduct < 10**9, "more was taken off than it is worth"
        return delivery or multiple()

    @rule(target=moves, delivery_id=weights, right=st.sampled_from([True, True, True, False]))
    def agree_or_refuse(self, delivery_id: str, right: bool) -> Any:
        world, delivery = self.world, self.row("deliveries", delivery_id)
        if right:
            self.say_right(delivery_id)
            return self.fresh()
        world.act(
            lambda tx: deliveries.refuse(
                tx, now=world.now, seller_id=delivery["seller_id"], delivery_id=delivery_id, why="too light"
            )
        )
        return multiple()

    @rule(delivery_id=weights, seller=sellers)
    def agree_for_another(self, delivery_id: str, seller: str) -> None:
        world, delivery = self.world, self.row("deliveries", delivery_id)
        if seller == delivery["seller_id"]:
            return
        why = world.asked(
            lambda tx: deliveries.agree(tx, clock=world.clock, now=world.now, seller_id=seller, delivery_id=delivery_id)
        )
        assert why == "not_found", "somebody agreed for another"

    @rule(target=moves, delivery_id=weights)
    def lapse(self, delivery_id: str) -> Any:
        self.world.act(
            lambda tx: deliveries.lapse(
                tx, now=self.world.now, delivery_id=delivery_id, by="Alice", why="she is not to be reached"
            )
        )
        return self.fresh()

    @rule(
        target=agreements,
        seller=sellers,
        buyer=buyers,
        produce=PRODUCE,
        price=PRICE,
        mode=MODES,
        pct=st.sampled_from([60, 97, 100, 104]),
    )
    def trade_delivered(self, seller: str, buyer: str, produce: str, price: int, mode: str, pct: int) -> Any:
        """A whole trade up to the seller's yes."""
        order_id = self.sale(seller, buyer, produce, price, mode)
        if order_id is None:
            return multiple()
        self.world.clock.advance(6 * MINUTE)
        delivery = self.weigh(order_id, pct, deduct=90)
        if delivery is not None:
            self.say_right(delivery)
        return order_id

    @rule(target=moves, order_id=agreements, by=st.sampled_from(["seller_id", "buyer_id"]), give_back=st.booleans())
    def finish(self, order_id: str, by: str, give_back: bool) -> Any:
        order = self.row("orders", order_id)
        self._no_more_comes(order, order[by], give_back)
        return self.fresh()

    def _no_more_comes(self, order: dict[str, Any], person: str, give_back: bool) -> None:
        world = self.world
        done = world.act(
            lambda tx: deliveries.finish(
                tx, clock=world.clock, now=world.now, person_id=person, order_id=order["id"], give_back=give_back
            )
        )
        if done is None:
            return
        rest = order["quantity"] - self.row("orders", order["id"])["quantity"]
        world.reach("rest ended")
        if not give_back:
            world.lost[order["listing_id"]] += rest

    @rule(target=moves, order_id=agreements)
    def confirm_received(self, order_id: str) -> Any:
        world, order = self.world, self.row("orders", order_id)
        done = world.act(
            lambda tx: settlement.confirm_received(
                tx, clock=world.clock, now=world.now, seller_id=order["seller_id"], order_id=order_id
            )
        )
        assert done is None or order["settlement"] == "outside"
        if done:
            world.reach("confirmed outside")
        return self.fresh()

    def _usual(self, order_id: str, pct: int) -> Any:
        """What people usually do next with an order: weigh it, say that it is right, pay."""
        world, order = self.world, self.row("orders", order_id)
        waiting = [row for row in self._weighed(order_id) if row["state"] == "recorded"]
        if waiting:
            self.say_right(waiting[0]["id"])
        elif order["state"] == "agreed" and order["weighed"] and pct == 40:
            self._no_more_comes(order, order["buyer_id"], give_back=True)
        elif order["state"] == "agreed":
            world.clock.advance(6 * MINUTE)
            self.weigh(order_id, pct)
        else:
            world.settle(2)
        return self.fresh()

    def _weighed(self, order_id: str) -> list[dict[str, Any]]:
        with self.world.store.read() as tx:
            return deliveries.of_order(tx, order_id)

    # Several times the same: else most examples would end before anybody is paid.
    _often = rule(target=moves, order_id=agreements, pct=st.sampled_from([100, 97, 104, 40, 40]))
    usual_1, usual_2, usual_3, usual_4 = _often(_usual), _often(_usual), _often(_usual), _often(_usual)

    # quarrels

    @rule(
        target=quarrels,
        order_id=agreements,
        by=st.sampled_from(["seller_id", "buyer_id"]),
        kind=st.sampled_from(disputes.KINDS),
        asked=st.booleans(),
    )
    def dispute(self, order_id: str, by: str, kind: str, asked: bool) -> Any:
        """One side says that something is wrong, perhaps while the buyer's phone asks: nothing more may follow."""
        if asked:
            self.world.jobs()
        world, order = self.world, self.row("orders", order_id)
        begin = disputes.begin
        if kind == "not_received" and by == "seller_id":
            row = world.act(lambda tx: disputes.not_received(tx, now=world.now, seller_id=order[by], order_id=order_id))
        else:
            row = world.act(lambda tx: begin(tx, now=world.now, person_id=order[by], order_id=order_id, kind=kind))
        if row is None:
            return multiple()
        world.reach("disputed")
        if asked:
            world.settle(2)
        return row["id"]

    @rule(
        target=moves,
        dispute_id=quarrels,
        becomes=st.sampled_from(["settled", "settled", "cancelled"]),
        pct=st.sampled_from([None, 0, 40, 100, 120]),
        end=st.sampled_from(["accept", "own", "changed", "none"]),
    )
    def propose_and_answer(self, dispute_id: str, becomes: str, pct: int | None, end: str) -> Any:
        """One side offers an end, the other agrees to what it saw."""
        world, dispute = self.world, self.row("disputes", dispute_id)
        order = self.row("orders", dispute["order_id"])
        amount = None if pct is None else order["quantity"] * order["price"] * pct // 100_000
        row = world.act(
            lambda tx: disputes.propose(
                tx, now=world.now, person_id=order["seller_id"], dispute_id=dispute_id, becomes=becomes,
                amount_minor=amount,
            )
        )  # fmt: skip
        if row is None or end == "none":
            return multiple()
        person = order["seller_id" if end == "own" else "buyer_id"]
        seen = row["proposed_amount"] + (1 if end == "changed" else 0)
        why = world.asked(
            lambda tx: disputes.accept(
                tx, clock=world.clock, now=world.now, person_id=person, dispute_id=dispute_id, seen_as=becomes,
                seen_amount=seen,
            )
        )  # fmt: skip
        assert why or end == "accept", "a proposal was agreed to by nobody who saw it"
        if not why:
            world.reach("dispute agreed")
        return self.fresh()

    @rule(
        target=moves,
        dispute_id=quarrels,
        becomes=st.sampled_from(["settled", "settled", "cancelled", "withdrawn"]),
        pct=st.sampled_from([None, 0, 50, 100]),
    )
    def end_dispute(self, dispute_id: str, becomes: str, pct: int | None) -> Any:
        """An operator decides, or whoever opened it takes it back."""
        world, dispute = self.world, self.row("disputes", dispute_id)
        order = self.row("orders", dispute["order_id"])
        amount = None if pct is None else order["quantity"] * order["price"] * pct // 100_000
        who = {"clock": world.clock, "now": world.now, "dispute_id": dispute_id}
        if becomes == "withdrawn":
            done = world.act(lambda tx: disputes.withdraw(tx, person_id=dispute["opened_by"], **who))
        else:
            said = {"by": "Alice", "becomes": becomes, "amount_minor": amount, "why": "both were heard"}
            done = world.act(lambda tx: disputes.decide(tx, **who, **said))
        if done:
            world.reach(f"dispute {done['ended_as']}")
        return self.fresh()

    @rule(
        target=quarrels, seller=sellers, buyer=buyers, produce=PRODUCE, price=PRICE, amount=st.sampled_from([0, 1_000])
    )
    def collected_then_called_off(self, seller: str, buyer: str, produce: str, price: int, amount: int) -> Any:
        """The estimate was paid, nothing comes, an operator calls it off, or gives the seller a little: money goes back."""
        world, order_id = self.world, self.sale(seller, buyer, produce, price, "held")
        if order_id is None:
            return multiple()
        world.clock.advance(6 * MINUTE)
        world.settle(2)
        dispute = world.act(
            lambda tx: disputes.begin(tx, now=world.now, person_id=buyer, order_id=order_id, kind="not_come")
        )
        if dispute is None:
            return multiple()
        said = {"dispute_id": dispute["id"], "by": "Alice", "why": "both were heard", "amount_minor": amount}
        becomes = "settled" if amount else "cancelled"
        world.act(lambda tx: disputes.decide(tx, clock=world.clock, now=world.now, becomes=becomes, **said))
        return dispute["id"]
