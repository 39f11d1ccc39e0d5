"""A payment as two people see it: the whole of `make run` with its emulated wallets, and the phones in a real browser."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.browser.test_phones import Handset

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parents[2]
SOON_MS = 20_000  # far more than the worker needs: it asks whose a wallet is, settles, pays out and is called back
OURS = (
    "DATABASE_URL",
    "GATEWAYS",
    "HOST",
    "PORT",
    "PUBLIC_URL",
    "SETTLEMENT",
    "PROVIDERS",
    "TIME_SCALE",
    "ENVIRONMENT",
)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def phones(tmp_path: Path) -> Iterator[str]:
    """The address of the phones of a market of its own, which is ended with all it started."""
    port, mtn, airtel = free_port(), free_port(), free_port()
    env = {name: value for name, value in os.environ.items() if name not in OURS}
    env |= {
        "DATABASE_URL": f"sqlite:///{tmp_path}/market.db",
        "GATEWAYS": "africastalking,hubtel,simulator",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "MTN_MOMO_BASE_URL": f"http://127.0.0.1:{mtn}",
        "AIRTEL_MONEY_BASE_URL": f"http://127.0.0.1:{airtel}",
    }
    env |= {name: secrets.token_urlsafe(48) for name in ("SECRET_KEY", "PIN_KEY", "CALLBACK_SECRETS")}
    with (tmp_path / "log").open("w") as log:
        market = subprocess.Popen([sys.executable, "-m", "flask", "up"], cwd=ROOT, env=env, stdout=log, stderr=log)
        try:
            for address in (
                f"http://127.0.0.1:{port}/readyz",
                *(f"http://127.0.0.1:{one}/journal" for one in (mtn, airtel)),
            ):
                assert _answers(address), (tmp_path / "log").read_text()
            yield f"http://127.0.0.1:{port}/phone"
        finally:
            market.send_signal(signal.SIGTERM)
            market.wait(20)


def _answers(address: str) -> bool:
    for _ in range(150):
        try:
            with urlopen(address, timeout=2):
                return True
        except OSError:
            time.sleep(0.2)
    return False


def play(phone: Handset, *answers: str) -> None:
    """Dial or send one after another; the screen that comes is another one each time."""
    for answer in answers:
        shown = phone.part("screen").inner_text()
        phone.part("typed").fill(answer)
        phone.part("typed").press("Enter")
        expect(phone.part("screen")).not_to_have_text(shown)
        expect(phone.root).not_to_have_attribute("aria-busy", "true")


def weigh_and_agree(buyer: Handset, seller: Handset) -> None:
    """The buyer records the weight of his newest order, 40 kg of which one floats; the seller says that it is right."""
    play(buyer, "*384*100*3#", "1", "3", "40", "2", "1", "1")
    expect(buyer.part("screen-name")).to_have_text("weigh.record")
    play(seller, "*384*100*4#", "1", "1")
    expect(seller.part("screen-name")).to_have_text("weigh.correct")


def wallet(phone: Handset) -> Locator:
    return phone.root.locator("form.approve")


def test_a_buyer_pays_in_his_wallet_and_the_seller_is_paid(phones: str, tmp_path: Path) -> None:
    pages: list[str] = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1280, "height": 860})
        page.on("request", lambda request: pages.append(f"{request.url} {request.post_data or ''}"))
        try:
            _pay(page, phones, tmp_path)
        finally:
            chromium.close()
    with_pin = [sent for sent in pages if "1234" in sent]
    assert len(with_pin) == 1 and "/phone/wallet/mtn_momo" in with_pin[0]


def _pay(page: Page, phones: str, tmp_path: Path) -> None:
    page.goto(phones)
    page.wait_for_selector("html[data-ready]")
    seller, buyer = Handset(page), Handset(page, "second")
    seller.part("person").select_option(label="Mukamana, seller")
    buyer.part("person").select_option(label="Narcisse Nshimiyimana, buyer")
    expect(wallet(buyer)).to_be_hidden()
    weigh_and_agree(buyer, seller)
    expect(wallet(buyer)).to_be_visible(timeout=SOON_MS)
    expect(wallet(seller)).to_be_hidden()
    expect(wallet(buyer)).to_contain_text("MTN MoMo: pay 26 780 RWF? Order ")
    page.screenshot(path=str(tmp_path / "asked.png"))
    wallet(buyer).locator("input").fill("9999")
    wallet(buyer).get_by_role("button", name="Approve").click()
    expect(buyer.part("wallet-said")).to_have_text("Wrong wallet PIN. Tries left: 2.")
    wallet(buyer).locator("input").fill("1234")
    wallet(buyer).get_by_role("button", name="Approve").click()
    expect(buyer.part("wallet-said")).to_contain_text("The wallet has paid.")
    expect(wallet(buyer)).to_be_hidden()
    # Each hears that money moved, with the wallet's own number of it.
    expect(buyer.part("inbox")).to_contain_text("26 780 RWF", timeout=SOON_MS)
    heard = seller.part("inbox").locator("li")
    expect(heard).to_have_count(3, timeout=SOON_MS)  # weighed, agreed, paid out; the newest stands first
    expect(heard.first).to_contain_text("26 780 RWF")
    play(seller, "*384*100*4#")
    expect(seller.part("screen-name")).to_have_text("pay.latest")
    expect(seller.part("screen")).to_contain_text("MTN MoMo No ")
    page.screenshot(path=str(tmp_path / "paid.png"))
