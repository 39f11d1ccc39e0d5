"""The command line's verbs for what only an operator may end: a wallet in another name, a dispute, a delivery that nobody
answers, a payout that failed. Exit status as everywhere: 0 nothing or done, 1 something found or refused, 2 wrong use."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click
from flask import Flask
from flask.cli import AppGroup

from ussd_app.cli import FOUND, market_parts

Verb = TypeVar("Verb", bound=Callable[..., Any])

MOST_SHOWN = 200
UNANSWERED = 2  # reminders: her own, and the one after which people were asked to ring her
BY_ITSELF = ("", "name_unasked", "number_moved")  # holds that end without anybody


def _written(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    """A name or a reason without needless blanks; nothing but blanks is refused."""
    if text is None:
        return None
    if not text.strip():
        raise click.ClickException("Give your name and the reason.")
    return " ".join(text.split())


def _decision(why: str) -> Callable[[Verb], Verb]:
    """The options of everything that is decided: who, and `why` (its help)."""

    def add(verb: Verb) -> Verb:
        verb = click.option("--why", required=True, callback=_written, help=why)(verb)
        return click.option("--by", required=True, callback=_written, help="The operator's name.")(verb)

    return add


# --- wallets ------------------------------------------------------------------------------------------------------

wallets = AppGroup("wallets", help="Whose wallet the money goes to, where people must say so.")


@wallets.command("list")
@click.option("--by", callback=_written, help="The operator's name: shows the names too, and the look is noted.")
@click.option("--why", callback=_written, help="The reason, kept with the look.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def wallets_list(by: str | None, why: str | None, as_json: bool) -> None:
    """Wallets to judge (the holder's name is not hers, or nobody says), and changes that need a second operator."""
    from ussd_app.market import accounts
    from ussd_app.market import wallets as rules

    if (by is None) != (why is None):
        raise click.UsageError("Names are shown with both --by and --why, or not at all.")
    parts = market_parts()
    now = parts.clock.now()

    def look(tx: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        judge, approve = rules.to_decide(tx, MOST_SHOWN), tx.wallets_to_approve(limit=MOST_SHOWN)
        if by is not None:
            for person_id in sorted({row["person_id"] for row in judge + approve}):
                accounts.log_access(tx, now=now, looked_by=by, person_id=person_id, what="wallets.list", why=why or "")
        return judge, approve

    if by is None:
        with parts.store.read() as tx:
            found = look(tx)
    else:
        found = parts.store.write(look)
    judge, approve = ([_wallet(row, by is not None) for row in rows] for rows in found)
    if as_json:
        click.echo(json.dumps({"judge": judge, "approve": approve}))
    else:
        for row in judge:
            click.echo(f"{row['id']} {row['provider']} {row['msisdn']}: {row['holder']}{_names(row)}")
        for row in approve:
            click.echo(f"{row['id']} {row['provider']} {row['msisdn']}: change begun by {row['asked_by']}{_names(row)}")
        click.echo(f"{len(judge)} to judge, {len(approve)} to approve.")
    sys.exit(FOUND if judge or approve else 0)


def _wallet(row: dict[str, Any], names: bool) -> dict[str, Any]:
    from ussd_app.lib.msisdn import mask

    kept = ["id", "person_id", "provider", "holder", "asked_by", "ready_at", "changed_at"]
    kept += ["person_name", "holder_name"] if names else []
    return {name: row[name] for name in kept} | {"msisdn": mask(row["msisdn"])}


def _names(row: dict[str, Any]) -> str:
    return f"; hers {row['person_name']}, holder {row['holder_name'] or '-'}" if "person_name" in row else ""


@wallets.command("approve")
@click.argument("wallet_id")
@_decision("How you made sure that it is her and that she wants it.")
def wallets_approve(wallet_id: str, by: str, why: str) -> None:
    """A second operator agrees to a change of wallet that another one began; it still waits its 48 hours."""
    from ussd_app.market import accounts
    from ussd_app.market import wallets as rules

    parts = market_parts()
    now = parts.clock.now()

    def approve(tx: Any) -> str:
        row = tx.wallet_by_id(id=wallet_id)
        if row is not None and row["asked_by"].strip().casefold() == by.casefold():
            return "You began this change: another operator must agree to it."
        if not rules.approve(tx, now=now, wallet_id=wallet_id, by=by):
            return "No change with this id waits for a second operator."
        accounts.log_access(tx, now=now, looked_by=by, person_id=row["person_id"], what="wallets.approve", why=why)
        return ""

    no = parts.store.write(approve)
    if no:
        raise click.ClickException(no)
    click.echo("Approved: it begins when its wait is over.")


@wallets.command("decide")
@click.argument("wallet_id")
@click.option(
    "--as", "decision", required=True, type=click.Choice(["allow", "forbid"]),
    help="allow: money may go there. forbid: never to this wallet.",
)  # fmt: skip
@_decision("Who said whose wallet it is, and how you made sure.")
def wallets_decide(wallet_id: str, decision: Any, by: str, why: str) -> None:
    """Judge a wallet whose holder's name is not hers. Payouts that waited for it go on within a minute."""
    from ussd_app.market import wallets as rules
    from ussd_app.market.terms import Refused

    parts = market_parts()
    now, allow = parts.clock.now(), decision == "allow"
    try:
        parts.store.write(lambda tx: rules.decide(tx, now=now, wallet_id=wallet_id, by=by, allow=allow, why=why))
    except Refused as refused:
        raise click.ClickException("No wallet with this id is in use or waits to be.") from refused
    click.echo(
        "Allowed: what waited goes out." if allow else "Forbidden: nothing goes to it until she chooses another."
    )


# --- disputes -----------------------------------------------------------------------------------------------------

disputes = AppGroup("disputes", help="What the two sides of an order do not agree on.")


@disputes.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON list, amounts in minor units.")
def disputes_list(as_json: bool) -> None:
    """Open disputes, the oldest first, with the money of their orders and what one side offers."""
    from ussd_app.market import disputes as rules
    from ussd_app.market import settlement

    parts = market_parts()
    with parts.store.read() as tx:
        rows = rules.all_open(tx, MOST_SHOWN)
        for row in rows:
            money = settlement.status(tx, row["order_id"])
            row |= {name: money[name] for name in ("paid", "paid_out", "paying_out", "refunded")}
            row["agreed"] = tx.deliveries_taken(order_id=row["order_id"])["net"]
    if as_json:
        click.echo(json.dumps(rows))
    else:
        for row in rows:
            _show_dispute(row)
        click.echo(f"{len(rows)} open.")
    sys.exit(FOUND if rows else 0)


def _show_dispute(row: dict[str, Any]) -> None:
    from ussd_app.lib.money import show

    said = f": {row['words']}" if row["words"] else ""
    claim = ", a claim after the order was settled" if row["was"] == "settled" else ""
    click.echo(f"{row['id']} {_time(row['opened_at'])} order {row['code']}, the {row['side']} says {row['kind']}{said}")
    amounts = ((name.replace("_", " "), show(row[name], row["currency"])) for name in ("agreed", "paid", "paid_out"))
    click.echo(f"  {row['settlement']}{claim}; " + ", ".join(f"{name} {amount}" for name, amount in amounts))
    if row["proposed_as"]:
        side = "seller" if row["proposed_by"] == row["seller_id"] else "buyer"
        offer = f" with {show(row['proposed_amount'], row['currency'])}" if row["proposed_as"] == "settled" else ""
        click.echo(f"  the {side} offers: {row['proposed_as']}{offer}")


@disputes.command("decide")
@click.argument("dispute_id")
@click.option(
    "--as", "becomes", required=True, type=click.Choice(["settled", "cancelled"]),
    help="settled: the seller gets --amount, the rest goes back. cancelled: all goes back to the buyer.",
)  # fmt: skip
@click.option("--amount", default=None, help="What the seller gets, as 12500 or '12 500 RWF'; else what was agreed.")
@_decision("What both said and what was seen, in a sentence.")
def disputes_decide(dispute_id: str, becomes: Any, amount: str | None, by: str, why: str) -> None:
    """End a dispute; both sides are told, and the money moves as you say."""
    from ussd_app.lib.money import show
    from ussd_app.lib.typed import minor
    from ussd_app.market import disputes as rules
    from ussd_app.market.terms import Refused
    from ussd_app.money.ledger import AMOUNT_MOST

    if amount is not None and becomes == "cancelled":
        raise click.UsageError("A cancelled order has no --amount: the seller gets nothing.")
    parts = market_parts()
    now = parts.clock.now()
    with parts.store.read() as tx:
        currency = tx.dispute_currency(id=dispute_id)
    if currency is None:
        raise click.ClickException("No dispute has this id.")
    wanted = None if amount is None else minor(amount, currency, AMOUNT_MOST)
    if amount is not None and wanted is None:
        raise click.UsageError(f"That is not an amount in {currency}.")

    def decide(tx: Any) -> dict[str, Any]:
        dispute = tx.dispute_by_id(id=dispute_id)
        if dispute["state"] != "open":
            raise Refused("gone")
        if becomes == "settled" and wanted is None and not tx.deliveries_taken(order_id=dispute["order_id"])["net"]:
            raise Refused("nothing_agreed")
        about = {"dispute_id": dispute_id, "by": by, "becomes": becomes, "amount_minor": wanted, "why": why}
        return rules.decide(tx, clock=parts.clock, now=now, **about)

    try:
        done = parts.store.write(decide)
    except Refused as refused:
        raise click.ClickException(_dispute_words(refused, currency)) from refused
    gets = "Cancelled: the seller gets nothing" if becomes == "cancelled" else (
        f"Settled: the seller gets {show(done['amount'], currency)}"
    )  # fmt: skip
    click.echo(gets + (". The order was settled before: nothing moves by itself." if done["was"] == "settled" else "."))


def _dispute_words(refused: Any, currency: str) -> str:
    from ussd_app.lib.money import show

    if refused.reason == "too_much":
        return f"That is more than the order is worth: at most {show(refused.facts['most'], currency)}."
    if refused.reason == "paid_out":
        return (
            f"The seller has {show(refused.facts['least'], currency)} already, or it is on its way: not less than that."
        )
    return {
        "nothing_agreed": "Nothing was agreed at delivery: say --amount, or --as cancelled.",
        "gone": "This dispute has ended already.",
    }.get(refused.reason, "No dispute has this id.")


# --- deliveries ---------------------------------------------------------------------------------------------------

deliveries = AppGroup("deliveries", help="What was weighed and waits for the seller's yes.")


@deliveries.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those she was not reminded of twice yet.")
@click.option("--json", "as_json", is_flag=True, help="One JSON list, amounts in minor units.")
def deliveries_list(everything: bool, as_json: bool) -> None:
    """Deliveries that nobody answers, the oldest first."""
    from ussd_app.i18n import Quantity
    from ussd_app.lib.money import show

    parts = market_parts()
    with parts.store.read() as tx:
        rows = tx.deliveries_unanswered(least=0 if everything else UNANSWERED, limit=MOST_SHOWN)
    if as_json:
        click.echo(json.dumps(rows))
    else:
        for row in rows:
            weighed = Quantity(row["gross"], row["unit"]).render("en")
            click.echo(
                f"{row['id']} {_time(row['recorded_at'])} order {row['code']} receipt {row['receipt']} {row['produce']} "
                f"{weighed}, {show(row['net'], row['currency'])}; reminded {row['reminders']} times"
            )
        click.echo(f"{len(rows)} wait.")
    sys.exit(FOUND if rows else 0)


@deliveries.command("lapse")
@click.argument("delivery_id")
@_decision("Whom you rang, and what came of it.")
def deliveries_lapse(delivery_id: str, by: str, why: str) -> None:
    """End a delivery that nobody answers. It is never a yes: nothing is owed for it, and the buyer may weigh again."""
    from ussd_app.market import deliveries as rules
    from ussd_app.market.terms import Refused

    parts = market_parts()
    now = parts.clock.now()
    try:
        parts.store.write(lambda tx: rules.lapse(tx, now=now, delivery_id=delivery_id, by=by, why=why))
    except Refused as refused:
        said = "No delivery has this id."
        if refused.reason == "gone":
            said = f"It waits for nobody any more: it is {refused.facts['state']}."
        raise click.ClickException(said) from refused
    click.echo("Lapsed: both sides are told, and the buyer may weigh again.")


# --- settlements --------------------------------------------------------------------------------------------------

settlements = AppGroup("settlements", help="Payouts and refunds that do not go out.")


@settlements.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON list, amounts in minor units.")
def settlements_list(as_json: bool) -> None:
    """Orders whose payout or refund failed or is held, with the reason. Status 1 where one does not end by itself."""
    from ussd_app.lib.money import show
    from ussd_app.market import settlement

    parts = market_parts()
    with parts.store.read() as tx:
        rows = tx.settlements_held(after="", limit=MOST_SHOWN)
        for row in rows:
            money = settlement.status(tx, row["order_id"])
            row |= {name: money[name] for name in ("due", "owed", "paid", "paid_out", "refunded")}
            row["currency"] = tx.settlement_currency(order_id=row["order_id"])
            row["disputed"] = tx.dispute_open_of(order_id=row["order_id"]) is not None
    if as_json:
        click.echo(json.dumps(rows))
    else:
        for row in rows:
            amounts = ((name.replace("_", " "), show(row[name], row["currency"])) for name in ("owed", "paid_out"))
            told = ", ".join(f"{name} {amount}" for name, amount in amounts)
            click.echo(f"{row['order_id']} order {row['code']}: {'; '.join(_reasons(row))} ({told})")
        click.echo(f"{len(rows)} wait.")
    sys.exit(FOUND if any(_wants_people(row) for row in rows) else 0)


def _wants_people(row: dict[str, Any]) -> bool:
    return bool(row["payout_stop"] or row["refund_stop"]) or row["hold"] not in BY_ITSELF


def _reasons(row: dict[str, Any]) -> list[str]:
    until = f" until {_time(row['hold_until'])}" if row["hold_until"] else ""
    named = (("payout failed", row["payout_stop"]), ("refund failed", row["refund_stop"]), ("held", row["hold"]))
    told = [f"{what}, {why}{until if what == 'held' else ''}" for what, why in named if why]
    return [*told, "a dispute is open"] if row["disputed"] else told


@settlements.command("send-again")
@click.argument("order_id")
@_decision("What was mended, and how you know that nothing arrived.")
def settlements_send_again(order_id: str, by: str, why: str) -> None:
    """Try a payout or refund again that failed for certain. What nobody knows of is for `flask review list`, not for this."""
    from ussd_app.lib.money import show
    from ussd_app.market import settlement
    from ussd_app.market.terms import Refused

    parts = market_parts()
    now = parts.clock.now()

    def send(tx: Any) -> tuple[dict[str, Any], str]:
        order = tx.order_hold(id=order_id)
        if order is None:
            raise Refused("not_found")
        if tx.dispute_open_of(order_id=order_id) is not None:
            raise Refused("disputed")
        was = settlement.status(tx, order_id)
        if not (was["payout_stop"] or was["refund_stop"]):
            raise Refused("nothing_failed")
        done = settlement.send_again(tx, clock=parts.clock, now=now, order_id=order_id, by=by, why=why)
        return done, order["currency"]

    try:
        done, currency = parts.store.write(send)
    except Refused as refused:
        raise click.ClickException({
            "disputed": "A dispute is open over this order: decide it first, see flask disputes list.",
            "nothing_failed": "No payout or refund of this order failed.",
        }.get(refused.reason, "No order with money has this id.")) from refused  # fmt: skip
    going = {"to the seller": done["paying_out"], "back to the buyer": done["refunding"]}
    told = [f"{show(amount, currency)} {where}" for where, amount in going.items() if amount]
    if told:
        click.echo(f"On its way: {' and '.join(told)}.")
    else:
        click.echo(f"It may go out again, and waits: {done['hold'] or 'nothing is left to send'}.")


def _time(at: int) -> str:
    from ussd_app.lib.clock import local

    return local(at).strftime("%d/%m %H:%M")


def register(app: Flask) -> None:
    """Give `flask` these verbs."""
    for group in (wallets, disputes, deliveries, settlements):
        app.cli.add_command(group)
