"""What agents earn: once, after a real sale, never while flagged; and who is rung."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.market.agency import AGENT_PHONE, HERS, HUB, KEY, Agency
from tests.market.deals import Deal
from tests.market.peoples import ordered
from tests.market.test_agents import refusal
from tests.money.invariants import broken
from ussd_app.hubs.commissions import Commission, at, load_commissions
from ussd_app.hubs.tables import HubError
from ussd_app.market import agents, commissions, people, settlement, wallets
from ussd_app.money import ledger
from ussd_app.store import Store

PROGRAMME = [Commission(1_000, "outside:programme", "2020-01-01", "test")]
FEES = [Commission(1_000, "fees:service", "2020-01-01", "test")]


class Selling(Deal):
    """A market where somebody was registered by an agent and begins to sell."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.agency = Agency(store)
        self.agency.clock = self.clock

    def earn(self, rows: Any = PROGRAMME) -> int:
        return self.store.write(lambda tx: commissions.earn(tx, hub=HUB, now=self.now, rows=rows))

    def sold_by(self, person_id: str, buyer: Any = None) -> Any:
        """A maize sale of hers, delivered, paid outside and confirmed."""
        listing = self.list(person_id, "maize.grain", 10_000, 400)
        from tests.market.trades import MAIZE_TERMS

        offer = self.offer(
            buyer or self.buyer(msisdn=""), listing, MAIZE_TERMS, quantity=10_000, price=400, settlement="outside"
        )
        order = self.accept(person_id, offer)
        self.clock.advance(600_000)
        self.deliver(order, 10_000)
        self.store.turn(
            lambda tx: settlement.confirm_received(
                tx, clock=self.clock, now=self.now, seller_id=person_id, order_id=order["id"]
            )
        )
        return order

    def owed(self) -> int:
        with self.store.read() as tx:
            return ledger.balance(tx, commissions.account(self.agency.agent), HUB.currency).available


def test_a_first_completed_sale_earns_once(store: Store) -> None:
    market = Selling(store)
    hers = market.agency.begun()
    assert market.earn() == 0 and market.owed() == 0
    order = market.sold_by(hers)
    assert market.earn() == 1 and market.owed() == 1_000
    market.sold_by(hers)
    assert market.earn() == 0 and market.owed() == 1_000
    with store.read() as tx:
        row = tx.rows("SELECT * FROM commissions")[0]
        assert commissions.earned(tx, hub=HUB, agent_id=market.agency.agent) == {
            "sellers": 1, "amount": 1_000, "owed": 1_000, "waiting": 0,
        }  # fmt: skip
        assert ledger.check(tx) == []
    assert broken(store) == []
    assert (row["seller_id"], row["order_id"], row["payer"]) == (hers, order["id"], "outside:programme")
    assert market.agency.sent(AGENT_PHONE)[-1] == "agent.earned"


def test_no_sale_no_commission(store: Store) -> None:
    market = Selling(store)
    hers = market.agency.begun()
    listing = market.list(hers, "maize.grain", 10_000, 400)
    from tests.market.trades import MAIZE_TERMS

    offer = market.offer(
        market.buyer(msisdn=""), listing, MAIZE_TERMS, quantity=10_000, price=400, settlement="outside"
    )
    market.accept(hers, offer)
    assert market.earn() == 0


def test_a_sale_to_the_agent_herself_does_not_count(store: Store) -> None:
    market = Selling(store)
    hers = market.agency.begun()
    store.write(lambda tx: people.make_buyer(tx, now=market.now, person_id=market.agency.agent, country="RW"))
    store.write(lambda tx: tx.buyer_confirm(person_id=market.agency.agent))
    market.sold_by(hers, buyer=market.agency.agent)
    assert market.earn() == 0


def test_a_flagged_seller_earns_nothing_until_it_is_cleared(store: Store) -> None:
    market = Selling(store)
    hers = market.agency.begun()
    market.agency.register(name="Beatha")  # on the same number
    with store.read() as tx:
        assert {(row["name"], row["kind"]) for row in commissions.flags(tx)} == {
            ("Alice Uwimana", "number"), ("Beatha", "number"),
        }  # fmt: skip
    market.sold_by(hers)
    assert market.earn() == 0
    told = {"person_id": hers, "kind": "number", "by": "Aline"}
    assert refusal(store.write, lambda tx: commissions.clear(tx, now=market.now, why="", **told)).reason == "no_reason"
    assert store.write(lambda tx: commissions.clear(tx, now=market.now, why="mother and daughter", **told))
    store.write(lambda tx: commissions.flag(tx, now=market.now))  # what was cleared is not raised again
    assert market.earn() == 1


def test_a_wallet_of_several_and_one_of_an_agent_are_flagged(store: Store) -> None:
    agency = Agency(store)
    one, two = agency.begun(), agency.begun("+250788000102", "Beatha")
    third = agency.begun("+250788000103", "Clarisse")
    other = agency.person("Berthe", "+250788000902")
    agency.make(other)
    for person, number in ((one, "+250788000800"), (two, "+250788000800"), (third, "+250788000902")):
        store.write(
            lambda tx, person=person, number=number: wallets.choose(  # type: ignore[misc]
                tx, clock=agency.clock, now=agency.now, person_id=person, provider="mtn_momo", msisdn=number
            )
        )
    assert store.write(lambda tx: commissions.flag(tx, now=agency.now)) == 3
    with store.read() as tx:
        found = {(row["person_id"], row["kind"]) for row in commissions.flags(tx)}
    assert found == {(one, "wallet"), (two, "wallet"), (third, "agent_wallet")}
    assert store.write(lambda tx: commissions.flag(tx, now=agency.now)) == 0


def test_an_agents_own_number_is_refused_as_payout(store: Store) -> None:
    agency = Agency(store)
    hers = agency.begun()
    refused = refusal(
        store.write,
        lambda tx: wallets.choose(
            tx, clock=agency.clock, now=agency.now, person_id=hers, provider="mtn_momo", msisdn=AGENT_PHONE
        ),
    )
    assert refused.reason == "agent_wallet"


def test_a_removed_agent_earns_nothing_more(store: Store) -> None:
    market = Selling(store)
    hers = market.agency.begun()
    market.sold_by(hers)
    store.write(lambda tx: agents.remove(tx, now=market.now, agent_id=market.agency.agent, by="operator:a", why="left"))
    assert market.earn() == 0


def test_fees_that_are_not_there_are_waited_for(store: Store) -> None:
    market = Selling(store)
    market.sold_by(market.agency.begun())
    assert market.earn(FEES) == 0
    store.write(
        lambda tx: ledger.move(
            tx,
            now=market.now,
            source="outside:programme",
            destination="fees:service",
            amount=1_000,
            currency="RWF",
            why="t",
        )
    )
    assert market.earn(FEES) == 1 and market.earn(FEES) == 0


def test_the_worker_does_it(store: Store) -> None:
    market = Selling(store)
    market.sold_by(market.agency.begun())
    assert commissions.run(store, HUB, market.now) == 1
    assert market.owed() == load_commissions("rw")[-1].amount


def test_the_row_in_force_on_a_day() -> None:
    rows = [*PROGRAMME, Commission(2_000, "fees:service", "2026-01-01", "test")]
    assert at(rows, "2019-12-31") is None
    assert [row.amount for day in ("2020-01-01", "2025-12-31", "2026-01-01") if (row := at(rows, day))] == [
        1_000,
        1_000,
        2_000,
    ]


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "xx").mkdir()
    (tmp_path / "xx" / "commissions.csv").write_text("amount,payer,valid_from,source\n0,seller:1,2026-13-01,x\n")
    with pytest.raises(HubError) as wrong:
        load_commissions("xx", tmp_path)
    assert len(wrong.value.faults) == 3


def test_some_of_a_day_are_rung_and_a_ghost_is_flagged(store: Store) -> None:
    agency = Agency(store)
    sellers = [
        agency.register(f"+2507880003{number:02d}", f"Seller {chr(65 + number)}")["person_id"] for number in range(25)
    ]
    day = "2026-09-21"

    def draw() -> Any:
        return store.write(lambda tx: commissions.draw(tx, now=agency.now, day=day, by="Aline", share=20))

    drawn = draw()
    assert len(drawn) == 5 and {row["person_id"] for row in drawn} <= set(sellers)
    assert [row["person_id"] for row in draw()] == [row["person_id"] for row in drawn]
    assert store.write(lambda tx: commissions.draw(tx, now=agency.now, day="2026-09-20", by="Aline")) == []
    ghost = drawn[0]["person_id"]
    with store.read() as tx:
        looks = tx.access_of(person_id=ghost, limit=5)
    assert {(look["looked_by"], look["why"]) for look in looks} == {
        ("Aline", f"random call about a registration of {day}")
    }

    def note(person_id: str, outcome: str) -> bool:
        return store.write(
            lambda tx: commissions.note_check(tx, now=agency.now, person_id=person_id, outcome=outcome, by="Aline")
        )

    assert note(ghost, "unreached") and note(ghost, "ghost") and not note(ghost, "true")
    assert refusal(note, ghost, "maybe").reason == "bad_terms"
    with store.read() as tx:
        assert [(row["person_id"], row["kind"]) for row in commissions.flags(tx)] == [(ghost, "ghost")]


def test_the_smallest_day_is_rung_whole(store: Store) -> None:
    agency = Agency(store)
    agency.register()
    drawn = store.write(lambda tx: commissions.draw(tx, now=agency.now, day="2026-09-21", by="Aline"))
    assert [row["msisdn"] for row in drawn] == [HERS]
    assert KEY and ordered(store)
