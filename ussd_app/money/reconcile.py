"""Our payments beside what the wallets have: by their statuses, and line by line beside a statement.

Nothing is settled here: what is open or was given up is asked about again by the driver, what does not fit comes on the
list of cases, and money that a statement shows and our books do not is booked to suspense, once.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from ussd_app.lib.clock import Clock
from ussd_app.money.cases import open_case
from ussd_app.money.driver import instruction_of
from ussd_app.money.outcomes import mismatch
from ussd_app.money.payments import BY_HAND, OPEN, Row
from ussd_app.money.providers.base import Provider, Status
from ussd_app.money.statement import Line
from ussd_app.money.transitions import park
from ussd_app.store import Store, Tx

DAYS = 7
DAY_MS = 86_400_000
PAGE = 200

Difference = dict[str, Any]


def reconcile(
    store: Store,
    clock: Clock,
    providers: Mapping[str, Provider],
    *,
    statement: Iterable[Line] | None = None,
    provider: str = "",
    days: int = DAYS,
) -> list[Difference]:
    """Compare, and return what differs: `what`, provider, payment_id, external_id, ours, theirs.

    Without a statement every payment of the last `days` that was sent is asked about, at the pace each wallet allows.
    With one, its lines are compared with our payments at `provider`, and ours of its period with its lines.
    """
    if statement is not None:
        return _beside_statement(store, clock.now(), provider, list(statement))
    found: list[Difference] = []
    for name, wallet in providers.items():
        if name not in BY_HAND:
            found += _beside_statuses(store, clock, wallet, clock.now() - days * DAY_MS)
    return found


def _beside_statuses(store: Store, clock: Clock, provider: Provider, since: int) -> list[Difference]:
    found: list[Difference] = []
    after = ""
    while True:
        with store.read() as tx:
            page = tx.payments_to_compare(provider=provider.name, since=since, after=after, limit=PAGE)
            asked = [(row, instruction_of(tx, row)) for row in page]
        if not asked:
            return found
        for row, instruction in asked:
            after = row["id"]
            status = provider.fetch(instruction)
            what = _differs(row, provider, status)
            if what and store.write(partial(_note, now=clock.now(), payment_id=row["id"], status=status, what=what)):
                found.append(_told(what, row, f"{status.state} {status.amount or ''}".strip(), status.external_id))
            if provider.status_rate > 0:
                time.sleep(1 / provider.status_rate)


def _differs(row: Row, provider: Provider, status: Status) -> str:
    """What is wrong between a row and its status; "" for nothing."""
    if row["state"] == "review":
        return ""  # on the list
    if status.state == "unknown":
        return "no_answer"
    if row["state"] == "paid":
        if status.state != "paid":
            return "paid_here_not_there"
        return mismatch(row | {"amount": row["settled_amount"]}, provider, status)
    if status.state == "paid":
        return "paid_there_not_here"
    return "failed_there_not_here" if status.state == "failed" and row["state"] in OPEN else ""


def _note(tx: Tx, *, now: int, payment_id: str, status: Status, what: str) -> bool:
    """Have somebody look: people at what is paid, the driver at the rest. False where it is known already."""
    row = tx.payment_take(id=payment_id)
    if what == "no_answer":
        return True
    if row["state"] == "paid":
        if what in ("paid_there_not_here", "failed_there_not_here"):
            return False  # settled meanwhile
        open_case(tx, now=now, row=row, why=what, detail="found by asking again", status=status)
        return True
    if tx.payment_review_by_once(once=f"late:{row['id']}") is not None:
        return False
    tx.payment_hint(id=row["id"], now=now)
    return True


def _beside_statement(store: Store, now: int, provider: str, lines: list[Line]) -> list[Difference]:
    found: list[Difference] = []
    seen: set[str] = set()
    for line in lines:
        difference, payment_id = store.write(partial(_compare, now=now, provider=provider, line=line))
        seen.add(payment_id)
        if difference:
            found.append(difference)
    times = [line.at for line in lines if line.at is not None]
    if not times:
        return found
    with store.read() as tx:
        ours = tx.payments_settled_between(provider=provider, first=min(times), last=max(times))
    for row in ours:
        if row["id"] not in seen:
            missing = Status("not_found", reason="statement")
            store.write(partial(open_case, now=now, row=row, why="not_in_statement", status=missing))
            found.append(_told("not_in_statement", row, "", ""))
    return found


def _compare(tx: Tx, *, now: int, provider: str, line: Line) -> tuple[Difference | None, str]:
    """What differs between a line and our payment, and that payment's id."""
    row = _match(tx, provider, line)
    if row is None:
        if line.state != "paid":
            return None, ""
        _park_stranger(tx, now, provider, line)
        lacking = {"what": "not_in_our_books", "provider": provider, "payment_id": "", "external_id": line.wallet_id}
        return lacking | {"ours": "", "theirs": f"{line.state} {line.amount} {line.currency}"}, ""
    what = _differs_from_line(tx, row, line)
    if not what:
        return None, row["id"]
    status = _as_status(line)
    if what == "statement_amount":
        _set_right(tx, now, row, line, status)
    elif row["state"] == "paid":
        open_case(tx, now=now, row=row, why=what, detail="found in the statement", status=status)
    else:
        tx.payment_hint(id=row["id"], now=now)
    return _told(what, row, f"{line.state} {line.amount} {line.currency}", line.wallet_id), row["id"]


def _match(tx: Tx, provider: str, line: Line) -> Row | None:
    """Our payment of a line: by our reference where that one is not known by another id, else by the wallet's id.

    The reference first, for a wallet may give one id to two payments, and the second one's money is not the first one's.
    """
    row = _by_reference(tx, provider, line.reference)
    if row is not None and (not line.wallet_id or row["external_id"] in (None, line.wallet_id)):
        return row
    found: Row | None = (
        tx.payment_by_external(provider=provider, external_id=line.wallet_id) if line.wallet_id else None
    )
    return found


def _by_reference(tx: Tx, provider: str, reference: str) -> Row | None:
    try:
        named = str(uuid.UUID(reference))  # some wallets take it without its hyphens
    except ValueError:
        return None
    row: Row | None = tx.payment_by_id(id=named)
    return row if row is not None and row["provider"] == provider else None


def _differs_from_line(tx: Tx, row: Row, line: Line) -> str:
    if line.state == "unknown":
        return ""
    if row["state"] == "review":  # on the list; what is held for it must still be what the wallet moved
        held = _held(tx, row, line)
        return "statement_amount" if held and line.state == "paid" and line.amount != held else ""
    if row["state"] != "paid":
        if line.state == "failed":
            return "failed_there_not_here" if row["state"] in OPEN else ""
        return "" if tx.payment_review_by_once(once=f"late:{row['id']}") else "paid_there_not_here"
    if line.state == "failed":
        return "paid_here_not_there"
    if line.currency != row["currency"]:
        return "wrong_currency"
    if line.amount != row["settled_amount"]:
        return "statement_amount"
    return "wrong_payer" if line.msisdn and row["msisdn"] not in ("", line.msisdn) else ""


def _set_right(tx: Tx, now: int, row: Row, line: Line, status: Status) -> None:
    """Bring our account at the wallet to what the wallet says, against suspense; the payment itself stays as it is."""
    once = f"statement_amount:{row['id']}"
    more = line.amount - (row["settled_amount"] or _held(tx, row, line))
    if open_case(tx, now=now, row=row, why="statement_amount", status=status, in_suspense=abs(more), once=once):
        came_in = (row["kind"] == "collection") == (more > 0)
        kind = "collection" if came_in else "disbursement"
        park(tx, kind, row["provider"], abs(more), line.currency, now, row["id"], once)


def _held(tx: Tx, row: Row, line: Line) -> int:
    """What stands in suspense for a payment that people look at, minor units of the line's currency; 0 for nothing."""
    case = tx.payment_review_of(payment_id=row["id"])
    if case is None or line.currency != (case["told_currency"] or row["currency"]):
        return 0
    return int(case["in_suspense"])


def _park_stranger(tx: Tx, now: int, provider: str, line: Line) -> None:
    """Money of which we know nothing: a case, and suspense, so that our account is what the wallet says."""
    name = line.wallet_id or line.reference
    once = f"statement:{provider}:{name}"
    if open_case(
        tx,
        now=now,
        provider=provider,
        why="not_in_our_books",
        detail=line.kind,
        status=_as_status(line),
        in_suspense=line.amount,
        reference=line.reference,
        once=once,
    ):
        park(tx, line.kind, provider, line.amount, line.currency, now, "", once)


def _as_status(line: Line) -> Status:
    return Status(
        line.state, external_id=line.wallet_id, amount=line.amount, currency=line.currency, msisdn=line.msisdn
    )


def _told(what: str, row: Row, theirs: str, external_id: str) -> Difference:
    ours = f"{row['state']} {row['settled_amount'] or row['amount']} {row['currency']}"
    told = {"what": what, "provider": row["provider"], "payment_id": row["id"]}
    return told | {"external_id": external_id or row["external_id"] or "", "ours": ours, "theirs": theirs}
