"""The whole market under whatever people, wallets and workers do in whatever order, on both stores.

A failing example prints the steps that lead to it. `make soak` plays many more, and longer ones, that are never the same
twice; it prints a blob by which its failure is played again (`@reproduce_failure`).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.market_machine.machine import Machine
from tests.market_machine.world import World
from ussd_app.store import Store, open_store

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much, HealthCheck.large_base_example)
QUICK = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=SLOW, stateful_step_count=30,
    phases=(Phase.explicit, Phase.generate), print_blob=True,
)  # fmt: skip
LONG = settings(
    deadline=None, derandomize=False, database=None, suppress_health_check=SLOW, stateful_step_count=80,
    max_examples=int(os.environ.get("SOAK_EXAMPLES", "300")), print_blob=True,
)  # fmt: skip
EMPTY = """DO $$ DECLARE t text; filled boolean; BEGIN
  FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations' LOOP
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I)', t) INTO filled;
    IF filled THEN EXECUTE format('DELETE FROM %I', t); END IF;
  END LOOP; END $$"""
# How often each end must come in the suite's own examples: a machine that never gets there proves nothing.
DEPTH = {
    "collected": 10,
    "paid out": 10,
    "refunded": 1,
    "order disputed": 1,
    "collection review": 1,
    "order settled": 5,
}


@contextmanager
def on_sqlite(template: Path) -> Iterator[tuple[Callable[[], Store], Callable[[], None]]]:
    """A copy of the migrated file for each example, in memory where this machine has a place there."""
    memory = Path("/dev/shm")
    place = Path(tempfile.mkdtemp(prefix="machine-", dir=memory if os.access(memory, os.W_OK) else None))
    count = iter(range(10**9))

    def opened() -> Store:
        path = place / f"{next(count)}.db"
        shutil.copyfile(template, path)
        path.chmod(0o600)
        return open_store(f"sqlite:///{path}")

    def emptied() -> None:
        for left in place.iterdir():
            left.unlink()

    try:
        yield opened, emptied
    finally:
        shutil.rmtree(place)


@contextmanager
def on_postgres(url: str) -> Iterator[tuple[Callable[[], Store], Callable[[], None]]]:
    """One migrated database, whose rows are deleted after each example."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")  # past what keeps rows for ever
        yield lambda: open_store(url), lambda: admin.execute(EMPTY)


def play(request: pytest.FixtureRequest, engine: str, how: settings) -> Counter[str]:
    """Run the machine on one engine. Returns how often what was reached."""
    reached: Counter[str] = Counter()
    if engine == "sqlite":
        stores = on_sqlite(request.getfixturevalue("_sqlite_template"))
    else:
        stores = on_postgres(request.getfixturevalue("postgres_url"))
    with stores as (opened, emptied):

        def closed(store: Store, world: World) -> None:
            reached.update(world.reached)
            reached["examples"] += 1
            world.close()
            store.close()
            emptied()

        run_state_machine_as_test(lambda: Machine(opened, closed, few=how.derandomize), settings=how)
    return reached


def test_the_whole_market_on_sqlite(request: pytest.FixtureRequest) -> None:
    reached = play(request, "sqlite", settings(QUICK, max_examples=20))
    print(dict(sorted(reached.items())))
    assert {what: reached[what] for what, least in DEPTH.items() if reached[what] < least} == {}


def test_the_whole_market_on_postgres(request: pytest.FixtureRequest) -> None:
    reached = play(request, "postgres", settings(QUICK, max_examples=5))
    print(dict(sorted(reached.items())))
    assert reached["paid out"]


@pytest.mark.soak
@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_the_whole_market_for_long(request: pytest.FixtureRequest, engine: str) -> None:
    how = settings(LONG, max_examples=LONG.max_examples if engine == "sqlite" else LONG.max_examples // 4)
    print(dict(sorted(play(request, engine, how).items())))
