"""No reply leaves before the commit that holds its turn is done, and on disk."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.faults.phones import PATH, REGISTER, Phone
from tests.faults.processes import SECRET, Process, service
from ussd_app import create_app
from ussd_app.settings import Settings
from ussd_app.store import Store, open_store, postgres, writer

THREADS = 12


class Recorder:
    """Stands between the application and the server: asks another connection for the turn as its reply is let go."""

    def __init__(self, app: Any, store: Store) -> None:
        self.app, self.store = app, store
        self.commits = 0
        self.early: list[str] = []
        self.replies = 0
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        form = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        session = parse_qs(form.decode())["sessionId"][0]
        environ["wsgi.input"] = _Again(form)
        body = b"".join(self.app(environ, start_response))
        with self.store.read() as tx:
            kept = tx.rows("SELECT reply FROM turns WHERE session_id = :session", session=session)
        with self._lock:
            self.replies += 1
            if body[4:].decode() not in [row["reply"] for row in kept]:
                self.early.append(body.decode())
        return [body]


class _Again:
    """The body of a request, to be read once more."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, size: int = -1) -> bytes:
        found, self.data = (self.data, b"") if size < 0 else (self.data[:size], self.data[size:])
        return found


@pytest.fixture
def slow_commits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every commit takes 20 ms more, so that a reply let go too early is seen; gives the points passed, in order."""
    passed: list[str] = []

    def slow(name: str) -> None:
        if name == "turn.before_commit":
            time.sleep(0.02)
        passed.append(name)

    monkeypatch.setattr(writer, "crash_here", slow)
    monkeypatch.setattr(postgres, "crash_here", slow)
    yield passed


def settings_for(url: str) -> Settings:
    return Settings(database_url=url, secret_key="s" * 32, pin_key="p" * 32, callback_secrets=(SECRET,))


def test_a_reply_is_let_go_after_the_commit_of_its_turn(store_url: str, slow_commits: list[str]) -> None:
    from werkzeug.test import Client

    with contextlib.closing(open_store(store_url)) as store, contextlib.closing(open_store(store_url)) as other:
        app = create_app(settings_for(store_url), store)
        recorder = Recorder(app.wsgi_app, other)

        def call(number: int) -> None:
            client = Client(recorder)
            typed: list[str] = []
            for key in ("", "2", "1", "Uwase", "Remera", "1"):
                typed += [key] if key else []
                form = {"sessionId": f"S{number}", "phoneNumber": f"+2507880{number:05d}", "networkCode": "63510"}
                answer = client.post(PATH, data=form | {"text": "*".join(typed)})
                assert answer.status_code == 200 and answer.data.startswith(b"CON ")

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(call, range(THREADS)))
    assert recorder.replies == THREADS * 6
    assert recorder.early == []
    commits = slow_commits.count("turn.after_commit")
    assert slow_commits.count("turn.before_commit") == commits
    if store.engine == "sqlite":
        assert commits < recorder.replies / 2, "turns that wait together share a commit"


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_a_commit_that_fails_lets_no_reply_go(
    request: pytest.FixtureRequest, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the screen function answered is not said; the phone hears a sorry, and nothing of the turn is there."""
    url: str = request.getfixturevalue(f"{engine}_url")

    def fail(name: str) -> None:
        if name == "turn.before_commit":
            raise OSError("the disk is gone")

    with contextlib.closing(open_store(url)) as store:
        client = create_app(settings_for(url), store).test_client()
        form = {"sessionId": "S1", "phoneNumber": "+250788000001", "networkCode": "63510", "text": ""}
        monkeypatch.setattr(writer, "crash_here", fail)
        monkeypatch.setattr(postgres, "crash_here", fail)
        answer = client.post(PATH, data=form)
        assert answer.status_code == 200 and answer.text.startswith("END ") and "Ref " in answer.text
        assert "disk" not in answer.text and "Traceback" not in answer.text
        with store.read() as tx:
            assert tx.rows("SELECT * FROM turns") == []
        monkeypatch.undo()
        assert client.post(PATH, data=form).text.startswith("CON ")


# --- the same seen from outside, by the kernel -----------------------------------------------------------------------

CALLS = "trace=pwrite64,fdatasync,fsync,write,writev,sendto,sendmsg"
_LINE = re.compile(r"^(?P<pid>\d+)\s+(?P<rest>.*)$")
_UNFINISHED = re.compile(r"^(?P<call>\w+)\((?P<args>.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^<\.\.\. (?P<call>\w+) resumed>(?P<args>.*)$")


def strace_works() -> bool:
    if shutil.which("strace") is None:
        return False
    tried = subprocess.run(["strace", "-f", "-e", "trace=write", "true"], capture_output=True)
    return tried.returncode == 0


def events(trace: Path) -> Iterator[str]:
    """What happened, in order: 'log' (written to the write-ahead log), 'sync' (it is on disk), 'reply'.

    A call counts when it has ended, but a reply when it begins.
    """
    begun: dict[str, str] = {}
    for line in trace.read_text("utf-8", "replace").splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        pid, rest = match["pid"], match["rest"]
        if _is_reply(rest):
            yield "reply"
            continue
        if (unfinished := _UNFINISHED.match(rest)) is not None:
            begun[pid] = f"{unfinished['call']}({unfinished['args']}"
            continue
        if (resumed := _RESUMED.match(rest)) is not None:
            rest = begun.pop(pid, "") + resumed["args"]
        if "market.db-wal>" in rest:
            if rest.startswith("pwrite64("):
                yield "log"
            elif rest.startswith(("fdatasync(", "fsync(")) and rest.rstrip().endswith("= 0"):
                yield "sync"


def _is_reply(rest: str) -> bool:
    return rest.startswith(("write(", "writev(", "sendto(", "sendmsg(")) and ("CON " in rest or "END " in rest)


def end_traced(web: Process) -> None:
    """End a traced server at once, its answers being out: strace passes no signal on, and ends with those it traces."""
    server = web.children[0]
    below = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    for process in (server, *map(int, below)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    web.wait()


@pytest.mark.skipif(not strace_works(), reason="strace is absent or may not trace here")
def test_the_kernel_sees_the_sync_before_the_reply(sqlite_url: str, tmp_path: Path) -> None:
    """Between the last write to the log and each reply the log was synced: it survives a power cut."""
    trace = tmp_path / "trace.txt"
    strace = ("strace", "-f", "-y", "-s", "400", "-e", CALLS, "-o", str(trace))
    with service(tmp_path, sqlite_url) as market:
        web = market.web(prefix=strace)
        market.until("/healthz", web)
        phone = Phone(market.port, "+250788000001")
        answers = [phone.dial()]
        while answers[-1].screen != "home":
            answers.append(phone.send(REGISTER[answers[-1].screen]))
        phone.close()
        end_traced(web)
    happened = [*events(trace)]
    assert happened.count("reply") == len(answers)
    since: list[str] = []
    for event in happened:
        if event != "reply":
            since.append(event)
            continue
        assert "log" in since, "a reply left without its turn being written"
        assert since[-1] == "sync", f"a reply left with the log written and not synced: {since}"
        since = []


def test_the_judge_of_the_trace_sees_an_early_reply(tmp_path: Path) -> None:
    trace = tmp_path / "trace.txt"
    trace.write_text(
        '7 pwrite64(9</x/market.db-wal>, "..."..., 4096, 0) = 4096\n'
        "7 fdatasync(9</x/market.db-wal> <unfinished ...>\n"
        '8 sendto(12<TCP:[1]>, "HTTP/1.1 200 OK\\r\\n\\r\\nCON hello", 30, 0, NULL, 0) = 30\n'
        "7 <... fdatasync resumed>) = 0\n"
        "7 fdatasync(9</x/market.db> ) = 0\n"
    )
    assert [*events(trace)] == ["log", "reply", "sync"]
