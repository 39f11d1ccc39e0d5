"""Takes the texts out of the code and renews the catalogues (`python -m locales.texts`, which is `make locales`).

Babel does the work; what stands here beside it is the reader of pages and the English catalogue, whose texts are the
msgids. A page says `t("Text {hole}", hole=...)`, or chooses between two texts inside the call, which Babel's own reader of
templates passes over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import chdir
from pathlib import Path
from typing import IO, Any

from babel.messages.frontend import CommandLineInterface
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, nodes

LOCALES = Path(__file__).resolve().parent
TEMPLATE = LOCALES / "messages.pot"
_EXTRACT = ("-F", "babel.cfg", "--no-default-keywords", "-k", "_ t", "--sort-output", "--add-location=file")
_UPDATE = ("--no-fuzzy-matching", "--ignore-obsolete", "--ignore-pot-creation-date", "--no-wrap")


def of_a_page(
    file: IO[bytes], keywords: Collection[str], comment_tags: Collection[str], options: dict[str, Any]
) -> Iterator[tuple[int, str, str, list[str]]]:
    """Babel's extraction method for the templates: every text that a call of a keyword may show."""
    page = Environment().parse(file.read().decode())
    for call in page.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in keywords and call.args:
            for text in _alternatives(call.args[0]):
                yield call.lineno, call.node.name, text, []


def _alternatives(argument: nodes.Expr | None) -> Iterator[str]:
    """The texts an argument may be: itself, or either side of `"..." if ... else "..."`."""
    if isinstance(argument, nodes.Const) and isinstance(argument.value, str):
        yield argument.value
    elif isinstance(argument, nodes.CondExpr):
        yield from _alternatives(argument.expr1)
        yield from _alternatives(argument.expr2)


def extract(root: Path = LOCALES.parent, template: Path = TEMPLATE) -> None:
    """Write the texts of the code under `root` (with its babel.cfg) to `template`, the same bytes for the same texts."""
    with chdir(root):
        _babel("extract", *_EXTRACT, "--omit-header", "--no-wrap", "-o", str(template), ".")


def _babel(*words: str) -> None:
    if CommandLineInterface().run(["pybabel", "--quiet", *words]):
        raise SystemExit(f"pybabel {words[0]} failed")


def fill_english(path: Path = LOCALES / "en" / "LC_MESSAGES" / "messages.po") -> None:
    """English says what the code says: every text of the catalogue at `path` becomes its own msgid."""
    with path.open("rb") as file:
        catalogue = read_po(file, locale="en")
    for message in catalogue:
        if message.id:
            message.string = message.id
    with path.open("wb") as file:
        write_po(file, catalogue, width=0)


def renew() -> None:
    """The template and every catalogue as the code is now; texts that are new have no translation yet."""
    extract()
    _babel("update", "-i", str(TEMPLATE), "-d", str(LOCALES), *_UPDATE)
    fill_english()
    for path in sorted(LOCALES.glob("*/LC_MESSAGES/messages.po")):
        with path.open("rb") as file:
            without = [str(message.id) for message in read_po(file) if message.id and not message.string]
        print(f"{path.parent.parent.name}: {len(without)} to translate", *map(repr, without), sep="\n  ")


if __name__ == "__main__":
    renew()
