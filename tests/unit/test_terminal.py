"""The phone in the terminal: by hand, from a list of keys, from a transcript; its exit status tells how it went."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from tests.fake_market import SECRET, FakeMarket
from ussd_app.terminal import dial

PHONE = "+250788000001"


class Ran:
    def __init__(self, code: str = "*384*100#", typed: str = "", target: Any = None, **options: Any) -> None:
        self.market = FakeMarket()
        out, err = io.StringIO(), io.StringIO()
        options = {"phone": PHONE, "secret": SECRET} | options
        self.status = dial(target or self.market.app, code, stdin=io.StringIO(typed), stdout=out, stderr=err, **options)
        self.out, self.err = out.getvalue(), err.getvalue()


def test_by_hand_the_screen_is_drawn_and_an_end_of_file_hangs_up() -> None:
    ran = Ran(typed="1\n")
    assert ran.status == 0
    assert "│ 1 Gurisha                      │" in ran.out
    assert "48/160 septets" in ran.out and " ms · sell.produce" in ran.out
    assert ran.out.endswith("you hung up\n")
    assert ran.market.posted[-1][0].endswith("/events")


def test_keys_run_one_after_the_other_as_one_json_object_a_screen() -> None:
    ran = Ran(keys="1,1,40", as_json=True)
    screens = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.status == 0
    assert [screen["screen"] for screen in screens] == ["home", "sell.produce", "sell.quantity", "sell.done"]
    assert screens[-1]["text"] == "Byemejwe: 40 kg"
    assert (screens[-1]["input"], screens[-1]["more"], screens[-1]["septets"]) == ("40", False, 19)


def test_a_direct_dial_begins_further_in() -> None:
    assert "sell.quantity" in Ran("*384*100*1*1#", keys="").out


def test_keys_left_over_are_something_found() -> None:
    ran = Ran(keys="1,1,40,5,6")
    assert (ran.status, ran.err) == (1, "The call ended before input 4 of 5.\n")


def test_a_transcript_is_replayed(tmp_path: Path) -> None:
    script = tmp_path / "sale.txt"
    script.write_text('dial *384*100# -> CON contains "Gurisha"\nsend 1 -> screen sell.produce\n')
    ran = Ran(script=script)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.endswith("sale.txt: 2 steps, 2 screens, all as written\n")
    script.write_text("dial -> END\n")
    ran = Ran(script=script)
    assert ran.status == 1
    assert ran.err.startswith("sale.txt:1: expected END, not CON")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"code": "*123#"}, "*123# is not *384*100#"),
        ({"phone": "0788"}, "--phone is a number"),
        ({"wire": "pigeon"}, "no wire is called 'pigeon'"),
        ({"keys": "1", "script": "a.txt"}, "Use --keys or --script, not both."),
        ({"script": "no_such.txt"}, "no_such.txt cannot be read"),
    ],
)
def test_wrong_use_is_status_2(options: dict[str, Any], told: str) -> None:
    ran = Ran(**options)
    assert ran.status == 2
    assert told in ran.err


def test_a_bad_transcript_is_wrong_use(tmp_path: Path) -> None:
    script = tmp_path / "bad.txt"
    script.write_text("ring me\n")
    assert Ran(script=script).status == 2


def test_a_wrong_secret_is_something_found() -> None:
    ran = Ran(secret="other")
    assert ran.status == 1
    assert "status 404" in ran.err


def test_a_running_server_is_dialled_by_its_address() -> None:
    market = FakeMarket()
    server = make_server("127.0.0.1", 0, market.app)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        ran = Ran(target=f"http://127.0.0.1:{server.server_port}", keys="1")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert ran.status == 0, ran.err
    assert "sell.produce" in ran.out
    ran = Ran(target=f"http://127.0.0.1:{server.server_port}", keys="1")
    assert ran.status == 1
    assert "Nothing answers there" in ran.err
