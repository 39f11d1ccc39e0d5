"""Wallets as the rest sees them: an account that is erased, a provider that is not set, an emulator that learns names."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.market.deals import Deal
from tests.market.test_wallets import OTHER, choose, gate
from ussd_app import running
from ussd_app.emulators import mtn_momo
from ussd_app.market import accounts, wallets
from ussd_app.store import Store


@pytest.fixture
def deal(store: Store) -> Deal:
    return Deal(store)


def test_who_is_erased_has_no_wallet(deal: Deal) -> None:
    person = deal.person("Uwase Jeanne")
    gate(deal, person)
    choose(deal, person)
    assert deal.store.write(lambda tx: accounts.erase(tx, now=deal.now, person_id=person))
    with deal.store.read() as tx:
        rows = tx.rows("SELECT msisdn, holder_name, state FROM wallets WHERE person_id = :id", id=person)
    assert sorted(row["state"] for row in rows) == ["cancelled", "replaced"]
    assert {(row["msisdn"], row["holder_name"]) for row in rows} == {("", "")}
    assert OTHER not in str(rows)


def test_a_wallet_of_a_provider_that_is_not_set_goes_to_people(deal: Deal) -> None:
    parts = SimpleNamespace(store=deal.store, clock=deal.clock, money=SimpleNamespace(providers={}))
    person = deal.person("Uwase Jeanne")
    gate(deal, person)
    for _ in range(wallets.LOOKS):
        running.look_at_holders(parts, deal.now)
        deal.clock.advance(wallets.LOOK_AGAIN_MS * wallets.LOOKS)
    with deal.store.read() as tx:
        assert [(row["person_id"], row["holder"]) for row in wallets.to_decide(tx)] == [(person, "unknown")]


def test_an_emulated_wallet_learns_who_registers(deal: Deal) -> None:
    first = deal.person("Uwase Jeanne")
    with mtn_momo.running(mtn_momo.Options(port=0)) as emulator:
        told = running.name_holders(deal.store, emulator.url, {})
        known = {number: " ".join(names).strip() for number, names in emulator.names.items()}
        assert told and known == {number.removeprefix("+"): name for number, name in told.items()}
        running.name_holders(deal.store, emulator.url, told)
        assert [entry["kind"] for entry in emulator.journal()] == ["control"]  # nothing new, nothing said
        second = deal.person("Habimana Eric")
        now = running.name_holders(deal.store, emulator.url, told)
        assert first != second and set(now.values()) - set(told.values()) == {"Habimana Eric"}
        assert ("Habimana", "Eric") in emulator.names.values()


def test_nobody_leaves_while_money_of_hers_is_under_way(deal: Deal) -> None:
    order = deal.order()
    deal.deliver(order, 10_000)
    people = (order["seller_id"], order["buyer_id"])

    def waiting() -> list[int]:
        with deal.store.read() as tx:
            return [int(tx.open_business(person_id=person)) for person in people]

    deal.know(order["seller_id"])
    deal.pay()
    deal.work()
    assert deal.state(order) == "delivered" and waiting() == [1, 1]
    deal.pay("disbursement")
    assert deal.state(order) == "settled" and waiting() == [0, 0]
    claim = deal.dispute(order, order["buyer_id"])
    assert waiting() == [1, 1]
    deal.decide(claim, "cancelled", amount=0)
    assert waiting() == [0, 0]
    for person in people:
        deal.store.write(lambda tx, person=person: accounts.erase(tx, now=deal.now, person_id=person))
    with deal.store.read() as tx:
        assert {row["msisdn"] for row in tx.rows("SELECT msisdn FROM payments")} == {""}
