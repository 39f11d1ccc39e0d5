"""Whose wallet it is, who may change it and how slowly; and which names are one person's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.market.deals import Deal
from tests.market.trades import hours, refused
from ussd_app.market import holders, wallets
from ussd_app.store import Store

OTHER = "+250728000555"


@pytest.fixture
def deal(store: Store) -> Deal:
    return Deal(store)


def choose(deal: Deal, person: str, msisdn: str = OTHER, provider: str = "airtel_money", by: str = "self") -> Any:
    return deal.store.turn(
        lambda tx: wallets.choose(
            tx, clock=deal.clock, now=deal.now, person_id=person, provider=provider, msisdn=msisdn, by=by
        )
    )


def gate(deal: Deal, person: str) -> wallets.Gate:
    return deal.store.write(lambda tx: wallets.may_pay(tx, now=deal.now, person_id=person))


def active(deal: Deal, person: str) -> Any:
    deal.store.write(lambda tx: wallets.activate_due(tx, now=deal.now))
    with deal.store.read() as tx:
        return wallets.shown(tx, person)["active"]


def judge(deal: Deal, wallet: Any, name: str | None, ok: bool | None = True) -> str:
    return deal.store.write(
        lambda tx: wallets.note_holder(tx, clock=deal.clock, now=deal.now, wallet_id=wallet["id"], active=ok, name=name)
    )


def told(deal: Deal, number: str) -> list[str]:
    with deal.store.read() as tx:
        rows = tx.rows("SELECT template FROM outbox WHERE recipient = :to ORDER BY id", to=number)
    return [row["template"] for row in rows]


def test_her_own_number_is_her_wallet_until_she_chooses(deal: Deal) -> None:
    person = deal.person()
    assert gate(deal, person).reason == "name_unasked"
    own = active(deal, person)
    assert (own["provider"], own["own"]) == ("mtn_momo", 1)
    with refused("same_wallet"):
        choose(deal, person, own["msisdn"], "mtn_momo")
    ported = choose(deal, person, own["msisdn"], "airtel_money")  # the prefix was only a hint
    assert (ported["id"], ported["state"], ported["provider"]) == (own["id"], "active", "airtel_money")
    with refused("unknown_wallet"):
        choose(deal, person, OTHER, "sacco")


def test_another_number_waits_two_days_and_both_numbers_hear_of_it(deal: Deal) -> None:
    person = deal.person("Uwase Jeanne")
    deal.know(person)
    old = active(deal, person)
    waiting = choose(deal, person)
    assert (waiting["state"], waiting["ready_at"]) == ("waiting", deal.now + hours(48))
    assert told(deal, old["msisdn"]) == ["wallet.change_old"] and told(deal, OTHER) == ["wallet.change_new"]
    with refused("change_waits", ready_at=waiting["ready_at"]):
        choose(deal, person, "+250788111222", "mtn_momo")
    deal.clock.advance(hours(48) - 1)
    assert active(deal, person)["id"] == old["id"] and gate(deal, person).reason == ""
    deal.clock.advance(1)
    assert active(deal, person)["msisdn"] == OTHER
    assert gate(deal, person).reason == "name_unasked"
    assert judge(deal, waiting, "JEANNE UWASE") == "same" and gate(deal, person).reason == ""
    assert told(deal, old["msisdn"])[-1] == "wallet.changed"


def test_the_old_number_can_stop_a_change(deal: Deal) -> None:
    person = deal.person()
    choose(deal, person)
    assert deal.store.turn(lambda tx: wallets.cancel(tx, now=deal.now, person_id=person))
    assert not deal.store.turn(lambda tx: wallets.cancel(tx, now=deal.now, person_id=person))
    deal.clock.advance(hours(100))
    assert active(deal, person)["own"] == 1


def test_one_operator_alone_changes_nothing(deal: Deal) -> None:
    person = deal.person()
    asked = choose(deal, person, by="Alice")

    def approve(by: str) -> bool:
        return deal.store.write(lambda tx: wallets.approve(tx, now=deal.now, wallet_id=asked["id"], by=by))

    assert not approve("Alice") and not approve(" alice ") and not approve(" ")
    deal.clock.advance(hours(49))
    assert active(deal, person)["own"] == 1
    assert approve("Bob") and not approve("Carol")
    assert active(deal, person)["msisdn"] == OTHER
    hers = choose(deal, deal.person(), "+250728000777")
    assert not deal.store.write(lambda tx: wallets.approve(tx, now=deal.now, wallet_id=hers["id"], by="Bob"))


def test_anothers_wallet_needs_her_yes(deal: Deal) -> None:
    person, aunt = deal.person("Uwase Jeanne"), deal.person("Mukamana Rose", msisdn=OTHER)
    asked = choose(deal, person)
    assert told(deal, OTHER) == ["wallet.yes_asked"]
    deal.clock.advance(hours(60))
    assert active(deal, person)["own"] == 1
    with refused("not_found"):
        deal.store.turn(lambda tx: wallets.say_yes(tx, now=deal.now, owner_id=person, wallet_id=asked["id"]))
    with deal.store.read() as tx:
        (seen,) = wallets.asked_of(tx, aunt)
    assert seen["person_name"] == "Uwase Jeanne"
    deal.store.turn(lambda tx: wallets.say_yes(tx, now=deal.now, owner_id=aunt, wallet_id=asked["id"]))
    assert active(deal, person)["msisdn"] == OTHER
    assert judge(deal, asked, "Rose MUKAMANA") == "same" and gate(deal, person).reason == ""


def test_her_no_ends_it(deal: Deal) -> None:
    person, aunt = deal.person(), deal.person(msisdn=OTHER)
    asked = choose(deal, person)
    deal.store.turn(lambda tx: wallets.say_no(tx, now=deal.now, owner_id=aunt, wallet_id=asked["id"]))
    with deal.store.read() as tx:
        assert wallets.shown(tx, person)["waiting"] is None and wallets.asked_of(tx, aunt) == []


def test_an_agent_gets_nobodys_money(deal: Deal) -> None:
    person, agent = deal.person(), deal.person(msisdn=OTHER)
    deal.store.write(
        lambda tx: tx.rows("UPDATE people SET registered_by = :a WHERE id = :p RETURNING id", a=agent, p=person)
    )
    with refused("agent_wallet"):
        choose(deal, person)


def test_one_number_is_not_the_wallet_of_a_village(deal: Deal) -> None:
    for _ in range(wallets.MOST_ON_NUMBER):
        choose(deal, deal.person())
    with refused("number_full", most=wallets.MOST_ON_NUMBER):
        choose(deal, deal.person())


def test_a_wallet_that_does_not_say_whose_it_is_goes_to_people(deal: Deal) -> None:
    person = deal.person("Uwase Jeanne")
    gate(deal, person)
    own = active(deal, person)
    for _ in range(wallets.LOOKS - 1):
        with deal.store.read() as tx:
            assert [row["id"] for row in wallets.to_look_at(tx, now=deal.now)] == [own["id"]]
        assert judge(deal, own, None) == "unasked"
        with deal.store.read() as tx:
            assert wallets.to_look_at(tx, now=deal.now) == []
        deal.clock.advance(hours(1))
    assert judge(deal, own, "  ") == "unknown" and gate(deal, person).reason == "name_unknown"
    deal.store.write(
        lambda tx: wallets.decide(tx, now=deal.now, wallet_id=own["id"], by="Alice", allow=False, why="a stranger's")
    )
    assert gate(deal, person).reason == "name_forbidden"
    assert judge(deal, own, "Uwase Jeanne") == "" and gate(deal, person).reason == "name_forbidden"


def test_a_closed_wallet_is_not_paid_and_looked_at_again(deal: Deal) -> None:
    person = deal.person("Uwase Jeanne")
    assert deal.know(person, "Uwase Jeanne", active=False) == "inactive"
    assert gate(deal, person).reason == "wallet_inactive"
    deal.clock.advance(hours(24))
    with deal.store.read() as tx:
        assert len(wallets.to_look_at(tx, now=deal.now)) == 1


def test_one_name_is_enough_for_her_own_number_alone(deal: Deal) -> None:
    person = deal.person("Jeanne")
    assert deal.know(person, "UWASE Jeanne") == "part" and gate(deal, person).reason == ""
    chosen = choose(deal, person)
    deal.clock.advance(hours(48))
    assert active(deal, person)["id"] == chosen["id"]
    assert judge(deal, chosen, "UWASE Jeanne") == "part" and gate(deal, person).reason == "name_differs"


def test_forgetting_leaves_no_number_and_no_name(deal: Deal) -> None:
    person = deal.person("Uwase Jeanne")
    deal.know(person)
    choose(deal, person)
    deal.store.write(lambda tx: wallets.forget(tx, now=deal.now, person_id=person))
    with deal.store.read() as tx:
        rows = tx.rows("SELECT msisdn, holder_name, state FROM wallets WHERE person_id = :id ORDER BY id", id=person)
    assert [tuple(row.values()) for row in rows] == [("", "", "replaced"), ("", "", "cancelled")]


SAME = [
    ("Uwase Jeanne", "JEANNE UWASE"),
    ("Uwase Jeanne", "Uwase Jeanne d'Arc"),
    ("Niyonzima Jean-Claude", "NIYONZIMA JEAN CLAUDE"),
    ("Niyonzima Jeanclaude", "Jean Claude Niyonzima"),
    ("Habyarimana Alphonse", "HABYALIMANA ALFONSE"),
    ("Mukamana Thérèse", "Mukamana Therese"),
    ("Mme Mukamana Rose", "ROSE MUKAMANA"),
    ("Uwimana Marie Rose", "Uwimana Rose"),
    ("Nsengiyumva Eric", "Eric NSENGYUMVA"),
    ("Bizimana Yves", "Bizimana Ives"),
    ("Ouwase Jeanne", "Uwase Jeanne"),
    ("Nkurunziza Emmanuel", "Emanuel Nkurunziza"),
    ("Mugisha Christian", "Kristian Mugisha"),
    ("Uwamahoro Elisabeth", "Elizabeth Uwamahoro"),
    ("Hakizimana Pierre", "Hakizimna Pierre"),
]
PART = [
    ("Jeanne", "Uwase Jeanne"),
    ("J. Uwase", "Jeanne Uwase"),
    ("Uwase Jeanne Rose", "Uwase Jeanne Alice"),
]
DIFFERENT = [
    ("Uwase Jeanne", "Habimana Eric"),
    ("Uwase Jeanne", "Mukamana Jeanne"),
    ("Uwimana Jeanne", "Uwamahoro Jeanne"),
    ("Mukamana Rose", "Mukamusana Rose"),
    ("Uwase Jeanne", "Uwase Eric"),
    ("Uwase Jean", "Uwase Jeanne"),
    ("Jeanne", "J Uwase"),
    ("J U", "Jeanne Uwase"),
    ("Bizimana Eric", "Bizimungu Eric"),
    ("Ndayisaba Paul", "Ndayisenga Paul"),
    ("Jeane", "Jeanette Uwase"),
    ("", "Uwase Jeanne"),
    ("Uwase Jeanne", ""),
    ("12345", "Uwase Jeanne"),
    ("Hakizimna Piere", "Hakizimana Pierro"),
    ("Mugabo", "Mugabe"),
]


@pytest.mark.parametrize(
    ("registered", "named", "verdict"),
    [(*pair, "same") for pair in SAME]
    + [(*pair, "part") for pair in PART]
    + [(*pair, "differs") for pair in DIFFERENT],
)
def test_names_of_one_person_and_of_two(registered: str, named: str, verdict: str) -> None:
    assert holders.compare(registered, named) == verdict
    assert holders.compare(named, registered) == verdict
