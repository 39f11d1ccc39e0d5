"""Numbered, forward-only migrations: one text for both engines, each in a transaction with its own book entry.

Written as SQLite reads it. For PostgreSQL, INTEGER becomes BIGINT, TEXT compares byte by byte as on SQLite, and STRICT
goes. A line that begins `-- sqlite:` or `-- postgres:` holds one whole statement for that engine alone (a trigger).
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ussd_app.store.base import Store, StoreError

if TYPE_CHECKING:
    from ussd_app.store.postgres import Connection
    from ussd_app.store.sqlite import SqliteStore

MIGRATIONS = Path(__file__).parent / "migrations"
ADVISORY_LOCK = 4_207_001  # any number, as long as it stays the same

_FILE = re.compile(r"(\d{4})_(\w+)\.sql")
_BOOK = """CREATE TABLE IF NOT EXISTS schema_migrations (
  number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT;"""


class MigrationError(StoreError):
    """The migrations and the database do not fit together."""


class Migration(NamedTuple):
    """One numbered file."""

    number: int
    name: str
    text: str


def known(folder: Path | None = None) -> list[Migration]:
    """The migrations of `folder` (the program's own), by number. Raises MigrationError for a number taken twice."""
    found: dict[int, Migration] = {}
    for file in sorted((folder or MIGRATIONS).glob("*.sql")):
        match = _FILE.fullmatch(file.name)
        if match is None:
            raise MigrationError(f"{file.name} is not named like 0001_words.sql")
        number = int(match[1])
        if number in found:
            raise MigrationError(f"two migrations have the number {number}")
        found[number] = Migration(number, match[2], file.read_text("utf-8"))
    return [found[number] for number in sorted(found)]


def statements(text: str, engine: str) -> list[str]:
    """The statements of a migration for `engine` ('sqlite' or 'postgres'), in order. Raises MigrationError."""
    found: list[str] = []
    buffer = ""
    for line in text.splitlines(keepends=True):
        bare = line.strip()
        own = re.match(r"-- (sqlite|postgres):\s*(.+)", bare)
        if own is not None and not buffer.strip():
            if own[1] == engine:
                found.append(own[2])
            continue
        if bare.startswith("--"):
            continue
        # A semicolon ends a statement where SQLite itself says so: not in a text, nor inside a trigger's body.
        for piece in re.split(r"(?<=;)", line):
            buffer += piece
            if piece.endswith(";") and sqlite3.complete_statement(buffer):
                found.append(_for_engine(buffer.strip(), engine))
                buffer = ""
        if not buffer.strip() or buffer.strip().startswith("--"):
            buffer = ""
    if buffer.strip():
        raise MigrationError(f"a statement does not end: {buffer.strip()[:60]!r}")
    return found


def _for_engine(statement: str, engine: str) -> str:
    if engine == "sqlite" or not re.match(r"(CREATE|ALTER)\s+TABLE\b", statement, re.IGNORECASE):
        return statement
    statement = re.sub(r"(?<!')\bINTEGER\b(?!')", "BIGINT", statement)
    statement = re.sub(r"(?<!')(?<!AS )\bTEXT\b(?!')", 'TEXT COLLATE "C"', statement)
    return re.sub(r"\)\s*STRICT\s*;$", ");", statement)


def migrate(target: Store | str, folder: Path | None = None) -> list[str]:
    """Apply what is pending to a store or to the store at an address; returns the names applied, in order.

    Starts that race are safe: one applies, the others wait and find nothing to do.
    Raises MigrationError where the database is newer than the program or its book differs from the files.
    """
    if isinstance(target, str):
        from ussd_app.store import open_store

        store = open_store(target)
        try:
            return migrate(store, folder)
        finally:
            store.close()
    migrations = known(folder)
    if target.engine == "sqlite":
        return _migrate_sqlite(target, migrations)  # type: ignore[arg-type]
    return _migrate_postgres(target.url, migrations)  # type: ignore[attr-defined]


def pending(store: Store, folder: Path | None = None) -> list[str]:
    """Names of the migrations `store` still lacks, like `0003_people`. Raises MigrationError as `migrate` does."""
    with store.read() as tx:
        book = "sqlite_schema" if store.engine == "sqlite" else "information_schema.tables"
        column = "name" if store.engine == "sqlite" else "table_schema = current_schema() AND table_name"
        if not tx.rows(f"SELECT 1 AS one FROM {book} WHERE {column} = 'schema_migrations'"):
            applied = {}
        else:
            applied = {row["number"]: row["name"] for row in tx.rows("SELECT number, name FROM schema_migrations")}
    return [_label(migration) for migration in _missing(known(folder), applied)]


def _label(migration: Migration) -> str:
    return f"{migration.number:04d}_{migration.name}"


def _missing(migrations: list[Migration], applied: dict[int, str]) -> list[Migration]:
    """What is not in the book. Raises MigrationError where the book has what the files have not."""
    names = {migration.number: migration.name for migration in migrations}
    for number, name in applied.items():
        if names.get(number) != name:
            raise MigrationError(f"the database has migration {number:04d}_{name}, this program has not")
    return [migration for migration in migrations if migration.number not in applied]


def _migrate_sqlite(store: SqliteStore, migrations: list[Migration]) -> list[str]:
    done: list[str] = []
    lock = os.open(store.lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    connection = store.connect()
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        connection.execute(_BOOK)
        applied = dict(connection.execute("SELECT number, name FROM schema_migrations"))
        for migration in _missing(migrations, applied):
            connection.execute("BEGIN IMMEDIATE")
            for statement in statements(migration.text, "sqlite"):
                connection.execute(statement)
            connection.execute(
                "INSERT INTO schema_migrations (number, name, applied_at) VALUES (?, ?, ?)",
                (migration.number, migration.name, time.time_ns() // 1_000_000),
            )
            connection.execute("COMMIT")
            done.append(_label(migration))
    finally:
        with suppress(sqlite3.Error):  # a half-applied migration goes with its connection
            connection.close()
        os.close(lock)
    return done


def _migrate_postgres(url: str, migrations: list[Migration]) -> list[str]:
    import psycopg
    from psycopg.rows import dict_row

    done: list[str] = []
    connection: Connection
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (ADVISORY_LOCK,))
        for statement in statements(_BOOK, "postgres"):
            connection.execute(statement.encode())
        rows = connection.execute("SELECT number, name FROM schema_migrations")
        for migration in _missing(migrations, {row["number"]: row["name"] for row in rows}):
            with connection.transaction():
                for statement in statements(migration.text, "postgres"):
                    connection.execute(statement.encode())
                connection.execute(
                    "INSERT INTO schema_migrations (number, name, applied_at) VALUES (%s, %s, %s)",
                    (migration.number, migration.name, time.time_ns() // 1_000_000),
                )
            done.append(_label(migration))
    return done
