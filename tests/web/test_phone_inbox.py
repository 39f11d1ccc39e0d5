"""The inbox of a phone in the browser reads the outbox itself, on both stores."""

from __future__ import annotations

from typing import Any

from flask import Flask

from tests.conftest import NOW
from tests.web.phone_pages import PhoneParts
from ussd_app.store import Store, Tx, outbox
from ussd_app.web.phone import CODE_GONE, phones

PHONE = "+250788000001"


def read(store: Store, phone: str = PHONE) -> list[dict[str, Any]]:
    app = Flask("inbox")
    app.register_blueprint(phones(PhoneParts(store=store)))
    messages: list[dict[str, Any]] = (
        app.test_client().get("/phone/inbox", query_string={"phone": phone}).get_json()["messages"]
    )
    return messages


def order(store: Store, text: str, at: int = NOW, **more: Any) -> None:
    told = {"kind": "sms", "to": PHONE, "template": "plain", "language": "rw", "purpose": "order"} | more
    store.write(lambda tx: outbox.order(tx, now=at, values={"text": text}, **told))


def send(store: Store, external_id: str = "x-1", gateway: str = "simulator") -> None:
    def work(tx: Tx) -> None:
        for message in outbox.lease(tx, now=NOW + 10, worker="w", limit=9, lease_ms=1000):
            outbox.mark_sending(tx, message, now=NOW + 20, lease_ms=1000)
            outbox.mark_sent(tx, message, now=NOW + 30, gateway=gateway, external_id=external_id)

    store.write(work)


def test_newest_first_and_of_this_number_alone(store: Store) -> None:
    order(store, "one", NOW)
    order(store, "two", NOW + 1)
    order(store, "not hers", NOW + 2, to="+250788000002")
    assert [(message["text"], message["state"], message["at"]) for message in read(store)] == [
        ("two", "waiting", NOW + 1),
        ("one", "waiting", NOW),
    ]
    assert [message["text"] for message in read(store, "+250788000002")] == ["not hers"]
    assert read(store, "+250788000003") == []


def test_the_state_follows_the_worker_and_the_delivery_report(store: Store) -> None:
    order(store, "one")
    send(store)
    assert [(message["state"], message["at"]) for message in read(store)] == [("sent", NOW + 30)]
    store.write(
        lambda tx: outbox.delivery(
            tx, gateway="simulator", external_id="x-1", state="delivered", word="Success", now=NOW + 40
        )
    )
    assert [message["state"] for message in read(store)] == ["delivered"]


def test_a_code_is_shown_until_it_is_sent(store: Store) -> None:
    order(store, "Your code: 123456", purpose="code")
    assert [message["text"] for message in read(store)] == ["Your code: 123456"]
    send(store, gateway="africastalking")
    assert [message["text"] for message in read(store)] == [CODE_GONE]


def test_the_simulator_shows_a_code_for_nobody_else_receives_it(store: Store) -> None:
    order(store, "Your code: 123456", purpose="code")
    send(store)
    assert [message["text"] for message in read(store)] == ["Your code: 123456"]


def test_mail_of_the_person_is_there_too(store: Store) -> None:
    store.write(
        lambda tx: tx.rows(
            "INSERT INTO people (id, msisdn, mail, name, language, created_at, updated_at)"
            " VALUES ('p1', :msisdn, 'a@example.org', 'Alice', 'en', 1, 1) RETURNING id",
            msisdn=PHONE,
        )
    )
    order(store, "A receipt", NOW, kind="mail", to="a@example.org", person_id="p1")
    order(store, "An SMS", NOW + 1, person_id="p1")
    assert [(message["kind"], message["text"]) for message in read(store)] == [("sms", "An SMS"), ("mail", "A receipt")]


def test_who_has_a_mail_address_alone_reads_the_mail_sent_to_it(store: Store) -> None:
    order(store, "Your code: 123456", kind="mail", to="trade@example.org", purpose="code")
    order(store, "not theirs", kind="mail", to="other@example.org")
    assert [(message["kind"], message["text"]) for message in read(store, "Trade@example.org")] == [
        ("mail", "Your code: 123456")
    ]
