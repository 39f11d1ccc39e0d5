"""Both real clients against their emulators, as real HTTP on this machine."""

from __future__ import annotations

import json
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from ussd_app.emulators import airtel_money as airtel_emulator
from ussd_app.emulators import mtn_momo as mtn_emulator
from ussd_app.money.http import Http
from ussd_app.money.providers.airtel_money import AirtelMoney, their_id
from ussd_app.money.providers.base import Instruction, Provider, Status
from ussd_app.money.providers.mtn_momo import MtnMomo

NAMES = ("mtn_momo", "airtel_money")
MSISDN = {"mtn_momo": "+250788000001", "airtel_money": "+250728000001"}
PIN = "4411"
# Milliseconds: a client that waits, and an emulator that hangs longer.
READ_S = 0.5
HANG_MS = 900


@dataclass
class Wired:
    """One client and the emulator behind it."""

    name: str
    client: Any
    emulator: Any
    instruction: Instruction = field(init=False)

    def __post_init__(self) -> None:
        self.instruction = self.order()

    @property
    def mtn(self) -> bool:
        return self.name == "mtn_momo"

    def order(self, **changes: Any) -> Instruction:
        """A fresh instruction: a collection of 5000 RWF unless told otherwise."""
        fresh = Instruction(
            reference_id=str(uuid.uuid4()),
            kind="collection",
            amount=5_000,
            currency="RWF",
            msisdn=MSISDN[self.name],
            external_id="ORD4711",
            note="Order 4711",
        )
        return replace(fresh, **changes)

    def control(self, **told: Any) -> None:
        """Steer the emulator through its own address, as another process would."""
        asked = urllib.request.Request(self.emulator.url + "/control", json.dumps(told).encode(), method="POST")
        with urllib.request.urlopen(asked, timeout=5) as answer:
            assert answer.status == 204

    def fault(self, do: str, **told: Any) -> None:
        self.control(fault={"do": do, **told})

    def reference(self, instruction: Instruction) -> str:
        return instruction.reference_id if self.mtn else their_id(instruction.reference_id)

    def stored(self, instruction: Instruction) -> bool:
        return self.reference(instruction) in self.emulator.payments

    def settled(self, instruction: Instruction) -> dict[str, Any] | None:
        """What the emulator's journal says was moved, read as another process would."""
        told = self.get("/journal")["settled"].get(self.reference(instruction))
        return told if told is None else dict(told)

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.emulator.url + path, timeout=5) as answer:
            return json.loads(answer.read())

    def post(self, path: str, **told: Any) -> tuple[int, Any]:
        asked = urllib.request.Request(self.emulator.url + path, json.dumps(told).encode(), method="POST")
        try:
            with urllib.request.urlopen(asked, timeout=5) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, json.loads(refusal.read())

    def calls(self, kind: str) -> int:
        return sum(entry["kind"] == kind for entry in self.emulator.journal())

    def final(self, instruction: Instruction, seconds: float = 5) -> Status:
        """The first status that is not pending."""
        end = time.monotonic() + seconds
        while (status := self.client.fetch(instruction)).state == "pending":
            assert time.monotonic() < end, "it stays pending"
            time.sleep(0.02)
        return status


@contextmanager
def wired(name: str, http_s: float = READ_S, client: dict[str, Any] | None = None, **options: Any) -> Iterator[Wired]:
    """A client and its emulator. `client` are options of the client, `options` those of the emulator."""
    common: dict[str, Any] = {"port": 0, "approve_after_ms": 5, "status_rate": 10_000, "hang_ms": HANG_MS} | options
    with ExitStack() as stack:
        emulator: Any
        adapter: Provider
        if name == "mtn_momo":
            emulator = stack.enter_context(mtn_emulator.running(mtn_emulator.Options(**common)))
            adapter = mtn(emulator.url, http_s, **(client or {}))
        else:
            common = {"pin": PIN} | common
            emulator = stack.enter_context(airtel_emulator.running(airtel_emulator.Options(**common)))
            adapter = airtel(emulator.url, http_s, **(client or {}))
        stack.callback(adapter.close)
        yield Wired(name, adapter, emulator)


def mtn(url: str, http_s: float = READ_S, **options: Any) -> MtnMomo:
    usual: dict[str, Any] = {
        "environment": "mtnrwanda",
        "currency": "RWF",
        "api_user": "api-user",
        "api_key": "api-key",
        "keys": {"collection": "key-c", "disbursement": "key-d"},
    }
    return MtnMomo(Http(url, read_s=http_s), **(usual | options))


def airtel(url: str, http_s: float = READ_S, **options: Any) -> AirtelMoney:
    usual: dict[str, Any] = {
        "client_id": "client",
        "client_secret": "secret",
        "country": "RW",
        "currency": "RWF",
        "pin": PIN,
    }
    return AirtelMoney(Http(url, read_s=http_s), **(usual | options))


@contextmanager
def listening(answer: Callable[[Request], Response]) -> Iterator[str]:
    """A server on this machine that answers as told; gives its address."""

    def app(environ: Any, start_response: Any) -> Any:
        return answer(Request(environ))(environ, start_response)

    import threading

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def until(true: Callable[[], object], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
