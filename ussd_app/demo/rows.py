"""Listings and offers as rows, and what a price of the demonstration may be."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

from ussd_app.demo import marks
from ussd_app.demo.crowd import Buyer, Seller
from ussd_app.hubs import Hub, Produce
from ussd_app.lib import clock as clocks
from ussd_app.market.terms import TOLERANCE_PCT

SETTLEMENT = "outside"  # as the parties of the past paid each other

Row = dict[str, Any]


def price_near(hub: Hub, produce: str, price: int, step: int, day: str) -> int:
    """`price` in steps of `step`, moved to where the floor of `day` (YYYY-MM-DD) wants it."""
    floor = hub.floor_price(produce, day)
    rounded = max(step, round(price / step) * step)
    if floor is None:
        return rounded
    return floor.price_good if floor.kind == "fixed" else max(rounded, floor.price_good)


def floaters_price(hub: Hub, produce: Produce, price: int, day: str) -> int | None:
    """What a buyer who pays `price` says for floaters, None where there are none."""
    if not produce.floater:
        return None
    floor = hub.floor_price(produce.code, day)
    least = floor.price_floaters if floor and floor.price_floaters else 0
    return max(round(price * 0.38 / 10) * 10, least)


def listing_row(
    hub: Hub, seller: Seller, kind: Produce, quantity: int, price: int, at: int, expires_at: int, rng: Random
) -> Row:
    """An open listing of no cooperative: `quantity` base units, `price` minor units, times epoch ms."""
    place = hub.places.get(seller.place)
    return {
        "id": marks.row_id(rng, at),
        "seller_id": seller.id,
        "cooperative_id": None,
        "produce": kind.code,
        "unit": kind.unit,
        "quantity": quantity,
        "left_quantity": quantity,
        "price": price,
        "currency": hub.currency,
        "place": place.code,
        "district": place.district_code,
        "province": place.province,
        "state": "open",
        "created_at": at,
        "changed_at": at,
        "expires_at": expires_at,
    }


def offer_row(
    hub: Hub,
    listing: Row,
    seller: Seller,
    buyer: Buyer,
    quantity: int,
    price: int,
    at: int,
    brought: bool,
    rng: Random,
    settlement: str = SETTLEMENT,
) -> Row:
    """An open offer of `buyer`; the caller adds handover_at, expires_at and take_home."""
    kind = hub.produce_by(listing["produce"])
    station = f"{hub.places.get(seller.place).name} CWS"
    return {
        "id": marks.row_id(rng, at),
        "listing_id": listing["id"],
        "seller_id": seller.id,
        "buyer_id": buyer.id,
        "made_by": "buyer",
        "round": 1,
        "answers": None,
        "produce": kind.code,
        "unit": kind.unit,
        "quantity": quantity,
        "price": price,
        "price_floaters": floaters_price(hub, kind, price, clocks.day(at)),
        "currency": hub.currency,
        "point": "station" if brought else "farm_gate",
        "handover_place": station if brought else seller.place,
        "carrier": "seller" if brought else "buyer",
        "settlement": settlement,
        "tolerance_pct": TOLERANCE_PCT,
        "state": "open",
        "created_at": at,
        "changed_at": at,
    }


def midnight_of(at: int) -> int:
    """When the local day of `at` began (both epoch ms)."""
    local = clocks.local(at)
    past = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second)
    return at - at % 1000 - int(past.total_seconds()) * 1000
