"""Accounts: consent, news, her data, erasure, a forgotten PIN, a lost number."""

from __future__ import annotations

from typing import Any

import pytest

from tests.market.peoples import ELSEWHERE, JEANNE, NOW, buyer, ordered, seller
from ussd_app.lib.clock import ManualClock
from ussd_app.market import accounts, people, pins
from ussd_app.store import Store

HOUR = 3_600_000
DAY = 24 * HOUR


def person(store: Store, person_id: str) -> dict[str, Any]:
    with store.read() as tx:
        found = people.by_id(tx, person_id)
    assert found is not None
    return found


def agree(store: Store, person_id: str, purpose: str, version: str, now: int = NOW) -> None:
    store.write(
        lambda tx: accounts.give_consent(
            tx, now=now, person_id=person_id, purpose=purpose, version=version, language="rw", channel="ussd"
        )
    )


def test_consent_is_kept_by_version_and_withdrawn(store: Store) -> None:
    her = store.write(lambda tx: seller(tx))["id"]
    agree(store, her, "service", "2026-01", NOW + 1)  # what she agreed to already: no second row
    agree(store, her, "service", "2026-07", NOW + 2)
    with store.read() as tx:
        rows = [(r["version"], r["at"], r["withdrawn_at"]) for r in tx.consents_of(person_id=her)]
        assert rows == [("2026-01", NOW, NOW + 2), ("2026-07", NOW + 2, None)]
        standing = accounts.consented(tx, her, "service")
        assert standing is not None and standing["version"] == "2026-07"
        assert accounts.consented(tx, her, "abroad") is None
    with pytest.raises(ValueError, match="no such purpose"):
        agree(store, her, "spam", "1")


def test_without_consent_to_the_service_the_account_rests(store: Store) -> None:
    her = store.write(lambda tx: seller(tx))["id"]

    def withdraw(open_business: int) -> str:
        return store.write(
            lambda tx: accounts.withdraw_consent(
                tx, now=NOW, person_id=her, purpose="service", open_business=open_business
            )
        )

    assert withdraw(1) == "open_business" and person(store, her)["state"] == "active"
    assert withdraw(0) == "done" and person(store, her)["state"] == "stopped"
    with store.read() as tx:
        assert people.on_number(tx, JEANNE) == []
    agree(store, her, "service", "2026-01", NOW + 5)
    assert person(store, her)["state"] == "active"


def test_stop_and_start_from_a_number_hold_for_everybody_on_it(store: Store) -> None:
    ids = [store.write(lambda tx, name=name: seller(tx, name=name))["id"] for name in ("Ana", "Bea")]
    apart = store.write(lambda tx: seller(tx, name="Cia", msisdn=ELSEWHERE))["id"]
    agree(store, ids[0], "news", "n1")
    agree(store, apart, "news", "n1")
    assert [person(store, p)["news"] for p in (*ids, apart)] == [1, 0, 1]
    assert store.write(lambda tx: accounts.stop_news_on_number(tx, now=NOW + 1, msisdn=JEANNE)) == 1
    assert store.write(lambda tx: accounts.stop_news_on_number(tx, now=NOW + 1, msisdn=JEANNE)) == 0
    assert [person(store, p)["news"] for p in (*ids, apart)] == [0, 0, 1]
    with store.read() as tx:
        assert accounts.consented(tx, ids[0], "news") is None
    started = store.write(
        lambda tx: accounts.start_news_on_number(tx, now=NOW + 2, msisdn=JEANNE, version="n2", channel="sms")
    )
    assert started == 2 and [person(store, p)["news"] for p in ids] == [1, 1]


def test_her_data_shows_what_is_kept_and_who_looked_but_no_full_number(store: Store) -> None:
    her = store.write(lambda tx: seller(tx))["id"]
    store.write(lambda tx: accounts.set_amounts_in_sms(tx, now=NOW, person_id=her, on=False))
    store.write(
        lambda tx: accounts.log_access(tx, now=NOW, looked_by="ops1", person_id=her, what="payments", why="call back")
    )
    with store.read() as tx:
        data = accounts.my_data(tx, her)
        assert data is not None
        assert accounts.my_data(tx, "nobody") is None
    assert (data["name"], data["amounts_in_sms"], data["news"], data["has_pin"]) == ("Jeanne", False, False, True)
    assert data["msisdn"].endswith("001") and "788000" not in data["msisdn"]
    assert (data["looks"], data["last_looks"][0]["looked_by"], len(data["consents"])) == (1, "ops1", 1)


def test_erasing_waits_for_open_business_then_blanks_all_that_names_her(store: Store) -> None:
    her = store.write(lambda tx: seller(tx))["id"]
    ask_reset(store, her, ManualClock(NOW))

    def ask(open_business: int) -> str:
        return store.write(lambda tx: accounts.ask_erase(tx, now=NOW + 9, person_id=her, open_business=open_business))

    assert ask(2) == "open_business" and person(store, her)["name"] == "Jeanne"
    assert ask(0) == "erased"
    row = person(store, her)
    assert (row["name"], row["msisdn"], row["mail"], row["place"], row["has_pin"]) == ("", None, None, None, 0)
    assert (row["state"], row["erased_at"], row["roles"]) == ("erased", NOW + 9, ("seller",))
    with store.read() as tx:
        assert people.everyone_on_number(tx, JEANNE) == []
        assert accounts.my_data(tx, her) is None
        assert accounts.consented(tx, her, "service") is None
    assert [(o["recipient"], o["values"], o["state"]) for o in ordered(store)] == [("", {}, "cancelled")]
    assert finish(store, her, NOW + DAY) is False
    assert ask(0) == "gone"
    store.write(lambda tx: people.rename(tx, now=NOW, person_id=her, name="Back"))
    assert person(store, her)["name"] == ""


def test_an_erased_buyers_address_can_register_anew(store: Store) -> None:
    his = store.write(lambda tx: buyer(tx, mail="marc@cafe.be", company="Cafe SA"))["id"]
    store.write(lambda tx: accounts.erase(tx, now=NOW, person_id=his))
    with store.read() as tx:
        assert tx.buyer_by_id(person_id=his)["company"] == ""
    assert store.write(lambda tx: buyer(tx, mail="marc@cafe.be"))["id"] != his


def ask_reset(store: Store, person_id: str, clock: ManualClock, by: str = "self") -> dict[str, Any] | None:
    return store.write(lambda tx: accounts.ask_pin_reset(tx, now=clock.now(), clock=clock, person_id=person_id, by=by))


def finish(store: Store, person_id: str, now: int, msisdn: str = JEANNE) -> bool:
    return store.write(
        lambda tx: accounts.finish_pin_reset(tx, now=now, person_id=person_id, msisdn=msisdn, pin_hash="new")
    )


def test_a_forgotten_pin_waits_a_day_and_is_set_from_her_own_phone(store: Store) -> None:
    clock = ManualClock(NOW)
    her = store.write(lambda tx: seller(tx))["id"]
    for _ in range(10):
        store.write(lambda tx: pins.spend_try(tx, her, clock.now(), clock))
        clock.advance(DAY)
    asked_at = clock.now()
    asked = ask_reset(store, her, clock, by="ops1")
    assert asked is not None and asked["ready_at"] == asked_at + DAY
    again = ask_reset(store, her, clock)
    assert again is not None and again["id"] == asked["id"] and again["asked_by"] == "ops1"
    assert finish(store, her, asked_at + DAY - 1) is False
    assert finish(store, her, asked_at + DAY, msisdn=ELSEWHERE) is False
    with store.read() as tx:
        assert accounts.reset_ready(tx, now=asked_at + DAY - 1, person_id=her) is False
        assert accounts.reset_ready(tx, now=asked_at + DAY, person_id=her) is True
        assert pins.standing(tx, her, asked_at + DAY) == pins.Locked("reset")
    assert finish(store, her, asked_at + DAY) is True
    assert finish(store, her, asked_at + DAY) is False
    tried = store.write(lambda tx: pins.spend_try(tx, her, asked_at + DAY, clock))
    assert tried == pins.Spent(1, "new")
    assert [o["template"] for o in ordered(store)] == ["pin.reset_asked", "pin.changed"]
    assert ordered(store)[0]["values"] == {"name": "Jeanne", "ready_at": asked_at + DAY}


def test_a_cancelled_or_lapsed_reset_is_over_and_three_a_day_are_enough(store: Store) -> None:
    clock = ManualClock(NOW)
    her = store.write(lambda tx: seller(tx))["id"]
    for _ in range(3):
        assert ask_reset(store, her, clock) is not None
        assert store.write(lambda tx: accounts.cancel_pin_reset(tx, now=NOW, person_id=her)) is True
    assert store.write(lambda tx: accounts.cancel_pin_reset(tx, now=NOW, person_id=her)) is False
    assert ask_reset(store, her, clock) is None
    assert finish(store, her, NOW + DAY) is False
    clock.advance(DAY)
    lapsing = ask_reset(store, her, clock)
    assert lapsing is not None
    assert finish(store, her, lapsing["lapses_at"]) is False
    clock.set(lapsing["lapses_at"])
    renewed = ask_reset(store, her, clock)
    assert renewed is not None and renewed["id"] != lapsing["id"]


def start(store: Store, person_id: str, new: str = ELSEWHERE, by: str = "ops1") -> str | None:
    return store.write(lambda tx: accounts.start_move(tx, now=NOW, person_id=person_id, new_msisdn=new, by=by))


def approve(store: Store, move_id: str, by: str) -> str:
    return store.write(
        lambda tx: accounts.approve_move(tx, now=NOW + 1, clock=ManualClock(NOW + 1), move_id=move_id, by=by)
    )


def test_a_lost_number_moves_when_two_operators_agree(store: Store) -> None:
    her = store.write(lambda tx: seller(tx))["id"]
    assert start(store, her, new=JEANNE) is None
    move = start(store, her)
    assert move is not None
    assert start(store, her, new="+250788000778") is None  # one at a time
    assert approve(store, move, "ops1") == "same_operator"
    assert approve(store, move, " ops1 ") == "same_operator"
    assert person(store, her)["msisdn"] == JEANNE
    ask_reset(store, her, ManualClock(NOW))
    assert approve(store, move, "ops2") == "moved"
    assert approve(store, move, "ops2") == "gone"
    assert person(store, her)["msisdn"] == ELSEWHERE
    with store.read() as tx:
        assert accounts.reset_ready(tx, now=NOW + DAY, person_id=her) is False
        assert accounts.payout_hold(tx, now=NOW + 2, person_id=her) == NOW + 1 + 2 * DAY
        assert accounts.payout_hold(tx, now=NOW + 1 + 2 * DAY, person_id=her) is None
    told = [(o["template"], o["recipient"]) for o in ordered(store)]
    assert [t for t in told if t[0].startswith("number")] == [
        ("number.move_asked", JEANNE),
        ("number.moved_old", JEANNE),
        ("number.moved_new", ELSEWHERE),
    ]
    assert all("788000" not in str(o["values"]) for o in ordered(store))


def test_a_move_to_a_full_number_or_of_somebody_erased_does_not_happen(store: Store) -> None:
    her = store.write(lambda tx: seller(tx))["id"]
    move = start(store, her)
    assert move is not None
    for name in ("Ana", "Bea", "Cia", "Dia", "Eva", "Fia"):
        store.write(lambda tx, name=name: seller(tx, name=name, msisdn=ELSEWHERE))
    assert approve(store, move, "ops2") == "number_full"
    assert store.write(lambda tx: accounts.reject_move(tx, move_id=move)) is True
    assert approve(store, move, "ops2") == "gone"
    assert start(store, her) is None
    second = start(store, her, new="+250788000778")
    assert second is not None
    with store.read() as tx:
        assert [m["id"] for m in accounts.waiting_moves(tx)] == [second]
    store.write(lambda tx: accounts.erase(tx, now=NOW, person_id=her))
    assert approve(store, second, "ops2") == "gone"
    with store.read() as tx:
        kept = tx.number_move_by_id(id=second)
        assert (kept["old_msisdn"], kept["new_msisdn"], kept["state"]) == (None, None, "rejected")
