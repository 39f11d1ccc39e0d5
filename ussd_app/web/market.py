"""The buyers' pages: what is for sale, and the way in. `register` puts them, and what protects them, into the app.

Law of these modules: a view reads a form, calls one rule of the market in one transaction, and draws or leads on.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, Response, g, request, url_for
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response as AnyResponse

from ussd_app.hubs import Produce
from ussd_app.i18n import _
from ussd_app.lib import clock as clocks
from ussd_app.market import buyers, prices, rates
from ussd_app.store import StoreError, Tx
from ussd_app.web import (
    cooperative,
    cooperative_rosters,
    market_money,
    market_offers,
    market_orders,
    market_transfers,
    sign_in,
)
from ussd_app.web.pages import PageParts, PeopleSessions, draw, for_buyers, guard_headers, load_visitor, problem, see
from ussd_app.web.refusals import shown_day

PAGE = 12
# Blueprints of machines, and of development.
CSRF_FREE = ("callbacks", "payment_callbacks", "sim_callbacks", "phones")
PEOPLE = ("market", "cooperative")  # blueprints of pages


def register(app: Flask, parts: PageParts) -> None:
    """Put the pages of buyers and cooperatives into `app`, with CSRF protection for every form, a session for people alone, and headers.

    Blueprints of gateways must be registered before: they are left out of the CSRF protection.
    """
    app.session_interface = PeopleSessions()
    app.config["WTF_CSRF_TIME_LIMIT"] = None  # as long as the session: a form left open overnight loses nothing
    app.before_request(cooperative_rosters.allow_files)  # before the CSRF protection, which reads the form
    csrf = CSRFProtect(app)
    for name in CSRF_FREE:
        if name in app.blueprints:
            csrf.exempt(app.blueprints[name])
    app.after_request(guard_headers(parts.settings))
    app.register_blueprint(market_pages(parts))
    app.register_blueprint(cooperative.cooperative_pages(parts))
    _register_problems(app, parts)


def market_pages(parts: PageParts) -> Blueprint:
    """The blueprint of every page for buyers."""
    pages = Blueprint("market", __name__)

    @pages.before_request
    def know_visitor() -> None:
        g.visitor = load_visitor(parts)

    @pages.url_defaults
    def keep_language(endpoint: str, values: dict[str, Any]) -> None:
        """Who is not signed in keeps a chosen language from page to page."""
        asked = request.args.get("lang") if request else None
        if asked in parts.hub.languages and "visitor" in g and g.visitor.person is None:
            values.setdefault("lang", asked)

    @pages.get("/")
    def home() -> AnyResponse:
        if g.visitor.person is None:
            return _welcome(parts)
        return see("cooperative.choose") if g.visitor.buyer is None else _for_sale(parts)

    @pages.get("/account")
    @for_buyers
    def account() -> AnyResponse:
        return draw(parts, "market_account.html", caps=buyers.caps(g.visitor.buyer["verification"]), levels=_levels())

    sign_in.add_routes(pages, parts)
    market_offers.add_routes(pages, parts)
    market_orders.add_routes(pages, parts)
    market_money.add_routes(pages, parts)
    market_transfers.add_routes(pages, parts)
    return pages


def _welcome(parts: PageParts) -> Response:
    """For whoever is not signed in: what this is, and the official prices of the day."""
    with parts.store.read() as tx:
        floors = tx.floors_in_force(currency=parts.hub.currency, day=clocks.day(g.visitor.now))
    known = {kind.code: kind for kind in parts.hub.produce}
    floors = [floor | {"since": shown_day(floor["valid_from"])} for floor in floors if floor["produce"] in known]
    floors.sort(key=lambda floor: known[floor["produce"]].number)
    return draw(parts, "market_welcome.html", floors=floors, currency=parts.hub.currency)


def _for_sale(parts: PageParts) -> Response:
    """What is open of a produce, the cheapest first, in a district or the whole country."""
    district = request.args.get("district", "")
    districts = sorted((place for place in parts.hub.places if place.kind == "district"), key=lambda place: place.name)
    if district and district not in {place.code for place in districts}:
        raise NotFound
    after_price, after_id = _after(request.args.get("after", ""))
    page = {"now": g.visitor.now, "after_price": after_price, "after_id": after_id, "limit": PAGE + 1}
    with parts.store.read() as tx:
        offered = {row["produce"] for row in tx.listing_kinds_open()}
        kind = _kind_asked(parts, offered)
        found = (
            tx.listings_by_district(produce=kind.code, district=district, **page)
            if district
            else tx.listings_by_produce(produce=kind.code, **page)
        )
        rows = found[:PAGE]
        floor = rates.floor_for(tx, kind.code, parts.hub.currency, g.visitor.now)
        near = _medians(tx, parts, kind.code, [row["district"] for row in rows])
    following = ""
    if len(found) > PAGE:
        following = url_for("market.home", produce=kind.code, district=district or None, after=_key(rows[-1]))
    return draw(
        parts,
        "market_for_sale.html",
        rows=rows,
        following=following,
        first=not after_id,
        produce=kind,
        offered=offered,
        district=district,
        districts=districts,
        floor=floor,
        floor_since=shown_day(floor.valid_from),
        near=near,
    )


def _kind_asked(parts: PageParts, offered: set[str]) -> Produce:
    """The produce asked for, or the first of the hub's list of which there is any."""
    code = request.args.get("produce")
    for kind in parts.hub.produce:
        if kind.code == code or (not code and kind.code in offered):
            return kind
    if code:
        raise NotFound
    return parts.hub.produce[0]


def _medians(tx: Tx, parts: PageParts, produce: str, districts: list[str]) -> dict[str, prices.Recent | None]:
    """The recent trades near each district on the page (at most PAGE of them, one indexed statement each)."""
    return {
        district: prices.median(tx, parts.hub, produce, district, g.visitor.now)
        for district in dict.fromkeys(districts)
    }


def _key(row: dict[str, Any]) -> str:
    return f"{row['price']}.{row['id']}"


def _after(key: str) -> tuple[int, str]:
    """Where the page before ended: its last price and id."""
    price, _dot, listing_id = key.partition(".")
    return (int(price), listing_id) if price.isascii() and price.isdigit() and len(price) < 16 else (0, "")


def _levels() -> dict[str, dict[str, int]]:
    return {level: buyers.caps(level) for level in ("new", "confirmed", "verified")}


def _register_problems(app: Flask, parts: PageParts) -> None:
    """Pages for what went wrong. Machines get Flask's own short answers."""

    def for_people(status: int, title: Any, text: Any) -> Response:
        return problem(parts, status, title, text)

    @app.errorhandler(CSRFError)
    def old_form(error: CSRFError) -> AnyResponse:
        text = _("Go back, load the page again and send the form once more. Your browser must accept our cookie.")
        return for_people(400, _("This form could not be trusted."), text)

    @app.errorhandler(404)
    def not_there(error: HTTPException) -> AnyResponse:
        if request.blueprint not in PEOPLE and request.method not in ("GET", "HEAD"):
            return error.get_response()
        g.visitor = g.get("visitor") or load_visitor(parts)
        return for_people(404, _("Nothing is here."), _("The page does not exist, or it is not yours."))

    @app.errorhandler(413)
    def too_large(error: HTTPException) -> AnyResponse:
        if request.blueprint not in PEOPLE:
            return error.get_response()
        g.visitor = g.get("visitor") or load_visitor(parts)
        return for_people(413, _("The file is too large."), _("At most 1 MB. Send fewer rows at once."))

    @app.errorhandler(StoreError)
    def busy(error: StoreError) -> AnyResponse:
        if request.blueprint not in PEOPLE:
            raise error
        return for_people(503, _("The market is busy."), _("Nothing was lost or done twice. Try again in a minute."))

    @app.errorhandler(500)
    def failed(error: HTTPException) -> AnyResponse:
        if request.blueprint not in PEOPLE:
            return error.get_response()
        return for_people(500, _("Something went wrong here."), _("We were told. Try again, or call us."))

    @app.errorhandler(400)
    def not_understood(error: HTTPException) -> AnyResponse:
        if request.blueprint not in PEOPLE:
            return error.get_response()
        return for_people(400, _("This form was not understood."), _("Load the page again and fill it in once more."))
