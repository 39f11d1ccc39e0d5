"""Members: asking by code, a manager's answer, leaving, being found, on both stores."""

from __future__ import annotations

from typing import Any

import pytest

from tests.market.peoples import NOW, ordered, seller
from ussd_app.hubs import load_hub
from ussd_app.market import accounts, cooperatives, listings, members, people
from ussd_app.market.terms import Refused
from ussd_app.store import Store, Tx

HUB = load_hub("rw")
DAY_MS = 86_400_000


class Coop:
    """A cooperative with a manager, and people around it."""

    def __init__(self, store: Store) -> None:
        self.store, self.count = store, 0
        self.manager = self.person("Manager")
        self.row = store.write(
            lambda tx: cooperatives.add(
                tx, hub=HUB, now=NOW, name="Kawa Nziza", place="3706", manager_id=self.manager["id"]
            )
        )
        self.id: str = self.row["id"]

    def person(self, name: str = "Jeanne", **more: Any) -> Any:
        self.count += 1
        msisdn = f"+2507880001{self.count:02d}"
        return self.store.write(lambda tx: seller(tx, msisdn=msisdn, name=name, **more))

    def ask(self, person: Any, now: int = NOW) -> Any:
        return self.store.write(lambda tx: members.ask(tx, now=now, person_id=person["id"], code=self.row["code"]))

    def decide(self, person: Any, yes: bool = True, by: Any = None) -> Any:
        which = {"cooperative_id": self.id, "person_id": person["id"], "by": (by or self.manager)["id"]}
        return self.store.write(lambda tx: members.decide(tx, now=NOW, yes=yes, **which))

    def leave(self, person: Any, by: Any = None) -> Any:
        which = {"cooperative_id": self.id, "person_id": person["id"], "by": by["id"] if by else None}
        return self.store.write(lambda tx: members.leave(tx, now=NOW, **which))

    def add(self, person: Any, **more: Any) -> Any:
        which = {"cooperative_id": self.id, "person_id": person["id"], "joined_by": "roster", "by": "operator:a"}
        return self.store.write(lambda tx: members.add(tx, now=NOW, **which, **more))

    def told(self) -> list[tuple[str, str]]:
        return [(row["recipient"], row["template"]) for row in ordered(self.store)]


@pytest.fixture
def coop(store: Store) -> Coop:
    return Coop(store)


def home_of(store: Store, person: Any) -> Any:
    with store.read() as tx:
        found = people.by_id(tx, person["id"])
        assert found is not None
        return found["cooperative_id"]


def test_she_asks_the_manager_says_yes_and_both_hear_it(coop: Coop) -> None:
    jeanne = coop.person()
    assert coop.ask(jeanne)["state"] == "asked" and home_of(coop.store, jeanne) is None
    row = coop.decide(jeanne)
    assert (row["state"], row["number"]) == ("active", 1)
    assert home_of(coop.store, jeanne) == coop.id
    assert coop.told() == [(coop.manager["msisdn"], "member.asked"), (jeanne["msisdn"], "member.accepted")]


def test_a_no_leaves_her_free_to_ask_again(coop: Coop) -> None:
    jeanne = coop.person()
    coop.ask(jeanne)
    assert coop.decide(jeanne, yes=False)["state"] == "refused"
    with pytest.raises(Refused, match="gone"):
        coop.decide(jeanne)
    assert home_of(coop.store, jeanne) is None
    coop.ask(jeanne)
    coop.ask(coop.person("Other"))
    assert coop.told().count((coop.manager["msisdn"], "member.asked")) == 2  # not twice a day for one who asks
    coop.decide(jeanne, yes=False)
    coop.ask(jeanne, NOW + DAY_MS)
    assert coop.told().count((coop.manager["msisdn"], "member.asked")) == 3


def test_nobody_asks_twice_or_by_a_wrong_code_or_without_being_active(coop: Coop) -> None:
    jeanne, waiting = coop.person(), coop.person("Waiting", pin_hash=None, registered_by="agent")
    coop.ask(jeanne)
    with pytest.raises(Refused, match="open_already"):
        coop.ask(jeanne)
    coop.decide(jeanne)
    with pytest.raises(Refused, match="member_already"):
        coop.ask(jeanne)
    for person, code in (
        (waiting, coop.row["code"]),
        (coop.manager, "0000001"),
        ({"id": coop.row["account_id"]}, coop.row["code"]),
    ):
        with pytest.raises(Refused, match="not_found"):
            coop.store.write(lambda tx, p=person, c=code: members.ask(tx, now=NOW, person_id=p["id"], code=c))


def test_only_a_manager_of_this_cooperative_decides(coop: Coop) -> None:
    jeanne, clerk = coop.person(), coop.person("Clerk")
    coop.ask(jeanne)
    give = {"now": NOW, "cooperative_id": coop.id, "person_id": clerk["id"], "by": "operator:a"}
    coop.store.write(lambda tx: cooperatives.give_role(tx, role="clerk", **give))
    for nobody in (clerk, jeanne):
        with pytest.raises(Refused, match="not_allowed"):
            coop.decide(jeanne, by=nobody)
        with pytest.raises(Refused, match="not_allowed"):
            coop.leave(jeanne, by=nobody)


def test_who_leaves_and_comes_back_keeps_her_number_and_nobody_else_gets_it(coop: Coop) -> None:
    jeanne, other = coop.person(), coop.person("Other")
    for person in (jeanne, other):
        coop.ask(person)
        coop.decide(person)
    assert coop.leave(jeanne)["state"] == "left"
    assert home_of(coop.store, jeanne) is None
    third = coop.person("Third")
    coop.ask(third)
    assert coop.decide(third)["number"] == 3
    coop.ask(jeanne)
    assert coop.decide(jeanne)["number"] == 1
    with pytest.raises(Refused, match="not_found"):
        coop.leave(coop.person("Stranger"))
    assert coop.leave(other, by=coop.manager)["decided_by"] == f"person:{coop.manager['id']}"
    assert coop.told()[-1] == (other["msisdn"], "member.removed")


def test_a_given_number_is_hers_alone(coop: Coop) -> None:
    one, two = coop.person("One"), coop.person("Two")
    assert coop.add(one, number=40)["number"] == 40
    with pytest.raises(Refused, match="number_taken"):
        coop.add(two, number=40)
    assert coop.add(two)["number"] == 41
    assert coop.add(two) is None
    assert coop.told() == [(one["msisdn"], "member.accepted"), (two["msisdn"], "member.accepted")]


def test_who_was_written_down_hears_only_the_invitation(coop: Coop) -> None:
    waiting = coop.person("Waiting", pin_hash=None, registered_by=members.WRITTEN_DOWN + coop.id)
    coop.add(waiting)
    assert coop.told() == []
    which = {"cooperative_id": coop.id, "person_id": waiting["id"], "by": coop.manager["id"]}
    for _twice in range(2):
        coop.store.write(lambda tx: members.invite(tx, now=NOW, **which))
    assert coop.told() == [(waiting["msisdn"], "member.invited")]
    with coop.store.read() as tx:
        assert members.count(tx, coop.id) == {"members": 1, "pending": 1}
        assert [row["name"] for row in members.pending(tx, coop.id)] == ["Waiting"]
        assert [row["id"] for row in members.written_down(tx, waiting["msisdn"])] == [waiting["id"]]
        assert members.written_down(tx, "") == []

    def activate(tx: Tx) -> bool:
        return people.confirm_seller(
            tx, now=NOW, person_id=waiting["id"], msisdn=waiting["msisdn"], pin_hash="kept", language="rw",
            consent_version="2026-01", channel="ussd",
        )  # fmt: skip

    assert coop.store.write(activate)
    with pytest.raises(Refused, match="gone"):
        coop.store.write(lambda tx: members.invite(tx, now=NOW, **which))
    with coop.store.read() as tx:
        assert members.written_down(tx, waiting["msisdn"]) == []


def test_growers_are_active_members_who_said_yes_and_grow_it(coop: Coop) -> None:
    grows, rests, waiting, left = (coop.person(name) for name in ("Grows", "Rests", "Waits", "Left"))
    waiting = coop.person("Waits Long", pin_hash=None, registered_by=members.WRITTEN_DOWN + coop.id)
    for person in (grows, rests, waiting, left):
        coop.add(person)

    def grow(tx: Tx) -> None:
        for person in (grows, waiting, left):
            members.set_produce(
                tx, cooperative_id=coop.id, person_id=person["id"], produce=["coffee.cherry", "beans.dry"]
            )
        members.set_produce(tx, cooperative_id=coop.id, person_id=grows["id"], produce=["coffee.cherry"])

    coop.store.write(grow)
    coop.leave(left)
    with coop.store.read() as tx:
        (row,) = members.growers(tx, coop.id, "coffee.cherry")
        assert (row["id"], row["msisdn"], row["language"]) == (grows["id"], grows["msisdn"], "rw")
        assert members.growers(tx, coop.id, "beans.dry") == []
        assert members.growers(tx, coop.id, "coffee.cherry", cursor=row["number"]) == []
        assert members.grown_by(tx, coop.id, grows["id"]) == ["coffee.cherry"]


def test_what_she_sold_before_she_joined_is_known(coop: Coop, clock: Any) -> None:
    jeanne = coop.person()
    coop.store.write(
        lambda tx: listings.add(
            tx, hub=HUB, clock=clock, now=NOW, seller_id=jeanne["id"], produce="maize.grain", quantity=5000, price=450,
            place="3706",
        )
    )  # fmt: skip
    coop.add(jeanne)
    with coop.store.read() as tx:
        assert members.grown_by(tx, coop.id, jeanne["id"]) == ["maize.grain"]


@pytest.mark.parametrize(
    ("typed", "names"),
    [("2", ["Mukamana Alice"]), ("02", ["Mukamana Alice"]), ("muka", ["Mukamana Alice", "Mukasine Rose"]),
     (" MUKAS ", ["Mukasine Rose"]), ("ros", ["Mukasine Rose"]), ("ose", []), ("%", []), ("_", []), ("99", []), ("", [])],
)  # fmt: skip
def test_members_are_found_by_number_or_the_first_letters_of_a_name(coop: Coop, typed: str, names: list[str]) -> None:
    for name in ("Habimana Jean", "Mukamana Alice", "Mukasine Rose"):
        coop.add(coop.person(name))
    with coop.store.read() as tx:
        assert [row["name"] for row in members.find(tx, coop.id, typed)] == names


def test_members_are_listed_by_number_page_by_page(coop: Coop) -> None:
    for name in ("A Ann", "B Ben", "C Cid"):
        coop.add(coop.person(name))
    with coop.store.read() as tx:
        first = members.of(tx, coop.id, limit=2)
        assert [row["number"] for row in first] == [1, 2]
        assert [row["number"] for row in members.of(tx, coop.id, cursor=2, limit=2)] == [3]


def test_one_of_several_cooperatives_is_her_listings(coop: Coop, store: Store) -> None:
    jeanne = coop.person()
    second = store.write(lambda tx: cooperatives.add(tx, hub=HUB, now=NOW, name="Ibirayi", place="4307"))
    coop.add(jeanne)
    store.write(
        lambda tx: members.add(
            tx, now=NOW + 1, cooperative_id=second["id"], person_id=jeanne["id"], joined_by="roster", by="operator:a"
        )
    )
    assert home_of(store, jeanne) == coop.id
    with store.read() as tx:
        assert {row["name"] for row in members.memberships(tx, jeanne["id"])} == {"Kawa Nziza", "Ibirayi"}
    coop.leave(jeanne)
    assert home_of(store, jeanne) == second["id"]


def test_who_is_erased_is_in_no_list(coop: Coop) -> None:
    jeanne = coop.person()
    coop.add(jeanne)
    assert coop.store.write(lambda tx: accounts.erase(tx, now=NOW, person_id=jeanne["id"]))
    with coop.store.read() as tx:
        assert members.of(tx, coop.id) == [] and members.find(tx, coop.id, "1") == []
        assert members.count(tx, coop.id) == {"members": 0, "pending": 0}
