"""What sellers have for sale: listed, changed, repeated with one key, withdrawn, given back when a sale falls through.

A listing's quantity is always what is left, what live orders hold and what was sold, together.
"""

from __future__ import annotations

from typing import Any

from ussd_app.hubs import Hub, Produce
from ussd_app.hubs.places import Place
from ussd_app.lib import ids
from ussd_app.lib.clock import Clock
from ussd_app.market import rates
from ussd_app.market.tell import goods, tell
from ussd_app.market.terms import HOUR_MS, Refused
from ussd_app.store import Tx

Listing = dict[str, Any]

ANY_QUANTITY = 1_000_000_000_000  # more than any offer is for: a listing may have shrunk below its offers


def add(
    tx: Tx,
    *,
    hub: Hub,
    clock: Clock,
    now: int,
    seller_id: str,
    produce: str,
    quantity: int,
    price: int,
    place: str,
    cooperative_id: str | None = None,
    quiet: bool = False,
) -> Listing:
    """Put goods up for sale and tell the seller by SMS (not where `quiet`: another message says it).

    Args: `now` epoch ms; `produce` its code; `quantity` grams, millilitres or pieces as the produce says; `price` minor
    units of the hub's currency per kilogram, litre or piece; `place` a place code of the hub.
    Returns the listing's row.
    Raises Refused: unknown_produce, bad_quantity, too_much, bad_price, bad_place, below_floor.
    """
    kind = produce_of(hub, produce)
    check_quantity(kind, quantity)
    check_price(kind, price)
    where = place_of(hub, place)
    rates.floor_for(tx, produce, hub.currency, now).check(price)
    listing_id = ids.new_id()
    listing: Listing | None = tx.listing_add(
        id=listing_id,
        seller_id=seller_id,
        cooperative_id=cooperative_id,
        produce=produce,
        unit=kind.unit,
        quantity=quantity,
        price=price,
        currency=hub.currency,
        place=place,
        district=where.district_code,
        province=where.province,
        now=now,
        expires_at=now + clock.wait(kind.expires_hours * HOUR_MS),
    )
    assert listing is not None
    if not quiet:
        _tell_seller(tx, now, listing, "listing.saved")
    return listing


def repeat(tx: Tx, *, hub: Hub, clock: Clock, now: int, seller_id: str) -> Listing:
    """List the same goods again as the seller's last time: same produce, quantity, price and place, judged anew.

    Raises Refused nothing_to_repeat, or what `add` raises (the floor may have risen since).
    """
    last = tx.listing_last_of_seller(seller_id=seller_id)
    if last is None:
        raise Refused("nothing_to_repeat")
    return add(
        tx,
        hub=hub,
        clock=clock,
        now=now,
        seller_id=seller_id,
        produce=last["produce"],
        quantity=last["quantity"],
        price=last["price"],
        place=last["place"],
        cooperative_id=last["cooperative_id"],
    )


def change(
    tx: Tx,
    *,
    hub: Hub,
    now: int,
    seller_id: str,
    listing_id: str,
    left: int,
    price: int,
    seen_left: int,
) -> Listing:
    """Change what is left for sale and its price; what orders hold stays theirs.

    Args: `left` the new quantity for sale, base units; `price` minor units; `seen_left` what the screen showed as left,
    so that a sale in between is never undone by accident.
    Raises Refused: not_found, gone, expired, changed (left), and those of `add`.
    """
    listing = _own(tx, listing_id, seller_id)
    kind = produce_of(hub, listing["produce"])
    check_quantity(kind, left)
    check_price(kind, price)
    rates.floor_for(tx, listing["produce"], listing["currency"], now).check(price)
    changed: Listing | None = tx.listing_change(
        id=listing_id, seller_id=seller_id, left=left, price=price, seen_left=seen_left, now=now
    )
    if changed is None:
        listing = _own(tx, listing_id, seller_id)
        check_open(listing["state"], listing["expires_at"], now)
        raise Refused("changed", left=listing["left_quantity"])
    if left < seen_left:
        tell_outsold(tx, now, changed, seen_left)
    return changed


def withdraw(tx: Tx, *, now: int, seller_id: str, listing_id: str, quiet: bool = False) -> Listing:
    """Take what is left off the market; buyers whose offers wait hear it. Orders already agreed go on.

    Not a word to the seller where `quiet`.

    Raises Refused: not_found, gone (state: nothing of it is open).
    """
    listing = _end(tx, now, seller_id, listing_id)
    if not quiet:
        _tell_seller(tx, now, listing, "listing.withdrawn")
    return listing


def withdraw_all(tx: Tx, *, now: int, seller_id: str) -> int:
    """Withdraw everything a seller has open, without an SMS to her: she leaves. Returns how many listings that were."""
    count = 0
    while batch := tx.listings_open_of_seller(seller_id=seller_id, now=0, limit=100):
        for listing in batch:
            _end(tx, now, seller_id, listing["id"])
        count += len(batch)
    return count


def give_back(tx: Tx, *, now: int, listing_id: str, quantity: int) -> Listing:
    """A sale fell through: `quantity` base units are for sale again, or the listing is expired if its time is over."""
    listing: Listing | None = tx.listing_give_back(id=listing_id, quantity=quantity, now=now)
    assert listing is not None
    return listing


def tell_outsold(tx: Tx, now: int, listing: Listing, before: int) -> None:
    """Buyers whose open offers fitted when `before` base units were left, and no longer do, hear it at once."""
    left = listing["left_quantity"]
    for offer in tx.offers_open_on_listing(listing_id=listing["id"], above=left, up_to=before, now=now):
        values = goods(offer) | {"left_quantity": left}
        # The same offer may be outsold again after kilos came back: the event is this moment, not the offer.
        event = f"{offer['id']}:{listing['changed_at']}:{left}"
        tell(tx, now, offer | {"id": offer["buyer_id"]}, "offer.outsold" if left else "offer.taken", event, values)


def check_open(state: str, expires_at: int, now: int) -> None:
    """Raises Refused expired (expired_at) or gone (state) unless a listing or an offer is open at `now` (epoch ms)."""
    if state == "expired" or (state == "open" and expires_at <= now):
        raise Refused("expired", expired_at=expires_at)
    if state != "open":
        raise Refused("gone", state=state)


def produce_of(hub: Hub, code: str) -> Produce:
    """The hub's produce with this code. Raises Refused unknown_produce."""
    try:
        return hub.produce_by(code)
    except KeyError:
        raise Refused("unknown_produce") from None


def place_of(hub: Hub, code: str) -> Place:
    """The hub's place with this code. Raises Refused bad_place."""
    try:
        return hub.places.get(code)
    except KeyError:
        raise Refused("bad_place") from None


def check_quantity(kind: Produce, quantity: int) -> None:
    """Raises Refused bad_quantity (nothing) or too_much (most, base units)."""
    if quantity <= 0:
        raise Refused("bad_quantity")
    if quantity > kind.max_quantity:
        raise Refused("too_much", most=kind.max_quantity)


def check_price(kind: Produce, price: int) -> None:
    """Raises Refused bad_price with the most that is believed for this produce, minor units."""
    if not 0 < price <= kind.max_price:
        raise Refused("bad_price", most=kind.max_price)


def _end(tx: Tx, now: int, seller_id: str, listing_id: str) -> Listing:
    """Close a listing and the offers that wait on it; their buyers hear it."""
    listing: Listing | None = tx.listing_withdraw(id=listing_id, seller_id=seller_id, now=now)
    if listing is None:
        raise Refused("gone", state=_own(tx, listing_id, seller_id)["state"])
    for offer in tx.offers_open_on_listing(listing_id=listing_id, above=0, up_to=ANY_QUANTITY, now=now):
        becomes = "declined" if offer["made_by"] == "buyer" else "withdrawn"
        if tx.offer_close(id=offer["id"], state=becomes, now=now):
            tell(tx, now, offer | {"id": offer["buyer_id"]}, "offer.gone", offer["id"], goods(offer))
    return listing


def _own(tx: Tx, listing_id: str, seller_id: str) -> Listing:
    listing: Listing | None = tx.listing_of_seller(id=listing_id, seller_id=seller_id)
    if listing is None:
        raise Refused("not_found")
    return listing


def _tell_seller(tx: Tx, now: int, listing: Listing, template: str) -> None:
    person = tx.contact_of(id=listing["seller_id"])
    values = goods(listing) | {"quantity": listing["left_quantity"], "expires_at": listing["expires_at"]}
    tell(tx, now, person, template, listing["id"], values)
