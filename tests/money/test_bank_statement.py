"""A bank's CSV in the shapes banks write it, row by row."""

from __future__ import annotations

import pytest

from ussd_app.lib.ids import with_check
from ussd_app.money.bank_statement import Entry, Unread, parse_amount, read_bank

REFERENCE = with_check("452013994")
OTHER = with_check("000000019")


def one(text: str) -> Entry:
    (entry,) = read_bank(text.encode())
    assert isinstance(entry, Entry), entry
    return entry


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1.250,00", "EUR", 125_000), ("1,250.00", "EUR", 125_000), ("1 250,5", "EUR", 125_050),
        ("1'250.05", "EUR", 125_005), ("1250", "EUR", 125_000), ("1.250", "EUR", 125_000), ("12.345.678,9", "EUR", 1_234_567_890),
        ("-12,50", "EUR", -1_250), ("+12.5", "EUR", 1_250), ("0,01", "EUR", 1), ("3.600.000", "RWF", 3_600_000),
        ("4000,00", "RWF", 4_000), ("12.500000", "EUR", 1_250),
        ("12,345", "USD", 1_234_500), ("12,3456", "USD", None), ("4000,50", "RWF", None), ("1.25.00", "EUR", None),
        ("0.125", "EUR", None), ("1,25,00", "EUR", None), ("", "EUR", None), ("-", "EUR", None), ("1e9", "EUR", None),
        ("NaN", "EUR", None), ("12 EUR", "EUR", None), ("9" * 16, "EUR", None), ("١٢", "EUR", None),
    ],
)  # fmt: skip
def test_amounts_as_banks_write_them(text: str, currency: str, minor: int | None) -> None:
    assert parse_amount(text, currency) == minor


def test_a_statement_with_mark_semicolons_and_commas() -> None:
    text = f"\ufeffBooking date;Transaction ID;Amount;Currency;Details\r\n22.11.2026;AB-1;1.250,00;EUR;INV {REFERENCE} coffee\r\n"
    entry = one(text)
    assert (entry.row, entry.booked_on, entry.amount, entry.currency) == (2, "2026-11-22", 125_000, "EUR")
    assert (entry.bank_id, entry.references) == ("AB-1", (REFERENCE,))
    assert one(text.replace(";", ",").replace("1.250,00", "1250.00")).key == entry.key
    head, row = text.split("\r\n")[:2]
    moved = read_bank(f"{head}\r\n{row.replace('AB-1', 'AB-0')}\r\n{row}\r\n".encode())
    assert [one.key == entry.key for one in moved if isinstance(one, Entry)] == [False, True]
    latin = text.replace("coffee", "café").removeprefix("\ufeff").encode("latin-1")
    assert isinstance(read_bank(latin)[0], Entry)


@pytest.mark.parametrize(
    "details",
    [
        f"{REFERENCE[:2]} {REFERENCE[2:6]} {REFERENCE[6:]}", f"REF{REFERENCE}/INV2026", f"{REFERENCE[:5]}-{REFERENCE[5:]}",
        f"order 1234567 {REFERENCE} 99",
    ],
)  # fmt: skip
def test_a_reference_is_found_however_it_is_typed(details: str) -> None:
    assert one(f"date,amount,currency,details\n2026-11-22,5,EUR,{details}\n").references == (REFERENCE,)


@pytest.mark.parametrize("details", ["", "coffee", "1" + REFERENCE, REFERENCE[:9], str(int(REFERENCE) + 1), "5" * 400])
def test_what_is_no_reference_of_ours(details: str) -> None:
    assert one(f"date,amount,currency,details\n2026-11-22,5,EUR,{details}\n").references == ()


def test_both_references_are_seen_and_a_comma_in_quotes_is_no_cell() -> None:
    entry = one(f'date,amount,currency,details\n2026-11-22,"1,250.00",EUR,"{REFERENCE}, {OTHER}"\n')
    assert entry.amount == 125_000 and entry.references == (REFERENCE, OTHER)


def test_a_row_that_cannot_be_read_keeps_no_other_away() -> None:
    text = (
        "id;date;amount;currency;details\n1;2026-11-22;5,00;EUR;x\n2;31.02.2026;5,00;EUR;x\n3;2026-11-22;five;EUR;x\n"
        "4;2026-11-22;0,00;EUR;x\n5;2026-11-22;5,00;euro;x\n6;2026-11-22\n\n7;2026-11-22;5,00;EUR;x\n"
    )
    rows = read_bank(text.encode())
    assert [row.row for row in rows if isinstance(row, Entry)] == [2, 9]
    assert [(row.row, row.why) for row in rows if isinstance(row, Unread)] == [
        (3, "the date cannot be read"), (4, "the amount is none of its currency"),
        (5, "the amount is none of its currency"), (6, "the currency is none"), (7, "cells are missing"),
    ]  # fmt: skip


def test_equal_rows_without_an_id_are_told_apart_and_are_the_same_the_next_time() -> None:
    text = b"date,amount,currency,details\n2026-11-22,5,EUR,x\n2026-11-22,5,EUR,x\n"
    keys = [row.key for row in read_bank(text) if isinstance(row, Entry)]
    assert len(set(keys)) == 2
    assert [row.key for row in read_bank(text) if isinstance(row, Entry)] == keys


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "does not name date, amount, currency, details"), (b"a,b\n1,2\n", "does not name"),
        (b"x" * 5_000_001, "too large"), (b"date,amount,currency,details\n" + b"2026-11-22,1,EUR,x\n" * 20_001, "more than"),
        (b"date,amount,currency\n", "does not name details"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_statement(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_bank(data)
