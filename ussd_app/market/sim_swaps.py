"""Whether the SIM of who asked for a risky change was swapped: a change of wallet and a PIN reset wait for the answer.

Where no network can be asked, nothing here happens. Where one can: `kept` lets the change begin when its wait is over;
`swapped`, and no answer by then, hold it until two operators let it pass in writing, or one ends it. Only the SIM of the
number she dials from is asked about: it is what proves that it is her. An answer counts for 24 hours and is renewed as
long as the change waits, so that a SIM swapped in between is seen.
"""

from __future__ import annotations

from typing import Any, Literal

from ussd_app.lib.clock import Clock
from ussd_app.market import accounts, wallets
from ussd_app.market.terms import Refused
from ussd_app.money import audit
from ussd_app.store import Tx

Check = dict[str, Any]
Kind = Literal["wallet", "pin"]

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
GOOD_MS = 24 * HOUR_MS
RENEW_MS = 12 * HOUR_MS
AGAIN_MS = 10 * MINUTE_MS  # nobody answered; each time a little later
AGAIN_MOST_MS = 2 * HOUR_MS
CALLS_BACK_MS = HOUR_MS  # the answer was promised for later and did not come


def due(tx: Tx, *, now: int, limit: int = 5) -> list[Check]:
    """The checks to ask about now: kind, subject_id, asks, msisdn. Begins those of new changes, holds those whose wait
    is over without an answer. The caller asks outside any transaction and tells `note` what was said."""
    tx.sim_checks_begin_wallets(now=now)
    tx.sim_checks_begin_pins(now=now)
    tx.sim_checks_over(now=now)
    for row in tx.sim_checks_late(now=now, limit=100):
        late = tx.sim_check_late(kind=row["kind"], subject_id=row["subject_id"], now=now)
        if late is not None:
            _note(tx, now, "worker", "sim.unanswered", late, row["state"])
            _tell_held(tx, now, late)
    rows: list[Check] = tx.sim_checks_due(now=now, limit=limit)
    return rows


def note(tx: Tx, *, clock: Clock, now: int, kind: str, subject_id: str, said: str, reference: str = "") -> str:
    """What a network says of the SIM: `said` swapped, kept, queued (the answer comes later, with `reference`) or
    unknown. Returns the state of the check, '' when people decided meanwhile."""
    was = tx.sim_check(kind=kind, subject_id=subject_id)
    if was is None:
        return ""
    key = {"kind": kind, "subject_id": subject_id, "now": now}
    if said in ("swapped", "kept"):
        kept = said == "kept"
        row = tx.sim_check_answered(
            **key,
            state=said,
            ask_at=now + clock.wait(RENEW_MS) if kept else None,
            good_until=now + clock.wait(GOOD_MS) if kept else None,
        )
    else:
        if reference and tx.sim_check_by_reference(reference=reference) is not None:
            reference = ""  # given twice: an answer must not reach the wrong check
        pause = CALLS_BACK_MS if said == "queued" else min(AGAIN_MS * (was["asks"] + 1), AGAIN_MOST_MS)
        row = tx.sim_check_asked(**key, reference=reference, ask_at=now + clock.wait(pause))
    if row is None:
        return ""
    if row["state"] != was["state"]:
        _note(tx, now, "worker", f"sim.{row['state']}", row, was["state"])
        if row["state"] == "swapped" and was["state"] != "unanswered":
            _tell_held(tx, now, row)
    return str(row["state"])


def note_later(tx: Tx, *, clock: Clock, now: int, reference: str, said: str) -> bool:
    """The answer that was promised has come. False: nobody waits for this `reference`."""
    row = tx.sim_check_by_reference(reference=reference)
    if row is None:
        return False
    if said in ("swapped", "kept"):
        note(tx, clock=clock, now=now, kind=row["kind"], subject_id=row["subject_id"], said=said)
    return True


def held(tx: Tx, limit: int = 100) -> list[Check]:
    """What waits for operators: kind, subject_id, state (swapped, unanswered), first_by, person_name."""
    rows: list[Check] = tx.sim_checks_held(limit=limit)
    return rows


def let_pass(tx: Tx, *, now: int, kind: Kind, subject_id: str, by: str, why: str) -> str:
    """An operator is sure that it is her, in writing. Returns 'second_needed' or 'released'.

    Raises Refused: no_reason, not_found (nothing is held), same_operator.
    """
    by, why = _written(by, why)
    key = {"kind": kind, "subject_id": subject_id, "by": by, "why": why, "now": now}
    was = tx.sim_check(kind=kind, subject_id=subject_id)
    row = tx.sim_check_second_yes(**key)
    if row is not None:
        _note(tx, now, f"operator:{by}", "sim.released", row, was["state"])
        return "released"
    row = tx.sim_check_first_yes(**key)
    if row is not None:
        _note(tx, now, f"operator:{by}", "sim.first_yes", row, was["state"])
        return "second_needed"
    raise Refused("same_operator" if was is not None and was["first_by"] == by else "not_found")


def refuse(tx: Tx, *, now: int, kind: Kind, subject_id: str, by: str, why: str) -> None:
    """An operator ends what is held, in writing: the change never begins, she is told. Raises Refused: no_reason,
    not_found."""
    by, why = _written(by, why)
    was = tx.sim_check(kind=kind, subject_id=subject_id)
    row = tx.sim_check_refuse(kind=kind, subject_id=subject_id, by=by, why=why, now=now)
    if row is None:
        raise Refused("not_found")
    _note(tx, now, f"operator:{by}", "sim.refused", row, was["state"])
    if kind == "wallet":
        wallets.refuse(tx, now=now, wallet_id=subject_id, by=by)
    else:
        accounts.cancel_pin_reset(tx, now=now, person_id=row["person_id"])


def holds(tx: Tx, *, now: int, kind: Kind, subject_id: str, ready_at: int, sim_query: bool) -> bool:
    """For a screen: whether a change is held until people have looked, or could not begin though its wait is over."""
    row = tx.sim_check(kind=kind, subject_id=subject_id)
    state = row["state"] if row is not None else "asking"
    if state in ("swapped", "refused"):
        return True
    if state == "released" or not sim_query or now < ready_at:
        return False
    return not (row is not None and state == "kept" and row["good_until"] > now)


def _written(by: str, why: str) -> tuple[str, str]:
    by, why = by.strip()[:60], why.strip()[:200]
    if not by or not why:
        raise Refused("no_reason")
    return by, why


def _tell_held(tx: Tx, now: int, row: Check) -> None:
    if row["kind"] == "wallet":
        wallets.tell_held(tx, now=now, wallet_id=row["subject_id"])
    else:
        accounts.tell_reset_held(tx, now=now, person_id=row["person_id"])


def _note(tx: Tx, now: int, actor: str, action: str, row: Check, was: str) -> None:
    subject = f"{'wallet' if row['kind'] == 'wallet' else 'pin_reset'}:{row['subject_id']}"
    audit.note(tx, now=now, actor=actor, action=action, subject=subject, was=was, becomes=row["state"])
