"""The people of the demonstration: cooperatives, sellers and buyers, with numbers and PINs known to everybody.

Ids, numbers and PINs are the same whatever the seed and date; names and languages follow the seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from ussd_app.demo import marks, rwanda
from ussd_app.hubs import Demo, DemoName, Hub, load_demo
from ussd_app.lib import ids
from ussd_app.lib.gsm7 import fold_ascii
from ussd_app.market import cooperatives, people, pins
from ussd_app.store import Tx

PINS = ("27463", "81593", "60384")  # known to everybody: production has no such people
DAY_MS = 86_400_000
_VERIFIED_BY = "demonstration"
_FOUNDED_BY = f"operator:{_VERIFIED_BY}"
_LANGUAGES = ("rw", "rw", "rw", "rw", "rw", "rw", "rw", "en", "fr", "sw")


@dataclass(frozen=True)
class Seller:
    id: str
    name: str
    msisdn: str
    language: str
    place: str
    kind: str
    cooperative: int | None
    produce: tuple[str, ...]
    pin: str
    joined_at: int


@dataclass(frozen=True)
class Buyer:
    """One near has a number and a PIN; one abroad has a mail address and neither."""

    id: str
    name: str
    msisdn: str | None
    mail: str | None
    language: str
    place: str | None
    company: str
    city: str
    country: str
    verification: str
    pin: str
    joined_at: int


@dataclass(frozen=True)
class Cooperative:
    id: str
    name: str
    place: str
    account_id: str
    code: str


@dataclass(frozen=True)
class Staff:
    """A manager or clerk of the cooperative with this index; she sells too."""

    person: Seller
    role: str
    cooperative: int


@dataclass(frozen=True)
class Crowd:
    """Everybody; `sellers[0]` is seller number 1."""

    cooperatives: tuple[Cooperative, ...]
    sellers: tuple[Seller, ...]
    buyers: tuple[Buyer, ...]
    staff: tuple[Staff, ...]

    def growers(self, produce: str) -> list[Seller]:
        """Who sells this produce; the first seller counts three times, so that she has a story to show."""
        found = [seller for seller in self.sellers if produce in seller.produce]
        return found + [seller for seller in found if seller.id == self.sellers[0].id] * 2


def gather(hub: Hub, midnight: int, seed: int) -> Crowd:
    """Everybody as they are on the day that begins at `midnight` (epoch ms), by `seed`."""
    demo, rng = load_demo(hub.code), Random(f"crowd {seed}")
    cooperatives = tuple(
        Cooperative(
            marks.fixed_id("C", number),
            each.name,
            each.place,
            marks.fixed_id("A", number),
            ids.with_check(f"{201800 + number}"),
        )
        for number, each in enumerate(demo.cooperatives, 1)
    )
    sellers = tuple(_sellers(demo, midnight, rng))
    taken = {seller.name for seller in sellers}
    return Crowd(
        cooperatives,
        sellers,
        tuple(_buyers(demo, hub, midnight, rng)),
        tuple(_staff(demo, cooperatives, midnight, Random(f"staff {seed}"), taken)),
    )


def pin_of(number: int) -> str:
    """The PIN of seller `number`, or of buyer `number`, from 1."""
    return PINS[(number - 1) % len(PINS)]


def store_crowd(tx: Tx, hub: Hub, crowd: Crowd, hashes: dict[str, str], rng: Random) -> None:
    """Write everybody; `hashes` are the kept PINs by PIN, `rng` gives ids. Counts of kept orders start at nothing."""
    start = min(seller.joined_at for seller in crowd.sellers)
    for each in crowd.cooperatives:
        cooperatives.add(
            tx, hub=hub, now=start, name=each.name, place=each.place, by=_FOUNDED_BY,
            cooperative_id=each.id, account_id=each.account_id, code=each.code,
        )  # fmt: skip
    for seller in crowd.sellers:
        _store_person(tx, hub, seller, "ussd", hashes, rng)
        home = None if seller.cooperative is None else crowd.cooperatives[seller.cooperative].id
        tx.seller_add(person_id=seller.id, kind=seller.kind, cooperative_id=home, now=seller.joined_at)
    _store_staff(tx, hub, crowd, hashes, rng)
    _store_members(tx, crowd)
    quiet = crowd.sellers[rwanda.SHARED_PHONE[1] - 1]
    tx.person_set_amounts_in_sms(id=quiet.id, amounts_in_sms=0, now=quiet.joined_at)
    for buyer in crowd.buyers:
        _store_person(tx, hub, buyer, "ussd" if buyer.msisdn else "web", hashes, rng)
        new = buyer.verification == "new"
        tx.buyer_add(
            person_id=buyer.id,
            company=buyer.company,
            country=buyer.country,
            city=buyer.city,
            verification="new" if new else "confirmed",
            now=buyer.joined_at,
        )
        if buyer.verification == "verified":
            why = "company papers seen"
            tx.buyer_verify(person_id=buyer.id, by=_VERIFIED_BY, now=buyer.joined_at + DAY_MS)
            at = buyer.joined_at + DAY_MS
            entry = marks.row_id(rng, at)
            tx.access_add(id=entry, now=at, looked_by=_VERIFIED_BY, person_id=buyer.id, what="buyer.verified", why=why)


def _store_person(tx: Tx, hub: Hub, person: Seller | Buyer, channel: str, hashes: dict[str, str], rng: Random) -> None:
    at = person.joined_at
    tx.person_add(
        id=person.id,
        msisdn=person.msisdn,
        mail=person.mail if isinstance(person, Buyer) else None,
        name=person.name,
        language=person.language,
        place=person.place,
        state="active",
        registered_by=None,
        pin_hash=hashes[person.pin] if person.pin else None,
        now=at,
    )
    tx.consent_add(
        id=marks.row_id(rng, at),
        person_id=person.id,
        purpose="service",
        version=hub.consent.version,
        language=person.language,
        channel=channel,
        now=at,
    )


def _store_staff(tx: Tx, hub: Hub, crowd: Crowd, hashes: dict[str, str], rng: Random) -> None:
    """Managers and clerks, each with the role; a clerk weighs at the cooperative's station."""
    for each in crowd.staff:
        person, home = each.person, crowd.cooperatives[each.cooperative].id
        _store_person(tx, hub, person, "ussd", hashes, rng)
        tx.seller_add(person_id=person.id, kind=person.kind, cooperative_id=home, now=person.joined_at)
        station = None if each.role == "manager" else cooperatives.stations(tx, home)[0]["id"]
        cooperatives.give_role(
            tx, now=person.joined_at, cooperative_id=home, person_id=person.id, role=each.role, by=_FOUNDED_BY,
            station_id=station,
        )  # fmt: skip


def _store_members(tx: Tx, crowd: Crowd) -> None:
    """Every seller of a cooperative is its member, with what she grows; nobody is told of what was long ago."""
    for index, cooperative in enumerate(crowd.cooperatives):
        here = [seller for seller in crowd.sellers if seller.cooperative == index]
        for number, seller in enumerate(here, 1):
            of = {"cooperative_id": cooperative.id, "person_id": seller.id}
            tx.member_add(**of, number=number, joined_by="roster", by=_FOUNDED_BY, now=seller.joined_at)
            for produce in seller.produce:
                tx.member_produce_add(**of, produce=produce)


def _staff(
    demo: Demo, cooperatives: Sequence[Cooperative], midnight: int, rng: Random, taken: set[str]
) -> Iterator[Staff]:
    """A manager and a clerk of each cooperative, numbers 201 and on."""
    number = 200
    for index, cooperative in enumerate(cooperatives):
        for role in ("manager", "clerk"):
            number += 1
            person = Seller(
                id=marks.fixed_id("M", number),
                name=_name(demo, rng, taken),
                msisdn=_number_of(number),
                language="rw",
                place=cooperative.place,
                kind="farmer",
                cooperative=index,
                produce=(),
                pin=pin_of(number),
                joined_at=midnight - 300 * DAY_MS + number * 60_000,
            )
            yield Staff(person, role, index)


def _sellers(demo: Demo, midnight: int, rng: Random) -> list[Seller]:
    found: list[Seller] = []
    taken, (_, partner) = {rwanda.FIRST_SELLER}, rwanda.SHARED_PHONE
    for growers in rwanda.GROWERS:
        for turn in range(growers.count):
            number = len(found) + 1
            joined = midnight - rng.randrange(100, 300) * DAY_MS + rng.randrange(7 * 3600, 18 * 3600) * 1000
            if number == rwanda.NEW_SELLER:
                joined = midnight - 8 * 3_600_000
            found.append(
                Seller(
                    id=marks.fixed_id("P", number),
                    name=rwanda.FIRST_SELLER if number == 1 else _name(demo, rng, taken),
                    msisdn=_number_of(number),
                    language="rw" if number <= 3 else rng.choice(_LANGUAGES),
                    place=growers.sectors[turn % len(growers.sectors)] if number != partner else found[-1].place,
                    kind=growers.kind,
                    cooperative=growers.cooperative,
                    produce=growers.produce,
                    pin=pin_of(number),
                    joined_at=joined,
                )
            )
    return found


def _buyers(demo: Demo, hub: Hub, midnight: int, rng: Random) -> list[Buyer]:
    found: list[Buyer] = []
    abroad = {country: list(names) for country, names in rwanda.ABROAD_NAMES.items()}
    taken: set[str] = set()
    for number, (each, verification) in enumerate(zip(demo.buyers, rwanda.VERIFICATION, strict=True), 1):
        near = each.country not in abroad
        found.append(
            Buyer(
                id=marks.fixed_id("B", number),
                name=_name(demo, rng, taken) if near else abroad[each.country].pop(0),
                msisdn=_number_of(100 + number) if near else None,
                mail=None if near else f"trade@{fold_ascii(each.name).lower().replace(' ', '-')}.example",
                language=each.language,
                place=hub.places.find(each.city, 1)[0].code if near else None,
                company=each.name,
                city=each.city,
                country=each.country,
                verification=verification,
                pin=pin_of(number) if near else "",
                joined_at=midnight - rng.randrange(120, 320) * DAY_MS + 9 * 3_600_000,
            )
        )
    return found


def _number_of(number: int) -> str:
    """The phone of a person by number: every third is on Airtel, the others on MTN; a couple has one between them."""
    if number == rwanda.SHARED_PHONE[1]:
        number = rwanda.SHARED_PHONE[0]
    first = ("72" if number % 2 else "73") if number % 3 == 0 else ("79" if number % 10 == 4 else "78")
    return f"+250{first}800{number:04d}"


def _name(demo: Demo, rng: Random, taken: set[str]) -> str:
    """A woman's or a man's name that nobody has yet and that fits a screen."""
    while True:
        sex = rng.choice("ffm")
        name = f"{_pick(demo.given_names, sex, rng)} {_pick(demo.family_names, sex, rng)}"
        if name not in taken and people.clean_name(name) == name:
            taken.add(name)
            return name


def _pick(names: Sequence[DemoName], sex: str, rng: Random) -> str:
    return rng.choice([name for name in names if name.sex in (sex, "x")]).name


def hashed(pin_key: str) -> dict[str, str]:
    """The three PINs as they are kept (argon2: some 20 ms each, so they are shared)."""
    return {pin: pins.hash_pin(pin, pin_key) for pin in PINS}
