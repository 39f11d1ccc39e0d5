"""The door of the wallets: what they call back with is taken, kept as evidence and never believed.

Every answer is 2xx or 4xx. Where even keeping it fails, it is still taken: the wallets call once, and the statuses that
we ask for ourselves settle every payment without them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Protocol

from flask import Blueprint, Response, abort, request

from ussd_app.lib.clock import Clock
from ussd_app.money.callbacks import callback
from ussd_app.money.providers.base import Provider
from ussd_app.settings import Settings
from ussd_app.store import Store
from ussd_app.web.gate import Gate, http_of

log = logging.getLogger(__name__)


class Money(Protocol):
    """The wallets by name."""

    @property
    def providers(self) -> Mapping[str, Provider]: ...


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
    def money(self) -> Money: ...
    @property
    def metrics(self) -> Meter | None: ...


def payment_callbacks(parts: Parts) -> Blueprint:
    """The route. CSRF protection, if any, must leave this blueprint out."""
    routes = Blueprint("payment_callbacks", __name__)
    gate = Gate(parts.settings)

    @routes.route("/payments/<provider>/<token>", methods=["POST", "PUT"])
    def payment_callback(provider: str, token: str) -> Response:
        wallet = parts.money.providers.get(provider)
        if wallet is None:
            abort(404)
        if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            abort(415)  # nothing here is worth unpacking
        # Where a wallet calls one address for all, its token is a live secret, and the body alone names the payment.
        verdict = _take(parts, wallet, http_of(request).body, token, gate.knows(token))
        if parts.metrics:
            parts.metrics.callback(provider, "payment", verdict)
        return Response("", 202, content_type="text/plain")

    return routes


def _take(parts: Parts, wallet: Provider, body: bytes, token: str, shared: bool) -> str:
    try:
        hint = wallet.read_callback(body, dict(request.headers), token)
        now = parts.clock.now()
        return parts.store.write(
            lambda tx: callback(tx, now=now, provider=wallet.name, hint=hint, token=token, shared=shared)
        )
    except Exception as error:  # its words may quote what came; polling settles the payment all the same
        log.error("A payment callback of %s was not kept: %s", wallet.name, type(error).__name__)
        return "failed"
