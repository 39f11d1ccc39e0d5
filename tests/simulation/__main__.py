"""`python -m tests.simulation`: run one seed and print its summary; the same seed is the same run."""

from __future__ import annotations

import argparse
import contextlib
import secrets
import sys
import tempfile
import time
from pathlib import Path

from tests.simulation.simulation import simulate
from tests.simulation.world import open_books
from ussd_app.store import migrate

RAM = Path("/dev/shm")


def main() -> int:
    """Returns 1 where something is wrong."""
    words = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    words.add_argument("--seed", type=int, help="the run to replay (else a new one)")
    words.add_argument("--payments", type=int, default=10_000, help="how many payments are asked for")
    words.add_argument("--url", default="", help="an empty database of its own (else a SQLite file that is deleted)")
    given = words.parse_args()
    seed = secrets.randbelow(10**6) if given.seed is None else given.seed
    print(f"seed {seed}, {given.payments} payments; again with: --seed {seed} --payments {given.payments}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=RAM if RAM.is_dir() else None) as home:
        url = given.url or f"sqlite:///{home}/simulation.db"
        migrate(url)
        with contextlib.closing(open_books(url)) as store:
            report = simulate(store, seed, given.payments)
    print(report.text())
    print(f"{time.monotonic() - began:.1f} s")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
