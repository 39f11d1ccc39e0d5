"""How fast messages may leave: so many parts a second."""

from __future__ import annotations

import threading
import time


class Rate:
    """A bucket of parts that fills at `per_second` and holds one second's worth (at least one part); 0 = no limit."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._most = max(1.0, per_second)
        self._held = self._most
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def take(self, parts: int, stop: threading.Event) -> bool:
        """Wait until `parts` may leave. False when `stop` was set first; nothing is taken then."""
        if self._per_second <= 0:
            return not stop.is_set()
        with self._lock:
            now = time.monotonic()
            self._held = min(self._most, self._held + (now - self._at) * self._per_second) - parts
            self._at = now
            wait_s = -self._held / self._per_second  # what is owed is waited for outside the lock
        if not stop.wait(max(0.0, wait_s)):
            return True
        with self._lock:
            self._held += parts
        return False
