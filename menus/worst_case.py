"""A world of the longest names, largest amounts and every state, to prove that all screens fit in it.

The walk of `flask menus check` calls every kind of caller that `callers` makes, in a store of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from menus import worst_agents, worst_calls, worst_coop, worst_intake, worst_matches, worst_money, worst_shares
from menus.buy import MOST_SHOWN
from ussd_app.engine.check import Caller
from ussd_app.engine.visit import State, Visit
from ussd_app.lib.clock import ManualClock
from ussd_app.lib.gsm7 import fold_ascii, septets
from ussd_app.market import accounts, buyers, listings, offers, orders, people, rates, terms
from ussd_app.store import Tx

NAME = "Mukandayisenga Immaculee"  # 24 letters, the most that is kept
COMPANY = "Impexcor Coffee Exporters"
DAY_MS = 86_400_000
MOST_VALUE = 999_999_999  # the largest total promised to fit, nine digits
HALF_KILO = 500
NEWCOMER = ("home", "sell", "listings", "offers", "orders", "help", "account")
TRADER = ("home", "sell", "listings", "offers", "orders", "prices", "account")
BUYER = ("home", "buy", "offers", "orders")


class Undo(Exception):
    """Ends a savepoint without keeping it."""


@dataclass
class WorstWorld:
    """One transaction full of worst cases. `services` as in production but with a clock that stands still."""

    tx: Tx
    services: Any

    def __post_init__(self) -> None:
        self.clock: ManualClock = self.services.clock
        self.hub = self.services.hub
        rates.load(self.tx, self.hub)
        self.place = max(self.hub.places, key=lambda place: septets(place.label)).code
        self.count = 0

    @contextmanager
    def undone(self) -> Iterator[None]:
        try:
            with self.tx.savepoint():
                yield
                raise Undo
        except Undo:
            pass

    def callers(self, language: str) -> Iterator[Caller]:
        """Every kind of caller, with the screen her session begins on."""
        longest = max(self.hub.produce, key=lambda one: septets(fold_ascii(one.names[language])))
        yield Caller("unknown number", self._calls(self._number(), None, language), "welcome", ("welcome", "register"))
        seller = self._seller(language)
        yield Caller("new seller", self._calls(seller["msisdn"], seller, language), "home", NEWCOMER)
        yield Caller("locked", self._calls(seller["msisdn"], seller, language), "pin.locked", ())
        green = self.hub.produce_by("coffee.green")
        draft = {"produce": green.code, "quantity": green.max_quantity, "price": green.max_price}
        yield Caller("refused", self._calls(seller["msisdn"], seller, language, draft=draft), "sell.refused", ())
        yield from self._trading(language, longest)
        yield from self._buyers(language, longest)
        yield from self._accounts(language)
        yield from worst_money.callers(self, language)
        yield from worst_coop.callers(self, language)
        yield from worst_shares.callers(self, language)
        yield from worst_calls.callers(self, language)
        yield from worst_intake.callers(self, language)
        yield from worst_agents.callers(self, language)
        yield from worst_matches.callers(self, language)

    # for the worst cases of money

    def calls(self, person: dict[str, Any], language: str, **state: Any) -> Callable[[State | None], Visit]:
        return self._calls(person["msisdn"], person, language, **state)

    def a_number(self) -> str:
        return self._number()

    def a_seller(self, language: str) -> dict[str, Any]:
        return self._seller(language)

    def a_buyer(self, language: str) -> dict[str, Any]:
        return self._buyer(language, "verified")

    def listing(self, seller: dict[str, Any], produce: Any) -> dict[str, Any]:
        return self._listing(seller, produce)

    def offer(self, buyer: dict[str, Any], listing: dict[str, Any], share: int) -> dict[str, Any]:
        return self._offer(buyer, listing, share)

    # who calls

    def _calls(
        self, msisdn: str, person: dict[str, Any] | None, language: str, **state: Any
    ) -> Callable[[State | None], Visit]:
        person_id = person["id"] if person else None

        def visit(kept: State | None) -> Visit:
            fresh = kept or State(person_id=person_id, language="" if person else language, **state)
            row = self.tx.person_load(id=fresh.person_id) if fresh.person_id else None
            return Visit(self.tx, self.services, self.clock.now(), msisdn, fresh, row, "africastalking")

        return visit

    def _number(self) -> str:
        self.count += 1
        return f"+2507889{self.count:05d}"

    def _seller(self, language: str, msisdn: str = "", name: str = NAME) -> dict[str, Any]:
        row = people.register_seller(self.tx, msisdn=msisdn or self._number(), name=name, **self._common(language))
        return {**row, "msisdn": row["msisdn"]}

    def _buyer(self, language: str, verification: str) -> dict[str, Any]:
        row = people.register_buyer(
            self.tx,
            msisdn=self._number(),
            name=NAME,
            company=COMPANY[:24],
            country="RW",
            **self._common(language),
        )
        self.tx.worst_buyer(person_id=row["id"], verification=verification, many=999)
        return row

    def _common(self, language: str) -> dict[str, Any]:
        return {
            "now": self.clock.now(),
            "language": language,
            "place": self.place,
            "pin_hash": "hash",
            "consent_version": self.hub.consent.version,
            "channel": "ussd",
        }

    # what they have

    def _listing(self, seller: dict[str, Any], produce: Any) -> dict[str, Any]:
        return listings.add(
            self.tx,
            hub=self.hub,
            clock=self.clock,
            now=self.clock.now(),
            seller_id=seller["id"],
            produce=produce.code,
            quantity=produce.max_quantity,
            price=produce.max_price,
            place=self.place,
        )

    def _offer(self, buyer: dict[str, Any], listing: dict[str, Any], share: int = 1) -> dict[str, Any]:
        produce = self.hub.produce_by(listing["produce"])
        left = self.tx.listing_by_id(id=listing["id"])["left_quantity"]
        return offers.make(
            self.tx,
            hub=self.hub,
            clock=self.clock,
            now=self.clock.now(),
            buyer_id=buyer["id"],
            listing_id=listing["id"],
            terms=terms.Terms(
                quantity=self._most(buyer, produce, left // share),
                price=produce.max_price,
                price_floaters=produce.max_price if produce.floater else None,
                point="farm_gate",
                handover_place=self.place,
                carrier="seller",
                settlement="outside",
            ),
        )

    def _most(self, buyer: dict[str, Any], produce: Any, wanted: int) -> int:
        """What this buyer may offer for at most, as an odd number of half kilos."""
        row = self.tx.person_load(id=buyer["id"])
        caps = buyers.caps(row["verification"])
        most = caps["max_pieces" if produce.unit == "piece" else "max_quantity_grams"]
        by_value = (
            min(caps["max_value_minor"], MOST_VALUE) * (1 if produce.unit == "piece" else 1000) // produce.max_price
        )
        quantity = min(wanted, most, int(by_value))
        if produce.unit != "piece":
            quantity = quantity // HALF_KILO * HALF_KILO - HALF_KILO
        return max(quantity, 1)

    def _order(self, buyer: dict[str, Any], listing: dict[str, Any]) -> dict[str, Any]:
        offer = self._offer(buyer, listing, share=50)
        return orders.accept(
            self.tx, clock=self.clock, now=self.clock.now(), person_id=listing["seller_id"], offer_id=offer["id"]
        )

    def _trading(self, language: str, longest: Any) -> Iterator[Caller]:
        """A seller with offers of every kind, orders in every state and a dropped call; and the same without trades."""
        seller, buyer, stranger = (
            self._seller(language),
            self._buyer(language, "verified"),
            self._buyer(language, "confirmed"),
        )
        kinds = [longest, self.hub.produce_by("coffee.green"), self.hub.produce_by("coffee.cherry")]
        for produce in kinds:
            listing = self._listing(seller, produce)
            for state in ("agreed", "delivered", "disputed", "settled", "closed", "cancelled"):
                order = self._order(buyer, listing)
                self.tx.worst_order(id=order["id"], state=state)
            listing = self._listing(seller, produce)
            past = self._order(buyer, listing)
            self.tx.worst_past_order(id=past["id"], now=self.clock.now())
            listing = self._listing(seller, produce)
            self._offer(buyer, listing)
            self._offer(stranger, listing, share=3)
        calls = self._calls(seller["msisdn"], seller, language)
        yield Caller("seller", calls, "home", TRADER)
        saved = State(
            screen="sell.confirm",
            stack=["home", "sell.price"],
            kind="confirm",
            draft={"produce": longest.code, "quantity": longest.max_quantity, "price": longest.max_price},
        ).as_dict()
        yield Caller(
            "dropped call", self._calls(seller["msisdn"], seller, language, saved=saved), "resume", ("resume",)
        )

    def _buyers(self, language: str, longest: Any) -> Iterator[Caller]:
        for verification in ("new", "confirmed", "verified"):
            buyer = self._buyer(language, verification)
            seller = self._seller(language)
            if verification == "verified":
                self._buyers_trade(buyer, seller, longest)
            yield Caller(f"{verification} buyer", self._calls(buyer["msisdn"], buyer, language), "home", BUYER)
        both = self._seller(language)
        people.make_buyer(self.tx, now=self.clock.now(), person_id=both["id"], country="RW", company=COMPANY[:24])
        yield Caller("seller and buyer", self._calls(both["msisdn"], both, language), "home", ("home",))

    def _buyers_trade(self, buyer: dict[str, Any], seller: dict[str, Any], longest: Any) -> None:
        green = self.hub.produce_by("coffee.green")
        for _listing in range(MOST_SHOWN):  # more than one screenful for sale
            self._listing(seller, longest)
        for produce in (longest, green):
            listing = self._listing(seller, produce)
            self._order(buyer, listing)
            self._offer(buyer, listing)
            offer = self._offer(buyer, listing, share=2)
            offers.counter(
                self.tx,
                hub=self.hub,
                clock=self.clock,
                now=self.clock.now(),
                person_id=seller["id"],
                offer_id=offer["id"],
                terms=replace(offers.terms_of(offer), price=produce.max_price - 1),
            )

    def _accounts(self, language: str) -> Iterator[Caller]:
        """A shared phone, a stopped account, a PIN reset on its way and one that is ready."""
        shared = self._number()
        family = [self._seller(language, shared, f"{NAME[:22]} {letter}") for letter in "ABCDEF"]
        saved = State(
            screen="sell.price", stack=["home"], draft={"produce": "coffee.cherry", "quantity": 1000}
        ).as_dict()
        saved["person_id"] = family[0]["id"]
        yield Caller(
            "shared phone", self._calls(shared, None, language, shared=True, saved=saved), "who", ("who", "resume")
        )
        stopped = self._seller(language)
        accounts.withdraw_consent(self.tx, now=self.clock.now(), person_id=stopped["id"], purpose="service")
        yield Caller("stopped", self._calls(stopped["msisdn"], stopped, language), "home", ("home",))
        for days in (0, 2):
            forgetful = self._seller(language)
            accounts.ask_pin_reset(
                self.tx, now=self.clock.now() - days * DAY_MS, clock=self.clock, person_id=forgetful["id"]
            )
            calls = self._calls(forgetful["msisdn"], forgetful, language)
            yield Caller(f"PIN reset of {days} days ago", calls, "account.forgot", ("account",))
        full = self._number()
        for letter in "ABCDEF":
            self._seller(language, full, f"{NAME[:22]} {letter}")
        yield Caller("full number", self._calls(full, None, language), "welcome", ("welcome", "register"))
