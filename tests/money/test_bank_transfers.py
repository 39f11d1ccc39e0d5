"""From the proforma to the seller's money: what the bank's lines make of it, and who may say so."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.market.deals import Deal
from tests.market.trades import hours, refused
from ussd_app.lib import ids
from ussd_app.lib.clock import day
from ussd_app.lib.ids import check_ok, with_check
from ussd_app.market import proformas, settlement, transfers
from ussd_app.money import audit, bank, ledger, payments, reviews
from ussd_app.money.bank_statement import Entry, read_bank
from ussd_app.money.reviews import NotPossible
from ussd_app.store import Store


class Desk(Deal):
    """A market whose buyer is abroad: her number is of no wallet here."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.lines = 0
        self.handlers = settlement.handlers(self.clock)

    def sold(self, kilos: int = 10_000, price: int = 400, **more: Any) -> Any:
        """A delivered order of an exporter without a wallet; 4 000 RWF."""
        order = self.order(quantity=kilos, price=price, msisdn="+4915112345678", **more)
        self.know(order["seller_id"])
        self.deliver(order, kilos)
        return order

    def ask(self, order: Any, currency: str = "EUR", buyer: str = "") -> Any:
        return self.store.turn(
            lambda tx: proformas.ask(
                tx,
                clock=self.clock,
                now=self.now,
                buyer_id=buyer or order["buyer_id"],
                order_id=order["id"],
                currency=currency,
            )
        )

    def entry(self, details: str, amount: str, currency: str = "EUR", bank_id: str = "", on: str = "") -> Entry:
        self.lines += 1
        text = f"id;date;amount;currency;details\n{bank_id or f'B{self.lines}'};{on or day(self.now)};{amount};{currency};{details}\n"
        (entry,) = read_bank(text.encode())
        assert isinstance(entry, Entry)
        return entry

    def take(self, *line: str, by: str = "Aline", **more: str) -> bank.Taken:
        entry = self.entry(*line, **more)
        return self.store.write(lambda tx: bank.take(tx, now=self.now, entry=entry, by=by))

    def confirm(self, taken: bank.Taken, by: str = "Bosco") -> Any:
        return self.store.write(
            lambda tx: bank.confirm(tx, now=self.now, line_id=taken.line["id"], by=by, handlers=self.handlers)
        )

    def match(self, taken: bank.Taken, reference: str, by: str = "Aline", why: str = "the bank took its fee") -> Any:
        return self.store.write(
            lambda tx: bank.match(tx, now=self.now, line_id=taken.line["id"], reference=reference, by=by, why=why)
        )

    def cases(self) -> list[tuple[str, str]]:
        with self.store.read() as tx:
            return [(case["why"], case["told_reference"]) for case in reviews.listing(tx)]

    def holds(self, account: str, currency: str) -> int:
        with self.store.read() as tx:
            return ledger.balance(tx, account, currency).posted

    def posted(self) -> int:
        with self.store.read() as tx:
            return int(tx.rows("SELECT COUNT(*) AS n FROM entries WHERE posted > 0")[0]["n"])


@pytest.fixture
def desk(store: Store) -> Any:
    made = Desk(store)
    yield made
    made.sound()
    with store.read() as tx:
        for currency, whole in ledger.totals(tx).items():
            assert whole["debits"] == whole["credits"], currency
            assert whole["pending_debits"] == whole["pending_credits"], currency


# --- from the proforma to the seller's wallet -----------------------------------------------------------------------


def test_a_transfer_in_euros_pays_the_seller_in_francs(desk: Desk) -> None:
    order = desk.sold()
    assert desk.payments(order) == [] and desk.status(order)["collect_stop"] == "no_wallet"
    transfer = desk.ask(order)
    assert check_ok(transfer["reference"]) and len(transfer["reference"]) == 10
    assert (transfer["amount"], transfer["currency"], transfer["rate"], transfer["rate_day"]) == (
        250,
        "EUR",
        "1600",
        "2026-09-21",
    )
    assert transfer["valid_until"] == desk.now + desk.clock.wait(transfers.VALID_MS)
    assert desk.payments(order) == [("collection", 4_000, "pending")]
    assert desk.heard(order["buyer_id"])[-1] == "transfer.told"
    desk.work(hours(72))  # time alone does nothing
    desk.drive()
    assert desk.payments(order) == [("collection", 4_000, "pending")] and desk.posted() == 0
    taken = desk.take(f"coffee {transfer['reference']}", "2,50")
    assert (taken.outcome, taken.why) == ("matched", "")
    assert desk.payments(order) == [("collection", 4_000, "pending")] and desk.posted() == 0
    paid = desk.confirm(taken)
    assert (paid["state"], paid["settled_amount"], paid["external_id"]) == ("paid", 4_000, transfer["reference"])
    assert desk.holds("bank", "EUR") == -250 and desk.holds("bank:exchange", "EUR") == 250
    assert desk.holds("bank:exchange", "RWF") == -4_000
    assert desk.status(order)["paid"] == 4_000 and "payment.collected" in desk.heard(order["buyer_id"])
    (sent,) = desk.pay("disbursement")
    assert (sent.amount, sent.currency) == (4_000, "RWF")
    assert desk.state(order) == "settled"


@pytest.mark.parametrize(("currency", "amount"), [("RWF", 3_600_000), ("USD", 250_435), ("CNY", 1_800_000)])
def test_a_large_lot_is_one_transfer_in_any_currency(desk: Desk, currency: str, amount: int) -> None:
    order = desk.sold(4_000_000, 900)
    transfer = desk.ask(order, currency)
    assert transfer["amount"] == amount
    text = f"{amount}" if currency == "RWF" else f"{amount // 100}.{amount % 100:02d}"
    desk.confirm(desk.take(transfer["reference"], text, currency))
    assert desk.status(order)["paid"] == 3_600_000
    assert desk.holds("bank", currency) == -amount
    assert desk.holds("bank:exchange", "RWF") == (0 if currency == "RWF" else -3_600_000)


def test_a_refund_goes_back_by_transfer_and_two_people_say_so(desk: Desk) -> None:
    order = desk.order("held", msisdn="+4915112345678")
    desk.work(hours(2))
    transfer = desk.ask(order)
    desk.confirm(desk.take(transfer["reference"], "2.50"))
    desk.know(order["seller_id"])
    desk.deliver(order, 6_000)
    desk.finish(order, order["seller_id"])
    with desk.store.read() as tx:
        (back,) = [row for row in tx.bank_transfers_waiting() if row["kind"] == "refund"]
    assert (back["amount"], back["currency"], back["home_amount"]) == (100, "EUR", 1_600)
    assert desk.take(back["reference"], "1.00").why == "wrong_direction"
    taken = desk.take(back["reference"], "-1.00")
    assert taken.outcome == "matched"
    desk.confirm(taken)
    assert desk.status(order)["refunded"] == 1_600
    assert desk.holds("bank", "EUR") == -150 and desk.holds("bank:exchange", "RWF") == -2_400
    desk.pay("disbursement")
    assert desk.state(order) == "settled"


# --- two people -----------------------------------------------------------------------------------------------------


def test_nobody_confirms_what_she_brought_in_or_matched(desk: Desk) -> None:
    order = desk.sold()
    transfer = desk.ask(order)
    taken = desk.take(transfer["reference"], "2.40", by="Aline")
    for name in ("Aline", " aline ", "ALINE"):
        with pytest.raises(NotPossible, match="matched line"):
            desk.confirm(taken, name)
    desk.match(taken, transfer["reference"], by="Bosco")
    for name in ("Aline", "bosco", "Bosco."):
        with pytest.raises(NotPossible, match="Another operator"):
            desk.confirm(taken, name)
    with pytest.raises(NotPossible):
        desk.confirm(taken, "")
    assert desk.posted() == 0
    desk.confirm(taken, "Claire")
    assert desk.status(order)["paid"] == 3_840
    with pytest.raises(NotPossible):
        desk.confirm(taken, "Didier")


def test_the_database_itself_refuses_one_person_twice(desk: Desk) -> None:
    order = desk.sold()
    taken = desk.take(desk.ask(order)["reference"], "2.50")
    statement = "UPDATE bank_lines SET state = 'confirmed', confirmed_by = imported_by WHERE id = :id RETURNING id"
    with pytest.raises(Exception, match=r"(?i)check"):
        desk.store.write(lambda tx: tx.rows(statement, id=taken.line["id"]))


def test_no_decision_makes_a_transfer_paid_without_its_line(desk: Desk) -> None:
    order = desk.sold()
    desk.ask(order)
    desk.clock.advance(hours(25))
    desk.store.write(lambda tx: reviews.sweep(tx, now=desk.now, clock=desk.clock))
    with desk.store.read() as tx:
        (case,) = reviews.listing(tx)

    def decide(by: str, decision: Any) -> reviews.Decided:
        return desk.store.write(
            lambda tx: reviews.decide(
                tx,
                now=desk.now,
                review_id=case["id"],
                by=by,
                decision=decision,
                why="the buyer said so",
                handlers=desk.handlers,
            )
        )

    with pytest.raises(NotPossible, match="bank's line"):
        decide("Aline", "paid")
    assert not decide("Aline", "failed").done and decide("Bosco", "failed").done
    assert desk.payments(order) == [("collection", 4_000, "failed")]
    assert desk.status(order)["collect_stop"] == "not_paid"
    assert desk.ask(order)["payment_state"] == "pending"  # she may try again, under another reference


# --- what does not fit ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "currency", "why"),
    [
        ("2.49", "EUR", "underpaid"), ("2.51", "EUR", "overpaid"), ("2.50", "USD", "wrong_currency"),
        ("4000", "RWF", "wrong_currency"), ("-2.50", "EUR", "wrong_direction"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_on_the_list_and_nothing_is_posted(
    desk: Desk, amount: str, currency: str, why: str
) -> None:
    order = desk.sold()
    transfer = desk.ask(order)
    taken = desk.take(transfer["reference"], amount, currency)
    assert (taken.outcome, taken.why) == ("review", why)
    assert desk.cases() == [(f"bank_{why}", transfer["reference"])]
    assert desk.posted() == 0 and desk.payments(order) == [("collection", 4_000, "pending")]
    with pytest.raises(NotPossible):
        desk.confirm(taken)
    if why in ("wrong_currency", "wrong_direction"):
        with pytest.raises(NotPossible, match="cannot be that"):
            desk.match(taken, transfer["reference"])


def test_unknown_and_several_references(desk: Desk) -> None:
    first, second = desk.ask(desk.sold()), desk.ask(desk.sold())
    assert desk.take("for the coffee", "2.50").why == "unknown_reference"
    assert desk.take(with_check("123456789"), "2.50").why == "unknown_reference"
    assert desk.take(f"{first['reference']} {second['reference']}", "5.00").why == "several_references"
    assert [why for why, _ in desk.cases()] == ["bank_unknown_reference"] * 2 + ["bank_several_references"]


@pytest.mark.parametrize("confirmed", [False, True])
def test_the_same_transfer_twice_is_a_duplicate(desk: Desk, confirmed: bool) -> None:
    order = desk.sold()
    transfer = desk.ask(order)
    first = desk.take(transfer["reference"], "2.50")
    if confirmed:
        desk.confirm(first)
    second = desk.take(transfer["reference"], "2.50")
    assert (second.outcome, second.why) == ("review", "duplicate")
    if not confirmed:
        desk.confirm(first)
    assert desk.status(order)["paid"] == 4_000 and desk.holds("bank", "EUR") == -250


def test_a_line_is_taken_once(desk: Desk) -> None:
    order = desk.sold()
    transfer = desk.ask(order)
    entry = desk.entry(transfer["reference"], "2.50", bank_id="X1")
    outcomes = [desk.store.write(partial(bank.take, now=desk.now, entry=entry, by=by)) for by in ("Aline", "Bosco")]
    assert [one.outcome for one in outcomes] == ["matched", "seen"]
    assert desk.take(transfer["reference"], "9.99", bank_id="X1").outcome == "conflict"
    assert desk.cases() == [("bank_same_id", transfer["reference"])]
    with pytest.raises(NotPossible):  # having run the file again she is not the first one
        desk.confirm(outcomes[0], "Aline")
    desk.confirm(outcomes[0], "Bosco")
    assert desk.store.write(lambda tx: bank.take(tx, now=desk.now, entry=entry, by="Aline")).outcome == "seen"


def test_what_came_is_what_counts_and_the_rest_is_asked_for(desk: Desk) -> None:
    order = desk.sold(100_000, 400)  # 40 000 RWF, 25.00 EUR
    transfer = desk.ask(order)
    short = desk.take(transfer["reference"], "20.00")
    desk.match(short, f" {transfer['reference'][:5]} {transfer['reference'][5:]}")
    desk.confirm(short, "Claire")
    assert (desk.status(order)["paid"], desk.status(order)["asked"]) == (32_000, 8_000)
    assert desk.cases() == []
    with desk.store.read() as tx:
        rest = transfers.of_order(tx, order["id"])
    assert rest is not None and rest["amount"] == 500 and rest["reference"] != transfer["reference"]
    desk.confirm(desk.take(rest["reference"], "5.00"))
    assert desk.status(order)["paid"] == 40_000


def test_what_is_too_much_goes_back(desk: Desk) -> None:
    order = desk.sold()
    transfer = desk.ask(order)
    much = desk.take(transfer["reference"], "3.00")
    desk.match(much, transfer["reference"])
    desk.confirm(much)
    with desk.store.read() as tx:
        (back,) = tx.bank_transfers_waiting()
    assert (back["kind"], back["amount"], back["currency"]) == ("refund", 50, "EUR")
    assert desk.status(order)["refunding"] == 800


def test_a_wrong_match_is_refused_and_the_line_is_free_again(desk: Desk) -> None:
    order = desk.sold()
    transfer = desk.ask(order)
    taken = desk.take(transfer["reference"], "2.50")
    desk.store.write(
        lambda tx: bank.refuse(tx, now=desk.now, line_id=taken.line["id"], by="Bosco", why="another payer")
    )
    assert desk.cases() == [("bank_refused", transfer["reference"])]
    with pytest.raises(NotPossible):
        desk.confirm(taken)
    assert desk.take(transfer["reference"], "2.50").outcome == "matched"


# --- time, rates, and who may ask -------------------------------------------------------------------------------------


def test_after_its_time_there_is_a_new_reference_at_the_rate_of_the_day(desk: Desk) -> None:
    order = desk.sold()
    first = desk.ask(order)
    assert desk.ask(order)["reference"] == first["reference"]
    with refused("asked_already"):
        desk.ask(order, "USD")
    desk.clock.advance(transfers.VALID_MS + 1)
    desk.store.write(
        lambda tx: tx.exchange_rate_load(
            base="USD", quote="RWF", valid_from=day(desk.now), rate="1250", estimate=0, source="the central bank"
        )
    )
    second = desk.ask(order, "USD")
    assert (second["amount"], second["rate"], second["rate_day"]) == (320, "1250", day(desk.now))
    assert desk.take(first["reference"], "2.50").why == "replaced_reference"
    assert desk.payments(order) == [("collection", 4_000, "pending")]
    desk.confirm(desk.take(second["reference"], "3.20", "USD"))
    assert desk.status(order)["paid"] == 4_000


def test_a_line_booked_after_its_time_waits_for_a_persons_word(desk: Desk) -> None:
    order = desk.sold()
    transfer = desk.ask(order)
    desk.clock.advance(transfers.VALID_MS + hours(24))
    taken = desk.take(transfer["reference"], "2.50")
    assert taken.why == "too_late"
    desk.match(taken, transfer["reference"], why="sent in time, the bank was slow")
    desk.confirm(taken)
    assert desk.status(order)["paid"] == 4_000


def test_once_the_money_came_the_reference_stays(desk: Desk) -> None:
    order = desk.sold()
    taken = desk.take(desk.ask(order)["reference"], "2.50")
    desk.clock.advance(transfers.VALID_MS + 1)
    with refused("asked_already"):
        desk.ask(order)
    desk.confirm(taken)
    with refused("nothing_due"):
        desk.ask(order)


def test_who_may_not_ask_and_for_what(desk: Desk) -> None:
    order = desk.sold()
    for person in (order["seller_id"], desk.buyer("Other")):
        with refused("not_found"):
            desk.ask(order, buyer=person)
    with refused("unknown_currency"):
        desk.ask(order, "KES")
    desk.store.write(lambda tx: tx.rows("DELETE FROM exchange_rates WHERE base = 'USD' RETURNING base"))
    with refused("no_rate"):
        desk.ask(order, "USD")
    outside = desk.order("outside", msisdn="+4915112345679")
    desk.deliver(outside, 10_000)
    with refused("outside"):
        desk.ask(outside)
    with refused("nothing_due"):
        desk.ask(desk.order(msisdn="+4915112345670"))  # nothing was weighed yet


def test_a_wallet_that_was_not_asked_yet_is_left_alone_and_one_that_was_is_waited_for(desk: Desk) -> None:
    order = desk.order()
    desk.know(order["seller_id"])
    desk.deliver(order, 10_000)
    assert desk.payments(order) == [("collection", 4_000, "created")]
    desk.ask(order)
    assert sorted(desk.payments(order)) == [("collection", 4_000, "cancelled"), ("collection", 4_000, "pending")]
    other = desk.order()
    desk.deliver(other, 10_000)
    desk.drive()
    with refused("asked_already"):
        desk.ask(other)


def test_a_reference_is_never_like_a_phone_number(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    order = desk.sold()
    drawn = iter(["078000000", "012345678", "782345678"])
    with monkeypatch.context() as patched:
        patched.setattr(ids, "code_digits", lambda n: next(drawn))
        assert desk.ask(order)["reference"] == with_check("782345678")


def test_the_trail_holds_every_step_and_no_person(desk: Desk) -> None:
    order = desk.sold()
    taken = desk.take(desk.ask(order)["reference"], "2.40")
    desk.match(taken, str(taken.line["reference"]), why="call +250788123456 for the fee")
    desk.confirm(taken, "Claire")
    with desk.store.read() as tx:
        acts = [(row["actor"], row["becomes"]) for row in audit.of_subject(tx, f"bank_line:{taken.line['id']}")][::-1]
        text = str(tx.rows("SELECT * FROM audit"))
        kept = str(tx.rows("SELECT * FROM bank_lines"))
    assert acts == [("operator:aline", "review"), ("operator:aline", "matched"), ("operator:claire", "confirmed")]
    assert "788123456" not in text and "4915112345678" not in text + kept


def test_a_bank_transfer_rings_no_phone_and_has_no_cap_an_hour(desk: Desk) -> None:
    for _ in range(payments.ASKS_AN_HOUR + 2):
        assert desk.ask(desk.sold())["payment_state"] == "pending"
