"""Is it alive, is it ready, what has it counted."""

from __future__ import annotations

import hmac
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request


def health(parts: Any) -> Blueprint:
    """`/healthz` asks nothing of the database; `/readyz` does and gives its reasons; `/metrics` for Prometheus."""
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="alive")

    @routes.get("/readyz")
    def readyz() -> tuple[Response, int]:
        reasons = not_ready(parts)
        return jsonify(status="not ready" if reasons else "ready", reasons=reasons), 503 if reasons else 200

    @routes.get("/metrics")
    def metrics() -> Response:
        token = parts.settings.metrics_token
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and not hmac.compare_digest(token.encode(), given.encode()):
            abort(404)
        return Response(parts.metrics.text(), mimetype="text/plain")

    return routes


def not_ready(parts: Any) -> list[str]:
    """Why this process should get no traffic, in plain words; empty when it should."""
    from ussd_app.store import pending

    try:
        waiting = pending(parts.store)
        if waiting:
            return [f"{len(waiting)} migrations wait: run `flask migrate`"]
        parts.store.turn(lambda tx: tx.health_touch(now=parts.clock.now()))
    except parts.store.refusals as error:
        return [f"the database refuses: {type(error).__name__}"]
    except parts.store.failures as error:
        return [f"the database does not answer: {type(error).__name__}"]
    return []
