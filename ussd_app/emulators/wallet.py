"""What is behind an emulated wallet, whatever wire it speaks: wallets with balances, payments, prompts, a journal.

A collection waits for its payer: she approves or refuses at `/approve` with her wallet PIN, or it approves itself after
a while. Money moves once, when a payment is settled. Times are milliseconds, amounts minor units.
"""

from __future__ import annotations

import hmac
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ussd_app.emulators.faults import Faults
from ussd_app.emulators.later import Later

CALLBACKS = ("post", "put", "never", "twice", "late")
APPROVALS = ("auto", "ask")
PIN_TRIES = 3
OPEN = ("CREATED", "PENDING")


@dataclass(frozen=True)
class WalletOptions:
    """How an emulated wallet behaves; what a wire adds stands in its own Options.

    Args: `approval` auto approves a prompt after `approve_after_ms`, ask waits for a person, who has `window_ms`.
    `balance` is what a wallet holds that nobody named, `account` what our own does. `callback`: post, put, never,
    twice or late (by `late_ms`). `status_rate`: status calls a second before 429. `outage`: 503 to everything.
    `time_scale` multiplies approvals, windows and late callbacks.
    """

    host: str = "127.0.0.1"
    port: int = 0
    currency: str = "RWF"
    approval: str = "auto"
    approve_after_ms: int = 1_500
    window_ms: int = 300_000
    wallet_pin: str = field(default="1234", repr=False)
    balance: int = 2_000_000
    account: int = 50_000_000
    callback: str = "post"
    late_ms: int = 60_000
    latency_ms: int = 0
    hang_ms: int = 30_000
    status_rate: int = 10
    outage: bool = False
    time_scale: float = 1.0
    seed: int = 1

    def __post_init__(self) -> None:
        if self.callback not in CALLBACKS or self.approval not in APPROVALS:
            raise ValueError(f"callback is {', '.join(CALLBACKS)}; approval is {', '.join(APPROVALS)}")


@dataclass
class Payment:
    """One payment as the wallet keeps it. `party` (digits) pays a collection, is paid by the others."""

    reference: str
    kind: str
    amount: int
    currency: str
    party: str
    external_id: str = ""
    note: str = ""
    callback_url: str = ""
    original: str = ""
    status: str = "PENDING"
    reason: str = ""
    transaction_id: str = ""
    changed: dict[str, Any] = field(default_factory=dict[str, Any])
    tries: int = 0
    at: int = 0


class Wallet:
    """The state behind one emulated wallet. `tell(payment, method)` posts a callback, once."""

    def __init__(self, options: WalletOptions, tell: Callable[[Payment, str], int]) -> None:
        self.options = options
        self.url = ""
        self.faults = Faults()
        self.lock = threading.RLock()
        self.payments: dict[str, Payment] = {}
        self.tokens: dict[str, tuple[str, float]] = {}
        self.barred: set[str] = set()
        self.unknown: set[str] = set()
        self.names: dict[str, tuple[str, str]] = {}
        self.random = random.Random(options.seed)
        self.ours = options.account
        self._tell = tell
        self._later = Later()
        self._calls = Later()
        self._balances: dict[str, int] = {}
        self._journal: list[dict[str, Any]] = []
        self._noted = 0
        self._asked: deque[float] = deque()
        self._serial = self.random.randrange(10**8, 10**9)

    # the journal

    def note(self, kind: str, **what: Any) -> None:
        """Add an entry to the journal."""
        with self.lock:
            self._noted += 1
            self._journal.append({"n": self._noted, "at": time.time_ns() // 1_000_000, "kind": kind, **what})

    def journal(self, after: int = 0) -> list[dict[str, Any]]:
        """What happened, oldest first: entries with `n` greater than `after`."""
        with self.lock:
            return [entry for entry in self._journal if entry["n"] > after]

    def settled(self) -> dict[str, dict[str, Any]]:
        """What money has moved, by reference: how often, and how much in all. More than once would be a double."""
        sums: dict[str, dict[str, Any]] = {}
        for entry in self.journal():
            if entry["kind"] == "settled":
                told = {name: entry[name] for name in ("payment", "amount", "currency", "msisdn", "external_id")}
                one = sums.setdefault(entry["reference"], told | {"amount": 0, "count": 0})
                one["count"] += 1
                one["amount"] += entry["amount"]
        return sums

    # switches

    def switch(self, **changes: Any) -> None:
        """Change options while it runs. Raises ValueError or TypeError for what is no option."""
        with self.lock:
            self.options = replace(self.options, **changes)

    def expire_tokens(self) -> None:
        """No token given out so far is taken any more."""
        with self.lock:
            self.tokens.clear()

    def too_many(self) -> bool:
        """Whether this status call is one too many within a second."""
        now = time.monotonic()
        with self.lock:
            while self._asked and self._asked[0] <= now - 1:
                self._asked.popleft()
            if len(self._asked) >= self.options.status_rate:
                return True
            self._asked.append(now)
            return False

    def issue(self, product: str, seconds: float) -> str:
        """A fresh token of `product` that lasts `seconds`."""
        with self.lock:
            token = f"{product}.{self.random.randbytes(12).hex()}"
            self.tokens[token] = (product, time.monotonic() + seconds)
            return token

    def good_token(self, authorization: str, product: str) -> bool:
        """Whether a Bearer header holds a token of `product` that has not ended."""
        with self.lock:
            kept = self.tokens.get(authorization.removeprefix("Bearer "))
        return kept is not None and kept[0] == product and kept[1] > time.monotonic()

    # balances

    def balance_of(self, msisdn: str) -> int:
        """What a wallet holds; `msisdn` in digits."""
        with self.lock:
            return self._balances.get(msisdn, self.options.balance)

    def set_balance(self, msisdn: str, amount: int) -> None:
        """Say what a wallet holds."""
        with self.lock:
            self._balances[msisdn.removeprefix("+")] = amount

    # payments

    def take(self, payment: Payment, outcome: str = "") -> None:
        """Keep a payment and let it go its way. `outcome`: paid, stay, late, or the code it fails with."""
        with self.lock:
            payment.at = time.time_ns() // 1_000_000
            payment.changed = self.faults.settle(payment.party, payment.reference)
            self.payments[payment.reference] = payment
        chosen = payment.changed.pop("outcome", "") or outcome
        scale = self.options.time_scale
        asks = payment.kind == "collection" and self.options.approval == "ask"
        if chosen == "stay":
            return
        if chosen == "late":
            payment.status = "CREATED"
            self._later.after(self.options.late_ms * scale, partial(self.settle, payment.reference))
        elif chosen and chosen != "paid":
            self._later.after(self.options.approve_after_ms * scale, partial(self.fail, payment.reference, chosen))
        elif asks and chosen != "paid":
            self._later.after(self.options.window_ms * scale, partial(self.fail, payment.reference, "EXPIRED"))
        else:
            self._later.after(self.options.approve_after_ms * scale, partial(self.settle, payment.reference))

    def prompts(self, msisdn: str = "") -> list[dict[str, Any]]:
        """Collections that wait for their payer's yes until `until` (epoch ms), oldest first; of one number where
        `msisdn` is given."""
        digits = msisdn.strip().removeprefix("+")
        with self.lock:
            waiting = [one for one in self.payments.values() if one.kind == "collection" and one.status == "PENDING"]
        return [
            {
                "reference": one.reference,
                "msisdn": f"+{one.party}",
                "amount": one.amount,
                "currency": one.currency,
                "note": one.note,
                "external_id": one.external_id,
                "at": one.at,
                "until": round(one.at + self.options.window_ms * self.options.time_scale),
            }
            for one in waiting
            if digits in ("", one.party)
        ]

    def approve(self, reference: str, pin: str, yes: bool) -> tuple[int, dict[str, Any]]:
        """A payer answers a prompt: (HTTP status, what to show her). A third wrong PIN ends it."""
        with self.lock:
            payment = self.payments.get(reference)
            if payment is None or payment.kind != "collection" or payment.status != "PENDING":
                return 404, {"error": "no such prompt"}
            if yes and not hmac.compare_digest(pin.encode(), self.options.wallet_pin.encode()):
                payment.tries += 1
                if payment.tries < PIN_TRIES:
                    return 403, {"error": "wrong PIN", "left": PIN_TRIES - payment.tries}
                self.fail(reference, "PAYMENT_NOT_APPROVED")
                return 403, {"error": "wrong PIN", "left": 0}
            if yes:
                self.settle(reference)
            else:
                self.fail(reference, "APPROVAL_REJECTED")
            return 200, {"status": payment.status, "reason": payment.reason}

    def settle(self, reference: str) -> None:
        """Move the money, once; it fails where there is not enough of it."""
        with self.lock:
            payment = self.payments[reference]
            if payment.status not in OPEN:
                return
            payment.amount = payment.changed.get("amount", payment.amount)
            payment.currency = payment.changed.get("currency", payment.currency)
            payment.party = str(payment.changed.get("payer", payment.party)).removeprefix("+")
            payment.external_id = payment.changed.get("external", payment.external_id)
            incoming = payment.kind == "collection"
            if (self.balance_of(payment.party) if incoming else self.ours) < payment.amount:
                self.fail(reference, "NOT_ENOUGH_FUNDS")
                return
            moved = payment.amount if incoming else -payment.amount
            self._balances[payment.party] = self.balance_of(payment.party) - moved
            self.ours += moved
            self._serial += 1
            payment.transaction_id = str(
                payment.changed.get("transaction_id", "") or self.money_id(payment, self._serial)
            )
            payment.status = "SUCCESSFUL"
            self.note(
                "settled",
                reference=reference,
                payment=payment.kind,
                amount=payment.amount,
                currency=payment.currency,
                msisdn=f"+{payment.party}",
                external_id=payment.external_id,
                transaction_id=payment.transaction_id,
            )
        self._call_back(payment)

    def money_id(self, payment: Payment, serial: int) -> str:
        """The wallet's own id of what it has settled."""
        return str(serial)

    def fail(self, reference: str, reason: str) -> None:
        """End a payment with nothing moved."""
        with self.lock:
            payment = self.payments[reference]
            if payment.status not in OPEN:
                return
            payment.status, payment.reason = "FAILED", reason
            self.note("failed", reference=reference, reason=reason)
        self._call_back(payment)

    def _call_back(self, payment: Payment) -> None:
        told = self.faults.tell("callback", payment.party, payment.reference)
        how = told if told in CALLBACKS else self.options.callback
        if how == "never":
            return
        method = "PUT" if how == "put" else "POST"
        wait_ms = self.options.late_ms * self.options.time_scale if how == "late" else 0
        for _ in range(2 if how == "twice" else 1):
            self._calls.after(wait_ms, partial(self._call_once, payment, method))

    def _call_once(self, payment: Payment, method: str) -> None:
        status = self._tell(payment, method)
        if status >= 0:
            self.note("callback", reference=payment.reference, method=method, status=status)

    def close(self) -> None:
        """Settle nothing more, call nobody back."""
        self._later.close()
        self._calls.close()
