"""Our bank's statement as a CSV file, row by row: a row that cannot be read keeps no other from being taken.

Banks write it in many ways: a mark at the beginning, commas or semicolons between cells, commas or points in amounts,
their own names for columns. Who paid is not read: the reference says what it is for.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from ussd_app.lib.ids import check_ok
from ussd_app.lib.money import decimals

BYTES_MOST = 5_000_000
ROWS_MOST = 20_000
REFERENCE_DIGITS = 10

# Their names of a column -> ours, letters alone.
NAMES = {
    "id": "id", "transactionid": "id", "bankid": "id", "bankreference": "id", "transactionreference": "id",
    "entryreference": "id",
    "date": "date", "bookingdate": "date", "bookedon": "date", "valuedate": "value date", "transactiondate": "date",
    "amount": "amount", "transactionamount": "amount",
    "currency": "currency", "ccy": "currency",
    "details": "details", "reference": "details", "description": "details", "remittance": "details",
    "remittanceinformation": "details", "narration": "details", "narrative": "details",
}  # fmt: skip
NEEDED = ("date", "amount", "currency", "details")

_RUN = re.compile(r"(?<![0-9])[0-9](?:[ -]?[0-9])*")
_AMOUNT = re.compile(r"([+-]?)([0-9]{1,3}(?:([ .,'])[0-9]{3}(?:\3[0-9]{3})*)?|[0-9]+)(?:([.,])([0-9]{1,9}))?", re.ASCII)
_DAYS = ("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y%m%d", "%Y/%m/%d")


@dataclass(frozen=True)
class Entry:
    """One row. `key` names it for good: the hash of the bank's id, or of the whole row and how often it stood there
    before. `terms_hash` tells whether the same id came with other terms. `booked_on` is YYYY-MM-DD; `amount` minor
    units, below nothing where money left; `references` are the digits in it that may be a reference of ours."""

    row: int
    key: str
    bank_id: str
    terms_hash: str
    booked_on: str
    amount: int
    currency: str
    references: tuple[str, ...]


@dataclass(frozen=True)
class Unread:
    """A row that cannot be read, and why."""

    row: int
    why: str


def read_bank(data: bytes) -> list[Entry | Unread]:
    """Every row of a statement; `row` counts as in the file, the header being row 1.

    Raises ValueError where the whole file cannot be read: too large, no header, a column missing.
    """
    if len(data) > BYTES_MOST:
        raise ValueError("the file is too large")
    reader = csv.reader(io.StringIO(_text(data), newline=""), delimiter=_delimiter(data))
    try:
        header = [NAMES.get(re.sub(r"[^a-z]", "", cell.lower()), "") for cell in next(reader, [])]
        if "date" not in header and "value date" in header:
            header[header.index("value date")] = "date"
        missing = [name for name in NEEDED if name not in header]
        if missing:
            raise ValueError(f"the header does not name {', '.join(missing)}")
        found: list[Entry | Unread] = []
        times: Counter[str] = Counter()
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(found) == ROWS_MOST:
                raise ValueError(f"the file has more than {ROWS_MOST} rows")
            found.append(_entry(reader.line_num, header, cells, times))
    except csv.Error as error:
        raise ValueError(f"it is no CSV: {error}") from None
    return found


def _entry(row: int, header: list[str], cells: list[str], times: Counter[str]) -> Entry | Unread:
    told: dict[str, str] = {}
    for name, cell in zip(header, cells, strict=False):
        told[name] = " ".join((told.get(name, "") + " " + cell).replace("\u00a0", " ").replace("\u202f", " ").split())
    if any(name not in told for name in NEEDED):
        return Unread(row, "cells are missing")
    currency = told["currency"].upper()
    booked_on = _day(told["date"])
    if booked_on is None:
        return Unread(row, "the date cannot be read")
    try:
        amount = parse_amount(told["amount"], currency)
    except ValueError:
        return Unread(row, "the currency is none")
    if not amount:
        return Unread(row, "the amount is none of its currency")
    references = _references(told["details"])
    bank_id = "".join(char for char in told.get("id", "") if char.isprintable())[:64]
    terms = _hash("terms", booked_on, str(amount), currency, told["details"])
    times[terms] += 1
    key = _hash("id", bank_id) if bank_id else _hash("row", terms, str(times[terms]))
    return Entry(row, key, bank_id, terms, booked_on, amount, currency, references)


def parse_amount(text: str, currency: str) -> int | None:
    """`1.250,00`, `1,250.00`, `1 250,5`, `-12,50` in minor units of `currency`; None where it is not exactly one.

    A single point or comma before three digits stands between thousands. Raises ValueError for no currency.
    """
    places = decimals(currency)
    found = _AMOUNT.fullmatch(text.replace("- ", "-"))
    if found is None:
        return None
    sign, whole, between, point, rest = found.groups(default="")
    if (point and point == between) or (between and whole.startswith("0")):
        return None
    if rest.strip("0") and len(rest.rstrip("0")) > places:
        return None
    digits = re.sub(r"[^0-9]", "", whole) + rest[:places].ljust(places, "0")
    value = int(digits)
    return (-value if sign == "-" else value) if value < 10**15 else None


def _references(details: str) -> tuple[str, ...]:
    """What may be a reference of ours: ten digits, also grouped, with their right check digit."""
    found = []
    for run in _RUN.findall(details):
        for digits in (re.sub(r"[ -]", "", run), *re.split(r"[ -]", run)):
            if len(digits) == REFERENCE_DIGITS and check_ok(digits):
                found.append(digits)
    return tuple(dict.fromkeys(found))


def _day(text: str) -> str | None:
    for form in _DAYS:
        try:
            return datetime.strptime(text[:10], form).strftime("%Y-%m-%d")
        except ValueError:
            continue
    return None


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")  # what we read of it is ASCII


def _delimiter(data: bytes) -> str:
    first = data.split(b"\n", 1)[0]
    return max(";,\t", key=lambda sign: first.count(sign.encode()))


def _hash(*parts: str) -> str:
    return sha256("\x1f".join(parts).encode()).hexdigest()
