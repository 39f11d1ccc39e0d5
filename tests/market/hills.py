"""Cooperatives with managers and members, and a buyer who asks them: for the tests of wants, calls and pledges."""

from __future__ import annotations

from typing import Any

from tests.market.peoples import seller
from tests.market.trades import Trade
from ussd_app.hubs import load_hub
from ussd_app.hubs.distances import load_distances
from ussd_app.market import call_sending, calls, cooperatives, members, wants
from ussd_app.market.terms import HOUR_MS, Terms
from ussd_app.store import Store

HUB = load_hub("rw")
KANJONGO, NYAMASHEKE = "3706", "37"
CHERRY = "coffee.cherry"
WANTED = Terms(800_000, 700, "station", "", "buyer", "outside")


class Hills(Trade):
    """The market of Rwanda with its clock (16:13 in Kigali) and acts of cooperatives."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, HUB)
        self.numbers = 0

    def human(self, name: str = "Jeanne", **more: Any) -> Any:
        self.numbers += 1
        place = more.pop("place", KANJONGO)
        row = self.store.write(
            lambda tx: seller(tx, msisdn=f"+2507886{self.numbers:05d}", name=name, now=self.now, **more)
        )
        self.store.write(lambda tx: tx.rows("UPDATE people SET place = :place WHERE id = :id RETURNING id",
                                            place=place, id=row["id"]))  # fmt: skip
        return row

    def coop(self, name: str = "Kawa Nziza", place: str = KANJONGO) -> Any:
        """A cooperative's row with `manager`, the id of its only one."""
        manager = self.human("Alphonse")["id"]
        row = self.store.write(
            lambda tx: cooperatives.add(tx, hub=HUB, now=self.now, name=name, place=place, manager_id=manager)
        )
        return {**row, "manager": manager}

    def member(self, coop: Any, produce: str = CHERRY, **more: Any) -> str:
        """A member who grows it; her id."""
        person_id = str(self.human(**more)["id"])
        which = {"cooperative_id": coop["id"], "person_id": person_id}
        self.store.write(lambda tx: members.add(tx, now=self.now, joined_by="roster", by="operator:a", **which))
        self.store.write(lambda tx: members.set_produce(tx, produce=[produce], **which))
        return person_id

    def a_buyer(self, verification: str = "verified") -> str:
        person_id = self.buyer()
        self.store.write(
            lambda tx: tx.rows("UPDATE buyers SET verification = :to WHERE person_id = :id RETURNING person_id",
                               to=verification, id=person_id)
        )  # fmt: skip
        return person_id

    def want(self, buyer: str, *coops: Any, terms: Terms = WANTED, hours: float = 24, **more: Any) -> Any:
        ids = [] if "district" in more else [coop["id"] for coop in coops]
        return self.store.turn(
            lambda tx: wants.make(
                tx, hub=HUB, clock=self.clock, now=self.now, buyer_id=buyer, produce=CHERRY, terms=terms,
                closes_at=self.now + int(hours * HOUR_MS), cooperative_ids=ids, **more,
            )
        )  # fmt: skip

    def take(self, want: Any, coop: Any, quantity: int) -> Any:
        return self.store.turn(
            lambda tx: wants.take(
                tx, hub=HUB, clock=self.clock, now=self.now, manager_id=coop["manager"], want_id=want["id"],
                cooperative_id=coop["id"], quantity=quantity,
            )
        )  # fmt: skip

    def call(self, coop: Any, wanted: int = 100_000, hours: float = 10, price: int = 650, **more: Any) -> Any:
        return self.store.turn(
            lambda tx: calls.open_(
                tx, hub=HUB, clock=self.clock, now=self.now, manager_id=more.pop("manager", coop["manager"]),
                cooperative_id=coop["id"], produce=more.pop("produce", CHERRY), wanted=wanted, price=price,
                until_at=self.now + int(hours * HOUR_MS), **more,
            )
        )  # fmt: skip

    def send(self) -> int:
        return call_sending.run(self.store, HUB, self.clock, load_distances("rw"), self.now)

    def pledge(self, call: Any, person: str, quantity: int, via: str = "dial") -> Any:
        return self.store.turn(
            lambda tx: calls.pledge(
                tx, hub=HUB, now=self.now, person_id=person, call_id=call["id"], quantity=quantity, via=via
            )
        )

    def messages(self, call: Any) -> dict[str, tuple[str, str]]:
        """Of each member, by id: sent or not, and why not."""
        with self.store.read() as tx:
            return {row["person_id"]: (row["state"], row["why"]) for row in calls.messages(tx, call["id"])}

    def alert(self, want: Any, coop: Any) -> Any:
        with self.store.read() as tx:
            return tx.want_alert_of(want_id=want["id"], cooperative_id=coop["id"])

    def live(self, call: Any) -> Any:
        with self.store.read() as tx:
            return calls.live(tx, call["id"])
