"""What a rule of the market said no with, as one plain line."""

from __future__ import annotations

from ussd_app.i18n import Amount, Msg, Quantity, When, _
from ussd_app.market.terms import Refused


def line(refused: Refused, unit: str = "g") -> Msg:
    """The line a caller reads; `unit` is that of the produce in question."""
    facts = refused.facts
    if refused.reason == "below_floor":
        return below_floor(facts)
    if refused.reason == "not_enough":
        return _("Only {left} left.", left=Quantity(facts["left"], unit))
    if refused.reason == "over_cap" and facts["cap"] == "max_quantity":
        return _("Not verified yet: at most {most}.", most=Quantity(facts["most"], unit))
    if refused.reason == "over_cap" and facts["cap"] == "max_value_minor":
        return _("Not verified yet: at most {most}.", most=Amount(facts["most"]))
    if refused.reason == "over_cap" and facts["cap"] == "max_offers_a_day":
        return _("Too many offers today: at most {n}.", n=facts["most"])
    if refused.reason == "over_cap":
        return _("You have too many open offers: at most {n}.", n=facts["most"])
    if refused.reason == "too_early":
        return _("Not before {time}.", time=When(facts["from_at"]))
    if refused.reason == "surplus":
        return _(
            "At most {most} more fits this order. For the rest make a new offer.", most=Quantity(facts["most"], unit)
        )
    if refused.reason in ("over_deducted", "too_much"):
        return _("At most {most}.", most=Amount(facts["most"]))
    if refused.reason == "paid_out":
        return _("At least {least}: so much was paid out already.", least=Amount(facts["least"]))
    if refused.reason == "change_waits":
        return _("Another change waits until {time}.", time=When(facts["ready_at"]))
    plain = {
        "waiting": _("The seller has not answered the last weight yet."),
        "nothing_delivered": _("Nothing was weighed and agreed yet."),
        "asked_already": _("A request is under way already. Look at your phone."),
        "nothing_due": _("Nothing is due."),
        "disputed": _("A problem is open. Nothing moves until it ends."),
        "open_already": _("A problem is open already."),
        "same_wallet": _("Your money comes there already."),
        "agent_wallet": _("Not the number of who registered you."),
        "number_full": _("Too many people are paid on that number."),
        "expired": _("Its time is over."),
        "gone": _("It is no longer open."),
        "not_found": _("It is no longer there."),
        "changed": _("It changed meanwhile. Look again."),
        "too_late": _("The 5 minutes to undo are over."),
        "too_many_rounds": _("No more counter-offers: accept or refuse."),
        "own_listing": _("This is your own."),
        "no_floaters": _("This produce has no second price."),
        "nothing_to_repeat": _("You have sold nothing here yet."),
    }
    return plain.get(refused.reason) or _("Not possible. Try again.")


def below_floor(facts: dict[str, object]) -> Msg:
    """The official price with its date; an old season's is shown as such by that date."""
    floor = Amount(int(str(facts["floor"])), str(facts.get("currency", "RWF")))
    since = day_of(str(facts["valid_from"]))
    if facts.get("kind") == "fixed":
        return _("The official price is fixed: {floor} (since {day}).", floor=floor, day=since)
    return _("Below the official minimum: {floor} (since {day}).", floor=floor, day=since)


def day_of(iso: str) -> str:
    """25/01/2025 of 2025-01-25: a dated row always shows its year."""
    year, month, day = iso.split("-")
    return f"{day}/{month}/{year}"
