"""How the words of gateways are read."""

from __future__ import annotations

import pytest

from ussd_app.gateways import base
from ussd_app.gateways.base import HttpIn


@pytest.mark.parametrize(
    "told, read",
    [
        ("RWF 10.0000", (100_000, "RWF")),
        ("KES 0.10", (1_000, "KES")),
        ("kes 1,250.5", (12_505_000, "KES")),
        ("0", (0, "")),
        ("0.00", (0, "")),
        ("RWF10", (100_000, "RWF")),
        (5, (50_000, "")),
        ("", (None, "")),
        (None, (None, "")),
        ("None", (None, "")),
        ("-5", (None, "")),
        ("9" * 400, (None, "")),
        ("RWF", (None, "")),
    ],
)
def test_costs(told: object, read: tuple[int | None, str]) -> None:
    assert base.cost(told) == read


@pytest.mark.parametrize(
    "told, read",
    [
        ("2017-05-03T06:04:45Z", 1_493_791_485_000),
        ("2017-05-03 06:04:45", 1_493_791_485_000),
        ("2018-03-19T08:34:18.445Z", 1_521_448_458_445),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_moments(told: object, read: int | None) -> None:
    assert base.moment(told) == read


@pytest.mark.parametrize(
    "told, read",
    [("12", 12), (12, 12), ("-1", None), ("1.5", None), ("x", None), ("9" * 16, None), (True, None)],
)
def test_whole_numbers(told: object, read: int | None) -> None:
    assert base.whole(told) == read


def test_a_word_hides_numbers_and_signs() -> None:
    assert base.word("Failed for +250788000001\n\x1b[31m!") == "Failed for ... 31m"
    assert len(base.word("x" * 100)) == 40


def test_a_message_keeps_its_lines_and_loses_what_no_store_takes() -> None:
    assert base.message_text("a\nb\x00c\ud800") == "a\nbc"
    assert base.one_line("a\nb\x00c\ud800") == "a bc"


def test_of_a_repeated_field_the_first_counts() -> None:
    assert HttpIn(b"a=1&a=2&b=").form == {"a": "1", "b": ""}


def test_a_form_is_decoded_once_as_utf8() -> None:
    assert HttpIn(b"a=%2B1+%25C3+%C3%A9&b=%FF").form == {"a": "+1 %C3 é", "b": "\ufffd"}
