"""The worker: what it sends, what it makes of the answers, how it stops, and what dies with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.store.test_outbox import NOON, PHONE, order, person, row
from ussd_app.lib.clock import ManualClock
from ussd_app.messages import SendResult, SmsOut
from ussd_app.store import Store, open_store, outbox
from ussd_app.worker.jobs import Jobs
from ussd_app.worker.loop import run, worker_name
from ussd_app.worker.rate import Rate

ROOT = Path(__file__).parents[2]


class FakeGateway:
    """Takes every SMS, or answers with `answers` one after the other; remembers what it was given."""

    name = "simulator"

    def __init__(self, *answers: SendResult | Exception) -> None:
        self.answers = list(answers)
        self.given: list[SmsOut] = []

    def send(self, sms: SmsOut) -> SendResult:
        self.given.append(sms)
        answer = self.answers.pop(0) if self.answers else SendResult("accepted", f"ext-{sms.reference}")
        if isinstance(answer, Exception):
            raise answer
        return answer


def render(template: str, language: str, values: dict[str, Any]) -> str:
    return f"{template} {language} {values['code']}"


def work(store: Store, gateway: Any, clock: ManualClock | None = None, **more: Any) -> int:
    return run(store, clock or ManualClock(NOON), {"sms": gateway}, render, threading.Event(), "w", once=True, **more)


def test_everything_due_is_sent_with_its_text_folded(store: Store) -> None:
    ids = [order(store, values={"code": f"š{n}"}) for n in range(10)]
    later = order(store, due_at=NOON + 1)
    gateway = FakeGateway()
    assert work(store, gateway) == 10
    assert {sms.reference for sms in gateway.given} == set(ids)
    assert {sms.text for sms in gateway.given} == {f"order.agreed rw s{n}" for n in range(10)}
    assert {sms.msisdn for sms in gateway.given} == {PHONE}
    found = row(store, ids[0])
    assert (found["state"], found["external_id"], found["gateway"], found["parts"]) == (
        "sent",
        f"ext-{ids[0]}",
        "simulator",
        1,
    )
    assert row(store, later)["state"] == "waiting"


def test_cost_and_parts_of_the_gateway_are_kept(store: Store) -> None:
    id = order(store)
    work(store, FakeGateway(SendResult("accepted", "e", parts=2, cost_minor=160_000, cost_currency="RWF")))
    found = row(store, id)
    assert (found["parts"], found["cost_minor"], found["cost_currency"]) == (2, 160_000, "RWF")


@pytest.mark.parametrize(
    ("answer", "state", "reason"),
    [
        (SendResult("retry", reason="gateway 500"), "waiting", "gateway 500"),
        (SendResult("refused", reason="bad number"), "refused", "bad number"),
        (SendResult("opted_out", reason="blacklist"), "refused", "blacklist"),
        (SendResult("no_balance"), "held", "no balance"),
        (ConnectionResetError("x"), "waiting", "ConnectionResetError"),
    ],
)
def test_answers_of_the_gateway(store: Store, answer: SendResult | Exception, state: str, reason: str) -> None:
    id = order(store)
    told: list[str] = []
    work(store, FakeGateway(answer), opted_out=lambda tx, number: told.append(number))
    found = row(store, id)
    assert (found["state"], found["last_error"]) == (state, reason)
    assert found["due_at"] > NOON or state == "refused"
    assert bool(told) == (isinstance(answer, SendResult) and answer.outcome == "opted_out")


def test_a_retry_goes_out_when_it_is_due(store: Store) -> None:
    id = order(store)
    clock = ManualClock(NOON)
    gateway = FakeGateway(SendResult("retry"))
    work(store, gateway, clock)
    assert work(store, gateway, clock) == 0
    clock.set(row(store, id)["due_at"])
    assert work(store, gateway, clock) == 1
    assert row(store, id)["state"] == "sent" and len(gateway.given) == 2


def test_a_message_that_cannot_be_rendered_is_dead_and_harms_no_other(store: Store) -> None:
    bad = order(store, values={})
    good = order(store)
    work(store, FakeGateway())
    assert (row(store, bad)["state"], row(store, bad)["last_error"]) == ("dead", "not rendered: KeyError")
    assert row(store, good)["state"] == "sent"


def test_a_kind_without_a_sender_waits(store: Store) -> None:
    id = order(store, kind="mail", to="a@example.org")
    assert work(store, FakeGateway()) == 0
    assert row(store, id)["state"] == "waiting"


def test_news_put_off_is_not_sent_and_the_loop_ends(store: Store) -> None:
    person(store)
    id = order(store, purpose="news", person_id="p1")
    gateway = FakeGateway()
    work(store, gateway, ManualClock(NOON + 9 * 3_600_000))
    assert gateway.given == [] and row(store, id)["state"] == "waiting"


def test_no_transaction_is_open_while_a_gateway_is_called(store: Store) -> None:
    seen: list[str] = []

    class Gateway(FakeGateway):
        def send(self, sms: SmsOut) -> SendResult:
            store.turn(lambda tx: None, begin_ms=500)  # would wait behind an open one
            seen.append(row(store, sms.reference)["state"])
            return super().send(sms)

    order(store)
    work(store, Gateway())
    assert seen == ["sending"]


def test_several_workers_send_each_message_once(store: Store) -> None:
    for _ in range(60):
        order(store)
    gateway = FakeGateway()
    threads = [
        threading.Thread(
            target=lambda n=n: run(
                store, ManualClock(NOON), {"sms": gateway}, render, threading.Event(), f"w{n}", once=True, rate=0
            )
        )
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    references = [sms.reference for sms in gateway.given]
    assert len(references) == len(set(references)) == 60


def test_it_stops_within_a_second_and_gives_back_what_it_has_not_begun(store: Store) -> None:
    for _ in range(6):
        order(store)
    stop = threading.Event()
    gateway = FakeGateway()
    thread = threading.Thread(
        target=lambda: run(store, ManualClock(NOON), {"sms": gateway}, render, stop, "w", rate=1.0)
    )
    thread.start()
    while not gateway.given:
        time.sleep(0.01)
    stop.set()
    began = time.monotonic()
    thread.join(5)
    assert time.monotonic() - began < 1 and not thread.is_alive()
    with store.read() as tx:
        states = {count["state"]: count["messages"] for count in outbox.counts(tx)}
    assert set(states) == {"sent", "waiting"} and states["sent"] == len(gateway.given)


def test_the_rate_is_kept() -> None:
    rate, stop = Rate(20), threading.Event()
    began = time.monotonic()
    assert all(rate.take(2, stop) for _ in range(14))  # 28 parts: 20 at once, 8 at 20 a second
    assert 0.35 < time.monotonic() - began < 0.8
    stop.set()
    assert not rate.take(100, stop)
    assert not Rate(0).take(1, stop) and Rate(0).take(1, threading.Event())


# --- regular jobs ---------------------------------------------------------------------------------------------------


def test_a_job_runs_when_due_and_by_one_worker(store: Store) -> None:
    clock = ManualClock(NOON)
    runs: list[int] = []
    schedule = {"trade.expire": (1000, lambda store, now: runs.append(now))}
    workers = [Jobs(store, clock, f"w{n}", schedule, threading.Event()) for n in range(4)]
    found: list[list[str]] = []
    threads = [threading.Thread(target=lambda w=w: found.append(w.run_due())) for w in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert runs == [NOON] and sorted(map(len, found)) == [0, 0, 0, 1]
    assert workers[0].run_due() == []
    clock.advance(1000)
    assert workers[1].run_due() == ["trade.expire"]
    assert runs == [NOON, NOON + 1000]


def test_a_failing_job_says_so_and_runs_again_next_time(store: Store) -> None:
    clock = ManualClock(NOON)

    def broken(store: Store, now: int) -> None:
        raise LookupError("no")

    jobs = Jobs(store, clock, "w", {"a.b": (1000, broken)}, threading.Event())
    assert jobs.run_due() == ["a.b"]
    with store.read() as tx:
        [found] = tx.job_runs_all()
    assert (found["last_error"], found["busy_until"], found["due_at"]) == ("LookupError", 0, NOON + 1000)
    clock.advance(1000)
    assert jobs.run_due() == ["a.b"]


def test_a_job_of_a_worker_that_died_is_free_again(store: Store) -> None:
    clock = ManualClock(NOON)
    jobs = Jobs(store, clock, "w2", {"a.b": (1000, lambda store, now: None)}, threading.Event())
    store.write(lambda tx: tx.job_run_add(name="a.b", now=NOON))
    store.write(lambda tx: tx.job_run_take(name="a.b", now=NOON, due_at=NOON, busy_until=NOON + 60_000, worker="w1"))
    assert jobs.run_due() == []
    clock.advance(60_000)
    assert jobs.run_due() == ["a.b"]


def test_the_loop_runs_jobs_beside_messages(store: Store) -> None:
    ran, stop = threading.Event(), threading.Event()
    jobs = {"a.b": (1000, lambda store, now: ran.set())}
    thread = threading.Thread(
        target=lambda: run(store, ManualClock(NOON), {"sms": FakeGateway()}, render, stop, worker_name(), jobs=jobs)
    )
    thread.start()
    assert ran.wait(5)
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


# --- killed ---------------------------------------------------------------------------------------------------------

PROGRAM = """
import sys, threading
from tests.store.test_worker import FakeGateway, render
from ussd_app.lib.clock import ManualClock
from ussd_app.store import open_store
from ussd_app.worker.loop import run

class Gateway(FakeGateway):
    def send(self, sms):
        with open(sys.argv[2], "a") as journal:
            journal.write(sms.reference + "\\n")
        return super().send(sms)

store = open_store(sys.argv[1])
run(store, ManualClock(int(sys.argv[3])), {"sms": Gateway()}, render, threading.Event(), "w", once=True)
store.close()
"""


@pytest.mark.parametrize(
    ("point", "state", "sends"),
    [("outbox.after_lease", "leased", 1), ("outbox.after_send", "sending", 2), ("outbox.after_mark", "sent", 1)],
)
def test_killed_at_a_named_point(
    store_url: str, tmp_path: Path, point: str, state: str, sends: int, run_program: Callable[..., int]
) -> None:
    """A message is never lost; it is sent twice only where the gateway's answer was lost with the worker."""
    store = open_store(store_url)
    id = order(store)
    journal = tmp_path / "journal"
    assert run_program(PROGRAM, store_url, journal, NOON, CRASH_AT=point) == 137
    assert row(store, id)["state"] == state
    assert run_program(PROGRAM, store_url, journal, NOON + 60_000) == 0
    assert row(store, id)["state"] == "sent"
    assert journal.read_text().split() == [id] * sends
    store.close()


@pytest.fixture
def run_program() -> Callable[..., int]:
    """Run Python text in a process of its own; arguments as text, settings as keywords; gives its exit status."""

    def start(program: str, *arguments: object, **settings: str) -> int:
        ended = subprocess.run(
            [sys.executable, "-c", program, *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, **settings},
            timeout=60,
            check=False,
        )
        return ended.returncode

    return start


def test_values_reach_the_template_as_they_were_ordered(store: Store) -> None:
    values = {"code": "é", "amount_minor": 12_500, "list": [1, None]}
    id = order(store, values=values)
    assert json.loads(row(store, id)["values_json"]) == values
    assert outbox.TRIES == 6
