"""Whatever is typed, in whatever order, from wherever a call may begin: a known screen that fits, and never an error."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from menus import SCREENS
from tests.conversation.givens import PIN
from tests.conversation.world import BARE, Market
from ussd_app.i18n import LANGUAGES
from ussd_app.transcript import Shown

KNOWN = {*SCREENS.steps, "over"}
WIRES = ("africastalking", "hubtel", "simulator", BARE)
NUMBERS = itertools.count(1)

KEYS = st.sampled_from([*"1234567890", "00", "10", "11", "12", PIN, "13579"])
WORDS = st.sampled_from([
    "", "*", "**", "#", "1*", "*1", "1*2*3", "8*1*3*1", "yego", "no", "rem", "nyam", "50", "40,5 kg", "1 200", "650",
    "0788000001", "+250788000001", "１", "٣", "é", "<b>", "'; DROP TABLE people; --", "{name}", "%s", "\u200b", "😀", "0" * 160,
])  # fmt: skip
ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
INPUTS = st.lists(st.one_of(KEYS, KEYS, KEYS, WORDS, ANYTHING), max_size=14)

QUIETLY = settings(
    max_examples=25, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


def begin(market: Market, who: str, language: str) -> str:
    """A number of its own for this example, with those on it who make the call begin as `who`."""
    n = next(NUMBERS)
    phone, other = f"+2507880{n:05d}", f"+2507300{n:05d}"
    seller, buyer = f"seller Seller {phone} speaks {language}", f"buyer Buyer {other} speaks {language} at Huye"
    listing, offer = "listing of Seller: coffee.cherry 50 kg at 650", "offer of Buyer to Seller: 40 kg at 700"
    lines = {
        "nobody": [],
        "seller": [seller, buyer, listing, offer, "order of Buyer with Seller: 5 kg at 640"],
        "buyer": [seller.replace(phone, other), buyer.replace(other, phone), listing, offer],
        "both": [seller, buyer, listing, offer, "Seller also buys"],
        "stopped": [seller, "Seller stopped"],
        "two": [seller, buyer, listing, offer, f"seller Second {phone} speaks {language} pin 81593"],
        "new buyer": [f"buyer Buyer {phone} speaks {language} new"],
    }[who]
    for line in lines:
        market.given(line)
    return phone


def fits(shown: Shown) -> None:
    assert shown.screen in KNOWN, shown
    assert shown.septets <= 160, shown
    assert shown.text.isascii() and shown.text.strip(), shown


def call(market: Market, wire: str, phone: str, suffix: str, inputs: list[str]) -> None:
    """One call until it ends, broken off where the inputs do; then another, as the same person would dial next."""
    world = market.world(wire)
    for part in (inputs, inputs[:2]):
        shown = world.dial(phone, f"*384*100*{suffix}#" if suffix else "")
        fits(shown)
        for text in part:
            if not shown.more:
                break
            shown = world.send(phone, text)
            fits(shown)
        world.hang_up(phone, told=len(inputs) % 2 == 0)


def anything(*examples: tuple[str, str, list[str]]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Any language, wire, direct dial and inputs; `examples` (wire, suffix, inputs) are always among them."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        for wire, suffix, inputs in examples:
            test = example(language="en", wire=wire, suffix=suffix, inputs=inputs)(test)
        test = given(
            language=st.sampled_from(LANGUAGES),
            wire=st.sampled_from(WIRES),
            suffix=st.sampled_from(["", "", "", "", "1", "1*1*50*650*1", "2*1*1*24863", "99", "**", "10*6*2*1*24863"]),
            inputs=INPUTS,
        )(test)
        return QUIETLY(test)

    return decorate


@pytest.mark.parametrize("who", ["seller", "buyer", "both", "stopped", "two", "new buyer"])
@anything(("africastalking", "", ["10", "6", "2", "1", PIN]))
def test_any_input_leads_to_a_screen_that_fits(
    here: Market, who: str, language: str, wire: str, suffix: str, inputs: list[str]
) -> None:
    call(here, wire, begin(here, who, language), suffix, inputs)


@anything(
    ("simulator", "", ["2", "1", "00"]), ("africastalking", "", ["1", "2", "Ana", "rem", "1", PIN, PIN, "00", "12"])
)
def test_a_stranger_may_type_anything(here: Market, language: str, wire: str, suffix: str, inputs: list[str]) -> None:
    call(here, wire, begin(here, "nobody", language), suffix, inputs)


BEFORE_A_PIN = {"who", "who.pin", "who.forgot", "account.forgot", "account.ask_reset", "account.cancel_reset", "over"}


@given(
    wire=st.sampled_from(WIRES),
    suffix=st.sampled_from(["", "1", "1*00*2", "8*1*1"]),
    inputs=st.lists(st.one_of(st.sampled_from([*"1238", "0", "00", "9", "10"]), WORDS), max_size=14),
)
@example(wire="africastalking", suffix="", inputs=["1", "00", "2"])
@QUIETLY
def test_nothing_private_is_shown_on_a_shared_phone_before_a_pin(
    here: Market, wire: str, suffix: str, inputs: list[str]
) -> None:
    phone = begin(here, "two", "en")
    world = here.world(wire)
    for _call in range(2):
        shown = world.dial(phone, f"*384*100*{suffix}#" if suffix else "")
        for text in ["", *inputs]:
            assert shown.screen in BEFORE_A_PIN, shown
            assert "RWF" not in shown.text and "kg" not in shown.text, shown
            if not shown.more:
                break
            shown = world.send(phone, text)
        world.hang_up(phone, told=False)
