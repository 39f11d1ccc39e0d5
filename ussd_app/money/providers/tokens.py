"""Access tokens: one a product, kept until shortly before they end, asked for by one thread at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ussd_app.money.http import Answer

_EARLY_S = 600.0
_SHORTEST_S = 60.0


@dataclass(frozen=True)
class Token:
    """An access token and when to have the next, in seconds of the monotonic clock."""

    value: str
    good_until: float


class Tokens:
    """Keeps the tokens of one wallet.

    Args: `request` asks for a token of a product. `clock` gives seconds that never go back.
    """

    def __init__(self, request: Callable[[str], Answer], clock: Callable[[], float] = time.monotonic) -> None:
        self._request, self._clock = request, clock
        self._locks: dict[str, threading.Lock] = {}
        self._kept: dict[str, Token] = {}

    def get(self, product: str, unless: str = "") -> Token | Answer:
        """A token of `product`, other than `unless` (one that was refused); or the answer that says why there is none.

        A failure on the way to a token is `not_sent`: nothing of the payment itself has left.
        """
        with self._locks.setdefault(product, threading.Lock()):
            kept = self._kept.get(product)
            if kept and kept.good_until > self._clock() and kept.value != unless:
                return kept
            answer = self._request(product)
            token = _read(answer, self._clock())
            if isinstance(token, Token):
                self._kept[product] = token
            else:
                self._kept.pop(product, None)
            return token

    def authorised(self, product: str, ask: Callable[[str], Answer]) -> Answer:
        """What `ask` answers with a token; asked once more with a fresh one where the first is refused.

        A refusal (401, or 403) is given before anything is done with the request, so asking again repeats nothing.
        """
        token = self.get(product)
        if isinstance(token, Answer):
            return token
        answer = ask(token.value)
        if answer.status not in (401, 403):
            return answer
        fresh = self.get(product, unless=token.value)
        return fresh if isinstance(fresh, Answer) else ask(fresh.value)


def _read(answer: Answer, now: float) -> Token | Answer:
    if answer.fault or answer.status == 429:
        return answer if answer.status else Answer(fault="not_sent", reason=f"no token: {answer.reason}")
    data = answer.data
    value, lasts = data.get("access_token"), data.get("expires_in")
    if answer.status == 200 and isinstance(value, str) and value.isascii() and value.isprintable() and value:
        seconds = _seconds(lasts)
        return Token(value, now + seconds - min(_EARLY_S, seconds / 6))
    if answer.status in (400, 401, 403) or data.get("error"):
        return Answer(401, answer.body, answer.headers)
    return Answer(fault="not_sent", reason=f"no token: status {answer.status}")


def _seconds(lasts: object) -> float:
    """How long a token lasts: told as a number, or as text; a minute where it is not told."""
    text = str(lasts).strip()
    return float(text) if text.isascii() and text.isdigit() and 0 < len(text) < 8 else _SHORTEST_S
