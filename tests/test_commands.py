"""The commands with wrong use: exit status 2 and one sentence; a database away: 1 and one sentence; Ctrl-C leaves nothing."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.processes import SETTINGS, Process, free_port

ROOT = Path(__file__).parents[1]


def _flask(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **SETTINGS, **settings}
    return subprocess.run(
        [sys.executable, "-m", "flask", *words], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"DATABASE_URL": "foo"}, "DATABASE_URL must begin with"),
        ({"HUB": "xx"}, "Hub xx is not usable"),
        ({"TIME_SCALE": "x"}, "TIME_SCALE is 'x'"),
        ({"MAIL_URL": "mail.example.org"}, "MAIL_URL looks like smtp://"),
        ({"TRUSTED_PROXIES": "0.5"}, "TRUSTED_PROXIES is '0.5'; it must be a whole number"),
        ({"GATEWAYS": ","}, "GATEWAYS names nothing"),
        ({"SUPPORT_PHONE": "the office"}, "SUPPORT_PHONE is 'the office'"),
    ],
)
def test_settings_that_cannot_be_used_are_a_sentence(settings: dict[str, str], said: str) -> None:
    ended = _flask("doctor", **settings)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("port", ["abc", "0", "70000", "-1"])
def test_a_port_that_is_none_is_a_sentence(port: str, sqlite_url: str) -> None:
    ended = _flask("up", DATABASE_URL=sqlite_url, PORT=port)
    assert ended.returncode == 2
    assert f"PORT is {port!r}" in ended.stderr


def test_a_port_in_use_and_an_address_not_ours_are_told_apart(sqlite_url: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ended = _flask("up", DATABASE_URL=sqlite_url, HOST="127.0.0.1", PORT=str(port))
    assert ended.returncode == 2
    assert f"Port {port} is in use. Choose another" in ended.stderr
    ended = _flask("up", DATABASE_URL=sqlite_url, HOST="192.0.2.1", PORT=str(port))
    assert ended.returncode == 2
    assert "Cannot listen on 192.0.2.1" in ended.stderr


@pytest.mark.parametrize("words", [("migrate",), ("seed",), ("worker", "--once")])
def test_a_database_that_is_away_is_a_sentence(words: tuple[str, ...]) -> None:
    ended = _flask(*words, DATABASE_URL=f"postgresql://market:secret@127.0.0.1:{free_port()}/market")
    assert ended.returncode == 1
    assert "Error: The database cannot be used: " in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "secret" not in ended.stderr


def test_an_unknown_fault_of_the_emulator_is_a_sentence(sqlite_url: str) -> None:
    ended = _flask("emulate", "africastalking", "--fault", "gremlins=1", DATABASE_URL=sqlite_url)
    assert ended.returncode == 2
    assert "no fault is called 'gremlins'" in ended.stderr


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGHUP])
def test_web_and_worker_end_with_the_command(ending: signal.Signals, sqlite_url: str, tmp_path: Path) -> None:
    up, port = _up(sqlite_url, tmp_path)
    web, worker, *wallets = up.children
    assert len(wallets) == 2
    below = _children(web)
    os.killpg(up.popen.pid, ending)  # as a terminal does: everybody in the foreground gets it
    assert up.wait(20) == 0
    assert [one for one in (web, worker, *wallets, *below) if Path(f"/proc/{one}").exists()] == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_when_one_dies_the_other_is_ended_and_it_is_said(sqlite_url: str, tmp_path: Path) -> None:
    up, _port = _up(sqlite_url, tmp_path)
    web, worker, *_wallets = up.children
    os.kill(worker, signal.SIGKILL)
    assert up.wait(20) == 1
    assert not Path(f"/proc/{web}").exists()
    assert "The worker ended by itself (status -9)" in up.log.read_text()


def _up(url: str, tmp_path: Path) -> tuple[Process, int]:
    """`flask up`, waited for until both its processes serve."""
    port = free_port()
    env = {**os.environ, **SETTINGS, "SMS_GATEWAY": "simulator", "DATABASE_URL": url, "PORT": str(port)}
    env |= {name: f"http://127.0.0.1:{free_port()}" for name in ("MTN_MOMO_BASE_URL", "AIRTEL_MONEY_BASE_URL")}
    up = Process("up", [sys.executable, "-m", "flask", "up"], env, tmp_path / "up.log")
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0 and _children(up.children[0]):
                return up, port
        time.sleep(0.2)
    up.kill()
    pytest.fail(up.log.read_text())


def _children(process: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def test_an_installation_without_its_keys_is_not_sound(sqlite_url: str) -> None:
    ended = _flask("doctor", DATABASE_URL=sqlite_url)
    assert (ended.returncode, ended.stdout) == (0, "Sound: sqlite, hub rw.\n")
    ended = _flask("doctor", DATABASE_URL=sqlite_url, PIN_KEY="", CALLBACK_SECRETS="")
    assert ended.returncode == 1
    assert "PIN_KEY is not set: every process makes up another, and a PIN set in one is wrong" in ended.stdout
    assert "CALLBACK_SECRETS is not set" in ended.stdout
