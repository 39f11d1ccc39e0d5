"""The verbs for the bank, on a whole service: import, lines, confirm, rates."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner

from tests.web.market_world import BUYER, World
from tests.web.test_market_transfer import rate, sold
from ussd_app.lib.clock import ManualClock, day
from ussd_app.market import proformas
from ussd_app.money import bank, exchange
from ussd_app.money.reviews import NotPossible
from ussd_app.store import Store


@pytest.fixture
def world(store: Store, clock: ManualClock) -> World:
    return World(store, clock)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


class Till:
    """One order's transfer, and a runner of verbs."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder
        self.app: Flask = world.app
        self.runner = FlaskCliRunner(self.app)
        rate(world, "EUR", "1600")
        self.order = sold(world)
        self.transfer: Any = world.store.write(
            lambda tx: proformas.ask(
                tx, clock=world.clock, now=world.clock.now(), buyer_id=self.order["buyer_id"],
                order_id=self.order["id"], currency="EUR",
            )
        )  # fmt: skip

    def run(self, *words: str) -> Any:
        return self.runner.invoke(self.app.cli, list(words))

    def file(self, *rows: str) -> str:
        path = self.folder / "lines.csv"
        path.write_text("\ufeffId;Booking date;Amount;Currency;Details\r\n" + "\r\n".join(rows) + "\r\n", "utf-8")
        return str(path)


@pytest.fixture
def till(world: World, tmp_path: Path) -> Till:
    return Till(world, tmp_path)


def test_a_file_is_told_row_by_row_and_is_safe_to_bring_in_again(till: Till) -> None:
    today, reference = day(till.world.clock.now()), till.transfer["reference"]
    path = till.file(
        f"A1;{today};5,63;EUR;coffee {reference}", f"A2;{today};5,00;EUR;coffee", f"A3;soon;5,00;EUR;{reference}",
        f"A4;{today};5,63;EUR;{reference}",
    )  # fmt: skip
    first = till.run("bank", "import", path, "--by", "Aline")
    assert first.exit_code == 1, first.output
    lines = first.output.splitlines()
    assert lines[0].startswith("row 2     matched") and reference in lines[0]
    assert lines[1].endswith("unknown_reference") and lines[2].endswith("the date cannot be read")
    assert lines[3].endswith("duplicate") and lines[4].startswith("4 rows, 3 to look at.")
    again = json.loads(till.run("bank", "import", path, "--by", "Aline", "--json").output)["rows"]
    assert [one["outcome"] for one in again] == ["seen", "seen", "unread", "seen"]
    assert len(till.world.rows("SELECT * FROM bank_lines")) == 3
    review = till.run("review", "list")
    assert review.exit_code == 1 and "bank_duplicate" in review.output and "bank_unknown_reference" in review.output
    listed = json.loads(till.run("bank", "lines", "--json").output)["lines"]
    line = next(one["id"] for one in listed if one["state"] == "matched")
    refused = till.run("bank", "confirm", line, "--by", "aline")
    assert refused.exit_code == 1 and "Another operator" in refused.output
    done = till.run("bank", "confirm", line, "--by", "Bosco")
    assert done.exit_code == 0 and "Paid: 9 000 RWF" in done.output, done.output
    assert till.run("ledger", "totals").exit_code == 0
    assert till.world.rows("SELECT state FROM payments WHERE kind = 'collection' AND state <> 'cancelled'") == [
        {"state": "paid"}
    ]
    noted = [one["id"] for one in json.loads(till.run("review", "list", "--json").output)["cases"]]
    for case in noted:
        till.run("review", "decide", case, "--by", "Aline", "--as", "noted", "--why", "sent back at the bank")
    assert till.run("bank", "lines").exit_code == 0  # what was noted is done with


def test_by_hand_and_refused(till: Till) -> None:
    today, reference = day(till.world.clock.now()), till.transfer["reference"]
    till.run("bank", "import", till.file(f"A1;{today};5,00;EUR;coffee"), "--by", "Aline")
    line = json.loads(till.run("bank", "lines", "--json").output)["lines"][0]["id"]
    assert till.run("bank", "match", line, reference, "--by", "Bosco", "--why", "no").exit_code == 1
    assert till.run("bank", "match", line, reference, "--by", "Bosco", "--why", "the payer wrote to us").exit_code == 0
    assert till.run("bank", "refuse", line, "--by", "Claire", "--why", "it is another payer").exit_code == 0
    assert till.run("bank", "confirm", line, "--by", "Didier").exit_code == 1
    shown = till.run("bank", "transfers")
    assert shown.exit_code == 0 and reference in shown.output and "5.63 EUR" in shown.output


def test_a_file_that_is_none(till: Till, tmp_path: Path) -> None:
    path = tmp_path / "no.csv"
    path.write_bytes(b"\x00\xff;no\n")
    answer = till.run("bank", "import", str(path), "--by", "Aline")
    assert answer.exit_code == 2 and "cannot be read" in answer.output
    assert till.run("bank", "import", till.file("A1;2026-09-21;1;EUR;x"), "--by", "0788123456").exit_code == 1
    assert till.world.rows("SELECT * FROM bank_lines") == []


def test_a_rate_counts_once_a_second_person_says_the_same(till: Till) -> None:
    words = ("bank", "rate", "usd", "1437.50", "--source", "BNR average", "--by")
    assert till.run("bank", "rates").exit_code == 1  # estimates are in force
    assert "Another operator" in till.run(*words, "Aline").output
    assert "Another operator must say the same." in till.run(*words, "aline").output
    now = till.world.clock.now()

    def in_force() -> Any:
        with till.world.store.read() as tx:
            return exchange.rate_for(tx, "USD", "RWF", now)

    assert in_force().estimate
    assert till.run(*words, "Bosco").output == "It counts.\n"
    assert (str(in_force().rate), in_force().valid_from, in_force().estimate) == ("1437.5", day(now), False)
    assert till.run("bank", "rate", "USD", "1500", "--source", "BNR average", "--by", "Aline").exit_code == 1
    for bad in (("USD", "0"), ("USD", "-1"), ("USD", "NaN"), ("USD", "1e3"), ("RWF", "1"), ("US", "1")):
        assert till.run("bank", "rate", *bad, "--source", "BNR average", "--by", "Aline").exit_code != 0, bad
    till.world.clock.advance(3 * 86_400_000)
    assert "USD = 1437.5 RWF" in till.run("bank", "rates").output and "OLD: 3 days" in till.run("bank", "rates").output


def test_many_confirm_at_once_and_one_does(till: Till) -> None:
    today, reference = day(till.world.clock.now()), till.transfer["reference"]
    till.run("bank", "import", till.file(f"A1;{today};5,63;EUR;{reference}"), "--by", "Aline")
    line = till.world.rows("SELECT id FROM bank_lines")[0]["id"]
    handlers = till.app.extensions["parts"].money.handlers
    outcomes: list[str] = []

    def confirm(name: str) -> None:
        try:
            till.world.store.write(
                lambda tx: bank.confirm(tx, now=till.world.clock.now(), line_id=line, by=name, handlers=handlers)
            )
            outcomes.append("done")
        except NotPossible:
            outcomes.append("no")

    threads = [threading.Thread(target=confirm, args=(f"Operator {letter}",)) for letter in "ABCDEFGH"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done"] + ["no"] * 7
    assert len(till.world.rows("SELECT * FROM outbox WHERE template = 'payment.collected'")) == 1
    assert till.run("ledger", "totals").exit_code == 0


def test_the_buyer_sees_that_it_came(till: Till) -> None:
    today, reference = day(till.world.clock.now()), till.transfer["reference"]
    till.run("bank", "import", till.file(f"A1;{today};5,63;EUR;{reference}"), "--by", "Aline")
    page = till.world.browser(BUYER).get(f"/orders/{till.order['id']}/transfer").text
    assert "Your transfer has come." in page
