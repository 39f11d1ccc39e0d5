"""Africa's Talking for SMS, on this machine: takes messages as they do, and calls the service back as they do.

`POST /version1/messaging` and `POST /v1/sim-swap` (`africastalking_insights`) are theirs. Ours, for people and tests: `GET /journal` (everything that happened, oldest
first; `?after=N`), `DELETE /journal`, `POST /incoming` (form `from`, `text`, `to`: somebody sends an SMS to us) and
`POST /optout` (form `phoneNumber`, `senderId`).

What becomes of a message can be chosen by its number: one that ends in 99 and four digits NNNN. 99 0401 to 99 0502 give
that statusCode; see FAULTS for the others. The phone for USSD is in `africastalking_phone`.
"""

from __future__ import annotations

import json
import random
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from werkzeug.wrappers import Request, Response

from ussd_app.emulators.africastalking_insights import Insights
from ussd_app.emulators.africastalking_phone import Screen, Transport, UssdClient, http_transport
from ussd_app.emulators.later import Later
from ussd_app.lib.gsm7 import sms_parts

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["Emulator", "Options", "Screen", "Transport", "UssdClient", "http_transport", "make_app", "running", "serve"]

STATUSES = {
    100: "Processed",
    101: "Success",
    102: "Queued",
    401: "RiskHold",
    402: "InvalidSenderId",
    403: "InvalidPhoneNumber",
    404: "UnsupportedNumberType",
    405: "InsufficientBalance",
    406: "UserInBlacklist",
    407: "CouldNotRoute",
    409: "DoNotDisturbRejection",
    500: "InternalServerError",
    501: "GatewayError",
    502: "RejectedByGateway",
}
FAULTS = {
    "990001": "hang",  # taken, but the answer comes after `hang_ms`
    "990002": "reset",  # taken, but the connection is reset before the answer
    "990003": "sender",  # the whole request is refused with InvalidSenderId
    "990004": "silent",  # taken, and no delivery report ever comes
    "990005": "undelivered",  # taken, and the report says Failed
}
REPORTS = ("ordered", "shuffled", "duplicated", "never")
RESEND_MS = 60_000
RESEND_FOR_MS = 12 * 3_600_000
_NUMBER = re.compile(r"\+\d{7,15}")


@dataclass(frozen=True)
class Options:
    """How the emulator behaves.

    Args: `service` and `secret` say where the callbacks go. `api_key`: any other is refused (empty: any is taken).
    `statuses`: statusCode by number. `senders`: registered sender ids (empty: any). `reports`: delivery reports come
    ordered, shuffled, duplicated (and shuffled) or never, the last one `report_after_ms` after the message.
    `charset`: the content type of answers names one. `latency_ms` before each answer; `hang_ms` for numbers that hang;
    `reset_every`: each Nth request is taken and its connection reset. `time_scale` multiplies the waits of minutes.
    """

    host: str = "127.0.0.1"
    port: int = 8100
    service: str = "http://127.0.0.1:8000"
    secret: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    statuses: Mapping[str, int] = field(default_factory=dict[str, int])
    senders: tuple[str, ...] = ()
    reports: str = "ordered"
    report_after_ms: int = 3_000
    charset: bool = False
    latency_ms: int = 0
    hang_ms: int = 30_000
    reset_every: int = 0
    time_scale: float = 1.0
    currency: str = "RWF"
    price: float = 10.0
    seed: int = 1

    def __post_init__(self) -> None:
        if self.reports not in REPORTS:
            raise ValueError(f"reports are {', '.join(REPORTS)}, not {self.reports!r}")


class Emulator:
    """The state behind the addresses. `post` sends the callbacks: (url, form) -> (status, headers, body)."""

    def __init__(self, options: Options, post: Transport | None = None) -> None:
        self.options = options
        self.url = ""
        self._post = post or http_transport()
        self._later = Later()
        self._lock = threading.Lock()
        self._journal: list[dict[str, Any]] = []
        self._requests = 0
        self._noted = 0
        self._opted_out: set[str] = set()
        self._random = random.Random(options.seed)
        self.insights = Insights(options, self._later.after, self.note)

    def journal(self, after: int = 0) -> list[dict[str, Any]]:
        """What happened, oldest first: entries with `n` greater than `after`."""
        with self._lock:
            return [entry for entry in self._journal if entry["n"] > after]

    def forget(self) -> None:
        """Empty the journal; `n` goes on."""
        with self._lock:
            self._journal.clear()

    def close(self) -> None:
        """Send nothing more."""
        self._later.close()

    def note(self, kind: str, **what: Any) -> None:
        """Add an entry to the journal."""
        with self._lock:
            self._noted += 1
            self._journal.append({"n": self._noted, "at": round(time.time() * 1000), "kind": kind, **what})

    def incoming(self, msisdn: str, text: str, to: str = "21512", network_code: str = "63510") -> str:
        """Somebody sends an SMS to the service: posted now, and each minute until 200, for 12 hours. Returns its id."""
        form = {
            "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "from": msisdn,
            "id": str(uuid4()),
            "linkId": "",
            "text": text,
            "to": to,
            "networkCode": network_code,
        }
        self._deliver_incoming(form, left_ms=RESEND_FOR_MS)
        return form["id"]

    def _deliver_incoming(self, form: dict[str, str], left_ms: int) -> None:
        def attempt() -> None:
            if self._call("incoming", form) != 200 and left_ms >= RESEND_MS:
                again = partial(self._deliver_incoming, form, left_ms - RESEND_MS)
                self._later.after(RESEND_MS * self.options.time_scale, again)

        self._later.after(0, attempt)

    def opt_out(self, msisdn: str, sender_id: str) -> None:
        """Somebody wants no more SMS: later ones get 406, and the service is told."""
        with self._lock:
            self._opted_out.add(msisdn)
        self._later.after(0, partial(self._call, "optout", {"senderId": sender_id, "phoneNumber": msisdn}))

    def _call(self, kind: str, form: Mapping[str, str]) -> int:
        """Post a callback; the status of the answer, 0 where there was none."""
        url = f"{self.options.service.rstrip('/')}/sms/africastalking/{self.options.secret}/{kind}"
        try:
            status = self._post(url, form)[0]
        except OSError:
            status = 0
        self.note(kind, form=dict(form), status=status)
        return status

    def message(self, key: str, form: Mapping[str, str]) -> tuple[int, str | dict[str, Any], str]:
        """One `POST /version1/messaging`: (HTTP status, body, fault to act out)."""
        if self.options.api_key and key != self.options.api_key:
            self.note("sms", http=401)
            return 401, "The supplied authentication is invalid", ""
        numbers = [number for number in form.get("to", "").split(",") if number]
        if not form.get("username") or not numbers or not form.get("message"):
            self.note("sms", http=400)
            return 400, "username, to and message are required", ""
        faults = {FAULTS[number[-6:]] for number in numbers if number[-6:] in FAULTS}
        sender = form.get("from", "")
        if "sender" in faults or (sender and self.options.senders and sender not in self.options.senders):
            self.note("sms", http=201, form=dict(form), recipients=[])
            return 201, {"SMSMessageData": {"Message": "InvalidSenderId", "Recipients": []}}, ""
        parts = sms_parts(form["message"])
        recipients = [self._recipient(number, parts) for number in numbers]
        self.note("sms", http=201, form=dict(form), recipients=recipients)
        taken = [one for one in recipients if one["statusCode"] in (100, 101, 102)]
        for one in taken:
            self._report(one["messageId"], one["number"])
        total = sum(float(one["cost"].split()[-1]) for one in taken)
        said = f"Sent to {len(taken)}/{len(numbers)} Total Cost: {self.options.currency} {total:.4f}"
        with self._lock:
            self._requests += 1
            nth = self._requests
        if self.options.reset_every and nth % self.options.reset_every == 0:
            faults.add("reset")
        fault = "reset" if "reset" in faults else "hang" if "hang" in faults else ""
        return 201, {"SMSMessageData": {"Message": said, "Recipients": recipients}}, fault

    def _recipient(self, number: str, parts: int) -> dict[str, Any]:
        code = self._code(number)
        taken = code in (100, 101, 102)
        return {
            "statusCode": code,
            "number": number,
            "status": STATUSES.get(code, "Unknown"),
            "cost": f"{self.options.currency} {self.options.price * parts:.4f}" if taken else "0",
            "messageId": f"ATXid_{uuid4().hex}" if taken else "None",
            "messageParts": parts if taken else 0,
        }

    def _code(self, number: str) -> int:
        if number in self.options.statuses:
            return self.options.statuses[number]
        with self._lock:
            if number in self._opted_out:
                return 406
        if not _NUMBER.fullmatch(number):
            return 403
        chosen = int(number[-4:]) if number[-6:-4] == "99" else 0
        return chosen if chosen in STATUSES else 101

    def _report(self, external_id: str, number: str) -> None:
        """The delivery reports of one message: Sent, Buffered and the last word, as the options say."""
        fault = FAULTS.get(number[-6:], "")
        if self.options.reports == "never" or fault == "silent":
            return
        failed = {"status": "Failed", "failureReason": "DeliveryFailure"}
        last = failed if fault == "undelivered" else {"status": "Success"}
        told = [{"status": "Sent"}, {"status": "Buffered"}, last]
        if self.options.reports != "ordered":
            told = told * 2 if self.options.reports == "duplicated" else told
            self._random.shuffle(told)
        step = self.options.report_after_ms * self.options.time_scale / len(told)
        common = {"id": external_id, "phoneNumber": number, "networkCode": "63510", "retryCount": "0"}
        for place, words in enumerate(told, 1):
            self._later.after(step * place, partial(self._call, "delivery", common | words))


def make_app(options: Options, emulator: Emulator | None = None) -> WSGIApplication:
    """The emulator as a WSGI application."""
    state = emulator or Emulator(options)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        return _answer(state, Request(environ))(environ, start_response)

    return app


def _answer(state: Emulator, asked: Request) -> Response:
    match asked.method, asked.path:
        case "POST", "/version1/messaging":
            return _messaging(state, asked)
        case "POST", "/v1/sim-swap":
            return _written(*state.insights.ask(asked.headers.get("apiKey", ""), asked.get_data()), state.options)
        case "GET", "/journal":
            told = json.dumps(state.journal(asked.args.get("after", 0, type=int)))
            return Response(told, content_type="application/json")
        case "DELETE", "/journal":
            state.forget()
            return Response(status=204)
        case "POST", "/incoming":
            said = state.incoming(asked.form["from"], asked.form["text"], asked.form.get("to", "21512"))
            return Response(json.dumps({"id": said}), 202, content_type="application/json")
        case "POST", "/optout":
            state.opt_out(asked.form["phoneNumber"], asked.form.get("senderId", ""))
            return Response(status=202)
    return Response("there is no such address", 404, content_type="text/plain")


def _messaging(state: Emulator, asked: Request) -> Response:
    status, body, fault = state.message(asked.headers.get("apiKey", ""), asked.form.to_dict())
    if fault == "reset":
        _reset(asked.environ)
    time.sleep((state.options.latency_ms + (state.options.hang_ms if fault == "hang" else 0)) / 1000)
    return _written(status, body, state.options)


def _written(status: int, body: str | dict[str, Any], options: Options) -> Response:
    if isinstance(body, str):
        return Response(body, status, content_type="text/plain")
    charset = "; charset=utf-8" if options.charset else ""
    return Response(json.dumps(body), status, content_type=f"application/json{charset}")


def _reset(environ: WSGIEnvironment) -> None:
    """Break the connection off with nothing answered. Raises ConnectionResetError, which the server understands."""
    peer: socket.socket = environ["werkzeug.socket"]
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.shutdown(socket.SHUT_RDWR)  # else the server would wait for the next request on it
    raise ConnectionResetError("reset, as asked")


@contextmanager
def running(options: Options) -> Iterator[Emulator]:
    """The emulator on its port (0: any free one) in a thread, for tests. `url` is its address."""
    from werkzeug.serving import make_server

    emulator = Emulator(options)
    server = make_server(options.host, options.port, make_app(options, emulator), threaded=True)
    emulator.url = f"http://{options.host}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="africastalking-emulator", daemon=True)
    thread.start()
    try:
        yield emulator
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        emulator.close()


def serve(options: Options) -> None:
    """Run the emulator until it is interrupted."""
    with running(options) as emulator:
        print(f"Africa's Talking, emulated: {emulator.url}  (journal: {emulator.url}/journal)", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return
