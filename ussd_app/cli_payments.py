"""The command line's verbs for payments that people must look at, and for comparing with the wallets. Exit status as
everywhere: 0 nothing or done, 1 something found, 2 wrong use."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup, with_appcontext

FOUND = 1


def register(app: Flask) -> None:
    """Give `flask` these verbs."""
    for command in (review, reconcile):
        app.cli.add_command(command)


def _parts() -> Any:
    return current_app.extensions["parts"]


review = AppGroup("review", help="Payments that people must look at.")


@review.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, amounts in minor units.")
def review_list(as_json: bool) -> None:
    """Open cases, wallets that are not asked, and how many callbacks fitted no payment within a day."""
    from ussd_app.lib.msisdn import mask
    from ussd_app.money import breaker, callbacks, reviews

    parts = _parts()
    day_ago = parts.clock.now() - 24 * callbacks.HOUR_MS
    with parts.store.read() as tx:
        cases = reviews.listing(tx)
        shut = [row for row in breaker.listing(tx) if row["state"] != "closed"]
        strange = {
            verdict: tx.payment_evidence_count(verdict=verdict, since=day_ago)
            for verdict in ("unknown", "foreign", "forged")
        }
    for case in cases:
        case["told_msisdn"] = mask(case["told_msisdn"]) if case["told_msisdn"] else ""
    if as_json:
        click.echo(json.dumps({"cases": cases, "wallets": shut, "callbacks": strange}))
    else:
        for case in cases:
            _show(case)
        for row in shut:
            click.echo(f"wallet {row['provider']} is {row['state']}: {row['reason']}")
        click.echo(f"{len(cases)} cases; callbacks of a day that fitted nothing: {sum(strange.values())}.")
    sys.exit(FOUND if cases or shut else 0)


def _show(case: dict[str, Any]) -> None:
    from ussd_app.lib.clock import local
    from ussd_app.lib.money import show

    currency = case["told_currency"] or case["currency"] or ""
    asked = show(case["amount"], case["currency"]) if case["amount"] else "-"
    told = show(case["told_amount"], currency) if case["told_amount"] and currency else case["told_amount"] or "-"
    since = local(case["opened_at"]).strftime("%d/%m %H:%M")
    click.echo(f"{case['id']} {since} {case['why']:<18} {case['provider']} {case['kind'] or case['detail']}")
    click.echo(
        f"  order {case['our_external'] or '-'} part {case['part'] or '-'}, payment {case['payment_state'] or 'none'}; "
        f"asked {asked}, told {told} {case['told_state']} {case['told_external']} {case['told_msisdn']}".rstrip()
    )
    if case["in_suspense"]:
        click.echo(f"  in suspense: {case['in_suspense']} {currency} (minor units)")
    if case["detail"]:
        click.echo(f"  {case['detail']}")
    if case["proposed_as"]:
        click.echo(f"  {case['proposed_by']} says {case['proposed_as']}: {case['proposed_why']}")


@review.command("decide")
@click.argument("review_id")
@click.option("--by", required=True, help="The operator's name.")
@click.option(
    "--as",
    "decision",
    required=True,
    type=click.Choice(["paid", "failed", "refund", "noted"]),
    help="paid: it goes where it was meant to. failed: nothing moved. refund: it goes back. noted: seen.",
)
@click.option("--why", required=True, help="What was seen, in a sentence.")
def review_decide(review_id: str, by: str, decision: Any, why: str) -> None:
    """Say what becomes of a case; where money is concerned a second operator must say the same."""
    from ussd_app.money import reviews

    parts = _parts()
    now, handlers = parts.clock.now(), parts.money.handlers
    try:
        decided = parts.store.write(
            lambda tx: reviews.decide(
                tx, now=now, review_id=review_id, by=by, decision=decision, why=why, handlers=handlers
            )
        )
    except reviews.NotPossible as no:
        raise click.ClickException(str(no)) from no
    if not decided.done:
        click.echo(f"Noted. Another operator must now say: flask review decide {review_id} --by NAME --as {decision}")
        return
    click.echo(f"Decided: {decision}." + (f" The refund is payment {decided.refund_id}." if decided.refund_id else ""))


@review.command("resume")
@click.argument("provider")
@click.option("--by", required=True, help="The operator's name.")
def review_resume(provider: str, by: str) -> None:
    """Ask a wallet again at once that was left alone or paused."""
    from ussd_app.money import audit, breaker

    parts = _parts()
    now = parts.clock.now()

    def resume(tx: Any) -> bool:
        if not breaker.resume(tx, provider, now=now):
            return False
        audit.note(tx, now=now, actor=f"operator:{by[:60]}", action="wallet.resumed", subject=f"wallet:{provider}")
        return True

    if not parts.store.write(resume):
        raise click.ClickException("No wallet of this name is left alone or paused.")
    click.echo("It is asked again.")


@click.command()
@click.option(
    "--statement", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A wallet's statement, CSV."
)
@click.option("--provider", default="airtel_money", show_default=True, help="Whose statement it is.")
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 400), help="How far back to ask, without.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@with_appcontext
def reconcile(statement: Path | None, provider: str, days: int, as_json: bool) -> None:
    """Compare our payments with what the wallets say, or with a statement file."""
    from ussd_app.money import reconcile as books
    from ussd_app.money import statement as statements

    parts = _parts()
    if statement is not None and provider not in parts.money.providers:
        raise click.UsageError(f"No wallet is named {provider}.")
    try:
        lines = None if statement is None else statements.read_statement(statement.read_text("utf-8"))
    except ValueError as fault:
        raise click.UsageError(f"The statement cannot be read: {fault}") from fault
    found = books.reconcile(
        parts.store, parts.clock, parts.money.providers, statement=lines, provider=provider, days=days
    )
    if as_json:
        click.echo(json.dumps({"differences": found}))
    else:
        for one in found:
            name = one["payment_id"] or one["external_id"]
            click.echo(
                f"{one['what']:<22} {one['provider']} {name}: we {one['ours'] or '-'}, they {one['theirs'] or '-'}"
            )
        click.echo(f"{len(found)} differences.")
    sys.exit(FOUND if found else 0)
