"""Paying through a bank, as the market sees it: whoever pays or is paid back hears the reference and the amount."""

from __future__ import annotations

from typing import Any

from ussd_app.lib.clock import Clock
from ussd_app.market.tell import both, tell
from ussd_app.money import bank, exchange
from ussd_app.money.payments import Row
from ussd_app.store import Tx

CURRENCIES = ("EUR", "USD", "CNY")  # besides the market's own
VALID_MS = 7 * 86_400_000  # how long the amount in another currency stands


def begin(tx: Tx, *, clock: Clock, now: int, order: dict[str, Any], payment: Row, currency: str) -> Row:
    """Give a payment through the bank its reference; the buyer of a collection hears it. Returns the transfer.

    Raises money.reviews.NotPossible where the currency has no rate (see `has_rate`).
    """
    transfer = bank.begin(tx, now=now, payment_id=payment["id"], currency=currency, valid_ms=clock.wait(VALID_MS))
    if payment["kind"] == "collection":
        tell_reference(tx, now, order, transfer)
    return transfer


def tell_reference(tx: Tx, now: int, order: dict[str, Any], transfer: Row) -> None:
    """The buyer hears under which reference her transfer is known, how much it is and until when that stands."""
    _, buyer = both(tx, order["seller_id"], order["buyer_id"])
    values = {"code": order["code"], "reference": transfer["reference"], "valid_until": transfer["valid_until"]}
    values |= {"amount_minor": transfer["amount"], "currency": transfer["currency"]}
    tell(tx, now, buyer, "transfer.told", transfer["reference"], values)


def currency_of(tx: Tx, payment_id: str, home: str) -> str:
    """The currency a payment was transferred in."""
    transfer = tx.bank_transfer_of_payment(payment_id=payment_id)
    return str(transfer["currency"]) if transfer else home


def has_rate(tx: Tx, currency: str, home: str, now: int) -> bool:
    """Whether an amount can be told in `currency` today."""
    return exchange.rate_for(tx, currency, home, now) is not None


def of_order(tx: Tx, order_id: str) -> Row | None:
    """The transfer the buyer of an order was told of last, with `kind`, `payment_state`, `home_amount`,
    `home_currency` and `line_state` ("" while no line of the bank was matched); None where there was none."""
    rows: list[Row] = tx.bank_transfers_of_order(order_id=order_id)
    return next((row for row in rows if row["kind"] == "collection"), None)
