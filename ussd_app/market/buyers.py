"""Buyers: how far we know them, what that allows, and how they kept their word."""

from __future__ import annotations

from typing import Any

from ussd_app.lib.clock import Clock
from ussd_app.market import accounts, codes
from ussd_app.store import Tx, outbox

# What a buyer may have open at once (offers, and orders agreed but not yet brought) and ask for in one of them. Small until
# somebody vouches: a prankster can then block a few sacks for a day, not a season, and make a seller's phone ring a few
# times (changes count too). Values in francs (RWF has no smaller unit). The last row is the ceiling of the simplified
# regime across the border, USD 1,000,000 a transaction, in round francs.
_CAPS = {
    "new": {
        "max_open_offers": 2,
        "max_offers_a_day": 5,
        "max_quantity_grams": 200_000,
        "max_pieces": 50,
        "max_value_minor": 200_000,
    },
    "confirmed": {
        "max_open_offers": 5,
        "max_offers_a_day": 20,
        "max_quantity_grams": 2_000_000,
        "max_pieces": 500,
        "max_value_minor": 2_000_000,
    },
    "verified": {
        "max_open_offers": 200,
        "max_offers_a_day": 2_000,
        "max_quantity_grams": 500_000_000,
        "max_pieces": 100_000,
        "max_value_minor": 1_400_000_000,
    },
}


def by_id(tx: Tx, person_id: str) -> dict[str, Any] | None:
    """The buyer with name, company, country, verification and counts; None when the person is no buyer."""
    row: dict[str, Any] | None = tx.buyer_by_id(person_id=person_id)
    return row


def caps(verification: str) -> dict[str, int]:
    """What this level allows: max_open_offers, max_offers_a_day, max_quantity_grams, max_pieces,
    max_value_minor (RWF).

    Raises KeyError for a level that does not exist.
    """
    return dict(_CAPS[verification])


def ask_contact_code(tx: Tx, *, now: int, clock: Clock, key: str, person_id: str) -> bool:
    """Send a code to the buyer's number, or mail address where there is no number; `key` is SECRET_KEY.

    Returns False when nothing goes out: asked too often, or the person is no buyer. The answer shown is the same.
    """
    buyer = by_id(tx, person_id)
    if buyer is None or buyer["state"] != "active":
        return False
    target = buyer["msisdn"] or buyer["mail"]
    code = codes.issue(tx, purpose="contact", target=target, person_id=person_id, now=now, clock=clock, key=key)
    if code is None:
        return False
    outbox.order(
        tx,
        now=now,
        kind="sms" if buyer["msisdn"] else "mail",
        to=target,
        template="code.contact",
        values={"code": code},
        language=buyer["language"],
        purpose="code",
        person_id=person_id,
    )
    return True


def confirm_contact(tx: Tx, *, now: int, key: str, person_id: str, code: str) -> str:
    """The buyer typed the code. Returns 'ok' (a new buyer is confirmed from now on), 'wrong', 'expired' or 'spent'."""
    buyer = by_id(tx, person_id)
    if buyer is None or buyer["state"] != "active":
        return "expired"
    target = buyer["msisdn"] or buyer["mail"]
    answer = codes.check(tx, purpose="contact", target=target, code=code, now=now, key=key)
    if answer == "ok":
        tx.buyer_confirm(person_id=person_id)
    return answer


def verify(tx: Tx, *, now: int, person_id: str, by: str, why: str) -> bool:
    """An operator (`by`) saw the buyer's papers (`why` names them). False unless the buyer's contact was confirmed."""
    if not tx.buyer_verify(person_id=person_id, by=by, now=now):
        return False
    accounts.log_access(tx, now=now, looked_by=by, person_id=person_id, what="buyer.verified", why=why)
    return True


def note_kept(tx: Tx, person_id: str) -> None:
    """The buyer came, took and paid as agreed."""
    tx.buyer_note_kept(person_id=person_id)


def note_missed(tx: Tx, person_id: str) -> None:
    """The buyer let an agreed order lapse."""
    tx.buyer_note_missed(person_id=person_id)


def describe(buyer: dict[str, Any]) -> dict[str, Any]:
    """What a seller may know before an order: name (the company's where there is one), country, city, verification,
    kept and missed orders. Never a number or a mail address.

    Args: `buyer` a row of `by_id`.
    """
    return {
        "name": buyer["company"] or buyer["name"],
        "country": buyer["country"],
        "city": buyer["city"],
        "verification": buyer["verification"],
        "kept": buyer["kept_count"],
        "missed": buyer["missed_count"],
    }
