"""The worst cases of pay lists: the largest sums, every state a share may be in, the longest reasons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from menus.worst_coop import founded
from ussd_app.engine.check import Caller
from ussd_app.lib import ids
from ussd_app.market import cooperatives, members

if TYPE_CHECKING:
    from menus.worst_case import WorstWorld

FLOWS = ("shares",)
MOST = 999_999_999
KILOS = 99_999_900
STATES = ("waiting", "held", "failed", "recorded", "contested", "paid", "sent")
Row = dict[str, Any]


def callers(world: WorstWorld, language: str) -> Iterator[Caller]:
    """A manager with a draft and with a list being paid, a clerk, and a member with a share in every state."""
    manager, clerk, member = (world.a_seller(language) for _ in range(3))
    coop = founded(world, manager)
    at = {"coop": coop["id"]}
    give = {"now": world.clock.now(), "cooperative_id": coop["id"], "by": "operator:a"}
    cooperatives.give_role(world.tx, person_id=clerk["id"], role="clerk", **give)
    members.add(
        world.tx, now=world.clock.now(), cooperative_id=coop["id"], person_id=member["id"], joined_by="roster",
        by="operator:a", number=99_999,
    )  # fmt: skip
    yield Caller("nothing to pay", world.calls(manager, language, draft=at, stack=["home"]), "shares.lists", FLOWS)
    kept = [_listed(world, coop, member, state) for state in (*STATES, "draft")]
    for name, person in (("manager of lists", manager), ("clerk of lists", clerk)):
        yield Caller(name, world.calls(person, language, draft=at, stack=["home"]), "shares.lists", FLOWS)
    for pay_list, share in kept:
        draft = at | {"paylist": pay_list, "share": share}
        yield Caller("a share", world.calls(manager, language, draft=draft, stack=["home"]), "shares.share", FLOWS)
    typed = at | {"season": ["2026", world.hub.produce[0].code]}
    yield Caller("second payer", world.calls(manager, language, draft=typed, stack=["home"]), "shares.total", FLOWS)
    yield Caller("member with shares", world.calls(member, language, draft=at, stack=["home"]), "shares.mine", FLOWS)


def _listed(world: WorstWorld, coop: Row, member: Row, state: str) -> tuple[str, str]:
    """A second payment of its own season with one share of hers in it."""
    now, tx = world.clock.now(), world.tx
    row = tx.pay_list_add(
        id=ids.new_id(), cooperative_id=coop["id"], order_id=None, season=f"20{40 + len(state)}{state[:3]}",
        kind="second", fund="market", produce=world.hub.produce[0].code, unit="g", currency=world.hub.currency, now=now,
    )  # fmt: skip
    share = ids.new_id()
    tx.share_add(
        id=share, pay_list_id=row["id"], person_id=member["id"], own=0, place=1, good=KILOS, amount=MOST,
        fee=MOST // 3, advance=MOST // 3, net=MOST - 2 * (MOST // 3), via="cash", now=now,
    )  # fmt: skip
    tx.pay_list_fill(
        id=row["id"], count=9_999, good=KILOS, total=MOST, fee=MOST // 3, advance=MOST // 3, rounding=9_998, now=now
    )
    if state == "draft":
        return row["id"], share
    tx.pay_list_approve(id=row["id"], by="a", now=now)
    tx.worst_share(id=share, state=state, why="name_unasked" if state == "held" else "limit", now=now)
    return row["id"], share
