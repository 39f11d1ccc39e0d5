"""The worst cases of cooperatives: the longest names, several of everything, people on every way in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ussd_app.engine.check import Caller
from ussd_app.market import cooperatives, members, people

if TYPE_CHECKING:
    from menus.worst_case import WorstWorld

NAME = "Abakundakawa Rushashi WW"  # 24 letters, the most that is kept
MEMBER, MANAGER = ("member",), ("coop", "members")
FULL_PHONE = 5
Row = dict[str, Any]


def callers(world: WorstWorld, language: str) -> Iterator[Caller]:
    """Members, those who asked, managers of one and of several cooperatives, and people a roster wrote down."""
    manager, other = world.a_seller(language), world.a_seller(language)
    first, second = founded(world, manager), founded(world, manager)
    cooperatives.set_terms(
        world.tx, now=world.clock.now(), cooperative_id=first["id"], by="operator:a", fee_per_unit=999_999
    )
    yield Caller("in no cooperative", world.calls(other, language), "member.mine", MEMBER)
    asking = world.a_seller(language)
    _ask(world, asking, first)
    yield Caller("asking", world.calls(asking, language), "member.mine", MEMBER)
    member = world.a_seller(language)
    _join(world, member, first, 99_999)
    yield Caller("member", world.calls(member, language), "member.mine", MEMBER)
    _join(world, member, second, 99_999)
    _ask(world, member, founded(world, manager))
    yield Caller("member of several", world.calls(member, language), "member.mine", MEMBER)
    written = _written_down(world, language, first)
    yield Caller("manager of several", world.calls(manager, language, stack=["home"]), "coop.which", ("coop",))
    yield Caller("manager", world.calls(manager, language, draft={"coop": first["id"]}), "coop.home", MANAGER)
    clerk = world.a_seller(language)
    give = {"now": world.clock.now(), "cooperative_id": first["id"], "by": "operator:a"}
    cooperatives.give_role(world.tx, person_id=clerk["id"], role="clerk", **give)
    yield Caller("clerk", world.calls(clerk, language), "home", ("home", "coop"))
    yield Caller("without a role", world.calls(other, language, stack=["home"]), "coop.none", ())
    code = {"coop_code": first["code"]}
    yield Caller("typed a code", world.calls(other, language, draft=code, stack=["home"]), "member.join", MEMBER)
    yield Caller("written down", world.calls(written[0], language), "welcome", ("welcome", "written"))


def founded(world: WorstWorld, manager: Row) -> Row:
    """One more cooperative with the longest name."""
    return cooperatives.add(
        world.tx, hub=world.hub, now=world.clock.now(), name=NAME, place=world.place, manager_id=manager["id"]
    )


def _ask(world: WorstWorld, person: Row, cooperative: Row) -> None:
    members.ask(world.tx, now=world.clock.now(), person_id=person["id"], code=cooperative["code"])


def _join(world: WorstWorld, person: Row, cooperative: Row, number: int) -> None:
    which = {"cooperative_id": cooperative["id"], "person_id": person["id"]}
    members.add(world.tx, now=world.clock.now(), joined_by="roster", by="operator:a", number=number, **which)
    members.set_produce(world.tx, produce=[produce.code for produce in world.hub.produce], **which)


def _written_down(world: WorstWorld, language: str, cooperative: Row) -> list[Row]:
    """As many people on one phone as it takes, none of whom dialled yet."""
    from menus.worst_case import NAME as PERSON

    found: list[Row] = []
    for number in range(FULL_PHONE):
        phone = found[0]["msisdn"] if found else world.a_number()
        person = people.register_seller(
            world.tx, now=world.clock.now(), msisdn=phone, name=f"{PERSON[:22]} {'ABCDE'[number]}", language=language,
            place=world.place, pin_hash=None, consent_version="", channel="",
            registered_by=members.WRITTEN_DOWN + cooperative["id"],
        )  # fmt: skip
        _join(world, person, cooperative, 99_990 + number)
        found.append(person)
    return found
