"""Help by a person: a call back that records where the caller was stuck and what she asks."""

from __future__ import annotations

from ussd_app.engine.screen import Done, Menu, Option, Pages, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import _
from ussd_app.market import help as helping


@screen("help.topic", goes=("help.question", "help.safety", "help.dial"))
def topic(visit: Visit) -> Menu:
    return Menu(_("Help: {phone}", phone=visit.settings.support_phone), [
        Option(_("Call me back"), "help.question", number=1),
        Option(_("Stay safe"), "help.safety", number=2),
        Option(_("Dial faster"), "help.dial", number=3),
    ])  # fmt: skip


@screen("help.question", goes=("help.ask",))
def question(visit: Visit) -> Menu:
    return Menu(_("What is it about?"), [
        Option(_("Selling"), "help.ask", "selling", 1),
        Option(_("Offers"), "help.ask", "offers", 2),
        Option(_("An order"), "help.ask", "order", 3),
        Option(_("Payment"), "help.ask", "payment", 4),
        Option(_("PIN"), "help.ask", "pin", 5),
        Option(_("Something else"), "help.ask", "other", 6),
    ], keep="question")  # fmt: skip


@action("help.ask")
def ask(visit: Visit) -> Done:
    ticket = helping.ask_call_back(
        visit.tx,
        now=visit.now,
        msisdn=visit.msisdn,
        person_id=visit.person["id"] if visit.person else None,
        screen=visit.state.before or "home",
        question=visit.draft["question"],
    )
    return Done(
        _("Noted, No {ticket}. We will call you. Help: {phone}", ticket=ticket, phone=visit.settings.support_phone)
    )


@screen("help.safety")
def safety(visit: Visit) -> Pages:
    return Pages(
        _(
            "Never tell anyone a PIN. {hub} never asks for it by phone call. An SMS about money is no proof: look here. "
            "Never send money back to a stranger.",
            hub=visit.hub.name,
        )
    )


@screen("help.dial")
def dial(visit: Visit) -> Pages:
    """Tasks by one dialling: the keys never change."""
    code = visit.settings.service_code.rstrip("#")
    return Pages(
        _("Dial a task at once:\nSell {code}*1#\nOffers {code}*2#\nOrders {code}*3#\nPrices {code}*5#", code=code)
    )
