"""The command line's verbs for the books and the trail. Exit status as everywhere: 0 sound, 1 something found."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup

FOUND = 1


def register(app: Flask) -> None:
    """Give `flask` these verbs."""
    for group in (ledger, audit):
        app.cli.add_command(group)


def _parts() -> Any:
    return current_app.extensions["parts"]


ledger = AppGroup("ledger", help="The books.")


@ledger.command("totals")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, in minor units.")
def ledger_totals(as_json: bool) -> None:
    """What the books hold by currency, and whether they balance."""
    from ussd_app.money import ledger as books

    with _parts().store.read() as tx:
        totals, faults = books.totals(tx), books.check(tx)
    if as_json:
        click.echo(json.dumps({"balanced": not faults, "faults": faults, "totals": totals}))
    else:
        for currency, whole in totals.items():
            _show(currency, whole)
        click.echo("\n".join(faults) or "The books balance.")
    sys.exit(FOUND if faults else 0)


def _show(currency: str, whole: dict[str, Any]) -> None:
    from ussd_app.lib.money import show

    click.echo(f"{currency:<28} {'in':>20} {'out':>20} {'stands at':>20} {'held in':>20} {'held out':>20}")
    for name, line in [*whole["accounts"].items(), ("together", whole)]:
        amounts = (line["credits"], line["debits"], line["credits"] - line["debits"])
        held = (line["pending_credits"], line["pending_debits"])
        click.echo(f"  {name:<26} " + " ".join(f"{show(amount, currency):>20}" for amount in (*amounts, *held)))


audit = AppGroup("audit", help="The trail of what was done.")


def _known(_context: click.Context, _option: click.Parameter, texts: tuple[str, ...]) -> list[tuple[int, str]]:
    """Heads as `flask audit head` printed them."""
    found = []
    for text in texts:
        match = re.fullmatch(r"([0-9]{1,18}):([0-9a-f]{64})", text)
        if match is None:
            raise click.BadParameter("a head is a number, a colon and 64 hex digits")
        found.append((int(match[1]), match[2]))
    return [head for head in found if head[0] > 0]


@audit.command("verify")
@click.option("--head", "known", multiple=True, callback=_known, help="A head kept elsewhere: the chain must hold it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def audit_verify(known: list[tuple[int, str]], as_json: bool) -> None:
    """Work the chain out anew: was any row changed?"""
    from ussd_app.money import audit as trail

    parts = _parts()
    with parts.store.read() as tx:
        verdict = trail.verify(tx, known)
    age_s = 0 if verdict.oldest is None else max(0, parts.clock.now() - verdict.oldest) // 1000
    if as_json:
        told = dataclasses.asdict(verdict) | {"sound": verdict.sound, "oldest_age_s": age_s}
        click.echo(json.dumps(told))
    else:
        click.echo(verdict.broken or "Sound.")
        waiting = f", the oldest for {age_s} s" if verdict.unsealed else ""
        click.echo(f"{verdict.sealed} rows sealed and true, {verdict.unsealed} wait for a seal{waiting}.")
    sys.exit(0 if verdict.sound else FOUND)


@audit.command("head")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with the time it was sealed.")
def audit_head(as_json: bool) -> None:
    """The end of the chain, as SEQUENCE:HASH: keep it where nobody who reaches the database can."""
    from ussd_app.money import audit as trail

    with _parts().store.read() as tx:
        head = trail.head(tx)
    click.echo(json.dumps(dataclasses.asdict(head)) if as_json else f"{head.sequence}:{head.hash}")
