"""The trail: who did what to what, when and on what evidence; sealed into a chain of hashes.

Writers only add a row. A worker's job seals what waits, in the order it finds it: each seal's hash covers the hash before
it, its own place and time, and the whole row, so one changed byte shows, and where. Whoever can rewrite the whole
database could rewrite the chain as well: keep the `head` somewhere else, and `verify` against it.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from ussd_app.lib.ids import new_id
from ussd_app.store import Store, Tx

SEAL_EVERY_MS = 5_000
BATCH = 200  # rows a transaction: short enough for others to get their turn
PAGE = 2_000
LENGTH_MOST = 200

GENESIS = "0" * 64
_SUBJECT = re.compile(r"[a-z][a-z_]{0,30}:[A-Za-z0-9][A-Za-z0-9_:-]{0,120}")
_FIELDS = ("id", "at", "actor", "action", "subject", "was", "becomes", "evidence")
# A phone number or a mail address; ids and hashes hold digits too, but within a longer word.
_PERSONAL = re.compile(r"\+[0-9]{7,}|(?<![\w-])(?:250|0)7[0-9]{8}(?![\w-])|[^\s@]@[^\s@]")


@dataclass(frozen=True)
class Head:
    """The end of the chain: its length, its hash (64 hex digits), when it was sealed (epoch ms; 0 for none)."""

    sequence: int
    hash: str
    sealed_at: int


@dataclass(frozen=True)
class Verdict:
    """What `verify` found. `broken` names the first thing wrong, empty when the chain is sound; `sequence` is the seal
    it is at (0 for none) and `audit_id` the row. `sealed` rows were found true; `unsealed` rows wait, the oldest since
    `oldest` (epoch ms, None for none)."""

    sealed: int
    unsealed: int
    oldest: int | None
    broken: str = ""
    sequence: int = 0
    audit_id: str = ""

    @property
    def sound(self) -> bool:
        """Nothing was changed."""
        return not self.broken


def note(
    tx: Tx,
    *,
    now: int,
    actor: str,
    action: str,
    subject: str,
    was: str = "",
    becomes: str = "",
    evidence: str = "",
) -> str:
    """Record one act in this transaction; one INSERT. Returns the row's id.

    Args: `actor` like `person:<id>`, `operator:<id>` or `worker`; `action` like `payment.paid`; `subject` as kind:id;
    `was` and `becomes` the states; `evidence` the hash and time of what was seen.
    Raises ValueError for a malformed subject, a text over 200 characters, or a phone number or mail address anywhere.
    """
    if _SUBJECT.fullmatch(subject) is None:
        raise ValueError("a subject is kind:id")
    if not actor or not action:
        raise ValueError("an act has an actor and a name")
    for text in (actor, action, subject, was, becomes, evidence):
        if len(text) > LENGTH_MOST:
            raise ValueError(f"a text of the trail has at most {LENGTH_MOST} characters")
        if _PERSONAL.search(text):
            raise ValueError("a phone number or a mail address does not belong in the trail")
    audit_id = new_id()
    tx.audit_add(
        id=audit_id, now=now, actor=actor, action=action, subject=subject, was=was, becomes=becomes, evidence=evidence
    )
    return audit_id


def of_subject(tx: Tx, subject: str, limit: int = 100) -> list[dict[str, Any]]:
    """The latest acts on a subject, the latest first."""
    rows: list[dict[str, Any]] = tx.audit_of_subject(subject=subject, limit=limit)
    return rows


def seal(store: Store, now: int) -> int:
    """Seal every row that waits, at `now` (epoch ms). Returns how many. Several workers may do so at once."""
    count = 0
    while batch := store.write(lambda tx: _seal_batch(tx, now)):
        count += batch
        if batch < BATCH:
            break
    return count


def _seal_batch(tx: Tx, now: int) -> int:
    tx.lock("audit.seal")  # whoever comes second sees the first one's seals
    rows = tx.audit_next_to_seal(limit=BATCH)
    if not rows:
        return 0
    last = head(tx)
    seals: list[dict[str, Any]] = []
    sequence, chained = last.sequence, last.hash
    for row in rows:
        sequence += 1
        chained = _chain(chained, sequence, now, row)
        seals.append({"sequence": sequence, "audit_id": row["id"], "now": now, "hash": chained})
    tx.audit_seals_add(seals)
    tx.audit_waiting_done([{"audit_id": row["id"]} for row in rows])
    return len(rows)


def head(tx: Tx) -> Head:
    """The end of the chain, to be kept elsewhere; sequence 0 before the first seal."""
    row = tx.audit_head()
    return Head(0, GENESIS, 0) if row is None else Head(**row)


def verify(tx: Tx, known: Iterable[tuple[int, str]] = ()) -> Verdict:
    """Work the whole chain out anew and compare.

    Args: `known` are heads kept elsewhere, (sequence, hash) each: the chain must still run through them.
    """
    kept = dict(known)
    end, fault, at, audit_id = _walk(tx, kept)
    rest = tx.audit_unsealed()
    if not fault and kept and max(kept) > end:
        fault, at = f"seal {max(kept)} was exported and is gone", max(kept)
    if not fault and rest["lost"]:
        fault, audit_id = _lost(tx, rest["lost"])
    if not fault and rest["gone"]:
        fault = f"{rest['gone']} rows that waited for a seal are gone"
    return Verdict(end, rest["unsealed"], rest["oldest"], fault, at, audit_id)


def _walk(tx: Tx, kept: dict[int, str]) -> tuple[int, str, int, str]:
    """(sequence of the last true seal, the first fault, its sequence, its row)."""
    sequence, chained, limit = 0, GENESIS, PAGE
    while True:
        try:
            page = tx.audit_seals_after(sequence=sequence, limit=limit)
        except sqlite3.DatabaseError:  # a text that is no text any more: PostgreSQL would not have kept it
            if limit == 1:
                return sequence, f"seal {sequence + 1}: it or its row cannot be read", sequence + 1, ""
            limit = 1  # go on row by row, to name it
            continue
        if not page:
            return sequence, "", 0, ""
        for row in page:
            fault, becomes = _judge(row, sequence, chained, kept)
            if fault:
                return sequence, fault, sequence + 1, row["audit_id"]
            sequence, chained = row["sequence"], becomes


def _judge(row: dict[str, Any], before: int, chained: str, kept: dict[int, str]) -> tuple[str, str]:
    """What is wrong with a seal that follows seal `before` of hash `chained` (empty for nothing), and its true hash."""
    sequence = row["sequence"]
    if sequence != before + 1:
        return f"seal {before + 1} is gone", ""
    if row["id"] is None:
        return f"seal {sequence}: row {row['audit_id']} is gone", ""
    becomes = _chain(chained, sequence, row["sealed_at"], row)
    if becomes != row["hash"]:
        return f"seal {sequence}: row {row['audit_id']} or its seal was changed", ""
    if kept.get(sequence, becomes) != becomes:
        return f"seal {sequence} is not the one that was exported", ""
    return "", becomes


def _lost(tx: Tx, count: int) -> tuple[str, str]:
    """What to say of rows that neither are sealed nor wait for it, and the first of them."""
    try:
        first = str(tx.audit_first_lost())
    except sqlite3.DatabaseError:
        return f"{count} rows have lost seal and place in the queue; the first cannot be read", ""
    return f"row {first} has lost its seal or its place in the queue ({count} such rows)", first


def _chain(before: str, sequence: int, sealed_at: int, row: dict[str, Any]) -> str:
    """The hash of a seal: JSON keeps apart what a mere joining of texts would let run together."""
    told = json.dumps([before, sequence, sealed_at, *(row[name] for name in _FIELDS)], separators=(",", ":"))
    return blake2b(told.encode(), digest_size=32).hexdigest()
