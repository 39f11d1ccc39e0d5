"""An order keeps due, asked and paid; what is over a limit is collected in named parts, one after another; one open
request per order, one prompt per payer at a time, caps per hour. The limits are dated rows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.market.deals import Deal
from tests.market.trades import NOW, Country, LimitRow, hours
from ussd_app.hubs import load_hub
from ussd_app.lib.clock import ManualClock
from ussd_app.market import rates, settlement
from ussd_app.money import payments
from ussd_app.money.payments import Limits, Refused
from ussd_app.store import Store


def limits_on(store: Store, day_ms: int, provider: str = "mtn_momo") -> Limits | None:
    with store.read() as tx:
        return payments.limits_of(tx, provider, "RWF", day_ms)


def test_the_row_in_force_is_the_last_that_had_begun(store: Store) -> None:
    hub = Country(
        wallet_limits=[
            LimitRow("mtn_momo", 500, 1_500, "2020-01-01"), LimitRow("mtn_momo", 1_500, 4_000, "2020-03-18"),
        ]
    )  # fmt: skip
    for _ in range(2):
        store.write(lambda tx: rates.load(tx, hub))  # type: ignore[arg-type]
    day_ms = 86_400_000
    march = 1_584_489_600_000  # 18 March 2020, 02:00 in Kigali
    assert limits_on(store, march - 5 * day_ms) == Limits(500, 1_500)
    assert limits_on(store, march) == Limits(1_500, 4_000)
    assert limits_on(store, march - 400 * day_ms) is None
    assert limits_on(store, march, "airtel_money") is None


def test_rwanda_names_the_limits_of_both_wallets_and_says_that_they_are_estimates(store: Store) -> None:
    hub = load_hub("rw")
    store.write(lambda tx: rates.load(tx, hub))
    assert {limit.wallet for limit in hub.wallet_limits} == {"mtn_momo", "airtel_money"}
    assert all(limit.estimate for limit in hub.wallet_limits)
    assert limits_on(store, NOW) == limits_on(store, NOW, "airtel_money") == Limits(2_000_000, 4_000_000)


def test_parts_follow_one_another_and_the_order_knows_what_was_asked_and_paid(store: Store) -> None:
    deal = Deal(store, Country(wallet_limits=[LimitRow("mtn_momo", 1_500, 9_000)]))
    order = deal.order()  # 4 000 RWF
    deal.know(order["seller_id"])
    deal.deliver(order, 10_000)
    for place, amount in enumerate((1_500, 1_500, 1_000), 1):
        for _ in range(3):  # looked at again and again, it stays one open request
            store.write(lambda tx: settlement.advance(tx, clock=deal.clock, now=deal.now, order_id=order["id"]))
        before = deal.status(order)
        assert (before["due"], before["asked"], before["paid"]) == (4_000, amount, (place - 1) * 1_500)
        assert sum(state != "paid" for kind, _, state in deal.payments(order) if kind == "collection") == 1
        (sent,) = deal.pay()
        assert (sent.amount, sent.note) == (amount, f"Order {order['code']} part {place} of 3")
        assert sent.external_id == (order["code"] if place == 1 else f"{order['code']}-{place}")
    after = deal.status(order)
    assert (after["due"], after["asked"], after["paid"]) == (4_000, 0, 4_000)
    deal.sound()


def test_over_the_payers_day_the_rest_is_asked_the_next_day(store: Store) -> None:
    deal = Deal(store, Country(wallet_limits=[LimitRow("mtn_momo", 3_000, 3_500)]))
    order = deal.order()
    deal.know(order["seller_id"])
    deal.deliver(order, 10_000)
    for amount in (3_000, 500):
        (sent,) = deal.pay()
        assert sent.amount == amount
    assert deal.status(order)["asked"] == 0 and deal.status(order)["paid"] == 3_500
    deal.work(hours(2))
    assert deal.status(order)["asked"] == 0
    deal.work(hours(24))
    assert deal.status(order)["asked"] == 500
    deal.pay()
    assert deal.status(order)["paid"] == 4_000
    deal.sound()


def test_one_prompt_is_on_a_phone_at_a_time(store: Store) -> None:
    deal = Deal(store)
    first = deal.order()
    with store.read() as tx:
        number = tx.rows("SELECT msisdn FROM people WHERE id = :id", id=first["buyer_id"])[0]["msisdn"]
    for order_id in ("01A", "01B"):
        ask(store, deal.clock, order_id, number)
    deal.drive()
    waiting = [
        one for one in deal.wallet.records.values() if one.instruction.msisdn == number and one.state == "pending"
    ]
    assert len(waiting) == 1
    deal.pay()
    deal.hear([])
    deal.clock.advance(hours(1))
    deal.drive()
    assert len({one.instruction.external_id for one in deal.wallet.records.values()}) == 2


def ask(store: Store, clock: ManualClock, order_id: str, msisdn: str = "+250788000001", **more: Any) -> Any:
    return store.write(
        lambda tx: payments.ask(
            tx, now=clock.now(), kind="collection", provider="mtn_momo", person_id="01BUYER", msisdn=msisdn,
            amount=100, currency="RWF", order_id=order_id, external=order_id, **more,
        )
    )  # fmt: skip


def test_the_cap_of_an_hour_follows_the_clock_of_a_rehearsal(store: Store) -> None:
    clock = ManualClock(NOW, scale=0.01)
    hour_ms = clock.wait(payments.HOUR_MS)
    assert hour_ms == 36_000
    for number in range(payments.ASKS_AN_HOUR):
        ask(store, clock, f"01ORDER{number}", hour_ms=hour_ms)
    with pytest.raises(Refused, match="too_many"):
        ask(store, clock, "01OTHER", hour_ms=hour_ms)
    ask(store, clock, "01OTHER", "+250788000002", hour_ms=hour_ms)  # another payer is not meant
    clock.advance(hour_ms)
    ask(store, clock, "01LATER", hour_ms=hour_ms)
    with pytest.raises(Refused, match="too_many"):
        ask(store, clock, "01AGAIN")  # by a whole hour it is still full


def test_the_settlement_asks_with_the_hour_of_its_clock(store: Store) -> None:
    deal = Deal(store)
    deal.clock = ManualClock(NOW, scale=0.01)
    order = deal.order()
    deal.know(order["seller_id"])
    number = deal.row("people", order["buyer_id"])["msisdn"]
    for place in range(payments.ASKS_AN_HOUR):
        ask(store, deal.clock, f"01ORDER{place}", number)
    deal.deliver(order, 10_000)
    assert deal.payments(order) == []  # the cap is reached: it waits, and nothing is lost
    deal.clock.advance(37_000)
    assert settlement.run(store, deal.clock, deal.now) == 1
    assert deal.payments(order) == [("collection", 4_000, "created")]
