"""Every dialogue of `transcripts/` through every gateway's wire on SQLite, and on PostgreSQL as well.

A file is one story about people of its own. Its language is in its name (`sell.rw.txt`). A line `# needs: turn numbers`
keeps it from the one wire that cannot tell a repeat from the same key pressed again. A line `# known fault: ...` says
what goes otherwise today: the file must then fail, until the fault is mended and the line taken out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conversation.world import BARE, market
from ussd_app.player import Player, Unexpected
from ussd_app.transcript import parse

TRANSCRIPTS = Path(__file__).parent / "transcripts"
FILES = sorted(TRANSCRIPTS.glob("*.txt"))
WIRES = ("africastalking", "hubtel", "simulator", BARE, "engine")
PLACES = [("sqlite", wire) for wire in WIRES] + [("postgres", "africastalking")]
NEEDS_TURNS = "# needs: turn numbers"
KNOWN_FAULT = "# known fault: "
FLOWS = {
    "account", "agent_register", "agent_sms", "buy", "buy_caps", "direct_dial", "dispute", "dropped", "expired", "help",
    "invalid", "leave", "listings", "locked", "offers", "offers_counter", "offers_refuse", "orders", "pay", "pin",
    "prices", "register_buyer", "register_seller", "repeat", "repeats", "sell", "shared_phone", "sms", "weigh", "weigh_in",
}  # fmt: skip


def fault_in(file: Path) -> str:
    """The fault that a file tells of, or nothing."""
    first = file.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix(KNOWN_FAULT) if first.startswith(KNOWN_FAULT) else ""


def _cases() -> list[Any]:
    """Each file at each place it can be played at."""
    found = []
    for file in FILES:
        fault = fault_in(file)
        marks = [pytest.mark.xfail(reason=fault, raises=Unexpected, strict=True)] if fault else []
        for engine, wire in PLACES:
            if wire == BARE and NEEDS_TURNS in file.read_text(encoding="utf-8"):
                continue  # a gateway that echoes nothing cannot tell these repeats
            if wire == "engine" and not file.stem.endswith(".en"):
                continue  # without a wire once is enough
            name = f"{file.stem}-{engine}-{wire}".replace(" ", "_")
            found.append(pytest.param(file, engine, wire, id=name, marks=marks))
    return found


@pytest.mark.parametrize(("file", "engine", "wire"), _cases())
def test_a_dialogue_goes_as_written(
    file: Path, engine: str, wire: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    with market(request.getfixturevalue(f"{engine}_url"), monkeypatch) as opened:
        script = parse(file.read_text(encoding="utf-8"), f"tests/transcripts/{file.name}")
        assert Player(opened.world(wire)).play(script) > 0


@pytest.mark.parametrize("language", ["en", "rw"])
def test_every_flow_is_told_in_this_language(language: str) -> None:
    assert {file.name.removesuffix(f".{language}.txt") for file in FILES} >= FLOWS
