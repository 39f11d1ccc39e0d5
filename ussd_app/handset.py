"""A phone without a screen: calls and SMS over the wire of a gateway, to a server's address or straight into a WSGI
application. It is the `World` that `flask dial` and, with a clock and people of its own, pytest play transcripts in.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from ussd_app.transcript import Shown
from ussd_app.wires import WIRES, Call, Callback, Wire

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

LONGEST_WAIT_MS = 60_000
_PATIENCE_S = 15.0  # an SMS may take a worker's round and a gateway's answer


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: status, headers by lower-case name, body, and the time it took in milliseconds."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    ms: int


Carrier = Callable[[str, str, str, bytes], Answer]


def carrier(target: str | WSGIApplication) -> Carrier:
    """A function (method, path, content type, body) -> Answer, to an address such as http://127.0.0.1:8000 or into an
    application. It raises OSError where nothing answers at the address."""
    return _to_address(target) if isinstance(target, str) else _into(target)


def _into(app: WSGIApplication) -> Carrier:
    from werkzeug.test import Client

    client = Client(app)

    def carry(method: str, path: str, content_type: str, body: bytes) -> Answer:
        begun = time.perf_counter()
        reply = client.open(path, method=method, content_type=content_type or None, data=body or None)
        with reply:
            data = reply.get_data()
        headers = {name.lower(): value for name, value in reply.headers.items()}
        return Answer(reply.status_code, headers, data, _since(begun))

    return carry


def _to_address(address: str) -> Carrier:
    import requests

    session = requests.Session()

    def carry(method: str, path: str, content_type: str, body: bytes) -> Answer:
        begun = time.perf_counter()
        headers = {"Content-Type": content_type} if content_type else {}
        reply = session.request(
            method, address.rstrip("/") + path, data=body or None, headers=headers, timeout=10, allow_redirects=False
        )
        answered = {name.lower(): value for name, value in reply.headers.items()}
        return Answer(reply.status_code, answered, reply.content, _since(begun))

    return carry


@dataclass
class HttpWorld:
    """Plays dialogues over one gateway's wire.

    `target` is a server's address or a WSGI application; `wire` is africastalking, hubtel or simulator; `secret` the
    callback secret in the path. `on_given` makes a `given` line true (raises ValueError where it cannot); without it a
    `given` must name a demo person of the server. `on_wait` lets time pass (milliseconds); without it waits up to a
    minute are slept, longer ones refused. `on_inbox` gives the texts of a phone's SMS; without it the development
    server is asked, up to `patience_s` seconds. Raises WireFault where an answer could not be shown.
    """

    target: str | WSGIApplication
    secret: str
    wire: str = "africastalking"
    service_code: str = "*384*100#"
    on_given: Callable[[str], None] | None = None
    on_wait: Callable[[int], None] | None = None
    on_inbox: Callable[[str], list[str]] | None = None
    patience_s: float = _PATIENCE_S
    calls: dict[str, Call] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.wire not in WIRES:
            raise ValueError(f"no wire is called {self.wire!r}; known are {', '.join(WIRES)}")
        self._wire: Wire = WIRES[self.wire]
        self._carry = carrier(self.target)

    def given(self, words: str) -> None:
        """Make a `given` line true. Raises ValueError."""
        if self.on_given:
            self.on_given(words)
            return
        people = {person["msisdn"]: person for person in self._development("/phone/people")}
        named = next((word for word in words.split() if word.startswith("+")), "")
        if named not in people:
            raise ValueError(f"on a running server only demo people can be given, and this is none: {words}")
        language = people[named].get("language", "")
        if " speaks " in words and f" speaks {language}" not in words:
            raise ValueError(f"this demo person speaks {language}: {words}")

    def dial(self, phone: str, code: str) -> Shown:
        """Begin a call; an empty code is the service's own. Raises ValueError for a code of another service."""
        if phone in self.calls and self.calls[phone].open:
            self.hang_up(phone, told=True)
        self.calls[phone] = Call(phone, self.service_code, suffix_of(code or self.service_code, self.service_code))
        return self._turn(self.calls[phone])

    def send(self, phone: str, text: str) -> Shown:
        """Answer the screen of the running call. Raises ValueError where no call runs."""
        call = self.calls.get(phone)
        if call is None or not call.open:
            raise ValueError("no call is running: dial first")
        call.inputs.append(text)
        return self._turn(call)

    def hang_up(self, phone: str, told: bool) -> None:
        """End the call; `told`: the gateway's end-of-session notice is sent, where it has one."""
        call = self.calls.get(phone)
        if call is None or not call.open:
            return
        call.open = False
        notice = self._wire.end(call, self.secret) if told else None
        if notice:
            answer = self._post(notice)
            if answer.status >= 500:
                raise ValueError(f"the end-of-session notice was answered with status {answer.status}")

    def repeat(self, phone: str, turn: int = -1) -> Shown:
        """Send the callback of a turn again, the same bytes; 0 is the dial, -1 the last."""
        call = self.calls.get(phone)
        if call is None or not -1 <= turn < len(call.callbacks):
            raise ValueError("there is no such callback to repeat")
        answer, state = self._post(call.callbacks[turn]), call.state
        shown = self._wire.read(call, answer.status, answer.headers, answer.body, answer.ms)
        if turn not in (-1, len(call.callbacks) - 1):
            call.state = state  # the answer to an old callback is nothing to go on from
        return shown

    def sms(self, phone: str, text: str) -> None:
        """An SMS from the phone to the market."""
        callback = self._wire.sms(phone, text, self.secret) or WIRES["africastalking"].sms(phone, text, self.secret)
        answer = self._post(callback) if callback else None
        if answer is None or answer.status >= 400:
            raise ValueError(f"the SMS was answered with status {answer.status if answer else 'none'}")

    def inbox(self, phone: str, enough: Callable[[list[str]], bool]) -> list[str]:
        """Texts of the SMS that came to the phone, oldest first; on a running server those of before the dialogue too,
        and it is asked again while they are not enough, up to `patience_s`."""
        if self.on_inbox:
            return self.on_inbox(phone)
        until = time.monotonic() + self.patience_s
        while True:
            texts = [str(sms["text"]) for sms in reversed(self._development(f"/phone/inbox?phone={quote(phone)}"))]
            if enough(texts) or time.monotonic() >= until:
                return texts
            time.sleep(0.25)

    def wait(self, ms: int) -> None:
        """Let time pass. Raises ValueError for more than a minute on a running server."""
        if self.on_wait:
            self.on_wait(ms)
        elif ms <= LONGEST_WAIT_MS:
            time.sleep(ms / 1000)
        else:
            raise ValueError("a wait of more than a minute needs a clock of its own: play this file with pytest")

    def _turn(self, call: Call) -> Shown:
        callback = self._wire.turn(call, self.secret)
        call.callbacks.append(callback)
        answer = self._post(callback)
        try:
            shown = self._wire.read(call, answer.status, answer.headers, answer.body, answer.ms)
        except ValueError:
            call.open = False
            raise
        call.open, call.last = shown.more, shown
        return shown

    def _post(self, callback: Callback) -> Answer:
        return self._carry("POST", callback.path, callback.content_type, callback.body)

    def _development(self, path: str) -> list[dict[str, str]]:
        """A list from the phones' own endpoints, which only a development server has."""
        answer = self._carry("GET", path, "", b"")
        if answer.status != 200:
            raise ValueError("this server has no /phone: people and inboxes are shown in development only")
        found = json.loads(answer.body)
        return list(found[next(iter(found))])


def suffix_of(code: str, service_code: str) -> str:
    """What `code` dials after the service code: `1*2` of `*384*100*1*2#`. Raises ValueError for another service."""
    base = service_code[:-1]
    if code == service_code:
        return ""
    if code.startswith(base + "*") and code.endswith("#"):
        return code[len(base) + 1 : -1]
    raise ValueError(f"{code} is not {service_code} or a code under it")


def _since(begun: float) -> int:
    return round((time.perf_counter() - begun) * 1000)
