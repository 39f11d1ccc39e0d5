"""Weighing at the station: the row, the list of the day, the SMS, what a member says against it, on both stores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.market.peoples import ordered
from tests.market.stations import CHERRY, HUB, PARCHMENT, Station
from tests.market.trades import refused
from ussd_app.lib.ids import check_ok, new_id
from ussd_app.market import day_prices, intakes, members
from ussd_app.market.intakes import CONTEST_MS
from ussd_app.money import audit
from ussd_app.store import Store, Tx

DAY = "2026-09-21"


@pytest.fixture
def station(store: Store) -> Station:
    return Station(store)


def test_a_weighing_names_everything_and_is_told_to_the_member(station: Station) -> None:
    station.weigh(gross=30_000)
    row = station.weigh(gross=120_000, floaters=8_000)
    assert (row["good"], row["price"], row["price_floaters"], row["day"], row["season"]) == (
        112_000,
        650,
        250,
        DAY,
        "2026",
    )
    assert check_ok(row["receipt"]) and len(row["receipt"]) == 8
    assert row["contest_until"] == station.now + CONTEST_MS
    assert intakes.worth(row, 10) == {"good": 72_800, "floaters": 2_000, "fee": 1_120, "net": 73_680}
    told = [
        one
        for one in ordered(station.store)
        if one["person_id"] == station.members[0] and one["template"].startswith("intake")
    ]
    assert [one["template"] for one in told] == ["intake.weighed", "intake.floated"]
    values = told[1]["values"]
    assert (values["receipt"], values["season_quantity"], values["price_minor"]) == (row["receipt"], 142_000, 650)
    with station.store.read() as tx:
        assert [one["actor"] for one in audit.of_subject(tx, f"intake:{row['id']}")] == [f"person:{station.clerk}"]


def test_only_its_clerks_weigh_and_only_its_members(station: Station) -> None:
    with refused("not_allowed"):
        station.weigh(clerk=station.members[0])
    station.store.write(
        lambda tx: members.leave(tx, now=station.now, cooperative_id=station.id, person_id=station.members[0])
    )
    with refused("not_found"):
        station.weigh()
    assert station.weigh(1, clerk=station.manager)["clerk_id"] == station.manager


def test_what_cannot_be_weighed_is_refused(station: Station) -> None:
    with refused("bad_quantity"):
        station.weigh(gross=10_000, floaters=10_001)
    with refused("bad_quantity"):
        station.weigh(gross=0)
    with refused("bad_grade"):
        station.weigh(produce=PARCHMENT, grade="")
    with refused("no_floaters"):
        station.weigh(produce=PARCHMENT, floaters=1)
    with refused("unknown_produce"):
        station.weigh(produce="coffee.none")
    with refused("no_price"):
        station.weigh(produce="maize.grain", grade="A")
    assert station.rows("SELECT id FROM intakes") == []


def test_somebody_who_was_only_written_down_hears_nothing(station: Station) -> None:
    station.store.write(
        lambda tx: tx.rows("UPDATE people SET state = 'pending' WHERE id = :id RETURNING id", id=station.members[0])
    )
    assert station.weigh()["state"] == "recorded"
    assert not [one for one in ordered(station.store) if one["template"].startswith("intake")]


def test_a_price_is_dated_and_never_under_the_floor(station: Station) -> None:
    def put(tx: Tx, **more: object) -> None:
        day_prices.put(
            tx, hub=HUB, now=station.now, manager_id=station.manager, cooperative_id=station.id, **more,  # type: ignore[arg-type]
        )  # fmt: skip

    with refused("below_floor"):
        station.store.write(lambda tx: put(tx, produce=CHERRY, price=1))
    with refused("no_floaters"):
        station.store.write(lambda tx: put(tx, produce=PARCHMENT, price=2000, price_floaters=10))
    station.store.write(lambda tx: put(tx, produce=CHERRY, price=700, valid_from="2026-09-22"))
    station.store.write(lambda tx: put(tx, produce=PARCHMENT, price=3000, grade="A1"))
    assert station.weigh()["price"] == 650
    assert station.weigh(produce=PARCHMENT)["price"] == 3000
    assert station.weigh(produce=PARCHMENT, grade="A2")["price"] == 2500
    station.clock.advance(24 * 3_600_000)
    assert station.weigh()["price"] == 700


def _call(station: Station, price: int, pledged_by: int | None, quantity: int = 100_000) -> str:
    call_id = new_id()

    def add(tx: Tx) -> None:
        where = tx.stations_of(cooperative_id=station.id)[0]["id"]
        tx.rows(
            "INSERT INTO calls (id, code, cooperative_id, produce, unit, wanted, price, currency, station_id, until_at,"
            " state, called_by, at) VALUES (:id, :code, :coop, :produce, 'g', 8000000, :price, 'RWF', :station, :until,"
            " 'open', :by, :now) RETURNING id",
            id=call_id, code=call_id[-5:], coop=station.id, produce=CHERRY, price=price, station=where,
            until=station.now + 1000, by=station.manager, now=station.now,
        )  # fmt: skip
        if pledged_by is not None:
            tx.rows(
                "INSERT INTO pledges (id, call_id, person_id, quantity, asked, state, via, at) VALUES"
                " (:id, :call, :person, :quantity, :quantity, 'standing', 'dial', :now) RETURNING id",
                id=new_id(), call=call_id, person=station.members[pledged_by], quantity=quantity, now=station.now,
            )  # fmt: skip

    station.store.write(add)
    return call_id


def test_what_was_pledged_is_weighed_for_its_call_at_its_price(station: Station) -> None:
    older, pledged = _call(station, 690, None), _call(station, 720, 0)
    row = station.weigh(gross=60_000)
    assert (row["call_id"], row["price"], row["price_floaters"]) == (pledged, 720, 250)
    assert station.rows("SELECT brought FROM pledges")[0]["brought"] == 60_000
    assert station.weigh(1)["call_id"] == older
    corrected = station.correct(row, gross=50_000)
    assert (corrected["call_id"], corrected["price"]) == (pledged, 720)
    assert station.rows("SELECT brought FROM pledges")[0]["brought"] == 50_000
    station.weigh(gross=50_000)
    assert station.weigh(gross=10_000)["call_id"] == older  # all she pledged has come


def test_a_day_is_closed_with_its_totals_and_what_comes_later_is_a_second_list(station: Station) -> None:
    for member in range(3):
        station.weigh(member, gross=100_000, floaters=5_000)
    closed = station.close()
    assert [closed[name] for name in ("number", "count", "gross", "floaters", "good")] == [
        1,
        3,
        300_000,
        15_000,
        285_000,
    ]
    with refused("not_found"):
        station.close()
    first = station.rows("SELECT * FROM intakes ORDER BY id")[0]
    station.weigh(gross=40_000)
    station.correct(first, gross=90_000, floaters=5_000)
    with station.store.read() as tx:
        lists = intakes.lists_of(tx, station.id, DAY)
        assert [one["number"] for one in lists] == [1, 2]
        assert lists[0] == closed
        assert tx.day_list_sums(list_id=lists[0]["id"]) == {
            name: closed[name] for name in ("count", "gross", "floaters", "good")
        }
        assert (lists[1]["count"], lists[1]["good"]) == (1, 30_000)
    station.sound()


def test_a_list_that_does_not_add_up_is_not_closed(station: Station) -> None:
    station.weigh()
    station.store.write(lambda tx: tx.rows("UPDATE day_lists SET count = 7 RETURNING id"))
    with pytest.raises(RuntimeError, match="does not add up"):
        station.close()
    assert station.rows("SELECT state FROM day_lists") == [{"state": "open"}]


def test_she_contests_in_time_and_no_pay_list_takes_it(station: Station) -> None:
    row = station.weigh()
    with refused("not_found"):
        station.contest(row, member=1)
    contested = station.contest(row)
    assert (contested["state"], contested["contested_why"]) == ("contested", "weight")
    with refused("gone"):
        station.contest(row)
    told = [one for one in ordered(station.store) if one["template"] == "intake.contested"]
    assert [one["person_id"] for one in told] == [station.manager]
    late = station.weigh()
    station.clock.advance(CONTEST_MS)
    with refused("too_late"):
        station.contest(late)
    upheld = station.uphold(contested)
    assert (upheld["state"], upheld["decided_by"], upheld["decided_why"]) == (
        "recorded",
        station.manager,
        "weighed again",
    )
    with refused("gone"):
        station.contest(row)
    both = [one["person_id"] for one in ordered(station.store) if one["template"] == "intake.upheld"]
    assert sorted(both) == sorted([station.members[0], station.clerk])


def test_a_pay_list_takes_what_counts_alone(station: Station) -> None:
    one, two, three = (station.weigh(member) for member in range(3))
    station.contest(one)
    new = station.correct(two, gross=1_000)
    station.void(three)
    with station.store.read() as tx:
        rows = tx.intakes_payable_of_season(cooperative_id=station.id, season="2026")
        assert [(row["person_id"], row["good"]) for row in rows] == [(station.members[1], 1_000)]
        assert intakes.of_member(tx, station.id, station.members[1])[0]["id"] == new["id"]
        assert intakes.season_of_member(tx, station.id, station.members[2], station.now) == []
    station.sound()


def test_a_correction_is_a_new_row_that_names_the_old_one(station: Station) -> None:
    row = station.weigh(gross=120_000, floaters=8_000)
    with refused("not_allowed"):
        station.correct(row, gross=100_000, by=station.clerk)
    with refused("no_reason"):
        station.correct(row, gross=100_000, why=" 12 ")
    station.contest(row)
    new = station.correct(row, gross=100_000, floaters=2_000)
    assert (new["corrects"], new["good"], new["state"]) == (row["id"], 98_000, "recorded")
    assert new["receipt"] != row["receipt"]
    with refused("gone"):
        station.correct(row, gross=90_000)
    with refused("gone"):
        station.uphold(row)
    old = station.rows("SELECT * FROM intakes WHERE id = :id", id=row["id"])[0]
    assert (old["state"], old["gross"], old["decided_why"]) == ("corrected", 120_000, "the sack was counted twice")
    both = [one for one in ordered(station.store) if one["template"] == "intake.corrected"]
    assert sorted(one["person_id"] for one in both) == sorted([station.members[0], station.clerk])
    assert both[0]["values"]["old_receipt"] == row["receipt"]
    assert station.contest(new)["state"] == "contested"  # the new one is hers to contest too
    station.sound()


def test_two_clerks_at_once_keep_the_sums(station: Station) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(
            pool.map(
                lambda n: station.weigh(n % 3, gross=10_000 + n, clerk=(station.clerk, station.manager)[n % 2]),
                range(24),
            )
        )
    assert len({row["receipt"] for row in found}) == 24
    closed = station.close()
    assert (closed["count"], closed["gross"]) == (24, sum(row["gross"] for row in found))
    assert len(station.rows("SELECT id FROM lots")) == 1
    station.sound()


def test_weighing_and_closing_at_once_lose_nothing(station: Station) -> None:
    def close(_n: int) -> None:
        try:
            station.close()
        except Exception as error:
            assert getattr(error, "reason", "") == "not_found"

    with ThreadPoolExecutor(4) as pool:
        weighed = [pool.submit(station.weigh, n % 3, 1_000) for n in range(16)]
        closed = [pool.submit(close, n) for n in range(6)]
        for one in [*weighed, *closed]:
            one.result()
    with station.store.read() as tx:
        lists = intakes.lists_of(tx, station.id, DAY)
        assert sum(one["count"] for one in lists) == 16
        for one in lists:
            assert tx.day_list_sums(list_id=one["id"])["gross"] == one["gross"]
    station.sound()
