"""Whatever the trade tells people can be rendered and is one SMS in every language."""

from __future__ import annotations

import json

import pytest

from tests.market.trades import Trade, hours
from ussd_app.hubs import load_hub
from ussd_app.lib import gsm7
from ussd_app.market import expiry, listings, offers, orders
from ussd_app.notices import Notices
from ussd_app.settings import Settings
from ussd_app.store import Store

TOLD = {
    "listing.saved", "listing.withdrawn", "listing.expired", "offer.new", "offer.changed", "offer.countered",
    "offer.declined", "offer.withdrawn", "offer.expired", "offer.gone", "offer.outsold", "order.agreed.seller",
    "order.agreed.buyer", "order.cancelled", "order.freed",
}  # fmt: skip


@pytest.mark.parametrize("amounts", [1, 0])
def test_every_message_of_the_trade_is_one_sms_with_its_values(store: Store, amounts: int) -> None:
    trade = Trade(store, load_hub("rw"))
    seller, buyer = trade.person("N" * 24, amounts=amounts), trade.buyer("C" * 24, amounts=amounts)
    _everything_happens(trade, seller, buyer)
    notices = Notices(trade.hub, Settings(service_code="*384*100*1234#"))
    with store.read() as tx:
        rows = tx.rows("SELECT template, values_json FROM outbox")
    assert {row["template"].removesuffix(".plain") for row in rows} == TOLD
    assert all(row["template"].endswith(".plain") != bool(amounts) for row in rows)
    for row in rows:
        for language in trade.hub.languages:
            text = notices.render(row["template"], language, json.loads(row["values_json"]))
            assert gsm7.septets(text) <= 160, (row["template"], language, text)
            assert amounts or "RWF" not in text, text


def _everything_happens(trade: Trade, seller: str, buyer: str) -> None:
    place, price = "12", 3_000
    listing = trade.list(seller, quantity=30_000_000, price=price, place=place)
    big = trade.offer(buyer, listing, quantity=29_999_500, price=price, handover_place="W" * 24)
    trade.offer(buyer, listing, quantity=20_000_000, price=price)
    order = trade.accept(seller, big)
    turn = trade.store.turn
    turn(lambda tx: orders.undo(tx, now=trade.now, person_id=seller, order_id=order["id"]))
    offer = trade.offer(buyer, listing, quantity=20_000_000, price=price)
    counter = trade.counter(seller, offer, price=price - 1)
    turn(lambda tx: offers.decline(tx, now=trade.now, person_id=buyer, offer_id=counter["id"]))
    offer = trade.offer(buyer, listing)
    changed = turn(
        lambda tx: offers.change(
            tx, hub=trade.hub, clock=trade.clock, now=trade.now, person_id=buyer, offer_id=offer["id"],
            terms=offers.terms_of(offer),
        )
    )  # fmt: skip
    turn(lambda tx: offers.withdraw(tx, now=trade.now, person_id=buyer, offer_id=changed["id"]))
    trade.offer(buyer, listing)
    turn(lambda tx: offers.withdraw_all(tx, now=trade.now, buyer_id=buyer))
    missed = trade.accept(seller, trade.offer(buyer, listing, quantity=20_000_000, price=price))
    trade.offer(buyer, listing)
    turn(lambda tx: listings.withdraw(tx, now=trade.now, seller_id=seller, listing_id=listing["id"]))
    short = trade.list(seller, "coffee.cherry", 1_000, 5_000, place=place)
    trade.offer(buyer, short, quantity=1_000, price=5_000)
    trade.clock.advance(hours(24 * 40))
    turn(lambda tx: orders.free(tx, now=trade.now, person_id=seller, order_id=missed["id"]))
    turn(lambda tx: expiry.expire(tx, now=trade.now))
