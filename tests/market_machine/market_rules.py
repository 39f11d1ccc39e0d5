"""What sellers and buyers do before anything is weighed: rules over the market's own functions, each in a real turn.

Whom a rule is given may do it or not: a refusal is an answer. What may never be done is asserted where it is tried.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import consumes, initialize, multiple, rule

from tests.market_machine.acts import (
    GOODS,
    MODES,
    NETWORKS,
    PRICE,
    PRODUCE,
    Acts,
    agreements,
    bids,
    buyers,
    sellers,
    shelf,
)
from tests.market_machine.world import HOUR, MINUTE
from ussd_app.lib.msisdn import parse
from ussd_app.market import leaving, listings, offers, orders, wallets
from ussd_app.money.providers.base import Holder


class MarketRules(Acts):
    """People, goods, offers, orders, and where money is to go."""

    # people

    @initialize(target=sellers)
    def first_sellers(self) -> Any:
        return multiple(self.world.seller("8"), self.world.seller("3"))

    @initialize(target=buyers)
    def first_buyers(self) -> Any:
        return multiple(self.world.buyer("8"), self.world.buyer("8"))

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
