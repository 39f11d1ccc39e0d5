"""The regular clearing: which produce is due, solved outside any transaction, proposed in short ones.

Whoever moves a produce's `due_at` on clears it; two workers never clear the same one. Should a worker die half way, what it
proposed stands and the next clearing goes on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ussd_app.hubs import Hub, Produce
from ussd_app.hubs.distances import Distances, MatchingRule, load_distances
from ussd_app.lib import clock as clocks
from ussd_app.lib.clock import Clock
from ussd_app.market import matching, proposals, rates
from ussd_app.market.haulage import Haulage
from ussd_app.market.terms import HOUR_MS
from ussd_app.store import Store, Tx

MINUTE_MS = 60_000
AT_ONCE = 50  # proposals of one transaction: others write in between
Row = dict[str, Any]


def run(store: Store, hub: Hub, clock: Clock, now: int, distances: Distances | None = None) -> int:
    """End what was not answered, then clear every produce that is due. Returns how many proposals were made.

    Args: `now` epoch ms; `distances` None for those of the hub's files. Each produce is due as often as the hub's matching.csv says, more often in its season.
    """
    while store.write(lambda tx: proposals.lapse(tx, now=now)):
        pass
    distances = distances or load_distances(hub.code)
    rule = distances.matching_at(clocks.day(now))
    with store.read() as tx:
        known = {row["produce"]: row["due_at"] for row in tx.clearings_all()}
    if missing := [one.code for one in hub.produce if one.code not in known]:
        store.write(lambda tx: [tx.clearing_know(produce=code, now=now) for code in missing])
    due = {one.code for one in hub.produce if known.get(one.code, now) <= now}
    made = 0
    for produce in hub.produce:
        if produce.code in due and _take(store, hub, clock, now, rule, produce):
            made += clear(store, hub, distances, clock, now, produce)
    return made


def clear(store: Store, hub: Hub, distances: Distances, clock: Clock, now: int, produce: Produce) -> int:
    """Clear one produce now, whether it is due or not. Returns how many proposals were made."""
    rule = distances.matching_at(clocks.day(now))
    haulage = Haulage(distances, clocks.day(now))
    with store.read() as tx:
        bids = [row for row in tx.bids_to_clear(produce=produce.code, now=now) if haulage.knows(row["place"])]
        if not bids:
            return 0
        asks = tx.asks_to_clear(produce=produce.code, currency=hub.currency, now=now)
        asks = [row for row in asks if haulage.knows(row["place"])]
        floor = rates.floor_for(tx, produce.code, hub.currency, now)
        barred = {(row["bid_id"], row["listing_id"]) for row in tx.proposals_barred(produce=produce.code)}
    fresh_ms = clock.wait(rule.fresh_hours * HOUR_MS)
    found = matching.clear(
        [_bid(row, now, fresh_ms) for row in bids],
        [_ask(row, produce.code, now, fresh_ms) for row in asks],
        {produce.code: floor},
        lambda one, other, _: haulage.between(one, other, produce.unit),
        matching.Weights(rule.reliability_pct / 100, rule.freshness_pct / 100, rule.trade_minor, rule.round_to),
        {produce.code: 1 if produce.unit == "piece" else 1000},
        barred,
    )
    answer_ms = clock.wait(rule.answer_minutes * MINUTE_MS)
    of_bid, of_ask = {row["id"]: row for row in bids}, {row["id"]: row for row in asks}

    def propose(tx: Tx, some: Sequence[matching.Match]) -> int:
        made = [
            proposals.propose(tx, now=now, match=one, bid=of_bid[one.bid_id], listing=of_ask[one.ask_id], answer_ms=answer_ms)
            for one in some
        ]  # fmt: skip
        count = sum(proposal is not None for proposal in made)
        tx.clearing_note(produce=produce.code, proposed=count)
        return count

    return sum(
        store.write(partial(propose, some=found.matches[first : first + AT_ONCE]))
        for first in range(0, len(found.matches), AT_ONCE)
    )


def _take(store: Store, hub: Hub, clock: Clock, now: int, rule: MatchingRule, produce: Produce) -> bool:
    """Whether this worker is the one that clears the produce now."""
    day = clocks.day(now)
    season = any(one.group == produce.group and one.holds(day) for one in hub.seasons)
    pause = clock.wait((rule.season_minutes if season else rule.other_minutes) * MINUTE_MS)
    return bool(store.write(lambda tx: tx.clearing_take(produce=produce.code, now=now, due_at=now + pause)))


def _bid(row: Row, now: int, fresh_ms: int) -> matching.Bid:
    """A stored bid as the clearing sees it. A part already agreed or proposed counts towards its minimum."""
    kept, missed = row["kept_count"], row["missed_count"]
    return matching.Bid(
        id=row["id"],
        produce=row["produce"],
        grade=row["grade"],
        place=row["place"],
        from_at=row["from_at"],
        until_at=row["until_at"],
        least=max(0, row["least_quantity"] - (row["quantity"] - row["left_quantity"])),
        most=row["left_quantity"],
        limit=row["limit_price"],
        reliability=(kept + 2) / (kept + missed + 2),  # who is new is trusted, one miss costs a third
        freshness=_freshness(row["created_at"], now, fresh_ms),
        owner=row["buyer_id"],
    )


def _ask(row: Row, produce: str, now: int, fresh_ms: int) -> matching.Ask:
    """A listing as the clearing sees it: it can be had from now until it expires."""
    return matching.Ask(
        id=row["id"],
        produce=produce,
        grade=row["grade"],
        place=row["place"],
        from_at=row["created_at"],
        until_at=row["expires_at"],
        least=min(row["least_quantity"], row["left_quantity"]),
        most=row["left_quantity"],
        limit=row["limit_price"],
        freshness=_freshness(row["created_at"], now, fresh_ms),
        owner=row["seller_id"],
    )


def _freshness(made_at: int, now: int, fresh_ms: int) -> float:
    return 1 - min(1.0, max(0, now - made_at) / fresh_ms)
