"""Plays a transcript in a world and says, by file and line, where the dialogue went otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ussd_app.transcript import Expect, Script, Shown, Step, World

SEPTETS = 160
_CONTINUE = ("Komeza", "Continue", "Continuer", "Endelea")
_PHONE = re.compile(r"\+\d{6,15}")


class Unexpected(AssertionError):
    """The dialogue went otherwise; the text has file:line, what was expected and what was shown."""


@dataclass
class _Phone:
    """What the runner remembers of a phone: the screens of the call, what a new one is compared with (`before`), and
    the last one as it was before any guidance."""

    code: str = ""
    typed: str = ""
    now: Shown | None = None
    before: Shown | None = None
    clean: str = ""
    call: list[Shown] = field(default_factory=list)


@dataclass
class Player:
    """Plays scripts in a world.

    `phone` is the phone in hand until a `given` or `as` names another; `on_shown(step, shown)` sees every screen.
    """

    world: World
    phone: str = "+250788000001"
    on_shown: Callable[[Step, Shown], None] | None = None
    limit_septets: int = SEPTETS
    _phones: dict[str, _Phone] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)

    def play(self, script: Script) -> int:
        """Play every step; returns how many screens were shown. Raises Unexpected."""
        screens = 0
        for step in script.steps:
            try:
                shown = self._do(step)
                self._judge(step, shown)
            except (ValueError, AssertionError) as fault:
                raise Unexpected(f"{script.name}:{step.line}: {fault}") from fault
            screens += shown is not None and step.verb != "look"
        return screens

    def _do(self, step: Step) -> Shown | None:
        """Let the world do the step; what it showed, or None."""
        phone = self._phones.setdefault(self.phone, _Phone())
        match step.verb:
            case "given":
                self.world.given(step.words)
                self._learn(step.words)
            case "dial":
                phone.code = step.words or phone.code
                phone.call = []
                return self._seen(phone, step, self.world.dial(self.phone, phone.code))
            case "send" | "again":
                phone.typed = step.words if step.verb == "send" else phone.typed
                return self._seen(phone, step, self.world.send(self.phone, phone.typed))
            case "repeat" | "late":
                return self._sent_again(phone, step, int(step.words) if step.verb == "late" else -1)
            case "hang up" | "drop":
                self.world.hang_up(self.phone, step.verb == "hang up")
            case "as":
                self.phone = self._number(step.phone)
            case "wait":
                self.world.wait(int(step.words))
            case "sms from":
                self.world.sms(step.phone, step.words)
            case "sms to" | "no sms to":
                self._judge_sms(step)
            case "look":
                if phone.now is None:
                    raise AssertionError("nothing is on the screen yet")
                return phone.now
        return None

    def _learn(self, words: str) -> None:
        """Remember whom a `given` line names; the first phone named is the one in hand."""
        number = _PHONE.search(words)
        if number is None:
            return
        role, _, name = words[: number.start()].strip().partition(" ")
        if not self._names:
            self.phone = number[0]
        for word in (role, name.strip()):
            if word:
                self._names.setdefault(word.lower(), number[0])

    def _number(self, word: str) -> str:
        number = word if _PHONE.fullmatch(word) else self._names.get(word.lower(), "")
        if not number:
            raise ValueError(f"nobody was given by the name {word!r}")
        return number

    def _seen(self, phone: _Phone, step: Step, shown: Shown) -> Shown:
        phone.before, phone.now = phone.now, shown
        phone.call.append(shown)
        return self._pass_on(step, shown)

    def _sent_again(self, phone: _Phone, step: Step, turn: int) -> Shown:
        """A callback once more, compared with what it brought the first time; the dialogue goes on where it was."""
        shown = self.world.repeat(self.phone, turn)
        phone.before = phone.call[turn]
        return self._pass_on(step, shown)

    def _pass_on(self, step: Step, shown: Shown) -> Shown:
        if self.on_shown:
            self.on_shown(step, shown)
        return shown

    def _judge(self, step: Step, shown: Shown | None) -> None:
        """Hold what was shown against what the step expects. Raises AssertionError."""
        if shown is None:
            return
        phone = self._phones[self.phone]
        if step.verb != "look" and shown.septets > self.limit_septets:
            raise AssertionError(_told(f"at most {self.limit_septets} septets, not {shown.septets}", shown))
        for expect in step.expects:
            fault = _fault(expect, shown, phone)
            if fault:
                raise AssertionError(_told(f"{expect}{fault}", shown))
        if shown is phone.now and not any(expect.kind == "same screen" for expect in step.expects):
            phone.clean = shown.text

    def _judge_sms(self, step: Step) -> None:
        """Some SMS of the inbox must meet all expectations, or none may. Raises AssertionError."""

        def found(texts: list[str]) -> bool:
            return any(all(_meets(text, expect) for expect in step.expects) for text in texts)

        texts = self.world.inbox(step.phone, found if step.verb == "sms to" else lambda texts: True)
        if found(texts) is (step.verb == "sms to"):
            return
        wanted = " and ".join(str(expect) for expect in step.expects)
        inbox = "\n".join(f"    | {text}" for text in texts) or "    | (empty)"
        raise AssertionError(
            f"expected {step.verb} ...{step.phone[-3:]} {wanted}".rstrip() + f"\nthe inbox holds:\n{inbox}"
        )


def _fault(expect: Expect, shown: Shown, phone: _Phone) -> str:
    """Why an expectation is not met, as words after it; empty where it is met."""
    before = phone.before
    match expect.kind:
        case "CON" | "END":
            return "" if shown.more is (expect.kind == "CON") else f", not {'CON' if shown.more else 'END'}"
        case "contains":
            return "" if expect.value in shown.text else " (not there)"
        case "lacks":
            return "" if expect.value not in shown.text else " (there)"
        case "screen":
            return "" if expect.value == shown.screen else f", not {shown.screen or 'a screen without a name'}"
        case "identical":
            return "" if before and before.raw == shown.raw else _was(before)
        case "same screen":
            return "" if before and _same(before, shown) else _was(before)
        case "one line of guidance first":
            lines, clean = _lines(shown.text), _lines(phone.clean)
            # The options below may have moved to a second page to make room, the question may not.
            return "" if lines[:1] != clean[:1] and lines[1:2] == clean[:1] else _was(before)
    words = re.findall(r"\w+", shown.text)
    return "" if shown.more and any(word in words for word in _CONTINUE) else " (no such option)"


def _same(before: Shown, shown: Shown) -> bool:
    """Whether two screens ask the same: by name where the wire names them, else by the last line."""
    if before.screen and shown.screen:
        return before.screen == shown.screen
    return _lines(before.text)[-1:] == _lines(shown.text)[-1:]


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.split("\n") if line.strip()]


def _meets(text: str, expect: Expect) -> bool:
    return (expect.value in text) is (expect.kind == "contains")


def _was(before: Shown | None) -> str:
    return f"; before it was:\n{_framed(before)}" if before else "; nothing was shown before"


def _told(expected: str, shown: Shown) -> str:
    return f"expected {expected}\nshown:\n{_framed(shown)}"


def _framed(shown: Shown) -> str:
    name = f"  [{shown.screen}]" if shown.screen else ""
    body = "\n".join(f"    | {line}" for line in shown.text.split("\n"))
    return f"    | {'CON' if shown.more else 'END'}{name}\n{body}"
