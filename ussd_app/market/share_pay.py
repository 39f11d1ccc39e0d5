"""Paying a list out: each share by itself to the member's own wallet, several at once, each at most once.

A share's payments carry its id in place of an order's, and are asked for only while the order (or the list of a second
payment) is held. What was given out by the cooperative itself goes to the cooperative, once the member's time to
contest is over. A share that waits or fails stops no other.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ussd_app.lib.clock import Clock
from ussd_app.market import people, wallets
from ussd_app.market.tell import tell
from ussd_app.money import audit, ledger, payments
from ussd_app.store import Tx

Row = dict[str, Any]

BATCH = 200  # shares asked for in one look; the next look goes on
LOOK_AGAIN_MS = 3_600_000
QUIET = ("name_unasked", "not_activated")  # nothing she could do, or nobody to tell yet


def list_of(tx: Tx, order: Row) -> Row | None:
    """The pay list of an order that an account sold, None where there is none yet."""
    row: Row | None = tx.pay_list_of_order(order_id=order["id"])
    return row


def is_account(tx: Tx, order: Row) -> bool:
    """Whether a cooperative's account sold this order, so that its money goes out by a pay list."""
    if not order["cooperative_id"]:
        return False
    row = tx.cooperative_by_account(account_id=order["seller_id"])
    return row is not None


def sums(tx: Tx, order_id: str) -> dict[str, int]:
    """As `payments.sums`, with what went out, or is on its way, by the order's pay list."""
    found = payments.sums(tx, order_id)
    for row in tx.share_payment_sums(order_id=order_id):
        found["paid_out" if row["state"] == "paid" else "paying_out"] += row["amount"]
    return found


def pay(tx: Tx, *, clock: Clock, now: int, pay_list: Row, free: int) -> int:
    """Ask for the payments of shares that are open and covered. The caller holds the order or the list.

    Args: `pay_list` as `pay_list_by_id` returns it, approved; `free` minor units that are there and not on their way.
    Returns how many minor units were asked for.
    """
    asked = 0
    for share in tx.shares_open(pay_list_id=pay_list["id"], now=now, limit=BATCH):
        going = payments.sums(tx, share["id"])
        left = share["net"] - going["paid_out"] - going["paying_out"]
        if going["paying_out"] or left <= 0:
            continue
        if left > free - asked:
            break  # in the order of the list, so that nobody small goes ahead for ever
        asked += _pay_one(tx, clock, now, pay_list, share, left)
    if asked and pay_list["state"] == "approved":
        tx.pay_list_move(id=pay_list["id"], was="approved", becomes="paying", now=now)
    return asked


def _pay_one(tx: Tx, clock: Clock, now: int, pay_list: Row, share: Row, left: int) -> int:
    receiver = share["person_id"] if share["via"] == "wallet" else pay_list["account_id"]
    gate = _gate(tx, now, receiver)
    if gate.reason or gate.wallet is None:
        _hold(tx, clock, now, pay_list, share, gate.reason, gate.until)
        return 0
    limit = payments.limits_of(tx, gate.wallet["provider"], pay_list["currency"], now)
    portion = left if limit is None else min(left, limit.transaction)
    taken = [row for row in tx.payments_of_order(order_id=share["id"]) if row["state"] not in ("failed", "cancelled")]
    part = len(taken) + 1
    code = name_of(pay_list)
    place = f"{code}-{share['place']}" + (f"-{part}" if part > 1 else "")
    _move(tx, now, pay_list, share, fund_of(pay_list), share["net"] - left + portion, receiver)
    payment = payments.ask(
        tx, now=now, kind="disbursement", provider=gate.wallet["provider"], person_id=receiver,
        msisdn=gate.wallet["msisdn"], amount=portion, currency=pay_list["currency"], order_id=share["id"],
        external=place, part=part, note=f"Share of {code}",
        source=f"seller:{receiver}:payable",
    )  # fmt: skip
    tx.share_sent(id=share["id"], payment_id=payment["id"], now=now)
    return portion


def _gate(tx: Tx, now: int, person_id: str) -> wallets.Gate:
    """As `wallets.may_pay`; nobody is paid who has not said yes herself."""
    person = people.by_id(tx, person_id)
    if person is None or person["state"] not in ("active", "stopped"):
        return wallets.Gate(None, "not_activated")
    return wallets.may_pay(tx, now=now, person_id=person_id)


def _hold(tx: Tx, clock: Clock, now: int, pay_list: Row, share: Row, why: str, until: int | None) -> None:
    tx.share_held(id=share["id"], why=why, next_at=until or now + clock.wait(LOOK_AGAIN_MS), now=now)
    if why == share["why"] or why in QUIET:
        return
    values = {"code": name_of(pay_list), "currency": pay_list["currency"], "reason": why, "amount_minor": share["net"]}
    receiver = share["person_id"] if share["via"] == "wallet" else pay_list["account_id"]
    tell(tx, now, tx.contact_of(id=receiver), "payment.held", f"{share['id']}:{why}", values)


def name_of(pay_list: Row) -> str:
    """What people know a list by: the order's code, or the season."""
    return str(pay_list["order_code"] or pay_list["season"])


def _move(tx: Tx, now: int, pay_list: Row, share: Row, fund: str, becomes: int, receiver: str) -> None:
    """Let `becomes` minor units of a share stand on its receiver's account in the books, or have left it."""
    more = becomes - share["moved"]
    if not more:
        return
    steps = [fund, f"seller:{share['person_id']}:payable"]
    if receiver != share["person_id"]:  # the member had it from the cooperative, which now has her claim
        steps.append(f"seller:{receiver}:payable")
    if more < 0:
        steps.reverse()
    for source, destination in pairwise(steps):
        ledger.move(
            tx, now=now, source=source, destination=destination, amount=abs(more), currency=pay_list["currency"],
            why="share of a pay list" if more > 0 else "share taken back",
        )  # fmt: skip
    share["moved"] = becomes
    tx.share_move(id=share["id"], moved=becomes)


def fund_of(row: Row) -> str:
    """The account of the books that a list (or a share's list) is paid from."""
    return f"order:{row['order_id'] or row.get('pay_list_id', row['id'])}:held"


def take_back(tx: Tx, *, now: int, order_id: str) -> None:
    """What stands on members' accounts and neither went nor is on its way goes back to the order."""
    pay_list = tx.pay_list_of_order(order_id=order_id)
    for share in tx.shares_moved(order_id=order_id):
        take_back_one(tx, now=now, pay_list=pay_list, share=share)


def take_back_one(tx: Tx, *, now: int, pay_list: Row, share: Row) -> None:
    """The same for one share, which the caller holds."""
    going = payments.sums(tx, share["id"])
    gone = going["paid_out"] + going["paying_out"]
    if gone < share["moved"]:
        receiver = share["person_id"] if share["via"] == "wallet" else pay_list["account_id"]
        _move(tx, now, pay_list, share, fund_of(pay_list), gone, receiver)


def reopen(tx: Tx, *, now: int, pay_list: Row, owed: int) -> Row:
    """What is owed changed after the list was approved: whatever has not left is worked out and approved anew."""
    take_back(tx, now=now, order_id=pay_list["order_id"])
    becomes = "draft" if owed else "void"
    if tx.pay_list_move(id=pay_list["id"], was=pay_list["state"], becomes=becomes, now=now) is None:
        return pay_list
    tx.shares_reopen(pay_list_id=pay_list["id"], now=now)
    for row in tx.share_deductions_of_list(pay_list_id=pay_list["id"]):
        tx.advance_give_back(id=row["advance_id"], amount=row["amount"])
    tx.share_deductions_drop(pay_list_id=pay_list["id"])
    note(tx, now, "market", "paylist.reopened", pay_list["id"], pay_list["state"], becomes)
    account = tx.contact_of(id=pay_list["account_id"])
    tell(tx, now, account, "paylist.changed", f"{pay_list['id']}:{owed}:{now}", {"code": name_of(pay_list)})
    return pay_list | {"state": becomes}


def recall(tx: Tx, *, now: int, order_id: str, by: str, why: str) -> None:
    """Give up what was asked for and not sent: a dispute freezes it. `by` as in the trail."""
    for row in tx.share_payments_created(order_id=order_id):
        if payments.cancel(tx, now=now, payment_id=row["id"], by=by, why=why) is not None:
            tx.share_again(id=row["share_id"], now=now)


def settle(tx: Tx, *, now: int, pay_list_id: str) -> None:
    """Close a list of which nothing is left to give out."""
    if tx.shares_left(pay_list_id=pay_list_id):
        return
    for was in ("approved", "paying"):
        if tx.pay_list_move(id=pay_list_id, was=was, becomes="done", now=now) is not None:
            note(tx, now, "market", "paylist.done", pay_list_id, was, "done")


def on_paid(tx: Tx, payment: Row, share: Row, now: int) -> None:
    """A share's payment arrived; the caller holds the order or the list. She is told when it is whole."""
    going = payments.sums(tx, share["id"])
    if going["paid_out"] < share["net"]:
        tx.share_again(id=share["id"], now=now)
        return
    if tx.share_paid(id=share["id"], now=now) is None:
        return
    receiver = tx.contact_of(id=payment["person_id"])
    values: Row = {"code": name_of(share), "currency": payment["currency"], "name": share["cooperative_name"]}
    values |= {"transaction": payment["external_id"] or "-", "paid_at": now, "unit": share["unit"]}
    if payment["person_id"] != share["person_id"] or share["own"]:
        tell(tx, now, receiver, "payment.paid_out", payment["id"], values | {"amount_minor": share["net"]})
        return
    values |= lines(tx, share)
    tell(tx, now, receiver, "share.paid.less" if "lines_minor" in values else "share.paid", share["id"], values)


def lines(tx: Tx, share: Row) -> Row:
    """What a message on a share names: kilos, the whole, each deduction, what she gets."""
    taken: list[tuple[str, None, None, int]] = [("fee", None, None, -share["fee"])] if share["fee"] else []
    rows = tx.share_deductions_of(share_id=share["id"])
    taken += [(row["name"], None, None, -row["amount"]) for row in rows]
    found: Row = {"quantity": share["good"], "unit": share["unit"], "currency": share["currency"]}
    found |= {"amount_minor": share["amount"], "net_minor": share["net"]}
    return found | ({"lines_minor": taken} if taken else {})


def on_failed(tx: Tx, payment: Row, share: Row, now: int) -> None:
    """Nothing moved: this share stops until a person acts, the others go on."""
    tx.share_failed(id=share["id"], why=payment["reason"] or "other", now=now)
    values = {"code": name_of(share), "currency": payment["currency"], "amount_minor": payment["amount"]}
    tell(
        tx, now, tx.contact_of(id=payment["person_id"]), "payment.not_sent", payment["id"],
        values | {"reason": payment["reason"] or "other"},
    )  # fmt: skip


def on_review(tx: Tx, payment: Row, share: Row, now: int) -> None:
    """Money and our row disagree: she hears that people look at it."""
    values = {"code": name_of(share), "currency": payment["currency"], "amount_minor": payment["amount"]}
    tell(tx, now, tx.contact_of(id=payment["person_id"]), "payment.checking", payment["id"], values)


def note(tx: Tx, now: int, actor: str, action: str, pay_list_id: str, was: str, becomes: str) -> None:
    """A line in the trail on a pay list."""
    audit.note(
        tx, now=now, actor=actor, action=action, subject=f"paylist:{pay_list_id}", was=was, becomes=becomes
    )  # fmt: skip
