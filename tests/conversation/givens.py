"""What a dialogue's `given` lines mean: each makes something true through the market's own functions.

    given seller Mukamana +250788000001 speaks en at Nyamasheke pin 24863
    given buyer Marc +250788000002 speaks rw company "Kivu Coffee" verified
    given Mukamana also buys
    given listing of Mukamana: coffee.cherry 50 kg at 650
    given offer of Marc to Mukamana: 40 kg at 700
    given order of Marc with Mukamana: 40 kg at 700
    given pass_through order of Marc with Mukamana: 40 kg at 700
    given trade of coffee.cherry at 640 in Nyamasheke
    given Mukamana stopped
    given Ange is agent
    given Ange is no agent
    given next code is 482915
    given nobody on +250788000009
    given bids are matched
    given cooperative Kawa Nziza at Kanjongo managed by Alphonse code 2018018
    given Aline is clerk of Kawa Nziza
    given Mukamana is a member of Kawa Nziza growing coffee.cherry
    given Kawa Nziza wrote down Jeanne +250788000005 speaking en

`speaks` is rw, `at` is Nyamasheke and `pin` is 24863 where a line does not say; a buyer is verified unless it says `new`
or `confirmed`, and lives nowhere unless it says where; messages name amounts unless it says `without amounts`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from ussd_app.hubs.distances import load_distances
from ussd_app.lib import clock as clocks
from ussd_app.lib import ids, typed
from ussd_app.market import (
    agents,
    buyers,
    clearings,
    cooperatives,
    leaving,
    listings,
    members,
    offers,
    orders,
    people,
    pins,
    prices,
)
from ussd_app.market.terms import Terms
from ussd_app.parts import Parts
from ussd_app.store import Tx

PIN = "24863"
_HASHES: dict[tuple[str, str], str] = {}


def pin_hash(pin: str, key: str) -> str:
    """The hash of a PIN, made once: each costs some 20 ms."""
    if (pin, key) not in _HASHES:
        _HASHES[pin, key] = pins.hash_pin(pin, key)
    return _HASHES[pin, key]


class Givens:
    """Makes `given` lines true in one market; remembers people by their names."""

    def __init__(self, parts: Parts, patch: pytest.MonkeyPatch) -> None:
        self.parts, self.hub, self.clock, self.patch = parts, parts.hub, parts.clock, patch
        self.people: dict[str, dict[str, Any]] = {}
        self.cooperatives: dict[str, dict[str, Any]] = {}
        self.lines: list[tuple[re.Pattern[str], Callable[[Tx, re.Match[str]], None]]] = [
            (re.compile(r"(?P<role>seller|buyer) (?P<name>.+?) (?P<phone>\+\d+)(?P<rest>.*)"), self.person),
            (re.compile(r"(?P<name>.+) also buys"), self.also_buys),
            (re.compile(r"(?P<name>.+) stopped"), self.stopped),
            (re.compile(r"listing of (?P<name>.+): (?P<produce>\S+) (?P<quantity>.+) at (?P<price>\d+)"), self.listing),
            (
                re.compile(r"(?P<settlement>pass_through )?(?P<what>offer|order) of (?P<buyer>.+) (to|with) (?P<seller>.+): (?P<quantity>.+) at (?P<price>\d+)"),
                self.offer,
            ),
            (
                re.compile(r"cooperative (?P<name>.+) at (?P<place>.+) managed by (?P<manager>.+?)(?: code (?P<code>\d{7}))?"),
                self.cooperative,
            ),
            (re.compile(r"(?P<name>.+) is (?P<role>clerk|manager) of (?P<cooperative>.+)"), self.role),
            (re.compile(r"(?P<name>.+) is (?P<no>no )?agent"), self.agent),
            (
                re.compile(r"(?P<name>.+) is a member of (?P<cooperative>.+?)(?: growing (?P<produce>\S+))?"),
                self.member,
            ),
            (
                re.compile(r"(?P<cooperative>.+) wrote down (?P<name>.+) (?P<phone>\+\d+) speaking (?P<language>..)"),
                self.written_down,
            ),
            (re.compile(r"trade of (?P<produce>\S+) at (?P<price>\d+) in (?P<place>.+)"), self.trade),
        ]  # fmt: skip

    def __call__(self, words: str) -> None:
        """Make one line true. Raises ValueError where it says nothing known."""
        if code := re.fullmatch(r"next code is (\d{6})", words):
            self.next_code(code[1])
            return
        if re.fullmatch(r"nobody on \+\d+", words):
            return
        if words == "bids are matched":
            self.match_bids()
            return
        for pattern, make in self.lines:
            if match := pattern.fullmatch(words):
                return self.write(make, match)
        raise ValueError(f"this can not be given: {words}")

    def write(self, make: Callable[[Tx, re.Match[str]], None], match: re.Match[str]) -> None:
        self.parts.store.write(lambda tx: make(tx, match))

    def next_code(self, code: str) -> None:
        """From here on every code of six digits is this one."""
        usual = ids.code_digits

        def digits(n: int) -> str:
            return code if n == len(code) else usual(n)

        self.patch.setattr(ids, "code_digits", digits)

    def match_bids(self) -> None:
        """The clearing of every produce, whether due or not."""
        distances = load_distances(self.hub.code)
        for produce in self.hub.produce:
            clearings.clear(self.parts.store, self.hub, distances, self.clock, self.clock.now(), produce)

    def person(self, tx: Tx, line: re.Match[str]) -> None:
        rest = _Rest(line["rest"])
        pin = rest.word("pin") or PIN
        place = rest.word("at")
        common: dict[str, Any] = {
            "now": self.clock.now(), "msisdn": line["phone"], "name": line["name"], "language": rest.word("speaks") or "rw",
            "pin_hash": pin_hash(pin, self.parts.settings.pin_key), "consent_version": self.hub.consent.version, "channel": "ussd",
        }  # fmt: skip
        known = next((word for word in ("new", "confirmed", "verified") if rest.flag(word)), "verified")
        company, quiet = rest.word("company"), rest.flag("without amounts")
        rest.end()
        if line["role"] == "seller":
            person = people.register_seller(tx, place=self.place(place or "Nyamasheke"), **common)
        else:
            person = people.register_buyer(
                tx, country="RW", company=company, place=self.place(place) if place else None, **common
            )
            self.know(tx, person["id"], known)
        if quiet:
            tx.person_set_amounts_in_sms(id=person["id"], amounts_in_sms=0, now=self.clock.now())
        self.people[line["name"]] = person

    def know(self, tx: Tx, person_id: str, known: str) -> None:
        if known != "new":
            tx.buyer_confirm(person_id=person_id)
        if known == "verified":
            assert buyers.verify(tx, now=self.clock.now(), person_id=person_id, by="operator", why="papers")

    def also_buys(self, tx: Tx, line: re.Match[str]) -> None:
        person = self.named(line["name"])
        people.make_buyer(tx, now=self.clock.now(), person_id=person["id"], country="RW")
        self.know(tx, person["id"], "confirmed")

    def stopped(self, tx: Tx, line: re.Match[str]) -> None:
        assert leaving.stop(tx, self.clock.now(), self.named(line["name"])["id"])

    def listing(self, tx: Tx, line: re.Match[str]) -> None:
        seller = self.named(line["name"])
        produce = self.hub.produce_by(line["produce"])
        listings.add(
            tx, hub=self.hub, clock=self.clock, now=self.clock.now(), seller_id=seller["id"], produce=produce.code,
            quantity=_quantity(line["quantity"], produce.unit), price=int(line["price"]), place=seller["place"],
        )  # fmt: skip

    def offer(self, tx: Tx, line: re.Match[str]) -> None:
        """An offer on the seller's last listing, fetched at her place; an order is one she accepted."""
        seller, buyer = self.named(line["seller"]), self.named(line["buyer"])
        row = tx.rows(
            "SELECT id, unit FROM listings WHERE seller_id = :id AND state = 'open' ORDER BY id DESC LIMIT 1",
            id=seller["id"],
        )[0]
        market: dict[str, Any] = {"clock": self.clock, "now": self.clock.now()}
        terms = Terms(
            _quantity(line["quantity"], row["unit"]),
            int(line["price"]),
            "farm_gate",
            seller["place"],
            "buyer",
            (line["settlement"] or "outside").strip(),
        )
        offer = offers.make(tx, hub=self.hub, buyer_id=buyer["id"], listing_id=row["id"], terms=terms, **market)
        if line["what"] == "order":
            orders.accept(tx, person_id=seller["id"], offer_id=offer["id"], **market)

    def cooperative(self, tx: Tx, line: re.Match[str]) -> None:
        self.cooperatives[line["name"]] = cooperatives.add(
            tx, hub=self.hub, now=self.clock.now(), name=line["name"], place=self.place(line["place"]),
            manager_id=self.named(line["manager"])["id"], code=line["code"],
        )  # fmt: skip

    def agent(self, tx: Tx, line: re.Match[str]) -> None:
        person_id, now = self.named(line["name"])["id"], self.clock.now()
        if line["no"]:
            assert agents.remove(tx, now=now, agent_id=person_id, by="operator:a", why="left")
        else:
            agents.add(tx, hub=self.hub, now=now, person_id=person_id, by="operator:a")

    def role(self, tx: Tx, line: re.Match[str]) -> None:
        person, of = self.named(line["name"]), self.cooperatives[line["cooperative"]]
        station = cooperatives.stations(tx, of["id"])[0]["id"] if line["role"] == "clerk" else None
        cooperatives.give_role(
            tx, now=self.clock.now(), cooperative_id=of["id"], person_id=person["id"], role=line["role"],
            by="operator:test", station_id=station,
        )  # fmt: skip

    def member(self, tx: Tx, line: re.Match[str]) -> None:
        """A member from long ago: no message tells her so today."""
        which = {
            "cooperative_id": self.cooperatives[line["cooperative"]]["id"],
            "person_id": self.named(line["name"])["id"],
        }
        number = tx.members_next_number(cooperative_id=which["cooperative_id"])
        tx.member_add(**which, number=number, joined_by="roster", by="operator:test", now=self.clock.now())
        tx.seller_join(**which)
        if line["produce"]:
            tx.member_produce_add(**which, produce=line["produce"])

    def written_down(self, tx: Tx, line: re.Match[str]) -> None:
        of = self.cooperatives[line["cooperative"]]
        self.people[line["name"]] = people.register_seller(
            tx, now=self.clock.now(), msisdn=line["phone"], name=line["name"], language=line["language"],
            place=of["place"], pin_hash=None, consent_version="", channel="roster",
            registered_by=members.WRITTEN_DOWN + of["id"],
        )  # fmt: skip
        members.add(
            tx, now=self.clock.now(), cooperative_id=of["id"], person_id=self.people[line["name"]]["id"],
            joined_by="roster", by="operator:test",
        )  # fmt: skip

    def trade(self, tx: Tx, line: re.Match[str]) -> None:
        place = self.hub.places.get(self.place(line["place"]))
        prices.note_trade(tx, {
            "produce": line["produce"], "currency": self.hub.currency, "price": int(line["price"]), "quantity": 10_000,
            "agreed_day": clocks.day(self.clock.now()), "district": place.district_code, "province": place.province,
        })  # fmt: skip

    def place(self, name: str) -> str:
        """The code of a place by its name (a district before a sector), or its label. Raises ValueError."""
        called = [one for one in self.hub.places.find(name.split(" (")[0], limit=20) if name in (one.name, one.label)]
        found = [one for one in called if one.kind == "district"] or called
        if len(found) != 1:
            raise ValueError(f"{len(found)} places are called {name!r}")
        return str(found[0].code)

    def named(self, name: str) -> dict[str, Any]:
        if name not in self.people:
            raise ValueError(f"nobody was given by the name {name!r}")
        return self.people[name]


class _Rest:
    """The words behind a person's number."""

    def __init__(self, text: str) -> None:
        self.text = f"{text.strip()} "

    def word(self, name: str) -> str:
        match = re.search(rf'\b{name} (?:"([^"]*)"|(\S+(?: \(\S+\))?)) ', self.text)
        if match is None:
            return ""
        self.text = self.text.replace(match[0], "", 1)
        return match[1] or match[2]

    def flag(self, words: str) -> bool:
        there = f"{words} " in self.text
        self.text = self.text.replace(f"{words} ", "", 1)
        return there

    def end(self) -> None:
        if self.text.strip():
            raise ValueError(f"not understood of this person: {self.text.strip()}")


def _quantity(text: str, unit: str) -> int:
    read = {"g": typed.grams, "ml": typed.millilitres, "piece": typed.pieces}[unit](text, 10**9)
    if read is None:
        raise ValueError(f"not a quantity: {text}")
    return read
