"""The processes: the worker, and web and worker together for `make run`."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import click

from ussd_app.lib.addresses import is_loopback
from ussd_app.settings import EMULATED
from ussd_app.store import Store

MINUTE_MS = 60_000
DAY_MS = 86_400_000
REPLIES_KEPT_MS = 10 * MINUTE_MS  # a gateway that repeats a turn does so within seconds
DRAFTS_KEPT_MS = 2 * DAY_MS
MESSAGES_KEPT_MS = 400 * DAY_MS
NOTES_KEPT_MS = 30 * DAY_MS
WEB_THREADS = 16
NAMES_EVERY_S = 1.0  # who registers on a phone of the demonstration has a wallet of her name soon after
PROMPT_MS = 120_000  # how long a payer of the demonstration has; the real wallets give her five minutes
log = logging.getLogger(__name__)
ENDING_S = 15  # a process that was told to end is waited for so long


def regular_jobs(parts: Any) -> dict[str, tuple[int, Any]]:
    """What runs by itself: name -> (interval in ms, function of the store and now)."""
    from ussd_app.market import (
        call_sending,
        calls,
        clearings,
        codes,
        commissions,
        deliveries,
        expiry,
        settlement,
        wallets,
        wants,
    )
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

    def remind(store: Store, now: int) -> None:
        store.write(lambda tx: deliveries.remind(tx, clock=parts.clock, now=now))

    def settle(store: Store, now: int) -> None:
        """Changes of wallets first: money may wait for them."""
        store.write(lambda tx: wallets.activate_due(tx, now=now, sim_query=parts.sim_query is not None))
        settlement.run(store, parts.clock, now)

    def clear(store: Store, now: int) -> None:
        clearings.run(store, parts.hub, parts.clock, now)

    def reward(store: Store, now: int) -> None:
        commissions.run(store, parts.hub, now)

    def answer_wants(store: Store, now: int) -> None:
        wants.run(store, now)
        calls.run(store, now)

    def send_calls(store: Store, now: int) -> None:
        call_sending.run(store, parts.hub, parts.clock, call_sending.distances_of(parts.hub), now)

    def ask_holders(store: Store, now: int) -> None:
        look_at_holders(parts, now)

    def ask_sims(store: Store, now: int) -> None:
        look_at_sims(parts, now)

    return {
        "market.expire": (5_000, expire),
        "market.remind": (MINUTE_MS, remind),
        "market.settle": (3_000, settle),
        "market.clear": (MINUTE_MS, clear),
        "agents.reward": (MINUTE_MS, reward),
        "wants.answer": (2_000, answer_wants),
        "calls.send": (1_000, send_calls),
        "wallets.holders": (2_000, ask_holders),
        "sims.ask": (5_000, ask_sims),
        "data.forget": (MINUTE_MS, forget),
        **parts.money.jobs(),
    }


def look_at_holders(parts: Any, now: int) -> None:
    """Ask the wallets whose they are, outside any transaction; one that does not say is asked again later.

    A wallet whose provider is not set cannot be asked: that too is noted, so that people judge it in the end.
    """
    from ussd_app.market import wallets

    with parts.store.read() as tx:
        rows = wallets.to_look_at(tx, now=now)
    for row in rows:
        provider = parts.money.providers.get(row["provider"])
        said: dict[str, Any] = {"wallet_id": row["id"], "active": None, "name": None}
        if provider is not None:
            holder = provider.holder(row["msisdn"])
            said |= {"active": holder.active, "name": holder.name}
        parts.store.write(lambda tx, said=said: wallets.note_holder(tx, clock=parts.clock, now=now, **said))


def look_at_sims(parts: Any, now: int) -> None:
    """Ask the networks, outside any transaction, whether the SIMs of those who wait for a risky change were swapped.

    The round ends at the first that says nothing: who is away once is away for the next number too.
    """
    from ussd_app.market import sim_swaps

    if parts.sim_query is None:
        return
    for row in parts.store.write(lambda tx: sim_swaps.due(tx, now=now)):
        said = parts.sim_query.ask(row["msisdn"])
        told = {"kind": row["kind"], "subject_id": row["subject_id"], "said": said.swap, "reference": said.reference}
        parts.store.write(lambda tx, told=told: sim_swaps.note(tx, clock=parts.clock, now=now, **told))
        if said.swap == "unknown":
            log.warning("The SIM query of %s gave no answer: %s", parts.sim_query.name, said.reason)
            return


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
    """Drain the outbox, drive the payments and run the regular jobs until SIGTERM or Ctrl-C."""
    from ussd_app.worker.loop import run, worker_name

    stop = threading.Event()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        signal.signal(signal.SIGINT, lambda *_: stop.set())
    name = worker_name()
    driver = parts.money.driver(name)
    if once:
        driver.run_due()
    else:
        driver.start()
    try:
        return run(
            parts.store,
            parts.clock,
            senders(parts),
            parts.render_notice,
            stop,
            name,
            once,
            rate=parts.settings.sms_rate,
            jobs=regular_jobs(parts),
            opted_out=lambda tx, msisdn: parts.opt_out(tx, msisdn, False),
        )
    finally:
        driver.end()


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
    commands = {"web server": granian, "worker": [*flask, "worker"], **emulated_wallets(parts.settings)}
    env = os.environ | where_wallets_call(parts.settings, host, port)
    processes = {name: subprocess.Popen(command, start_new_session=True, env=env) for name, command in commands.items()}
    if emulated_addresses(parts.settings):
        threading.Thread(target=_name_holders, args=(parts,), name="wallet-names", daemon=True).start()
    _say_where(parts, host, port)
    return _keep(processes)


def emulated_addresses(settings: Any) -> dict[str, str]:
    """The wallets that emulators on this machine play, because no credentials are set: name -> address."""
    if settings.production:
        return {}
    keys = {"mtn_momo": settings.mtn_momo_api_key, "airtel_money": settings.airtel_money_client_secret}
    found = {name: str(getattr(settings, f"{name}_base_url")) for name in keys if name in settings.providers}
    return {
        name: url for name, url in found.items() if keys[name] == EMULATED and is_loopback(url) and urlsplit(url).port
    }


def emulated_wallets(settings: Any) -> dict[str, list[str]]:
    """How to start the emulated wallets that stand behind the real adapters: name -> command.

    A prompt waits for its payer, who answers it on a phone in the browser. One that runs already is left alone.
    """
    found = {}
    for name, address in emulated_addresses(settings).items():
        url = urlsplit(address)
        if _cannot_listen(url.hostname or "127.0.0.1", url.port or 0):
            click.echo(f"Port {url.port} is in use: {name} is taken to be there already.")
            continue
        flask = [sys.executable, "-m", "flask", "emulate", name, "--port", str(url.port)]
        found[f"emulated {name}"] = [*flask, "--fault", "approval=ask", "--fault", f"window_ms={PROMPT_MS}"]
    return found


def where_wallets_call(settings: Any, host: str, port: int) -> dict[str, str]:
    """The settings by which emulated wallets call back where we listen; none where they are not, or PUBLIC_URL leads out.

    Without them a payer who has approved would wait for the next question to the wallet.
    """
    if not emulated_addresses(settings) or not is_loopback(settings.public_url):
        return {}
    here = host if is_loopback(f"http://{host}") else "127.0.0.1"
    return {"PUBLIC_URL": f"http://{here}:{port}", "MTN_MOMO_CALLBACK_HOST": settings.mtn_momo_callback_host or here}


def _name_holders(parts: Any) -> None:
    """Tell the emulated wallets who has which number, as people register: a payout waits for its holder's name."""
    told: dict[str, dict[str, str]] = {}
    while True:
        for url in emulated_addresses(parts.settings).values():
            with contextlib.suppress(OSError, *parts.store.failures):  # it is only just starting, or ending
                told[url] = name_holders(parts.store, url, told.get(url, {}))
        time.sleep(NAMES_EVERY_S)


def name_holders(store: Store, url: str, told: dict[str, str]) -> dict[str, str]:
    """Tell the emulated wallet at `url` the names it was not `told`; returns all it knows now: number -> name.

    On a number of several people the wallet is the one's who registered first. Raises OSError where nobody answers.
    """
    with store.read() as tx:
        names = {row["msisdn"]: row["name"] for row in tx.demo_wallet_names()}
    new = {msisdn: name for msisdn, name in names.items() if told.get(msisdn) != name}
    if new:
        body = json.dumps({"name": new}).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        asked = urllib.request.Request(f"{url}/control", body, {"Content-Type": "application/json"})
        opener.open(asked, timeout=2).close()
    return told | new


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
