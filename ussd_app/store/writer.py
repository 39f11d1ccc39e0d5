"""The one writer of a process on SQLite: it groups waiting turns into one commit.

A durable commit costs a sync of the disk, and SQLite lets one writer in at a time and makes the others poll. So the
request threads hand their turns to one thread, which takes all that wait into one transaction, each in its own
savepoint, commits once and only then lets the answers go. Processes queue by a lock file, which is fair where SQLite's
own waiting is not.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from ussd_app.lib.crash import crash_here
from ussd_app.store.base import CommitFailed, StoreError, Trace, Tx, Unfinished, Withdrawn

GROUP = 16

Work = Callable[[Tx], Any]


class _Job:
    """A turn handed over. Who gets `claim` first decides: the writer that it runs, its caller that it never does."""

    __slots__ = ("claim", "done", "error", "finished", "value", "work")

    def __init__(self, work: Work) -> None:
        self.work = work
        self.finished = False
        self.claim = threading.Lock()
        self.done = threading.Lock()
        self.done.acquire()
        self.value: Any = None
        self.error: BaseException | None = None

    def finish(self) -> None:
        """Let the answer go. The work is let go of as well: it may hold half a request."""
        self.finished = True
        del self.work
        self.done.release()


class Writer:
    """Runs turns one group at a time on a thread and a connection of its own.

    Args: `connect` opens the connection (called on the writer's thread), `lock_path` is the file processes queue by,
    `tx_class` is the bound transaction handle, `trace` gives the store's present trace hook.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        lock_path: str,
        tx_class: type[Tx],
        trace: Callable[[], Trace | None],
    ) -> None:
        self._connect = connect
        self._tx_class = tx_class
        self._trace = trace
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._closed = False
        self._lock_file = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._thread = threading.Thread(target=self._serve, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        return self._queue.qsize()

    def run(self, work: Work, begin_ms: int, wait_ms: int) -> Any:
        """Hand `work` over and wait; see Store.turn."""
        if self._closed:
            raise StoreError("the store is closed")
        if threading.get_ident() == self._thread.ident:
            raise StoreError("a turn cannot be taken inside a turn")
        job = _Job(work)
        self._queue.put(job)
        if not job.done.acquire(timeout=begin_ms / 1000):
            if job.claim.acquire(blocking=False):
                raise Withdrawn(f"not begun within {begin_ms} ms")
            if not job.done.acquire(timeout=max(0, wait_ms - begin_ms) / 1000):
                raise Unfinished(f"not done within {wait_ms} ms")
        if job.error is not None:
            try:
                raise job.error
            finally:
                del job  # the exception's traceback would keep the job, and the job the exception
        return job.value

    def close(self) -> None:
        """Finish the turns handed over so far, then stop."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join()
            os.close(self._lock_file)

    def _serve(self) -> None:
        connection: sqlite3.Connection | None = None
        job: _Job | None
        while (job := self._queue.get()) is not None:
            group = [job]
            last = False
            while len(group) < GROUP and not self._queue.empty():  # nobody else takes from it
                job = self._queue.get()
                if job is None:
                    last = True
                    break
                group.append(job)
            try:
                if connection is None:
                    connection = self._connect()
                self._run_group(connection, group)
            except Exception as error:
                if connection is not None:
                    connection.close()  # whatever state it was in, its transaction ends here
                    connection = None
                _refuse(group, error)
            job = None
            group.clear()
            if last:
                break
        if connection is not None:
            connection.close()

    def _run_group(self, connection: sqlite3.Connection, group: list[_Job]) -> None:
        """Commit `group`; turns that a broken transaction took along without their fault are begun again."""
        while group:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX)
            try:
                ready = self._begin(connection, group)
                ran, group = self._run_jobs(connection, group) if ready else ([], group)
                failure = self._commit(connection) if ready else None
            finally:
                fcntl.flock(self._lock_file, fcntl.LOCK_UN)
            for job in ran:
                if failure is not None and job.error is None:
                    job.error = CommitFailed(failure)
                job.finish()
            if not ready:
                group = [job for job in group if not job.claim.locked()]

    def _begin(self, connection: sqlite3.Connection, group: list[_Job]) -> bool:
        """Whether the transaction has begun; False when something outside holds the file too long."""
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            time.sleep(0.01)
            return False
        return True

    def _run_jobs(self, connection: sqlite3.Connection, group: list[_Job]) -> tuple[list[_Job], list[_Job]]:
        """Run the turns that are still wanted; returns those that ran and those left for another transaction."""
        ran: list[_Job] = []
        trace = self._trace()
        execute = connection.execute
        for index, job in enumerate(group):
            if not job.claim.acquire(blocking=False):
                continue  # withdrawn
            ran.append(job)
            tx = self._tx_class(connection, trace)
            execute("SAVEPOINT turn")
            try:
                job.value = job.work(tx)
                tx._end()
                execute("RELEASE turn")
            except BaseException as error:
                tx._end()
                job.error = error
                if not connection.in_transaction:  # a full disk ends the whole transaction, not the savepoint alone
                    for other in ran:
                        other.error = other.error or CommitFailed(f"rolled back with another turn: {error}")
                    return ran, group[index + 1 :]
                execute("ROLLBACK TO turn")
                execute("RELEASE turn")
        return ran, []

    def _commit(self, connection: sqlite3.Connection) -> str | None:
        """Make the group durable; returns what failed, None when nothing did."""
        if not connection.in_transaction:
            return None
        crash_here("turn.before_commit")
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            return str(error) or type(error).__name__
        crash_here("turn.after_commit")
        return None


def _refuse(group: list[_Job], error: Exception) -> None:
    """The store is in no state to run these turns: each caller is told so, with an exception of its own."""
    for job in group:
        if not job.finished:
            job.claim.acquire(blocking=False)
            job.error = StoreError(f"{type(error).__name__}: {error}")
            job.finish()
