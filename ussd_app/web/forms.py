"""What people type into a page: read by an allow-list, kept as typed, each fault beside its field."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime

from flask import abort, request

from ussd_app.hubs import Hub, Produce
from ussd_app.i18n import Amount, Msg, Quantity, _
from ussd_app.lib import clock as clocks
from ussd_app.lib import typed
from ussd_app.market.terms import CARRIERS, PLACE_LONGEST, POINTS, Terms

CSRF_FIELD = "csrf_token"
TERMS_FIELDS = ("quantity", "price", "price_floaters", "point", "handover_place", "handover_at", "carrier")
WHOLE_FORM = ""  # the fault of no field in particular
_TIME = "%Y-%m-%d %H:%M"


class Form:
    """The texts of a form by field name, and what is wrong with them."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = dict(texts)
        self.faults: dict[str, Msg] = {}

    def __getitem__(self, name: str) -> str:
        return self.texts.get(name, "")

    def fault(self, name: str, why: Msg) -> None:
        """Note what is wrong with a field; its first fault stays."""
        self.faults.setdefault(name, why)


def posted(names: Iterable[str]) -> Form:
    """The form of this request: one line of text for each of `names`, empty where nothing was sent.

    Aborts with 400 where a field is sent that the form does not have, or one is sent twice.
    """
    known = set(names)
    for name, values in request.form.lists():
        if name != CSRF_FIELD and (name not in known or len(values) != 1):
            abort(400)
    return Form({name: one_line(request.form.get(name, "")) for name in known})


def one_line(text: str) -> str:
    """`text` on one line, without control and invisible characters (a database may refuse them)."""
    plain = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in text)
    return " ".join(plain.split())


def read_terms(form: Form, hub: Hub, kind: Produce, currency: str, settlement: str) -> Terms | None:
    """The terms of an offer as typed; None where a field is at fault.

    Args: `kind` the produce offered on; `currency` the listing's; `settlement` how it is to be paid, which no form asks.
    """
    quantity = read_quantity(form["quantity"], kind)
    if quantity is None:
        most = Quantity(kind.max_quantity, kind.unit)
        form.fault(
            "quantity", _("Write a quantity such as {example}, at most {most}.", example=example(kind), most=most)
        )
    price = _price(form, "price", kind, currency)
    floaters = _price(form, "price_floaters", kind, currency) if form["price_floaters"] else None
    for name, choices in (("point", POINTS), ("carrier", CARRIERS)):
        if form[name] not in choices:
            form.fault(name, _("Choose one."))
    place = _place(form, hub)
    handover_at = _moment(form)
    if form.faults or quantity is None or price is None:
        return None
    return Terms(
        quantity=quantity,
        price=price,
        price_floaters=floaters,
        point=form["point"],
        handover_place=place,
        handover_at=handover_at,
        carrier=form["carrier"],
        settlement=settlement,
    )


def read_quantity(text: str, kind: Produce) -> int | None:
    """A quantity of `kind` in its base units, or None."""
    readers = {"g": typed.grams, "ml": typed.millilitres, "piece": typed.pieces}
    return readers[kind.unit](text, kind.max_quantity)


def example(kind: Produce) -> str:
    """A quantity of `kind` as people may write it."""
    return {"g": "40 kg", "ml": "40 L", "piece": "12"}[kind.unit]


def texts_of(terms: Terms, hub: Hub, kind: Produce, currency: str) -> dict[str, str]:
    """What a form shows of `terms` to start from."""
    place = terms.handover_place
    return {
        "quantity": Quantity(terms.quantity, kind.unit).render("en"),
        "price": Amount(terms.price, currency).render("en"),
        "price_floaters": "" if terms.price_floaters is None else Amount(terms.price_floaters, currency).render("en"),
        "point": terms.point,
        "carrier": terms.carrier,
        "handover_place": hub.places.get(place).label if place.isdigit() else place,
        "handover_at": "" if terms.handover_at is None else clocks.local(terms.handover_at).strftime("%Y-%m-%dT%H:%M"),
    }


def _price(form: Form, name: str, kind: Produce, currency: str) -> int | None:
    price = typed.minor(form[name], currency, kind.max_price)
    if price is None:
        most = Amount(kind.max_price, currency)
        form.fault(name, _("Write an amount in {currency}, at most {most}.", currency=currency, most=most))
    return price


def _place(form: Form, hub: Hub) -> str:
    """The code of the place where a label of the hub was written, else the words themselves."""
    text = form["handover_place"]
    for place in hub.places.find(text, 6):
        if place.label.casefold() == text.casefold():
            return place.code
    if not 0 < len(text) <= PLACE_LONGEST:
        form.fault("handover_place", _("Write a place of at most {most} characters.", most=PLACE_LONGEST))
    elif text.isdigit():
        form.fault("handover_place", _("Write the place in words."))
    return text


def _moment(form: Form) -> int | None:
    """The time typed, in the hub's time zone, as epoch ms; None for no time."""
    text = form["handover_at"].replace("T", " ")
    if not text:
        return None
    try:
        when = datetime.strptime(text[:16], _TIME)
    except ValueError:
        form.fault("handover_at", _("Write a day and time such as 2026-11-23 14:00."))
        return None
    return int(when.replace(tzinfo=clocks.KIGALI).timestamp() * 1000)
