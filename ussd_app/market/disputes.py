"""Disputes: one side says that something is wrong, and what was not sent yet stays where it is until they agree.

One ends by both (`propose`, `accept`), by whoever opened it (`withdraw`), or by an operator's decision in writing.
After an order was settled a dispute is a claim: it is heard and decided, and the order stays settled.
"""

from __future__ import annotations

from typing import Any

from ussd_app.lib import ids
from ussd_app.lib.clock import Clock
from ussd_app.market import deliveries, orders, settlement, share_pay
from ussd_app.market.help import clean_question
from ussd_app.market.tell import both, tell
from ussd_app.market.terms import Refused, amount
from ussd_app.money import audit, payments
from ussd_app.store import Tx

Dispute = dict[str, Any]
Order = dict[str, Any]

KINDS = ("not_received", "weight", "quality", "price", "not_come", "other")
ENDS = ("settled", "cancelled")


def begin(
    tx: Tx, *, now: int, person_id: str, order_id: str, kind: str, words: str = "", limit_to: tuple[str, ...] = ()
) -> Dispute:
    """One side of an order says that something is wrong: nothing more is asked, sent or paid out until it ends.

    Args: `kind` one of KINDS; `words` hers, at most 160 characters (numbers are blanked); `limit_to` states of the
    order this may be said in, all where empty.
    Returns the dispute's row. Raises Refused: not_found, bad_terms (term), open_already, gone (state).
    """
    if kind not in KINDS:
        raise Refused("bad_terms", term="kind")
    order = _held(tx, order_id)
    if person_id not in (order["seller_id"], order["buyer_id"]):
        raise Refused("not_found")
    if order["state"] not in (limit_to or ("agreed", "delivered", "disputed", "settled")):
        raise Refused("gone", state=order["state"])
    if order["state"] == "disputed" and tx.dispute_open_of(order_id=order_id) is None:
        raise Refused("gone", state="ruled")  # it was decided, and the decision is being carried out
    was = order["state"]
    row: Dispute | None = tx.dispute_add(
        id=ids.new_id(), order_id=order_id, opened_by=person_id, kind=kind, words=clean_question(words), now=now,
        side="seller" if person_id == order["seller_id"] else "buyer", was="delivered" if was == "disputed" else was,
    )  # fmt: skip
    if row is None:
        raise Refused("open_already")
    if was in ("agreed", "delivered"):
        _drop_waiting(tx, now, order)
        orders.move(tx, now=now, order_id=order_id, was=was, becomes="disputed")
    for payment in tx.payments_of_order(order_id=order_id):
        if payment["state"] == "created" and payment["kind"] != "refund":
            payments.cancel(tx, now=now, payment_id=payment["id"], by=f"person:{person_id}", why="disputed")
    share_pay.recall(tx, now=now, order_id=order_id, by=f"person:{person_id}", why="disputed")
    _note(tx, now, f"person:{person_id}", "dispute.opened", row, "", "open")
    seller, buyer = both(tx, order["seller_id"], order["buyer_id"])
    to, other = (buyer, seller) if row["side"] == "seller" else (seller, buyer)
    tell(tx, now, to, "dispute.opened", row["id"], {"code": order["code"], "name": other["name"], "why": kind})
    return row


def not_received(tx: Tx, *, now: int, seller_id: str, order_id: str, words: str = "") -> Dispute:
    """The seller says that her money did not come. Raises Refused as `begin` does."""
    order = tx.order_for_party(id=order_id, person_id=seller_id)
    if order is None or order["seller_id"] != seller_id:
        raise Refused("not_found")
    states = ("delivered", "disputed", "settled")
    return begin(tx, now=now, person_id=seller_id, order_id=order_id, kind="not_received", words=words, limit_to=states)


def propose(
    tx: Tx, *, now: int, person_id: str, dispute_id: str, becomes: str, amount_minor: int | None = None
) -> Dispute:
    """One side offers an end: settled, with what the seller gets (None: what was agreed at delivery), or cancelled.

    The other side hears it; a new proposal takes the place of the last. Raises Refused: not_found, gone, bad_terms,
    too_much (most: minor units), paid_out (least: what the seller has already).
    """
    dispute, order = _of_party(tx, dispute_id, person_id)
    wanted = _wanted(tx, order, dispute, becomes, amount_minor)
    row: Dispute | None = tx.dispute_propose(id=dispute_id, proposed_by=person_id, proposed_as=becomes, amount=wanted)
    if row is None:
        raise Refused("gone", state="ended")
    seller, buyer = both(tx, order["seller_id"], order["buyer_id"])
    to, other = (buyer, seller) if person_id == seller["id"] else (seller, buyer)
    values = {"code": order["code"], "name": other["name"], "currency": order["currency"], "amount_minor": wanted}
    tell(tx, now, to, f"dispute.proposed.{becomes}", f"{dispute_id}:{now}", values)
    return row


def accept(
    tx: Tx, *, clock: Clock, now: int, person_id: str, dispute_id: str, seen_as: str, seen_amount: int
) -> Dispute:
    """The other side agrees to the proposal it saw (`seen_as`, `seen_amount` minor units). The caller checked her PIN.

    Raises Refused: not_found, gone (none is open, or it is her own), changed (another one stands), paid_out.
    """
    dispute, order = _of_party(tx, dispute_id, person_id)
    if dispute["proposed_by"] in (None, person_id):
        raise Refused("gone", state="no_proposal")
    if (dispute["proposed_as"], dispute["proposed_amount"]) != (seen_as, seen_amount):
        raise Refused("changed")
    agreed = tx.deliveries_taken(order_id=order["id"])["net"]
    ended_as = "cancelled" if seen_as == "cancelled" else "agreement" if seen_amount == agreed else "partial"
    return _end(tx, clock, now, dispute, order, ended_as, seen_amount, f"person:{person_id}")


def withdraw(tx: Tx, *, clock: Clock, now: int, person_id: str, dispute_id: str) -> Dispute:
    """Whoever opened it takes it back: the order goes on with what was agreed at delivery; without any, it ends.

    Raises Refused: not_found, gone.
    """
    dispute, order = _of_party(tx, dispute_id, person_id)
    if dispute["opened_by"] != person_id:
        raise Refused("not_found")
    return _end(tx, clock, now, dispute, order, "withdrawn", None, f"person:{person_id}")


def decide(
    tx: Tx, *, clock: Clock, now: int, dispute_id: str, by: str, becomes: str, amount_minor: int | None, why: str
) -> Dispute:
    """An operator (`by`) decides in writing (`why`): settled, with what the seller gets, or cancelled.

    Raises Refused: not_found, no_reason, gone, bad_terms, too_much (most), paid_out (least).
    """
    if not by.strip() or not why.strip():
        raise Refused("no_reason")
    dispute = tx.dispute_by_id(id=dispute_id)
    if dispute is None:
        raise Refused("not_found")
    order = _held(tx, dispute["order_id"])
    if tx.dispute_by_id(id=dispute_id)["state"] != "open":  # as it is now that nobody else can change it
        raise Refused("gone", state="ended")
    wanted = _wanted(tx, order, dispute, becomes, amount_minor)
    return _end(
        tx, clock, now, dispute, order, "decision", wanted, f"operator:{by.strip()}", becomes=becomes, why=why.strip()
    )


def open_of(tx: Tx, order_id: str) -> Dispute | None:
    """The dispute that is open over an order, with its proposal if there is one."""
    row: Dispute | None = tx.dispute_open_of(order_id=order_id)
    return row


def all_open(tx: Tx, limit: int = 100) -> list[Dispute]:
    """Every open dispute, the oldest first, with the order's code, sides, currency and settlement."""
    rows: list[Dispute] = tx.disputes_all_open(limit=limit)
    return rows


def _end(
    tx: Tx,
    clock: Clock,
    now: int,
    dispute: Dispute,
    order: Order,
    ended_as: str,
    wanted: int | None,
    actor: str,
    *,
    becomes: str = "",
    why: str = "",
) -> Dispute:
    by = actor.partition(":")[2] if why else ""
    row: Dispute | None = tx.dispute_end(
        id=dispute["id"], ended_as=ended_as, amount=wanted, by=by, why=why[:200], now=now
    )
    if row is None:
        raise Refused("gone", state="ended")
    _note(tx, now, actor, "dispute.ended", dispute, "open", ended_as)
    if dispute["was"] != "settled":
        came = tx.deliveries_taken(order_id=order["id"])["gross"]
        nothing = ended_as == "withdrawn" and not came
        cancelled = nothing or ended_as == "cancelled" or becomes == "cancelled"
        _carry_out(tx, clock, now, order, None if ended_as == "withdrawn" else wanted, cancelled, bool(why))
    seller, buyer = both(tx, order["seller_id"], order["buyer_id"])
    values: dict[str, Any] = {"code": order["code"], "currency": order["currency"]}
    known = wanted if wanted is not None else settlement.status(tx, order["id"])["owed"]
    for person in (seller, buyer):
        tell(tx, now, person, "dispute.ended", dispute["id"], values | {"amount_minor": known})
    return row


def _carry_out(
    tx: Tx, clock: Clock, now: int, order: Order, wanted: int | None, cancelled: bool, decided: bool
) -> None:
    """Let the order go on as it was agreed or decided."""
    if cancelled or wanted is not None:
        owed = 0 if cancelled else wanted or 0
        settlement.rule(tx, now=now, order_id=order["id"], seller_id=order["seller_id"], amount_minor=owed)
    if cancelled:
        orders.move(tx, now=now, order_id=order["id"], was="disputed", becomes="cancelled")
    else:
        deliveries.end_rest(tx, now=now, order=order, give_back=True)
        # A decision ends what is paid outside; else the order goes on, and is settled once its money has moved.
        over = order["settlement"] == "outside" and decided
        orders.move(tx, now=now, order_id=order["id"], was="disputed", becomes="settled" if over else "delivered")
    settlement.advance(tx, clock=clock, now=now, order_id=order["id"])


def _wanted(tx: Tx, order: Order, dispute: Dispute, becomes: str, amount_minor: int | None) -> int:
    """What the seller gets by such an end, minor units. Raises Refused."""
    if becomes not in ENDS:
        raise Refused("bad_terms", term="becomes")
    sums = share_pay.sums(tx, order["id"])
    least = sums["paid_out"] + sums["paying_out"]
    wanted = 0 if becomes == "cancelled" else amount_minor
    if wanted is None:
        wanted = int(tx.deliveries_taken(order_id=order["id"])["net"])
    # What the whole order would have been worth, at the most that may come of it.
    most = amount(order["quantity"] * (100 + order["tolerance_pct"]) // 100, order["price"], order["unit"])
    if wanted < 0:
        raise Refused("bad_terms", term="amount")
    if wanted > max(most, least):
        raise Refused("too_much", most=max(most, least))
    if wanted < least and dispute["was"] != "settled":
        raise Refused("paid_out", least=least)
    return int(wanted)


def _held(tx: Tx, order_id: str) -> Order:
    order: Order | None = tx.order_hold(id=order_id)
    if order is None:
        raise Refused("not_found")
    return order


def _of_party(tx: Tx, dispute_id: str, person_id: str) -> tuple[Dispute, Order]:
    """An open dispute of this person's order, the order held. Raises Refused."""
    dispute = tx.dispute_by_id(id=dispute_id)
    if dispute is None:
        raise Refused("not_found")
    order = _held(tx, dispute["order_id"])
    if person_id not in (order["seller_id"], order["buyer_id"]):
        raise Refused("not_found")
    dispute = tx.dispute_by_id(id=dispute_id)  # as it is now that nobody else can change it
    if dispute["state"] != "open":
        raise Refused("gone", state="ended")
    return dispute, order


def _drop_waiting(tx: Tx, now: int, order: Order) -> None:
    """What waits for the seller's yes is not agreed while they argue: it may be recorded again by the end of it."""
    waiting = tx.delivery_waiting(order_id=order["id"])
    if waiting is not None and tx.delivery_end(
        id=waiting["id"], state="lapsed", why="disputed", ended_by="market", now=now
    ):
        tx.order_weigh(id=order["id"], more=-1, now=now)


def _note(tx: Tx, now: int, actor: str, action: str, dispute: Dispute, was: str, becomes: str) -> None:
    audit.note(tx, now=now, actor=actor, action=action, subject=f"dispute:{dispute['id']}", was=was, becomes=becomes)
