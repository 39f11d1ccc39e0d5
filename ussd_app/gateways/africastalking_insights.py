"""Asking Africa's Talking whether a SIM was swapped, through their own package.

Their first answer is seldom the answer: it says Queued, and the date of the last swap comes by callback with the same
requestId. `Swapped` alone says nothing yet: the date beside it may be 01-01-1900, which stands for none in the months they
look back. Words that nobody has explained to us (NoSwapDate, Failed, ...) are no answer.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from ussd_app.gateways.base import HttpIn, SimAnswer, Swap, one_line, token, word
from ussd_app.lib.clock import Clock

RECENT_MS = 30 * 24 * 3_600_000  # a swap before that is no longer the beginning of a theft; 1900 is long before
_DATES = ("%d-%m-%Y", "%Y-%m-%d")


class Insights:
    """Asks from one account. `base_url` replaces their address (an emulator, a proxy); empty = theirs. `timeout_s`:
    seconds to connect, and to wait for the answer."""

    name = "africastalking"

    def __init__(
        self,
        username: str,
        api_key: str,
        base_url: str = "",
        timeout_s: tuple[float, float] = (3.05, 9.05),
        *,
        clock: Clock,
    ) -> None:
        self._username, self._api_key = username, api_key
        self._base_url = base_url.rstrip("/").removesuffix("/version1")
        self._timeout_s = timeout_s
        self._clock = clock

    @cached_property
    def _service(self) -> Any:
        from africastalking.Insights import InsightService

        service = InsightService(self._username, self._api_key)
        if self._base_url:
            service._baseUrl = f"{self._base_url}/v1"
        return service

    def ask(self, msisdn: str) -> SimAnswer:
        """See SimQuery. Whatever the network does that is no clear word is `unknown`."""
        import requests
        from africastalking.Service import AfricasTalkingException

        try:
            answer = self._service.check_sim_swap_state([msisdn], timeout=self._timeout_s)
        except AfricasTalkingException as refusal:  # its text may quote the number
            return SimAnswer("unknown", reason=f"refused: {word(str(refusal))}")
        except requests.RequestException as error:
            return SimAnswer("unknown", reason=type(error).__name__)
        except ValueError:  # their own check of the number, before anything is sent; or JSON that is none
            return SimAnswer("unknown", reason="no phone number or no JSON")
        told = _first(answer)
        if told is None:
            return SimAnswer("unknown", reason="the answer cannot be read")
        if one_line(told.get("status")).strip().lower() == "queued":
            reference = one_line(told.get("requestId")).strip()[:128]
            return SimAnswer("queued" if reference else "unknown", reference, "Queued")
        return self._read(told)

    def read_answer(self, http: HttpIn) -> SimAnswer:
        """The callback: requestId, status, lastSimSwapDate. Raises Malformed."""
        told = http.json
        reference = token(told.get("requestId"), "requestId")
        said = self._read(told)
        return SimAnswer(said.swap, reference, said.reason)

    def _read(self, told: dict[str, object]) -> SimAnswer:
        status = word(told.get("status"))
        return SimAnswer(self._swap(status.lower().replace(" ", ""), told.get("lastSimSwapDate")), reason=status)

    def _swap(self, status: str, date: object) -> Swap:
        if status == "notswapped":
            return "kept"
        if status != "swapped":
            return "unknown"
        at = _date(date)
        if at is None:
            return "swapped"
        return "kept" if self._clock.now() - at.timestamp() * 1000 > RECENT_MS else "swapped"


def _first(answer: object) -> dict[str, object] | None:
    """What is said of our one number; text where the content type names a charset."""
    if isinstance(answer, str):
        try:
            answer = json.loads(answer)
        except ValueError:
            return None
    found = answer.get("responses") if isinstance(answer, dict) else None
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], dict):
        return None
    return dict(found[0])


def _date(value: object) -> datetime | None:
    text = one_line(value).strip()[:10]
    for form in _DATES:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
