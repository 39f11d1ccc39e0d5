"""Where a call begins: the home menus, the choice among people of one number, a dropped call taken up again."""

from __future__ import annotations

from typing import Any

from menus import tasks
from ussd_app.engine.screen import Done, Menu, Option, Screen, Secret, action, screen
from ussd_app.engine.session import CONTINUE
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Bare, Named, Quantity, When, _
from ussd_app.market import agents, pins

SELLER_GOES = (
    "sell.produce", "offers.list", "orders.list", "pay.latest", "prices.produce", "help.topic", "sell.repeat", "listings.list",
    "account.menu", "buy.home", "buy.produce", "buy.offers", "buy.orders", "buy.code", "buy.payments", "standing.menu", "ask.mine", "account.start", "coop.start",
    "pledges.start", "agent.home", "asked.listing",
)  # fmt: skip


@screen("home", entry=True, goes=SELLER_GOES)
def home(visit: Visit) -> Menu:
    me = visit.me
    if me["state"] == "stopped":
        return Menu(_("{name}, your account is stopped.", name=me["name"]), [
            Option(_("Start again"), "account.start"),
            Option(_("Help"), "help.topic", number=tasks.HELP),
        ])  # fmt: skip
    return seller_home(visit) if me["seller_kind"] else buyer_home(visit)


def seller_home(visit: Visit) -> Menu:
    """Most used first; the last listing can be repeated with one key."""
    row = visit.tx.home_seller(seller_id=visit.me["id"], now=visit.now)
    waiting = int(row["offers"]) if row else 0
    options = [
        Option(_("Sell"), "sell.produce", number=tasks.SELL),
        Option(_("Offers ({n})", n=waiting) if waiting else _("Offers"), "offers.list", number=tasks.OFFERS),
        Option(_("My orders"), "orders.list", number=tasks.ORDERS),
        Option(_("Payments"), "pay.latest", number=tasks.PAYMENTS),
    ]
    if row and row["produce"]:
        produce = visit.hub.produce_by(row["produce"])
        label = _(
            "Again: {produce} {quantity}",
            produce=Named(produce.names),
            quantity=Quantity(row["quantity"], produce.unit),
        )
        options.append(Option(label, "sell.repeat", number=tasks.REPEAT, confirms=True))
    if row and row["acts"]:
        options.insert(0, Option(_("Cooperative"), "coop.start", number=tasks.COOPERATIVE))
    if row and row["agent"]:
        options.insert(0, Option(_("Field agent"), "agent.home", number=tasks.AGENT))
    if row and row["asked"]:
        options.insert(0, Option(_("An agent asks you"), "asked.listing", number=tasks.AGENT_ASKS))
    if row and row["call_produce"]:
        wanted = Named(visit.hub.produce_by(row["call_produce"]).names)
        label = _("Call: {produce} {price}", produce=wanted, price=Bare(row["call_price"]))
        options.insert(0, Option(label, "pledges.start", number=tasks.PLEDGE))
    options += [
        Option(_("Prices"), "prices.produce", number=tasks.PRICES),
        Option(_("Help"), "help.topic", number=tasks.HELP),
        Option(_("What I sell"), "listings.list", number=tasks.LISTINGS),
        Option(_("My account"), "account.menu", number=tasks.ACCOUNT),
    ]
    if visit.me["verification"]:
        options.append(Option(_("Buy"), "buy.home", number=tasks.BUY))
    return Menu(_("{hub}: sell well", hub=visit.hub.name), options, back=False)


def buyer_home(visit: Visit) -> Menu:
    options = [
        Option(_("What is for sale"), "buy.produce", number=tasks.BROWSE),
        Option(_("My offers"), "buy.offers", number=tasks.MY_OFFERS),
        Option(_("My orders"), "buy.orders", number=tasks.ORDERS),
        Option(_("Payments"), "buy.payments", number=tasks.PAYMENTS),
        Option(_("Prices"), "prices.produce", number=tasks.PRICES),
        Option(_("Help"), "help.topic", number=tasks.HELP),
        Option(_("Standing orders"), "standing.menu", number=tasks.STANDING),
        Option(_("My account"), "account.menu", number=tasks.ACCOUNT),
        Option(_("Ask cooperatives"), "ask.mine", number=tasks.ASK_COOPERATIVES),
    ]
    if visit.me["verification"] == "new":
        options.insert(0, Option(_("Enter the code from the SMS"), "buy.code", number=tasks.ENTER_CODE))
    return Menu(_("{hub}: buy", hub=visit.hub.name), options, back=False)


@screen("resume", entry=True, goes=("resume.drop",))
def resume(visit: Visit) -> Menu:
    """Nothing typed is lost: the same question again after a dropped call."""
    start = "home" if visit.person else "welcome"
    return Menu(_("You had not finished."), [
        Option(_("Continue"), CONTINUE, number=1),
        Option(_("Start again"), "resume.drop", start, number=2),
    ], back=False)  # fmt: skip


@action("resume.drop", goes=("home", "welcome"))
def drop(visit: Visit) -> str:
    visit.state.saved = None
    visit.state.stack = []
    return "home" if visit.person else "welcome"


@screen("who", entry=True, goes=("who.pin", "who.forgot", "welcome"))
def who(visit: Visit) -> Menu:
    """Several people use this number: names only, nothing private before a PIN."""
    options = [Option(person["name"], "who.pin", person["id"]) for person in _callers(visit)]
    if agents.pending_on(visit.tx, visit.msisdn):
        options.append(Option(_("I got a code by SMS"), "welcome", number=7))
    options.append(Option(_("Forgotten PIN"), "who.forgot", number=8))
    return Menu(_("{hub}\nWho are you?", hub=visit.hub.name), options, keep="who", back=False)


def _callers(visit: Visit) -> list[dict[str, Any]]:
    """Who of this number may enter: those whom somebody only wrote down have no PIN yet."""
    return [person for person in visit.tx.people_on_number(msisdn=visit.msisdn) if person["state"] != "pending"]


@screen("who.forgot", goes=("who.forgot_chosen",))
def who_forgot(visit: Visit) -> Menu:
    options = [Option(person["name"], "who.forgot_chosen", person["id"]) for person in _callers(visit)]
    return Menu(_("Forgotten PIN. Who are you?"), options, keep="who")


@action("who.forgot_chosen", goes=("account.forgot",))
def who_forgot_chosen(visit: Visit) -> str:
    visit.become(visit.tx.person_load(id=visit.draft["who"]))
    return "account.forgot"


@screen("who.pin", goes=("who.enter",))
def who_pin(visit: Visit) -> Screen:
    """The PIN of the chosen one; the session becomes hers only now that somebody must judge it."""
    if visit.state.person_id != visit.draft["who"]:
        visit.become(visit.tx.person_load(id=visit.draft["who"]))
    return Secret(_("{name}, your PIN:", name=visit.me["name"]), "who.enter")


@action("who.enter", goes=("home", "resume"))
def enter(visit: Visit) -> str:
    """She is known now. What was dropped is offered only to the one who left it."""
    saved = visit.state.saved
    visit.state.stack, visit.state.draft = [], {}
    if saved and saved.get("person_id") == visit.me["id"]:
        return "resume"
    visit.state.saved = None
    return "home"


@screen("pin.locked")
def locked(visit: Visit) -> Done:
    """How long to wait, or that waiting does not help: after ten wrong PINs only a new one does."""
    standing = pins.standing(visit.tx, visit.me["id"], visit.now)
    if standing is not None and standing.until is None:
        return Done(
            _(
                "Too many wrong PINs. Set a new PIN: {code}, Forgotten PIN. Or call {phone}.",
                code=visit.settings.service_code,
                phone=visit.settings.support_phone,
            )
        )
    return Done(
        _(
            "Too many wrong PINs. Wait until {time}, or call {phone}. Offers and prices can still be read.",
            time=When(standing.until if standing and standing.until else visit.now),
            phone=visit.settings.support_phone,
        )
    )
