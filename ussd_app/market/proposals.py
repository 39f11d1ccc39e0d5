"""Proposals between a bid and a listing: kilos held while both sides answer, an ordinary order once both said yes.

A proposal's kilos leave the listing and the bid in the turn that writes it, and return in the turn that ends it, so a
crash in between changes nothing: what was not answered in time lapses.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ussd_app.hubs import Hub
from ussd_app.lib import ids
from ussd_app.lib.clock import Clock
from ussd_app.market import listings, offers, orders, rates, takehome
from ussd_app.market.matching import Match
from ussd_app.market.tell import both, goods, tell
from ussd_app.market.terms import Refused, Terms
from ussd_app.store import Tx

Proposal = dict[str, Any]

LIVE = ("open", "accepted_buyer", "accepted_seller")
_SIDES = ("seller", "buyer")


def propose(
    tx: Tx, *, now: int, match: Match, bid: Mapping[str, Any], listing: Mapping[str, Any], answer_ms: int
) -> Proposal | None:
    """Put a match before both sides, its kilos held; None where they are no longer there or no longer so cheap.

    Args: `now` epoch ms; `bid` and `listing` the rows the match was made of; `answer_ms` how long both have (scaled).
    """
    shelf = tx.listing_take(id=match.ask_id, quantity=match.quantity, now=now)
    if shelf is None:
        return None
    taken = tx.bid_take(id=match.bid_id, quantity=match.quantity, now=now)
    if taken is None:
        listings.give_back(tx, now=now, listing_id=match.ask_id, quantity=match.quantity)
        return None
    seller, buyer = both(tx, shelf["seller_id"], taken["buyer_id"])
    wallet = takehome.wallet_for(taken["settlement"], seller["msisdn"])
    estimate = takehome.take_home(tx, match.quantity, match.price, shelf["currency"], wallet, now, unit=shelf["unit"])
    proposal: Proposal = tx.proposal_add(
        id=ids.new_id(),
        bid_id=match.bid_id,
        listing_id=match.ask_id,
        seller_id=shelf["seller_id"],
        buyer_id=taken["buyer_id"],
        **{name: shelf[name] for name in ("produce", "unit", "currency")},
        **{name: getattr(match, name) for name in ("quantity", "price", "haulage", "km", "reason", "others")},
        settlement=taken["settlement"],
        take_home=estimate.net,
        now=now,
        expires_at=min(now + answer_ms, listing["expires_at"], bid["until_at"]),
    )
    listings.tell_outsold(tx, now, shelf, shelf["left_quantity"] + match.quantity)
    values = goods(proposal) | {"expires_at": proposal["expires_at"], "km": proposal["km"]}
    seller_values = values | {"name": buyer["name"], "net_minor": proposal["take_home"]}
    tell(tx, now, seller, "match.seller", proposal["id"], seller_values)
    tell(tx, now, buyer, "match.buyer", proposal["id"], values | {"name": seller["name"]})
    return proposal


def accept(tx: Tx, *, hub: Hub, clock: Clock, now: int, person_id: str, proposal_id: str) -> Proposal:
    """One side says yes; with the second yes the order stands. The caller has checked the PIN before this turn.

    Args: `person_id` the buyer, or the seller (a cooperative's account once the caller checked the role).
    Returns the proposal's row with `order` (the order's row, None while the other side has not answered).
    Raises Refused: not_found, expired, gone (state), waiting_other (said yes already), below_floor.
    """
    tx.lock(f"proposal:{proposal_id}")
    seen = _own(tx, proposal_id, person_id)
    mine = _side(seen, person_id)
    if seen["state"] == f"accepted_{mine}":
        raise Refused("waiting_other")
    if seen["state"] not in LIVE:
        raise Refused("gone", state=seen["state"])
    if seen["expires_at"] <= now:
        raise Refused("expired", expired_at=seen["expires_at"])
    rates.floor_for(tx, seen["produce"], seen["currency"], now).check(seen["price"])
    if seen["listing_state"] not in ("open", "reserved") or seen["listing_expires_at"] <= now:
        raise Refused("gone", state=seen["listing_state"])
    if seen["state"] == "open":
        if tx.proposal_accept_one(id=proposal_id, becomes=f"accepted_{mine}", now=now) is None:
            raise Refused("gone", state="answered")
        return seen | {"state": f"accepted_{mine}", "order": None}
    order = _agree(tx, hub, clock, now, seen)
    if not tx.proposal_agree(id=proposal_id, was=seen["state"], order_id=order["id"], now=now):
        raise RuntimeError("a proposal was answered under its lock")
    return seen | {"state": "agreed", "order": order}


def decline(tx: Tx, *, now: int, person_id: str, proposal_id: str) -> None:
    """One side says no, also after its own yes while the other's is missing; the kilos return, the other side hears it.

    Raises Refused: not_found, gone (state).
    """
    seen = _own(tx, proposal_id, person_id)
    other = "buyer" if _side(seen, person_id) == "seller" else "seller"
    if end(tx, now=now, proposal_id=proposal_id, becomes="declined", told=(other,)) is None:
        raise Refused("gone", state=seen["state"])


def end(tx: Tx, *, now: int, proposal_id: str, becomes: str, told: Collection[str] = _SIDES) -> Proposal | None:
    """End a live proposal as declined or lapsed: its kilos return to the listing and the bid.

    Args: `told` the sides (seller, buyer) that hear it. Returns its row, None where it is no longer live.
    """
    proposal: Proposal | None = tx.proposal_end(id=proposal_id, becomes=becomes, now=now)
    if proposal is None:
        return None
    listings.give_back(tx, now=now, listing_id=proposal["listing_id"], quantity=proposal["quantity"])
    tx.bid_give_back(id=proposal["bid_id"], quantity=proposal["quantity"], now=now)
    people = dict(zip(_SIDES, both(tx, proposal["seller_id"], proposal["buyer_id"]), strict=True))
    for side in sorted(told):
        tell(tx, now, people[side], f"match.{becomes}", proposal_id, goods(proposal))
    return proposal


def lapse(tx: Tx, *, now: int, limit: int = 200) -> int:
    """End at most `limit` proposals that were not answered in time; both sides hear it. Returns how many."""
    past = tx.proposals_past(now=now, limit=limit)
    return sum(end(tx, now=now, proposal_id=row["id"], becomes="lapsed") is not None for row in past)


def _agree(tx: Tx, hub: Hub, clock: Clock, now: int, seen: Proposal) -> dict[str, Any]:
    """The order, by the ways every order comes about: an offer of the buyer that the seller accepts.

    The held kilos are on the shelf for as long as this turn takes; its row is ours meanwhile.
    """
    floor = rates.floor_for(tx, seen["produce"], seen["currency"], now)
    terms = Terms(
        quantity=seen["quantity"],
        price=seen["price"],
        price_floaters=floor.price_floaters if listings.produce_of(hub, seen["produce"]).floater else None,
        point="farm_gate",
        handover_place=seen["place"],
        carrier="buyer",
        settlement=seen["settlement"],
    )
    listings.give_back(tx, now=now, listing_id=seen["listing_id"], quantity=seen["quantity"])
    try:
        offer = offers.make(
            tx,
            hub=hub,
            clock=clock,
            now=now,
            buyer_id=seen["buyer_id"],
            listing_id=seen["listing_id"],
            terms=terms,
            quiet=True,
        )
    except Refused:
        tx.listing_take(id=seen["listing_id"], quantity=seen["quantity"], now=now)
        raise
    return orders.accept(tx, clock=clock, now=now, person_id=seen["seller_id"], offer_id=offer["id"])


def _side(proposal: Proposal, person_id: str) -> str:
    return "seller" if proposal["seller_id"] == person_id else "buyer"


def _own(tx: Tx, proposal_id: str, person_id: str) -> Proposal:
    proposal: Proposal | None = tx.proposal_for_party(id=proposal_id, person_id=person_id)
    if proposal is None:
        raise Refused("not_found")
    return proposal
