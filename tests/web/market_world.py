"""The whole service with a seller, her goods and buyers at their browsers, for the tests of the buyers' pages."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from ussd_app import create_app
from ussd_app.hubs import load_hub
from ussd_app.lib.clock import ManualClock
from ussd_app.market import listings, offers, people, rates
from ussd_app.market.terms import Terms
from ussd_app.settings import Settings
from ussd_app.store import Store

SECRET = "a-secret-of-the-gateway-0123456789"
SELLER, BUYER, OTHER = "+250788000001", "+250788000501", "+250788000502"
TERMS = {
    "quantity": "20 kg", "price": "450", "price_floaters": "", "point": "farm_gate", "handover_place": "At the mill",
    "handover_at": "", "carrier": "buyer",
}  # fmt: skip


class World:
    """The market of Rwanda on a store, with acts of people who are not at a browser."""

    def __init__(self, store: Store, clock: ManualClock, **settings: Any) -> None:
        self.store, self.clock = store, clock
        self.settings = Settings(
            secret_key="s" * 40, pin_key="p" * 40, callback_secrets=(SECRET,), gateways=("simulator",), **settings
        )
        self.hub = load_hub("rw")
        store.write(lambda tx: rates.load(tx, self.hub))
        self.app: Flask = create_app(self.settings, store, clock)
        self.app.testing = True

    def seller(self, name: str = "Jeanne", msisdn: str = SELLER) -> str:
        return self._person(
            lambda tx: people.register_seller(
                tx, now=self.clock.now(), msisdn=msisdn, name=name, language="en", place=self.place, pin_hash="kept",
                consent_version="1", channel="ussd",
            )
        )  # fmt: skip

    def buyer(self, name: str = "Marc", msisdn: str | None = BUYER, **more: Any) -> str:
        more = {"language": "en", "country": "RW", "channel": "ussd", "consent_version": "1"} | more
        return self._person(
            lambda tx: people.register_buyer(tx, now=self.clock.now(), name=name, msisdn=msisdn, **more)
        )

    def _person(self, work: Any) -> str:
        return str(self.store.write(work)["id"])

    @property
    def place(self) -> str:
        return self.hub.places.find("Remera (Gasabo)")[0].code

    def list(self, seller: str, produce: str = "maize.grain", quantity: int = 100_000, price: int = 450) -> Any:
        return self.store.write(
            lambda tx: listings.add(
                tx, hub=self.hub, clock=self.clock, now=self.clock.now(), seller_id=seller, produce=produce,
                quantity=quantity, price=price, place=self.place,
            )
        )  # fmt: skip

    def offer(self, buyer: str, listing: Any, quantity: int = 20_000, price: int = 450) -> Any:
        terms = Terms(quantity, price, "farm_gate", "At the mill", "buyer", "outside")
        return self.store.write(
            lambda tx: offers.make(
                tx, hub=self.hub, clock=self.clock, now=self.clock.now(), buyer_id=buyer, listing_id=listing["id"],
                terms=terms,
            )
        )  # fmt: skip

    def counter(self, seller: str, offer: Any, price: int = 480) -> Any:
        terms = Terms(offer["quantity"], price, "farm_gate", "At the mill", "buyer", "outside")
        return self.store.write(
            lambda tx: offers.counter(
                tx, hub=self.hub, clock=self.clock, now=self.clock.now(), person_id=seller, offer_id=offer["id"],
                terms=terms,
            )
        )  # fmt: skip

    def rows(self, sql: str, **params: Any) -> list[dict[str, Any]]:
        with self.store.read() as tx:
            return list(tx.rows(sql, **params))

    def last_code(self) -> str:
        """The code of the newest message."""
        row = self.rows("SELECT values_json FROM outbox WHERE purpose = 'code' ORDER BY id DESC LIMIT 1")[0]
        return str(json.loads(row["values_json"])["code"])

    def codes_sent(self) -> int:
        return len(self.rows("SELECT id FROM outbox WHERE purpose = 'code'"))

    def browser(self, msisdn: str | None = None, **headers: str) -> Browser:
        """A browser, signed in with a code by SMS where a number is given."""
        browser = Browser(self.app, headers)
        if msisdn:
            browser.get("/sign-in")
            browser.post("/sign-in", contact=msisdn, next="/")
            answer = browser.post("/sign-in/code", contact=msisdn, next="/", code=self.last_code())
            assert answer.status_code == 303, answer.text
        return browser


class Browser:
    """A browser without JavaScript: keeps cookies, sends the token of the page last seen."""

    def __init__(self, app: Flask, headers: dict[str, str]) -> None:
        self.client = app.test_client()
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.token = ""

    def get(self, path: str) -> TestResponse:
        return self._seen(self.client.get(path, headers=self.headers))

    def post(self, path: str, **fields: str) -> TestResponse:
        if not self.token:
            self.get("/account")
        if not self.token:
            self.get("/sign-in")
        return self._seen(self.client.post(path, data={"csrf_token": self.token, **fields}, headers=self.headers))

    def follow(self, answer: TestResponse) -> TestResponse:
        assert answer.status_code == 303, answer.text
        assert answer.location.startswith("/"), answer.location
        return self.get(answer.location)

    def _seen(self, answer: TestResponse) -> TestResponse:
        found = re.search(r'name="csrf_token" value="([^"]+)"', answer.text)
        if found:
            self.token = found[1]
        elif answer.status_code == 303:
            self.token = ""  # the session may be a new one
        return answer


def text_of(answer: TestResponse) -> str:
    """What a reader sees, on one line, with ordinary spaces."""
    plain = re.sub(r"<[^>]+>", " ", answer.text)
    return " ".join(unescape(plain).replace("\u00a0", " ").split())


def fields_of(answer: TestResponse) -> dict[str, str]:
    """The text inputs of a page and what stands in them."""
    found: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", answer.text, re.S):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if attributes.get("type") in ("radio", "checkbox") and " checked" not in tag:
            continue
        found[attributes["name"]] = unescape(attributes.get("value", ""))
    return found
