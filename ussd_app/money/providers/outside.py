"""Cash and transfers between the two parties themselves: nothing is sent, and nobody here can know that it was paid.

Such a payment waits until a person says what became of it; it is never `paid` by a wallet's word.
"""

from __future__ import annotations

from collections.abc import Mapping

from ussd_app.money.providers.base import CallbackHint, Holder, Instruction, Sent, Status, hash_of
from ussd_app.settings import Settings

OUTSIDE = "paid outside the wallets"


class Outside:
    """Takes every instruction and does nothing with it."""

    name = "outside"
    polls: tuple[int, ...] = ()
    window_ms = 0
    tells_amount = False
    status_rate = 0.0
    needs_callback_per_payment = False

    def send(self, instruction: Instruction) -> Sent:
        """Nothing leaves this machine; it waits for a person's word."""
        return Sent("accepted", OUTSIDE)

    def fetch(self, instruction: Instruction) -> Status:
        """Pending, always: only a person can know."""
        return Status("pending", reason=OUTSIDE)

    def balance(self) -> int | None:
        """None: there is no account."""
        return None

    def holder(self, msisdn: str) -> Holder:
        """Nobody is known here."""
        return Holder()

    def read_callback(self, body: bytes, headers: Mapping[str, str], token: str) -> CallbackHint:
        """Nobody calls back; what comes says nothing."""
        return CallbackHint(raw_hash=hash_of(body))

    def close(self) -> None:
        """There is nothing to close."""


def provider(settings: Settings) -> Outside:
    """The adapter; it needs no setting."""
    return Outside()
