"""The worst cases of orders to cooperatives and of calls: the longest names, the largest quantities, every state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from menus.worst_coop import NAME, founded
from ussd_app.engine.check import Caller
from ussd_app.lib.gsm7 import fold_ascii, septets
from ussd_app.market import call_sending, calls, cooperatives, members, wants
from ussd_app.market.terms import HOUR_MS, Terms

if TYPE_CHECKING:
    from menus.worst_case import WorstWorld

MANAGER, MEMBER, BUYER = ("coop",), ("pledges",), ("ask",)
MOST_VALUE = 999_999_999
Row = dict[str, Any]


def callers(world: WorstWorld, language: str) -> Iterator[Caller]:
    """A buyer who asks, a manager with everything to answer, a member with one call and with several."""
    manager, buyer, member = world.a_seller(language), world.a_buyer(language), world.a_seller(language)
    coop = founded(world, manager)
    add = {"hub": world.hub, "now": world.clock.now(), "cooperative_id": coop["id"], "by": "operator:a"}
    cooperatives.add_station(world.tx, name=f"{NAME[:22]} B", place=world.place, **add)
    which = {"cooperative_id": coop["id"], "person_id": member["id"]}
    members.add(world.tx, now=world.clock.now(), joined_by="roster", by="operator:a", number=99_999, **which)
    members.set_produce(world.tx, produce=[one.code for one in world.hub.produce], **which)
    yield Caller("member without a call", world.calls(member, language), "pledges.which", MEMBER)
    longest = max(world.hub.produce, key=lambda one: septets(fold_ascii(one.names[language])))
    wanted = [_want(world, buyer, coop, longest, carrier) for carrier in ("buyer", "seller")]
    order = _taken(world, manager, coop, wanted[0])
    past = _taken(world, manager, coop, _want(world, buyer, coop, longest, "buyer"))
    world.tx.worst_past_order(id=past["id"], now=world.clock.now())
    call = _call(world, manager, coop, longest, order["id"])
    yield Caller("member with a call", world.calls(member, language), "home", ("home", "pledges"))
    most = world.hub.produce_by(longest.code).max_quantity
    calls.pledge(
        world.tx, hub=world.hub, now=world.clock.now(), person_id=member["id"], call_id=call["id"],
        quantity=most - 1, via="dial",
    )  # fmt: skip
    yield Caller(
        "member who pledged", world.calls(member, language, draft={"call": call["id"]}), "pledges.mine", MEMBER
    )
    calls.close(
        world.tx, now=world.clock.now(), manager_id=manager["id"], cooperative_id=coop["id"],
        call_id=_call(world, manager, coop, longest)["id"],
    )  # fmt: skip
    _call(world, manager, coop, longest)
    for one in world.tx.calls_to_send(limit=10):
        call_sending.batch(
            world.tx, hub=world.hub, clock=world.clock, distances=None, now=world.clock.now(), call_id=one["id"]
        )
    yield Caller("member with several calls", world.calls(member, language), "pledges.which", MEMBER)
    yield Caller("manager who orders", world.calls(manager, language, draft={"coop": coop["id"]}), "coop.home", MANAGER)
    yield Caller("buyer who asks", world.calls(buyer, language), "ask.mine", BUYER)


def _want(world: WorstWorld, buyer: Row, coop: Row, produce: Any, carrier: str) -> Row:
    quantity = min(produce.max_quantity, MOST_VALUE * produce.unit_size // produce.max_price) - 1
    terms = Terms(
        quantity=quantity, price=produce.max_price, point="station", carrier=carrier, settlement="outside",
        handover_place=world.place if carrier == "seller" else "",
    )  # fmt: skip
    now = world.clock.now()
    return wants.make(
        world.tx, hub=world.hub, clock=world.clock, now=now, buyer_id=buyer["id"], produce=produce.code, terms=terms,
        closes_at=now + 24 * HOUR_MS, cooperative_ids=[coop["id"]],
    )  # fmt: skip


def _taken(world: WorstWorld, manager: Row, coop: Row, want: Row) -> Row:
    return wants.take(
        world.tx, hub=world.hub, clock=world.clock, now=world.clock.now(), manager_id=manager["id"],
        want_id=want["id"], cooperative_id=coop["id"], quantity=want["quantity"] // 2,
    )  # fmt: skip


def _call(world: WorstWorld, manager: Row, coop: Row, produce: Any, order_id: str | None = None) -> Row:
    now = world.clock.now()
    return calls.open_(
        world.tx, hub=world.hub, clock=world.clock, now=now, manager_id=manager["id"], cooperative_id=coop["id"],
        produce=produce.code, wanted=produce.max_quantity, price=produce.max_price, until_at=now + 24 * HOUR_MS,
        order_id=order_id,
    )  # fmt: skip
