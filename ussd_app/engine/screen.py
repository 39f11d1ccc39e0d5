"""What a screen may be, and the register of all screens and actions.

A screen is a function `(visit) -> Menu | Ask | Confirm | Pages | Secret | Done`; an action is a function
`(visit) -> name of the next screen, or Done` that does something on the way. Both declare where they may lead
(`goes`), so the whole conversation can be drawn and proved before anybody dials.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ussd_app.i18n import Msg, Text

if TYPE_CHECKING:
    from ussd_app.engine.visit import Visit


class Option(NamedTuple):
    """One line of a menu (a tuple: a list of forty products is made anew at every look at it). `number` is its lifelong key; without one, keys count up from 1 and leave out 9.

    `value` (JSON-able) is kept in the draft under the menu's `keep`. `confirms` marks a key that commits something:
    a direct dial stops before it.
    """

    label: Text
    to: str
    value: Any = None
    number: int | None = None
    confirms: bool = False


@dataclass(frozen=True)
class Menu:
    """A title and options to choose from; pages by itself. `back` False where there is nothing to go back to."""

    title: Text
    options: Sequence[Option]
    keep: str = ""
    back: bool = True


@dataclass(frozen=True)
class Confirm:
    """A statement that key 1 makes true: `yes` is the action that does it. Never skipped by a direct dial."""

    title: Text
    yes: str
    yes_label: Text
    others: Sequence[Option] = ()
    back: bool = True


class Answer(Protocol):
    """How a typed answer is read. `examples` are worst-case good answers, used to prove that screens fit."""

    @property
    def examples(self) -> Sequence[str]: ...

    def read(self, text: str) -> Any | Wrong: ...


@dataclass(frozen=True)
class Wrong:
    """A typed answer that cannot be taken, and the one line that says why."""

    guidance: Msg


@dataclass(frozen=True)
class Ask:
    """A typed question. The answer is kept in the draft under `keep`, then `then` follows. `zero` where 0 is an answer,
    so that only 00 leads away from it."""

    title: Text
    accept: Answer
    keep: str
    then: str
    back: bool = True
    zero: bool = False


@dataclass(frozen=True)
class Secret:
    """A question whose answer is a PIN. `purpose`: check (the person's own), choose (a new one), again (repeat it).

    `then` follows a right answer; `failed` follows a repeat that differs. The typed PIN never enters the draft: a new
    one is kept as its hash under `new_pin`.
    """

    title: Text
    then: str
    purpose: str = "check"
    failed: str = ""
    back: bool = True


@dataclass(frozen=True)
class Pages:
    """Something to read, on as many pages as it takes."""

    text: Text
    options: Sequence[Option] = ()
    back: bool = True


@dataclass(frozen=True)
class Done:
    """The last thing said; the session ends."""

    text: Text


Screen = Menu | Confirm | Ask | Secret | Pages | Done
ScreenFunction = Callable[["Visit"], Screen]
ActionFunction = Callable[["Visit"], "str | Done"]


@dataclass(frozen=True)
class Step:
    """A registered screen or action and where it may lead."""

    name: str
    goes: tuple[str, ...]
    run: Callable[[Visit], Any]
    is_action: bool
    entry: bool


class Screens:
    """All screens and actions of a conversation, by name (`flow.step`)."""

    def __init__(self) -> None:
        self.steps: dict[str, Step] = {}

    def screen(
        self, name: str, goes: Sequence[str] = (), entry: bool = False
    ) -> Callable[[ScreenFunction], ScreenFunction]:
        """Register a screen. `entry` marks one that a session may begin with."""
        return self._register(name, goes, is_action=False, entry=entry)

    def action(self, name: str, goes: Sequence[str] = ()) -> Callable[[ActionFunction], ActionFunction]:
        """Register an action."""
        return self._register(name, goes, is_action=True, entry=False)

    def _register(self, name: str, goes: Sequence[str], is_action: bool, entry: bool) -> Callable[[Any], Any]:
        def keep(function: Any) -> Any:
            if name in self.steps:
                raise ValueError(f"two screens are called {name}")
            self.steps[name] = Step(name, tuple(goes), function, is_action, entry)
            return function

        return keep

    def __getitem__(self, name: str) -> Step:
        return self.steps[name]


SCREENS = Screens()
screen = SCREENS.screen
action = SCREENS.action
