"""Cooperatives: their code and account, who acts for them, and their terms, on both stores."""

from __future__ import annotations

from typing import Any

import pytest

from tests.market.peoples import ELSEWHERE, JEANNE, NOW, ordered, seller
from ussd_app.hubs import load_hub
from ussd_app.lib.ids import check_ok
from ussd_app.market import accounts, cooperatives, leaving, people
from ussd_app.market.tell import tell
from ussd_app.market.terms import Refused
from ussd_app.money import audit
from ussd_app.store import Store, Tx

HUB = load_hub("rw")
KANJONGO = "3706"


def founded(store: Store, manager_id: str | None = None, name: str = "Kawa Nziza", place: str = KANJONGO) -> Any:
    return store.write(
        lambda tx: cooperatives.add(
            tx, hub=HUB, now=NOW, name=name, place=place, manager_id=manager_id, by="operator:a"
        )
    )


def test_a_cooperative_has_a_code_an_account_a_district_and_a_station(store: Store) -> None:
    manager = store.write(lambda tx: seller(tx))
    row = founded(store, manager["id"])
    assert check_ok(row["code"]) and len(row["code"]) == 7
    assert row["district"] == HUB.places.get(KANJONGO).district_code
    with store.read() as tx:
        assert cooperatives.by_code(tx, f"{row['code'][:3]} {row['code'][3:]}")["id"] == row["id"]
        wrong = row["code"][:-1] + str((int(row["code"][-1]) + 1) % 10)
        assert cooperatives.by_code(tx, wrong) is None
        account = people.by_id(tx, row["account_id"])
        assert (account["name"], account["msisdn"], account["has_pin"]) == ("Kawa Nziza", "", 0)
        assert account["cooperative_id"] == row["id"]
        assert [one["name"] for one in cooperatives.stations(tx, row["id"])] == ["Kanjongo"]
        assert cooperatives.role_of(tx, manager["id"])[0]["role"] == "manager"
        assert len(audit.of_subject(tx, f"cooperative:{row['id']}")) == 2


@pytest.mark.parametrize(("name", "place", "reason"), [("K", KANJONGO, "bad_name"), ("Kawa", "9999", "bad_place")])
def test_a_cooperative_needs_a_name_and_a_place(store: Store, name: str, place: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        founded(store, name=name, place=place)
    assert refused.value.reason == reason


def test_no_number_leads_to_an_account(store: Store) -> None:
    row = founded(store)
    with store.read() as tx:
        assert people.everyone_on_number(tx, "") == []
        assert tx.people_count_on_number(msisdn="") == 0
        assert [one["id"] for one in tx.caller_load(msisdn="", since=0, sms_since=0)] == [None]
        assert "" not in {one["msisdn"] for one in tx.demo_wallet_names()}

    def misuse(tx: Tx) -> list[Any]:
        account = row["account_id"]
        return [
            accounts.erase(tx, now=NOW, person_id=account),
            leaving.erase(tx, NOW, account),
            accounts.start_move(tx, now=NOW, person_id=account, new_msisdn=JEANNE, by="Aline"),
            accounts.ask_pin_reset(tx, now=NOW, clock=None, person_id=account),  # type: ignore[arg-type]
            tx.person_set_state(id=account, state="stopped", was="active", now=NOW),
            tx.person_set_msisdn(id=account, old="", new=JEANNE, now=NOW),
        ]

    assert not any(store.write(misuse))
    with store.read() as tx:
        assert people.by_id(tx, row["account_id"])["state"] == "active"


def test_what_an_account_is_told_goes_to_its_active_managers(store: Store) -> None:
    def work(tx: Tx) -> None:
        one, other = seller(tx), seller(tx, msisdn=ELSEWHERE, name="Alphonse", language="fr")
        row = cooperatives.add(tx, hub=HUB, now=NOW, name="Kawa Nziza", place=KANJONGO, manager_id=one["id"])
        give = {"now": NOW, "cooperative_id": row["id"], "by": "operator:a"}
        cooperatives.give_role(tx, person_id=other["id"], role="manager", **give)
        clerk = seller(tx, msisdn="+250788000555", name="Clerk")
        cooperatives.give_role(tx, person_id=clerk["id"], role="clerk", **give)
        values = {"produce": "coffee.cherry", "quantity": 1000, "unit": "g"}
        account = tx.contact_of(id=row["account_id"])
        for event in ("one", "one"):
            tell(tx, NOW, account, "listing.withdrawn", event, values)
        cooperatives.remove_role(tx, person_id=other["id"], role="manager", **give)
        tell(tx, NOW, account, "listing.withdrawn", "two", values)
        assert [one["id"] for one in cooperatives.told(tx, row["account_id"])] == [one["id"]]

    store.write(work)
    assert [(row["recipient"], row["language"]) for row in ordered(store)] == [
        (JEANNE, "rw"), (ELSEWHERE, "fr"), (JEANNE, "rw"),
    ]  # fmt: skip


def test_roles_are_given_changed_and_taken_at_once(store: Store) -> None:
    row = founded(store)

    def work(tx: Tx) -> None:
        clerk = seller(tx)
        station = cooperatives.stations(tx, row["id"])[0]["id"]
        which: dict[str, Any] = {
            "now": NOW, "cooperative_id": row["id"], "person_id": clerk["id"], "role": "clerk", "by": "operator:a",
        }  # fmt: skip
        assert cooperatives.give_role(tx, **which)
        assert not cooperatives.give_role(tx, **which)
        assert cooperatives.give_role(tx, station_id=station, **which)
        assert cooperatives.check_role(tx, clerk["id"], row["id"], "manager", "clerk")["station_id"] == station
        for roles in (("manager",),):
            with pytest.raises(Refused, match="not_allowed"):
                cooperatives.check_role(tx, clerk["id"], row["id"], *roles)
        assert cooperatives.remove_role(tx, **which)
        assert not cooperatives.remove_role(tx, **which)
        with pytest.raises(Refused, match="not_allowed"):
            cooperatives.check_role(tx, clerk["id"], row["id"])
        assert cooperatives.role_of(tx, clerk["id"]) == []

    store.write(work)


def test_nobody_without_a_number_or_a_pin_acts_for_a_cooperative(store: Store) -> None:
    row = founded(store)

    def work(tx: Tx) -> None:
        waiting = seller(tx, pin_hash=None, registered_by="agent")  # type: ignore[arg-type]
        for person_id in (waiting["id"], row["account_id"], "nobody"):
            with pytest.raises(Refused, match="not_found"):
                cooperatives.give_role(
                    tx, now=NOW, cooperative_id=row["id"], person_id=person_id, role="manager", by="operator:a"
                )

    store.write(work)


def test_who_is_erased_acts_for_nobody(store: Store) -> None:
    manager = store.write(lambda tx: seller(tx))
    row = founded(store, manager["id"])
    assert store.write(lambda tx: accounts.erase(tx, now=NOW, person_id=manager["id"]))
    with store.read() as tx:
        assert cooperatives.role_of(tx, manager["id"]) == []
        assert cooperatives.managers(tx, row["id"]) == []


def test_terms_are_dated_and_those_of_the_produce_come_first(store: Store) -> None:
    row = founded(store)
    day = 86_400_000

    def work(tx: Tx) -> None:
        which: dict[str, Any] = {"cooperative_id": row["id"], "by": "operator:a"}
        assert cooperatives.terms_at(tx, row["id"], "coffee.cherry", NOW) == cooperatives.USUAL_TERMS
        cooperatives.set_terms(tx, now=NOW, fee_per_unit=15, **which)
        cooperatives.set_terms(tx, now=NOW, produce="coffee.cherry", fee_per_unit=20, advance_pct=30, **which)
        cooperatives.set_terms(tx, now=NOW + 3 * day, produce="coffee.cherry", fee_per_unit=25, **which)
        assert cooperatives.terms_at(tx, row["id"], "beans.dry", NOW)["fee_per_unit"] == 15
        assert cooperatives.terms_at(tx, row["id"], "coffee.cherry", NOW + day)["fee_per_unit"] == 20
        later = cooperatives.terms_at(tx, row["id"], "coffee.cherry", NOW + 3 * day)
        assert (later["fee_per_unit"], later["advance_pct"]) == (25, 30)
        assert cooperatives.terms_at(tx, row["id"], "coffee.cherry", NOW - day) == cooperatives.USUAL_TERMS
        for wrong in ({"advance_pct": 101}, {"fee_per_unit": -1}, {"order_from_minute": 1400, "order_to_minute": 60}):
            with pytest.raises(Refused, match="bad_terms"):
                cooperatives.set_terms(tx, now=NOW, **which, **wrong)

    store.write(work)


def test_cooperatives_from_before_get_a_code_and_an_account(store: Store) -> None:
    def old(tx: Tx) -> None:
        tx.rows(
            "INSERT INTO cooperatives (id, name, place, created_at) VALUES ('old', 'Kopakama', '5104', 1) RETURNING id"
        )

    store.write(old)
    assert store.write(lambda tx: cooperatives.complete(tx, hub=HUB, now=NOW)) == 1
    assert store.write(lambda tx: cooperatives.complete(tx, hub=HUB, now=NOW)) == 0
    with store.read() as tx:
        row = cooperatives.by_id(tx, "old")
        assert check_ok(row["code"]) and cooperatives.by_account(tx, row["account_id"])["id"] == "old"
