"""The other end of the gateways' wires: what a gateway sends us and how it reads our answer.

Law of this module: it knows gateways as their customers do, from the outside, and shares no code with
`ussd_app/gateways`, so that the phone in the terminal and the transcripts prove those adapters instead of agreeing
with them. A wire is three functions over plain values; `ussd_app/handset.py` carries them.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlencode

from ussd_app.transcript import Shown

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
NETWORKS = {"mtn": "63510", "airtel": "63514", "ktrn": "63517"}
_PREFIXES = {"+25078": "mtn", "+25079": "mtn", "+25072": "airtel", "+25073": "airtel"}
SHORT_CODE = "2150"
_HOP = "at-ussd-hop-metadata"


class WireFault(ValueError):
    """The answer is none a gateway can show: a person would see the network's own error instead."""


@dataclass(frozen=True)
class Callback:
    """One request of a gateway: path below the server's address, content type, body."""

    path: str
    content_type: str
    body: bytes


@dataclass
class Call:
    """One call of one phone. `suffix` is what was dialled after the service code (a direct dial), `inputs` what was
    typed since; `callbacks` all requests of the call in order; `state` is what the wire wants echoed."""

    phone: str
    service_code: str
    suffix: str = ""
    network: str = ""
    session_id: str = field(default_factory=lambda: f"ATUid_{secrets.token_hex(16)}")
    inputs: list[str] = field(default_factory=list)
    callbacks: list[Callback] = field(default_factory=list)
    state: Any = None
    open: bool = True
    last: Shown | None = None

    @property
    def network_name(self) -> str:
        return self.network or _PREFIXES.get(self.phone[:6], "ktrn")

    @property
    def path_typed(self) -> str:
        """All that was typed, as Africa's Talking accumulates it."""
        return "*".join(([self.suffix] if self.suffix else []) + self.inputs)

    @property
    def dialled(self) -> str:
        """The code as it was dialled."""
        return f"{self.service_code[:-1]}*{self.suffix}#" if self.suffix else self.service_code


class Wire(Protocol):
    """The customer's end of one gateway."""

    name: str

    def turn(self, call: Call, secret: str) -> Callback:
        """The request for the call's newest input, or for its dial where nothing was typed yet."""

    def read(self, call: Call, status: int, headers: Mapping[str, str], body: bytes, ms: int) -> Shown:
        """What the phone shows; keeps in `call.state` what is echoed. Raises WireFault."""

    def end(self, call: Call, secret: str) -> Callback | None:
        """The notice that the call ended while an input was awaited, where this gateway sends one."""

    def sms(self, phone: str, text: str, secret: str) -> Callback | None:
        """An SMS from the phone to the market, where this gateway carries SMS."""


def septets_of(text: str) -> int:
    """Septets of a screen with its `CON ` or `END `. Raises WireFault for a character outside the alphabet."""
    from ussd_app.lib.gsm7 import septets

    try:
        return 4 + septets(text)
    except ValueError as fault:
        raise WireFault(str(fault)) from None


class AfricasTalking:
    """Forms with the whole path typed so far, answered by plain text that begins with CON or END."""

    name = "africastalking"

    def turn(self, call: Call, secret: str) -> Callback:
        return _form(f"/ussd/{self.name}/{secret}", **self._who(call), text=call.path_typed)

    def read(self, call: Call, status: int, headers: Mapping[str, str], body: bytes, ms: int) -> Shown:
        text = _accepted(status, body)
        if text[:4] not in ("CON ", "END "):
            raise WireFault(f"the answer begins neither with CON nor with END: {text[:40]!r}")
        return Shown(text[4:], text.startswith("CON"), headers.get(_HOP, ""), septets_of(text[4:]), ms, body)

    def end(self, call: Call, secret: str) -> Callback | None:
        last = call.last
        return _form(
            f"/ussd/{self.name}/{secret}/events",
            date=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
            **self._who(call),
            status="Incomplete",
            cost="0",
            durationInMillis=str(sum((last.ms if last else 0, 1_000 * len(call.callbacks)))),
            hopsCount=str(len(call.callbacks)),
            hopsMetadata="",
            input=call.path_typed,
            lastAppResponse=last.raw.decode("utf-8", "replace") if last else "",
        )

    def sms(self, phone: str, text: str, secret: str) -> Callback | None:
        return _form(
            f"/sms/{self.name}/{secret}/incoming",
            date=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
            **{"from": phone},
            id=secrets.token_hex(16),
            linkId="",
            text=text,
            to=SHORT_CODE,
            networkCode=NETWORKS[_PREFIXES.get(phone[:6], "ktrn")],
        )

    def _who(self, call: Call) -> dict[str, str]:
        return {
            "sessionId": call.session_id,
            "serviceCode": call.service_code,
            "phoneNumber": call.phone,
            "networkCode": NETWORKS.get(call.network_name, call.network_name),
        }


class Hubtel:
    """JSON with the newest input only; the first is the dialled code."""

    name = "hubtel"

    def turn(self, call: Call, secret: str) -> Callback:
        return self._say(call, secret, "Response" if call.inputs else "Initiation")

    def read(self, call: Call, status: int, headers: Mapping[str, str], body: bytes, ms: int) -> Shown:
        reply = {key.lower(): value for key, value in _object(_accepted(status, body)).items()}
        kind, text = str(reply.get("type", "")).lower(), reply.get("message")
        if kind not in ("response", "release") or not isinstance(text, str):
            raise WireFault("the answer has no Type of Response or Release with a Message")
        call.state = reply.get("clientstate")
        return Shown(text, kind == "response", str(reply.get("label") or ""), septets_of(text), ms, body)

    def end(self, call: Call, secret: str) -> Callback | None:
        return self._say(call, secret, "Release", newest="")

    def sms(self, phone: str, text: str, secret: str) -> Callback | None:
        return None

    def _say(self, call: Call, secret: str, kind: str, newest: str | None = None) -> Callback:
        message = newest if newest is not None else call.inputs[-1] if call.inputs else call.dialled
        return _json(
            f"/ussd/{self.name}/{secret}",
            SessionId=call.session_id,
            ServiceCode=call.service_code,
            Type=kind,
            Message=message,
            Operator=call.network_name,
            Platform="USSD",
            Mobile=call.phone.removeprefix("+"),
            ClientState=call.state,
            Sequence=len(call.inputs) + 1,
        )


class Simulator:
    """The plain JSON of our own simulator: the newest input only, and the turn number brought back."""

    name = "simulator"

    def turn(self, call: Call, secret: str) -> Callback:
        return _json(
            f"/ussd/{self.name}/{secret}",
            session_id=call.session_id,
            phone=call.phone,
            network=call.network_name,
            text=call.inputs[-1] if call.inputs else call.suffix,
            turn=call.state if call.inputs else 0,
        )

    def read(self, call: Call, status: int, headers: Mapping[str, str], body: bytes, ms: int) -> Shown:
        reply = _object(_accepted(status, body))
        text, more = reply.get("text"), reply.get("more")
        if not isinstance(text, str) or not isinstance(more, bool):
            raise WireFault("the answer has no text or does not say whether more follows")
        call.state = reply.get("turn")
        return Shown(text, more, str(reply.get("screen") or ""), septets_of(text), ms, body)

    def end(self, call: Call, secret: str) -> Callback | None:
        return _json(
            f"/ussd/{self.name}/{secret}/events",
            session_id=call.session_id,
            phone=call.phone,
            status="incomplete",
            hops=len(call.callbacks),
        )

    def sms(self, phone: str, text: str, secret: str) -> Callback | None:
        return _json(
            f"/sms/{self.name}/{secret}/incoming",
            **{"from": phone},
            id=secrets.token_hex(16),
            to=SHORT_CODE,
            text=text,
        )


WIRES: dict[str, Wire] = {wire.name: wire for wire in (AfricasTalking(), Hubtel(), Simulator())}


def _form(path: str, **fields: str) -> Callback:
    return Callback(path, FORM, urlencode(fields).encode())


def _json(path: str, **fields: object) -> Callback:
    kept = {key: value for key, value in fields.items() if value is not None}
    return Callback(path, JSON, json.dumps(kept).encode())


def _accepted(status: int, body: bytes) -> str:
    if status != 200:
        raise WireFault(f"the answer has status {status}, a gateway ends the call on it")
    return body.decode("utf-8")


def _object(text: str) -> dict[str, Any]:
    try:
        reply = json.loads(text)
    except ValueError:
        raise WireFault(f"the answer is not JSON: {text[:40]!r}") from None
    if not isinstance(reply, dict):
        raise WireFault("the answer is not a JSON object")
    return reply
