"""What sellers, buyers and operators do on the market: rules over the market's own functions, each in a real turn.

Whom a rule is given may do it or not: a refusal is an answer. What may never be done is asserted where it is tried.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, multiple, rule

from tests.market.trades import CHERRY_TERMS, MAIZE_TERMS
from tests.market_machine.world import HOUR, MINUTE, World
from ussd_app.lib.msisdn import parse
from ussd_app.market import deliveries, disputes, leaving, listings, offers, orders, settlement, wallets
from ussd_app.market.terms import Terms
from ussd_app.money.providers.base import Holder

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


class MarketRules(RuleBasedStateMachine):
    """The market's half of the machine; `world` is made anew for each example."""

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

    # people

    @initialize(target=sellers)
    def first_sellers(self) -> Any:
        return multiple(self.world.seller("8"), self.world.seller("3"))

    @initialize(target=buyers)
    def first_buyers(self) -> Any:
        return multiple(self.world.buyer("8"), self.world.buyer("8"))

    @initialize(target=agreements, mode=st.sampled_from(["pass_through", "held"]), produce=PRODUCE)
    def first_orders(self, mode: str, produce: str) -> Any:
        """One order whose goods have come, one still to be weighed, of people who do nothing else."""
        found = [self.sale(self.world.seller("8"), self.world.buyer("8"), produce, 0, one) for one in (mode, "held")]
        self.world.clock.advance(6 * MINUTE)
        assert found[0] and found[1]
        delivery = self.weigh(found[0], 100)
        assert delivery and self.say_right(delivery)
        return multiple(*found)

    @rule(target=sellers, network=NETWORKS)
    def register_seller(self, network: str) -> str:
        return self.world.seller(network)

    @rule(target=buyers, network=NETWORKS)
    def register_buyer(self, network: str) -> str:
        return self.world.buyer(network)

    @rule(person=st.one_of(sellers, buyers), surely=st.sampled_from([False, False, True]))
    def forget_person(self, person: str, surely: bool) -> None:
        world = self.world
        if not surely:
            return
        with world.store.read() as tx:
            open_orders = tx.open_business(person_id=person)
        erased = world.store.turn(lambda tx: leaving.erase(tx, world.now, person))
        assert not (erased and open_orders), "whoever has an open order was forgotten"
        if erased:
            world.gone.add(person)
            world.reach("forgotten")

    # goods and offers

    @rule(target=shelf, seller=sellers, produce=PRODUCE, price=PRICE, listed=st.integers(1, 3))
    def list_goods(self, seller: str, produce: str, price: int, listed: int) -> Any:
        _, quantity, prices = GOODS[produce]
        if seller in self.world.gone:
            return multiple()
        row = self.world.act(lambda tx: self._listed(tx, seller, produce, quantity * listed, prices[price]))
        return row["id"] if row else multiple()

    @rule(listing_id=shelf, left=st.sampled_from([1, 10, 20_000, 45_000]), seen=st.booleans())
    def change_listing(self, listing_id: str, left: int, seen: bool) -> None:
        world, listing = self.world, self.row("listings", listing_id)
        seen_left = listing["left_quantity"] - (0 if seen else 1)
        terms = {"left": left, "price": listing["price"], "seen_left": seen_left}
        changed = world.act(
            lambda tx: listings.change(
                tx, hub=world.hub, now=world.now, seller_id=listing["seller_id"], listing_id=listing_id, **terms
            )
        )
        assert seen or changed is None, "a listing was changed that had been sold meanwhile"

    @rule(listing_id=consumes(shelf), seller=sellers)
    def withdraw_listing(self, listing_id: str, seller: str) -> None:
        owner = self.row("listings", listing_id)["seller_id"]
        why = self.world.asked(
            lambda tx: listings.withdraw(tx, now=self.world.now, seller_id=seller, listing_id=listing_id)
        )
        assert seller == owner or why == "not_found", "somebody else's listing was withdrawn"

    @rule(target=bids, listing_id=shelf, buyer=buyers, mode=MODES, part=st.sampled_from([50, 100, 100, 130]))
    def offer(self, listing_id: str, buyer: str, mode: str, part: int) -> Any:
        listing = self.row("listings", listing_id)
        terms, quantity, _ = GOODS[listing["produce"]]
        terms = dataclasses.replace(terms, price=listing["price"], quantity=quantity * part // 100, settlement=mode)
        if buyer in self.world.gone:
            return multiple()
        row = self.world.act(lambda tx: self._offered(tx, buyer, listing_id, terms))
        return row["id"] if row else multiple()

    @rule(target=bids, offer_id=bids, more=st.integers(1, 40))
    def counter(self, offer_id: str, more: int) -> Any:
        world, offer = self.world, self.row("offers", offer_id)
        terms = dataclasses.replace(offers.terms_of(offer), price=offer["price"] + more)
        side = "seller_id" if offer["made_by"] == "buyer" else "buyer_id"
        row = world.act(
            lambda tx: offers.counter(
                tx, hub=world.hub, clock=world.clock, now=world.now, person_id=offer[side], offer_id=offer_id,
                terms=terms,
            )
        )  # fmt: skip
        return row["id"] if row else multiple()

    @rule(target=agreements, offer_id=bids, right=st.sampled_from([True, True, True, False]))
    def accept(self, offer_id: str, right: bool) -> Any:
        """Whoever got the offer accepts it; whoever made it may not."""
        world, offer = self.world, self.row("offers", offer_id)
        side = "seller_id" if (offer["made_by"] == "buyer") == right else "buyer_id"
        order = world.act(
            lambda tx: orders.accept(tx, clock=world.clock, now=world.now, person_id=offer[side], offer_id=offer_id)
        )
        assert right or order is None, "somebody accepted an offer of her own"
        return order["id"] if order else multiple()

    @rule(offer_id=consumes(bids), withdraws=st.booleans())
    def end_offer(self, offer_id: str, withdraws: bool) -> None:
        offer = self.row("offers", offer_id)
        side = "seller_id" if (offer["made_by"] == "buyer") != withdraws else "buyer_id"
        end = offers.withdraw if withdraws else offers.decline
        self.world.act(lambda tx: end(tx, now=self.world.now, person_id=offer[side], offer_id=offer_id))

    @rule(
        target=agreements,
        seller=sellers,
        buyer=buyers,
        produce=PRODUCE,
        price=PRICE,
        mode=MODES,
        listed=st.integers(1, 2),
    )
    def trade(self, seller: str, buyer: str, produce: str, price: int, mode: str, listed: int) -> Any:
        return self.sale(seller, buyer, produce, price, mode, listed) or multiple()

    @rule(
        order_id=agreements,
        person=st.one_of(sellers, buyers, st.just("buyer")),
        late=st.sampled_from([True, True, False]),
    )
    def undo_or_free(self, order_id: str, person: str, late: bool) -> None:
        world, order = self.world, self.row("orders", order_id)
        person = order["buyer_id"] if person == "buyer" else person
        end = orders.free if late else orders.undo
        why = world.asked(lambda tx: end(tx, now=world.now, person_id=person, order_id=order_id))
        assert why == "not_found" or person in (order["seller_id"], order["buyer_id"]), "a stranger ended an order"
        allowed = world.now >= order["free_after"] if late else world.now < order["regret_until"]
        assert why or (allowed and not order["weighed"]), "an order ended out of its time"
        if not why:
            world.reach("freed" if late else "undone")

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
        assert delivery is None or (pct <= 105 and deduct < 10**9), "more was recorded than the order allows"
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
        world, order = self.world, self.row("orders", order_id)
        done = world.act(
            lambda tx: deliveries.finish(
                tx, clock=world.clock, now=world.now, person_id=order[by], order_id=order_id, give_back=give_back
            )
        )
        if done is not None and not give_back:
            world.lost[order["listing_id"]] += order["quantity"] - self.row("orders", order_id)["quantity"]
        return self.fresh()

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
    _often = rule(target=moves, order_id=agreements, pct=st.sampled_from([100, 100, 97, 104, 40]))
    usual_1, usual_2, usual_3, usual_4 = _often(_usual), _often(_usual), _often(_usual), _often(_usual)

    # quarrels

    @rule(
        target=quarrels,
        order_id=agreements,
        by=st.sampled_from(["seller_id", "buyer_id"]),
        kind=st.sampled_from(disputes.KINDS),
    )
    def dispute(self, order_id: str, by: str, kind: str) -> Any:
        world, order = self.world, self.row("orders", order_id)
        begin = disputes.begin
        if kind == "not_received" and by == "seller_id":
            row = world.act(lambda tx: disputes.not_received(tx, now=world.now, seller_id=order[by], order_id=order_id))
        else:
            row = world.act(lambda tx: begin(tx, now=world.now, person_id=order[by], order_id=order_id, kind=kind))
        if row is None:
            return multiple()
        world.reach("disputed")
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

    # wallets

    @rule(
        person=st.one_of(sellers, buyers),
        whose=st.one_of(sellers, buyers, st.just("new"), st.just("own")),
        provider=st.sampled_from(wallets.PROVIDERS),
        by=st.sampled_from(["self", "self", "Alice"]),
    )
    def choose_wallet(self, person: str, whose: str, provider: str, by: str) -> None:
        """Her own number at the other wallet, a new number, or another person's number; by herself or an operator."""
        world = self.world
        known = {"new": "+250788999001", "own": world.numbers[person]}
        msisdn = known.get(whose) or world.numbers[whose]
        assert parse(msisdn) == msisdn
        row = world.act(
            lambda tx: wallets.choose(
                tx, clock=world.clock, now=world.now, person_id=person, provider=provider, msisdn=msisdn, by=by
            )
        )
        other = whose not in ("new", "own", person) and world.numbers[whose] != world.numbers[person]
        if row is not None and other and whose not in world.gone:
            assert row["state"] == "waiting" and row["owner_id"], (
                "money went to another person's number without her yes"
            )

    @rule(person=st.one_of(sellers, buyers), answer=st.sampled_from(["yes", "no", "approve", "approve", "cancel"]))
    def answer_wallet_change(self, person: str, answer: str) -> None:
        world = self.world
        with world.store.read() as tx:
            asked, mine = wallets.asked_of(tx, person), wallets.shown(tx, person)["waiting"]
        if answer in ("yes", "no"):
            for row in asked[:1]:
                say = wallets.say_yes if answer == "yes" else wallets.say_no
                world.act(lambda tx, say=say, row=row: say(tx, now=world.now, owner_id=person, wallet_id=row["id"]))
        elif answer == "approve" and mine is not None:
            by = "Bob" if mine["asked_by"] == "Alice" else "Alice"
            world.act(lambda tx: wallets.approve(tx, now=world.now, wallet_id=mine["id"], by=by))
        elif mine is not None:
            world.act(lambda tx: wallets.cancel(tx, now=world.now, person_id=person))

    @rule(person=sellers, told=st.sampled_from(["right", "wrong", "wrong", "silent", "inactive"]))
    def holder_is(self, person: str, told: str) -> None:
        """Whose wallet it is, as the wallets tell from now on."""
        said = {"wrong": Holder(True, "Habimana Pierre"), "silent": Holder(), "inactive": Holder(False)}
        for purse in self.world.purses.values():
            purse.holders.pop(self.world.numbers[person], None)
            if told in said:
                purse.holders[self.world.numbers[person]] = said[told]

    @rule(allow=st.sampled_from([True, True, False]))
    def operator_judges_wallets(self, allow: bool) -> None:
        world = self.world
        with world.store.read() as tx:
            rows = wallets.to_decide(tx)
        said = {"by": "Alice", "allow": allow, "why": "asked her cooperative"}
        for row in rows[:2]:
            world.act(lambda tx, row=row: wallets.decide(tx, now=world.now, wallet_id=row["id"], **said))

    @rule(ms=st.sampled_from([1, MINUTE, 6 * MINUTE, 16 * MINUTE, HOUR, 5 * HOUR, 13 * HOUR, 25 * HOUR, 50 * HOUR]))
    def time_passes(self, ms: int) -> None:
        self.world.clock.advance(ms)
