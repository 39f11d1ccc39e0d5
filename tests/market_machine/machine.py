"""The whole market as a state machine: what people do (see `market_rules`), and what wallets, workers, callbacks and
operators do to their money. Every law of `invariants` is looked at after every step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from tests.market_machine import invariants
from tests.market_machine.market_rules import MarketRules, agreements, buyers, moves
from tests.market_machine.world import MINUTE, Died, World
from tests.money.spoil import at_once
from ussd_app.market import settlement
from ussd_app.money import breaker, callbacks, ledger, payments, reviews
from ussd_app.money.providers.base import CallbackHint, Status, hash_of
from ussd_app.store import Store

OUTCOMES = (
    "lost", "lost_before", "junk", "busy:5000", "not_sent", "refused:PAYER_NOT_FOUND", "unauthorised", "misconfigured",
)  # fmt: skip
ANSWERS = (Status("unknown", reason="502"), Status("not_found"), Status("unknown", reason="429", wait_ms=30_000))
POINTS = ("payment.after_sending_mark", "payment.after_send", "payment.before_apply", "payment.after_apply")
REASONS = ("APPROVAL_REJECTED", "EXPIRED", "NOT_ENOUGH_FUNDS", "PAYEE_NOT_FOUND", "INTERNAL_PROCESSING_ERROR")


class AllRules:
    """Every rule may come in every example. Hypothesis leaves most out of each, for variety: that pays over hundreds of
    examples, and with a few of them hardly one would come to a payout."""

    def is_enabled(self, name: str) -> bool:
        return True


class Machine(MarketRules):
    """One example on one fresh store, which `opened` gives and `closed` takes back; `few` when there are few of them."""

    def __init__(self, opened: Callable[[], Store], closed: Callable[[Store, World], None], few: bool) -> None:
        super().__init__()
        if few:
            self._rules_strategy.enabled_rules_strategy = st.just(AllRules())
        self.closed = closed
        self.world = World(opened())
        self.before = invariants.look(self.world)

    # wallets

    def _everybody(self, rounds: int) -> Any:
        """Payers approve, workers work, minutes pass."""
        self.world.settle(rounds)
        return self.fresh()

    _often = rule(target=moves, rounds=st.integers(1, 4))
    all_do_1, all_do_2, all_do_3 = _often(_everybody), _often(_everybody), _often(_everybody)

    @rule(target=moves, minutes=st.sampled_from([0, 1, 4, 20]))
    def workers_work(self, minutes: int) -> Any:
        for _ in range(min(minutes, 4)):
            self.world.clock.advance(minutes * MINUTE // 4)
            self.world.jobs()
        self.world.jobs()
        return self.fresh()

    @rule(payment_id=moves, answer=st.sampled_from(["yes", "yes", "yes", *REASONS]))
    def payer_answers(self, payment_id: str, answer: str) -> None:
        found = self._at_wallet(payment_id)
        if found is None or found[1].state != "pending":
            return
        purse, _ = found
        if answer == "yes":
            purse.approve(payment_id)
        else:
            purse.reject(payment_id, answer)
            self.world.reach("rejected at the wallet")

    @rule(which=st.integers(0, 9), wrong=st.sampled_from(["less", "more", "payer", "currency"]))
    def money_is_not_as_asked(self, which: int, wrong: str) -> None:
        """What was collected is too little, too much, another's, or of another currency."""
        purse = self.world.purses["mtn_momo"]
        self.world.jobs()
        waiting = [record.instruction for record in purse.waiting() if record.instruction.kind == "collection"]
        if not waiting:
            return
        asked = waiting[which % len(waiting)]
        told = {"less": {"amount": max(1, asked.amount - 7)}, "more": {"amount": asked.amount + 13}}
        told |= {"payer": {"msisdn": "+250788999777"}, "currency": {"currency": "EUR"}}
        purse.approve(asked.reference_id, **told[wrong])
        self.world.reach(f"wrong {wrong}")
        self.world.clock.advance(4 * MINUTE)
        self.world.drive(self.world.worker)

    @rule(payment_id=moves)
    def success_after_failure(self, payment_id: str) -> None:
        """A collection that was said to have failed succeeds after all, and the wallet calls back."""
        found, row = self._at_wallet(payment_id), self.world.payment(payment_id)
        if found is None or row["state"] != "failed" or row["kind"] != "collection" or found[1].state != "failed":
            return
        found[0].approve(payment_id)
        found[0].late.add(payment_id)
        self.world.reach("late success")
        self._call_back(row, CallbackHint(reference_id=payment_id, state="paid", raw_hash=hash_of(b"late")))

    @rule(
        provider=st.sampled_from(["mtn_momo", "mtn_momo", "airtel_money"]),
        outcomes=st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=3),
    )
    def next_sendings_go_wrong(self, provider: str, outcomes: list[str]) -> None:
        self.world.purses[provider].play(*outcomes)

    @rule(
        provider=st.sampled_from(["mtn_momo", "mtn_momo", "airtel_money"]),
        answers=st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=4),
    )
    def next_answers_are_strange(self, provider: str, answers: list[Status]) -> None:
        self.world.purses[provider].say(*answers)

    @rule(provider=st.sampled_from(["mtn_momo", "airtel_money"]), down=st.booleans())
    def wallet_is_down_or_back(self, provider: str, down: bool) -> None:
        self.world.purses[provider].down = down
        if not down:
            self.world.store.write(
                lambda tx: tx.breaker_add(provider=provider) and breaker.resume(tx, provider, now=self.world.now)
            )

    @rule(target=moves, approve=st.booleans())
    def every_unknown_settles(self, approve: bool) -> Any:
        """P7, P8: the wallets are back, payers answer or let it be, hours pass: nothing is unknown any more, and the
        books say of each wallet what its journal says."""
        world = self.world
        for purse in world.purses.values():
            purse.recover()
            world.store.write(lambda tx, name=purse.name: tx.breaker_add(provider=name))
            world.store.write(lambda tx, name=purse.name: breaker.resume(tx, name, now=world.now))
        for _ in range(8):
            for purse in world.purses.values():
                for record in purse.waiting():
                    reference = record.instruction.reference_id
                    purse.approve(reference) if approve else purse.reject(reference, "EXPIRED")
            world.clock.advance(20 * MINUTE)
            world.drive(world.worker)
            approve = False
        seen = invariants.look(world)
        left = [row for row in seen.rows["payments"] if row["state"] in ("sending", "pending", "unknown")]
        assert not left, f"P7: after hours still {left[0]['state']}: {left[0]}"
        for purse in world.purses.values():
            for currency in ("RWF", "EUR"):
                with world.store.read() as tx:
                    stands = ledger.balance(tx, f"wallet:{purse.name}", currency).posted
                assert -stands == purse.float_of(currency), (
                    f"P8: {purse.name} has {purse.float_of(currency)}, books {-stands}"
                )
        return self.fresh()

    # callbacks

    @rule(payment_id=moves, kind=st.sampled_from(["true", "false", "forged", "double", "foreign", "unknown"]))
    def callback(self, payment_id: str, kind: str) -> None:
        """What anybody may send: it changes no state and makes nothing."""
        row = self.world.payment(payment_id)
        found = self._at_wallet(payment_id)
        true = found[1].state if found else "failed"
        state = {"true": true, "double": true, "false": "failed" if true == "paid" else "paid"}.get(kind, "paid")
        reference = "6e6ff9f0-0000-4000-8000-000000000000" if kind == "foreign" else payment_id
        signed = False if kind == "forged" else None
        hint = CallbackHint(reference_id=reference, state=state, raw_hash=hash_of(state.encode()), signed=signed)
        was = self.count("payments"), self.count("transfers")
        for _ in range(2 if kind == "double" else 1):
            verdict = self._call_back(row, hint, token="nobody's" if kind == "unknown" else row["callback_token"])
        expected = {"forged": "forged", "foreign": "foreign", "unknown": "unknown"}
        usual = "settled" if row["state"] == "paid" else "hint"
        assert verdict == expected.get(kind, usual), verdict
        assert self.world.payment(payment_id)["state"] == row["state"], "a callback changed a payment"
        assert (self.count("payments"), self.count("transfers")) == was, "a callback made something"
        self.world.reach(f"callback {verdict}")

    def _call_back(self, row: dict[str, Any], hint: CallbackHint, token: str | None = None) -> str:
        said = {"provider": row["provider"], "hint": hint, "token": row["callback_token"] if token is None else token}
        return str(self.world.store.turn(lambda tx: callbacks.callback(tx, now=self.world.now, **said)))

    # workers

    @rule(point=st.sampled_from(POINTS))
    def worker_is_killed(self, point: str) -> None:
        """A worker dies at this point, if it comes there; whoever comes after its lease goes on."""
        self.world.die_at = point
        self.world.jobs()
        self.world.die_at = ""

    @rule(provider=st.sampled_from(["mtn_momo", "mtn_momo", "airtel_money"]))
    def slow_worker_takes_work(self, provider: str) -> None:
        self.world.held += self.world.slow.lease(provider, 2)

    @rule()
    def slow_worker_goes_on(self) -> None:
        """Perhaps long after its lease is over: then what it does is an event, and no more."""
        world = self.world
        for task in world.held:
            was = world.payment(task.row["id"])
            sendings = sum(len(purse.sendings) for purse in world.purses.values())
            world.slow.handle(task)
            if was["fence"] != task.row["fence"]:
                assert world.payment(was["id"])["state"] == was["state"], "a slow worker changed what is not its own"
                assert sendings == sum(len(purse.sendings) for purse in world.purses.values()), "it sent another's"
                world.reach("slow worker")
        world.held = []

    @rule()
    def a_day_is_swept(self) -> None:
        world = self.world
        world.store.write(lambda tx: reviews.sweep(tx, now=world.now, clock=world.clock))
        world.swept_at = world.now

    @rule(order_id=agreements)
    def the_process_dies_in_a_turn(self, order_id: str) -> None:
        """Nothing of a turn is there that did not come to its end."""
        world = self.world

        def work(tx: Any) -> None:
            settlement.advance(tx, clock=world.clock, now=world.now, order_id=order_id)
            raise Died

        try:
            world.store.turn(work)
        except Died:
            after = invariants.look(world)
            assert after.rows == self.before.rows and after.messages == self.before.messages

    # asking, and operators

    @rule(
        target=moves,
        order_id=agreements,
        buyer=buyers,
        provider=st.sampled_from([None, None, "mtn_momo", "airtel_money"]),
        twice=st.booleans(),
    )
    def ask_again(self, order_id: str, buyer: str, provider: str | None, twice: bool) -> Any:
        """The buyer asks to be asked again, perhaps twice at once; for another's order there is nothing."""
        world, order = self.world, self.row("orders", order_id)
        said = {"clock": world.clock, "now": world.now, "order_id": order_id, "provider": provider}
        if buyer != order["buyer_id"]:
            why = world.asked(lambda tx: settlement.pay_again(tx, buyer_id=buyer, **said))
            assert why == "not_found", f"another's order: {why}"
            return self.fresh()

        def again() -> str:
            return world.asked(lambda tx: settlement.pay_again(tx, buyer_id=buyer, **said))

        answers = at_once([again, again]) if twice else [again()]
        assert all(isinstance(one, str) for one in answers), answers
        return self.fresh()

    @rule(order_id=agreements, amount=st.sampled_from([2_000_001, 10**12]))
    def ask_too_much(self, order_id: str, amount: int) -> None:
        """No wallet moves so much at once: nothing is taken down."""
        world, order = self.world, self.row("orders", order_id)
        terms = {"person_id": order["buyer_id"], "msisdn": "+250788999002", "amount": amount, "currency": "RWF"}
        limits = {("mtn_momo", "RWF"): payments.Limits(transaction=2_000_000, day=4_000_000)}
        try:
            world.store.turn(
                lambda tx: payments.ask(
                    tx, now=world.now, kind="collection", provider="mtn_momo", order_id=order_id, part=99,
                    external=order["code"], limits=limits, **terms,
                )
            )  # fmt: skip
        except payments.Refused as no:
            assert no.reason == "over_transaction"
            return
        raise AssertionError("more was asked for than a wallet moves")

    @rule(target=moves, order_id=agreements)
    def operator_sends_again(self, order_id: str) -> Any:
        world = self.world
        said = {"order_id": order_id, "by": "Alice", "why": "she has a wallet now"}
        world.act(lambda tx: settlement.send_again(tx, clock=world.clock, now=world.now, **said))
        return self.fresh()

    @rule(target=moves, which=st.integers(0, 5), refund=st.booleans())
    def operators_decide(self, which: int, refund: bool) -> Any:
        """Two people decide a case by what the wallet's journal says; one alone moves nothing."""
        world = self.world
        with world.store.read() as tx:
            cases = reviews.listing(tx)
        if not cases:
            return self.fresh()
        case = cases[which % len(cases)]
        decision = self._truth(case, refund)
        first, same = self._decide(case, decision, "Alice"), self._decide(case, decision, " alice ")
        if first is not None and first.done:
            assert decision == "noted" and not case["in_suspense"], "one person alone moved money"
            return self.fresh()
        assert same is None or not same.done, "one person spoke twice"
        second = self._decide(case, decision, "Bob")
        if second is not None and second.done:
            world.reach(f"review {decision}")
        return self.fresh()

    def _decide(self, case: dict[str, Any], decision: Any, by: str) -> reviews.Decided | None:
        world, said = self.world, {"review_id": case["id"], "decision": decision, "why": "by the wallet's statement"}
        done: reviews.Decided | None = world.act(
            lambda tx: reviews.decide(tx, now=world.now, by=by, handlers=settlement.handlers(world.clock), **said)
        )
        return done

    def _truth(self, case: dict[str, Any], refund: bool) -> str:
        """What honest operators say: they look into the wallet's journal, and end a request there that still waits."""
        row = self.world.payment(case["payment_id"]) if case["payment_id"] else None
        if row is None or row["state"] in ("paid", "failed", "cancelled"):
            return "noted"
        if case["in_suspense"]:
            return "refund" if refund and row["kind"] == "collection" else "paid"
        found = self._at_wallet(row["id"])
        if found is None:
            return "failed" if row["state"] == "created" else "noted"
        if found[1].state == "pending":
            found[0].reject(row["id"], "EXPIRED")
        return "paid" if found[1].state == "paid" else "failed"

    def _at_wallet(self, payment_id: str) -> Any:
        """(wallet, its record) of a payment, or of what a late one came from; None where it never arrived."""
        row = self.world.payment(payment_id)
        purse = self.world.purses[row["provider"]]
        record = purse.records.get(payment_id)
        if record is None and row["kind"] != "refund":
            record = purse.records.get(row["original_id"] or "")
        return None if record is None else (purse, record)

    # laws

    @invariant()
    def every_law_holds(self) -> None:
        self.world.reached["steps"] += 1
        seen = invariants.look(self.world)
        for law in invariants.LAWS:
            law(seen, self.before, self.world)
        self._count(seen)
        self.before = seen

    def _count(self, seen: invariants.Seen) -> None:
        was = self.before.by_id("payments")
        names = {"collection": "collected", "disbursement": "paid out", "refund": "refunded"}
        for row in seen.rows["payments"]:
            if row["state"] != was.get(row["id"], {}).get("state"):
                self.world.reach(names[row["kind"]] if row["state"] == "paid" else f"{row['kind']} {row['state']}")
        ends = {row["id"]: row["state"] for row in self.before.rows["orders"]}
        for row in seen.rows["orders"]:
            if row["state"] != ends.get(row["id"]):
                self.world.reach(f"order {row['state']}")

    def teardown(self) -> None:
        self.closed(self.world.store.real, self.world)
