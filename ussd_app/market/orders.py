"""Agreements: an offer accepted, undone within five minutes, freed when nobody came, moved forward to its end.

Stock leaves a listing in one conditional UPDATE and returns in another, so a kilo is sold once whatever happens at the
same moment.
"""

from __future__ import annotations

from typing import Any

from ussd_app.lib import clock as clocks
from ussd_app.lib import ids
from ussd_app.lib.clock import Clock
from ussd_app.market import buyers, listings, offers, prices, rates, terms
from ussd_app.market.tell import both, goods, tell
from ussd_app.market.terms import HANDOVER_GRACE_MS, REGRET_MS, Refused
from ussd_app.store import Tx

Order = dict[str, Any]

CODE_DIGITS = 7  # and a check digit: what sellers and buyers read to each other
_CODE_DRAWS = 50
# From -> to. Agreed also ends by `undo` and `free`.
_MOVES = {
    "agreed": ("delivered", "disputed"),
    "delivered": ("disputed", "settled"),
    "disputed": ("delivered", "settled", "cancelled"),
    "settled": ("closed",),
}
_TERMS = (
    "listing_id", "seller_id", "buyer_id", "cooperative_id", "produce", "unit", "quantity", "price", "price_floaters",
    "currency", "point", "district", "province", "handover_place", "handover_at", "carrier", "settlement",
    "tolerance_pct",
)  # fmt: skip


def accept(tx: Tx, *, clock: Clock, now: int, person_id: str, offer_id: str) -> Order:
    """Whoever got the offer says yes: the kilos are reserved, the order stands, both sides hear it.

    Args: `now` epoch ms. The caller has checked the PIN before this transaction.
    Returns the order's row.
    Raises Refused: not_found, gone, expired, not_enough (left), below_floor (by the floor of today), over_cap (a buyer
    accepts more than his verification allows).
    """
    offer = offers.received(tx, offer_id, person_id)
    for party in sorted((offer["seller_id"], offer["buyer_id"])):
        tx.lock(f"person:{party}")  # nobody is erased between the count of her open orders and this one
    listings.check_open(offer["state"], offer["expires_at"], now)
    if person_id == offer["buyer_id"]:
        _check_caps(tx, now, offer)
    rates.floor_for(tx, offer["produce"], offer["currency"], now).check(offer["price"], offer["price_floaters"])
    listing = _take(tx, now, offer)
    if not tx.offer_accept(id=offer_id, now=now):
        # Somebody answered it in this very moment: the shelf is as it was before we say so.
        listings.give_back(tx, now=now, listing_id=offer["listing_id"], quantity=offer["quantity"])
        raise Refused("gone", state="answered")
    order = _add(tx, clock, now, offer)
    prices.note_trade(tx, order)
    _tell_agreed(tx, now, order, offer["take_home"])
    listings.tell_outsold(tx, now, listing, listing["left_quantity"] + offer["quantity"])
    return order


def undo(tx: Tx, *, now: int, person_id: str, order_id: str) -> Order:
    """Either side undoes an agreement within its first minutes: the kilos return, the other side hears it.

    Raises Refused: not_found, gone (state), too_late (until: when the time was over, epoch ms), weighed (goods came).
    """
    order: Order | None = tx.order_regret(id=order_id, person_id=person_id, now=now)
    if order is None:
        seen = _own(tx, order_id, person_id)
        if seen["state"] != "agreed":
            raise Refused("gone", state=seen["state"])
        raise Refused("weighed") if seen["weighed"] else Refused("too_late", until=seen["regret_until"])
    _return_kilos(tx, now, order)
    _tell_other(tx, now, order, person_id, "order.cancelled")
    return order


def free(tx: Tx, *, now: int, person_id: str, order_id: str) -> Order:
    """The handover time and its grace are over and nobody came: the kilos are free, the buyer has a missed order more.

    Raises Refused: not_found, gone (state), too_early (from_at: when it may be freed, epoch ms), weighed (goods came).
    """
    order: Order | None = tx.order_free(id=order_id, person_id=person_id, now=now)
    if order is None:
        seen = _own(tx, order_id, person_id)
        if seen["state"] != "agreed":
            raise Refused("gone", state=seen["state"])
        raise Refused("weighed") if seen["weighed"] else Refused("too_early", from_at=seen["free_after"])
    _return_kilos(tx, now, order)
    buyers.note_missed(tx, order["buyer_id"])
    _tell_other(tx, now, order, person_id, "order.freed")
    return order


def move(tx: Tx, *, now: int, order_id: str, was: str, becomes: str) -> Order:
    """Move an order one step on: for deliveries, payments and disputes, which check who may.

    Args: `was` the state the caller saw; `becomes` delivered, disputed, settled, closed or (after a dispute) cancelled.
    Settled: the buyer has one more kept order, and the listing is sold once nothing of it is left or held. Cancelled:
    the kilos return.
    Raises Refused: not_found, gone (state: no longer as seen). Raises ValueError for a step that does not exist.
    """
    if becomes not in _MOVES.get(was, ()):
        raise ValueError(f"an order cannot go from {was} to {becomes}")
    seen = tx.order_listing(id=order_id)
    if seen is None:
        raise Refused("not_found")
    # Two last orders of one listing may settle at the same moment: the second must see the first.
    tx.lock(f"listing:{seen['listing_id']}")
    order: Order | None = tx.order_move(id=order_id, was=was, becomes=becomes, now=now)
    if order is None:
        raise Refused("gone", state=seen["state"])
    if becomes == "settled":
        tx.listing_sold(id=order["listing_id"], now=now)
        buyers.note_kept(tx, order["buyer_id"])
    elif becomes == "cancelled":
        _return_kilos(tx, now, order)
    return order


def _check_caps(tx: Tx, now: int, offer: dict[str, Any]) -> None:
    """A counter-offer that a buyer accepts binds goods as an offer of his own would."""
    buyer = buyers.by_id(tx, offer["buyer_id"])
    if buyer is None:
        return
    caps = buyers.caps(buyer["verification"])
    offers.check_open_offers(tx, now, offer["buyer_id"], caps)
    terms.within_caps(
        caps, offer["quantity"], offer["unit"], terms.amount(offer["quantity"], offer["price"], offer["unit"])
    )


def _take(tx: Tx, now: int, offer: dict[str, Any]) -> dict[str, Any]:
    """Take the offer's kilos off the listing, or say why not."""
    listing: dict[str, Any] | None = tx.listing_take(id=offer["listing_id"], quantity=offer["quantity"], now=now)
    if listing is None:
        seen = tx.listing_by_id(id=offer["listing_id"])
        if seen["state"] in ("reserved", "sold"):
            raise Refused("not_enough", left=seen["left_quantity"])
        listings.check_open(seen["state"], seen["expires_at"], now)
        raise Refused("not_enough", left=seen["left_quantity"])
    return listing


def _add(tx: Tx, clock: Clock, now: int, offer: dict[str, Any]) -> Order:
    """The order with a code nobody else has."""
    agreed = {name: offer[name] for name in _TERMS}
    for _ in range(_CODE_DRAWS):
        order: Order | None = tx.order_add(
            id=ids.new_id(),
            code=ids.with_check(ids.code_digits(CODE_DIGITS)),
            offer_id=offer["id"],
            now=now,
            agreed_day=clocks.day(now),
            regret_until=now + clock.wait(REGRET_MS),
            free_after=offer["handover_at"] + clock.wait(HANDOVER_GRACE_MS),
            **agreed,
        )
        if order is not None:
            return order
    raise RuntimeError(f"no free order code in {_CODE_DRAWS} draws: the codes are running out")


def _return_kilos(tx: Tx, now: int, order: Order) -> None:
    listings.give_back(tx, now=now, listing_id=order["listing_id"], quantity=order["quantity"])
    prices.forget_trade(tx, order)


def _own(tx: Tx, order_id: str, person_id: str) -> Order:
    order: Order | None = tx.order_for_party(id=order_id, person_id=person_id)
    if order is None:
        raise Refused("not_found")
    return order


def _values(order: Order) -> dict[str, Any]:
    same = {name: order[name] for name in ("code", "handover_place", "handover_at")}
    return goods(order) | same


def _tell_agreed(tx: Tx, now: int, order: Order, net_minor: int) -> None:
    seller, buyer = both(tx, order["seller_id"], order["buyer_id"])
    values = _values(order)
    tell(tx, now, seller, "order.agreed.seller", order["id"], values | {"name": buyer["name"], "net_minor": net_minor})
    tell(tx, now, buyer, "order.agreed.buyer", order["id"], values | {"name": seller["name"]})


def _tell_other(tx: Tx, now: int, order: Order, person_id: str, template: str) -> None:
    seller, buyer = both(tx, order["seller_id"], order["buyer_id"])
    tell(tx, now, buyer if person_id == seller["id"] else seller, template, order["id"], _values(order))
