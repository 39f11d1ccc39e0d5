"""A cooperative's list of members as a file: looked at first, then taken; safe to take again.

Each row is one person: known by her member number, or by her phone and name. The same phone with another name is a
second person, as families share phones. Who was unknown is pending: nothing is sent to her and she can do nothing before
she dials herself, agrees and chooses a PIN. What an active person said of herself no roster changes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ussd_app.hubs import Hub
from ussd_app.lib import msisdn as numbers
from ussd_app.lib.gsm7 import fold_ascii
from ussd_app.lib.redact import redact
from ussd_app.market import cooperatives, holders, members, people
from ussd_app.market.roster_files import BadFile, cells, write
from ussd_app.money import audit
from ussd_app.store import Tx

__all__ = ("BadFile", "Fault", "Line", "Report", "Row", "apply", "check", "export", "read", "write")

NEW, JOINS, CHANGED, SAME, FAULT = "new", "joins", "changed", "same", "fault"
NEEDED = ("name", "phone")
COLUMNS = ("number", "name", "phone", "produce", "place", "language", "state")
MOST_NUMBER = 999_999

# How lists call their columns, in small letters without spaces and signs.
NAMES = {
    "name": "name", "names": "name", "fullname": "name", "member": "name", "membername": "name", "farmer": "name",
    "izina": "name", "amazina": "name", "umunyamuryango": "name", "nom": "name", "noms": "name", "nometprenom": "name",
    "nomcomplet": "name", "nometprenoms": "name", "membre": "name", "jina": "name", "majina": "name",
    "jinakamili": "name", "mwanachama": "name",
    "phone": "phone", "telephone": "phone", "phonenumber": "phone", "mobile": "phone", "tel": "phone", "msisdn": "phone",
    "telefone": "phone", "telefoni": "phone", "telefoneye": "phone", "nimeroyatelefone": "phone",
    "nimeroyatelefoni": "phone", "numerodetelephone": "phone", "ntelephone": "phone", "simu": "phone",
    "nambariyasimu": "phone", "nambayasimu": "phone",
    "memberno": "number", "membernumber": "number", "membershipno": "number", "membershipnumber": "number",
    "memberid": "number", "nimeroyumunyamuryango": "number", "numerodemembre": "number", "nomembre": "number",
    "nmembre": "number", "numeromembre": "number", "nambariyamwanachama": "number", "nambayamwanachama": "number",
    "number": "any number", "no": "any number", "nr": "any number", "nimero": "any number", "numero": "any number",
    "nambari": "any number", "namba": "any number", "id": "any number",
    "produce": "produce", "product": "produce", "products": "produce", "crop": "produce", "crops": "produce",
    "igihingwa": "produce", "ibihingwa": "produce", "igicuruzwa": "produce", "ibicuruzwa": "produce",
    "umusaruro": "produce", "produit": "produce", "produits": "produce", "culture": "produce", "cultures": "produce",
    "zao": "produce", "mazao": "produce", "bidhaa": "produce",
    "place": "place", "sector": "place", "location": "place", "aho": "place", "ahantu": "place", "umurenge": "place",
    "lieu": "place", "secteur": "place", "endroit": "place", "mahali": "place", "sekta": "place", "tarafa": "place",
    "language": "language", "lang": "language", "ururimi": "language", "langue": "language", "lugha": "language",
}  # fmt: skip
LANGUAGES = {
    "rw": "rw", "kinyarwanda": "rw", "ikinyarwanda": "rw", "kiny": "rw", "kin": "rw",
    "en": "en", "english": "en", "icyongereza": "en", "anglais": "en", "kiingereza": "en",
    "fr": "fr", "french": "fr", "francais": "fr", "igifaransa": "fr", "kifaransa": "fr",
    "sw": "sw", "swahili": "sw", "kiswahili": "sw", "igiswahili": "sw", "igiswayile": "sw",
}  # fmt: skip
_ROUNDED = re.compile(r"[0-9][.,]?[0-9]*[eE]\+?[0-9]+")


class Fault(Exception):
    """A row that cannot be taken: `reason` one word, `facts` what it is about."""

    def __init__(self, reason: str, **facts: Any) -> None:
        super().__init__(reason, facts)
        self.reason = reason
        self.facts = facts


@dataclass(frozen=True)
class Row:
    """One row of the file as it stands there: its number in the file, and its cells by our names of columns."""

    row: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Line:
    """What becomes of a row: `outcome` new, joins (known, and a member now), changed, same or fault; why in `reason` and
    `facts`; `name` as it was read."""

    row: int
    name: str
    outcome: str
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """All rows in order; `applied` tells whether anything was written."""

    lines: tuple[Line, ...]
    applied: bool = False

    def count(self, outcome: str) -> int:
        return sum(line.outcome == outcome for line in self.lines)

    @property
    def good(self) -> bool:
        return not self.count(FAULT)


@dataclass(frozen=True)
class _Wanted:
    """A row that can be understood. None stands for what the row does not say."""

    name: str
    phone: str
    number: int | None
    place: str | None
    produce: tuple[str, ...]
    language: str | None


@dataclass(frozen=True)
class _Plan:
    """What taking a row does: nobody's id for a new person."""

    line: Line
    wanted: _Wanted
    person_id: str | None = None


def read(data: bytes, filename: str) -> list[Row]:
    """The rows of a roster (CSV or XLSX). Columns are known by their names in four languages, in any order.

    Raises BadFile: too_large, too_many_rows, no_table, empty, missing (columns: our names of what is needed).
    """
    header: list[str] = []
    found: list[Row] = []
    for number, texts in cells(data, filename):
        if not header:
            header = _header(texts)
            continue
        told: dict[str, str] = {}
        for name, text in zip(header, texts, strict=False):
            if name and text and name not in told:
                told[name] = text
        if told:
            found.append(Row(number, told))
    if not found:
        raise BadFile("empty")
    return found


def check(tx: Tx, *, hub: Hub, cooperative_id: str, rows: Sequence[Row]) -> Report:
    """What `apply` would do with each row, without doing it. Raises Refused not_found (the cooperative)."""
    return Report(tuple(plan.line for plan in _plans(tx, hub, cooperative_id, rows)))


def apply(
    tx: Tx, *, hub: Hub, now: int, cooperative_id: str, rows: Sequence[Row], by: str, only_good: bool = False
) -> Report:
    """Take the rows into the list of members.

    Args: `now` epoch ms; `by` `operator:<name>` or `person:<id>` (a manager: checked); `only_good` takes the good rows
    where others have faults; else one fault keeps all from being taken.
    Returns the report; nothing was written where `applied` is False. Raises Refused not_found, not_allowed.
    """
    if by.startswith("person:"):
        cooperatives.check_role(tx, by.removeprefix("person:"), cooperative_id, "manager")
    tx.lock(f"members:{cooperative_id}")
    plans = _plans(tx, hub, cooperative_id, rows)
    report = Report(tuple(plan.line for plan in plans))
    if not only_good and not report.good:
        return report
    home = cooperatives.by_id(tx, cooperative_id)["place"]
    for plan in sorted(plans, key=lambda plan: plan.wanted.number is None):  # given numbers before free ones
        if plan.line.outcome not in (FAULT, SAME):
            _take(tx, hub, now, cooperative_id, home, plan, by)
    return Report(report.lines, applied=True)


def export(tx: Tx, *, hub: Hub, now: int, cooperative_id: str, by: str, why: str) -> list[dict[str, Any]]:
    """The members as rows for `write`; `read` understands them again. Who took the list, and why, is noted.

    `by` as in `apply`. Raises Refused not_found, not_allowed.
    """
    if by.startswith("person:"):
        cooperatives.check_role(tx, by.removeprefix("person:"), cooperative_id, "manager")
    cooperatives.by_id(tx, cooperative_id)
    subject = f"cooperative:{cooperative_id}"
    audit.note(
        tx,
        now=now,
        actor=by,
        action="cooperative.exported",
        subject=subject,
        evidence=redact(why).replace("@", " at ")[:200],
    )
    grown: dict[str, list[str]] = {}
    for row in tx.member_produce_in(cooperative_id=cooperative_id):
        grown.setdefault(row["person_id"], []).append(row["produce"])
    found = []
    for row in members.of(tx, cooperative_id, limit=1_000_000):
        told = (row["number"], row["name"], row["msisdn"], ", ".join(grown.get(row["person_id"], ())))
        place = hub.places.get(row["place"]).label if row["place"] else ""
        found.append(dict(zip(COLUMNS, (*told, place, row["language"], row["person_state"]), strict=True)))
    return found


# --- reading a row


def _header(texts: Sequence[str]) -> list[str]:
    """Our names of the columns, '' for one we do not read. A bare "number" is the phone's where nothing else is."""
    header = [NAMES.get(re.sub(r"[^a-z]", "", fold_ascii(text).lower()), "") for text in texts]
    spare = "number" if "phone" in header else "phone"
    header = [("" if spare in header else spare) if name == "any number" else name for name in header]
    missing = [name for name in NEEDED if name not in header]
    if missing:
        raise BadFile("missing", columns=missing)
    return header


def _wanted(hub: Hub, district: str, told: dict[str, str]) -> _Wanted:
    """Raises Fault."""
    name = people.clean_name(told.get("name", ""))
    if name is None:
        raise Fault("bad_name")
    typed = told.get("phone", "")
    if _ROUNDED.fullmatch(typed):
        raise Fault("phone_rounded")
    phone = numbers.parse(typed, hub.country)
    if phone is None:
        raise Fault("bad_phone")
    return _Wanted(
        name, phone, _number(told), _place(hub, district, told), _produce(hub, told), _language(hub, told)
    )  # fmt: skip


def _number(told: dict[str, str]) -> int | None:
    if "number" not in told:
        return None
    digits = told["number"].lstrip("0")
    if not (digits.isascii() and digits.isdigit() and int(digits[:9]) <= MOST_NUMBER):
        raise Fault("bad_number", number=told["number"])
    return int(digits)


def _place(hub: Hub, district: str, told: dict[str, str]) -> str | None:
    if "place" not in told:
        return None
    typed = told["place"]
    if typed.isdigit():
        if typed not in {place.code for place in hub.places}:
            raise Fault("bad_place", place=typed)
        return typed
    found = hub.places.find(typed.replace("(", " ").replace(")", " "), 12)
    exact = [place for place in found if fold_ascii(place.name).lower() == fold_ascii(typed).lower()] or found
    near = [place for place in exact if place.district_code == district] or exact
    sectors = [place for place in near if place.kind == "sector"] or near
    if not sectors:
        raise Fault("bad_place", place=typed)
    if len(sectors) > 1:
        raise Fault("many_places", place=typed)
    return str(sectors[0].code)


def _produce(hub: Hub, told: dict[str, str]) -> tuple[str, ...]:
    codes = {produce.code for produce in hub.produce}
    named = {fold_ascii(name).lower(): one.code for one in hub.produce for name in one.names.values()}
    found = []
    for word in filter(None, map(str.strip, re.split(r"[,;/|+&]", told.get("produce", "")))):
        plain = fold_ascii(word).lower()
        by_word = hub.produce_by_word(plain)
        code = plain if plain in codes else named.get(plain) or (by_word.code if by_word else None)
        if code is None:
            raise Fault("bad_produce", produce=word)
        found.append(code)
    return tuple(sorted(set(found)))


def _language(hub: Hub, told: dict[str, str]) -> str | None:
    if "language" not in told:
        return None
    found = LANGUAGES.get(re.sub(r"[^a-z]", "", fold_ascii(told["language"]).lower()))
    if found not in hub.languages:
        raise Fault("bad_language", language=told["language"])
    return found


# --- what a row means here


class _Book:
    """The members of a cooperative as they are, and what the rows before have made of them."""

    def __init__(self, tx: Tx, cooperative_id: str) -> None:
        self.tx, self.cooperative_id = tx, cooperative_id
        rows = tx.members_everyone(cooperative_id=cooperative_id)
        self.by_number = {row["number"]: row for row in rows if row["number"] is not None}
        self.by_person = {row["person_id"]: row for row in rows}
        self.produce: dict[str, set[str]] = {}
        for row in tx.member_produce_in(cooperative_id=cooperative_id):
            self.produce.setdefault(row["person_id"], set()).add(row["produce"])
        self.seen: dict[Any, int] = {}
        self.named: dict[str, list[tuple[str, int]]] = {}
        self.becomes: dict[str, tuple[str, str]] = {}
        self.added: Counter[str] = Counter()

    def once(self, row: int, *keys: Any) -> None:
        """Raises Fault where one of these was in an earlier row."""
        for key in keys:
            if key in self.seen:
                raise Fault("twice", row=self.seen[key])
        self.seen.update(dict.fromkeys(keys, row))

    def name_once(self, row: int, wanted: _Wanted) -> None:
        """Raises Fault where an earlier row has this person's name, however written, on this phone."""
        earlier = self.named.setdefault(wanted.phone, [])
        for name, other in earlier:
            if _same(name, wanted.name):
                raise Fault("twice", row=other)
        earlier.append((wanted.name, row))

    def on_phone(self, wanted: _Wanted) -> list[dict[str, Any]]:
        """The people of this name on this phone, as the rows before have left them."""
        found = []
        for person in self.tx.people_on_number(msisdn=wanted.phone):
            name, phone = self.becomes.get(person["id"], (person["name"], person["msisdn"]))
            if phone == wanted.phone and _same(name, wanted.name):
                found.append(person)
        return found

    def room(self, phone: str) -> None:
        """One more person on a phone. Raises Fault."""
        self.added[phone] += 1
        if int(self.tx.people_count_on_number(msisdn=phone)) + self.added[phone] > people.MOST_ON_A_NUMBER:
            raise Fault("number_full", most=people.MOST_ON_A_NUMBER)


def _plans(tx: Tx, hub: Hub, cooperative_id: str, rows: Sequence[Row]) -> list[_Plan]:
    district = cooperatives.by_id(tx, cooperative_id)["district"]
    book = _Book(tx, cooperative_id)
    return [_plan(book, row, lambda told: _wanted(hub, district, told)) for row in rows]


def _plan(book: _Book, row: Row, understand: Callable[[dict[str, str]], _Wanted]) -> _Plan:
    name = row.cells.get("name", "")
    wanted = _Wanted(name, "", None, None, (), None)
    try:
        wanted = understand(row.cells)
        if wanted.number is not None:
            book.once(row.row, wanted.number)
        book.name_once(row.row, wanted)
        person = _known(book, wanted)
        if person is None:
            book.room(wanted.phone)
            return _Plan(Line(row.row, wanted.name, NEW), wanted)
        book.once(row.row, person["id"])
        outcome = _outcome(book, wanted, person)
        if _ours(person, book.cooperative_id):
            book.becomes[person["id"]] = (wanted.name, wanted.phone)
        return _Plan(Line(row.row, wanted.name, outcome), wanted, person["id"])
    except Fault as fault:
        return _Plan(Line(row.row, name, FAULT, fault.reason, fault.facts), wanted)


def _known(book: _Book, wanted: _Wanted) -> dict[str, Any] | None:
    """Whom the row is about, None: nobody we know. Raises Fault."""
    holder = book.by_number.get(wanted.number)
    if holder is not None:
        person = {"id": holder["person_id"], "state": holder["person_state"], **_kept(holder)}
        same_name, same_phone = _same(holder["name"], wanted.name), holder["msisdn"] == wanted.phone
        ours = _ours(person, book.cooperative_id)
        if not same_name and not (same_phone and ours):
            raise Fault("number_taken", number=wanted.number, name=holder["name"])
        if not same_phone:
            if not ours:
                raise Fault("phone_differs", name=holder["name"])
            book.room(wanted.phone)
        others = [one["id"] for one in book.on_phone(wanted) if one["id"] != person["id"]]
        if others and not (same_name and same_phone):
            taken = book.by_person.get(others[0], holder)
            raise Fault("number_differs", number=taken["number"], name=wanted.name)
        return person
    here = book.on_phone(wanted)
    if not here:
        return None
    person = next((one for one in here if one["id"] in book.by_person), here[0])
    member = book.by_person.get(person["id"])
    if member and member["number"] is not None and wanted.number is not None:
        raise Fault("number_differs", number=member["number"], name=person["name"])
    return {"id": person["id"], "state": person["state"], **_kept(person)}


def _kept(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("name", "msisdn", "place", "language", "registered_by")}


def _outcome(book: _Book, wanted: _Wanted, person: dict[str, Any]) -> str:
    member = book.by_person.get(person["id"])
    if member is not None and member["state"] == "left" and member["decided_by"] == f"person:{person['id']}":
        raise Fault("left_herself", name=person["name"])
    if member is None or member["state"] != "active":
        return JOINS
    changed = bool(wanted.produce) and set(wanted.produce) != book.produce.get(person["id"], set())
    if _ours(person, book.cooperative_id):
        told = {"name": wanted.name, "msisdn": wanted.phone, "place": wanted.place, "language": wanted.language}
        changed |= any(value is not None and value != person[name] for name, value in told.items())
    return CHANGED if changed else SAME


def _ours(person: dict[str, Any], cooperative_id: str) -> bool:
    """A person whom this cooperative wrote down and who did not speak for herself yet."""
    written_by: str | None = person["registered_by"]
    return person["state"] == "pending" and written_by == members.WRITTEN_DOWN + cooperative_id


def _same(one: str, other: str) -> bool:
    return bool(one.casefold() == other.casefold() or holders.compare(one, other) == holders.SAME)


# --- taking it


def _take(tx: Tx, hub: Hub, now: int, cooperative_id: str, home: str, plan: _Plan, by: str) -> None:
    wanted, person_id = plan.wanted, plan.person_id
    if person_id is None:
        person_id = people.register_seller(
            tx, now=now, msisdn=wanted.phone, name=wanted.name, language=wanted.language or hub.languages[0],
            place=wanted.place or home, pin_hash=None, consent_version="", channel="roster",
            registered_by=members.WRITTEN_DOWN + cooperative_id,
        )["id"]  # fmt: skip
    else:
        tx.person_rewrite(
            id=person_id, name=wanted.name, msisdn=wanted.phone, place=wanted.place, language=wanted.language,
            written_by=members.WRITTEN_DOWN + cooperative_id, now=now,
        )  # fmt: skip
    members.add(
        tx, now=now, cooperative_id=cooperative_id, person_id=person_id, joined_by="roster", by=by, number=wanted.number
    )
    if wanted.produce:
        members.set_produce(tx, cooperative_id=cooperative_id, person_id=person_id, produce=wanted.produce)
