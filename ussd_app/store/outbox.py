"""The outbox: every message to people is a row, ordered in the transaction of what it tells of.

A worker leases due rows, renders them, commits that it is about to send, sends outside any transaction and marks what
became of it. Every mark carries the fence its lease was given, so a worker that was too slow changes nothing.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Literal

from ussd_app.lib.clock import day, local
from ussd_app.lib.ids import new_id
from ussd_app.store.base import Row, Tx

Kind = Literal["sms", "mail"]
Purpose = Literal["order", "payment", "code", "account", "reply", "news"]

TRIES = 6
FIRST_RETRY_MS = 10_000  # then five times as long each time: 10 s, 50 s, 4 min, 21 min, 1 h 44 min
RETRY_FACTOR = 5
NO_BALANCE_MS = 600_000
NEWS_A_DAY = 3
CALLS = "call.members"  # a cooperative's calls to its members: as news, but wanted until somebody says STOP
QUIET_FROM, QUIET_TO = time(20), time(8)


@dataclass(frozen=True)
class Message:
    """A leased row. `tries` is how often sending was begun before; `fence` is what marks must carry."""

    id: str
    kind: Kind
    recipient: str
    template: str
    values: dict[str, Any]
    language: str
    purpose: Purpose
    person_id: str | None
    fence: int
    tries: int


def order(
    tx: Tx,
    *,
    now: int,
    kind: Kind,
    to: str,
    template: str,
    values: dict[str, Any],
    language: str,
    purpose: Purpose,
    person_id: str | None = None,
    dedupe: str | None = None,
    due_at: int | None = None,
    urgent: bool | None = None,
) -> str | None:
    """Order a message.

    Args: `now` and `due_at` in epoch ms (due now when None); `to` an E.164 number or a mail address; `values` JSON
    values for the template's holes; `dedupe` a key under which only one message is ever ordered; `urgent` False for one
    of thousands, that others overtake (None: all but news are urgent).
    Returns the row's id, None when `dedupe` was used before.
    """
    id = new_id()
    ordered = tx.outbox_order(
        id=id,
        kind=kind,
        recipient=to,
        template=template,
        values_json=json.dumps(values, ensure_ascii=False, separators=(",", ":")),
        language=language,
        purpose=purpose,
        urgent=int(purpose != "news" if urgent is None else urgent),
        person_id=person_id,
        dedupe=dedupe,
        due_at=now if due_at is None else due_at,
        now=now,
    )
    return id if ordered else None


# --- leasing and marking, for workers -------------------------------------------------------------------------------


def is_due(tx: Tx, *, now: int, kinds: Iterable[str]) -> bool:
    """Whether a lease would find anything; for a read, so that idle workers keep no writer waiting."""
    return any(tx.outbox_is_due(kind=kind, now=now) for kind in kinds)


def lease(
    tx: Tx, *, now: int, worker: str, limit: int, lease_ms: int, kinds: Iterable[str] = ("sms", "mail")
) -> list[Message]:
    """Take up to `limit` due messages for `worker`, urgent ones first, for `lease_ms` milliseconds from `now`.

    Leases of others that ran out are taken as well.
    """
    tx.outbox_take_back(now=now, most=TRIES)
    found: list[Row] = []
    for urgent in (1, 0):
        for kind in kinds:
            if len(found) < limit:
                rows = tx.outbox_lease(
                    kind=kind, urgent=urgent, now=now, until=now + lease_ms, worker=worker, most=limit - len(found)
                )
                found += sorted(rows, key=lambda row: (row["due_at"], row["id"]))
    return [_message(row) for row in found]


def _message(row: Row) -> Message:
    return Message(
        id=row["id"],
        kind=row["kind"],
        recipient=row["recipient"],
        template=row["template"],
        values=json.loads(row["values_json"]),
        language=row["language"],
        purpose=row["purpose"],
        person_id=row["person_id"],
        fence=row["fence"],
        tries=row["tries"],
    )


def give_back(tx: Tx, *, worker: str) -> int:
    """Return what `worker` leased and has not begun to send; returns how many messages."""
    return int(tx.outbox_give_back(worker=worker))


def mark_sending(tx: Tx, message: Message, *, now: int, lease_ms: int) -> bool:
    """Note that sending begins; to be committed before the gateway is called. Counts as a try.

    False when it must not be sent: the lease was lost, or it is news that nobody wants, that comes in the quiet hours
    (put off to their end) or that is one too many for the day. Nothing but news is ever held back so.
    """
    news_day: str | None = None
    if message.purpose == "news":
        if not _news_wanted(tx, message):
            mark_over(tx, message, "cancelled", "news not wanted")
            return False
        later = quiet_until(now)
        if later is not None:
            tx.outbox_mark_waiting(
                id=message.id,
                fence=message.fence,
                state="waiting",
                due_at=later,
                last_error="quiet hours",
                tries=message.tries,
            )
            return False
        tx.lock(f"news:{message.recipient}")
        news_day = day(now)
        if tx.outbox_news_count(recipient=message.recipient, news_day=news_day) >= NEWS_A_DAY:
            mark_over(tx, message, "cancelled", f"more than {NEWS_A_DAY} news a day")
            return False
    begun = tx.outbox_mark_sending(id=message.id, fence=message.fence, until=now + lease_ms, news_day=news_day)
    return bool(begun)


def _news_wanted(tx: Tx, message: Message) -> bool:
    if message.person_id is not None:
        if message.template.startswith(CALLS):
            return bool(tx.outbox_calls_wanted_by_person(person_id=message.person_id))
        return bool(tx.outbox_news_wanted_by_person(person_id=message.person_id))
    return bool(tx.outbox_news_wanted_on_number(recipient=message.recipient))


def quiet_until(now: int) -> int | None:
    """When the quiet hours (20:00 to 08:00 in Kigali) that `now` falls in end, epoch ms; None by day."""
    here = local(now)
    if QUIET_TO <= here.time() < QUIET_FROM:
        return None
    morning = here.date() + timedelta(days=1 if here.time() >= QUIET_FROM else 0)
    return round(datetime.combine(morning, QUIET_TO, here.tzinfo).timestamp() * 1000)


def mark_sent(
    tx: Tx,
    message: Message,
    *,
    now: int,
    gateway: str,
    external_id: str = "",
    parts: int | None = None,
    cost_minor: int | None = None,
    cost_currency: str = "",
) -> bool:
    """The gateway took it, as `external_id`; `cost_minor` in 1/10000 of the currency unit. False: the lease was lost.

    The values of a code are blanked (the simulator's phones, which production refuses, must show it). Delivery reports that came before this note are applied.
    """
    marked = tx.outbox_mark_sent(
        id=message.id,
        fence=message.fence,
        gateway=gateway,
        external_id=external_id or None,
        parts=parts,
        cost_minor=cost_minor,
        cost_currency=cost_currency,
        now=now,
    )
    if marked and external_id:
        early = tx.delivery_reports_of(gateway=gateway, external_id=external_id)
        for report in early:
            _deliver(tx, message.id, report["state"], report["word"], report["received_at"])
        if early:
            tx.delivery_reports_drop(gateway=gateway, external_id=external_id)
    return bool(marked)


def mark_retry(tx: Tx, message: Message, *, due_at: int, reason: str) -> bool:
    """It did not go out and is tried again at `due_at` (epoch ms); after the last try it is dead: somebody must look.

    False: the lease was lost.
    """
    tries = message.tries + 1
    if tries >= TRIES:
        return mark_over(tx, message, "dead", reason)
    marked = tx.outbox_mark_waiting(
        id=message.id, fence=message.fence, state="waiting", due_at=due_at, last_error=reason, tries=tries
    )
    return bool(marked)


def mark_held(tx: Tx, message: Message, *, due_at: int, reason: str) -> bool:
    """The gateway takes nothing for now (no balance): kept until `due_at` (epoch ms) without counting as a try."""
    marked = tx.outbox_mark_waiting(
        id=message.id, fence=message.fence, state="held", due_at=due_at, last_error=reason, tries=message.tries
    )
    return bool(marked)


def mark_refused(tx: Tx, message: Message, *, reason: str) -> bool:
    """The gateway will never take it. False: the lease was lost."""
    return mark_over(tx, message, "refused", reason)


def mark_over(tx: Tx, message: Message, state: Literal["refused", "dead", "cancelled"], reason: str) -> bool:
    """It was not sent and never will be. False: the lease was lost."""
    return bool(tx.outbox_mark_over(id=message.id, fence=message.fence, state=state, last_error=reason))


def retry_ms(tries: int, spread: random.Random | None = None) -> int:
    """How long to wait (unscaled milliseconds) after the `tries`-th failed try (from 1), a fifth more or less."""
    step = FIRST_RETRY_MS * int(RETRY_FACTOR ** (tries - 1))
    return round(step * (spread or random).uniform(0.8, 1.2))


# --- delivery reports -----------------------------------------------------------------------------------------------


def delivery(
    tx: Tx, *, gateway: str, external_id: str, state: str, word: str, now: int, reason: str = ""
) -> str | None:
    """A gateway's word on a message: `state` is sent, delivered, failed or unknown (`word` is theirs, kept as it is).

    Reports may come in any order and more than once: a final word stays. Returns the message's id; None when no message
    has that id yet, and then the report is kept until one does.
    """
    row = tx.outbox_by_external_id(gateway=gateway, external_id=external_id)
    if row is None:
        tx.delivery_report_keep(
            gateway=gateway, external_id=external_id, state=state, word=word, reason=reason, received_at=now
        )
        return None
    _deliver(tx, row["id"], state, word, now)
    return str(row["id"])


def _deliver(tx: Tx, id: str, state: str, word: str, at: int) -> None:
    tx.outbox_delivery(id=id, state=state, word=word, delivered_at=at if state == "delivered" else None)


# --- for operators and for the person ---------------------------------------------------------------------------------


def in_state(tx: Tx, state: str, limit: int) -> list[Row]:
    """Messages in `state`, oldest first, at most `limit`."""
    return list(tx.outbox_in_state(state=state, most=limit))


def counts(tx: Tx) -> list[Row]:
    """Per state: how many messages, and since when the oldest of them exists (epoch ms)."""
    return list(tx.outbox_counts())


def send_again(tx: Tx, *, now: int, id: str) -> bool:
    """An operator wants a dead or held message tried again. False for any other, and for codes: they have lapsed."""
    return bool(tx.outbox_send_again(id=id, now=now))


def forget(tx: Tx, *, person_id: str) -> int:
    """Blank whom the messages of a person went to and what they said; what has not gone out never will.

    Returns how many messages.
    """
    return int(tx.outbox_forget(person_id=person_id))


def purge(tx: Tx, *, before: int) -> int:
    """Delete messages that are over and were ordered before `before` (epoch ms). Returns how many."""
    return int(tx.outbox_purge(before=before))
