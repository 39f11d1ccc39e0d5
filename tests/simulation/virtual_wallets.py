"""The emulated wallets themselves, on virtual time: what becomes of each payment is drawn from the seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tests.simulation.world import DAY, MINUTE, SECOND, World
from ussd_app.emulators import airtel_money as airtel_wire
from ussd_app.emulators import mtn_momo as mtn_wire
from ussd_app.emulators.faults import Fault
from ussd_app.emulators.wallet import Payment, Wallet
from ussd_app.money.providers.airtel_money import their_id

FLOAT = 10_000_000_000  # our account at each wallet before anything

# What becomes of a payment, by weight: the rest is settled as it should be.
SETTLE_SHARE = 0.16
FAILURES = ("APPROVAL_REJECTED", "EXPIRED", "NOT_ENOUGH_FUNDS", "INTERNAL_PROCESSING_ERROR", "PAYER_LIMIT_REACHED")
SETTLES = {
    "fails": 24,
    "late": 4,
    "never settles": 1,
    "amount": 2,
    "currency": 1,
    "payer": 1,
    "external": 1,
    "same id": 1,
}
CALLBACKS = {"post": 50, "put": 8, "never": 20, "twice": 10, "late": 6, "before the answer": 6}


class VirtualLater:
    """In place of the emulators' thread: the simulation's events."""

    def __init__(self, world: World) -> None:
        self._world = world

    def after(self, ms: float, work: Callable[[], object]) -> None:
        self._world.after(ms, work)

    def close(self) -> None:
        """There is no thread."""


class VirtualWallet(Wallet):
    """What an emulator does otherwise within the simulation: its time, and what becomes of a payment."""

    world: World
    ended: dict[str, int]  # when a reference was settled or failed
    _sums: dict[str, dict[str, Any]]
    _sums_at: int
    how: dict[str, str]  # how a reference is to be told of

    def enter(self, world: World) -> None:
        self.world, self.ended, self.how = world, {}, {}
        self._sums, self._sums_at = {}, -1
        self._later = self._calls = VirtualLater(world)  # type: ignore[assignment]

    def note(self, kind: str, **what: Any) -> None:
        super().note(kind, **what)
        self._journal[-1]["at"] = self.world.now
        if kind in ("settled", "failed"):
            self.ended[what["reference"]] = self.world.now

    def settled_of(self, reference: str) -> dict[str, Any] | None:
        """What money moved under one reference (`settled` reads the whole journal)."""
        if self._sums_at != self._noted:
            self._sums, self._sums_at = self.settled(), self._noted
        return self._sums.get(reference)

    def too_many(self) -> bool:
        return False  # 429 is one of the network's faults

    def issue(self, product: str, seconds: float) -> str:
        token = f"{product}.{self.random.randbytes(12).hex()}"
        self.tokens[token] = (product, self.world.now / SECOND + seconds)
        return token

    def good_token(self, authorization: str, product: str) -> bool:
        kept = self.tokens.get(authorization.removeprefix("Bearer "))
        return kept is not None and kept[0] == product and kept[1] > self.world.now / SECOND

    def take(self, payment: Payment, outcome: str = "") -> None:
        world = self.world
        chance, ours = world.chance("settles"), ours_of(payment.reference)
        quick = chance.random() < 0.2
        self.options = replace(self.options, approve_after_ms=0 if quick else chance.randrange(SECOND, 4 * MINUTE))
        if world.strikes("settle", SETTLE_SHARE):
            what = pick(chance, SETTLES)
            world.met["settle"] -= 1
            world.meet(f"settle: {what}", ours)
            self._settles(payment, what)
        told = pick(chance, CALLBACKS) if world.faulty else "post"
        if told == "before the answer":
            self.options = replace(self.options, approve_after_ms=0)
            told = "post"
        if told != "post":
            world.meet(f"callback: {told}", ours)
            self.how[payment.reference] = told
        super().take(payment, outcome)

    def _call_back(self, payment: Payment) -> None:
        told = self.how.pop(payment.reference, "")
        if told:
            self.faults.add(Fault("callback", value=told, reference=payment.reference))
        super()._call_back(payment)

    def _settles(self, payment: Payment, what: str) -> None:
        chance = self.world.chance("settles")
        add = lambda do, value: self.faults.add(Fault(do, value=value, reference=payment.reference))  # noqa: E731
        match what:
            case "fails":
                add("outcome", chance.choice(FAILURES))
            case "late":
                self.options = replace(self.options, late_ms=chance.randrange(5 * MINUTE, DAY))
                add("outcome", "late")
            case "never settles":
                add("outcome", "stay")
            case "amount":
                add("amount", max(1, payment.amount + chance.choice((-1, 1, 500, -payment.amount // 2))))
            case "currency":
                add("currency", "EUR")
            case "payer":
                add("payer", "250788999999")
            case "external":
                add("external", "0" * 32)
            case "same id":
                used = [one.transaction_id for one in self.payments.values() if one.transaction_id]
                if used:
                    add("transaction_id", chance.choice(used[-50:]))

    def flip(self, reference: str) -> None:
        """The wallet said that it failed, and moves the money after all."""
        payment = self.payments[reference]
        if payment.status == "FAILED":
            payment.status, payment.reason = "PENDING", ""
            self.settle(reference)

    def end_all(self) -> None:
        """Everything that is still open comes to its end, but what is never to."""
        for payment in list(self.payments.values()):
            faults = self.world.befallen.get(ours_of(payment.reference), set())
            if payment.status in ("CREATED", "PENDING") and "settle: never settles" not in faults:
                self.settle(payment.reference)


class VirtualMtn(VirtualWallet, mtn_wire.MtnMomoEmulator):
    """MTN MoMo within the simulation."""


class VirtualAirtel(VirtualWallet, airtel_wire.AirtelMoneyEmulator):
    """Airtel Money within the simulation."""

    def money_id(self, payment: Payment, serial: int) -> str:
        return f"{'MP' if payment.kind == 'collection' else 'CI'}.L{serial}"


def pick(chance: Any, weights: Mapping[str, float]) -> str:
    """One of the names, by weight."""
    return str(chance.choices(list(weights), list(weights.values()))[0])


def ours_of(reference: str) -> str:
    """Our reference of what a wallet knows as `reference`."""
    if "-" in reference:
        return reference
    return "-".join((reference[:8], reference[8:12], reference[12:16], reference[16:20], reference[20:]))


def theirs(name: str, reference: str) -> str:
    """A reference as the wallet `name` knows it."""
    return their_id(reference) if name == "airtel_money" else reference
