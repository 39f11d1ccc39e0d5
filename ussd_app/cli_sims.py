"""The command line's verbs for changes that are held because of a SIM. Exit status as everywhere: 0 nothing or done,
1 something found, 2 wrong use."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
from flask import Flask
from flask.cli import AppGroup

from ussd_app.cli import FOUND, market_parts

sims = AppGroup("sims", help="Changes held because a SIM was swapped, or no network said that it was not.")
KINDS = click.Choice(["wallet", "pin"])


@sims.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON list.")
def sims_list(as_json: bool) -> None:
    """What is held, longest first: a change of wallet, or a PIN reset."""
    from ussd_app.market import sim_swaps

    parts = market_parts()
    with parts.store.read() as tx:
        rows = sim_swaps.held(tx)
    if as_json:
        click.echo(json.dumps(rows))
    else:
        for row in rows:
            said = f", let pass by {row['first_by']}" if row["first_by"] else ""
            click.echo(f"{row['kind']} {row['subject_id']} {row['person_name']}: {row['state']}{said}")
        click.echo(f"{len(rows)} held.")
    sys.exit(FOUND if rows else 0)


@sims.command("allow")
@click.argument("kind", type=KINDS)
@click.argument("subject_id")
@click.option("--by", required=True, help="The operator's name.")
@click.option("--why", required=True, help="How you made sure that it is her.")
def sims_allow(kind: Any, subject_id: str, by: str, why: str) -> None:
    """You are sure that it is her. Two operators must say so before the change begins."""
    from ussd_app.market import sim_swaps
    from ussd_app.market.terms import Refused

    parts = market_parts()
    now = parts.clock.now()
    about = {"kind": kind, "subject_id": subject_id, "by": by, "why": why}
    try:
        said = parts.store.write(lambda tx: sim_swaps.let_pass(tx, now=now, **about))
    except Refused as refused:
        raise click.ClickException(_words(refused)) from refused
    if said == "released":
        click.echo("Let pass: it begins when its wait is over.")
    else:
        click.echo(f'Another operator must now say: flask sims allow {kind} {subject_id} --by NAME --why "..."')


@sims.command("refuse")
@click.argument("kind", type=KINDS)
@click.argument("subject_id")
@click.option("--by", required=True, help="The operator's name.")
@click.option("--why", required=True, help="What you found.")
def sims_refuse(kind: Any, subject_id: str, by: str, why: str) -> None:
    """It is not her, or nobody can tell: the change ends and she is told."""
    from ussd_app.market import sim_swaps
    from ussd_app.market.terms import Refused

    parts = market_parts()
    now = parts.clock.now()
    about = {"kind": kind, "subject_id": subject_id, "by": by, "why": why}
    try:
        parts.store.write(lambda tx: sim_swaps.refuse(tx, now=now, **about))
    except Refused as refused:
        raise click.ClickException(_words(refused)) from refused
    click.echo("Ended.")


def _words(refused: Any) -> str:
    return {
        "same_operator": "You have said so already: another operator must.",
        "no_reason": "Give your name and the reason.",
    }.get(refused.reason, "Nothing of this kind and id is held.")


def register(app: Flask) -> None:
    """Give `flask` these verbs."""
    app.cli.add_command(sims)
