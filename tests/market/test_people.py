"""People: names that fit any phone, several people on one number, roles, agents' registrations."""

from __future__ import annotations

import pytest

from tests.market.peoples import ELSEWHERE, JEANNE, NOW, buyer, seller
from ussd_app.market import people
from ussd_app.store import Store


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("mukamana jeanne", "Mukamana Jeanne"),
        ("UWASE", "Uwase"),
        ("McKenzie", "McKenzie"),
        ("  Jean   Paul ", "Jean Paul"),
        ("Élodie N'Diaye", "Elodie N'Diaye"),
        ("J.-M. Habimana", "J.-M. Habimana"),
        ("A" * 24, "A" + "a" * 23),
        ("A" * 25, None),
        ("J", None),
        ("J.", None),
        ("12345", None),
        ("Jeanne 2", None),
        ("<b>Jo</b>", None),
        ("=HYPERLINK(A1)", None),
        ("-Jo", None),
        ("Je\x00anne", None),
        ("Jeanne\nMarie", None),
        ("Je\u200banne", None),
        ("姚明", None),
        ("", None),
    ],
)
def test_a_name_fits_any_phone_or_is_refused(typed: str, kept: str | None) -> None:
    assert people.clean_name(typed) == kept


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" Marc@Cafe.BE ", "marc@cafe.be"),
        ("a.b+c@mail.example.org", "a.b+c@mail.example.org"),
        ("marc@cafe", None),
        ("marc cafe@x.be", None),
        ("marc@x.be\nbcc: all@x.be", None),
        ("", None),
    ],
)
def test_a_mail_address_is_one_we_can_write_to(typed: str, kept: str | None) -> None:
    assert people.clean_mail(typed) == kept


def test_a_seller_registers_and_is_found_on_her_number_in_one_statement(store: Store) -> None:
    made = store.write(lambda tx: seller(tx, name="mukamana"))
    assert (made["name"], made["state"], made["roles"], made["has_pin"]) == ("Mukamana", "active", ("seller",), 1)
    assert "pin_hash" not in made
    with store.read() as tx:
        before = tx.statement_count
        found = people.on_number(tx, JEANNE)
        assert tx.statement_count == before + 1
        assert [(p["id"], p["language"], p["roles"]) for p in found] == [(made["id"], "rw", ("seller",))]
        assert tx.consents_of(person_id=made["id"])[0]["version"] == "2026-01"


def test_six_people_share_a_number_and_a_seventh_is_refused(store: Store) -> None:
    for name in ("Ana", "Bea", "Cia", "Dia", "Eva", "Fia"):
        store.write(lambda tx, name=name: seller(tx, name=name))
    with pytest.raises(people.Refused, match="number_full"):
        store.write(lambda tx: seller(tx, name="Gia"))
    with store.read() as tx:
        assert [p["name"] for p in people.on_number(tx, JEANNE)] == ["Ana", "Bea", "Cia", "Dia", "Eva", "Fia"]


def test_a_refused_name_writes_nothing(store: Store) -> None:
    with pytest.raises(people.Refused, match="bad_name"):
        store.write(lambda tx: seller(tx, name="12345"))
    with store.read() as tx:
        assert people.everyone_on_number(tx, JEANNE) == []


def test_an_agents_seller_is_a_ghost_until_her_own_handset_says_yes(store: Store) -> None:
    agent = store.write(lambda tx: seller(tx, name="Agent", msisdn=ELSEWHERE))
    with pytest.raises(people.Refused, match="agent_sets_no_pin"):
        store.write(lambda tx: seller(tx, registered_by=agent["id"]))
    ghost = store.write(lambda tx: seller(tx, pin_hash=None, registered_by=agent["id"]))
    with store.read() as tx:
        assert people.on_number(tx, JEANNE) == []
        assert [p["state"] for p in people.everyone_on_number(tx, JEANNE)] == ["pending"]
        assert tx.consents_of(person_id=ghost["id"]) == []

    def confirm(msisdn: str) -> bool:
        return store.write(
            lambda tx: people.confirm_seller(
                tx,
                now=NOW + 1,
                person_id=ghost["id"],
                msisdn=msisdn,
                pin_hash="hers",
                language="rw",
                consent_version="2026-01",
                channel="ussd",
            )
        )

    assert confirm(ELSEWHERE) is False
    assert confirm(JEANNE) is True
    assert confirm(JEANNE) is False
    with store.read() as tx:
        assert [p["id"] for p in people.on_number(tx, JEANNE)] == [ghost["id"]]
        assert len(tx.consents_of(person_id=ghost["id"])) == 1


def test_a_seller_without_pin_cannot_register_herself(store: Store) -> None:
    with pytest.raises(people.Refused, match="pin_missing"):
        store.write(lambda tx: seller(tx, pin_hash=None))


def test_a_buyer_is_new_until_a_code_confirms_the_contact_however_she_comes(store: Store) -> None:
    abroad = store.write(lambda tx: buyer(tx, mail="Marc@Cafe.be", company="Cafe\x07 SA"))
    near = store.write(lambda tx: buyer(tx, name="Aline", msisdn=JEANNE, channel="ussd", country="rw"))
    assert (abroad["buyer_verification"], near["buyer_verification"]) == ("new", "new")
    with store.read() as tx:
        found = people.by_mail(tx, " MARC@cafe.be")
        assert found is not None and found["id"] == abroad["id"]
        assert people.by_mail(tx, "nobody@cafe.be") is None
        assert people.by_mail(tx, "no mail") is None
        assert tx.buyer_by_id(person_id=abroad["id"])["company"] == "Cafe SA"
    with pytest.raises(people.Refused, match="mail_taken"):
        store.write(lambda tx: buyer(tx, mail="marc@cafe.be"))
    with pytest.raises(people.Refused, match="no_contact"):
        store.write(lambda tx: buyer(tx))


def test_one_person_can_sell_and_buy(store: Store) -> None:
    person = store.write(lambda tx: seller(tx))
    assert store.write(lambda tx: people.make_buyer(tx, now=NOW, person_id=person["id"], country="rw")) is True
    assert store.write(lambda tx: people.make_buyer(tx, now=NOW, person_id=person["id"], country="rw")) is False
    with store.read() as tx:
        assert people.on_number(tx, JEANNE)[0]["roles"] == ("seller", "buyer")


def test_name_language_place_and_cooperative_change(store: Store) -> None:
    person = store.write(lambda tx: seller(tx))
    cooperative = store.write(lambda tx: people.add_cooperative(tx, now=NOW, name="Kopakama", place="5104"))
    assert store.write(lambda tx: people.rename(tx, now=NOW + 1, person_id=person["id"], name="uwera")) == "Uwera"
    store.write(lambda tx: people.set_language(tx, now=NOW + 2, person_id=person["id"], language="sw"))
    store.write(lambda tx: people.set_place(tx, now=NOW + 3, person_id=person["id"], place="5105"))
    assert store.write(lambda tx: people.join_cooperative(tx, person_id=person["id"], cooperative_id=cooperative))
    with store.read() as tx:
        now = people.by_id(tx, person["id"])
        assert now is not None
        assert (now["name"], now["language"], now["place"], now["cooperative_name"], now["updated_at"]) == (
            "Uwera",
            "sw",
            "5105",
            "Kopakama",
            NOW + 3,
        )
    with pytest.raises(people.Refused, match="bad_name"):
        store.write(lambda tx: people.rename(tx, now=NOW, person_id=person["id"], name="<i>"))
