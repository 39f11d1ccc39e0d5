"""PINs: weak ones, what is kept, and that no amount of sessions gets more guesses than one."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.market.peoples import KEY, NOW, seller
from ussd_app.lib.clock import ManualClock
from ussd_app.market import pins
from ussd_app.store import Store

MINUTE = 60_000


def test_about_a_tenth_of_all_pins_is_refused_as_weak() -> None:
    refused = sum(pins.weak(f"{n:05d}") for n in range(100_000))
    assert refused == 11_368  # 11.4 %: within the 5 to 15 % that keeps both guessers and honest people served


WEAK_ONES = "11111 12121 12345 54321 89012 19874 41985 20055 25803 14789 12369 45654 11224"


@pytest.mark.parametrize("pin", WEAK_ONES.split())
def test_these_are_weak(pin: str) -> None:
    assert pins.weak(pin)


@pytest.mark.parametrize("pin", ["40718", "93052", "60483", "71846"])
def test_these_are_not(pin: str) -> None:
    assert not pins.weak(pin, "+250788000001")


def test_the_end_of_her_own_number_is_weak() -> None:
    assert pins.weak("40718", "+250788040718")
    assert not pins.weak("40718", "")


@pytest.mark.parametrize(
    ("typed", "pin"),
    [
        ("40718", "40718"),
        (" 40718 ", "40718"),
        ("４０７１８", "40718"),
        ("٤٠٧١٨", "40718"),
        ("4071", None),
        ("407185", None),
        ("4071a", None),
        ("40 18", None),
        ("²³¹¹²", None),
        ("", None),
    ],
)
def test_a_pin_is_five_digits(typed: str, pin: str | None) -> None:
    assert pins.clean_pin(typed) == pin


def test_a_hash_needs_the_key_and_tells_nothing() -> None:
    kept = pins.hash_pin("40718", KEY)
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$") and "40718" not in kept
    assert kept != pins.hash_pin("40718", KEY)
    assert pins.check_pin(kept, "40718", KEY)
    assert not pins.check_pin(kept, "40719", KEY)
    assert not pins.check_pin(kept, "40718", KEY + "x")
    assert "argon2" not in repr(pins.Spent(1, kept))
    with pytest.raises(ValueError, match="PIN_KEY"):
        pins.hash_pin("40718", "")


def spend(store: Store, person_id: str, clock: ManualClock) -> pins.Spent | pins.Locked:
    return store.write(lambda tx: pins.spend_try(tx, person_id, clock.now(), clock))


def test_locks_grow_and_the_tenth_wrong_pin_asks_for_a_reset(store: Store) -> None:
    clock = ManualClock(NOW)
    her = store.write(lambda tx: seller(tx))["id"]
    assert [spend(store, her, clock) for _ in range(3)] == [pins.Spent(n, "kept") for n in (1, 2, 3)]
    assert spend(store, her, clock) == pins.Locked("wait", NOW + 15 * MINUTE)
    clock.advance(15 * MINUTE - 1)
    assert isinstance(spend(store, her, clock), pins.Locked)
    clock.advance(1)
    assert [spend(store, her, clock) for _ in range(3)] == [pins.Spent(n, "kept") for n in (4, 5, 6)]
    assert spend(store, her, clock) == pins.Locked("wait", clock.now() + 24 * 60 * MINUTE)
    clock.advance(24 * 60 * MINUTE)
    assert [spend(store, her, clock) for _ in range(4)] == [pins.Spent(n, "kept") for n in (7, 8, 9, 10)]
    clock.advance(365 * 24 * 60 * MINUTE)
    assert spend(store, her, clock) == pins.Locked("reset")


def test_the_tries_left_run_down_to_each_lock() -> None:
    assert [pins.tries_left(spent) for spent in range(1, 12)] == [2, 1, 0, 2, 1, 0, 3, 2, 1, 0, 0]


def test_waits_scale_with_the_clock(store: Store) -> None:
    clock = ManualClock(NOW, scale=0.01)
    her = store.write(lambda tx: seller(tx))["id"]
    for _ in range(3):
        spend(store, her, clock)
    assert spend(store, her, clock) == pins.Locked("wait", NOW + 9_000)


def test_a_right_pin_forgets_the_tries_before_it_and_their_lock(store: Store) -> None:
    clock = ManualClock(NOW)
    her = store.write(lambda tx: seller(tx))["id"]
    for _ in range(2):
        spend(store, her, clock)
    third = spend(store, her, clock)
    assert isinstance(third, pins.Spent)
    with store.read() as tx:
        assert pins.standing(tx, her, NOW) == pins.Locked("wait", NOW + 15 * MINUTE)
    store.write(lambda tx: pins.give_back(tx, her, third.spent_at))
    with store.read() as tx:
        assert pins.standing(tx, her, NOW) is None
    assert spend(store, her, clock) == pins.Spent(1, "kept")


def test_a_right_pin_leaves_later_tries_of_other_sessions_spent(store: Store) -> None:
    clock = ManualClock(NOW)
    her = store.write(lambda tx: seller(tx))["id"]
    hers = spend(store, her, clock)
    spend(store, her, clock)  # somebody else's, still being checked
    assert isinstance(hers, pins.Spent)
    store.write(lambda tx: pins.give_back(tx, her, hers.spent_at))
    assert spend(store, her, clock) == pins.Spent(2, "kept")


def test_the_tenth_try_may_be_the_right_one(store: Store) -> None:
    clock = ManualClock(NOW)
    her = store.write(lambda tx: seller(tx))["id"]
    for _ in range(10):
        last = spend(store, her, clock)
        clock.advance(24 * 60 * MINUTE)
    assert last == pins.Spent(10, "kept")
    store.write(lambda tx: pins.give_back(tx, her, 10))
    with store.read() as tx:
        assert pins.standing(tx, her, clock.now()) is None


@pytest.mark.parametrize("tries", [1, 3, 6, 10])
def test_a_repeated_callback_gets_its_try_back_with_the_lock_it_set(store: Store, tries: int) -> None:
    clock = ManualClock(NOW)
    her = store.write(lambda tx: seller(tx))["id"]
    for _ in range(tries - 1):
        spend(store, her, clock)
        clock.advance(24 * 60 * MINUTE)
    spend(store, her, clock)
    store.write(lambda tx: pins.refund_one(tx, her))
    assert spend(store, her, clock) == pins.Spent(tries, "kept")


def test_without_a_pin_or_a_person_there_is_no_try(store: Store) -> None:
    clock = ManualClock(NOW)
    pending = store.write(lambda tx: seller(tx, pin_hash=None, registered_by="agent"))["id"]
    assert spend(store, pending, clock) == pins.Locked("no_pin")
    assert spend(store, "nobody", clock) == pins.Locked("no_pin")


def test_a_hundred_sessions_at_once_get_three_guesses(store: Store) -> None:
    """Threads of their own, each as a turn goes: spend and commit, then check the hash, then say so."""
    clock = ManualClock(NOW)
    her = store.write(lambda tx: seller(tx, pin_hash=pins.hash_pin("40718", KEY)))["id"]
    start, checked = threading.Barrier(100), []

    def session(n: int) -> str:
        start.wait(30)
        tried = spend(store, her, clock)
        if isinstance(tried, pins.Locked):
            return tried.reason
        checked.append(n)
        return "right" if pins.check_pin(tried.pin_hash, f"{90_000 + n}", KEY) else "wrong"

    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(session, range(100)))
    assert len(checked) == 3
    assert sorted(answers) == ["wait"] * 97 + ["wrong"] * 3
    with store.read() as tx:
        assert tx.pin_standing(id=her)["pin_fails"] == 3


def test_spraying_shows_over_all_numbers_of_a_gateway_and_passes_with_the_hour(store: Store) -> None:
    def note(right: bool, times: int, gateway: str = "one") -> None:
        def work(tx):
            for _ in range(times):
                pins.note_check(tx, now=NOW, gateway=gateway, right=right)

        store.write(work)

    def seen(gateway: str = "one", now: int = NOW) -> bool:
        with store.read() as tx:
            return pins.spraying(tx, gateway, now)

    assert not seen()
    note(False, 49)
    assert not seen()
    note(False, 1)
    assert seen() and not seen("other") and not seen(now=NOW + pins.HOUR_MS)
    note(True, 50)  # a market day: many people, as many right as wrong
    assert not seen()
