"""The doors of the gateways: USSD turns, end-of-session notices, SMS to us, delivery reports and opt-outs.

Who knocks without a live secret, or from a network not allowed, gets the same 404 as any unknown address, and nothing
is written or logged. Every answer is one the gateway understands: a USSD turn never gets a 5xx.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, TypeVar

from flask import Blueprint, Flask, Response, abort, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Request

from ussd_app.gateways.base import HttpOut, Malformed, SmsGateway, UssdGateway
from ussd_app.lib.clock import Clock
from ussd_app.lib.ids import new_id
from ussd_app.messages import DeliveryReport, SessionEnd, SmsIn, UssdReply, UssdRequest
from ussd_app.settings import Settings
from ussd_app.store import Store, Tx, outbox
from ussd_app.web.gate import Gate, http_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SORRY = UssdReply("Ntibikunze. Ongera uhamagare.\nSorry, please dial again.", more=False, screen="sorry")

log = logging.getLogger(__name__)
Door = TypeVar("Door", UssdGateway, SmsGateway)


class Conversation(Protocol):
    """What answers people."""

    def ussd(self, request: UssdRequest, /) -> UssdReply: ...

    def sms(self, tx: Tx, sms: SmsIn, /) -> object: ...


class Meter(Protocol):
    """What counts."""

    def ussd_turn(self, gateway: str, outcome: str, ms: float) -> None: ...

    def callback(self, gateway: str, kind: str, outcome: str) -> None: ...


class Parts(Protocol):
    """What the doors need of the application. `opt_out(tx, msisdn, wanted)` notes who wants no more SMS, or again."""

    @property
    def settings(self) -> Settings: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def store(self) -> Store: ...

    @property
    def gateways(self) -> Mapping[str, UssdGateway | SmsGateway]: ...

    @property
    def conversation(self) -> Conversation: ...

    @property
    def opt_out(self) -> Callable[[Tx, str, bool], object]: ...

    @property
    def metrics(self) -> Meter | None: ...


def register(app: Flask, parts: Parts) -> None:
    """Open the doors of every gateway named in the settings. CSRF protection, if any, must leave this blueprint out."""
    doors = _Doors(parts)
    app.wsgi_app = _Turns(app.wsgi_app, doors)  # type: ignore[method-assign]
    app.register_blueprint(_routes(doors))


def _routes(doors: _Doors) -> Blueprint:
    routes = Blueprint("callbacks", __name__)

    @routes.post("/ussd/<gateway>/<secret>")
    def ussd_turn(gateway: str, secret: str) -> Response:
        abort(404)  # who comes as far as this was not let in

    @routes.post("/ussd/<gateway>/<secret>/events")
    def ussd_event(gateway: str, secret: str) -> Response:
        return doors.event(doors.enter(doors.ussd, gateway, secret))

    @routes.post("/sms/<gateway>/<secret>/incoming")
    def sms_incoming(gateway: str, secret: str) -> Response:
        return doors.incoming(doors.enter(doors.sms, gateway, secret))

    @routes.post("/sms/<gateway>/<secret>/delivery")
    def sms_delivery(gateway: str, secret: str) -> Response:
        return doors.delivery(doors.enter(doors.sms, gateway, secret))

    @routes.post("/sms/<gateway>/<secret>/optout")
    def sms_optout(gateway: str, secret: str) -> Response:
        return doors.optout(doors.enter(doors.sms, gateway, secret))

    return routes


class _Turns:
    """Answers USSD turns ahead of Flask's routes, sessions and forms, which would cost more than everything else a turn
    does outside the conversation. Whatever is not a turn at an open door goes on to Flask.
    """

    def __init__(self, app: WSGIApplication, doors: _Doors) -> None:
        self._app = app
        self._doors = doors

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"].split("/")
        if len(path) == 4 and path[1] == "ussd" and environ["REQUEST_METHOD"] == "POST":
            asked = Request(environ)
            door = self._doors.find(self._doors.ussd, path[2], path[3], asked)
            if door is not None:
                return self._doors.turn(door, asked)(environ, start_response)
        return self._app(environ, start_response)


class _Doors:
    def __init__(self, parts: Parts) -> None:
        settings = parts.settings
        self._parts = parts
        self._gate = Gate(settings)
        self.ussd: dict[str, UssdGateway] = {
            name: door
            for name, door in parts.gateways.items()
            if isinstance(door, UssdGateway) and name in settings.gateways
        }
        self.sms: dict[str, SmsGateway] = {
            name: door for name, door in parts.gateways.items() if isinstance(door, SmsGateway)
        }

    def enter(self, doors: Mapping[str, Door], gateway: str, secret: str) -> Door:
        """The adapter behind this address, or 404."""
        return self.find(doors, gateway, secret, request) or abort(404)

    def find(self, doors: Mapping[str, Door], gateway: str, secret: str, asked: Request) -> Door | None:
        """The adapter behind this address for who asks."""
        return doors.get(gateway) if self._gate.knows(secret) and self._gate.admits(asked) else None

    def turn(self, door: UssdGateway, asked: Request) -> Response:
        """One USSD turn: always 200, always in the gateway's own words."""
        began = perf_counter()
        outcome = "answered"
        try:
            http = http_of(asked)
            end = door.read_end(http)
            if end is None:
                reply = self._parts.conversation.ussd(door.read(http))
            else:
                return self._ended(door, end)
        except (Malformed, RequestEntityTooLarge) as bad:
            log.warning("A USSD turn of %s cannot be read: %s", door.name, _why(bad))
            outcome, reply = "malformed", SORRY
        except Exception as error:  # the last net: the phone must see a last screen
            log.error("A USSD turn of %s failed: %s", door.name, _told(error))
            outcome, reply = "failed", SORRY
        if self._parts.metrics:
            self._parts.metrics.ussd_turn(door.name, outcome, (perf_counter() - began) * 1000)
        return _response(door.write(reply))

    def event(self, door: UssdGateway) -> Response:
        """The end-of-session notice at its own address."""
        try:
            end = door.read_end(http_of(request))
        except Malformed as bad:
            return self._unread(door.name, "event", bad)
        return self._ended(door, end) if end else self._unread(door.name, "event", Malformed("it is a turn"))

    def _ended(self, door: UssdGateway, end: SessionEnd) -> Response:
        """Keep how a session ended. Nothing rests on these notices: one that cannot be kept is logged and forgotten."""

        def note(tx: Tx) -> object:
            return tx.session_end_note(
                gateway=end.gateway,
                session_id=end.session_id,
                status=end.status,
                hops=end.hops,
                duration_ms=end.duration_ms,
                cost_minor=end.cost_minor,
                cost_currency=end.cost_currency,
                ended_at=self._parts.clock.now(),
            )

        self._write(door.name, "event", note)
        return _taken()

    def incoming(self, door: SmsGateway) -> Response:
        """An SMS to us: acted on once, in the transaction that remembers its id. What can never be read is answered 200
        too, because they send again for hours."""
        try:
            sms = door.read_incoming(http_of(request))
        except Malformed as bad:
            self._unread(door.name, "incoming", bad)
            return _taken()

        def act(tx: Tx) -> object:
            if tx.inbox_take(gateway=sms.gateway, external_id=sms.external_id, received_at=self._parts.clock.now()):
                self._parts.conversation.sms(tx, sms)
            return None

        return self._answer(door.name, "incoming", act)

    def delivery(self, door: SmsGateway) -> Response:
        """A word on an SMS handed over before."""
        try:
            report = door.read_delivery(http_of(request))
        except Malformed as bad:
            return self._unread(door.name, "delivery", bad)
        return self._answer(door.name, "delivery", lambda tx: self._reported(tx, report))

    def _reported(self, tx: Tx, report: DeliveryReport) -> None:
        outbox.delivery(
            tx,
            gateway=report.gateway,
            external_id=report.external_id,
            state=report.state,
            word=report.word,
            now=self._parts.clock.now(),
            reason=report.reason,
        )
        if report.reason == "opted_out" and report.msisdn:
            self._parts.opt_out(tx, report.msisdn, False)

    def optout(self, door: SmsGateway) -> Response:
        """Somebody wants no more SMS, or wants them again."""
        try:
            wish = door.read_optout(http_of(request))
        except Malformed as bad:
            return self._unread(door.name, "optout", bad)
        return self._answer(door.name, "optout", lambda tx: self._parts.opt_out(tx, wish.msisdn, wish.wanted))

    def _answer(self, gateway: str, kind: str, work: Callable[[Tx], object]) -> Response:
        """200 when `work` is committed, else 503 so that the gateway sends it again."""
        return _taken() if self._write(gateway, kind, work) else Response("later", 503, content_type="text/plain")

    def _write(self, gateway: str, kind: str, work: Callable[[Tx], object]) -> bool:
        try:
            self._parts.store.write(work)
        except Exception as error:
            log.error("The %s callback of %s failed: %s", kind, gateway, _told(error))
            self._count(gateway, kind, "failed")
            return False
        self._count(gateway, kind, "taken")
        return True

    def _unread(self, gateway: str, kind: str, bad: Malformed) -> Response:
        log.warning("The %s callback of %s cannot be read: %s", kind, gateway, bad.reason)
        self._count(gateway, kind, "malformed")
        return Response("not understood", 400, content_type="text/plain")

    def _count(self, gateway: str, kind: str, outcome: str) -> None:
        if self._parts.metrics:
            self._parts.metrics.callback(gateway, kind, outcome)


def _response(out: HttpOut) -> Response:
    return Response(out.body, out.status, dict(out.headers), content_type=out.content_type)


def _taken() -> Response:
    return Response("OK", 200, content_type="text/plain")


def _why(bad: Malformed | RequestEntityTooLarge) -> str:
    return bad.reason if isinstance(bad, Malformed) else "the body is too large"


def _told(error: Exception) -> str:
    """A failure for the log: its kind and place under a reference. Not its words: those of a database quote values."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    name = place.filename.rsplit("/", 1)[-1]
    return f"{type(error).__name__} in {place.name} ({name}:{place.lineno}), ref {new_id()}"
