"""Every message that leaves us, by name: one place to read them all, translated like the screens.

An outbox row holds a template's name and its values; the worker renders it in the person's language. Each fits one SMS
of 160 septets in every language with the longest values (a test proves it). None holds a link, and none asks for an
answer by SMS unless the route's setting says that it carries replies. `.plain` ones name no amount: others may read
that phone.
"""

from __future__ import annotations

from typing import Any

from ussd_app.hubs import Hub
from ussd_app.i18n import Amount, Msg, Named, Quantity, When, _
from ussd_app.lib.gsm7 import fold
from ussd_app.settings import Settings

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
    "pin.changed": _("{hub}: {name}, your PIN was changed. Not you? Call {phone}."),
    "number.move_asked": _("{hub}: {name}, your account is asked to move to the number ending {new}. Not you? Call {phone}."),
    "number.moved_old": _("{hub}: {name}, your account moved to the number ending {new}. Not you? Call {phone}."),
    "number.moved_new": _("{hub}: {name}, your account is on this number now. Until {hold_until} no money is paid to it. Dial {dial}"),
    # codes
    "code.contact": _("{hub}: your code is {code}. It is good for 5 minutes. Tell it to nobody."),
    "code.sign_in": _("{hub}: your sign-in code is {code}. It is good for 5 minutes. Tell it to nobody."),
    # answers to SMS
    "sms.help": _("{hub}: send PRICE COFFEE, OFFERS, SELL COFFEE 50 650, STOP or START. Or dial {dial}. Help: {phone}"),
    "sms.which_produce": _("{hub}: we do not know this produce. Example: PRICE COFFEE. Or dial {dial}"),
    "sms.price": _("{hub}: {produce}: middle {median}, {low} to {high} RWF ({n} trades in 14 days). Minimum {floor}."),
    "sms.price_none": _("{hub}: {produce}: no trade yet in the last 14 days. Official minimum {floor}."),
    "sms.dial": _("{hub}: several people use this number. Please dial {dial}"),
    "sms.register": _("{hub}: this number is not registered. Dial {dial}"),
    "sms.no_offers": _("{hub}: no buyer yet. We will tell you."),
    "sms.offers": _("{hub}: {n} offers. Best: {produce}, you get about {net}. Dial {dial}"),
    "sms.offers.plain": _("{hub}: {n} offers wait. Dial {dial}"),
    "sms.stopped": _("{hub}: no more news SMS. Orders, payments and codes still come. To get news again dial {dial}"),
    "sms.started": _("{hub}: you get news SMS again. To stop them dial {dial}, My account."),
    "sms.sell_how": _("{hub}: write produce, kilos and price. Example: SELL COFFEE 50 650. Or dial {dial}"),
    "sms.sell_draft": _("{hub}: not for sale yet: {produce} {quantity}, {price} RWF. To confirm dial {dial} within a day."),
    "sms.below_floor": _("{hub}: {produce}: the official minimum is {floor} RWF."),
}  # fmt: skip


class Notices:
    """Renders messages for one hub."""

    def __init__(self, hub: Hub, settings: Settings) -> None:
        self.hub = hub
        self.settings = settings

    def render(self, template: str, language: str, values: dict[str, Any]) -> str:
        """The text of `template` in `language`, folded to GSM-7. Raises KeyError for a template that does not exist.

        `values` as the outbox keeps them: `produce` a code, `quantity` base units of `unit`, `*_minor` minor units of
        `currency`, `*_at` epoch milliseconds, `handover_place` a place code or words.
        """
        message = TEMPLATES.get(template) or TEMPLATES[template.removesuffix(".plain")]
        return fold(Msg(message.msgid, self._shown(values)).render(language))

    def _shown(self, values: dict[str, Any]) -> dict[str, Any]:
        currency, unit = values.get("currency", self.hub.currency), values.get("unit", "g")
        shown: dict[str, Any] = {
            "hub": self.hub.name,
            "dial": self.settings.service_code,
            "phone": self.settings.support_phone,
        }
        for name, value in values.items():
            if name.endswith("_minor"):
                shown[name.removesuffix("_minor")] = Amount(value, currency)
            elif name.endswith(("_at", "_until")):
                shown[name] = When(value)
            elif name.endswith("quantity"):
                shown[name] = Quantity(value, unit)
            elif name == "produce":
                shown[name] = Named(self.hub.produce_by(value).names)
            elif name == "handover_place" and str(value).isdigit():
                shown[name] = self.hub.places.get(value).label
            else:
                shown[name] = value
        return shown
