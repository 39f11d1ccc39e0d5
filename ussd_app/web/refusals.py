"""What a rule of the market said no with, in plain words and beside the field it is about."""

from __future__ import annotations

from typing import Any

from ussd_app.i18n import Amount, Msg, Quantity, When, _
from ussd_app.market.terms import Refused
from ussd_app.web.forms import WHOLE_FORM

_FIELDS = {
    "not_enough": "quantity", "too_much": "quantity", "bad_quantity": "quantity", "bad_price": "price",
    "no_floaters": "price_floaters", "bad_place": "handover_place", "bad_time": "handover_at",
}  # fmt: skip


def field_of(refused: Refused) -> str:
    """The form's field that `refused` is about, WHOLE_FORM for none."""
    if refused.reason == "below_floor":
        return "price_floaters" if refused.facts["floaters"] else "price"
    if refused.reason == "over_cap" and refused.facts["cap"] not in ("max_open_offers", "max_offers_a_day"):
        return "quantity"
    if refused.reason == "bad_terms":
        return str(refused.facts["term"])
    return _FIELDS.get(refused.reason, WHOLE_FORM)


def words(refused: Refused, unit: str, currency: str) -> Msg:
    """The sentence for a buyer. Quantities are shown in `unit`, amounts in `currency`."""
    facts = refused.facts
    if refused.reason == "below_floor":
        return _below_floor(facts)
    if refused.reason == "over_cap":
        return _over_cap(facts, unit, currency)
    if refused.reason == "not_enough":
        return _("Only {left} is left.", left=Quantity(facts["left"], unit))
    if refused.reason == "too_much":
        return _("At most {most} in one offer.", most=Quantity(facts["most"], unit))
    if refused.reason == "bad_price":
        return _("At most {most}.", most=Amount(facts["most"], currency))
    if refused.reason == "too_many_rounds":
        return _("There were {most} rounds already: accept or decline.", most=facts["most"])
    if refused.reason == "too_early":
        return _("Not before {time}.", time=When(facts["from_at"]))
    if refused.reason == "too_late":
        return _("The time to undo was over at {time}.", time=When(facts["until"]))
    return _PLAIN.get(refused.reason) or _("This is not possible.")


_PLAIN = {
    "gone": _("It is no longer open."),
    "expired": _("Its time is over."),
    "weighed": _("Goods were weighed already."),
    "own_listing": _("These are your own goods."),
    "bad_time": _("Choose a time to come, at most 90 days ahead."),
    "no_floaters": _("This produce has no price for floaters."),
    "bad_quantity": _("Write a quantity."),
    "bad_place": _("Write a place."),
    "bad_terms": _("Choose one."),
}


def _below_floor(facts: dict[str, Any]) -> Msg:
    """The official price with its day: a row of an old season shows as such."""
    values = {"floor": Amount(facts["floor"], facts["currency"]), "day": shown_day(facts["valid_from"])}
    if facts["kind"] == "fixed":
        return _("The official price is fixed: {floor}, since {day}.", **values)
    return _("Below the official minimum of {floor}, in force since {day}.", **values)


def _over_cap(facts: dict[str, Any], unit: str, currency: str) -> Msg:
    if facts["cap"] == "max_open_offers":
        return _("You may have {most} open offers at once, and you have. Withdraw one first.", most=facts["most"])
    if facts["cap"] == "max_offers_a_day":
        return _("Too many offers today: at most {n}.", n=facts["most"])
    if facts["cap"] == "max_value_minor":
        return _("Your account allows at most {most} in one offer.", most=Amount(facts["most"], currency))
    return _("Your account allows at most {most} in one offer.", most=Quantity(facts["most"], unit))


def shown_day(iso: str) -> str:
    """25/01/2025 of 2025-01-25: a dated row always shows its year."""
    return "/".join(reversed(iso.split("-")))
