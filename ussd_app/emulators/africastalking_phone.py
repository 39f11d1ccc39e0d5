"""A phone behind Africa's Talking: dials, types and hangs up, while the gateway sends what it would send.

The gateway's faults can be asked for: a turn sent twice or late, no end notice, a first text that is not empty.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

CUT_MS = 10_000
CARRIER_ERROR = "Connection problem or invalid MMI code."
LOOPBACK = ("127.0.0.1", "localhost", "::1")

# (url, form) -> (status, headers, body). Raises OSError (TimeoutError is one) where nothing answers.
Transport = Callable[[str, Mapping[str, str]], tuple[int, Mapping[str, str], bytes]]


@dataclass(frozen=True)
class Screen:
    """What the phone shows after a turn. `fault` says why the gateway ended the session, if it did; `hop` is the label
    the service gave the step."""

    text: str
    more: bool
    status: int
    body: bytes
    elapsed_ms: int
    fault: str = ""
    hop: str = ""


class UssdClient:
    """One phone. `url` is the address of the turns; the end notice goes to `events_url` (`<url>/events`).

    `drop_end`: no end notice is sent, as in their sandbox. `twice`: every turn is sent a second time right after, and
    `repeats` keeps the pairs of bodies. `cut_ms`: how long the gateway waits for an answer. The label of a step goes
    into the end notice; it is not sent with the next turn. `event` is the last end notice, `event_status` its answer.
    """

    def __init__(
        self,
        transport: Transport,
        url: str,
        msisdn: str,
        service_code: str = "*384*100#",
        network_code: str = "63510",
        events_url: str = "",
        drop_end: bool = False,
        twice: bool = False,
        cut_ms: int = CUT_MS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.transport, self.url, self.msisdn = transport, url, msisdn
        self.service_code, self.network_code = service_code, network_code
        self.events_url = events_url or f"{url}/events"
        self.drop_end, self.twice, self.cut_ms, self._clock = drop_end, twice, cut_ms, clock
        self.repeats: list[tuple[bytes, bytes]] = []
        self.session_id = ""
        self.texts: list[str] = []
        self.screens: list[Screen] = []
        self.open = False
        self.event: dict[str, str] = {}
        self.event_status = 0
        self._began = 0.0

    def dial(self, code: str = "") -> Screen:
        """Start a session. What `code` holds after the service code is sent as a first text that is not empty, as
        gateways that fill in shortcuts do; a code that is not the service's is taken as that text itself."""
        if self.open:
            self.hang_up()
        self.session_id = f"ATUid_{uuid4().hex}"
        self.texts, self.screens, self.open, self._began = [], [], True, self._clock()
        path, base = code.strip().removesuffix("#"), self.service_code.removesuffix("#")
        ours = f"{path}*".startswith(f"{base}*")
        return self._turn(path.removeprefix(base).removeprefix("*") if ours else path)

    def send(self, typed: str) -> Screen:
        """Type something: the text grows by `*` and the input, except that the first input of all has no `*` before it.

        Raises RuntimeError when no session is open.
        """
        if not self.open:
            raise RuntimeError("no session is open: dial first")
        before = self.texts[-1]
        return self._turn(f"{before}*{typed}" if before else typed)

    def again(self) -> Screen:
        """The gateway sends the last turn once more; the phone has moved on and shows nothing new."""
        return self.late(0)

    def late(self, turns_back: int) -> Screen:
        """An older turn arrives after newer ones. `turns_back` 0 is the last one sent. The session goes on."""
        return self._post(self.texts[-1 - turns_back])

    def hang_up(self) -> None:
        """The person ends the call. No turn is sent for it; the end notice says Incomplete."""
        if self.open:
            self._end("Incomplete")

    def _turn(self, text: str) -> Screen:
        self.texts.append(text)
        screen = self._post(text)
        if self.twice and not screen.fault:
            self.repeats.append((screen.body, self._post(text).body))
        self.screens.append(screen)
        if screen.fault:
            self._end("Failed", screen.fault)
        elif not screen.more:
            self._end("Success")
        return screen

    def _post(self, text: str) -> Screen:
        form = {
            "sessionId": self.session_id,
            "serviceCode": self.service_code,
            "phoneNumber": self.msisdn,
            "networkCode": self.network_code,
            "text": text,
        }
        began = self._clock()
        try:
            status, headers, body = self.transport(self.url, form)
        except OSError as error:
            took = round((self._clock() - began) * 1000)
            return Screen(CARRIER_ERROR, False, 0, b"", took, f"no answer: {type(error).__name__}")
        took = round((self._clock() - began) * 1000)
        hop = next((value for name, value in headers.items() if name.lower() == "at-ussd-hop-metadata"), "")
        fault = self._fault(status, body, took)
        if fault:
            return Screen(CARRIER_ERROR, False, status, body, took, fault, hop)
        return Screen(body[4:].decode("utf-8", "replace"), body.startswith(b"CON "), status, body, took, hop=hop)

    def _fault(self, status: int, body: bytes, took_ms: int) -> str:
        """Why the gateway ends the session over this answer, empty where it does not."""
        if took_ms > self.cut_ms:
            return f"no answer within {self.cut_ms} ms"
        if status != 200:
            return f"HTTP {status}"
        if not body.startswith((b"CON ", b"END ")):
            return "the answer does not begin with CON or END"
        return ""

    def _end(self, status: str, error: str = "") -> None:
        self.open = False
        if self.drop_end:
            return
        form = {
            "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "sessionId": self.session_id,
            "serviceCode": self.service_code,
            "networkCode": self.network_code,
            "phoneNumber": self.msisdn,
            "status": status,
            "cost": "RWF 5.0000",
            "durationInMillis": str(round((self._clock() - self._began) * 1000)),
            "hopsCount": str(len(self.screens)),
            "hopsMetadata": "|".join(screen.hop for screen in self.screens if screen.hop),
            "input": self.texts[-1] if self.texts else "",
            "lastAppResponse": self.screens[-1].body.decode("utf-8", "replace") if self.screens else "",
        }
        if error:
            form["errorMessage"] = error
        self.event = form
        self.event_status = self._tell(form)

    def _tell(self, form: Mapping[str, str]) -> int:
        """Post the end notice once; the status of the answer, 0 where there was none. Nobody sends it again."""
        try:
            return self.transport(self.events_url, form)[0]
        except OSError:
            return 0


def http_transport(timeout_s: float = CUT_MS / 1000) -> Transport:
    """Real HTTP on this machine. Raises ValueError for an address that is not loopback."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def post(url: str, form: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        if urllib.parse.urlsplit(url).hostname not in LOOPBACK:
            raise ValueError("an emulator talks to this machine only")
        asked = urllib.request.Request(url, urllib.parse.urlencode(form).encode(), method="POST")
        try:
            with opener.open(asked, timeout=timeout_s) as answer:
                return answer.status, dict(answer.headers.items()), answer.read()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, dict(refusal.headers.items()), refusal.read()
        except http.client.HTTPException as broken:
            raise ConnectionError(type(broken).__name__) from broken

    return post


def client_transport(client: Any) -> Transport:
    """Through a Flask test client, with no socket."""

    def post(url: str, form: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        answer = client.post(url, data=dict(form))
        return answer.status_code, dict(answer.headers.items()), answer.data

    return post
