"""A sale as its buyer's page has it, and how a page is read."""

from __future__ import annotations

import re
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.web.market_world import World, text_of
from ussd_app.market import deliveries, disputes, offers, orders, settlement
from ussd_app.market.terms import Terms
from ussd_app.money import ledger
from ussd_app.store import Store, Withdrawn

LINES = {
    "gross": "20 kg", "floaters": "", "name_1": "", "amount_1": "", "name_2": "", "amount_2": "", "name_3": "",
    "amount_3": "", "recorded_as": "buyer", "recorded_by": "", "form_key": "k1",
}  # fmt: skip
REGRET_MS = 5 * 60_000


class Sale:
    """An order of 20 kg of one seller's and one buyer's, with acts of the seller's phone."""

    def __init__(self, world: World, settlement: str = "pass_through", produce: str = "maize.grain", **buyer: Any):
        self.world, self.price = world, 700 if produce == "coffee.cherry" else 450
        self.buyer, self.seller = world.buyer(**buyer), world.seller()
        listing = world.list(self.seller, produce, price=self.price)
        floaters = 200 if produce == "coffee.cherry" else None
        terms = Terms(20_000, self.price, "farm_gate", "At the mill", "buyer", settlement, price_floaters=floaters)
        now = world.clock.now()
        offer = world.store.write(
            lambda tx: offers.make(
                tx, hub=world.hub, clock=world.clock, now=now, buyer_id=self.buyer, listing_id=listing["id"],
                terms=terms,
            )
        )  # fmt: skip
        order = world.store.write(
            lambda tx: orders.accept(tx, clock=world.clock, now=now, person_id=self.seller, offer_id=offer["id"])
        )
        self.id, self.path = str(order["id"]), f"/orders/{order['id']}"

    def weighed(self, gross: int = 20_000, agreed: bool = True, why: str = "") -> str:
        world, now = self.world, self.world.clock.now()

        def work(tx: Any) -> str:
            row = deliveries.record(tx, clock=world.clock, now=now, order_id=self.id, buyer_id=self.buyer, gross=gross)
            if why:
                deliveries.refuse(tx, now=now, seller_id=self.seller, delivery_id=row["id"], why=why)
            elif agreed:
                deliveries.agree(tx, clock=world.clock, now=now, seller_id=self.seller, delivery_id=row["id"])
            return str(row["id"])

        return str(world.store.write(work))

    def payment(self, state: str, **set_to: Any) -> None:
        """The latest collection comes to this, as the wallet's answer would bring it."""
        row = self.world.rows("SELECT * FROM payments WHERE kind = 'collection' ORDER BY created_at DESC, id DESC")[0]
        now = self.world.clock.now()
        names = {"state": state, "reason": "", "external_id": None, "settled_amount": None, "settled_at": None,
                 "sends": 1} | set_to  # fmt: skip
        sets = ", ".join(f"{name} = :{name}" for name in names)
        terms = {name: row[name] for name in ("source", "destination", "amount", "currency")}

        def work(tx: Any) -> None:
            hold = ledger.hold(tx, now=now, payment_id=row["id"], **terms)
            sql = f"UPDATE payments SET hold_id = :hold, {sets} WHERE id = :id RETURNING *"
            changed = tx.rows(sql, id=row["id"], hold=hold, **names)[0]
            if state == "failed":
                ledger.void(tx, hold, now, why="failed")
                settlement.on_failed(tx, changed, now, self.world.clock)

        self.world.store.write(work)

    def reported(self, by: str = "") -> str:
        now = self.world.clock.now()
        row = self.world.store.write(
            lambda tx: disputes.begin(tx, now=now, person_id=by or self.seller, order_id=self.id, kind="weight")
        )
        return str(row["id"])

    def proposed(self, dispute_id: str, amount: int | None = 5_000, becomes: str = "settled") -> None:
        now = self.world.clock.now()
        self.world.store.write(
            lambda tx: disputes.propose(
                tx, now=now, person_id=self.seller, dispute_id=dispute_id, becomes=becomes, amount_minor=amount
            )
        )


def shown(answer: TestResponse) -> str:
    return text_of(answer).replace("\u202f", " ")


def fault_of(answer: TestResponse, field: str) -> str:
    found = re.search(rf'id="{field}-fault">([^<]*)<', answer.text)
    return found[1].replace("\u00a0", " ").replace("&#39;", "'") if found else ""


def form_of(answer: TestResponse, action: str) -> dict[str, str]:
    """The hidden fields of the form that goes to `action`."""
    found = re.search(rf'<form[^>]*action="[^"]*{action}">(.*?)</form>', answer.text, re.S)
    assert found, action
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', found[1]))
    hidden.pop("csrf_token")
    return hidden


def busy(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Store, work: object) -> None:
        raise Withdrawn("not begun")

    monkeypatch.setattr(type(world.store), "write", full)
