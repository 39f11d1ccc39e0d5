"""How typed answers are read: forgiving of every way people write, exact about what is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ussd_app.engine.screen import Wrong
from ussd_app.i18n import UNITS, Amount, Msg, Quantity, _
from ussd_app.lib import msisdn, typed


@dataclass(frozen=True)
class QuantityOf:
    """Kilos, litres or pieces, at most `most` base units; kept as base units (grams, millilitres, pieces)."""

    unit: str
    most: int

    @property
    def examples(self) -> Sequence[str]:
        return (str(self.most // (1 if self.unit == "piece" else 1000)), "40,5 kg" if self.unit == "g" else "7")

    def read(self, text: str) -> int | Wrong:
        readers = {"g": typed.grams, "ml": typed.millilitres, "piece": typed.pieces}
        read = readers[self.unit](text, self.most)
        if read is not None:
            return read
        number = typed.number(text)
        if number is not None and number * UNITS[self.unit][0] > self.most:
            return Wrong(_("At most {most}.", most=Quantity(self.most, self.unit)))
        return Wrong(_("Write numbers only. Example: 50"))


@dataclass(frozen=True)
class Money:
    """An amount in minor units of `currency`, at most `most`. `check` may refuse it with its own line."""

    currency: str
    most: int
    check: Callable[[int], Msg | None] | None = None
    worst: str = ""

    @property
    def examples(self) -> Sequence[str]:
        return (self.worst,) if self.worst else (str(self.most),)

    def read(self, text: str) -> int | Wrong:
        minor = typed.minor(text, self.currency, self.most)
        if minor is None:
            number = typed.number(text)
            if number is not None and number > self.most:
                return Wrong(_("At most {most}.", most=Amount(self.most, self.currency)))
            return Wrong(_("Write numbers only. Example: 650"))
        refusal = self.check(minor) if self.check else None
        return Wrong(refusal) if refusal else minor


@dataclass(frozen=True)
class Words:
    """A short text, cleaned by `clean` (None = refused)."""

    clean: Callable[[str], str | None]
    refusal: Msg
    examples: Sequence[str] = ("Uwimana",)

    def read(self, text: str) -> str | Wrong:
        cleaned = self.clean(text)
        return Wrong(self.refusal) if cleaned is None else cleaned


@dataclass(frozen=True)
class PlaceLetters:
    """The first letters of a place; kept as the codes of what they may mean."""

    places: Any
    examples: Sequence[str] = ("Rem", "Nya")

    def read(self, text: str) -> list[str] | Wrong:
        found = self.places.find(text, limit=10)
        if not found:
            return Wrong(_("No such place. Write its first letters. Example: Nyam"))
        return [place.code for place in found]


@dataclass(frozen=True)
class Code:
    """A number code of `digits` digits, as sent by SMS."""

    digits: int
    examples: Sequence[str] = ("123456",)

    def read(self, text: str) -> str | Wrong:
        code = typed.normalise(text).replace(" ", "")
        if code.isascii() and code.isdigit() and len(code) == self.digits:
            return code
        return Wrong(_("The code has {digits} digits.", digits=self.digits))


@dataclass(frozen=True)
class PhoneNumber:
    """A phone number in any usual way of writing; kept as E.164."""

    country: str = "RW"
    examples: Sequence[str] = ("0788123456",)

    def read(self, text: str) -> str | Wrong:
        number = msisdn.parse(text, self.country)
        return Wrong(_("Not a phone number. Example: 0788123456")) if number is None else number
