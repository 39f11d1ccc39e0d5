"""A market at the hour of payment: orders whose goods are weighed, wallets as processes of their own, sellers who say yes
on their phones; and what must be true of wallets and books when all is calm again."""

from __future__ import annotations

import http.client
import json
import random
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from tests.conversation.givens import PIN, Givens
from tests.faults.market import rows
from tests.faults.phones import Person, Phone, Script, Tally
from tests.faults.processes import PATIENCE_S, Process, Service, ask, await_true, free_port
from tests.money.invariants import broken
from ussd_app import wire
from ussd_app.market import deliveries, rates, settlement, wallets
from ussd_app.money import audit, ledger
from ussd_app.money.payments import BY_HAND, OPEN
from ussd_app.money.providers import load_providers
from ussd_app.parts import Parts
from ussd_app.settings import from_environment
from ussd_app.store import Store, Tx

WALLETS = ("mtn_momo", "airtel_money")
IN_WALLET = 50_000_000  # minor units in the market's own account at each wallet when it starts
ORDERS_A_BUYER = 4
KILOS, PRICE = 40, 700
SAY_YES: Script = {"home": "4", "pay.latest": "1", "weigh.check": "1"}
EACH_STEP = {"collection": "payment.collected", "disbursement": "payment.paid_out", "refund": "payment.refunded"}


class Till(Service):
    """The processes of a market that takes payments: web server, worker, gateway for SMS and both wallets."""

    def __init__(self, folder: Path, url: str, **settings: str) -> None:
        super().__init__(folder, url, **settings)
        self.ports = {name: free_port() for name in WALLETS}
        for name, port in self.ports.items():
            self.env[f"{name.upper()}_BASE_URL"] = f"http://127.0.0.1:{port}"
        self.settings = from_environment(self.env)

    def wallet(self, name: str, **options: object) -> Process:
        """Start an emulated wallet and wait until it listens."""
        words = [word for option, value in options.items() for word in ("--fault", f"{option}={value}")]
        command = [sys.executable, "-m", "flask", "emulate", name, "--port", str(self.ports[name]), *words]
        process = self._start(name, command, {})
        await_true(lambda: ask(self.ports[name], "GET", "/journal?after=1000000000") is not None, name)
        return process

    def web(self, workers: int = 1, prefix: tuple[str, ...] = (), **settings: str) -> Process:
        """Start the web server, whose calls last as long as ever; it may not be ready yet."""
        return super().web(workers, prefix, **{"TIME_SCALE": "1"} | settings)

    def quick_worker(self, **settings: str) -> Process:
        """Start a worker with short leases."""
        return self._start("worker", [sys.executable, "-m", "tests.faults_money.short_leases", "worker"], settings)

    def control(self, wallet: str, **told: Any) -> None:
        """Steer a wallet."""
        status, answer = self._post(wallet, "/control", told)
        assert status == 204, answer

    def approve_all(self) -> None:
        """Every buyer who is asked says yes in her wallet."""
        for name in WALLETS:
            answered = ask(self.ports[name], "GET", "/prompts")
            assert answered is not None, f"{name} does not answer"
            for prompt in json.loads(answered[1]):
                self._post(name, "/approve", {"reference": prompt["reference"], "pin": "1234", "answer": "yes"})

    def _post(self, wallet: str, path: str, told: dict[str, Any]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[wallet], timeout=PATIENCE_S)
        connection.request("POST", path, json.dumps(told), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        read = answer.read()
        connection.close()
        return answer.status, read

    def moved(self) -> dict[str, dict[str, Any]]:
        """What money moved at the wallets, by our reference: `provider`, `count` (how often), `amount` in all."""
        found: dict[str, dict[str, Any]] = {}
        for name in WALLETS:
            answered = ask(self.ports[name], "GET", "/journal?after=1000000000")
            assert answered is not None, f"{name} does not answer"
            for reference, one in json.loads(answered[1])["settled"].items():
                found[str(uuid.UUID(reference))] = one | {"provider": name}  # Airtel takes no hyphens
        return found

    def calls(self) -> Counter[str]:
        """How often each kind of thing happened at the wallets; of callbacks, how often each was answered so."""
        told: Counter[str] = Counter()
        for name in WALLETS:
            answered = ask(self.ports[name], "GET", "/journal")
            assert answered is not None, f"{name} does not answer"
            for entry in json.loads(answered[1])["entries"]:
                told[f"callback {entry['status']}" if entry["kind"] == "callback" else entry["kind"]] += 1
        return told


@contextmanager
def till(folder: Path, url: str, **settings: str) -> Iterator[Till]:
    """The processes of one market; none of them outlives the block."""
    made = Till(folder, url, **settings)
    try:
        yield made
    finally:
        made.close()


class Trade:
    """Orders of so many sellers with a few buyers, each weighed and waiting for its seller's yes; half of the people
    have the one wallet and half the other, across."""

    def __init__(self, market: Till, store: Store, orders: int, *, known: bool) -> None:
        self.market, self.store = market, store
        self.parts: Parts = wire(market.settings, store)
        self.sellers: list[str] = []
        self.buyers: list[str] = []
        store.write(lambda tx: rates.load(tx, self.parts.hub))
        given = Givens(self.parts, cast("Any", None))
        for number in range(orders):
            buyer = f"Buyer {_word(number // ORDERS_A_BUYER)}"
            if buyer not in given.people:
                self.buyers.append(f"+2507{8 if number % 8 < 4 else 3}{6_000_000 + number}")
                given(f"buyer {buyer} {self.buyers[-1]} speaks en at Huye")
            seller, phone = f"Seller {_word(number)}", f"+2507{8 if number % 2 else 3}{5_000_000 + number}"
            given(f"seller {seller} {phone} speaks en")
            given(f"listing of {seller}: maize.grain {KILOS} kg at {PRICE}")
            given(f"pass_through order of {buyer} with {seller}: {KILOS} kg at {PRICE}")
            self.sellers.append(phone)
        self._weigh(known)
        # What the making of all this had to say is not what is looked at.
        store.write(lambda tx: tx.rows("DELETE FROM outbox RETURNING id"))
        names = {person["msisdn"]: person["name"] for person in given.people.values()}
        for name in WALLETS:
            market.control(name, name=names)

    def _weigh(self, known: bool) -> None:
        clock = self.parts.clock
        for order in rows(self.store, "SELECT id, buyer_id, seller_id, quantity FROM orders"):

            def work(tx: Tx, order: dict[str, Any] = order) -> None:
                now = clock.now()
                terms = {"order_id": order["id"], "buyer_id": order["buyer_id"], "gross": order["quantity"]}
                deliveries.record(tx, clock=clock, now=now, **terms)
                wallet = wallets.of(tx, now=now, person_id=order["seller_id"])
                assert wallet is not None
                if known:
                    name = tx.person_by_id(id=order["seller_id"])["name"]
                    wallets.note_holder(tx, clock=clock, now=now, wallet_id=wallet["id"], active=True, name=name)

            self.store.write(work)

    def pay_again(self) -> int:
        """Every buyer whose wallet did not pay asks to be asked again. Returns how many did."""
        clock = self.parts.clock
        stopped = rows(
            self.store,
            "SELECT s.order_id, o.buyer_id FROM settlements s JOIN orders o ON o.id = s.order_id"
            " WHERE s.collect_stop <> ''",
        )
        for one in stopped:
            self.store.write(
                lambda tx, one=one: settlement.pay_again(tx, clock=clock, now=clock.now(), **one)  # type: ignore[misc]
            )
        return len(stopped)

    def calm(self, timeout_s: float) -> None:
        """Wait until every order is settled, no payment is open and nothing waits to be told."""
        end = time.monotonic() + timeout_s
        while left := self._left():
            assert time.monotonic() < end, f"not calm after {timeout_s:.0f} s: {left}"
            self.pay_again()
            self.market.approve_all()
            time.sleep(0.2)

    def _left(self) -> dict[str, Any]:
        """What is still under way, by what it is."""
        states = {
            "payments": "SELECT state || ' ' || provider AS what FROM payments"
            f" WHERE state IN ({', '.join(repr(one) for one in (*OPEN, 'review'))})",
            "orders": "SELECT o.state || ' ' || s.hold AS what FROM orders o LEFT JOIN settlements s ON s.order_id = o.id"
            " WHERE o.state <> 'settled'",
            "outbox": "SELECT state AS what FROM outbox WHERE state NOT IN ('sent', 'delivered')",
        }
        found = {name: Counter(row["what"] for row in rows(self.store, sql)) for name, sql in states.items()}
        return {name: dict(counts) for name, counts in found.items() if counts}


def _word(number: int) -> str:
    """A name of its own for every number."""
    return "".join(chr(ord("a") + number // 26**place % 26) for place in range(4)).title()


class Sellers(threading.Thread):
    """Some of the sellers, one after the other: each says on her phone that the weight is right, whatever breaks."""

    def __init__(self, market: Till, numbers: list[str], stop: threading.Event, pause_s: float, seed: int) -> None:
        super().__init__(name=f"sellers-{numbers[0][-4:]}", daemon=True)
        self.market, self.numbers, self.stop = market, numbers, stop
        self.pause_s, self.dice = pause_s, random.Random(seed)
        self.tally = Tally()
        self.told: list[str] = []  # who heard that it is agreed
        self.fault: BaseException | None = None

    def run(self) -> None:
        try:
            for number in self.numbers:
                if self.stop.is_set():
                    return
                answer = Person(Phone(self.market.port, number), self.tally).does(SAY_YES, "weigh.correct")
                assert answer is not None and answer.text.startswith("Agreed: "), answer
                self.told.append(number)
                self.stop.wait(self.dice.uniform(0, 2 * self.pause_s))
        except BaseException as fault:
            self.fault = fault
            self.stop.set()


# --- afterwards -----------------------------------------------------------------------------------------------------


def check_told(store: Store, told: list[str]) -> None:
    """Whoever heard that it is agreed has her money."""
    paid = rows(
        store,
        "SELECT p.msisdn FROM payments y JOIN people p ON p.id = y.person_id"
        " WHERE y.kind = 'disbursement' AND y.state = 'paid'",
    )
    assert {*told} == {row["msisdn"] for row in paid} and len(paid) == len(told)


def check_wallets(market: Till, store: Store) -> dict[str, int]:
    """The wallets' journals are the ledger: each payment moved once, the same amount; each account holds the same sum.

    Returns how many payments there were by kind, and how many failed.
    """
    payments = {row["id"]: row for row in rows(store, "SELECT * FROM payments") if row["provider"] not in BY_HAND}
    assert {row["state"] for row in payments.values()} <= {"paid", "failed", "cancelled"}
    moved = market.moved()
    paid = {key: row for key, row in payments.items() if row["state"] == "paid"}
    assert moved.keys() == paid.keys(), f"only one side has {[*moved.keys() ^ paid.keys()]}"
    for key, one in moved.items():
        ours = paid[key]
        assert one["count"] == 1, f"{key} moved {one['count']} times"
        theirs = (one["amount"], one["currency"], one["msisdn"], one["payment"], one["provider"])
        names = ("settled_amount", "currency", "msisdn", "kind", "provider")
        assert theirs == tuple(ours[name] for name in names), (key, theirs)
        with store.read() as tx:
            posted = [part["amount"] for part in ledger.of_payment(tx, key) if part["kind"] == "post"]
        assert posted == [one["amount"]], f"{key} is {posted} in the books"
    adapters = load_providers(market.settings)
    for name in WALLETS:
        sums = Counter({"collection": 0, "disbursement": 0})
        for one in moved.values():
            sums[one["payment"]] += one["amount"] if one["provider"] == name else 0
        with store.read() as tx:
            stands = ledger.balance(tx, f"wallet:{name}", "RWF").posted
        assert -stands == sums["collection"] - sums["disbursement"], f"{name}: {stands} in the books, {sums} moved"
        has = adapters[name].balance()
        assert has == IN_WALLET - stands, f"{name} has {has}, the books say {IN_WALLET - stands}"
    count = Counter(row["kind"] for row in paid.values())
    return dict(count) | {"failed": len(payments) - len(paid)}


def check_books(store: Store, orders: int) -> None:
    """Debits are credits, nobody else's money is left with us, every state has its trail, the trail is whole."""
    assert broken(store) == []
    held = "SELECT COUNT(*) AS n FROM payment_reviews"
    assert rows(store, held)[0]["n"] == 0
    assert rows(store, "SELECT state, COUNT(*) AS n FROM orders GROUP BY 1") == [{"state": "settled", "n": orders}]
    doubled = rows(
        store, "SELECT order_id FROM payments WHERE state = 'paid' GROUP BY order_id, kind HAVING COUNT(*) > 1"
    )
    assert not doubled, "an order was paid twice"
    audit.seal(store, int(time.time() * 1000))
    with store.read() as tx:
        verdict = audit.verify(tx)
        accounts = [f"order:{row['id']}:held" for row in tx.rows("SELECT id FROM orders")]
        accounts += [f"seller:{row['person_id']}:payable" for row in tx.rows("SELECT person_id FROM sellers")]
        left = {name: ledger.balance(tx, name, "RWF") for name in (*accounts, ledger.SUSPENSE)}
    assert not verdict.broken and not verdict.unsealed and verdict.sealed > 0, verdict
    assert not any(any(vars(one).values()) for one in left.values()), left
    if store.engine == "sqlite":
        assert rows(store, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]


def check_messages(market: Till, store: Store, worker_kills: int, lanes: int) -> dict[str, int]:
    """One SMS a step that matters: ordered once, and twice on the way only where a kill fell between send and mark."""
    wanted: Counter[tuple[str, str, str]] = Counter()
    for row in rows(store, "SELECT id, kind, state, person_id FROM payments"):
        template = EACH_STEP[row["kind"]] if row["state"] == "paid" else "payment.failed"
        wanted[template, row["id"], row["person_id"]] += 1
    ordered = rows(store, "SELECT id, template, dedupe, person_id, recipient, state FROM outbox")
    told = Counter(row["dedupe"] for row in ordered if row["template"].startswith("payment."))
    assert told == Counter({":".join(key): count for key, count in wanted.items()})
    agreed = Counter(row["template"] for row in ordered if row["template"].startswith("delivery.agreed"))
    orders = rows(store, "SELECT COUNT(*) AS n FROM orders")[0]["n"]
    assert agreed == {"delivery.agreed.seller": orders, "delivery.agreed.buyer": orders}
    arrived = Counter(message["number"] for message in market.messages())
    due = Counter(row["recipient"] for row in ordered)
    assert not due - arrived, "a message never reached the gateway"
    doubled = (arrived - due).total()
    assert doubled <= worker_kills * lanes, f"{doubled} messages went out twice in {worker_kills} kills"
    return {"messages": len(ordered), "doubled": doubled}


__all__ = ("PIN", "Sellers", "Till", "Trade", "check_books", "check_messages", "check_told", "check_wallets", "till")
