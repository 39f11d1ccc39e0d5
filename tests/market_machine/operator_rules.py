"""What buyers ask for again, and what operators decide about money."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.market_machine.acts import Acts, agreements, buyers, moves
from tests.money.spoil import at_once
from ussd_app.market import settlement
from ussd_app.money import payments, reviews


class OperatorRules(Acts):
    """Asking anew, and cases that two people decide."""

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
