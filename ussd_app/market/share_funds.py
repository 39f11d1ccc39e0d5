"""The money of a second payment: collected from the cooperative's own wallet, then paid out as the list says."""

from __future__ import annotations

from typing import Any

from ussd_app.lib.clock import Clock
from ussd_app.market import share_pay, wallets
from ussd_app.market.payouts import AGAIN_MS
from ussd_app.money import payments
from ussd_app.store import Tx

Row = dict[str, Any]


def advance(tx: Tx, *, clock: Clock, now: int, pay_list_id: str) -> None:
    """Take every step of a second payment that can be taken now (`now` epoch ms), as often as one likes."""
    tx.pay_list_hold(id=pay_list_id)
    row = tx.pay_list_by_id(id=pay_list_id)
    if row["order_id"] or row["fund"] != "market" or row["state"] not in ("approved", "paying"):
        return
    tx.pay_list_look(id=pay_list_id, next_at=None)
    has = payments.sums(tx, pay_list_id)
    wanted = row["total"] - has["paid"] - has["asked"]
    if wanted > 0 and not has["asked"] and not row["collect_stop"]:
        _collect(tx, clock, now, row, wanted)
    gone = int(tx.share_payment_sums_of_list(pay_list_id=pay_list_id))
    asked = share_pay.pay(tx, clock=clock, now=now, pay_list=row, free=has["paid"] - gone)
    if asked:  # a long list is asked for in several looks
        tx.pay_list_look(id=pay_list_id, next_at=now)
    share_pay.settle(tx, now=now, pay_list_id=pay_list_id)


def collect_again(tx: Tx, *, clock: Clock, now: int, pay_list_id: str) -> None:
    """The cooperative is to be asked once more after its wallet said no; the caller checked who says so."""
    tx.pay_list_stop(id=pay_list_id, why="")
    advance(tx, clock=clock, now=now, pay_list_id=pay_list_id)


def on_failed(tx: Tx, pay_list_id: str, reason: str) -> None:
    """The cooperative's wallet did not pay: it stops until a manager asks again."""
    tx.pay_list_stop(id=pay_list_id, why=reason or "other")


def _collect(tx: Tx, clock: Clock, now: int, row: Row, wanted: int) -> None:
    """Ask the cooperative's wallet for what is missing, or as much of it as moves at once."""
    wallet = wallets.of(tx, now=now, person_id=row["account_id"])
    if wallet is None:
        tx.pay_list_stop(id=row["id"], why="no_wallet")
        return
    limit = payments.limits_of(tx, wallet["provider"], row["currency"], now)
    taken = [one for one in tx.payments_of_order(order_id=row["id"]) if one["state"] not in ("failed", "cancelled")]
    try:
        payments.ask(
            tx, now=now, kind="collection", provider=wallet["provider"], person_id=row["account_id"],
            msisdn=wallet["msisdn"], amount=wanted if limit is None else min(wanted, limit.transaction),
            currency=row["currency"], order_id=row["id"], external=f"{share_pay.name_of(row)}-{len(taken) + 1}",
            part=len(taken) + 1, note="Second payment", hour_ms=clock.wait(payments.HOUR_MS),
        )  # fmt: skip
    except payments.Refused:
        tx.pay_list_look(id=row["id"], next_at=now + clock.wait(AGAIN_MS))
