"""Asking one wallet over HTTP, with every failure as a value that says whether anything may have arrived there.

`requests` is imported at the first call: no web process needs it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from typing import Any

from ussd_app.lib.addresses import host_of, is_loopback

CONNECT_S = 3.0
READ_S = 10.0
LARGEST_BODY = 65_536
_CHUNK = 8_192
_BUSY_MS = 5_000
_LONGEST_WAIT_MS = 3_600_000


@dataclass(frozen=True)
class Answer:
    """What came back.

    Args: `fault` is "not_sent" where not one byte of the request left, "lost" where it left (or may have) and no whole
    answer came, "" for an answer; `reason` says so in a few words, without the address. `headers` have small letters.
    """

    status: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    fault: str = ""
    reason: str = ""

    @property
    def hash(self) -> str:
        """SHA-256 of the body as hex, the evidence that is kept; "" where no answer came."""
        return "" if self.fault else sha256(self.body).hexdigest()

    @property
    def data(self) -> dict[str, Any]:
        """The body as a JSON object; {} for anything else."""
        return json_object(self.body)

    @property
    def wait_ms(self) -> int:
        """How long a busy side (429) asks us to wait: its `Retry-After` in seconds, else five seconds; 0 otherwise."""
        if self.status != 429:
            return 0
        asked = self.headers.get("retry-after", "").strip()
        return min(int(asked) * 1000, _LONGEST_WAIT_MS) if asked.isdecimal() and len(asked) < 9 else _BUSY_MS


def json_object(body: bytes) -> dict[str, Any]:
    """`body` read as a JSON object, its fractions exact (Decimal); {} where it is anything else."""
    try:
        read = json.loads(body, parse_float=Decimal, parse_constant=str)
    except (ValueError, ArithmeticError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


class Http:
    """One session with one wallet's host: no redirects, no proxies or logins from the environment, no cookies kept.

    Args: `base_url` is where it answers, https except on this machine; nothing is ever asked of another host.
    `connect_s`, `read_s`: seconds to connect, and to have the whole answer.
    Raises ValueError for an address that cannot be used.
    """

    def __init__(self, base_url: str, *, connect_s: float = CONNECT_S, read_s: float = READ_S) -> None:
        if not base_url.startswith("https://") and not (base_url.startswith("http://") and is_loopback(base_url)):
            raise ValueError("a wallet is asked over https, except on this machine")
        self._base = base_url.rstrip("/")
        self._host = host_of(self._base)
        if not self._host:
            raise ValueError("the address of a wallet names no host")
        self._connect_s, self._read_s = connect_s, read_s

    @cached_property
    def _session(self) -> Any:
        from http.cookiejar import DefaultCookiePolicy

        import requests

        session = requests.Session()
        session.trust_env = False
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.headers.update({"User-Agent": "duhahirane", "Accept-Encoding": "identity"})
        return session

    def close(self) -> None:
        """Let the connections go."""
        if "_session" in self.__dict__:
            self._session.close()

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        """One request; `path` begins with a slash. Never raises for what the network or the other side does."""
        url = self._base + path
        if host_of(url) != self._host or not path.startswith("/"):
            return Answer(fault="not_sent", reason="another host")
        import requests

        end = time.monotonic() + self._connect_s + self._read_s
        try:
            with self._session.request(
                method,
                url,
                data=body,
                headers=dict(headers),
                timeout=(self._connect_s, self._read_s),
                allow_redirects=False,
                stream=True,
            ) as answer:
                told = {name.lower(): value for name, value in answer.headers.items()}
                return _whole(answer, answer.status_code, told, end)
        except requests.RequestException as error:
            return _fault(error)


def _whole(answer: Any, status: int, headers: Mapping[str, str], end: float) -> Answer:
    body = bytearray()
    for chunk in answer.iter_content(_CHUNK):
        body += chunk
        if len(body) > LARGEST_BODY:
            return Answer(fault="lost", reason="the answer is too long")
        if time.monotonic() > end:
            return Answer(fault="lost", reason="the answer came too slowly")
    return Answer(status, bytes(body), headers)


def _fault(error: Exception) -> Answer:
    """Whether what broke broke before anything was sent. In doubt it did not."""
    import ssl

    import requests
    from urllib3.exceptions import NewConnectionError

    if isinstance(error, requests.ConnectTimeout):
        return Answer(fault="not_sent", reason="no connection in time")
    cause = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(cause, NewConnectionError):
        return Answer(fault="not_sent", reason="no connection")
    if cause is not None and any(isinstance(one, ssl.SSLCertVerificationError) for one in cause.args):
        return Answer(fault="not_sent", reason="the certificate is not theirs")
    if isinstance(error, requests.Timeout):
        return Answer(fault="lost", reason="no answer in time")
    if isinstance(error, ValueError) and not isinstance(error, requests.JSONDecodeError):
        return Answer(fault="not_sent", reason="not a request that can be sent")  # InvalidURL, InvalidHeader
    return Answer(fault="lost", reason="the connection broke")
