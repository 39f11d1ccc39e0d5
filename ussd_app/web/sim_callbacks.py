"""The door for answers about SIMs that were promised for later.

Who knocks without a live secret, or from a network not allowed, gets the same 404 as any unknown address.
"""

from __future__ import annotations

import logging
from typing import Protocol

from flask import Blueprint, Response, abort, request

from ussd_app.gateways.base import HttpIn, Malformed, SimQuery
from ussd_app.lib.clock import Clock
from ussd_app.market import sim_swaps
from ussd_app.settings import Settings
from ussd_app.store import Store
from ussd_app.web.gate import Gate, http_of

log = logging.getLogger(__name__)


class Meter(Protocol):
    """What counts."""

    def callback(self, gateway: str, kind: str, outcome: str) -> None: ...


class Parts(Protocol):
    """What the door needs of the application."""

    @property
    def settings(self) -> Settings: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def store(self) -> Store: ...
    @property
    def sim_query(self) -> SimQuery | None: ...
    @property
    def metrics(self) -> Meter | None: ...


def sim_callbacks(parts: Parts) -> Blueprint:
    """The route. CSRF protection, if any, must leave this blueprint out."""
    routes = Blueprint("sim_callbacks", __name__)
    gate = Gate(parts.settings)

    @routes.post("/sims/<gateway>/<secret>")
    def sim_answer(gateway: str, secret: str) -> Response:
        query = parts.sim_query
        known = gate.knows(secret) and gate.admits(request)
        if query is None or gateway != query.name or not known:
            abort(404)
        return _take(parts, query, http_of(request))

    return routes


def _take(parts: Parts, query: SimQuery, http: HttpIn) -> Response:
    """200 when it is kept (or waited for by nobody), 503 so that it is sent again where keeping it failed."""
    try:
        said = query.read_answer(http)
    except Malformed as bad:
        log.warning("An answer of %s about a SIM cannot be read: %s", query.name, bad.reason)
        _count(parts, query, "malformed")
        return Response("not understood", 400, content_type="text/plain")
    now = parts.clock.now()
    told = {"reference": said.reference, "said": said.swap}
    try:
        waited = parts.store.write(lambda tx: sim_swaps.note_later(tx, clock=parts.clock, now=now, **told))
    except Exception as error:
        log.error("An answer of %s about a SIM could not be kept: %s", query.name, type(error).__name__)
        _count(parts, query, "failed")
        return Response("later", 503, content_type="text/plain")
    _count(parts, query, "taken" if waited else "unknown")
    return Response("OK", 200, content_type="text/plain")


def _count(parts: Parts, query: SimQuery, outcome: str) -> None:
    if parts.metrics:
        parts.metrics.callback(query.name, "sim", outcome)
