"""A trade to its end on the phones: weighed, agreed, approved in the buyer's wallet, paid out and told, over the real
wires of the gateway and of the wallet."""

from __future__ import annotations

import dataclasses
import json
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conversation import world
from tests.conversation.world import Market, market
from ussd_app.emulators import mtn_momo
from ussd_app.money import ledger
from ussd_app.player import Player
from ussd_app.transcript import parse

SELLER, BUYER = "+250788000001", "+250788000002"
WAIT_S = 10.0
AGREED = """
given seller Mukamana +250788000001 speaks en pin 24863
given buyer Marc +250788000002 speaks en at Huye
given listing of Mukamana: coffee.cherry 50 kg at 650
given pass_through order of Marc with Mukamana: 40 kg at 700
as Marc
wait 6 minutes
dial; send 3; send 1; send 9 -> CON screen orders.one and contains "3 Record the weight"
send 3              -> CON screen weigh.gross
send 40             -> CON screen weigh.sum and contains "Good: 40 kg x 700 = 28 000", "Net: 28 000 RWF"
send 1              -> END contains "Recorded, receipt", "28 000 RWF"
repeat              -> identical
as Mukamana
dial; send 4        -> CON screen pay.latest and contains "a weight waits for your answer"
send 1              -> CON screen weigh.check and contains "Good: 40 kg x 700 = 28 000", "1 Correct", "2 Not correct"
send 1              -> END contains "Agreed: 28 000 RWF"
repeat              -> identical
dial; send 4        -> CON screen pay.latest and contains "28 000 RWF: the buyer was asked"
as Marc
dial; send 4        -> CON screen pay.latest and contains "28 000 RWF: approve it on your phone in MTN MoMo"
"""
PAID = """
as Mukamana
dial; send 4        -> CON screen pay.latest and contains "Paid 28 000 RWF", "MTN MoMo No"
send 00; send 3     -> CON contains "settled"
"""


class Phone:
    """The payer's wallet on the emulated network."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked) as answer:
            read = answer.read()
        return json.loads(read) if read else None

    def settled(self, count: int) -> list[dict[str, Any]]:
        """What money moved, once so many payments have ended."""
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            found = [entry for entry in self.ask("/journal")["entries"] if entry["kind"] in ("settled", "failed")]
            if len(found) >= count:
                return found
            time.sleep(0.02)
        raise AssertionError(f"{count} payments have not ended")


@pytest.fixture
def wallet() -> Iterator[Phone]:
    options = mtn_momo.Options(port=0, approval="ask", approve_after_ms=1, callback="never")
    with mtn_momo.running(options) as emulator:
        phone = Phone(emulator.url)
        phone.ask("/control", {"name": {SELLER: "Mukamana", BUYER: "Marc"}})
        yield phone


@pytest.fixture
def opened(store_url: str, wallet: Phone, monkeypatch: pytest.MonkeyPatch) -> Iterator[Market]:
    settings = dataclasses.replace(world.SETTINGS, mtn_momo_base_url=wallet.url)
    monkeypatch.setattr(world, "SETTINGS", settings)
    with market(store_url, monkeypatch) as opened:
        yield opened


def drive(opened: Market, minutes: int) -> None:
    """Let the worker do all there is, minute by minute."""
    driver = opened.parts.money.driver("tests")
    for _ in range(minutes):
        driver.run_due()
        opened.work()
        opened.clock.advance(60_000)
    driver.end()


def test_a_trade_is_weighed_agreed_approved_and_paid(opened: Market, wallet: Phone) -> None:
    player = Player(opened.world("africastalking"))
    player.play(parse(AGREED, "agreed.txt"))
    drive(opened, 1)
    prompts = wallet.ask(f"/prompts?msisdn=%2B{BUYER[1:]}")
    assert [(one["amount"], one["currency"]) for one in prompts] == [(28_000, "RWF")]
    wallet.ask("/approve", {"reference": prompts[0]["reference"], "pin": "1234", "answer": "yes"})
    wallet.settled(1)
    drive(opened, 8)
    wallet.settled(2)
    drive(opened, 6)
    assert sorted((one["payment"], one["amount"], one["msisdn"]) for one in wallet.settled(2)) == [
        ("collection", 28_000, BUYER),
        ("disbursement", 28_000, SELLER),
    ]
    player.play(parse(PAID, "paid.txt"))
    assert any("28 000 RWF" in text for text in opened.inbox(SELLER)[-2:])
    with opened.store.read() as tx:
        assert ledger.check(tx) == []
        assert ledger.balance(tx, "wallet:mtn_momo", "RWF").posted == 0
