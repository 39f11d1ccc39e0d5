"""What an order's page shows of weights, money and problems: the same lines and words as on the phones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ussd_app.i18n import Amount, Msg, Quantity, _
from ussd_app.lib.msisdn import mask
from ussd_app.market import deliveries, disputes, receipts, settlement, wallets
from ussd_app.market.terms import Refused, amount
from ussd_app.money import payments
from ussd_app.store import Tx
from ussd_app.trade_words import COMPLAINTS, NOT_RIGHT, WALLETS, not_paid, receipt

Row = dict[str, Any]

MOVING = ("agreed", "delivered", "disputed", "settled")  # states of an order in which money may move or be argued over

_WHY_REFUSED: dict[str, Msg] = NOT_RIGHT | {"disputed": _("A problem was reported.")}
_CHECKED = _("being checked with the wallet, do not pay twice")
_COLLECTED = {
    "created": _("you are asked soon"),
    "sending": _("approve it on your phone, with the wallet's own PIN"),
    "pending": _("approve it on your phone, with the wallet's own PIN"),
    "paid": _("paid"),
    "cancelled": _("never sent"),
}
_GIVEN_BACK = {"paid": _("given back"), "cancelled": _("never sent")}


# --- what was weighed -----------------------------------------------------------------------------------------------


def receipt_of(delivery: Mapping[str, Any]) -> list[Msg]:
    """The lines of a delivery (with its `deductions`) and their sum, as the seller reads them on her phone."""
    return receipt(receipts.lines(delivery), delivery["unit"], delivery["currency"])


def weighed(tx: Tx, order: Row) -> dict[str, Any]:
    """The deliveries of an order, each with its lines, and what may be done about more: `may_weigh`, `may_finish`."""
    rows = [
        row | {"lines": receipt_of(row), "reason": _WHY_REFUSED.get(row["why"]) or row["why"]}
        for row in deliveries.of_order(tx, order["id"])
    ]
    waits = any(row["state"] == "recorded" for row in rows)
    came = any(row["state"] == "agreed" for row in rows)
    open_now = order["state"] == "agreed" and not waits
    more = open_now and deliveries.room(tx, order)[1] > 0
    return {"deliveries": rows, "waits": waits, "may_weigh": more, "may_finish": open_now and came}


# --- money ----------------------------------------------------------------------------------------------------------


def money(tx: Tx, order: Row, me: Row, now: int, providers: tuple[str, ...]) -> dict[str, Any]:
    """The money of an order for its buyer `me`: `sums` (settlement.status) and `left` in minor units, `paid_by` each of
    her payments with words, `wallet` that is asked, `in_parts`, and whether `may_pay` again and from which `wallets`."""
    sums = settlement.status(tx, order["id"])
    row = tx.settlement_of(order_id=order["id"])
    left = max(0, sums["due"] - sums["paid"] + sums["refunded"] + sums["refunding"])
    # Nobody is asked while the agreement may still be undone.
    early = order["state"] == "agreed" and not order["weighed"] and order["regret_until"] > now
    wallet = _wallet(tx, me, row)
    stands = order["state"] in MOVING and disputes.open_of(tx, order["id"]) is None and row is not None
    may_ask = stands and order["settlement"] != "outside" and bool(left) and not sums["asked"] and not early
    return {
        "sums": sums,
        "left": left,
        "stopped": not_paid(sums["collect_stop"]) if sums["collect_stop"] else None,
        "paid_by": [said(one) for one in tx.payments_of_order(order_id=order["id"]) if one["kind"] != "disbursement"],
        "wallet": wallet,
        "in_parts": _parts(tx, order, sums["due"], wallet, now),
        "may_pay": may_ask and bool(me["msisdn"]),
        "by_bank_only": may_ask and not me["msisdn"],
        "wallets": {name: WALLETS[name] for name in WALLETS if name in providers},
    }


def _wallet(tx: Tx, me: Row, row: Row | None) -> dict[str, str] | None:
    """The wallet that is asked for this order: its name and the end of its number; None for a bank or none known."""
    active = wallets.shown(tx, me["person_id"])["active"]
    number = str(active["msisdn"] if active and not active["own"] else me["msisdn"] or "")
    chosen = row["pay_provider"] if row else ""
    provider = chosen or (active["provider"] if active else wallets.hint(number) if number else None)
    if provider not in WALLETS or not number:
        return None
    return {"provider": provider, "name": WALLETS[provider], "number": mask(number)}


def _parts(tx: Tx, order: Row, due: int, wallet: dict[str, str] | None, now: int) -> int:
    """In how many parts so much is asked for, because the wallet moves no more at once."""
    limit = payments.limits_of(tx, wallet["provider"], order["currency"], now) if wallet else None
    return -(-due // limit.transaction) if limit else 1


def said(payment: Row) -> Row:
    """A payment of a buyer's with `words` for its state, `through` for the wallet and `at`, when that was (epoch ms)."""
    through = _("Bank") if payment["provider"] == "bank" else WALLETS.get(payment["provider"], "-")
    at = payment["settled_at"] or payment["created_at"]
    return payment | {"words": _state(payment), "mark": _mark(payment), "through": through, "at": at}


def _state(payment: Row) -> Msg:
    """A payment's state as it is known. What is not known is never called failed."""
    state, back = payment["state"], payment["kind"] == "refund"
    if state in ("unknown", "review"):
        return _CHECKED
    if state == "failed":
        why = not_paid(payment["reason"])
        return _("did not come: {why}, we look at it", why=why) if back else _("not paid: {why}", why=why)
    if back:
        return _GIVEN_BACK.get(state) or _("on its way back to you")
    if payment["provider"] == "bank" and state in ("created", "sending", "pending"):
        return _("we wait for your bank transfer")
    return _COLLECTED[state]


def _mark(payment: Row) -> str:
    """The colour of a payment's state: good, bad, waiting or none."""
    return {"paid": "settled", "failed": "disputed", "cancelled": ""}.get(payment["state"], "open")


# --- problems -------------------------------------------------------------------------------------------------------


def problems(tx: Tx, order: Row, me_id: str) -> dict[str, Any]:
    """The disputes of an order: the one that is open (`problem`), those that ended, and whether one `may_report`."""
    rows = [row | {"problem": COMPLAINTS[row["kind"]], "mine": row["opened_by"] == me_id}
            for row in tx.disputes_of_order(order_id=order["id"])]  # fmt: skip
    open_now = next((row for row in rows if row["state"] == "open"), None)
    agreed = int(tx.deliveries_taken(order_id=order["id"])["net"])
    return {
        "problem": open_now,
        "hers": open_now is not None and open_now["proposed_by"] not in (None, me_id),
        "ended": [row for row in rows if row["state"] != "open"],
        "may_report": open_now is None and order["state"] in ("agreed", "delivered", "settled"),
        "agreed_net": agreed,
        "most": amount(order["quantity"], order["price"], order["unit"]),
    }


# --- a rule said no -------------------------------------------------------------------------------------------------


def no(refused: Refused, order: Row) -> Msg:
    """The sentence for a buyer why a rule about weights, money or problems said no."""
    facts = refused.facts
    if refused.reason == "surplus":
        most = Quantity(facts["most"], order["unit"])
        return _("At most {most} more fits this order. For the rest make a new offer.", most=most)
    if refused.reason == "over_deducted":
        return _("Together at most {most} can be taken off.", most=Amount(facts["most"], order["currency"]))
    if refused.reason == "too_much":
        return _("At most {most}.", most=Amount(facts["most"], order["currency"]))
    if refused.reason == "paid_out":
        least = Amount(facts["least"], order["currency"])
        return _("At least {least}: so much was paid out already.", least=least)
    return _PLAIN.get(refused.reason) or _("This is not possible.")


_PLAIN = {
    "asked_already": _("A request is under way already. Look at your phone."),
    "bad_deduction": _("Write another name, of at most 20 characters."),
    "bad_quantity": _("No more floats than was weighed in all."),
    "bad_terms": _("Choose one."),
    "busy": _("Nothing was lost or done twice. Try again in a minute."),
    "changed": _("It changed meanwhile. Look again."),
    "disputed": _("A problem is open. Nothing moves until it ends."),
    "gone": _("It is no longer open."),
    "no_floaters": _("This produce has no price for floaters."),
    "no_wallet": _("No phone number is known of you. Pay by bank transfer."),
    "nothing_delivered": _("Nothing was weighed and agreed yet."),
    "nothing_due": _("Nothing is to be paid for this order now."),
    "open_already": _("A problem is open already."),
    "outside": _("You pay the seller yourself, as agreed."),
    "stopped": _("no wallet is known"),
    "waiting": _("The seller has not answered the last weight yet."),
}
