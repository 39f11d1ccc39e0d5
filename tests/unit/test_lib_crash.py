import os
import subprocess
import sys

import pytest

from ussd_app.lib.crash import CRASH_POINTS, crash_here

REACH_ALL = (
    "import atexit, sys\n"
    "from ussd_app.lib.crash import CRASH_POINTS, crash_here\n"
    "atexit.register(print, 'cleaned up', flush=True)\n"
    "for name in CRASH_POINTS: crash_here(name); print(name, flush=True)\n"
)


def _run(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if name not in ("CRASH_AT", "ENVIRONMENT")}
    return subprocess.run([sys.executable, "-c", code], env=plain | env, capture_output=True, text=True)


def test_the_process_ends_at_the_named_point_and_cleans_nothing_up() -> None:
    place = CRASH_POINTS.index("outbox.after_send")
    ended = _run(REACH_ALL, CRASH_AT="outbox.after_send")
    assert (ended.returncode, ended.stdout.split()) == (137, list(CRASH_POINTS[:place]))


def test_without_the_variable_nothing_happens() -> None:
    ended = _run(REACH_ALL)
    assert ended.returncode == 0
    assert ended.stdout.splitlines() == [*CRASH_POINTS, "cleaned up"]


def test_a_point_nobody_listed_is_refused_except_in_production() -> None:
    with pytest.raises(ValueError, match="CRASH_POINTS"):
        crash_here("turn.somewhere")
    unlisted = "from ussd_app.lib.crash import crash_here; crash_here('turn.somewhere')"
    assert _run(unlisted, ENVIRONMENT="production").returncode == 0
    assert _run(unlisted).returncode == 1


def test_the_points_have_plain_names() -> None:
    assert len(set(CRASH_POINTS)) == len(CRASH_POINTS)
    assert all(name.replace(".", "").replace("_", "").isalpha() for name in CRASH_POINTS)
