"""Payments: one intent to move money through a wallet, a row with a state and a reference that never change their past.

`ask` stores everything and sends nothing; the driver sends, asks what became of it and settles (see `driver`, `outcomes`).

    created -> sending -> pending -> paid | failed      unknown: it may or may not be there; only the wallet can say
    created -> cancelled                                review: money and our row disagree; people decide (see `reviews`)
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ussd_app.lib.clock import day, local
from ussd_app.money import audit, ledger
from ussd_app.store import Tx

Kind = Literal["collection", "disbursement", "refund"]
Row = dict[str, Any]

OPEN = ("created", "sending", "pending", "unknown")
FINAL = ("paid", "failed", "cancelled")
BY_HAND = ("outside", "bank")  # what no wallet can tell of: people say what became of it

HOUR_MS = 3_600_000
ASKS_AN_HOUR = 10  # collections one number may be asked for within an hour

_COLUMNS = (
    "id", "state", "reason", "word", "external_id", "settled_amount", "hold_id", "sends", "tries", "polls",
    "not_found_count", "resend", "collision", "hinted", "first_sent_at", "sent_at", "next_at", "lease_by", "lease_until",
    "fence", "settled_at",
)  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """What a wallet lets one customer move, minor units: in one `transaction`, and in one local `day`."""

    transaction: int
    day: int


def limits_of(tx: Tx, provider: str, currency: str, now: int) -> Limits | None:
    """The limits of a wallet in force on the day of `now` (epoch ms), None where no row says any.

    The wallet's own word is final; these only spare a useless prompt.
    """
    row = tx.wallet_limit_at(wallet=provider, currency=currency, day=day(now))
    return None if row is None else Limits(row["per_transaction"], row["per_day"])


class Refused(Exception):
    """The payment is not taken down. `reason`: open_intent, too_many, over_transaction, over_day, over_refund,
    no_original, try_again; `facts` hold the numbers."""

    def __init__(self, reason: str, **facts: Any) -> None:
        super().__init__(reason)
        self.reason, self.facts = reason, facts


def ask(
    tx: Tx,
    *,
    now: int,
    kind: Kind,
    provider: str,
    person_id: str | None,
    msisdn: str,
    amount: int,
    currency: str,
    order_id: str,
    external: str,
    delivery_id: str | None = None,
    part: int = 1,
    note: str = "",
    source: str | None = None,
    destination: str | None = None,
    original_id: str | None = None,
    limits: Mapping[tuple[str, str], Limits] | None = None,
    hour_ms: int = HOUR_MS,
) -> Row:
    """Take down an intent to move `amount` minor units; a worker sends it. Returns the payment's row, `created`.

    Args: `msisdn` (E.164) pays a collection and is paid by the other two. `external` is the order's code as the wallet
    shows it (ASCII, at most 64). `part` numbers the parts of an order by kind. `note` is shown to people (else
    `external`). `source` and `destination` are accounts of the books (else see `accounts_of`). `original_id`: of a
    refund, the collection that is given back. `limits` by wallet and currency stand for the dated rows; `hour_ms` is
    how long an hour is by the clock.
    The same intent once more is the same row, in whatever state it has come to. Raises Refused, and ValueError for a
    malformed account, amount or currency.
    """
    terms = {"order_id": order_id, "delivery_id": delivery_id, "part": part, "kind": kind, "provider": provider}
    terms |= {
        "person_id": person_id,
        "msisdn": msisdn,
        "amount": amount,
        "currency": currency,
        "our_external": external,
    }
    ends = accounts_of(kind, provider, order_id, person_id)
    terms |= {"source": source or ends[0], "destination": destination or ends[1], "original_id": original_id}
    tx.lock(f"payer:{msisdn}")
    earlier: Row | None = tx.payment_intent(order_id=order_id, kind=kind, part=part)
    if earlier is not None:
        return _same(earlier, terms)
    original_external = _check_original(tx, terms) if kind == "refund" else ""
    whose = (provider, currency)
    limit = limits_of(tx, *whose, now) if limits is None else limits.get(whose)
    _check_limits(tx, terms, now, limit, hour_ms)
    row: Row | None = _add(tx, terms, now, note=note, state="created", next_at=now, original_external=original_external)
    if row is None:  # another worker was quicker
        return _same(tx.payment_intent(order_id=order_id, kind=kind, part=part), terms)
    audit.note(tx, now=now, actor="market", action=f"payment.{kind}", subject=subject(row), becomes="created")
    return row


def accounts_of(kind: str, provider: str, order_id: str, person_id: str | None) -> tuple[str, str]:
    """Where money comes from and goes to in our books: a collection from the wallet to `order:<id>:held`, a payout from
    `seller:<person>:payable` to the wallet, a refund from `order:<id>:held` to the wallet."""
    wallet = wallet_account(provider)
    if kind == "collection":
        return wallet, f"order:{order_id}:held"
    if kind == "disbursement":
        return f"seller:{person_id}:payable", wallet
    return f"order:{order_id}:held", wallet


def wallet_account(provider: str) -> str:
    """The account of our money at a provider."""
    return provider if provider in BY_HAND else f"wallet:{provider}"


def next_part(tx: Tx, order_id: str, kind: Kind) -> int:
    """The first number no payment of this kind of the order ever had."""
    return int(tx.payment_next_part(order_id=order_id, kind=kind))


def cancel(tx: Tx, *, now: int, payment_id: str, by: str, why: str) -> Row | None:
    """Give up an intent of which nothing was ever sent; `by` as in the trail (`person:<id>`). None: it is too late."""
    row: Row | None = tx.payment_take(id=payment_id)
    if row is None or row["state"] != "created":
        return None
    if row["hold_id"]:
        ledger.void(tx, row["hold_id"], now, why="cancelled")
    row |= {"state": "cancelled", "reason": why, "settled_at": now, "next_at": None}
    release(row)
    save(tx, row, now)
    audit.note(
        tx, now=now, actor=by, action="payment.cancelled", subject=subject(row), was="created", becomes="cancelled"
    )
    tx.payment_reviews_close(payment_id=payment_id)
    return row


def sums(tx: Tx, order_id: str) -> dict[str, int]:
    """Of an order, minor units: `asked` (collections not yet settled), `paid` (collected), `paying_out`, `paid_out`,
    `refunding`, `refunded`; what is under review counts as not yet settled."""
    names = {"collection": ("asked", "paid"), "disbursement": ("paying_out", "paid_out")}
    found = dict.fromkeys(("asked", "paid", "paying_out", "paid_out", "refunding", "refunded"), 0)
    for row in tx.payment_sums(order_id=order_id):
        waiting, done = names.get(row["kind"], ("refunding", "refunded"))
        found[done if row["state"] == "paid" else waiting] += row["amount"]
    return found


# For the driver and the reviews.


def subject(row: Row) -> str:
    """A payment in the trail."""
    return f"payment:{row['id']}"


def save(tx: Tx, row: Row, now: int) -> None:
    """Write a row back that this transaction has taken (`payment_take`)."""
    written = tx.payment_save(
        **{name: row[name] for name in _COLUMNS}, was_fence=row.get("was_fence", row["fence"]), now=now
    )
    if written != 1:
        raise RuntimeError("a payment was saved without being held")


def release(row: Row) -> None:
    """Nobody works on it any more; whoever still thinks so is too late."""
    row.setdefault("was_fence", row["fence"])
    row |= {"lease_by": None, "lease_until": None, "fence": row["was_fence"] + 1}


def add_found(tx: Tx, earlier: Row, now: int, *, amount: int, currency: str, external_id: str) -> Row:
    """A payment of its own for money that moved after `earlier` was given up: in review from the start."""
    terms = {name: earlier[name] for name in ("order_id", "delivery_id", "kind", "provider", "person_id", "msisdn")}
    terms |= {name: earlier[name] for name in ("our_external", "source", "destination")}
    terms |= {"amount": amount, "currency": currency, "original_id": earlier["id"]}
    terms["part"] = next_part(tx, earlier["order_id"], earlier["kind"])
    free = external_id and tx.payment_by_external(provider=earlier["provider"], external_id=external_id) is None
    row = _add(
        tx, terms, now, note=earlier["note"], state="review", next_at=None, external_id=external_id if free else None
    )
    if row is None:
        raise RuntimeError("the number of the part was taken meanwhile")
    return row


def add_refund(tx: Tx, terms: Row, now: int, *, original_external: str) -> Row:
    """A refund that people decided on, past the limits of `ask`; `terms` as its columns without kind and part."""
    terms = terms | {"kind": "refund", "part": next_part(tx, terms["order_id"], "refund")}
    row = _add(tx, terms, now, note="", state="created", next_at=now, original_external=original_external)
    if row is None:
        raise RuntimeError("the number of the part was taken meanwhile")
    return row


def _add(
    tx: Tx,
    terms: Row,
    now: int,
    *,
    note: str,
    state: str,
    next_at: int | None,
    original_external: str = "",
    external_id: str | None = None,
) -> Row | None:
    if type(terms["amount"]) is not int or terms["amount"] < 1:
        raise ValueError("an amount is a whole number of minor units above 0")
    for account in (terms["source"], terms["destination"]):
        if ledger.ACCOUNT.fullmatch(account) is None:
            raise ValueError(f"not an account: {account!r}")
    row: Row | None = tx.payment_add(
        **terms,
        id=str(uuid.UUID(bytes=secrets.token_bytes(16), version=4)),
        note=note or terms["our_external"],
        original_external=original_external,
        callback_token=secrets.token_urlsafe(24),
        state=state,
        external_id=external_id,
        next_at=next_at,
        sends=0,
        now=now,
    )
    return row


def _same(earlier: Row | None, terms: Row) -> Row:
    """The row that is there, where it was asked for on the same terms. Raises Refused."""
    if earlier is None:
        raise Refused("try_again")
    if any(earlier[name] != value for name, value in terms.items()):
        raise Refused("open_intent", payment_id=earlier["id"], state=earlier["state"])
    return earlier


def _check_limits(tx: Tx, terms: Row, now: int, limit: Limits | None, hour_ms: int) -> None:
    if limit is not None and terms["amount"] > limit.transaction:
        raise Refused("over_transaction", most=limit.transaction)
    if terms["kind"] != "collection" or terms["provider"] in BY_HAND:  # no phone rings for what is paid elsewhere
        return
    asked = tx.payment_asked_since(msisdn=terms["msisdn"], since=now - hour_ms)
    if asked >= ASKS_AN_HOUR:
        raise Refused("too_many", most=ASKS_AN_HOUR)
    if limit is not None:
        here = local(now)
        midnight = now - ((here.hour * 60 + here.minute) * 60 + here.second) * 1000
        whose = {name: terms[name] for name in ("msisdn", "provider", "currency", "kind")}
        today = tx.payment_amount_since(**whose, since=midnight)
        if today + terms["amount"] > limit.day:
            raise Refused("over_day", most=limit.day, left=max(0, limit.day - today))


def _check_original(tx: Tx, terms: Row) -> str:
    """The wallet's id of the collection that a refund gives back. Raises Refused where there is none so large."""
    original = tx.payment_take(id=terms["original_id"] or "")  # two refunds of it come one after the other
    if original is None or original["state"] != "paid" or original["kind"] != "collection":
        raise Refused("no_original")
    if (original["provider"], original["currency"]) != (terms["provider"], terms["currency"]):
        raise Refused("no_original")
    left = original["settled_amount"] - tx.payment_refunded(original_id=original["id"])
    if terms["amount"] > left:
        raise Refused("over_refund", left=left)
    return original["external_id"] or ""
