"""What an agent does for a seller she looks after: a listing that waits for the seller's own yes, plots, problems, and
the beginning of a PIN reset. Nothing here takes a PIN, names a wallet or records a weight."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from ussd_app.hubs import Hub
from ussd_app.hubs.distances import Distances, load_distances
from ussd_app.lib import clock as clocks
from ussd_app.lib import ids
from ussd_app.lib.clock import Clock
from ussd_app.market import accounts, agents, codes, listings, rates
from ussd_app.market import help as helping
from ussd_app.market.terms import Refused
from ussd_app.money import audit
from ussd_app.store import Tx, outbox

Draft = dict[str, Any]
Plot = dict[str, Any]

DRAFT_LIVES_MS = 24 * 3_600_000
METHODS = ("gps", "phone", "map")
PROBLEMS = ("selling", "offers", "order", "payment", "pin", "other")
MOST_PLOTS = 20
MOST_ARES = 1_000_000
FARTHEST_KM = 60  # of a plot from its seller's place: a slip of a digit is farther
_NUMBER = re.compile(r"([NSEW]?)\s*([-+]?)\s*(\d{1,3})[.,](\d{4,8})\s*([NSEW]?)")
_DEGREE = 1_000_000


# --- a listing with her own yes ----------------------------------------------------------------------------------


def draft(
    tx: Tx,
    *,
    hub: Hub,
    clock: Clock,
    now: int,
    key: str,
    agent_id: str,
    seller_id: str,
    produce: str,
    quantity: int,
    price: int,
) -> Draft:
    """Write down what to list for a seller and send her a code; nothing is for sale before her yes.

    Args: as `listings.add`; `key` the SECRET_KEY. An earlier draft for her lapses. It is open for 24 hours (scaled).
    Returns the draft's row with `sent`, whether a code went out (else she dials).
    Raises Refused not_allowed, not_found (also where she did not begin yet), and those of `listings.add`.
    """
    seller = _active(tx, agent_id, seller_id)
    kind = listings.produce_of(hub, produce)
    listings.check_quantity(kind, quantity)
    listings.check_price(kind, price)
    rates.floor_for(tx, produce, hub.currency, now).check(price)
    tx.lock(f"draft:{seller_id}")
    tx.listing_drafts_lapse_of_seller(seller_id=seller_id, now=now)
    row: Draft = tx.listing_draft_add(
        id=ids.new_id(), agent_id=agent_id, seller_id=seller_id, produce=produce, unit=kind.unit, quantity=quantity,
        price=price, currency=hub.currency, now=now, expires_at=now + clock.wait(DRAFT_LIVES_MS),
    )  # fmt: skip
    _note(tx, now, agent_id, "agent.drafted", f"listing_draft:{row['id']}", "waiting")
    return row | {"sent": _ask_her(tx, clock, now, key, agent_id, seller, row)}


def list_by_code(
    tx: Tx, *, hub: Hub, clock: Clock, now: int, key: str, agent_id: str, draft_id: str, code: str
) -> dict[str, Any] | str:
    """The seller told her agent the code: her yes. Returns the listing, or 'wrong', 'expired', 'spent'.

    Raises Refused not_allowed, gone (no such draft waits), and those of `listings.add`.
    """
    agents.check(tx, agent_id)
    row = tx.listing_draft_of_agent(id=draft_id, agent_id=agent_id, now=now)
    if row is None:
        raise Refused("gone", state="lapsed")
    seller = _active(tx, agent_id, row["seller_id"])
    verdict = codes.check(tx, purpose=_purpose(draft_id), target=seller["msisdn"], code=code, now=now, key=key)
    return _list(tx, hub, clock, now, row, seller, "code") if verdict == "ok" else verdict


def waiting(tx: Tx, *, now: int, seller_id: str) -> Draft | None:
    """What an agent drafted for this seller and waits for her yes, with `agent` (the name); None: nothing."""
    row: Draft | None = tx.listing_draft_waiting(seller_id=seller_id, now=now)
    return row


def say_yes(tx: Tx, *, hub: Hub, clock: Clock, now: int, seller_id: str, draft_id: str) -> dict[str, Any]:
    """The seller agrees on her own phone: it is listed. Returns the listing.

    Raises Refused gone, and those of `listings.add`.
    """
    row = waiting(tx, now=now, seller_id=seller_id)
    if row is None or row["id"] != draft_id:
        raise Refused("gone", state="lapsed")
    return _list(tx, hub, clock, now, row, tx.person_by_id(id=seller_id), "dial")


def say_no(tx: Tx, *, now: int, seller_id: str, draft_id: str) -> None:
    """The seller does not want it. Raises Refused gone."""
    row = waiting(tx, now=now, seller_id=seller_id)
    if row is None or row["id"] != draft_id:
        raise Refused("gone", state="lapsed")
    tx.listing_draft_end(id=draft_id, state="refused", listing_id=None, said_by="dial", now=now)
    _note(tx, now, seller_id, "agent.draft_refused", f"listing_draft:{draft_id}", "refused")


def _list(tx: Tx, hub: Hub, clock: Clock, now: int, row: Draft, seller: Any, said_by: str) -> dict[str, Any]:
    listing = listings.add(
        tx, hub=hub, clock=clock, now=now, seller_id=row["seller_id"], produce=row["produce"],
        quantity=row["quantity"], price=row["price"], place=seller["place"],
    )  # fmt: skip
    ended = tx.listing_draft_end(id=row["id"], state="listed", listing_id=listing["id"], said_by=said_by, now=now)
    if ended is None:  # said twice at the same moment: the listing of this transaction goes with it
        raise Refused("gone", state="listed")
    by = row["seller_id"] if said_by == "dial" else row["agent_id"]
    _note(tx, now, by, f"agent.listed_by_{said_by}", f"listing:{listing['id']}", "open")
    return listing


def _ask_her(tx: Tx, clock: Clock, now: int, key: str, agent_id: str, seller: Any, row: Draft) -> bool:
    """The SMS with the code; where her messages name no amounts it holds no code, for she should see the price first."""
    values = {"name": agents.check(tx, agent_id)["name"]}
    values |= {name: row[name] for name in ("produce", "quantity", "unit", "currency")}
    code = None
    if seller["amounts_in_sms"]:
        code = codes.issue(
            tx, purpose=_purpose(row["id"]), target=seller["msisdn"], person_id=seller["person_id"], now=now,
            clock=clock, key=key,
        )  # fmt: skip
    if code is not None:
        values |= {"code": code, "price_minor": row["price"]}
    outbox.order(
        tx, now=now, kind="sms", to=seller["msisdn"], template="agent.listing" if code else "agent.listing.plain",
        values=values, language=seller["language"], purpose="code" if code else "order",
        person_id=seller["person_id"],
    )  # fmt: skip
    return code is not None


def _purpose(draft_id: str) -> str:
    return f"listing:{draft_id}"


# --- plots -------------------------------------------------------------------------------------------------------


def note_plot(
    tx: Tx,
    *,
    hub: Hub,
    now: int,
    agent_id: str,
    seller_id: str,
    ares: int,
    village: str = "",
    point: tuple[int, int] | None = None,
    decimals: int = 0,
    method: str = "village",
    taken_day: str = "",
) -> Plot:
    """Note where a seller's produce grows: one more plot, with who noted it; she may have several.

    Args: `ares` its area (100 are a hectare); either `village` (eight digits, the first four a sector of the hub) or
    `point` (latitude, longitude in millionths of a degree) with the `decimals` that were told and the `method` (gps,
    phone, map); `taken_day` YYYY-MM-DD, today when not given.
    Returns the row with its `number`. Raises Refused not_allowed, not_found, bad_place, bad_quantity, bad_time,
    too_many_plots (most).
    """
    agents.seller_of(tx, agent_id, seller_id)
    day = taken_day or clocks.day(now)
    if not _is_day(day) or day > clocks.day(now):
        raise Refused("bad_time")
    if not 0 < ares <= MOST_ARES:
        raise Refused("bad_quantity")
    if point is None:
        if not is_village(hub, village):
            raise Refused("bad_place")
        method = "village"
    elif method not in METHODS:
        raise Refused("bad_terms", term="method")
    tx.lock(f"plots:{seller_id}")
    if len(tx.plots_of(person_id=seller_id)) >= MOST_PLOTS:
        raise Refused("too_many_plots", most=MOST_PLOTS)
    row: Plot = tx.plot_add(
        id=ids.new_id(), person_id=seller_id, kind="village" if point is None else "point",
        village=village if point is None else "", latitude=point[0] if point else None,
        longitude=point[1] if point else None, decimals=decimals, method=method, taken_day=day, ares=ares,
        by=f"agent:{agent_id}", now=now,
    )  # fmt: skip
    _note(tx, now, agent_id, "agent.plot", f"plot:{row['id']}", row["kind"])
    return row


def plots(tx: Tx, person_id: str) -> list[Plot]:
    """The plots of a seller, by number."""
    return list(tx.plots_of(person_id=person_id))


def is_village(hub: Hub, code: str) -> bool:
    """Whether `code` may be a village: eight digits that begin with a sector of the hub."""
    if len(code) != 8 or not (code.isascii() and code.isdigit()):
        return False
    return any(place.code == code[:4] and place.kind == "sector" for place in hub.places)


def distances_of(hub_code: str) -> Distances:
    """Where the places of a hub lie, read once a process."""
    return load_distances(hub_code)


def read_point(distances: Distances, typed: str, place: str) -> tuple[tuple[int, int], int] | None:
    """Coordinates as somebody types them near `place` (a code): `1.95021 30.05885`, `-1,95021 30,05885`, `S1.95021 E30.0588`.

    Four decimals or more (11 metres). Where no sign or letter was typed, the half of the globe is that of the place.
    Returns ((latitude, longitude) in millionths of a degree, decimals); None where it cannot be read or lies more than
    60 km from the place.
    """
    found = _NUMBER.findall(typed.upper())
    if len(found) != 2 or place not in distances.points:
        return None
    here = distances.points[place]
    values, decimals = [], 8
    for part, (before, sign, whole, rest, behind) in enumerate(found):
        negative = sign == "-" or before in tuple("SW") or behind in tuple("SW")
        told = bool(sign or before or behind)
        size = int(whole) * _DEGREE + int(rest[:6].ljust(6, "0"))
        values.append(-size if negative or (not told and here[part] < 0) else size)
        decimals = min(decimals, len(rest))
    point = (values[0], values[1])
    if abs(point[0]) > 90 * _DEGREE or abs(point[1]) > 180 * _DEGREE:
        return None
    near = Distances({"": here, "plot": (point[0] / _DEGREE, point[1] / _DEGREE)}, (), ())
    return (point, min(decimals, 6)) if near.straight_km("", "plot") <= FARTHEST_KM else None


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


# --- problems and PINs -------------------------------------------------------------------------------------------


def problem(tx: Tx, *, now: int, agent_id: str, seller_id: str, about: str) -> str:
    """Open a problem for a seller: an operator rings her, on her own phone. Returns the ticket.

    Args: `about` one of PROBLEMS. Raises Refused not_allowed, not_found, bad_terms.
    """
    seller = agents.seller_of(tx, agent_id, seller_id)
    if about not in PROBLEMS:
        raise Refused("bad_terms", term="about")
    ticket = helping.ask_call_back(
        tx, now=now, msisdn=seller["msisdn"], person_id=seller_id, screen=f"agent.problem.{about}", question=about
    )
    _note(tx, now, agent_id, f"agent.problem_{about}", f"person:{seller_id}", "open")
    return ticket


def ask_pin_reset(tx: Tx, *, clock: Clock, now: int, agent_id: str, seller_id: str) -> dict[str, Any]:
    """Begin a PIN reset for a seller; she sets the new one on her own phone a day later, and may cancel it.

    Returns the reset that waits. Raises Refused not_allowed, not_found, too_many_today.
    """
    _active(tx, agent_id, seller_id)
    waits = accounts.ask_pin_reset(tx, now=now, clock=clock, person_id=seller_id, by=f"agent:{agent_id}")
    if waits is None:
        raise Refused("too_many_today", most=accounts.MOST_RESETS_A_DAY)
    _note(tx, now, agent_id, "agent.pin_reset", f"person:{seller_id}", "waiting")
    return waits


def _active(tx: Tx, agent_id: str, seller_id: str) -> dict[str, Any]:
    """A seller who begun. Raises Refused not_allowed, not_found."""
    row = agents.seller_of(tx, agent_id, seller_id)
    if row["state"] != "active":
        raise Refused("not_found")
    return row


def _note(tx: Tx, now: int, person_id: str, action: str, subject: str, becomes: str) -> None:
    audit.note(tx, now=now, actor=f"person:{person_id}", action=action, subject=subject, becomes=becomes)
