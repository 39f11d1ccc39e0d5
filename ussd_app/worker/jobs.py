"""Regular jobs: each runs when its row says so, by whichever worker moves the row first."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from ussd_app.lib.clock import Clock
from ussd_app.store import Store

Job = Callable[[Store, int], object]
Schedule = Mapping[str, tuple[int, Job]]

POLL_S = 0.5
BUSY_LEAST_MS = 60_000  # a job of a worker that died is free again after this, or after its interval if that is longer

log = logging.getLogger(__name__)


class Jobs:
    """The jobs of one worker. `schedule` maps a name to (interval in ms, unscaled; function of the store and now)."""

    def __init__(self, store: Store, clock: Clock, worker: str, schedule: Schedule, stop: threading.Event) -> None:
        self._store, self._clock, self._worker = store, clock, worker
        self._schedule, self._stop = schedule, stop
        self._known = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Run what is due, time and again, on a thread of its own: a long job keeps no message waiting."""
        if self._schedule:
            self._thread = threading.Thread(target=self._poll, name="jobs", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Wait for the job under way, if any. `stop` is to be set before."""
        if self._thread is not None:
            self._thread.join()

    def run_due(self) -> list[str]:
        """Run every job that is due now; returns their names."""
        if not self._known:
            now = self._clock.now()
            self._store.write(lambda tx: [tx.job_run_add(name=name, now=now) for name in self._schedule])
            self._known = True
        now = self._clock.now()
        with self._store.read() as tx:
            rows = {row["name"]: row for row in tx.job_runs_all()}
        due = [
            name
            for name in self._schedule
            if name in rows and rows[name]["due_at"] <= now and rows[name]["busy_until"] <= now
        ]
        return [name for name in due if not self._stop.is_set() and self._run(name)]

    def _run(self, name: str) -> bool:
        """Run one job where this worker gets it. False where another did."""
        interval_ms, job = self._schedule[name]
        now = self._clock.now()
        pause = self._clock.wait(interval_ms)
        taken = self._store.write(
            lambda tx: tx.job_run_take(
                name=name,
                now=now,
                due_at=now + pause,
                busy_until=now + max(pause, BUSY_LEAST_MS),
                worker=self._worker,
            )
        )
        if not taken:
            return False
        fault = ""
        try:
            job(self._store, now)
        except Exception as error:
            log.exception("The job %s failed; it runs again when it is next due", name)
            fault = type(error).__name__
        ended = self._clock.now()
        self._store.write(lambda tx: tx.job_run_done(name=name, now=ended, worker=self._worker, last_error=fault))
        return True

    def _poll(self) -> None:
        while not self._stop.is_set():
            try:
                self.run_due()
            except Exception:  # the store is away: try again
                log.exception("The regular jobs cannot be looked up")
            self._stop.wait(POLL_S)
