"""Agreements: accepted, undone, freed, moved to their end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.market.trades import CHERRY_TERMS, NOW, Trade, hours, refused
from ussd_app.lib import ids
from ussd_app.market import orders
from ussd_app.store import Store

MINUTE = 60_000


@pytest.fixture
def trade(store: Store) -> Trade:
    return Trade(store)


def undo(trade: Trade, person: str, order: Any) -> Any:
    return trade.store.turn(lambda tx: orders.undo(tx, now=trade.now, person_id=person, order_id=order["id"]))


def free(trade: Trade, person: str, order: Any) -> Any:
    return trade.store.turn(lambda tx: orders.free(tx, now=trade.now, person_id=person, order_id=order["id"]))


def test_accepting_reserves_the_kilos_and_copies_the_terms(trade: Trade) -> None:
    seller, buyer = trade.person("Jeanne"), trade.buyer("Kivu Coffee")
    listing = trade.list(seller, "coffee.cherry", 120_000, 700)
    offer = trade.offer(buyer, listing, CHERRY_TERMS)
    order = trade.accept(seller, offer)
    assert order["state"] == "agreed" and len(order["code"]) == 8 and ids.check_ok(order["code"])
    copied = ("quantity", "price", "price_floaters", "point", "handover_place", "handover_at", "carrier", "settlement")
    assert [order[name] for name in copied] == [offer[name] for name in copied]
    assert (order["tolerance_pct"], order["district"], order["agreed_at"]) == (5, "37", NOW)
    assert order["regret_until"] == NOW + 5 * MINUTE and order["free_after"] == order["handover_at"] + hours(2)
    shelf = trade.row("listings", listing["id"])
    assert (shelf["left_quantity"], shelf["state"]) == (80_000, "open")
    assert trade.row("offers", offer["id"])["state"] == "accepted"
    assert trade.heard(seller)[-1] == "order.agreed.seller" and trade.heard(buyer) == ["order.agreed.buyer"]
    with trade.store.read() as tx:
        sql = "SELECT values_json FROM outbox WHERE template = 'order.agreed.seller'"
        told = json.loads(tx.rows(sql)[0]["values_json"])
    assert (told["name"], told["net_minor"], told["code"]) == ("Kivu Coffee", 26_000, order["code"])
    assert "+25078" not in str(told)


def test_only_who_got_the_offer_accepts_it_and_once(trade: Trade) -> None:
    seller, buyer = trade.person(), trade.buyer()
    offer = trade.offer(buyer, trade.list(seller))
    for person in (buyer, trade.person(), trade.buyer()):
        with refused("not_found"):
            trade.accept(person, offer)
    trade.accept(seller, offer)
    with refused("gone", state="accepted"):
        trade.accept(seller, offer)


def test_two_buyers_want_the_same_fifty_kilos_and_one_hears_it_is_gone(trade: Trade) -> None:
    seller, winner, other = trade.person(), trade.buyer(), trade.buyer()
    listing = trade.list(seller, quantity=50_000)
    first = trade.counter(seller, trade.offer(winner, listing, quantity=50_000), price=420)
    second = trade.counter(seller, trade.offer(other, listing, quantity=50_000), price=420)
    small = trade.offer(other, listing, quantity=1_000)
    order = trade.accept(winner, first)
    assert trade.row("listings", listing["id"])["state"] == "reserved"
    with refused("not_enough", left=0):
        trade.accept(other, second)
    assert trade.row("offers", second["id"])["state"] == "open"
    assert trade.heard(other) == ["offer.countered", "offer.taken", "offer.taken"]
    assert "offer.taken" not in trade.heard(winner)
    undo(trade, winner, order)
    trade.accept(seller, small)
    assert trade.heard(other).count("offer.outsold") == 1  # the fifty kilos were there again, and went again


def test_a_refused_acceptance_leaves_everything_as_it_was(trade: Trade) -> None:
    seller, buyer = trade.person(), trade.buyer()
    listing = trade.list(seller)
    offer, bigger = trade.offer(buyer, listing, quantity=30_000), trade.offer(buyer, listing, quantity=40_000)
    trade.accept(seller, offer)

    def caught(tx: Any) -> None:
        with refused("not_enough", left=20_000):
            orders.accept(tx, clock=trade.clock, now=trade.now, person_id=seller, offer_id=bigger["id"])

    trade.store.turn(caught)
    assert trade.row("listings", listing["id"])["left_quantity"] == 20_000
    assert trade.row("offers", bigger["id"])["state"] == "open"


def test_the_floor_is_asked_again_at_acceptance(trade: Trade) -> None:
    seller, buyer = trade.person(), trade.buyer()
    offer = trade.offer(buyer, trade.list(seller, "coffee.cherry", 50_000, 650), CHERRY_TERMS, price=610)
    trade.store.write(
        lambda tx: tx.floor_add(
            produce="coffee.cherry", currency="RWF", valid_from="2026-09-01", kind="minimum", price=640,
            price_floaters=None, source="",
        )
    )  # fmt: skip
    with refused("below_floor", floor=640, valid_from="2026-09-01"):
        trade.accept(seller, offer)


def test_an_offer_on_a_listing_that_is_over_or_withdrawn_cannot_be_accepted(trade: Trade) -> None:
    seller, buyer = trade.person(), trade.buyer()
    offer = trade.offer(buyer, trade.list(seller, "coffee.cherry", 50_000, 650), CHERRY_TERMS)
    trade.store.write(lambda tx: tx.rows("UPDATE listings SET expires_at = :now RETURNING id", now=NOW))
    with refused("expired"):
        trade.accept(seller, offer)
    trade.store.write(lambda tx: tx.rows("UPDATE listings SET state = 'withdrawn' RETURNING id"))
    with refused("gone", state="withdrawn"):
        trade.accept(seller, offer)


@pytest.mark.parametrize("side", ["seller", "buyer"])
def test_five_minutes_to_undo_and_the_other_side_hears_it(trade: Trade, side: str) -> None:
    seller, buyer = trade.person(), trade.buyer()
    listing = trade.list(seller, quantity=10_000)
    order = trade.accept(seller, trade.offer(buyer, listing))
    with refused("not_found"):
        undo(trade, trade.person(), order)
    trade.clock.advance(5 * MINUTE - 1)
    undone = undo(trade, seller if side == "seller" else buyer, order)
    assert (undone["state"], undone["cancelled_as"]) == ("cancelled", "regret")
    shelf = trade.row("listings", listing["id"])
    assert (shelf["state"], shelf["left_quantity"]) == ("open", 10_000)
    other, actor = (buyer, seller) if side == "seller" else (seller, buyer)
    assert trade.heard(other)[-1] == "order.cancelled" and "order.cancelled" not in trade.heard(actor)
    with refused("gone", state="cancelled"):
        undo(trade, seller, order)
    assert trade.row("buyers", buyer)["missed_count"] == 0


def test_after_five_minutes_it_is_too_late_to_undo(trade: Trade) -> None:
    order = trade.agreed()
    trade.clock.advance(5 * MINUTE)
    with refused("too_late", until=order["regret_until"]):
        undo(trade, order["seller_id"], order)


def test_kilos_are_freed_when_nobody_came_and_the_buyer_missed_one(trade: Trade) -> None:
    seller, buyer = trade.person(), trade.buyer()
    listing = trade.list(seller, quantity=10_000)
    order = trade.accept(seller, trade.offer(buyer, listing, handover_at=NOW + hours(3)))
    trade.clock.advance(hours(5) - 1)
    with refused("too_early", from_at=NOW + hours(5)):
        free(trade, seller, order)
    trade.clock.advance(1)
    with refused("not_found"):
        free(trade, trade.person(), order)
    assert free(trade, seller, order)["cancelled_as"] == "missed"
    with refused("gone", state="cancelled"):
        free(trade, seller, order)
    assert trade.row("listings", listing["id"])["left_quantity"] == 10_000
    assert trade.row("buyers", buyer)["missed_count"] == 1 and trade.heard(buyer)[-1] == "order.freed"


def test_kilos_that_return_after_the_listing_is_over_are_expired(trade: Trade) -> None:
    seller, buyer = trade.person(), trade.buyer()
    listing = trade.list(seller, "coffee.cherry", 40_000, 650)
    order = trade.accept(seller, trade.offer(buyer, listing, CHERRY_TERMS))
    trade.clock.advance(hours(9))
    free(trade, buyer, order)
    shelf = trade.row("listings", listing["id"])
    assert (shelf["state"], shelf["left_quantity"]) == ("expired", 40_000)


def test_a_listing_is_sold_once_all_its_orders_are_settled(trade: Trade) -> None:
    seller, buyer = trade.person(), trade.buyer()
    listing = trade.list(seller, quantity=20_000)
    made = [trade.accept(seller, trade.offer(buyer, listing, quantity=10_000)) for _ in range(2)]
    for order in made:
        trade.move(order, "agreed", "delivered")
    trade.move(made[0], "delivered", "settled")
    assert trade.row("listings", listing["id"])["state"] == "reserved"
    with refused("gone", state="delivered"):
        undo(trade, seller, made[1])
    trade.move(made[1], "delivered", "settled")
    assert trade.row("listings", listing["id"])["state"] == "sold"
    assert trade.row("buyers", buyer)["kept_count"] == 2
    assert trade.move(made[0], "settled", "closed")["state"] == "closed"


def test_an_order_moves_one_known_step_from_where_it_was_seen(trade: Trade) -> None:
    order = trade.agreed()
    with pytest.raises(ValueError, match="cannot go from agreed to settled"):
        trade.move(order, "agreed", "settled")
    with refused("gone", state="agreed"):
        trade.move(order, "delivered", "settled")
    with refused("not_found"):
        trade.move({"id": "nothing"}, "agreed", "delivered")
    trade.move(order, "agreed", "disputed")
    cancelled = trade.move(order, "disputed", "cancelled")
    assert cancelled["cancelled_as"] == "dispute"
    assert trade.row("listings", order["listing_id"])["left_quantity"] == order["quantity"]


def test_a_taken_code_is_drawn_again(trade: Trade, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter(["1234567", "1234567", "7654321"])
    monkeypatch.setattr(ids, "code_digits", lambda n: next(drawn))
    codes = {trade.agreed()["code"], trade.agreed()["code"]}
    assert codes == {ids.with_check("1234567"), ids.with_check("7654321")}


def test_orders_are_seen_by_their_two_sides_alone(trade: Trade) -> None:
    order = trade.agreed()
    seller, buyer, stranger = order["seller_id"], order["buyer_id"], trade.person()
    with trade.store.read() as tx:
        assert tx.order_details(id=order["id"], person_id=stranger) is None
        assert tx.order_by_code(code=order["code"], person_id=stranger) is None
        assert tx.order_by_code(code=order["code"], person_id=buyer)["id"] == order["id"]
        details = tx.order_details(id=order["id"], person_id=seller)
        assert details["buyer_name"] == "Kivu Coffee" and details["buyer_msisdn"].startswith("+25078")
        assert [row["id"] for row in tx.orders_of_seller(seller_id=seller, limit=5)] == [order["id"]]
        assert [row["seller_name"] for row in tx.orders_of_buyer(buyer_id=buyer, limit=5)] == ["Jeanne"]
        assert tx.orders_of_buyer(buyer_id=stranger, limit=5) == []
