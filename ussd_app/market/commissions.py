"""What agents earn, and what keeps them honest: flags, random calls, and nothing before a real sale.

A commission is owed once for a seller, whoever she sells to next, to the agent who registered her, when the first sale
of hers is settled with money owed to her. A flagged seller earns nobody anything until an operator cleared it. What is
owed stands in the books under `agent:<id>:payable`; paying it out is not done here.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from ussd_app.hubs import Hub
from ussd_app.hubs.commissions import Commission, at, load_commissions
from ussd_app.lib import clock as clocks
from ussd_app.market import accounts
from ussd_app.market.help import clean_question
from ussd_app.market.tell import tell
from ussd_app.market.terms import Refused
from ussd_app.money import audit, ledger
from ussd_app.store import Store, Tx

OUTCOMES = ("true", "ghost", "unreached")
FLAGS = ("number", "wallet", "agent_wallet", "ghost")
USUAL_SHARE = 10  # percent of a day's registrations that are rung
LEAST_RUNG = 3
_BATCH = 100


def account(agent_id: str) -> str:
    """Where the books keep what an agent is owed."""
    return f"agent:{agent_id}:payable"


def earned(tx: Tx, *, hub: Hub, agent_id: str) -> dict[str, int]:
    """For her own screen, minor units: `amount` earned in all for `sellers`, `owed` now by the books, and how many
    sellers of hers are `waiting` for a first sale that counts."""
    row = tx.commissions_of(agent_id=agent_id)
    owed = ledger.balance(tx, account(agent_id), hub.currency).available
    return {**row, "owed": owed, "waiting": int(tx.commissions_waiting(agent_id=agent_id))}


def run(store: Store, hub: Hub, now: int) -> int:
    """For the worker, about every minute: flag what is doubtful, then write down what was earned. Returns how many."""
    rows = load_commissions(hub.code)
    store.write(lambda tx: flag(tx, now=now))
    return store.write(lambda tx: earn(tx, hub=hub, now=now, rows=rows))


def earn(tx: Tx, *, hub: Hub, now: int, rows: Sequence[Commission]) -> int:
    """Write down every commission that is earned and not yet written (`rows` of the hub). Returns how many.

    One whose payer has not enough in our books waits until there is.
    """
    first: dict[str, dict[str, Any]] = {}
    for sale in tx.registrations_to_reward(limit=_BATCH):
        first.setdefault(sale["person_id"], sale)
    return sum(_earn_one(tx, hub, now, sale, at(rows, clocks.day(sale["done_at"]))) for sale in first.values())


def _earn_one(tx: Tx, hub: Hub, now: int, sale: dict[str, Any], row: Commission | None) -> bool:
    if row is None:
        return False
    tx.lock(f"commission:{sale['person_id']}")
    agent_id, seller_id = sale["registered_by"], sale["person_id"]
    try:
        transfer_id = ledger.move(
            tx, now=now, source=row.payer, destination=account(agent_id), amount=row.amount, currency=hub.currency,
            why="agent commission", once=f"commission:{seller_id}",
        )  # fmt: skip
    except ledger.Short:
        return False
    kept = tx.commission_add(
        seller_id=seller_id, agent_id=agent_id, order_id=sale["order_id"], amount=row.amount, currency=hub.currency,
        payer=row.payer, valid_from=row.valid_from, transfer_id=transfer_id, now=now,
    )  # fmt: skip
    if kept is None:
        return False
    audit.note(tx, now=now, actor="worker", action="agent.earned", subject=f"commission:{seller_id}", becomes="owed")
    values = {"name": sale["name"], "amount_minor": row.amount, "currency": hub.currency}
    tell(tx, now, tx.contact_of(id=agent_id), "agent.earned", seller_id, values)
    return True


# --- flags -------------------------------------------------------------------------------------------------------


def flag(tx: Tx, *, now: int) -> int:
    """Flag sellers of agents who share a number or a wallet with others, or whose money goes to an agent. Returns how
    many flags are new; one that was cleared is not raised again."""
    found = (tx.agent_flags_by_number, tx.agent_flags_by_wallet, tx.agent_flags_by_agent)
    return sum(int(look(now=now)) for look in found)


def flags(tx: Tx) -> list[dict[str, Any]]:
    """Open flags, the oldest first: person_id, name, msisdn, kind, agent, agent_id, at."""
    return list(tx.agent_flags_listed())


def clear(tx: Tx, *, now: int, person_id: str, kind: str, by: str, why: str) -> bool:
    """An operator looked and it is in order (a family shares a phone). False: no such flag is open. Raises Refused
    no_reason."""
    if not why.strip():
        raise Refused("no_reason")
    said = clean_question(why)
    if not tx.agent_flag_clear(person_id=person_id, kind=kind, by=by, why=said, now=now):
        return False
    audit.note(
        tx, now=now, actor=f"operator:{by}", action=f"agent.flag_cleared_{kind}", subject=f"person:{person_id}",
        was="open", becomes="cleared",
    )  # fmt: skip
    return True


# --- random calls ------------------------------------------------------------------------------------------------


def draw(tx: Tx, *, now: int, day: str, by: str, share: int = USUAL_SHARE) -> list[dict[str, Any]]:
    """Draw by chance whom of a day's registrations to ring, once: drawn again, it is the same list.

    Args: `day` YYYY-MM-DD; `by` the operator; `share` percent of them, at least three. Each look is noted with its reason.
    Returns rows of person_id, name, msisdn, state, agent, via, produce, outcome.
    """
    tx.lock(f"agent checks {day}")
    if not tx.agent_checks_of_day(day=day):
        rows = tx.registrations_of_day(day=day)
        size = min(len(rows), max(LEAST_RUNG, -(-len(rows) * share // 100)))
        for row in random.SystemRandom().sample(rows, size):
            tx.agent_check_add(person_id=row["person_id"], agent_id=row["registered_by"], day=day, by=by, now=now)
    drawn: list[dict[str, Any]] = tx.agent_checks_of_day(day=day)
    for row in drawn:
        why = f"random call about a registration of {day}"
        accounts.log_access(tx, now=now, looked_by=by, person_id=row["person_id"], what="agents.callbacks", why=why)
    return drawn


def note_check(tx: Tx, *, now: int, person_id: str, outcome: str, by: str, note: str = "") -> bool:
    """What the call showed: 'true', 'ghost' (nobody there knows of it: she is flagged) or 'unreached'.

    False: she was not drawn, or it was noted already. Raises Refused bad_terms.
    """
    if outcome not in OUTCOMES:
        raise Refused("bad_terms", term="outcome")
    row = tx.agent_check_note(person_id=person_id, outcome=outcome, by=by, note=clean_question(note), now=now)
    if row is None:
        return False
    if outcome == "ghost":
        tx.agent_flag_add(person_id=person_id, kind="ghost", agent_id=row["agent_id"], now=now)
    audit.note(tx, now=now, actor=f"operator:{by}", action="agent.rung", subject=f"person:{person_id}", becomes=outcome)
    return True
