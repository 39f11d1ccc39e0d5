"""What is for sale, as its seller and as those who look for it see it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.market.trades import GASABO, NOW, RUSIZI, Trade, hours, refused
from ussd_app.market import expiry, listings
from ussd_app.store import Store


@pytest.fixture
def trade(store: Store) -> Trade:
    return Trade(store)


def own(trade: Trade, seller: str) -> list[dict[str, Any]]:
    with trade.store.read() as tx:
        return tx.listings_open_of_seller(seller_id=seller, now=trade.now, limit=10)


def change(trade: Trade, seller: str, listing: Any, left: int, price: int = 400, seen_left: int | None = None) -> Any:
    seen = listing["left_quantity"] if seen_left is None else seen_left
    return trade.store.turn(
        lambda tx: listings.change(
            tx, hub=trade.hub, now=trade.now, seller_id=seller, listing_id=listing["id"], left=left, price=price,
            seen_left=seen,
        )
    )  # fmt: skip


def withdraw(trade: Trade, seller: str, listing: Any) -> Any:
    return trade.store.turn(lambda tx: listings.withdraw(tx, now=trade.now, seller_id=seller, listing_id=listing["id"]))


def test_a_listing_carries_its_district_and_expires_by_produce(trade: Trade) -> None:
    seller = trade.person()
    cherry = trade.list(seller, "coffee.cherry", 120_000, 650)
    assert cherry["state"] == "open" and cherry["left_quantity"] == 120_000 and cherry["currency"] == "RWF"
    assert (cherry["place"], cherry["district"], cherry["province"]) == ("3701", "37", "Western")
    assert cherry["expires_at"] == NOW + hours(8)
    assert trade.list(seller)["expires_at"] == NOW + hours(48)
    assert trade.heard(seller) == ["listing.saved", "listing.saved"]


def test_a_rehearsal_shrinks_the_time_of_a_listing(trade: Trade) -> None:
    trade.clock.scale = 0.01
    assert trade.list(trade.person(), "coffee.cherry", 1000, 650)["expires_at"] == NOW + hours(8) // 100


@pytest.mark.parametrize(
    ("produce", "quantity", "price", "place", "reason"),
    [
        ("gold.bar", 1000, 400, "3701", "unknown_produce"),
        ("maize.grain", 0, 400, "3701", "bad_quantity"),
        ("maize.grain", -5, 400, "3701", "bad_quantity"),
        ("basket.large", 501, 400, "3701", "too_much"),
        ("maize.grain", 1000, 0, "3701", "bad_price"),
        ("maize.grain", 1000, 100_001, "3701", "bad_price"),
        ("maize.grain", 1000, 400, "9999", "bad_place"),
        ("coffee.cherry", 1000, 599, "3701", "below_floor"),
        ("tea.leaf", 1000, 301, "3701", "below_floor"),
    ],
)
def test_what_cannot_be_listed(trade: Trade, produce: str, quantity: int, price: int, place: str, reason: str) -> None:
    seller = trade.person()
    with refused(reason):
        trade.list(seller, produce, quantity, price, place=place)
    assert own(trade, seller) == [] and trade.heard(seller) == []


def test_repeating_lists_the_last_goods_again_and_judges_them_anew(trade: Trade) -> None:
    seller = trade.person()

    def again() -> Any:
        return trade.store.turn(
            lambda tx: listings.repeat(tx, hub=trade.hub, clock=trade.clock, now=trade.now, seller_id=seller)
        )

    with refused("nothing_to_repeat"):
        again()
    trade.list(seller, quantity=9_000)
    last = trade.list(seller, "coffee.cherry", 80_000, 610)
    trade.list(trade.person("Another"), quantity=1_000)
    trade.clock.advance(hours(30))
    repeated = again()
    same = ("produce", "quantity", "price", "place", "district")
    assert [repeated[name] for name in same] == [last[name] for name in same]
    assert repeated["id"] != last["id"] and repeated["expires_at"] == trade.now + hours(8)
    trade.store.write(
        lambda tx: tx.floor_add(
            produce="coffee.cherry", currency="RWF", valid_from="2026-01-01", kind="minimum", price=620,
            price_floaters=None, source="",
        )
    )  # fmt: skip
    with refused("below_floor", floor=620, valid_from="2026-01-01"):
        again()


def test_changing_keeps_what_orders_hold(trade: Trade) -> None:
    seller, buyer = trade.person(), trade.buyer()
    listing = trade.list(seller, quantity=50_000)
    trade.accept(seller, trade.offer(buyer, listing, quantity=20_000))
    with refused("changed", left=30_000):
        change(trade, seller, listing, 45_000)
    changed = change(trade, seller, listing, 45_000, 420, seen_left=30_000)
    assert (changed["quantity"], changed["left_quantity"], changed["price"]) == (65_000, 45_000, 420)
    with refused("bad_quantity"):
        change(trade, seller, changed, 0)
    with refused("not_found"):
        change(trade, buyer, changed, 1_000)
    cherry = trade.list(seller, "coffee.cherry", 10_000, 600)
    with refused("below_floor", floor=600, kind="minimum"):
        change(trade, seller, cherry, 10_000, 599)
    trade.clock.advance(hours(9))
    with refused("expired"):
        change(trade, seller, cherry, 10_000, 700)


def test_withdrawing_ends_the_offers_that_wait_and_nothing_else(trade: Trade) -> None:
    seller, buyer, other = trade.person(), trade.buyer(), trade.buyer("Rusizi Mills")
    listing = trade.list(seller, quantity=50_000)
    order = trade.accept(seller, trade.offer(buyer, listing, quantity=20_000))
    waiting = trade.offer(other, listing)
    countered = trade.counter(seller, trade.offer(buyer, listing), price=500)
    with refused("not_found"):
        withdraw(trade, other, listing)
    assert withdraw(trade, seller, listing)["left_quantity"] == 30_000
    assert trade.row("offers", waiting["id"])["state"] == "declined"
    assert trade.row("offers", countered["id"])["state"] == "withdrawn"
    assert trade.row("orders", order["id"])["state"] == "agreed"
    assert trade.heard(other) == ["offer.gone"] and trade.heard(buyer)[-1] == "offer.gone"
    assert trade.heard(seller)[-1] == "listing.withdrawn"
    with refused("gone", state="withdrawn"):
        withdraw(trade, seller, listing)


def test_leaving_withdraws_everything_she_sells(trade: Trade) -> None:
    seller, other = trade.person(), trade.person()
    for _ in range(3):
        trade.list(seller)
    trade.list(other)
    assert trade.store.turn(lambda tx: listings.withdraw_all(tx, now=trade.now, seller_id=seller)) == 3
    assert own(trade, seller) == [] and len(own(trade, other)) == 1
    assert "listing.withdrawn" not in trade.heard(seller)


def test_browsing_pages_by_price_without_gaps_or_repeats(trade: Trade) -> None:
    seller = trade.person()
    for n in range(7):
        trade.list(seller, price=400 + n // 3, place=RUSIZI if n % 2 else "3701")
    trade.list(seller, price=1, place=GASABO)
    gone = trade.list(seller, price=2)
    withdraw(trade, seller, gone)
    stale = trade.list(seller, "coffee.cherry", 1000, 600)
    assert stale["expires_at"] < trade.clock.advance(hours(9))
    seen, after = [], {"after_price": 0, "after_id": ""}
    with trade.store.read() as tx:
        while page := tx.listings_by_produce(produce="maize.grain", now=trade.now, limit=3, **after):
            seen += page
            after = {"after_price": page[-1]["price"], "after_id": page[-1]["id"]}
        near = tx.listings_by_district(
            produce="maize.grain", district="37", now=trade.now, limit=10, after_price=0, after_id=""
        )
        assert not tx.listings_by_produce(produce="coffee.cherry", now=trade.now, limit=3, after_price=0, after_id="")
    keys = [(row["price"], row["id"]) for row in seen]
    assert len(keys) == 8 and keys == sorted(set(keys)) and keys[0][0] == 1
    assert len(near) == 4 and {row["district"] for row in near} == {"37"}


def test_what_is_over_is_closed_in_batches_and_told_once(trade: Trade) -> None:
    seller, buyer = trade.person(), trade.buyer()
    fresh = trade.list(seller)
    short = [trade.list(seller, "coffee.cherry", 50_000, 650) for _ in range(3)]
    terms = {"quantity": 1000, "price": 650}
    made = trade.offer(buyer, short[0], **terms)
    countered = trade.counter(seller, trade.offer(buyer, short[1], **terms), price=700)
    trade.clock.advance(hours(8))

    def run(limit: int) -> int:
        return trade.store.write(lambda tx: expiry.expire(tx, now=trade.now, limit=limit))

    assert [run(2), run(2), run(2)] == [4, 1, 0]
    assert {trade.row("listings", row["id"])["state"] for row in short} == {"expired"}
    assert trade.row("listings", fresh["id"])["state"] == "open"
    assert {trade.row("offers", row["id"])["state"] for row in (made, countered)} == {"expired"}
    assert trade.heard(seller).count("listing.expired") == 3
    assert trade.heard(buyer).count("offer.expired") == 1 and trade.heard(seller).count("offer.expired") == 1


def test_a_phone_that_is_shared_gets_no_amounts_and_a_forgotten_person_nothing(trade: Trade) -> None:
    shy, silent = trade.person(amounts=0), trade.person(msisdn=None)
    trade.list(shy)
    trade.list(silent)
    assert trade.heard(shy) == ["listing.saved.plain"]
    with trade.store.read() as tx:
        (row,) = tx.rows("SELECT values_json FROM outbox WHERE person_id = :id", id=shy)
        told = json.loads(row["values_json"])
        assert set(told) == {"produce", "quantity", "unit", "expires_at"} and told["quantity"] == 50_000
        (row,) = tx.rows("SELECT kind FROM outbox WHERE person_id = :id", id=silent)
        assert row["kind"] == "mail"
