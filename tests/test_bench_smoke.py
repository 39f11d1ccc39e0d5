"""`make bench` works: one short run of everything that needs no second server; how fast it is is not asserted."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.bench import report

ROOT = Path(__file__).resolve().parent.parent


def test_a_short_run_measures_whole_turns_and_answers_right(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.bench",
        "--seconds",
        "1",
        "--rounds",
        "1",
        "--sellers",
        "60",
        "--times",
        "2",
    ]
    command += ["--only", "turn", "--only", "statements", "--dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert "FAULT" not in done.stdout
    assert re.search(r"statements of a turn, at most +\d+: .* ok$", done.stdout, re.MULTILINE)
    assert re.search(r"statements that read a whole table +none of \d+ +none +ok$", done.stdout, re.MULTILINE)
    assert re.search(r"^ {2}turns a second +[1-9]\d*,", done.stdout, re.MULTILINE)
    assert not list(tmp_path.iterdir()), "the databases of the measurement stay behind"


def test_a_missed_target_and_a_wrong_answer_show() -> None:
    sound = report.Report()
    sound.add("fast", "2.00 x", ">= 1 x", True)
    sound.add("told", "5 ms")
    assert sound.sound and "fast" in sound.text() and "MISSED" not in sound.text()
    sound.add("slow", "0.50 x", ">= 1 x", False)
    assert not sound.sound and "MISSED" in sound.text()
    wrong = report.Report(faults=["one worker, 3 x not home"])
    assert not wrong.sound and "FAULT  one worker, 3 x not home" in wrong.text()
