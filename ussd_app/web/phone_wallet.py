"""The wallets of the phones in the browser: what an emulated wallet asks its payer, and her answer to it.

Law of this module: it carries to an emulator on this machine and keeps nothing. A wallet's PIN goes through it as it came,
unread: it is not the market's to know. Production has no such door.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, jsonify, request

from ussd_app.lib import msisdn
from ussd_app.lib.addresses import is_loopback
from ussd_app.settings import Settings

LABELS = {"mtn_momo": "MTN MoMo", "airtel_money": "Airtel Money"}
WAIT_S = 2.0
MOST_BYTES = 2_000
AWAY = "The wallet does not answer. Is `flask emulate` running?"


def emulated(settings: Settings) -> dict[str, str]:
    """The wallets on this machine: their names and addresses."""
    named = {name: str(getattr(settings, f"{name}_base_url")) for name in LABELS if name in settings.providers}
    return {name: url for name, url in named.items() if is_loopback(url)}


def add_doors(blueprint: Blueprint, settings: Settings) -> None:
    """Give the phones GET and POST of /wallet. Raises ValueError in production."""
    if settings.production:
        raise ValueError("the wallets of the phones are for development only")
    addresses = emulated(settings)

    @blueprint.get("/wallet")
    def prompts() -> tuple[Response, int] | Response:
        """What waits for the yes of `?phone=`, oldest first."""
        number = msisdn.parse(request.args.get("phone", ""))
        if number is None:
            return jsonify(error="phone is a number such as +250788000001"), 400
        found = [prompt for name, url in addresses.items() for prompt in _prompts(name, url, number)]
        return jsonify(prompts=sorted(found, key=lambda prompt: prompt["at"]))

    @blueprint.post("/wallet/<name>")
    def answer(name: str) -> tuple[Response, int] | Response:
        """Her answer, as the wallet takes it: JSON with reference, pin and answer (yes or no)."""
        if name not in addresses:
            return jsonify(error="no such wallet"), 404
        if not request.is_json or (request.content_length or MOST_BYTES + 1) > MOST_BYTES:
            return jsonify(error="a small JSON object, please"), 400
        status, told = _call(f"{addresses[name]}/approve", request.get_data())
        return jsonify(told if isinstance(told, Mapping) else {"error": AWAY}), status


def _prompts(name: str, url: str, number: str) -> list[dict[str, Any]]:
    status, told = _call(f"{url}/prompts?msisdn={quote(number)}")
    if status != 200 or not isinstance(told, list):
        return []  # a wallet that is not running asks nothing
    return [prompt | {"wallet": name, "label": LABELS[name]} for prompt in told]


def _call(url: str, body: bytes | None = None) -> tuple[int, Any]:
    """The status and JSON of an emulator's answer; 502 and None where there is none."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json"} if body is not None else {})
    try:
        with opener.open(asked, timeout=WAIT_S) as answered:
            return int(answered.status), json.loads(answered.read())
    except urllib.error.HTTPError as refusal:
        with refusal:
            try:
                return refusal.code, json.loads(refusal.read())
            except ValueError:
                return refusal.code, None
    except (OSError, ValueError):
        return 502, None
