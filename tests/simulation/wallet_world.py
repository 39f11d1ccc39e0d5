"""The two emulated wallets behind their real adapters, on a network of our own that loses, repeats and garbles."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock

from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from tests.simulation.virtual_wallets import (
    FLOAT,
    VirtualAirtel,
    VirtualMtn,
    VirtualWallet,
    pick,
    theirs,
)
from tests.simulation.world import SECOND, World
from ussd_app.emulators import airtel_money as airtel_wire
from ussd_app.emulators import mtn_momo as mtn_wire
from ussd_app.emulators.faults import Fault
from ussd_app.money.http import Answer
from ussd_app.money.providers.airtel_money import AirtelMoney
from ussd_app.money.providers.base import Instruction, Sent, Status
from ussd_app.money.providers.mtn_momo import MtnMomo

HTML = b"<html><body>502 Bad Gateway</body></html>"

# What may befall one call, by weight; one call in CALL_SHARE of all.
CALL_SHARE = 0.22
BEFORE = {"not sent": 5, "lost before": 6, "drop": 4, "500": 4, "503": 4, "429": 5, "408": 1, "401 once": 4, "401": 1}
AFTER = {"lost after": 8, "reset": 5, "half": 4, "junk": 5, "500 after": 4, "504 after": 3}
SEND_ONLY = {"refused": 3, "400 unknown": 3, "409 falsely": 1, "409 by a ghost": 1, "misconfigured": 0.1}
FETCH_ONLY = {"missing": 8, "unknown word": 6, "told backwards": 4, "another's answer": 3}
TOKEN_ONLY = {"not sent": 3, "lost before": 3, "500": 3, "401": 1}


class _Peer:
    """A socket of which only the breaking off matters."""

    def setsockopt(self, *_: object) -> None: ...
    def shutdown(self, *_: object) -> None: ...
    def sendall(self, *_: object) -> None: ...


class Network:
    """In place of `money.http.Http`: one wallet's requests, answered by its emulator, with faults on the way."""

    def __init__(self, world: World, emulator: VirtualWallet, name: str) -> None:
        self.world, self.emulator, self.name = world, emulator, name
        self.down = ""  # how it is down: "not sent", "lost before", "503"; "" while it is up
        self.reference = ""  # which payment is being sent or asked about, as we know it
        self.sent: Counter[str] = Counter()  # sendings by reference
        self.clean: Counter[str] = Counter()  # statuses asked of what the wallet has ended, since `since`
        self.since: int | None = None
        self._missing: Counter[str] = Counter()

    def close(self) -> None:
        """Nothing is open."""

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """One request, and what becomes of it."""
        world, call = self.world, "fetch" if method == "GET" else "token" if "token" in path else "send"
        if "encryption" in path:
            call = "other"
        if call == "token":  # others of this process wait for the token as well
            return self._answered(call, method, path, headers, body)
        world.pass_time(world.chance("latency").randrange(10, 900))
        world.see_alive()
        answer = self._answered(call, method, path, headers, body)
        world.pass_time(world.chance("latency").randrange(10, 900))
        return answer

    def _answered(self, call: str, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        world = self.world
        if self.down:
            return self._instead(self.down, call)
        if self._missing[self.reference] > 0 and call == "fetch":
            self._missing[self.reference] -= 1
            return self._asked(method, path, headers, body, Fault("missing", on="fetch"))
        if not world.faulty or world.chance("calls").random() >= CALL_SHARE / (1 if call == "send" else 2):
            return self._asked(method, path, headers, body)
        of_call = {"token": TOKEN_ONLY, "send": BEFORE | AFTER | SEND_ONLY, "fetch": BEFORE | AFTER | FETCH_ONLY}
        what = pick(world.chance("calls"), of_call.get(call, TOKEN_ONLY))
        world.meet(f"{call}: {what}", self.reference)
        return self._befallen(what, call, method, path, headers, body)

    def _befallen(
        self, what: str, call: str, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        def asked(do: str, value: object = None, text: str = "", times: int = 1) -> Answer:
            on = call if call != "other" else "any"
            return self._asked(method, path, headers, body, Fault(do, on=on, value=value, body=text, times=times))

        match what:
            case "drop" | "reset" | "half" | "junk":
                return asked(what)
            case "500 after" | "504 after":
                return asked("after", int(what[:3]))
            case "lost after":
                self._asked(method, path, headers, body)
                return Answer(fault="lost", reason="no answer in time")
            case "401 once":
                self.emulator.expire_tokens()
                return self._asked(method, path, headers, body)
            case "409 falsely":
                return Answer(409, b'{"code":"RESOURCE_ALREADY_EXIST"}')
            case "409 by a ghost":  # a proxy repeats the request, and gives the second answer
                self._asked(method, path, headers, body)
                return self._asked(method, path, headers, body)
            case "missing":
                self._missing[self.reference] = self.world.chance("calls").randrange(0, 7)
                return asked("missing")
            case "unknown word":
                self._told("QUITE_DONE")
            case "told backwards":
                self._told("PENDING" if self.name == "mtn_momo" else "TIP")
            case "another's answer":
                return self._anothers(path, headers)
            case _:
                return self._instead(what, call)
        return self._asked(method, path, headers, body)

    def _instead(self, what: str, call: str) -> Answer:
        """An answer, or none, in place of the wallet's: nothing arrived there."""
        if what in ("not sent", "lost before"):
            return Answer(fault=what.replace(" ", "_") if what == "not sent" else "lost", reason="no connection")
        if what == "401":
            self.emulator.expire_tokens()
            return Answer(401, b'{"error":"invalid_token"}')
        if what == "refused":
            codes = {"mtn_momo": b'{"code":"PAYER_NOT_FOUND"}', "airtel_money": b'{"status_code":"ESB000033"}'}
            return Answer(400, codes[self.name])
        if what == "400 unknown":
            return Answer(400, b'{"code":"WHO_KNOWS"}')
        if what == "misconfigured":
            codes = {"mtn_momo": b'{"code":"INVALID_CURRENCY"}', "airtel_money": b'{"status_code":"ROUTER110"}'}
            return Answer(500 if self.name == "mtn_momo" else 400, codes[self.name])
        seconds = str(self.world.chance("calls").choice((1, 5, 60, 900)))
        return Answer(int(what), HTML, {"retry-after": seconds} if what == "429" else {})

    def _told(self, word: str) -> None:
        self.emulator.faults.add(Fault("word", value=word, reference=theirs(self.name, self.reference)))

    def _anothers(self, path: str, headers: Mapping[str, str]) -> Answer:
        """The wallet answers with another payment of the same kind."""
        ours = theirs(self.name, self.reference)
        kind = self.emulator.payments[ours].kind if ours in self.emulator.payments else ""
        others = [
            one for one in list(self.emulator.payments.values())[-40:] if one.kind == kind and one.reference != ours
        ]
        if not others:
            return self._asked("GET", path, headers, None)
        other = self.world.chance("calls").choice(others).reference
        return self._asked("GET", path.replace(ours, other), headers, None)

    def _asked(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, fault: Fault | None = None
    ) -> Answer:
        """The emulator's own answer."""
        where, _, query = path.partition("?")
        built = EnvironBuilder(
            method=method, path=where, query_string=query, headers=dict(headers), input_stream=io.BytesIO(body or b""),
            content_length=len(body or b""),
        ).get_environ()  # fmt: skip
        built["werkzeug.socket"] = _Peer()
        if fault is not None:
            self.emulator.faults.add(fault)
        wire: Any = self.emulator
        try:
            answer = wire.answer(Request(built))
        except ConnectionResetError:
            return Answer(fault="lost", reason="the connection broke")
        finally:
            if fault is not None:
                self.emulator.faults._waiting = [one for one in self.emulator.faults._waiting if one is not fault]
        told = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status_code, answer.get_data(), told)

    def count(self, reference: str) -> None:
        """One more status is asked; it counts where the wallet could tell the end by now."""
        ended = self.emulator.ended.get(theirs(self.name, reference))
        if self.since is not None and ended is not None and reference not in self.world.settled:
            self.clean[reference] += 1


class Watched:
    """A real adapter, whose calls are told of to the simulation."""

    def __init__(self, adapter: MtnMomo | AirtelMoney, network: Network) -> None:
        self._adapter, self.network = adapter, network
        self.name, self.polls, self.window_ms = adapter.name, adapter.polls, adapter.window_ms
        self.tells_amount, self.status_rate = adapter.tells_amount, adapter.status_rate
        self.needs_callback_per_payment = adapter.needs_callback_per_payment
        self.read_callback, self.holder, self.balance = adapter.read_callback, adapter.holder, adapter.balance
        self.close = adapter.close

    def send(self, instruction: Instruction) -> Sent:
        reference, network = instruction.reference_id, self.network
        network.sent[reference] += 1
        with _about(network, reference):
            sent = self._adapter.send(instruction)
        network.world.tell(reference, f"sent: {sent.outcome} {sent.reason}")
        return sent

    def fetch(self, instruction: Instruction) -> Status:
        reference, network = instruction.reference_id, self.network
        network.count(reference)
        with _about(network, reference):
            status = self._adapter.fetch(instruction)
        network.world.tell(reference, f"status: {status.state} {status.amount} {status.currency} {status.reason}")
        return status


@contextmanager
def _about(network: Network, reference: str) -> Iterator[None]:
    """Calls of others may come between."""
    before, network.reference = network.reference, reference
    try:
        yield
    finally:
        network.reference = before


def mtn(world: World) -> Watched:
    """MTN MoMo, which tells amounts and calls back where each request says."""
    emulator = VirtualMtn(mtn_wire.Options(account=FLOAT, balance=FLOAT, seed=world.seed))
    emulator.enter(world)
    network = Network(world, emulator, "mtn_momo")
    keys = {"collection": "c", "disbursement": "d"}
    http: Any = network
    adapter = MtnMomo(
        http, environment="mtnrwanda", currency="RWF", api_user="u", api_key="k", keys=keys, callback_host="127.0.0.1"
    )
    adapter._tokens._clock = lambda: world.now / SECOND
    return Watched(adapter, network)


def airtel(world: World) -> Watched:
    """Airtel Money, which tells no amounts and calls back to one address for all."""
    options = airtel_wire.Options(account=FLOAT, balance=FLOAT, seed=world.seed, service="http://127.0.0.1", secret="s")
    emulator = VirtualAirtel(options)
    emulator.enter(world)
    network = Network(world, emulator, "airtel_money")
    http: Any = network
    adapter = AirtelMoney(
        http, client_id="i", client_secret="s", country="RW", currency="RWF", pin="1234", pin_key=emulator.public_key
    )
    adapter._tokens._clock = lambda: world.now / SECOND
    return Watched(adapter, network)


@contextmanager
def calling_back(deliver: Callable[[str, bytes], int]) -> Iterator[None]:
    """The wallets' callbacks come to `deliver(address, body)`."""

    def call(url: str, _method: str, body: bytes) -> int:
        return deliver(url, body)

    with mock.patch.object(mtn_wire, "call_back", call), mock.patch.object(airtel_wire, "call_back", call):
        yield


def forged(claim: str, reference: str, external: str) -> bytes:
    """A callback body as anybody might write it."""
    told = {"externalId": external, "status": claim, "financialTransactionId": "666", "amount": "1"}
    about = {"id": reference.replace("-", ""), "status_code": "TS", "airtel_money_id": "MP666"}
    return json.dumps(told | {"transaction": about}).encode()
