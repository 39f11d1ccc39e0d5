"""A database as full as a country's: sellers with five listings each, offers on them, buyers, recent trades.

One text fills both engines. Indices are taken away before and made again after: a million sellers take minutes, not
hours. Nothing here is random, so two fills of one size are the same.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Any

from ussd_app.hubs import Hub, load_hub
from ussd_app.lib import clock as clocks
from ussd_app.market import rates
from ussd_app.store import migrate, open_store

LISTINGS = 5
OFFERS = 2
DAY_MS = 86_400_000
TABLES = ("people", "sellers", "buyers", "sessions", "listings", "offers", "trade_days")

Run = Callable[[str], Any]


def seller_phone(n: int) -> str:
    """The number of seller `n`, from 1."""
    return f"+25078{1_000_000 + n}"


def buyer_phone(n: int) -> str:
    """The number of buyer `n`, from 1."""
    return f"+25072{1_000_000 + n}"


def buyers_for(sellers: int) -> int:
    """How many buyers come with `sellers` sellers."""
    return max(10, sellers // 50)


def fill(url: str, sellers: int) -> float:
    """Migrate the empty store at `url` and fill it; returns the seconds it took."""
    began = time.monotonic()
    migrate(url)
    hub = load_hub("rw")
    with contextlib.closing(open_store(url)) as store:
        store.write(lambda tx: rates.load(tx, hub))
    with _bulk(url) as (run, indices):
        made = indices()
        for name, _sql in made:
            run(f"DROP INDEX {name}")
        for statement in _statements(hub, sellers):
            run(statement)
        for _name, sql in made:
            run(sql)
        if not url.startswith("sqlite"):
            run("ANALYZE")  # SQLite's own plans do without; PostgreSQL's autovacuum would do this within a minute
    return time.monotonic() - began


@contextlib.contextmanager
def _bulk(url: str) -> Iterator[tuple[Run, Callable[[], list[tuple[str, str]]]]]:
    """A connection for filling, safe against nothing; with the droppable indices of the filled tables."""
    names = ", ".join(f"'{table}'" for table in TABLES)
    if url.startswith("sqlite:///"):
        lite = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        for pragma in ("journal_mode=MEMORY", "synchronous=OFF", "foreign_keys=OFF", "cache_size=-262144"):
            lite.execute(f"PRAGMA {pragma}")
        find = f"SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({names})"
        with contextlib.closing(lite):
            yield lite.execute, lambda: lite.execute(find).fetchall()
            lite.execute("PRAGMA journal_mode=WAL")
        return
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
            connection.execute("SET session_replication_role = replica")  # no look-up of every foreign key
        connection.execute("SET synchronous_commit = off")
        find = (
            f"SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename IN ({names})"
            " AND indexname NOT IN (SELECT conname FROM pg_constraint)"
        )
        yield lambda sql: connection.execute(sql.encode()), lambda: connection.execute(find.encode()).fetchall()


def _statements(hub: Hub, sellers: int) -> Iterator[str]:
    now = clocks.Clock().now()
    buyers = buyers_for(sellers)
    places = [place for place in hub.places if place.kind == "sector"]
    yield _constants("bench_places", [(p.code, p.district_code, p.province) for p in places])
    yield _constants("bench_produce", [(p.code, p.unit, str(p.max_price)) for p in hub.produce])
    year = now - 300 * DAY_MS
    yield f"""INSERT INTO people (id, msisdn, name, language, place, state, pin_hash, created_at, updated_at)
        {_count(sellers)} SELECT {_seller("i")}, '+25078' || CAST(1000000 + i AS TEXT), 'Uwimana ' || CAST(i AS TEXT),
        CASE i % 10 WHEN 7 THEN 'en' WHEN 8 THEN 'fr' WHEN 9 THEN 'sw' ELSE 'rw' END, p.a, 'active', 'none',
        {year}, {year} FROM n JOIN bench_places p ON p.k = (i * 7919) % {len(places)} + 1 ORDER BY i"""
    yield f"""INSERT INTO people (id, msisdn, name, language, place, state, pin_hash, created_at, updated_at)
        {_count(buyers)} SELECT {_buyer("i")}, '+25072' || CAST(1000000 + i AS TEXT), 'Mugisha ' || CAST(i AS TEXT),
        'en', p.a, 'active', 'none', {year}, {year}
        FROM n JOIN bench_places p ON p.k = (i * 31) % {len(places)} + 1 ORDER BY i"""
    yield f"""INSERT INTO sellers (person_id, kind, created_at)
        {_count(sellers)} SELECT {_seller("i")}, 'farmer', {year} FROM n"""
    yield f"""INSERT INTO buyers (person_id, company, country, verification, created_at)
        {_count(buyers)} SELECT {_buyer("i")}, 'Company ' || CAST(i AS TEXT), 'RW', 'confirmed', {year} FROM n"""
    yield f"""INSERT INTO sessions (gateway, session_id, msisdn, person_id, state, screen, data, turns, text_length,
        text_hash, started_at, updated_at)
        {_count(sellers)} SELECT 'africastalking', 'ATUid_old' || CAST(100000000 + i AS TEXT),
        '+25078' || CAST(1000000 + i AS TEXT), {_seller("i")}, 'done', 'home', '{{}}', 5, 9, 'none', {year} + i,
        {year} + i FROM n"""
    yield _listings(sellers, len(places), len(hub.produce), now)
    yield _offers(sellers, buyers, now)
    yield _trades(hub, now)


def _listings(sellers: int, places: int, kinds: int, now: int) -> str:
    """Five a seller, the newest open and every second seller's one before as well."""
    return f"""INSERT INTO listings (id, seller_id, produce, unit, quantity, left_quantity, price, currency, place,
        district, province, state, created_at, changed_at, expires_at)
        {_count(sellers * LISTINGS)} SELECT {_listing("i")}, {_seller("s")}, q.a, q.b, 50000, CASE WHEN open = 1 THEN
        50000 ELSE 0 END, 200 + (s * 37 + i * 11) % 600, 'RWF', p.a, p.b, p.c,
        CASE WHEN open = 1 THEN 'open' ELSE 'sold' END, {now - 9 * DAY_MS}, {now - 9 * DAY_MS}, {now + 30 * DAY_MS}
        FROM (SELECT i, (i - 1) / {LISTINGS} + 1 AS s,
                     CASE WHEN i % 5 = 0 OR i % 10 = 4 THEN 1 ELSE 0 END AS open FROM n) AS x
        JOIN bench_places p ON p.k = (s * 7919) % {places} + 1
        JOIN bench_produce q ON q.k = (s * 3 + i * 5) % {kinds} + 1
        ORDER BY i"""


def _offers(sellers: int, buyers: int, now: int) -> str:
    """Two that wait on each seller's newest listing."""
    return f"""INSERT INTO offers (id, listing_id, seller_id, buyer_id, made_by, round, produce, unit, quantity, price,
        currency, point, handover_place, handover_at, carrier, settlement, tolerance_pct, take_home, state, created_at,
        changed_at, expires_at)
        {_count(sellers * OFFERS)} SELECT {_offer("i")}, l.id, l.seller_id, {_buyer("b")}, 'buyer', 1, l.produce, l.unit,
        20000, l.price, 'RWF', 'farm_gate', l.place, {now + 3 * DAY_MS}, 'buyer', 'outside', 5, l.price * 20, 'open',
        {now - 1000}, {now - 1000}, {now + 9 * DAY_MS}
        FROM (SELECT i, ((i - 1) / {OFFERS} + 1) * {LISTINGS} AS newest, (i * 13) % {buyers} + 1 AS b FROM n) AS x
        JOIN listings l ON l.id = {_listing("newest")} ORDER BY i"""


def _trades(hub: Hub, now: int) -> str:
    """Fourteen days of sums: three prices a day in a district, six in a province, twelve in the country."""
    areas = [(f"district:{code}", "3", "") for code in sorted({place.district_code for place in hub.places})]
    areas += [(f"province:{name}", "6", "") for name in sorted({place.province for place in hub.places})]
    areas.append(("*", "12", ""))
    days = [(clocks.day(now - back * DAY_MS), "", "") for back in range(14)]
    return f"""INSERT INTO trade_days (produce, currency, area, day, price, trades, quantity)
        {_count(12)} SELECT q.a, 'RWF', x.column1, d.column1, 400 + i * 10, 3, 150000
        FROM n JOIN (VALUES {_values(areas)}) AS x ON i <= CAST(x.column2 AS INTEGER)
        CROSS JOIN (VALUES {_values(days)}) AS d CROSS JOIN bench_produce q"""


def _constants(table: str, rows: list[tuple[str, str, str]]) -> str:
    """A temporary table of constants: k from 1, then three texts."""
    numbered = ", ".join(f"({k}, {', '.join(_text(value) for value in row)})" for k, row in enumerate(rows, 1))
    return (
        f"CREATE TEMP TABLE {table} AS SELECT column1 AS k, column2 AS a, column3 AS b, column4 AS c"
        f" FROM (VALUES {numbered}) AS constants"
    )


def _values(rows: list[tuple[str, str, str]]) -> str:
    return ", ".join(f"({', '.join(_text(value) for value in row)})" for row in rows)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _count(last: int) -> str:
    """`n(i)`: 1 to `last`."""
    return f"WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < {last})"


# Ids are 26 characters, in the order of their numbers.
def _seller(number: str) -> str:
    return f"('0BENCHSELLER00000' || CAST(100000000 + {number} AS TEXT))"


def _buyer(number: str) -> str:
    return f"('0BENCHBVYER000000' || CAST(100000000 + {number} AS TEXT))"


def _listing(number: str) -> str:
    return f"('0BENCHLISTNG00000' || CAST(100000000 + {number} AS TEXT))"


def _offer(number: str) -> str:
    return f"('0BENCHFFER0000000' || CAST(100000000 + {number} AS TEXT))"
