"""An emulated wallet as a server on this machine: the addresses every one of them has, and its faults acted out.

Ours, for people and tests: `GET /journal` (`?after=N`: entries, and what was settled by reference), `POST /control`
(JSON: `set` options, one `fault` or several `faults`, `clear`, `balance` by number, `name` by number, `expire_tokens`),
`GET /prompts?msisdn=`, `POST /approve` (JSON: reference, pin, answer yes or no), `GET /statement` (CSV).
"""

from __future__ import annotations

import csv
import io
import json
import socket
import struct
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from ussd_app.emulators.faults import Fault
from ussd_app.emulators.wallet import Wallet
from ussd_app.lib.addresses import is_loopback
from ussd_app.lib.money import decimals

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HTML = "<html><head><title>502</title></head><body><h1>Service unavailable</h1></body></html>"
NO_CALLBACK = -1  # there was no address to call
_WAIT_S = 10.0


def json_answer(data: object, status: int = 200) -> Response:
    return Response(json.dumps(data), status, content_type="application/json")


def make_app(wallet: Wallet, wire: Callable[[Request], Response]) -> WSGIApplication:
    """The emulated wallet as a WSGI application: its own addresses first, then those of its `wire`."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        asked = Request(environ)
        answer = _ours(wallet, asked) or _theirs(wallet, asked, wire)
        return answer(environ, start_response)

    return app


def _theirs(wallet: Wallet, asked: Request, wire: Callable[[Request], Response]) -> Response:
    time.sleep(wallet.options.latency_ms / 1000)
    if wallet.options.outage:
        wallet.note("outage", path=asked.path)
        return Response(HTML, 503, content_type="text/html")
    return wire(asked)


def acted_out(
    wallet: Wallet,
    asked: Request,
    on: str,
    work: Callable[[], Response],
    *,
    msisdn: str = "",
    reference: str = "",
    missing: Callable[[], Response] | None = None,
) -> Response:
    """The answer of `work`, with the faults that wait for such a call: some in place of it, some after it is done.

    `missing` answers that there is no such payment.
    """
    faults = {fault.do: fault for fault in wallet.faults.call(on, msisdn, reference)}
    if "slow" in faults:
        time.sleep(int(faults["slow"].value) / 1000)
    for before in ("drop", "refuse"):
        if before in faults:
            wallet.note(on, reference=reference, msisdn=msisdn, fault=before)
            return _instead(asked, faults[before])
    answer = missing() if missing and "missing" in faults else work()
    wallet.note(on, reference=reference, msisdn=msisdn, http=answer.status_code, fault=",".join(faults))
    for after in ("hang", "reset", "half", "junk", "after"):
        if after in faults:
            return _after(wallet, asked, answer, faults[after])
    return answer


def _instead(asked: Request, fault: Fault) -> Response:
    if fault.do == "drop":
        _reset(asked.environ)
    return _status(fault)


def _after(wallet: Wallet, asked: Request, answer: Response, fault: Fault) -> Response:
    match fault.do:
        case "hang":
            time.sleep((wallet.options.hang_ms if fault.value is None else int(fault.value)) / 1000)
            return answer
        case "reset":
            _reset(asked.environ)
        case "half":
            _half(asked.environ)
        case "junk":
            return Response(HTML, 200, content_type="text/html")
    return _status(fault)


def _status(fault: Fault) -> Response:
    body = fault.body or (HTML if int(fault.value) >= 500 else "")
    kind = "application/json" if fault.body.startswith("{") else "text/html"
    headers = {"Retry-After": "2"} if int(fault.value) == 429 else {}
    return Response(body, int(fault.value), headers, content_type=kind)


def _reset(environ: WSGIEnvironment) -> None:
    """Break the connection off with nothing answered. Raises ConnectionResetError, which the server understands."""
    peer: socket.socket = environ["werkzeug.socket"]
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.shutdown(socket.SHUT_RDWR)  # else the server would wait for the next request on it
    raise ConnectionResetError("reset, as asked")


def _half(environ: WSGIEnvironment) -> None:
    """Begin an answer and break off. Raises ConnectionResetError."""
    peer: socket.socket = environ["werkzeug.socket"]
    begun = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 400\r\n\r\n{"status":"SUCC'
    peer.sendall(begun)
    peer.shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError("broken off, as asked")


def _ours(wallet: Wallet, asked: Request) -> Response | None:
    match asked.method, asked.path:
        case "GET", "/journal":
            after = asked.args.get("after", 0, type=int)
            return json_answer({"entries": wallet.journal(after), "settled": wallet.settled()})
        case "POST", "/control":
            return _control(wallet, body_of(asked) or {})
        case "GET", "/prompts":
            return json_answer(wallet.prompts(asked.args.get("msisdn", "")))
        case "POST", "/approve":
            told = body_of(asked) or {}
            said, yes = str(told.get("reference", "")), told.get("answer") == "yes"
            status, data = wallet.approve(said, str(told.get("pin", "")), yes)
            wallet.note("approve", reference=said, answer="yes" if yes else "no", http=status)
            return json_answer(data, status)
        case "GET", "/statement":
            return Response(statement(wallet), content_type="text/csv")
    return None


def _control(wallet: Wallet, told: Mapping[str, Any]) -> Response:
    try:
        control(wallet, told)
    except (TypeError, ValueError, AttributeError) as error:
        return json_answer({"error": str(error)}, 400)
    return Response(status=204)


def control(wallet: Wallet, told: Mapping[str, Any]) -> None:
    """Do what a control message says. Raises ValueError, TypeError or AttributeError for one that makes no sense."""
    if told.get("clear"):
        wallet.faults.clear()
    if "set" in told:
        wallet.switch(**told["set"])
    for fault in [*told.get("faults", []), *([told["fault"]] if "fault" in told else [])]:
        wallet.faults.add(Fault(**fault))
    for msisdn, amount in told.get("balance", {}).items():
        wallet.set_balance(msisdn, int(amount))
    for msisdn, name in told.get("name", {}).items():
        given, _, family = str(name).partition(" ")
        wallet.names[msisdn.removeprefix("+")] = (given, family)
    wallet.barred |= {one.removeprefix("+") for one in told.get("barred", [])}
    wallet.unknown |= {one.removeprefix("+") for one in told.get("unknown", [])}
    if told.get("expire_tokens"):
        wallet.expire_tokens()
    wallet.note("control", keys=sorted(told))


def body_of(asked: Request) -> dict[str, Any] | None:
    """The body as a JSON object; None where it is none."""
    try:
        read = json.loads(asked.get_data())
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def statement(wallet: Wallet) -> str:
    """What was settled as a statement file: reference, wallet id, number, amount (12.50 EUR), currency, status, time."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["reference", "wallet_id", "number", "amount", "currency", "status", "time"])
    for entry in wallet.journal():
        if entry["kind"] == "settled":
            moment = datetime.fromtimestamp(entry["at"] / 1000, UTC).isoformat(timespec="milliseconds")
            who = (entry[name] for name in ("reference", "transaction_id", "msisdn"))
            amount = Decimal(entry["amount"]).scaleb(-decimals(entry["currency"]))  # as people write it
            rows.writerow([*who, amount, entry["currency"], "SUCCESSFUL", moment])
    return text.getvalue()


def call_back(url: str, method: str, body: bytes) -> int:
    """Call the service back, on this machine only: the status of its answer, 0 where there was none."""
    if not url:
        return NO_CALLBACK
    if not is_loopback(url):
        return 0
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
    try:
        with opener.open(asked, timeout=_WAIT_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code
    except OSError:
        return 0


@contextmanager
def running(wallet: Wallet, app: WSGIApplication) -> Iterator[str]:
    """Serve `app` on the wallet's port (0: any free one) in a thread; gives its address, also as `wallet.url`."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """The journal tells."""

    server = make_server(wallet.options.host, wallet.options.port, app, threaded=True, request_handler=Quiet)
    wallet.url = f"http://{wallet.options.host}:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="wallet-emulator", daemon=True)
    thread.start()
    try:
        yield wallet.url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        wallet.close()
