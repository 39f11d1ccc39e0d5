"""Reads the tables of a hub's folder and says precisely, file, row and column, what is wrong with them."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

# What an ASCII text may not hold to stay one septet a character: the backtick is not in the SMS alphabet at all, the
# others cost two.
_COSTLY = frozenset("`[]{}\\^~|")
_DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", re.ASCII)


class HubError(Exception):
    """A hub's folder cannot be used; `faults` says why, one line each."""

    def __init__(self, code: str, faults: list[str]) -> None:
        super().__init__(f"Hub {code} is not usable:\n" + "\n".join(f"  {line}" for line in faults))
        self.faults = faults


class Row:
    """One row of a table. A cell that cannot be read adds a fault and gives a stand-in, so that all faults come out
    at once."""

    __slots__ = ("cells", "faults", "file", "line")

    def __init__(self, file: str, line: int, cells: dict[str, str], faults: list[str]) -> None:
        self.file, self.line, self.cells, self.faults = file, line, cells, faults

    def fault(self, column: str, why: str) -> None:
        """Note that the cell in `column` is wrong; `why` is a whole sentence without its subject."""
        self.faults.append(f"{self.file} row {self.line}, column {column}: {self.cells[column]!r} {why}.")

    def plain(self, column: str, longest: int = 60) -> str:
        """A text of 1 to `longest` septets in plain ASCII, one septet a character."""
        text = self.cells[column]
        if not text:
            self.fault(column, "must not be empty")
        elif not (text.isascii() and text.isprintable()) or not _COSTLY.isdisjoint(text):
            self.fault(column, "is not plain ASCII of the SMS alphabet")
        elif len(text) > longest:
            self.fault(column, f"has {len(text)} characters; {longest} fit")
        return text

    def choice(self, column: str, known: Collection[str]) -> str:
        text = self.cells[column]
        if text not in known:
            self.fault(column, f"is not one of {', '.join(sorted(known))}")
        return text

    def matches(self, column: str, pattern: re.Pattern[str], example: str) -> str:
        text = self.cells[column]
        if not pattern.fullmatch(text):
            self.fault(column, f"does not look like {example}")
        return text

    def whole(self, column: str, least: int = 0) -> int:
        """A whole number from `least` up, in plain digits."""
        text = self.cells[column]
        if not (text.isascii() and text.isdigit()) or int(text) < least:
            self.fault(column, f"is not a whole number from {least} up")
            return least
        return int(text)

    def day(self, column: str) -> str:
        """A calendar day YYYY-MM-DD."""
        return self.matches(column, _DAY, "2025-01-25")

    def parts(self, column: str) -> tuple[str, ...]:
        """The texts between `|`; none for an empty cell."""
        return tuple(part.strip() for part in self.cells[column].split("|") if part.strip())


class Folder:
    """The tables of one hub's folder and the faults found in them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.faults: list[str] = []

    def rows(self, file: str, columns: tuple[str, ...], needed: bool = True) -> Iterator[Row]:
        """The rows of `file` in order; nothing, with a fault where it is `needed`, for one that is not there.

        Columns may stand in any order; others than `columns` are left aside (a note, a translator's remark).
        """
        path = self.path / file
        if not path.exists():
            if needed:
                self.faults.append(f"{file}: the file is missing.")
            return
        with path.open(encoding="utf-8", newline="") as opened:
            reader = csv.reader(opened)
            head = [name.strip() for name in next(reader, [])]
            missing = [name for name in columns if name not in head]
            if missing:
                self.faults.append(f"{file} row 1: the columns {', '.join(missing)} are missing.")
                return
            for values in reader:
                if not values:
                    continue
                if len(values) != len(head):
                    self.faults.append(f"{file} row {reader.line_num}: {len(values)} cells under {len(head)} columns.")
                    continue
                cells = {name: value.strip() for name, value in zip(head, values, strict=True)}
                yield Row(file, reader.line_num, cells, self.faults)

    def each(self, file: str, columns: tuple[str, ...], read: Callable[[Row], T], needed: bool = True) -> list[T]:
        """What `read` makes of each row of `file`; rows with a fault are left out."""
        made = []
        for row in self.rows(file, columns, needed):
            before = len(self.faults)
            value = read(row)
            if len(self.faults) == before:
                made.append(value)
        return made


class Once:
    """Notes what must be there once only, and the row it was first in."""

    def __init__(self) -> None:
        self.seen: dict[object, int] = {}

    def check(self, row: Row, column: str, value: object) -> None:
        first = self.seen.setdefault(value, row.line)
        if first != row.line:
            row.fault(column, f"is there already, in row {first}")
