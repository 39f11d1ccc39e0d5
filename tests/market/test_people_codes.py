"""One-time codes: six digits, five minutes, three tries, few a day, and no word about who is registered."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.market.peoples import JEANNE, KEY, NOW
from ussd_app.lib.clock import ManualClock
from ussd_app.market import codes
from ussd_app.store import Store

MINUTE = 60_000
DAY = 24 * 60 * MINUTE


def issue(store: Store, clock: ManualClock, target: str = JEANNE, purpose: str = "contact") -> str | None:
    return store.write(
        lambda tx: codes.issue(
            tx, purpose=purpose, target=target, person_id=None, now=clock.now(), clock=clock, key=KEY
        )
    )


def check(store: Store, clock: ManualClock, code: str, target: str = JEANNE, purpose: str = "contact") -> str:
    return store.write(lambda tx: codes.check(tx, purpose=purpose, target=target, code=code, now=clock.now(), key=KEY))


def other(code: str, by: int = 1) -> str:
    return f"{(int(code) + by) % 1_000_000:06d}"


def test_a_code_works_once(store: Store) -> None:
    clock = ManualClock(NOW)
    code = issue(store, clock)
    assert code is not None and len(code) == 6 and code.isdigit()
    assert check(store, clock, other(code)) == "wrong"
    assert check(store, clock, f" {code[:3]} {code[3:]}") == "ok"
    assert check(store, clock, code) == "spent"


def test_three_wrong_tries_end_it(store: Store) -> None:
    clock = ManualClock(NOW)
    code = issue(store, clock)
    assert code is not None
    assert [check(store, clock, other(code, n)) for n in (1, 2, 3)] == ["wrong"] * 3
    assert check(store, clock, code) == "spent"


def test_five_minutes_scaled(store: Store) -> None:
    clock = ManualClock(NOW, scale=0.1)
    code = issue(store, clock)
    assert code is not None
    clock.advance(30_000 - 1)
    assert check(store, clock, other(code)) == "wrong"
    clock.advance(1)
    assert check(store, clock, code) == "expired"


def test_a_code_is_good_for_its_target_and_purpose_alone_and_a_new_one_ends_the_old(store: Store) -> None:
    clock = ManualClock(NOW)
    first = issue(store, clock)
    assert first is not None
    assert check(store, clock, first, target="+250788000002") == "expired"
    assert check(store, clock, first, purpose="signin") == "expired"
    clock.advance(MINUTE)
    second = issue(store, clock)
    assert second is not None and second != first
    assert check(store, clock, first) == "wrong"
    assert check(store, clock, second) == "ok"


def test_one_a_minute_and_five_a_day_whatever_the_purpose(store: Store) -> None:
    clock = ManualClock(NOW)
    assert issue(store, clock) is not None
    assert issue(store, clock, purpose="signin") is None
    assert issue(store, clock, target="marc@cafe.be") is not None
    for _ in range(4):
        clock.advance(MINUTE)
        assert issue(store, clock, purpose="signin") is not None
    clock.advance(MINUTE)
    assert issue(store, clock) is None
    clock.advance(DAY)
    assert issue(store, clock) is not None


def test_twenty_askings_at_once_make_one_code(store: Store) -> None:
    clock = ManualClock(NOW)
    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(lambda _: issue(store, clock), range(20)))
    assert sum(code is not None for code in made) == 1


def test_fifty_guesses_at_once_count_as_three(store: Store) -> None:
    clock = ManualClock(NOW)
    code = issue(store, clock)
    assert code is not None
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda n: check(store, clock, other(code, n + 1)), range(50)))
    assert sorted(answers) == ["spent"] * 47 + ["wrong"] * 3


def test_neither_number_nor_code_can_be_read_from_the_table(store: Store) -> None:
    clock = ManualClock(NOW)
    code = issue(store, clock)
    with store.read() as tx:
        row = tx.code_latest(target=codes.target_hash(JEANNE, KEY), purpose="contact")
    kept = " ".join(str(value) for value in row.values())
    assert JEANNE[1:] not in kept and row["code_hash"] != code and len(row["code_hash"]) == 64
    assert codes.target_hash(JEANNE, KEY) != codes.target_hash(JEANNE, KEY + "x")
    assert codes.target_hash(" Marc@Cafe.be", KEY) == codes.target_hash("marc@cafe.be", KEY)


def test_old_codes_are_removed(store: Store) -> None:
    clock = ManualClock(NOW)
    code = issue(store, clock)
    assert code is not None
    assert store.write(lambda tx: codes.forget_old(tx, now=NOW + 2 * DAY)) == 0
    assert check(store, clock, code) == "ok"
    assert store.write(lambda tx: codes.forget_old(tx, now=NOW + 2 * DAY + 1)) == 1
