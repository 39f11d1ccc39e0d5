"""A wallet's callback is answered after the commit that keeps it, and after that commit is on disk: wallets call once."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.faults import test_durable_order as order
from tests.faults.processes import SECRET, service
from tests.faults.test_durable_order import settings_for, slow_commits
from ussd_app import create_app
from ussd_app.lib.clock import Clock
from ussd_app.money import payments
from ussd_app.money.providers.base import hash_of
from ussd_app.store import Store, Tx, open_store

__all__ = ("slow_commits",)

THREADS, EACH = 12, 5
DOORS = ("mtn_momo", "airtel_money")


def asked(store: Store) -> dict[str, Any]:
    """A payment under way."""

    def ask(tx: Tx) -> dict[str, Any]:
        return payments.ask(
            tx, now=Clock().now(), kind="collection", provider="mtn_momo", person_id="01BUYER", msisdn="+250788000001",
            amount=1000, currency="RWF", order_id="01ORDER", external="1234567",
        )  # fmt: skip

    return store.write(ask)


@pytest.mark.parametrize("provider", DOORS)
def test_a_callback_is_answered_after_its_commit(store_url: str, slow_commits: list[str], provider: str) -> None:
    """Another connection sees what was told at the moment that the answer is let go; callbacks together share commits."""
    early: list[bytes] = []
    with contextlib.closing(open_store(store_url)) as store, contextlib.closing(open_store(store_url)) as other:
        app = create_app(settings_for(store_url), store)
        token = asked(store)["callback_token"] if provider == "mtn_momo" else SECRET
        inner = app.wsgi_app

        def judge(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = order._Again(body)
            answer = b"".join(inner(environ, start_response))
            with other.read() as tx:
                if not tx.rows("SELECT id FROM payment_evidence WHERE body_hash = :hash", hash=hash_of(body)):
                    early.append(body)
            return iter([answer])

        def call(_number: int) -> None:
            client = order_client(judge)
            for _ in range(EACH):
                body = json.dumps({"status": "SUCCESSFUL", "externalId": uuid.uuid4().hex}).encode()
                assert client.post(f"/payments/{provider}/{token}", data=body).status_code == 202

        commits = slow_commits.count("turn.after_commit")
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(call, range(THREADS)))
        commits = slow_commits.count("turn.after_commit") - commits
        assert early == []
        with other.read() as tx:
            assert tx.rows("SELECT COUNT(*) AS n FROM payment_evidence") == [{"n": THREADS * EACH}]
    if store.engine == "sqlite":
        assert commits < THREADS * EACH / 2, "callbacks that wait together share a commit"


def order_client(app: Any) -> Any:
    from werkzeug.test import Client

    return Client(app)


@pytest.mark.skipif(not order.strace_works(), reason="strace is absent or may not trace here")
def test_the_kernel_sees_the_sync_before_the_answer(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the last write to the log and each 202 the log was synced: what a wallet told once survives a power cut."""
    monkeypatch.setattr(order, "_is_reply", _is_taken)
    trace = tmp_path / "trace.txt"
    strace = ("strace", "-f", "-y", "-s", "400", "-e", order.CALLS, "-o", str(trace))
    with contextlib.closing(open_store(sqlite_url)) as store:
        token = asked(store)["callback_token"]
    count = 8
    with service(tmp_path, sqlite_url) as market:
        web = market.web(prefix=strace)
        market.until("/healthz", web)
        for number in range(count):
            assert post(market.port, f"/payments/mtn_momo/{token}", f'{{"status": "x{number}"}}') == 202
        order.end_traced(web)
    happened = [*order.events(trace)]
    assert happened.count("reply") == count
    since: list[str] = []
    for event in happened:
        if event != "reply":
            since.append(event)
            continue
        assert "log" in since, "an answer left without the callback being written"
        assert since[-1] == "sync", f"an answer left with the log written and not synced: {since}"
        since = []


def _is_taken(rest: str) -> bool:
    return rest.startswith(("write(", "writev(", "sendto(", "sendmsg(")) and "HTTP/1.1 202" in rest


def post(port: int, path: str, body: str) -> int:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()
