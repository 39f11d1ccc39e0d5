"""Faults an emulated wallet acts out when told to, each for a number, a reference or a kind of call, and so many times.

`do`, and what `value` means:

  of a call (`on` token, send, fetch, holder or balance):
    refuse   answer with status `value` (and `body`), nothing done
    drop     break the connection off, nothing done
    slow     answer `value` milliseconds later
    after    do it, then answer with status `value` (and `body`)
    reset    do it, then break the connection off
    hang     do it, then answer `value` milliseconds later, or after hang_ms
    junk     do it, then answer 200 with an HTML page
    half     do it, then break the answer off in its middle
    missing  (fetch) say that there is no such payment
  of what becomes of a payment (`on` settle):
    outcome  `value` is paid, stay (for ever pending), late (in `late_ms`), or a code it fails with
    amount, currency, payer, external, transaction_id   settle it with this instead
  of how it is told (`on` tell):
    word     `value` stands in place of the status
    callback `value` is post, put, never, twice or late
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

CALLS = ("refuse", "drop", "slow", "after", "reset", "hang", "junk", "half", "missing")
SETTLES = ("outcome", "amount", "currency", "payer", "external", "transaction_id")
TELLS = ("word", "callback")
ON = ("any", "token", "send", "fetch", "holder", "balance")


@dataclass
class Fault:
    """One fault. `on` is a kind of call, or `any`; `msisdn` (digits) and `reference` narrow it, empty = all; `times` is
    how often it is acted out, 0 = always."""

    do: str
    on: str = "send"
    value: Any = None
    body: str = ""
    msisdn: str = ""
    reference: str = ""
    times: int = 1

    def __post_init__(self) -> None:
        if self.do not in CALLS + SETTLES + TELLS or self.on not in ON:
            raise ValueError(f"no such fault: {self.do!r} on {self.on!r}")
        self.times = self.times or -1  # counted down, it never comes to an end
        self.msisdn = self.msisdn.removeprefix("+")


class Faults:
    """The faults that wait to be acted out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def call(self, on: str, msisdn: str = "", reference: str = "") -> list[Fault]:
        """What to act out at this call; each counts as acted out."""
        return self._take(CALLS, on, msisdn, reference)

    def settle(self, msisdn: str, reference: str) -> dict[str, Any]:
        """What becomes of this payment, by `do`."""
        return {fault.do: fault.value for fault in self._take(SETTLES, "", msisdn, reference)}

    def tell(self, do: str, msisdn: str, reference: str) -> Any:
        """How this payment is told: the value of a fault `do`, None where there is none."""
        found = self._take((do,), "", msisdn, reference)
        return found[0].value if found else None

    def _take(self, kinds: tuple[str, ...], on: str, msisdn: str, reference: str) -> list[Fault]:
        with self._lock:
            found = [
                fault
                for fault in self._waiting
                if fault.do in kinds
                and (not on or fault.on in (on, "any"))
                and fault.msisdn in ("", msisdn)
                and fault.reference in ("", reference)
            ]
            for fault in found:
                fault.times -= 1
            self._waiting = [fault for fault in self._waiting if fault.times != 0]
        return found
