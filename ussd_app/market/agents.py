"""Field agents: who they are, and the sellers they register.

A seller an agent wrote down is pending: nothing is sent to her but the code of her activation, and she can do nothing
before she typed it on her own phone, heard the consent and chose her own PIN there. An agent never sees or sets a PIN,
and no way leads from here to anybody's wallet. Every act asks anew whether its agent still is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ussd_app.hubs import Hub
from ussd_app.lib import clock as clocks
from ussd_app.lib.clock import Clock
from ussd_app.lib.gsm7 import fold_ascii
from ussd_app.market import codes, cooperatives, members, people
from ussd_app.market.help import clean_question
from ussd_app.market.tell import tell
from ussd_app.market.terms import Refused
from ussd_app.money import audit
from ussd_app.store import Tx, outbox

Agent = dict[str, Any]
Registration = dict[str, Any]

USUAL_CAP = 30  # registrations a day: an afternoon on a hill, and no more than can be rung
MOST_CAP = 500
ACTIVATION_LIVES_MS = 48 * 3_600_000  # a day without a network, and the way home; codes are kept no longer
MOST_FOUND = 20


# --- who is an agent ---------------------------------------------------------------------------------------------


def add(
    tx: Tx,
    *,
    hub: Hub,
    now: int,
    person_id: str,
    by: str,
    districts: Iterable[str] = (),
    cooperative_id: str | None = None,
    daily_cap: int = USUAL_CAP,
) -> Agent:
    """Make an active person with a number and a PIN an agent, or change what she may do; she hears it by SMS.

    Args: `now` epoch ms; `by` `operator:<name>`; `districts` codes where she may register, none = everywhere;
    `cooperative_id` whose members her sellers become; `daily_cap` registrations a day, 1 to 500.
    Returns the row of `of`. Raises Refused not_found (the person, the cooperative), bad_place, bad_terms (the cap).
    """
    person = tx.person_by_id(id=person_id)
    if person is None or person["state"] != "active" or not person["msisdn"] or not person["has_pin"]:
        raise Refused("not_found")
    if not 1 <= daily_cap <= MOST_CAP:
        raise Refused("bad_terms", term="daily_cap")
    wanted = sorted(set(districts))
    known = {place.code for place in hub.places if place.kind == "district"}
    if not known.issuperset(wanted):
        raise Refused("bad_place")
    if cooperative_id is not None:
        cooperatives.by_id(tx, cooperative_id)
    tx.seller_add(person_id=person_id, kind="farmer", cooperative_id=None, now=now)  # whose home has the agent's key
    tx.agent_give(person_id=person_id, cooperative_id=cooperative_id, daily_cap=daily_cap, by=by, now=now)
    tx.agent_districts_clear(agent_id=person_id)
    for district in wanted:
        tx.agent_district_add(agent_id=person_id, district=district)
    audit.note(tx, now=now, actor=by, action="agent.given", subject=f"agent:{person_id}", becomes="active")
    agent = check(tx, person_id)
    tell(tx, now, _contact(agent), "agent.given", f"{person_id}:{now}", {})
    return agent


def remove(tx: Tx, *, now: int, agent_id: str, by: str, why: str) -> bool:
    """Take the role back, at once, also where she is on the line; what she drafted and nobody agreed to lapses.

    Her sellers stay who they are until `move` gives them to another. False when she is no agent. Raises Refused
    no_reason.
    """
    if not why.strip():
        raise Refused("no_reason")
    _hold(tx, agent_id)
    if tx.agent_remove(person_id=agent_id, by=by, now=now) is None:
        return False
    tx.listing_drafts_lapse_of_agent(agent_id=agent_id, now=now)
    _note(tx, now, by, "agent.removed", f"agent:{agent_id}", "active", "removed", clean_question(why))
    person = tx.contact_of(id=agent_id)
    tell(tx, now, person, "agent.ended", f"{agent_id}:{now}", {})
    return True


def of(tx: Tx, person_id: str) -> Agent | None:
    """The active agent with name, msisdn, language, cooperative_id, cooperative_name, daily_cap and `districts` (codes,
    none = everywhere); None for everybody else."""
    row: Agent | None = tx.agent_of(person_id=person_id)
    if row is None:
        return None
    return row | {"districts": [one["district"] for one in tx.agent_districts_of(agent_id=person_id)]}


def check(tx: Tx, person_id: str) -> Agent:
    """The row of `of`. Raises Refused not_allowed: she is no agent, or no longer."""
    agent = of(tx, person_id)
    if agent is None:
        raise Refused("not_allowed")
    return agent


def on_number(tx: Tx, msisdn: str) -> Agent | None:
    """The agent who calls or writes from a number (E.164), the first of several; None: nobody."""
    rows = tx.agents_on_number(msisdn=msisdn)
    return of(tx, rows[0]["person_id"]) if rows else None


def listed(tx: Tx) -> list[Agent]:
    """Every agent there was, the active ones first: with how many she `registered`, how many are still `pending`, and
    open `flags`."""
    return list(tx.agents_listed())


def may_register_at(agent: Agent, hub: Hub, place: str) -> bool:
    """Whether a place (code) lies where this agent registers."""
    try:
        district = hub.places.district_of(place).code
    except KeyError:
        return False
    return not agent["districts"] or district in agent["districts"]


# --- registering -------------------------------------------------------------------------------------------------


def register(
    tx: Tx,
    *,
    hub: Hub,
    clock: Clock,
    now: int,
    key: str,
    agent_id: str,
    msisdn: str,
    name: str,
    place: str,
    produce: str,
    language: str = "",
    via: str = "dial",
) -> Registration:
    """Write a seller down: pending, told nothing but the code of her activation.

    Args: `key` the SECRET_KEY; `msisdn` E.164, hers and never the agent's own; `place`, `produce` codes of the hub;
    `language` a code, '' = the agent's; `via` dial or sms. The same name on the same number again by this agent is the
    same seller, and nothing happens.
    Returns the row of `registered` with `again` (was she there) and `sent` (whether a code went out).
    Raises Refused not_allowed, own_number, bad_name, bad_place, unknown_produce, known (somebody of this name is on the
    number), number_full, too_many_today (most).
    """
    _hold(tx, agent_id)
    agent = check(tx, agent_id)
    cleaned = people.clean_name(name)
    if cleaned is None:
        raise Refused("bad_name")
    if msisdn == agent["msisdn"]:
        raise Refused("own_number")
    if produce not in {one.code for one in hub.produce}:
        raise Refused("unknown_produce")
    if not may_register_at(agent, hub, place):
        raise Refused("bad_place")
    if (earlier := _earlier(tx, agent_id, msisdn, cleaned)) is not None:
        return earlier | {"again": True, "sent": False}
    if tx.registrations_on_day(agent_id=agent_id, day=clocks.day(now)) >= agent["daily_cap"]:
        raise Refused("too_many_today", most=agent["daily_cap"])
    person_id = _write_down(tx, now, agent, msisdn, cleaned, place, language or agent["language"])
    tx.registration_add(person_id=person_id, agent_id=agent_id, produce=produce, via=via, day=clocks.day(now), now=now)
    if agent["cooperative_id"] is not None:
        _make_member(tx, now, agent, person_id, produce)
    tx.agent_flags_by_number(now=now)
    _note(tx, now, f"person:{agent_id}", "agent.registered", f"person:{person_id}", "", "pending")
    sent = send_code(tx, clock=clock, now=now, key=key, person_id=person_id)
    return registered(tx, person_id) | {"again": False, "sent": sent}


def registered(tx: Tx, person_id: str) -> Registration:
    """Whom an agent registered: person_id, name, msisdn, language, place, state, produce, registered_by, agent (the
    name), agent_id (who looks after her), day. Raises Refused not_found."""
    row: Registration | None = tx.registration_of(person_id=person_id)
    if row is None:
        raise Refused("not_found")
    return row


def seller_of(tx: Tx, agent_id: str, person_id: str) -> Registration:
    """The row of `registered` of a seller this agent looks after. Raises Refused not_allowed, not_found."""
    check(tx, agent_id)
    row = registered(tx, person_id)
    if row["agent_id"] != agent_id or row["state"] == "erased":
        raise Refused("not_found")
    return row


def find(tx: Tx, agent_id: str, typed: str = "", limit: int = MOST_FOUND) -> list[Registration]:
    """An agent's sellers by the first letters of one of their names ('' = all), those who did not begin yet first."""
    letters = "".join(char for char in fold_ascii(typed).lower() if char.isalpha() or char in " '-.").strip()
    if typed.strip() and not letters:
        return []
    rows = tx.registrations_of_agent(agent_id=agent_id, pattern=letters + "%", inner="% " + letters + "%", limit=limit)
    return list(rows)


def count(tx: Tx, agent_id: str) -> dict[str, int]:
    """How many `sellers` an agent looks after, and how many of them are `pending`."""
    row: dict[str, int] = tx.registrations_count(agent_id=agent_id)
    return row


def move(tx: Tx, *, now: int, seller_id: str, to: str, by: str) -> bool:
    """An operator gives a seller to another agent; she hears it once she has begun. Who registered her still earns.

    False: that agent looks after her already. Raises Refused not_allowed (`to` is no agent), not_found.
    """
    agent, row = check(tx, to), registered(tx, seller_id)
    if tx.registration_move(person_id=seller_id, was=row["agent_id"], agent_id=to) is None:
        return False
    tx.listing_drafts_lapse_of_seller(seller_id=seller_id, now=now)
    subject = f"person:{seller_id}"
    _note(tx, now, by, "agent.moved", subject, f"agent:{row['agent_id']}", f"agent:{to}")
    if row["state"] == "active":
        tell(tx, now, tx.contact_of(id=seller_id), "agent.moved", f"{seller_id}:{now}", {"name": agent["name"]})
    return True


# --- activation, on her own phone --------------------------------------------------------------------------------


def send_code(tx: Tx, *, clock: Clock, now: int, key: str, person_id: str) -> bool:
    """Send a pending seller the code of her activation, good for two days (scaled); earlier ones die.

    False when nothing goes out: she is not pending, or her number got one within a minute or five codes today.
    """
    row = tx.registration_of(person_id=person_id)
    if row is None or row["state"] != "pending":
        return False
    code = codes.issue(
        tx, purpose=_purpose(person_id), target=row["msisdn"], person_id=person_id, now=now, clock=clock, key=key,
        lives_ms=ACTIVATION_LIVES_MS,
    )  # fmt: skip
    if code is None:
        return False
    alone = int(tx.people_count_on_number(msisdn=row["msisdn"])) == 1
    outbox.order(
        tx, now=now, kind="sms", to=row["msisdn"], template="activation.code" if alone else "activation.shared",
        values={"code": code, "name": row["name"], "agent": row["agent"]}, language=row["language"], purpose="code",
        person_id=person_id,
    )  # fmt: skip
    return True


def send_code_again(tx: Tx, *, clock: Clock, now: int, key: str, agent_id: str, person_id: str) -> bool:
    """As `send_code`, asked for by her agent. Raises Refused not_allowed, not_found."""
    seller_of(tx, agent_id, person_id)
    return send_code(tx, clock=clock, now=now, key=key, person_id=person_id)


def pending_on(tx: Tx, msisdn: str) -> list[dict[str, Any]]:
    """Whom agents wrote down on a number (E.164) and who did not begin yet: id, name, language, place, agent."""
    return list(tx.registrations_pending_on(msisdn=msisdn))


def check_code(tx: Tx, *, now: int, key: str, msisdn: str, person_id: str, code: str) -> str:
    """She typed the code on her own phone (`msisdn` as the gateway told it). Returns 'ok' (once; go on to the consent),
    'wrong', 'expired' or 'spent'."""
    row = tx.registration_of(person_id=person_id)
    if row is None or row["state"] != "pending" or row["msisdn"] != msisdn:
        return "expired"
    return codes.check(tx, purpose=_purpose(person_id), target=msisdn, code=code, now=now, key=key)


def _purpose(person_id: str) -> str:
    return f"activation:{person_id}"


def _earlier(tx: Tx, agent_id: str, msisdn: str, name: str) -> Registration | None:
    """Her row where this agent wrote her down before. Raises Refused known where somebody else did, or she herself."""
    for person in people.everyone_on_number(tx, msisdn):
        if fold_ascii(person["name"]).casefold() == name.casefold():
            row: Registration | None = tx.registration_of(person_id=person["id"])
            if row is None or row["registered_by"] != agent_id:
                raise Refused("known")
            return row
    return None


def _write_down(tx: Tx, now: int, agent: Agent, msisdn: str, name: str, place: str, language: str) -> str:
    try:
        person = people.register_seller(
            tx, now=now, msisdn=msisdn, name=name, language=language, place=place, pin_hash=None, consent_version="",
            channel="", registered_by=agent["person_id"],
        )  # fmt: skip
    except people.Refused as refused:
        raise Refused(refused.reason) from None
    return str(person["id"])


def _make_member(tx: Tx, now: int, agent: Agent, person_id: str, produce: str) -> None:
    which = {"cooperative_id": agent["cooperative_id"], "person_id": person_id}
    by = f"agent:{agent['person_id']}"
    members.add(tx, now=now, joined_by=by, by=f"person:{agent['person_id']}", **which)
    members.set_produce(tx, produce=[produce], **which)


def _contact(agent: Agent) -> dict[str, Any]:
    return agent | {"id": agent["person_id"]}


def _hold(tx: Tx, agent_id: str) -> None:
    """One registration of an agent at a time: the day's cap is counted, and the same line twice is one seller."""
    tx.lock(f"agent:{agent_id}")


def _note(tx: Tx, now: int, actor: str, action: str, subject: str, was: str, becomes: str, why: str = "") -> None:
    audit.note(tx, now=now, actor=actor, action=action, subject=subject, was=was, becomes=becomes, evidence=why)
