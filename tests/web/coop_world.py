"""The whole service with a cooperative that is asked, calls, weighs and pays: for the tests of its pages."""

from __future__ import annotations

import io
from typing import Any

from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from tests.web.market_world import Browser, World
from ussd_app.hubs.distances import load_distances
from ussd_app.market import call_sending, calls, cooperatives, day_prices, intakes, lots, members, shares, wants
from ussd_app.market.terms import HOUR_MS, Terms

MANAGER, CLERK, STRANGER = "+250788000701", "+250788000702", "+250788000703"
CHERRY = "coffee.cherry"
WANTED = Terms(800_000, 700, "station", "", "buyer", "outside")


class CoopWorld(World):
    """A manager, a clerk, three members, and somebody of another cooperative; `code` is in every address."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.manager, self.clerk = self.seller("Alphonse", MANAGER), self.seller("Beatha", CLERK)
        self.stranger = self.seller("Kalisa", STRANGER)
        self.coop = self.found("Kawa Nziza", self.manager)
        self.other = self.found("Icyayi", self.stranger)
        self.id, self.code = self.coop["id"], self.coop["code"]
        self.do(
            cooperatives.give_role, now=self.clock.now(), cooperative_id=self.id, person_id=self.clerk, role="clerk",
            by="operator:a",
        )  # fmt: skip
        self.members = [self.member(name, 711 + n) for n, name in enumerate(("Jeanne", "Marie", "Yves"))]
        self.do(
            day_prices.put, hub=self.hub, now=self.clock.now(), manager_id=self.manager, cooperative_id=self.id,
            produce=CHERRY, price=650, price_floaters=250,
        )  # fmt: skip

    def do(self, rule: Any, **values: Any) -> Any:
        return self.store.write(lambda tx: rule(tx, **values))

    def found(self, name: str, manager: str) -> Any:
        return self.do(
            cooperatives.add, hub=self.hub, now=self.clock.now(), name=name, place=self.place, manager_id=manager
        )

    def member(self, name: str, number: int) -> str:
        person_id = self.seller(name, f"+250788000{number}")
        which = {"cooperative_id": self.id, "person_id": person_id}
        self.do(members.add, now=self.clock.now(), joined_by="roster", by="operator:a", **which)
        self.do(members.set_produce, produce=[CHERRY], **which)
        return person_id

    def asks(self, name: str = "Odette", msisdn: str = "+250788000731") -> str:
        person_id = self.seller(name, msisdn)
        self.do(members.ask, now=self.clock.now(), person_id=person_id, code=self.code)
        return person_id

    def want(self) -> Any:
        buyer = self.buyer()
        self.do(lambda tx: tx.rows("UPDATE buyers SET verification = 'verified' RETURNING person_id"))
        return self.do(
            wants.make, hub=self.hub, clock=self.clock, now=self.clock.now(), buyer_id=buyer, produce=CHERRY,
            terms=WANTED, closes_at=self.clock.now() + 24 * HOUR_MS, cooperative_ids=[self.id],
        )  # fmt: skip

    def take(self, want: Any, quantity: int) -> Any:
        return self.do(
            wants.take, hub=self.hub, clock=self.clock, now=self.clock.now(), manager_id=self.manager,
            want_id=want["id"], cooperative_id=self.id, quantity=quantity,
        )  # fmt: skip

    def call(self, wanted: int = 100_000) -> Any:
        now = self.clock.now()
        row = self.do(
            calls.open_, hub=self.hub, clock=self.clock, now=now, manager_id=self.manager, cooperative_id=self.id,
            produce=CHERRY, wanted=wanted, price=650, until_at=now + 10 * HOUR_MS,
        )  # fmt: skip
        call_sending.run(self.store, self.hub, self.clock, load_distances("rw"), now)
        return row

    def pledge(self, call: Any, member: int, quantity: int) -> Any:
        return self.do(
            calls.pledge, hub=self.hub, now=self.clock.now(), person_id=self.members[member], call_id=call["id"],
            quantity=quantity, via="dial",
        )  # fmt: skip

    def weigh(self, member: int, gross: int, floaters: int = 0) -> Any:
        return self.do(
            intakes.record, hub=self.hub, clock=self.clock, now=self.clock.now(), clerk_id=self.clerk,
            cooperative_id=self.id, person_id=self.members[member], produce=CHERRY, gross=gross, floaters=floaters,
        )  # fmt: skip

    def lot(self) -> Any:
        with self.store.read() as tx:
            return lots.of(tx, self.id)[-1]

    def pay_list(self) -> Any:
        """A second payment that was approved."""
        row = self.do(
            shares.second, now=self.clock.now(), manager_id=self.manager, cooperative_id=self.id, produce=CHERRY,
            season=self.rows("SELECT season FROM intakes LIMIT 1")[0]["season"], total=90_001, fund="outside",
            currency="RWF",
        )  # fmt: skip
        return self.do(
            shares.approve, clock=self.clock, now=self.clock.now(), manager_id=self.manager, pay_list_id=row["id"]
        )  # fmt: skip

    def at(self, path: str = "") -> str:
        """An address of the cooperative's pages."""
        return f"/cooperative/{self.code}{path}"

    def filled(self) -> list[str]:
        """Something on every page there is for its manager; the pages."""
        self.asks()
        order_call = self.call()
        want = self.want()
        self.take(want, 300_000)
        self.pledge(order_call, 0, 40_000)
        for member in (0, 1, 2):
            self.weigh(member, 40_000 + member * 1000, 2_000)
        pay_list = self.pay_list()
        names = (
            "", "/members", "/members?find=jea", f"/members/{self.members[0]}", "/roster", "/orders",
            f"/calls/{order_call['id']}", "/weights", "/lots", f"/lots/{self.lot()['id']}", "/pay",
            f"/pay/{pay_list['id']}", "/books", "/messages",
        )  # fmt: skip
        return [self.at(name) for name in names]


def take_file(browser: Browser, path: str, **fields: str) -> TestResponse:
    """A file that is no text, as a form gives it."""
    return browser.client.post(path, data={"csrf_token": browser.token, **fields})


def send_file(browser: Browser, path: str, data: bytes, name: str = "members.csv", **more: Any) -> TestResponse:
    """Send a form with a file; what it leads to is left to the caller."""
    browser.get(path)
    fields = {"csrf_token": browser.token, "file": FileStorage(io.BytesIO(data), name), **more}
    boundary, body = encode_multipart(fields)
    return browser.client.post(path, data=body, content_type=f"multipart/form-data; boundary={boundary}")
