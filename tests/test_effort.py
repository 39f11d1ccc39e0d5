"""The promises with numbers: how many answers and key presses a task costs, counted in the dialogues as they are played.

An answer is what is typed before the send key, which is not counted; a new PIN typed twice counts once. `pytest -s`
prints the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conversation.world import Market, market
from ussd_app.player import Player
from ussd_app.transcript import Script, Shown, Step, parse

TRANSCRIPTS = Path(__file__).parent / "transcripts"
LANGUAGES = ("rw", "en")


@dataclass(frozen=True)
class Promise:
    """A task as the first call of a dialogue that reaches the screen `until`, and what it may cost at most; counted from
    the screen `since` where the PIN comes once a session before it."""

    task: str
    dialogue: str
    until: str
    answers: int
    keys: int | None = None
    since: str = ""


PROMISES = (
    Promise("register for the first time", "register_seller", "home", 6),
    Promise("list produce", "sell", "sell.save", 5, 12),
    Promise("list the same again", "repeat", "sell.repeat", 1),
    Promise("the best offer, up to the PIN", "locked", "offers.pin", 3),
    Promise("what I sell", "repeat", "listings.list", 1),
    Promise("my orders", "orders", "orders.list", 1),
    Promise("an agent registers a seller", "agent_register", "agent.saved", 6, since="agent.phone"),
    Promise("begin after an agent registered her", "agent_sms", "home", 3),
    Promise("pledge to a call", "pledge", "pledges.save", 2, 4),
)


@dataclass(frozen=True)
class Cost:
    """What a task cost: answers, and the keys pressed for them."""

    answers: int
    keys: int


class _Reached(Exception):
    """The task is done; what follows in the dialogue is another story."""


def cost(opened: Market, dialogue: str, until: str, language: str, since: str = "") -> Cost:
    """Play a dialogue until `until` is shown and count the answers of that call, or those after `since` was shown."""
    answers: list[str] = []
    asked_again = False

    def shown(step: Step, now: Shown) -> None:
        nonlocal asked_again
        if step.verb == "dial":
            answers.clear()
        elif step.verb == "send" and not asked_again:
            answers.append(step.words)
        if since and now.screen == since:
            answers.clear()
        asked_again = now.screen.endswith(".pin_again")
        if now.screen == until:
            raise _Reached

    file = TRANSCRIPTS / f"{dialogue}.{language}.txt"
    script: Script = parse(file.read_text(encoding="utf-8"), file.name)
    try:
        Player(opened.world("africastalking"), on_shown=shown).play(script)
    except _Reached:
        return Cost(len(answers), sum(map(len, answers)))
    raise AssertionError(f"{file.name} never shows {until}")


@pytest.mark.parametrize("promise", PROMISES, ids=[promise.task.replace(" ", "_") for promise in PROMISES])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_task_costs_no_more_than_promised(
    promise: Promise, language: str, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with market(sqlite_url, monkeypatch) as opened:
        spent = cost(opened, promise.dialogue, promise.until, language, promise.since)
    allowed = f"{promise.answers} answers" + (f", {promise.keys} keys" if promise.keys else "")
    print(
        f"\n{promise.task:<32} {language}  {spent.answers} answers, {spent.keys:>2} keys  (at most {allowed})", end=""
    )
    assert 0 < spent.answers <= promise.answers
    assert promise.keys is None or spent.keys <= promise.keys
