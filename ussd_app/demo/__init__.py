"""The demonstration market: people, ninety days of trade and what stands for sale today.

The same seed and date give the same rows, PIN hashes and what was weighed apart. Its PINs are known to everybody, so production has none of
it. Nobody is sent a message about any of it.

Law of this package: it stands above the market and is imported by the wiring and the commands alone.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from random import Random
from typing import Any

from ussd_app.demo import history, marks, standing, weighed
from ussd_app.demo.crowd import PINS, Crowd, gather, hashed, pin_of, store_crowd
from ussd_app.demo.rows import midnight_of
from ussd_app.hubs import Hub
from ussd_app.lib import msisdn as msisdns
from ussd_app.lib.clock import Clock
from ussd_app.market import prices, rates
from ussd_app.market.terms import HOUR_MS, REGRET_MS
from ussd_app.settings import Settings
from ussd_app.store import Store, Tx

__all__ = ("NETWORK_CODES", "PINS", "SEED", "NotInProduction", "people_for_phones", "renew", "seed")

SEED = 2026
NETWORK_CODES = {"mtn": "63510", "airtel": "63514"}  # as gateways name the networks of Rwanda
_USUAL = Clock()  # the past knows no other
_HUBS = ("rw",)  # those somebody wrote a story for; others get their dated rows alone
_ABREAST = 6  # sellers and buyers shown in turn at the front of the list


class NotInProduction(Exception):
    """Demonstration people have PINs that everybody knows."""


def seed(
    store: Store, hub: Hub, *, now: int, pin_key: str, seed: int = SEED, settings: Settings | None = None
) -> dict[str, int]:
    """Load the dated rows, and the demonstration where there is none yet: what is there is kept.

    Args: `now` epoch ms (only its local day matters); `pin_key` PIN_KEY; `seed` which market; `settings` of the
    service, None = the environment decides whether this is production.
    Returns how many rows of each kind were written. Raises NotInProduction.
    """
    _refuse_production(settings)
    summary = {"dated rows": store.write(lambda tx: rates.load(tx, hub))}
    with store.read() as read:
        if hub.code not in _HUBS or _count(read):
            return summary
    midnight = midnight_of(now)
    crowd = gather(hub, midnight, seed)
    past = history.write(hub, crowd, midnight, Random(f"history {seed} {midnight}"))
    hashes = hashed(pin_key)

    def work(tx: Tx) -> dict[str, int]:
        tx.lock("demonstration")
        if _count(tx):  # another process was first
            return {}
        rng = Random(f"today {seed} {midnight}")
        store_crowd(tx, hub, crowd, hashes, rng)
        front = {seller.id for seller in crowd.sellers[: weighed.SELLERS]}
        kept = [one for one in past.orders if one["seller_id"] in front and one["state"] in ("settled", "closed")]
        _store_past(tx, crowd, past, {order["id"] for order in kept})
        weighed.weigh(tx, _USUAL, kept)
        _count_buyers(tx, crowd, past)
        square = standing.Square(tx, hub, crowd, _everybody(crowd), rng, _settlements(settings))
        today = standing.put_up(square, midnight, standing.evening_before(midnight, rng))
        weighed.await_weight(square, midnight - HOUR_MS // 6, midnight + 9 * HOUR_MS, _USUAL)
        return {
            "cooperatives": len(crowd.cooperatives),
            "managers and clerks": len(crowd.staff),
            "sellers": len(crowd.sellers),
            "buyers": len(crowd.buyers),
            "past listings": len(past.listings),
            "past offers": len(past.offers),
            "past orders": len(past.orders),
            "of these weighed": len(kept),
            "listings and offers open today": today,
        }

    return summary | store.write(work)


def renew(store: Store, hub: Hub, now: int, clock: Clock, settings: Settings | None = None) -> int:
    """Put up again what stood for sale and on offer and is over, or nearly (`now` epoch ms): a demonstration is never
    empty. What is still there stays as it is.

    Returns how many listings and offers are new. Raises NotInProduction.
    """
    _refuse_production(settings)
    if hub.code not in _HUBS:
        return 0
    crowd = gather(hub, midnight_of(now), SEED)

    def work(tx: Tx) -> int:
        present = {row["id"] for row in _present(tx)}
        if not present:
            return 0
        standing.sweep(tx, now)
        square = standing.Square(tx, hub, crowd, present, Random(), _settlements(settings))
        soon = now + clock.wait(HOUR_MS)
        weighed.await_weight(square, now - clock.wait(REGRET_MS) - 1, soon, clock)
        return standing.put_up(square, now + clock.wait(standing.SOON_MS), standing.from_now(now, clock))

    return store.write(work)


def people_for_phones(store: Store, hub: Hub, settings: Settings | None = None) -> list[dict[str, Any]]:
    """The demonstration people that are in the store and active, with what one needs to be them.

    Sellers and buyers of both wallets come first in turn, then managers and clerks; buyers abroad (no number, no PIN)
    last. Each has name, role (seller or buyer), kind (farmer, artisan, buyer, manager, clerk), msisdn ('' = none), pin ('' = none), language, district, place (its label), wallet and
    network (mtn, airtel or ''), network_code, company, verification, sign_in (a number or mail address, '' for those
    who have no web pages). The PIN is the one they were made with. Raises NotInProduction.
    """
    _refuse_production(settings)
    with store.read() as tx:
        people = [_shown(hub, row) for row in _present(tx)]
    staff = [person for person in people if person["kind"] in ("manager", "clerk")]
    sellers = [person for person in people if person["role"] == "seller" and person not in staff]
    near = [person for person in people if person["role"] == "buyer" and person["msisdn"]]
    abroad = [person for person in people if person["role"] == "buyer" and not person["msisdn"]]
    front = [person for pair in zip(sellers[:_ABREAST], near[:_ABREAST], strict=False) for person in pair]
    return [*front, *staff, *(person for person in (*sellers, *near) if person not in front), *abroad]


def _shown(hub: Hub, row: dict[str, Any]) -> dict[str, Any]:
    network = (msisdns.network_hint(row["msisdn"]) if row["msisdn"] else None) or ""
    place = hub.places.get(row["place"]) if row["place"] else None
    buyer = row["seller_kind"] is None
    return {
        "name": row["name"],
        "role": "buyer" if buyer else "seller",
        "kind": row["works_as"] or row["seller_kind"] or "buyer",
        "msisdn": row["msisdn"] or "",
        "pin": pin_of(int(row["id"][-3:])) if row["has_pin"] else "",
        "language": row["language"],
        "district": place.district if place else row["city"],
        "place": place.label if place else row["city"],
        "wallet": network,
        "network": network,
        "network_code": NETWORK_CODES.get(network, ""),
        "company": row["company"] or "",
        "verification": row["verification"] or "",
        "sign_in": (row["mail"] or row["msisdn"] or "") if buyer else "",
    }


def _store_past(tx: Tx, crowd: Crowd, past: history.History, to_weigh: set[str]) -> None:
    tx.demo_listings_add(past.listings)
    tx.demo_offers_add(
        sorted(past.offers, key=lambda row: (row["round"], row["id"]))
    )  # a counter after what it answers
    tx.demo_orders_add([weighed.not_yet(order) if order["id"] in to_weigh else order for order in past.orders])
    for order in past.orders:
        if order["state"] != "cancelled":
            prices.note_trade(tx, order)


def _count_buyers(tx: Tx, crowd: Crowd, past: history.History) -> None:
    tx.demo_buyers_count(
        [{"id": buyer.id, "kept": past.kept[buyer.id], "missed": past.missed[buyer.id]} for buyer in crowd.buyers]
    )


def _settlements(settings: Settings | None) -> tuple[str, ...]:
    return (settings or Settings()).settlement


def _everybody(crowd: Crowd) -> set[str]:
    return {seller.id for seller in crowd.sellers} | {buyer.id for buyer in crowd.buyers}


def _count(tx: Tx) -> int:
    return int(tx.demo_people_count(first=marks.FIRST, after=marks.AFTER))


def _present(tx: Tx) -> Sequence[dict[str, Any]]:
    rows: list[dict[str, Any]] = tx.demo_people(first=marks.FIRST, after=marks.AFTER)
    return rows


def _refuse_production(settings: Settings | None) -> None:
    environment = settings.environment if settings else os.environ.get("ENVIRONMENT", "development")
    if environment.strip() == "production":
        raise NotInProduction("there are no demonstration people in production")
