"""Field agents for the tests: one agent, and what she does, over any store."""

from __future__ import annotations

from typing import Any

from tests.market.peoples import KEY, ordered, seller
from tests.market.peoples import NOW as NOW
from ussd_app.hubs import load_hub
from ussd_app.lib.clock import ManualClock
from ussd_app.market import agents, cooperatives, people, rates
from ussd_app.store import Store

HUB = load_hub("rw")
KANJONGO, HERS = "3706", "+250788000101"
AGENT_PHONE = "+250788000900"


class Agency:
    """A store with one agent; `now` stands still until `pass_time`."""

    def __init__(self, store: Store, **more: Any) -> None:
        self.store, self.clock = store, ManualClock(NOW)
        store.write(lambda tx: rates.load(tx, HUB))
        self.agent = self.person("Ange", AGENT_PHONE)
        self.make(self.agent, **more)

    @property
    def now(self) -> int:
        return self.clock.now()

    def pass_time(self, ms: int) -> None:
        self.clock.advance(ms)

    def person(self, name: str, msisdn: str) -> str:
        return str(self.store.write(lambda tx: seller(tx, name=name, msisdn=msisdn))["id"])

    def make(self, person_id: str, **more: Any) -> Any:
        return self.store.write(
            lambda tx: agents.add(tx, hub=HUB, now=self.now, person_id=person_id, by="operator:a", **more)
        )

    def cooperative(self) -> Any:
        manager = self.person("Manager", "+250788000901")
        return self.store.write(
            lambda tx: cooperatives.add(
                tx, hub=HUB, now=self.now, name="Kawa Nziza", place=KANJONGO, manager_id=manager, by="operator:a"
            )
        )

    def register(self, msisdn: str = HERS, name: str = "Alice Uwimana", **more: Any) -> Any:
        told = {"agent_id": self.agent, "place": KANJONGO, "produce": "coffee.cherry"} | more
        return self.store.turn(
            lambda tx: agents.register(
                tx, hub=HUB, clock=self.clock, now=self.now, key=KEY, msisdn=msisdn, name=name, **told
            )
        )

    def codes(self, msisdn: str = HERS) -> list[str]:
        """The codes that were sent to a number, oldest first."""
        rows = [row for row in ordered(self.store) if row["recipient"] == msisdn and "code" in row["values"]]
        return [row["values"]["code"] for row in rows]

    def sent(self, msisdn: str = HERS) -> list[str]:
        return [row["template"] for row in ordered(self.store) if row["recipient"] == msisdn]

    def check_code(self, person_id: str, code: str, msisdn: str = HERS) -> str:
        return self.store.turn(
            lambda tx: agents.check_code(tx, now=self.now, key=KEY, msisdn=msisdn, person_id=person_id, code=code)
        )

    def begin(self, person_id: str, msisdn: str = HERS) -> None:
        """She said yes herself."""
        done = self.store.turn(
            lambda tx: people.confirm_seller(
                tx, now=self.now, person_id=person_id, msisdn=msisdn, pin_hash="hers", language="rw",
                consent_version="2026-01", channel="ussd",
            )
        )  # fmt: skip
        assert done

    def begun(self, msisdn: str = HERS, name: str = "Alice Uwimana", **more: Any) -> str:
        row = self.register(msisdn, name, **more)
        self.begin(row["person_id"], msisdn)
        return str(row["person_id"])
