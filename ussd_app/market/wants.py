"""What a buyer asks cooperatives for: their managers get an alert, and take all of it, a part, or refuse.

Taking makes an ordinary listing, offer and order of the cooperative's account. What is left of a want shrinks in one
conditional UPDATE, so two cooperatives at once never take more than was wanted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from ussd_app.hubs import Hub, Produce
from ussd_app.lib import clock as clocks
from ussd_app.lib import ids
from ussd_app.lib.clock import Clock
from ussd_app.market import buyers, cooperatives, listings, offers, orders, rates
from ussd_app.market.calls import drain
from ussd_app.market.tell import goods, tell
from ussd_app.market.terms import HOUR_MS, Refused, Terms, amount, within_caps
from ussd_app.money import audit
from ussd_app.store import Store, Tx

Want = dict[str, Any]

CODE_DIGITS = 4  # and a check digit behind them
LONGEST_MS = 14 * 24 * HOUR_MS  # how long a want may be open
BATCH = 50
_CODE_DRAWS = 50


def make(
    tx: Tx,
    *,
    hub: Hub,
    clock: Clock,
    now: int,
    buyer_id: str,
    produce: str,
    terms: Terms,
    closes_at: int,
    cooperative_ids: Iterable[str] = (),
    district: str = "",
) -> Want:
    """A buyer asks cooperatives for goods; their managers get an alert by SMS, within their order window.

    Args: `now` and `closes_at` epoch ms, at most 14 days apart; `produce` its code; `terms` what is asked for
    (`handover_place` '' = each cooperative's own place, `handover_at` None = the produce's usual time after it was taken;
    its `expires_at` does not matter); the cooperatives by id, or all active ones of a `district` (code).
    Returns the want's row with `asked`, how many cooperatives that are. Raises Refused: not_found (no buyer, or no
    cooperative), not_confirmed, over_cap, below_floor, unknown_produce, bad_quantity, too_much, bad_price, bad_place,
    bad_time, bad_terms, no_floaters.
    """
    kind = listings.produce_of(hub, produce)
    _check(tx, hub, clock, now, kind, terms, closes_at)
    asked = _asked(tx, cooperative_ids, district)
    _check_buyer(tx, now, buyer_id, kind.unit, terms, len(asked))
    want = _add(tx, now, hub, kind, buyer_id, terms, closes_at)
    for row in asked:
        alert_at = alert_time(tx, clock, now, row["id"], kind, closes_at)
        tx.want_alert_add(want_id=want["id"], cooperative_id=row["id"], state="waiting", alert_at=alert_at, now=now)
        if alert_at <= now:
            _alert(tx, now, want, row)
    return want | {"asked": len(asked)}


def take(
    tx: Tx, *, hub: Hub, clock: Clock, now: int, manager_id: str, want_id: str, cooperative_id: str, quantity: int
) -> orders.Order:
    """A manager takes all that is left or a part; an order of the cooperative's account stands, with its regret window.

    Args: `quantity` base units. The caller has checked the PIN before this transaction. Nothing is written where a rule
    says no. Returns the order's row. Raises Refused: not_allowed, not_found, gone, expired, not_enough (left),
    bad_quantity, below_floor, over_cap (the buyer's), and what listing and offering raise.
    """
    cooperatives.check_role(tx, manager_id, cooperative_id, "manager")
    if quantity <= 0:
        raise Refused("bad_quantity")
    with tx.savepoint():
        want = _shrink(tx, now, want_id, cooperative_id, quantity)
        which = {"want_id": want_id, "cooperative_id": cooperative_id}
        if tx.want_alert_taken(**which, quantity=quantity, person_id=manager_id, now=now) is None:
            raise Refused("gone", state="answered")
        order = _order(tx, hub, clock, now, want, cooperatives.by_id(tx, cooperative_id), quantity)
        tx.want_alert_order(**which, order_id=order["id"])
        if want["state"] == "filled":
            tx.want_alerts_lapse(want_id=want_id, now=now)
        _note(tx, now, f"person:{manager_id}", want_id, "want.taken", "sent", "taken")
    return order


def refuse(tx: Tx, *, now: int, manager_id: str, want_id: str, cooperative_id: str) -> None:
    """A manager says no; while the want is open she may still change her mind. Raises Refused: not_allowed, gone."""
    cooperatives.check_role(tx, manager_id, cooperative_id, "manager")
    which = {"want_id": want_id, "cooperative_id": cooperative_id}
    if tx.want_alert_refused(**which, person_id=manager_id, now=now) is None:
        raise Refused("gone", state="answered")
    _note(tx, now, f"person:{manager_id}", want_id, "want.refused", "sent", "refused")


def withdraw(tx: Tx, *, now: int, buyer_id: str, want_id: str) -> Want:
    """The buyer takes back what nobody has taken yet; orders that stand go on. Raises Refused: gone."""
    want: Want | None = tx.want_withdraw(id=want_id, buyer_id=buyer_id, now=now)
    if want is None:
        raise Refused("gone", state="withdrawn")
    tx.want_alerts_lapse(want_id=want_id, now=now)
    _note(tx, now, f"person:{buyer_id}", want_id, "want.withdrawn", "open", "withdrawn")
    return want


def of_cooperative(tx: Tx, want_id: str, cooperative_id: str, now: int) -> Want | None:
    """A want as the cooperative's managers may answer it now, with buyer_name and alert_state; None: no longer."""
    want: Want | None = tx.want_by_id(id=want_id)
    alert = tx.want_alert_of(want_id=want_id, cooperative_id=cooperative_id)
    if want is None or alert is None or want["state"] != "open" or want["closes_at"] <= now:
        return None
    if alert["state"] not in ("waiting", "sent", "refused"):
        return None
    return want | {"alert_state": alert["state"]}


def open_for(tx: Tx, cooperative_id: str, now: int, limit: int = 12) -> list[Want]:
    """What a cooperative can take now, the first to end first, what it refused last."""
    return list(tx.wants_for_cooperative(cooperative_id=cooperative_id, now=now, limit=limit))


def mine(tx: Tx, buyer_id: str, limit: int = 12) -> list[Want]:
    """A buyer's wants, the newest first, with how many cooperatives were `asked` and how many `took` of it."""
    return list(tx.wants_of_buyer(buyer_id=buyer_id, limit=limit))


def alert_time(tx: Tx, clock: Clock, now: int, cooperative_id: str, kind: Produce, closes_at: int) -> int:
    """When the managers of a cooperative may be alerted, epoch ms: now, or when its order window opens next; at once
    where the goods would not keep, or the want would be over, until then."""
    terms = cooperatives.terms_at(tx, cooperative_id, kind.code, now)
    here = clocks.local(now)
    minute = here.hour * 60 + here.minute
    if terms["order_from_minute"] <= minute < terms["order_to_minute"]:
        return now
    midnight = here.replace(hour=0, minute=0, second=0, microsecond=0)
    opening = midnight + timedelta(days=int(minute >= terms["order_to_minute"]), minutes=terms["order_from_minute"])
    opens = round(opening.timestamp() * 1000)
    keeps = min(closes_at, now + clock.wait(kind.handover_hours * HOUR_MS))
    return now if keeps <= opens else opens


# --- the worker's part -------------------------------------------------------------------------------------------


def run(store: Store, now: int) -> int:
    """Send alerts whose window opened, end wants whose time is over, take up orders that were undone.

    Safe to run again and beside another worker: each row moves once. Returns how many rows moved.
    """
    return sum(drain(store, step, now) for step in (alert_due, expire, mend))


def alert_due(tx: Tx, *, now: int) -> int:
    """Alert managers whose order window has opened. Returns how many cooperatives."""
    rows = tx.want_alerts_due(now=now, limit=BATCH)
    for row in rows:
        _alert(tx, now, tx.want_by_id(id=row["want_id"]), cooperatives.by_id(tx, row["cooperative_id"]))
    return len(rows)


def expire(tx: Tx, *, now: int) -> int:
    """End open wants whose time is over; the buyer hears what was not taken. Returns how many."""
    rows = tx.wants_due(now=now, limit=BATCH)
    for row in rows:
        if tx.want_expire(id=row["id"], now=now) is None:
            continue
        tx.want_alerts_lapse(want_id=row["id"], now=now)
        values = goods(row) | {"code": row["code"], "quantity": row["quantity"], "left_quantity": row["left_quantity"]}
        tell(tx, now, row | {"id": row["buyer_id"]}, "want.expired", row["id"], values)
    return len(rows)


def mend(tx: Tx, *, now: int) -> int:
    """Orders of wants that were undone or freed: their listing, which nobody meant to offer, ends, and the want is open
    again for that much. Returns how many."""
    rows = tx.want_alerts_cancelled(limit=BATCH)
    for row in rows:
        want = tx.want_by_id(id=row["want_id"])
        which = {name: row[name] for name in ("want_id", "cooperative_id", "order_id")}
        becomes = "refused" if want["state"] in ("open", "filled") and want["closes_at"] > now else "lapsed"
        if tx.want_alert_back(**which, becomes=becomes, now=now) is None:
            continue
        tx.want_give_back(id=row["want_id"], quantity=row["quantity"], now=now)
        if tx.listing_by_id(id=row["listing_id"])["state"] == "open":
            listings.withdraw(tx, now=now, seller_id=row["seller_id"], listing_id=row["listing_id"], quiet=True)
        _note(tx, now, "worker", row["want_id"], "want.undone", "taken", becomes)
    return len(rows)


# --- inside ------------------------------------------------------------------------------------------------------


def _check(tx: Tx, hub: Hub, clock: Clock, now: int, kind: Produce, terms: Terms, closes_at: int) -> None:
    listings.check_quantity(kind, terms.quantity)
    listings.check_price(kind, terms.price)
    if terms.price_floaters is not None:
        if not kind.floater:
            raise Refused("no_floaters")
        listings.check_price(kind, terms.price_floaters)
    if terms.handover_place.strip().isdigit():
        listings.place_of(hub, terms.handover_place.strip())
    if terms.carrier == "seller" and not terms.handover_place.strip():
        raise Refused("bad_place", most=24)
    if not now < closes_at <= now + clock.wait(LONGEST_MS):
        raise Refused("bad_time")
    if terms.handover_at is not None and terms.handover_at <= now:
        raise Refused("bad_time")
    rates.floor_for(tx, kind.code, hub.currency, now).check(terms.price, terms.price_floaters)


def _check_buyer(tx: Tx, now: int, buyer_id: str, unit: str, terms: Terms, asked: int) -> None:
    """What the buyer's verification allows, counted with what is open of him already."""
    buyer = buyers.by_id(tx, buyer_id)
    if buyer is None or buyer["state"] != "active":
        raise Refused("not_found")
    if buyer["verification"] == "new":
        raise Refused("not_confirmed")
    caps = buyers.caps(buyer["verification"])
    within_caps(caps, terms.quantity, unit, amount(terms.quantity, terms.price, unit))
    tx.lock(f"offers:{buyer_id}")
    busy = tx.want_count_open(buyer_id=buyer_id, now=now) + tx.offer_count_of_buyer(buyer_id=buyer_id, now=now)
    if busy >= caps["max_open_offers"]:
        raise Refused("over_cap", cap="max_open_offers", most=caps["max_open_offers"])
    rung = tx.want_alert_count_since(buyer_id=buyer_id, since=now - 24 * HOUR_MS)
    if rung + asked > caps["max_offers_a_day"]:
        raise Refused("over_cap", cap="max_offers_a_day", most=caps["max_offers_a_day"])


def _asked(tx: Tx, cooperative_ids: Iterable[str], district: str) -> list[Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for cooperative_id in cooperative_ids:
        row = cooperatives.by_id(tx, cooperative_id)
        if row["state"] != "active" or row["account_id"] is None:
            raise Refused("not_found")
        found[row["id"]] = row
    for row in cooperatives.in_district(tx, district) if district else ():
        if row["account_id"] is not None:
            found.setdefault(row["id"], row)
    if not found:
        raise Refused("not_found")
    return [found[one] for one in sorted(found)]


def _add(tx: Tx, now: int, hub: Hub, kind: Produce, buyer_id: str, terms: Terms, closes_at: int) -> Want:
    names = ("quantity", "price", "price_floaters", "point", "handover_at", "carrier", "settlement", "tolerance_pct")
    said = {name: getattr(terms, name) for name in names}
    for _ in range(_CODE_DRAWS):
        want: Want | None = tx.want_add(
            id=ids.new_id(), code=ids.with_check(ids.code_digits(CODE_DIGITS)), buyer_id=buyer_id, produce=kind.code,
            unit=kind.unit, currency=hub.currency, handover_place=terms.handover_place.strip(), closes_at=closes_at,
            now=now, **said,
        )  # fmt: skip
        if want is not None:
            return want
    raise RuntimeError(f"no free code of a want in {_CODE_DRAWS} draws: the codes are running out")


def _alert(tx: Tx, now: int, want: Want, cooperative: Mapping[str, Any]) -> None:
    """Tell every active manager, once: what is wanted, until when, the code."""
    if tx.want_alert_sent(want_id=want["id"], cooperative_id=cooperative["id"], now=now) is None:
        return
    account = tx.contact_of(id=cooperative["account_id"])
    values = goods(want) | {"quantity": want["left_quantity"], "code": want["code"], "closes_at": want["closes_at"]}
    tell(tx, now, account, "want.alert", f"{want['id']}:{cooperative['id']}", values)


def _shrink(tx: Tx, now: int, want_id: str, cooperative_id: str, quantity: int) -> Want:
    """Take `quantity` off the want, or say why not."""
    if tx.want_alert_of(want_id=want_id, cooperative_id=cooperative_id) is None:
        raise Refused("not_found")
    want: Want | None = tx.want_take(id=want_id, quantity=quantity, now=now)
    if want is not None:
        return want
    seen = tx.want_by_id(id=want_id)
    listings.check_open(seen["state"], seen["closes_at"], now)
    raise Refused("not_enough", left=seen["left_quantity"])


def _order(
    tx: Tx, hub: Hub, clock: Clock, now: int, want: Want, cooperative: Mapping[str, Any], quantity: int
) -> orders.Order:
    """The account lists the goods, the buyer's offer stands on them, the account accepts it."""
    buyer = buyers.by_id(tx, want["buyer_id"])
    if buyer is None or buyer["state"] != "active":
        raise Refused("gone", state="withdrawn")
    account = cooperative["account_id"]
    caps = buyers.caps(buyer["verification"])
    offers.check_open_offers(tx, now, want["buyer_id"], caps)
    within_caps(caps, quantity, want["unit"], amount(quantity, want["price"], want["unit"]))
    listing = listings.add(
        tx, hub=hub, clock=clock, now=now, seller_id=account, produce=want["produce"], quantity=quantity,
        price=want["price"], place=cooperative["place"], cooperative_id=cooperative["id"], quiet=True,
    )  # fmt: skip
    names = ("price", "price_floaters", "point", "handover_at", "carrier", "settlement", "tolerance_pct")
    terms = Terms(
        quantity=quantity,
        handover_place=want["handover_place"] or cooperative["place"],
        **{name: want[name] for name in names},
    )
    offer = offers.make(
        tx, hub=hub, clock=clock, now=now, buyer_id=want["buyer_id"], listing_id=listing["id"], terms=terms, quiet=True
    )
    return orders.accept(tx, clock=clock, now=now, person_id=account, offer_id=offer["id"])


def _note(tx: Tx, now: int, actor: str, want_id: str, action: str, was: str, becomes: str) -> None:
    audit.note(tx, now=now, actor=actor, action=action, subject=f"want:{want_id}", was=was, becomes=becomes)
