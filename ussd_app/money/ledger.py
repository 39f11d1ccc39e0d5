"""The books: append-only transfers between accounts, in integer minor units of one currency each.

A transfer debits its source and credits its destination; an account's balance is credits less debits. Money that
somebody outside keeps for us is on the debit side: a collection goes from `wallet:mtn_momo` to `order:<id>:held`, the
seller's share on to `seller:<id>:payable`, a payout from there back to `wallet:mtn_momo`. So our float at a provider is
minus the balance of its wallet, and it equals what the orders, sellers, buyers and fees may claim.

A hold is ended once, by `post` or by `void`, which are rows of their own: the database refuses a second end, and any
change. Nothing here may be undone; what was wrong is moved back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ussd_app.lib.ids import new_id
from ussd_app.store import Tx

ACCOUNT = re.compile(
    r"(?:wallet|bank|outside|order|seller|buyer|cooperative|agent|fees|suspense)(?::[A-Za-z0-9][A-Za-z0-9_-]{0,47}){0,4}"
)
CURRENCY = re.compile(r"[A-Z]{3}")
AMOUNT_MOST = 10**15

# Where money comes in and goes out of our books; a wrong amount from there is parked in suspense.
OUTER = ("wallet", "bank", "outside")
SUSPENSE = "suspense"

# What may not go below nothing, by how the account begins; * is any one part. Holds that would leave it count.
NEVER_NEGATIVE = ("order:*:held", "order:*:paid", "seller", "cooperative", "agent", "buyer:*:credit", "fees")

_GUARDED = re.compile(
    "|".join(rf"(?:{prefix.replace('*', '[^:]+')})(?![^:])" for prefix in NEVER_NEGATIVE)  # whole parts only
)


class LedgerError(Exception):
    """The books refuse; nothing was written."""


class Short(LedgerError):
    """The account holds less than is to leave it."""


class Conflict(LedgerError):
    """The same act was already recorded with other terms, or what it names does not exist."""


@dataclass(frozen=True)
class Balance:
    """An account's minor units: what was posted, and what holds would bring in or take out."""

    posted: int
    pending_in: int
    pending_out: int

    @property
    def available(self) -> int:
        """What may still leave: posted, less what is held to leave."""
        return self.posted - self.pending_out


def hold(
    tx: Tx, *, now: int, payment_id: str, source: str, destination: str, amount: int, currency: str, why: str = ""
) -> str:
    """Hold `amount` minor units on their way from `source` to `destination`: one hold a payment. Returns its id.

    The same hold once more is the same id. Raises ValueError for a malformed account, amount or currency, Short where
    `source` would go below nothing, Conflict where this payment holds something else.
    """
    if not payment_id:
        raise ValueError("a hold belongs to a payment")
    _check(source, destination, amount, currency)
    earlier = tx.transfer_hold_of(payment_id=payment_id)
    if earlier is None:
        _check_covered(tx, source, amount, currency)
        row = _row("pending", source, destination, amount, currency, now, payment_id=payment_id, why=why)
        if tx.transfer_add(**row):
            _enter(tx, row["id"], currency, (source, "debit", 0, amount), (destination, "credit", 0, amount))
            return str(row["id"])
        earlier = tx.transfer_hold_of(payment_id=payment_id)
    return _same(earlier, source, destination, amount, currency)


def post(tx: Tx, pending_id: str, amount: int, now: int, *, evidence: str = "", suspense: bool = False) -> str | None:
    """End a hold: `amount` minor units, exactly what the provider says, moved; the rest of the hold is let go.

    Args: `evidence` (a hash of what the provider said) is required for more than was held; with `suspense` the money
    goes to the account `suspense`, or comes out of it, in place of the account within our books.
    Returns the id of the new transfer, None where the hold was ended before (see `ending`): nothing is written then.
    Raises ValueError for a malformed amount or no evidence, Conflict for no such hold, Short where a larger amount
    would take a guarded source below nothing.
    """
    held = _hold(tx, pending_id)
    _check_amount(amount)
    if amount > held["amount"] and not evidence:
        raise ValueError("more than was held is posted on the provider's word alone")
    if tx.transfer_ending(pending_id=pending_id) is not None:
        return None
    source, destination, currency = held["source"], held["destination"], held["currency"]
    if suspense:
        source, destination = _with_suspense(source, destination)
    if source == held["source"] and amount > held["amount"]:
        _check_covered(tx, source, amount - held["amount"], currency)
    row = _row("post", source, destination, amount, currency, now)
    row |= {"payment_id": held["payment_id"], "pending_id": pending_id, "evidence": evidence}
    if not tx.transfer_add(**row):
        return None
    lines: list[tuple[str, str, int, int]] = []
    for side, was, becomes in (("debit", held["source"], source), ("credit", held["destination"], destination)):
        if was == becomes:
            lines.append((was, side, amount, -held["amount"]))
        else:
            lines += [(was, side, 0, -held["amount"]), (becomes, side, amount, 0)]
    _enter(tx, row["id"], currency, *lines)
    return str(row["id"])


def void(tx: Tx, pending_id: str, now: int, *, why: str = "") -> str | None:
    """End a hold with nothing moved. Returns the id of the new transfer, None where the hold was ended before.

    Raises Conflict for no such hold.
    """
    held = _hold(tx, pending_id)
    if tx.transfer_ending(pending_id=pending_id) is not None:
        return None
    source, destination, currency = held["source"], held["destination"], held["currency"]
    row = _row("void", source, destination, 0, currency, now, payment_id=held["payment_id"], why=why)
    row["pending_id"] = pending_id
    if not tx.transfer_add(**row):
        return None
    back = -held["amount"]
    _enter(tx, row["id"], currency, (source, "debit", 0, back), (destination, "credit", 0, back))
    return str(row["id"])


def move(
    tx: Tx,
    *,
    now: int,
    source: str,
    destination: str,
    amount: int,
    currency: str,
    why: str,
    payment_id: str = "",
    once: str | None = None,
) -> str:
    """Move `amount` minor units at once. Returns the id.

    Args: `why` in a word or two; `once` names the act (`delivery:<id>:share`), which then happens once: the same act
    again is the same id. Raises ValueError for a malformed account, amount, currency or no reason, Short where
    `source` would go below nothing, Conflict where the act named `once` had other terms.
    """
    _check(source, destination, amount, currency)
    if not why:
        raise ValueError("a move says why")
    earlier = None if once is None else tx.transfer_once(once=once)
    if earlier is None:
        _check_covered(tx, source, amount, currency)
        row = _row("move", source, destination, amount, currency, now, payment_id=payment_id, why=why)
        row["once"] = once
        if tx.transfer_add(**row):
            _enter(tx, row["id"], currency, (source, "debit", amount, 0), (destination, "credit", amount, 0))
            return str(row["id"])
        earlier = None if once is None else tx.transfer_once(once=once)
    return _same(earlier, source, destination, amount, currency)


def ending(tx: Tx, pending_id: str) -> dict[str, Any] | None:
    """The transfer that ended a hold (kind 'post' or 'void', amount, at ...), None while it is held."""
    row: dict[str, Any] | None = tx.transfer_ending(pending_id=pending_id)
    return row


def of_payment(tx: Tx, payment_id: str) -> list[dict[str, Any]]:
    """Every transfer of a payment, in order."""
    rows: list[dict[str, Any]] = tx.transfers_of_payment(payment_id=payment_id)
    return rows


def balance(tx: Tx, account: str, currency: str) -> Balance:
    """What an account holds. Raises ValueError for a malformed account or currency."""
    _check_account(account)
    _check_currency(currency)
    return Balance(**tx.entries_balance(account=account, currency=currency))


def may_go_negative(account: str) -> bool:
    """Whether an account may stand below nothing (NEVER_NEGATIVE says which may not)."""
    return _GUARDED.match(account) is None


def totals(tx: Tx) -> dict[str, dict[str, Any]]:
    """The books by currency: debits, credits, pending_debits, pending_credits in minor units, and the same by account
    under `accounts`, where all orders, sellers, buyers, cooperatives and agents are one line each."""
    found: dict[str, dict[str, Any]] = {}
    sums = ("debits", "credits", "pending_debits", "pending_credits")
    for row in tx.ledger_totals():
        whole = found.setdefault(row["currency"], dict.fromkeys(sums, 0) | {"accounts": {}})
        whole["accounts"][row["name"]] = {name: row[name] for name in sums}
        for name in sums:
            whole[name] += row[name]
    return found


def check(tx: Tx) -> list[str]:
    """What is wrong with the books, a line each; an empty list when they balance. Reads everything."""
    faults = [
        f"{currency}: {kind}debits {whole[f'{kind}debits']} are not {kind}credits {whole[f'{kind}credits']}"
        for currency, whole in totals(tx).items()
        for kind in ("", "pending_")
        if whole[f"{kind}debits"] != whole[f"{kind}credits"]
    ]
    faults += [f"transfer {row['id']} ({row['kind']}) does not balance" for row in tx.ledger_unbalanced()]
    faults += [f"transfer {row['id']} ({row['kind']}) is not what its entries say" for row in tx.ledger_untrue()]
    faults += [f"transfer {row['id']} ({row['kind']}) wrongly ends a hold" for row in tx.ledger_wrong_ends()]
    for row in tx.ledger_minus():
        if row["pending_in"] < 0 or row["pending_out"] < 0:
            faults.append(f"{row['account']} {row['currency']} has less than nothing pending")
        elif not may_go_negative(row["account"]):
            left = row["posted"] - row["pending_out"]
            faults.append(f"{row['account']} {row['currency']} may not be negative and is {left}")
    return faults


def _hold(tx: Tx, pending_id: str) -> dict[str, Any]:
    row: dict[str, Any] | None = tx.transfer_by_id(id=pending_id)
    if row is None or row["kind"] != "pending":
        raise Conflict("no such hold")
    return row


def _with_suspense(source: str, destination: str) -> tuple[str, str]:
    """The two ends with suspense in place of the one within our books. Raises ValueError where that is not one."""
    outer = [account.partition(":")[0] in OUTER for account in (source, destination)]
    if sum(outer) != 1:
        raise ValueError("suspense stands in for one account, across from a wallet, the bank or outside")
    return (source, SUSPENSE) if outer[0] else (SUSPENSE, destination)


def _check(source: str, destination: str, amount: int, currency: str) -> None:
    _check_account(source)
    _check_account(destination)
    if source == destination:
        raise ValueError("a transfer has two accounts")
    _check_amount(amount)
    _check_currency(currency)


def _check_account(account: str) -> None:
    if ACCOUNT.fullmatch(account) is None:
        raise ValueError(f"not an account: {account!r}")


def _check_amount(amount: int) -> None:
    if type(amount) is not int or not 0 < amount <= AMOUNT_MOST:
        raise ValueError("an amount is a whole number of minor units above 0")


def _check_currency(currency: str) -> None:
    if CURRENCY.fullmatch(currency) is None:
        raise ValueError("a currency is three capital letters")


def _check_covered(tx: Tx, account: str, amount: int, currency: str) -> None:
    """See that `amount` may leave; until this transaction ends no other one may take from the account."""
    if may_go_negative(account):
        return
    tx.lock(f"ledger:{account}:{currency}")
    left = balance(tx, account, currency).available
    if left < amount:
        raise Short(f"{account} has {left} {currency} and {amount} are to leave")


def _row(
    kind: str,
    source: str,
    destination: str,
    amount: int,
    currency: str,
    now: int,
    *,
    payment_id: str = "",
    why: str = "",
) -> dict[str, Any]:
    row = {"id": new_id(), "kind": kind, "source": source, "destination": destination, "amount": amount}
    row |= {"currency": currency, "now": now, "payment_id": payment_id, "why": why}
    return row | {"pending_id": None, "once": None, "evidence": ""}


def _enter(tx: Tx, transfer_id: str, currency: str, *lines: tuple[str, str, int, int]) -> None:
    """Write the ends of a transfer: (account, side, posted, pending) each."""
    names = ("account", "side", "posted", "pending")
    whose = {"transfer_id": transfer_id, "currency": currency}
    tx.entries_add([whose | dict(zip(names, line, strict=True)) for line in lines])


def _same(earlier: dict[str, Any] | None, source: str, destination: str, amount: int, currency: str) -> str:
    """The id of the act recorded before, where its terms are these. Raises Conflict."""
    terms = (source, destination, amount, currency)
    if earlier is None or tuple(earlier[name] for name in ("source", "destination", "amount", "currency")) != terms:
        raise Conflict("the same act was recorded with other terms")
    return str(earlier["id"])
