"""Migrations: each once, in order, whole or not at all, however many processes start."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Postgres
from ussd_app.store import MigrationError, Store, migrate, open_store, pending
from ussd_app.store.migrate import known, statements

ROOT = Path(__file__).parents[2]
FIRST = """-- A comment; with a semicolon.
CREATE TABLE people (
  id TEXT PRIMARY KEY, -- its key; as everywhere
  n INTEGER NOT NULL DEFAULT 0 CHECK (n >= 0),
  word TEXT NOT NULL DEFAULT 'a;b INTEGER'
) STRICT;
CREATE INDEX people_n ON people (n);

-- sqlite: CREATE TRIGGER people_keep BEFORE DELETE ON people BEGIN SELECT RAISE(ABORT, 'kept'); END;
-- postgres: CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'kept'; END; $$;
-- postgres: CREATE TRIGGER people_keep BEFORE DELETE ON people FOR EACH ROW EXECUTE FUNCTION keep();
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "migrations"
    made.mkdir()
    (made / "0001_people.sql").write_text(FIRST)
    return made


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database nothing was done to yet, once on each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.create()
    yield url
    server.drop(url)


@pytest.fixture
def empty(empty_url: str) -> Iterator[Store]:
    with contextlib.closing(open_store(empty_url)) as opened:
        yield opened


def test_pending_then_applied_then_nothing(empty: Store, folder: Path) -> None:
    assert pending(empty, folder) == ["0001_people"]
    assert migrate(empty, folder) == ["0001_people"]
    assert pending(empty, folder) == [] and migrate(empty, folder) == []
    (folder / "0002_more.sql").write_text("ALTER TABLE people ADD COLUMN more INTEGER;")
    assert migrate(empty, folder) == ["0002_more"]
    with empty.read() as tx:
        book = tx.rows("SELECT number, name FROM schema_migrations ORDER BY number")
    assert book == [{"number": 1, "name": "people"}, {"number": 2, "name": "more"}]


def test_the_tables_behave_alike_on_both_engines(empty: Store, folder: Path) -> None:
    migrate(empty, folder)
    empty.write(lambda tx: tx.rows("INSERT INTO people (id, n) VALUES ('a', 5000000000)"))
    with empty.read() as tx:
        assert tx.rows("SELECT * FROM people") == [{"id": "a", "n": 5_000_000_000, "word": "a;b INTEGER"}]
    for refused in (
        "INSERT INTO people (id, n) VALUES ('b', -1)",
        "DELETE FROM people",
    ):
        with pytest.raises(empty.refusals):
            empty.write(lambda tx, sql=refused: tx.rows(sql))


def test_rows_stay_through_a_migration(empty: Store, folder: Path) -> None:
    migrate(empty, folder)
    empty.write(lambda tx: tx.rows("INSERT INTO people (id) VALUES ('a')"))
    (folder / "0002_more.sql").write_text(
        "ALTER TABLE people ADD COLUMN more TEXT NOT NULL DEFAULT 'x';\nUPDATE people SET n = n + 1;"
    )
    migrate(empty, folder)
    with empty.read() as tx:
        assert tx.rows("SELECT id, n, more FROM people") == [{"id": "a", "n": 1, "more": "x"}]


def test_a_migration_that_fails_leaves_nothing_of_itself(empty: Store, folder: Path) -> None:
    (folder / "0002_bad.sql").write_text("CREATE TABLE half (id TEXT) STRICT;\nINSERT INTO nowhere VALUES (1);")
    with pytest.raises(Exception, match="nowhere"):
        migrate(empty, folder)
    assert pending(empty, folder) == ["0002_bad"]
    (folder / "0002_bad.sql").write_text("CREATE TABLE half (id TEXT) STRICT;")
    assert migrate(empty, folder) == ["0002_bad"]


def test_a_database_newer_than_the_program_is_refused(empty: Store, folder: Path) -> None:
    (folder / "0002_more.sql").write_text("CREATE TABLE more (id TEXT) STRICT;")
    migrate(empty, folder)
    (folder / "0002_more.sql").unlink()
    for look in (migrate, pending):
        with pytest.raises(MigrationError, match="0002_more"):
            look(empty, folder)


def test_starts_that_race_migrate_once(empty_url: str, folder: Path) -> None:
    for number in range(2, 12):
        (folder / f"{number:04d}_t.sql").write_text(f"CREATE TABLE t{number} (id TEXT) STRICT;")
    applied: list[list[str]] = []
    faults: list[BaseException] = []

    def start() -> None:
        try:
            applied.append(migrate(empty_url, folder))
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert sorted(map(len, applied)) == [0, 0, 0, 11]


def test_processes_that_race_migrate_once(empty_url: str) -> None:
    program = f"from ussd_app.store import migrate; print(len(migrate({empty_url!r})))"
    processes = [
        subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    counts = sorted(int(process.communicate(timeout=60)[0]) for process in processes)
    assert counts == [0, 0, len(known())]


# --- reading the files ----------------------------------------------------------------------------------------------


def test_statements_are_split_where_sqlite_says_so() -> None:
    trigger = "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET b = ';'; DELETE FROM c; END;"
    text = f"{trigger}\nSELECT 1; SELECT 2; -- and; more\n-- last\n"
    assert statements(text, "sqlite") == [trigger, "SELECT 1;", "SELECT 2;"]


def test_each_engine_gets_its_own_lines() -> None:
    text = "-- sqlite: PRAGMA user_version = 1;\n-- postgres: SET x = 1;\nSELECT 1;"
    assert statements(text, "sqlite") == ["PRAGMA user_version = 1;", "SELECT 1;"]
    assert statements(text, "postgres") == ["SET x = 1;", "SELECT 1;"]


def test_tables_are_translated_for_postgres() -> None:
    [table] = statements("CREATE TABLE t (a TEXT, b INTEGER CHECK (CAST(b AS TEXT) <> 'TEXT')) STRICT;", "postgres")
    assert table == "CREATE TABLE t (a TEXT COLLATE \"C\", b BIGINT CHECK (CAST(b AS TEXT) <> 'TEXT'));"


def test_a_statement_without_an_end_is_refused() -> None:
    with pytest.raises(MigrationError, match="end"):
        statements("CREATE TABLE t (a TEXT)", "sqlite")


def test_two_files_of_one_number_are_refused(folder: Path) -> None:
    (folder / "0001_other.sql").write_text("SELECT 1;")
    with pytest.raises(MigrationError, match="number 1"):
        known(folder)


def test_every_table_of_the_program_is_strict(sqlite_url: str) -> None:
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    loose = [
        row[1]
        for row in connection.execute("PRAGMA table_list")
        if row[0] == "main" and row[2] == "table" and not row[5] and not row[1].startswith("sqlite_")
    ]
    connection.close()
    assert loose == []
