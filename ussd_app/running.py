"""The processes: the worker, and web and worker together for `make run`."""

from __future__ import annotations

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
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000"))
    if _taken(host, port):
        click.echo(f"Port {port} is in use. Choose another: make run PORT={port + 1}", err=True)
        return 2
    flask = [sys.executable, "-m", "flask"]
    steps = [["migrate"]] if parts.settings.production else [["migrate"], ["seed"], ["demo", "accounts"]]
    for step in steps:
        if subprocess.run([*flask, *step], check=False).returncode:
            return 1
    granian = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port)]
    granian += ["--workers", "1", "--blocking-threads", str(WEB_THREADS), "--log-level", "warning", "wsgi:app"]
    processes = [subprocess.Popen(granian), subprocess.Popen([*flask, "worker"])]
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


def _keep(processes: list[subprocess.Popen[bytes]]) -> int:
    """Wait until one ends or we are asked to stop; then end the others. 0 when we were asked."""
    asked = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        asked.set()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    while not asked.is_set() and all(process.poll() is None for process in processes):
        time.sleep(0.2)
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
    return 0 if asked.is_set() else 1


def _taken(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0
