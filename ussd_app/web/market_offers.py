"""A buyer's offers: made on a listing, changed, withdrawn, and counter-offers answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, g, request
from werkzeug.wrappers import Response as AnyResponse

from ussd_app.hubs import Produce
from ussd_app.i18n import Msg
from ussd_app.lib import ids
from ussd_app.market import buyers, listings, offers, orders, prices, rates
from ussd_app.market.terms import MAX_ROUNDS, Refused, Terms
from ussd_app.store import Tx
from ussd_app.web import refusals
from ussd_app.web.forms import TERMS_FIELDS, Form, posted, read_terms, texts_of
from ussd_app.web.pages import PageParts, draw, for_buyers, see

PAGE = 20
LAST = "Z"  # after every id, in any collation
FORM_KEPT_MS = 24 * 3_600_000
Row = dict[str, Any]


def add_routes(pages: Blueprint, parts: PageParts) -> None:
    """Listings in detail and everything about offers."""
    _add_listing_routes(pages, parts)
    _add_reading_routes(pages, parts)
    _add_answer_routes(pages, parts)
    _add_terms_routes(pages, parts)


# --- a listing and the offer on it ----------------------------------------------------------------------------------


def _add_listing_routes(pages: Blueprint, parts: PageParts) -> None:
    @pages.get("/listings/<listing_id>")
    @for_buyers
    def listing(listing_id: str) -> AnyResponse:
        row = _listing(parts, listing_id)
        texts = {"quantity": "", "point": "farm_gate", "carrier": "buyer", "handover_place": _place_label(parts, row)}
        return _draw_listing(parts, row, Form(texts), ids.new_id())

    @pages.post("/listings/<listing_id>/offers")
    @for_buyers
    def make_offer(listing_id: str) -> AnyResponse:
        row = _listing(parts, listing_id)
        form = posted((*TERMS_FIELDS, "form_key"))
        usual = parts.settings.settlement[0]
        terms = read_terms(form, parts.hub, parts.hub.produce_by(row["produce"]), row["currency"], usual)
        if terms is not None:
            who, key = _who(), form["form_key"][:40]
            try:
                offer_id = parts.store.write(lambda tx: _make_once(tx, parts, who, listing_id, terms, key))
                return see("market.offer", offer_id=offer_id, done="made")
            except Refused as refused:
                _blame(form, refused, row)
        return _draw_listing(parts, row, form, form["form_key"], 422)


def _listing(parts: PageParts, listing_id: str) -> Row:
    with parts.store.read() as tx:
        row: Row | None = tx.listing_by_id(id=listing_id)
    if row is None:
        abort(404)
    return row


def _place_label(parts: PageParts, row: Row) -> str:
    return parts.hub.places.get(row["place"]).label


def _draw_listing(parts: PageParts, row: Row, form: Form, form_key: str, status: int = 200) -> Response:
    with parts.store.read() as tx:
        summary = prices.summary(tx, parts.hub, row["produce"], row["district"], g.visitor.now)
    open_now = row["state"] == "open" and row["expires_at"] > g.visitor.now and row["seller_id"] != _who().id
    return draw(
        parts,
        "market_listing.html",
        status,
        row=row,
        form=form,
        form_key=form_key,
        open_now=open_now,
        caps=_who().caps,
        **_beside(parts, row, summary.floor, summary.recent),
    )


def _make_once(tx: Tx, parts: PageParts, who: Who, listing_id: str, terms: Terms, form_key: str) -> str:
    """Make the offer of this form, or find the one it made when it was sent before."""
    tx.web_posts_forget(person_id=who.id, before=who.now - FORM_KEPT_MS)
    if form_key and not tx.web_post_take(person_id=who.id, post_key=form_key, now=who.now):
        return str(tx.web_post_offer(person_id=who.id, post_key=form_key))
    offer = offers.make(
        tx,
        hub=parts.hub,
        clock=parts.clock,
        now=who.now,
        buyer_id=who.id,
        listing_id=listing_id,
        terms=terms,
        caps=who.caps,
    )
    if form_key:
        tx.web_post_note(person_id=who.id, post_key=form_key, offer_id=offer["id"])
    return str(offer["id"])


# --- reading one's offers -------------------------------------------------------------------------------------------


def _add_reading_routes(pages: Blueprint, parts: PageParts) -> None:
    @pages.get("/offers")
    @for_buyers
    def my_offers() -> AnyResponse:
        before = request.args.get("before", "")[:40] or LAST
        with parts.store.read() as tx:
            rows = tx.offers_of_buyer_before(buyer_id=_who().id, before=before, limit=PAGE + 1)
            waiting = [] if before != LAST else tx.offers_for_buyer(buyer_id=_who().id, now=g.visitor.now, limit=PAGE)
        more, rows = len(rows) > PAGE, rows[:PAGE]
        rows = [row | {"state": _state(row)} for row in rows]
        before = rows[-1]["id"] if more else ""
        return draw(parts, "market_offers.html", rows=rows, waiting=waiting, before=before)

    @pages.get("/offers/<offer_id>")
    @for_buyers
    def offer(offer_id: str) -> AnyResponse:
        return _draw_offer(parts, offer_id)


def _draw_offer(parts: PageParts, offer_id: str, fault: Msg | None = None) -> Response:
    who = _who()
    with parts.store.read() as tx:
        row = _mine(tx, who, offer_id)
        order_id = tx.order_id_of_offer(offer_id=offer_id, buyer_id=who.id) if row["state"] == "accepted" else None
        summary = prices.summary(tx, parts.hub, row["produce"], row["district"], g.visitor.now)
    row |= {"state": _state(row)}
    return draw(
        parts,
        "market_offer.html",
        422 if fault else 200,
        row=row,
        order_id=order_id,
        fault=fault,
        may_counter=row["round"] < MAX_ROUNDS,
        **_beside(parts, row, summary.floor, summary.recent),
    )


def _state(row: Row) -> str:
    """The state as a buyer sees it: open and past its time is expired, whenever the clean-up comes by."""
    return "expired" if row["state"] == "open" and row["expires_at"] <= g.visitor.now else str(row["state"])


def _mine(tx: Tx, who: Who, offer_id: str) -> Row:
    """The offer with its listing if this is its buyer. Her own goods as a seller are no business of the web: to
    accept for them takes a PIN."""
    row: Row | None = tx.offer_for_buyer(id=offer_id, buyer_id=who.id)
    if row is None:
        abort(404)
    return row


# --- yes, no, take back ---------------------------------------------------------------------------------------------


def _add_answer_routes(pages: Blueprint, parts: PageParts) -> None:
    def act(offer_id: str, rule: Callable[..., object], done: str) -> AnyResponse:
        posted(())
        who = _who()

        def work(tx: Tx) -> None:
            _mine(tx, who, offer_id)
            rule(tx, now=who.now, person_id=who.id, offer_id=offer_id)

        try:
            parts.store.write(work)
        except Refused as refused:
            return _refused(parts, offer_id, refused)
        return see("market.offer", offer_id=offer_id, done=done)

    @pages.post("/offers/<offer_id>/withdraw")
    @for_buyers
    def withdraw(offer_id: str) -> AnyResponse:
        return act(offer_id, offers.withdraw, "withdrawn")

    @pages.post("/offers/<offer_id>/decline")
    @for_buyers
    def decline(offer_id: str) -> AnyResponse:
        return act(offer_id, offers.decline, "declined")

    @pages.get("/offers/<offer_id>/accept")
    @for_buyers
    def accept_or_not(offer_id: str) -> AnyResponse:
        with parts.store.read() as tx:
            row = _mine(tx, _who(), offer_id)
        if _state(row) != "open" or row["made_by"] != "seller":
            return see("market.offer", offer_id=offer_id)
        return draw(parts, "market_accept.html", row=row)

    @pages.post("/offers/<offer_id>/accept")
    @for_buyers
    def accept(offer_id: str) -> AnyResponse:
        posted(())
        who = _who()

        def work(tx: Tx) -> str:
            _mine(tx, who, offer_id)
            order = orders.accept(tx, clock=parts.clock, now=who.now, person_id=who.id, offer_id=offer_id)
            return str(order["id"])

        try:
            order_id = parts.store.write(work)
        except Refused as refused:
            return _refused(parts, offer_id, refused)
        return see("market.order", order_id=order_id, done="accepted")


def _refused(parts: PageParts, offer_id: str, refused: Refused) -> Response:
    """The offer's page again, saying why not; what belongs to others does not exist."""
    if refused.reason == "not_found":
        abort(404)
    with parts.store.read() as tx:
        row = _mine(tx, _who(), offer_id)
    return _draw_offer(parts, offer_id, refusals.words(refused, row["unit"], row["currency"]))


# --- other terms: a change of one's own offer, a counter to the seller's --------------------------------------------


def _add_terms_routes(pages: Blueprint, parts: PageParts) -> None:
    @pages.get("/offers/<offer_id>/terms")
    @for_buyers
    def other_terms(offer_id: str) -> AnyResponse:
        with parts.store.read() as tx:
            row = _mine(tx, _who(), offer_id)
        if _state(row) != "open":
            return see("market.offer", offer_id=offer_id)
        kind = parts.hub.produce_by(row["produce"])
        return _draw_terms(parts, row, Form(texts_of(offers.terms_of(row), parts.hub, kind, row["currency"])))

    @pages.post("/offers/<offer_id>/terms")
    @for_buyers
    def propose_terms(offer_id: str) -> AnyResponse:
        with parts.store.read() as tx:
            row = _mine(tx, _who(), offer_id)
        form = posted(TERMS_FIELDS)
        kind = parts.hub.produce_by(row["produce"])
        terms = read_terms(form, parts.hub, kind, row["currency"], row["settlement"])
        if terms is not None:
            who = _who()
            try:
                new = parts.store.write(lambda tx: _propose(tx, parts, who, offer_id, terms))
                return see("market.offer", offer_id=new["id"], done="changed" if new["replaces"] else "countered")
            except Refused as refused:
                if refused.reason == "not_found":
                    abort(404)
                _blame(form, refused, row)
        return _draw_terms(parts, row, form, 422)


def _propose(tx: Tx, parts: PageParts, who: Who, offer_id: str, terms: Terms) -> Row:
    """Change one's own offer, or answer the seller's with other terms."""
    row = _mine(tx, who, offer_id)
    act = offers.change if row["made_by"] == "buyer" else offers.counter
    return act(
        tx,
        hub=parts.hub,
        clock=parts.clock,
        now=who.now,
        person_id=who.id,
        offer_id=offer_id,
        terms=terms,
        caps=who.caps,
    )


def _draw_terms(parts: PageParts, row: Row, form: Form, status: int = 200) -> Response:
    with parts.store.read() as tx:
        summary = prices.summary(tx, parts.hub, row["produce"], row["district"], g.visitor.now)
    beside = _beside(parts, row, summary.floor, summary.recent)
    return draw(parts, "market_terms.html", status, row=row, form=form, caps=_who().caps, **beside)


# --- shared ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Who:
    """The buyer who asks, for work in a transaction: that may run in another thread, where no request is known."""

    id: str
    now: int
    caps: dict[str, int]


def _who() -> Who:
    buyer = g.visitor.buyer
    return Who(str(buyer["person_id"]), g.visitor.now, buyers.caps(buyer["verification"]))


def _beside(parts: PageParts, row: Row, floor: rates.Floor, recent: prices.Recent | None) -> dict[str, Any]:
    """What stands beside the terms of an offer: the produce, the official price, recent trades nearby."""
    kind: Produce = listings.produce_of(parts.hub, row["produce"])
    return {"kind": kind, "floor": floor, "floor_since": refusals.shown_day(floor.valid_from), "recent": recent}


def _blame(form: Form, refused: Refused, row: Row) -> None:
    form.fault(refusals.field_of(refused), refusals.words(refused, row["unit"], row["currency"]))
