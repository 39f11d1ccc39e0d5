"""Ends connections whose server does not answer in time.

A server that is stopped breaks its connections; one that hangs, or whose network is cut, just never answers, and libpq
would wait for ever. So one thread looks at the connections in use and hangs up those whose time is over: the call that
waits on it then fails at once.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

LOOK_S = 0.1


class Connection(Protocol):
    """What has a socket."""

    def fileno(self) -> int: ...


class Deadlines:
    """The connections in use and how long each may be kept waiting."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._some = threading.Event()
        self._until: dict[object, tuple[float, Connection]] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def by(self, connection: Connection, until: float) -> Iterator[None]:
        """Hang `connection` up where the block has not ended at `until` (of time.monotonic, a tenth of a second late at
        most)."""
        key = object()
        with self._lock:
            self._until[key] = until, connection
            if self._thread is None or not self._thread.is_alive():  # the first one, or in a forked child
                self._thread = threading.Thread(target=self._watch, name="store-deadlines", daemon=True)
                self._thread.start()
        self._some.set()
        try:
            yield
        finally:
            with self._lock:
                self._until.pop(key, None)

    def _watch(self) -> None:
        while True:
            self._some.wait()
            time.sleep(LOOK_S)
            with self._lock:  # held while hanging up: the connection cannot pass on to another turn meanwhile
                now = time.monotonic()
                for key, (until, connection) in [*self._until.items()]:
                    if until <= now:
                        del self._until[key]
                        _hang_up(connection)
                if not self._until:
                    self._some.clear()


def _hang_up(connection: Connection) -> None:
    """Break the socket under whoever waits on it; the connection notices by itself."""
    with suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
