import pytest
from hypothesis import given
from hypothesis import strategies as st

from ussd_app.lib import gsm7

TEXTS = st.text() | st.text("aé€ç’ \u202f\r\n\t`[中👍٣e\u0301ßΩ", max_size=300)


def test_the_table_is_whole() -> None:
    assert len(gsm7.BASIC) == 127  # 128 codes, one of them the escape
    assert len(gsm7.EXTENSION) == 10


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 0),
        ("a", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("é" * 160, 1),
        ("ç" * 70, 1),
        ("ç" * 71, 2),
        ("ç" * 134, 2),
        ("ç" * 135, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("€" * 152, 2),
        ("€" * 153, 3),  # 306 septets, but the escape at the end of each part moves on whole
        ("👍" * 35, 1),
        ("👍" * 36, 2),
        ("👍" * 66, 2),
        ("👍" * 67, 3),  # 134 units, but no part ends inside a pair
        ("\ud800", 1),
    ],
)
def test_parts(text: str, parts: int) -> None:
    assert gsm7.sms_parts(text) == parts


def test_septets() -> None:
    assert gsm7.septets("CON 1. Gurisha\n0 Subira") == 23
    assert gsm7.septets("à é è ù Ç") == 9
    assert gsm7.septets("[5€]") == 7
    assert gsm7.septets("a\fb\r") == 5
    for text in ("ça", "n’ibishyimbo", "`", "\x1b", "\t", "12\u202f500"):
        assert not gsm7.is_gsm7(text)
        with pytest.raises(ValueError, match="not in the GSM-7 alphabet"):
            gsm7.septets(text)
    with pytest.raises(ValueError, match=r"'ç' \(U\+00E7\) at 2"):
        gsm7.septets("e ç")


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Igicuruzwa: ikawa", "Igicuruzwa: ikawa"),
        ("é è à ù É Ç ä ö ñ ü ì ò Ä Ö Ñ Ü", "é è à ù É Ç ä ö ñ ü ì ò Ä Ö Ñ Ü"),
        ("ç â ê î ô û ë ï ÿ œ", "c a e i o u e i y oe"),
        ("À Â È Ê Ë Î Ï Ô Ù Û Œ", "A A E E E I I O U U OE"),
        ("n’ibishyimbo ‘a’ “b” `c´", "n'ibishyimbo 'a' \"b\" 'c'"),
        ("« oui »", '" oui "'),
        ("2025–2026 — fin…", "2025-2026 - fin..."),
        ("12\u202f500\u00a0RWF", "12 500 RWF"),
        ("٤٠ kg, ４０ｋｇ, ۴۰, ४०", "40 kg, 40kg, 40, 40"),
        ("e\u0301tat, c\u0327a", "état, ca"),
        ("n° 5, m², ﬁn, ½", "no 5, m2, fin, 1/2"),
        ("中文 👍🏽", "?? ??"),
        ("zero\u200bwidth\ufeff\u00ad", "zerowidth"),
        ("a\tb\r\nc\rd\u2028e\f", "a b\nc\nd\ne\n"),
        ("\x1b\x00", "??"),
        ("[5 €] {~}", "[5 €] {~}"),
        ("Ł đ ı ß Ω Σ", "L d i ß Ω Σ"),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert gsm7.fold(text) == folded


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Reçu à Kigali, État n° 5", "Recu a Kigali, Etat no 5"),
        ("Å å Ø ø Æ æ ß Ñ", "A a O o AE ae ss N"),
        ("5 € £ ¡ ¿ §", "5 EUR GBP ! ? S"),
        ("Ω Δ", "? ?"),
        ("a\r\nb\t[c]", "a\nb [c]"),
    ],
)
def test_fold_ascii(text: str, folded: str) -> None:
    assert gsm7.fold_ascii(text) == folded


@given(TEXTS)
def test_folded_text_fits_the_alphabet_and_stays(text: str) -> None:
    folded, plain = gsm7.fold(text), gsm7.fold_ascii(text)
    assert gsm7.is_gsm7(folded) and gsm7.fold(folded) == folded
    assert gsm7.is_gsm7(plain) and gsm7.fold_ascii(plain) == plain
    assert plain.isascii() and all(char == "\n" or char.isprintable() for char in plain)
    assert len(folded) <= gsm7.septets(folded) <= 2 * len(folded)


@given(st.text(sorted(gsm7.BASIC - {"\r"})))
def test_the_basic_table_is_kept_as_it_is(text: str) -> None:
    assert gsm7.fold(text) == text
    assert gsm7.septets(text) == len(text)


@given(TEXTS)
def test_parts_never_hold_more_than_they_can(text: str) -> None:
    parts = gsm7.sms_parts(text)
    if gsm7.is_gsm7(text):
        cost, single, split = gsm7.septets(text), 160, 153
    else:
        cost, single, split = len(text.encode("utf-16-be", "surrogatepass")) // 2, 70, 67
    assert parts == (min(cost, 1) if cost <= single else parts)
    assert cost <= single or -(-cost // split) <= parts <= -(-cost // (split - 1))
