"""Offers and their answers: made, countered, changed, declined, withdrawn. Accepting one is in `orders`.

A counter is a new row that answers the last one and reserves nothing; the answered row is then `countered`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ussd_app.hubs import Hub
from ussd_app.lib import ids
from ussd_app.lib.clock import Clock
from ussd_app.market import listings, rates, takehome
from ussd_app.market.tell import both, goods, tell
from ussd_app.market.terms import (
    CARRIERS,
    HANDOVER_LATEST_MS,
    HOUR_MS,
    MAX_ROUNDS,
    PLACE_LONGEST,
    POINTS,
    SETTLEMENTS,
    Refused,
    Terms,
    amount,
    within_caps,
)
from ussd_app.store import Tx

Offer = dict[str, Any]
DAY_MS = 24 * HOUR_MS


def make(
    tx: Tx,
    *,
    hub: Hub,
    clock: Clock,
    now: int,
    buyer_id: str,
    listing_id: str,
    terms: Terms,
    caps: Mapping[str, int] | None = None,
    quiet: bool = False,
) -> Offer:
    """A buyer offers on a listing, in the listing's currency; the seller hears it.

    Args: `now` epoch ms; `caps` what the buyer's verification allows (`buyers.caps`), None = anything; `quiet` where the
    seller answers in the same act and needs no message.
    Returns the offer's row. Raises Refused: not_found, own_listing, gone, expired, not_enough (left), over_cap,
    below_floor, and bad_quantity, too_much, bad_price, bad_place, bad_time, bad_terms, no_floaters.
    """
    listing = tx.listing_to_offer_on(id=listing_id)
    if listing is None:
        raise Refused("not_found")
    if listing["seller_id"] == buyer_id:
        raise Refused("own_listing")
    if caps is not None:
        check_open_offers(tx, now, buyer_id, caps)
        _not_too_often(tx, now, buyer_id, caps)
    thread = {"listing_id": listing_id, "seller_id": listing["seller_id"], "buyer_id": buyer_id}
    thread |= {"made_by": "buyer", "round": 1, "answers": None, "replaces": None}
    row = _judged(tx, hub, clock, now, listing, terms, caps)
    offer = _add(tx, now, thread | row)
    if not quiet:
        _tell_other(tx, now, offer, "offer.new")
    return offer


def counter(
    tx: Tx,
    *,
    hub: Hub,
    clock: Clock,
    now: int,
    person_id: str,
    offer_id: str,
    terms: Terms,
    caps: Mapping[str, int] | None = None,
) -> Offer:
    """Whoever got the last row answers it with other terms (see `terms_of` to start from the row's own).

    Raises Refused: not_found, too_many_rounds (most), and what `make` raises. `caps` matter for a buyer alone.
    """
    last = received(tx, offer_id, person_id)
    _check_open(last, now)
    if last["round"] >= MAX_ROUNDS:
        raise Refused("too_many_rounds", most=MAX_ROUNDS)
    row = _judged(tx, hub, clock, now, _listing_in(last), terms, caps)
    made_by = "seller" if last["made_by"] == "buyer" else "buyer"
    _close(tx, now, last, "countered")
    place = {"made_by": made_by, "round": last["round"] + 1, "answers": offer_id, "replaces": None}
    offer = _add(tx, now, _thread(last) | row | place)
    _tell_other(tx, now, offer, "offer.countered")
    return offer


def change(
    tx: Tx,
    *,
    hub: Hub,
    clock: Clock,
    now: int,
    person_id: str,
    offer_id: str,
    terms: Terms,
    caps: Mapping[str, int] | None = None,
) -> Offer:
    """The maker of an open offer or counter changes it: the old row is withdrawn and a new one stands, in one act.

    Raises Refused: not_found and what `make` raises.
    """
    old = _made(tx, offer_id, person_id)
    _check_open(old, now)
    if caps is not None and old["made_by"] == "buyer":
        tx.lock(f"offers:{person_id}")
        _not_too_often(tx, now, person_id, caps)
    row = _judged(tx, hub, clock, now, _listing_in(old), terms, caps)
    _close(tx, now, old, "withdrawn")
    same = {name: old[name] for name in ("made_by", "round", "answers")}
    offer = _add(tx, now, _thread(old) | row | same | {"replaces": offer_id})
    _tell_other(tx, now, offer, "offer.changed")
    return offer


def decline(tx: Tx, *, now: int, person_id: str, offer_id: str) -> None:
    """Whoever got the offer says no; the maker hears it. Raises Refused: not_found, gone, expired."""
    offer = received(tx, offer_id, person_id)
    _check_open(offer, now)
    _close(tx, now, offer, "declined")
    people = dict(zip(("seller", "buyer"), both(tx, offer["seller_id"], offer["buyer_id"]), strict=True))
    tell(tx, now, people[offer["made_by"]], "offer.declined", offer_id, goods(offer))


def withdraw(tx: Tx, *, now: int, person_id: str, offer_id: str) -> None:
    """The maker takes an open offer or counter back; the other side hears it.

    Raises Refused: not_found, gone, expired.
    """
    offer = _made(tx, offer_id, person_id)
    _check_open(offer, now)
    _close(tx, now, offer, "withdrawn")
    _tell_other(tx, now, offer, "offer.withdrawn")


def withdraw_all(tx: Tx, *, now: int, buyer_id: str) -> int:
    """End every open offer and counter of a buyer (she leaves), sellers told; returns how many that were."""
    count = 0
    while batch := tx.offers_open_of_buyer(buyer_id=buyer_id, limit=100, now=now):
        for offer in batch:
            _close(tx, now, offer, "withdrawn" if offer["made_by"] == "buyer" else "declined")
            seller, buyer = both(tx, offer["seller_id"], buyer_id)
            tell(tx, now, seller, "offer.withdrawn", offer["id"], goods(offer) | {"name": buyer["name"]})
        count += len(batch)
    return count


def terms_of(offer: Mapping[str, Any]) -> Terms:
    """The terms of an offer's row, to counter or change with `dataclasses.replace`; its expiry is set anew."""
    same = {name: offer[name] for name in ("quantity", "price", "price_floaters", "point", "handover_place")}
    same |= {name: offer[name] for name in ("carrier", "settlement", "handover_at", "tolerance_pct")}
    return Terms(**same)


def received(tx: Tx, offer_id: str, person_id: str) -> Offer:
    """The offer with its listing, if it waits for this person's answer. Raises Refused not_found."""
    offer: Offer | None = tx.offer_for_party(id=offer_id, person_id=person_id)
    if offer is None or offer[f"{offer['made_by']}_id"] == person_id:
        raise Refused("not_found")
    return offer


def _made(tx: Tx, offer_id: str, person_id: str) -> Offer:
    offer: Offer | None = tx.offer_for_party(id=offer_id, person_id=person_id)
    if offer is None or offer[f"{offer['made_by']}_id"] != person_id:
        raise Refused("not_found")
    return offer


def _check_open(offer: Offer, now: int) -> None:
    listings.check_open(offer["state"], offer["expires_at"], now)


def _close(tx: Tx, now: int, offer: Offer, state: str) -> None:
    if not tx.offer_close(id=offer["id"], state=state, now=now):
        raise Refused("gone", state=offer["state"])


def _listing_in(offer: Offer) -> dict[str, Any]:
    """The listing's side of a joined offer row, under a listing's own names."""
    own = {"state": offer["listing_state"], "expires_at": offer["listing_expires_at"]}
    return {name: offer[name] for name in ("produce", "unit", "currency", "left_quantity", "seller_msisdn")} | own


def _thread(offer: Offer) -> dict[str, Any]:
    return {name: offer[name] for name in ("listing_id", "seller_id", "buyer_id")}


def check_open_offers(tx: Tx, now: int, buyer_id: str, caps: Mapping[str, int]) -> None:
    """Whether the buyer may have one more open offer or agreed order; holds his count until the transaction ends.

    Raises Refused over_cap.
    """
    tx.lock(f"offers:{buyer_id}")
    if tx.offer_count_of_buyer(buyer_id=buyer_id, now=now) >= caps["max_open_offers"]:
        raise Refused("over_cap", cap="max_open_offers", most=caps["max_open_offers"])


def _not_too_often(tx: Tx, now: int, buyer_id: str, caps: Mapping[str, int]) -> None:
    """Each offer, and each change of one, is an SMS to a seller: a prankster must not make her phone ring all day."""
    if tx.offer_count_made_since(buyer_id=buyer_id, since=now - DAY_MS) >= caps["max_offers_a_day"]:
        raise Refused("over_cap", cap="max_offers_a_day", most=caps["max_offers_a_day"])


def _judged(
    tx: Tx, hub: Hub, clock: Clock, now: int, listing: Mapping[str, Any], terms: Terms, caps: Mapping[str, int] | None
) -> dict[str, Any]:
    """The columns of an offer with these terms, once every rule agrees. Raises Refused."""
    listings.check_open(listing["state"], listing["expires_at"], now)
    kind = listings.produce_of(hub, listing["produce"])
    listings.check_quantity(kind, terms.quantity)
    listings.check_price(kind, terms.price)
    if terms.quantity > listing["left_quantity"]:
        raise Refused("not_enough", left=listing["left_quantity"])
    within_caps(caps, terms.quantity, kind.unit, amount(terms.quantity, terms.price, kind.unit))
    if terms.price_floaters is not None:
        if not kind.floater:
            raise Refused("no_floaters")
        listings.check_price(kind, terms.price_floaters)
    _check_words(hub, terms)
    rates.floor_for(tx, kind.code, listing["currency"], now).check(terms.price, terms.price_floaters)
    handover_at = terms.handover_at or now + clock.wait(kind.handover_hours * HOUR_MS)
    expires_at = min(terms.expires_at or now + clock.wait(kind.expires_hours * HOUR_MS), listing["expires_at"])
    if not now < handover_at <= now + clock.wait(HANDOVER_LATEST_MS) or expires_at <= now:
        raise Refused("bad_time")
    wallet = takehome.wallet_for(terms.settlement, listing["seller_msisdn"])
    estimate = takehome.take_home(tx, terms.quantity, terms.price, listing["currency"], wallet, now, unit=kind.unit)
    return {
        **{name: listing[name] for name in ("produce", "unit", "currency")},
        **{name: getattr(terms, name) for name in ("quantity", "price", "price_floaters", "point", "carrier")},
        **{name: getattr(terms, name) for name in ("settlement", "tolerance_pct")},
        "handover_place": terms.handover_place.strip(),
        "handover_at": handover_at,
        "expires_at": expires_at,
        "take_home": estimate.net,
    }


def _check_words(hub: Hub, terms: Terms) -> None:
    """The terms that are words, and the tolerance. Raises Refused bad_place or bad_terms (term)."""
    if not 0 < len(terms.handover_place.strip()) <= PLACE_LONGEST:
        raise Refused("bad_place", most=PLACE_LONGEST)
    if terms.handover_place.strip().isdigit():
        listings.place_of(hub, terms.handover_place.strip())  # digits are a place code, or nothing anybody can find
    known = {"point": POINTS, "carrier": CARRIERS, "settlement": SETTLEMENTS}
    for term, words in known.items():
        if getattr(terms, term) not in words:
            raise Refused("bad_terms", term=term)
    if not 0 <= terms.tolerance_pct <= 100:
        raise Refused("bad_terms", term="tolerance_pct")


def _add(tx: Tx, now: int, row: dict[str, Any]) -> Offer:
    offer: Offer | None = tx.offer_add(id=ids.new_id(), now=now, **row)
    assert offer is not None
    return offer


def _tell_other(tx: Tx, now: int, offer: Offer, template: str) -> None:
    """Tell the side that did not make this offer."""
    seller, buyer = both(tx, offer["seller_id"], offer["buyer_id"])
    person, maker = (seller, buyer) if offer["made_by"] == "buyer" else (buyer, seller)
    values = goods(offer) | {"name": maker["name"], "expires_at": offer["expires_at"]}
    if person is seller:
        values["net_minor"] = offer["take_home"]
    tell(tx, now, person, template, offer["id"], values)
