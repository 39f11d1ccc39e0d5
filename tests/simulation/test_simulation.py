"""No double charge, no double payout, nothing paid without proof, nothing failed that had moved: from seeds, at any size."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.__main__ import RAM
from tests.simulation.simulation import Report, simulate
from tests.simulation.world import open_books
from ussd_app.store import migrate

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "100"))
PAYMENTS = int(os.environ.get("SIMULATION_PAYMENTS", "10000"))
MOST_S = 900  # a seed of ten thousand, on a busy core
FIRST = int(os.environ.get("SIMULATION_FIRST_SEED", "1"))


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A place for databases whose syncs cost nothing: what is tried here is no power cut."""
    with tempfile.TemporaryDirectory(dir=RAM if RAM.is_dir() else None) as found:
        migrate(f"sqlite:///{found}/empty.db")
        yield Path(found)


def run(home: Path, seed: int, payments: int) -> Report:
    path = home / f"{seed}.db"
    shutil.copyfile(home / "empty.db", path)
    with contextlib.closing(open_books(f"sqlite:///{path}")) as books:
        report = simulate(books, seed, payments)
    for left in home.glob(f"{seed}.db*"):
        left.unlink()
    return report


@pytest.mark.parametrize("seed", [1, 3, 4])
def test_a_seed_of_hundreds(home: Path, seed: int) -> None:
    report = run(home, seed, 150)
    assert not report.faults, report.text()
    assert report.payments > 120 and len(report.met) > 40, report.text()


def test_a_seed_on_postgresql(postgres_url: str) -> None:
    with contextlib.closing(open_books(postgres_url)) as books:
        report = simulate(books, 5, 50)
    assert not report.faults, report.text()


def test_the_same_seed_is_the_same_run(home: Path) -> None:
    first, second, other = run(home, 6, 30), run(home, 6, 30), run(home, 7, 30)
    assert first.digest == second.digest != other.digest
    assert first.text() == second.text()


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_a_seed_of_thousands(home: Path, seed: int) -> None:
    began = time.monotonic()
    report = run(home, seed, PAYMENTS)
    assert not report.faults, report.text()
    assert time.monotonic() - began < MOST_S, f"seed {seed} took too long"
