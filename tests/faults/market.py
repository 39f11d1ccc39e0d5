"""People trading without pause while processes die, and what must be true of the database afterwards."""

from __future__ import annotations

import random
import re
import string
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.faults.phones import ACCEPT, REGISTER, REPEAT, Person, Phone, Script, Tally, buying, selling
from tests.faults.processes import Service, await_true
from ussd_app.store import Store

# Numbers of the produce list that have no official price, one for each lane: a lane's cheapest goods are its own.
PRODUCE = (2, 3, 4, 20, 25, 26, 27, 28)
FIRST_PRICE = 1990
MOST_WAITING = 3
_CODE = re.compile(r"\b(\d{6})\b")
_ORDER = re.compile(r"Order (\d+)")


@dataclass
class Promises:
    """What people were told, by number; `maybe` counts steps whose answer was lost and not asked for again."""

    registered: set[str] = field(default_factory=set)
    listed: Counter[str] = field(default_factory=Counter)
    confirmed: set[str] = field(default_factory=set)
    offered: Counter[str] = field(default_factory=Counter)
    orders: dict[str, str] = field(default_factory=dict)  # code -> the seller's number
    maybe: Counter[tuple[str, str]] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def count(self) -> int:
        """How many steps were acknowledged for good."""
        told = len(self.registered) + len(self.confirmed) + len(self.orders)
        return told + self.listed.total() + self.offered.total()


class Inboxes:
    """What the gateway took so far, by number."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._seen = 0
        self._texts: dict[str, list[str]] = {}

    def code(self, msisdn: str) -> str | None:
        """The newest six-digit code that went to a number."""
        with self._lock:
            for entry in self._service.journal(self._seen):
                self._seen = entry["n"]
                for one in entry.get("recipients", ()):
                    self._texts.setdefault(one["number"], []).append(entry["form"]["message"])
            codes = [found[1] for text in self._texts.get(msisdn, ()) if (found := _CODE.search(text))]
        return codes[-1] if codes else None


class Lane(threading.Thread):
    """One stream of people who register, list, offer and accept until they are told to stop."""

    def __init__(self, crowd: Crowd, number: int) -> None:
        super().__init__(name=f"lane-{number}", daemon=True)
        self.crowd, self.number = crowd, number
        self.random = random.Random(f"{crowd.seed} {number}")
        self.produce = PRODUCE[number]
        self.price = FIRST_PRICE
        self.people = 0
        self.waiting: list[Person] = []
        self.ready: list[Person] = []
        self.fault: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.crowd.stop.is_set():
                self.trade()
        except BaseException as fault:
            self.fault = fault
            self.crowd.stop.set()

    def trade(self) -> None:
        """A new seller lists, once or twice; a buyer who is known makes an offer, and she accepts it."""
        seller = self.person()
        if not self.step(seller, REGISTER, "home", "registered"):
            return
        self.price -= 1
        if not self.step(seller, selling(self.produce, self.price), "sell.save", "listed"):
            return
        if self.random.random() < 0.3:
            self.step(seller, REPEAT, "sell.repeat", "listed")
        self.meet_buyers()
        if not self.ready:
            return
        buyer = self.random.choice(self.ready)
        if self.step(buyer, buying(self.produce, self.price), "buy.send", "offered"):
            self.step(seller, ACCEPT, "offers.accept", "accepted")

    def meet_buyers(self) -> None:
        """Register one more, and confirm those whose code has come."""
        if len(self.waiting) < MOST_WAITING and len(self.ready) < MOST_WAITING:
            buyer = self.person()
            if self.step(buyer, {**REGISTER, "register.consent": "2"}, "home", "registered"):
                self.waiting.append(buyer)
        for buyer in [*self.waiting]:
            code = self.crowd.inboxes.code(buyer.phone.msisdn)
            if code is None:
                continue
            self.waiting.remove(buyer)
            if self.step(buyer, {"home": "12", "buy.code": code}, "home", "confirmed"):
                self.ready.append(buyer)

    def person(self) -> Person:
        self.people += 1
        msisdn = f"+25078{self.number + 1}{self.people:06d}"
        patient = self.random.random() < self.crowd.patient
        return Person(Phone(self.crowd.service.port, msisdn), self.crowd.tally, patient)

    def step(self, person: Person, script: Script, until: str, kind: str) -> bool:
        """Whether she was told that it is done; what she was told is kept."""
        name = "".join(self.random.choices(string.ascii_lowercase, k=8)).title()
        answer = person.does({**script, "register.name": name} if "register.name" in script else script, until)
        promises, msisdn = self.crowd.promises, person.phone.msisdn
        with promises.lock:
            if answer is None:
                promises.maybe[kind, msisdn] += 1
            elif kind == "registered":
                assert "You are registered" in answer.text, answer.text
                promises.registered.add(msisdn)
            elif kind == "listed":
                assert answer.text.startswith("Listed: "), answer.text
                promises.listed[msisdn] += 1
            elif kind == "confirmed":
                assert answer.text.startswith("Confirmed."), answer.text
                promises.confirmed.add(msisdn)
            elif kind == "offered":
                assert answer.text.startswith("Your offer is sent"), answer.text
                promises.offered[msisdn] += 1
            else:
                found = _ORDER.search(answer.text)
                assert found and answer.text.startswith("Accepted. "), answer.text
                promises.orders[found[1]] = msisdn
        return answer is not None


class Crowd:
    """Lanes of people on one service. `patient`: the share of people whose gateway repeats what was not answered."""

    def __init__(self, service: Service, lanes: int, seed: int, patient: float = 1.0) -> None:
        self.service, self.seed, self.patient = service, seed, patient
        self.promises, self.tally, self.stop = Promises(), Tally(), threading.Event()
        self.inboxes = Inboxes(service)
        self.lanes = [Lane(self, number) for number in range(lanes)]
        for lane in self.lanes:
            lane.start()

    def finish(self) -> None:
        """Let everybody end what she is about, then fail with what went wrong, if anything did."""
        self.stop.set()
        for lane in self.lanes:
            lane.join(90)
            assert not lane.is_alive(), f"{lane.name} never came to an end"
        for lane in self.lanes:
            if lane.fault is not None:
                raise lane.fault


# --- afterwards -----------------------------------------------------------------------------------------------------

_UNSENT = "SELECT COUNT(*) AS n FROM outbox WHERE state IN ('waiting', 'held', 'leased', 'sending')"


def drain(store: Store, timeout_s: float = 60.0) -> None:
    """Wait until nothing waits to go out."""
    await_true(lambda: not rows(store, _UNSENT)[0]["n"], "an empty outbox", timeout_s)


def rows(store: Store, sql: str) -> list[dict[str, Any]]:
    with store.read() as tx:
        return tx.rows(sql)


def by_number(store: Store, sql: str) -> Counter[str]:
    """Counts by number: `sql` gives msisdn and n."""
    return Counter({row["msisdn"]: row["n"] for row in rows(store, sql)})


def check_promises(store: Store, crowd: Crowd) -> None:
    """Whatever was acknowledged is there, and nothing is there twice."""
    promises = crowd.promises
    people = Counter(row["msisdn"] for row in rows(store, "SELECT msisdn FROM people"))
    _between(Counter(promises.registered), people, promises, "registered")
    listed = "SELECT p.msisdn, COUNT(*) AS n FROM listings l JOIN people p ON p.id = l.seller_id GROUP BY p.msisdn"
    _between(promises.listed, by_number(store, listed), promises, "listed")
    known = "SELECT p.msisdn, 1 AS n FROM buyers b JOIN people p ON p.id = b.person_id WHERE b.verification <> 'new'"
    _between(Counter(promises.confirmed), by_number(store, known), promises, "confirmed")
    offered = "SELECT p.msisdn, COUNT(*) AS n FROM offers o JOIN people p ON p.id = o.buyer_id GROUP BY p.msisdn"
    _between(promises.offered, by_number(store, offered), promises, "offered")
    orders = rows(store, "SELECT o.code, p.msisdn FROM orders o JOIN people p ON p.id = o.seller_id")
    codes = {row["code"]: row["msisdn"] for row in orders}
    assert promises.orders.items() <= codes.items(), "an order that was acknowledged is lost"
    unasked = Counter(number for code, number in codes.items() if code not in promises.orders)
    _between(Counter(), unasked, promises, "accepted")
    _check_turns(store, crowd)


def _between(told: Counter[str], kept: Counter[str], promises: Promises, kind: str) -> None:
    """For every number: at least what was told, at most that and what nobody knows."""
    for number in told | kept:
        most = told[number] + promises.maybe[kind, number]
        assert told[number] <= kept[number] <= most, (
            f"{kind}: ...{number[-3:]} was told {told[number]} times, {kept[number]} are kept, {most} may be"
        )


def _check_turns(store: Store, crowd: Crowd) -> None:
    """Every session that got an answer is there, with as many turns at least."""
    kept = {row["session_id"]: row["turns"] for row in rows(store, "SELECT session_id, turns FROM sessions")}
    lost = {session: n for session, n in crowd.tally.turns.items() if kept.get(session, 0) < n}
    assert not lost, f"sessions lost acknowledged turns: {lost}"


def check_messages(store: Store, service: Service, worker_kills: int, lanes: int) -> dict[str, int]:
    """Each step ordered its messages, each message went out, and twice only where a kill fell between send and mark.

    Returns how many messages and how many were doubled.
    """
    ordered = {
        "listing.saved": "SELECT COUNT(*) AS n FROM listings",
        "offer.new": "SELECT COUNT(*) AS n FROM offers",
        "order.agreed.seller": "SELECT COUNT(*) AS n FROM orders",
        "order.agreed.buyer": "SELECT COUNT(*) AS n FROM orders",
        "code.contact": "SELECT COUNT(*) AS n FROM buyers",
    }
    told = {row["template"]: row["n"] for row in rows(store, "SELECT template, COUNT(*) AS n FROM outbox GROUP BY 1")}
    for template, sql in ordered.items():
        assert told.get(template, 0) == rows(store, sql)[0]["n"], f"{template} was not ordered for each"
    kept = rows(store, "SELECT id, state, recipient, external_id, tries FROM outbox")
    assert {row["state"] for row in kept} <= {"sent"}, Counter(row["state"] for row in kept)
    messages = service.messages()
    taken = {message["external_id"]: message["number"] for message in messages}
    for row in kept:
        assert taken.get(row["external_id"]) == row["recipient"], f"message {row['id']} never reached the gateway"
    assert len({row["external_id"] for row in kept}) == len(kept), "two messages were marked by one answer"
    arrived, wanted = Counter(message["number"] for message in messages), Counter(row["recipient"] for row in kept)
    tries: Counter[str] = Counter()
    for row in kept:
        tries[row["recipient"]] += row["tries"]
    for number in arrived:
        assert wanted[number] <= arrived[number] <= tries[number], f"...{number[-3:]} got {arrived[number]} messages"
    doubled = len(messages) - len(kept)
    assert doubled <= worker_kills * lanes, f"{doubled} messages went out twice in {worker_kills} kills"
    return {"messages": len(kept), "doubled": doubled}


def check_books(store: Store) -> None:
    """The file is whole, and every kilo is either on a listing or in one order."""
    if store.engine == "sqlite":
        assert rows(store, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
        assert rows(store, "PRAGMA foreign_key_check") == []
    lost = rows(
        store,
        "SELECT l.id FROM listings l LEFT JOIN (SELECT listing_id, SUM(quantity) AS held FROM orders"
        " WHERE state <> 'cancelled' GROUP BY listing_id) o ON o.listing_id = l.id"
        " WHERE l.quantity <> l.left_quantity + COALESCE(o.held, 0)",
    )
    assert not lost, "kilos were lost or made"
    double = rows(store, "SELECT offer_id FROM orders GROUP BY offer_id HAVING COUNT(*) > 1")
    assert not double, "an offer became two orders"
