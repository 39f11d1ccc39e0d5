"""A hundred kilos, forty offers of ten, everybody says yes at once over HTTP: ten orders, and nobody else is told so."""

from __future__ import annotations

import contextlib
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.faults.market import check_books, rows
from tests.faults.phones import ACCEPT, ACCEPT_COUNTER, PIN, Answer, Phone, Script
from tests.faults.processes import SETTINGS, service
from ussd_app.hubs import load_hub
from ussd_app.lib.clock import Clock
from ussd_app.market import listings, offers, people, pins
from ussd_app.market.terms import Terms
from ussd_app.store import Store, Tx, open_store

SELLER = "+250788100000"
BUYERS = [f"+2507882{number:05d}" for number in range(40)]
COUNTERED = 32  # of the forty: their buyers say yes from their own phones, the others wait for the seller's yes
KILOS, EACH = 100_000, 10_000
_ORDER = re.compile(r"^Accepted\. Order (\d+)\.")


def prepare(store: Store) -> None:
    """The listing, its forty offers, and the seller's counter-offers to most of them."""
    hub, clock = load_hub("rw"), Clock()
    now, pin_hash = clock.now(), pins.hash_pin(PIN, SETTINGS["PIN_KEY"])
    known: dict[str, Any] = {
        "now": now, "language": "en", "place": hub.places.find("Remera", 1)[0].code, "pin_hash": pin_hash,
        "consent_version": hub.consent.version, "channel": "ussd",
    }  # fmt: skip
    same: dict[str, Any] = {"hub": hub, "clock": clock, "now": now}

    def fill(tx: Tx) -> None:
        seller = people.register_seller(tx, msisdn=SELLER, name="Uwase Claire", **known)
        listing = listings.add(
            tx, **same, seller_id=seller["id"], produce="beans.dry", quantity=KILOS, price=900, place=known["place"]
        )
        terms = Terms(EACH, 900, "farm_gate", known["place"], "buyer", "outside")
        for number, msisdn in enumerate(BUYERS):
            buyer = people.register_buyer(tx, msisdn=msisdn, name="Mugabo Jean", country="rw", **known)
            tx.buyer_confirm(person_id=buyer["id"])
            offer = offers.make(tx, **same, buyer_id=buyer["id"], listing_id=listing["id"], terms=terms)
            if number < COUNTERED:
                offers.counter(tx, **same, person_id=seller["id"], offer_id=offer["id"], terms=terms)

    store.write(fill)


def to_the_pin(port: int, msisdn: str, script: Script) -> Phone | None:
    """A phone whose next key is the PIN that says yes; None where no offer waits any more."""
    phone = Phone(port, msisdn)
    answer = phone.dial()
    while answer.screen != "offers.pin":
        if answer.text.startswith("No buyer yet"):
            phone.close()
            return None
        answer = phone.send(script[answer.screen])
    return phone


def test_forty_say_yes_to_a_hundred_kilos(store_url: str, tmp_path: Path) -> None:
    with contextlib.closing(open_store(store_url)) as store:
        prepare(store)
        with service(tmp_path, store_url) as market:
            market.until("/readyz", market.web(workers=2))
            together = threading.Barrier(COUNTERED + 1)

            def buyer_accepts(msisdn: str) -> list[Answer]:
                phone = to_the_pin(market.port, msisdn, ACCEPT_COUNTER)
                together.wait(60)
                assert phone is not None
                answer = phone.send(PIN)
                again = phone.again()
                phone.close()
                assert again == answer
                return [answer]

            def seller_accepts() -> list[Answer]:
                phone = to_the_pin(market.port, SELLER, ACCEPT)
                together.wait(60)
                told: list[Answer] = []
                while phone is not None:
                    told.append(phone.send(PIN))
                    phone.close()
                    said_yes = _ORDER.match(told[-1].text)
                    phone = to_the_pin(market.port, SELLER, ACCEPT) if said_yes else None
                return told

            with ThreadPoolExecutor(COUNTERED + 1) as pool:
                under_way = [pool.submit(buyer_accepts, msisdn) for msisdn in BUYERS[:COUNTERED]]
                under_way.append(pool.submit(seller_accepts))
                told = [answer for each in under_way for answer in each.result(120)]
            assert {answer.screen for answer in told} == {"offers.accept"}
            assert not any(answer.more for answer in told)
            for name in ("database is locked", "Traceback"):
                assert name not in market.log("web")
        codes = [found[1] for answer in told if (found := _ORDER.match(answer.text))]
        kept = {row["code"] for row in rows(store, "SELECT code FROM orders")}
        assert len(codes) == len(set(codes)) == KILOS // EACH
        assert set(codes) == kept
        assert rows(store, "SELECT left_quantity, state FROM listings") == [{"left_quantity": 0, "state": "reserved"}]
        agreed = "SELECT template, COUNT(*) AS n FROM outbox WHERE template LIKE :like GROUP BY template ORDER BY 1"
        with store.read() as tx:
            said = tx.rows(agreed, like="order.agreed%")
        assert [row["n"] for row in said] == [10, 10]
        check_books(store)
