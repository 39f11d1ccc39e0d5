"""The books under random acts and under many threads at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.money.spoil import at_once
from ussd_app.money import ledger
from ussd_app.money.ledger import Balance, Short
from ussd_app.store import Store, Tx

NOW = 1_790_000_000_000
WALLET = "wallet:mtn_momo"
ACCOUNTS = (WALLET, "bank", "order:1:held", "order:2:held", "seller:1:payable", "fees:service", "buyer:1", "suspense")
GUARDED = ("order:1:held", "order:2:held", "seller:1:payable", "fees:service")

ACTS = st.one_of(
    st.tuples(
        st.sampled_from(["hold", "move"]),
        st.sampled_from(ACCOUNTS),
        st.sampled_from(ACCOUNTS),
        st.integers(1, 50),
        st.sampled_from(["RWF", "RWF", "RWF", "EUR"]),
    ),
    st.tuples(st.just("post"), st.integers(0, 30), st.integers(1, 60), st.booleans()),
    st.tuples(st.just("void"), st.integers(0, 30)),
)


class Undone(Exception):
    """Ends an example: nothing of it stays."""


class Model:
    """The books as plain sums, worked out apart from the ledger."""

    def __init__(self) -> None:
        self.posted: dict[tuple[str, str], int] = {}
        self.holds: list[dict[str, Any]] = []

    def add(self, source: str, destination: str, amount: int, currency: str) -> None:
        for account, change in ((source, -amount), (destination, amount)):
            self.posted[account, currency] = self.posted.get((account, currency), 0) + change

    def balance(self, account: str, currency: str) -> Balance:
        open_ = [hold for hold in self.holds if not hold["ended"] and hold["currency"] == currency]
        return Balance(
            self.posted.get((account, currency), 0),
            sum(hold["amount"] for hold in open_ if hold["destination"] == account),
            sum(hold["amount"] for hold in open_ if hold["source"] == account),
        )

    def short(self, source: str, amount: int, currency: str) -> bool:
        return source in GUARDED and self.balance(source, currency).available < amount


def do_begin(tx: Tx, model: Model, kind: str, source: str, destination: str, amount: int, currency: str) -> None:
    terms: dict[str, Any] = {"source": source, "destination": destination, "amount": amount, "currency": currency}
    if source == destination:
        with pytest.raises(ValueError):
            ledger.move(tx, now=NOW, why="test", **terms)
    elif model.short(source, amount, currency):
        with pytest.raises(Short):
            if kind == "hold":
                ledger.hold(tx, now=NOW, payment_id=f"p{len(model.holds)}", **terms)
            else:
                ledger.move(tx, now=NOW, why="test", **terms)
    elif kind == "hold":
        pending_id = ledger.hold(tx, now=NOW, payment_id=f"p{len(model.holds)}", **terms)
        model.holds.append(terms | {"id": pending_id, "ended": False})
    else:
        ledger.move(tx, now=NOW, why="test", **terms)
        model.add(**terms)


def do_post(tx: Tx, model: Model, hold: dict[str, Any], amount: int, suspense: bool) -> None:
    source, destination, currency = hold["source"], hold["destination"], hold["currency"]
    if suspense:
        outer = [account in (WALLET, "bank") for account in (source, destination)]
        if sum(outer) == 1:
            source, destination = (source, "suspense") if outer[0] else ("suspense", destination)
        else:
            suspense = False
    more = amount - hold["amount"]
    if not hold["ended"] and more > 0 and source == hold["source"] and model.short(source, more, currency):
        with pytest.raises(Short):
            ledger.post(tx, hold["id"], amount, NOW, evidence="seen", suspense=suspense)
        return
    done = ledger.post(tx, hold["id"], amount, NOW, evidence="seen", suspense=suspense)
    assert (done is None) == hold["ended"]
    if done:
        hold["ended"] = True
        model.add(source, destination, amount, currency)


def play(tx: Tx, acts: list[Any]) -> None:
    model = Model()
    for act in acts:
        if act[0] in ("hold", "move"):
            do_begin(tx, model, *act)
        elif act[1] < len(model.holds):
            hold = model.holds[act[1]]
            if act[0] == "post":
                do_post(tx, model, hold, act[2], act[3])
            else:
                assert (ledger.void(tx, hold["id"], NOW) is None) == hold["ended"]
                hold["ended"] = True
    for currency in ("RWF", "EUR"):
        for account in ACCOUNTS:
            assert ledger.balance(tx, account, currency) == model.balance(account, currency), (account, currency)
    assert ledger.check(tx) == []
    for whole in ledger.totals(tx).values():
        assert whole["debits"] == whole["credits"]
        assert whole["pending_debits"] == whole["pending_credits"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(ACTS, max_size=40))
def test_random_acts_keep_every_invariant(store: Store, acts: list[Any]) -> None:
    def work(tx: Tx) -> None:
        play(tx, acts)
        raise Undone

    with pytest.raises(Undone):
        store.write(work)


def test_sixteen_threads_end_a_hold_and_one_wins(store: Store) -> None:
    for turn in range(5):
        name = f"p{turn}"
        held = store.write(
            lambda tx, name=name: ledger.hold(
                tx, now=NOW, payment_id=name, source=WALLET, destination="order:1:held", amount=100, currency="RWF"
            )
        )
        post = lambda held=held: store.write(lambda tx: ledger.post(tx, held, 100, NOW))  # noqa: E731
        void = lambda held=held: store.write(lambda tx: ledger.void(tx, held, NOW))  # noqa: E731
        results = at_once([post, void] * 8)
        assert not [one for one in results if isinstance(one, Exception)]
        winners = [one for one in results if one is not None]
        assert len(winners) == 1
        with store.read() as tx:
            ended = ledger.ending(tx, held)
            assert ended is not None and ended["id"] == winners[0]
            assert len(ledger.of_payment(tx, name)) == 2
            assert ledger.check(tx) == []


def test_sixteen_threads_take_no_more_than_there_is(store: Store) -> None:
    """Payouts held and moves at once: the account cannot be emptied twice."""
    give = {"source": WALLET, "destination": "seller:1:payable", "amount": 1000, "currency": "RWF"}
    store.write(lambda tx: ledger.move(tx, now=NOW, why="test", **give))
    take = {"source": "seller:1:payable", "destination": WALLET, "amount": 300, "currency": "RWF"}

    def held(index: int) -> Any:
        return store.write(lambda tx: ledger.hold(tx, now=NOW, payment_id=f"p{index}", **take))

    def moved() -> Any:
        return store.write(lambda tx: ledger.move(tx, now=NOW, why="test", **take))

    works = [(lambda index=index: held(index)) if index % 2 else moved for index in range(16)]
    results = at_once(works)
    assert sum(isinstance(one, str) for one in results) == 3
    assert sum(isinstance(one, Short) for one in results) == 13
    with store.read() as tx:
        assert ledger.balance(tx, "seller:1:payable", "RWF").available == 100
        assert ledger.check(tx) == []


def test_the_same_act_from_sixteen_threads_happens_once(store: Store) -> None:
    terms = {"source": WALLET, "destination": "order:1:held", "amount": 100, "currency": "RWF"}

    def held() -> Any:
        return store.write(lambda tx: ledger.hold(tx, now=NOW, payment_id="p1", **terms))

    def moved() -> Any:
        return store.write(lambda tx: ledger.move(tx, now=NOW, why="test", once="share:1", **terms))

    assert len(set(at_once([held] * 16))) == 1
    assert len(set(at_once([moved] * 16))) == 1
    with store.read() as tx:
        assert ledger.balance(tx, "order:1:held", "RWF") == Balance(100, 100, 0)
        assert ledger.check(tx) == []
