"""The whole market as a state machine: what people do (see `market_rules`, `delivery_rules`, `operator_rules`), and what wallets,
workers and callbacks do to their money. Every law of `invariants` is looked at after every step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from tests.market_machine import invariants
from tests.market_machine.acts import agreements, moves
from tests.market_machine.delivery_rules import DeliveryRules
from tests.market_machine.market_rules import MarketRules
from tests.market_machine.operator_rules import OperatorRules
from tests.market_machine.seen import Seen, look
from tests.market_machine.world import MINUTE, Died, World
from ussd_app.market import settlement
from ussd_app.money import breaker, callbacks, ledger, reviews
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


class Machine(MarketRules, DeliveryRules, OperatorRules):
    """One example on one fresh store, which `opened` gives and `closed` takes back; `few` when there are few of them."""

    def __init__(self, opened: Callable[[], Store], closed: Callable[[Store, World], None], few: bool) -> None:
        super().__init__()
        if few:
            self._rules_strategy.enabled_rules_strategy = st.just(AllRules())
        self.closed = closed
        self.world = World(opened())
        self.before = look(self.world)

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
            world.store.write(self._hint_all)  # what is older than a day is else asked for once a day
            world.drive(world.worker)
            approve = False
        seen = look(world)
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

    def _hint_all(self, tx: Any) -> None:
        for row in tx.rows("SELECT id FROM payments WHERE state IN ('pending', 'unknown')"):
            tx.payment_hint(id=row["id"], now=self.world.now)

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

    @rule(target=moves, yes=st.booleans())
    def worker_is_overtaken(self, yes: bool) -> Any:
        """A call takes longer than the lease: meanwhile the payer answers and another worker settles it."""
        world = self.world

        def meanwhile() -> None:
            for purse in world.purses.values():
                for record in purse.waiting():
                    reference = record.instruction.reference_id
                    purse.approve(reference) if yes else purse.reject(reference)
            for _ in range(2):
                world.clock.advance(3 * MINUTE)
                world.slow.run_due()
            world.reach("overtaken")

        world.meanwhile = meanwhile
        world.jobs()
        world.clock.advance(MINUTE)
        world.drive(world.worker)
        world.meanwhile = None
        return self.fresh()

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
            after = look(world)
            assert after.rows == self.before.rows and after.messages == self.before.messages

    # laws

    @invariant()
    def every_law_holds(self) -> None:
        self.world.reached["steps"] += 1
        seen = look(self.world)
        for law in invariants.LAWS:
            law(seen, self.before, self.world)
        self._count(seen)
        self.before = seen

    def _count(self, seen: Seen) -> None:
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
