"""Asking about SIMs over real loopback HTTP: their package, the emulator, the door of the answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.gateways.test_emulator import listening, until
from ussd_app import create_app
from ussd_app.emulators.africastalking import Emulator, Options, running
from ussd_app.gateways import load_sim_query
from ussd_app.gateways.africastalking_insights import Insights
from ussd_app.gateways.base import HttpIn, Malformed, SimQuery
from ussd_app.lib.clock import Clock, ManualClock
from ussd_app.settings import BadSettings, Settings, from_environment
from ussd_app.store import Store, migrate

NOW = 1_773_100_000_000  # 10 March 2026
SECRET = "a-secret-of-the-callbacks"
OLD = "+250788123456"


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with running(Options(port=0, api_key="k", hang_ms=1_000, report_after_ms=1)) as emulator:
        yield emulator


def asking(url: str, key: str = "k", timeout_s: float = 0.5) -> Insights:
    return Insights("sandbox", key, url, (timeout_s, timeout_s), clock=Clock())


@pytest.mark.parametrize(
    ("end", "swap"),
    [
        ("990013", "unknown"),  # slow
        ("990014", "unknown"),  # 500
        ("990015", "unknown"),  # junk
        ("990017", "unknown"),  # NoSwapDate: no word on whether there was one
        ("990018", "swapped"),
        ("990019", "unknown"),
        ("123456", "queued"),
    ],
)
def test_what_is_said_at_once(emulator: Emulator, end: str, swap: str) -> None:
    said = asking(emulator.url).ask(f"+250788{end}")
    assert said.swap == swap
    assert bool(said.reference) == (swap == "queued")
    assert end not in said.reason


def test_a_wrong_key_and_nobody_there_are_no_answer(emulator: Emulator) -> None:
    assert asking(emulator.url, "wrong").ask(OLD).swap == "unknown"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert asking(f"http://127.0.0.1:{free.getsockname()[1]}").ask(OLD).swap == "unknown"
    assert asking(emulator.url).ask("250").swap == "unknown"


def test_what_goes_out_is_what_they_take(emulator: Emulator) -> None:
    emulator.forget()
    asking(f"{emulator.url}/version1").ask(OLD)
    (entry,) = [one for one in emulator.journal() if one["kind"] == "sim"]
    assert entry["numbers"] == [OLD]


@pytest.mark.parametrize(
    ("body", "swap"),
    [
        ('"status":"Swapped","lastSimSwapDate":"01-01-1900"', "kept"),
        ('"status":"Swapped","lastSimSwapDate":"09-03-2026"', "swapped"),
        ('"status":"Swapped","lastSimSwapDate":"2026-03-09T10:00:00Z"', "swapped"),
        ('"status":"Swapped","lastSimSwapDate":"01-02-2026"', "kept"),
        ('"status":"Swapped","lastSimSwapDate":"09-02-2026"', "swapped"),
        ('"status":"Swapped","lastSimSwapDate":"soon"', "swapped"),
        ('"status":"Swapped"', "swapped"),
        ('"status":"NotSwapped","lastSimSwapDate":"01-01-1900"', "kept"),
        ('"status":"NoSwapDate"', "unknown"),
        ('"status":"Failed"', "unknown"),
        ('"status":"Queued"', "unknown"),
        ('"status":["Swapped"]', "unknown"),
        ('"lastSimSwapDate":"01-01-1900"', "unknown"),
    ],
)
def test_what_is_said_later(body: str, swap: str) -> None:
    insights = Insights("sandbox", "k", clock=ManualClock(NOW))
    said = insights.read_answer(HttpIn(f'{{"requestId":"ATSwpid_1",{body}}}'.encode()))
    assert (said.swap, said.reference) == (swap, "ATSwpid_1")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"requestId":""}', b'{"requestId":"a b"}', b"\xff"])
def test_an_answer_that_is_none_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        Insights("sandbox", "k", clock=ManualClock(NOW)).read_answer(HttpIn(body))


def test_the_settings_name_who_is_asked() -> None:
    assert load_sim_query(Settings(), Clock()) is None
    for name in ("africastalking", "simulator"):
        query = load_sim_query(Settings(sim_query=name), Clock())
        assert isinstance(query, SimQuery) and query.name == name
    simulator: Any = load_sim_query(Settings(sim_query="simulator"), Clock())
    assert [simulator.ask(f"+25078812{end}").swap for end in ("9911", "9912", "0001")] == ["swapped", "unknown", "kept"]
    with pytest.raises(BadSettings, match="SIM_QUERY"):
        from_environment({"SIM_QUERY": "somebody"})
    with pytest.raises(BadSettings, match=r"SIM_QUERY is the simulator's.*"):
        from_environment({"ENVIRONMENT": "production", "SIM_QUERY": "simulator"})


def test_question_answer_and_door(store: Store) -> None:
    migrate(store)
    settings = Settings(
        database_url="sqlite:///unused", secret_key="s" * 32, pin_key="p" * 32, callback_secrets=(SECRET,),
        sim_query="africastalking", africastalking_api_key="k",
    )  # fmt: skip
    app = create_app(settings, store)
    with (
        listening(app) as address,
        running(Options(port=0, api_key="k", service=address, secret=SECRET, report_after_ms=1)) as emulator,
    ):
        query = asking(emulator.url)
        for end in ("990011", "990012", "990016", "123456"):
            assert query.ask(f"+250788{end}").swap == "queued"
        until(lambda: len([one for one in emulator.journal() if one["kind"] == "sim_answer"]) == 3)
        answers = [one for one in emulator.journal() if one["kind"] == "sim_answer"]
        assert [one["status"] for one in answers] == [200, 200, 200]
        assert sorted(query._read(one["told"]).swap for one in answers) == ["kept", "swapped", "unknown"]
    client = app.test_client()
    body = {"requestId": "ATSwpid_1", "status": "NotSwapped"}
    assert client.post(f"/sims/africastalking/{SECRET}", json=body).status_code == 200
    assert client.post("/sims/africastalking/wrong", json=body).status_code == 404
    assert client.post(f"/sims/simulator/{SECRET}", json=body).status_code == 404
    assert client.post(f"/sims/africastalking/{SECRET}", data="no").status_code == 400
    assert client.get(f"/sims/africastalking/{SECRET}").status_code == 405
    nobody = create_app(replace(settings, sim_query=""), store).test_client()
    assert nobody.post(f"/sims/africastalking/{SECRET}", json=body).status_code == 404
