"""Field agents: whom they may register, that a seller is nobody before her own yes, and that a role ends at once."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.market.agency import AGENT_PHONE, HERS, HUB, KANJONGO, KEY, NOW, Agency
from tests.market.peoples import ordered
from ussd_app.lib import ids
from ussd_app.market import accounts, agents, members, people
from ussd_app.market.agents import ACTIVATION_LIVES_MS
from ussd_app.market.codes import BETWEEN_MS
from ussd_app.market.terms import Refused
from ussd_app.money import audit
from ussd_app.store import Store

DAY_MS = 86_400_000


def refusal(call: Any, *args: Any, **more: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        call(*args, **more)
    return refused.value


def test_a_registered_seller_is_pending_and_gets_one_sms(store: Store) -> None:
    agency = Agency(store)
    row = agency.register()
    assert (row["state"], row["again"], row["sent"], row["produce"]) == ("pending", False, True, "coffee.cherry")
    assert agency.sent() == ["activation.code"]
    with store.read() as tx:
        person = people.by_id(tx, row["person_id"])
        assert person is not None and person["has_pin"] == 0 and people.on_number(tx, HERS) == []
        assert accounts.consented(tx, row["person_id"], "service") is None
        assert tx.person_load(id=row["person_id"]) is None  # no session can speak for her
        assert [one["id"] for one in agents.pending_on(tx, HERS)] == [row["person_id"]]
        acts = audit.of_subject(tx, f"person:{row['person_id']}")
    assert [(act["actor"], act["action"]) for act in acts] == [(f"person:{agency.agent}", "agent.registered")]


def test_the_code_is_good_once_on_her_own_phone_for_two_days(store: Store) -> None:
    agency = Agency(store)
    hers = agency.register()["person_id"]
    code = agency.codes()[0]
    wrong = "0" * 6 if code != "0" * 6 else "1" * 6
    assert agency.check_code(hers, wrong) == "wrong"
    assert agency.check_code(hers, code, msisdn="+250788000999") == "expired"
    agency.pass_time(ACTIVATION_LIVES_MS - 1)
    assert agency.check_code(hers, code) == "ok"
    assert agency.check_code(hers, code) == "spent"


def test_an_expired_code_is_renewed(store: Store) -> None:
    agency = Agency(store)
    hers = agency.register()["person_id"]
    agency.pass_time(ACTIVATION_LIVES_MS)
    assert agency.check_code(hers, agency.codes()[0]) == "expired"
    again = {"clock": agency.clock, "key": KEY, "agent_id": agency.agent, "person_id": hers}
    assert store.turn(lambda tx: agents.send_code_again(tx, now=agency.now, **again))
    assert not store.turn(lambda tx: agents.send_code_again(tx, now=agency.now, **again))  # not twice a minute
    assert agency.check_code(hers, agency.codes()[1]) == "ok"
    agency.begin(hers)
    agency.pass_time(BETWEEN_MS)
    assert not store.turn(lambda tx: agents.send_code_again(tx, now=agency.now, **again))  # she has begun


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"msisdn": AGENT_PHONE}, "own_number"),
        ({"name": "X1"}, "bad_name"),
        ({"place": "9999"}, "bad_place"),
        ({"produce": "gold"}, "unknown_produce"),
        ({"place": "1206"}, "bad_place"),
    ],
)
def test_what_no_agent_may_register(store: Store, told: dict[str, str], reason: str) -> None:
    agency = Agency(store, districts=["37"])
    assert refusal(agency.register, **told).reason == reason
    assert ordered(store)[-1]["template"] == "agent.given"


def test_the_same_again_is_the_same_seller_and_sends_nothing(store: Store) -> None:
    agency = Agency(store)
    first, again = agency.register(), agency.register(name="ALICE UWIMANA")
    assert again["person_id"] == first["person_id"] and again["again"]
    assert agency.sent() == ["activation.code"]


def test_a_number_may_be_shared_but_not_by_two_of_one_name(store: Store) -> None:
    agency = Agency(store)
    agency.person("Jeanne", HERS)
    assert refusal(agency.register, name="Jeanne").reason == "known"
    row = agency.register()
    assert agency.sent() == ["activation.shared"]
    assert row["state"] == "pending"
    for name in ("Beatha", "Clarisse", "Diane", "Esther"):
        agency.register(name=name)
    assert refusal(agency.register, name="Francine").reason == "number_full"
    other = agency.person("Berthe", "+250788000902")
    agency.make(other)
    assert refusal(agency.register, agent_id=other).reason == "known"


def test_the_daily_cap_begins_anew_with_the_day(store: Store) -> None:
    agency = Agency(store, daily_cap=2)
    agency.register(), agency.register("+250788000102", "Beatha")
    refused = refusal(agency.register, "+250788000103", "Clarisse")
    assert (refused.reason, refused.facts["most"]) == ("too_many_today", 2)
    assert agency.register()["again"]  # the same again is no new one
    agency.pass_time(DAY_MS)
    assert not agency.register("+250788000103", "Clarisse")["again"]


def test_many_at_once_do_not_pass_the_cap(store: Store) -> None:
    agency = Agency(store, daily_cap=3)
    refused: list[str] = []

    def one(number: int) -> None:
        try:
            agency.register(f"+2507880002{number:02d}", f"Seller {'ABCDEFGH'[number]}")
        except Refused as no:
            refused.append(no.reason)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["too_many_today"] * 5
    with store.read() as tx:
        assert agents.count(tx, agency.agent) == {"sellers": 3, "pending": 3}


def test_an_agent_of_a_cooperative_makes_members(store: Store) -> None:
    agency = Agency(store)
    cooperative = agency.cooperative()
    agency.make(agency.agent, cooperative_id=cooperative["id"])
    hers = agency.register()["person_id"]
    with store.read() as tx:
        member = members.of_person(tx, cooperative["id"], hers)
        assert member is not None
        assert (member["state"], member["joined_by"]) == ("active", f"agent:{agency.agent}")
        assert members.grown_by(tx, cooperative["id"], hers) == ["coffee.cherry"]
        assert members.growers(tx, cooperative["id"], "coffee.cherry") == []  # nothing is sent before her yes
    assert agency.sent() == ["activation.code"]


def test_removal_works_at_once_and_lets_her_sellers_begin(store: Store) -> None:
    agency = Agency(store)
    hers = agency.register()["person_id"]
    told = {"agent_id": agency.agent, "by": "operator:a"}
    assert refusal(store.write, lambda tx: agents.remove(tx, now=NOW, why=" ", **told)).reason == "no_reason"
    assert store.write(lambda tx: agents.remove(tx, now=NOW, why="ghosts; call +250788123456", **told))
    assert not store.write(lambda tx: agents.remove(tx, now=NOW, why="again", **told))
    assert refusal(agency.register, "+250788000102", "Beatha").reason == "not_allowed"
    with store.read() as tx:
        assert agents.of(tx, agency.agent) is None and agents.on_number(tx, AGENT_PHONE) is None
        assert "788123456" not in audit.of_subject(tx, f"agent:{agency.agent}")[0]["evidence"]
    assert agency.check_code(hers, agency.codes()[0]) == "ok"
    assert agency.sent(AGENT_PHONE) == ["agent.given", "agent.ended"]


def test_whoever_stopped_or_was_erased_is_no_agent(store: Store) -> None:
    agency = Agency(store)
    store.write(lambda tx: accounts.withdraw_consent(tx, now=NOW, person_id=agency.agent, purpose="service"))
    assert refusal(agency.register).reason == "not_allowed"
    store.write(lambda tx: accounts.erase(tx, now=NOW, person_id=agency.agent))
    assert refusal(agency.register).reason == "not_allowed"


def test_who_may_be_an_agent(store: Store) -> None:
    agency = Agency(store)
    pending = agency.register()["person_id"]
    assert refusal(agency.make, pending).reason == "not_found"
    assert refusal(agency.make, ids.new_id()).reason == "not_found"
    assert refusal(agency.make, agency.agent, districts=["3706"]).reason == "bad_place"
    assert refusal(agency.make, agency.agent, daily_cap=0).reason == "bad_terms"
    assert refusal(agency.make, agency.agent, cooperative_id="none").reason == "not_found"


def test_another_agent_takes_over(store: Store) -> None:
    agency = Agency(store)
    hers, waits = agency.begun(), agency.register("+250788000102", "Beatha")["person_id"]
    other = agency.person("Berthe", "+250788000902")

    def move(seller_id: str, to: str) -> bool:
        return store.write(lambda tx: agents.move(tx, now=agency.now, seller_id=seller_id, to=to, by="operator:a"))

    assert refusal(move, hers, other).reason == "not_allowed"
    agency.make(other)
    assert move(hers, other) and move(waits, other) and not move(hers, other)
    with store.read() as tx:
        assert agents.seller_of(tx, other, hers)["registered_by"] == agency.agent
        assert refusal(agents.seller_of, tx, agency.agent, hers).reason == "not_found"
        assert agents.find(tx, agency.agent) == []
        assert [row["name"] for row in agents.find(tx, other)] == ["Beatha", "Alice Uwimana"]
        assert [row["name"] for row in agents.find(tx, other, "uwi")] == ["Alice Uwimana"]
        assert agents.find(tx, other, "%") == []
    assert agency.sent()[-1] == "agent.moved"
    assert agency.sent("+250788000102") == ["activation.code"]  # nothing more before her yes


def test_only_places_of_the_agents_districts(store: Store) -> None:
    agency = Agency(store, districts=["37"])
    with store.read() as tx:
        agent = agents.check(tx, agency.agent)
    assert agents.may_register_at(agent, HUB, KANJONGO) and not agents.may_register_at(agent, HUB, "11")
