"""Signing in, registering and signing out, drawn as pages; what happens is in `entry`."""

from __future__ import annotations

from flask import Blueprint, Response, abort, g, request, session
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as AnyResponse

from ussd_app.i18n import Msg, _
from ussd_app.market import people
from ussd_app.store import Tx
from ussd_app.web import entry
from ussd_app.web.forms import Form, posted
from ussd_app.web.gate import client_address
from ussd_app.web.pages import (
    LANGUAGE_NAMES,
    PageParts,
    begin_session,
    countries,
    draw,
    for_buyers,
    own_path,
    problem,
    see,
)

CHOOSE_MS = 5 * 60_000
REGISTER_FIELDS = ("name", "company", "country", "city", "contact", "language", "consent")
COMPANY_LONGEST, CITY_LONGEST = 60, 40
_ANSWERS = {
    "wrong": _("This is not the code. Look again and write its 6 digits."),
    "expired": _("This code is too old. Ask for a new one."),
    "spent": _("This code was used, or written wrong three times. Ask for a new one."),
}
_NO_CONTACT = _("Write a mobile number such as +250 788 123 456, or a mail address.")


def _too_often(parts: PageParts, **counted: int) -> AnyResponse | None:
    """The answer to a client that asks for codes, or tries them, too often; None while it may go on."""
    address, now = client_address(request, parts.settings.trusted_proxies), g.visitor.now
    key, clock = parts.settings.secret_key, parts.clock
    if not parts.store.write(lambda tx: entry.too_often(tx, now=now, clock=clock, key=key, address=address, **counted)):
        return None
    text = _("Too many tries from your connection. Wait an hour, or call {phone}.", phone=parts.settings.support_phone)
    answer = problem(parts, 429, _("Too many tries"), text)
    answer.headers["Retry-After"] = str(clock.wait(entry.HOUR_MS) // 1000)
    return answer


def add_routes(pages: Blueprint, parts: PageParts) -> None:
    """Every page of the way in and out."""
    _add_sign_in_routes(pages, parts)
    _add_who_routes(pages, parts)
    _add_register_routes(pages, parts)
    _add_leaving_routes(pages, parts)


# --- sign in --------------------------------------------------------------------------------------------------------


def _add_sign_in_routes(pages: Blueprint, parts: PageParts) -> None:
    key = parts.settings.secret_key

    @pages.get("/sign-in")
    def sign_in() -> AnyResponse:
        back = own_path(request.args.get("next", "/"))
        return redirect(back, 303) if g.visitor.buyer else draw(parts, "market_sign_in.html", form=Form({"next": back}))

    @pages.post("/sign-in")
    def ask_code() -> AnyResponse:
        form = posted(("contact", "next"))
        contact = entry.read_contact(form["contact"], parts.hub.country)
        if contact is None:
            form.fault("contact", _NO_CONTACT)
            return draw(parts, "market_sign_in.html", 422, form=form)
        if refusal := _too_often(parts, asked=1):
            return refusal
        now = g.visitor.now
        parts.store.write(lambda tx: entry.ask_sign_in(tx, now=now, clock=parts.clock, key=key, contact=contact))
        return draw(parts, "market_code.html", form=form)

    @pages.post("/sign-in/code")
    def check_code() -> AnyResponse:
        form = posted(("contact", "next", "code"))
        contact = entry.read_contact(form["contact"], parts.hub.country)
        if contact is None:
            return see("market.sign_in")
        if refusal := _too_often(parts, tried=1):
            return refusal
        now = g.visitor.now
        answer, found = parts.store.write(
            lambda tx: entry.check_sign_in(tx, now=now, key=key, contact=contact, code=form["code"])
        )
        if answer == "ok" and found:
            return _enter(parts, found, form["next"])
        # The right code of a target nobody has was a guess: one in a million, and it opens nothing.
        form.fault("code", _ANSWERS["wrong" if answer == "ok" else answer])
        return draw(parts, "market_code.html", 422, form=form)


def _enter(parts: PageParts, found: list[people.Person], back: str) -> AnyResponse:
    """Sign in, or ask who it is where several buyers share a number."""
    if len(found) == 1:
        begin_session(found[0]["id"], g.visitor.now)
        return redirect(own_path(back), 303)
    session.clear()
    session.update(choose=[person["id"] for person in found], asked=g.visitor.now)
    return draw(parts, "market_who.html", found=found, back=own_path(back))


def _add_who_routes(pages: Blueprint, parts: PageParts) -> None:
    @pages.post("/sign-in/who")
    def choose_person() -> AnyResponse:
        form = posted(("person", "next"))
        age = g.visitor.now - int(session.get("asked", 0))
        if form["person"] not in session.get("choose", []) or not 0 <= age < parts.clock.wait(CHOOSE_MS):
            return see("market.sign_in")
        begin_session(form["person"], g.visitor.now)
        return redirect(own_path(form["next"]), 303)


# --- register -------------------------------------------------------------------------------------------------------


def _add_register_routes(pages: Blueprint, parts: PageParts) -> None:
    key = parts.settings.secret_key

    @pages.get("/register")
    def register() -> AnyResponse:
        return _draw_register(parts, Form({"country": parts.hub.country, "language": g.visitor.language}))

    @pages.post("/register")
    def ask_registration() -> AnyResponse:
        form = posted(REGISTER_FIELDS)
        wanted = _read_registration(parts, form)
        if wanted is None:
            return _draw_register(parts, form, 422)
        if refusal := _too_often(parts, asked=1):
            return refusal
        now = g.visitor.now
        parts.store.write(lambda tx: entry.ask_registration(tx, now=now, clock=parts.clock, key=key, wanted=wanted))
        return draw(parts, "market_code.html", form=form, registering=REGISTER_FIELDS)

    @pages.post("/register/code")
    def finish_registration() -> AnyResponse:
        form = posted((*REGISTER_FIELDS, "code"))
        wanted = _read_registration(parts, form)
        if wanted is None:
            return _draw_register(parts, form, 422)
        if refusal := _too_often(parts, tried=1):
            return refusal
        now = g.visitor.now

        def work(tx: Tx) -> tuple[str, str]:
            return entry.register(tx, now=now, key=key, hub=parts.hub, wanted=wanted, code=form["code"])

        try:
            answer, person_id = parts.store.write(work)
        except people.Refused as refused:
            form.fault("contact", _REFUSED.get(refused.reason, _NO_CONTACT))
            return _draw_register(parts, form, 422)
        if answer != "ok":
            form.fault("code", _ANSWERS[answer])
            return draw(parts, "market_code.html", 422, form=form, registering=REGISTER_FIELDS)
        begin_session(person_id, now)
        return see("market.account", done="registered")


_REFUSED: dict[str, Msg] = {
    "number_full": _("This number has as many people as it can. Use another, or a mail address."),
    "mail_taken": _("This address belongs to an account already. Call us to make it a buyer's."),
}


def _draw_register(parts: PageParts, form: Form, status: int = 200) -> Response:
    return draw(
        parts,
        "market_register.html",
        status,
        form=form,
        countries=countries(g.visitor.language),
        consent=parts.hub.consent,
        name_longest=people.NAME_LONGEST,
        company_longest=COMPANY_LONGEST,
        city_longest=CITY_LONGEST,
    )


def _read_registration(parts: PageParts, form: Form) -> entry.Registration | None:
    """The registration as typed; None where a field is at fault."""
    if people.clean_name(form["name"]) is None:
        most = people.NAME_LONGEST
        form.fault("name", _("Write a name of 2 to {most} letters; spaces, ' - and . may be in it.", most=most))
    for name, most in (("company", COMPANY_LONGEST), ("city", CITY_LONGEST)):
        if len(form[name]) > most:
            form.fault(name, _("At most {most} characters.", most=most))
    if form["country"] not in dict(countries("en")):
        form.fault("country", _("Choose a country."))
    contact = entry.read_contact(form["contact"], form["country"] or parts.hub.country)
    if contact is None:
        form.fault("contact", _NO_CONTACT)
    if form["language"] not in parts.hub.languages or form["language"] not in LANGUAGE_NAMES:
        form.fault("language", _("Choose a language."))
    if form["consent"] != "yes":
        form.fault("consent", _("Without your yes we may keep nothing of you."))
    if form.faults or contact is None:
        return None
    return entry.Registration(contact, form["name"], form["company"], form["country"], form["city"], form["language"])


# --- leaving, and the language ----------------------------------------------------------------------------------------


def _add_leaving_routes(pages: Blueprint, parts: PageParts) -> None:
    @pages.post("/sign-out")
    def sign_out() -> AnyResponse:
        """Here and wherever else this buyer is signed in."""
        posted(())
        if g.visitor.buyer:
            person_id, now = g.visitor.buyer["person_id"], g.visitor.now
            parts.store.write(lambda tx: tx.web_sign_out(person_id=person_id, now=now))
        session.clear()
        return see("market.home")

    @pages.post("/account/language")
    @for_buyers
    def set_language() -> AnyResponse:
        form = posted(("language",))
        if form["language"] not in parts.hub.languages:
            abort(400)
        person_id, now = g.visitor.buyer["person_id"], g.visitor.now
        parts.store.write(lambda tx: people.set_language(tx, now=now, person_id=person_id, language=form["language"]))
        return see("market.account")
