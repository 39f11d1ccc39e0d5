"""The proof that every screen fits and leads on: walk the whole conversation, in every language, with worst-case data.

The walk is real: it answers screens as a caller would, over a world of the longest names and largest amounts, and goes
back by undoing. A screen that the walk never shows is a fault, so nothing escapes by being forgotten. It walks as over
the poorest gateway, which cannot tell a repeated callback from a new answer.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from ussd_app.engine.screen import Ask, Screens, Secret, Wrong
from ussd_app.engine.session import CONTINUE, HOME, Engine, SecretTyped, Shown, key_of
from ussd_app.engine.visit import State, Visit
from ussd_app.i18n import _
from ussd_app.lib.gsm7 import septets

FRAMES = 20_000  # the walk goes as deep as the conversation is long
NONSENSE = "xqzw"
PIN = "73914"


@dataclass(frozen=True)
class Caller:
    """A kind of caller: how to make her visit (of a kept state, or a fresh one), the screen she begins on, and the flows
    that are worth walking with her (others are looked at where she enters them, and walked with somebody else)."""

    name: str
    visit: Callable[[State | None], Visit]
    first: str
    flows: tuple[str, ...]


class World(Protocol):
    """Worst-case data to walk in; `undone` is a context whose changes to the store are taken back at its end."""

    def callers(self, language: str) -> Iterable[Caller]: ...

    def undone(self) -> AbstractContextManager[None]: ...


@dataclass
class Report:
    """What the walk found. `shown` is every screen with the languages it was seen in."""

    faults: list[str] = field(default_factory=list)
    shown: dict[str, set[str]] = field(default_factory=dict)
    screens: int = 0
    longest: int = 0
    longest_at: str = ""

    def fault(self, line: str) -> None:
        if line not in self.faults:
            self.faults.append(line)


def check(screens: Screens, engine: Engine, world: World, languages: Iterable[str]) -> Report:
    """Walk everything from every entry and report faults: too long, not plain, cut, unknown target, orphan, dead end."""
    report = Report()
    _declared(screens, report)
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(FRAMES)
    try:
        _walk_all(screens, engine, world, languages, report)
    finally:
        sys.setrecursionlimit(usual)
    return report


def _walk_all(screens: Screens, engine: Engine, world: World, languages: Iterable[str], report: Report) -> None:
    for language in languages:
        for caller in world.callers(language):
            with world.undone():
                _Walk(engine, world, report, language, caller).begin()
        for name in screens.steps:
            if not screens[name].is_action and language not in report.shown.get(name, set()):
                report.fault(f"{name}: the walk never shows it in {language}")


def _declared(screens: Screens, report: Report) -> None:
    """What the declarations alone tell: targets that do not exist, screens that nothing leads to."""
    reached = {to for step in screens.steps.values() for to in step.goes}
    for step in screens.steps.values():
        for to in step.goes:
            if to not in screens.steps:
                report.fault(f"{step.name}: goes to {to}, which does not exist")
        if step.name not in reached and not step.entry and not _led_by_engine(step.name):
            report.fault(f"{step.name}: orphan, nothing leads to it")


def _led_by_engine(name: str) -> bool:
    return name == "pin.locked"


class _Walk:
    """A depth-first walk of one kind of caller in one language."""

    def __init__(self, engine: Engine, world: World, report: Report, language: str, caller: Caller) -> None:
        self.engine = engine
        self.world = world
        self.report = report
        self.language = language
        self.caller = caller
        self.seen: set[Any] = set()

    def begin(self) -> None:
        visit = self.caller.visit(None)
        shown = self.engine.begin(visit, self.caller.first)
        self._arrive(visit, shown, "")

    def _arrive(self, visit: Visit, shown: Shown, before: str) -> None:
        self._judge(visit, shown)
        if not shown.more or visit.language != self.language:
            return
        if visit.guidance and visit.state.screen == before:
            return  # the same question under a line of guidance: its answers are walked where it stands alone
        state = visit.state
        if state.screen.split(".")[0] not in self.caller.flows:
            return
        mark = (state.screen, state.page, state.kind, tuple(sorted(state.keys)), shown.text)
        if mark in self.seen:
            return
        self.seen.add(mark)
        saved = state.as_dict()
        for typed, pin_ok in self._answers(visit):
            with self.world.undone():
                self._step(State.from_dict(_copy(saved)), typed, pin_ok, saved["screen"])

    def _step(self, state: State, typed: str, pin_ok: bool, before: str) -> None:
        visit = self.caller.visit(state)
        key = state.keys.get(typed)
        confirms = bool(key and len(key) > 2 and key[2])
        if state.kind != "secret":
            visit.came_by = key_of(typed)
        try:
            result = self.engine.answer(visit, typed)
            if isinstance(result, SecretTyped):
                visit.draft["new_pin"] = "hash"
                result = self.engine.secret_answered(visit, pin_ok, _("Wrong PIN. Tries left: {n}", n=2))
        except Exception as error:
            self.report.fault(
                f"{before} [{self.language}, {self.caller.name}]: {typed!r} fails: {type(error).__name__}: {error}"
            )
            return
        if confirms and result.more and self._understood(visit, typed):
            self.report.fault(f"{before}: key {typed} commits, and is valid again on {result.screen}")
        if result.more and self.engine.would_commit(visit, typed):
            self.report.fault(f"{before}: {typed!r} leads to {result.screen}, and commits there when it comes twice")
        self._arrive(visit, result, before)

    def _declared_ways(self, visit: Visit, where: str) -> None:
        """Every way out of a shown screen must be one that the screen declares: the drawing is made of those."""
        step = self.engine.screens[visit.state.screen]
        screen = step.run(visit)
        ways = {target[0] for target in visit.state.keys.values()} - {CONTINUE}
        if isinstance(screen, (Ask, Secret)):
            ways.add(screen.then)
        if isinstance(screen, Secret) and screen.failed:
            ways.add(screen.failed)
        for way in sorted(ways - set(step.goes)):
            self.report.fault(f"{step.name}: leads to {way}, which it does not declare")

    def _understood(self, visit: Visit, typed: str) -> bool:
        """Would the same key once more be taken on the screen that follows it?"""
        screen = self.engine.screens[visit.state.screen].run(visit)
        if isinstance(screen, Ask):
            return not isinstance(screen.accept.read(typed), Wrong)
        return typed in visit.state.keys

    def _answers(self, visit: Visit) -> Iterator[tuple[str, bool]]:
        """Everything worth typing here: each key, the worst examples, nonsense, back, more."""
        state = visit.state
        yield NONSENSE, False
        yield "0", False
        if state.pages > 1:
            yield "9", False
        screen = self.engine.screens[state.screen].run(visit)
        if isinstance(screen, Ask):
            for example in (*screen.accept.examples, "1"):
                yield example, False
        elif isinstance(screen, Secret):
            yield "12345", False
            yield PIN, True
            yield PIN, False
        for number in state.keys:
            yield number, False

    def _judge(self, visit: Visit, shown: Shown) -> None:
        report, where = self.report, f"{shown.screen} [{self.language}, {self.caller.name}]"
        report.screens += 1
        report.shown.setdefault(shown.screen, set()).add(self.language)
        size = septets(shown.text) + 4
        if size > report.longest:
            report.longest, report.longest_at = size, where
        if size > self.engine.limit:
            report.fault(f"{where}: {size} septets, {self.engine.limit} fit:\n{shown.text}")
        if shown.cut:
            report.fault(f"{where}: the title is cut:\n{shown.text}")
        if not all(char == "\n" or " " <= char <= "~" for char in shown.text):
            report.fault(f"{where}: a character that handsets may not draw:\n{shown.text}")
        if shown.more and visit.state.kind in ("menu", "confirm", "pages"):
            state = visit.state
            has_way = bool(state.keys) or bool(state.stack) or state.screen == HOME
            if not has_way:
                report.fault(f"{where}: dead end, no key leads on")
            for _key, target in state.keys.items():
                if target[0] != CONTINUE and target[0] not in self.engine.screens.steps:
                    report.fault(f"{where}: key {_key} leads to {target[0]}, which does not exist")
            if state.kind == "confirm" and not any(self.engine.would_commit(visit, key) for key in state.keys):
                report.fault(f"{where}: no key confirms it")
        if shown.more:
            self._declared_ways(visit, where)
        if not shown.text.strip():
            report.fault(f"{where}: an empty screen")


def _copy(data: dict[str, Any]) -> dict[str, Any]:
    copied: dict[str, Any] = json.loads(json.dumps(data))
    return copied
