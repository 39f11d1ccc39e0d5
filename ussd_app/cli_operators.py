"""What operators do from the command line. Every look at a person is noted with who looked and why."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
from flask import Flask
from flask.cli import AppGroup

from ussd_app.cli import FOUND, market_parts
from ussd_app.store import Tx

outbox = AppGroup("outbox", help="What waits to go out.")


@outbox.command("list")
@click.option("--state", default="", help="waiting, dead, held, ...; all that did not go out when not given.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of lines.")
def outbox_list(state: str, as_json: bool) -> None:
    """Messages that wait, or that were given up."""
    from ussd_app.lib.msisdn import mask
    from ussd_app.store import outbox as messages

    parts = market_parts()
    states = [state] if state else ["waiting", "leased", "sending", "held", "refused", "dead"]
    with parts.store.read() as tx:
        rows = [row for name in states for row in messages.in_state(tx, name, 200)]
    for row in rows:
        row["recipient"] = mask(row["recipient"])
    if as_json:
        click.echo(json.dumps(rows))
    else:
        for row in rows:
            click.echo(
                f"{row['id']} {row['state']:<9} {row['template']:<28} to {row['recipient']} tries {row['tries']} {row['last_error']}"
            )
        click.echo(f"{len(rows)} messages.")
    sys.exit(FOUND if any(row["state"] == "dead" for row in rows) else 0)


buyers = AppGroup("buyers", help="How far buyers are known.")


@buyers.command("verify")
@click.argument("person_id")
@click.option("--by", required=True, help="The operator's name.")
@click.option("--why", required=True, help="Which papers were seen.")
def buyers_verify(person_id: str, by: str, why: str) -> None:
    """An operator saw a buyer's papers: the small caps end."""
    from ussd_app.market import buyers as rules

    parts = market_parts()
    now = parts.clock.now()
    if not parts.store.write(lambda tx: rules.verify(tx, now=now, person_id=person_id, by=by, why=why)):
        raise click.ClickException("No confirmed buyer has this id.")
    click.echo("Verified.")


numbers = AppGroup("numbers", help="A lost number is moved by two people.")


@numbers.command("move")
@click.argument("person_id")
@click.argument("new_number")
@click.option("--by", required=True, help="The operator's name.")
def numbers_move(person_id: str, new_number: str, by: str) -> None:
    """Begin to move a person to another number; the old one is told by SMS."""
    from ussd_app.lib.msisdn import parse
    from ussd_app.market import accounts

    parts = market_parts()
    number = parse(new_number, parts.hub.country)
    if number is None:
        raise click.UsageError("That is not a phone number.")
    now = parts.clock.now()
    move = parts.store.write(lambda tx: accounts.start_move(tx, now=now, person_id=person_id, new_msisdn=number, by=by))
    if move is None:
        raise click.ClickException("Not possible: no such active person, a move waits already, or the number is full.")
    click.echo(f"Another operator must now say: flask numbers approve {move} --by NAME")


@numbers.command("approve")
@click.argument("move_id")
@click.option("--by", required=True, help="The second operator's name.")
def numbers_approve(move_id: str, by: str) -> None:
    """A second operator approves; both numbers are told by SMS."""
    from ussd_app.market import accounts

    parts = market_parts()
    now = parts.clock.now()
    answer = parts.store.write(lambda tx: accounts.approve_move(tx, now=now, clock=parts.clock, move_id=move_id, by=by))
    click.echo(answer)
    sys.exit(0 if answer == "moved" else FOUND)


@click.command("reset-pin")
@click.argument("person_id")
@click.option("--by", required=True, help="The operator's name.")
def reset_pin(person_id: str, by: str) -> None:
    """Begin a PIN reset for somebody; she sets the new PIN herself, on her own phone, 24 hours later."""
    from ussd_app.market import accounts

    parts = market_parts()
    now = parts.clock.now()
    waiting = parts.store.write(
        lambda tx: accounts.ask_pin_reset(tx, now=now, clock=parts.clock, person_id=person_id, by=by)
    )
    if waiting is None:
        raise click.ClickException("Not possible: no such active person with a number, or asked three times today.")
    click.echo("Asked for; an SMS tells her.")


@outbox.command("send-again")
@click.argument("message_id")
def outbox_send_again(message_id: str) -> None:
    """Put a message that was given up or refused back in the queue."""
    from ussd_app.store import outbox as messages

    parts = market_parts()
    now = parts.clock.now()
    if not parts.store.write(lambda tx: messages.send_again(tx, now=now, id=message_id)):
        raise click.ClickException("No such message was given up, or it was a code: codes are not kept.")
    click.echo("It goes out again.")


@numbers.command("list")
def numbers_list() -> None:
    """Moves that wait for a second operator."""
    from ussd_app.lib.msisdn import mask
    from ussd_app.market import accounts

    parts = market_parts()
    with parts.store.read() as tx:
        rows = accounts.waiting_moves(tx)
    for row in rows:
        click.echo(f"{row['id']} from {mask(row['old_msisdn'])} to {mask(row['new_msisdn'])} by {row['started_by']}")
    click.echo(f"{len(rows)} moves wait.")


@numbers.command("reject")
@click.argument("move_id")
def numbers_reject(move_id: str) -> None:
    """The move will not be done."""
    from ussd_app.market import accounts

    parts = market_parts()
    if not parts.store.write(lambda tx: accounts.reject_move(tx, move_id=move_id)):
        raise click.ClickException("No such move waits.")
    click.echo("Rejected.")


people = AppGroup("people", help="Find somebody; the look is noted.")


@people.command("find")
@click.argument("number")
@click.option("--by", required=True, help="The operator's name.")
@click.option("--why", required=True, help="The reason, kept with the look.")
def people_find(number: str, by: str, why: str) -> None:
    """Who is on a number: id, name, roles, state. Each look is kept in the access log."""
    from ussd_app.lib.msisdn import parse
    from ussd_app.market import accounts
    from ussd_app.market import people as rules

    parts = market_parts()
    msisdn = parse(number, parts.hub.country)
    if msisdn is None:
        raise click.UsageError("That is not a phone number.")
    now = parts.clock.now()

    def look(tx: Tx) -> list[dict[str, Any]]:
        found = rules.everyone_on_number(tx, msisdn)
        for person in found:
            accounts.log_access(tx, now=now, looked_by=by, person_id=person["id"], what="people.find", why=why)
        return found

    found = parts.store.write(look)
    for person in found:
        click.echo(f"{person['id']} {person['name']} {'+'.join(person['roles'])} {person['state']}")
    sys.exit(0 if found else FOUND)


callbacks = AppGroup("callbacks", help="Who waits to be rung.")


@callbacks.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON list.")
def callbacks_list(as_json: bool) -> None:
    """People who asked for a call, longest waiting first, with the screen they were stuck on."""
    from ussd_app.market import help as helping

    parts = market_parts()
    with parts.store.read() as tx:
        rows = helping.open_call_backs(tx)
    if as_json:
        click.echo(json.dumps(rows))
    else:
        for row in rows:
            click.echo(
                f"{row['id']} No {row['code']} {row['msisdn']} {row['name'] or ''}: {row['screen']}, {row['question']}"
            )
        click.echo(f"{len(rows)} wait.")
    sys.exit(FOUND if rows else 0)


@callbacks.command("close")
@click.argument("call_back_id")
@click.option("--by", required=True, help="The operator's name.")
@click.option("--note", default="", help="What came of it.")
def callbacks_close(call_back_id: str, by: str, note: str) -> None:
    """Somebody rang."""
    from ussd_app.market import help as helping

    parts = market_parts()
    now = parts.clock.now()
    done = parts.store.write(
        lambda tx: helping.close_call_back(tx, now=now, call_back_id=call_back_id, by=by, note=note)
    )
    if not done:
        raise click.ClickException("No such call back is open.")
    click.echo("Closed.")


def register(app: Flask) -> None:
    """Give `flask` the operators' verbs."""
    for command in (outbox, buyers, numbers, reset_pin, people, callbacks):
        app.cli.add_command(command)
