"""The single steps of a settlement: collect from the buyer, give back to her, pay out to the seller.

One payment of a kind is under way at a time; what is more than a wallet moves at once goes in parts, one after another.
What a cooperative's account sold goes out by its pay list instead, many shares at once (`share_pay`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ussd_app.lib.clock import Clock
from ussd_app.market import share_pay, transfers, wallets
from ussd_app.market.tell import both, tell
from ussd_app.money import bank, ledger, payments
from ussd_app.store import Tx

AGAIN_MS = 3_600_000  # a wallet's cap for the hour or the day is reached
QUIET = ("name_unasked", "pay_list")  # what ends by itself within minutes, or is shown to who must act


@dataclass
class Open:
    """An order whose settlement is looked at, held by this transaction. `sums` as of payments.sums, kept up to date."""

    tx: Tx
    clock: Clock
    now: int
    order: dict[str, Any]
    row: dict[str, Any]  # its settlement
    sums: dict[str, int]
    hold: str = ""
    hold_until: int | None = None
    wake: list[int] = field(default_factory=list)
    shared_out: bool = False  # a cooperative's account sold it: its pay list says who gets what

    @property
    def has(self) -> int:
        """What the buyer paid for this order and did not get back, minor units."""
        return self.sums["paid"] - self.sums["refunded"] - self.sums["refunding"]

    @property
    def missing(self) -> int:
        """What the buyer must still be asked for."""
        return max(0, int(self.row["due"]) - self.has - self.sums["asked"])

    @property
    def excess(self) -> int:
        """What the buyer paid too much and we still have."""
        return max(0, min(self.has - int(self.row["due"]), self.has - self.going))

    @property
    def going(self) -> int:
        """What went to the seller or is on its way."""
        return self.sums["paid_out"] + self.sums["paying_out"]

    def even(self) -> bool:
        """Nothing is left to move, and nothing is under way."""
        under_way = self.sums["asked"] + self.sums["paying_out"] + self.sums["refunding"]
        return not (under_way or self.missing or self.excess) and self.sums["paid_out"] >= self.row["owed"]


def collect(step: Open) -> None:
    """Ask the buyer for what is missing, or for as much of it as the wallet moves at once."""
    order, row = step.order, step.row
    if not step.missing or step.sums["asked"] or row["collect_stop"]:
        return
    if order["state"] == "agreed" and not order["weighed"] and order["regret_until"] > step.now:
        step.wake.append(order["regret_until"])  # regret ends before anything is collected
        return
    if row["pay_provider"] == "bank":
        _collect_by_bank(step)
        return
    wallet = wallets.of(step.tx, now=step.now, person_id=order["buyer_id"])
    if wallet is None:
        _stop_collecting(step, "no_wallet")
        return
    provider = row["pay_provider"] or wallet["provider"]
    most = _most(step, provider)
    parts = -(-row["due"] // most)
    try:
        _ask(step, "collection", provider, wallet, min(step.missing, most), parts)
    except payments.Refused as no:
        left = int(no.facts.get("left", 0)) if no.reason == "over_day" else 0
        if left:
            _ask(step, "collection", provider, wallet, min(step.missing, most, left), parts)
        else:
            step.wake.append(step.now + step.clock.wait(AGAIN_MS))


def _collect_by_bank(step: Open) -> None:
    """One transfer for all that is missing, in the currency the buyer chose."""
    currency = step.row["pay_currency"] or step.order["currency"]
    if not transfers.has_rate(step.tx, currency, step.order["currency"], step.now):
        _stop_collecting(step, "no_rate")
        return
    _ask(step, "collection", "bank", {"msisdn": ""}, step.missing, 1)


def _stop_collecting(step: Open, why: str) -> None:
    step.tx.settlement_stop(
        order_id=step.order["id"], collect_stop=why, payout_stop=None, refund_stop=None, now=step.now
    )


def drop(step: Open) -> None:
    """Give up what the buyer was to be asked for and owes no more, where it was not sent yet."""
    if not step.sums["asked"] or step.has + step.sums["asked"] <= step.row["due"]:
        return
    for payment in step.tx.payments_of_order(order_id=step.order["id"]):
        if payment["kind"] == "collection" and payment["state"] == "created":
            gone = payments.cancel(step.tx, now=step.now, payment_id=payment["id"], by="market", why="not_due")
            step.sums["asked"] -= payment["amount"] if gone else 0


def refund(step: Open) -> None:
    """Give the buyer back what is too much, each collection by itself."""
    if not step.excess or step.row["refund_stop"] or step.sums["asked"]:
        return
    if step.shared_out:
        share_pay.take_back(step.tx, now=step.now, order_id=step.order["id"])
    else:
        _share(step, step.going)  # what was meant for the seller and is not hers after all
    for original in step.tx.payments_of_order(order_id=step.order["id"]):
        if original["kind"] != "collection" or original["state"] != "paid" or not step.excess:
            continue
        left = original["settled_amount"] - step.tx.payment_refunded(original_id=original["id"])
        if left > 0:
            _ask(step, "refund", original["provider"], original, min(left, step.excess), 1, original["id"])


def check_list(step: Open) -> None:
    """An approved pay list that no longer adds up to what is owed is worked out and approved anew."""
    pay_list = share_pay.list_of(step.tx, step.order)
    if pay_list is None or pay_list["state"] == "void" or pay_list["total"] == step.row["owed"]:
        return
    if pay_list["state"] != "draft" or not step.row["owed"]:
        share_pay.reopen(step.tx, now=step.now, pay_list=pay_list, owed=step.row["owed"])


def pay_list_out(step: Open) -> None:
    """Send the shares of the approved pay list that are covered by what has come."""
    pay_list = share_pay.list_of(step.tx, step.order)
    if pay_list is None or pay_list["state"] not in ("approved", "paying"):
        step.hold = "pay_list" if min(step.row["owed"], step.has) > step.going else ""
        return
    if step.row["payout_stop"]:
        return
    free = min(step.row["owed"], step.has) - step.going
    asked = share_pay.pay(step.tx, clock=step.clock, now=step.now, pay_list=pay_list, free=free)
    step.sums["paying_out"] += asked
    if asked:
        step.wake.append(step.now)  # a long list is asked for in several looks
    share_pay.settle(step.tx, now=step.now, pay_list_id=pay_list["id"])


def pay_out(step: Open) -> None:
    """Send the seller what is hers and has come, unless her wallet must be looked at first."""
    if step.shared_out:
        pay_list_out(step)
        return
    owed = min(step.row["owed"], step.has) - step.going
    if owed <= 0 or step.sums["paying_out"]:
        return
    if step.row["payout_stop"]:
        return
    gate = wallets.may_pay(step.tx, now=step.now, person_id=step.order["seller_id"])
    if gate.reason or gate.wallet is None:
        step.hold, step.hold_until = gate.reason, gate.until
        if gate.until is not None:
            step.wake.append(gate.until)
        return
    provider = gate.wallet["provider"]
    most = _most(step, provider)
    portion = min(owed, most)
    _share(step, step.going + portion)
    _ask(step, "disbursement", provider, gate.wallet, portion, -(-step.row["owed"] // most))


def keep(step: Open) -> None:
    """Write down why the payout waits and when to look again; the seller hears of a hold once."""
    order = step.order
    step.tx.settlement_hold(
        order_id=order["id"], hold=step.hold, hold_until=step.hold_until, next_at=min(step.wake, default=None),
        now=step.now,
    )  # fmt: skip
    if step.hold and step.hold not in QUIET and step.hold != step.row["hold"]:
        seller, _ = both(step.tx, order["seller_id"], order["buyer_id"])
        values = {"code": order["code"], "currency": order["currency"], "reason": step.hold}
        values |= {"amount_minor": min(step.row["owed"], step.has) - step.going}
        tell(step.tx, step.now, seller, "payment.held", f"{order['id']}:{step.hold}", values)


def take_fee(step: Open) -> None:
    """The market's own share of a settled order."""
    ledger.move(
        step.tx, now=step.now, source=_held(step), destination="fees:service", amount=step.row["fee"],
        currency=step.order["currency"], why="service fee", once=f"order:{step.order['id']}:fee",
    )  # fmt: skip


def _ask(
    step: Open,
    kind: payments.Kind,
    provider: str,
    to: dict[str, Any],
    amount: int,
    parts: int,
    original_id: str | None = None,
) -> None:
    order = step.order
    part = _part(step, kind)
    name = order["code"] if part == 1 else f"{order['code']}-{part}"
    source, destination = bank.ends_of(kind, order["id"]) if provider == "bank" else (None, None)
    payment = payments.ask(
        step.tx,
        now=step.now,
        kind=kind,
        provider=provider,
        person_id=order["seller_id"] if kind == "disbursement" else order["buyer_id"],
        msisdn=to["msisdn"],
        amount=amount,
        currency=order["currency"],
        order_id=order["id"],
        external=name,
        part=part,
        note=f"Order {order['code']}" + (f" part {part} of {max(part, parts)}" if parts > 1 else ""),
        source=source,
        destination=destination,
        original_id=original_id,
        hour_ms=step.clock.wait(payments.HOUR_MS),
    )
    if provider == "bank":
        _tell_transfer(step, payment)
    step.sums[{"collection": "asked", "disbursement": "paying_out", "refund": "refunding"}[kind]] += amount


def _tell_transfer(step: Open, payment: dict[str, Any]) -> None:
    home = step.order["currency"]
    currency = step.row["pay_currency"] or home
    if payment["kind"] == "refund":  # it goes back in what it came in
        currency = transfers.currency_of(step.tx, payment["original_id"], home)
    transfers.begin(step.tx, clock=step.clock, now=step.now, order=step.order, payment=payment, currency=currency)


def _part(step: Open, kind: str) -> int:
    """The first part of this kind that was not asked for, or came to nothing."""
    rows = step.tx.payments_of_order(order_id=step.order["id"])
    taken = {row["part"] for row in rows if row["kind"] == kind and row["state"] not in ("failed", "cancelled")}
    return next(part for part in range(1, len(taken) + 2) if part not in taken)


def _most(step: Open, provider: str) -> int:
    limit = payments.limits_of(step.tx, provider, step.order["currency"], step.now)
    return ledger.AMOUNT_MOST if limit is None else limit.transaction


def _share(step: Open, becomes: int) -> None:
    """Let `becomes` minor units of the order stand on the seller's account in the books, or have left it."""
    more = becomes - step.row["shared"]
    if not more:
        return
    ends = (_held(step), f"seller:{step.order['seller_id']}:payable")
    source, destination = ends if more > 0 else ends[::-1]
    ledger.move(
        step.tx, now=step.now, source=source, destination=destination, amount=abs(more),
        currency=step.order["currency"], why="share of the seller" if more > 0 else "not the seller's after all",
    )  # fmt: skip
    step.row["shared"] = becomes
    step.tx.settlement_share(order_id=step.order["id"], shared=becomes)


def _held(step: Open) -> str:
    return f"order:{step.order['id']}:held"
