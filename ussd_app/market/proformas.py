"""A buyer chooses to pay through her bank: a proforma with reference, amount, currency and the rate of a day."""

from __future__ import annotations

from ussd_app.lib.clock import Clock
from ussd_app.market import settlement, transfers
from ussd_app.market.terms import Refused
from ussd_app.money import bank, payments
from ussd_app.money.payments import Row
from ussd_app.store import Tx


def ask(tx: Tx, *, clock: Clock, now: int, buyer_id: str, order_id: str, currency: str) -> Row:
    """The transfer by which the buyer pays what is due of an order, in `currency`.

    While it stands it is the same one; once its time is over there is a new reference at the rate of the day. A wallet
    that was to be asked, and was not yet, is left alone. Raises Refused: not_found, unknown_currency, no_rate,
    outside (the two pay each other), asked_already (another request is under way), nothing_due.
    """
    order = tx.order_for_party(id=order_id, person_id=buyer_id)
    if order is None or order["buyer_id"] != buyer_id:
        raise Refused("not_found")
    order = tx.order_hold(id=order_id)
    if order["settlement"] == "outside":
        raise Refused("outside")
    if currency not in (order["currency"], *transfers.CURRENCIES):
        raise Refused("unknown_currency")
    if not transfers.has_rate(tx, currency, order["currency"], now):
        raise Refused("no_rate", currency=currency)
    settlement.advance(tx, clock=clock, now=now, order_id=order_id)
    found = transfers.of_order(tx, order_id)
    if found is not None and found["payment_state"] == "pending":
        return _standing(tx, clock, now, order, found, currency)
    for payment in tx.payments_of_order(order_id=order_id):
        if payment["kind"] == "collection" and payment["state"] == "created":
            payments.cancel(tx, now=now, payment_id=payment["id"], by=f"person:{buyer_id}", why="by_bank")
    now_open = settlement.status(tx, order_id)
    if now_open["asked"]:
        raise Refused("asked_already")
    if now_open["due"] <= now_open["paid"] - now_open["refunded"] - now_open["refunding"]:
        raise Refused("nothing_due")
    tx.settlement_pay_by_bank(order_id=order_id, currency=currency)
    tx.settlement_stop(order_id=order_id, collect_stop="", payout_stop=None, refund_stop=None, now=now)
    settlement.advance(tx, clock=clock, now=now, order_id=order_id)
    begun = transfers.of_order(tx, order_id)
    if begun is None or begun["payment_state"] != "pending":
        raise Refused("nothing_due")  # it may not be asked for yet: regret, or a dispute
    return begun


def _standing(tx: Tx, clock: Clock, now: int, order: Row, found: Row, currency: str) -> Row:
    if found["line_state"] or (now < found["valid_until"] and currency != found["currency"]):
        raise Refused("asked_already")
    if now < found["valid_until"]:
        return found
    valid_ms = clock.wait(transfers.VALID_MS)
    fresh = bank.renew(tx, now=now, payment_id=found["payment_id"], currency=currency, valid_ms=valid_ms)
    tx.settlement_pay_by_bank(order_id=order["id"], currency=currency)
    transfers.tell_reference(tx, now, order, fresh)
    return transfers.of_order(tx, order["id"]) or fresh
