"""What a cooperative gave out itself, what its members say to that, and the books any of them can ask for."""

from __future__ import annotations

from typing import Any

from ussd_app.lib.clock import Clock
from ussd_app.lib.gsm7 import fold
from ussd_app.market import cooperatives, share_pay
from ussd_app.market.tell import tell
from ussd_app.market.terms import Refused
from ussd_app.store import Tx

Row = dict[str, Any]

CONTEST_MS = 48 * 3_600_000  # she must be able to walk to the station before it counts against her
OUTSIDE = ("cash", "sacco")
NOTE_LONGEST = 60


def record_outside(tx: Tx, *, clock: Clock, now: int, clerk_id: str, share_id: str, via: str, note: str) -> Row:
    """A clerk or manager records that a share was given out: `via` cash or sacco, `note` who handed it over or which
    slip, at most 60 characters. From then on it counts as paid; the member hears it and may contest it for 48 hours.

    Returns the share. Raises Refused: not_found, not_allowed, bad_terms (via), no_reason (the note), gone (the list is
    not approved, or the share was sent or given out before), disputed.
    """
    share = tx.share_by_id(id=share_id)
    if share is None or share["own"]:
        raise Refused("not_found")
    cooperatives.check_role(tx, clerk_id, share["cooperative_id"], "manager", "clerk")
    said = " ".join(fold(note).split())[:NOTE_LONGEST]
    if via not in OUTSIDE:
        raise Refused("bad_terms", term="via")
    if not said:
        raise Refused("no_reason")
    if share["order_id"]:
        tx.order_hold(id=share["order_id"])
        if tx.dispute_open_of(order_id=share["order_id"]) is not None:
            raise Refused("disputed")
    if tx.pay_list_hold(id=share["pay_list_id"])["state"] not in ("approved", "paying"):
        raise Refused("gone", state="draft")
    if share["state"] == "failed":  # it stands on her account in the books, and nothing of it left
        share_pay.take_back_one(tx, now=now, pay_list=tx.pay_list_by_id(id=share["pay_list_id"]), share=share)
    until = now + clock.wait(CONTEST_MS)
    row: Row | None = tx.share_record(id=share_id, via=via, note=said, by=clerk_id, contest_until=until, now=now)
    if row is None:
        raise Refused("gone", state=share["state"])
    share_pay.note(
        tx, now, f"person:{clerk_id}", f"share.{via}:{share_id}", share["pay_list_id"], share["state"], "recorded"
    )
    if share["person_state"] == "active":
        values = {"code": share_pay.name_of(share), "name": share["cooperative_name"], "currency": share["currency"]}
        values |= {"amount_minor": share["net"], "contest_until": until}
        tell(tx, now, tx.contact_of(id=share["person_id"]), f"share.{via}", f"{share_id}:{now}", values)
    share_pay.settle(tx, now=now, pay_list_id=share["pay_list_id"])
    return row


def contest(tx: Tx, *, now: int, person_id: str, share_id: str) -> Row:
    """The member says that she did not get it: it counts as unpaid again, and her cooperative's managers hear it.

    Raises Refused: not_found, too_late (until), gone (state).
    """
    share = tx.share_by_id(id=share_id)
    if share is None or share["person_id"] != person_id or share["own"]:
        raise Refused("not_found")
    if share["order_id"]:
        tx.order_hold(id=share["order_id"])
    tx.pay_list_hold(id=share["pay_list_id"])
    row: Row | None = tx.share_contest(id=share_id, person_id=person_id, now=now)
    if row is None:
        late = share["state"] == "recorded"
        raise Refused("too_late", until=share["contest_until"]) if late else Refused("gone", state=share["state"])
    tx.pay_list_move(id=share["pay_list_id"], was="done", becomes="paying", now=now)
    share_pay.note(
        tx, now, f"person:{person_id}", f"share.contested:{share_id}", share["pay_list_id"], "recorded", "contested"
    )
    values = {"code": share_pay.name_of(share), "name": share["name"], "currency": share["currency"]}
    account = tx.contact_of(id=share["account_id"])
    tell(tx, now, account, "share.contested", f"{share_id}:{now}", values | {"amount_minor": share["net"]})
    return row


def books(tx: Tx, cooperative_id: str, person_id: str | None = None) -> Row:
    """The books of a cooperative, or a member's own there: minor units, of lists that were approved.

    Returns lists (how many), good (base units), sold (before deductions), fee, advance, deducted (both), paid (to
    wallets, or recorded as given out), pending, own (the cooperative's own share), advances_left (inputs on credit
    still owed). sold = deducted + paid + pending.
    """
    row: Row = tx.share_books(cooperative_id=cooperative_id, person_id=person_id or "")
    left = tx.advances_left_of(cooperative_id=cooperative_id, person_id=person_id or "")
    return row | {"deducted": row["fee"] + row["advance"], "advances_left": int(left)}


def member_books(tx: Tx, cooperative_id: str, after: int = 0, limit: int = 100) -> list[Row]:
    """For a manager: the sums of every member, by number from `after` on (number, person_id, name, good, sold,
    deducted, paid, pending)."""
    return list(tx.share_books_by_member(cooperative_id=cooperative_id, after=after, limit=limit))


def of_person(tx: Tx, person_id: str, cooperative_id: str, limit: int = 10) -> list[Row]:
    """A member's own shares, the latest first, with order_code or season."""
    return list(tx.shares_of_person(person_id=person_id, cooperative_id=cooperative_id, limit=limit))
