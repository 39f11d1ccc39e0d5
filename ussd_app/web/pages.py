"""What every page of the market shares: who asks, in which language, how it is drawn and with which headers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import Any, Protocol

from flask import Flask, Request, Response, g, make_response, redirect, render_template, request, session, url_for
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from werkzeug.wrappers import Response as AnyResponse

from ussd_app.hubs import Hub, Produce
from ussd_app.i18n import Msg, Named, Quantity, Text, When, _, show
from ussd_app.lib import money
from ussd_app.lib.clock import Clock
from ussd_app.market.terms import HOUR_MS, amount
from ussd_app.settings import Settings
from ussd_app.store import Store

SIGNED_IN_MS = 12 * HOUR_MS
LANGUAGE_NAMES = {"rw": "Kinyarwanda", "en": "English", "fr": "Français", "sw": "Kiswahili"}
MACHINE_PATHS = ("/ussd/", "/sms/", "/payments/")  # no people there: no session, no cookie
_POLICY = "default-src 'self'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'"
_OWN_PATH = re.compile(r"/(?![/\\])[\w\-./?=&]*", re.ASCII)
_NBSP = "\u00a0"
View = Callable[..., AnyResponse]


class PageParts(Protocol):
    """What the pages need of the application."""

    @property
    def settings(self) -> Settings: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def hub(self) -> Hub: ...

    @property
    def store(self) -> Store: ...


@dataclass
class Visitor:
    """Who asks: the row of an active buyer or of who acts for a cooperative (None: nobody is signed in), the language,
    and when (epoch ms)."""

    person: dict[str, Any] | None
    language: str
    now: int

    @property
    def buyer(self) -> dict[str, Any] | None:
        """The same row where the person buys."""
        return self.person if self.person and self.person["verification"] is not None else None


class PeopleSessions(SecureCookieSessionInterface):
    """Flask's signed cookie, opened for people alone: a gateway's turn pays nothing for it."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        return None if request.path.startswith(MACHINE_PATHS) else super().open_session(app, request)


# --- who asks -----------------------------------------------------------------------------------------------------


def load_visitor(parts: PageParts) -> Visitor:
    """The visitor of this request; a session that is over, or of somebody no longer active, is nobody's."""
    now = parts.clock.now()
    person = _signed_in(parts, now)
    language = person["language"] if person else chosen_language(parts.hub)
    return Visitor(person, language if language in parts.hub.languages else "en", now)


def _signed_in(parts: PageParts, now: int) -> dict[str, Any] | None:
    person_id, since = session.get("person"), session.get("since")
    if not isinstance(person_id, str) or not isinstance(since, int):
        return None
    if not 0 <= now - since < parts.clock.wait(SIGNED_IN_MS):
        return None
    with parts.store.read() as tx:
        person: dict[str, Any] | None = tx.web_visitor(person_id=person_id, now=now)
    if person is None or (person["signed_out_at"] is not None and person["signed_out_at"] >= since):
        return None
    return person if person["acts_for"] or person["verification"] is not None else None


def chosen_language(hub: Hub) -> str:
    """The language of somebody not signed in: `?lang=`, else the browser's, else English."""
    asked = request.args.get("lang")
    if asked in hub.languages:
        return str(asked)
    return request.accept_languages.best_match(hub.languages) or "en"


def begin_session(person_id: str, now: int) -> None:
    """Sign a person in with a new session; nothing of the old one stays."""
    session.clear()
    session.update(person=person_id, since=now)


def for_buyers(view: View) -> View:
    """Only for a buyer who is signed in; who acts for a cooperative alone is led to its pages, others to sign in."""

    @wraps(view)
    def guarded(*args: Any, **values: Any) -> AnyResponse:
        if g.visitor.person is None:
            return to_sign_in()
        return see("cooperative.choose") if g.visitor.buyer is None else view(*args, **values)

    return guarded


def to_sign_in() -> AnyResponse:
    """Lead to the sign-in page, and from there back to the page asked for."""
    back = own_path(request.full_path.rstrip("?")) if request.method == "GET" else "/"
    return redirect(url_for("market.sign_in", next=back), 303)


def own_path(text: str) -> str:
    """`text` if it is a plain path of ours, else `/`: nobody is led to another place from here."""
    return text if _OWN_PATH.fullmatch(text) else "/"


# --- drawing ------------------------------------------------------------------------------------------------------


class Words:
    """How values are written on a page of one language."""

    def __init__(self, hub: Hub, language: str, now: int) -> None:
        self.hub, self.language, self.now = hub, language, now

    def t(self, text: str | Msg, **values: Any) -> str:
        """A text in the page's language, its holes filled."""
        return (text if isinstance(text, Msg) else Msg(text, values)).render(self.language)

    def amount(self, minor: int, currency: str) -> str:
        return money.show(minor, currency).replace(" ", _NBSP)

    def quantity(self, base_units: int, unit: str) -> str:
        return Quantity(base_units, unit).render(self.language).replace(" ", _NBSP)

    def price(self, minor: int, row: Mapping[str, Any]) -> str:
        """A price with what it is for: 650 RWF/kg."""
        return f"{self.amount(minor, row['currency'])}/{self.per(row['produce'])}"

    def per(self, produce: str) -> str:
        kind = self.hub.produce_by(produce)
        return self.t(_("piece")) if kind.unit == "piece" else "L" if kind.unit == "ml" else "kg"

    def total(self, row: Mapping[str, Any]) -> str:
        return self.amount(amount(row["quantity"], row["price"], row["unit"]), row["currency"])

    def when(self, at: int) -> str:
        return When(at).render(self.language).replace(" ", _NBSP)

    def left(self, until: int) -> str:
        """How long until `until` (epoch ms): 2 days, 5 h, 20 min."""
        minutes = max(0, until - self.now) // 60_000
        if minutes >= 48 * 60:
            return self.t(_("{n} days", n=minutes // (24 * 60)))
        return self.t(_("{n} h", n=minutes // 60) if minutes >= 60 else _("{n} min", n=minutes))

    def place(self, place: str) -> str:
        """A place code's label, or the words written instead."""
        return self.hub.places.get(place).label if place.isdigit() else place

    def produce(self, code: str) -> str:
        return Named(self.hub.produce_by(code).names).render(self.language)

    def kind(self, code: str) -> Produce:
        return self.hub.produce_by(code)

    def country(self, code: str) -> str:
        return dict(countries(self.language)).get(code, code)

    def show(self, value: Text) -> str:
        return show(value, self.language)


def draw(parts: PageParts, template: str, status: int = 200, **values: Any) -> Response:
    """A page from `template`, for the visitor of this request. Pages hold private things and are never cached."""
    visitor: Visitor = g.visitor
    words = Words(parts.hub, visitor.language, visitor.now)
    html = render_template(
        template,
        w=words,
        t=words.t,
        hub=parts.hub,
        me=visitor.buyer,
        person=visitor.person,
        language=visitor.language,
        language_names={code: LANGUAGE_NAMES.get(code, code) for code in parts.hub.languages},
        support_phone=parts.settings.support_phone,
        service_code=parts.settings.service_code,
        now=visitor.now,
        **values,
    )
    response = make_response(html, status)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Language"] = visitor.language
    return response


def problem(parts: PageParts, status: int, title: Msg, text: Msg) -> Response:
    """A page that says what went wrong. It asks neither the store nor the session, which may be what failed."""
    if "visitor" not in g:
        g.visitor = Visitor(None, chosen_language(parts.hub), parts.clock.now())
    return draw(parts, "market_problem.html", status, title=title, text=text)


def see(endpoint: str, **values: Any) -> AnyResponse:
    """Lead on to a page after a form was acted on."""
    return redirect(url_for(endpoint, **values), 303)


@lru_cache(maxsize=8)
def countries(language: str) -> tuple[tuple[str, str], ...]:
    """(code, name) of every country by its name in `language`; English where the language has too few."""
    from babel import Locale

    names = {code: name for code, name in _territories(Locale.parse(language)).items()}
    if len(names) < 200:
        names = {**_territories(Locale.parse("en")), **names}
    return tuple(sorted(names.items(), key=lambda pair: pair[1]))


def _territories(locale: Any) -> dict[str, str]:
    """ISO countries of a locale's list: two letters, and none of the areas that are no country."""
    never = {"EU", "EZ", "UN", "XA", "XB", "ZZ", "QO", "AC", "CP", "DG", "EA", "IC", "TA"}
    return {
        code: name
        for code, name in locale.territories.items()
        if len(code) == 2 and code.isalpha() and code not in never
    }


# --- headers ------------------------------------------------------------------------------------------------------


def guard_headers(settings: Settings) -> Callable[[Response], Response]:
    """An after_request hook: the headers that keep a page to itself."""

    def guard(response: Response) -> Response:
        if response.mimetype == "text/html":
            response.headers["Content-Security-Policy"] = _POLICY
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.headers["Referrer-Policy"] = "same-origin"
            if settings.production:
                response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        return response

    return guard
