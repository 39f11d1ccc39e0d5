"""Named places where a rehearsal may kill the process, to prove that nothing acknowledged is lost there."""

from __future__ import annotations

import os

CRASH_POINTS = (
    "turn.before_commit",
    "turn.after_commit",
    "outbox.after_lease",
    "outbox.after_send",
    "outbox.after_mark",
    "payment.after_sending_mark",
    "payment.after_send",
    "payment.before_apply",
    "payment.after_apply",
)

_KILLED = 137  # what a shell reports for a process ended by SIGKILL
_here = os.environ.get("CRASH_AT", "")
_checked = os.environ.get("ENVIRONMENT", "development") != "production"


def crash_here(name: str) -> None:
    """End the process at once, with nothing cleaned up, when `CRASH_AT` was `name` as the process started.

    Raises ValueError for a name that is not in CRASH_POINTS, except in production, where no turn may fail for it.
    """
    if _checked and name not in CRASH_POINTS:
        raise ValueError(f"not a crash point: {name!r}; list it in CRASH_POINTS")
    if name == _here:
        os._exit(_KILLED)
