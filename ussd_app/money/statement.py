"""A wallet's statement as a CSV file: one line a transaction."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import datetime

from ussd_app.lib.clock import KIGALI
from ussd_app.money.providers.base import e164, parse_amount, word

COLUMNS = ("reference", "wallet id", "number", "amount", "currency", "status", "time")
PAID = {"paid", "successful", "success", "ts", "completed", "transaction success"}
FAILED = {"failed", "tf", "rejected", "expired", "te", "transaction failed"}
KINDS = {"": "collection", "collection": "collection", "disbursement": "disbursement", "refund": "refund"}
BYTES_MOST = 20_000_000


@dataclass(frozen=True)
class Line:
    """One transaction as the wallet books it.

    Args: `reference` is ours, "" where it is not told; `wallet_id` theirs. `amount` in minor units. `state` is paid,
    failed or unknown. `at` is epoch ms, None where it cannot be read. `kind` is collection where nothing is said.
    """

    reference: str
    wallet_id: str
    msisdn: str
    amount: int
    currency: str
    state: str
    at: int | None
    kind: str = "collection"


def read_statement(text: str) -> list[Line]:
    """The lines of a statement. The header names COLUMNS, and perhaps `kind`, in any order.

    Raises ValueError naming the first line that cannot be read; a statement is taken whole or not at all.
    """
    if len(text) > BYTES_MOST:
        raise ValueError("the statement is too long")
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    names = {name: " ".join(name.replace("_", " ").lower().split()) for name in rows.fieldnames or []}
    missing = [name for name in COLUMNS if name not in names.values()]
    if missing:
        raise ValueError(f"the header does not name {', '.join(missing)}")
    lines = []
    for row in rows:
        told = {names[name]: word(value) for name, value in row.items() if name in names}
        try:
            lines.append(_line(told))
        except ValueError as fault:
            raise ValueError(f"line {rows.line_num}: {fault}") from None
    return lines


def _line(told: dict[str, str]) -> Line:
    amount = parse_amount(told["amount"], told["currency"].upper(), grouping=True)
    if not amount:
        raise ValueError("the amount is none of its currency")
    if not told["reference"] and not told["wallet id"]:
        raise ValueError("neither a reference nor a wallet id")
    kind = KINDS.get(told.get("kind", "").lower())
    if kind is None:
        raise ValueError("the kind is collection, disbursement or refund")
    status = told["status"].lower()
    return Line(
        reference=told["reference"],
        wallet_id=told["wallet id"],
        msisdn=e164(told["number"]),
        amount=amount,
        currency=told["currency"].upper(),
        state="paid" if status in PAID else "failed" if status in FAILED else "unknown",
        at=_moment(told["time"]),
        kind=kind,
    )


def _moment(text: str) -> int | None:
    """Epoch ms of a time told as epoch (s or ms) or as a date and time, Kigali's where no zone is named."""
    if text.isascii() and text.isdigit() and 10 <= len(text) <= 13:
        return int(text) * (1000 if len(text) <= 11 else 1)
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((read if read.tzinfo else read.replace(tzinfo=KIGALI)).timestamp() * 1000)
