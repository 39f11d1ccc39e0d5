"""The servers that are measured: the market and the bare commit, each on granian as `flask up` runs it, on loopback.

They end with the measurement, whatever happens to it: at the end of their context, and by the kernel when the process
that started them is killed.
"""

from __future__ import annotations

import ctypes
import http.client
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ussd_app.running import WEB_THREADS

if TYPE_CHECKING:
    from flask import Flask

ROOT = Path(__file__).resolve().parents[2]
START_S = 30.0
STOP_S = 10.0
OURS = ("DATABASE_URL", "TIME_SCALE", "CLOCK_AT", "CRASH_AT", "MAIL_URL", "LD_PRELOAD", "SMS_RATE", "CALLBACK_SOURCES")

# --- the applications (granian's worker calls these) ---------------------------------------------------------------


def market_app() -> Flask:
    """The whole service, by the environment alone."""
    from ussd_app import create_app
    from ussd_app.settings import from_environment

    return create_app(from_environment())


def bare_app() -> Flask:
    """The baseline: a Flask route that reads the form and makes one durable commit, and nothing of a market.

    Each thread writes on a connection of its own, as a plain Flask application would.
    """
    from flask import Flask, Response, request

    app = Flask("bare")
    url = os.environ["DATABASE_URL"]
    upsert = _bare_sqlite(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else _bare_postgres(url)

    @app.post("/bare")
    def bare() -> Response:
        upsert(request.form["sessionId"], request.form["text"], time.time_ns() // 1_000_000)
        return Response("CON done", content_type="text/plain; charset=utf-8")

    @app.get("/healthz")
    def healthz() -> str:
        return "ok"

    return app


_TABLE = "CREATE TABLE IF NOT EXISTS bare (id TEXT PRIMARY KEY, text TEXT NOT NULL, at BIGINT NOT NULL)"


def _bare_sqlite(path: str) -> Any:
    import sqlite3

    from ussd_app.store.sqlite import tune

    local = threading.local()

    def connection() -> sqlite3.Connection:
        if not hasattr(local, "connection"):
            local.connection = tune(sqlite3.connect(path, isolation_level=None, timeout=30))
            local.connection.execute("PRAGMA busy_timeout=30000")  # it must not fail under load, only be slow
        found: sqlite3.Connection = local.connection
        return found

    connection().execute(_TABLE)

    def upsert(session_id: str, text: str, at: int) -> None:
        execute = connection().execute
        execute("BEGIN IMMEDIATE")
        execute(
            "INSERT INTO bare (id, text, at) VALUES (?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET text = excluded.text, at = excluded.at",
            (session_id, text, at),
        )
        execute("COMMIT")

    return upsert


def _bare_postgres(url: str) -> Any:
    import psycopg

    local = threading.local()
    with psycopg.connect(url, autocommit=True) as first:
        first.execute(_TABLE)

    def upsert(session_id: str, text: str, at: int) -> None:
        if not hasattr(local, "connection"):
            local.connection = psycopg.connect(url, autocommit=True)
        with local.connection.transaction():
            local.connection.execute(
                "INSERT INTO bare (id, text, at) VALUES (%s, %s, %s)"
                " ON CONFLICT (id) DO UPDATE SET text = excluded.text, at = excluded.at",
                (session_id, text, at),
            )

    return upsert


# --- running them --------------------------------------------------------------------------------------------------


@dataclass
class Server:
    """A running server."""

    name: str
    port: int
    path: str
    process: subprocess.Popen[bytes]
    cpus: list[int] = field(default_factory=list)

    def cpu_seconds(self) -> float:
        """CPU time spent so far by the server's processes (0 where the machine does not tell)."""
        return sum(_cpu_seconds(pid) for pid in _family(self.process.pid))


@contextmanager
def serving(
    name: str, url: str, workers: int = 1, cpus: list[int] | None = None, env: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run `market` or `bare` over the database at `url` and wait until it answers.

    `cpus`: the cores it may use (None or empty: all); `env` is added to its environment.
    Raises RuntimeError when it does not start.
    """
    port = _free_port()
    secret = secrets.token_urlsafe(24)
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", str(workers), "--blocking-threads", str(WEB_THREADS), "--log-level", "error"]
    command += ["--factory", f"tests.bench.servers:{name}_app"]
    with running(command, market_env(url, secret) | dict(env or {}), cpus) as process:
        _wait_until_up(process, port)
        path = f"/ussd/africastalking/{secret}" if name == "market" else "/bare"
        yield Server(name, port, path, process, cpus or [])


def market_env(url: str, callback_secret: str = "") -> dict[str, str]:
    """The environment of a measured process: nobody's own settings, nothing faster or slower than usual."""
    keep = {name: value for name, value in os.environ.items() if name not in OURS}
    return keep | {
        "DATABASE_URL": url,
        "ENVIRONMENT": "development",
        "GATEWAYS": "africastalking,simulator",
        "SMS_GATEWAY": "simulator",
        "SECRET_KEY": "a key of the measurement, nobody's",
        "PIN_KEY": "another key of the measurement",
        "CALLBACK_SECRETS": callback_secret or secrets.token_urlsafe(24),
        "PYTHON_DOTENV_DISABLED": "1",
    }


@contextmanager
def running(
    command: list[str], env: Mapping[str, str], cpus: list[int] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process group that ends with the context."""

    def prepare() -> None:
        if cpus and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, cpus)
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: end when the measurement is killed

    process = subprocess.Popen(command, cwd=ROOT, env=dict(env), preexec_fn=prepare, start_new_session=True)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_up(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode} before it answered")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    raise RuntimeError(f"the server did not answer within {START_S:.0f} s")


def _family(pid: int) -> list[int]:
    """A process and its descendants, as far as /proc tells."""
    found = [pid]
    for parent in found:
        with suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def busy_seconds() -> float:
    """CPU time spent so far by everything on this machine (0 where it does not tell)."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return 0.0
    idle, waiting, guests = fields[3], fields[4], fields[8:10]
    counted = sum(map(int, fields)) - int(idle) - int(waiting) - sum(map(int, guests))  # user and nice hold the guests'
    return counted / os.sysconf("SC_CLK_TCK")
