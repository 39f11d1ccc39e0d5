"""Offers and counters: who may, within which rules, and who hears of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.market.trades import CHERRY_TERMS, NOW, Trade, hours, refused
from ussd_app.market import buyers, offers
from ussd_app.store import Store


@pytest.fixture
def trade(store: Store) -> Trade:
    return Trade(store)


def change(trade: Trade, person: str, offer: Any, *, caps: Any = None, **changes: Any) -> Any:
    terms = replace(offers.terms_of(offer), **changes)
    return trade.store.turn(
        lambda tx: offers.change(
            tx, hub=trade.hub, clock=trade.clock, now=trade.now, person_id=person, offer_id=offer["id"], terms=terms,
            caps=caps,
        )
    )  # fmt: skip


def withdraw(trade: Trade, person: str, offer: Any) -> None:
    trade.store.turn(lambda tx: offers.withdraw(tx, now=trade.now, person_id=person, offer_id=offer["id"]))


def decline(trade: Trade, person: str, offer: Any) -> None:
    trade.store.turn(lambda tx: offers.decline(tx, now=trade.now, person_id=person, offer_id=offer["id"]))


def test_an_offer_carries_its_terms_and_the_seller_hears_it(trade: Trade) -> None:
    seller, buyer = trade.person(), trade.buyer()
    listing = trade.list(seller, "coffee.cherry", 120_000, 650)
    offer = trade.offer(buyer, listing, CHERRY_TERMS)
    assert (offer["made_by"], offer["round"], offer["state"]) == ("buyer", 1, "open")
    assert offer["handover_at"] == NOW + hours(6) and offer["expires_at"] == listing["expires_at"]
    assert offer["take_home"] == 40 * 650
    assert trade.row("listings", listing["id"])["left_quantity"] == 120_000
    assert trade.heard(seller)[-1] == "offer.new" and trade.heard(buyer) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"quantity": 0}, "bad_quantity"),
        ({"quantity": 120_001}, "not_enough"),
        ({"quantity": 6_000_000}, "too_much"),
        ({"price": 0}, "bad_price"),
        ({"price": 599}, "below_floor"),
        ({"price_floaters": 199}, "below_floor"),
        ({"price_floaters": -1}, "bad_price"),
        ({"point": "moon"}, "bad_terms"),
        ({"carrier": "nobody"}, "bad_terms"),
        ({"settlement": "later"}, "bad_terms"),
        ({"tolerance_pct": 101}, "bad_terms"),
        ({"handover_place": "  "}, "bad_place"),
        ({"handover_place": "x" * 25}, "bad_place"),
        ({"handover_place": "9999"}, "bad_place"),
        ({"handover_at": NOW}, "bad_time"),
        ({"handover_at": NOW + hours(24 * 91)}, "bad_time"),
        ({"expires_at": NOW - 1}, "bad_time"),
    ],
)
def test_what_cannot_be_offered(trade: Trade, changes: dict[str, Any], reason: str) -> None:
    seller = trade.person()
    listing = trade.list(seller, "coffee.cherry", 120_000, 650)
    with refused(reason):
        trade.offer(trade.buyer(), listing, CHERRY_TERMS, **changes)
    assert "offer.new" not in trade.heard(seller)


def test_a_bid_below_the_floor_names_the_floor_and_its_date(trade: Trade) -> None:
    listing = trade.list(trade.person(), "coffee.cherry", 120_000, 650)
    facts = {"kind": "minimum", "valid_from": "2025-01-25", "currency": "RWF"}
    with refused("below_floor", floor=600, floaters=False, **facts):
        trade.offer(trade.buyer(), listing, CHERRY_TERMS, price=599)
    with refused("below_floor", floor=200, floaters=True, **facts):
        trade.offer(trade.buyer(), listing, CHERRY_TERMS, price_floaters=100)
    assert trade.offer(trade.buyer(), listing, CHERRY_TERMS, price=600, price_floaters=200)
    assert trade.offer(trade.buyer(), listing, CHERRY_TERMS, price=600, price_floaters=None)


def test_a_fixed_price_is_neither_under_nor_over(trade: Trade) -> None:
    listing = trade.list(trade.person(), "tea.leaf", 50_000, 300)
    for price in (299, 301):
        with refused("below_floor", floor=300, kind="fixed"):
            trade.offer(trade.buyer(), listing, price=price)
    assert trade.offer(trade.buyer(), listing, price=300)


def test_floaters_have_a_price_only_where_there_are_floaters(trade: Trade) -> None:
    with refused("no_floaters"):
        trade.offer(trade.buyer(), trade.list(trade.person()), price_floaters=100)


def test_nobody_offers_on_her_own_goods_or_on_what_is_gone(trade: Trade) -> None:
    seller = trade.person()
    listing = trade.list(seller, "coffee.cherry", 50_000, 650)
    with refused("own_listing"):
        trade.offer(seller, listing, CHERRY_TERMS)
    with refused("not_found"):
        trade.offer(trade.buyer(), {"id": "nothing"})
    trade.clock.advance(hours(8))
    with refused("expired"):
        trade.offer(trade.buyer(), listing, CHERRY_TERMS)


def test_caps_of_a_buyer_nobody_vouched_for(trade: Trade) -> None:
    buyer, caps = trade.buyer(), buyers.caps("new") | {"max_quantity_grams": 20_000, "max_value_minor": 5_000}
    listing = trade.list(trade.person())
    with refused("over_cap", cap="max_quantity", most=20_000):
        trade.offer(buyer, listing, caps=caps, quantity=20_001, price=1)
    with refused("over_cap", cap="max_value_minor", most=5_000):
        trade.offer(buyer, listing, caps=caps, quantity=10_000, price=501)
    first = trade.offer(buyer, listing, caps=caps)
    trade.offer(buyer, listing, caps=caps)
    with refused("over_cap", cap="max_open_offers", most=2):
        trade.offer(buyer, listing, caps=caps)
    withdraw(trade, buyer, first)
    trade.offer(buyer, listing, caps=caps)
    baskets = trade.list(trade.person(), "basket.large", 60, 50)
    with refused("over_cap", cap="max_quantity", most=50):
        trade.offer(trade.buyer(), baskets, caps=caps, quantity=51, price=50)
    trade.offer(trade.buyer(), baskets, caps=caps, quantity=50, price=50)


def test_a_counter_is_a_new_row_that_reserves_nothing(trade: Trade) -> None:
    seller, buyer = trade.person(), trade.buyer()
    listing = trade.list(seller)
    offer = trade.offer(buyer, listing, price=350)
    with refused("not_found"):
        trade.counter(buyer, offer, price=360)
    second = trade.counter(seller, offer, price=420)
    assert (second["answers"], second["round"], second["made_by"]) == (offer["id"], 2, "seller")
    assert second["take_home"] == 4_200 and second["handover_place"] == offer["handover_place"]
    assert trade.row("offers", offer["id"])["state"] == "countered"
    assert trade.row("listings", listing["id"])["left_quantity"] == 50_000
    with refused("gone", state="countered"):
        trade.accept(seller, offer)
    third = trade.counter(buyer, second, price=400)
    assert (third["round"], third["made_by"]) == (3, "buyer")
    with refused("too_many_rounds", most=3):
        trade.counter(seller, third, price=410)
    assert trade.heard(buyer) == ["offer.countered"] and trade.heard(seller)[-1] == "offer.countered"
    assert trade.accept(seller, third)["price"] == 400


def test_a_counter_keeps_to_the_floor_and_to_what_is_left(trade: Trade) -> None:
    seller, buyer = trade.person(), trade.buyer()
    offer = trade.offer(buyer, trade.list(seller, "coffee.cherry", 50_000, 650), CHERRY_TERMS)
    with refused("below_floor"):
        trade.counter(seller, offer, price=590)
    with refused("not_enough", left=50_000):
        trade.counter(seller, offer, quantity=50_001)
    assert trade.row("offers", offer["id"])["state"] == "open"


def test_changing_is_withdrawing_and_offering_in_one_act(trade: Trade) -> None:
    seller, buyer = trade.person(), trade.buyer()
    offer = trade.offer(buyer, trade.list(seller), price=350)
    with refused("not_found"):
        change(trade, seller, offer, price=500)
    with refused("not_enough"):
        change(trade, buyer, offer, quantity=60_000)
    assert trade.row("offers", offer["id"])["state"] == "open"
    changed = change(trade, buyer, offer, price=380)
    assert (changed["replaces"], changed["round"], changed["price"]) == (offer["id"], 1, 380)
    assert trade.row("offers", offer["id"])["state"] == "withdrawn"
    assert trade.heard(seller)[-1] == "offer.changed"
    counter = trade.counter(seller, changed, price=420)
    again = change(trade, seller, counter, price=410)
    assert (again["round"], again["made_by"], again["answers"]) == (2, "seller", changed["id"])
    assert trade.accept(buyer, again)["price"] == 410


def test_either_side_takes_back_its_own_and_declines_the_others(trade: Trade) -> None:
    seller, buyer, stranger = trade.person(), trade.buyer(), trade.buyer()
    listing = trade.list(seller)
    offer = trade.offer(buyer, listing)
    for person in (seller, stranger):
        with refused("not_found"):
            withdraw(trade, person, offer)
    for person in (buyer, stranger):
        with refused("not_found"):
            decline(trade, person, offer)
    decline(trade, seller, offer)
    assert trade.heard(buyer) == ["offer.declined"]
    with refused("gone", state="declined"):
        decline(trade, seller, offer)
    counter = trade.counter(seller, trade.offer(buyer, listing), price=500)
    with refused("not_found"):
        withdraw(trade, buyer, counter)
    withdraw(trade, seller, counter)
    assert trade.heard(buyer)[-1] == "offer.withdrawn"
    with refused("gone", state="withdrawn"):
        trade.accept(buyer, counter)


def test_an_offer_that_expired_two_minutes_ago_cannot_be_accepted_or_answered(trade: Trade) -> None:
    seller, buyer = trade.person(), trade.buyer()
    listing = trade.list(seller)
    offer = trade.offer(buyer, listing, expires_at=NOW + hours(1))
    trade.clock.advance(hours(1) + 120_000)
    with refused("expired", expired_at=NOW + hours(1)):
        trade.accept(seller, offer)
    with refused("expired"):
        trade.counter(seller, offer, price=410)
    with refused("expired"):
        decline(trade, seller, offer)
    with refused("expired"):
        withdraw(trade, buyer, offer)
    assert trade.row("listings", listing["id"])["left_quantity"] == 50_000


def test_the_seller_sees_the_best_take_home_first_with_how_buyers_kept_their_word(trade: Trade) -> None:
    seller, buyer, other = trade.person(), trade.buyer("Kivu Coffee"), trade.buyer("", name="Marc")
    listing = trade.list(seller)
    trade.offer(buyer, listing, price=380)
    best = trade.offer(other, listing, quantity=20_000, price=390)
    trade.offer(buyer, listing, price=395)
    too_big = trade.offer(buyer, listing, quantity=45_000, price=400)
    stale = trade.offer(buyer, listing, price=1_000, expires_at=NOW + 1)
    trade.offer(buyer, trade.list(trade.person()), price=2_000)
    trade.clock.advance(10)
    trade.store.write(lambda tx: tx.buyer_note_missed(person_id=other))
    trade.accept(seller, trade.offer(buyer, listing, quantity=8_000))
    with trade.store.read() as tx:
        rows = tx.offers_for_seller(seller_id=seller, now=trade.now, limit=5)
        count = tx.home_seller(seller_id=seller, now=trade.now)["offers"]
        one = tx.offer_for_seller(id=best["id"], seller_id=seller)
        assert tx.offer_for_seller(id=best["id"], seller_id=buyer) is None
        assert tx.offer_for_buyer(id=best["id"], buyer_id=buyer) is None
        assert tx.offer_for_buyer(id=best["id"], buyer_id=other)["asked_price"] == 400
        mine = tx.rows("SELECT state FROM offers WHERE buyer_id = :buyer ORDER BY id DESC", buyer=buyer)
    assert [row["take_home"] for row in rows] == [7_800, 3_950, 3_800] and count == 3
    assert too_big["id"] not in {row["id"] for row in rows} and stale["id"] not in {row["id"] for row in rows}
    assert (rows[0]["buyer_name"], rows[0]["missed_count"], rows[0]["verification"]) == ("Marc", 1, "new")
    assert (rows[1]["buyer_name"], rows[1]["kept_count"]) == ("Kivu Coffee", 0)
    assert (one["left_quantity"], one["asked_price"]) == (42_000, 400)
    assert len(mine) == 6 and mine[0]["state"] == "accepted"


def test_a_buyer_sees_the_counters_that_wait_for_him_and_leaves_with_all_his_offers(trade: Trade) -> None:
    seller, buyer = trade.person(), trade.buyer()
    listing = trade.list(seller)
    counter = trade.counter(seller, trade.offer(buyer, listing), price=500)
    offer = trade.offer(buyer, listing)
    with trade.store.read() as tx:
        waiting = tx.offers_for_buyer(buyer_id=buyer, now=trade.now, limit=5)
        assert tx.offers_for_buyer(buyer_id=seller, now=trade.now, limit=5) == []
    assert [row["id"] for row in waiting] == [counter["id"]]
    assert trade.store.turn(lambda tx: offers.withdraw_all(tx, now=trade.now, buyer_id=buyer)) == 2
    assert trade.row("offers", counter["id"])["state"] == "declined"
    assert trade.row("offers", offer["id"])["state"] == "withdrawn"


def test_a_prankster_makes_no_phone_ring_all_day(trade: Trade) -> None:
    """An offer made and withdrawn again and again, or changed without end, is an SMS each time."""
    seller, buyer, caps = trade.person(), trade.buyer(), buyers.caps("confirmed") | {"max_offers_a_day": 4}
    listing = trade.list(seller)
    for _again in range(2):
        withdraw(trade, buyer, trade.offer(buyer, listing, caps=caps))
    standing = trade.offer(buyer, listing, caps=caps)
    changed = change(trade, buyer, standing, caps=caps, price=410)
    with refused("over_cap", cap="max_offers_a_day", most=4):
        change(trade, buyer, changed, caps=caps, price=420)
    assert trade.row("offers", changed["id"])["state"] == "open"
    withdraw(trade, buyer, changed)
    with refused("over_cap", cap="max_offers_a_day", most=4):
        trade.offer(buyer, listing, caps=caps)
    trade.offer(trade.buyer(), listing, caps=caps)
    trade.clock.advance(hours(24) + 1)
    trade.offer(buyer, trade.list(seller), caps=caps)


def test_an_answer_of_a_seller_is_shown_however_many_offers_were_made_since(trade: Trade) -> None:
    seller, buyer = trade.person(), trade.buyer()
    listing = trade.list(seller, "maize.grain", 1_000_000, 400)
    answer = trade.counter(seller, trade.offer(buyer, listing), price=500)
    for _ in range(14):
        withdraw(trade, buyer, trade.offer(buyer, listing))
    newest = trade.offer(buyer, listing)
    with trade.store.read() as tx:
        shown = tx.offers_open_shown_to_buyer(buyer_id=buyer, now=trade.now, limit=12)
    assert [row["id"] for row in shown] == [answer["id"], newest["id"]]


def test_agreed_orders_count_as_what_an_unverified_buyer_keeps_busy(trade: Trade) -> None:
    seller, buyer, caps = trade.person(), trade.buyer(), buyers.caps("new")
    listing = trade.list(seller)
    trade.accept(seller, trade.offer(buyer, listing, caps=caps))
    trade.offer(buyer, listing, caps=caps)
    with refused("over_cap", cap="max_open_offers", most=2):
        trade.offer(buyer, listing, caps=caps)


def test_accepting_a_counter_is_capped_as_an_offer_is(trade: Trade, monkeypatch: pytest.MonkeyPatch) -> None:
    seller, buyer, usual = trade.person(), trade.buyer(), buyers.caps("new")
    listing = trade.list(seller)
    answers = [trade.counter(seller, trade.offer(buyer, listing), price=450) for _ in range(3)]
    trade.accept(buyer, answers[0])
    monkeypatch.setitem(buyers._CAPS, level_of(trade, buyer), usual | {"max_open_offers": 1})
    with refused("over_cap", cap="max_open_offers", most=1):
        trade.accept(buyer, answers[1])
    monkeypatch.setitem(buyers._CAPS, level_of(trade, buyer), usual | {"max_value_minor": 4_499})
    with refused("over_cap", cap="max_value_minor", most=4_499):
        trade.accept(buyer, answers[1])
    assert trade.row("offers", answers[1]["id"])["state"] == "open"
    monkeypatch.setitem(buyers._CAPS, level_of(trade, buyer), usual | {"max_value_minor": 4_500})
    assert trade.accept(buyer, answers[1])["price"] == 450


def level_of(trade: Trade, buyer: str) -> str:
    with trade.store.read() as tx:
        return str(tx.buyer_by_id(person_id=buyer)["verification"])
