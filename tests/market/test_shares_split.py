"""A total split by weights: to the franc, fair to one franc, the same every time; what is taken off is named."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ussd_app.market.splits import Advance, Owes, split

weights = st.lists(st.integers(1, 10_000_000), min_size=1, max_size=60)
owes = st.builds(
    Owes,
    st.integers(0, 5_000),
    st.lists(st.builds(Advance, st.uuids().map(str), st.just("Fertiliser"), st.integers(1, 50_000)), max_size=3).map(tuple),
    st.integers(0, 100),
)  # fmt: skip


@given(st.integers(0, 10**10), weights)
def test_parts_add_up_and_nobody_is_a_franc_off(total: int, by: list[int]) -> None:
    found = split(total, by)
    amounts = [part.amount for part in found.parts]
    assert sum(amounts) == total and 0 <= found.rounding < len(by)
    exact = [Fraction(total * weight, sum(by)) for weight in by]
    assert all(abs(amount - fair) < 1 for amount, fair in zip(amounts, exact, strict=True))
    assert found.rounding == sum(amount > fair for amount, fair in zip(amounts, exact, strict=True))
    assert found == split(total, by)


@given(st.integers(0, 10**8), weights)
def test_who_brought_more_never_gets_less_and_the_largest_remainder_goes_first(total: int, by: list[int]) -> None:
    amounts = [part.amount for part in split(total, by).parts]
    pairs = sorted(zip(by, amounts, strict=True))
    assert all(more[1] >= less[1] for less, more in pairwise(pairs))
    cut = [total * weight % sum(by) for weight in by]
    up = [amount > total * weight // sum(by) for amount, weight in zip(amounts, by, strict=True)]
    raised = [left for left, more in zip(cut, up, strict=True) if more]
    kept = [left for left, more in zip(cut, up, strict=True) if not more]
    assert not raised or not kept or min(raised) >= max(kept)


@given(st.integers(0, 10**7), st.data())
def test_what_is_taken_off_is_named_and_never_more_than_allowed(total: int, data: st.DataObject) -> None:
    by = data.draw(weights)
    each = data.draw(st.lists(owes, min_size=len(by), max_size=len(by)))
    found = split(total, by, each)
    for part, owed in zip(found.parts, each, strict=True):
        assert part.amount == part.fee + part.advance + part.net and part.net >= 0
        assert part.fee == min(part.amount, owed.fee)
        assert part.advance <= part.amount * owed.advance_pct // 100
        left = {one.id: one.left for one in owed.advances}
        assert all(0 < one.left <= left[one.id] for one in part.taken)
        room = min(part.amount - part.fee, part.amount * owed.advance_pct // 100)
        assert part.advance == min(room, sum(left.values()))
    assert found.fee + found.advance + sum(part.net for part in found.parts) == total


def test_ties_go_to_who_stands_first() -> None:
    assert [part.amount for part in split(100, [1, 1, 1]).parts] == [34, 33, 33]
    assert [part.amount for part in split(1, [1, 3, 3]).parts] == [0, 1, 0]
    assert split(0, []).parts == ()


@pytest.mark.parametrize(("total", "by"), [(-1, [1]), (1, []), (1, [1, 0]), (1, [1, -1])])
def test_nonsense_is_refused(total: int, by: list[int]) -> None:
    with pytest.raises(ValueError):
        split(total, by)
