"""Write the parts of the documentation that come from the code: `python -m docs.build`.

Whole files are written anew; in hand-written pages only what stands between `<!-- made: NAME -->` and `<!-- end -->`
is. `tests/test_docs.py` compares all of it with what the code says today.
"""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
RENEW = "make docs"
_PART = re.compile(r"(<!-- made: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_CHECK = re.compile(r"(\w+) TEXT[^\n]*?\n?[^\n]*?CHECK \(\1 IN \(([^)]*)\)\)")


def made() -> dict[Path, str]:
    """Every file that is made, or has a made part, with the text it should have."""
    from menus import SCREENS
    from ussd_app.engine import graph

    texts = {
        REFERENCE / "menus.mmd": graph.mermaid(SCREENS),
        ROOT / "docs" / "pictures" / "menus.svg": graph.svg(SCREENS),
        ROOT / "docs" / "card.html": card(),
    }
    for page in sorted((ROOT / "docs").rglob("*.md")):
        text = page.read_text("utf-8")
        if "<!-- made: " in text:
            texts[page] = _PART.sub(lambda part: part[1] + PARTS[part["name"]]() + part[3], text)
    return texts


# --- settings -----------------------------------------------------------------------------------------------------


def env_example() -> dict[str, tuple[str, str]]:
    """Every setting of `.env.example` in its order: name -> (value there, the comment above it)."""
    found: dict[str, tuple[str, str]] = {}
    comment: list[str] = []
    for line in (ROOT / ".env.example").read_text("utf-8").splitlines():
        if line.startswith("#"):
            comment.append(line.lstrip("# "))
        elif "=" in line:
            name, _, value = line.partition("=")
            found[name] = (value, " ".join(comment))
            comment = []
        else:
            comment = []
    return found


def settings_table() -> str:
    from ussd_app.settings import Settings

    defaults = {each.name.upper(): _shown(getattr(Settings(), each.name)) for each in fields(Settings)}
    rows = ["| setting | when not set | `.env.example` | what it says |", "|---|---|---|---|"]
    for name, (value, comment) in env_example().items():
        default = defaults[name]
        same = value == default or not value
        rows.append(f"| `{name}` | {_code(default)} | {'' if same else _code(value)} | {_cell(comment)} |")
    return "\n".join(rows) + "\n"


def _shown(value: Any) -> str:
    """A default as it would be written in the environment."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, tuple):
        return ",".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


# --- commands -----------------------------------------------------------------------------------------------------


def commands() -> list[tuple[str, click.Command]]:
    """Every verb of ours with its whole name, groups left out, in the order of the alphabet."""
    from flask import Flask

    from ussd_app import cli, cli_agents, cli_cooperatives, cli_operators, cli_sims, cli_trade

    app = Flask("ussd_app")
    own = set(app.cli.commands)
    cli.register(app)
    cli_operators.register(app)
    cli_sims.register(app)
    cli_trade.register(app)
    cli_cooperatives.register(app)
    cli_agents.register(app)
    found: list[tuple[str, click.Command]] = []
    for name, command in app.cli.commands.items():
        if name in own:
            continue
        if isinstance(command, click.Group):
            found += [(f"{name} {verb}", each) for verb, each in command.commands.items()]
        else:
            found.append((name, command))
    return sorted(found)


def commands_text() -> str:
    parts = []
    for name, command in commands():
        usage = " ".join([f"flask {name}", *(_argument(each) for each in command.params)])
        parts.append(f"### `flask {name}`\n\n{' '.join((command.help or '').split())}\n\n```\n{usage}\n```\n")
        options = [each for each in command.params if isinstance(each, click.Option)]
        if options:
            rows = [f"| `{'`, `'.join(each.opts)}` | {_cell(_option_help(each))} |" for each in options]
            parts.append("| option | |\n|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _argument(each: click.Parameter) -> str:
    if isinstance(each, click.Argument):
        return str(each.name).upper()
    text = each.opts[0] if getattr(each, "is_flag", False) else f"{each.opts[0]} {each.type.name.upper()}"
    return text if each.required else f"[{text}]"


def _option_help(option: click.Option) -> str:
    said = option.help or ("One JSON document." if "--json" in option.opts else "")
    if isinstance(option.type, click.Choice):
        said = f"{said} {' or '.join(option.type.choices)}.".strip()
    if option.show_default or isinstance(option.type, click.Choice):
        said = f"{said} Default: {option.default}.".strip()
    return said


# --- the conversation ---------------------------------------------------------------------------------------------


def screens_text() -> str:
    from menus import SCREENS

    parts = []
    flows: dict[str, list[str]] = {}
    for name in SCREENS.steps:
        flows.setdefault(name.split(".")[0], []).append(name)
    for flow, names in sorted(flows.items()):
        rows = [f"### {flow}\n", "| name | kind | leads to | |", "|---|---|---|---|"]
        for name in names:
            step = SCREENS[name]
            kind = "action" if step.is_action else "screen, entry" if step.entry else "screen"
            ways = " ".join(f"`{to}`" for to in step.goes) or "ends the call or goes back"
            said = (step.run.__doc__ or "").strip().split("\n\n")[0]
            rows.append(f"| `{name}` | {kind} | {ways} | {_cell(' '.join(said.split()))} |")
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def task_names() -> tuple[list[str], list[str]]:
    """The names in menus/tasks.py of a seller's home keys, and those that a buyer's home has in their place."""
    from menus import tasks

    names = [name for name in vars(tasks) if name.isupper()]
    buyers = names[names.index("BROWSE") :]
    return [name for name in names if name not in buyers], buyers


# The words of the home menus, by the name of their task: the texts are the menus' own, so their translations are too.
LABELS = {
    "SELL": "Sell", "OFFERS": "Offers", "ORDERS": "My orders", "PAYMENTS": "Payments", "PRICES": "Prices", "HELP": "Help",
    "LISTINGS": "What I sell", "ACCOUNT": "My account", "BUY": "Buy", "BROWSE": "What is for sale",
    "MY_OFFERS": "My offers", "ENTER_CODE": "Enter the code from the SMS", "COOPERATIVE": "Cooperative",
    "AGENT": "Field agent", "AGENT_ASKS": "An agent asks you",
    "PLEDGE": "A call for members", "ASK_COOPERATIVES": "Ask cooperatives", "STANDING": "Standing orders",
}  # fmt: skip
NOT_ON_CARDS = {
    "REPEAT": "commits something, so a direct dial stops before it",
    "ENTER_CODE": "needed once",
    "COOPERATIVE": "for staff",
    "AGENT": "for agents",
    "AGENT_ASKS": "named in its SMS",
    "PLEDGE": "named in the call's SMS",
}
BUYER_TOO = ("ORDERS", "PAYMENTS", "PRICES", "HELP", "ACCOUNT")


def tasks_table() -> str:
    from menus import tasks

    sellers, buyers = task_names()
    rows = ["| key | seller | buyer |", "|---|---|---|"]
    keys: dict[int, list[str]] = {}
    for side, names in enumerate((sellers, [*buyers, *BUYER_TOO])):
        for name in names:
            keys.setdefault(getattr(tasks, name), ["", ""])[side] = LABELS.get(name, "Again: the last listing")
    rows += [f"| {key} | {' | '.join(words)} |" for key, words in sorted(keys.items())]
    return "\n".join(rows) + "\n"


def keywords_table() -> str:
    from menus.sms_commands import KEYWORDS, LANGUAGE_OF

    rows = ["| verb | Kinyarwanda | English | French | Swahili |", "|---|---|---|---|---|"]
    for verb, words in KEYWORDS.items():
        said = [
            " ".join(f"`{word}`" for word in words if LANGUAGE_OF[word] == code) for code in ("rw", "en", "fr", "sw")
        ]
        rows.append(f"| {verb} | {' | '.join(said)} |")
    return "\n".join(rows) + "\n"


def produce_table() -> str:
    hub = _hub()
    rows = [
        f"| key | code | {' | '.join(hub.languages)} | other words in SMS |",
        "|---|---|" + "---|" * len(hub.languages) + "---|",
    ]
    for one in hub.produce:
        from ussd_app.hubs.places import fold

        names = [one.names[language] for language in hub.languages]
        others = " ".join(word for word in one.words if word not in {fold(name) for name in names})
        rows.append(f"| {one.number} | `{one.code}` | {' | '.join(names)} | {others} |")
    return "\n".join(rows) + "\n"


# --- states -------------------------------------------------------------------------------------------------------


def states() -> Iterator[tuple[str, str, list[str]]]:
    """(table, column, words) of every column whose words the schema fixes."""
    from ussd_app.store.migrate import known, statements

    for migration in known():
        for statement in statements(migration.text, "sqlite"):
            table = re.match(r"CREATE TABLE (\w+)", statement)
            if table:
                for column, words in _CHECK.findall(statement):
                    if "'" in words:
                        yield table[1], column, re.findall(r"'(\w+)'", words)


def states_table() -> str:
    rows = ["| table | column | words |", "|---|---|---|"]
    rows += [
        f"| `{table}` | `{column}` | {' '.join(f'`{word}`' for word in words)} |" for table, column, words in states()
    ]
    return "\n".join(rows) + "\n"


def notices_table() -> str:
    from ussd_app.notices import TEMPLATES

    rows = ["| template | text |", "|---|---|"]
    rows += [f"| `{name}` | {_cell(message.msgid)} |" for name, message in TEMPLATES.items()]
    return "\n".join(rows) + "\n"


# --- the card -----------------------------------------------------------------------------------------------------

_CARD = """<!doctype html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<title>{hub}: direct-dial cards</title>
<style>
@page {{ size: 105mm 148mm; margin: 8mm; }}
body {{ font: 10pt/1.15 sans-serif; color: #000; background: #fff; margin: 0; }}
section {{ break-after: page; max-width: 89mm; margin: 0 auto 8mm; }}
h1 {{ font-size: 14pt; margin: 0; }}
h2 {{ font-size: 11pt; margin: 2mm 0 .5mm; }}
p {{ margin: 1mm 0; }}
.code {{ font: bold 17pt monospace; }}
table {{ border-collapse: collapse; width: 100%; }}
td {{ border-bottom: .3mm solid #999; padding: .3mm 0; }}
td:last-child {{ font: bold 10pt monospace; text-align: right; white-space: nowrap; }}
.foot {{ font-size: 9pt; }}
section:last-child {{ break-after: auto; }}
@media print {{ section {{ margin-bottom: 0; }} }}
</style>
</head>
<body>
{cards}</body>
</html>
"""


def card(code: str = "*384*100#") -> str:
    """A page of A6 cards, one a language: what to dial for each task of the service `code`. The numbers never change."""
    hub = _hub()
    cards = "".join(_one_card(language, code) for language in hub.languages)
    return _CARD.format(lang=hub.languages[0], hub=html.escape(hub.name), cards=cards)


def _one_card(language: str, code: str) -> str:
    from menus import tasks
    from ussd_app.i18n import Msg

    hub = _hub()
    sellers, buyers = task_names()

    def say(text: str) -> str:
        return html.escape(Msg(text, {"hub": hub.name}).render(language), quote=False)

    def heading(text: str) -> str:
        said = say(text).removeprefix(html.escape(hub.name)).lstrip(": ")
        return said[:1].upper() + said[1:]

    def table(names: list[str]) -> str:
        rows = [
            f"<tr><td>{say(LABELS[name])}</td><td>{code[:-1]}*{getattr(tasks, name)}#</td></tr>"
            for name in names
            if name not in NOT_ON_CARDS
        ]
        return "<table>\n" + "\n".join(rows) + "\n</table>"

    only_buyers = sorted([*buyers, *BUYER_TOO], key=lambda name: int(getattr(tasks, name)))
    return (
        f'<section lang="{language}">\n<h1>{html.escape(hub.name)}</h1>\n<p class="code">{code}</p>\n'
        f"<h2>{heading('{hub}: sell well')}</h2>\n{table(sellers)}\n"
        f"<h2>{heading('{hub}: buy')}</h2>\n{table(only_buyers)}\n"
        f'<p class="foot">{html.escape(hub.support.phone)} &middot; {hub.support.hours}</p>\n</section>\n'
    )


def _hub() -> Any:
    from ussd_app.hubs import load_hub

    return load_hub("rw")


def _code(text: str) -> str:
    return f"`{text}`" if text else "empty"


def _cell(text: str) -> str:
    """Text as a cell of a table: bars escaped, and what looks like markup left as written."""
    return text.replace("|", "\\|").replace("\n", " / ").replace("<", "&lt;").replace("*", "\\*")


PARTS: dict[str, Callable[[], str]] = {
    "settings": settings_table,
    "commands": commands_text,
    "screens": screens_text,
    "tasks": tasks_table,
    "keywords": keywords_table,
    "produce": produce_table,
    "states": states_table,
    "notices": notices_table,
}


def main() -> int:
    """Write what is stale; says what it wrote. `--card '*123*4#'` prints the cards of another service code instead."""
    if sys.argv[1:2] == ["--card"] and len(sys.argv) == 3:
        print(card(sys.argv[2]), end="")
        return 0
    if len(sys.argv) > 1:
        print(f"usage: {RENEW} [--card SERVICE_CODE]", file=sys.stderr)
        return 2
    for path, text in made().items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
