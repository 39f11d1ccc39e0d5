"""Payments: what became of the money, at once; the seller's word on what was paid outside; asking a buyer again.

A wallet's PIN is never asked for here: the payer approves on the wallet's own prompt.
"""

from __future__ import annotations

from typing import Any

from menus import refusals
from menus.offers import joined
from menus.wallet import choices
from menus.weigh import receipt_of
from menus.words import produce_name
from ussd_app.engine.answers import Words
from ussd_app.engine.screen import Ask, Confirm, Done, Menu, Option, Pages, Screen, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Amount, Day, Msg, Text, When, _
from ussd_app.lib.clock import local
from ussd_app.lib.typed import normalise
from ussd_app.market import deliveries, disputes, settlement
from ussd_app.market.terms import Refused
from ussd_app.trade_words import HELD, WALLETS, not_paid

MOST_SHOWN = 6
DAY_MS = 86_400_000
MOVES = ("pay.received", "pay.missing", "pay.wallet")


def name_of(provider: str) -> Text:
    """What money moved through."""
    return _("Bank") if provider == "bank" else WALLETS.get(provider, "-")


def _selling(visit: Visit) -> bool:
    return bool(visit.me["seller_kind"]) and not visit.draft.get("as_buyer")


def _rows(visit: Visit, order_id: str = "") -> list[dict[str, Any]]:
    limit = 1 if order_id else MOST_SHOWN
    found: list[dict[str, Any]]
    if _selling(visit):
        found = visit.tx.money_of_seller(seller_id=visit.me["id"], order_id=order_id, limit=limit)
    else:
        found = visit.tx.money_of_buyer(buyer_id=visit.me["id"], order_id=order_id, limit=limit)
    return found


@screen("pay.latest", goes=(*MOVES, "weigh.check", "pay.more"))
def latest(visit: Visit) -> Screen:
    """The latest payment's state at once; what waits for her yes goes before it."""
    selling = _selling(visit)
    more = Option(_("More on payments"), "pay.more", number=3)
    waiting = deliveries.waiting_for(visit.tx, visit.me["id"], 1) if selling else []
    if waiting:
        visit.draft["order"] = waiting[0]["order_id"]
        title = _("{buyer}: a weight waits for your answer.", buyer=waiting[0]["buyer_name"])
        return Pages(title, [Option(_("Check the weight"), "weigh.check", number=1), more])
    rows = _rows(visit)
    if not rows:
        return Pages(_("No payment yet."), [more])
    row = max(rows, key=lambda one: max(one["moved_at"], one["asked_at"] or 0, one["settled_at"] or 0))
    visit.draft["order"] = row["order_id"]
    return Pages(joined(lines(row, selling)), [*_keys(row, selling), more])


@screen("pay.more", goes=("pay.list", "pay.statement", "pay.code", "wallet.mine"))
def more(visit: Visit) -> Menu:
    options = [
        Option(_("Other payments"), "pay.list", number=1),
        Option(_("Statement"), "pay.statement", number=2),
        Option(_("Is this SMS real?"), "pay.code", number=3),
        Option(_("My wallet"), "wallet.mine", number=4),
    ]
    if not _selling(visit):
        del options[1]
    return Menu(_("Payments"), options)


@screen("pay.list", goes=("pay.one",))
def listed(visit: Visit) -> Menu:
    rows = _rows(visit)
    if not rows:
        return Menu(_("No payment yet."), [])
    selling = _selling(visit)
    options = [
        Option(
            _(
                "{code} {amount} {state}",
                code=row["code"],
                amount=Amount(_whole(row, selling), row["currency"]),
                state=word(row),
            ),
            "pay.one",
            row["order_id"],
        )
        for row in rows
    ]
    return Menu(_("Payments"), options, keep="order")


def _whole(row: dict[str, Any], selling: bool) -> int:
    return int(row["owed"] if selling else row["due"])


@screen("pay.one", goes=MOVES)
def one(visit: Visit) -> Screen:
    """The money of one order, for either side of it."""
    order = visit.tx.order_for_party(id=visit.draft["order"], person_id=visit.me["id"])
    if order is None:
        return Menu(_("It is no longer there."), [])
    selling = order["seller_id"] == visit.me["id"]
    ask = visit.tx.money_of_seller if selling else visit.tx.money_of_buyer
    side = {"seller_id" if selling else "buyer_id": visit.me["id"]}
    rows = ask(**side, order_id=order["id"], limit=1)
    if not rows:
        return Menu(_("No payment yet."), [])
    return Pages(joined(lines(rows[0], selling)), _keys(rows[0], selling))


def word(row: dict[str, Any]) -> Msg:
    """A payment's state in one word."""
    if row["order_state"] == "disputed":
        return _("disputed")
    if row["settlement"] == "outside":
        return _("confirmed") if row["confirmed_at"] else _("open")
    if row["done_at"]:
        return _("paid")
    if row["state"] in ("unknown", "review"):
        return _("being checked")
    return _("failed") if row["state"] == "failed" else _("waits")


def lines(row: dict[str, Any], selling: bool) -> list[Msg]:
    """Where the money of an order is, in plain words."""
    head = _("Order {code}, {name}:", code=row["code"], name=row["other"])
    if row["order_state"] == "disputed":
        return [head, _("A problem is open. Nothing moves until it ends.")]
    if row["settlement"] == "outside":
        return [head, *_outside(row, selling)]
    return [head, *(_to_seller(row) if selling else _of_buyer(row))]


def _outside(row: dict[str, Any], selling: bool) -> list[Msg]:
    amount = Amount(_whole(row, selling), row["currency"])
    if row["confirmed_at"]:
        return [
            _("{amount} paid outside, confirmed by the seller {time}.", amount=amount, time=When(row["confirmed_at"]))
        ]
    if selling:
        return [_("{amount} to be paid to you outside. Did you receive it?", amount=amount)]
    return [_("Pay the seller {amount}. The seller confirms it.", amount=amount)]


def _to_seller(row: dict[str, Any]) -> list[Msg]:
    amount = Amount(row["settled_amount"] or row["amount"] or row["owed"], row["currency"])
    if row["kind"] == "disbursement":
        return _payout(row, amount)
    if row["hold"]:
        why = HELD.get(row["hold"]) or _("being checked")
        return [_("{amount} waits: {why}.", amount=Amount(row["owed"], row["currency"]), why=why)]
    if row["state"] is None:
        return [_("{amount}: the buyer is asked soon.", amount=amount)]
    if row["state"] == "paid":
        return [_("The buyer has paid. {amount} comes to your wallet.", amount=Amount(row["owed"], row["currency"]))]
    if row["state"] in ("unknown", "review"):
        return [_("{amount}: being checked with the wallet. Nothing is lost.", amount=amount)]
    if row["state"] == "failed":
        return [_("The buyer's wallet did not pay: {why}. The buyer can pay again.", why=not_paid(row["reason"]))]
    if row["provider"] == "bank":
        return [_("{amount}: the buyer pays by bank transfer. We wait for it.", amount=amount)]
    return [_("{amount}: the buyer was asked {time}, the wallet waits.", amount=amount, time=When(row["asked_at"]))]


def _payout(row: dict[str, Any], amount: Amount) -> list[Msg]:
    if row["state"] == "paid":
        found = [_("Paid {amount} {time}", amount=Amount(row["had"], row["currency"]), time=When(row["settled_at"]))]
        return [
            *found,
            _("{wallet} No {number}", wallet=name_of(row["provider"]), number=row["external_id"] or "-"),
        ]
    if row["state"] in ("unknown", "review"):
        return [_("{amount}: being checked with the wallet. Nothing is lost.", amount=amount)]
    if row["state"] == "failed":
        return [
            _("{amount} did not reach your wallet: {why}. We look at it.", amount=amount, why=not_paid(row["reason"]))
        ]
    return [_("{amount} is on its way to your wallet.", amount=amount)]


def _of_buyer(row: dict[str, Any]) -> list[Msg]:
    amount = Amount(row["settled_amount"] or row["amount"] or row["due"], row["currency"])
    if row["state"] is None or (row["state"] == "failed" and row["kind"] == "collection"):
        why = not_paid(row["reason"] if row["state"] else row["collect_stop"])
        if row["state"] is None and not row["collect_stop"]:
            return [_("{amount}: you are asked soon.", amount=amount)]
        return [_("{amount} not paid: {why}. Pay again.", amount=amount, why=why)]
    if row["state"] in ("unknown", "review"):
        return [_("{amount}: being checked with the wallet. Do not pay twice.", amount=amount)]
    if row["state"] == "paid":
        time = When(row["settled_at"])
        back = row["kind"] == "refund"
        found = [
            _("You got back {amount} {time}", amount=amount, time=time)
            if back
            else _("Paid {amount} {time}", amount=amount, time=time)
        ]
        return [
            *found,
            _("{wallet} No {number}", wallet=name_of(row["provider"]), number=row["external_id"] or "-"),
        ]
    if row["kind"] == "refund":
        return [_("{amount} is on its way back to you.", amount=amount)]
    if row["provider"] == "bank":
        return [
            _("{amount}: we wait for your bank transfer. The reference is on the page and in the SMS.", amount=amount)
        ]
    wallet: Text = WALLETS.get(row["provider"], "-")
    return [
        _("{amount}: approve it on your phone in {wallet}, with the wallet's own PIN.", amount=amount, wallet=wallet)
    ]


def _keys(row: dict[str, Any], selling: bool) -> list[Option]:
    """What she or he can do about it now."""
    if selling and row["settlement"] == "outside" and not row["confirmed_at"] and row["order_state"] == "delivered":
        return [
            Option(_("I received it"), "pay.received", number=1),
            Option(_("Not received"), "pay.missing", number=2),
        ]
    if selling or row["settlement"] == "outside" or row["order_state"] == "disputed":
        return []
    failed = row["kind"] == "collection" and row["state"] == "failed"
    return [Option(_("Pay again"), "pay.wallet", number=1)] if failed or row["collect_stop"] else []


# paid outside


@screen("pay.received", goes=("pay.received_now",))
def received(visit: Visit) -> Confirm:
    return Confirm(_("You have the money of this order, all of it?"), "pay.received_now", _("Yes, I received it"))


@action("pay.received_now")
def received_now(visit: Visit) -> Done:
    try:
        settlement.confirm_received(
            visit.tx, clock=visit.clock, now=visit.now, seller_id=visit.me["id"], order_id=visit.draft["order"]
        )
    except Refused as refused:
        return Done(refusals.line(refused))
    return Done(_("Saved: you received it. The order is done."))


@screen("pay.missing", goes=("pay.missing_now",))
def missing(visit: Visit) -> Confirm:
    return Confirm(
        _("The money did not come? The buyer is told and a problem is opened."), "pay.missing_now", _("Not received")
    )


@action("pay.missing_now")
def missing_now(visit: Visit) -> Done:
    try:
        disputes.not_received(visit.tx, now=visit.now, seller_id=visit.me["id"], order_id=visit.draft["order"])
    except Refused as refused:
        return Done(refusals.line(refused))
    return Done(_("The problem is open and the buyer is told. Help: {phone}", phone=visit.settings.support_phone))


# the buyer pays again


@screen("pay.wallet", goes=("pay.confirm",))
def wallet(visit: Visit) -> Menu:
    return Menu(_("Pay from which wallet?"), choices(visit, "pay.confirm"), keep="wallet")


@screen("pay.confirm", goes=("pay.ask",))
def confirm(visit: Visit) -> Screen:
    rows = visit.tx.money_of_buyer(buyer_id=visit.me["id"], order_id=visit.draft["order"], limit=1)
    if not rows:
        return Menu(_("It is no longer there."), [])
    row = rows[0]
    left = Amount(max(row["due"] - (row["had"] or 0), 0), row["currency"])
    title = _(
        "Order {code}: pay {amount} from {wallet}?",
        code=row["code"],
        amount=left,
        wallet=WALLETS[visit.draft["wallet"]],
    )
    return Confirm(title, "pay.ask", _("Pay"))


@action("pay.ask")
def ask(visit: Visit) -> Done:
    try:
        found = settlement.pay_again(
            visit.tx,
            clock=visit.clock,
            now=visit.now,
            buyer_id=visit.me["id"],
            order_id=visit.draft["order"],
            provider=visit.draft["wallet"],
        )
    except Refused as refused:
        return Done(refusals.line(refused))
    if found["collect_stop"]:
        return Done(_("This wallet cannot be asked now. Help: {phone}", phone=visit.settings.support_phone))
    return Done(_("Soon your phone shows the wallet's request. Approve it with the wallet's own PIN."))


# statement and codes


@screen("pay.statement")
def statement(visit: Visit) -> Pages:
    """The last five weights with their lines, and what the year has brought so far."""
    found: list[Msg] = []
    year = local(visit.now).year
    since = _new_year(visit.now)
    for row in deliveries.totals(visit.tx, seller_id=visit.me["id"], since=since, until=visit.now + 1):
        total = Amount(row["net"], row["currency"])
        found.append(
            _("{year} {produce}: {total}", year=year, produce=produce_name(visit, row["produce"]), total=total)
        )
    for row in deliveries.statement(visit.tx, visit.me["id"]):
        if row["state"] == "agreed":
            head = _(
                "{day} {buyer}, receipt {receipt}",
                day=Day(row["ended_at"]),
                buyer=row["buyer_name"],
                receipt=row["receipt"],
            )
            found += [head, *receipt_of(row)]
    return Pages(joined(found) if found else _("Nothing was weighed yet."))


def _new_year(now: int) -> int:
    """The first moment of the year, epoch ms."""
    here = local(now)
    return int(here.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)


def clean_code(text: str) -> str | None:
    """A code out of an SMS: letters, digits, points and dashes."""
    code = normalise(text).replace(" ", "").strip(".,:;#").upper()
    return (
        code if 4 <= len(code) <= 30 and code.isascii() and code.replace("-", "").replace(".", "").isalnum() else None
    )


@screen("pay.code", goes=("pay.real",))
def code(visit: Visit) -> Ask:
    refusal = _("Write the code or number as in the SMS.")
    return Ask(
        _("Code or No in the SMS:"),
        Words(clean_code, refusal, ("MP210603.1234.L06941", "12345678")),
        "code",
        "pay.real",
    )


@screen("pay.real")
def real(visit: Visit) -> Pages:
    """Only our own books say whether money moved."""
    code, me = visit.draft["code"], visit.me["id"]
    found = visit.tx.money_by_external(person_id=me, external_id=code)
    if found:
        amount, wallet = Amount(found["settled_amount"], found["currency"]), name_of(found["provider"])
        return Pages(joined([
            _("Real: {amount}, order {code}", amount=amount, code=found["code"]),
            _("{wallet} {time}", wallet=wallet, time=When(found["settled_at"])),
        ]))  # fmt: skip
    order = visit.tx.order_by_code(code=code, person_id=me)
    rows = []
    if order:
        selling = order["seller_id"] == me
        side = {"seller_id" if selling else "buyer_id": me}
        rows = (visit.tx.money_of_seller if selling else visit.tx.money_of_buyer)(**side, order_id=order["id"], limit=1)
    if rows:
        return Pages(joined(lines(rows[0], selling)))
    return Pages(_("We have no such payment. Do not send money back. Call {phone}", phone=visit.settings.support_phone))
