"""The processes: the worker, and web and worker together for `make run`."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from types import FrameType
from typing import Any

import click

from ussd_app.store import Store

MINUTE_MS = 60_000
DAY_MS = 86_400_000
REPLIES_KEPT_MS = 10 * MINUTE_MS  # a gateway that repeats a turn does so within seconds
DRAFTS_KEPT_MS = 2 * DAY_MS
MESSAGES_KEPT_MS = 400 * DAY_MS
NOTES_KEPT_MS = 30 * DAY_MS
WEB_THREADS = 16
ENDING_S = 15  # a process that was told to end is waited for so long


def regular_jobs(parts: Any) -> dict[str, tuple[int, Any]]:
    """What runs by itself: name -> (interval in ms, function of the store and now)."""
    from ussd_app.market import codes, expiry
    from ussd_app.store import outbox

    def forget(store: Store, now: int) -> None:
        """Nothing is kept longer than it is needed: replies, drafts, codes, old messages and notes."""
        store.write(lambda tx: tx.turns_forget(before=now - parts.clock.wait(REPLIES_KEPT_MS)))
        store.write(lambda tx: tx.sessions_forget(before=now - parts.clock.wait(DRAFTS_KEPT_MS)))
        store.write(lambda tx: codes.forget_old(tx, now=now))
        store.write(lambda tx: outbox.purge(tx, before=now - MESSAGES_KEPT_MS))
        store.write(lambda tx: tx.gateway_notes_forget_inbox(before=now - NOTES_KEPT_MS))
        store.write(lambda tx: tx.gateway_notes_forget_reports(before=now - NOTES_KEPT_MS))

    def expire(store: Store, now: int) -> None:
        while store.write(lambda tx: expiry.expire(tx, now=now)):
            pass

    return {"market.expire": (5_000, expire), "data.forget": (MINUTE_MS, forget)}


def senders(parts: Any) -> dict[str, Any]:
    """Who takes messages over, by kind; in development without a mail server the simulator shows mails too."""
    from ussd_app.worker.mail import MailSender

    settings = parts.settings
    found: dict[str, Any] = {"sms": parts.gateways[settings.sms_gateway]}
    if settings.mail_url:
        found["mail"] = MailSender(settings.mail_url)
    elif not settings.production:
        found["mail"] = ShownMail()
    return found


class ShownMail:
    """Takes mails over where no mail server is set: they are seen beside the phones of the demonstration."""

    name = "simulator"

    def send(self, message: Any) -> Any:
        from ussd_app.messages import SendResult

        return SendResult("accepted", external_id=message.reference)


def run_worker(parts: Any, once: bool = False) -> int:
    """Drain the outbox and run the regular jobs until SIGTERM or Ctrl-C."""
    from ussd_app.worker.loop import run, worker_name

    stop = threading.Event()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        signal.signal(signal.SIGINT, lambda *_: stop.set())
    return run(
        parts.store,
        parts.clock,
        senders(parts),
        parts.render_notice,
        stop,
        worker_name(),
        once,
        rate=parts.settings.sms_rate,
        jobs=regular_jobs(parts),
        opted_out=lambda tx, msisdn: parts.opt_out(tx, msisdn, False),
    )


def run_together(parts: Any) -> int:
    """Database, demo people, web and worker; Ctrl-C ends both cleanly. Returns the exit status."""
    host, port = os.environ.get("HOST", "127.0.0.1"), _port(os.environ.get("PORT", "8000"))
    refusal = _cannot_listen(host, port)
    if refusal:
        raise click.UsageError(refusal)
    flask = [sys.executable, "-m", "flask"]
    steps = [["migrate"]] if parts.settings.production else [["migrate"], ["seed"], ["demo", "accounts"]]
    for step in steps:
        if subprocess.run([*flask, *step], check=False).returncode:
            return 1
    granian = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port)]
    granian += ["--workers", "1", "--blocking-threads", str(WEB_THREADS), "--log-level", "warning", "wsgi:app"]
    # Sessions of their own: Ctrl-C in a terminal reaches us alone, and we end each with one signal. A second one on top
    # leaves the web server's own process behind, holding the port.
    commands = {"web server": granian, "worker": [*flask, "worker"]}
    processes = {name: subprocess.Popen(command, start_new_session=True) for name, command in commands.items()}
    _say_where(parts, host, port)
    return _keep(processes)


def _say_where(parts: Any, host: str, port: int) -> None:
    base = f"http://{host}:{port}"
    click.echo("")
    if not parts.settings.production:
        click.echo(f"  Two phones       {base}/phone")
    click.echo(f"  The market       {base}/")
    click.echo(f"  Health           {base}/readyz")
    click.echo(f"  In the terminal  flask dial '{parts.settings.service_code}' --phone +250788000001")
    click.echo("  Ctrl-C ends it.")


def _keep(named: dict[str, subprocess.Popen[bytes]]) -> int:
    """Wait until one ends or we are asked to stop; then end the others. 0 when we were asked.

    Each leads a session of its own, so that nothing it started can outlive it.
    """
    asked = threading.Event()
    processes = list(named.values())

    def stop(_signal: int, _frame: FrameType | None) -> None:
        asked.set()

    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, stop)
    while not asked.is_set() and all(process.poll() is None for process in processes):
        time.sleep(0.2)
    for name, process in named.items():
        if process.poll() is None:
            process.terminate()
        elif not asked.is_set():
            click.echo(f"The {name} ended by itself (status {process.returncode}); ending the rest.", err=True)
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(ENDING_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # whatever it left running
        process.wait()
    return 0 if asked.is_set() else 1


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise click.UsageError(f"PORT is {text!r}; it is a number from 1 to 65535.")
    return int(text)


def _cannot_listen(host: str, port: int) -> str:
    """Why nobody can listen there, in one sentence; empty where one can."""
    try:
        kind, _type, _proto, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"Port {port} is in use. Choose another: make run PORT={port + 1 if port < 65535 else 8000}"
        return f"Cannot listen on {host} port {port}: {error.strerror}."
    return ""
