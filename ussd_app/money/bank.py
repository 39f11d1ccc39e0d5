"""Money through our bank: a transfer somebody is told of, the bank's lines that are found to be it, two people's word.

    payment created -> pending (a reference was given) -> paid: a line of the bank, matched by one person and confirmed
    by another.   line: matched -> confirmed, or review with its reason, until somebody matches it by hand.

The payment is in the market's own currency. What the bank holds is booked in the currency it came in: from `bank` to
`bank:exchange`, and from there, in our own, to where the payment goes. So each currency balances, and what stands on
`bank:exchange` is what is not yet exchanged. Nothing is booked before the second person's word.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ussd_app.lib import ids
from ussd_app.lib.clock import day as day_of
from ussd_app.money import audit, exchange, ledger
from ussd_app.money.bank_statement import REFERENCE_DIGITS, Entry
from ussd_app.money.cases import open_case
from ussd_app.money.payments import Row, subject
from ussd_app.money.providers.base import Status
from ussd_app.money.reviews import NotPossible, operator, reason
from ussd_app.money.transitions import Handlers, proof, to_state
from ussd_app.store import Tx

BANK, EXCHANGE = "bank", "bank:exchange"


@dataclass(frozen=True)
class Taken:
    """What became of a row of a statement: `outcome` is matched, review, seen (taken before) or conflict (the bank's id
    was taken before with other terms). `why` is the reason of a review. `line` is our row."""

    outcome: str
    why: str
    line: Row


# what somebody is told


def ends_of(kind: str, order_id: str) -> tuple[str, str]:
    """Source and destination of a payment through the bank: a collection from the exchange account to the order's."""
    held = f"order:{order_id}:held"
    return (EXCHANGE, held) if kind == "collection" else (held, EXCHANGE)


def begin(tx: Tx, *, now: int, payment_id: str, currency: str, valid_ms: int) -> Row:
    """Give a `created` payment its reference and hold its money: it is pending until the bank's line is there.

    Args: `currency` is what is transferred in; `valid_ms` is for how long the amount in it stands.
    Returns the transfer. Raises NotPossible: no such payment, or no rate for the currency.
    """
    row = tx.payment_take(id=payment_id)
    if row is None or row["provider"] != BANK or row["state"] != "created":
        raise NotPossible("No transfer begins under this id.")
    hold_id = ledger.hold(
        tx, now=now, payment_id=row["id"], source=row["source"], destination=row["destination"],
        amount=row["amount"], currency=row["currency"],
    )  # fmt: skip
    transfer = _issue(tx, row, now, currency, valid_ms)
    begun = {"hold_id": hold_id, "sends": 1, "first_sent_at": now, "sent_at": now, "next_at": None}
    to_state(tx, row, "pending", now=now, handlers={}, actor="market", evidence=transfer["reference"], **begun)
    return transfer


def renew(tx: Tx, *, now: int, payment_id: str, currency: str, valid_ms: int) -> Row:
    """A new reference and a new rate for a transfer whose time is over. The old reference is matched no more.

    Raises NotPossible: it is settled, its line came already, or no rate.
    """
    row = tx.payment_take(id=payment_id)
    if row is None or row["provider"] != BANK or row["state"] != "pending":
        raise NotPossible("No transfer waits under this id.")
    if tx.bank_line_of_payment(payment_id=payment_id) is not None:
        raise NotPossible("Its money has come; it waits for a second person.")
    tx.bank_transfer_replace(payment_id=payment_id, now=now)
    return _issue(tx, row, now, currency, valid_ms)


def _issue(tx: Tx, row: Row, now: int, currency: str, valid_ms: int) -> Row:
    rate = exchange.rate_for(tx, currency, row["currency"], now)
    if rate is None:
        raise NotPossible(f"There is no rate for {currency}.")
    terms = {
        "payment_id": row["id"], "order_id": row["order_id"], "currency": currency,
        "amount": exchange.to_foreign(row["amount"], rate), "rate": f"{rate.rate:f}", "rate_day": rate.valid_from,
        "rate_source": rate.source, "rate_estimate": int(rate.estimate), "valid_until": now + valid_ms, "now": now,
    }  # fmt: skip
    transfer: Row | None = None
    while transfer is None:
        digits = ids.code_digits(REFERENCE_DIGITS - 1)
        if digits[0] == "0":  # a nought in front gets lost in tables, and 07 begins a phone number
            continue
        reference = ids.with_check(digits)
        transfer = tx.bank_transfer_add(reference=reference, **terms)
    _note(tx, now, "market", "transfer.told", subject(row), "", transfer["reference"])
    return transfer


# the bank's lines


def take(tx: Tx, *, now: int, entry: Entry, by: str) -> Taken:
    """Take one row of the statement, once; match it where it is exactly what somebody was told. Raises NotPossible."""
    who = operator(by)
    earlier = tx.bank_line_by_key(key=entry.key)
    if earlier is not None:
        return _again(tx, now, earlier, entry)
    why, transfer = _judge(tx, entry)
    matched = {"matched_by": who, "matched_at": now, "state": "matched"} if not why else {
        "matched_by": "", "matched_at": None, "state": "review",
    }  # fmt: skip
    line: Row | None = tx.bank_line_add(
        id=ids.new_id(), key=entry.key, bank_id=entry.bank_id, terms_hash=entry.terms_hash, booked_on=entry.booked_on,
        amount=entry.amount, currency=entry.currency, why=why, by=who, now=now,
        reference=transfer["reference"] if transfer else "",
        payment_id=transfer["payment_id"] if transfer and not why else None, **matched,
    )  # fmt: skip
    if line is None:  # another was quicker
        return _again(tx, now, tx.bank_line_by_key(key=entry.key), entry)
    _note(tx, now, who, f"bank.line_{line['state']}", _subject(line), "", line["state"], _evidence(line, now))
    if why:
        _to_list(tx, now, line, why)
        return Taken("review", why, line)
    return Taken("matched", "", line)


def _again(tx: Tx, now: int, earlier: Row, entry: Entry) -> Taken:
    if earlier["terms_hash"] == entry.terms_hash:
        return Taken("seen", "", earlier)
    status = Status("paid", external_id=entry.bank_id, amount=abs(entry.amount), currency=entry.currency)
    once = f"bank:{earlier['id']}:{entry.terms_hash}"
    open_case(
        tx, now=now, provider=BANK, why="bank_same_id", detail=f"line {earlier['id']}", status=status,
        reference=earlier["reference"], once=once,
    )  # fmt: skip
    return Taken("conflict", "bank_same_id", earlier)


def _judge(tx: Tx, entry: Entry) -> tuple[str, Row | None]:
    """(why the row matches nothing, "" where it does; the transfer its reference names)."""
    known = [tx.bank_transfer_by_reference(reference=one) for one in entry.references]
    found = [one for one in known if one is not None]
    if len(found) != 1:
        return ("several_references" if found else "unknown_reference"), None
    transfer = found[0]
    tx.payment_take(id=transfer["payment_id"])  # two lines for one payment come one after the other
    transfer = tx.bank_transfer_by_reference(reference=transfer["reference"])
    return _fault(tx, transfer, entry.amount, entry.currency, entry.booked_on), transfer


def _fault(tx: Tx, transfer: Row, amount: int, currency: str, booked_on: str) -> str:
    if (amount > 0) != (transfer["kind"] == "collection"):
        return "wrong_direction"
    if tx.bank_line_of_payment(payment_id=transfer["payment_id"]) is not None:
        return "duplicate"
    if transfer["payment_state"] != "pending":
        return "not_waiting"
    if transfer["replaced_at"] is not None:
        return "replaced_reference"
    if currency != transfer["currency"]:
        return "wrong_currency"
    if abs(amount) != transfer["amount"]:
        return "underpaid" if abs(amount) < transfer["amount"] else "overpaid"
    return "too_late" if booked_on > day_of(transfer["valid_until"]) else ""


def match(tx: Tx, *, now: int, line_id: str, reference: str, by: str, why: str) -> Row:
    """Say by hand which transfer a line in review is: another amount or a forgotten reference, never another currency.

    What came is what will count, at the rate the payer was told. Raises NotPossible.
    """
    who, said = operator(by), reason(why)
    line = tx.bank_line_by_id(id=line_id)
    transfer = tx.bank_transfer_by_reference(reference="".join(reference.split()))
    if line is None or line["state"] != "review":
        raise NotPossible("No line in review has this id.")
    if transfer is None:
        raise NotPossible("Nobody was told this reference.")
    tx.payment_take(id=transfer["payment_id"])
    transfer = tx.bank_transfer_by_reference(reference=transfer["reference"])
    fault = _fault(tx, transfer, line["amount"], line["currency"], line["booked_on"])
    amounts = ("underpaid", "overpaid") if transfer["kind"] == "collection" else ()
    if fault not in ("", "too_late", *amounts):
        raise NotPossible(f"It cannot be that transfer: {fault}.")
    found = tx.bank_line_match(
        id=line_id, payment_id=transfer["payment_id"], reference=transfer["reference"], by=who, why=said, now=now
    )
    if found is None:
        raise NotPossible("No line in review has this id.")
    _note(tx, now, who, "bank.line_matched", _subject(line), "review", "matched", _evidence(line, now))
    return Row(found)


def refuse(tx: Tx, *, now: int, line_id: str, by: str, why: str) -> None:
    """A line was matched wrongly: it goes to the list. Raises NotPossible."""
    who, said = operator(by), reason(why)
    line = tx.bank_line_unmatch(id=line_id, why=said)
    if line is None:
        raise NotPossible("No matched line has this id.")
    _note(tx, now, who, "bank.line_refused", _subject(line), "matched", "review", _evidence(line, now))
    _to_list(tx, now, line, "refused")


def confirm(tx: Tx, *, now: int, line_id: str, by: str, handlers: Handlers) -> Row:
    """A second person says that the line is the transfer: the payment is paid and booked. Returns the payment.

    Raises NotPossible: whoever brought the line in or matched it, or the payment waits no more.
    """
    who = operator(by)
    line = tx.bank_line_by_id(id=line_id)
    if line is None or line["state"] != "matched":
        raise NotPossible("No matched line has this id.")
    if who in (line["imported_by"], line["matched_by"]):
        raise NotPossible("Another operator must confirm it than brought it in and matched it.")
    row = tx.payment_take(id=line["payment_id"])
    transfer = tx.bank_transfer_by_reference(reference=line["reference"])
    if tx.bank_line_confirm(id=line_id, by=who, now=now) is None or row["state"] != "pending":
        raise NotPossible("It waits no more.")
    amount = _worth(row, transfer, abs(line["amount"]))
    evidence = _evidence(line, now)
    if ledger.post(tx, row["hold_id"], amount, now, evidence=evidence) is None:
        raise RuntimeError("the hold of a pending transfer was ended before")
    ends = (BANK, EXCHANGE) if row["kind"] == "collection" else (EXCHANGE, BANK)
    ledger.move(
        tx, now=now, source=ends[0], destination=ends[1], amount=abs(line["amount"]), currency=line["currency"],
        why="bank line", payment_id=row["id"], once=f"bank:{line['id']}",
    )  # fmt: skip
    _note(tx, now, who, "bank.line_confirmed", _subject(line), "matched", "confirmed", evidence)
    tx.bank_case_close(once=f"bank:{line['id']}")
    paid: dict[str, Any] = {"settled_amount": amount, "external_id": line["reference"], "reason": ""}
    to_state(tx, row, "paid", now=now, handlers=handlers, evidence=evidence, actor=who, next_at=None, **paid)
    return Row(row)


def _worth(row: Row, transfer: Row, came: int) -> int:
    """What came in the currency of the payment: exactly what was asked for, or what it is at the rate told."""
    if came == transfer["amount"]:
        return int(row["amount"])
    return exchange.to_home(came, transfer["currency"], row["currency"], transfer["rate"])


def _to_list(tx: Tx, now: int, line: Row, why: str) -> None:
    status = Status("paid", external_id=line["bank_id"], amount=abs(line["amount"]), currency=line["currency"])
    open_case(
        tx, now=now, provider=BANK, why=f"bank_{why}", detail=f"line {line['id']}", status=status,
        reference=line["reference"], once=f"bank:{line['id']}",
    )  # fmt: skip


def _note(tx: Tx, now: int, who: str, action: str, about: str, was: str, becomes: str, evidence: str = "") -> None:
    audit.note(tx, now=now, actor=who, action=action, subject=about, was=was, becomes=becomes, evidence=evidence)


def _subject(line: Row) -> str:
    return f"bank_line:{line['id']}"


def _evidence(line: Row, now: int) -> str:
    return proof(line["terms_hash"], now)


def rate_text(transfer: Row) -> str:
    """A transfer's rate without needless noughts."""
    return f"{Decimal(transfer['rate']).normalize():f}"
