"""Cooperatives from the command line: founded, staffed, their lists of members taken in and given out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from flask import Flask
from flask.cli import AppGroup

from ussd_app.cli import FOUND, market_parts

T = TypeVar("T")

_REASONS = {
    "bad_name": "A name has 2 to 24 plain characters.",
    "bad_place": "No such place; give the code of a sector or district.",
    "not_found": "Nobody active with a number and a PIN has this id, or no cooperative has this code.",
    "bad_terms": "These terms are not possible.",
}

cooperatives = AppGroup("cooperatives", help="Cooperatives, who acts for them, and their members.")


def register(app: Flask) -> None:
    """Give `flask` these verbs."""
    app.cli.add_command(cooperatives)


@cooperatives.command("add")
@click.argument("name")
@click.argument("place")
@click.option("--manager", default=None, help="The id of a registered person.")
@click.option("--by", required=True, help="The operator's name.")
def add(name: str, place: str, manager: str | None, by: str) -> None:
    """Found a cooperative at PLACE (a code); prints its code, which people join by."""
    from ussd_app.market import cooperatives as rules

    parts = market_parts()
    found = {"hub": parts.hub, "now": parts.clock.now(), "name": name, "place": place, "by": f"operator:{by}"}
    row = _write(parts, lambda tx: rules.add(tx, manager_id=manager, **found))
    click.echo(f"{row['id']} code {row['code']} {row['name']}")


@cooperatives.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON list.")
def listed(as_json: bool) -> None:
    """All cooperatives: id, code, members, place, name."""
    parts = market_parts()
    with parts.store.read() as tx:
        rows = tx.cooperatives_all(after="", limit=10_000)
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo(f"{row['id']} code {row['code'] or '-'} {row['members']} members {row['place']} {row['name']}")
    click.echo(f"{len(rows)} cooperatives.")


@cooperatives.command("role")
@click.argument("code")
@click.argument("person_id", required=False)
@click.argument("role", type=click.Choice(("manager", "clerk")), required=False)
@click.option("--remove", is_flag=True, help="Take the role back, at once.")
@click.option("--station", default=None, help="The id of the station where a clerk weighs; every one when not given.")
@click.option("--by", required=True, help="The operator's name.")
def role(code: str, person_id: str | None, role: str | None, remove: bool, station: str | None, by: str) -> None:
    """Who acts for the cooperative of CODE; with a person's id and a role, give it or take it back."""
    from ussd_app.market import cooperatives as rules

    parts = market_parts()
    now, home = parts.clock.now(), _of_code(parts, code)
    if person_id is None or role is None:
        with parts.store.read() as tx:
            for row in rules.roles_in(tx, home["id"]):
                click.echo(
                    f"{row['person_id']} {row['role']:<7} {row['station_name'] or 'every station'} {row['name']}"
                )
            for row in rules.stations(tx, home["id"]):
                click.echo(f"station {row['id']} {row['name']}")
        return
    which = {"now": now, "cooperative_id": home["id"], "person_id": person_id, "role": role, "by": f"operator:{by}"}
    if remove:
        done = _write(parts, lambda tx: rules.remove_role(tx, **which))
        click.echo("Taken back." if done else "There was no such role.")
    else:
        done = _write(parts, lambda tx: rules.give_role(tx, station_id=station, **which))
        click.echo("Given." if done else "It was given before.")
    sys.exit(0 if done else FOUND)


@cooperatives.command("import")
@click.argument("code")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--by", required=True, help="The operator's name.")
@click.option("--dry-run", is_flag=True, help="Only say what would become of each row.")
@click.option("--only-good", is_flag=True, help="Take the good rows where others have faults.")
@click.option("--language", type=click.Choice(("rw", "en", "fr", "sw")), default="en", help="Of the report.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def import_(code: str, file: Path, by: str, dry_run: bool, only_good: bool, language: str, as_json: bool) -> None:
    """Take a list of members (CSV, XLSX) in; safe to run again. Status 1 where a row has a fault."""
    from ussd_app import roster_words
    from ussd_app.market import rosters

    parts = market_parts()
    home, which = _of_code(parts, code), {"hub": parts.hub}
    try:
        rows = rosters.read(file.read_bytes(), file.name)
    except rosters.BadFile as bad:
        raise click.UsageError(roster_words.of_file(bad.reason, bad.facts).render(language)) from bad
    which |= {"cooperative_id": home["id"], "rows": rows}
    if dry_run:
        with parts.store.read() as tx:
            report = rosters.check(tx, **which)
    else:
        now = parts.clock.now()
        report = _write(parts, lambda tx: rosters.apply(tx, now=now, by=f"operator:{by}", only_good=only_good, **which))
    lines = [
        {
            "row": line.row,
            "name": line.name,
            "outcome": line.outcome,
            "text": roster_words.of_line(line.outcome, line.reason, line.facts).render(language),
        }
        for line in report.lines
    ]
    if as_json:
        click.echo(json.dumps({"applied": report.applied, "rows": lines}))
    else:
        for line in lines:
            click.echo(f"{line['row']:>5} {line['name']}: {line['text']}")
        counts = ", ".join(f"{report.count(name)} {name}" for name in roster_words.OUTCOMES)
        click.echo(f"{counts}. {'Taken.' if report.applied else 'Nothing was written.'}")
    sys.exit(0 if report.good else FOUND)


@cooperatives.command("export")
@click.argument("code")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--by", required=True, help="The operator's name.")
@click.option("--why", required=True, help="The reason, kept in the audit trail.")
def export(code: str, file: Path, by: str, why: str) -> None:
    """Write the members to FILE (.csv or .xlsx); no cell of it is a formula. The look is noted."""
    from ussd_app.market import rosters

    parts = market_parts()
    kind = file.suffix.lower().lstrip(".")
    if kind not in ("csv", "xlsx"):
        raise click.UsageError("The file ends in .csv or .xlsx.")
    home, now = _of_code(parts, code), parts.clock.now()
    rows = _write(
        parts,
        lambda tx: rosters.export(tx, hub=parts.hub, now=now, cooperative_id=home["id"], by=f"operator:{by}", why=why),
    )
    file.write_bytes(rosters.write(rows, kind, rosters.COLUMNS))
    click.echo(f"{len(rows)} members.")


def _of_code(parts: Any, code: str) -> Any:
    from ussd_app.market import cooperatives as rules

    with parts.store.read() as tx:
        row = rules.by_code(tx, code)
    if row is None:
        raise click.ClickException("No cooperative has this code. See: flask cooperatives list")
    return row


def _write(parts: Any, work: Callable[[Any], T]) -> T:
    """One transaction; a rule's no is a sentence."""
    from ussd_app.market.terms import Refused

    try:
        return parts.store.write(work)  # type: ignore[no-any-return]
    except Refused as refused:
        raise click.ClickException(_REASONS.get(refused.reason, f"Not possible: {refused.reason}.")) from refused
