"""The words of weighing, paying and disputes that screens, messages and pages share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ussd_app.i18n import Amount, Bare, Msg, Quantity, Text, _

WALLETS = {"mtn_momo": "MTN MoMo", "airtel_money": "Airtel Money"}

# The lines of a receipt: the two kinds of goods, and the deductions that have a name in every language.
RECEIPT_LINES: dict[str, Msg] = {
    "good": _("Good"),
    "floaters": _("Floaters"),
    "inputs": _("Inputs"),
    "advance": _("Advance"),
    "transport": _("Transport"),
    "sacks": _("Sacks"),
    "membership": _("Membership"),
    "service": _("Service fee"),
}

# What a seller finds wrong with a weight.
NOT_RIGHT: dict[str, Msg] = {
    "weight": _("The weight"),
    "quality": _("The grade or floaters"),
    "deduction": _("A deduction"),
    "other": _("Something else"),
}

# What a dispute is about.
COMPLAINTS: dict[str, Msg] = {
    "not_received": _("the money did not come"),
    "weight": _("the weight is not right"),
    "quality": _("the quality is not right"),
    "price": _("the price is not right"),
    "not_come": _("nobody came"),
    "other": _("something is not right"),
}

# Why money did not move.
NOT_PAID: dict[str, Msg] = {
    "rejected": _("refused in the wallet"),
    "expired": _("not approved in time"),
    "no_funds": _("not enough money in the wallet"),
    "payer_unknown": _("the number has no wallet"),
    "payee_unknown": _("the number has no wallet"),
    "limit": _("the limit of the wallet is reached"),
    "not_allowed": _("the wallet does not allow it"),
    "no_wallet": _("no wallet is known"),
    "not_paid": _("no money came"),
    "no_rate": _("no rate of exchange is known"),
}

# Why a payout waits for its seller's wallet.
HELD: dict[str, Msg] = {
    "name_unasked": _("the name of your wallet is asked for"),
    "name_differs": _("the name of the wallet is not yours"),
    "name_unknown": _("the name of the wallet is not known"),
    "name_forbidden": _("this wallet may not be used"),
    "wallet_inactive": _("the wallet is not active"),
    "no_wallet": NOT_PAID["no_wallet"],
    "number_moved": _("your number moved lately"),
}


class ReceiptLine(Protocol):
    """One line of a receipt: base units and minor units, None where it is a deduction."""

    @property
    def kind(self) -> str: ...
    @property
    def quantity(self) -> int | None: ...
    @property
    def price(self) -> int | None: ...
    @property
    def amount(self) -> int: ...


def not_paid(word: str) -> Msg:
    """Why money did not move, for a reason kept with a payment; one that is not known is said plainly."""
    return NOT_PAID.get(word) or _("it did not go through")


def receipt(lines: Iterable[ReceiptLine], unit: str, currency: str) -> list[Msg]:
    """The lines of a receipt and their sum, as they stand on every screen and page."""
    rows = list(lines)
    net = Amount(sum(row.amount for row in rows), currency)
    return [*(_line(row, unit, currency) for row in rows), _("Net: {net}", net=net)]


def _line(row: ReceiptLine, unit: str, currency: str) -> Msg:
    name: Text = RECEIPT_LINES.get(row.kind, row.kind)
    total = Bare(row.amount, currency)
    if row.quantity is None or row.price is None:
        return _("{name}: {total}", name=name, total=total)
    quantity, price = Quantity(row.quantity, unit), Bare(row.price, currency)
    return _("{name}: {quantity} x {price} = {total}", name=name, quantity=quantity, price=price, total=total)
