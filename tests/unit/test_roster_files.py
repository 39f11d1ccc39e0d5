"""Lists of members as people keep them: read in any dress, refused where they would cost too much, written safely."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ussd_app.market import roster_files, rosters
from ussd_app.market.roster_files import BadFile

TABLE = "Name;Phone;Place\nUwera Aliné;0788000001;Kanjongo\n"
WANT = [["Name", "Phone", "Place"], ["Uwera Aliné", "0788000001", "Kanjongo"]]


def texts(data: bytes, name: str = "list.csv") -> list[list[str]]:
    return [row for _number, row in roster_files.cells(data, name)]


def xlsx(rows: list[list[Any]]) -> bytes:
    import xlsxwriter

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet()
    for number, row in enumerate(rows):
        sheet.write_row(number, 0, row)
    book.close()
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        TABLE.encode(),
        b"\xef\xbb\xbf" + TABLE.encode(),
        TABLE.encode("cp1252"),
        TABLE.encode("utf-16"),
        TABLE.replace(";", ",").encode(),
        TABLE.replace(";", "\t").encode(),
        TABLE.replace("\n", "\r\n").encode(),
        TABLE.replace("\n", "\r").encode(),
        ("\n;;\n" + TABLE + "\n;;\n").encode(),
        TABLE.replace("0788000001", "'0788000001").encode(),
        TABLE.replace("Kanjongo", '"Kan\njongo"').replace("Kan\njongo", "Kanjongo").encode(),
        xlsx(WANT),
        xlsx([[], *WANT]),
    ],
)
def test_one_table_in_many_dresses(data: bytes) -> None:
    assert texts(data) == WANT


def test_the_number_of_a_row_is_the_one_the_file_shows() -> None:
    assert [number for number, _row in roster_files.cells(xlsx([[], *WANT]), "a.xlsx")] == [2, 3]
    assert [number for number, _row in roster_files.cells(b"\n\nname,phone\nA,1\n", "a.csv")] == [3, 4]


def test_a_number_of_a_spreadsheet_is_a_number_and_not_a_fraction() -> None:
    assert texts(xlsx([["name", "phone"], ["A", 788000001.0]]))[1] == ["A", "788000001"]


WORKBOOK = xlsx(WANT)


def _far(corner: str, quote: str = '"') -> bytes:
    """A small workbook with one cell far out: memory would be taken for everything before it."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(xlsx(WANT))) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("sheet1.xml"):
                data = data.replace(b'r="A2"', f"r={quote}{corner}{quote}".encode())
                assert corner.encode() in data
            new.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"), (b" \n ", "empty"), (b"x" * (roster_files.BYTES_MOST + 1), "too_large"),
        (b"PK\x03\x04nonsense", "no_table"), (b"name,phone\nA\0,1\n", "no_table"),
        (b"name,phone\n" + b"A,1\n" * (roster_files.ROWS_MOST + 1), "too_many_rows"),
        (_far("XFD1048576"), "too_many_rows"), (_far("XFD1048576", "'"), "too_many_rows"), (_far("A999999"), "too_many_rows"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(BadFile) as bad:
        texts(data, "list.xlsx" if data[:2] == b"PK" else "list.csv")
    assert bad.value.reason == reason


def test_an_archive_that_unpacks_to_a_flood_is_not_unpacked() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/workbook.xml", b"0" * (roster_files.UNPACKED_MOST + 1))
    assert len(out.getvalue()) < roster_files.BYTES_MOST
    with pytest.raises(BadFile, match="too_large"):
        texts(out.getvalue(), "a.xlsx")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)), st.sampled_from(["a.csv", "a.xlsx"]))
@example(b'name,phone\n"A', "a.csv")
@example(b"\xff\xfe\x00", "a.csv")
@example(b"\xef\xbb\xbf", "a.csv")
def test_nasty_bytes_are_rows_or_a_reason(data: bytes, name: str) -> None:
    try:
        rows = rosters.read(data, name)
    except BadFile as bad:
        assert bad.reason
        return
    for row in rows:
        assert all(text == text.strip() and text.isprintable() for text in row.cells.values())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_broken_workbook_is_rows_or_a_reason(data: st.DataObject) -> None:
    whole = bytearray(WORKBOOK)
    for _cut in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        texts(bytes(whole), "a.xlsx")
    except BadFile as bad:
        assert bad.reason


NASTY = [
    "=1+1",
    "+250788000001",
    "-5",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "=cmd|' /C calc'!A0",
    "plain",
    'a"b,c;d',
    "é",
]


@pytest.mark.parametrize("text", NASTY)
def test_no_cell_that_is_written_is_a_formula(text: str) -> None:
    data = roster_files.write([{"name": text, "n": 3, "gone": None}], "csv")
    assert data.startswith(b"\xef\xbb\xbf")
    import csv

    (_header, row) = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert not row[0].startswith(("=", "+", "-", "@", "\t", "\r", " =")) and row[1:] == ["3", ""]
    with zipfile.ZipFile(io.BytesIO(roster_files.write([{"name": text}], "xlsx"))) as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")
    for kind in roster_files.KINDS:
        again = texts(roster_files.write([{"name": text}], kind), f"a.{kind}")
        assert again[1] == [" ".join(text.split())]


def test_an_empty_table_has_its_header_and_another_kind_is_refused() -> None:
    assert texts(roster_files.write([], "csv", ("a", "b"))) == [["a", "b"]]
    with pytest.raises(ValueError):
        roster_files.write([], "pdf")


@pytest.mark.parametrize(
    ("header", "want"),
    [
        ("Name,Phone", {"name": "A B", "phone": "1"}), ("Amazina,Telefone", {"name": "A B", "phone": "1"}),
        ("Nom et prénom,Téléphone", {"name": "A B", "phone": "1"}), ("Jina,Nambari ya simu", {"name": "A B", "phone": "1"}),
        ("name,number", {"name": "A B", "phone": "1"}),
    ],
)  # fmt: skip
def test_columns_are_known_by_names_in_four_languages(header: str, want: dict[str, str]) -> None:
    data = f"{header}\nA B,1\n".encode()
    assert rosters.read(data, "a.csv")[0].cells == want


def test_a_bare_number_is_the_members_where_there_is_a_phone() -> None:
    (row,) = rosters.read(b"No,Name,Phone\n12,A B,0788000001\n", "a.csv")
    assert row.cells == {"number": "12", "name": "A B", "phone": "0788000001"}
    with pytest.raises(BadFile) as bad:
        rosters.read(b"colour,name\nred,A B\n", "a.csv")
    assert bad.value.reason == "missing" and bad.value.facts == {"columns": ["phone"]}
