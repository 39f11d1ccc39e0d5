"""Every named point on the way of money is hit once in the real processes, over real wires: what died there is gone on
with from its rows, and in the end the wallets' journals are the ledger."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.faults.market import rows
from tests.faults.phones import Person, Phone, Tally
from tests.faults.processes import await_true
from tests.faults.test_crash_points import KILLED, dies_at
from tests.faults_money.till import (
    SAY_YES,
    WALLETS,
    Till,
    Trade,
    check_books,
    check_messages,
    check_told,
    check_wallets,
    till,
)
from ussd_app.lib.crash import CRASH_POINTS
from ussd_app.store import Store, open_store
from ussd_app.worker.loop import LANES

# Where a worker dies -> how the collection stands then, and whether the wallet has heard of it. The last one may die of
# an older payment's answer as well.
SENDING = {
    "payment.after_apply": (("pending",), True),
    "payment.after_sending_mark": (("sending",), False),
    "payment.after_send": (("sending",), True),
    "payment.before_apply": (("sending", "created"), None),
}
SETTLING = ("payment.before_apply", "payment.after_apply")
TELLING = ("outbox.after_lease", "outbox.after_send", "outbox.after_mark")
SAYING_YES = {"turn.before_commit": 0, "turn.after_commit": 1}
PLACES = (*SENDING, *SETTLING, *TELLING, *SAYING_YES)
ORDERS = len(SENDING) + len(SAYING_YES)
PAID = "SELECT COUNT(*) AS n FROM payments WHERE kind = 'collection' AND state = 'paid'"
UNSENT = "SELECT COUNT(*) AS n FROM payments WHERE state IN ('created', 'sending', 'unknown')"


def test_every_point_is_hit_here() -> None:
    assert {*PLACES} == {*CRASH_POINTS}


class Deaths:
    """One order a place; each death leaves what it leaves to the process that comes after."""

    def __init__(self, market: Till, store: Store, trade: Trade) -> None:
        self.market, self.store, self.sellers = market, store, iter(trade.sellers)
        self.told: list[str] = []
        self.count = 0

    def yes(self) -> str:
        """The next seller says that it is right; her number."""
        number = next(self.sellers)
        answer = Person(Phone(self.market.port, number), Tally()).does(SAY_YES, "weigh.correct")
        assert answer is not None and answer.text.startswith("Agreed: "), answer
        self.told.append(number)
        return number

    def collection(self, number: str) -> list[dict[str, str]]:
        found = rows(
            self.store,
            "SELECT y.id, y.state FROM payments y JOIN orders o ON o.id = y.order_id JOIN people p ON p.id = o.seller_id"
            f" WHERE y.kind = 'collection' AND p.msisdn = '{number}'",
        )
        return [dict(row) for row in found]

    def worker_dies(self, point: str) -> None:
        assert self.market.quick_worker(CRASH_AT=point).wait() == KILLED, point
        self.count += 1

    def sending(self, point: str) -> None:
        number = self.yes()
        before = self.market.calls()["send"]
        self.worker_dies(point)
        states, heard = SENDING[point]
        assert self.collection(number)[0]["state"] in states, point
        assert heard is None or (self.market.calls()["send"] > before) == heard, point

    def settling(self) -> None:
        """All that was begun is sent; then every buyer approves, and a worker dies with the answers in its hands."""
        worker = self.market.quick_worker()
        await_true(lambda: rows(self.store, UNSENT)[0]["n"] == 0, "all payments are sent")
        worker.end()
        assert rows(self.store, PAID)[0]["n"] == 0
        self.market.approve_all()
        assert self.market.moved()
        for point in SETTLING:
            self.worker_dies(point)
            assert (rows(self.store, PAID)[0]["n"] > 0) == (point == "payment.after_apply"), point

    def saying_yes(self, point: str) -> None:
        """The web server dies as she says yes: her phone's repeat, or the answer that is there, makes it one."""
        number = next(self.sellers)
        phone = Phone(self.market.port, number)
        web = self.market.web()
        self.market.until("/readyz", web)
        phone.dial()
        for key in ("4", "1"):
            shown = phone.send(key)
        assert shown.screen == "weigh.check", shown
        phone.close()
        web.end()
        dies_at(self.market, point, lambda: phone.send("1"))
        phone.close()
        assert len(self.collection(number)) == SAYING_YES[point]
        web = self.market.web()
        self.market.until("/readyz", web)
        assert phone.again().text.startswith("Agreed: ") and len(self.collection(number)) == 1
        phone.close()
        web.end()
        self.told.append(number)


@pytest.mark.soak
@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_every_point_on_the_way_of_money_once(request: pytest.FixtureRequest, engine: str, tmp_path: Path) -> None:
    url: str = request.getfixturevalue(f"{engine}_url")
    with till(tmp_path, url, TIME_SCALE="0.01") as market, contextlib.closing(open_store(url)) as store:
        market.emulator(latency_ms=5, report_after_ms=300)
        for name in WALLETS:
            market.wallet(name, approval="ask", approve_after_ms=10_000, window_ms=100_000_000)
        trade = Trade(market, store, ORDERS, known=True)
        deaths = Deaths(market, store, trade)
        web = market.web()
        market.until("/readyz", web)
        for point in SENDING:
            deaths.sending(point)
        deaths.settling()
        for point in TELLING:
            deaths.worker_dies(point)
        web.end()
        for point in SAYING_YES:
            deaths.saying_yes(point)
        market.until("/readyz", market.web())
        market.quick_worker()
        trade.calm(60)
        check_told(store, deaths.told)
        sums = check_wallets(market, store)
        assert sums == {"collection": ORDERS, "disbursement": ORDERS, "failed": 0}
        check_messages(market, store, deaths.count, LANES)
        check_books(store, ORDERS)
