"""Turns without HTTP: how many statements one takes and how they find their rows; what ten times the people cost."""

from __future__ import annotations

import contextlib
import random
import re
import secrets
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from tests.bench import crowd
from ussd_app import wire
from ussd_app.messages import UssdRequest
from ussd_app.settings import from_environment
from ussd_app.store import open_store

# What is typed after the dial, and the screen that must then stand there. Only turns with a name are measured.
SELLER_WALK = (
    ("", "home", "home of a seller"),
    ("2", "offers.list", "her offers"),
    ("0", "home", ""),
    ("5", "prices.produce", ""),
    ("1", "prices.show", "the price of a produce"),
    ("00", "home", ""),  # what is left unfinished would be offered to the next call
)
BUYER_WALK = (
    ("", "home", ""),
    ("1", "buy.produce", ""),
    ("1", "buy.where", ""),
    ("3", "buy.list", "what is for sale in a district"),
    ("0", "buy.where", ""),
    ("1", "buy.list", "what is for sale in the country"),
    ("00", "home", ""),
)
SALE_WALK = (
    ("", "home", "dial"),
    ("1", "sell.produce", "choose the produce"),
    ("2", "sell.quantity", "type the quantity"),
    ("50", "sell.price", "type the price"),
    ("700", "sell.confirm", "read the sum"),
    ("1", "sell.save", "confirm: the listing is written"),
)
WARM_CALLS = 10
Walk = tuple[tuple[str, str, str], ...]


class WrongScreen(AssertionError):
    """A turn led elsewhere than the walk says: its time would mean nothing."""


class Phones:
    """Phones of one filled market, in this process."""

    def __init__(self, url: str, sellers: int) -> None:
        env = {"DATABASE_URL": url, "GATEWAYS": "africastalking", "ENVIRONMENT": "development"}
        settings = from_environment(env)
        self.sellers = sellers
        self.url = url
        self.store = open_store(url)
        self.conversation = wire(settings, self.store).conversation
        # A call that an earlier measurement broke off would be offered again in the middle of a walk.
        self.store.write(lambda tx: tx.rows("UPDATE sessions SET state = 'left' WHERE state = 'open'"))

    def close(self) -> None:
        self.store.close()

    def walk(self, phone: str, walk: Walk) -> Iterator[tuple[str, float]]:
        """Make one call; gives each turn's name and milliseconds. Raises WrongScreen."""
        session = f"ATUid_{secrets.token_hex(16)}"
        path: list[str] = []
        for typed, screen, name in walk:
            path += [typed] if typed else []
            request = UssdRequest("africastalking", session, phone, "*".join(path), True, network="mtn")
            began = perf_counter()
            reply = self.conversation.ussd(request)
            took = (perf_counter() - began) * 1000
            if reply.screen != screen:
                raise WrongScreen(f"{typed!r} led to {reply.screen}, not {screen}: {reply.text}")
            yield name, took


@dataclass
class Statements:
    """What the turns of the common walks ran. `counts` by turn; `scans` are statements that read a whole table."""

    counts: dict[str, int] = field(default_factory=dict)
    scans: list[str] = field(default_factory=list)
    distinct: int = 0


def statements(url: str, sellers: int) -> Statements:
    """Count what each turn of the three walks runs (SQLite), and ask how each statement finds its rows."""
    found = Statements()
    ran: list[str] = []
    seen: set[str] = set()
    phones = Phones(url, sellers)
    with contextlib.closing(phones):
        phones.store.trace = ran.append
        for phone, walk in (
            (crowd.seller_phone(1), SELLER_WALK),
            (crowd.buyer_phone(1), BUYER_WALK),
            (crowd.seller_phone(2), SALE_WALK),
        ):
            for (typed, screen, _name), _turn in zip(walk, phones.walk(phone, walk), strict=True):
                turn = f"{screen} ({typed or 'dial'})"
                found.counts[turn] = max(len(ran), found.counts.get(turn, 0))
                seen.update(ran)
                ran.clear()
    found.distinct = len(seen)
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        for sql in sorted(seen):
            found.scans += [f"{step}: {' '.join(sql.split())[:80]}" for step in _scans(connection, sql)]
    return found


def _scans(connection: sqlite3.Connection, sql: str) -> list[str]:
    unknown: dict[str, Any] = defaultdict(lambda: 1)
    plan = [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", unknown)]
    tables = {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    return [step for step in plan if _scanned(step, sql) in tables]


def _scanned(step: str, sql: str) -> str:
    """The table a plan's step reads whole, if any: a made-up row (`SELECT 1`) and a sub-query's rows are none."""
    match = re.match(r"SCAN (\w+)(?! CONSTANT)", step)
    if match is None:
        return ""
    alias = re.search(rf"(?:FROM|JOIN)\s+(\w+)\s+(?:AS\s+)?{match[1]}\b", sql)
    return alias[1] if alias else match[1]


def growth(small: Phones, large: Phones, seconds: float) -> dict[str, list[tuple[float, float]]]:
    """Walk both markets by turns for `seconds`; returns milliseconds (small, large) of every named turn, paired.

    The first calls are not counted: they fill the page caches.
    """
    rng = random.Random(7)
    times: dict[str, list[tuple[float, float]]] = defaultdict(list)
    began = perf_counter()
    calls = 0
    while perf_counter() - began < seconds or calls < 2 * WARM_CALLS:
        for walk, number, most in (
            (SELLER_WALK, crowd.seller_phone, lambda n: n),
            (BUYER_WALK, crowd.buyer_phone, crowd.buyers_for),
        ):
            first, second = (small, large) if calls % 2 else (large, small)
            one = list(first.walk(number(rng.randint(1, most(first.sellers))), walk))
            two = list(second.walk(number(rng.randint(1, most(second.sellers))), walk))
            for (name, took_one), (_name, took_two) in zip(one, two, strict=True):
                if name and calls >= WARM_CALLS:
                    times[name].append((took_one, took_two) if first is small else (took_two, took_one))
        calls += 1
    return times
