"""Field agents from the command line: given and taken, whom to ring, what is flagged."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click
from flask import Flask
from flask.cli import AppGroup

from ussd_app.cli import FOUND, market_parts
from ussd_app.store import Tx

T = TypeVar("T")
DAY_MS = 86_400_000

_REASONS = {
    "not_found": "Nobody active with a number and a PIN has this id, or no agent registered her.",
    "not_allowed": "That person is no agent.",
    "bad_place": "No such district; give its code.",
    "bad_terms": "A daily cap is 1 to 500.",
    "no_reason": "Say why.",
}

agents = AppGroup("agents", help="Field agents, whom they registered, and what to look at.")


def register(app: Flask) -> None:
    """Give `flask` these verbs."""
    app.cli.add_command(agents)


@agents.command("add")
@click.argument("person_id")
@click.option(
    "--district", "districts", multiple=True, help="Where she may register (a code); again for more; none = everywhere."
)
@click.option("--cooperative", "code", default="", help="Its code: her sellers become its members.")
@click.option("--cap", default=30, show_default=True, help="Registrations a day.")
@click.option("--by", required=True, help="The operator's name.")
def add(person_id: str, districts: tuple[str, ...], code: str, cap: int, by: str) -> None:
    """Make a registered person an agent, or change what she may do; an SMS tells her."""
    from ussd_app.market import agents as rules
    from ussd_app.market import cooperatives

    parts = market_parts()

    def work(tx: Tx) -> Any:
        cooperative = cooperatives.by_code(tx, code) if code else None
        if code and cooperative is None:
            raise click.ClickException("No cooperative has this code.")
        return rules.add(
            tx, hub=parts.hub, now=parts.clock.now(), person_id=person_id, by=f"operator:{by}", districts=districts,
            cooperative_id=cooperative["id"] if cooperative else None, daily_cap=cap,
        )  # fmt: skip

    row = _write(parts, work)
    click.echo(f"{row['person_id']} {row['name']} may register {row['daily_cap']} a day.")


@agents.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON list.")
def list_(as_json: bool) -> None:
    """Every agent: state, cap, sellers registered, not begun, open flags."""
    from ussd_app.lib.msisdn import mask
    from ussd_app.market import agents as rules

    with market_parts().store.read() as tx:
        rows = [{**row, "msisdn": mask(row["msisdn"] or "")} for row in rules.listed(tx)]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        where = row["cooperative_name"] or "-"
        click.echo(
            f"{row['person_id']} {row['state']:<7} {row['name']} {row['msisdn']} {where}: cap {row['daily_cap']}, "
            f"registered {row['registered']}, not begun {row['pending']}, flags {row['flags']}"
        )
    click.echo(f"{len(rows)} agents.")


@agents.command("remove")
@click.argument("person_id")
@click.option("--by", required=True, help="The operator's name.")
@click.option("--why", required=True, help="The reason, kept in the audit trail.")
def remove(person_id: str, by: str, why: str) -> None:
    """Take the role back, at once, also in a call that is going on."""
    from ussd_app.market import agents as rules

    parts = market_parts()
    told = {"now": parts.clock.now(), "agent_id": person_id, "by": f"operator:{by}", "why": why}
    if not _write(parts, lambda tx: rules.remove(tx, **told)):
        raise click.ClickException("That person is no agent.")
    click.echo("Removed. Give her sellers to another: flask agents move SELLER AGENT --by NAME")


@agents.command("move")
@click.argument("seller_id")
@click.argument("agent_id")
@click.option("--by", required=True, help="The operator's name.")
def move(seller_id: str, agent_id: str, by: str) -> None:
    """Give a seller to another agent; who registered her still earns."""
    from ussd_app.market import agents as rules

    parts = market_parts()
    told = {"now": parts.clock.now(), "seller_id": seller_id, "to": agent_id, "by": f"operator:{by}"}
    if not _write(parts, lambda tx: rules.move(tx, **told)):
        raise click.ClickException("That agent looks after her already.")
    click.echo("Moved.")


@agents.command("callbacks")
@click.option("--day", default="", help="YYYY-MM-DD; yesterday when not given.")
@click.option("--share", default=10, show_default=True, help="Percent of the day's registrations, at least three.")
@click.option("--by", required=True, help="The operator's name; each look is noted.")
@click.option("--json", "as_json", is_flag=True, help="One JSON list.")
def callbacks(day: str, share: int, by: str, as_json: bool) -> None:
    """Whom of a day's registrations to ring, drawn by chance once: does she know of it?"""
    from ussd_app.lib import clock as clocks
    from ussd_app.market import commissions

    parts = market_parts()
    now = parts.clock.now()
    when = day or clocks.day(now - DAY_MS)
    rows = _write(parts, lambda tx: commissions.draw(tx, now=now, day=when, by=by, share=share))
    if as_json:
        click.echo(json.dumps(rows))
    else:
        for row in rows:
            click.echo(
                f"{row['person_id']} {row['msisdn'] or '-'} {row['name']} ({row['state']}, {row['produce']}, by "
                f"{row['via']}), agent {row['agent']}: {row['outcome']}"
            )
        click.echo(f"{len(rows)} to ring of {when}.")
    sys.exit(FOUND if any(row["outcome"] == "waiting" for row in rows) else 0)


@agents.command("rung")
@click.argument("person_id")
@click.argument("outcome", type=click.Choice(["true", "ghost", "unreached"]))
@click.option("--by", required=True, help="The operator's name.")
@click.option("--note", default="", help="What was said.")
def rung(person_id: str, outcome: str, by: str, note: str) -> None:
    """What the call showed; a ghost is flagged and earns nobody anything."""
    from ussd_app.market import commissions

    parts = market_parts()
    told = {"now": parts.clock.now(), "person_id": person_id, "outcome": outcome, "by": by, "note": note}
    if not _write(parts, lambda tx: commissions.note_check(tx, **told)):
        raise click.ClickException("She was not drawn, or it was noted already.")
    click.echo("Noted.")


@agents.command("flags")
@click.option("--json", "as_json", is_flag=True, help="One JSON list.")
def flags(as_json: bool) -> None:
    """Sellers of agents who share a number or a wallet with others, or whom nobody knows of."""
    from ussd_app.lib.msisdn import mask
    from ussd_app.market import commissions

    parts = market_parts()
    now = parts.clock.now()
    parts.store.write(lambda tx: commissions.flag(tx, now=now))
    with parts.store.read() as tx:
        rows = [{**row, "msisdn": mask(row["msisdn"] or "")} for row in commissions.flags(tx)]
    if as_json:
        click.echo(json.dumps(rows))
    else:
        for row in rows:
            click.echo(f"{row['person_id']} {row['kind']:<12} {row['name']} {row['msisdn']}, agent {row['agent']}")
        click.echo(f"{len(rows)} flags.")
    sys.exit(FOUND if rows else 0)


@agents.command("clear")
@click.argument("person_id")
@click.argument("kind", type=click.Choice(["number", "wallet", "agent_wallet", "ghost"]))
@click.option("--by", required=True, help="The operator's name.")
@click.option("--why", required=True, help="Why it is in order, kept with the flag.")
def clear(person_id: str, kind: str, by: str, why: str) -> None:
    """A flag was looked at and is in order: a family shares a phone."""
    from ussd_app.market import commissions

    parts = market_parts()
    told = {"now": parts.clock.now(), "person_id": person_id, "kind": kind, "by": by, "why": why}
    if not _write(parts, lambda tx: commissions.clear(tx, **told)):
        raise click.ClickException("No such flag is open.")
    click.echo("Cleared.")


def _write(parts: Any, work: Callable[[Tx], T]) -> T:
    """Do it, or say in one sentence why not."""
    from ussd_app.market.terms import Refused

    try:
        done: T = parts.store.write(work)
    except Refused as refused:
        raise click.ClickException(_REASONS.get(refused.reason, refused.reason)) from None
    return done
