"""What every wallet's client owes, proved over real HTTP against its emulator. The names F1 to F24 are the faults a
payment must survive; what becomes of the payment itself is proved elsewhere, here only what the client makes of it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.providers.wallets import HANG_MS, MSISDN, NAMES, Wired, airtel, mtn, until, wired
from ussd_app.money.providers import load_providers
from ussd_app.settings import Settings


@pytest.fixture(params=NAMES)
def wallet(request: pytest.FixtureRequest) -> Iterator[Wired]:
    with wired(request.param) as one:
        yield one


def dead_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


# sound


@pytest.mark.parametrize("kind", ["collection", "disbursement"])
def test_money_moves_once_and_is_told(wallet: Wired, kind: str) -> None:
    order = wallet.order(kind=kind)
    sent = wallet.client.send(order)
    assert (sent.outcome, sent.wait_ms, len(sent.raw_hash)) == ("accepted", 0, 64)
    status = wallet.final(order)
    assert (status.state, status.our_external, status.reason) == ("paid", "ORD4711", "")
    assert status.external_id and len(status.raw_hash) == 64
    if wallet.client.tells_amount:
        assert (status.amount, status.currency, status.msisdn) == (5_000, "RWF", order.msisdn)
    else:
        assert (status.amount, status.currency, status.msisdn) == (None, "", "")
    moved = wallet.settled(order)
    assert moved is not None
    assert (moved["count"], moved["amount"], moved["currency"], moved["msisdn"]) == (1, 5_000, "RWF", order.msisdn)
    assert moved["payment"] == kind


@pytest.mark.parametrize("name", NAMES)
def test_a_payment_that_waits_is_pending(name: str) -> None:
    with wired(name, approval="ask") as wallet:
        order = wallet.instruction
        wallet.client.send(order)
        assert wallet.client.fetch(order).state == "pending"
        assert wallet.settled(order) is None


def test_the_token_is_asked_for_once_by_many_threads(wallet: Wired) -> None:
    orders = [wallet.order() for _ in range(8)]
    threads = [threading.Thread(target=wallet.client.send, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(wallet.stored(order) for order in orders)
    assert wallet.calls("token") == 1


def test_the_balance_is_in_minor_units(wallet: Wired) -> None:
    assert wallet.client.balance() == 50_000_000
    wallet.client.send(wallet.instruction)
    wallet.final(wallet.instruction)
    assert wallet.client.balance() == 50_005_000
    wallet.fault("refuse", on="balance", value=503)
    assert wallet.client.balance() is None


def test_the_holder_is_told(wallet: Wired) -> None:
    number = MSISDN[wallet.name]
    wallet.control(name={number: "Uwase Mukamana"})
    holder = wallet.client.holder(number)
    assert (holder.active, holder.name) == (True, "Uwase Mukamana")
    wallet.control(barred=[number])
    assert wallet.client.holder(number).active is False
    wallet.control(unknown=[number])
    unknown = wallet.client.holder(number)
    assert (unknown.active, unknown.name) == (False, None)
    wallet.control(set={"outage": True})
    down = wallet.client.holder(number)
    assert (down.active, down.name) == (None, None)


# the faults


@pytest.mark.parametrize("name", NAMES)
def test_f1_nothing_left(name: str) -> None:
    url = f"http://127.0.0.1:{dead_port()}"
    client: Any = mtn(url) if name == "mtn_momo" else airtel(url)
    with wired(name) as other:
        assert client.send(other.instruction).outcome == "not_sent"
        status = client.fetch(other.instruction)
    assert (status.state, status.raw_hash) == ("unknown", "")


@pytest.mark.parametrize("fault", [{"do": "refuse", "value": 503}, {"do": "drop"}, {"do": "junk"}, {"do": "hang"}])
def test_f1_without_a_token_nothing_of_the_payment_left(wallet: Wired, fault: dict[str, Any]) -> None:
    wallet.fault(**fault, on="token")
    assert wallet.client.send(wallet.instruction).outcome == "not_sent"
    assert wallet.calls("send") == 0
    assert wallet.client.send(wallet.instruction).outcome == "accepted"


def test_f2_a_timeout_after_it_was_taken(wallet: Wired) -> None:
    wallet.fault("hang")
    sent = wallet.client.send(wallet.instruction)
    assert (sent.outcome, sent.reason) == ("unknown", "no answer in time")
    assert wallet.final(wallet.instruction).state == "paid"
    until(lambda: wallet.calls("send") == 1)
    assert wallet.client.send(wallet.instruction).outcome == "duplicate"
    moved = wallet.settled(wallet.instruction)
    assert moved is not None and (moved["count"], moved["amount"]) == (1, 5_000)


@pytest.mark.parametrize(("do", "stored"), [("reset", True), ("half", True), ("drop", False)])
def test_f3_a_broken_connection(wallet: Wired, do: str, stored: bool) -> None:
    wallet.client.balance()  # so that there is a token
    wallet.fault(do)
    assert wallet.client.send(wallet.instruction).outcome == "unknown"
    assert wallet.stored(wallet.instruction) is stored
    if stored:
        assert wallet.final(wallet.instruction).state == "paid"
    else:
        assert wallet.client.fetch(wallet.instruction).state == "not_found"


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
@pytest.mark.parametrize("do", ["refuse", "after"])
def test_f4_their_side_is_down(wallet: Wired, do: str, status: int) -> None:
    wallet.fault(do, value=status)
    assert wallet.client.send(wallet.instruction).outcome == "unknown"
    assert wallet.stored(wallet.instruction) is (do == "after")
    wallet.fault("refuse", on="fetch", value=status)
    assert wallet.client.fetch(wallet.instruction).state == "unknown"


def test_f4_too_many_asks_for_a_pause(wallet: Wired) -> None:
    wallet.fault("refuse", value=429)
    sent = wallet.client.send(wallet.instruction)
    assert (sent.outcome, sent.wait_ms) == ("busy", 2_000)
    wallet.client.send(wallet.instruction)
    wallet.control(set={"status_rate": 1})
    statuses = [wallet.client.fetch(wallet.instruction) for _ in range(3)]
    assert {"unknown"} <= {status.state for status in statuses}
    assert {status.wait_ms for status in statuses if status.state == "unknown"} == {1_000}


def test_f5_a_page_where_an_answer_belongs(wallet: Wired) -> None:
    wallet.fault("junk")
    sent = wallet.client.send(wallet.instruction)
    assert (sent.outcome, len(sent.raw_hash)) == ("unknown", 64)
    wallet.fault("junk", on="fetch")
    assert wallet.client.fetch(wallet.instruction).state == "unknown"
    assert wallet.final(wallet.instruction).state == "paid"


def test_f5_half_an_answer_to_a_question(wallet: Wired) -> None:
    wallet.client.send(wallet.instruction)
    wallet.fault("half", on="fetch")
    assert wallet.client.fetch(wallet.instruction).state == "unknown"


@pytest.mark.parametrize("kind", ["collection", "disbursement"])
def test_f6_f7_the_same_reference_twice(wallet: Wired, kind: str) -> None:
    order = wallet.order(kind=kind)
    assert wallet.client.send(order).outcome == "accepted"
    wallet.final(order)
    assert wallet.client.send(order).outcome == "duplicate"
    moved = wallet.settled(order)
    assert moved is not None and moved["count"] == 1


def test_f8_an_unknown_400_is_no_refusal(wallet: Wired) -> None:
    wallet.fault("refuse", value=400)
    assert wallet.client.send(wallet.instruction).outcome == "unknown"
    wallet.fault("refuse", value=400, body='{"code":"A_NEW_CODE","message":"?"}')
    assert wallet.client.send(wallet.instruction).outcome == "unknown"


def test_f9_a_token_that_ended_is_renewed_once(wallet: Wired) -> None:
    assert wallet.client.send(wallet.order()).outcome == "accepted"
    wallet.control(expire_tokens=True)
    assert wallet.client.send(wallet.instruction).outcome == "accepted"
    wallet.control(expire_tokens=True)
    assert wallet.final(wallet.instruction).state == "paid"
    assert wallet.calls("token") == 3


def test_f9_refused_with_a_fresh_token_too(wallet: Wired) -> None:
    wallet.fault("refuse", value=401, times=0)
    assert wallet.client.send(wallet.instruction).outcome == "unauthorised"
    assert (wallet.calls("send"), wallet.calls("token")) == (2, 2)
    wallet.fault("refuse", on="fetch", value=401, times=0)
    assert wallet.client.fetch(wallet.instruction).state == "unknown"


def test_f9_no_token_for_our_keys(wallet: Wired) -> None:
    wallet.fault("refuse", on="token", value=401, times=0)
    assert wallet.client.send(wallet.instruction).outcome == "unauthorised"
    assert wallet.client.fetch(wallet.instruction).state == "unknown"
    assert wallet.calls("send") == 0


def test_f10_not_found(wallet: Wired) -> None:
    assert wallet.client.fetch(wallet.instruction).state == "not_found"
    wallet.client.send(wallet.instruction)
    wallet.fault("missing", on="fetch", times=2)
    assert [wallet.client.fetch(wallet.instruction).state for _ in range(2)] == ["not_found", "not_found"]
    assert wallet.final(wallet.instruction).state == "paid"


def test_f10_a_404_that_is_not_theirs_says_nothing(wallet: Wired) -> None:
    wallet.fault("refuse", on="fetch", value=404, body="<html>no such page</html>")
    assert wallet.client.fetch(wallet.instruction).state == "unknown"


@pytest.mark.parametrize("amount", [4_000, 6_000])
def test_f12_another_amount_is_told_where_the_wire_can(wallet: Wired, amount: int) -> None:
    wallet.fault("amount", value=amount)
    wallet.client.send(wallet.instruction)
    status = wallet.final(wallet.instruction)
    assert (status.state, status.amount) == ("paid", amount if wallet.client.tells_amount else None)
    moved = wallet.settled(wallet.instruction)
    assert moved is not None and moved["amount"] == amount


def test_f13_f15_another_currency_and_another_payer(wallet: Wired) -> None:
    wallet.control(faults=[{"do": "currency", "value": "EUR"}, {"do": "payer", "value": "250788999999"}])
    wallet.client.send(wallet.instruction)
    status = wallet.final(wallet.instruction)
    assert status.state == "paid"
    if wallet.client.tells_amount:
        assert (status.currency, status.msisdn) == ("EUR", "+250788999999")


def test_f14_another_order_is_seen_to_be_another(wallet: Wired) -> None:
    wallet.fault("external", value="ORD9999")
    wallet.client.send(wallet.instruction)
    assert wallet.final(wallet.instruction).our_external == "ORD9999"


def test_f16_one_transaction_id_on_two_payments(wallet: Wired) -> None:
    wallet.fault("transaction_id", value="777", times=2)
    orders = [wallet.order(), wallet.order()]
    for order in orders:
        wallet.client.send(order)
    ids = {wallet.final(order).external_id for order in orders}
    assert len(ids) == 1


def test_f24_the_payer_has_too_little(wallet: Wired) -> None:
    from ussd_app.money.providers.base import plain_reason

    wallet.control(balance={MSISDN[wallet.name]: 4_999})
    wallet.client.send(wallet.instruction)
    status = wallet.final(wallet.instruction)
    assert (status.state, plain_reason(status.reason)) == ("failed", "no_funds")
    assert wallet.settled(wallet.instruction) is None


@pytest.mark.parametrize(
    ("outcome", "plain"),
    [("APPROVAL_REJECTED", "rejected"), ("EXPIRED", "expired"), ("PAYER_NOT_FOUND", "payer_unknown")],
)
def test_f24_the_payer_does_not_pay(wallet: Wired, outcome: str, plain: str) -> None:
    from ussd_app.money.providers.base import plain_reason

    wallet.fault("outcome", value=outcome)
    wallet.client.send(wallet.instruction)
    status = wallet.final(wallet.instruction)
    assert (status.state, plain_reason(status.reason)) == ("failed", plain)


def test_a_word_nobody_knows_is_not_final(wallet: Wired) -> None:
    wallet.client.send(wallet.instruction)
    wallet.final(wallet.instruction)
    for said in ("SUCCESS", "COMPLETED", "successful", "ts", "DONE", "FAILURE"):
        wallet.fault("word", value=said)
        assert wallet.client.fetch(wallet.instruction).state == "unknown", said


def test_an_outage_and_after(wallet: Wired) -> None:
    wallet.client.send(wallet.instruction)
    wallet.control(set={"outage": True})
    assert wallet.client.fetch(wallet.instruction).state == "unknown"
    assert wallet.client.send(wallet.order()).outcome == "unknown"
    wallet.control(set={"outage": False})
    assert wallet.final(wallet.instruction).state == "paid"


def test_a_slow_answer_within_the_time_is_an_answer(wallet: Wired) -> None:
    wallet.fault("slow", value=100)
    assert HANG_MS > 500
    assert wallet.client.send(wallet.instruction).outcome == "accepted"


def test_the_schedule_of_polls(wallet: Wired) -> None:
    polls = wallet.client.polls
    assert list(polls) == sorted(set(polls))
    assert polls[0] == (15_000 if wallet.mtn else 180_000)
    assert 3_600_000 in polls and 86_400_000 in polls and polls[-1] == 7 * 86_400_000


# the third, and the loader


def test_outside_never_says_paid() -> None:
    providers = load_providers(Settings())
    assert set(providers) == {"mtn_momo", "airtel_money", "outside"}
    outside = providers["outside"]
    with wired("mtn_momo") as other:
        assert outside.send(other.instruction).outcome == "accepted"
        assert outside.fetch(other.instruction).state == "pending"
        assert other.emulator.journal() == []
    assert outside.balance() is None
    assert outside.read_callback(b'{"status":"SUCCESSFUL"}', {}, "t").state == "unknown"


@pytest.mark.parametrize("name", ["nobody", "base", "tokens"])
def test_a_wallet_nobody_wrote(name: str) -> None:
    with pytest.raises(LookupError, match="wallet"):
        load_providers(Settings(providers=(name,)))
