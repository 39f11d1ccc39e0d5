"""Hubtel: USSD as JSON, the last input only; our turn number travels in `ClientState` and comes back.

Their SDKs write the keys in PascalCase or camelCase, so both are read. SMS is not carried.
"""

from __future__ import annotations

import json

from ussd_app.gateways.base import SCREEN_SEPTETS, HttpIn, HttpOut, Malformed, number, one_line, token, whole, word
from ussd_app.messages import SessionEnd, UssdReply, UssdRequest
from ussd_app.settings import Settings

STARTS = ("initiation", "query", "favorite")
ENDS = {"release": "incomplete", "timeout": "failed"}  # hung up; we were too slow


def gateway(settings: Settings) -> Hubtel:
    """The adapter for these settings."""
    return Hubtel(settings.service_code)


class Hubtel:
    """USSD through Hubtel. `service_code` (`*384*100#`) is ours: what is dialled after it is a direct dial."""

    name = "hubtel"
    limit_septets = SCREEN_SEPTETS

    def __init__(self, service_code: str) -> None:
        self._dialled = service_code.strip().removesuffix("#")

    def read(self, http: HttpIn) -> UssdRequest:
        """One turn. `ClientState` is the number of the turn it answers; a start is turn 0."""
        told = _keys(http)
        kind, typed = _kind(told), one_line(told.get("message"))
        first = kind in STARTS
        if not first and kind != "response":
            raise Malformed("Type is none that a turn has")
        return UssdRequest(
            gateway=self.name,
            session_id=token(told.get("sessionid"), "SessionId"),
            msisdn=number(told.get("mobile"), "Mobile", plus=False),
            text=self._direct(typed.strip()) if first else typed,
            cumulative=False,
            service_code=one_line(told.get("servicecode")).strip()[:40],
            network=word(told.get("operator"), 20).lower(),
            turn=0 if first else _turn(told.get("clientstate")),
            first=first,
            limit_septets=self.limit_septets,
        )

    def read_end(self, http: HttpIn) -> SessionEnd | None:
        """A Release or a Timeout, which come where turns come."""
        told = _keys(http)
        status = ENDS.get(_kind(told))
        if status is None:
            return None
        return SessionEnd(
            gateway=self.name,
            session_id=token(told.get("sessionid"), "SessionId"),
            msisdn=number(told.get("mobile"), "Mobile", plus=False),
            status=status,
            hops=whole(told.get("sequence")),
        )

    def write(self, reply: UssdReply) -> HttpOut:
        """The screen, with our turn number for them to bring back."""
        told = {
            "Type": "response" if reply.more else "release",
            "Message": reply.text,
            "ClientState": str(reply.turn),
            "Label": reply.screen,
            "DataType": "input" if reply.more else "display",
            "FieldType": "text",
        }
        return HttpOut(json.dumps(told, ensure_ascii=False), content_type="application/json")

    def _direct(self, dialled: str) -> str:
        """What was dialled after our own code: `*384*100*1*2#` is `1*2`; empty for any other code."""
        path = dialled.removesuffix("#")
        return path[len(self._dialled) + 1 :] if path.startswith(f"{self._dialled}*") else ""


def _keys(http: HttpIn) -> dict[str, object]:
    return {key.lower(): value for key, value in http.json.items()}


def _kind(told: dict[str, object]) -> str:
    return one_line(told.get("type")).strip().lower()


def _turn(state: object) -> int | None:
    """Our number as it comes back; None where nothing does."""
    if state is None or state == "":
        return None
    turn = whole(state)
    if turn is None:
        raise Malformed("ClientState is not the number we gave")
    return turn
