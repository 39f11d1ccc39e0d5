"""Where her money goes: which wallet, whose number, and a change of it, slow and aloud."""

from __future__ import annotations

from typing import Any

from menus import refusals
from ussd_app.engine.answers import PhoneNumber
from ussd_app.engine.screen import Ask, Confirm, Done, Menu, Option, Secret, action, screen
from ussd_app.engine.visit import Visit
from ussd_app.i18n import Msg, Text, When, _
from ussd_app.lib.msisdn import mask
from ussd_app.market import sim_swaps, wallets
from ussd_app.market.terms import Refused
from ussd_app.trade_words import WALLETS

NUMBERS = {"mtn_momo": 1, "airtel_money": 2}


def named(visit: Visit) -> dict[str, Text]:
    """The wallets this service works with, by name."""
    return {name: WALLETS[name] for name in WALLETS if name in visit.settings.providers}


def choices(visit: Visit, to: str) -> list[Option]:
    """One option a wallet, each with its lifelong key."""
    return [Option(label, to, name, NUMBERS[name]) for name, label in named(visit).items()]


@screen("wallet.mine", goes=("wallet.number", "wallet.cancel", "wallet.asked"))
def mine(visit: Visit) -> Menu:
    shown = wallets.shown(visit.tx, visit.me["id"])
    active, waiting = shown["active"], shown["waiting"]
    options = []
    if waiting:
        options.append(Option(_("Cancel the change"), "wallet.cancel", number=1))
    else:
        options.append(Option(_("Another wallet or number"), "wallet.number", number=2))
    if wallets.asked_of(visit.tx, visit.me["id"]):
        options.append(Option(_("Money of another person"), "wallet.asked", number=3))
    return Menu(_change(visit, waiting) if waiting else _place(visit, active), options)


def _place(visit: Visit, active: dict[str, Any] | None) -> Msg:
    if active is None:
        return _("Your money comes to the number you dial from.")
    return _(
        "Your money comes to: {wallet} {number}", wallet=WALLETS[active["provider"]], number=mask(active["msisdn"])
    )


def _change(visit: Visit, waiting: dict[str, Any]) -> Msg:
    wallet, number = WALLETS[waiting["provider"]], mask(waiting["msisdn"])
    about = {"subject_id": waiting["id"], "ready_at": waiting["ready_at"]}
    if sim_swaps.holds(visit.tx, now=visit.now, kind="wallet", sim_query=bool(visit.settings.sim_query), **about):
        return _(
            "The change to {wallet} {number} is held until we have looked at it. Call {phone}.",
            wallet=wallet,
            number=number,
            phone=visit.settings.support_phone,
        )
    return _(
        "From {time} your money comes to: {wallet} {number}",
        time=When(waiting["ready_at"]),
        wallet=wallet,
        number=number,
    )


@screen("wallet.number", goes=("wallet.mine_number", "wallet.other"))
def number(visit: Visit) -> Menu:
    return Menu(_("Money to which number?"), [
        Option(_("The one I dial from"), "wallet.mine_number", number=1),
        Option(_("Another number"), "wallet.other", number=2),
    ])  # fmt: skip


@action("wallet.mine_number", goes=("wallet.which",))
def mine_number(visit: Visit) -> str:
    visit.draft["number"] = visit.me["msisdn"]
    return "wallet.which"


@screen("wallet.other", goes=("wallet.which",))
def other(visit: Visit) -> Ask:
    return Ask(_("Phone number of the wallet:"), PhoneNumber(visit.hub.country), "number", "wallet.which")


@screen("wallet.which", goes=("wallet.pin",))
def which(visit: Visit) -> Menu:
    return Menu(
        _("Which wallet does {number} have?", number=visit.draft["number"]), choices(visit, "wallet.pin"), keep="wallet"
    )


@screen("wallet.pin", goes=("wallet.save",))
def pin(visit: Visit) -> Secret:
    title = _(
        "Money to {wallet} {number}. Your PIN:", wallet=WALLETS[visit.draft["wallet"]], number=visit.draft["number"]
    )
    return Secret(title, "wallet.save")


@action("wallet.save", goes=("wallet.pin",))
def save(visit: Visit) -> str | Done:
    """A PIN of an earlier session is none: a resumed draft does not carry it over."""
    if not visit.verified:
        return "wallet.pin"
    try:
        row = wallets.choose(
            visit.tx,
            clock=visit.clock,
            now=visit.now,
            person_id=visit.me["id"],
            provider=visit.draft["wallet"],
            msisdn=visit.draft["number"],
        )
    except Refused as refused:
        return Done(refusals.line(refused))
    if row["state"] == "active":
        return Done(_("Saved. Your money comes to {wallet}.", wallet=WALLETS[row["provider"]]))
    if row["owner_id"]:
        return Done(_("Saved. The owner of that number must say yes. Not before {time}.", time=When(row["ready_at"])))
    return Done(_("Saved. From {time}. Both numbers get an SMS.", time=When(row["ready_at"])))


@screen("wallet.cancel", goes=("wallet.cancel_now",))
def cancel(visit: Visit) -> Confirm:
    return Confirm(_("Cancel the change? Your money goes on to where it went."), "wallet.cancel_now", _("Cancel it"))


@action("wallet.cancel_now")
def cancel_now(visit: Visit) -> Done:
    if wallets.cancel(visit.tx, now=visit.now, person_id=visit.me["id"]):
        return Done(_("Cancelled. Nothing changed."))
    return Done(_("It is no longer open."))


# another person's money


@screen("wallet.asked", goes=("wallet.asked_one",))
def asked(visit: Visit) -> Menu:
    rows = wallets.asked_of(visit.tx, visit.me["id"])
    options = [Option(row["person_name"], "wallet.asked_one", row["id"]) for row in rows]
    return Menu(_("Whose money may come to your wallet?"), options, keep="asked")


@screen("wallet.asked_one", goes=("wallet.yes", "wallet.no"))
def asked_one(visit: Visit) -> Menu | Confirm:
    rows = [row for row in wallets.asked_of(visit.tx, visit.me["id"]) if row["id"] == visit.draft["asked"]]
    if not rows:
        return Menu(_("It is no longer there."), [])
    title = _(
        "{name} wants to be paid into your wallet {wallet}.",
        name=rows[0]["person_name"],
        wallet=WALLETS[rows[0]["provider"]],
    )
    return Confirm(title, "wallet.yes", _("Yes, I agree"), [Option(_("No"), "wallet.no", number=2, confirms=True)])


@action("wallet.yes")
def yes(visit: Visit) -> Done:
    try:
        wallets.say_yes(visit.tx, now=visit.now, owner_id=visit.me["id"], wallet_id=visit.draft["asked"])
    except Refused as refused:
        return Done(refusals.line(refused))
    return Done(_("Saved. You agreed."))


@action("wallet.no")
def no(visit: Visit) -> Done:
    try:
        wallets.say_no(visit.tx, now=visit.now, owner_id=visit.me["id"], wallet_id=visit.draft["asked"])
    except Refused as refused:
        return Done(refusals.line(refused))
    return Done(_("Saved. You refused."))
