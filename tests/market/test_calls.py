"""Calls to members and what they pledge: limits, changes, lateness, who was sent what and why not, on both stores."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from tests.market.hills import HUB, Hills
from tests.market.trades import refused
from ussd_app.hubs.distances import load_distances
from ussd_app.market import call_sending, calls, members
from ussd_app.market.terms import HOUR_MS, Refused
from ussd_app.store import Store

EVENING = 5 * HOUR_MS  # from 16:13 to 21:13 in Kigali


@pytest.fixture
def hills(store: Store) -> Hills:
    return Hills(store)


def test_pledges_count_in_order_and_the_last_one_in_part(hills: Hills) -> None:
    coop = hills.coop()
    one, two, three = (hills.member(coop) for _ in range(3))
    call = hills.call(coop, 100_000)
    assert hills.pledge(call, one, 60_000).taken == 60_000
    last = hills.pledge(call, two, 70_000)
    assert (last.taken, last.asked, last.in_part) == (40_000, 70_000, True)
    live = hills.live(call)
    assert (live["state"], live["pledged"], live["people"]) == ("full", 100_000, 2)
    with refused("too_late", full=True):
        hills.pledge(call, three, 1000)
    assert hills.heard(coop["manager"]) == ["call.ended"]
    assert calls.run(hills.store, hills.now) == 3
    assert calls.run(hills.store, hills.now) == 0
    assert hills.heard(one)[-1:] == ["pledge.outcome"]
    assert hills.heard(two)[-1:] == ["pledge.outcome.part"]
    assert "pledge" not in " ".join(hills.heard(three))


def test_a_pledge_changes_until_the_end(hills: Hills) -> None:
    coop = hills.coop()
    one, two = hills.member(coop), hills.member(coop)
    call = hills.call(coop, 100_000)
    hills.pledge(call, one, 60_000)
    hills.pledge(call, one, 20_000)
    assert hills.live(call)["pledged"] == 20_000
    hills.pledge(call, two, 70_000)
    assert hills.pledge(call, one, 50_000).taken == 30_000
    assert hills.live(call)["state"] == "full"


def test_a_pledge_withdrawn_is_wanted_again(hills: Hills) -> None:
    coop = hills.coop()
    one = hills.member(coop)
    call = hills.call(coop)
    hills.pledge(call, one, 60_000)
    which = {"now": hills.now, "person_id": one, "call_id": call["id"]}
    hills.store.turn(lambda tx: calls.withdraw(tx, **which))
    assert (hills.live(call)["pledged"], hills.live(call)["people"]) == (0, 0)
    with refused("not_found"):
        hills.store.turn(lambda tx: calls.withdraw(tx, **which))
    assert hills.pledge(call, one, 100_000).taken == 100_000


def test_pledges_at_once_never_pass_the_limit(hills: Hills) -> None:
    coop = hills.coop()
    people = [hills.member(coop) for _ in range(8)]
    call = hills.call(coop, 100_000)
    taken: list[int] = []
    late: list[str] = []

    def act(person: str) -> None:
        try:
            taken.append(hills.pledge(call, person, 30_000).taken)
        except Refused as no:
            late.append(no.reason)

    threads = [threading.Thread(target=act, args=(person,)) for person in people]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(taken) == [10_000, 30_000, 30_000, 30_000]
    assert late == ["too_late"] * 4
    assert hills.live(call)["pledged"] == 100_000
    with hills.store.read() as tx:
        assert sum(row["quantity"] for row in calls.pledges(tx, call["id"])) == 100_000


def test_it_ends_at_its_time_and_late_answers_are_told(hills: Hills) -> None:
    coop = hills.coop()
    one = hills.member(coop)
    call = hills.call(coop, hours=1)
    hills.pledge(call, one, 10_000)
    hills.clock.advance(HOUR_MS)
    with refused("too_late", full=False, until=call["until_at"]):
        hills.pledge(call, one, 20_000)
    assert calls.run(hills.store, hills.now) == 3  # closed, one told, all told
    assert hills.live(call)["state"] == "closed"
    assert hills.heard(one) == ["member.accepted", "pledge.outcome"]


def test_only_members_who_grow_it_answer(hills: Hills) -> None:
    coop = hills.coop()
    call = hills.call(coop)
    maize, left, stranger = hills.member(coop, "maize.grain"), hills.member(coop), str(hills.human()["id"])
    hills.store.write(lambda tx: members.leave(tx, now=hills.now, cooperative_id=coop["id"], person_id=left))
    for person in (maize, left, stranger):
        with refused("not_found"):
            hills.pledge(call, person, 1000)
        with hills.store.read() as tx:
            assert calls.open_for(tx, person, hills.now) == []


def test_only_a_manager_calls_and_within_the_rules(hills: Hills) -> None:
    coop, other = hills.coop(), hills.coop("Other")
    with refused("not_allowed"):
        hills.call(coop, manager=other["manager"])
    with refused("below_floor"):
        hills.call(coop, price=599)
    with refused("bad_time"):
        hills.call(coop, hours=24 * 8)
    with refused("not_found"):
        hills.call(coop, order_id="nothing")
    for _ in range(calls.MOST_OPEN):
        hills.call(coop)
    with refused("over_cap"):
        hills.call(coop)


def test_who_was_sent_it_and_who_was_not_and_why(hills: Hills) -> None:
    coop = hills.coop()
    near, far, quiet, no_news, pending = (
        hills.member(coop, place="3701"), hills.member(coop, place="5104"), hills.member(coop, "maize.grain"),
        hills.member(coop), hills.member(coop),
    )  # fmt: skip
    hills.store.write(lambda tx: tx.person_set_news(id=no_news, news=0, now=hills.now))
    hills.store.write(lambda tx: tx.rows("UPDATE people SET state = 'pending' WHERE id = :id RETURNING id", id=pending))
    call = hills.call(coop)
    assert hills.send() == 4
    assert hills.send() == 0
    assert hills.messages(call) == {
        near: ("sent", ""), far: ("not_sent", "far"), no_news: ("not_sent", "stopped"),
        pending: ("not_sent", "not_active"),
    }  # fmt: skip
    assert hills.heard(near)[-1:] == ["call.members"] and "call.members" not in hills.heard(quiet)
    assert (hills.live(call)["sent"], hills.live(call)["not_sent"]) == (1, 3)


def test_nobody_is_called_more_than_three_times_a_day(hills: Hills) -> None:
    coop = hills.coop()
    one = hills.member(coop)
    found = []
    for _ in range(4):
        call = hills.call(coop)
        hills.send()
        found.append(hills.messages(call)[one])
    assert found == [("sent", "")] * 3 + [("not_sent", "cap")]
    hills.clock.advance(25 * HOUR_MS)
    call = hills.call(coop)
    hills.send()
    assert hills.messages(call)[one] == ("sent", "")


@pytest.mark.parametrize(
    ("produce", "price", "hours", "purpose"),
    [("coffee.cherry", 650, 6, "order"), ("maize.grain", 400, 24, "news"), ("maize.grain", 400, 6, None)],
)
def test_at_night_only_what_spoils_rings(
    hills: Hills, produce: str, price: int, hours: int, purpose: str | None
) -> None:
    """Maize waits for the morning, and is not sent at all where the call is over by then."""
    coop = hills.coop()
    one = hills.member(coop, produce)
    hills.clock.advance(EVENING)
    call = hills.call(coop, produce=produce, price=price, hours=hours)
    hills.send()
    with hills.store.read() as tx:
        rows = tx.rows("SELECT purpose FROM outbox WHERE template = 'call.members'")
    assert [row["purpose"] for row in rows] == ([purpose] if purpose else [])
    assert hills.messages(call)[one] == (("sent", "") if purpose else ("not_sent", "quiet"))


def test_what_waits_of_an_ended_call_is_not_sent(hills: Hills) -> None:
    coop = hills.coop()
    one = hills.member(coop, "maize.grain")
    hills.clock.advance(EVENING)
    call = hills.call(coop, produce="maize.grain", price=400, hours=24)
    hills.send()
    which = {"manager_id": coop["manager"], "cooperative_id": coop["id"], "call_id": call["id"]}
    hills.store.turn(lambda tx: calls.close(tx, now=hills.now, **which))
    assert hills.messages(call)[one] == ("not_sent", "cancelled")
    with refused("gone"):
        hills.store.turn(lambda tx: calls.close(tx, now=hills.now, **which))


class Killed(Exception):
    """The worker dies."""


def test_sending_goes_on_after_a_kill_and_nobody_is_sent_it_twice(
    hills: Hills, monkeypatch: pytest.MonkeyPatch
) -> None:
    coop = hills.coop()
    people = [hills.member(coop) for _ in range(7)]
    monkeypatch.setattr(call_sending, "BATCH", 3)
    call = hills.call(coop)
    usual, count = call_sending._order, 0

    def dies(*args: Any) -> None:
        nonlocal count
        count += 1
        if count in (2, 5, 9):
            raise Killed
        usual(*args)

    monkeypatch.setattr(call_sending, "_order", dies)
    for _ in range(3):
        with pytest.raises(Killed):
            hills.send()
    hills.send()
    with hills.store.read() as tx:
        rows = tx.rows("SELECT person_id FROM outbox WHERE template = 'call.members'")
    assert sorted(row["person_id"] for row in rows) == sorted(people)
    assert hills.live(call)["sent"] == 7


def test_two_workers_at_once_send_it_once(hills: Hills, monkeypatch: pytest.MonkeyPatch) -> None:
    coop = hills.coop()
    people = [hills.member(coop) for _ in range(12)]
    monkeypatch.setattr(call_sending, "BATCH", 2)
    call = hills.call(coop)
    threads = [threading.Thread(target=hills.send) for _ in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    with hills.store.read() as tx:
        rows = tx.rows("SELECT person_id FROM outbox WHERE template = 'call.members'")
    assert sorted(row["person_id"] for row in rows) == sorted(people)
    assert set(hills.messages(call).values()) == {("sent", "")}


def test_five_thousand_members_are_called_within_seconds(sqlite_url: str) -> None:
    """Handed to the outbox in batches; from there SMS_RATE holds, as for every message."""
    from ussd_app.store import open_store

    store = open_store(sqlite_url)
    try:
        hills = Hills(store)
        coop = hills.coop()
        _crowd(hills, coop, 5_000)
        call = hills.call(coop, 10_000_000)
        begun = time.perf_counter()
        assert hills.send() == 5_000
        took = time.perf_counter() - begun
        print(f"\n5,000 members decided and ordered in {took:.1f} s, {5_000 / took:,.0f} a second", end="")
        assert hills.live(call)["sent"] == 5_000
        assert took < 10
    finally:
        store.close()


def _crowd(hills: Hills, coop: Any, many: int) -> None:
    def work(tx: Any) -> None:
        for n in range(1, many + 1):
            tx.person_add(
                id=f"p{n:05d}", msisdn=f"+2507870{n:05d}", mail=None, name="Jeanne", language="rw", place="3706",
                state="active", registered_by=None, pin_hash=None, now=hills.now,
            )  # fmt: skip
            which = {"cooperative_id": coop["id"], "person_id": f"p{n:05d}"}
            tx.member_add(**which, number=n, joined_by="roster", by="operator:a", now=hills.now)
            tx.member_produce_add(**which, produce="coffee.cherry")

    hills.store.write(work)


@pytest.mark.parametrize(
    ("station", "home", "near"),
    [("3706", "3701", True), ("3706", "3602", True), ("3706", "5104", False), ("3706", None, True)],
)
def test_reach_is_the_district_and_what_lies_near_it(station: str, home: str | None, near: bool) -> None:
    assert call_sending.within_reach(HUB, load_distances("rw"), station, home) is near


def test_without_distances_only_the_district_is_near() -> None:
    assert call_sending.within_reach(HUB, None, "3706", "3701")
    assert not call_sending.within_reach(HUB, None, "3706", "3602")
