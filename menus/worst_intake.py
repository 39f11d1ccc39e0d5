"""The worst cases of weighing and lots: the largest weights and prices, every state of a lot, something to decide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from menus.worst_coop import _join, founded
from ussd_app.engine.check import Caller
from ussd_app.market import cooperatives, day_prices, deliveries, intakes, lots, orders

if TYPE_CHECKING:
    from menus.worst_case import WorstWorld

SCALE, LOTS, MINE = ("intake",), ("lots", "weigh"), ("member", "intake")
KINDS = ("coffee.cherry", "coffee.parchment", "craft.basket")
WAY = ["intake.home", "intake.member", "intake.gross"]
Row = dict[str, Any]


def callers(world: WorstWorld, language: str) -> Iterator[Caller]:
    """A clerk, a manager with everything to decide, a member, and who has lost her role."""
    manager, clerk, member = (world.a_seller(language) for _n in range(3))
    coop, bare = founded(world, manager), founded(world, manager)
    give = {"now": world.clock.now(), "by": "operator:a", "person_id": clerk["id"], "role": "clerk"}
    for row in (coop, bare):
        cooperatives.give_role(world.tx, cooperative_id=row["id"], **give)
    cooperatives.set_terms(
        world.tx, now=world.clock.now(), cooperative_id=coop["id"], by="operator:a", fee_per_unit=999
    )
    _join(world, member, coop, 99_999)
    _join(world, world.a_seller(language), coop, 4242)
    _join(world, member, bare, 4242)
    _prices(world, coop, manager)
    draft = {"coop": coop["id"]}
    yield Caller(
        "member without a weight", world.calls(member, language, draft={"coop": bare["id"]}), "member.one", MINE
    )
    yield Caller(
        "clerk without a price", world.calls(clerk, language, draft={"coop": bare["id"]}), "intake.home", SCALE
    )
    yield Caller("clerk at the scale", world.calls(clerk, language, draft=draft), "intake.home", SCALE)
    typed = draft | {
        "produce": KINDS[0],
        "member": member["id"],
        "gross": 5_000_000,
        "floaters": 1_000_500,
        "grade": "",
    }
    yield Caller("clerk who waited", world.calls(clerk, language, draft=typed, stack=[*WAY]), "intake.confirm", SCALE)
    _weighed(world, coop, clerk, member)
    yield Caller("manager at the scale", world.calls(manager, language, draft=draft), "intake.home", SCALE)
    yield Caller("member weighed", world.calls(member, language, draft=draft), "member.one", MINE)
    yield Caller("no lots", world.calls(manager, language, draft={"coop": bare["id"]}), "coop.home", ("coop", "lots"))
    _lots(world, language, coop, manager)
    yield Caller("manager of lots", world.calls(manager, language, draft=draft), "lots.list", LOTS)


def _prices(world: WorstWorld, coop: Row, manager: Row) -> None:
    for code in KINDS:
        kind = world.hub.produce_by(code)
        day_prices.put(
            world.tx, hub=world.hub, now=world.clock.now(), manager_id=manager["id"], cooperative_id=coop["id"],
            produce=code, price=kind.max_price, price_floaters=kind.max_price if kind.floater else None,
        )  # fmt: skip


def _weighed(world: WorstWorld, coop: Row, clerk: Row, member: Row) -> None:
    """More than a member is shown; one contested of each kind."""
    for code in KINDS * 2:
        kind = world.hub.produce_by(code)
        half = kind.max_quantity // 2 - 1
        row = intakes.record(
            world.tx, hub=world.hub, clock=world.clock, now=world.clock.now(), clerk_id=clerk["id"],
            cooperative_id=coop["id"], person_id=member["id"], produce=code, gross=kind.max_quantity - 1,
            floaters=half if kind.floater else 0, grade=kind.grades[-1] if kind.grades else "",
        )  # fmt: skip
        if world.tx.intakes_contested_count(cooperative_id=coop["id"]) < len(KINDS):
            intakes.contest(
                world.tx, now=world.clock.now(), person_id=member["id"], receipt=row["receipt"], why="quality"
            )


def _lots(world: WorstWorld, language: str, coop: Row, manager: Row) -> None:
    """A lot of each kind and state, one made of another form, and a weight of the buyer's to answer."""
    about: dict[str, Any] = {"hub": world.hub, "now": world.clock.now(), "manager_id": manager["id"]}
    parchment = world.hub.produce_by("coffee.parchment")
    export = lots.gather(
        world.tx,
        cooperative_id=coop["id"],
        produce=parchment.code,
        grade=parchment.grades[-1],
        quantity=1_000_000,
        **about,
    )
    first = lots.in_store(world.tx, coop["id"], parchment.code, parchment.grades[-1])[0]
    part = lots.split(world.tx, lot_id=first["id"], quantity=3_000_001, **about)
    lots.process(world.tx, lot_ids=[part["id"]], produce="coffee.green", grade="A3", quantity=2_500_001, **about)
    account = world.tx.contact_of(id=coop["account_id"])
    buyer = world.a_buyer(language)
    for share in (50, 40):
        listing = world.listing(account, parchment)
        offer = world.offer(buyer, listing, share)
        order = orders.accept(
            world.tx, clock=world.clock, now=world.clock.now(), person_id=account["id"], offer_id=offer["id"]
        )
    small = lots.split(world.tx, lot_id=export["id"], quantity=500_500, **about)
    lots.ship(world.tx, lot_id=small["id"], order_id=order["id"], **about)
    deliveries.record(
        world.tx, clock=world.clock, now=world.clock.now(), order_id=order["id"], buyer_id=buyer["id"], gross=499_500
    )
