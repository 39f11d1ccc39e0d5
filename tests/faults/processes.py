"""The service as it runs in the field, for tests that kill it: web server, worker and a gateway as real processes."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
SECRET = "callback-secret-of-the-faults"
SERVICE_CODE = "*384*100#"
PATIENCE_S = 30.0
SETTINGS = {
    "ENVIRONMENT": "development",
    "SERVICE_CODE": SERVICE_CODE,
    "SECRET_KEY": "a-secret-key-for-the-tests-of-faults",
    "PIN_KEY": "a-pin-key-for-the-tests-of-faults---",
    "HUB": "rw",
    "GATEWAYS": "africastalking,simulator",
    "SMS_GATEWAY": "africastalking",
    "SMS_RATE": "0",
    "CALLBACK_SECRETS": SECRET,
    "CALLBACK_SOURCES": "",
    "AFRICASTALKING_USERNAME": "sandbox",
    "AFRICASTALKING_API_KEY": "key",
    "MAIL_URL": "",
    "TIME_SCALE": "1",
    "CLOCK_AT": "",
    "CRASH_AT": "",
}


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """One process with all its children, in a session of its own so that nothing else dies with it."""

    def __init__(self, name: str, command: list[str], env: dict[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._file: IO[bytes] = log.open("ab")
        self.popen = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=self._file, stderr=subprocess.STDOUT, start_new_session=True
        )

    @property
    def children(self) -> list[int]:
        """The ids of its child processes."""
        return [int(one) for one in Path(f"/proc/{self.popen.pid}/task/{self.popen.pid}/children").read_text().split()]

    def kill(self) -> None:
        """SIGKILL for it and its children at the same moment, as a power cut or the kernel's memory guard would."""
        os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait(10)
        self._file.close()

    def end(self) -> int:
        """Ask it to stop; returns its exit status."""
        if self.popen.poll() is None:
            self.popen.terminate()
        return self.wait()

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait until it has ended by itself; its exit status."""
        try:
            status = self.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._file.close()
        return status


class Service:
    """The processes of one market in `folder`, over the database at `url` (migrated by `migrate`)."""

    def __init__(self, folder: Path, url: str, **settings: str) -> None:
        self.folder, self.url = folder, url
        self.port, self.sms_port = free_port(), free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.sms_address = f"http://127.0.0.1:{self.sms_port}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GRANIAN")}
        self.env = inherited | SETTINGS | settings
        self.env |= {"DATABASE_URL": url, "PUBLIC_URL": self.address, "AFRICASTALKING_BASE_URL": self.sms_address}
        self.running: list[Process] = []

    def _start(self, name: str, command: list[str], settings: dict[str, str]) -> Process:
        process = Process(name, command, self.env | settings, self.folder / f"{name}.log")
        self.running.append(process)
        return process

    def log(self, name: str) -> str:
        """What the processes of this name wrote."""
        return (self.folder / f"{name}.log").read_text("utf-8", "replace")

    def flask(self, *words: str) -> None:
        """Run one command of the service to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "flask", *words], cwd=ROOT, env=self.env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def web(self, workers: int = 1, prefix: tuple[str, ...] = (), **settings: str) -> Process:
        """Start the web server; it may not be ready yet."""
        command = [*prefix, sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--workers", str(workers), "--blocking-threads", "16"]
        return self._start("web", [*command, "--log-level", "warning", "wsgi:app"], settings)

    def worker(self, *words: str, **settings: str) -> Process:
        """Start a worker."""
        return self._start("worker", [sys.executable, "-m", "flask", "worker", *words], settings)

    def emulator(self, **faults: object) -> Process:
        """Start the gateway for SMS and wait until it listens."""
        options = [word for name, value in faults.items() for word in ("--fault", f"{name}={value}")]
        command = [sys.executable, "-m", "flask", "emulate", "africastalking", "--port", str(self.sms_port)]
        process = self._start("emulator", command + options, {})
        await_true(lambda: ask(self.sms_port, "GET", "/journal?after=1000000000") is not None, "the emulator")
        return process

    def get(self, path: str) -> int:
        """The status of a page of the service; 0 where nothing answers."""
        answered = ask(self.port, "GET", path)
        return answered[0] if answered else 0

    def until(self, path: str, process: Process) -> float:
        """Wait until `path` answers 200; seconds that took. Fails where the process dies first."""
        began = time.monotonic()
        while self.get(path) != 200:
            assert process.popen.poll() is None, f"{process.name} died:\n{self.log(process.name)[-2000:]}"
            assert time.monotonic() - began < PATIENCE_S, f"{path} never answered 200:\n{self.log('web')[-2000:]}"
            time.sleep(0.01)
        return time.monotonic() - began

    def journal(self, after: int = 0) -> list[dict[str, Any]]:
        """What reached the gateway, oldest first, from the entry after number `after`."""
        answered = ask(self.sms_port, "GET", f"/journal?after={after}")
        assert answered is not None, "the emulator does not answer"
        found: list[dict[str, Any]] = json.loads(answered[1])
        return found

    def messages(self) -> list[dict[str, Any]]:
        """The SMS that the gateway took: number, text and the id it gave."""
        return [
            {"number": one["number"], "text": entry["form"]["message"], "external_id": one["messageId"]}
            for entry in self.journal()
            if entry["kind"] == "sms" and entry["http"] == 201
            for one in entry["recipients"]
        ]

    def close(self) -> None:
        """End what still runs."""
        for process in self.running:
            if process.popen.poll() is None:
                process.kill()


@contextmanager
def service(folder: Path, url: str, **settings: str) -> Iterator[Service]:
    """The processes of one market; none of them outlives the block."""
    made = Service(folder, url, **settings)
    try:
        yield made
    finally:
        made.close()


def ask(port: int, method: str, path: str) -> tuple[int, bytes] | None:
    """One request to a port of this machine: status and body, None where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=40)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def await_true(happened: Any, what: str, timeout_s: float = PATIENCE_S) -> None:
    """Wait until `happened()` is true. Fails with `what` after `timeout_s` seconds."""
    end = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < end, f"{what} did not happen within {timeout_s:.0f} s"
        time.sleep(0.02)
