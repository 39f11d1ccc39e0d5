"""Tables as people keep them: CSV in any usual dress, and XLSX; read as text, and written so that no cell is a formula."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

BYTES_MOST = 2_000_000
UNPACKED_MOST = 40_000_000
ROWS_MOST = 5_000
COLUMNS_MOST = 60
CELL_LONGEST = 200
KINDS = ("csv", "xlsx")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_CELL = re.compile(rb"""\b(?:r|ref)\s*=\s*["']([A-Za-z]{1,9}[0-9]{1,12}(?::[A-Za-z]{1,9}[0-9]{1,12})?)["']""")
_PLACE = re.compile(rb"([A-Za-z]+)([0-9]+)")


class BadFile(Exception):
    """The whole file cannot be read. `reason`: too_large, too_many_rows (most), no_table, empty, missing (columns)."""

    def __init__(self, reason: str, **facts: Any) -> None:
        super().__init__(reason, facts)
        self.reason = reason
        self.facts = facts


def cells(data: bytes, filename: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a file that hold anything: (number as the file shows it, texts). XLSX by its content, else CSV.

    Raises BadFile.
    """
    if len(data) > BYTES_MOST:
        raise BadFile("too_large", most=BYTES_MOST)
    if not data.strip():
        raise BadFile("empty")
    found = _of_xlsx(data) if data[:2] == b"PK" or filename.lower().endswith(".xlsx") else _of_csv(data)
    count = 0
    for number, row in found:
        texts = [_clean(cell) for cell in row[:COLUMNS_MOST]]
        if not any(texts):
            continue
        count += 1
        if count > ROWS_MOST + 1:
            raise BadFile("too_many_rows", most=ROWS_MOST)
        yield number, texts


def write(rows: Sequence[Mapping[str, Any]], kind: str, columns: Sequence[str] = ()) -> bytes:
    """A table as a file: `kind` csv (UTF-8 with a mark, commas) or xlsx.

    Args: `rows` name -> text or integer (None is an empty cell); `columns` their order, else that of the first row.
    Texts that a spreadsheet would run as a formula get an apostrophe in CSV and are plain texts in XLSX.
    Raises ValueError for another kind.
    """
    names = list(columns or (rows[0] if rows else ()))
    table: list[Sequence[Any]] = [names, *([row.get(name) for name in names] for row in rows)]
    if kind == "csv":
        return _csv(table)
    if kind == "xlsx":
        return _xlsx(table)
    raise ValueError(f"no such kind of file: {kind}")


def quoted(value: Any) -> Any:
    """A cell as CSV may hold it: a text that begins like a formula has an apostrophe before it."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA):
        return "'" + value
    return "" if value is None else value


def _csv(table: Sequence[Sequence[Any]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([[quoted(cell) for cell in row] for row in table])
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8")


def _xlsx(table: Sequence[Sequence[Any]]) -> bytes:
    import xlsxwriter

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet, text = book.add_worksheet(), book.add_format({"quote_prefix": True, "num_format": "@"})
    for down, row in enumerate(table):
        for across, cell in enumerate(row):
            if isinstance(cell, int):
                sheet.write_number(down, across, cell)
            elif cell is not None and cell != "":
                sheet.write_string(down, across, str(cell), text)
    book.close()
    return out.getvalue()


# --- CSV


def _of_csv(data: bytes) -> Iterator[tuple[int, list[str]]]:
    text = _text(data)
    if "\0" in text:
        raise BadFile("no_table")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error:
        raise BadFile("no_table") from None


def _text(data: bytes) -> str:
    """UTF-16 and UTF-8 by their marks; else UTF-8, and what is not is of Windows."""
    try:
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return data.decode("utf-16")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _delimiter(text: str) -> str:
    """The one that stands most often in the first line that holds anything."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(";,\t", key=first.count)


# --- XLSX


def _of_xlsx(data: bytes) -> Iterator[tuple[int, list[Any]]]:
    """The first sheet. What a small file could blow up to is looked at before it is opened."""
    from python_calamine import CalamineError, CalamineWorkbook

    _judge(data)
    try:
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0)
        start = sheet.start[0] if sheet.start else 0
        rows = sheet.to_python(skip_empty_area=True)
    except (CalamineError, IndexError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise BadFile("no_table") from error
    except BaseException as error:  # the reader's own panic is no Exception
        if type(error).__name__ != "PanicException":
            raise
        raise BadFile("no_table") from error
    yield from enumerate(rows, start + 1)


def _judge(data: bytes) -> None:
    """Refuse an archive that unpacks to too much, and sheets whose corners lie too far out (memory is taken for all
    between). Raises BadFile."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            if sum(each.file_size for each in book.infolist()) > UNPACKED_MOST:
                raise BadFile("too_large", most=BYTES_MOST)
            for name in book.namelist():
                if name.lower().endswith(".xml"):
                    _corners(book.read(name)[: UNPACKED_MOST + 1])
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError, ValueError, zipfile.zlib.error):  # type: ignore[attr-defined]
        raise BadFile("no_table") from None


def _corners(xml: bytes) -> None:
    for found in _CELL.finditer(xml):
        for letters, digits in _PLACE.findall(found[1]):
            if len(letters) > 2 or int(digits) > ROWS_MOST * 4:
                raise BadFile("too_many_rows", most=ROWS_MOST)


def _clean(cell: Any) -> str:
    """A cell as one line of text: whole numbers without a point, no apostrophe that kept it from being a formula."""
    if cell is None or cell == "":
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        cell = int(cell)
    text = str(cell)[: CELL_LONGEST * 4]
    plain = "".join(" " if char.isspace() or not char.isprintable() else char for char in text)
    line = " ".join(plain.split())[:CELL_LONGEST]
    return line[1:].lstrip() if line.startswith("'") else line
