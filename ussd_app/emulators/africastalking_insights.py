"""Africa's Talking for questions about SIMs: `POST /v1/sim-swap` as they take it, the answer by callback as they send it.

What becomes of a question is chosen by the end of the number, see FAULTS; any other SIM is old. The callback goes to
`<service>/sims/africastalking/<secret>`.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

NEVER = "01-01-1900"  # what they say of a SIM with no swap in the months they look back
FAULTS = {
    "990011": "swapped",  # today, told by callback
    "990012": "silent",  # queued, and no callback ever comes
    "990013": "slow",  # the answer comes after `hang_ms`
    "990014": "error",  # 500
    "990015": "junk",  # 200 with an HTML page
    "990016": "failed",  # the callback says Failed
    "990017": "no_date",  # NoSwapDate, at once
    "990018": "at_once",  # Swapped today, in the first answer
    "990019": "unsupported",  # UnsupportedPhoneNumber, at once
}
TIMEOUT_S = 5.0

# (url, JSON object) -> status of the answer. Raises OSError where nothing answers.
Post = Callable[[str, Mapping[str, object]], int]


class Insights:
    """Answers questions about SIMs. `later(ms, work)` runs the callbacks, `note` keeps the journal."""

    def __init__(self, options: Any, later: Callable[[float, Callable[[], object]], None], note: Any) -> None:
        self._options, self._later, self._note = options, later, note
        self._post: Post = post_json

    def ask(self, key: str, body: bytes) -> tuple[int, str | dict[str, Any]]:
        """One question: (HTTP status, answer)."""
        if self._options.api_key and key != self._options.api_key:
            return 401, "The supplied authentication is invalid"
        try:
            asked = json.loads(body)
            numbers = [str(number) for number in asked["phoneNumbers"]]
            named = bool(asked["username"])
        except (ValueError, KeyError, TypeError):
            named, numbers = False, []
        if not named or not numbers:
            return 400, "username and phoneNumbers are required"
        faults = {FAULTS.get(number[-6:], "") for number in numbers}
        self._note("sim", numbers=numbers, faults=sorted(faults - {""}))
        if "slow" in faults:
            time.sleep(self._options.hang_ms / 1000)
        if "error" in faults:
            return 500, "Internal Server Error"
        if "junk" in faults:
            return 200, "<html><body>Bad Gateway</body></html>"
        transaction = str(uuid4())
        return 200, {
            "transactionId": transaction,
            "status": "Processed",
            "totalCost": {"amount": len(numbers), "currencyCode": self._options.currency},
            "responses": [self._one(number, transaction) for number in numbers],
        }

    def _one(self, number: str, transaction: str) -> dict[str, Any]:
        fault, request = FAULTS.get(number[-6:], ""), f"ATSwpid_{uuid4().hex}"
        at_once: dict[str, dict[str, str]] = {
            "no_date": {"status": "NoSwapDate"},
            "at_once": {"status": "Swapped", "lastSimSwapDate": _today()},
            "unsupported": {"status": "UnsupportedPhoneNumber"},
        }
        said = at_once.get(fault, {"status": "Queued"})
        if fault not in at_once and fault != "silent":
            told = {"status": "Failed"} if fault == "failed" else {"status": "Swapped", "lastSimSwapDate": NEVER}
            if fault == "swapped":
                told["lastSimSwapDate"] = _today()
            told |= {"providerRefId": uuid4().hex, "requestId": request, "transactionId": transaction}
            self._later(self._options.report_after_ms * self._options.time_scale, lambda: self._call(told))
        phone = {"carrierName": "MTN", "countryCode": 250, "networkCode": "63510", "number": number}
        cost = {"amount": 1, "currencyCode": self._options.currency}
        return {"phoneNumber": phone | {"numberType": "Mobile"}, "requestId": request, "cost": cost, **said}

    def _call(self, told: Mapping[str, object]) -> None:
        url = f"{self._options.service.rstrip('/')}/sims/africastalking/{self._options.secret}"
        try:
            status = self._post(url, told)
        except OSError:
            status = 0
        self._note("sim_answer", told=dict(told), status=status)


def post_json(url: str, told: Mapping[str, object]) -> int:
    """Post a JSON object; the status of the answer. Raises OSError where nothing answers."""
    asked = urllib.request.Request(url, json.dumps(told).encode(), {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(asked, timeout=TIMEOUT_S) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code


def _today() -> str:
    return datetime.now(UTC).strftime("%d-%m-%Y")
