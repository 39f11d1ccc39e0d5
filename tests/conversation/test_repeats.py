"""A gateway may send any callback again, at any moment: the same bytes come back and nothing happens a second time."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conversation.rows import Dump, differences, dump
from tests.conversation.test_any_input import INPUTS, QUIETLY, begin
from tests.conversation.world import SECRET, Market, market
from tests.test_transcripts import FILES, fault_in
from ussd_app.handset import Answer, HttpWorld
from ussd_app.lib import ids
from ussd_app.money import audit
from ussd_app.player import Player
from ussd_app.store import outbox
from ussd_app.transcript import parse
from ussd_app.wires import Callback

REMEMBERED_MS = 9 * 60_000  # replies are kept ten minutes; gateways repeat within seconds


@dataclass
class NoisyWorld(HttpWorld):
    """A gateway that now and then sends one of its earlier callbacks once more; `rng` None = never.

    Each answer to a repeat must be the first one's, byte for byte.
    """

    rng: random.Random | None = None
    now: Callable[[], int] = lambda: 0
    sent: list[tuple[int, Callback, Answer]] = field(default_factory=list)
    repeats: int = 0

    def _post(self, callback: Callback) -> Answer:
        answer = super()._post(callback)
        self.sent.append((self.now(), callback, answer))
        if self.rng:
            recent = [sent for sent in self.sent if sent[0] > self.now() - REMEMBERED_MS]
            for _ in range(self.rng.choice((0, 1, 1, 2))):
                # Mostly the newest ones, as gateways do, and sometimes any.
                self.again(self.rng.choice(recent[-3:] if self.rng.random() < 0.6 else recent))
        return answer

    def again(self, sent: tuple[int, Callback, Answer]) -> None:
        _at, callback, first = sent
        answer = HttpWorld._post(self, callback)
        self.repeats += 1
        assert (answer.status, answer.body) == (first.status, first.body), callback


def alike(patch: pytest.MonkeyPatch) -> None:
    """Ids and codes that count up, so that two runs of one dialogue keep the same rows."""
    count = itertools.count(1)
    patch.setattr(ids, "new_id", lambda: f"{next(count):026d}")
    for module in (outbox, audit):
        patch.setattr(module, "new_id", ids.new_id)
    patch.setattr(ids, "code_digits", lambda n: f"{next(count) * 7919:0{n}d}"[-n:])
    patch.setattr("ussd_app.wires.secrets.token_hex", lambda n: f"{next(count):0{2 * n}x}")


def told(url: str, wire: str, text: str, rng: random.Random | None) -> tuple[Dump, NoisyWorld]:
    """Play a dialogue, and with `rng` everything once more in a muddle at its end; the rows it leaves."""
    with pytest.MonkeyPatch.context() as patch:
        alike(patch)
        with market(url, patch) as here:
            world = NoisyWorld(
                here.app, SECRET, wire, on_given=here.given, on_wait=here.wait, on_inbox=here.inbox,
                rng=rng, now=here.clock.now,
            )  # fmt: skip
            Player(world).play(parse(text))
            if rng:
                recent = [sent for sent in world.sent if sent[0] > here.clock.now() - REMEMBERED_MS]
                for sent in (*recent, *rng.sample(recent, len(recent))):
                    world.again(sent)
            return dump(here.store), world


STORIES = {file.stem.removesuffix(".en"): file for file in FILES if file.stem.endswith(".en") and not fault_in(file)}
OFTEN = ("offers", "offers_counter", "register_buyer", "locked", "sms")
PLACES = [("sqlite", "africastalking", name) for name in STORIES]
PLACES += [("sqlite", wire, name) for wire in ("hubtel", "simulator") for name in OFTEN]
PLACES += [("postgres", "africastalking", name) for name in OFTEN]


@pytest.mark.parametrize(("engine", "wire", "name"), PLACES, ids=["-".join(place) for place in PLACES])
def test_a_dialogue_full_of_repeats_goes_as_one_without(
    engine: str, wire: str, name: str, request: pytest.FixtureRequest, tmp_path: Any
) -> None:
    text = STORIES[name].read_text(encoding="utf-8")
    urls = request.getfixturevalue(f"fresh_{engine}")
    clean, _world = told(urls(), wire, text, None)
    noisy, world = told(urls(), wire, text, random.Random(f"{wire} {name}"))
    assert world.repeats > 10
    assert differences(clean, noisy) == []


@given(
    wire=st.sampled_from(["africastalking", "hubtel", "simulator"]),
    who=st.sampled_from(["nobody", "seller", "buyer", "two"]),
    inputs=INPUTS,
    rng=st.randoms(use_true_random=False),
)
@QUIETLY
def test_everything_sent_again_in_any_order_changes_no_row(
    here: Market, wire: str, who: str, inputs: list[str], rng: random.Random
) -> None:
    world = NoisyWorld(here.app, SECRET, wire)
    phone = begin(here, who, "en")
    more = world.dial(phone, "").more
    for text in inputs:
        if not more:
            break
        more = world.send(phone, text).more
    before = dump(here.store)
    for sent in (*world.sent, *rng.sample(world.sent, len(world.sent)), *reversed(world.sent)):
        world.again(sent)
    assert differences(before, dump(here.store)) == []
