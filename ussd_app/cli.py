"""The command line: one verb a task. Exit status 0 sound or done, 1 something found, 2 wrong use."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from flask.cli import AppGroup

from ussd_app import cli_bank, cli_money, cli_payments

FOUND = 1


def register(app: Flask) -> None:
    """Give `flask` our verbs."""
    for command in (migrate, seed, worker, doctor, up, dial, menus, demo, emulate):
        app.cli.add_command(command)
    cli_money.register(app)
    cli_payments.register(app)
    cli_bank.register(app)


def _parts() -> Any:
    return current_app.extensions["parts"]


def market_parts() -> Any:
    """The parts with a database that is up to date; else one sentence that says what to do."""
    from ussd_app.store import pending

    parts = _parts()
    with answering(parts.store):
        waiting = pending(parts.store)
    if waiting:
        raise click.ClickException("The database is not up to date. Run: flask migrate")
    return parts


@contextmanager
def answering(store: Any) -> Iterator[None]:
    """A database that is away, or newer than this program, is one sentence and not a traceback."""
    try:
        yield
    except store.failures as error:
        said = str(error).partition("\n")[0] or type(error).__name__
        raise click.ClickException(f"The database cannot be used: {said}") from None


# the database


@click.command()
@click.option("--plan", is_flag=True, help="Only say what would be done.")
def migrate(plan: bool) -> None:
    """Bring the database up to date."""
    from ussd_app.market import cooperatives, rates
    from ussd_app.store import migrate as bring_up
    from ussd_app.store import pending

    parts = _parts()
    with answering(parts.store):
        if plan:
            click.echo("\n".join(pending(parts.store)) or "Nothing to do.")
            return
        done = bring_up(parts.store)
        count = parts.store.write(lambda tx: rates.load(tx, parts.hub))
        now = parts.clock.now()
        completed = parts.store.write(lambda tx: cooperatives.complete(tx, hub=parts.hub, now=now))
    click.echo("\n".join(f"applied {name}" for name in done) or "The schema was up to date.")
    click.echo(f"{count} dated prices, fees, limits and rates of hub {parts.hub.code} are in place.")
    if completed:
        click.echo(f"{completed} cooperatives got a code and an account.")


@click.command()
def seed() -> None:
    """Put demonstration people and trades in (development only); a second time renews what has expired."""
    from ussd_app import demo as demonstration

    parts = market_parts()
    if parts.settings.production:
        raise click.ClickException("There are no demonstration people in production.")
    now = parts.clock.now()
    summary = demonstration.seed(
        parts.store, parts.hub, now=now, pin_key=parts.settings.pin_key, settings=parts.settings
    )
    renewed = demonstration.renew(parts.store, parts.hub, now, parts.clock, parts.settings)
    click.echo(", ".join(f"{count} {what}" for what, count in summary.items()))
    if renewed:
        click.echo(f"{renewed} expired listings and offers renewed.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def doctor(as_json: bool) -> None:
    """Is this installation sound?"""
    from ussd_app.web.health import not_ready

    parts = _parts()
    faults = not_ready(parts)
    if not faults:
        faults += durability(parts.store)
    for name in parts.settings.made_up:
        lost = ", and a PIN set in one is wrong in the next" if name == "PIN_KEY" else ""
        faults.append(
            f"{name} is not set: every process makes up another{lost}. `python -m ussd_app.first_env` makes .env."
        )
    if as_json:
        click.echo(json.dumps({"sound": not faults, "faults": faults}))
    else:
        click.echo("\n".join(faults) or f"Sound: {parts.store.engine}, hub {parts.hub.code}.")
    sys.exit(FOUND if faults else 0)


def durability(store: Any) -> list[str]:
    """Whether an acknowledged turn survives a power cut, as the database itself tells it."""
    with store.read() as tx:
        if store.engine == "sqlite":
            mode = tx.rows("PRAGMA journal_mode")[0]["journal_mode"]
            level = tx.rows("PRAGMA synchronous")[0]["synchronous"]
            check = tx.rows("PRAGMA quick_check")[0]["quick_check"]
            said = {"journal_mode": (mode, "wal"), "synchronous": (level, 2), "quick_check": (check, "ok")}
        else:
            names = ("synchronous_commit", "fsync", "full_page_writes")
            said = {name: (tx.rows(f"SHOW {name}")[0][name], "on") for name in names}
    return [f"{name} is {found}, not {wanted}" for name, (found, wanted) in said.items() if found != wanted]


# running


@click.command()
@click.option("--once", is_flag=True, help="Do what is due, then stop.")
def worker(once: bool) -> None:
    """Send what waits in the outbox and run the regular jobs."""
    from ussd_app.running import run_worker

    run_worker(market_parts(), once)


@click.command()
def up() -> None:
    """Web and worker together, with the demo people (what `make run` does)."""
    from ussd_app.running import run_together

    sys.exit(run_together(_parts()))


@click.command()
@click.argument("code")
@click.option("--phone", required=True, help="The calling number, +2507...")
@click.option("--keys", help="Inputs to run, separated by commas: 1,2,50")
@click.option("--script", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Replay a transcript.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a screen.")
@click.option("--url", help="A running server instead of this process.")
@click.option("--wire", default="africastalking", show_default=True, help="Which gateway's wire to speak.")
def dial(
    code: str, phone: str, keys: str | None, script: Path | None, as_json: bool, url: str | None, wire: str
) -> None:
    """A phone in the terminal: flask dial '*384*100#' --phone +250788000001"""
    from ussd_app import terminal

    settings = (_parts() if url else market_parts()).settings
    target: Any = url or current_app._get_current_object()  # type: ignore[attr-defined]
    status = terminal.dial(
        target,
        code,
        phone=phone,
        secret=settings.callback_secrets[0],
        wire=wire,
        service_code=settings.service_code,
        keys=keys,
        script=script,
        as_json=as_json,
    )
    sys.exit(status)


emulate = AppGroup("emulate", help="Faithful emulators, each a process of its own.")


@emulate.command("africastalking")
@click.option("--port", default=8100, show_default=True)
@click.option(
    "--fault", multiple=True, help="A fault: latency_ms=500, charset=yes, reports=shuffled, reset_every=5, hang_ms=..."
)
def emulate_africastalking(port: int, fault: tuple[str, ...]) -> None:
    """Africa's Talking: the SMS server, with a journal at /journal."""
    from ussd_app.emulators import africastalking

    settings = _parts().settings
    said = {
        "service": settings.public_url,
        "secret": settings.callback_secrets[0],
        "time_scale": str(settings.time_scale),
    }
    said |= dict(one.partition("=")[::2] for one in fault)
    known = {field.name for field in fields(africastalking.Options)} - {"port"}
    unknown = sorted(set(said) - known)
    if unknown:
        raise click.UsageError(f"no fault is called {unknown[0]!r}; see --help.")
    try:
        options = africastalking.Options(port=port, **_typed(said))
    except (TypeError, ValueError) as error:
        raise click.UsageError(f"{error}") from error
    click.echo(f"Africa's Talking emulator at http://127.0.0.1:{port}  (journal: /journal)")
    africastalking.serve(options)


FAULT_OF_A_WALLET = (
    "An option of its own: approval=ask, callback=never, latency_ms=500, status_rate=10, outage=yes, reason=string, ..."
)


@emulate.command("mtn_momo")
@click.option("--port", default=8101, show_default=True)
@click.option("--fault", multiple=True, help=FAULT_OF_A_WALLET)
def emulate_mtn_momo(port: int, fault: tuple[str, ...]) -> None:
    """MTN MoMo: prompts at /prompts, a journal at /journal, faults at /control."""
    from ussd_app.emulators import mtn_momo

    settings = _parts().settings
    said = {
        "environment": settings.mtn_momo_target_environment,
        "currency": settings.mtn_momo_currency,
        "callback_host": settings.mtn_momo_callback_host,
    }
    _serve_wallet("MTN MoMo", mtn_momo, said, port, fault)


@emulate.command("airtel_money")
@click.option("--port", default=8102, show_default=True)
@click.option("--fault", multiple=True, help=FAULT_OF_A_WALLET)
def emulate_airtel_money(port: int, fault: tuple[str, ...]) -> None:
    """Airtel Money: prompts at /prompts, a journal at /journal, faults at /control."""
    from ussd_app.emulators import airtel_money

    settings = _parts().settings
    said = {
        "country": settings.airtel_money_country,
        "currency": settings.airtel_money_currency,
        "service": settings.public_url,
        "secret": settings.callback_secrets[0],
        "hmac_key": settings.airtel_money_hmac_key,
        "signing": settings.airtel_money_signing,
    }
    _serve_wallet("Airtel Money", airtel_money, said, port, fault)


def _serve_wallet(name: str, wallet: Any, said: dict[str, Any], port: int, fault: tuple[str, ...]) -> None:
    """Run an emulated wallet until it is interrupted."""
    import threading

    settings = _parts().settings
    if settings.production:
        raise click.ClickException("There are no emulated wallets in production.")
    words = dict(one.partition("=")[::2] for one in fault)
    try:
        options = wallet.Options(
            **{"time_scale": settings.time_scale, **said, "port": port, **_as_fields(wallet.Options, words)}
        )
    except (TypeError, ValueError) as error:
        raise click.UsageError(f"{error}") from error
    with wallet.running(options) as emulator:
        click.echo(f"{name}, emulated: {emulator.url}  (journal: /journal, prompts: /prompts, faults: /control)")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


def _as_fields(options: Any, words: dict[str, str]) -> dict[str, Any]:
    """Options given as text, as the kinds of values they are. Raises ValueError for a word that is not one of a kind."""
    kinds: dict[str, Callable[[str], Any]] = {
        "int": int,
        "float": float,
        "str": str,
        "bool": {"yes": True, "no": False}.__getitem__,
    }
    named = {one.name: kinds[str(one.type)] for one in fields(options)}
    try:
        return {name: named[name](value) for name, value in words.items()}
    except KeyError as unknown:
        raise ValueError(f"not understood: {unknown}") from unknown


def _typed(said: dict[str, str]) -> dict[str, Any]:
    """Options given as text, as what they are: whole numbers, numbers, yes or no, words."""
    typed: dict[str, Any] = {}
    for name, value in said.items():
        if value in ("yes", "no"):
            typed[name] = value == "yes"
        elif name == "senders":
            typed[name] = tuple(value.split("+"))
        else:
            typed[name] = (
                int(value) if value.isdigit() else float(value) if value.replace(".", "", 1).isdigit() else value
            )
    return typed


# the conversation


menus = AppGroup("menus", help="The conversation: its proof and its drawing.")


@menus.command("check")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of lines.")
def menus_check(as_json: bool) -> None:
    """Prove that every screen fits and leads on, in every language, with worst-case data."""
    from ussd_app.proof import prove

    report = prove(_parts().settings)
    if as_json:
        told = {"screens": report.screens, "longest": report.longest, "faults": report.faults}
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        for fault in report.faults:
            click.echo(fault)
        click.echo(
            f"{len(report.shown)} screens shown {report.screens} times; the longest has {report.longest} septets "
            f"({report.longest_at}); {len(report.faults)} faults."
        )
    sys.exit(FOUND if report.faults else 0)


@menus.command("graph")
@click.option("--format", "form", type=click.Choice(["mermaid", "svg"]), default="mermaid")
def menus_graph(form: str) -> None:
    """Draw the conversation."""
    from menus import SCREENS
    from ussd_app.engine import graph

    click.echo(graph.mermaid(SCREENS) if form == "mermaid" else graph.svg(SCREENS), nl=False)


# the demonstration


demo = AppGroup("demo", help="The demonstration market.")


@demo.command("accounts")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of lines.")
def demo_accounts(as_json: bool) -> None:
    """The demo people: who they are, their numbers and PINs."""
    parts = market_parts()
    if parts.settings.production:
        raise click.ClickException("There are no demonstration people in production.")
    people = parts.demo_people()
    if as_json:
        told = [{"phone": person.pop("msisdn"), **person} for person in people]
        click.echo(json.dumps(told, ensure_ascii=False, indent=1))
        return
    for person in people:
        click.echo(
            f"{person['name']:<26} {person['role']:<8} {person['msisdn'] or person['sign_in']:<28} "
            f"PIN {person['pin'] or '-':<6} {person['language']}  {person['district']}"
        )
