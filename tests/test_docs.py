"""The documentation is true: what it links, names and counts is there, its made parts are fresh, its tutorial runs."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from docs import build
from tests.conversation.world import SETTINGS, market
from ussd_app import create_app
from ussd_app.gateways.base import HttpIn, UssdGateway
from ussd_app.messages import UssdReply
from ussd_app.player import Player
from ussd_app.settings import Settings, from_environment
from ussd_app.store import Store
from ussd_app.transcript import __doc__ as transcript_doc
from ussd_app.transcript import parse

ROOT = build.ROOT
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
HOSTS = {"127.0.0.1", "localhost", "<host", "example.org", "openapi.airtel.co.rw"}
MADE = build.made()
SECRETS = ("SECRET_KEY", "PIN_KEY", "CALLBACK_SECRETS")

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(
    r"`((?:ussd_app|menus|locales|tests|docs)/[\w./-]*|[\w-]+\.(?:py|md|toml|sql|txt)|Makefile)(?:::(\w+))?`"
)
_ELSEWHERE = {  # named by their bare name where the page says which folder is meant
    "hub.toml", "places.csv", "produce.csv", "consent.csv", "messages.po", "sell.rw.txt",
}  # fmt: skip


@dataclass(frozen=True)
class Block:
    """A fenced block: the words after its fence, and what stands in it."""

    language: str
    target: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    for indent, words, text in _FENCE.findall(page.read_text("utf-8")):
        language, _, target = words.partition(" ")
        yield Block(language, target.strip(), re.sub(rf"^{indent}", "", text, flags=re.MULTILINE))


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", page.read_text("utf-8"))


def slugs(page: Path) -> set[str]:
    """The anchors of a page's headings, as hosts of repositories make them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


TUTORIAL = ROOT / "docs" / "tutorial.md"
MADE_BY_THE_TUTORIAL = {block.target for block in blocks(TUTORIAL) if block.language == "transcript"}


# --- what is named is there ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_every_link_and_picture_exists(name: str) -> None:
    page = ROOT / name
    faults = []
    for link in _LINK.findall(prose(page)):
        if urlsplit(link).scheme:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / unquote(path)).resolve() if path else page
        if not target.exists() or ROOT not in target.parents:
            faults.append(f"{link}: no such file")
        elif anchor and anchor not in slugs(target):
            faults.append(f"{link}: no such heading")
    assert faults == []


@pytest.mark.parametrize("name", NAMES)
def test_no_page_names_a_file_or_a_test_that_does_not_exist(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    faults = []
    for path, test in _FILE.findall(text):
        bare = "/" not in path
        if path in MADE_BY_THE_TUTORIAL or path in _ELSEWHERE:
            continue
        exists = (ROOT / path).exists() or (bare and any((ROOT / "ussd_app").rglob(path)))
        if not exists:
            faults.append(path)
        elif test and f"def {test}(" not in (ROOT / path).read_text("utf-8"):
            faults.append(f"{path}::{test}")
    assert faults == []


def test_the_drawn_house_stands() -> None:
    house = next(block.text for block in blocks(ROOT / "docs" / "architecture.md") if "ussd_app/" in block.text)
    inside, named = ROOT / "ussd_app", 0
    for line in house.splitlines():
        for word in line.split():
            if not word.endswith(("/", ".py")):
                break
            named += 1
            assert ((inside if line.startswith(" ") else ROOT) / word).exists(), line
    assert named > 20


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_one_machine_and_no_other_host(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert re.findall(r"(?<![\w.<>])/(?:home|root|tmp|work|farm|Users|mnt|opt)/", text) == []
    assert {urlsplit(url).hostname for url in re.findall(r"https?://[^\s)>`'\"]+", text)} - HOSTS - {None} == set()


def test_every_page_is_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        for link in _LINK.findall(prose(page)):
            target = (page.parent / unquote(link.partition("#")[0])).resolve()
            if target.suffix == ".md" and target.is_file():
                waiting.append(target)
    assert sorted(str(page.relative_to(ROOT)) for page in set(PAGES) - reached) == []


def test_commands_that_pages_name_exist() -> None:
    verbs = {name for name, _command in build.commands()}
    groups = {name.split()[0] for name in verbs if " " in name}
    goals = set(re.findall(r"^([a-z.]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for page in PAGES:
        text = page.read_text("utf-8")
        for first, second in re.findall(r"(?:`|^|/)flask ([a-z-]+)(?: ([a-z_-]+))?", text, re.MULTILINE):
            assert first in {"shell", "run"} | verbs or (first in groups and f"{first} {second}" in verbs), (
                page,
                first,
            )
        for goal in re.findall(r"(?:`|^)make ([a-z.]+)", text, re.MULTILINE):
            assert goal in goals, (page.name, goal)


# --- what comes from the code is fresh ----------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(MADE), ids=lambda path: str(path.relative_to(ROOT)))
def test_made_parts_are_fresh(path: Path) -> None:
    fresh = path.exists() and path.read_text("utf-8") == MADE[path]
    assert fresh, f"{path.relative_to(ROOT)} is stale: run `{build.RENEW}`"


def test_every_made_part_has_a_page() -> None:
    named = re.findall(r"<!-- made: ([a-z-]+) -->", "".join(page.read_text("utf-8") for page in PAGES))
    assert sorted(named) == sorted(build.PARTS)


def test_defaults_of_the_settings_page_are_those_of_an_empty_environment() -> None:
    empty, stated = from_environment({}), Settings()
    for each in fields(Settings):
        if each.name.upper() not in SECRETS and each.name != "made_up":
            assert getattr(empty, each.name) == getattr(stated, each.name), each.name


def test_every_screen_and_every_verb_is_on_its_page() -> None:
    from menus import SCREENS

    screens = (ROOT / "docs/reference/screens.md").read_text("utf-8")
    commands = (ROOT / "docs/reference/commands.md").read_text("utf-8")
    for name, step in SCREENS.steps.items():
        row = next(line for line in screens.splitlines() if line.startswith(f"| `{name}` |"))
        assert [to for to in step.goes if f"`{to}`" not in row] == [], name
    for name, command in build.commands():
        section = commands.partition(f"### `flask {name}`\n")[2].partition("\n### ")[0]
        assert section, name
        for option in command.params:
            told = option.opts if option.param_type_name == "option" else [str(option.name).upper()]
            assert all(word in section for word in told), (name, told)


def test_the_drawn_states_are_those_of_the_schema() -> None:
    page = ROOT / "docs" / "reference" / "states.md"
    drawn = next(block.text for block in blocks(page))
    things = {"listings": "listing", "offers": "offer", "orders": "order", "outbox": "outbox", "sessions": "session",
              "people": "person"}  # fmt: skip
    schema = {
        things[table]: set(words) for table, column, words in build.states() if column == "state" and table in things
    }
    assert len(schema) == len(things)
    found: dict[str, set[str]] = {}
    thing = ""
    for line in drawn.splitlines():
        thing = line.split()[0] if not line.startswith(" ") else thing
        found.setdefault(thing, set()).update(re.findall(r"[a-z]+", line))
    assert {name: words - found[name] for name, words in schema.items()} == {name: set() for name in schema}


def test_every_address_is_on_its_page(sqlite_url: str) -> None:
    from ussd_app.store import open_store

    store: Store = open_store(sqlite_url)
    try:
        rules = list(create_app(SETTINGS, store).url_map.iter_rules())
    finally:
        store.close()
    served = {(method, rule.rule) for rule in rules for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    text = (ROOT / "docs/reference/addresses.md").read_text("utf-8")
    named: set[tuple[str, str]] = set()
    for code in re.findall(r"`((?:GET|POST|PUT) [^`]+)`", text):
        method, path = code.split(" ", 1)
        named.add((method, path))
    named |= {("GET", path) for path in re.findall(r"`(/phone/[^`]+)`", text)}
    assert named == served


# --- dialogues and code on the pages work ---------------------------------------------------------------------------


def test_the_page_on_transcripts_has_every_step_and_expectation() -> None:
    page = (ROOT / "docs/reference/transcripts.md").read_text("utf-8")
    told = re.search(
        r"Steps: (.*?)\.\nExpectations after `->`, joined by `and` or a comma: (.*?)\. A text",
        transcript_doc or "",
        re.DOTALL,
    )
    assert told is not None
    steps = [re.match(r" ?([a-z ]+)", step) for step in re.sub(r"\([^)]*\)", "", " ".join(told[1].split())).split(",")]
    words = [step[1].strip() for step in steps if step]
    assert len(words) == 13
    for word in [*words, *(each.strip().split(' "')[0] for each in told[2].split(","))]:
        assert f"`{word}" in page, word


def test_the_dialogue_on_the_page_plays(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    example = next(block for block in blocks(ROOT / "docs/reference/transcripts.md") if block.language == "transcript")
    with market(sqlite_url, monkeypatch) as here:
        assert Player(here.world("africastalking")).play(parse(example.text, "transcripts.md")) == 6


def test_the_gateway_on_the_page_works() -> None:
    code = next(block.text for block in blocks(ROOT / "docs/how-to/add-a-gateway.md") if block.target == "gateway")
    module = types.ModuleType("example")
    exec(compile(code, "add-a-gateway.md", "exec"), module.__dict__)
    adapter: Any = module.gateway(Settings())
    assert isinstance(adapter, UssdGateway)

    def asked(**told: object) -> HttpIn:
        import json

        return HttpIn(json.dumps({"session": "S1", "phone": "0788000001", **told}).encode(), "application/json")

    start, later = adapter.read(asked(text="")), adapter.read(asked(text="1", state=1))
    assert (start.msisdn, start.first, start.turn) == ("+250788000001", True, 0)
    assert (later.text, later.first, later.turn, later.cumulative) == ("1", False, 1, False)
    assert adapter.read_end(asked(text="1")) is None and adapter.read_end(asked(type="end")) is not None
    assert adapter.write(UssdReply("Hi", True, "home", 2)).body == '{"text": "Hi", "close": false, "state": 2}'


def test_the_tutorial_runs(tmp_path: Path) -> None:
    """Its blocks, in their order, in a copy of the tree."""
    tree = tmp_path / "market"
    away = shutil.ignore_patterns("__pycache__", "var", ".env")
    for name in ("ussd_app", "menus", "locales", "docs", "tests/transcripts"):
        shutil.copytree(ROOT / name, tree / name, ignore=away)
    for name in ("wsgi.py", ".env.example"):
        shutil.copyfile(ROOT / name, tree / name)
    ours = {each.name.upper() for each in fields(Settings)} | {"FLASK_APP", "PYTHONPATH"}
    env = {name: value for name, value in os.environ.items() if name not in ours}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    told, ran = _run(["python", "-m", "ussd_app.first_env"], tree, env), 0
    for block in blocks(TUTORIAL):
        if block.language == "sh":
            for line in block.text.splitlines():
                told, ran = _run(shlex.split(line), tree, env), ran + 1
        elif block.language == "text":
            assert [line for line in block.text.splitlines() if line not in told.splitlines()] == [], told
        elif block.language == "diff":
            _apply(tree / block.target, block.text)
        elif block.target:
            (tree / block.target).parent.mkdir(parents=True, exist_ok=True)
            with (tree / block.target).open("a", encoding="utf-8") as file:
                file.write(f"\n\n{block.text}")
    assert ran == 6
    assert "help_hours" in (tree / "docs/reference/menus.mmd").read_text("utf-8")


def _run(command: list[str], tree: Path, env: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=tree, env=env, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _apply(file: Path, diff: str) -> None:
    """Replace the lines of a block that begin with a space or `-` by those that begin with a space or `+`."""
    lines = diff.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if line[0] in " -")
    new = "".join(line[1:] for line in lines if line[0] in " +")
    text = file.read_text("utf-8")
    assert text.count(old) == 1, f"{file.name} holds this {text.count(old)} times:\n{old}"
    file.write_text(text.replace(old, new), "utf-8")


# --- the rest -------------------------------------------------------------------------------------------------------


def test_the_changelog_begins_with_what_is_unreleased() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", heading) for heading in headings[1:])


def test_the_licence_is_the_one_that_is_named() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in text and "Version 2.0" in text
    assert 'text = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_the_card_is_for_each_language_and_commits_nothing() -> None:
    from menus import tasks

    page = build.card("*123#")
    assert re.findall(r'<section lang="(\w+)">', page) == ["rw", "en", "fr", "sw"]
    numbers = {int(number) for number in re.findall(r"\*123\*(\d+)#", page)}
    sellers, buyers = build.task_names()
    assert numbers == {getattr(tasks, name) for name in (*sellers, *buyers) if name not in build.NOT_ON_CARDS}
    assert "http" not in page.replace("<!doctype html>", "")


@pytest.mark.browser
def test_each_card_is_one_page_of_a6(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    file = tmp_path / "cards.pdf"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = chromium.new_page()
        page.goto((ROOT / "docs" / "card.html").as_uri())
        page.pdf(path=str(file), prefer_css_page_size=True)
        chromium.close()
    sizes = re.findall(rb"/MediaBox \[0 0 (\d+)[\d.]* (\d+)", file.read_bytes())
    assert sizes == [(b"298", b"420")] * 4  # points: 105 by 148 mm
