"""One's own account: language, messages, PIN, data, another person on the phone, leaving."""

from __future__ import annotations

from menus.offers import joined
from menus.orders import STATES
from menus.words import LANGUAGES, produce_name
from ussd_app.engine.screen import Confirm, Done, Menu, Option, Pages, Secret, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Bare, Day, Msg, Quantity, When, _
from ussd_app.market import accounts, leaving, sim_swaps

LATEST = 3  # listings and orders named under "My data"


@screen("account.menu", goes=(
    "account.language", "account.amounts", "account.news", "account.pin", "account.data", "account.leave", "account.other",
    "member.mine",
))  # fmt: skip
def menu(visit: Visit) -> Menu:
    me = visit.me
    return Menu(_("My account: {name}", name=me["name"]), [
        Option(_("Language"), "account.language", number=1),
        Option(_("SMS without amounts") if me["amounts_in_sms"] else _("SMS with amounts"), "account.amounts", number=2),
        Option(_("Stop news SMS") if me["news"] else _("Get news SMS"), "account.news", number=3),
        Option(_("PIN"), "account.pin", number=4),
        Option(_("My data"), "account.data", number=5),
        Option(_("Stop or erase"), "account.leave", number=6),
        Option(_("Another person"), "account.other", number=7),
        Option(_("My cooperative"), "member.mine", number=8),
    ])  # fmt: skip


@screen("account.language", goes=("account.set_language",))
def language(visit: Visit) -> Menu:
    options = [Option(name, "account.set_language", code, number) for number, (code, name) in enumerate(LANGUAGES, 1)]
    return Menu(_("Choose language"), options, keep="language")


@action("account.set_language", goes=("account.menu",))
def set_language(visit: Visit) -> str:
    leaving.set_language(visit.tx, visit.now, visit.me, visit.draft["language"])
    visit.me["language"] = visit.draft["language"]
    visit.guide(_("Saved."))
    return "account.menu"


@action("account.amounts", goes=("account.menu",))
def amounts(visit: Visit) -> str:
    """Others may read her messages: amounts in SMS can be left out."""
    on = not visit.me["amounts_in_sms"]
    accounts.set_amounts_in_sms(visit.tx, now=visit.now, person_id=visit.me["id"], on=on)
    visit.me["amounts_in_sms"] = int(on)
    visit.guide(_("Saved."))
    return "account.menu"


@action("account.news", goes=("account.menu",))
def news(visit: Visit) -> str:
    """News only; orders, payments and codes always arrive."""
    me = visit.me
    if me["news"]:
        accounts.withdraw_consent(visit.tx, now=visit.now, person_id=me["id"], purpose="news")
    else:
        accounts.give_consent(
            visit.tx,
            now=visit.now,
            person_id=me["id"],
            purpose="news",
            version=visit.hub.consent.version,
            language=visit.language,
            channel="ussd",
        )
    me["news"] = int(not me["news"])
    visit.guide(_("Saved."))
    return "account.menu"


# PIN


@screen("account.pin", goes=("account.pin_old", "account.forgot"))
def pin(visit: Visit) -> Menu:
    return Menu(_("PIN"), [
        Option(_("Change PIN"), "account.pin_old"),
        Option(_("Forgotten PIN"), "account.forgot"),
    ])  # fmt: skip


@screen("account.pin_old", goes=("account.pin_new",))
def pin_old(visit: Visit) -> Secret:
    return Secret(_("Your PIN now:"), "account.pin_new")


@screen("account.pin_new", goes=("account.pin_again",))
def pin_new(visit: Visit) -> Secret:
    return Secret(_("New PIN, 5 digits:"), "account.pin_again", purpose="choose")


@screen("account.pin_again", goes=("account.pin_save", "account.pin_new"))
def pin_again(visit: Visit) -> Secret:
    return Secret(_("The same PIN again:"), "account.pin_save", purpose="again", failed="account.pin_new")


@action("account.pin_save", goes=("account.pin_old",))
def pin_save(visit: Visit) -> str | Done:
    """The old PIN must have been right in this very session: a resumed draft does not carry that over."""
    if not visit.verified:
        return "account.pin_old"
    accounts.change_pin(visit.tx, now=visit.now, person_id=visit.me["id"], pin_hash=visit.draft["new_pin"])
    return Done(_("Your PIN is changed."))


@screen("account.forgot", goes=("account.ask_reset", "account.reset_new", "account.cancel_reset"))
def forgot(visit: Visit) -> Menu | Confirm:
    """24 hours must pass, so that a thief of the phone can be stopped."""
    waiting = visit.tx.pin_reset_waiting(person_id=visit.me["id"])
    if waiting is None or visit.now >= waiting["lapses_at"]:
        title = _("A new PIN can be set on this phone 24 hours from now. We will send an SMS.")
        return Confirm(title, "account.ask_reset", _("Ask for a new PIN"))
    cancel = Option(_("Cancel"), "account.cancel_reset", number=2)
    about = {"subject_id": waiting["id"], "ready_at": waiting["ready_at"]}
    if sim_swaps.holds(visit.tx, now=visit.now, kind="pin", sim_query=bool(visit.settings.sim_query), **about):
        title = _("The new PIN is held until we have looked at it. Call {phone}.", phone=visit.settings.support_phone)
        return Menu(title, [cancel])
    if visit.now >= waiting["ready_at"]:
        return Menu(_("You can set a new PIN now."), [Option(_("New PIN"), "account.reset_new", number=1), cancel])
    return Menu(_("A new PIN can be set from {time}.", time=When(waiting["ready_at"])), [cancel])


@action("account.ask_reset")
def ask_reset(visit: Visit) -> Done:
    waiting = accounts.ask_pin_reset(visit.tx, now=visit.now, clock=visit.clock, person_id=visit.me["id"])
    if waiting is None:
        return Done(_("Not possible now. Call {phone}.", phone=visit.settings.support_phone))
    return Done(
        _(
            "From {time} dial {code} and set a new PIN.",
            time=When(waiting["ready_at"]),
            code=visit.settings.service_code,
        )
    )


@action("account.cancel_reset")
def cancel_reset(visit: Visit) -> Done:
    accounts.cancel_pin_reset(visit.tx, now=visit.now, person_id=visit.me["id"])
    return Done(_("Cancelled. Your old PIN stays."))


@screen("account.reset_new", goes=("account.reset_again",))
def reset_new(visit: Visit) -> Secret:
    return Secret(_("New PIN, 5 digits:"), "account.reset_again", purpose="choose")


@screen("account.reset_again", goes=("account.reset_save", "account.reset_new"))
def reset_again(visit: Visit) -> Secret:
    return Secret(_("The same PIN again:"), "account.reset_save", purpose="again", failed="account.reset_new")


@action("account.reset_save", goes=("account.forgot",))
def reset_save(visit: Visit) -> str | Done:
    done = accounts.finish_pin_reset(
        visit.tx,
        now=visit.now,
        person_id=visit.me["id"],
        msisdn=visit.msisdn,
        pin_hash=visit.draft["new_pin"],
        sim_query=bool(visit.settings.sim_query),
    )
    return Done(_("Your PIN is changed.")) if done else "account.forgot"


# her data, and leaving


@screen("account.data")
def data(visit: Visit) -> Pages:
    """What is kept of her, in plain words (Law 058/2021: access)."""
    kept = accounts.my_data(visit.tx, visit.me["id"])
    if kept is None:
        return Pages(_("Nothing is kept."))
    place = visit.hub.places.get(kept["place"]).label if kept["place"] else "-"
    about = _(
        "Name: {name}\nPhone: {phone}\nPlace: {place}\nSince: {since}\nNews SMS: {news}\nLooked at by staff: {looks}",
        name=kept["name"],
        phone=kept["msisdn"] or "-",
        place=place,
        since=Day(kept["since"]),
        news=_("yes") if kept["news"] else _("no"),
        looks=kept["looks"],
    )
    return Pages(joined([about, *_of_trade(visit)]))


def _of_trade(visit: Visit) -> list[Msg]:
    """How much she listed and agreed, and the latest of each."""
    me = visit.me["id"]
    count = visit.tx.trade_count_of(person_id=me)
    said = [_("Listings: {n}", n=count["listings"])]
    said += [
        _("{day} {produce} {quantity} x {price}", day=Day(row["created_at"]), produce=produce_name(visit, row["produce"]),
          quantity=Quantity(row["quantity"], row["unit"]), price=Bare(row["price"]))
        for row in visit.tx.listings_of_seller(seller_id=me, limit=LATEST)
    ]  # fmt: skip
    said.append(_("Orders: {n}", n=count["orders"]))
    agreed = visit.tx.orders_of_seller(seller_id=me, limit=LATEST) + visit.tx.orders_of_buyer(buyer_id=me, limit=LATEST)
    for row in sorted(agreed, key=lambda order: str(order["id"]), reverse=True)[:LATEST]:
        values = {"day": Day(row["agreed_at"]), "code": row["code"], "state": STATES[row["state"]]}
        quantity = Quantity(row["quantity"], row["unit"])
        said.append(
            _(
                "{day} {code} {produce} {quantity}: {state}",
                produce=produce_name(visit, row["produce"]),
                quantity=quantity,
                **values,
            )
        )
    return said


@screen("account.leave", goes=("account.stop", "account.erase"))
def leave(visit: Visit) -> Menu:
    return Menu(_("Stop or erase"), [
        Option(_("Stop for now"), "account.stop"),
        Option(_("Erase my data"), "account.erase"),
    ])  # fmt: skip


@screen("account.stop", goes=("account.stop_pin",))
def stop(visit: Visit) -> Confirm:
    return Confirm(
        _("Stop for now: your listings are withdrawn, no SMS. You can start again."), "account.stop_pin", _("Confirm")
    )


@screen("account.stop_pin", goes=("account.stop_now",))
def stop_pin(visit: Visit) -> Secret:
    return Secret(_("Enter your PIN:"), "account.stop_now")


@action("account.stop_now", goes=("account.busy",))
def stop_now(visit: Visit) -> str | Done:
    if not leaving.stop(visit.tx, visit.now, visit.me["id"]):
        return "account.busy"
    return Done(_("Stopped. To start again dial {code}.", code=visit.settings.service_code))


@screen("account.erase", goes=("account.erase_pin",))
def erase(visit: Visit) -> Confirm:
    return Confirm(
        _("Erase your name, number and PIN for ever? Listings are withdrawn."), "account.erase_pin", _("Erase")
    )


@screen("account.erase_pin", goes=("account.erase_now",))
def erase_pin(visit: Visit) -> Secret:
    return Secret(_("Enter your PIN:"), "account.erase_now")


@action("account.erase_now", goes=("account.busy",))
def erase_now(visit: Visit) -> str | Done:
    if not leaving.erase(visit.tx, visit.now, visit.me["id"]):
        return "account.busy"
    return Done(_("Your data is erased. Goodbye."))


@screen("account.busy", goes=("orders.list",))
def busy(visit: Visit) -> Menu:
    """Refused with its reason: somebody still waits for goods or money."""
    return Menu(
        _("Not yet: an order of yours is open. Finish or cancel it first."), [Option(_("My orders"), "orders.list")]
    )


@action("account.start", goes=("home",))
def start(visit: Visit) -> str:
    """Back after a stop: consent to today's text."""
    accounts.give_consent(
        visit.tx,
        now=visit.now,
        person_id=visit.me["id"],
        purpose="service",
        version=visit.hub.consent.version,
        language=visit.language,
        channel="ussd",
    )
    visit.me["state"] = "active"
    return "home"


@action("account.other", goes=("welcome",))
def other(visit: Visit) -> str:
    """A second person on this phone: the registration from its start, with a PIN of her own."""
    return "welcome"
