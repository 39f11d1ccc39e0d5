from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ussd_app.lib import money, typed

MOST = 10**9
KEYPAD = st.text("0123456789 .,'#-+/kgtfrwibo O٤４½€’\u00a0", max_size=14)
ANY = st.text() | KEYPAD

FORTY = [
    "40",
    " 40 ",
    "40#",
    "40.",
    "40,",
    "40 !",
    ":40",
    "'40'",
    "４０",
    "٤٠",
    "۴۰",
    "४०",
    "4\ufe0f\u20e30\ufe0f\u20e3",
]
FORTY += ["\u202d40\u202c", "040", "40.0", "40,00", "4٠"]


@pytest.mark.parametrize("text", FORTY)
def test_forty_however_typed(text: str) -> None:
    assert typed.number(text) == 40
    assert typed.grams(text, MOST) == 40_000
    assert typed.pieces(text, 100) == 40
    assert typed.minor(text, "RWF", MOST) == 40


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 200", "1200"),
        ("1,200", "1200"),
        ("1.200", "1200"),
        ("1'200", "1200"),
        ("1’200", "1200"),
        ("1\u202f200", "1200"),
        ("1٬200", "1200"),
        ("12 500", "12500"),
        ("1 234 567", "1234567"),
        ("1,234,567.8", "1234567.8"),
        ("1.234.567,89", "1234567.89"),
        ("1 200,5", "1200.5"),
        ("40,5", "40.5"),
        ("40.5", "40.5"),
        ("٤٠٫٥", "40.5"),
        ("4０，5", "40.5"),
        (",5", "0.5"),
        (".25", "0.25"),
        ("0,500", "0.5"),
        ("0.125", "0.125"),
        ("1234,567", "1234.567"),
        ("2,25", "2.25"),
        ("0", "0"),
        ("40kg", "40"),
        ("650 frw", "650"),
        ("ibiro 40", "40"),
    ],
)
def test_thousands_and_decimals(text: str, value: str) -> None:
    assert typed.number(text) == Decimal(value)


REFUSED = ["", " ", "#", ".", "abc", "-1", "- 40", "−40", "+40", "NaN", "nan", "inf", "Infinity", "1e5", "1E5", "0x10"]
REFUSED += [
    "12OO",
    "1O",
    "O",
    "l200",
    "I2",
    "4o",
    "12 5",
    "40 50",
    "40-50",
    "40/50",
    "40+5",
    "40*2",
    "40;50",
    "½",
    "1½",
]
REFUSED += [
    "10²",
    "①",
    "四十",
    "mirongo ine",
    "1,20,000",
    "1,2,3",
    "1.2.3",
    "1 200,500",
    "1,200.500",
    "1,200 300",
    "1 20",
]
REFUSED += [
    "0 500",
    "40 kg 50",
    "40 kg of beans",
    "2 kg 500 g",
    "~40",
    "40%",
    "9" * 16,
    "4" * 400,
    "\x00",
    "\ud800",
    "40\n50",
]


@pytest.mark.parametrize("text", REFUSED)
def test_refused_everywhere(text: str) -> None:
    assert typed.number(text) is None
    assert typed.grams(text, 10**30) is None
    assert typed.pieces(text, 10**30) is None
    assert typed.minor(text, "RWF", 10**30) is None
    assert typed.minor(text, "EUR", 10**30) is None


@pytest.mark.parametrize(
    ("text", "grams"),
    [
        ("40 kg", 40_000),
        ("40kg", 40_000),
        ("40KGS.", 40_000),
        ("40 Kilo", 40_000),
        ("４０ｋｇ", 40_000),
        ("ibiro 40", 40_000),
        ("Ibiro: 40", 40_000),
        ("Ibiro 40 kg", 40_000),
        ("kg 40", 40_000),
        ("kg.40", 40_000),
        ("ikiro 1", 1_000),
        ("40 kilogrammes", 40_000),
        ("40,5 kg", 40_500),
        ("0,5", 500),
        ("0.125 kg", 125),
        ("500 g", 500),
        ("500gr", 500),
        ("garama 500", 500),
        ("2 t", 2_000_000),
        ("2 toni", 2_000_000),
        ("toni 1,5", 1_500_000),
        ("tani 2", 2_000_000),
        ("1 tonne", 1_000_000),
        ("1,200 kg", 1_200_000),
        ("40,500 g", 40_500),
    ],
)
def test_weights(text: str, grams: int) -> None:
    assert typed.grams(text, MOST) == grams


@pytest.mark.parametrize(
    "text", ["0", "0 kg", "0,0005", "0.5 g", "40 l", "40 frw", "40 pcs", "5k", "ibiro 2 toni", "kg", "g 40", "40 mg"]
)
def test_what_is_no_weight(text: str) -> None:
    assert typed.grams(text, MOST) is None


def test_the_most_is_still_taken() -> None:
    assert typed.grams("50", 50_000) == 50_000
    assert typed.grams("50,001 g", 50_000) is None
    assert typed.grams("1e9", MOST) is None
    assert (typed.pieces("12", 12), typed.pieces("13", 12)) == (12, None)
    assert (typed.minor("900", "RWF", 900), typed.minor("901", "RWF", 900)) == (900, None)


@pytest.mark.parametrize(("text", "ml"), [("5", 5_000), ("5 l", 5_000), ("litiro 2,5", 2_500), ("500 ml", 500)])
def test_volumes(text: str, ml: int) -> None:
    assert typed.millilitres(text, MOST) == ml


@pytest.mark.parametrize("text", ["5 kg", "0", "l5"])
def test_what_is_no_volume(text: str) -> None:
    assert typed.millilitres(text, MOST) is None


@pytest.mark.parametrize(
    ("text", "count"), [("12 pcs", 12), ("12 pièces", 12), ("vipande 12", 12), ("1 200", 1_200), ("12,0", 12)]
)
def test_counts(text: str, count: int) -> None:
    assert typed.pieces(text, 10_000) == count


@pytest.mark.parametrize("text", ["0", "1,5", "12 kg", "-3"])
def test_what_is_no_count(text: str) -> None:
    assert typed.pieces(text, 10_000) is None


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("650 frw", "RWF", 650),
        ("650frw", "RWF", 650),
        ("650 RWF.", "RWF", 650),
        ("Frw 650", "RWF", 650),
        ("Frw.650", "RWF", 650),
        ("Amafaranga 650", "RWF", 650),
        ("650F#", "RWF", 650),
        ("650/kg", "RWF", 650),
        ("650 frw/kg", "RWF", 650),
        ("650 ku kiro", "RWF", 650),
        ("650 frw kwa kilo", "RWF", 650),
        ("650/=", "RWF", 650),
        ("1 200", "RWF", 1_200),
        ("1.200 rwf", "RWF", 1_200),
        ("650,00", "RWF", 650),
        ("12.50", "EUR", 1_250),
        ("12,5 euros", "EUR", 1_250),
        ("€12", "EUR", 1_200),
        ("$1,200.50", "USD", 120_050),
        ("ksh 80/-", "KES", 8_000),
        ("3 zmw", "ZMW", 300),
    ],
)
def test_amounts(text: str, currency: str, minor: int) -> None:
    assert typed.minor(text, currency, MOST) == minor


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("0", "RWF"),
        ("650,50", "RWF"),
        ("12.5001", "EUR"),
        ("12 eur", "RWF"),
        ("650 frw", "EUR"),
        ("650 kg", "RWF"),
        ("650 kg frw", "RWF"),
        ("frw", "RWF"),
        ("5k", "RWF"),
        ("1.500", "KWD"),
    ],
)
def test_what_is_no_amount(text: str, currency: str) -> None:
    assert typed.minor(text, currency, MOST) is None


def test_an_impossible_currency_is_our_own_mistake() -> None:
    with pytest.raises(ValueError):
        typed.minor("650", "frw", MOST)


@given(st.integers(1, 10**13), st.sampled_from(["RWF", "EUR", "USD", "UGX", "KES", "CNY"]))
def test_what_we_show_can_be_typed_back(amount: int, currency: str) -> None:
    assert typed.minor(money.show(amount, currency), currency, 10**13) == amount
    assert typed.minor(money.show(-amount, currency), currency, 10**13) is None


@given(st.integers(1, 10**9), st.sampled_from([" ", ",", ".", "'"]))
def test_whole_kilos_with_any_thousands_mark(kilos: int, mark: str) -> None:
    assert typed.grams(f"{kilos:,}".replace(",", mark) + "kg", 10**13) == kilos * 1_000


@given(st.integers(1, 10**12))
def test_grams_as_decimal_kilos(grams: int) -> None:
    kilos, rest = divmod(grams, 1_000)
    text = f"{kilos},{rest:03d}0"  # four decimals, so that no comma can be one of thousands
    assert typed.grams(text, 10**12) == grams


@given(ANY, st.integers(0, 10**9))
def test_no_text_raises_or_passes_the_most(text: str, most: int) -> None:
    for read in (typed.grams(text, most), typed.pieces(text, most), typed.minor(text, "RWF", most)):
        assert read is None or 0 < read <= most
    number = typed.number(text)
    assert number is None or (number.is_finite() and number >= 0)
    assert typed.yes_no(text) in (True, False, None)


@given(ANY)
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = typed.normalise(text)
    assert typed.normalise(once) == once
    assert once == once.strip() and "  " not in once and "\n" not in once and "\x00" not in once


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (" 1 # ", "1"),
        ("１２３", "123"),
        ("a\t b\r\n c", "a b c"),
        ("Nyamasheke", "Nyamasheke"),
        ("Rusizi.", "Rusizi"),
        ("e\u0301", "é"),
        ("n’ibishyimbo", "n'ibishyimbo"),
        ("\ufeff0788\u00ad", "0788"),
        ("-1", "-1"),
        ("#", ""),
    ],
)
def test_normalise(text: str, plain: str) -> None:
    assert typed.normalise(text) == plain


@pytest.mark.parametrize("text", ["yes", "YES!", " Yego ", "Yego.", "oui", "Ndiyo", "ndio", "y", "OK#", "ｙｅｓ"])
def test_yes(text: str) -> None:
    assert typed.yes_no(text) is True


@pytest.mark.parametrize("text", ["no", "Oya", "OYA!", "non", "hapana", "'Hapana'"])
def test_no(text: str) -> None:
    assert typed.yes_no(text) is False


@pytest.mark.parametrize("text", ["", "1", "n", "o", "yes no", "yegono", "maybe", "0", "noon"])
def test_neither_yes_nor_no(text: str) -> None:
    assert typed.yes_no(text) is None
