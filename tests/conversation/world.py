"""The whole market with a clock that stands still, and the worlds that dialogues are played in."""

from __future__ import annotations

import contextlib
import functools
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from tests.conftest import NOW
from tests.conversation.givens import Givens
from ussd_app import create_app
from ussd_app.handset import HttpWorld, suffix_of
from ussd_app.lib.clock import ManualClock
from ussd_app.market import pins, rates
from ussd_app.messages import SendResult, SmsIn, SmsOut, UssdReply, UssdRequest
from ussd_app.parts import Parts
from ussd_app.running import regular_jobs
from ussd_app.settings import Settings
from ussd_app.store import Store, open_store
from ussd_app.transcript import Shown
from ussd_app.wires import WIRES, Call, Callback, Simulator, septets_of
from ussd_app.worker.loop import run

SECRET = "the-secret-of-the-callbacks"
SETTINGS = Settings(
    gateways=("africastalking", "hubtel", "simulator"),
    secret_key="secret key of the tests, forty letters..",
    pin_key="pin key of the tests, forty letters .....",
    callback_secrets=(SECRET,),
)
BARE = "simulator without turns"


class BareSimulator(Simulator):
    """A gateway that sends the last input only and echoes nothing."""

    name = "simulator"

    def turn(self, call: Call, secret: str) -> Callback:
        call.state = None
        callback = super().turn(call, secret)
        return Callback(callback.path, callback.content_type, callback.body.replace(b', "turn": 0', b""))


class BareWorld(HttpWorld):
    """A caller over such a gateway: where the key she just pressed would confirm, it stands on another one, and she reads
    which."""

    def send(self, phone: str, text: str) -> Shown:
        call = self.calls[phone]
        before = call.inputs[-1] if call.inputs else call.suffix.partition("*")[0]
        lines = call.last.text.split("\n") if call.last else []
        if text == before and text not in ("0", "00", "9") and not any(line.startswith(f"{text} ") for line in lines):
            moved = [key for key in "87654321" if any(line.startswith(f"{key} ") for line in lines)]
            text = moved[0] if moved else text
        return super().send(phone, text)


class Phones:
    """Takes SMS over and shows them to whom they were sent."""

    name = "simulator"

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.taken: dict[str, SmsOut] = {}

    def send(self, sms: SmsOut) -> SendResult:
        with self.lock:
            self.taken[sms.reference] = sms
        return SendResult("accepted", external_id=f"id-{sms.reference}", parts=1)

    def texts(self, phone: str) -> list[str]:
        return [sms.text for _reference, sms in sorted(self.taken.items()) if sms.msisdn == phone]


@dataclass
class Market:
    """A wired service on a store of its own."""

    app: Flask = field(repr=False)
    parts: Parts = field(repr=False)
    clock: ManualClock = field(repr=False)
    given: Givens = field(repr=False)
    phones: Phones = field(default_factory=Phones, repr=False)

    @property
    def store(self) -> Store:
        return self.parts.store

    def work(self) -> None:
        """Let the worker do everything that is due."""
        run(
            self.store, self.clock, {"sms": self.phones}, self.parts.render_notice, threading.Event(), "tests", once=True,
            rate=100_000.0, jobs=regular_jobs(self.parts),
            opted_out=lambda tx, msisdn: self.parts.opt_out(tx, msisdn, False),
        )  # fmt: skip

    def inbox(self, phone: str) -> list[str]:
        """The SMS that came to a phone so far, oldest first."""
        self.work()
        return self.phones.texts(phone)

    def world(self, wire: str) -> Any:
        """The world of one gateway's wire, or of the conversation itself under the name `engine`."""
        if wire == "engine":
            return EngineWorld(self)
        kind = BareWorld if wire == BARE else HttpWorld
        return kind(self.app, SECRET, wire, on_given=self.given, on_wait=self.wait, on_inbox=self.inbox)

    def rows(self, sql: str, **params: Any) -> list[dict[str, Any]]:
        with self.store.read() as tx:
            found: list[dict[str, Any]] = tx.rows(sql, **params)
        return found

    def wait(self, ms: int) -> None:
        """Let time pass, in milliseconds."""
        self.clock.advance(ms)


@contextlib.contextmanager
def market(url: str, patch: pytest.MonkeyPatch) -> Iterator[Market]:
    """The service over the migrated, empty store at `url`, the hub's dated rows loaded."""
    patch.setitem(WIRES, BARE, BareSimulator())
    patch.setattr(pins, "_hasher", _quick_hasher)
    clock = ManualClock(NOW)
    with contextlib.closing(open_store(url)) as store:
        app = create_app(SETTINGS, store, clock)
        parts: Parts = app.extensions["parts"]
        store.write(lambda tx: rates.load(tx, parts.hub))
        yield Market(app, parts, clock, Givens(parts, patch))


@functools.cache
def _quick_hasher() -> Any:
    """Argon2id with next to no work and no salt, so that two runs keep the same hash: what the real cost is worth is
    proved with the PINs themselves."""
    from argon2 import PasswordHasher

    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    return SimpleNamespace(hash=lambda secret: hasher.hash(secret, salt=b"the same salt...."), verify=hasher.verify)


class EngineWorld:
    """Plays dialogues straight into the conversation: no wire, no HTTP."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.calls: dict[str, list[UssdRequest]] = {}
        self.open: dict[str, bool] = {}

    def given(self, words: str) -> None:
        self.market.given(words)

    def dial(self, phone: str, code: str) -> Shown:
        service = SETTINGS.service_code
        self.calls[phone] = []
        return self._ask(phone, suffix_of(code or service, service), secrets.token_hex(8))

    def send(self, phone: str, text: str) -> Shown:
        if not self.open.get(phone):
            raise ValueError("no call is running: dial first")
        return self._ask(phone, text, self.calls[phone][0].session_id)

    def hang_up(self, phone: str, told: bool) -> None:
        self.open[phone] = False

    def repeat(self, phone: str, turn: int) -> Shown:
        return _shown(self.market.parts.conversation.ussd(self.calls[phone][turn]))

    def sms(self, phone: str, text: str) -> None:
        sms = SmsIn("simulator", secrets.token_hex(8), phone, "2150", text)
        self.market.store.write(lambda tx: self.market.parts.conversation.sms(tx, sms))

    def inbox(self, phone: str, enough: Callable[[list[str]], bool]) -> list[str]:
        return self.market.inbox(phone)

    def wait(self, ms: int) -> None:
        self.market.clock.advance(ms)

    def _ask(self, phone: str, text: str, session_id: str) -> Shown:
        turns = len(self.calls[phone])
        request = UssdRequest(
            gateway="simulator", session_id=session_id, msisdn=phone, text=text, cumulative=False,
            service_code=SETTINGS.service_code, network="mtn", turn=turns, first=turns == 0, limit_septets=160,
        )  # fmt: skip
        self.calls[phone].append(request)
        shown = _shown(self.market.parts.conversation.ussd(request))
        self.open[phone] = shown.more
        return shown


def _shown(reply: UssdReply) -> Shown:
    return Shown(reply.text, reply.more, reply.screen, septets_of(reply.text), 0, reply.text.encode())
