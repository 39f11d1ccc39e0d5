"""A small country and its people for the tests of the trade: two districts of one province and one of another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ussd_app.hubs.places import Place, Places
from ussd_app.lib import ids
from ussd_app.lib.clock import ManualClock
from ussd_app.market import listings, offers, orders, rates
from ussd_app.market.terms import HOUR_MS, Refused, Terms
from ussd_app.store import Store, Tx

NOW = 1_790_000_000_000  # 21 September 2026, 15:33 in Kigali
NYAMASHEKE, RUSIZI, GASABO = "37", "36", "12"


@dataclass(frozen=True)
class Kind:
    code: str
    unit: str = "g"
    expires_hours: int = 48
    handover_hours: int = 24
    max_quantity: int = 5_000_000
    max_price: int = 100_000
    floater: bool = False


@dataclass(frozen=True)
class FloorRow:
    product: str
    valid_from: str
    kind: str
    price_good: int
    price_floaters: int | None = None
    source: str = "the board's letter"


@dataclass(frozen=True)
class FeeRow:
    kind: str
    wallet: str
    amount_from: int
    amount_to: int
    fee: int
    valid_from: str = "2024-01-01"
    estimate: bool = False
    source: str = "the wallet's list"


@dataclass(frozen=True)
class LimitRow:
    wallet: str
    transaction: int
    day: int
    valid_from: str = "2024-01-01"
    estimate: bool = True
    source: str = "as quoted"


@dataclass(frozen=True)
class RateRow:
    currency: str
    rate: str
    valid_from: str = "2026-09-21"
    estimate: bool = False
    source: str = "the central bank"


@dataclass
class Country:
    """A hub as the market sees it."""

    currency: str = "RWF"
    places: Places = field(
        default_factory=lambda: Places(
            [
                Place(NYAMASHEKE, "Nyamasheke", NYAMASHEKE, "Nyamasheke", "Western", "district"),
                Place("3701", "Bushekeri", NYAMASHEKE, "Nyamasheke", "Western", "sector"),
                Place(RUSIZI, "Rusizi", RUSIZI, "Rusizi", "Western", "district"),
                Place(GASABO, "Gasabo", GASABO, "Gasabo", "Kigali City", "district"),
            ]
        )
    )
    floor_prices: list[FloorRow] = field(
        default_factory=lambda: [
            FloorRow("coffee.cherry", "2024-02-12", "minimum", 480),
            FloorRow("coffee.cherry", "2025-01-25", "minimum", 600, 200),
            FloorRow("tea.leaf", "2025-01-01", "fixed", 300),
        ]
    )
    fees: list[FeeRow] = field(default_factory=list)
    wallet_limits: list[LimitRow] = field(
        default_factory=lambda: [LimitRow(name, 2_000_000, 4_000_000) for name in ("mtn_momo", "airtel_money")]
    )
    exchange_rates: list[RateRow] = field(
        default_factory=lambda: [RateRow("EUR", "1600"), RateRow("USD", "1437.5"), RateRow("CNY", "200", "2026-09-01")]
    )
    kinds: dict[str, Kind] = field(
        default_factory=lambda: {
            kind.code: kind
            for kind in (
                Kind("coffee.cherry", expires_hours=8, handover_hours=6, floater=True),
                Kind("tea.leaf"),
                Kind("maize.grain"),
                Kind("basket.large", unit="piece", max_quantity=500),
            )
        }
    )

    def produce_by(self, code: str) -> Kind:
        return self.kinds[code]


CHERRY_TERMS = Terms(40_000, 650, "station", "Bushekeri CWS", "seller", "outside", price_floaters=250)
MAIZE_TERMS = Terms(10_000, 400, "farm_gate", "3701", "buyer", "outside")


class Trade:
    """The market with its clock: every act is a turn of its own unless a `tx` is at hand."""

    def __init__(self, store: Store, hub: Any = None) -> None:
        self.store = store
        self.hub: Any = hub or Country()
        self.clock = ManualClock(NOW)
        self.people = 0
        store.write(lambda tx: rates.load(tx, self.hub))

    @property
    def now(self) -> int:
        return self.clock.now()

    def person(self, name: str = "Jeanne", *, amounts: int = 1, msisdn: str | None = "") -> str:
        person_id = ids.new_id()
        self.people += 1
        number = f"+25078{self.people:07d}" if msisdn == "" else msisdn
        self.store.write(
            lambda tx: tx.rows(
                "INSERT INTO people (id, msisdn, mail, name, language, amounts_in_sms, created_at, updated_at)"
                " VALUES (:id, :msisdn, :mail, :name, 'rw', :amounts, :now, :now) RETURNING id",
                id=person_id,
                msisdn=number,
                mail=None if number else f"{self.people}@example.com",
                name=name,
                amounts=amounts,
                now=NOW,
            )
        )
        return person_id

    def buyer(self, company: str = "Kivu Coffee", **more: Any) -> str:
        person_id = self.person(more.pop("name", "Marc"), **more)
        self.store.write(
            lambda tx: tx.rows(
                "INSERT INTO buyers (person_id, company, country, created_at) VALUES (:id, :company, 'RW', :now)"
                " RETURNING person_id",
                id=person_id,
                company=company,
                now=NOW,
            )
        )
        return person_id

    def list(
        self, seller: str, produce: str = "maize.grain", quantity: int = 50_000, price: int = 400, **more: Any
    ) -> Any:
        place = more.pop("place", "3701")
        return self.store.turn(
            lambda tx: listings.add(
                tx, hub=self.hub, clock=self.clock, now=self.now, seller_id=seller, produce=produce,
                quantity=quantity, price=price, place=place, **more,
            )
        )  # fmt: skip

    def offer(self, buyer: str, listing: Any, terms: Terms = MAIZE_TERMS, *, caps: Any = None, **changes: Any) -> Any:
        wanted = replace(terms, **changes)
        return self.store.turn(
            lambda tx: offers.make(
                tx, hub=self.hub, clock=self.clock, now=self.now, buyer_id=buyer, listing_id=listing["id"],
                terms=wanted, caps=caps,
            )
        )  # fmt: skip

    def counter(self, person: str, offer: Any, **changes: Any) -> Any:
        wanted = replace(offers.terms_of(offer), **changes)
        return self.store.turn(
            lambda tx: offers.counter(
                tx, hub=self.hub, clock=self.clock, now=self.now, person_id=person, offer_id=offer["id"], terms=wanted
            )
        )

    def accept(self, person: str, offer: Any) -> Any:
        return self.store.turn(
            lambda tx: orders.accept(tx, clock=self.clock, now=self.now, person_id=person, offer_id=offer["id"])
        )

    def agreed(
        self, quantity: int = 10_000, price: int = 400, place: str = "3701", produce: str = "maize.grain"
    ) -> Any:
        """A whole sale between two new people."""
        seller, buyer = self.person(), self.buyer()
        listing = self.list(seller, produce, quantity, price, place=place)
        return self.accept(seller, self.offer(buyer, listing, quantity=quantity, price=price))

    def move(self, order: Any, was: str, becomes: str) -> Any:
        return self.store.turn(lambda tx: orders.move(tx, now=self.now, order_id=order["id"], was=was, becomes=becomes))

    def row(self, table: str, row_id: str) -> Any:
        with self.store.read() as tx:
            key = "person_id" if table == "buyers" else "id"
            return tx.rows(f"SELECT * FROM {table} WHERE {key} = :id", id=row_id)[0]

    def heard(self, person: str) -> list[str]:
        """The templates of what a person was told, in order."""
        with self.store.read() as tx:
            found = tx.rows("SELECT template FROM outbox WHERE person_id = :id ORDER BY id", id=person)
        return [row["template"] for row in found]


@contextmanager
def refused(reason: str, **facts: Any) -> Iterator[None]:
    """A rule says no with this reason, and these facts among its own."""
    with pytest.raises(Refused) as caught:
        yield
    assert caught.value.reason == reason
    assert {name: caught.value.facts.get(name) for name in facts} == facts


def hours(n: float) -> int:
    return int(n * HOUR_MS)


__all__ = ["CHERRY_TERMS", "MAIZE_TERMS", "NOW", "Country", "FeeRow", "Trade", "Tx", "hours", "refused"]
