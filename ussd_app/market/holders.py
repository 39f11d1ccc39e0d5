"""Is the holder of a wallet the seller? Two names of one person seldom have the same letters.

What is forgiven: the order of the names, titles, accents, case, hyphens and apostrophes, names written together or
apart, usual spellings of one sound (`Alphonse` and `Alfonse`, `Habyarimana` and `Habyalimana`), a further name on one
side, and one wrong letter in one longer name. What is not: a different name, even a like one, beside it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ussd_app.lib.gsm7 import fold_ascii

SAME, PART, DIFFERS = "same", "part", "differs"

_TITLES = frozenset(("mr", "mrs", "ms", "mme", "mlle", "dr", "sr", "fr", "bwana", "madamu", "mister", "madame"))
# One sound, several spellings: r and l are one in Kinyarwanda; the rest are the French and English ways to write names.
_SOUNDS = (
    ("ph", "f"), ("th", "t"), ("ou", "u"), ("qu", "k"), ("ck", "k"), ("dj", "j"), ("l", "r"), ("y", "i"), ("z", "s"),
    ("c", "k"), ("h", ""), ("x", "s"),
)  # fmt: skip
_SLIP_FROM = 5  # letters a name must have before one of them may be wrong
_FULL = 3  # letters of a name that proves something: an initial does not


def compare(registered: str, told: str) -> str:
    """How the name a person gave us fits the one her wallet is registered to.

    Returns 'same' (two whole names fit and none is against it), 'part' (what there is fits but is little: one name
    alone, an initial; or two fit and one does not) or 'differs'.
    """
    ours, theirs = _names(registered), _names(told)
    ours, theirs = _joined(ours, theirs), _joined(theirs, ours)
    few, many = sorted((ours, theirs), key=len)
    fits = _fits(few, many)
    whole = sum(1 for kind in fits if kind != "initial")
    slips = fits.count("slip")
    missing = len(few) - len(fits)
    if not whole or slips > 1:
        return DIFFERS
    if whole >= 2:
        return (SAME, PART)[missing] if missing <= 1 else DIFFERS
    return DIFFERS if missing or slips else PART


def _names(text: str) -> list[str]:
    """The single names in `text`, as they sound."""
    words = re.findall(r"[a-z]+", fold_ascii(text).lower().replace("'", ""))
    return [_sound(word) for word in words if word not in _TITLES]


def _sound(word: str) -> str:
    for written, heard in _SOUNDS:
        word = word.replace(written, heard) if len(word) > 1 else word
    return re.sub(r"(.)\1+", r"\1", word)


def _joined(names: Sequence[str], others: Sequence[str]) -> list[str]:
    """`names` with two neighbours joined where the other side writes them together: Jean Claude, Jeanclaude."""
    found: list[str] = []
    for name in names:
        if found and found[-1] + name in others:
            found[-1] += name
        else:
            found.append(name)
    return found


def _fits(few: Sequence[str], many: Sequence[str]) -> list[str]:
    """How each name of `few` that fits one of `many` does: 'equal' before 'slip' before 'initial', each used once."""
    few, many, found = list(few), list(many), []
    for kind in ("equal", "slip", "initial"):
        for name in list(few):
            match = next((other for other in many if _fit(name, other) == kind), None)
            if match is not None:
                few.remove(name)
                many.remove(match)
                found.append(kind)
    return found


def _fit(one: str, other: str) -> str:
    if one == other:
        return "equal" if len(one) >= _FULL else "initial"
    if min(len(one), len(other)) == 1 and one[:1] == other[:1]:
        return "initial"
    if min(len(one), len(other)) >= _SLIP_FROM and _one_slip(one, other):
        return "slip"
    return ""


def _one_slip(one: str, other: str) -> bool:
    """Whether one letter more, less or other, or two neighbours swapped, makes them equal."""
    short, long = sorted((one, other), key=len)
    start = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(long) - len(short) == 1:
        return short[start:] == long[start + 1 :]
    if len(long) != len(short):
        return False
    swapped = short[:start] + short[start : start + 2][::-1] + short[start + 2 :]
    return short[start + 1 :] == long[start + 1 :] or swapped == long
