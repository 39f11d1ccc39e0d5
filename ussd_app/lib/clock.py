"""Time: the calendar in epoch milliseconds, and waits that a rehearsal may shrink.

The calendar never runs faster or slower: `scale` touches waits alone (polls, retries, locks, expiries), so quiet
hours, dated rows and day caps stay true whatever the scale.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone, tzinfo

KIGALI = timezone(timedelta(hours=2), "CAT")  # Africa/Kigali: UTC+2 all year
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """The time of the service.

    Args: `scale` multiplies every wait (1.0 = real, 0.01 = an hour in 36 s). `start_at` (epoch ms) sets the calendar at
    this moment, from where it goes on at the usual pace; None = the machine's calendar.
    Raises ValueError for a negative scale.
    """

    def __init__(self, scale: float = 1.0, start_at: int | None = None) -> None:
        if scale < 0:
            raise ValueError(f"the scale of waits cannot be negative: {scale}")
        self.scale = scale
        self._shift_ms = 0 if start_at is None else start_at - _machine_ms()

    def now(self) -> int:
        """The calendar, epoch milliseconds."""
        return _machine_ms() + self._shift_ms

    def wait(self, ms: int) -> int:
        """How long a wait of `ms` milliseconds lasts here: scaled, at least 1 ms."""
        return max(1, round(ms * self.scale))

    def after(self, ms: int) -> int:
        """When a wait of `ms` milliseconds begun now ends, epoch milliseconds."""
        return self.now() + self.wait(ms)


class ManualClock(Clock):
    """A clock that stands still until it is told to move: for tests and rehearsals. Times in epoch ms."""

    def __init__(self, start_at: int = 1_790_000_000_000, scale: float = 1.0) -> None:
        super().__init__(scale)
        self._now_ms = start_at

    def now(self) -> int:
        return self._now_ms

    def set(self, ms: int) -> None:
        """Put the calendar to `ms` (epoch milliseconds); it may also go back."""
        self._now_ms = ms

    def advance(self, ms: int) -> int:
        """Move the calendar on by `ms` milliseconds; returns the new time."""
        self._now_ms += ms
        return self._now_ms


def local(ms: int, zone: tzinfo = KIGALI) -> datetime:
    """The wall clock at `ms` (epoch milliseconds) in a hub's time zone, Kigali's unless another is given."""
    return (_EPOCH + timedelta(milliseconds=ms)).astimezone(zone)


def day(ms: int, zone: tzinfo = KIGALI) -> str:
    """The local day of `ms` (epoch milliseconds) as `YYYY-MM-DD`."""
    return local(ms, zone).date().isoformat()


def _machine_ms() -> int:
    return time.time_ns() // 1_000_000
