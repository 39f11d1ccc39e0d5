"""The worst cases of field agents: the longest names, sellers who begun and who did not, drafts that wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ussd_app.engine.check import Caller
from ussd_app.market import agent_acts, agents, people

if TYPE_CHECKING:
    from menus.worst_case import WorstWorld

FLOWS = ("agent",)
KEY = "k" * 40
Row = dict[str, Any]


def callers(world: WorstWorld, language: str) -> Iterator[Caller]:
    """An agent, who was one, whom she registered alone or with others on a phone, and who is asked to agree."""
    agent, former = world.a_seller(language), world.a_seller(language)
    for person in (agent, former):
        agents.add(
            world.tx, hub=world.hub, now=world.clock.now(), person_id=person["id"], by="operator:a", daily_cap=500
        )
    pending = _registered(world, agent, language, world.a_number())
    begun = _registered(world, agent, language, world.a_number())
    _begin(world, begun, language)
    produce = max(world.hub.produce, key=lambda one: len(one.names[language]))
    told = {"seller_id": begun["person_id"], "produce": produce.code, "price": produce.max_price}
    draft = agent_acts.draft(
        world.tx, hub=world.hub, clock=world.clock, now=world.clock.now(), key=KEY, agent_id=agent["id"],
        quantity=produce.max_quantity, **told,
    )  # fmt: skip
    yield Caller("agent", world.calls(agent, language), "home", ("home", *FLOWS))
    known = {"verified_until": world.clock.now() + 180_000, "stack": ["home"]}
    yield Caller("agent with her PIN", world.calls(agent, language, **known), "agent.home", FLOWS)
    kept = {"phone": agent["msisdn"], "name": pending["name"], "place": world.place, "produce": "coffee.green"}
    yield Caller("agent refused", world.calls(agent, language, draft=kept, **known), "agent.confirm", FLOWS)
    for row in (pending, begun):
        kept = {"seller": row["person_id"], "task": "sellers"}
        yield Caller(f"agent: {row['state']}", world.calls(agent, language, draft=kept), "agent.one", FLOWS)
    kept = {"listing_draft": draft["id"], "seller": begun["person_id"]}
    yield Caller("agent with a code", world.calls(agent, language, draft=kept), "agent.code", FLOWS)
    agents.remove(world.tx, now=world.clock.now(), agent_id=former["id"], by="operator:a", why="left")
    yield Caller("agent no longer", world.calls(former, language, stack=["home"]), "agent.home", FLOWS)
    seller = world.tx.person_load(id=begun["person_id"])
    yield Caller("asked by an agent", world.calls(seller, language), "home", ("home", "asked"))
    yield Caller("registered", world.calls(_nobody(pending), language), "welcome", ("welcome", "activate", "written"))
    family = world.a_number()
    shared = [_registered(world, agent, language, family, f"{letter}ukandayisenga Immaculee") for letter in "ABCDEF"]
    yield Caller("registered family", world.calls(_nobody(shared[0]), language), "welcome", ("welcome", "activate"))


def _nobody(row: Row) -> Row:
    """Who calls from her phone is nobody yet."""
    return {"msisdn": row["msisdn"], "id": None}


def _registered(world: WorstWorld, agent: Row, language: str, msisdn: str, name: str = "") -> Row:
    from menus.worst_case import NAME

    row = agents.register(
        world.tx, hub=world.hub, clock=world.clock, now=world.clock.now(), key=KEY, agent_id=agent["id"], msisdn=msisdn,
        name=name or NAME, place=world.place, produce="coffee.green", language=language,
    )  # fmt: skip
    return row | {"id": row["person_id"]}


def _begin(world: WorstWorld, row: Row, language: str) -> None:
    people.confirm_seller(
        world.tx, now=world.clock.now(), person_id=row["person_id"], msisdn=row["msisdn"], pin_hash="hash",
        language=language, consent_version="", channel="ussd",
    )  # fmt: skip
    row["state"] = "active"
