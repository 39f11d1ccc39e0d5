"""The way in by one-time code: what is asked and checked, in one transaction each, without Flask.

Known and unknown numbers and addresses are treated alike: a code is made, counted and tried for both; only nothing is
sent to a stranger. Nobody is written down before a code proved the contact: no one can put names on another's number.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

from ussd_app.hubs import Hub
from ussd_app.lib import msisdn
from ussd_app.lib.clock import Clock
from ussd_app.market import codes, cooperatives, people
from ussd_app.store import Tx, outbox

SIGN_IN, REGISTER = "sign_in", "contact"
HOUR_MS = 3_600_000
MOST_ASKED, MOST_TRIED = 20, 60  # codes a client may ask for and try in an hour: an office shares one address


@dataclass(frozen=True)
class Contact:
    """Where codes go: an E.164 number or a mail address."""

    kind: Literal["sms", "mail"]
    target: str


@dataclass(frozen=True)
class Registration:
    """A buyer as she wrote herself down; `country` two letters."""

    contact: Contact
    name: str
    company: str
    country: str
    city: str
    language: str


def read_contact(text: str, country: str) -> Contact | None:
    """The number (national ones of `country`) or mail address typed, or None."""
    if "@" in text:
        mail = people.clean_mail(text)
        return Contact("mail", mail) if mail else None
    number = msisdn.parse(text, country)
    return Contact("sms", number) if number else None


def too_often(tx: Tx, *, now: int, clock: Clock, key: str, address: str, asked: int = 0, tried: int = 0) -> bool:
    """Count `asked` codes or `tried` ones of a client's address; True when its hour allows no more.

    Only a keyed digest of the address is kept, and that for two hours at most.
    """
    hour = now // clock.wait(HOUR_MS)
    client = hashlib.blake2b(address.encode(), digest_size=16, key=key.encode()[:64], person=b"web client").hexdigest()
    row = tx.web_try_note(client=client, hour=hour, asked=asked, tried=tried)
    tx.web_tries_forget(before=hour - 1)
    return bool((asked and row["asked"] > MOST_ASKED) or (tried and row["tried"] > MOST_TRIED))


def ask_sign_in(tx: Tx, *, now: int, clock: Clock, key: str, contact: Contact) -> None:
    """Make a sign-in code and send it if the contact is of somebody who may sign in; `key` is SECRET_KEY."""
    found = insiders_of(tx, contact)
    person = found[0] if found else None
    person_id = person["id"] if person else None
    code = codes.issue(tx, purpose=SIGN_IN, target=contact.target, person_id=person_id, now=now, clock=clock, key=key)
    if code is not None and person is not None:
        _send(tx, now, contact, "code.sign_in", code, person["language"], person_id)


def check_sign_in(tx: Tx, *, now: int, key: str, contact: Contact, code: str) -> tuple[str, list[dict[str, Any]]]:
    """Try a code. Returns the answer of codes.check, and on 'ok' who of the contact may sign in (a family may share a
    number). The first contact of a new buyer is confirmed by it."""
    answer = codes.check(tx, purpose=SIGN_IN, target=contact.target, code=code, now=now, key=key)
    if answer != "ok":
        return answer, []
    found = insiders_of(tx, contact)
    for person in found:
        if contact.target == (person["msisdn"] or person["mail"]):
            tx.buyer_confirm(person_id=person["id"])
    return answer, found


def ask_registration(tx: Tx, *, now: int, clock: Clock, key: str, wanted: Registration) -> None:
    """Send a code to the contact of whoever wants to register."""
    target = wanted.contact.target
    code = codes.issue(tx, purpose=REGISTER, target=target, person_id=None, now=now, clock=clock, key=key)
    if code is not None:
        _send(tx, now, wanted.contact, "code.contact", code, wanted.language, None)


def register(tx: Tx, *, now: int, key: str, hub: Hub, wanted: Registration, code: str) -> tuple[str, str]:
    """The code came back: write the buyer down, confirmed from the start.

    Returns the answer of codes.check and on 'ok' the person's id: that of the active buyer who has this mail address,
    or this name on this number, where there is one. Raises people.Refused: bad_name, number_full, mail_taken.
    """
    answer = codes.check(tx, purpose=REGISTER, target=wanted.contact.target, code=code, now=now, key=key)
    if answer != "ok":
        return answer, ""
    for person in buyers_of(tx, wanted.contact):
        if wanted.contact.kind == "mail" or person["name"] == people.clean_name(wanted.name):
            return answer, str(person["id"])
    person = people.register_buyer(
        tx,
        now=now,
        name=wanted.name,
        language=wanted.language,
        country=wanted.country,
        consent_version=hub.consent.version,
        channel="web",
        msisdn=wanted.contact.target if wanted.contact.kind == "sms" else None,
        mail=wanted.contact.target if wanted.contact.kind == "mail" else None,
        company=wanted.company,
        city=wanted.city,
    )
    tx.buyer_confirm(person_id=person["id"])
    return answer, str(person["id"])


def buyers_of(tx: Tx, contact: Contact) -> list[dict[str, Any]]:
    """The active buyers behind a contact, the oldest first."""
    return [person for person in _active(tx, contact) if "buyer" in person["roles"]]


def insiders_of(tx: Tx, contact: Contact) -> list[dict[str, Any]]:
    """The active people behind a contact who have pages: buyers, and who acts for a cooperative; the oldest first."""
    return [
        person
        for person in _active(tx, contact)
        if "buyer" in person["roles"] or cooperatives.role_of(tx, person["id"])
    ]


def _active(tx: Tx, contact: Contact) -> list[dict[str, Any]]:
    if contact.kind == "sms":
        found = people.on_number(tx, contact.target)
    else:
        person = people.by_mail(tx, contact.target)
        found = [person] if person else []
    return [person for person in found if person["state"] == "active"]


def _send(tx: Tx, now: int, contact: Contact, template: str, code: str, language: str, person_id: str | None) -> None:
    outbox.order(
        tx,
        now=now,
        kind=contact.kind,
        to=contact.target,
        template=template,
        values={"code": code},
        language=language,
        purpose="code",
        person_id=person_id,
    )
