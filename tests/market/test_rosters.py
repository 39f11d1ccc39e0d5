"""Lists of members taken in: looked at first, safe to take again, and nobody becomes two people; on both stores."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.market.peoples import NOW, ordered, seller
from ussd_app.hubs import load_hub
from ussd_app.market import cooperatives, members, people, rosters
from ussd_app.market.terms import Refused
from ussd_app.store import Store, Tx

HUB = load_hub("rw")
HEADER = "No,Name,Phone,Produce,Place,Language\n"
THREE = HEADER + (
    "1,Uwera Aline,0788000001,coffee.cherry,Kanjongo,rw\n"
    "2,Habimana Jean,0788000002,\"coffee.cherry, beans.dry\",,fr\n"
    ",Mukasine Rose,0788000002,,Kanjongo,\n"
)  # fmt: skip


class Book:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.coop = store.write(lambda tx: cooperatives.add(tx, hub=HUB, now=NOW, name="Kawa Nziza", place="3706"))
        self.which: dict[str, Any] = {"hub": HUB, "cooperative_id": self.coop["id"]}

    def check(self, text: str) -> rosters.Report:
        with self.store.read() as tx:
            return rosters.check(tx, rows=rosters.read(text.encode(), "a.csv"), **self.which)

    def apply(self, text: str, only_good: bool = False, by: str = "operator:a") -> rosters.Report:
        rows = rosters.read(text.encode(), "a.csv")
        return self.store.write(
            lambda tx: rosters.apply(tx, now=NOW, rows=rows, by=by, only_good=only_good, **self.which)
        )

    def members(self) -> list[tuple[int, str, str, str]]:
        with self.store.read() as tx:
            found = members.of(tx, self.coop["id"])
            return [(row["number"], row["name"], row["msisdn"], row["person_state"]) for row in found]

    def count(self) -> int:
        with self.store.read() as tx:
            return int(tx.rows("SELECT COUNT(*) AS n FROM people WHERE msisdn <> ''")[0]["n"])


@pytest.fixture
def book(store: Store) -> Book:
    return Book(store)


def outcomes(report: rosters.Report) -> list[str]:
    return [line.reason or line.outcome for line in report.lines]


def test_a_dry_run_says_all_and_writes_nothing(book: Book) -> None:
    report = book.check(THREE)
    assert outcomes(report) == ["new"] * 3 and report.good and not report.applied
    assert [line.row for line in report.lines] == [2, 3, 4]
    assert book.members() == [] and book.count() == 0


def test_people_are_written_down_pending_and_hear_nothing(book: Book) -> None:
    report = book.apply(THREE)
    assert report.applied and outcomes(report) == ["new"] * 3
    assert book.members() == [
        (1, "Uwera Aline", "+250788000001", "pending"), (2, "Habimana Jean", "+250788000002", "pending"),
        (3, "Mukasine Rose", "+250788000002", "pending"),
    ]  # fmt: skip
    assert ordered(book.store) == []
    with book.store.read() as tx:
        people_there = people.everyone_on_number(tx, "+250788000002")
        assert [(one["name"], one["language"], one["place"]) for one in people_there] == [
            ("Habimana Jean", "fr", "3706"), ("Mukasine Rose", "rw", "3706"),
        ]  # fmt: skip
        assert not any(people.on_number(tx, one) for one in ("+250788000001", "+250788000002"))
        assert tx.rows("SELECT 1 AS one FROM consents") == []
        assert members.grown_by(tx, book.coop["id"], people_there[0]["id"]) == ["beans.dry", "coffee.cherry"]


def test_the_same_file_again_changes_nothing(book: Book) -> None:
    book.apply(THREE)
    before = book.members()
    report = book.apply(THREE)
    assert outcomes(report) == ["same"] * 3
    assert book.members() == before and book.count() == 3


def test_what_is_new_in_a_row_is_taken_of_those_who_have_not_spoken_yet(book: Book) -> None:
    book.apply(THREE)
    text = HEADER + "1,Uwera Aline,0788000009,beans.dry,Kanjongo,en\n2,Habimana Jean Bosco,0788000002,,,\n"
    assert outcomes(book.apply(text)) == ["changed", "changed"]
    assert book.members()[:2] == [
        (1, "Uwera Aline", "+250788000009", "pending"), (2, "Habimana Jean Bosco", "+250788000002", "pending"),
    ]  # fmt: skip
    assert book.count() == 3


def test_what_she_said_herself_stays(book: Book) -> None:
    jeanne = book.store.write(lambda tx: seller(tx, name="Uwera Aline", msisdn="+250788000001", language="sw"))
    report = book.apply(THREE)
    assert outcomes(report) == ["joins", "new", "new"]
    assert [row["template"] for row in ordered(book.store)] == ["member.accepted"]
    text = HEADER + "1,Aline Uwera,0788000001,beans.dry,Kanjongo,en\n"
    assert outcomes(book.apply(text)) == ["changed"]
    with book.store.read() as tx:
        now = people.by_id(tx, jeanne["id"])
        assert now is not None
        assert (now["name"], now["language"], now["place"], now["state"]) == ("Uwera Aline", "sw", "5104", "active")
    assert outcomes(book.check(HEADER + "1,Uwera Aline,0788000009,,,\n")) == ["phone_differs"]
    assert outcomes(book.check(HEADER + "1,Other Woman,0788000001,,,\n")) == ["number_taken"]
    assert outcomes(book.check(HEADER + "7,Uwera Aline,0788000001,,,\n")) == ["number_differs"]
    assert outcomes(book.check(HEADER + ",Other Woman,0788000001,,,\n")) == ["new"]


def test_one_fault_keeps_all_out_unless_only_the_good_are_wanted(book: Book) -> None:
    text = THREE + "4,X1,0788000004,,,\n5,Kamana Paul,0788,,,\n"
    report = book.apply(text)
    assert not report.applied and book.members() == []
    assert outcomes(report) == ["new", "new", "new", "bad_name", "bad_phone"]
    report = book.apply(text, only_good=True)
    assert report.applied and len(book.members()) == 3 and report.count("fault") == 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,A,0788000001,,,", "bad_name"), ("1,<b>Uwera</b>,0788000001,,,", "bad_name"), ("1,Uwera Aline,,,,", "bad_phone"),
        ("1,Uwera Aline,2.50788E+11,,,", "phone_rounded"), ("x,Uwera Aline,0788000001,,,", "bad_number"),
        ("0,Uwera Aline,0788000001,,,", "bad_number"), ("1,Uwera Aline,0788000001,gold,,", "bad_produce"),
        ("1,Uwera Aline,0788000001,,Atlantis,", "bad_place"), ("1,Uwera Aline,0788000001,,9999,", "bad_place"),
        ("1,Uwera Aline,0788000001,,,klingon", "bad_language"),
        ("1,Uwera Aline,0788000001,,,\n1,Other Woman,0788000002,,,", "twice"),
        ("1,Uwera Aline,0788000001,,,\n2,uwera aline,+250788000001,,,", "twice"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_taken_says_why(book: Book, row: str, reason: str) -> None:
    report = book.check(HEADER + row + "\n")
    assert report.lines[-1].reason == reason
    assert report.lines[-1].outcome == "fault"


def test_a_phone_holds_six_people_and_no_more(book: Book) -> None:
    rows = "".join(f",Person {'ABCDEFG'[n]}ora,0788000001,,,\n" for n in range(7))
    report = book.check(HEADER + rows)
    assert outcomes(report) == ["new"] * 6 + ["number_full"]
    book.apply(HEADER + rows, only_good=True)
    assert book.count() == 6
    assert outcomes(book.check(HEADER + rows)) == ["same"] * 6 + ["number_full"]


def test_who_left_by_herself_is_not_put_back(book: Book) -> None:
    book.store.write(lambda tx: seller(tx, name="Uwera Aline", msisdn="+250788000001"))
    book.apply(THREE)
    with book.store.read() as tx:
        person = members.find(tx, book.coop["id"], "1")[0]["person_id"]
    book.store.write(lambda tx: members.leave(tx, now=NOW, cooperative_id=book.coop["id"], person_id=person))
    assert outcomes(book.check(THREE))[0] == "left_herself"


def test_only_a_manager_or_an_operator_takes_a_list_or_gives_it_out(book: Book) -> None:
    person = book.store.write(lambda tx: seller(tx))
    with pytest.raises(Refused, match="not_allowed"):
        book.apply(THREE, by=f"person:{person['id']}")

    def give_out(tx: Tx) -> Any:
        return rosters.export(tx, now=NOW, by=f"person:{person['id']}", why="meeting", **book.which)

    with pytest.raises(Refused, match="not_allowed"):
        book.store.write(give_out)
    book.store.write(
        lambda tx: cooperatives.give_role(
            tx, now=NOW, cooperative_id=book.coop["id"], person_id=person["id"], role="manager", by="operator:a"
        )
    )
    assert book.apply(THREE, by=f"person:{person['id']}").applied
    assert len(book.store.write(give_out)) == 3


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_what_is_given_out_can_be_taken_in_again(book: Book, kind: str) -> None:
    book.apply(THREE)
    rows = book.store.write(
        lambda tx: rosters.export(tx, now=NOW, by="operator:a", why="call 0788000001 or a@b.rw", **book.which)
    )
    again = rosters.read(rosters.write(rows, kind, rosters.COLUMNS), f"a.{kind}")
    with book.store.read() as tx:
        assert outcomes(rosters.check(tx, rows=again, **book.which)) == ["same"] * 3


@pytest.mark.parametrize("seed", range(12))
def test_any_lists_one_after_another_make_nobody_two_people(book: Book, seed: int) -> None:
    """Random lists with shared phones, repeated and clashing rows: numbers and (phone, name) stay one person each."""
    rng = random.Random(seed)
    names = ["Uwera Aline", "ALINE UWERA", "Habimana Jean", "Mukasine Rose", "X", "Kamana Paul"]
    for _list in range(3):
        rows = "".join(
            f"{rng.choice(['', 1, 2, 3, 77])},{rng.choice(names)},{rng.choice(['0788000001', '0788000002', '12'])},,,\n"
            for _row in range(rng.randrange(1, 9))
        )
        said = book.check(HEADER + rows)
        done = book.apply(HEADER + rows, only_good=True)
        assert done.lines == said.lines
        taken = book.apply(HEADER + rows, only_good=True)
        assert {line.outcome for line in taken.lines} <= {"same", "changed", "fault"}
        there = book.members()
        assert len({number for number, *_rest in there}) == len(there) == book.count()
        known = {(phone, frozenset(name.casefold().split())) for _number, name, phone, _state in there}
        assert len(known) == len(there)
    assert ordered(book.store) == []
