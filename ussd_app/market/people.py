"""Who people are: names, numbers and roles.

A number is not a person: a family shares one SIM, so up to six people live on a number and each has a PIN of her own.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from ussd_app.lib import gsm7, ids
from ussd_app.store import Tx

Person = dict[str, Any]

MOST_ON_A_NUMBER = 6  # what one screen of options can offer to choose from
NAME_LONGEST = 24  # a listing line with the longest name, place and price still fits one screen
SELLER_KINDS = ("farmer", "artisan")

_NAME = re.compile(r"[A-Za-z][A-Za-z '\-.,]*")
_MAIL = re.compile(r"[a-z0-9][a-z0-9._%+\-]*@[a-z0-9\-]+(\.[a-z0-9\-]+)*\.[a-z]{2,}")


class Refused(Exception):
    """A rule said no before anything was written. `reason` is one short word: bad_name, bad_kind, number_full,
    no_contact, mail_taken, agent_sets_no_pin, pin_missing."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def on_number(tx: Tx, msisdn: str) -> list[Person]:
    """The active people of a number, oldest first, with their roles: one statement (session start is a hot path).

    Args: `msisdn` in E.164 with +.
    Returns dicts with id, name, language, place, has_pin, cooperative_id, ... and `roles` ('seller', 'buyer').
    """
    return [person for person in everyone_on_number(tx, msisdn) if person["state"] == "active"]


def everyone_on_number(tx: Tx, msisdn: str) -> list[Person]:
    """As `on_number`, with those still pending (an agent wrote them down) and those who stopped; look at `state`."""
    return [_with_roles(row) for row in tx.people_on_number(msisdn=msisdn)]


def by_id(tx: Tx, person_id: str) -> Person | None:
    """The person with `roles` (never the PIN's hash), erased ones too (blank); None when there is none."""
    row = tx.person_by_id(id=person_id)
    return None if row is None else _with_roles(row)


def by_mail(tx: Tx, mail: str) -> Person | None:
    """The person of a mail address however it is typed. For sign-in only: nobody may look others up by it."""
    cleaned = clean_mail(mail)
    person_id = None if cleaned is None else tx.person_id_by_mail(mail=cleaned)
    return None if person_id is None else by_id(tx, person_id)


def register_seller(
    tx: Tx,
    *,
    now: int,
    msisdn: str,
    name: str,
    language: str,
    place: str,
    pin_hash: str | None,
    consent_version: str,
    channel: str,
    kind: str = "farmer",
    cooperative_id: str | None = None,
    registered_by: str | None = None,
) -> Person:
    """Register a seller, active at once when she does it herself on her own phone.

    Args: `now` epoch ms; `msisdn` E.164; `place` code of the hub; `pin_hash` from pins.hash_pin; `consent_version` of
    the text she agreed to in `language` over `channel` ('ussd', 'sms', 'web'); `registered_by` the person id of a field
    agent: the seller then stays pending, without PIN or consent, until `confirm_seller` from her own handset.
    Returns the person. Raises Refused bad_name, bad_kind, number_full, pin_missing, agent_sets_no_pin.
    """
    if kind not in SELLER_KINDS:
        raise Refused("bad_kind")
    if registered_by is not None and pin_hash is not None:
        raise Refused("agent_sets_no_pin")
    if registered_by is None and pin_hash is None:
        raise Refused("pin_missing")
    person_id = _add(
        tx,
        now=now,
        msisdn=msisdn,
        mail=None,
        name=name,
        language=language,
        place=place,
        pin_hash=pin_hash,
        registered_by=registered_by,
    )
    tx.seller_add(person_id=person_id, kind=kind, cooperative_id=cooperative_id, now=now)
    if registered_by is None:
        _consent(tx, now, person_id, consent_version, language, channel)
    return _known(tx, person_id)


def confirm_seller(
    tx: Tx,
    *,
    now: int,
    person_id: str,
    msisdn: str,
    pin_hash: str,
    language: str,
    consent_version: str,
    channel: str,
) -> bool:
    """A seller an agent wrote down says yes from her own handset (`msisdn` as the gateway told it) and sets her PIN.

    Returns False when she is not pending on that number: nothing changes then.
    """
    if not tx.person_confirm(id=person_id, msisdn=msisdn, pin_hash=pin_hash, language=language, now=now):
        return False
    _consent(tx, now, person_id, consent_version, language, channel)
    return True


def register_buyer(
    tx: Tx,
    *,
    now: int,
    name: str,
    language: str,
    country: str,
    consent_version: str,
    channel: str,
    msisdn: str | None = None,
    mail: str | None = None,
    place: str | None = None,
    pin_hash: str | None = None,
    company: str = "",
    city: str = "",
) -> Person:
    """Register a buyer, near (a number) or abroad (a mail address).

    Args: as `register_seller`; `country` two letters; `mail` as typed. However she comes, a code must confirm the
    contact before her first offer (buyers.ask_contact_code).
    Returns the person. Raises Refused bad_name, no_contact, number_full, mail_taken.
    """
    cleaned = None if mail is None else clean_mail(mail)
    if (mail is not None and cleaned is None) or (msisdn is None and cleaned is None):
        raise Refused("no_contact")
    if cleaned is not None:
        tx.lock(f"mail:{cleaned}")
        if tx.person_id_by_mail(mail=cleaned) is not None:
            raise Refused("mail_taken")
    person_id = _add(
        tx,
        now=now,
        msisdn=msisdn,
        mail=cleaned,
        name=name,
        language=language,
        place=place,
        pin_hash=pin_hash,
        registered_by=None,
    )
    make_buyer(tx, now=now, person_id=person_id, country=country, company=company, city=city)
    _consent(tx, now, person_id, consent_version, language, channel)
    return _known(tx, person_id)


def make_seller(tx: Tx, *, now: int, person_id: str, kind: str = "farmer", cooperative_id: str | None = None) -> bool:
    """Give a known person the seller's role. Returns False when she has it already. Raises Refused bad_kind."""
    if kind not in SELLER_KINDS:
        raise Refused("bad_kind")
    return bool(tx.seller_add(person_id=person_id, kind=kind, cooperative_id=cooperative_id, now=now))


def make_buyer(tx: Tx, *, now: int, person_id: str, country: str, company: str = "", city: str = "") -> bool:
    """Give a known person the buyer's role (see `register_buyer`). Returns False when she has it already."""
    return bool(
        tx.buyer_add(
            person_id=person_id,
            company=_line(company, 60),
            country=country.upper()[:2],
            city=_line(city, 40),
            verification="new",
            now=now,
        )
    )


def rename(tx: Tx, *, now: int, person_id: str, name: str) -> str:
    """Change a name; returns it as kept. Raises Refused bad_name."""
    cleaned = _name(name)
    tx.person_rename(id=person_id, name=cleaned, now=now)
    return cleaned


def set_language(tx: Tx, *, now: int, person_id: str, language: str) -> None:
    """Speak `language` (a code of the hub) to this person from the next screen on."""
    tx.person_set_language(id=person_id, language=language, now=now)


def set_place(tx: Tx, *, now: int, person_id: str, place: str) -> None:
    """The person lives at `place` (a code of the hub) from now on; listings already made keep theirs."""
    tx.person_set_place(id=person_id, place=place, now=now)


def clean_name(text: str) -> str | None:
    """A name as it will be shown on any phone, or None when it is no name.

    2 to 24 letters, spaces and ' - . , after folding to ASCII, beginning with a letter. Digits, markup and control or
    invisible characters are refused. Typed all small or all capital it gets capitals first; mixed stays as typed.
    """
    if any(unicodedata.category(char)[0] == "C" for char in text):
        return None
    folded = " ".join(gsm7.fold_ascii(text).split())
    letters = sum(char.isalpha() for char in folded)
    if letters < 2 or len(folded) > NAME_LONGEST or not _NAME.fullmatch(folded):
        return None
    return folded.title() if folded.islower() or folded.isupper() else folded


def clean_mail(text: str) -> str | None:
    """A mail address in small letters, or None when it is none we can write to."""
    mail = text.strip().lower()
    return mail if len(mail) <= 120 and _MAIL.fullmatch(mail) else None


def room_on_number(tx: Tx, msisdn: str) -> bool:
    """Whether one more person may live on the number; holds the number until the transaction ends."""
    tx.lock(f"number:{msisdn}")
    return int(tx.people_count_on_number(msisdn=msisdn)) < MOST_ON_A_NUMBER


def _add(
    tx: Tx,
    *,
    now: int,
    msisdn: str | None,
    mail: str | None,
    name: str,
    language: str,
    place: str | None,
    pin_hash: str | None,
    registered_by: str | None,
) -> str:
    cleaned = _name(name)
    if msisdn is not None and not room_on_number(tx, msisdn):
        raise Refused("number_full")
    person_id = ids.new_id()
    tx.person_add(
        id=person_id,
        msisdn=msisdn,
        mail=mail,
        name=cleaned,
        language=language,
        place=place,
        state="active" if registered_by is None else "pending",
        registered_by=registered_by,
        pin_hash=pin_hash,
        now=now,
    )
    return person_id


def _consent(tx: Tx, now: int, person_id: str, version: str, language: str, channel: str) -> None:
    tx.consent_add(
        id=ids.new_id(),
        person_id=person_id,
        purpose="service",
        version=version,
        language=language,
        channel=channel,
        now=now,
    )


def _known(tx: Tx, person_id: str) -> Person:
    return _with_roles(tx.person_by_id(id=person_id))


def _with_roles(row: Person) -> Person:
    roles = ("seller",) if row["seller_kind"] else ()
    return {**row, "roles": (*roles, "buyer") if row["buyer_verification"] else roles}


def _name(text: str) -> str:
    cleaned = clean_name(text)
    if cleaned is None:
        raise Refused("bad_name")
    return cleaned


def _line(text: str, longest: int) -> str:
    """One printable line of free text: for names of companies, cities and cooperatives."""
    plain = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in text)
    return " ".join(plain.split())[:longest].rstrip()
