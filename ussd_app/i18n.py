"""Words in four languages.

A text is written once in English with named holes, `_("Price per {unit}:", unit=...)`, and stays a value until somebody
reads it: the same screen can then be rendered, and proved to fit, in every language. Catalogues are plain `.po` files
read at first use and kept in memory; there is no compiled file to forget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ussd_app.lib import clock as clocks
from ussd_app.lib import money

LOCALES = Path(__file__).resolve().parent.parent / "locales"
LANGUAGES = ("rw", "en", "fr", "sw")
# How a quantity's base unit is shown: base units per shown unit, and the shown word.
UNITS: Mapping[str, tuple[int, str]] = {"g": (1000, "kg"), "ml": (1000, "L"), "piece": (1, "")}


@dataclass(frozen=True, slots=True)
class Msg:
    """A text not yet in any language."""

    msgid: str
    values: Mapping[str, Any]

    def render(self, language: str) -> str:
        """The text in `language`, holes filled; English where the catalogue has no such entry."""
        text = catalogue(language).get(self.msgid) or self.msgid
        if not self.values:
            return text
        return text.format_map({name: show(value, language) for name, value in self.values.items()})


def _(msgid: str, **values: Any) -> Msg:
    """Mark `msgid` for translation and bind its holes; values may be Msg, Named, Amount, Quantity, Day, When, str, int."""
    return Msg(msgid, values)


@dataclass(frozen=True, slots=True)
class Named:
    """A thing with a name in each language (a produce, a wallet)."""

    names: Mapping[str, str]

    def render(self, language: str) -> str:
        return self.names.get(language) or self.names["en"]


@dataclass(frozen=True, slots=True)
class Amount:
    """Money in minor units of `currency`."""

    minor: int
    currency: str = "RWF"

    def render(self, language: str) -> str:
        return money.show(self.minor, self.currency)


@dataclass(frozen=True, slots=True)
class Bare:
    """An amount without its currency's code, where the currency is said beside it."""

    minor: int
    currency: str = "RWF"

    def render(self, language: str) -> str:
        return money.show(self.minor, self.currency).rsplit(" ", 1)[0]


@dataclass(frozen=True, slots=True)
class Quantity:
    """An amount of produce in base units (grams, millilitres, pieces)."""

    amount: int
    unit: str = "g"

    def render(self, language: str) -> str:
        size, word = UNITS[self.unit]
        whole, rest = divmod(self.amount, size)
        text = f"{whole:,}".replace(",", " ")
        if rest:
            text += "." + f"{rest:03d}".rstrip("0")
        return f"{text} {word}".rstrip()


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar day in the hub's time zone, from epoch milliseconds: 23/11. Never 'tomorrow': `ejo` means both."""

    at: int

    def render(self, language: str) -> str:
        return clocks.local(self.at).strftime("%d/%m")


@dataclass(frozen=True, slots=True)
class When:
    """A day and time in the hub's time zone, from epoch milliseconds: 23/11 14:00."""

    at: int

    def render(self, language: str) -> str:
        return clocks.local(self.at).strftime("%d/%m %H:%M")


Text = Msg | Named | Amount | Bare | Quantity | Day | When | str | int


def show(value: Any, language: str) -> str:
    """Any value that may stand in a text, in `language`."""
    if isinstance(value, (str, int)):
        return str(value)
    return str(value.render(language))


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """msgid -> msgstr of a language; empty for one without a file."""
    path = LOCALES / language / "LC_MESSAGES" / "messages.po"
    if not path.exists():
        return {}
    from babel.messages.pofile import read_po

    with path.open("rb") as file:
        entries = read_po(file, locale=None)
    return {str(entry.id): str(entry.string) for entry in entries if entry.id and entry.string and not entry.fuzzy}


def msgids() -> list[str]:
    """Every msgid of the English catalogue, in its order (the list that other languages must cover)."""
    return list(catalogue("en"))
