"""A cooperative that sold something: its managers, clerk and members, an order of its account, and what they brought."""

from __future__ import annotations

from typing import Any

from tests.market.deals import Deal
from tests.market.trades import MAIZE_TERMS, NOW, Country
from ussd_app.lib import clock as clocks
from ussd_app.lib import ids
from ussd_app.market import cooperatives, seasons, shares, wallets
from ussd_app.market.terms import Refused
from ussd_app.money import payments

PLACE = "3701"


class Land(Country):
    """A country whose people speak one language."""

    languages = ("rw",)


class CoopDeal(Deal):
    """Deals of a cooperative's account. The members' wallets are known by name unless a test says otherwise."""

    def __init__(self, store: Any) -> None:
        super().__init__(store, Land())
        self.manager, self.other, self.clerk = self.person("Uwera"), self.person("Kalisa"), self.person("Mugabo")
        self.coop = self.store.write(
            lambda tx: cooperatives.add(tx, hub=self.hub, now=self.now, name="Kawa Nziza", place=PLACE)
        )
        self.account = self.coop["account_id"]
        self.store.write(self._roles)
        self.members: list[str] = []
        self.station = self.store.write(lambda tx: cooperatives.stations(tx, self.coop["id"]))[0]["id"]

    def _roles(self, tx: Any) -> None:
        people = ((self.manager, "manager"), (self.other, "manager"), (self.clerk, "clerk"))
        for place, (person, role) in enumerate(people):
            tx.cooperative_role_give(
                cooperative_id=self.coop["id"], person_id=person, role=role, station_id=None, by="operator:a",
                now=self.now + place,
            )  # fmt: skip

    def terms(self, **terms: int) -> None:
        self.store.write(
            lambda tx: cooperatives.set_terms(
                tx, now=self.now, cooperative_id=self.coop["id"], by="operator:a", **terms
            )
        )

    def member(self, name: str = "Uwase Jeanne", *, known: bool = True, state: str = "active") -> str:
        person = self.person(name)
        number = len(self.members) + 1
        self.store.write(
            lambda tx: tx.rows(
                "INSERT INTO members (cooperative_id, person_id, number, state, joined_by, asked_at, at)"
                " VALUES (:coop, :person, :number, 'active', 'roster', :now, :now) RETURNING number",
                coop=self.coop["id"], person=person, number=number, now=NOW,
            )
        )  # fmt: skip
        if state != "active":
            self.be(person, state)
        elif known:
            self.know(person, name)
        self.members.append(person)
        return person

    def be(self, person: str, state: str) -> None:
        self.store.write(
            lambda tx: tx.rows("UPDATE people SET state = :s WHERE id = :id RETURNING id", s=state, id=person)
        )

    def own_wallet(self) -> None:
        """The cooperative's own wallet, as two operators gave it."""

        def give(tx: Any) -> None:
            row = tx.wallet_add(
                id=ids.new_id(), person_id=self.account, provider="mtn_momo", msisdn="+250788999999", own=0,
                state="waiting", asked_by="Alice", owner_id=None, ready_at=self.now, look_at=None, now=self.now,
            )  # fmt: skip
            assert wallets.approve(tx, now=self.now, wallet_id=row["id"], by="Bob")
            wallets.activate_due(tx, now=self.now)
            wallets.decide(tx, now=self.now, wallet_id=row["id"], by="Alice", allow=True, why="its papers")

        self.store.write(give)

    def sold(self, goods: dict[str, int], settlement: str = "pass_through", price: int = 400, **more: Any) -> Any:
        """An order of the account, brought by its members (grams each), delivered and agreed."""
        quantity = sum(goods.values())
        listing = self.list(self.account, "maize.grain", quantity, price, cooperative_id=self.coop["id"])
        offer = self.offer(self.buyer(), listing, MAIZE_TERMS, quantity=quantity, price=price, settlement=settlement)
        order = self.accept(self.account, offer)
        for person, good in goods.items():
            self.intake(person, good, order_id=order["id"], **more)
        self.deliver(order, quantity)
        return order

    def intake(self, person: str, good: int, *, order_id: str | None, clerk: str = "", state: str = "recorded") -> str:
        day = clocks.day(self.now)

        def put(tx: Any) -> str:
            listed = tx.rows(
                "INSERT INTO day_lists (id, cooperative_id, day, produce, unit, number)"
                " VALUES (:id, :coop, :day, 'maize.grain', 'g',"
                " (SELECT COUNT(*) + 1 FROM day_lists WHERE cooperative_id = :coop)) ON CONFLICT DO NOTHING RETURNING id",
                id=ids.new_id(), coop=self.coop["id"], day=day,
            ) or tx.rows("SELECT id FROM day_lists WHERE cooperative_id = :coop AND state = 'open'", coop=self.coop["id"])  # fmt: skip
            return str(tx.rows(
                "INSERT INTO intakes (id, receipt, cooperative_id, station_id, person_id, list_id, order_id, produce,"
                " unit, gross, floaters, good, price, currency, clerk_id, day, season, state, contest_until, at)"
                " VALUES (:id, :receipt, :coop, :station, :person, :list, :order_id, 'maize.grain', 'g', :good, 0, :good,"
                " 400, 'RWF', :clerk, :day, :season, :state, :now, :now) RETURNING id",
                id=ids.new_id(), receipt=ids.code_digits(8), coop=self.coop["id"], station=self.station, person=person,
                list=listed[0]["id"], order_id=order_id, good=good, clerk=clerk or self.clerk, day=day,
                season=seasons.season_of(day), state=state, now=self.now,
            )[0]["id"])  # fmt: skip

        return self.store.write(put)

    def draft(self, order: Any) -> Any:
        return self.store.turn(
            lambda tx: shares.draft(tx, now=self.now, cooperative_id=self.coop["id"], order_id=order["id"])
        )

    def approve(self, pay_list: Any, by: str = "", seen: Any = None) -> Any:
        return self.store.turn(
            lambda tx: shares.approve(
                tx, clock=self.clock, now=self.now, manager_id=by or self.manager, pay_list_id=pay_list["id"], seen=seen
            )
        )

    def approved(self, order: Any) -> Any:
        return self.approve(self.draft(order))

    def second(self, total: int, fund: str) -> Any:
        return self.store.turn(
            lambda tx: shares.second(
                tx, now=self.now, manager_id=self.manager, cooperative_id=self.coop["id"], produce="maize.grain",
                season=seasons.season_of(clocks.day(self.now)), total=total, fund=fund, currency="RWF",
            )
        )  # fmt: skip

    def record_outside(self, share: Any, via: str = "cash", by: str = "", note: str = "slip 12") -> Any:
        return self.store.turn(
            lambda tx: shares.record_outside(
                tx, clock=self.clock, now=self.now, clerk_id=by or self.clerk, share_id=share["id"], via=via, note=note
            )
        )

    def contest(self, share: Any, person: str = "") -> Any:
        return self.store.turn(
            lambda tx: shares.contest(tx, now=self.now, person_id=person or share["person_id"], share_id=share["id"])
        )

    def send_again(self, share: Any) -> Any:
        return self.store.turn(
            lambda tx: shares.send_again(
                tx, clock=self.clock, now=self.now, manager_id=self.manager, share_id=share["id"]
            )
        )

    def shares(self, pay_list: Any) -> list[Any]:
        with self.store.read() as tx:
            return shares.rows_of(tx, pay_list["id"])

    def share(self, pay_list: Any, person: str) -> Any:
        return next(row for row in self.shares(pay_list) if row["person_id"] == person)

    def states(self, pay_list: Any) -> list[str]:
        return [row["state"] for row in self.shares(pay_list)]

    def books(self, person: str | None = None) -> Any:
        with self.store.read() as tx:
            return shares.books(tx, self.coop["id"], person)

    def sound(self) -> None:
        """The books balance, nobody had more than her share, and each account of the books says the same."""
        super().sound()
        with self.store.read() as tx:
            for row in tx.rows("SELECT * FROM shares"):
                sums = payments.sums(tx, row["id"])
                assert sums["paid_out"] + sums["paying_out"] <= row["net"]
                assert row["state"] != "paid" or row["moved"] == sums["paid_out"]
            for row in tx.rows("SELECT * FROM pay_lists WHERE state <> 'void'"):
                rows = shares.rows_of(tx, row["id"])
                assert sum(one["net"] for one in rows) == row["total"], "every franc of a list is somebody's"
                assert sum(one["good"] for one in rows) == row["good"]


__all__ = ["CoopDeal", "Refused"]
