"""The alphabet of SMS and USSD (GSM 03.38): what a text costs in septets and parts, and how to bring any text into it.

One character outside the alphabet turns an SMS of 160 characters into one of 70, so every text is folded before it
is counted or sent.
"""

from __future__ import annotations

import re
import unicodedata

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = frozenset("\f^{}\\[~]|€")  # each is an escape and a code: two septets

SMS_SEPTETS, SMS_PART_SEPTETS = 160, 153
SMS_UNITS, SMS_PART_UNITS = 70, 67

# The hot path: ASCII that is in the basic table as it stands (no backtick, no brackets, no control but the line feed).
_PLAIN = bytes(code for code in range(128) if chr(code) in BASIC and chr(code) != "\r")
_OUTSIDE = re.compile(f"[^{re.escape(''.join(sorted(BASIC | EXTENSION)))}]")
_EXTENDED = re.compile(f"[{re.escape(''.join(sorted(EXTENSION)))}]")


def is_gsm7(text: str) -> bool:
    """Whether every character of `text` is in the basic table or its extension."""
    return _is_plain(text) or _OUTSIDE.search(text) is None


def septets(text: str) -> int:
    """How many septets `text` takes: one a character, two for those of the extension.

    Raises ValueError naming the first character outside the alphabet: fold first.
    """
    if _is_plain(text):
        return len(text)
    outside = _OUTSIDE.search(text)
    if outside:
        char = outside.group()
        raise ValueError(f"{char!r} (U+{ord(char):04X}) at {outside.start()} is not in the GSM-7 alphabet")
    return len(text) + len(_EXTENDED.findall(text))


def sms_parts(text: str) -> int:
    """How many SMS parts `text` takes as it stands, in GSM-7 where it can be, else in UCS-2; 0 for an empty text.

    A part never ends inside an escape or a surrogate pair.
    """
    if not text:
        return 0
    if is_gsm7(text):
        return _parts([2 if char in EXTENSION else 1 for char in text], SMS_SEPTETS, SMS_PART_SEPTETS)
    return _parts([2 if ord(char) > 0xFFFF else 1 for char in text], SMS_UNITS, SMS_PART_UNITS)


def fold(text: str) -> str:
    """`text` in the GSM-7 alphabet: letters of the table stay (é è à ù É Ç ...), other accents are dropped, typographic
    signs become plain ones, digits of any script 0-9; what has no likeness becomes `?`. Line ends become `\\n`."""
    if _is_plain(text):
        return text
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n")).translate(_TO_GSM7)


def fold_ascii(text: str) -> str:
    """`text` in printable ASCII and line feeds, inside GSM-7 as well: what a USSD screen may hold."""
    if _is_plain(text):
        return text
    return fold(text).translate(_TO_ASCII)


def _is_plain(text: str) -> bool:
    return text.isascii() and not text.encode("ascii").translate(None, _PLAIN)


def _parts(costs: list[int], single: int, split: int) -> int:
    if sum(costs) <= single:
        return 1
    parts, room = 1, split
    for cost in costs:
        if cost > room:
            parts, room = parts + 1, split
        room -= cost
    return parts


_SIGNS = {
    "\t": " ", "\r": "\n", "\v": "\n", "\f": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n",
    "`": "'", "´": "'", "‘": "'", "’": "'", "‚": "'", "‛": "'", "ʹ": "'", "ʻ": "'", "ʼ": "'", "ˈ": "'", "′": "'",
    "‹": "'", "›": "'", "“": '"', "”": '"', "„": '"', "‟": '"', "«": '"', "»": '"', "″": '"',
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-", "−": "-", "•": "-", "·": ".", "…": "...",
    "×": "x", "÷": "/", "⁄": "/", "°": "o", "→": "->", "←": "<-", "≤": "<=", "≥": ">=", "©": "(c)", "®": "(R)",
    "¢": "c", "¦": "|", "¬": "-", "¶": "", "œ": "oe", "Œ": "OE", "ẞ": "SS", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D",
    "ħ": "h", "Ħ": "H", "ı": "i", "ł": "l", "Ł": "L", "ŋ": "ng", "Ŋ": "NG", "þ": "th", "Þ": "Th", "ŧ": "t", "Ŧ": "T",
}  # fmt: skip
_ASCII_FOR = {
    "£": "GBP", "¥": "Y", "€": "EUR", "¤": "?", "§": "S", "¡": "!", "¿": "?", "Ø": "O", "ø": "o",
    "Æ": "AE", "æ": "ae", "ß": "ss", **{greek: "?" for greek in "ΔΦΓΛΩΠΨΣΘΞ"},
}  # fmt: skip


def _fold_char(char: str) -> str:
    """One character that is not in the table, in characters that are."""
    if char in _SIGNS:
        return _SIGNS[char]
    category = unicodedata.category(char)
    if category in ("Mn", "Me", "Cf"):  # marks, joiners, directions, selectors: nothing to show
        return ""
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category == "Zs":
        return " "
    spelled = unicodedata.normalize("NFKD", char)
    if spelled == char:
        return "?"
    return "".join(part if part in BASIC else _fold_char(part) for part in spelled)


class _Folding(dict[int, str]):
    """A table for str.translate that works a character out when first met and remembers it, except the unknown ones:
    those are without end."""

    def __missing__(self, code: int) -> str:
        folded = _fold_char(chr(code))
        if folded != "?":
            self[code] = folded
        return folded


_TO_GSM7 = _Folding({ord(char): char for char in BASIC | EXTENSION} | {ord(char): to for char, to in _SIGNS.items()})
_TO_ASCII = {ord(char): unicodedata.normalize("NFKD", char)[0] for char in BASIC if not char.isascii()} | {
    ord(char): to for char, to in _ASCII_FOR.items()
}
