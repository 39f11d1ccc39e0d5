"""What people type on a keypad, read forgivingly: units stuck on, digits of any script, thousands and decimals as usual
here, a stray # at the end. What may mean two things is refused: asking again costs less than a wrong sale.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from ussd_app.lib.money import decimals

_END = " #.,;:!?"
_MOST_DIGITS = 15
_LONGEST = 60

_SIGNS = {0x066B: ".", 0x066C: ",", 0x060C: ",", 0x3001: ",", 0x3002: ".", 0x2212: "-", 0x2044: "/"}
_SIGNS |= {ord(char): "'" for char in "‘’‚‛′ʹʻʼ´`"} | {ord(char): '"' for char in "“”„«»″"}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WEIGHTS = (
    dict.fromkeys(_words("kg kgs kgr kilo kilos kilogram kilograms kilogramme kilogrammes ibiro ikiro kiro"), 1_000)
    | dict.fromkeys(_words("g gr grs gm gms gram grams gramme grammes garama gramu"), 1)
    | dict.fromkeys(_words("t ton tons tonne tonnes toni tani"), 1_000_000)
)
_VOLUMES = dict.fromkeys(_words("l lt lts ltr ltrs litre litres liter liters litiro lita"), 1_000) | dict.fromkeys(
    _words("ml mls millilitre millilitres milliliter milliliters"), 1
)
_COUNTS = dict.fromkeys(_words("pc pcs pce pces piece pieces unit units unite unites kipande vipande igice ibice"), 1)

# What a currency is called by hand, beside its code. A franc or a shilling is that of the country asked about.
_FRANCS = _words("f fr frs franc francs faranga amafaranga")
_SHILLINGS = _words("sh shs shilling shillings shilingi")
_CURRENCIES = {
    "RWF": _FRANCS | _words("frw frws rf rwfr"),
    "BIF": _FRANCS | _words("fbu"),
    "CDF": _FRANCS | _words("fc"),
    "KES": _SHILLINGS | _words("ksh kshs"),
    "UGX": _SHILLINGS | _words("ush ushs"),
    "TZS": _SHILLINGS | _words("tsh tshs"),
    "EUR": _words("€ euro euros amayero"),
    "USD": _words("$ us$ dollar dollars dola amadolari"),
    "CNY": _words("¥ rmb yuan"),
}
_KNOWN = frozenset(_WEIGHTS) | frozenset(_VOLUMES) | frozenset(_COUNTS)
_KNOWN |= frozenset(code.casefold() for code in _CURRENCIES) | frozenset[str]().union(*_CURRENCIES.values())
_PER_KILO = re.compile(r" ?(?:/|\b(?:per|par|le|au|ku|kuri|kwa)\b) ?(?:kgs?|kilo|i?kiro)$")
_EVEN = re.compile(r" ?/[=-]$")  # 650/= and 650/-: so many shillings and no cents

_PARTS = re.compile(r"([^0-9]*?)((?:(?<![a-z])[.,])?[0-9](?:.*[0-9])?)([^0-9]*)")
_GROUPED = re.compile(r"([1-9][0-9]{0,2})([ ,.'])([0-9]{3}(?:\2[0-9]{3})*)(?:([.,])([0-9]+))?")
_SIMPLE = re.compile(r"([0-9]*)(?:[.,]([0-9]+))?")

_YES = _words("yes yeah yep y ok okay oui ouais yego yee ego ndiyo ndio sawa")
_NO = _words("no nope non oya hapana siyo")


class _Read(NamedTuple):
    """The one number of a text; the words before and after it; whether one comma or dot was taken for thousands."""

    value: Decimal
    words: tuple[str, ...]
    guessed: bool


def normalise(text: str) -> str:
    """`text` with digits and signs of any script as on a keypad, single spaces, nothing invisible, and without the `#`
    or punctuation at its end. Letters stay as typed."""
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_keypad, unicodedata.normalize("NFC", text)))
    return " ".join(text.split()).rstrip(_END)


def number(text: str) -> Decimal | None:
    """The one number in `text`, whatever unit or currency stands by it; None where there is none, several, or a doubt.

    Three digits after a comma, dot, space or apostrophe are thousands (`1,200`), any other count of digits after a
    comma or dot is decimals (`40,5`). Never negative.
    """
    read = _read(_lowered(text))
    return read.value if read and _KNOWN.issuperset(read.words) else None


def grams(text: str, max_grams: int) -> int | None:
    """A weight as grams: a bare number is kilos; `500 g`, `40kg`, `ibiro 40`, `2 toni` are read too.

    None where it is not a weight, zero, not whole grams, or more than `max_grams`.
    """
    return _measure(text, _WEIGHTS, 1_000, max_grams)


def millilitres(text: str, max_ml: int) -> int | None:
    """A volume as millilitres: a bare number is litres; `5 l`, `litiro 5`, `500 ml` are read too.

    None as for `grams`.
    """
    return _measure(text, _VOLUMES, 1_000, max_ml)


def pieces(text: str, max: int) -> int | None:
    """A whole count from 1 to `max` (`12`, `12 pcs`), else None."""
    return _measure(text, _COUNTS, 1, max)


def minor(text: str, currency: str, max_minor: int) -> int | None:
    """An amount as minor units of `currency` (ISO 4217): `650`, `650 frw`, `1 200`, `12.50`, `650/kg`.

    None where it is not an amount of that currency, zero, finer than a minor unit, or more than `max_minor`.
    Raises ValueError where `currency` cannot be a currency code.
    """
    places = decimals(currency)
    read = _read(_PER_KILO.sub("", _EVEN.sub("", _lowered(text))))
    if read is None or not _CURRENCIES.get(currency, frozenset()).union((currency.casefold(),)).issuperset(read.words):
        return None
    if read.guessed and places == 3:  # 1.500 may be what we ourselves show for one and a half
        return None
    return _whole(read.value.scaleb(places), max_minor)


def yes_no(text: str) -> bool | None:
    """True for a yes and False for a no in English, Kinyarwanda, French or Swahili; None for anything else.

    A bare `n` or `o` is neither: `no` and `ndiyo`, `oui` and `oya` begin alike.
    """
    word = normalise(text).casefold().strip("'\"")
    return True if word in _YES else False if word in _NO else None


def _keypad(char: str) -> str:
    """One character as a keypad would have it."""
    code = ord(char)
    if code in _SIGNS:
        return _SIGNS[code]
    if 0xFF01 <= code <= 0xFF5E:  # full-width ASCII
        return chr(code - 0xFEE0)
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category in ("Zs", "Zl", "Zp", "Cc"):
        return " "
    if category in ("Cf", "Cs", "Me") or 0xFE00 <= code <= 0xFE0F:
        return ""
    return "-" if category == "Pd" else char


def _lowered(text: str) -> str:
    """`text` normalised, in small letters without accents; nothing where it is too long to be one answer."""
    if len(text) > _LONGEST:
        return ""
    plain = normalise(text).casefold()
    if not plain.isascii():
        plain = "".join(char for char in unicodedata.normalize("NFD", plain) if unicodedata.category(char) != "Mn")
    return plain


def _read(plain: str) -> _Read | None:
    """Split a lowered text into its number and the words around; None where there is not exactly one number."""
    parts = _PARTS.fullmatch(plain)
    if not parts or sum(map(str.isdigit, parts[2])) > _MOST_DIGITS:
        return None
    before, after = parts[1].strip(" .,:;=#('\""), parts[3].strip(" .,:;)'\"")
    if len(before) == 1 and before.isalpha():  # l200, o50: a slip, not a unit
        return None
    words = tuple(word for word in (before, after) if word)
    grouped = _GROUPED.fullmatch(parts[2])
    if grouped:
        first, mark, rest, point, decimal = grouped.groups()
        if point and (point == mark or len(decimal) == 3):  # 1,200.500 and 1 200,500 can be meant in two ways
            return None
        value = Decimal(f"{first}{re.sub('[^0-9]', '', rest)}.{decimal or 0}")
        return _Read(value, words, mark in ",." and len(rest) == 3 and not point)
    simple = _SIMPLE.fullmatch(parts[2])
    return _Read(Decimal(f"{simple[1] or 0}.{simple[2] or 0}"), words, False) if simple else None


def _measure(text: str, units: Mapping[str, int], usual: int, most: int) -> int | None:
    """A number of `units` (word -> how many base units), `usual` for a bare one, as 1 to `most` base units."""
    read = _read(_lowered(text))
    if read is None:
        return None
    factors = {units.get(word) for word in read.words} or {usual}
    factor = factors.pop()
    return None if factor is None or factors else _whole(read.value * factor, most)


def _whole(value: Decimal, most: int) -> int | None:
    return int(value) if value == value.to_integral_value() and 0 < value <= most else None
