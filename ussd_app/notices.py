"""Every message that leaves us, by name: one place to read them all, translated like the screens.

An outbox row holds a template's name and its values; the worker renders it in the person's language. Each fits one SMS
of 160 septets in every language with the longest values (a test proves it); receipts (LONG) fit three. None holds a link,
and none asks for an answer by SMS unless the route's setting says that it carries replies (`.replies`). `.plain` ones
name no amount: others may read that phone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ussd_app.hubs import Hub
from ussd_app.i18n import Amount, Bare, Msg, Named, Quantity, When, _
from ussd_app.lib.gsm7 import fold
from ussd_app.settings import Settings
from ussd_app.trade_words import COMPLAINTS, HELD, RECEIPT_LINES, WALLETS, not_paid

TEMPLATES: dict[str, Msg] = {
    # for sale
    "listing.saved": _("{hub}: for sale: {produce} {quantity}, {price}. Until {expires_at}. We tell you when a buyer offers."),
    "listing.saved.plain": _("{hub}: for sale: {produce} {quantity}. Until {expires_at}. We tell you when a buyer offers."),
    "listing.withdrawn": _("{hub}: {produce} {quantity} is no longer for sale. To sell again dial {dial}."),
    "listing.expired": _("{hub}: the time of {produce} {quantity} is over. To sell it again dial {dial}."),
    # offers
    "offer.new": _("{hub}: {name} offers {price}: {produce} {quantity}. You get about {net}. Until {expires_at}. {dial}"),
    "offer.new.plain": _("{hub}: {name} made an offer for {produce} {quantity}. Until {expires_at}. Dial {dial}"),
    "offer.countered": _("{hub}: {name} asks another price: {price} for {produce} {quantity}. Until {expires_at}. Dial {dial}"),
    "offer.countered.plain": _("{hub}: {name} asks another price for {produce} {quantity}. Until {expires_at}. Dial {dial}"),
    "offer.changed": _("{hub}: {name} changed the offer: {price} for {produce} {quantity}. Until {expires_at}. Dial {dial}"),
    "offer.changed.plain": _("{hub}: {name} changed the offer for {produce} {quantity}. Until {expires_at}. Dial {dial}"),
    "offer.declined": _("{hub}: your price for {produce} {quantity} was refused. Dial {dial}"),
    "offer.withdrawn": _("{hub}: {name} withdrew the offer for {produce} {quantity}."),
    "offer.gone": _("{hub}: {produce} {quantity} is no longer for sale; your offer ended."),
    "offer.expired": _("{hub}: the time of your offer for {produce} {quantity} is over. Dial {dial}"),
    "offer.taken": _("{hub}: {produce} {quantity}: another buyer was first. If it is free again, your offer counts."),
    "offer.outsold": _("{hub}: {produce}: only {left_quantity} left, your offer was for {quantity}. Dial {dial}"),
    # orders
    "order.agreed.seller": _("{hub} order {code}: {name}. {produce} {quantity}, about {net}. Handover {handover_place}, {handover_at}."),
    "order.agreed.seller.plain": _("{hub} order {code}: {name}. {produce} {quantity}. Handover {handover_place}, {handover_at}."),
    "order.agreed.buyer": _("{hub} order {code}: {name}. {produce} {quantity} x {price}. Handover {handover_place}, {handover_at}."),
    "order.agreed.buyer.plain": _("{hub} order {code}: {name}. {produce} {quantity}. Handover {handover_place}, {handover_at}."),
    "order.cancelled": _("{hub}: order {code} was undone by the other side: {produce} {quantity}. Nothing is owed."),
    "order.freed": _("{hub}: order {code} ended, nobody came: {produce} {quantity}. The goods are for sale again."),
    # account
    "pin.reset_asked": _("{hub}: {name}, a new PIN can be set on this phone from {ready_at}. Not you? Dial {dial} and cancel."),
    "pin.reset_cancelled": _("{hub}: {name}, the new PIN was cancelled. Your old PIN stays."),
    "pin.reset_held": _("{hub}: {name}, the new PIN must wait. We must look at it first. Call {phone}."),
    "pin.changed": _("{hub}: {name}, your PIN was changed. Not you? Call {phone}."),
    "number.move_asked": _("{hub}: {name}, your account is asked to move to the number ending {new}. Not you? Call {phone}."),
    "number.moved_old": _("{hub}: {name}, your account moved to the number ending {new}. Not you? Call {phone}."),
    "number.moved_new": _("{hub}: {name}, your account is on this number now. Until {hold_until} no money is paid to it. Dial {dial}"),
    # deliveries; weight lines may take three parts
    "delivery.recorded": _("{hub} order {code}, {name} weighed {produce}: {lines}. You get {net}. Right or not right? Dial {dial} Receipt {receipt}"),
    "delivery.recorded.plain": _("{hub} order {code}: {name} weighed {gross_quantity}, good {good_quantity}. Right? Dial {dial} Receipt {receipt}"),
    "delivery.agreed.seller": _("{hub} order {code}, receipt {receipt}: {produce}: {lines}. You get {net} from {name}."),
    "delivery.agreed.seller.plain": _("{hub} order {code}, receipt {receipt}: {produce} {gross_quantity}, good {good_quantity}. You agreed with {name}."),
    "delivery.agreed.buyer": _("{hub} order {code}, receipt {receipt}: {name} agreed: {produce}: {lines}. The seller gets {net}."),
    "delivery.agreed.buyer.plain": _("{hub} order {code}, receipt {receipt}: {name} agreed: {produce} {gross_quantity}, good {good_quantity}."),
    "delivery.refused": _("{hub} order {code}: {name} says receipt {receipt} is not right ({gross_quantity}). Weigh again together."),
    "delivery.reminder": _("{hub} order {code}: {name} waits for your answer. You get {net}. Right? Dial {dial}"),
    "delivery.reminder.plain": _("{hub} order {code}: {name} waits for your answer. Is {gross_quantity} right? Dial {dial}"),
    "delivery.unanswered": _("{hub} order {code}: your answer is missing. We call you, or call {phone}. Receipt {receipt}, dial {dial}"),
    "delivery.unanswered.coop": _("{hub} order {code}: your answer is missing. Ask {cooperative} or call {phone}. Dial {dial}"),
    "delivery.lapsed": _("{hub} order {code}: receipt {receipt} ({gross_quantity}) was not agreed and is no longer valid. Help: {phone}"),
    "order.rest_ended": _("{hub} order {code}: no more will come; {produce} {rest_quantity} is no longer part of it."),
    # money: what happened, never a request
    "payment.collected": _("{hub} order {code}: {amount} came from you. Transaction {transaction}, {paid_at}."),
    "payment.collected.plain": _("{hub} order {code}: your payment came. Transaction {transaction}, {paid_at}."),
    "payment.paid_out": _("{hub} order {code}: {amount} from {name} was paid to your wallet. Transaction {transaction}, {paid_at}."),
    "payment.paid_out.plain": _("{hub} order {code}: you were paid. Transaction {transaction}, {paid_at}."),
    "payment.refunded": _("{hub} order {code}: {amount} was given back to you. Transaction {transaction}, {paid_at}."),
    "payment.refunded.plain": _("{hub} order {code}: you were given money back. Transaction {transaction}, {paid_at}."),
    "payment.failed": _("{hub} order {code}: {amount} not paid: {reason}. Nothing was taken. Dial {dial}"),
    "payment.failed.plain": _("{hub} order {code}: not paid: {reason}. Nothing was taken. Dial {dial}"),
    "payment.not_sent": _("{hub} order {code}: {amount} not sent: {reason}. It is kept for you. Help: {phone}"),
    "payment.not_sent.plain": _("{hub} order {code}: money not sent: {reason}. It is kept for you. Help: {phone}"),
    "payment.checking": _("{hub} order {code}: {amount} is being checked. You hear from us. Help: {phone}"),
    "payment.checking.plain": _("{hub} order {code}: a payment is being checked. You hear from us. Help: {phone}"),
    "payment.held": _("{hub} order {code}: {amount} waits for you: {reason}. Help: {phone}"),
    "payment.held.plain": _("{hub} order {code}: your money waits: {reason}. Help: {phone}"),
    "transfer.told": _("{hub} order {code}: your bank transfer is {amount}, reference {reference}, good until {valid_until}."),
    "transfer.told.plain": _("{hub} order {code}: your bank transfer has the reference {reference}, good until {valid_until}."),
    "payment.received": _("{hub} order {code}: {name} confirmed to have got {amount}. Thank you."),
    "payment.received.plain": _("{hub} order {code}: {name} confirmed to have got the money. Thank you."),
    # disputes
    "dispute.opened": _("{hub} order {code}: {name} says: {why}. No money moves until you agree. Dial {dial}"),
    "dispute.proposed.settled": _("{hub} order {code}: {name} proposes that the seller gets {amount}. Dial {dial}"),
    "dispute.proposed.settled.plain": _("{hub} order {code}: {name} proposes how to end the dispute. Dial {dial}"),
    "dispute.proposed.cancelled": _("{hub} order {code}: {name} proposes to cancel it. Dial {dial}"),
    "dispute.ended": _("{hub} order {code}: the dispute is over. The seller gets {amount} in all. Help: {phone}"),
    "dispute.ended.plain": _("{hub} order {code}: the dispute is over. Dial {dial} Help: {phone}"),
    # wallets
    "wallet.change_old": _("{hub}: from {ready_at} your money goes to {wallet} {new}. Not you? Dial {dial} and cancel, or call {phone}."),
    "wallet.change_new": _("{hub}: the money of {name} will go to this number ({wallet}) from {ready_at}. Not right? Call {phone}."),
    "wallet.yes_asked": _("{hub}: may the money of {name} go to your {wallet}? Yes or no: dial {dial}. Help: {phone}"),
    "wallet.changed": _("{hub}: {name}, your money goes to {wallet} {new} from now on. Not you? Call {phone}."),
    "wallet.held": _("{hub}: the money of {name} does not go to {new} yet. We must look at the change first. Call {phone}."),
    "wallet.cancelled": _("{hub}: {name}, the change of your wallet to {new} was cancelled. Nothing changes."),
    # codes
    "code.contact": _("{hub}: your code is {code}. It is good for 5 minutes. Tell it to nobody."),
    "code.sign_in": _("{hub}: your sign-in code is {code}. It is good for 5 minutes. Tell it to nobody."),
    # answers to SMS
    "sms.help": _("{hub}: send PRICE COFFEE, OFFERS, SELL COFFEE 50 650, STOP or START. Or dial {dial}. Help: {phone}"),
    "sms.which_produce": _("{hub}: we do not know this produce. Example: PRICE COFFEE. Or dial {dial}"),
    "sms.price": _("{hub}: {produce}: middle {median}, {low} to {high} RWF ({n} trades in 14 days). Minimum {floor}."),
    "sms.price_none": _("{hub}: {produce}: no trade yet in the last 14 days. Official minimum {floor}."),
    "sms.price.no_minimum": _("{hub}: {produce}: middle {median}, {low} to {high} RWF ({n} trades in 14 days). No official minimum."),
    "sms.price_none.no_minimum": _("{hub}: {produce}: no trade yet in the last 14 days. No official minimum."),
    "sms.dial": _("{hub}: several people use this number. Please dial {dial}"),
    "sms.register": _("{hub}: this number is not registered. Dial {dial}"),
    "sms.no_offers": _("{hub}: no buyer yet. We will tell you."),
    "sms.offers": _("{hub}: {n} offers. Best: {produce}, you get about {net}. Dial {dial}"),
    "sms.offers.plain": _("{hub}: {n} offers wait. Dial {dial}"),
    "sms.stopped": _("{hub}: no more news SMS. Orders, payments and codes still come. To get news again dial {dial}"),
    "sms.started": _("{hub}: you get news SMS again. To stop them dial {dial}, My account."),
    "sms.stopped.replies": _("{hub}: no more news SMS. Orders, payments and codes still come. To get news again send START"),
    "sms.started.replies": _("{hub}: you get news SMS again. To stop them send STOP"),
    "sms.sell_how": _("{hub}: write produce, kilos and price. Example: SELL COFFEE 50 650. Or dial {dial}"),
    "sms.sell_draft": _("{hub}: not for sale yet: {produce} {quantity}, {price} RWF. To confirm dial {dial} within a day."),
    "sms.below_floor": _("{hub}: {produce}: the official minimum is {floor} RWF."),
}  # fmt: skip


# Receipts: their lines take the parts they need, at most three.
LONG = frozenset({"delivery.recorded", "delivery.agreed.seller", "delivery.agreed.buyer"})


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a receipt one after another: (kind, base units, price, amount) each, the latter two minor units."""

    rows: Sequence[Sequence[Any]]
    unit: str
    currency: str

    def render(self, language: str) -> str:
        return "; ".join(self._line(language, *row) for row in self.rows)

    def _line(self, language: str, kind: str, quantity: int | None, price: int | None, amount: int) -> str:
        name = RECEIPT_LINES[kind].render(language) if kind in RECEIPT_LINES else kind
        worth = Bare(amount, self.currency).render(language)
        if quantity is None or price is None:
            return f"{name} {worth}"
        weight = Quantity(quantity, self.unit).render(language)
        return f"{name} {weight} x {Bare(price, self.currency).render(language)} = {worth}"


class Notices:
    """Renders messages for one hub."""

    def __init__(self, hub: Hub, settings: Settings) -> None:
        self.hub = hub
        self.settings = settings

    def render(self, template: str, language: str, values: dict[str, Any]) -> str:
        """The text of `template` in `language`, folded to GSM-7. Raises KeyError for a template that does not exist.

        `values` as the outbox keeps them: `produce` a code, `quantity` base units of `unit`, `*_minor` minor units of
        `currency`, `*_at` epoch milliseconds, `handover_place` a place code or words, `lines_minor` the lines of a receipt,
        `reason`, `why` and `wallet` words of ours.
        """
        message = TEMPLATES.get(template) or TEMPLATES[template.removesuffix(".plain")]
        if self.settings.sms_replies:
            message = TEMPLATES.get(f"{template}.replies", message)
        return fold(Msg(message.msgid, self._shown(values)).render(language))

    def _shown(self, values: dict[str, Any]) -> dict[str, Any]:
        currency, unit = values.get("currency", self.hub.currency), values.get("unit", "g")
        shown: dict[str, Any] = {
            "hub": self.hub.name,
            "dial": self.settings.service_code,
            "phone": self.settings.support_phone,
        }
        for name, value in values.items():
            if name == "lines_minor":
                shown["lines"] = Lines(value, unit, currency)
            elif name.endswith("_minor"):
                shown[name.removesuffix("_minor")] = Amount(value, currency)
            elif name.endswith(("_at", "_until")):
                shown[name] = When(value)
            elif name.endswith("quantity"):
                shown[name] = Quantity(value, unit)
            elif name == "produce":
                shown[name] = Named(self.hub.produce_by(value).names)
            elif name == "handover_place" and str(value).isdigit():
                shown[name] = self.hub.places.get(value).label
            elif name == "reason":
                shown[name] = HELD.get(value) or not_paid(value)
            elif name == "why":
                shown[name] = COMPLAINTS[value]
            elif name == "wallet":
                shown[name] = WALLETS.get(value, value)
            else:
                shown[name] = value
        return shown
