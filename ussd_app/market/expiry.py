"""What is over: listings and offers past their time are closed in batches, and their people hear it once."""

from __future__ import annotations

from ussd_app.market.tell import goods, tell
from ussd_app.store import Tx


def expire(tx: Tx, *, now: int, limit: int = 500) -> int:
    """Close at most `limit` open listings and `limit` open offers whose time is over at `now` (epoch ms).

    Safe to run again and at the same time elsewhere: each row is closed, and told of, once.
    Returns how many were closed; call it again while that is not 0.
    """
    return _listings(tx, now, limit) + _offers(tx, now, limit)


def _listings(tx: Tx, now: int, limit: int) -> int:
    count = 0
    for listing in tx.listings_due(now=now, limit=limit):
        if not tx.listing_expire(id=listing["id"], now=now):
            continue
        count += 1
        values = goods(listing) | {"quantity": listing["left_quantity"]}
        tell(tx, now, listing | {"id": listing["seller_id"]}, "listing.expired", listing["id"], values)
    return count


def _offers(tx: Tx, now: int, limit: int) -> int:
    count = 0
    for offer in tx.offers_due(now=now, limit=limit):
        if not tx.offer_expire(id=offer["id"], now=now):
            continue
        count += 1
        tell(tx, now, offer | {"id": offer["maker_id"]}, "offer.expired", offer["id"], goods(offer))
    return count
