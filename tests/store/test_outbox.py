"""The outbox: ordered once, leased by one, marked behind a fence."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from ussd_app.store import Store, Tx, outbox

NOON = round(datetime(2026, 9, 21, 10, 0, tzinfo=UTC).timestamp() * 1000)  # 12:00 in Kigali
HOUR = 3_600_000
PHONE = "+250788000001"


def order(store: Store, **changed: Any) -> str | None:
    values: dict[str, Any] = {
        "now": NOON,
        "kind": "sms",
        "to": PHONE,
        "template": "order.agreed",
        "values": {"code": "1234"},
        "language": "rw",
        "purpose": "order",
    }
    return store.write(lambda tx: outbox.order(tx, **(values | changed)))


def lease(store: Store, now: int = NOON, worker: str = "w1", limit: int = 10, lease_ms: int = 1000) -> list[Any]:
    return store.write(lambda tx: outbox.lease(tx, now=now, worker=worker, limit=limit, lease_ms=lease_ms))


def sending(store: Store, message: outbox.Message, now: int = NOON) -> bool:
    return store.write(lambda tx: outbox.mark_sending(tx, message, now=now, lease_ms=1000))


def sent(
    store: Store, message: outbox.Message, external_id: str = "x1", now: int = NOON, gateway: str = "simulator"
) -> bool:
    return store.write(
        lambda tx: outbox.mark_sent(tx, message, now=now, gateway=gateway, external_id=external_id, parts=1)
    )


def row(store: Store, id: str | None) -> dict[str, Any]:
    with store.read() as tx:
        found: dict[str, Any] = tx.outbox_by_id(id=id)
        return found


def person(store: Store, id: str = "p1", news: int = 1, state: str = "active") -> str:
    def work(tx: Tx) -> None:
        tx.rows(
            "INSERT INTO people (id, msisdn, name, language, state, news, created_at, updated_at)"
            " VALUES (:id, :msisdn, 'Aline', 'rw', :state, :news, 1, 1)",
            id=id,
            msisdn=PHONE,
            state=state,
            news=news,
        )

    store.write(work)
    return id


def report(store: Store, state: str, word: str, external_id: str = "x1") -> str | None:
    return store.write(
        lambda tx: outbox.delivery(
            tx, gateway="simulator", external_id=external_id, state=state, word=word, now=NOON + 5
        )
    )


def test_a_message_goes_from_order_to_sent(store: Store) -> None:
    id = order(store)
    [message] = lease(store)
    assert (message.id, message.values, message.purpose, message.tries) == (id, {"code": "1234"}, "order", 0)
    assert lease(store, worker="w2") == []
    assert sending(store, message) and row(store, id)["state"] == "sending"
    assert sent(store, message)
    found = row(store, id)
    assert (found["state"], found["sent_at"], found["external_id"], found["parts"]) == ("sent", NOON, "x1", 1)
    assert (found["lease_by"], found["tries"]) == (None, 1)
    assert json.loads(found["values_json"]) == {"code": "1234"}


def test_a_dedupe_key_orders_once(store: Store) -> None:
    assert order(store, dedupe="k") is not None
    assert order(store, dedupe="k") is None
    assert order(store) is not None and order(store) is not None
    assert len(lease(store)) == 3


def test_what_is_not_due_is_left(store: Store) -> None:
    order(store, due_at=NOON + 10)
    with store.read() as tx:
        assert not outbox.is_due(tx, now=NOON + 9, kinds=["sms", "mail"])
        assert outbox.is_due(tx, now=NOON + 10, kinds=["sms"])
        assert not outbox.is_due(tx, now=NOON + 10, kinds=["mail"])
    assert lease(store, NOON + 9) == []
    assert len(lease(store, NOON + 10)) == 1


def test_urgent_messages_go_before_news_and_oldest_first(store: Store) -> None:
    person(store)
    news = order(store, purpose="news", person_id="p1", due_at=NOON - 9)
    late = order(store, due_at=NOON - 1)
    early = order(store, due_at=NOON - 5)
    assert [message.id for message in lease(store, limit=2)] == [early, late]
    assert [message.id for message in lease(store, limit=2)] == [news]


def test_an_expired_lease_is_taken_again_and_the_slow_worker_is_refused(store: Store) -> None:
    id = order(store)
    [slow] = lease(store, worker="slow")
    assert sending(store, slow)
    assert lease(store, NOON + 999) == []
    [quick] = lease(store, NOON + 2000, worker="quick")
    assert quick.fence == slow.fence + 1 and quick.tries == 1
    assert not sent(store, slow)
    assert not store.write(lambda tx: outbox.mark_retry(tx, slow, due_at=NOON, reason="late"))
    assert not store.write(lambda tx: outbox.mark_refused(tx, slow, reason="late"))
    assert row(store, id)["lease_by"] == "quick"
    assert sending(store, quick, NOON + 2000) and sent(store, quick, "x2")
    assert row(store, id)["external_id"] == "x2"


def test_a_message_that_never_goes_out_is_dead_after_six_tries(store: Store) -> None:
    id = order(store)
    now = NOON
    waits = []
    for _ in range(outbox.TRIES):
        [message] = lease(store, now)
        assert sending(store, message, now)
        due_at = now + outbox.retry_ms(message.tries + 1)
        waits.append(due_at - now)
        assert store.write(lambda tx, m=message, d=due_at: outbox.mark_retry(tx, m, due_at=d, reason="500"))
        now = due_at
    assert row(store, id)["state"] == "dead"
    assert lease(store, now + 24 * HOUR) == []
    assert all(longer > 3 * shorter for shorter, longer in pairwise(waits))
    assert store.write(lambda tx: outbox.send_again(tx, now=now, id=id or ""))
    assert len(lease(store, now)) == 1


def test_a_worker_that_dies_while_sending_six_times_leaves_a_dead_message(store: Store) -> None:
    id = order(store)
    for turn in range(outbox.TRIES):
        [message] = lease(store, NOON + turn * 10_000)
        assert sending(store, message, NOON + turn * 10_000)
    assert lease(store, NOON + HOUR) == []
    assert row(store, id)["state"] == "dead"


def test_without_balance_messages_are_held_and_no_try_is_lost(store: Store) -> None:
    id = order(store)
    [message] = lease(store)
    assert sending(store, message)
    store.write(lambda tx: outbox.mark_held(tx, message, due_at=NOON + 100, reason="no balance"))
    assert (row(store, id)["state"], row(store, id)["tries"]) == ("held", 0)
    assert lease(store, NOON + 99) == []
    assert len(lease(store, NOON + 100)) == 1


def test_a_code_is_blanked_once_it_is_sent_or_never_will_be(store: Store) -> None:
    first = order(store, purpose="code", values={"code": "123456"})
    second = order(store, purpose="code", values={"code": "654321"})
    messages = lease(store)
    for message in messages:
        assert sending(store, message)
    sent(store, messages[0], gateway="africastalking")
    store.write(lambda tx: outbox.mark_refused(tx, messages[1], reason="blocked"))
    assert [row(store, id)["values_json"] for id in (first, second)] == ["{}", "{}"]
    assert not store.write(lambda tx: outbox.send_again(tx, now=NOON, id=second or ""))


def test_a_worker_gives_back_only_what_it_has_not_begun(store: Store) -> None:
    order(store)
    order(store)
    order(store)
    begun, _ = lease(store, limit=2)
    [other] = lease(store, worker="w2", limit=1)
    assert sending(store, begun)
    assert store.write(lambda tx: outbox.give_back(tx, worker="w1")) == 1
    assert row(store, other.id)["state"] == "leased"
    assert not sending(store, _)


# --- news -----------------------------------------------------------------------------------------------------------


def one_news(store: Store, now: int, **changed: Any) -> tuple[dict[str, Any], bool]:
    id = order(store, **({"purpose": "news", "person_id": "p1", "now": now} | changed))
    message = next(found for found in lease(store, now) if found.id == id)
    begun = sending(store, message, now)
    if begun:
        sent(store, message, f"x{id}", now)
    return row(store, id), begun


@pytest.mark.parametrize(
    ("hour", "until"),
    [(7, 8), (8, None), (19, None), (20, 32), (23, 32), (0, 8)],
)
def test_quiet_hours(hour: int, until: int | None) -> None:
    midnight = NOON - 12 * HOUR
    expected = None if until is None else midnight + until * HOUR
    assert outbox.quiet_until(midnight + hour * HOUR) == expected


def test_news_in_the_quiet_hours_waits_for_the_morning(store: Store) -> None:
    person(store)
    found, begun = one_news(store, NOON + 9 * HOUR)
    assert not begun
    assert (found["state"], found["due_at"], found["tries"]) == ("waiting", NOON + 20 * HOUR, 0)


def test_the_fourth_news_of_a_day_is_cancelled_and_the_next_day_is_new(store: Store) -> None:
    person(store)
    assert [one_news(store, NOON + minute)[1] for minute in range(3)] == [True, True, True]
    found, begun = one_news(store, NOON + 4)
    assert not begun and found["state"] == "cancelled" and "3 news a day" in found["last_error"]
    assert one_news(store, NOON + 24 * HOUR)[1]


def test_a_refused_news_does_not_count_for_the_day(store: Store) -> None:
    person(store)
    for _ in range(3):
        order(store, purpose="news", person_id="p1")
        [message] = lease(store)
        assert sending(store, message)
        store.write(lambda tx, m=message: outbox.mark_refused(tx, m, reason="no"))
    assert one_news(store, NOON)[1]


@pytest.mark.parametrize(("news", "state"), [(0, "active"), (1, "stopped")])
def test_who_stopped_news_gets_none(store: Store, news: int, state: str) -> None:
    person(store, news=news, state=state)
    found, begun = one_news(store, NOON)
    assert not begun and (found["state"], found["last_error"]) == ("cancelled", "news not wanted")


def test_news_to_a_number_alone_needs_somebody_on_it_who_wants_it(store: Store) -> None:
    assert not one_news(store, NOON, person_id=None)[1]
    person(store)
    assert one_news(store, NOON, person_id=None)[1]


@pytest.mark.parametrize("purpose", ["order", "payment", "code", "account", "reply"])
def test_nothing_but_news_is_held_back(store: Store, purpose: str) -> None:
    person(store, news=0, state="stopped")
    for _ in range(5):
        _, begun = one_news(store, NOON + 11 * HOUR, purpose=purpose)
        assert begun


# --- delivery reports -----------------------------------------------------------------------------------------------


def test_reports_find_their_message_and_a_final_word_stays(store: Store) -> None:
    id = order(store)
    [message] = lease(store)
    sending(store, message)
    sent(store, message)
    states = []
    for state, word in (
        ("unknown", "Absent"),
        ("sent", "Submitted"),
        ("unknown", "Buffered"),
        ("delivered", "Success"),
        ("delivered", "Success"),
        ("failed", "Failed"),
        ("sent", "Sent"),
    ):
        assert report(store, state, word) == id
        found = row(store, id)
        states.append((found["delivery_state"], found["delivery_word"]))
    assert states == [
        ("unknown", "Absent"),
        ("sent", "Submitted"),
        ("sent", "Buffered"),
        ("delivered", "Success"),
        ("delivered", "Success"),
        ("delivered", "Success"),
        ("delivered", "Success"),
    ]
    assert row(store, id)["delivered_at"] == NOON + 5


def test_a_report_that_comes_before_our_own_note_is_kept_for_it(store: Store) -> None:
    id = order(store)
    [message] = lease(store)
    sending(store, message)
    assert report(store, "delivered", "Success") is None
    assert report(store, "delivered", "Success") is None
    sent(store, message)
    assert (row(store, id)["delivery_state"], row(store, id)["delivered_at"]) == ("delivered", NOON + 5)
    with store.read() as tx:
        assert tx.delivery_reports_of(gateway="simulator", external_id="x1") == []


def test_the_same_id_of_another_gateway_is_another_message(store: Store) -> None:
    id = order(store)
    [message] = lease(store)
    sending(store, message)
    sent(store, message)
    other = store.write(
        lambda tx: outbox.delivery(tx, gateway="hubtel", external_id="x1", state="failed", word="F", now=NOON)
    )
    assert other is None and row(store, id)["delivery_state"] is None


# --- for the person and the operator --------------------------------------------------------------------------------


def test_forgetting_a_person_blanks_and_cancels(store: Store) -> None:
    person(store)
    waiting = order(store, person_id="p1")
    other = order(store)
    assert store.write(lambda tx: outbox.forget(tx, person_id="p1")) == 1
    found = row(store, waiting)
    assert (found["recipient"], found["values_json"], found["state"]) == ("", "{}", "cancelled")
    assert row(store, other)["recipient"] == PHONE


def test_purging_takes_only_what_is_over_and_old(store: Store) -> None:
    order(store)
    [message] = lease(store)
    sending(store, message)
    sent(store, message)
    waiting = order(store)
    assert store.write(lambda tx: outbox.purge(tx, before=NOON)) == 0
    assert store.write(lambda tx: outbox.purge(tx, before=NOON + 1)) == 1
    with store.read() as tx:
        assert [(found["state"], found["messages"]) for found in outbox.counts(tx)] == [("waiting", 1)]
        assert [found["id"] for found in outbox.in_state(tx, "waiting", 5)] == [waiting]
