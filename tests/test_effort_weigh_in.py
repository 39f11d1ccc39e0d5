"""A member is weighed in four answers, her PIN being given once a call: counted in the dialogue as it is played."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conversation.world import market
from ussd_app.player import Player
from ussd_app.transcript import Shown, Step, parse

TRANSCRIPTS = Path(__file__).parent / "transcripts"
MOST = 4


@pytest.mark.parametrize("language", ["rw", "en"])
def test_a_member_is_weighed_in_four_answers(language: str, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    typed, spent, before = 0, [], ""

    def shown(step: Step, now: Shown) -> None:
        nonlocal typed, before
        typed = typed + 1 if step.verb == "send" else 0
        if now.screen == "intake.member":
            if before == "intake.confirm":
                spent.append(typed)
            typed = 0
        before = now.screen or before

    file = TRANSCRIPTS / f"weigh_in.{language}.txt"
    with market(sqlite_url, monkeypatch) as opened:
        Player(opened.world("africastalking"), on_shown=shown).play(parse(file.read_text(encoding="utf-8"), file.name))
    print(f"\nweigh one member in              {language}  {spent} answers (at most {MOST})", end="")
    assert len(spent) == 2 and max(spent) <= MOST
