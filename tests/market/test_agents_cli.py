"""The operators' verbs for field agents."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conversation.world import market
from tests.market.agency import KANJONGO
from ussd_app.lib import ids
from ussd_app.market import agents


def test_the_verbs_of_field_agents(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with market(store_url, monkeypatch) as opened:
        for name, phone in (("Ange", "+250788000900"), ("Berthe", "+250788000901")):
            opened.given(f"seller {name} {phone} speaks en")
        ange, berthe = (opened.given.people[name]["id"] for name in ("Ange", "Berthe"))

        def flask(*words: str, status: int = 0) -> str:
            result = opened.app.test_cli_runner().invoke(args=["agents", *words])
            assert result.exit_code == status, result.output
            return result.output

        assert "may register 2 a day" in flask("add", ange, "--district", "37", "--cap", "2", "--by", "Aline")
        assert "Nobody active" in flask("add", ids.new_id(), "--by", "Aline", status=1)
        assert "No such district" in flask("add", ange, "--district", "99", "--by", "Aline", status=1)
        told: dict[str, Any] = {
            "hub": opened.parts.hub, "clock": opened.clock, "key": "k" * 40, "agent_id": ange, "msisdn": "+250788000101",
            "name": "Alice", "place": KANJONGO, "produce": "coffee.cherry",
        }  # fmt: skip
        hers = opened.store.write(lambda tx: agents.register(tx, now=opened.clock.now(), **told))["person_id"]
        (first, *_rest) = json.loads(flask("list", "--json"))
        assert (first["registered"], first["pending"], first["msisdn"]) == (1, 1, "...900")
        assert "That person is no agent" in flask("move", hers, berthe, "--by", "Aline", status=1)
        flask("add", berthe, "--by", "Aline")
        assert "Moved." in flask("move", hers, berthe, "--by", "Aline")
        assert "0 to ring" in flask("callbacks", "--by", "Aline")
        opened.wait(86_400_000)
        assert f"{hers} +250788000101 Alice (pending" in flask("callbacks", "--by", "Aline", status=1)
        flask("rung", hers, "ghost", "--by", "Aline")
        assert "1 to ring" in flask("callbacks", "--by", "Aline")
        assert "ghost" in flask("flags", status=1)
        assert "Cleared." in flask("clear", hers, "ghost", "--by", "Aline", "--why", "she was at the market")
        assert "0 flags" in flask("flags")
        assert "Removed." in flask("remove", ange, "--by", "Aline", "--why", "left")
        assert "no agent" in flask("remove", ange, "--by", "Aline", "--why", "left", status=1)
