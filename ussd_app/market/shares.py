"""Pay lists: what an order of a cooperative brought, split by the good kilos its members delivered, and approved.

A draft may be made anew as often as one likes; a manager approves what she saw, with her PIN, and only then anything
is paid (`share_pay`). A second payment at a season's end is a list of its own, by the kilos of the season.
Whoever weighed for an order approves its list only where no other manager could.
"""

from __future__ import annotations

from typing import Any

from ussd_app.lib import ids
from ussd_app.lib.clock import Clock
from ussd_app.market import cooperatives, settlement, share_funds, share_pay
from ussd_app.market.share_books import books as books
from ussd_app.market.share_books import contest as contest
from ussd_app.market.share_books import member_books as member_books
from ussd_app.market.share_books import of_person as of_person
from ussd_app.market.share_books import record_outside as record_outside
from ussd_app.market.splits import Advance, Owes, Part
from ussd_app.market.splits import split as split
from ussd_app.market.terms import Refused, amount
from ussd_app.store import Tx

PayList = dict[str, Any]
Row = dict[str, Any]

SEEN = ("count", "good", "total", "fee", "advance", "rounding")  # what a manager sees before her yes
FUNDS = ("market", "outside")
TOTAL_MOST = 10**12


def draft(tx: Tx, *, now: int, cooperative_id: str, order_id: str, by: str | None = None) -> PayList:
    """Work out the pay list of an order that the cooperative's account sold, anew where it is a draft.

    Args: `by` the manager or clerk who asks (her role is checked), None: the caller answers for it.
    Returns the list's row: count, good (base units), total, fee, advance, rounding (minor units), state `draft`.
    Raises Refused: not_found, not_allowed, gone (state of the order, or `approved`), disputed, nothing_delivered,
    contested (count: weights that members contest).
    """
    if by is not None:
        cooperatives.check_role(tx, by, cooperative_id, "manager", "clerk")
    order = tx.order_hold(id=order_id)
    if order is None or order["cooperative_id"] != cooperative_id or not share_pay.is_account(tx, order):
        raise Refused("not_found")
    if order["state"] not in ("delivered", "disputed", "settled", "closed"):
        raise Refused("gone", state=order["state"])
    if tx.dispute_open_of(order_id=order_id) is not None:  # one that was decided still reads disputed until it is even
        raise Refused("disputed")
    owed = (tx.settlement_of(order_id=order_id) or {"owed": 0})["owed"]
    rows = tx.share_goods_of_order(order_id=order_id)
    _check_uncontested(tx, cooperative_id, order_id=order_id)
    if not owed or not rows:
        raise Refused("nothing_delivered")
    fund = "outside" if order["settlement"] == "outside" else "market"
    about = {"produce": order["produce"], "unit": order["unit"], "currency": order["currency"], "fund": fund}
    tx.pay_list_add(
        id=ids.new_id(), cooperative_id=cooperative_id, order_id=order_id, season="", kind="first", now=now, **about
    )
    row = tx.pay_list_of_order(order_id=order_id)
    if row["state"] != "draft":
        raise Refused("gone", state=row["state"])
    return _fill(tx, now, row, rows, int(owed))


def second(
    tx: Tx, *, now: int, manager_id: str, cooperative_id: str, produce: str, season: str, total: int, fund: str,
    currency: str,
) -> PayList:  # fmt: skip
    """Draft a second payment: `total` minor units of `currency`, split by the good kilos of `season` (see `seasons`).

    Args: `fund` 'market': it is collected from the cooperative's own wallet and goes out to the members' wallets;
    'outside': the cooperative gives it out itself, and records each share. No fee is taken again.
    A draft of the same season is made anew. Returns the list's row.
    Raises Refused: not_allowed, bad_terms (fund), bad_price (most), nothing_delivered, contested (count), gone.
    """
    cooperatives.check_role(tx, manager_id, cooperative_id, "manager")
    if fund not in FUNDS:
        raise Refused("bad_terms", term="fund")
    if not 0 < total <= TOTAL_MOST:
        raise Refused("bad_price", most=TOTAL_MOST)
    rows = tx.share_goods_of_season(cooperative_id=cooperative_id, produce=produce, season=season)
    _check_uncontested(tx, cooperative_id, produce=produce, season=season)
    if not rows:
        raise Refused("nothing_delivered")
    about = {"produce": produce, "unit": rows[0]["unit"], "currency": currency, "fund": fund, "season": season}
    which = {"cooperative_id": cooperative_id, "produce": produce, "season": season}
    tx.pay_list_drop_draft(**which)
    found = tx.pay_list_add(
        id=ids.new_id(), cooperative_id=cooperative_id, order_id=None, kind="second", now=now, **about
    )
    if found is None:
        raise Refused("gone", state="approved")
    return _fill(tx, now, tx.pay_list_by_id(id=found["id"]), rows, total)


def approve(tx: Tx, *, clock: Clock, now: int, manager_id: str, pay_list_id: str, seen: Row | None = None) -> PayList:
    """A manager approves what she saw (`seen`, the columns SEEN; None: as it stands); the caller checked her PIN.

    From here on shares go out as the money is there. Returns the list's row.
    Raises Refused: not_found, not_allowed, gone (state), own_weighing (another manager must), changed (look again),
    disputed, contested, nothing_delivered.
    """
    found = tx.pay_list_by_id(id=pay_list_id)
    if found is None:
        raise Refused("not_found")
    cooperatives.check_role(tx, manager_id, found["cooperative_id"], "manager")
    if found["order_id"]:
        tx.order_hold(id=found["order_id"])
    tx.pay_list_hold(id=pay_list_id)
    before = tx.pay_list_by_id(id=pay_list_id)
    if before["state"] != "draft":
        raise Refused("gone", state=before["state"])
    _check_other(tx, before, manager_id)
    after = _anew(tx, now, before)
    if any(after[name] != (seen or before)[name] for name in SEEN):
        raise Refused("changed")
    for taken in tx.share_deductions_of_list(pay_list_id=pay_list_id):
        if tx.advance_take(id=taken["advance_id"], amount=taken["amount"]) is None:
            raise Refused("changed")
    tx.pay_list_approve(id=pay_list_id, by=manager_id, now=now)
    tx.shares_begin(pay_list_id=pay_list_id, now=now)
    if before["fund"] == "outside":
        tx.shares_own_done(pay_list_id=pay_list_id, now=now)  # it has the money already
    share_pay.note(tx, now, f"person:{manager_id}", "paylist.approved", pay_list_id, "draft", "approved")
    _go_on(tx, clock, now, before)
    row: PayList = tx.pay_list_by_id(id=pay_list_id)
    return row


def send_again(tx: Tx, *, clock: Clock, now: int, manager_id: str, share_id: str) -> Row:
    """A manager lets a share that failed, waits, or was contested go to the member's wallet after all.

    Raises Refused: not_found, not_allowed, gone (it is on its way, was given out, or there is no money of ours in it).
    """
    share = tx.share_by_id(id=share_id)
    if share is None:
        raise Refused("not_found")
    cooperatives.check_role(tx, manager_id, share["cooperative_id"], "manager")
    if share["order_id"]:
        tx.order_hold(id=share["order_id"])
    if tx.share_to_wallet(id=share_id, now=now) is None and (
        share["state"] != "failed" or tx.share_again(id=share_id, now=now) is None
    ):
        raise Refused("gone", state=share["state"])
    share_pay.note(
        tx, now, f"person:{manager_id}", f"share.again:{share_id}", share["pay_list_id"], share["state"], "waiting"
    )
    _go_on(tx, clock, now, tx.pay_list_by_id(id=share["pay_list_id"]))
    row: Row = tx.share_by_id(id=share_id)
    return row


def to_make(tx: Tx, cooperative_id: str, limit: int = 20) -> list[Row]:
    """Orders that were delivered and whose money nobody has approved a list for: id, code, produce, owed, currency."""
    account = cooperatives.by_id(tx, cooperative_id)["account_id"]
    return list(tx.orders_without_pay_list(cooperative_id=cooperative_id, account_id=account, limit=limit))


def lists(tx: Tx, cooperative_id: str, limit: int = 20) -> list[PayList]:
    """The cooperative's lists, the latest first, with order_code or season and how many shares are open."""
    return list(tx.pay_lists_of(cooperative_id=cooperative_id, limit=limit))


def rows_of(tx: Tx, pay_list_id: str) -> list[Row]:
    """Every share of a list with name and number, the cooperative's own (own = 1) last."""
    return list(tx.shares_of(pay_list_id=pay_list_id))


def _go_on(tx: Tx, clock: Clock, now: int, pay_list: PayList) -> None:
    if pay_list["order_id"]:
        settlement.advance(tx, clock=clock, now=now, order_id=pay_list["order_id"])
    else:
        share_funds.advance(tx, clock=clock, now=now, pay_list_id=pay_list["id"])
    share_pay.settle(tx, now=now, pay_list_id=pay_list["id"])


def _anew(tx: Tx, now: int, row: PayList) -> PayList:
    """The draft by what stands now."""
    which = {"cooperative_id": row["cooperative_id"]}
    if row["order_id"]:
        return draft(tx, now=now, order_id=row["order_id"], **which)
    rows = tx.share_goods_of_season(produce=row["produce"], season=row["season"], **which)
    _check_uncontested(tx, produce=row["produce"], season=row["season"], **which)
    return _fill(tx, now, row, rows, row["total"])


def _check_other(tx: Tx, row: PayList, manager_id: str) -> None:
    """Whoever weighed does not also say what is paid for it, where there is somebody else to say so."""
    weighed = row["order_id"] and tx.share_goods_weighed_by(order_id=row["order_id"], clerk_id=manager_id)
    if weighed and any(one["id"] != manager_id for one in cooperatives.managers(tx, row["cooperative_id"])):
        raise Refused("own_weighing")


def _check_uncontested(tx: Tx, cooperative_id: str, *, order_id: str = "", produce: str = "", season: str = "") -> None:
    """A weight that its member contests holds the list. Raises Refused contested."""
    count = tx.share_goods_contested(cooperative_id=cooperative_id, order_id=order_id, produce=produce, season=season)
    if count:
        raise Refused("contested", count=int(count))


def _fill(tx: Tx, now: int, row: PayList, rows: list[Row], total: int) -> PayList:
    """Write the shares of a draft. What has left already, of a list that was approved before, stays as it is."""
    old = {share["person_id"]: share for share in tx.shares_of(pay_list_id=row["id"])}
    via = {person: share["via"] for person, share in old.items()}
    kept = [share for share in old.values() if share["state"] != "draft"]
    own = next((share for share in kept if share["own"]), None)
    kept = [share for share in kept if not share["own"]]
    tx.share_deductions_drop(pay_list_id=row["id"])
    tx.shares_drop(pay_list_id=row["id"])
    charged = sum(share["fee"] + share["advance"] for share in kept)
    gone = sum(share["net"] for share in kept) + max(own["net"] if own else 0, charged)
    rest = [one for one in rows if one["person_id"] not in {share["person_id"] for share in kept}]
    owes = [_owes(tx, now, row, one, free=own is not None) for one in rest]
    left = max(0, total - gone) if rest else 0
    parts = split(left, [one["good"] for one in rest], owes)
    for place, (one, part) in enumerate(zip(rest, parts.parts, strict=True), start=1 + len(kept)):
        _add(tx, now, row["id"], one, part, place, via.get(one["person_id"], _usual(row)))
    nets = sum(share["net"] for share in kept) + sum(part.net for part in parts.parts)
    _fill_own(tx, now, row, own, total - nets, 1 + len(kept) + len(rest))
    taken = {"fee": parts.fee + sum(share["fee"] for share in kept), "rounding": parts.rounding}
    taken["advance"] = parts.advance + sum(share["advance"] for share in kept)
    good = sum(one["good"] for one in rest) + sum(share["good"] for share in kept)
    tx.pay_list_fill(id=row["id"], count=len(rest) + len(kept), good=good, total=total, now=now, **taken)
    found: PayList = tx.pay_list_by_id(id=row["id"])
    return found


def _usual(row: PayList) -> str:
    return "cash" if row["fund"] == "outside" else "wallet"


def _owes(tx: Tx, now: int, row: PayList, one: Row, *, free: bool) -> Owes:
    """What may be taken off: nothing where the cooperative's own share has gone, and the fee only the first time."""
    if free:
        return Owes()
    terms = cooperatives.terms_at(tx, row["cooperative_id"], row["produce"], now)
    fee = amount(one["good"], terms["fee_per_unit"], row["unit"]) if row["kind"] == "first" else 0
    open_ = tx.advances_open_of(cooperative_id=row["cooperative_id"], person_id=one["person_id"])
    return Owes(fee, tuple(Advance(a["id"], a["name"], a["left_amount"]) for a in open_), terms["advance_pct"])


def _add(tx: Tx, now: int, pay_list_id: str, one: Row, part: Part, place: int, via: str) -> None:
    share_id = ids.new_id()
    tx.share_add(
        id=share_id, pay_list_id=pay_list_id, person_id=one["person_id"], own=0, place=place, good=one["good"],
        amount=part.amount, fee=part.fee, advance=part.advance, net=part.net, via=via, now=now,
    )  # fmt: skip
    for taken in part.taken:
        tx.share_deduct(share_id=share_id, advance_id=taken.id, name=taken.name, amount=taken.left)


def _fill_own(tx: Tx, now: int, row: PayList, own: Row | None, net: int, place: int) -> None:
    """The cooperative's own share: what was taken off the others, and what could be given to nobody."""
    if own is not None:
        tx.share_grow(id=own["id"], net=net, now=now)
    elif net:
        tx.share_add(
            id=ids.new_id(), pay_list_id=row["id"], person_id=row["account_id"], own=1, place=place, good=0, amount=0,
            fee=0, advance=0, net=net, via="wallet", now=now,
        )  # fmt: skip
