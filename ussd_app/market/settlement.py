"""Settlement: what the buyer still has to pay for an order, what the seller still has to get, and the next step to it.

    outside        the parties pay each other; the seller confirms
    pass_through   the agreed net is collected from the buyer, and what came is paid out
    held           the estimate is collected once nobody may undo the order, and trued up at delivery: a second
                   collection or a refund; what was agreed is paid out

`advance` looks at an order as it is and takes every step that is open; it may run at any time, as often as one likes.
What was asked and paid is read from the payments themselves. An open dispute stops everything that was not sent.
What a cooperative's account sold is paid out share by share, once its pay list was approved (`shares`, `share_pay`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ussd_app.lib.clock import Clock
from ussd_app.market import orders, payouts, share_funds, share_pay, wallets
from ussd_app.market.payouts import Open
from ussd_app.market.tell import both, tell
from ussd_app.market.terms import Refused, amount
from ussd_app.money import audit
from ussd_app.money.transitions import Handlers
from ussd_app.store import Store, Tx

Order = dict[str, Any]

_BATCH = 100


def advance(tx: Tx, *, clock: Clock, now: int, order_id: str) -> None:
    """Take every step towards the settlement of an order that can be taken now (`now` epoch ms)."""
    order = tx.order_hold(id=order_id)
    if order is None:
        return
    tx.settlement_add(order_id=order_id, seller_id=order["seller_id"], now=now)
    row = _owe(tx, now, order, tx.settlement_of(order_id=order_id))
    if tx.dispute_open_of(order_id=order_id) is not None:
        tx.settlement_look(order_id=order_id, next_at=None)
        return
    if order["settlement"] == "outside":
        if order["state"] == "cancelled":
            tx.settlement_done(order_id=order_id, now=now)
        if share_pay.is_account(tx, order):
            payouts.check_list(Open(tx, clock, now, order, row, share_pay.sums(tx, order_id)))
        return
    step = Open(tx, clock, now, order, row, share_pay.sums(tx, order_id), shared_out=share_pay.is_account(tx, order))
    if step.shared_out:
        payouts.check_list(step)
    payouts.drop(step)
    payouts.collect(step)
    payouts.refund(step)
    payouts.pay_out(step)
    if not _finish(step):
        payouts.keep(step)


def confirm_received(tx: Tx, *, clock: Clock, now: int, seller_id: str, order_id: str) -> Order:
    """The seller says that she has her money, paid outside: the order is settled, a dispute she opened over it ends.

    Raises Refused: not_found, not_outside (settlement), gone (state), disputed (the buyer's dispute is open).
    """
    order = tx.order_hold(id=order_id)
    if order is None or order["seller_id"] != seller_id:
        raise Refused("not_found")
    if order["settlement"] != "outside":
        raise Refused("not_outside", settlement=order["settlement"])
    if order["state"] not in ("delivered", "disputed"):
        raise Refused("gone", state=order["state"])
    dispute = tx.dispute_open_of(order_id=order_id)
    if dispute is not None:
        if dispute["opened_by"] != seller_id:
            raise Refused("disputed")
        tx.dispute_end(id=dispute["id"], ended_as="withdrawn", amount=None, by="", why="", now=now)
    advance(tx, clock=clock, now=now, order_id=order_id)
    tx.settlement_confirm(order_id=order_id, now=now)
    settled = orders.move(tx, now=now, order_id=order_id, was=order["state"], becomes="settled")
    tx.settlement_done(order_id=order_id, now=now)
    _note(tx, now, f"person:{seller_id}", "order.received", order, settled["state"])
    row = tx.settlement_of(order_id=order_id)
    seller, buyer = both(tx, seller_id, order["buyer_id"])
    values = {"code": order["code"], "name": seller["name"], "currency": order["currency"]}
    tell(tx, now, buyer, "payment.received", order_id, values | {"amount_minor": row["owed"]})
    return settled


def pay_again(
    tx: Tx, *, clock: Clock, now: int, buyer_id: str, order_id: str, provider: str | None = None
) -> dict[str, Any]:
    """The buyer wants to be asked again after a request that came to nothing, with another wallet where `provider` says.

    Returns `status`; its `collect_stop` says where nobody can be asked after all. Raises Refused: not_found, disputed
    (one is open), asked_already (a request is under way), nothing_due. Raises ValueError for no wallet of ours.
    """
    if provider not in (None, *wallets.PROVIDERS):
        raise ValueError(f"no wallet is called {provider}")
    order = tx.order_for_party(id=order_id, person_id=buyer_id)
    if order is None or order["buyer_id"] != buyer_id or tx.settlement_of(order_id=order_id) is None:
        raise Refused("not_found")
    tx.order_hold(id=order_id)
    now_open = status(tx, order_id)
    if tx.dispute_open_of(order_id=order_id) is not None:
        raise Refused("disputed")
    if now_open["asked"]:
        raise Refused("asked_already")
    left = now_open["due"] - now_open["paid"] + now_open["refunded"] + now_open["refunding"]
    if order["settlement"] == "outside" or left <= 0:
        raise Refused("nothing_due")
    if provider is not None:
        tx.settlement_pay_with(order_id=order_id, provider=provider)
    tx.settlement_stop(order_id=order_id, collect_stop="", payout_stop=None, refund_stop=None, now=now)
    advance(tx, clock=clock, now=now, order_id=order_id)
    return status(tx, order_id)


def send_again(tx: Tx, *, clock: Clock, now: int, order_id: str, by: str, why: str) -> dict[str, Any]:
    """An operator lets a payout or refund that failed be tried again, in writing. Returns `status`.

    Raises Refused: not_found, no_reason.
    """
    order = tx.order_hold(id=order_id)
    if order is None or tx.settlement_of(order_id=order_id) is None:
        raise Refused("not_found")
    if not by.strip() or not why.strip():
        raise Refused("no_reason")
    _note(tx, now, f"operator:{by.strip()}", "settlement.again", order, why.strip()[:200])
    tx.settlement_stop(order_id=order_id, collect_stop=None, payout_stop="", refund_stop="", now=now)
    for share in tx.shares_failed_of(order_id=order_id):
        tx.share_again(id=share["id"], now=now)
    advance(tx, clock=clock, now=now, order_id=order_id)
    return status(tx, order_id)


def status(tx: Tx, order_id: str) -> dict[str, Any]:
    """Where the money of an order is, minor units: due (of the buyer), asked (under way), paid, owed (to the seller),
    paying_out, paid_out, refunding, refunded; and why nothing moves: hold and hold_until, collect_stop, payout_stop,
    refund_stop; confirmed_at (outside). All nothing before the first delivery."""
    row = tx.settlement_of(order_id=order_id) or {}
    found: dict[str, Any] = {name: row.get(name, 0) for name in ("due", "owed", "fee")}
    found |= {name: row.get(name, "") for name in ("hold", "collect_stop", "payout_stop", "refund_stop")}
    found |= {name: row.get(name) for name in ("hold_until", "confirmed_at", "done_at")}
    return found | share_pay.sums(tx, order_id)


def handlers(clock: Clock) -> Handlers:
    """What money calls inside its transaction: payment.paid, payment.failed, payment.review."""
    return {
        "payment.paid": lambda tx, payment, now: on_paid(tx, payment, now, clock),
        "payment.failed": lambda tx, payment, now: on_failed(tx, payment, now, clock),
        "payment.review": lambda tx, payment, now: on_review(tx, payment, now, clock),
    }


def on_paid(tx: Tx, payment: dict[str, Any], now: int, clock: Clock) -> None:
    """Money moved: whoever it concerns hears it, and the next step is taken."""
    order = tx.order_hold(id=payment["order_id"])
    if order is None:
        _of_list(tx, payment, now, clock, share_pay.on_paid)
        return
    seller, buyer = both(tx, order["seller_id"], order["buyer_id"])
    values = {"code": order["code"], "currency": payment["currency"], "amount_minor": payment["settled_amount"]}
    values |= {"transaction": payment["external_id"] or "-", "paid_at": now}
    templates = {"collection": "payment.collected", "disbursement": "payment.paid_out", "refund": "payment.refunded"}
    to = seller if payment["kind"] == "disbursement" else buyer
    tell(tx, now, to, templates[payment["kind"]], payment["id"], values | {"name": buyer["name"]})
    advance(tx, clock=clock, now=now, order_id=order["id"])


def on_failed(tx: Tx, payment: dict[str, Any], now: int, clock: Clock) -> None:
    """Nothing moved, for certain: that kind of step stops until a person acts."""
    order = tx.order_hold(id=payment["order_id"])
    if order is None:
        if payment["kind"] == "collection":
            share_funds.on_failed(tx, payment["order_id"], payment["reason"])
        _of_list(tx, payment, now, clock, share_pay.on_failed)
        return
    tx.settlement_add(order_id=order["id"], seller_id=order["seller_id"], now=now)
    stops = dict.fromkeys(("collect_stop", "payout_stop", "refund_stop"))
    stop = {"collection": "collect_stop", "disbursement": "payout_stop", "refund": "refund_stop"}[payment["kind"]]
    tx.settlement_stop(order_id=order["id"], **(stops | {stop: payment["reason"] or "other"}), now=now)
    seller, buyer = both(tx, order["seller_id"], order["buyer_id"])
    values = {"code": order["code"], "currency": payment["currency"], "amount_minor": payment["amount"]}
    values |= {"reason": payment["reason"] or "other"}
    template = "payment.failed" if payment["kind"] == "collection" else "payment.not_sent"
    to = seller if payment["kind"] == "disbursement" else buyer
    tell(tx, now, to, template, payment["id"], values)
    advance(tx, clock=clock, now=now, order_id=order["id"])


def on_review(tx: Tx, payment: dict[str, Any], now: int, clock: Clock) -> None:
    """Money and our row disagree: people look at it, and whoever it concerns hears that they do."""
    order = tx.order_hold(id=payment["order_id"])
    if order is None:
        _of_list(tx, payment, now, clock, share_pay.on_review)
        return
    seller, buyer = both(tx, order["seller_id"], order["buyer_id"])
    to = seller if payment["kind"] == "disbursement" else buyer
    values = {"code": order["code"], "currency": payment["currency"], "amount_minor": payment["amount"]}
    tell(tx, now, to, "payment.checking", payment["id"], values)
    advance(tx, clock=clock, now=now, order_id=order["id"])


def _of_list(
    tx: Tx, payment: dict[str, Any], now: int, clock: Clock, told: Callable[[Tx, Order, Order, int], None]
) -> None:
    """What became of a payment of a pay list: of a share, or (a collection) of the money for a second payment."""
    share = tx.share_by_id(id=payment["order_id"]) if payment["kind"] == "disbursement" else None
    if share is None:
        if payment["kind"] == "collection" and tx.pay_list_by_id(id=payment["order_id"]) is not None:
            share_funds.advance(tx, clock=clock, now=now, pay_list_id=payment["order_id"])
        return
    if share["order_id"]:
        tx.order_hold(id=share["order_id"])
    else:
        tx.pay_list_hold(id=share["pay_list_id"])
    told(tx, payment, tx.share_by_id(id=share["id"]), now)
    if share["order_id"]:
        advance(tx, clock=clock, now=now, order_id=share["order_id"])
    else:
        share_funds.advance(tx, clock=clock, now=now, pay_list_id=share["pay_list_id"])
    share_pay.settle(tx, now=now, pay_list_id=share["pay_list_id"])


def run(store: Store, clock: Clock, now: int) -> int:
    """For the worker, about every 10 s: begin the collections of held orders, go on with what waited, give back what
    cancelled orders hold. Returns how many orders and second payments were looked at."""
    with store.read() as tx:
        rows = tx.settlements_to_begin(now=now, limit=_BATCH) + tx.settlements_due(now=now, limit=_BATCH)
        rows += tx.settlements_of_cancelled(limit=_BATCH)
        shares = tx.shares_due(now=now, limit=_BATCH)
        seasons = [row["id"] for row in tx.pay_lists_due(now=now, limit=_BATCH)]
    rows += [row for row in shares if row["order_id"]]
    seasons += [row["pay_list_id"] for row in shares if not row["order_id"]]
    found = list(dict.fromkeys(str(row["order_id"]) for row in rows))
    for order_id in found:
        store.write(lambda tx, order_id=order_id: advance(tx, clock=clock, now=now, order_id=order_id))  # type: ignore[misc]
    seasons = list(dict.fromkeys(seasons))
    for list_id in seasons:
        store.write(lambda tx, one=list_id: share_funds.advance(tx, clock=clock, now=now, pay_list_id=one))  # type: ignore[misc]
    return len(found) + len(seasons)


def rule(tx: Tx, *, now: int, order_id: str, seller_id: str, amount_minor: int) -> None:
    """What a dispute's end says: the buyer owes and the seller gets `amount_minor`, whatever was weighed.

    Raises Refused paid_out (least: what the seller has or is getting already).
    """
    sums = share_pay.sums(tx, order_id)
    least = sums["paid_out"] + sums["paying_out"]
    if amount_minor < least:
        raise Refused("paid_out", least=least)
    tx.settlement_add(order_id=order_id, seller_id=seller_id, now=now)
    tx.settlement_owe(order_id=order_id, due=amount_minor, owed=amount_minor, fee=0, ruled=1, now=now)


def _owe(tx: Tx, now: int, order: Order, row: dict[str, Any]) -> dict[str, Any]:
    """The settlement with what is due and owed by now, worked out anew from what was agreed."""
    if order["state"] == "cancelled":
        due = owed = fee = 0
    elif row["ruled"]:
        return row
    else:
        taken = tx.deliveries_taken(order_id=order["id"])
        owed, fee = taken["net"], taken["fee"]
        due = owed + fee
        if order["settlement"] == "held" and order["state"] == "agreed":
            due = max(due, amount(order["quantity"], order["price"], order["unit"]))
    if (due, owed, fee) != (row["due"], row["owed"], row["fee"]):
        tx.settlement_owe(order_id=order["id"], due=due, owed=owed, fee=fee, ruled=row["ruled"], now=now)
    return row | {"due": due, "owed": owed, "fee": fee}


def _finish(step: Open) -> bool:
    """Settle the order, or close the books of a cancelled one, where nothing is left to move. Returns whether it was."""
    tx, order, row = step.tx, step.order, step.row
    if order["state"] not in ("delivered", "disputed", "settled", "closed", "cancelled") or not step.even():
        return False
    if row["done_at"] is None and row["fee"]:
        payouts.take_fee(step)
    tx.settlement_done(order_id=order["id"], now=step.now)
    if order["state"] in ("delivered", "disputed"):
        orders.move(tx, now=step.now, order_id=order["id"], was=order["state"], becomes="settled")
        _note(tx, step.now, "market", "order.settled", order, "settled")
    return True


def _note(tx: Tx, now: int, actor: str, action: str, order: Order, becomes: str) -> None:
    audit.note(
        tx, now=now, actor=actor, action=action, subject=f"order:{order['id']}", was=order["state"], becomes=becomes
    )
