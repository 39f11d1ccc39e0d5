"""The verbs for cooperatives, on a whole service: add, list, role, import, export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskCliRunner

from tests.market.peoples import seller
from tests.web.market_world import World
from ussd_app.lib.clock import ManualClock
from ussd_app.market import cooperatives, members
from ussd_app.money import audit
from ussd_app.store import Store


class Office:
    """One cooperative, its manager, and a runner of verbs."""

    def __init__(self, store: Store, folder: Path) -> None:
        world = World(store, ManualClock())
        self.store, self.folder, self.app = store, folder, world.app
        self.runner = FlaskCliRunner(self.app)
        self.manager = store.write(lambda tx: seller(tx))
        self.added = self.run("add", "Kawa Nziza", "3706", "--manager", self.manager["id"], "--by", "Aline")
        self.code = self.added.output.split()[2]

    def run(self, *words: str) -> Any:
        return self.runner.invoke(self.app.cli, ["cooperatives", *words])

    def file(self, text: str) -> str:
        path = self.folder / "list.csv"
        path.write_text(text, "utf-8")
        return str(path)

    def count(self) -> int:
        with self.store.read() as tx:
            row = cooperatives.by_code(tx, self.code)
            assert row is not None
            return members.count(tx, row["id"])["members"]


@pytest.fixture
def office(store: Store, tmp_path: Path) -> Office:
    return Office(store, tmp_path)


def test_a_cooperative_is_founded_listed_and_staffed(office: Office) -> None:
    assert office.added.exit_code == 0
    assert f"code {office.code} 0 members 3706 Kawa Nziza" in office.run("list").output
    assert json.loads(office.run("list", "--json").output)[0]["name"] == "Kawa Nziza"
    clerk = office.store.write(lambda tx: seller(tx, msisdn="+250788000555", name="Clerk"))
    give = ("role", office.code, clerk["id"], "clerk", "--by", "Aline")
    assert office.run(*give).output == "Given.\n"
    assert office.run(*give).exit_code == 1
    shown = office.run("role", office.code, "--by", "Aline").output
    assert "manager every station Jeanne" in shown and "clerk" in shown and "station " in shown
    assert office.run(*give, "--remove").output == "Taken back.\n"
    assert office.run(*give, "--remove").exit_code == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "K", "3706", "--by", "A"), "A name has 2 to 24"),
        (("add", "Kawa", "9999", "--by", "A"), "No such place"),
        (("add", "Kawa", "3706", "--manager", "nobody", "--by", "A"), "Nobody active"),
        (("role", "1234567", "--by", "A"), "No cooperative has this code"),
    ],
)
def test_what_is_not_possible_is_a_sentence(office: Office, words: tuple[str, ...], said: str) -> None:
    result = office.run(*words)
    assert result.exit_code == 1 and said in result.output
    assert len(json.loads(office.run("list", "--json").output)) == 1


def test_a_roster_is_looked_at_taken_and_given_out(office: Office, tmp_path: Path) -> None:
    good = "Izina;Telefone\nUwera Aline;0788000011\n"
    bring = ("import", office.code, office.file(good), "--by", "Aline")
    looked = office.run(*bring, "--dry-run", "--language", "fr")
    assert (
        looked.exit_code == 0 and "2 Uwera Aline: nouveau" in looked.output and "Nothing was written." in looked.output
    )
    assert office.count() == 0
    assert "1 new" in office.run(*bring).output and office.count() == 1
    told = json.loads(office.run(*bring, "--json").output)
    assert told["applied"] and told["rows"][0]["outcome"] == "same"

    office.file(good + "X;1\nMukasine Rose;0788000012\n")
    refused = office.run(*bring)
    assert refused.exit_code == 1 and "Nothing was written." in refused.output and office.count() == 1
    taken = office.run(*bring, "--only-good")
    assert taken.exit_code == 1 and "Taken." in taken.output and office.count() == 2

    for kind in ("csv", "xlsx"):
        out = tmp_path / f"members.{kind}"
        assert office.run("export", office.code, str(out), "--by", "Aline", "--why", "meeting").output == "2 members.\n"
        assert out.stat().st_size > 100
    assert b"'+250788000011" in (tmp_path / "members.csv").read_bytes()
    with office.store.read() as tx:
        home = cooperatives.by_code(tx, office.code)
        assert home is not None
        notes = audit.of_subject(tx, f"cooperative:{home['id']}")
    assert [row["actor"] for row in notes if row["action"] == "cooperative.exported"] == ["operator:Aline"] * 2


def test_a_file_that_is_none_is_wrong_use(office: Office, tmp_path: Path) -> None:
    bring = ("import", office.code, office.file("colour,name\nred,A B\n"), "--by", "Aline", "--language", "rw")
    assert office.run(*bring).exit_code == 2
    assert "Inkingi ibura: phone" in office.run(*bring).output
    assert office.run("export", office.code, str(tmp_path / "a.doc"), "--by", "A", "--why", "b").exit_code == 2
