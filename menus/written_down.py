"""A member whom her cooperative wrote down dials for the first time: consent in her language, a PIN of her own."""

from __future__ import annotations

from typing import Any

from menus.words import LANGUAGES
from ussd_app.engine.screen import Done, Menu, Option, Secret, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Named, _
from ussd_app.market import people


def first(visit: Visit, rows: list[dict[str, Any]]) -> Menu:
    """Instead of the choice of a language: who on this phone is it? `rows` as `members.written_down` gives them."""
    if visit.person is None and not visit.state.language:
        visit.state.language = rows[0]["language"]
    title = _("{cooperative} registered you.", cooperative=rows[0]["cooperative"])
    options = [Option(_("Go on: {name}", name=row["name"]), "written.consent", row["id"]) for row in rows]
    options.append(Option(_("Language"), "written.language", number=7))
    options.append(Option(_("It is not me"), "written.not_me", number=8))
    return Menu(title, options, keep="written", back=bool(visit.state.stack))


@screen("written.language", goes=("written.speak",))
def language(visit: Visit) -> Menu:
    options = [Option(name, "written.speak", code, number) for number, (code, name) in enumerate(LANGUAGES, 1)]
    return Menu(_("Choose language"), options, keep="language")


@action("written.speak", goes=("welcome",))
def speak(visit: Visit) -> str:
    visit.state.language = visit.draft["language"]
    return "welcome"


@action("written.not_me", goes=("welcome",))
def not_me(visit: Visit) -> str:
    """Somebody else on this phone: the usual registration."""
    visit.draft["stranger"] = True
    return "welcome"


@screen("written.consent", goes=("written.pin", "register.refused"))
def consent(visit: Visit) -> Menu:
    """She was never asked before: the same words as for whoever registers herself."""
    return Menu(Named(visit.hub.consent.texts), [
        Option(_("I agree: I sell"), "written.pin"),
        Option(_("No"), "register.refused"),
    ])  # fmt: skip


@screen("written.pin", goes=("written.pin_again",))
def pin(visit: Visit) -> Secret:
    return Secret(
        _("Choose a PIN of {hub}, 5 digits. It is not your mobile money PIN.", hub=visit.hub.name),
        "written.pin_again",
        purpose="choose",
    )


@screen("written.pin_again", goes=("written.save", "written.pin"))
def pin_again(visit: Visit) -> Secret:
    return Secret(_("The same PIN again:"), "written.save", purpose="again", failed="written.pin")


@action("written.save", goes=("home",))
def save(visit: Visit) -> str | Done:
    """From the next screen on the session is hers."""
    person_id = visit.draft["written"]
    others = len(people.on_number(visit.tx, visit.msisdn))
    done = people.confirm_seller(
        visit.tx,
        now=visit.now,
        person_id=person_id,
        msisdn=visit.msisdn,
        pin_hash=visit.draft["new_pin"],
        language=visit.language,
        consent_version=visit.hub.consent.version,
        channel="ussd",
    )
    if not done:
        return Done(_("It is no longer open."))
    visit.become(visit.tx.person_load(id=person_id))
    visit.state.shared = others > 0
    visit.state.verified_until = visit.now + visit.clock.wait(180_000)
    visit.guide(_("You are registered. Welcome!"))
    return "home"
