"""A cooperative that weighs, for the tests of intakes and lots."""

from __future__ import annotations

from typing import Any

from tests.market.peoples import NOW, seller
from ussd_app.hubs import load_hub
from ussd_app.lib.clock import ManualClock
from ussd_app.market import cooperatives, day_prices, intakes, lots, members, rates
from ussd_app.store import Store, Tx

HUB = load_hub("rw")
KANJONGO = "3706"
CHERRY, PARCHMENT = "coffee.cherry", "coffee.parchment"


class Station:
    """Kawa Nziza of Kanjongo: a manager, a clerk, three members, prices for cherries and parchment."""

    def __init__(self, store: Store) -> None:
        self.store, self.clock, self.count = store, ManualClock(NOW), 0
        store.write(self._found)

    @property
    def now(self) -> int:
        return self.clock.now()

    def _found(self, tx: Tx) -> None:
        rates.load(tx, HUB)
        self.manager = self._person(tx, "Alphonse")
        self.clerk = self._person(tx, "Beatha")
        self.row = cooperatives.add(tx, hub=HUB, now=NOW, name="Kawa Nziza", place=KANJONGO, manager_id=self.manager)
        self.id = self.row["id"]
        cooperatives.give_role(tx, now=NOW, cooperative_id=self.id, person_id=self.clerk, role="clerk", by="operator:a")
        self.members = [self._member(tx, name) for name in ("Jeanne", "Marie", "Yves")]
        self._price(tx, CHERRY, 650, 250)
        self._price(tx, PARCHMENT, 2500, None)

    def _person(self, tx: Tx, name: str) -> str:
        self.count += 1
        return str(seller(tx, msisdn=f"+25078811{self.count:04d}", name=name)["id"])

    def _member(self, tx: Tx, name: str) -> str:
        person = self._person(tx, name)
        members.add(tx, now=NOW, cooperative_id=self.id, person_id=person, joined_by="roster", by="operator:a")
        return person

    def _price(self, tx: Tx, produce: str, price: int, floaters: int | None) -> None:
        day_prices.put(
            tx, hub=HUB, now=self.now, manager_id=self.manager, cooperative_id=self.id, produce=produce, price=price,
            price_floaters=floaters,
        )  # fmt: skip

    def weigh(self, member: int = 0, gross: int = 120_000, floaters: int = 0, **more: Any) -> Any:
        produce = more.pop("produce", CHERRY)
        grade = more.pop("grade", "A1" if produce == PARCHMENT else "")
        clerk = more.pop("clerk", self.clerk)
        return self.store.turn(
            lambda tx: intakes.record(
                tx, hub=HUB, clock=self.clock, now=self.now, clerk_id=clerk, cooperative_id=self.id, produce=produce,
                person_id=self.members[member], gross=gross, floaters=floaters, grade=grade,
            )
        )  # fmt: skip

    def contest(self, intake: Any, why: str = "weight", member: int = 0) -> Any:
        return self.store.turn(
            lambda tx: intakes.contest(
                tx, now=self.now, person_id=self.members[member], receipt=intake["receipt"], why=why
            )
        )

    def correct(self, intake: Any, gross: int, floaters: int = 0, **more: Any) -> Any:
        why, by = more.pop("why", "the sack was counted twice"), more.pop("by", self.manager)
        return self.store.turn(
            lambda tx: intakes.correct(
                tx, hub=HUB, clock=self.clock, now=self.now, manager_id=by, intake_id=intake["id"], why=why,
                gross=gross, floaters=floaters, **more,
            )
        )  # fmt: skip

    def uphold(self, intake: Any, why: str = "weighed again") -> Any:
        return self.store.turn(
            lambda tx: intakes.uphold(tx, now=self.now, manager_id=self.manager, intake_id=intake["id"], why=why)
        )

    def void(self, intake: Any) -> Any:
        return self.store.turn(
            lambda tx: intakes.void(
                tx, clock=self.clock, now=self.now, manager_id=self.manager, intake_id=intake["id"], why="not hers"
            )
        )

    def close(self, day: str = "2026-09-21", produce: str = CHERRY) -> Any:
        return self.store.turn(
            lambda tx: intakes.close_day(
                tx, now=self.now, by=self.clerk, cooperative_id=self.id, day=day, produce=produce
            )
        )

    def gather(self, produce: str = PARCHMENT, grade: str = "A1", **more: Any) -> Any:
        return self.store.turn(
            lambda tx: lots.gather(
                tx, hub=HUB, now=self.now, manager_id=self.manager, cooperative_id=self.id, produce=produce,
                grade=grade, **more,
            )
        )  # fmt: skip

    def lot(self, name: str, *args: Any, **more: Any) -> Any:
        """Call split, merge, process or ship of `lots` as the manager."""
        return self.store.turn(
            lambda tx: getattr(lots, name)(tx, *args, hub=HUB, now=self.now, manager_id=self.manager, **more)
        )

    def rows(self, sql: str, **params: Any) -> Any:
        with self.store.read() as tx:
            return tx.rows(sql, **params)

    def sound(self) -> None:
        """Lists add up to what stands, and every gram in lots is of somebody."""
        lists = self.rows(
            "SELECT CAST(COALESCE(SUM(good), 0) AS BIGINT) AS good, CAST(COALESCE(SUM(count), 0) AS BIGINT) AS count FROM day_lists"
        )[0]
        stands = self.rows(
            "SELECT CAST(COALESCE(SUM(good), 0) AS BIGINT) AS good, COUNT(*) AS count FROM intakes WHERE state IN ('recorded', 'contested')"
        )[0]
        assert lists == stands
        for lot in self.rows("SELECT * FROM lots"):
            into = self.rows(
                "SELECT CAST(COALESCE(SUM(quantity), 0) AS BIGINT) AS q FROM lot_parts WHERE lot_id = :id", id=lot["id"]
            )[0]["q"]
            out = self.rows(
                "SELECT CAST(COALESCE(SUM(taken), 0) AS BIGINT) AS q FROM lot_parts WHERE from_lot_id = :id",
                id=lot["id"],
            )[0]["q"]
            assert (into, into - out) == (lot["quantity"], lot["left_quantity"]), lot["number"]
            with self.store.read() as tx:
                assert all(row["left_quantity"] >= 0 for row in tx.lot_contents(lot_id=lot["id"]))


__all__ = ["CHERRY", "HUB", "KANJONGO", "PARCHMENT", "Station"]
