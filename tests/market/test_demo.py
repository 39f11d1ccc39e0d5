"""The demonstration market: the same rows from the same seed and day, and every rule of the market kept by them."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ussd_app import demo
from ussd_app.demo import marks, rwanda
from ussd_app.hubs import load_hub
from ussd_app.lib import clock as clocks
from ussd_app.lib import ids
from ussd_app.lib.clock import ManualClock
from ussd_app.market import buyers, cooperatives, deliveries, members, offers, orders, people, pins, prices, terms
from ussd_app.money import audit, ledger
from ussd_app.settings import Settings
from ussd_app.store import Store, migrate, open_store

KEY = "k" * 40
NOW = 1_790_000_000_000  # 21 September 2026, 16:13:20 in Kigali
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
MIDNIGHT = NOW - ((16 * 60 + 13) * 60 + 20) * 1000
HUB = load_hub("rw")
MUKAMANA = marks.fixed_id("P", 1)
TABLES = (
    "cooperatives", "people", "sellers", "buyers", "consents", "access_log", "listings", "offers", "orders",
    "trade_days", "floor_prices", "fees", "outbox",
)  # fmt: skip


def exported(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, the hashes of PINs left out."""
    found = {}
    with store.read() as tx:
        for table in TABLES:
            rows = [dict(row) for row in tx.rows(f"SELECT * FROM {table}")]
            for row in rows:
                row.pop("pin_hash", None)
            found[table] = sorted(rows, key=lambda row: sorted((name, str(value)) for name, value in row.items()))
    return found


def rows(store: Store, sql: str, **params: Any) -> list[dict[str, Any]]:
    with store.read() as tx:
        return tx.rows(sql, **params)


def sow(store: Store, now: int = NOW, seed: int = demo.SEED) -> dict[str, int]:
    return demo.seed(store, HUB, now=now, pin_key=KEY, seed=seed)


@pytest.fixture
def sown(store: Store) -> Store:
    sow(store)
    return store


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A sown store that tests only read; both engines hold the same rows."""
    url = f"sqlite:///{tmp_path_factory.mktemp('demo')}/market.db"
    migrate(url)
    with contextlib.closing(open_store(url)) as store:
        sow(store)
        yield store


# --- the same seed and day


def test_the_same_seed_and_day_give_the_same_rows_on_both_engines(sqlite_url: str, postgres_url: str) -> None:
    found = []
    for url, now in ((sqlite_url, MIDNIGHT + 1_000), (postgres_url, MIDNIGHT + DAY_MS - 1_000)):
        with contextlib.closing(open_store(url)) as store:
            sow(store, now)
            found.append(exported(store))
    assert found[0] == found[1]
    assert all(found[0][table] for table in TABLES if table != "outbox")


@pytest.mark.parametrize("change", [{"seed": 7}, {"now": NOW + DAY_MS}])
def test_another_seed_or_day_gives_other_trades(sqlite_url: str, change: dict[str, int]) -> None:
    with contextlib.closing(open_store(sqlite_url)) as store:
        sow(store, **change)
        orders_there = exported(store)["orders"]
        assert {row["id"] for row in orders_there}.isdisjoint(row["id"] for row in history_of_today())


def history_of_today() -> list[dict[str, Any]]:
    from random import Random

    from ussd_app.demo import crowd, history

    gathered = crowd.gather(HUB, MIDNIGHT, demo.SEED)
    return history.write(HUB, gathered, MIDNIGHT, Random(f"history {demo.SEED} {MIDNIGHT}")).orders


def test_a_second_time_keeps_what_is_there(store: Store) -> None:
    summary = sow(store)
    assert summary["sellers"] == 60 and summary["buyers"] == 12 and summary["cooperatives"] == 3
    before = exported(store)
    again = sow(store, NOW + 40 * DAY_MS, seed=5)
    assert exported(store) == before
    assert set(again) == {"dated rows"}


def test_nobody_is_sent_a_message(sown: Store) -> None:
    demo.renew(sown, HUB, NOW + 3 * DAY_MS, ManualClock(NOW + 3 * DAY_MS))
    assert rows(sown, "SELECT * FROM outbox") == []


# --- rows that keep every rule


def test_what_a_listing_held_is_left_or_held_or_sold(market: Store) -> None:
    taken: Counter[str] = Counter()
    live = set()
    for order in rows(market, "SELECT listing_id, quantity, state FROM orders"):
        if order["state"] != "cancelled":
            taken[order["listing_id"]] += order["quantity"]
        if order["state"] == "agreed":
            live.add(order["listing_id"])
    for listing in rows(market, "SELECT * FROM listings"):
        assert listing["quantity"] == listing["left_quantity"] + taken[listing["id"]]
        if listing["left_quantity"] == 0:
            assert listing["state"] == ("reserved" if listing["id"] in live else "sold")
        else:
            assert listing["state"] in ("open", "expired", "withdrawn")
        if listing["state"] == "expired":
            assert listing["expires_at"] <= NOW
        if listing["state"] == "open":
            assert listing["expires_at"] >= MIDNIGHT + 30 * HOUR_MS
        assert listing["created_at"] <= listing["changed_at"] <= max(MIDNIGHT, listing["expires_at"])


def test_trade_days_are_the_orders_that_stand(market: Store) -> None:
    counted: Counter[tuple[Any, ...]] = Counter()
    for order in rows(market, "SELECT * FROM orders WHERE state <> 'cancelled'"):
        for area in (f"district:{order['district']}", f"province:{order['province']}", "*"):
            counted[order["produce"], area, order["agreed_day"], order["price"], "trades"] += 1
            counted[order["produce"], area, order["agreed_day"], order["price"], "quantity"] += order["quantity"]
        assert order["agreed_day"] == clocks.day(order["agreed_at"])
    kept: Counter[tuple[Any, ...]] = Counter()
    for day in rows(market, "SELECT * FROM trade_days"):
        for what in ("trades", "quantity"):
            kept[day["produce"], day["area"], day["day"], day["price"], what] = day[what]
    assert counted == kept and counted


def test_buyers_counts_are_their_orders(market: Store) -> None:
    kept: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for order in rows(market, "SELECT buyer_id, state, cancelled_as FROM orders"):
        kept[order["buyer_id"]] += order["state"] in ("settled", "closed")
        missed[order["buyer_id"]] += order["cancelled_as"] == "missed"
    found = rows(market, "SELECT * FROM buyers")
    assert {row["person_id"]: (row["kept_count"], row["missed_count"]) for row in found} == {
        row["person_id"]: (kept[row["person_id"]], missed[row["person_id"]]) for row in found
    }
    assert sum(kept.values()) > 300 and 5 < sum(missed.values()) < sum(kept.values()) / 5


def test_orders_say_what_their_offers_said_in_the_order_things_happen(market: Store) -> None:
    joined = rows(
        market,
        "SELECT o.*, f.state AS offer_state, f.quantity AS offered, f.price AS offered_price, f.created_at AS offered_at,"
        " f.listing_id AS offer_listing, f.seller_id AS offer_seller, f.buyer_id AS offer_buyer,"
        " f.expires_at AS offer_expires_at, f.take_home, l.created_at AS listed_at, l.seller_id AS listing_seller,"
        " l.district AS listing_district, l.expires_at AS listing_expires_at"
        " FROM orders o JOIN offers f ON f.id = o.offer_id JOIN listings l ON l.id = o.listing_id",
    )
    for row in joined:
        assert row["offer_state"] == "accepted" and row["offer_listing"] == row["listing_id"]
        assert (row["quantity"], row["price"]) == (row["offered"], row["offered_price"])
        assert (
            row["seller_id"] == row["offer_seller"] == row["listing_seller"] and row["buyer_id"] == row["offer_buyer"]
        )
        assert row["district"] == row["listing_district"]
        assert row["listed_at"] < row["offered_at"] < row["agreed_at"] < row["offer_expires_at"]
        assert row["offer_expires_at"] <= row["listing_expires_at"]
        assert row["agreed_at"] < row["handover_at"] < row["free_after"] and row["changed_at"] < MIDNIGHT
        assert row["agreed_at"] + terms.REGRET_MS == row["regret_until"]
        assert row["take_home"] == terms.amount(row["quantity"], row["price"], row["unit"])
        assert len(row["code"]) == orders.CODE_DIGITS + 1 and ids.check_ok(row["code"])
        if row["cancelled_as"] == "regret":
            assert row["changed_at"] < row["regret_until"]
        if row["cancelled_as"] == "missed":
            assert row["changed_at"] >= row["free_after"]
        if row["state"] in ("settled", "closed"):
            assert row["changed_at"] > row["handover_at"]
    agreed = [row for row in joined if row["state"] == "agreed"]
    assert agreed and all(row["free_after"] > MIDNIGHT - 3 * HOUR_MS for row in agreed)


def test_every_offer_is_one_its_buyer_could_have_made(market: Store) -> None:
    verified = {row["person_id"]: row["verification"] for row in rows(market, "SELECT * FROM buyers")}
    assert Counter(verified.values()) == {"verified": 5, "confirmed": 6, "new": 1}
    by_id = {}
    for offer in rows(market, "SELECT * FROM offers"):
        by_id[offer["id"]] = offer
        kind, caps = HUB.produce_by(offer["produce"]), buyers.caps(verified[offer["buyer_id"]])
        value = terms.amount(offer["quantity"], offer["price"], kind.unit)
        terms.within_caps(caps, offer["quantity"], kind.unit, value)
        assert 0 < offer["quantity"] <= kind.max_quantity and 0 < offer["price"] <= kind.max_price
        assert (offer["price_floaters"] is not None) == kind.floater
        floor = HUB.floor_price(offer["produce"], clocks.day(offer["created_at"]))
        assert floor is None or offer["price"] >= floor.price_good
        offers._check_words(HUB, offers.terms_of(offer))
    for offer in by_id.values():
        if offer["answers"]:
            answered = by_id[offer["answers"]]
            assert (answered["state"], offer["made_by"], offer["round"]) == ("countered", "seller", 2)
            assert offer["price"] >= answered["price"] and offer["id"] > answered["id"]


def test_the_trade_looks_like_rwanda(market: Store) -> None:
    found = rows(market, "SELECT * FROM orders")
    days = {row["agreed_day"] for row in found}
    assert len(days) > 80 and min(days) >= clocks.day(MIDNIGHT - 90 * DAY_MS)
    hours = [clocks.local(row["agreed_at"]).hour for row in found]
    assert sum(hour < 12 for hour in hours) > 0.75 * len(hours) and min(hours) >= 5
    weekdays = Counter(clocks.local(row["agreed_at"]).weekday() for row in found)
    assert weekdays[2] > 2 * weekdays[6]  # Wednesday against Sunday
    cherries = [row for row in found if row["produce"] == rwanda.CHERRY]
    assert all(600 <= row["price"] <= 800 for row in cherries) and len({row["price"] for row in cherries}) > 8
    produce = Counter(row["produce"] for row in found)
    assert {"potato.fresh", "beans.dry", "craft.basket", "coffee.green"} <= set(produce)


def test_cherries_come_with_their_season(sqlite_url: str) -> None:
    in_may = 1_779_958_800_000  # 28 May 2026, in the main season; September is between the crops
    with contextlib.closing(open_store(sqlite_url)) as store:
        sow(store, in_may)
        in_season = rows(store, "SELECT COUNT(*) AS n FROM orders WHERE produce = 'coffee.cherry'")[0]["n"]
    between = sum(
        row["produce"] == rwanda.CHERRY and clocks.day(row["agreed_at"]) >= "2026-08-01" for row in history_of_today()
    )
    assert in_season > 180 and in_season > 4 * between


# --- people


def test_people_are_whole_and_no_pin_is_weak(market: Store) -> None:
    found = rows(
        market,
        "SELECT p.*, s.kind FROM people p LEFT JOIN sellers s ON s.person_id = p.id WHERE COALESCE(msisdn, mail) <> ''",
    )
    assert len(found) == 78 and len({row["name"] for row in found if row["kind"]}) == 66
    assert Counter(row["kind"] for row in found)["artisan"] == 6
    assert Counter(row["language"] for row in found).most_common(1)[0][0] == "rw"
    assert {row["language"] for row in found} == {"rw", "en", "fr", "sw"}
    assert all(people.clean_name(row["name"]) == row["name"] for row in found)
    assert not any(pins.weak(pin, row["msisdn"] or "") for row in found for pin in demo.PINS)
    consents = rows(market, "SELECT * FROM consents")
    assert {row["person_id"] for row in consents} == {row["id"] for row in found}
    abroad = rows(
        market, "SELECT p.msisdn, p.mail FROM people p JOIN buyers b ON b.person_id = p.id WHERE b.country <> 'RW'"
    )
    assert len(abroad) == 6 and all(row["mail"] and row["msisdn"] is None for row in abroad)
    assert all(people.clean_mail(row["mail"]) == row["mail"] for row in abroad)


def test_the_first_seller_has_offers_a_story_and_a_listing_to_repeat(sown: Store) -> None:
    with sown.read() as tx:
        (me,) = people.on_number(tx, "+250788000001")
        assert (me["name"], me["language"], HUB.places.get(me["place"]).district) == ("Mukamana", "rw", "Nyamasheke")
        home = tx.home_seller(seller_id=me["id"], now=NOW)
        assert (home["offers"], home["produce"], home["quantity"]) == (2, "coffee.cherry", 120_000)
        waiting = tx.offers_for_seller(seller_id=me["id"], now=NOW, limit=9)
        assert [row["take_home"] for row in waiting] == [79_200, 55_200]
        assert tx.orders_of_seller(seller_id=me["id"], limit=9)
        near = prices.median(tx, HUB, "coffee.cherry", "37", NOW)
        assert near is not None and near.area == "district"


def test_an_offer_that_waits_can_be_accepted_at_any_hour_of_the_day(sown: Store) -> None:
    clock = ManualClock(MIDNIGHT + DAY_MS - 1)
    with sown.read() as tx:
        best = tx.offers_for_seller(seller_id=MUKAMANA, now=clock.now(), limit=1)[0]
    order = sown.turn(
        lambda tx: orders.accept(tx, clock=clock, now=clock.now(), person_id=MUKAMANA, offer_id=best["id"])
    )
    assert order["handover_at"] > clock.now()
    with sown.read() as tx:
        assert tx.listing_last_of_seller(seller_id=MUKAMANA)["state"] == "reserved"


def test_the_first_seller_has_a_statement_and_a_weight_to_agree_to(sown: Store) -> None:
    with sown.read() as tx:
        weighed = deliveries.statement(tx, MUKAMANA)
        totals = deliveries.totals(tx, seller_id=MUKAMANA, since=0, until=NOW)
        (awaited,) = [
            row for row in tx.orders_of_seller(seller_id=MUKAMANA, limit=99)
            if row["state"] == "agreed" and row["settlement"] == "pass_through"
        ]  # fmt: skip
        assert audit.verify(tx).sound
        assert ledger.totals(tx) == {}
    assert weighed and all(row["state"] == "agreed" and row["ended_at"] < MIDNIGHT for row in weighed)
    assert sum(row["net"] for row in totals) >= sum(row["net"] for row in weighed) > 0
    assert awaited["regret_until"] < MIDNIGHT and awaited["handover_at"] < MIDNIGHT + DAY_MS
    known = {"clock": ManualClock(NOW), "now": NOW}
    brought = {"order_id": awaited["id"], "buyer_id": awaited["buyer_id"], "gross": awaited["quantity"]}
    came = sown.turn(lambda tx: deliveries.record(tx, **known, **brought))
    sown.turn(lambda tx: deliveries.agree(tx, **known, seller_id=MUKAMANA, delivery_id=came["id"]))
    with sown.read() as tx:
        (asked,) = tx.rows("SELECT kind, state, amount, currency FROM payments")
    assert asked == {"kind": "collection", "state": "created", "amount": came["net"], "currency": "RWF"}
    assert demo.renew(sown, HUB, NOW, ManualClock(NOW)) == 0  # another to weigh, which is no listing that is open
    assert len(rows(sown, "SELECT id FROM orders WHERE state = 'agreed' AND settlement = 'pass_through'")) == 1


def test_those_on_one_phone_and_the_one_who_is_new(market: Store) -> None:
    with market.read() as tx:
        couple = people.on_number(tx, "+250788000007")
        new = people.by_id(tx, marks.fixed_id("P", rwanda.NEW_SELLER))
        assert tx.listings_of_seller(seller_id=marks.fixed_id("P", rwanda.NEW_SELLER), limit=1) == []
    assert [row["amounts_in_sms"] for row in couple] in ([1, 0], [0, 1]) and len({row["place"] for row in couple}) == 1
    assert new is not None and new["roles"] == ("seller",)


# --- what is shown


def test_people_for_phones_can_sign_in_with_what_is_shown(sown: Store) -> None:
    shown = demo.people_for_phones(sown, HUB)
    assert len(shown) == 78 and shown[0]["name"] == "Mukamana" and shown[1]["role"] == "buyer"
    assert shown[0] == shown[0] | {"msisdn": "+250788000001", "district": "Nyamasheke", "wallet": "mtn"}
    pairs = Counter((person["role"], person["wallet"]) for person in shown[:12])
    assert all(pairs[role, wallet] >= 2 for role in ("seller", "buyer") for wallet in ("mtn", "airtel"))
    hashes = {(row["msisdn"], row["name"]): row["pin_hash"] for row in rows(sown, "SELECT * FROM people")}
    for person in (shown[0], shown[1], shown[2]):
        assert pins.check_pin(hashes[person["msisdn"], person["name"]], person["pin"], KEY)
    same = {(hashes[person["msisdn"], person["name"]], person["pin"]) for person in shown if person["msisdn"]}
    assert len(same) == len(demo.PINS)
    couple = [person["pin"] for person in shown if person["msisdn"] == "+250788000007"]
    assert len(set(couple)) == 2
    for person in shown[-6:]:
        assert (person["msisdn"], person["pin"], person["wallet"]) == ("", "", "") and "@" in person["sign_in"]


def test_only_people_who_are_there_are_shown(store: Store) -> None:
    assert demo.people_for_phones(store, HUB) == []
    assert demo.renew(store, HUB, NOW, ManualClock(NOW)) == 0
    sow(store)
    store.write(lambda tx: tx.person_erase(id=MUKAMANA, now=NOW))
    assert "Mukamana" not in [person["name"] for person in demo.people_for_phones(store, HUB)]
    assert len(demo.people_for_phones(store, HUB)) == 77


def test_production_refuses_all_of_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def all_of_it(settings: Settings | None) -> None:
        for act in (
            lambda: demo.seed(store, HUB, now=NOW, pin_key=KEY, settings=settings),
            lambda: demo.renew(store, HUB, NOW, ManualClock(NOW), settings=settings),
            lambda: demo.people_for_phones(store, HUB, settings=settings),
        ):
            with pytest.raises(demo.NotInProduction):
                act()

    all_of_it(replace(Settings(), environment="production"))
    monkeypatch.setenv("ENVIRONMENT", "production")
    all_of_it(None)
    assert rows(store, "SELECT * FROM people") == []


# --- renewing


def test_right_after_seeding_there_is_nothing_to_renew(sown: Store) -> None:
    before = exported(sown)
    assert demo.renew(sown, HUB, NOW, ManualClock(NOW)) == 0
    assert exported(sown) == before


def test_what_is_over_is_put_up_again_once(sown: Store) -> None:
    later = NOW + 60 * DAY_MS
    clock = ManualClock(later)
    assert demo.renew(sown, HUB, later, clock) == len(rwanda.STANDS) + sum(len(stand.bids) for stand in rwanda.STANDS)
    with sown.read() as tx:
        home = tx.home_seller(seller_id=MUKAMANA, now=later)
        assert (home["offers"], home["produce"]) == (2, "coffee.cherry")
        assert tx.offers_due(now=later, limit=9) == [] and tx.listings_due(now=later, limit=9) == []
    open_now = rows(sown, "SELECT * FROM listings WHERE state = 'open'")
    assert len(open_now) == len(rwanda.STANDS) and all(row["created_at"] == later for row in open_now)
    assert demo.renew(sown, HUB, later, clock) == 0


def test_only_what_is_missing_is_put_up(sown: Store) -> None:
    clock = ManualClock(NOW)
    with sown.read() as tx:
        best, other = tx.offers_for_seller(seller_id=MUKAMANA, now=NOW, limit=9)
    sown.turn(lambda tx: offers.decline(tx, now=NOW, person_id=MUKAMANA, offer_id=other["id"]))
    assert demo.renew(sown, HUB, NOW, clock) == 1  # the declined one once more
    sown.turn(lambda tx: orders.accept(tx, clock=clock, now=NOW, person_id=MUKAMANA, offer_id=best["id"]))
    assert demo.renew(sown, HUB, NOW, clock) == 3  # sold out: a new listing with its two offers
    with sown.read() as tx:
        states = Counter(row["state"] for row in tx.listings_of_seller(seller_id=MUKAMANA, limit=99))
    assert states["open"] == 1 and states["reserved"] == 2  # one waits for its weight


def test_renewed_prices_follow_a_floor_that_was_raised(sown: Store) -> None:
    later = NOW + 30 * DAY_MS
    raised = {"produce": rwanda.CHERRY, "currency": "RWF", "valid_from": clocks.day(later), "kind": "minimum"}
    sown.write(lambda tx: tx.floor_add(**raised, price=700, price_floaters=None, source="the board's letter"))
    demo.renew(sown, HUB, later, ManualClock(later))
    with sown.read() as tx:
        waiting = tx.offers_for_seller(seller_id=MUKAMANA, now=later, limit=9)
    assert len(waiting) == 2 and all(row["price"] >= 700 for row in waiting)


def test_a_rehearsal_renews_for_shorter(sown: Store) -> None:
    later = NOW + 60 * DAY_MS
    demo.renew(sown, HUB, later, ManualClock(later, scale=0.01))
    (mine,) = rows(sown, "SELECT * FROM listings WHERE seller_id = :id AND state = 'open'", id=MUKAMANA)
    assert mine["expires_at"] == later + 24 * HOUR_MS // 100


# --- cooperatives


def test_each_cooperative_has_a_code_an_account_staff_with_pins_and_members(market: Store) -> None:
    shown = {person["name"]: person for person in demo.people_for_phones(market, HUB)}
    with market.read() as tx:
        found = tx.cooperatives_all(after="", limit=9)
        assert [row["members"] for row in found] == [16, 5, 4]
        for row in found:
            assert cooperatives.by_code(tx, row["code"])["id"] == row["id"]
            assert people.by_id(tx, row["account_id"])["cooperative_id"] == row["id"]
            station = cooperatives.stations(tx, row["id"])[0]["id"]
            staff = cooperatives.roles_in(tx, row["id"])
            assert [(one["role"], one["station_id"]) for one in staff] == [("manager", None), ("clerk", station)]
            assert [shown[one["name"]]["kind"] for one in staff] == ["manager", "clerk"]
            assert all(shown[one["name"]]["pin"] for one in staff)
            first = members.of(tx, row["id"])[0]
            assert first["number"] == 1
        cherries = members.growers(tx, found[0]["id"], "coffee.cherry")
        assert [one["number"] for one in cherries] == list(range(1, 17))
