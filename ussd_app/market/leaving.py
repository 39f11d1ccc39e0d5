"""Stopping and being forgotten: what a person had for sale and on offer goes with her."""

from __future__ import annotations

from typing import Any

from ussd_app.market import accounts, listings, offers, people
from ussd_app.store import Tx


def set_language(tx: Tx, now: int, person: dict[str, Any], language: str) -> None:
    """Speak `language` (rw, en, fr, sw) to her from now on."""
    people.set_language(tx, now=now, person_id=person["id"], language=language)


def stop(tx: Tx, now: int, person_id: str) -> bool:
    """Withdraw her consent: listings and offers are withdrawn, the account rests. False while an order is open."""
    tx.lock(f"person:{person_id}")
    if tx.open_business(person_id=person_id):
        return False
    _close_shop(tx, now, person_id)
    return accounts.withdraw_consent(tx, now=now, person_id=person_id, purpose="service") == "done"


def erase(tx: Tx, now: int, person_id: str) -> bool:
    """Forget her: listings and offers are withdrawn, everything that names her is blanked. False while an order is open."""
    tx.lock(f"person:{person_id}")
    if tx.open_business(person_id=person_id):
        return False
    _close_shop(tx, now, person_id)
    return accounts.ask_erase(tx, now=now, person_id=person_id, open_business=0) == "erased"


def _close_shop(tx: Tx, now: int, person_id: str) -> None:
    listings.withdraw_all(tx, now=now, seller_id=person_id)
    offers.withdraw_all(tx, now=now, buyer_id=person_id)
