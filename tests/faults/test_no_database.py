"""The database is slow, full, broken, read-only or gone: a caller hears a short sorry in time, and nothing is half done."""

from __future__ import annotations

import contextlib
import fcntl
import resource
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.faults.market import Crowd, check_books, check_messages, check_promises, drain, rows
from tests.faults.phones import PATH, REGISTER, Answer, Person, Phone, Tally
from tests.faults.processes import SECRET, service
from tests.faults.proxy import before
from ussd_app import create_app
from ussd_app.lib.gsm7 import septets
from ussd_app.market import listings
from ussd_app.settings import Settings
from ussd_app.store import Store, migrate, open_store

JEANNE = "+250788000001"
IN_TIME_S = 4.0
RW, EN = "Mwihangane, ", "Sorry, "


def settings_for(url: str) -> Settings:
    return Settings(database_url=url, secret_key="s" * 32, pin_key="p" * 32, callback_secrets=(SECRET,))


def say(app: Flask, session: str, text: str = "", phone: str = JEANNE) -> str:
    """One turn within this process; its body."""
    form = {"sessionId": session, "phoneNumber": phone, "networkCode": "63510", "text": text}
    answer = app.test_client().post(PATH, data=form)
    assert answer.status_code == 200
    return answer.text


def is_sorry(body: str, languages: tuple[str, ...] = (RW, EN)) -> None:
    """A last screen that fits a phone, in these languages alone, with nothing of the inside in it."""
    assert body.startswith("END "), body
    for words in (RW, EN):
        assert (words in body) is (words in languages), body
    assert septets(body) <= 160
    for inside in ("Traceback", "Error", "sqlite", "psycopg", "SELECT", "/", "250788"):
        assert inside not in body, body


# --- several processes on one file ----------------------------------------------------------------------------------


def test_several_web_processes_share_one_file(sqlite_url: str, tmp_path: Path) -> None:
    """Three web processes and two workers write at once: no lost turn, no locked database, no message twice."""
    with service(tmp_path, sqlite_url) as market, contextlib.closing(open_store(sqlite_url)) as store:
        market.flask("migrate")
        market.emulator(report_after_ms=100)
        market.until("/readyz", market.web(workers=3))
        workers = [market.worker(), market.worker()]
        crowd = Crowd(market, lanes=6, seed=5)
        time.sleep(6)
        crowd.finish()
        drain(store)
        assert [worker.end() for worker in workers] == [0, 0]
        check_promises(store, crowd)
        sent = check_messages(store, market, worker_kills=0, lanes=4)
        check_books(store)
        turns = {row["session_id"]: row["turns"] for row in rows(store, "SELECT session_id, turns FROM sessions")}
        assert turns == crowd.tally.turns
        for name in ("web", "worker"):
            assert "locked" not in market.log(name) and "Traceback" not in market.log(name)
    assert crowd.tally.repeats == 0 and sent["messages"] > 20 and len(crowd.promises.orders) > 3


def test_a_turn_that_cannot_begin_is_withdrawn_for_good(sqlite_url: str, tmp_path: Path) -> None:
    """Another process keeps the lock file: the caller hears a sorry in time, and her turn has no effect later."""
    with service(tmp_path, sqlite_url) as market, contextlib.closing(open_store(sqlite_url)) as store:
        market.until("/readyz", market.web())
        phone = Phone(market.port, JEANNE)
        first = phone.dial()
        with Path(f"{sqlite_url.removeprefix('sqlite:///')}.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            began = time.monotonic()
            answer = phone.send("2")
            took_s = time.monotonic() - began
            other = Phone(market.port, "+250788000002")
            is_sorry(other.dial().body)
        is_sorry(answer.body)
        assert "Ref" not in answer.body  # nothing failed, so there is nothing to look up
        assert 2.5 < took_s < IN_TIME_S
        time.sleep(0.5)
        assert rows(store, "SELECT turns, screen FROM sessions") == [{"turns": 1, "screen": first.screen}]
        assert phone.again().screen == "register.consent"  # and the gateway may still send it again
        phone.close()
        other.close()


# --- a file that cannot be written ----------------------------------------------------------------------------------


def test_a_full_disk_stops_nothing_for_good(sqlite_url: str, tmp_path: Path) -> None:
    """Files may not grow any more: a sorry, nothing stored; when there is room again, the same process goes on."""
    with service(tmp_path, sqlite_url) as market, contextlib.closing(open_store(sqlite_url)) as store:
        web = market.web()
        market.until("/readyz", web)
        seller = Person(Phone(market.port, JEANNE), Tally())
        assert seller.does(REGISTER, "home")
        phone = Phone(market.port, JEANNE)
        shown: Answer = phone.dial()
        for typed in ("1", "3", "50", "900"):
            shown = phone.send(typed)
        assert shown.screen == "sell.confirm"
        (inner,) = web.children
        hard = resource.prlimit(inner, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(inner, resource.RLIMIT_FSIZE, (1, hard))
        try:
            full, ready = phone.send("1"), market.get("/readyz")
            assert phone.again().screen == "sorry"
        finally:
            resource.prlimit(inner, resource.RLIMIT_FSIZE, (hard, hard))
            phone.close()
        is_sorry(full.body, (EN,))  # her session could still be read
        assert ready == 503
        assert rows(store, "SELECT id FROM listings") == []
        assert phone.again().text.startswith("Listed: ")
        assert market.get("/readyz") == 200
        assert JEANNE not in market.log("web")
        assert len(rows(store, "SELECT id FROM listings")) == 1
        phone.close()
        check_books(store)


def test_a_file_that_is_gone_is_found_again(tmp_path: Path) -> None:
    """The folder is not mounted yet as the first caller dials: a sorry; once it is there, all is well."""
    folder = tmp_path / "data"
    url = f"sqlite:///{folder}/market.db"
    migrate(url)
    with contextlib.closing(open_store(url)) as store:
        app = create_app(settings_for(url), store)
        folder.rename(tmp_path / "elsewhere")
        is_sorry(say(app, "S1"))
        assert app.test_client().get("/healthz").status_code == 200
        gone = app.test_client().get("/readyz")
        assert gone.status_code == 503 and "Traceback" not in gone.text
        (tmp_path / "elsewhere").rename(folder)
        assert say(app, "S1").startswith("CON ")
        assert app.test_client().get("/readyz").status_code == 200


@pytest.fixture
def lite(sqlite_url: str) -> Iterator[Store]:
    with contextlib.closing(open_store(sqlite_url)) as opened:
        yield opened


def test_a_read_only_file_is_told_and_left_as_it_is(lite: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = lite.path

    def only_reading() -> sqlite3.Connection:
        return sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)

    monkeypatch.setattr(lite, "connect", only_reading)
    app = create_app(settings_for(f"sqlite:///{path}"), lite)
    is_sorry(say(app, "S1"))
    refused = app.test_client().get("/readyz")
    assert refused.status_code == 503 and "Traceback" not in refused.text
    assert rows(lite, "SELECT * FROM turns") == []


def test_a_broken_file_is_told(lite: Any) -> None:
    """Not a word of the market reaches the caller, and readiness says no."""
    path: Path = lite.path
    app = create_app(settings_for(f"sqlite:///{path}"), lite)
    path.write_bytes(b"this is no database at all " * 4096)
    is_sorry(say(app, "S1"))
    broken = app.test_client().get("/readyz")
    assert broken.status_code == 503 and "Traceback" not in broken.text


# --- in whose language ----------------------------------------------------------------------------------------------


def test_a_sorry_is_said_in_the_callers_language(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the session is read it is known what she speaks; nothing of the turn is stored."""
    app = create_app(settings_for("sqlite:///unused.db"), store)

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("SELECT secret FROM /inside")

    typed: list[str] = []
    screen = say(app, "S1")
    for key in ("2", "1", "Uwase Claire", "Remera", "1", "48291", "48291", "1", "3", "50", "900"):
        typed.append(key)
        screen = say(app, "S1", "*".join(typed))
    assert "Confirm" in screen
    monkeypatch.setattr(listings, "add", broken)
    sorry = say(app, "S1", "*".join([*typed, "1"]))
    is_sorry(sorry, (EN,))
    assert "Ref " in sorry
    monkeypatch.undo()
    assert say(app, "S1", "*".join([*typed, "1"])).startswith("END Listed: ")


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


def timed(app: Flask, session: str, text: str = "") -> tuple[str, float]:
    began = time.monotonic()
    return say(app, session, text), time.monotonic() - began


def test_postgres_is_stopped_and_started(postgres_url: str) -> None:
    """Connections are lost between two turns: sorry in time, and the service finds back by itself."""
    with before(postgres_url) as proxy, contextlib.closing(open_store(proxy.url)) as store:
        app = create_app(settings_for(proxy.url), store)
        assert say(app, "S1").startswith("CON ")
        proxy.stop()
        for text in ("2", "2"):
            body, took_s = timed(app, "S1", text)
            is_sorry(body)
            assert took_s < IN_TIME_S
        assert app.test_client().get("/readyz").status_code == 503
        proxy.start()
        body = until_answered(app, "S1", "2")
        assert body.startswith("CON ") and "I agree" in body
        assert rows(store, "SELECT turns FROM sessions") == [{"turns": 2}]


def test_postgres_is_stopped_in_the_middle_of_a_turn(postgres_url: str) -> None:
    """The turn had begun: its rows are rolled back with the connection, and the same callback works afterwards."""
    with (
        before(postgres_url) as proxy,
        contextlib.closing(open_store(proxy.url)) as store,
        contextlib.closing(open_store(postgres_url)) as direct,
    ):
        app = create_app(settings_for(proxy.url), store)
        assert say(app, "S1").startswith("CON ")
        held, go = threading.Event(), threading.Event()

        def hold(tx: Any) -> None:
            tx.lock("session africastalking S1")  # the turn waits behind this one
            held.set()
            go.wait(20)

        holder = threading.Thread(target=lambda: direct.write(hold))
        holder.start()
        assert held.wait(10)
        threading.Timer(0.5, proxy.stop).start()
        try:
            body, took_s = timed(app, "S1", "2")
        finally:
            go.set()
            holder.join()
        is_sorry(body)
        assert took_s < IN_TIME_S
        assert rows(direct, "SELECT turns FROM sessions") == [{"turns": 1}]
        proxy.start()
        assert until_answered(app, "S1", "2").startswith("CON ")


def test_postgres_hangs(postgres_url: str) -> None:
    """The connection stays open and nothing is ever answered: nobody waits longer than for a server that is gone."""
    with before(postgres_url) as proxy, contextlib.closing(open_store(proxy.url)) as store:
        app = create_app(settings_for(proxy.url), store)
        assert say(app, "S1").startswith("CON ")
        proxy.freeze()
        body, took_s = timed(app, "S1", "2")
        is_sorry(body)
        assert took_s < IN_TIME_S
        proxy.start()
        assert until_answered(app, "S1", "2").startswith("CON ")
        assert rows(store, "SELECT turns FROM sessions") == [{"turns": 2}]


def until_answered(app: Flask, session: str, text: str) -> str:
    """The first answer that is no sorry, within half a minute."""
    end = time.monotonic() + 30
    while "Sorry" in (body := say(app, session, text)):
        assert time.monotonic() < end, "the service does not find back"
    return body


def test_the_judge_of_a_sorry_refuses_what_tells_too_much() -> None:
    for body in (f"CON {RW}{EN}", f"END {RW}", f"END {RW}{EN} sqlite3.OperationalError", "END " + (RW + EN) * 10):
        with pytest.raises(AssertionError):
            is_sorry(body)
