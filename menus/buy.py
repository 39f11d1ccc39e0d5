"""Buy by phone: what is for sale by produce and district, an offer in two short steps, answers to counter-offers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from menus import refusals
from menus.home import buyer_home
from menus.offers import answers
from menus.words import carrier_line, nearby, place_name, produce_name, unit_word
from ussd_app.engine.answers import Code, Money, PlaceLetters, QuantityOf
from ussd_app.engine.screen import Ask, Confirm, Done, Menu, Option, Screen, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Amount, Bare, Msg, Named, Quantity, When, _
from ussd_app.market import buyers, offers, rates, terms

MOST_SHOWN = 12
BUYER_GOES = (
    "buy.produce",
    "buy.offers",
    "buy.orders",
    "prices.produce",
    "help.topic",
    "account.menu",
    "buy.code",
    "buy.payments",
    "ask.mine",
    "standing.menu",
)


@screen("buy.home", goes=BUYER_GOES)
def home(visit: Visit) -> Menu:
    """The buyer's menu of somebody who also sells."""
    return replace(buyer_home(visit), back=True)


@action("buy.orders", goes=("orders.list",))
def my_orders(visit: Visit) -> str:
    visit.draft["as_buyer"] = True
    return "orders.list"


@action("buy.payments", goes=("pay.latest",))
def my_payments(visit: Visit) -> str:
    visit.draft["as_buyer"] = True
    return "pay.latest"


# the contact's code


@screen("buy.code", goes=("buy.confirm_code",))
def code(visit: Visit) -> Ask:
    return Ask(_("The 6 digits from our SMS:"), Code(6), "code", "buy.confirm_code")


@action("buy.confirm_code", goes=("home", "buy.code_again"))
def confirm_code(visit: Visit) -> str:
    answer = buyers.confirm_contact(
        visit.tx, now=visit.now, key=visit.settings.secret_key, person_id=visit.me["id"], code=visit.draft["code"]
    )
    if answer == "ok":
        visit.me["verification"] = "confirmed"
        visit.guide(_("Confirmed. You can make offers."))
        return "home"
    return "buy.code_again"


@screen("buy.code_again", goes=("buy.code", "buy.send_code"))
def code_again(visit: Visit) -> Menu:
    return Menu(_("The code is wrong or too old."), [
        Option(_("Type it again"), "buy.code"),
        Option(_("Send a new code"), "buy.send_code"),
    ])  # fmt: skip


@action("buy.send_code")
def send_code(visit: Visit) -> Done:
    buyers.ask_contact_code(
        visit.tx, now=visit.now, clock=visit.clock, key=visit.settings.secret_key, person_id=visit.me["id"]
    )
    return Done(_("A code comes by SMS. Then dial {code}.", code=visit.settings.service_code))


# browse


@screen("buy.produce", goes=("buy.where",))
def produce(visit: Visit) -> Menu:
    options = [Option(Named(one.names), "buy.where", one.code, one.number) for one in visit.hub.produce]
    return Menu(_("What do you want to buy?"), options, keep="produce")


@screen("buy.where", goes=("buy.all", "buy.list", "buy.place"))
def where(visit: Visit) -> Menu:
    visit.draft.pop("after", None)  # whoever chooses anew begins with the cheapest
    options = [Option(_("Whole country"), "buy.all", number=1), Option(_("A district"), "buy.place", number=2)]
    if visit.me["place"]:
        district = visit.hub.places.district_of(visit.me["place"])
        options.append(Option(district.name, "buy.list", district.code, 3))
    return Menu(_("Where?"), options, keep="where")


@action("buy.all", goes=("buy.list",))
def everywhere(visit: Visit) -> str:
    visit.draft["where"] = ""
    return "buy.list"


@screen("buy.place", goes=("buy.pick",))
def place(visit: Visit) -> Ask:
    return Ask(
        _("Which district? Write its first letters.\nExample: Nyam"),
        PlaceLetters(visit.hub.places),
        "places",
        "buy.pick",
    )


@screen("buy.pick", goes=("buy.list",))
def pick(visit: Visit) -> Menu:
    """Each district once, by the place whose letters were typed: who wrote a sector sees it, with its district."""
    places = visit.hub.places
    found: dict[str, str] = {}
    for code in visit.draft["places"]:
        found.setdefault(places.district_of(code).code, places.get(code).label)
    options = [Option(label, "buy.list", district) for district, label in found.items()]
    return Menu(_("Choose the place:"), options, keep="where")


@screen("buy.list", goes=("buy.one", "buy.where", "buy.further"))
def for_sale(visit: Visit) -> Menu:
    """The cheapest first, a dozen at a time."""
    draft = visit.draft
    price, last = draft.get("after", (0, ""))
    asked = {"now": visit.now, "after_price": price, "after_id": last, "limit": MOST_SHOWN + 1}
    if draft["where"]:
        rows = visit.tx.listings_by_district(produce=draft["produce"], district=draft["where"], **asked)
    else:
        rows = visit.tx.listings_by_produce(produce=draft["produce"], **asked)
    if not rows:
        return Menu(_("Nothing for sale there now."), [Option(_("Elsewhere"), "buy.where")])
    options = [
        Option(
            _(
                "{left} x {price}, {place}",
                left=Quantity(row["left_quantity"], row["unit"]),
                price=Bare(row["price"]),
                place=visit.hub.places.get(row["place"]).name,
            ),
            "buy.one",
            row["id"],
        )
        for row in rows[:MOST_SHOWN]
    ]
    if len(rows) > MOST_SHOWN:
        draft["shown_to"] = [rows[MOST_SHOWN - 1]["price"], rows[MOST_SHOWN - 1]["id"]]
        options.append(Option(_("Further ones"), "buy.further"))
    return Menu(produce_name(visit, draft["produce"]), options, keep="listing")


@action("buy.further", goes=("buy.list",))
def further(visit: Visit) -> str:
    """The next dozen begins behind the last one seen, wherever that stands by now."""
    visit.draft["after"] = visit.draft["shown_to"]
    return "buy.list"


def listing_open(visit: Visit) -> dict[str, Any] | None:
    row: dict[str, Any] | None = visit.tx.listing_by_id(id=visit.draft["listing"])
    if row is None or row["state"] != "open" or row["expires_at"] <= visit.now:
        return None
    return row


@screen("buy.one", goes=("buy.price", "buy.list"))
def one(visit: Visit) -> Menu:
    row = listing_open(visit)
    if row is None:
        return Menu(_("It is no longer open."), [Option(_("What is for sale"), "buy.list")])
    near = nearby(visit, row["produce"], row["district"])
    title = _(
        "{produce} {left}\nAsked: {price} RWF\n{place}\nNearby: {median}. Until {time}",
        produce=produce_name(visit, row["produce"]),
        left=Quantity(row["left_quantity"], row["unit"]),
        price=Bare(row["price"]),
        place=visit.hub.places.get(row["place"]).label,
        median=Bare(near.median) if near else "-",
        time=When(row["expires_at"]),
    )
    return Menu(title, [Option(_("Make an offer"), "buy.price", number=1)])


@screen("buy.price", goes=("buy.confirm", "buy.list"))
def price(visit: Visit) -> Screen:
    row = listing_open(visit)
    if row is None:
        return Menu(_("It is no longer open."), [Option(_("What is for sale"), "buy.list")])
    kind = visit.hub.produce_by(row["produce"])

    def check(minor: int) -> Msg | None:
        try:
            rates.floor_for(visit.tx, kind.code, row["currency"], visit.now).check(minor)
        except terms.Refused as refused:
            return refusals.line(refused, kind.unit)
        return None

    title = _("Asked: {price} per {unit}. Your price in RWF:", price=Bare(row["price"]), unit=unit_word(kind))
    return Ask(title, Money(row["currency"], kind.max_price, check), "price", "buy.confirm")


def offered(visit: Visit, row: dict[str, Any]) -> terms.Terms:
    """The usual terms: all that is left, fetched at the seller's place, or brought to the buyer's if she chose so."""
    draft = visit.draft
    brought = draft.get("brought") and visit.me["place"]
    kind = visit.hub.produce_by(row["produce"])
    floor = rates.floor_for(visit.tx, row["produce"], row["currency"], visit.now)
    return terms.Terms(
        quantity=min(draft.get("quantity", row["left_quantity"]), row["left_quantity"]),
        price=draft["price"],
        price_floaters=floor.price_floaters if kind.floater else None,
        point="station" if brought else "farm_gate",
        handover_place=visit.me["place"] if brought else row["place"],
        carrier="seller" if brought else "buyer",
        settlement=visit.settings.settlement[0],
    )


@screen("buy.confirm", goes=("buy.send", "buy.quantity", "buy.carrier", "buy.list"))
def confirm(visit: Visit) -> Screen:
    """Everything the offer says; quantity and who carries can be changed here."""
    row = listing_open(visit)
    if row is None:
        return Menu(_("It is no longer open."), [Option(_("What is for sale"), "buy.list")])
    offer = offered(visit, row)
    title = _(
        "Offer {quantity} x {price} = {total}\n{place}. {carrier}",
        quantity=Quantity(offer.quantity, row["unit"]),
        price=Bare(offer.price),
        total=Amount(terms.amount(offer.quantity, offer.price, row["unit"]), row["currency"]),
        place=place_name(visit, offer.handover_place),
        carrier=carrier_line({"carrier": offer.carrier}),
    )
    others = [Option(_("Other quantity"), "buy.quantity", number=2)]
    if visit.me["place"]:
        others.append(Option(_("Change who carries"), "buy.carrier", number=3))
    return Confirm(title, "buy.send", _("Send"), others)


@screen("buy.quantity", goes=("buy.confirm", "buy.list"))
def quantity(visit: Visit) -> Screen:
    row = listing_open(visit)
    if row is None:
        return Menu(_("It is no longer open."), [Option(_("What is for sale"), "buy.list")])
    title = _("{produce}\nHow much do you want?", produce=produce_name(visit, row["produce"]))
    return Ask(title, QuantityOf(row["unit"], row["left_quantity"]), "quantity", "buy.confirm")


@action("buy.carrier", goes=("buy.confirm",))
def carrier(visit: Visit) -> str:
    visit.draft["brought"] = not visit.draft.get("brought")
    return "buy.confirm"


@action("buy.send", goes=("buy.refused",))
def send(visit: Visit) -> str | Done:
    row = listing_open(visit)
    if row is None:
        return Done(_("It is no longer open."))
    if visit.me["verification"] == "new":
        visit.guide(_("First enter the code from our SMS."))
        return "buy.refused"
    try:
        offers.make(
            visit.tx,
            hub=visit.hub,
            clock=visit.clock,
            now=visit.now,
            buyer_id=visit.me["id"],
            listing_id=row["id"],
            terms=offered(visit, row),
            caps=buyers.caps(visit.me["verification"]),
        )
    except terms.Refused as refused:
        visit.guide(refusals.line(refused, row["unit"]))
        return "buy.refused"
    return Done(_("Your offer is sent. The answer comes by SMS."))


@screen("buy.refused", goes=("buy.price", "buy.quantity", "buy.code"))
def refused(visit: Visit) -> Menu:
    """Nothing typed is lost; key 1 has no meaning here, for it may be the confirmation arriving twice."""
    if visit.me["verification"] == "new":
        return Menu(_("It is not sent."), [Option(_("Enter the code from the SMS"), "buy.code", number=2)])
    return Menu(_("It is not sent."), [
        Option(_("New price"), "buy.price", number=2),
        Option(_("Other quantity"), "buy.quantity", number=3),
    ])  # fmt: skip


# my offers


@screen("buy.offers", goes=("buy.offer", "buy.produce"))
def mine(visit: Visit) -> Menu:
    """What can still be answered or taken back, the sellers' answers first."""
    rows = visit.tx.offers_open_shown_to_buyer(buyer_id=visit.me["id"], now=visit.now, limit=MOST_SHOWN)
    if not rows:
        return Menu(_("You have no open offers."), [Option(_("What is for sale"), "buy.produce")])
    options = [
        Option(
            _("{answer}{produce} {price}", answer="! " if row["made_by"] == "seller" else "",
              produce=produce_name(visit, row["produce"]), price=Bare(row["price"])),
            "buy.offer",
            row["id"],
        )
        for row in rows
    ]  # fmt: skip
    return Menu(_("My offers (! = they ask another price)"), options, keep="offer")


@screen("buy.offer", goes=("offers.pin", "offers.refuse", "offers.counter", "buy.take_back", "buy.offers"))
def my_offer(visit: Visit) -> Menu:
    row = visit.tx.offer_for_buyer(id=visit.draft["offer"], buyer_id=visit.me["id"])
    if row is None or row["state"] != "open" or row["expires_at"] <= visit.now:
        return Menu(_("This offer is no longer open."), [Option(_("My offers"), "buy.offers")])
    title = _(
        "{produce}\n{quantity} x {price} = {total}\nUntil {time}",
        produce=produce_name(visit, row["produce"]),
        quantity=Quantity(row["quantity"], row["unit"]),
        price=Bare(row["price"]),
        total=Amount(terms.amount(row["quantity"], row["price"], row["unit"]), row["currency"]),
        time=When(row["expires_at"]),
    )
    if row["made_by"] == "buyer":
        return Menu(title, [Option(_("Withdraw"), "buy.take_back", number=1)])
    return Menu(title, answers(row))


@screen("buy.take_back", goes=("buy.withdraw",))
def take_back(visit: Visit) -> Confirm:
    return Confirm(_("Withdraw your offer?"), "buy.withdraw", _("Withdraw"))


@action("buy.withdraw")
def withdraw(visit: Visit) -> Done:
    try:
        offers.withdraw(visit.tx, now=visit.now, person_id=visit.me["id"], offer_id=visit.draft["offer"])
    except terms.Refused as refused:
        return Done(refusals.line(refused))
    return Done(_("Withdrawn."))
