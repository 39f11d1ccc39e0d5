"""Take `docs/pictures/phones.png` from a running market of its own: `python -m docs.pictures.take` (needs Chromium).

The buyer has recorded what came, the farmer has agreed and looks at the offers for her next cherries; his wallet asks him to
pay.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

from playwright.sync_api import Locator, Page, expect, sync_playwright

PICTURE = Path(__file__).with_name("phones.png")
ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"


def main() -> None:
    """Start a market on a free port, play, take the picture, end the market."""
    port, mtn, airtel = (_free_port() for _ in range(3))
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "DATABASE_URL": f"sqlite:///{folder}/market.db",
            "GATEWAYS": "africastalking,hubtel,simulator",
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "MTN_MOMO_BASE_URL": f"http://127.0.0.1:{mtn}",
            "AIRTEL_MONEY_BASE_URL": f"http://127.0.0.1:{airtel}",
        }
        settings |= {name: secrets.token_urlsafe(48) for name in ("SECRET_KEY", "PIN_KEY", "CALLBACK_SECRETS")}
        market = subprocess.Popen(
            [sys.executable, "-m", "flask", "up"], cwd=ROOT, env=os.environ | settings, stdout=subprocess.DEVNULL
        )
        try:
            _wait(f"http://127.0.0.1:{port}/readyz")
            with sync_playwright() as playwright:
                chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
                play(chromium.new_page(viewport={"width": 1280, "height": 760}), f"http://127.0.0.1:{port}/phone")
                chromium.close()
        finally:
            market.terminate()
            market.wait(20)


def play(page: Page, address: str) -> None:
    """The dialogue, and the picture at its end."""
    page.goto(address)
    page.wait_for_selector("html[data-ready]")
    farmer, buyer = (page.locator(f"[data-phone={side}]") for side in ("first", "second"))
    buyer.locator("[data-person]").select_option(label="Narcisse Nshimiyimana, buyer")
    _type(buyer, "*384*100*3#", "1", "3", "40", "2", "1", "1")
    _type(farmer, "*384*100*4#", "1", "1")
    expect(buyer.locator("[data-wallet]")).to_be_visible(timeout=20_000)
    _type(farmer, "*384*100#", "2", "1")
    _type(buyer, "*384*100*4#")
    page.wait_for_timeout(500)
    page.screenshot(path=str(PICTURE))


def _type(phone: Locator, *answers: str) -> None:
    for answer in answers:
        shown = phone.locator("[data-screen]").inner_text()
        phone.locator("[data-typed]").fill(answer)
        phone.locator("[data-typed]").press("Enter")
        expect(phone.locator("[data-screen]")).not_to_have_text(shown)
        phone.page.wait_for_timeout(300)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(address: str) -> None:
    for _ in range(300):
        try:
            with urlopen(address, timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"nothing answers at {address}")


if __name__ == "__main__":
    main()
