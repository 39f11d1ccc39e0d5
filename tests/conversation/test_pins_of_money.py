"""The PIN before what money follows from: her yes to an offer, where her money goes. Tried on all of them at once it gives
no more guesses than on one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conversation.givens import PIN
from tests.conversation.test_pins import ABREAST, BUYER, SELLER, ask, counted, standing
from tests.conversation.world import Market

TO_THE_PIN = {"offers.pin": "2*1*1", "wallet.pin": "4*3*4*2*1*2", "account.pin_old": "10*4*1"}


@pytest.fixture
def seller(everywhere: Market) -> Market:
    """A seller with an offer that waits for her yes."""
    for line in (f"seller Mukamana {SELLER} speaks en pin {PIN}", f"buyer Marc {BUYER} speaks en",
                 "listing of Mukamana: maize.grain 50 kg at 400", "offer of Marc to Mukamana: 40 kg at 390"):  # fmt: skip
        everywhere.given(line)
    return everywhere


def test_a_hundred_sessions_before_money_get_three_guesses(seller: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    screens = [*TO_THE_PIN]
    sessions = [(f"s{n}", screens[n % len(screens)]) for n in range(100)]
    for session, screen in sessions:
        assert ask(seller, session, TO_THE_PIN[screen]).screen == screen
    # Each dial closed the session before it. Had all come in the same moment, all would stand open.
    seller.store.write(lambda tx: tx.rows("UPDATE sessions SET state = 'open' RETURNING session_id"))
    checked = counted(monkeypatch)

    def guess(one: tuple[int, tuple[str, str]]) -> Any:
        number, (session, screen) = one
        return ask(seller, session, f"{TO_THE_PIN[screen]}*{30_000 + number}").screen

    with ThreadPoolExecutor(ABREAST) as pool:
        shown = [*pool.map(guess, enumerate(sessions))]
    assert len(checked) == 3
    assert shown.count("pin.locked") == 98
    assert standing(seller)["pin_fails"] == 3
    assert seller.rows("SELECT id FROM orders") == [] and seller.rows("SELECT id FROM wallets") == []
    for screen, path in TO_THE_PIN.items():
        assert ask(seller, f"later {screen}", path).screen == screen
        assert ask(seller, f"later {screen}", f"{path}*{PIN}").screen == "pin.locked"
    assert len(checked) == 3


@pytest.mark.parametrize("screen", ["offers.pin", "wallet.pin"])
def test_a_wrong_pin_moves_nothing_and_the_right_one_once(seller: Market, screen: str) -> None:
    path = TO_THE_PIN[screen]
    table = {"offers.pin": "orders", "wallet.pin": "wallets"}[screen]
    assert ask(seller, "s1", path).screen == screen
    assert ask(seller, "s1", f"{path}*90284").screen == screen
    assert seller.rows(f"SELECT id FROM {table}") == []
    done = ask(seller, "s1", f"{path}*90284*{PIN}")
    assert not done.more and [ask(seller, "s1", f"{path}*90284*{PIN}") for _ in range(5)] == [done] * 5
    assert len(seller.rows(f"SELECT id FROM {table}")) == 1
