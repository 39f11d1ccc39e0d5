"""Buyers' verification and caps; call backs."""

from __future__ import annotations

import pytest

from tests.market.peoples import ELSEWHERE, JEANNE, KEY, NOW, buyer, ordered, seller
from ussd_app.lib import ids
from ussd_app.lib.clock import ManualClock
from ussd_app.market import accounts, buyers, help
from ussd_app.store import Store


def ask(store: Store, person_id: str, now: int = NOW) -> bool:
    return store.write(
        lambda tx: buyers.ask_contact_code(tx, now=now, clock=ManualClock(now), key=KEY, person_id=person_id)
    )


def confirm(store: Store, person_id: str, code: str) -> str:
    return store.write(lambda tx: buyers.confirm_contact(tx, now=NOW + 1, key=KEY, person_id=person_id, code=code))


def level(store: Store, person_id: str) -> str:
    with store.read() as tx:
        return str(tx.buyer_by_id(person_id=person_id)["verification"])


def test_a_code_confirms_a_buyer_and_an_operator_verifies(store: Store) -> None:
    his = store.write(lambda tx: buyer(tx, mail="marc@cafe.be"))["id"]

    def verify() -> bool:
        return store.write(lambda tx: buyers.verify(tx, now=NOW, person_id=his, by="ops1", why="trade register"))

    assert verify() is False  # nobody vouches for a buyer we cannot reach
    assert ask(store, his) is True
    sent = ordered(store)
    assert [(o["kind"], o["recipient"], o["template"], o["language"]) for o in sent] == [
        ("mail", "marc@cafe.be", "code.contact", "fr")
    ]
    code = sent[0]["values"]["code"]
    assert confirm(store, his, f"{(int(code) + 1) % 1_000_000:06d}") == "wrong" and level(store, his) == "new"
    assert confirm(store, his, code) == "ok" and level(store, his) == "confirmed"
    assert verify() is True and verify() is False and level(store, his) == "verified"
    with store.read() as tx:
        assert [(r["looked_by"], r["why"]) for r in tx.access_of(person_id=his, limit=9)] == [
            ("ops1", "trade register")
        ]


def test_no_code_goes_out_twice_a_minute_or_to_a_seller(store: Store) -> None:
    his = store.write(lambda tx: buyer(tx, msisdn=ELSEWHERE))["id"]
    hers = store.write(lambda tx: seller(tx))["id"]
    assert [ask(store, his), ask(store, his), ask(store, hers), ask(store, "nobody")] == [True, False, False, False]
    assert [(o["kind"], o["recipient"]) for o in ordered(store)] == [("sms", ELSEWHERE)]
    assert confirm(store, hers, "123456") == "expired"


def test_caps_grow_with_verification() -> None:
    new, confirmed, verified = (buyers.caps(level) for level in ("new", "confirmed", "verified"))
    for name in ("max_open_offers", "max_quantity_grams", "max_pieces", "max_value_minor"):
        assert 0 < new[name] < confirmed[name] < verified[name]
    new["max_open_offers"] = 10_000
    assert buyers.caps("new")["max_open_offers"] == 2
    with pytest.raises(KeyError):
        buyers.caps("friend")


def test_what_a_seller_may_know_of_a_buyer_holds_no_contact(store: Store) -> None:
    his = store.write(lambda tx: buyer(tx, mail="marc@cafe.be", msisdn=ELSEWHERE, company="Cafe SA", city="Liege"))[
        "id"
    ]
    store.write(lambda tx: (buyers.note_kept(tx, his), buyers.note_kept(tx, his), buyers.note_missed(tx, his)))
    with store.read() as tx:
        row = buyers.by_id(tx, his)
        assert row is not None
        assert buyers.describe(row) == {
            "name": "Cafe SA",
            "country": "BE",
            "city": "Liege",
            "verification": "new",
            "kept": 2,
            "missed": 1,
        }
        assert buyers.describe({**row, "company": ""})["name"] == "Marc"


def call_back(store: Store, screen: str, question: str = "", msisdn: str = JEANNE) -> str:
    return store.write(
        lambda tx: help.ask_call_back(tx, now=NOW, msisdn=msisdn, person_id=None, screen=screen, question=question)
    )


def test_a_call_back_has_a_ticket_and_is_closed_once(store: Store) -> None:
    her = store.write(lambda tx: seller(tx))
    ticket = store.write(
        lambda tx: help.ask_call_back(
            tx, now=NOW, msisdn=JEANNE, person_id=her["id"], screen="pay.status", question="Ayanjye ari he?"
        )
    )
    assert len(ticket) == 6 and ids.check_ok(ticket)
    assert call_back(store, "pay.status") == ticket
    with store.read() as tx:
        (row,) = help.open_call_backs(tx)
    assert (row["code"], row["name"], row["msisdn"], row["question"]) == (ticket, "Jeanne", JEANNE, "Ayanjye ari he?")

    def close() -> bool:
        return store.write(lambda tx: help.close_call_back(tx, now=NOW, call_back_id=row["id"], by="ops1", note="ok"))

    assert close() is True and close() is False
    with store.read() as tx:
        assert help.open_call_backs(tx) == []
    assert call_back(store, "pay.status") != ticket


def test_at_most_three_call_backs_of_a_number_are_open(store: Store) -> None:
    first = [call_back(store, f"screen.{n}") for n in range(3)]
    assert len(set(first)) == 3 and call_back(store, "screen.9") in first
    assert call_back(store, "screen.9", msisdn=ELSEWHERE) not in first


def test_a_question_keeps_no_pin_no_number_no_control_characters() -> None:
    kept = help.clean_question("PIN 40718\nmunyandikire kuri +250788123456\x00 " + "x" * 300)
    assert "40718" not in kept and "0788123456" not in kept and "88123456" not in kept
    assert kept.isprintable() and len(kept) == help.QUESTION_LONGEST


def test_an_erased_persons_call_backs_are_blank(store: Store) -> None:
    her = store.write(lambda tx: seller(tx))["id"]
    store.write(
        lambda tx: help.ask_call_back(tx, now=NOW, msisdn=JEANNE, person_id=her, screen="home", question="Ni Jeanne")
    )
    store.write(lambda tx: accounts.erase(tx, now=NOW + 1, person_id=her))
    with store.read() as tx:
        assert help.open_call_backs(tx) == []
        assert tx.call_backs_open_of(msisdn=JEANNE) == []
