"""The import law: who may know whom, and which packages of others are known where."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A part of the service -> what it may import besides itself. The ground stands first; each looks only downwards.
LAW: dict[str, set[str]] = {
    "lib": set(),
    "hubs": set(),
    "messages": set(),
    "settings": {"lib"},
    "transcript": set(),
    "metrics": set(),
    "first_env": set(),
    "i18n": {"lib"},
    "engine": {"lib", "i18n"},
    "store": {"lib"},
    "money": {"lib", "settings", "store"},
    "market": {"lib", "hubs", "store", "money"},
    "gateways": {"lib", "messages", "settings"},
    "trade_words": {"i18n"},
    "notices": {"lib", "hubs", "i18n", "settings", "trade_words"},
    "emulators": {"lib"},
    "wires": {"lib", "transcript"},
    "handset": {"transcript", "wires"},
    "player": {"transcript"},
    "terminal": {"transcript", "handset", "player"},
    "conversation": {"lib", "i18n", "messages", "engine", "store", "market"},
    "menus": {"lib", "i18n", "messages", "engine", "store", "money", "market", "trade_words"},
    "worker": {"lib", "messages", "store"},
    "demo": {"lib", "hubs", "settings", "store", "market"},
    "parts": {"lib", "hubs", "settings", "metrics", "store", "money", "conversation", "gateways"},
    "proof": {"lib", "hubs", "i18n", "settings", "engine", "store", "market", "parts", "menus"},
    "web": {
        "lib", "hubs", "i18n", "messages", "settings", "gateways", "store", "money", "market", "trade_words",
    },
    "running": {"lib", "messages", "settings", "store", "market", "worker"},
    "cli_money": {"lib", "money"},
    "cli_payments": {"lib", "market", "money", "store"},
    "cli_bank": {"lib", "money"},
    "cli": {
        "lib", "settings", "engine", "store", "market", "menus", "demo", "proof", "terminal", "emulators", "web",
        "running", "cli_money", "cli_payments", "cli_bank",
    },
    "cli_operators": {"lib", "store", "market", "cli"},
    "cli_sims": {"market", "cli"},
    "cli_trade": {"lib", "i18n", "money", "market", "cli"},
    "logs": {"lib"},
}  # fmt: skip
WIRING = "create_app"  # ussd_app/__init__.py may import everything

# Packages of others -> the parts that may import them.
OTHERS: dict[str, set[str]] = {
    "_typeshed": {"emulators", "handset", "terminal", "web"},
    "africastalking": {"gateways"},
    "aiosql": {"store"},
    "argon2": {"market"},
    "babel": {"i18n", "web"},
    "click": {"cli", "cli_operators", "cli_sims", "cli_trade", "running", "cli_money", "cli_payments", "cli_bank"},
    "cryptography": {"emulators", "money"},
    "dotenv": {WIRING},
    "flask": {
        "web",
        "cli",
        "cli_operators",
        "cli_sims",
        "cli_trade",
        WIRING,
        "cli_money",
        "cli_payments",
        "cli_bank",
    },
    "flask_wtf": {"web"},
    "phonenumbers": {"lib"},
    "prometheus_client": {"metrics"},
    "psycopg": {"store"},
    "psycopg_pool": {"store"},
    "requests": {"gateways", "handset", "money"},
    "sqlite_utils": {"store"},
    "urllib3": {"gateways", "money"},
    "werkzeug": {"web", "emulators", "handset", WIRING},
}
# What no process needs that only answers: imported where it is used, never as a module is loaded.
LATE = ("africastalking", "argon2", "babel", "phonenumbers", "prometheus_client", "psycopg", "requests", "sqlite_utils")
LATE_AS_A_WHOLE = ("ussd_app/store/postgres.py",)  # itself imported only for a postgresql:// address

NETWORK = {"socket", "ssl", "smtplib", "ftplib", "asyncio", "socketserver", "http.client", "urllib.request"}
# Modules of Python that a part must not know -> the parts that may nevertheless.
ONLY_IN = {
    "sqlite3": {"store", "money"},
    **{module: {"store", "worker", "emulators", "running", "web", "gateways", "money"} for module in NETWORK},
    "subprocess": {"running"},
}


@dataclass(frozen=True)
class Import:
    """One imported name: by which part, where, and whether it is imported as the module is loaded."""

    part: str
    where: str
    module: str
    name: str
    at_load: bool
    for_types: bool


@cache
def imports() -> tuple[Import, ...]:
    return tuple(found for path in sources() for found in read(path))


def sources() -> list[Path]:
    return [*sorted(ROOT.glob("ussd_app/**/*.py")), *sorted(ROOT.glob("menus/**/*.py"))]


def part_of(module: str) -> str:
    """`ussd_app.store.sqlite` is of the part `store`, `menus.sell` of `menus`."""
    pieces = module.split(".")
    if pieces[0] == "menus":
        return "menus"
    return WIRING if pieces in (["ussd_app"], ["ussd_app", "__init__"]) else pieces[1]


def read(path: Path) -> Iterator[Import]:
    relative = path.relative_to(ROOT)
    part = part_of(".".join(relative.with_suffix("").parts))
    yield from walk(ast.parse(path.read_text("utf-8")), part, str(relative), at_load=True, for_types=False)


def walk(node: ast.AST, part: str, where: str, at_load: bool, for_types: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        line = f"{where}:{getattr(child, 'lineno', 0)}"
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(part, line, alias.name, "", at_load, for_types)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0 and child.module, f"{line}: imports are written in full"
            for alias in child.names:
                yield Import(part, line, child.module, alias.name, at_load, for_types)
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield from walk(child, part, where, False, for_types)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for inner in child.body:
                yield from walk(ast.Module([inner], []), part, where, at_load, True)
            for inner in child.orelse:
                yield from walk(ast.Module([inner], []), part, where, at_load, for_types)
        else:
            yield from walk(child, part, where, at_load, for_types)


def ours(found: Import) -> str | None:
    """The part that is imported, None when it is not ours. `from ussd_app import cli` imports the part `cli`."""
    root = found.module.split(".")[0]
    if root not in ("ussd_app", "menus"):
        return None
    if found.module == "ussd_app" and found.name in LAW:
        return found.name
    return part_of(found.module)


def foreign(found: Import) -> str | None:
    """The top package of somebody else, None for ours and for Python's own."""
    root = found.module.split(".")[0]
    return None if ours(found) or root in sys.stdlib_module_names else root


def offences(rule: str, found: list[str]) -> None:
    assert not found, f"{rule}:\n  " + "\n  ".join(found)


def test_every_part_has_its_law() -> None:
    assert {part_of(".".join(path.relative_to(ROOT).with_suffix("").parts)) for path in sources()} == {*LAW, WIRING}


def test_the_law_has_no_circle() -> None:
    """Each part may import only parts that stand above it in the table."""
    seen: set[str] = set()
    for part, allowed in LAW.items():
        assert allowed <= seen, f"{part} may import {allowed - seen}, which are not below it"
        seen.add(part)


def test_nobody_imports_upwards() -> None:
    bad = []
    for found in imports():
        target = ours(found)
        if target is None or found.part in (WIRING, target):
            continue
        if target not in LAW[found.part]:
            bad.append(f"{found.where} ({found.part}) imports {target}")
    offences("the import law is broken", bad)


def test_create_app_is_known_to_the_entry_alone() -> None:
    bad = [found.where for found in imports() if ours(found) == WIRING]
    offences("nothing of the service imports the place that wires it", bad)
    assert "from ussd_app import create_app" in (ROOT / "wsgi.py").read_text("utf-8")


def test_packages_of_others_are_known_in_their_places_alone() -> None:
    bad = []
    for found in imports():
        root = foreign(found)
        if root and found.part not in OTHERS.get(root, ()):
            bad.append(f"{found.where} ({found.part}) imports {root}")
    offences("another place, or none, is meant to know this package", bad)


def test_modules_of_python_are_known_in_their_places_alone() -> None:
    bad = []
    for found in imports():
        for module in (found.module, f"{found.module}.{found.name}"):
            if found.part not in ONLY_IN.get(module, {found.part}):
                bad.append(f"{found.where} ({found.part}) imports {module}")
    offences("only some parts reach the database, the network or other programs", bad)


def test_heavy_packages_are_imported_late() -> None:
    bad = []
    for found in imports():
        whole = found.where.rsplit(":", 1)[0] in LATE_AS_A_WHOLE
        if foreign(found) in LATE and found.at_load and not found.for_types and not whole:
            bad.append(f"{found.where} imports {foreign(found)} as it is loaded")
    offences("a package that costs time at the start is imported in the function that needs it", bad)


def test_late_imports_begin_with_the_package() -> None:
    """Threads that first use a package at the same moment, one by its root and one by a part, can deadlock: Python then
    raises in one of them. Where only one part is named anywhere, the order is the same for all."""
    parts: dict[str, set[str]] = {}
    for found in imports():
        if foreign(found) in LATE and not found.at_load and not found.for_types:
            parts.setdefault(str(foreign(found)), set()).add(found.module)
    # Imported in one function after africastalking.Service, by the worker alone.
    parts["africastalking"] -= {"africastalking.SMS", "africastalking.Insights"}
    parts["babel"] -= {"babel"}  # by pages alone, where flask_wtf has brought it long before
    parts["psycopg"] -= {"psycopg.rows"}  # by commands that have one thread
    offences("a package is first imported in different orders", [f"{one}" for one in parts.values() if len(one) > 1])


def test_the_conversation_knows_the_store_by_its_handle_alone() -> None:
    """Menus and rules get a transaction; how it is kept is nothing to them."""
    allowed = {"Tx", "outbox", "Store", "StoreError", "Withdrawn", "Unfinished", "CommitFailed"}
    bad = []
    for found in imports():
        if found.part not in ("menus", "conversation", "market", "web") or ours(found) != "store":
            continue
        public = allowed | ({"pending", "migrate"} if found.part == "web" else set())
        if found.module != "ussd_app.store" or found.name not in public:
            bad.append(f"{found.where} imports {found.module}.{found.name}")
    offences("the inside of the store is its own", bad)


def test_the_other_end_of_the_wires_shares_no_code_with_the_adapters() -> None:
    """Else phones and adapters could agree on the same mistake."""
    for part in ("wires", "handset", "emulators"):
        assert "gateways" not in LAW[part]
    assert not {"wires", "handset", "emulators", "transcript"} & LAW["gateways"]


PACKAGES = [path.parent for path in sources() if path.name == "__init__.py" and path.parent != ROOT / "ussd_app"]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_every_package_says_its_law(package: Path) -> None:
    said = ast.get_docstring(ast.parse((package / "__init__.py").read_text("utf-8"))) or ""
    assert "Law of this package:" in said, f"{package.name}/__init__.py does not say what it may import"


def test_the_judge_sees_an_offence() -> None:
    """A law that nobody can break proves nothing."""
    code = ast.parse(
        "from ussd_app.store.sqlite import SqliteStore\n"
        "import requests\n"
        "def f():\n    from argon2 import PasswordHasher\n"
        "if TYPE_CHECKING:\n    import psycopg\n"
    )
    found = list(walk(code, "menus", "menus/x.py", True, False))
    assert [(one.module, one.at_load, one.for_types) for one in found] == [
        ("ussd_app.store.sqlite", True, False),
        ("requests", True, False),
        ("argon2", False, False),
        ("psycopg", True, True),
    ]
    assert ours(found[0]) == "store" and foreign(found[1]) == "requests" and foreign(found[0]) is None
