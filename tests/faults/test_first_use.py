"""What is imported late is first used by many threads at once: the first callers after a start meet no fault."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.faults.processes import ROOT

# Threads that import the parts of a package in different orders can deadlock, and Python then breaks one of them off.
# Each part takes a moment here, which makes that likelier; tests/test_layers.py forbids it where it can be seen.
PROGRAM = """
import importlib.abc, sys, threading, time
class Slow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("argon2", "babel", "phonenumbers", "africastalking", "requests"):
            time.sleep(0.02)
sys.meta_path.insert(0, Slow())
{first}
together, faults = threading.Barrier(8), []
def one(number):
    together.wait()
    time.sleep(number * 0.01)
    try:
        use(number)
    except Exception as fault:
        faults.append(repr(fault))
threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
sys.exit("; ".join(faults) or 0)
"""
USES = {
    "a PIN chosen and a PIN judged": """
from ussd_app.market import pins
HASH = "$argon2id$v=19$m=64,t=1,p=1$NfYKvk0XPwYTGGoZQJYs9w$jPJ3vc8gPNgZLgA0AQpRww"
def use(number):
    pins.check_pin(HASH, "48291", "k" * 32) if number % 2 else pins.hash_pin("48291", "k" * 32)
""",
    "words in four languages": """
from ussd_app.i18n import _
def use(number):
    _("Sell").render(("rw", "en", "fr", "sw")[number % 4])
""",
    "a number from abroad": """
from ussd_app.lib.msisdn import parse
def use(number):
    assert parse("+32470123456") == "+32470123456"
""",
    "an SMS handed over": """
from ussd_app.gateways.africastalking_sms import Sender
from ussd_app.messages import SmsOut
sender = Sender("sandbox", "key", "", "http://127.0.0.1:9")
def use(number):
    assert sender.send(SmsOut("id", "+250788000001", "hello")).outcome == "retry"
""",
}


@pytest.mark.parametrize("name", USES)
def test_first_used_by_many_at_once(name: str) -> None:
    program = PROGRAM.format(first=USES[name])
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
