"""`12345 40` by SMS: read forgivingly, only where the route carries replies."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from menus import sms_commands
from tests.market.hills import HUB, Hills
from ussd_app.market import calls
from ussd_app.messages import SmsIn
from ussd_app.settings import Settings
from ussd_app.store import Store


def send(hills: Hills, person: str, text: str, replies: bool = True) -> str:
    """Send an SMS from a person's phone; the template of what is answered."""
    settings = replace(Settings(), sms_replies=replies)
    services: Any = SimpleNamespace(hub=HUB, settings=settings, clock=hills.clock)
    with hills.store.read() as tx:
        msisdn = tx.person_by_id(id=person)["msisdn"]
    hills.numbers += 1
    sms = SmsIn("simulator", str(hills.numbers), msisdn, "2150", text)
    hills.store.write(lambda tx: sms_commands.answer(tx, services, sms))
    with hills.store.read() as tx:
        rows = tx.rows("SELECT template FROM outbox WHERE purpose = 'reply' ORDER BY id DESC LIMIT 1")
    return str(rows[0]["template"])


@pytest.mark.parametrize(
    ("text", "grams"),
    [
        ("{} 40", 40_000),
        ("{}-40 kg", 40_000),
        ("KODE {}: 40,5", 40_500),
        (" {}  1 200 kg.", 1_200_000),
        ("{} ibiro 40", 40_000),
    ],
)
def test_a_code_and_kilos_pledge(store: Store, text: str, grams: int) -> None:
    hills = Hills(store)
    coop = hills.coop()
    one = hills.member(coop)
    call = hills.call(coop, 2_000_000)
    assert send(hills, one, text.format(call["code"])) == "pledge.saved"
    assert hills.live(call)["pledged"] == grams


def test_what_cannot_be_taken_is_told_so(store: Store) -> None:
    hills = Hills(store)
    coop = hills.coop()
    one, two, stranger = hills.member(coop), hills.member(coop), str(hills.human()["id"])
    call = hills.call(coop, 50_000)
    code = call["code"]
    assert send(hills, one, f"{code} 40", replies=False) == "sms.help"
    assert send(hills, one, f"{code} many") == "pledge.how"
    assert send(hills, stranger, f"{code} 40") == "pledge.not_member"
    wrong = code[:4] + str((int(code[4]) + 1) % 10)
    assert send(hills, one, f"{wrong} 40") == "sms.help"
    assert hills.live(call)["pledged"] == 0
    assert send(hills, one, f"{code} 40") == "pledge.saved"
    assert send(hills, two, f"{code} 40") == "pledge.saved.part"
    assert send(hills, one, f"{code} 10") == "pledge.late"
    assert calls.run(store, hills.now) == 3
