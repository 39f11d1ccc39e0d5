"""A person's account: what she agreed to, news, her data, a forgotten PIN, a lost number.

Law 058/2021: consent by purpose and text version, withdrawn at any time; see and erase; who looked at whose data.
"""

from __future__ import annotations

from typing import Any

from ussd_app.lib import clock as clocks
from ussd_app.lib import ids
from ussd_app.lib import msisdn as numbers
from ussd_app.lib.clock import Clock
from ussd_app.market import people
from ussd_app.store import Tx, outbox

PURPOSES = ("service", "news", "abroad")
DAY_MS = 24 * 3_600_000
RESET_WAIT_MS = DAY_MS  # time for the rightful owner to see the SMS and cancel
RESET_LAPSES_MS = 7 * DAY_MS  # a reset nobody finishes must not stay armed
MOST_RESETS_A_DAY = 3  # each one sends an SMS
HOLD_AFTER_MOVE_MS = 2 * DAY_MS  # a moved number is a moved wallet: no payout to it for so long


# --- consent, news, SMS ------------------------------------------------------------------------------------------


def give_consent(tx: Tx, *, now: int, person_id: str, purpose: str, version: str, language: str, channel: str) -> None:
    """She agreed to text `version` for `purpose` ('service', 'news', 'abroad'), read in `language` over `channel`.

    A newer version replaces the standing one (which stays as a row). 'service' brings a stopped account back, 'news'
    starts the news. Raises ValueError for an unknown purpose.
    """
    if purpose not in PURPOSES:
        raise ValueError(f"no such purpose: {purpose}")
    _hold(tx, person_id)
    standing = tx.consent_standing(person_id=person_id, purpose=purpose)
    if standing is None or standing["version"] != version:
        tx.consent_withdraw(person_id=person_id, purpose=purpose, now=now)
        tx.consent_add(
            id=ids.new_id(),
            person_id=person_id,
            purpose=purpose,
            version=version,
            language=language,
            channel=channel,
            now=now,
        )
    if purpose == "news":
        tx.person_set_news(id=person_id, news=1, now=now)
    if purpose == "service":
        tx.person_set_state(id=person_id, state="active", was="stopped", now=now)


def withdraw_consent(tx: Tx, *, now: int, person_id: str, purpose: str, open_business: int = 0) -> str:
    """She takes her consent back. Without 'service' the account rests (state 'stopped') until she agrees again.

    Args: `open_business` how many orders and payments of hers are open (counted by the caller; only 'service' asks).
    Returns 'done' or 'open_business' (nothing changed). Raises ValueError for an unknown purpose.
    """
    if purpose not in PURPOSES:
        raise ValueError(f"no such purpose: {purpose}")
    if purpose == "service" and open_business > 0:
        return "open_business"
    tx.consent_withdraw(person_id=person_id, purpose=purpose, now=now)
    if purpose == "news":
        tx.person_set_news(id=person_id, news=0, now=now)
    if purpose == "service":
        tx.person_set_state(id=person_id, state="stopped", was="active", now=now)
    return "done"


def consented(tx: Tx, person_id: str, purpose: str) -> dict[str, Any] | None:
    """The consent that stands for a purpose (version, language, channel, at), or None."""
    row: dict[str, Any] | None = tx.consent_standing(person_id=person_id, purpose=purpose)
    return row


def stop_news_on_number(tx: Tx, *, now: int, msisdn: str) -> int:
    """STOP came from a number (an SMS cannot say which of its people): no news and calls to any of them. Returns how many."""
    on_it = [person for person in people.everyone_on_number(tx, msisdn) if person["news"]]
    for person in on_it:
        withdraw_consent(tx, now=now, person_id=person["id"], purpose="news")
    tx.people_set_calls(msisdn=msisdn, calls=0, now=now)
    return len(on_it)


def start_news_on_number(tx: Tx, *, now: int, msisdn: str, version: str, channel: str) -> int:
    """START came from a number: news to each active person of it, consent noted. Returns how many are new to it."""
    on_it = [person for person in people.on_number(tx, msisdn) if not person["news"]]
    for person in on_it:
        give_consent(
            tx,
            now=now,
            person_id=person["id"],
            purpose="news",
            version=version,
            language=person["language"],
            channel=channel,
        )
    tx.people_set_calls(msisdn=msisdn, calls=1, now=now)
    return len(on_it)


def set_amounts_in_sms(tx: Tx, *, now: int, person_id: str, on: bool) -> None:
    """Whether our SMS to her may name amounts (others may read her phone)."""
    tx.person_set_amounts_in_sms(id=person_id, amounts_in_sms=int(on), now=now)


# --- her data ----------------------------------------------------------------------------------------------------


def log_access(tx: Tx, *, now: int, looked_by: str, person_id: str, what: str, why: str) -> None:
    """Note that `looked_by` (an operator, officer or agent) looked at `what` of a person, and `why`."""
    tx.access_add(id=ids.new_id(), now=now, looked_by=looked_by, person_id=person_id, what=what, why=why)


def my_data(tx: Tx, person_id: str) -> dict[str, Any] | None:
    """What we keep about her, for her own screens; None when there is no such person or she was erased.

    Returns name, msisdn (last three digits only: others may hold the phone), mail, language, place code, roles,
    cooperative, since (epoch ms), news, amounts_in_sms, has_pin, consents (rows), looks (count), last_looks (rows).
    """
    person = people.by_id(tx, person_id)
    if person is None or person["state"] == "erased":
        return None
    return {
        "name": person["name"],
        "msisdn": numbers.mask(person["msisdn"]) if person["msisdn"] else None,
        "mail": person["mail"],
        "language": person["language"],
        "place": person["place"],
        "roles": person["roles"],
        "cooperative": person["cooperative_name"],
        "since": person["created_at"],
        "news": bool(person["news"]),
        "amounts_in_sms": bool(person["amounts_in_sms"]),
        "has_pin": bool(person["has_pin"]),
        "consents": tx.consents_of(person_id=person_id),
        "looks": int(tx.access_count(person_id=person_id)),
        "last_looks": tx.access_of(person_id=person_id, limit=5),
    }


def ask_erase(tx: Tx, *, now: int, person_id: str, open_business: int) -> str:
    """She wants to be forgotten (her PIN was right just before).

    Args: `open_business` her open orders and payments, counted by the caller in this transaction.
    Returns 'erased', 'open_business' (somebody still waits for goods or money), or 'gone' (no such person any more).
    """
    if open_business > 0:
        return "open_business"
    return "erased" if erase(tx, now=now, person_id=person_id) else "gone"


def erase(tx: Tx, *, now: int, person_id: str) -> bool:
    """Blank everything that names a person; rows of trade keep the bare id. Also replays erasures after a restore.

    Returns False when she was erased already, or never was.
    """
    _hold(tx, person_id)
    if not tx.person_erase(id=person_id, now=now):
        return False
    tx.buyer_erase(person_id=person_id)
    tx.consent_withdraw_all(person_id=person_id, now=now)
    tx.cooperative_roles_remove_of(person_id=person_id, now=now)
    tx.members_leave_all(person_id=person_id, now=now)
    tx.pin_reset_cancel(person_id=person_id)
    tx.number_move_reject_of(person_id=person_id)
    tx.number_move_forget(person_id=person_id)
    tx.call_backs_forget_of(person_id=person_id, now=now)
    tx.codes_forget_of(person_id=person_id)
    tx.wallets_forget(person_id=person_id, now=now)
    tx.payment_forget_number(person_id=person_id)
    tx.deliveries_forget_names(buyer_id=person_id)
    outbox.forget(tx, person_id=person_id)
    return True


# --- a forgotten PIN ---------------------------------------------------------------------------------------------


def ask_pin_reset(tx: Tx, *, now: int, clock: Clock, person_id: str, by: str = "self") -> dict[str, Any] | None:
    """Begin a PIN reset; an SMS says so and the new PIN can be set 24 hours later (scaled), on her own phone only.

    Args: `by` 'self' or the operator's or agent's name: others can begin a reset, never choose a PIN.
    Returns the reset that waits (id, asked_by, ready_at, ...), an earlier one unchanged; None when she is not active,
    has no number, or asked three times today.
    """
    _hold(tx, person_id)
    person = people.by_id(tx, person_id)
    if person is None or person["state"] != "active" or not person["msisdn"]:
        return None
    tx.pin_reset_lapse(person_id=person_id, now=now)
    waiting: dict[str, Any] | None = tx.pin_reset_waiting(person_id=person_id)
    if waiting is not None:
        return waiting
    day = clocks.day(now)
    if tx.pin_resets_on_day(person_id=person_id, day=day) >= MOST_RESETS_A_DAY:
        return None
    ready_at = now + clock.wait(RESET_WAIT_MS)
    tx.pin_reset_add(
        id=ids.new_id(),
        person_id=person_id,
        asked_by=by,
        now=now,
        day=day,
        ready_at=ready_at,
        lapses_at=ready_at + clock.wait(RESET_LAPSES_MS),
    )
    _tell(tx, now, person, "pin.reset_asked", {"name": person["name"], "ready_at": ready_at})
    begun: dict[str, Any] = tx.pin_reset_waiting(person_id=person_id)
    return begun


def cancel_pin_reset(tx: Tx, *, now: int, person_id: str) -> bool:
    """It was not her, or she remembers. Anybody on her own phone may cancel. False when none waits."""
    if not tx.pin_reset_cancel(person_id=person_id):
        return False
    person = people.by_id(tx, person_id)
    if person is not None and person["msisdn"] is not None:
        _tell(tx, now, person, "pin.reset_cancelled", {"name": person["name"]})
    return True


def reset_ready(tx: Tx, *, now: int, person_id: str) -> bool:
    """Whether a new PIN may be set now: asked for, 24 hours over, not lapsed."""
    waiting = tx.pin_reset_waiting(person_id=person_id)
    return waiting is not None and waiting["ready_at"] <= now < waiting["lapses_at"]


def tell_reset_held(tx: Tx, *, now: int, person_id: str) -> None:
    """Her number hears that the new PIN has to wait."""
    person = people.by_id(tx, person_id)
    if person is not None and person["msisdn"] is not None:
        _tell(tx, now, person, "pin.reset_held", {"name": person["name"]})


def finish_pin_reset(tx: Tx, *, now: int, person_id: str, msisdn: str, pin_hash: str, sim_query: bool = False) -> bool:
    """Set the new PIN from her own phone (`msisdn` as the gateway told it); tries and locks are forgotten.

    Where the networks can be asked about SIMs (`sim_query`), one must have said that hers was not swapped, or two
    people let it pass (see `sim_swaps`). Returns False when no reset is ready or it is held, or the phone is not hers.
    """
    person = people.by_id(tx, person_id)
    if person is None or person["state"] != "active" or person["msisdn"] != msisdn:
        return False
    if not tx.pin_reset_finish(person_id=person_id, must=int(sim_query), now=now):
        return False
    return change_pin(tx, now=now, person_id=person_id, pin_hash=pin_hash)


def change_pin(tx: Tx, *, now: int, person_id: str, pin_hash: str) -> bool:
    """Keep a new PIN (the old one was right just before, or a reset is done), tell her by SMS. False: not active."""
    if not tx.pin_set(id=person_id, pin_hash=pin_hash, now=now):
        return False
    person = people.by_id(tx, person_id)
    if person is not None and person["msisdn"] is not None:
        _tell(tx, now, person, "pin.changed", {"name": person["name"]})
    return True


# --- a lost number -----------------------------------------------------------------------------------------------


def start_move(tx: Tx, *, now: int, person_id: str, new_msisdn: str, by: str) -> str | None:
    """An operator (`by`) begins to move a person to `new_msisdn` (E.164); another one must approve.

    The old number is told at once. Returns the move's id; None when she is not active on another number, a move waits
    already, or the number is full.
    """
    _hold(tx, person_id)
    person = people.by_id(tx, person_id)
    if person is None or person["state"] != "active" or person["msisdn"] in (None, "", new_msisdn):
        return None
    if not people.room_on_number(tx, new_msisdn):
        return None
    row = tx.number_move_add(
        id=ids.new_id(), person_id=person_id, old=person["msisdn"], new=new_msisdn, by=by.strip(), now=now
    )
    if row is None:
        return None
    log_access(tx, now=now, looked_by=by, person_id=person_id, what="number.move", why="number lost")
    _tell(tx, now, person, "number.move_asked", {"name": person["name"], "new": numbers.mask(new_msisdn)})
    return str(row["id"])


def approve_move(tx: Tx, *, now: int, clock: Clock, move_id: str, by: str) -> str:
    """A second operator approves: the person lives on the new number from now on, both numbers are told by SMS, waiting
    PIN resets end, and `payout_hold` answers for 48 hours (scaled).

    Returns 'moved', 'same_operator', 'number_full', or 'gone' (decided already, or she is not on the old number now).
    """
    move = tx.number_move_by_id(id=move_id)
    if move is None or move["state"] != "started":
        return "gone"
    if move["started_by"] == by.strip():
        return "same_operator"
    _hold(tx, move["person_id"])
    person = people.by_id(tx, move["person_id"])
    if person is None or person["state"] != "active" or person["msisdn"] != move["old_msisdn"]:
        return "gone"
    if not people.room_on_number(tx, move["new_msisdn"]):
        return "number_full"
    hold_until = now + clock.wait(HOLD_AFTER_MOVE_MS)
    if tx.number_move_approve(id=move_id, by=by.strip(), hold_until=hold_until, now=now) is None:
        return "gone"
    tx.person_set_msisdn(id=person["id"], old=move["old_msisdn"], new=move["new_msisdn"], now=now)
    tx.pin_reset_cancel(person_id=person["id"])
    told = {"name": person["name"], "new": numbers.mask(move["new_msisdn"])}
    _tell(tx, now, person, "number.moved_old", told)
    told = {"name": person["name"], "hold_until": hold_until}
    _tell(tx, now, {**person, "msisdn": move["new_msisdn"]}, "number.moved_new", told)
    return "moved"


def reject_move(tx: Tx, *, move_id: str) -> bool:
    """The move will not be done. False when it was decided already."""
    return bool(tx.number_move_reject(id=move_id))


def waiting_moves(tx: Tx, limit: int = 100) -> list[dict[str, Any]]:
    """Moves that wait for a second operator, longest waiting first."""
    return list(tx.number_moves_waiting(limit=limit))


def payout_hold(tx: Tx, *, now: int, person_id: str) -> int | None:
    """Until when (epoch ms) no money should go to her number because it moved lately; None when it may."""
    until = tx.number_move_hold(person_id=person_id, now=now)
    return None if until is None else int(until)


def _hold(tx: Tx, person_id: str) -> None:
    """One change to an account at a time: an erasure must not pass a move or a reset half-way."""
    tx.lock(f"person:{person_id}")


def _tell(tx: Tx, now: int, person: people.Person, template: str, values: dict[str, Any]) -> None:
    outbox.order(
        tx,
        now=now,
        kind="sms",
        to=person["msisdn"],
        template=template,
        values=values,
        language=person["language"],
        purpose="account",
        person_id=person["id"],
    )
