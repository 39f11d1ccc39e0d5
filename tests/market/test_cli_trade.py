"""What operators type for the trade that waits for them: what they see, what it does, how it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from tests.market.deals import Deal
from tests.market.test_wallets import OTHER, active, choose
from tests.market.trades import hours
from ussd_app import cli_trade
from ussd_app.market import deliveries, disputes
from ussd_app.store import Store

SAID = ("--by", "Alice", "--why", "rang her and her cooperative")
Run = Callable[..., Any]


@pytest.fixture
def deal(store: Store) -> Deal:
    return Deal(store)


@pytest.fixture
def run(deal: Deal) -> Run:
    app = Flask("trade")
    app.extensions["parts"] = SimpleNamespace(store=deal.store, clock=deal.clock, hub=deal.hub)
    cli_trade.register(app)
    runner = app.test_cli_runner()

    def run(*args: str) -> Any:
        """One command: (exit status, what it said). Anything but an orderly end is raised."""
        done = runner.invoke(args=list(args), catch_exceptions=False)
        return done.exit_code, done.output

    return run


def no(run: Run, said: str, *args: str) -> None:
    """Refused in one sentence, with status 1."""
    status, output = run(*args)
    assert (status, output) == (1, f"Error: {said}\n")


def looks(deal: Deal, person: str) -> list[tuple[str, str, str]]:
    with deal.store.read() as tx:
        rows = tx.rows("SELECT looked_by, what, why FROM access_log WHERE person_id = :id ORDER BY at, id", id=person)
    return [(row["looked_by"], row["what"], row["why"]) for row in rows]


def mismatch(deal: Deal) -> tuple[Any, Any]:
    """An order that was paid, held because the wallet's holder has another name, and that wallet."""
    order = deal.order(name="Uwase Jeanne")
    deal.deliver(order, 10_000)
    deal.pay()
    assert deal.know(order["seller_id"], "Habimana Eric") == "differs"
    deal.work()
    return order, active(deal, order["seller_id"])


# --- wallets ------------------------------------------------------------------------------------------------------


def test_a_wallet_in_another_name_is_held_judged_and_paid(deal: Deal, run: Run) -> None:
    assert run("wallets", "list") == (0, "0 to judge, 0 to approve.\n")
    assert run("settlements", "list") == (0, "0 wait.\n")
    order, wallet = mismatch(deal)
    status, told = run("settlements", "list")
    assert status == 1 and f"order {order['code']}: held, name_differs (owed 4 000 RWF, paid out 0 RWF)" in told
    status, told = run("wallets", "list")
    assert status == 1 and f"{wallet['id']} mtn_momo ...{wallet['msisdn'][-3:]}: differs\n" in told
    assert wallet["msisdn"] not in told and "Uwase" not in told and "Habimana" not in told
    decide = ("wallets", "decide", wallet["id"], "--as", "allow")
    no(run, "Give your name and the reason.", *decide, "--by", "Alice", "--why", " ")
    no(run, "Give your name and the reason.", *decide, "--by", "  ", "--why", "her husband's SIM")
    assert run(*decide, "--by", "Alice")[0] == 2
    no(run, "No wallet with this id is in use or waits to be.", "wallets", "decide", "nothing", "--as", "allow", *SAID)
    assert run(*decide, *SAID) == (0, "Allowed: what waited goes out.\n")
    deal.work()
    deal.pay("disbursement")
    assert deal.state(order) == "settled" and deal.status(order)["paid_out"] == 4_000
    kept = deal.row("wallets", wallet["id"])
    assert (kept["decided_by"], kept["decided_why"]) == ("Alice", SAID[3])
    assert run("wallets", "list")[0] == 0 and run("settlements", "list")[0] == 0
    deal.sound()


def test_a_forbidden_wallet_gets_nothing(deal: Deal, run: Run) -> None:
    order, wallet = mismatch(deal)
    assert run("wallets", "decide", wallet["id"], "--as", "forbid", *SAID)[0] == 0
    deal.work()
    assert deal.status(order)["hold"] == "name_forbidden" and len(deal.wallet.moved()) == 1
    assert run("settlements", "list")[0] == 1


def test_names_are_shown_to_whoever_says_why(deal: Deal, run: Run) -> None:
    order, _wallet = mismatch(deal)
    assert run("wallets", "list", "--by", "Alice")[0] == 2
    assert looks(deal, order["seller_id"]) == []
    told = run("wallets", "list", *SAID)[1]
    assert "; hers Uwase Jeanne, holder Habimana Eric\n" in told
    assert looks(deal, order["seller_id"]) == [("Alice", "wallets.list", SAID[3])]
    (row,) = json.loads(run("wallets", "list", "--json", *SAID)[1])["judge"]
    assert (row["person_name"], row["holder_name"]) == ("Uwase Jeanne", "Habimana Eric")
    (row,) = json.loads(run("wallets", "list", "--json")[1])["judge"]
    assert row["msisdn"].startswith("...") and "person_name" not in row and "holder_name" not in row


def test_a_change_that_an_operator_began_needs_another_one(deal: Deal, run: Run) -> None:
    person = deal.person()
    asked = choose(deal, person, by="Alice")
    status, told = run("wallets", "list")
    assert status == 1 and f"...{OTHER[-3:]}: change begun by Alice\n0 to judge, 1 to approve.\n" in told
    approve = ("wallets", "approve", asked["id"], "--why", "met her", "--by")
    no(run, "You began this change: another operator must agree to it.", *approve, "Alice")
    no(run, "You began this change: another operator must agree to it.", *approve, " alice ")
    assert run(*approve, "Bob") == (0, "Approved: it begins when its wait is over.\n")
    nothing = "No change with this id waits for a second operator."
    no(run, nothing, *approve, "Carol")
    no(run, nothing, "wallets", "approve", "nothing", *SAID)
    hers = choose(deal, deal.person(), "+250728000777")
    no(run, nothing, "wallets", "approve", hers["id"], *SAID)
    assert looks(deal, person) == [("Bob", "wallets.approve", "met her")]
    assert run("wallets", "list")[0] == 0
    deal.clock.advance(hours(49))
    assert active(deal, person)["msisdn"] == OTHER


# --- disputes -----------------------------------------------------------------------------------------------------


def quarrel(deal: Deal) -> tuple[Any, Any]:
    """An order that was weighed, paid and is disputed before the seller was paid."""
    order = deal.order()
    deal.deliver(order, 10_000)
    deal.pay()
    deal.know(order["seller_id"])
    return order, deal.dispute(order, order["buyer_id"], words="half of it was wet, ring 0788123456")


def test_a_dispute_is_decided_in_part(deal: Deal, run: Run) -> None:
    assert run("disputes", "list") == (0, "0 open.\n")
    order, dispute = quarrel(deal)
    deal.store.turn(
        lambda tx: disputes.propose(
            tx, now=deal.now, person_id=order["seller_id"], dispute_id=dispute["id"], becomes="settled",
            amount_minor=3_000,
        )
    )  # fmt: skip
    status, told = run("disputes", "list")
    assert status == 1 and f"order {order['code']}, the buyer says weight: half of it was wet" in told
    assert "pass_through; agreed 4 000 RWF, paid 4 000 RWF, paid out 0 RWF\n" in told
    assert "the seller offers: settled with 3 000 RWF\n" in told and "0788123456" not in told
    (row,) = json.loads(run("disputes", "list", "--json")[1])
    assert (row["id"], row["agreed"], row["currency"]) == (dispute["id"], 4_000, "RWF")
    decide = ("disputes", "decide", dispute["id"], *SAID, "--as")
    no(run, "That is more than the order is worth: at most 4 200 RWF.", *decide, "settled", "--amount", "4 201")
    for wrong in ("3k", "-1", "3000 EUR", "NaN"):
        status, told = run(*decide, "settled", "--amount", wrong)
        assert status == 2 and "That is not an amount in RWF." in told
    assert run(*decide, "cancelled", "--amount", "3000")[0] == 2
    assert run(*decide, "perhaps")[0] == 2
    no(run, "No dispute has this id.", "disputes", "decide", "nothing", "--as", "cancelled", *SAID)
    assert deal.state(order) == "disputed"
    assert run(*decide, "settled", "--amount", "3 500 rwf") == (0, "Settled: the seller gets 3 500 RWF.\n")
    no(run, "This dispute has ended already.", *decide, "settled", "--amount", "3000")
    for kind in ("disbursement", "refund"):
        deal.pay(kind)
        deal.work()
    status = deal.status(order)
    assert deal.state(order) == "settled" and (status["paid_out"], status["refunded"]) == (3_500, 500)
    kept = deal.row("disputes", dispute["id"])
    assert (kept["ended_as"], kept["decided_by"], kept["decided_why"]) == ("decision", "Alice", SAID[3])
    deal.sound()


def test_what_was_agreed_is_the_amount_where_none_is_said(deal: Deal, run: Run) -> None:
    _order, dispute = quarrel(deal)
    told = run("disputes", "decide", dispute["id"], "--as", "settled", *SAID)
    assert told == (0, "Settled: the seller gets 4 000 RWF.\n")
    early = deal.order()
    dispute = deal.dispute(early, early["buyer_id"], "not_come")
    settle = ("disputes", "decide", dispute["id"], *SAID, "--as")
    no(run, "Nothing was agreed at delivery: say --amount, or --as cancelled.", *settle, "settled")
    assert run(*settle, "cancelled") == (0, "Cancelled: the seller gets nothing.\n")
    assert deal.state(early) == "cancelled"


def test_what_the_seller_has_is_not_decided_away(deal: Deal, run: Run) -> None:
    order = deal.order("held")
    deal.work(hours(1))
    deal.pay()
    deal.know(order["seller_id"])
    deal.deliver(order, 6_000)
    deal.pay("disbursement")
    dispute = deal.dispute(order, order["buyer_id"], "quality")
    least = "The seller has 2 400 RWF already, or it is on its way: not less than that."
    decide = ("disputes", "decide", dispute["id"], *SAID, "--as")
    no(run, least, *decide, "settled", "--amount", "2000")
    no(run, least, *decide, "cancelled")
    assert run(*decide, "settled", "--amount", "2400")[0] == 0


def test_a_claim_after_the_settlement_moves_nothing(deal: Deal, run: Run) -> None:
    order = deal.order()
    deal.know(order["seller_id"])
    deal.deliver(order, 10_000)
    deal.pay()
    deal.pay("disbursement")
    claim = deal.dispute(order, order["buyer_id"], "quality")
    assert "pass_through, a claim after the order was settled; " in run("disputes", "list")[1]
    status, told = run("disputes", "decide", claim["id"], "--as", "settled", "--amount", "3000", *SAID)
    assert status == 0 and told.endswith("The order was settled before: nothing moves by itself.\n")
    assert deal.state(order) == "settled" and len(deal.wallet.moved()) == 2


# --- deliveries ---------------------------------------------------------------------------------------------------


def test_a_delivery_nobody_answers_lapses_and_is_weighed_again(deal: Deal, run: Run) -> None:
    order = deal.order()
    delivery = deal.record(order, 9_500)
    assert run("deliveries", "list") == (0, "0 wait.\n"), "she was not asked twice yet"
    assert run("deliveries", "list", "--all")[0] == 1
    for _ in range(2):
        deal.clock.advance(hours(24))
        deal.store.write(lambda tx: deliveries.remind(tx, clock=deal.clock, now=deal.now))
    status, told = run("deliveries", "list")
    assert status == 1 and f"{delivery['id']} " in told
    assert f"receipt {delivery['receipt']} maize.grain 9.5 kg, 3 800 RWF; reminded 2 times\n1 wait.\n" in told
    (row,) = json.loads(run("deliveries", "list", "--json")[1])
    assert (row["gross"], row["net"], row["code"]) == (9_500, 3_800, order["code"])
    lapse = ("deliveries", "lapse", delivery["id"])
    no(run, "Give your name and the reason.", *lapse, "--by", "Alice", "--why", "")
    no(run, "No delivery has this id.", "deliveries", "lapse", "nothing", *SAID)
    assert run(*lapse, *SAID) == (0, "Lapsed: both sides are told, and the buyer may weigh again.\n")
    no(run, "It waits for nobody any more: it is lapsed.", *lapse, *SAID)
    assert deal.heard(order["seller_id"])[-1] == "delivery.lapsed"
    assert deal.payments(order) == [], "silence is no yes"
    deal.deliver(order, 10_000)
    assert deal.status(order)["owed"] == 4_000 and run("deliveries", "list", "--all")[0] == 0


# --- settlements --------------------------------------------------------------------------------------------------


def failed(deal: Deal) -> Any:
    """An order whose payout failed."""
    order = deal.order()
    deal.know(order["seller_id"])
    deal.deliver(order, 10_000)
    deal.pay()
    deal.reject("disbursement", "PAYEE_NOT_FOUND")
    return order


def test_a_failed_payout_is_sent_again_once(deal: Deal, run: Run) -> None:
    order = failed(deal)
    stop = deal.status(order)["payout_stop"]
    status, told = run("settlements", "list")
    assert status == 1 and f"{order['id']} order {order['code']}: payout failed, {stop} (owed 4 000 RWF" in told
    (row,) = json.loads(run("settlements", "list", "--json")[1])
    assert (row["order_id"], row["payout_stop"], row["owed"], row["currency"]) == (order["id"], stop, 4_000, "RWF")
    again = ("settlements", "send-again", order["id"])
    no(run, "Give your name and the reason.", *again, "--by", "", "--why", "opened")
    no(run, "No order with money has this id.", "settlements", "send-again", "nothing", *SAID)
    no(run, "No payout or refund of this order failed.", "settlements", "send-again", deal.order()["id"], *SAID)
    assert run(*again, *SAID) == (0, "On its way: 4 000 RWF to the seller.\n")
    no(run, "No payout or refund of this order failed.", *again, *SAID)
    deal.pay("disbursement")
    assert deal.state(order) == "settled" and len(deal.wallet.moved()) == 2
    no(run, "No payout or refund of this order failed.", *again, *SAID)
    assert run("settlements", "list") == (0, "0 wait.\n")
    deal.sound()


def test_a_failed_payout_waits_for_the_end_of_a_dispute(deal: Deal, run: Run) -> None:
    order = failed(deal)
    deal.dispute(order, order["buyer_id"])
    assert "; a dispute is open (" in run("settlements", "list")[1]
    said = "A dispute is open over this order: decide it first, see flask disputes list."
    no(run, said, "settlements", "send-again", order["id"], *SAID)
    assert deal.status(order)["payout_stop"]


def test_what_may_go_again_still_waits_for_her_name(deal: Deal, run: Run) -> None:
    order = failed(deal)
    deal.know(order["seller_id"], "Habimana Eric")
    told = run("settlements", "send-again", order["id"], *SAID)
    assert told == (0, "It may go out again, and waits: name_differs.\n")


def test_what_ends_by_itself_is_listed_and_is_nothing_found(deal: Deal, run: Run) -> None:
    order = deal.order()
    deal.deliver(order, 10_000)
    deal.pay()
    status, told = run("settlements", "list")
    assert status == 0 and "held, name_unasked" in told
