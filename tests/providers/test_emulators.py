"""The emulated wallets themselves: callbacks, prompts, the journal, the statement, and each as a process of its own."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from tests.providers.wallets import MSISDN, NAMES, Wired, listening, mtn, until, wired
from ussd_app.emulators.faults import Fault
from ussd_app.emulators.mtn_momo import Options
from ussd_app.emulators.wallet_http import NO_CALLBACK, call_back

ROOT = Path(__file__).parents[2]


class Service:
    """What is called back: keeps method, path and body."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, bytes]] = []
        self.url = ""

    def __call__(self, request: Request) -> Response:
        self.calls.append((request.method, request.path, request.get_data()))
        return Response(status=204)


@pytest.fixture
def service() -> Iterator[Service]:
    one = Service()
    with listening(one) as one.url:
        yield one


def calling(name: str, service: Service, **options: Any) -> Any:
    """A wallet that calls `service` back."""
    if name == "mtn_momo":
        return wired(name, client={"callback_host": "127.0.0.1"}, **options)
    return wired(name, client={"hmac_key": "k"}, service=service.url, secret="s3cret", hmac_key="k", **options)


def pay(wallet: Wired, service: Service) -> Any:
    order = wallet.order(callback_url=f"{service.url}/payments/mtn_momo/tok")
    assert wallet.client.send(order).outcome == "accepted"
    assert wallet.final(order).state == "paid"
    return order


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("how", "methods"), [("post", ["POST"]), ("put", ["PUT"]), ("twice", ["POST", "POST"])])
def test_it_calls_back(service: Service, name: str, how: str, methods: list[str]) -> None:
    with calling(name, service, callback=how) as wallet:
        order = pay(wallet, service)
        until(lambda: wallet.calls("callback") == len(methods))
    assert [method for method, _, _ in service.calls] == methods
    _, path, body = service.calls[0]
    hint = wallet.client.read_callback(body, {}, "tok")
    assert hint.state == "paid"
    if wallet.mtn:
        assert (path, hint.our_external, hint.reference_id) == ("/payments/mtn_momo/tok", "ORD4711", "")
    else:
        assert (path, hint.reference_id) == ("/payments/airtel_money/s3cret", order.reference_id)
        assert hint.signed is True


def test_airtels_hash_may_be_of_the_whole_body(service: Service) -> None:
    with calling("airtel_money", service, hash_of="body") as wallet:
        pay(wallet, service)
        until(lambda: service.calls)
        assert wallet.client.read_callback(service.calls[0][2], {}, "").signed is True


@pytest.mark.parametrize("name", NAMES)
def test_it_never_calls_back_or_late(service: Service, name: str) -> None:
    with calling(name, service, callback="never", late_ms=900) as wallet:
        pay(wallet, service)
        wallet.fault("callback", value="late")
        pay(wallet, service)
        assert service.calls == []
        until(lambda: len(service.calls) == 1)
        until(lambda: wallet.calls("callback") == 1)  # its journal is written after the call


def test_it_calls_this_machine_only() -> None:
    assert call_back("http://market.example/p", "POST", b"{}") == 0
    assert call_back("", "POST", b"{}") == NO_CALLBACK


@pytest.mark.parametrize("name", NAMES)
def test_a_prompt_waits_for_its_payer(name: str) -> None:
    with wired(name, approval="ask") as wallet:
        yes, no = wallet.order(), wallet.order()
        for order in (yes, no):
            wallet.client.send(order)
        number = MSISDN[name]
        prompts = wallet.get(f"/prompts?msisdn={number.replace('+', '%2B')}")
        assert [one["reference"] for one in prompts] == [wallet.reference(one) for one in (yes, no)]
        assert (prompts[0]["amount"], prompts[0]["currency"], prompts[0]["msisdn"]) == (5_000, "RWF", number)
        assert wallet.get("/prompts?msisdn=250788999999") == []
        wrong = wallet.post("/approve", reference=wallet.reference(yes), pin="0000", answer="yes")
        assert wrong == (403, {"error": "wrong PIN", "left": 2})
        assert wallet.post("/approve", reference=wallet.reference(yes), pin="1234", answer="yes")[0] == 200
        assert wallet.post("/approve", reference=wallet.reference(no), pin="", answer="no")[0] == 200
        assert (wallet.final(yes).state, wallet.final(no).state) == ("paid", "failed")
        assert wallet.post("/approve", reference=wallet.reference(yes), pin="1234", answer="yes")[0] == 404
        assert wallet.get("/prompts") == []
        assert "1234" not in json.dumps(wallet.get("/journal")["entries"])


@pytest.mark.parametrize("name", NAMES)
def test_three_wrong_pins_and_a_window_that_ends(name: str) -> None:
    with wired(name, approval="ask", window_ms=300) as wallet:
        guessed, left = wallet.order(), wallet.order()
        wallet.client.send(guessed)
        for _ in range(3):
            wallet.post("/approve", reference=wallet.reference(guessed), pin="0000", answer="yes")
        assert wallet.final(guessed).state == "failed"
        wallet.client.send(left)
        assert wallet.final(left).reason in ("EXPIRED", "TE")


@pytest.mark.parametrize("name", NAMES)
def test_the_statement_is_what_was_settled(name: str) -> None:
    with wired(name) as wallet:
        wallet.client.send(wallet.instruction)
        external_id = wallet.final(wallet.instruction).external_id
        with urllib.request.urlopen(wallet.emulator.url + "/statement", timeout=5) as answer:
            rows = list(csv.DictReader(io.StringIO(answer.read().decode())))
    assert len(rows) == 1
    row = rows[0]
    assert row["wallet_id"] == external_id
    assert row["reference"] == wallet.reference(wallet.instruction)
    assert (row["number"], row["amount"], row["currency"]) == (MSISDN[name], "5000", "RWF")


@pytest.mark.parametrize(
    "told",
    [
        {"set": {"nothing": 1}},
        {"set": {"callback": "sometimes"}},
        {"fault": {"do": "explode"}},
        {"fault": {"do": "reset", "on": "everything"}},
        {"fault": {"what": 1}},
        {"balance": {"+250788000001": "much"}},
        {"set": 3},
    ],
)
def test_a_control_that_makes_no_sense_is_refused(told: dict[str, Any]) -> None:
    with wired("mtn_momo") as wallet:
        assert wallet.post("/control", **told)[0] == 400


def test_a_fault_is_for_its_number_and_so_many_times() -> None:
    with wired("mtn_momo") as wallet:
        wallet.fault("refuse", value=503, msisdn="+250788000002", times=2)
        other = [wallet.client.send(wallet.order()).outcome for _ in range(2)]
        theirs = [wallet.client.send(wallet.order(msisdn="+250788000002")).outcome for _ in range(3)]
        assert (other, theirs) == (["accepted"] * 2, ["unknown", "unknown", "accepted"])
        wallet.fault("refuse", value=503, times=0)
        assert [wallet.client.send(wallet.order()).outcome for _ in range(3)] == ["unknown"] * 3
        wallet.control(clear=True)
        assert wallet.client.send(wallet.order()).outcome == "accepted"


def test_options_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="callback"):
        Options(callback="sometimes")
    with pytest.raises(ValueError, match="no such fault"):
        Fault("explode")


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_process_of_its_own(name: str, tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "VIRTUAL_ENV")}
    env |= {"DATABASE_URL": f"sqlite:///{tmp_path}/m.db", "FLASK_APP": "ussd_app", "PYTHONUNBUFFERED": "1"}
    env["FLASK_SKIP_DOTENV"] = "1"
    asked = [sys.executable, "-m", "flask", "emulate", name, "--port", "0", "--fault", "approve_after_ms=5"]
    with subprocess.Popen(asked, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            url = re.search(r"http://127\.0\.0\.1:\d+", line)
            assert url is not None, line
            with urllib.request.urlopen(url[0] + "/journal", timeout=5) as answer:
                assert json.loads(answer.read()) == {"entries": [], "settled": {}}
            if name == "mtn_momo":
                client = mtn(url[0])
                one = Wired(name, client, None)
                assert client.send(one.instruction).outcome == "accepted"
                assert one.final(one.instruction).state == "paid"
                client.close()
        finally:
            process.terminate()


@pytest.mark.parametrize("fault", ["nothing=1", "latency_ms=soon", "outage=perhaps", "callback=sometimes"])
def test_an_option_that_is_none_is_wrong_use(fault: str, tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "VIRTUAL_ENV")}
    env |= {"DATABASE_URL": f"sqlite:///{tmp_path}/m.db", "FLASK_APP": "ussd_app", "FLASK_SKIP_DOTENV": "1"}
    asked = [sys.executable, "-m", "flask", "emulate", "mtn_momo", "--port", "0", "--fault", fault]
    done = subprocess.run(asked, cwd=ROOT, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2, done.stderr
