"""The command line's verbs for money through our bank: its statement, who confirms what, the rates of exchange. Exit
status as everywhere: 0 done, 1 something found, 2 wrong use."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from flask import Flask, current_app
from flask.cli import AppGroup

FOUND = 1
T = TypeVar("T")


def register(app: Flask) -> None:
    """Give `flask` these verbs."""
    app.cli.add_command(bank)


def _parts() -> Any:
    return current_app.extensions["parts"]


def _write(work: Callable[[Any], T]) -> T:
    """One transaction; a rule's no is a sentence."""
    from ussd_app.money.reviews import NotPossible

    try:
        return _parts().store.write(work)  # type: ignore[no-any-return]
    except NotPossible as no:
        raise click.ClickException(str(no)) from no


bank = AppGroup("bank", help="Money that comes and goes through our bank.")


@bank.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--by", required=True, help="The operator's name.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def bank_import(file: Path, by: str, as_json: bool) -> None:
    """Take the bank's lines (CSV) and match them with what payers were told; safe to run again."""
    from ussd_app.money.bank_statement import Unread, read_bank

    now = _parts().clock.now()
    try:
        rows = read_bank(file.read_bytes())
    except ValueError as fault:
        raise click.UsageError(f"The file cannot be read: {fault}.") from fault
    told = []
    for row in rows:
        if isinstance(row, Unread):
            told.append({"row": row.row, "outcome": "unread", "why": row.why, "line": "", "reference": ""})
        else:
            told.append(_take(row, now, by))
    found = sum(one["outcome"] not in ("matched", "seen") for one in told)
    if as_json:
        click.echo(json.dumps({"rows": told}))
    else:
        for one in told:
            click.echo(
                f"row {one['row']:<5} {one['outcome']:<9} {one['line'] or '-'} {one['reference']} {one['why']}".rstrip()
            )
        click.echo(
            f"{len(told)} rows, {found} to look at. Another operator confirms what was matched: flask bank lines"
        )
    sys.exit(FOUND if found else 0)


def _take(entry: Any, now: int, by: str) -> dict[str, Any]:
    from ussd_app.money import bank as rules

    taken = _write(lambda tx: rules.take(tx, now=now, entry=entry, by=by))
    reference = taken.line["reference"]
    return {
        "row": entry.row,
        "outcome": taken.outcome,
        "why": taken.why,
        "line": taken.line["id"],
        "reference": reference,
    }


@bank.command("lines")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, amounts in minor units.")
def bank_lines(as_json: bool) -> None:
    """Lines that wait for a second person, or for somebody to say what they are."""
    from ussd_app.lib.money import show

    with _parts().store.read() as tx:
        rows = tx.bank_lines_open()
    if as_json:
        click.echo(json.dumps({"lines": rows}))
    else:
        for row in rows:
            home = (
                f", order {row['our_external']} {show(row['home_amount'], row['home_currency'])}" if row["kind"] else ""
            )
            click.echo(
                f"{row['id']} {row['booked_on']} {show(row['amount'], row['currency']):>18} {row['state']:<8}"
                f" {row['reference'] or '-'}{home} {row['why']}".rstrip()
            )
            click.echo(
                f"  bank id {row['bank_id'] or '-'}; brought in by {row['imported_by']} {row['matched_by']}".rstrip()
            )
        click.echo(f"{len(rows)} lines.")
    sys.exit(FOUND if rows else 0)


@bank.command("transfers")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, amounts in minor units.")
def bank_transfers(as_json: bool) -> None:
    """Transfers that are waited for, and those we are to send back, each with its reference."""
    from ussd_app.lib.clock import day
    from ussd_app.lib.money import show

    parts = _parts()
    now = parts.clock.now()
    with parts.store.read() as tx:
        rows = tx.bank_transfers_waiting()
    if as_json:
        click.echo(json.dumps({"transfers": rows}))
        return
    for row in rows:
        what = "comes" if row["kind"] == "collection" else "SEND  "
        over = " (its time is over)" if row["valid_until"] < now and row["kind"] == "collection" else ""
        click.echo(
            f"{row['reference']} {what} {show(row['amount'], row['currency']):>18}, order {row['our_external']},"
            f" {show(row['home_amount'], row['home_currency'])}, until {day(row['valid_until'])}{over} {row['line_state']}".rstrip()
        )
    click.echo(f"{len(rows)} transfers.")


@bank.command("match")
@click.argument("line_id")
@click.argument("reference")
@click.option("--by", required=True, help="The operator's name.")
@click.option("--why", required=True, help="What was seen, in a sentence.")
def bank_match(line_id: str, reference: str, by: str, why: str) -> None:
    """Say by hand which transfer a line is; what came is what counts."""
    from ussd_app.money import bank as rules

    now = _parts().clock.now()
    _write(lambda tx: rules.match(tx, now=now, line_id=line_id, reference=reference, by=by, why=why))
    click.echo(f"Matched. Another operator must now say: flask bank confirm {line_id} --by NAME")


@bank.command("confirm")
@click.argument("line_id")
@click.option("--by", required=True, help="The second operator's name.")
def bank_confirm(line_id: str, by: str) -> None:
    """A second person confirms a matched line: the payment is paid."""
    from ussd_app.lib.money import show
    from ussd_app.money import bank as rules

    parts = _parts()
    now, handlers = parts.clock.now(), parts.money.handlers
    row = _write(lambda tx: rules.confirm(tx, now=now, line_id=line_id, by=by, handlers=handlers))
    click.echo(f"Paid: {show(row['settled_amount'], row['currency'])}, order {row['our_external']}.")


@bank.command("refuse")
@click.argument("line_id")
@click.option("--by", required=True, help="The operator's name.")
@click.option("--why", required=True, help="Why it is not that transfer.")
def bank_refuse(line_id: str, by: str, why: str) -> None:
    """A line was matched wrongly: it goes to the review list."""
    from ussd_app.money import bank as rules

    now = _parts().clock.now()
    _write(lambda tx: rules.refuse(tx, now=now, line_id=line_id, by=by, why=why))
    click.echo("It is on the list again: flask review list")


@bank.command("rate")
@click.argument("currency")
@click.argument("rate")
@click.option("--day", "day", default="", help="YYYY-MM-DD, the day it is of; today when not given.")
@click.option("--source", required=True, help="Where it was published.")
@click.option("--by", required=True, help="The operator's name.")
def bank_rate(currency: str, rate: str, day: str, source: str, by: str) -> None:
    """Enter what 1 CURRENCY is in our own; it counts once a second operator enters the same."""
    from ussd_app.lib.clock import day as day_of
    from ussd_app.money import exchange

    parts = _parts()
    now = parts.clock.now()
    terms = {"base": currency.upper(), "quote": parts.hub.currency, "rate": rate, "valid_from": day or day_of(now)}
    counts = _write(lambda tx: exchange.enter(tx, now=now, source=source, by=by, **terms))
    click.echo("It counts." if counts else "Noted. Another operator must now enter the same.")


@bank.command("rates")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def bank_rates(as_json: bool) -> None:
    """The rates in force; one that is older than a day, or an estimate, is said to be."""
    from ussd_app.money import exchange

    parts = _parts()
    now = parts.clock.now()
    with parts.store.read() as tx:
        rows = tx.exchange_rates_in_force(quote=parts.hub.currency, day=_today(now))
    old = [row for row in rows if row["estimate"] or exchange.is_stale(row["valid_from"], now)]
    if as_json:
        click.echo(json.dumps({"rates": rows, "old": [row["base"] for row in old]}))
    else:
        for row in rows:
            age = exchange.age_days(row["valid_from"], now)
            said = " ESTIMATE" if row["estimate"] else f" OLD: {age} days" if row in old else ""
            click.echo(f"1 {row['base']} = {row['rate']} {row['quote']}, {row['valid_from']}, {row['source']}{said}")
        click.echo(f"{len(rows)} rates, {len(old)} old or estimated.")
    sys.exit(FOUND if old else 0)


def _today(now: int) -> str:
    from ussd_app.lib.clock import day

    return day(now)
