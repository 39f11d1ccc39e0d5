"""The worst cases of matching: the longest names and amounts, every reason, proposals on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ussd_app.engine.check import Caller
from ussd_app.market import bids, matching, proposals

if TYPE_CHECKING:
    from menus.worst_case import WorstWorld

FLOWS = ("matches", "standing", "offers")
REASONS = ("only_buyer", "best_price", "nearest", "most_reliable", "best_fit")
MOST = 100_000_000  # base units: keeps a value within a buyer's caps
FARTHEST = 999
Row = dict[str, Any]


def callers(world: WorstWorld, language: str) -> Iterator[Caller]:
    """A seller and a buyer with a proposal for every reason, and the same two without any."""
    seller, buyer = world.a_seller(language), world.a_buyer(language)
    yield Caller("buyer without a proposal", world.calls(buyer, language), "standing.menu", FLOWS)
    yield Caller("seller without a proposal", world.calls(seller, language), "matches.list", FLOWS)
    longest = max(world.hub.produce, key=lambda one: len(one.names[language]))
    for reason in REASONS:
        _propose(world, seller, buyer, longest, reason)
    yield Caller("found buyer", world.calls(buyer, language), "standing.menu", FLOWS)
    yield Caller("found seller", world.calls(seller, language), "offers.list", FLOWS)


def _propose(world: WorstWorld, seller: Row, buyer: Row, produce: Any, reason: str) -> None:
    now, listing = world.clock.now(), world.listing(seller, produce)
    quantity = min(produce.max_quantity, MOST)
    bid = bids.make(
        world.tx,
        hub=world.hub,
        clock=world.clock,
        now=now,
        buyer_id=buyer["id"],
        produce=produce.code,
        quantity=quantity,
        limit_price=produce.max_price,
        place=world.place,
        settlement="outside",
    )
    match = matching.Match(
        bid["id"], listing["id"], quantity - 500 if produce.unit == "g" else quantity, produce.max_price, FARTHEST, FARTHEST, reason, 99
    )  # fmt: skip
    made = proposals.propose(
        world.tx, now=now, match=match, bid=bid, listing=listing, answer_ms=world.clock.wait(7_200_000)
    )
    assert made is not None
