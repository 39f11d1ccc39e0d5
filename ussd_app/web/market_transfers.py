"""Paying an order through the bank: the buyer chooses a currency and gets a proforma to print."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, g
from werkzeug.wrappers import Response as AnyResponse

from ussd_app.i18n import Msg, _
from ussd_app.lib import clock as clocks
from ussd_app.market import proformas, settlement, transfers
from ussd_app.market.terms import Refused
from ussd_app.money import bank, exchange
from ussd_app.store import Tx
from ussd_app.web.forms import posted
from ussd_app.web.pages import PageParts, draw, for_buyers, see
from ussd_app.web.refusals import shown_day

_REFUSALS = {
    "asked_already": _("Another request for this order is under way. Wait until it has ended."),
    "nothing_due": _("Nothing is to be paid for this order now."),
    "no_rate": _("No rate of exchange is known for this currency today. Choose another one."),
    "unknown_currency": _("Choose one."),
    "outside": _("You pay the seller yourself, as agreed."),
}


def add_routes(pages: Blueprint, parts: PageParts) -> None:
    """The page of an order's transfer, and the wish for one."""

    @pages.get("/orders/<order_id>/transfer")
    @for_buyers
    def transfer(order_id: str) -> AnyResponse:
        return _draw(parts, order_id)

    @pages.post("/orders/<order_id>/transfer")
    @for_buyers
    def ask_transfer(order_id: str) -> AnyResponse:
        currency = posted(("currency",))["currency"]
        me, now = _me(), g.visitor.now
        if currency not in _currencies(parts):
            return _draw(parts, order_id, _REFUSALS["unknown_currency"])

        def work(tx: Tx) -> None:
            proformas.ask(tx, clock=parts.clock, now=now, buyer_id=me, order_id=order_id, currency=currency)

        try:
            parts.store.write(work)
        except Refused as refused:
            if refused.reason == "not_found":
                abort(404)
            return _draw(parts, order_id, _REFUSALS[refused.reason])
        return see("market.transfer", order_id=order_id)


def _currencies(parts: PageParts) -> list[str]:
    """What a buyer may pay in: there is an account for it, and in production a real one."""
    known = (parts.hub.currency, *transfers.CURRENCIES)
    accounts = [parts.hub.bank_account(currency) for currency in known]
    return [one.currency for one in accounts if one and not (one.invented and parts.settings.production)]


def _draw(parts: PageParts, order_id: str, fault: Msg | None = None) -> Response:
    now = g.visitor.now
    with parts.store.read() as tx:
        order: dict[str, Any] | None = tx.order_of_buyer(id=order_id, buyer_id=_me())
        if order is None:
            abort(404)
        status = settlement.status(tx, order_id)
        found = transfers.of_order(tx, order_id)
        currencies = [one for one in _currencies(parts) if transfers.has_rate(tx, one, order["currency"], now)]
    waits = found is not None and found["payment_state"] == "pending"
    shown: dict[str, Any] = {"fresh": not waits}
    if found is not None:
        account = parts.hub.bank_account(found["currency"])
        over = waits and now >= found["valid_until"] and not found["line_state"]
        shown = {
            "fresh": over or not waits,
            "over": over,
            "account": account if account and account.currency in _currencies(parts) else None,
            "rate": bank.rate_text(found),
            "rate_day": shown_day(found["rate_day"]),
            "told_day": shown_day(clocks.day(found["issued_at"])),
            "last_day": shown_day(clocks.day(found["valid_until"])),
            "rate_age": exchange.age_days(found["rate_day"], found["issued_at"]),
            "rate_stale": exchange.is_stale(found["rate_day"], found["issued_at"]),
        }
    left = max(0, status["due"] - status["paid"] + status["refunded"] + status["refunding"])
    return draw(
        parts,
        "market_transfer.html",
        422 if fault else 200,
        row=order,
        money=status,
        left=left,
        found=found,
        waits=waits,
        currencies=currencies,
        fault=fault,
        **shown,
    )


def _me() -> str:
    return str(g.visitor.buyer["person_id"])
