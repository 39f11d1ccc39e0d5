import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ussd_app.lib.msisdn import mask, network_hint, parse


@pytest.mark.parametrize(
    "text",
    [
        "+250788383383",
        "250788383383",
        "00250788383383",
        "0788383383",
        "788383383",
        " 0788 383 383 ",
        "0788-383-383#",
        "(078) 838.3383",
        "+250 (0)788 383 383",
        "+2500788383383",
        "078/8383383,",
        "０７８８３８３３８３",
        "＋250788383383",
        "٠٧٨٨٣٨٣٣٨٣",
        "0788\u00a0383\u202f383",
        "\u202a+250788383383\u202c",
        "0788–383–383",
    ],
)
def test_one_number_however_written(text: str) -> None:
    assert parse(text) == "+250788383383"


@pytest.mark.parametrize("prefix", ["72", "73", "77", "78", "79"])
def test_every_mobile_prefix(prefix: str) -> None:
    assert parse(f"0{prefix}1234567") == f"+250{prefix}1234567"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "#",
        "112",
        "0710000000",
        "0701234567",
        "078838338",
        "07883833833",
        "+2507883833830",
        "0252580000",  # a landline
        "O788383383",
        "0788FLOWER",
        "0788383383 0788383384",
        "+250788383383 x5",
        "-0788383383x",
        "tel:+250788383383",
        "79838338330",  # two digits too many, not a number of Moscow
        "1e9",
        "0" * 500,
        "½",
        "\ud800",
    ],
)
def test_what_is_no_mobile_number(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+32 470 12 34 56", "+32470123456"),
        ("0032470123456", "+32470123456"),
        ("32470123456", "+32470123456"),
        ("+86 138 0013 8000", "+8613800138000"),
        ("+254712345678", "+254712345678"),
        ("46733123450", "+46733123450"),
        ("+233244123456", "+233244123456"),
    ],
)
def test_numbers_of_other_countries(text: str, number: str) -> None:
    assert parse(text) == number


def test_a_local_number_belongs_to_its_country() -> None:
    assert parse("0712345678", "KE") == "+254712345678"
    assert parse("0788383383", "KE") == "+254788383383"
    assert parse("+250788383383", "KE") == "+250788383383"
    assert parse("0470123456", "BE") == "+32470123456"


@given(st.text() | st.text("+0257 8()-/#", max_size=30))
def test_any_text_gives_a_number_or_none(text: str) -> None:
    number = parse(text)
    if number is not None:
        assert number[0] == "+" and number[1:].isascii() and number[1:].isdigit()
        assert parse(number) == number


def test_numbers_at_home_need_no_heavy_import() -> None:
    code = (
        "import sys; from ussd_app.lib.msisdn import parse; assert parse('+250788383383') and parse('0728 383 383');"
        "assert 'phonenumbers' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_mask_shows_three_digits_at_most() -> None:
    assert mask("+250788000001") == "...001"
    assert mask("") == mask("+12") == mask("123456") == "..."


def test_the_network_is_a_hint() -> None:
    hints = {network_hint(f"+250{prefix}0000000") for prefix in ("78", "79")}
    assert hints == {"mtn"}
    assert network_hint("+250720000000") == network_hint("+250730000000") == "airtel"
    assert network_hint("+250770000000") == "ktrn"
    assert network_hint("+254780000000") is network_hint("+25078") is network_hint("") is None
