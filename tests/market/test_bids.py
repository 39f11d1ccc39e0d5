"""Standing bids, the clearing and its proposals, on both stores."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.market.trades import GASABO, NYAMASHEKE, RUSIZI, FloorRow, Trade, hours, refused
from ussd_app.hubs import Season
from ussd_app.hubs.distances import Distances, HaulageRate, MatchingRule
from ussd_app.market import bids, buyers, clearings, listings, orders, proposals, rates
from ussd_app.store import Store

DISTANCES = Distances(
    {NYAMASHEKE: (-2.35, 29.15), "3701": (-2.4, 29.1), RUSIZI: (-2.55, 29.0), GASABO: (-1.89, 30.14)},
    [HaulageRate("2025-01-01", 150, 3, 400, 1000, "a test")],
    [MatchingRule("2025-01-01", 5, 60, 120, 50, 20, 72, 10, 5, "a test")],
)
MINUTE = 60_000


class Matched(Trade):
    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.hub.code, self.hub.seasons = "test", [Season("maize", "A", "09-01", "09-30")]
        self.hub.produce = list(self.hub.kinds.values())
        for kind in self.hub.produce:
            object.__setattr__(kind, "group", kind.code.split(".")[0])
            object.__setattr__(kind, "grades", ("A", "B"))

    def bid(self, buyer: str, quantity: int = 30_000, limit: int = 500, place: str = NYAMASHEKE, **more: Any) -> Any:
        produce = more.pop("produce", "maize.grain")
        return self.store.turn(
            lambda tx: bids.make(
                tx,
                hub=self.hub,
                clock=self.clock,
                now=self.now,
                buyer_id=buyer,
                produce=produce,
                quantity=quantity,
                limit_price=limit,
                place=place,
                settlement="outside",
                **more,
            )
        )

    def clear(self) -> int:
        return clearings.run(self.store, self.hub, self.clock, self.now, DISTANCES)

    def accept_proposal(self, person: str, proposal: Any) -> Any:
        return self.store.turn(
            lambda tx: proposals.accept(
                tx, hub=self.hub, clock=self.clock, now=self.now, person_id=person, proposal_id=proposal["id"]
            )
        )

    def all(self, table: str) -> list[Any]:
        with self.store.read() as tx:
            return list(tx.rows(f"SELECT * FROM {table} ORDER BY id"))


@pytest.fixture
def trade(store: Store) -> Matched:
    return Matched(store)


@pytest.fixture
def proposed(trade: Matched) -> tuple[Matched, str, str, Any]:
    seller, buyer = trade.person(), trade.buyer()
    trade.list(seller, "maize.grain", 50_000, 400, place="3701")
    trade.bid(buyer)
    assert trade.clear() == 1
    return trade, seller, buyer, trade.all("proposals")[0]


def test_a_proposal_holds_its_kilos_and_tells_both(proposed: tuple[Matched, str, str, Any]) -> None:
    trade, seller, buyer, proposal = proposed
    assert (proposal["quantity"], proposal["km"], proposal["reason"]) == (30_000, 12, "only_buyer")
    assert (proposal["haulage"], proposal["price"]) == (5, 450)  # between 400 and 500 less 5, the middle 447 to 5
    assert trade.row("listings", proposal["listing_id"])["left_quantity"] == 20_000
    assert trade.row("bids", proposal["bid_id"])["left_quantity"] == 0
    assert trade.heard(seller)[-1] == "match.seller" and trade.heard(buyer) == ["match.buyer"]


@pytest.mark.parametrize("first", ["seller", "buyer"])
def test_both_accept_and_an_order_stands(proposed: tuple[Matched, str, str, Any], first: str) -> None:
    trade, seller, buyer, proposal = proposed
    one, other = (seller, buyer) if first == "seller" else (buyer, seller)
    half = trade.accept_proposal(one, proposal)
    assert (half["state"], half["order"]) == (f"accepted_{first}", None)
    with refused("waiting_other"):
        trade.accept_proposal(one, proposal)
    order = trade.accept_proposal(other, proposal)["order"]
    assert (order["quantity"], order["price"], order["carrier"], order["handover_place"]) == (
        30_000,
        450,
        "buyer",
        "3701",
    )
    assert trade.row("proposals", proposal["id"])["order_id"] == order["id"]
    assert trade.row("listings", proposal["listing_id"])["left_quantity"] == 20_000
    assert trade.heard(seller)[1:] == ["match.seller", "order.agreed.seller"]
    with refused("gone"):
        trade.accept_proposal(other, proposal)


def test_no_gives_the_kilos_back_and_the_pair_never_meets_again(proposed: tuple[Matched, str, str, Any]) -> None:
    trade, seller, buyer, proposal = proposed
    trade.accept_proposal(buyer, proposal)
    trade.store.turn(lambda tx: proposals.decline(tx, now=trade.now, person_id=seller, proposal_id=proposal["id"]))
    assert trade.row("listings", proposal["listing_id"])["left_quantity"] == 50_000
    assert trade.row("bids", proposal["bid_id"])["left_quantity"] == 30_000
    assert trade.heard(buyer) == ["match.buyer", "match.declined"]
    with refused("gone"):
        trade.accept_proposal(buyer, proposal)
    trade.clock.advance(6 * MINUTE)
    assert trade.clear() == 0
    trade.list(trade.person(), "maize.grain", 10_000, 400)
    trade.clock.advance(6 * MINUTE)
    assert trade.clear() == 1


def test_unanswered_it_lapses_once(proposed: tuple[Matched, str, str, Any]) -> None:
    trade, seller, buyer, proposal = proposed
    trade.accept_proposal(seller, proposal)
    trade.clock.set(proposal["expires_at"])
    with refused("expired"):
        trade.accept_proposal(buyer, proposal)
    trade.clear()
    trade.clear()
    assert trade.row("proposals", proposal["id"])["state"] == "lapsed"
    assert trade.row("listings", proposal["listing_id"])["left_quantity"] == 50_000
    assert trade.heard(buyer) == ["match.buyer", "match.lapsed"]


def test_others_cannot_answer(proposed: tuple[Matched, str, str, Any]) -> None:
    trade, _, _, proposal = proposed
    with refused("not_found"):
        trade.accept_proposal(trade.person(), proposal)


def test_the_floor_of_the_day_counts_at_acceptance(proposed: tuple[Matched, str, str, Any]) -> None:
    trade, seller, _, proposal = proposed
    trade.hub.floor_prices.append(FloorRow("maize.grain", "2026-09-21", "minimum", 480))
    trade.store.write(lambda tx: rates.load(tx, trade.hub))
    with refused("below_floor", floor=480):
        trade.accept_proposal(seller, proposal)
    assert trade.row("proposals", proposal["id"])["state"] == "open"


def test_a_withdrawn_listing_or_bid_ends_it(proposed: tuple[Matched, str, str, Any]) -> None:
    trade, seller, buyer, proposal = proposed
    trade.store.turn(
        lambda tx: listings.withdraw(tx, now=trade.now, seller_id=seller, listing_id=proposal["listing_id"])
    )
    with refused("gone", state="withdrawn"):
        trade.accept_proposal(buyer, proposal)
    trade.store.turn(lambda tx: bids.withdraw(tx, now=trade.now, buyer_id=buyer, bid_id=proposal["bid_id"]))
    assert trade.row("proposals", proposal["id"])["state"] == "declined"
    assert trade.row("listings", proposal["listing_id"])["left_quantity"] == 50_000
    assert trade.heard(seller)[-1] == "match.declined"


def test_kilos_held_by_a_proposal_keep_a_listing_from_being_sold(trade: Matched) -> None:
    """Everything else of the listing is settled while a proposal waits: its kilos must come back to an open listing."""
    seller, buyer = trade.person(), trade.buyer()
    listing = trade.list(seller, "maize.grain", 50_000, 400, place="3701")
    order = trade.accept(seller, trade.offer(trade.buyer(), listing, quantity=20_000, price=400))
    trade.bid(buyer)
    assert trade.clear() == 1
    for was, becomes in (("agreed", "delivered"), ("delivered", "settled")):
        trade.move(order, was, becomes)
    assert trade.row("listings", listing["id"])["state"] == "reserved"
    trade.clock.advance(hours(3))
    trade.clear()
    left = trade.row("listings", listing["id"])
    assert (left["state"], left["left_quantity"]) == ("open", 30_000)


def test_a_minimum_waits_until_enough_is_for_sale(trade: Matched) -> None:
    buyer = trade.buyer()
    trade.bid(buyer, 100_000, least=70_000)
    trade.list(trade.person(), "maize.grain", 40_000, 400)
    assert trade.clear() == 0
    trade.list(trade.person(), "maize.grain", 40_000, 400)
    trade.clock.advance(5 * MINUTE)
    assert trade.clear() == 2


def test_an_ask_says_lower_or_nothing(trade: Matched) -> None:
    seller, buyer = trade.person(), trade.buyer()
    listing = trade.list(seller, "maize.grain", 40_000, 600)
    trade.bid(buyer)

    def ask(limit: int, **more: Any) -> None:
        trade.store.turn(
            lambda tx: bids.ask(
                tx, hub=trade.hub, now=trade.now, seller_id=seller, listing_id=listing["id"], limit_price=limit, **more
            )
        )

    assert trade.clear() == 0
    ask(450, standing=False)
    trade.clock.advance(5 * MINUTE)
    assert trade.clear() == 0
    ask(450)
    trade.clock.advance(5 * MINUTE)
    assert trade.clear() == 1
    assert 450 <= trade.all("proposals")[0]["price"] <= 500


def test_each_produce_is_cleared_as_often_as_its_season_says(trade: Matched) -> None:
    with trade.store.read() as tx:
        assert tx.clearings_all() == []
    trade.clear()
    with trade.store.read() as tx:
        due = {row["produce"]: row["due_at"] - trade.now for row in tx.clearings_all()}
    assert due["maize.grain"] == 5 * MINUTE and due["basket.large"] == 60 * MINUTE


def test_two_workers_at_once_clear_once(trade: Matched) -> None:
    for _ in range(4):
        trade.list(trade.person(), "maize.grain", 10_000, 400)
    trade.bid(trade.buyer(), 40_000)
    start, made = threading.Barrier(2), []

    def work() -> None:
        start.wait()
        made.append(trade.clear())

    workers = [threading.Thread(target=work) for _ in range(2)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert sum(made) == 4 and len(trade.all("proposals")) == 4
    assert {row["left_quantity"] for row in trade.all("listings")} == {0}


def test_both_accept_in_the_same_moment(proposed: tuple[Matched, str, str, Any]) -> None:
    trade, seller, buyer, proposal = proposed
    start, answers = threading.Barrier(2), []

    def work(person: str) -> None:
        start.wait()
        answers.append(trade.accept_proposal(person, proposal)["order"])

    people = [threading.Thread(target=work, args=(person,)) for person in (seller, buyer)]
    for one in people:
        one.start()
    for one in people:
        one.join()
    assert len(answers) == 2 and sum(order is not None for order in answers) == 1
    assert len(trade.all("orders")) == 1


def test_a_turn_that_dies_before_its_end_changes_nothing(
    proposed: tuple[Matched, str, str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the yes and the order: the proposal waits as before, its kilos still held."""
    trade, seller, buyer, proposal = proposed
    trade.accept_proposal(buyer, proposal)

    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(orders, "accept", die)
        with pytest.raises(RuntimeError, match="killed"):
            trade.accept_proposal(seller, proposal)
    assert trade.row("proposals", proposal["id"])["state"] == "accepted_buyer"
    assert trade.row("listings", proposal["listing_id"])["left_quantity"] == 20_000 and trade.all("offers") == []
    assert trade.accept_proposal(seller, proposal)["order"]["quantity"] == 30_000


def test_bids_are_judged(trade: Matched) -> None:
    buyer = trade.buyer()
    with refused("below_floor", floor=600):
        trade.bid(buyer, produce="coffee.cherry", limit=590)
    with refused("bad_place"):
        trade.bid(buyer, place="99")
    with refused("bad_quantity"):
        trade.bid(buyer, 10_000, least=10_001)
    caps = buyers.caps("new")
    with refused("over_cap", cap="max_quantity"):
        trade.bid(buyer, 300_000, caps=caps)
    trade.bid(buyer, 10_000, caps=caps)
    trade.bid(buyer, 10_000, caps=caps)
    with refused("over_cap", cap="max_open_offers"):
        trade.bid(buyer, 10_000, caps=caps)
