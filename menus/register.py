"""First use: language, consent with what one comes for, name, place, PIN. Six answers, then the home menu."""

from __future__ import annotations

from menus import activate, written_down
from menus.words import LANGUAGES
from ussd_app.engine.answers import PlaceLetters, Words
from ussd_app.engine.screen import Ask, Done, Menu, Option, Secret, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Named, _
from ussd_app.market import agents, buyers, members, people

NAME_EXAMPLES = ("Uwamahoro Marie Claudine",)


@screen("welcome", entry=True, goes=(
    "register.language", "written.consent", "written.language", "written.not_me", "activate.check", "activate.one",
))  # fmt: skip
def welcome(visit: Visit) -> Menu | Ask:
    """The one screen that nobody has chosen a language for; those whom a cooperative or an agent wrote down are greeted by name."""
    if not visit.draft.get("stranger") and (rows := members.written_down(visit.tx, visit.msisdn)):
        return written_down.first(visit, rows)
    if not visit.draft.get("stranger") and (rows := agents.pending_on(visit.tx, visit.msisdn)):
        return activate.first(visit, rows)
    options = [Option(name, "register.language", code, number) for number, (code, name) in enumerate(LANGUAGES, 1)]
    title = _("{hub}\nHitamo ururimi\nChoose language", hub=visit.hub.name)
    return Menu(title, options, keep="language", back=bool(visit.state.stack))


@action("register.language", goes=("register.consent",))
def language(visit: Visit) -> str:
    visit.state.language = visit.draft["language"]
    return "register.consent"


@screen("register.consent", goes=("register.name", "register.refused"))
def consent(visit: Visit) -> Menu:
    """Consent is informed, in her language, and says what she comes for (Law 058/2021, articles 6 and 7)."""
    options = [
        Option(_("I agree: I sell"), "register.name", "seller"),
        Option(_("I agree: I buy"), "register.name", "buyer"),
        Option(_("No"), "register.refused"),
    ]
    return Menu(Named(visit.hub.consent.texts), options, keep="role")


@screen("register.refused")
def refused(visit: Visit) -> Done:
    return Done(_("Nothing was kept. Dial {code} if you change your mind.", code=visit.settings.service_code))


@screen("register.name", goes=("register.place",))
def name(visit: Visit) -> Ask:
    refusal = _("Write your name in letters, 2 to 24. Of a long one two parts are enough.")
    return Ask(
        _("Your name, at most 24 letters:"), Words(people.clean_name, refusal, NAME_EXAMPLES), "name", "register.place"
    )


@screen("register.place", goes=("register.place_pick",))
def place(visit: Visit) -> Ask:
    return Ask(
        _("Your sector or district. Write its first letters.\nExample: Nyam"),
        PlaceLetters(visit.hub.places),
        "places",
        "register.place_pick",
    )


@screen("register.place_pick", goes=("register.pin",))
def place_pick(visit: Visit) -> Menu:
    places = visit.hub.places
    options = [Option(places.get(code).label, "register.pin", code) for code in visit.draft["places"]]
    return Menu(_("Choose the place:"), options, keep="place")


@screen("register.pin", goes=("register.pin_again",))
def pin(visit: Visit) -> Secret:
    return Secret(
        _("Choose a PIN of {hub}, 5 digits. It is not your mobile money PIN.", hub=visit.hub.name),
        "register.pin_again",
        purpose="choose",
    )


@screen("register.pin_again", goes=("register.save", "register.pin"))
def pin_again(visit: Visit) -> Secret:
    return Secret(_("The same PIN again:"), "register.save", purpose="again", failed="register.pin")


@action("register.save", goes=("home", "register.full"))
def save(visit: Visit) -> str:
    """Keep the person; from the next screen on the session is hers."""
    draft, language = visit.draft, visit.language
    common = {
        "now": visit.now,
        "msisdn": visit.msisdn,
        "name": draft["name"],
        "language": language,
        "place": draft["place"],
        "pin_hash": draft["new_pin"],
        "consent_version": visit.hub.consent.version,
        "channel": "ussd",
    }
    others = len(people.on_number(visit.tx, visit.msisdn))
    try:
        if draft["role"] == "seller":
            person = people.register_seller(visit.tx, **common)
        else:
            person = people.register_buyer(visit.tx, country=visit.hub.country, **common)
            buyers.ask_contact_code(
                visit.tx, now=visit.now, clock=visit.clock, key=visit.settings.secret_key, person_id=person["id"]
            )
    except people.Refused:
        return "register.full"
    visit.become(visit.tx.person_load(id=person["id"]))
    visit.state.shared = others > 0
    visit.state.verified_until = visit.now + visit.clock.wait(180_000)
    visit.guide(_("You are registered. Welcome!"))
    return "home"


@screen("register.full")
def full(visit: Visit) -> Done:
    return Done(
        _("Too many people use this number. Call {phone}.", phone=visit.settings.support_phone),
    )
