"""Standing bids of buyers, and what a listing asks when nobody but the clearing looks: made, listed, withdrawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ussd_app.hubs import Hub
from ussd_app.lib import ids
from ussd_app.lib.clock import Clock
from ussd_app.market import listings, proposals, rates
from ussd_app.market.terms import HOUR_MS, SETTLEMENTS, Refused, amount, within_caps
from ussd_app.store import Tx

Bid = dict[str, Any]

USUAL_DAYS = 14
MOST_DAYS = 90
DAY_MS = 24 * HOUR_MS


def make(
    tx: Tx,
    *,
    hub: Hub,
    clock: Clock,
    now: int,
    buyer_id: str,
    produce: str,
    quantity: int,
    limit_price: int,
    place: str,
    settlement: str,
    least: int = 0,
    grade: str = "",
    days: int = USUAL_DAYS,
    caps: Mapping[str, int] | None = None,
) -> Bid:
    """A buyer's standing order: the clearing proposes sellers until it is filled, withdrawn or over.

    Args: `now` epoch ms; `quantity` and `least` base units (at least so much in one clearing, or nothing); `limit_price`
    minor units of the hub's currency a unit, delivered at `place` (a code): haulage is the buyer's and within it; `days`
    it stands; `caps` what the buyer's verification allows (`buyers.caps`), None = anything. Returns the bid's row.
    Raises Refused: unknown_produce, bad_quantity, too_much, bad_price, bad_place, bad_time, bad_terms, over_cap,
    below_floor (no seller may go so low).
    """
    kind = listings.produce_of(hub, produce)
    listings.check_quantity(kind, quantity)
    listings.check_price(kind, limit_price)
    listings.place_of(hub, place)
    if not 0 <= least <= quantity:
        raise Refused("bad_quantity")
    if not 0 < days <= MOST_DAYS:
        raise Refused("bad_time")
    if settlement not in SETTLEMENTS or (grade and grade not in kind.grades):
        raise Refused("bad_terms", term="settlement" if settlement not in SETTLEMENTS else "grade")
    floor = rates.floor_for(tx, produce, hub.currency, now)
    if floor.price is not None:
        floor.check(floor.price if floor.kind == "fixed" and limit_price > floor.price else limit_price)
    within_caps(caps, quantity, kind.unit, amount(quantity, limit_price, kind.unit))
    if caps is not None:
        tx.lock(f"bids:{buyer_id}")
        if tx.bid_count_of_buyer(buyer_id=buyer_id, now=now) >= caps["max_open_offers"]:
            raise Refused("over_cap", cap="max_open_offers", most=caps["max_open_offers"])
    bid: Bid | None = tx.bid_add(
        id=ids.new_id(),
        buyer_id=buyer_id,
        produce=produce,
        unit=kind.unit,
        grade=grade,
        place=place,
        least=least,
        quantity=quantity,
        limit_price=limit_price,
        currency=hub.currency,
        settlement=settlement,
        from_at=now,
        until_at=now + clock.wait(days * DAY_MS),
        now=now,
    )
    assert bid is not None
    return bid


def withdraw(tx: Tx, *, now: int, buyer_id: str, bid_id: str) -> Bid:
    """Take a standing bid back; its live proposals end and their sellers hear it. Orders already agreed go on.

    Raises Refused: not_found, gone (state).
    """
    bid: Bid | None = tx.bid_withdraw(id=bid_id, buyer_id=buyer_id, now=now)
    if bid is None:
        seen = tx.bid_of_buyer(id=bid_id, buyer_id=buyer_id)
        raise Refused("not_found") if seen is None else Refused("gone", state=seen["state"])
    for proposal in tx.proposals_live_of_bid(bid_id=bid_id):
        proposals.end(tx, now=now, proposal_id=proposal["id"], becomes="declined", told=("seller",))
    return bid


def ask(
    tx: Tx,
    *,
    hub: Hub,
    now: int,
    seller_id: str,
    listing_id: str,
    limit_price: int,
    least: int = 0,
    grade: str = "",
    standing: bool = True,
) -> None:
    """What the clearing may do with a listing: a limit below its price, a minimum (base units), a grade, or nothing at all.

    Raises Refused: not_found, bad_price, bad_quantity, bad_terms, below_floor.
    """
    listing = tx.listing_of_seller(id=listing_id, seller_id=seller_id)
    if listing is None:
        raise Refused("not_found")
    kind = listings.produce_of(hub, listing["produce"])
    listings.check_price(kind, limit_price)
    rates.floor_for(tx, listing["produce"], listing["currency"], now).check(limit_price)
    if not 0 <= least <= listing["quantity"]:
        raise Refused("bad_quantity")
    if grade and grade not in kind.grades:
        raise Refused("bad_terms", term="grade")
    state = "standing" if standing else "off"
    tx.ask_set(listing_id=listing_id, limit_price=limit_price, least=least, grade=grade, state=state, now=now)
