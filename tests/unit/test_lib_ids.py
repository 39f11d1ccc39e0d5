import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ussd_app.lib import ids

DIGITS = st.text("0123456789", min_size=1, max_size=20)


def test_ids_have_the_shape_and_sort_as_made() -> None:
    made = [ids.new_id() for _ in range(5_000)]
    assert all(re.fullmatch("[0-7][0-9A-HJKMNP-TV-Z]{25}", one) for one in made)
    assert made == sorted(made) and len(set(made)) == len(made)


def test_ids_hold_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_last", 0)
    monkeypatch.setattr("time.time_ns", lambda: 1_469_918_176_385 * 1_000_000)
    assert ids.new_id()[:10] == "01ARYZ6S41"  # the example of the ULID specification


def test_ids_go_on_when_the_clock_steps_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = ids.new_id()
    monkeypatch.setattr("time.time_ns", lambda: 1_000_000_000)
    assert ids.new_id() > before


def test_ids_of_two_forks_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 1_000_000_000)
    monkeypatch.setattr(ids, "_last", last := 1 << 127)
    one = ids.new_id()
    monkeypatch.setattr(ids, "_last", last)
    assert ids.new_id() != one


def test_ids_of_threads_differ() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: ids.new_id(), range(2_000)))
    assert len(set(made)) == 2_000


def test_code_digits() -> None:
    assert all(re.fullmatch("[0-9]{6}", ids.code_digits(6)) for _ in range(200))
    assert len({ids.code_digits(6) for _ in range(200)}) > 150
    with pytest.raises(ValueError):
        ids.code_digits(0)


def test_the_check_digit_is_luhns() -> None:
    assert ids.with_check("7992739871") == "79927398713"
    assert ids.check_ok("4111111111111111") and not ids.check_ok("4111111111111112")


@given(DIGITS, st.data())
def test_one_wrong_digit_always_shows(digits: str, data: st.DataObject) -> None:
    good = ids.with_check(digits)
    place = data.draw(st.integers(0, len(good) - 1))
    wrong = data.draw(st.sampled_from("0123456789").filter(lambda digit: digit != good[place]))
    assert ids.check_ok(good)
    assert not ids.check_ok(good[:place] + wrong + good[place + 1 :])


@pytest.mark.parametrize("text", ["", "0", "7", "12a", " 18", "1８", "-18"])
def test_what_is_no_checked_code(text: str) -> None:
    assert not ids.check_ok(text)


@pytest.mark.parametrize("text", ["", "a", "１"])
def test_no_check_digit_without_digits(text: str) -> None:
    with pytest.raises(ValueError):
        ids.with_check(text)
