"""What may be sold in a hub: each produce in one product form, with its number, names, unit and limits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ussd_app.hubs.places import fold
from ussd_app.hubs.tables import Folder, Once, Row

COLUMNS = (
    "code", "number", "group", "form", "unit", "per", "floater", "grades", "hs", "expires_hours", "handover_hours",
    "max_quantity", "max_price", "words",
)  # fmt: skip
UNITS = {"g": "kg", "piece": "piece", "ml": "litre"}
"""What is counted, and what a price is for: 1 kg is 1000 g, 1 litre 1000 ml."""

LONGEST_NAME = 22
TAKEN_NUMBERS = (0, 9)  # keys of every menu: back and more
_NAME = re.compile(r"[a-z]+", re.ASCII)
_CODE = re.compile(r"[a-z]+\.[a-z]+", re.ASCII)
_HS = re.compile(r"\d{4}\.\d{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Produce:
    """A kind of produce in one form: ripe cherries are not green coffee.

    `number` is its number in every list for life; `names` by language; `unit` what quantities count in ('g', 'piece',
    'ml') and `per` what a price is for ('kg', 'piece', 'litre'); `floater` whether floaters are weighed apart and have
    a second price; `max_quantity` in `unit` and `max_price` in minor units for one `per`, beyond which an input is
    taken for a slip; `words` what people write in an SMS, folded.
    """

    code: str
    number: int
    group: str
    form: str
    names: Mapping[str, str] = field(hash=False)
    unit: str
    per: str
    floater: bool
    grades: tuple[str, ...]
    hs: str
    expires_hours: int
    handover_hours: int
    max_quantity: int
    max_price: int
    words: tuple[str, ...]

    def name(self, language: str) -> str:
        """Its name in `language`, or in English."""
        return self.names.get(language) or self.names["en"]

    @property
    def unit_size(self) -> int:
        """How many units of `unit` one `per` is: 1000 g a kg, 1000 ml a litre, 1 piece a piece."""
        return 1 if self.unit == "piece" else 1000


def read_produce(folder: Folder, languages: Sequence[str]) -> tuple[Produce, ...]:
    """produce.csv in the order of the numbers; codes, numbers, shown names and words must be there once only."""
    codes, numbers, words = Once(), Once(), Once()
    shown = {language: Once() for language in languages}

    def read(row: Row) -> Produce:
        produce = _read_row(row, languages)
        codes.check(row, "code", produce.code)
        numbers.check(row, "number", produce.number)
        for word in produce.words:
            words.check(row, "words", word)
        for language, name in produce.names.items():
            shown[language].check(row, language, fold(name))
        return produce

    found = folder.each("produce.csv", (*COLUMNS, *languages), read)
    return tuple(sorted(found, key=lambda produce: produce.number))


def _read_row(row: Row, languages: Sequence[str]) -> Produce:
    cells = row.cells
    number = row.whole("number", 1)
    if number in TAKEN_NUMBERS:
        row.fault("number", "is a key of every menu (0 back, 9 more)")
    code = row.matches("code", _CODE, "coffee.cherry")
    group, form = row.matches("group", _NAME, "coffee"), row.matches("form", _NAME, "cherry")
    if code != f"{group}.{form}":
        row.fault("code", f"is not its group and form, {group}.{form}")
    unit = row.choice("unit", UNITS)
    if unit in UNITS and cells["per"] != UNITS[unit]:
        row.fault("per", f"is not what a price is for when the unit is {unit}")
    names = {language: row.plain(language, LONGEST_NAME) for language in languages}
    # The names are words as well; a dict keeps the first of equal ones and the order.
    words = dict.fromkeys(filter(None, map(fold, (*row.parts("words"), *names.values()))))
    return Produce(
        code=code,
        number=number,
        group=group,
        form=form,
        names=names,
        unit=unit,
        per=cells["per"],
        floater=row.choice("floater", ("0", "1")) == "1",
        grades=row.parts("grades"),
        hs=row.matches("hs", _HS, "0901.11"),
        expires_hours=row.whole("expires_hours", 1),
        handover_hours=row.whole("handover_hours", 1),
        max_quantity=row.whole("max_quantity", 1),
        max_price=row.whole("max_price", 1),
        words=tuple(words),
    )
