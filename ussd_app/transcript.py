"""Dialogues as readable files: the one format that pytest, the phones in the browser and `flask dial --script` share.

    # what the dialogue shows
    given seller Mukamana +250788000001 speaks rw at Remera pin 13579
    dial *384*100#   -> CON contains "Gurisha"
    send 1           -> CON contains "Igicuruzwa" and screen sell.produce
    send abc         -> CON same screen, one line of guidance first
    repeat           -> identical
    hang up; dial    -> CON offers to continue
    wait 11 minutes
    as +250788000002
    sms from +250788000002 "IGICIRO KAWA"
    sms to +250788000002 contains "RWF"

Steps: given, dial [CODE], send [TEXT], hang up, drop (the network is lost and nobody is told), repeat (the gateway
sends the last callback once more), again (the person types the last input once more), late N (the callback of input N
once more; 0 is the dial), as PHONE or NAME, sms to PHONE, no sms to PHONE, sms from PHONE "TEXT", wait N UNIT.
Expectations after `->`, joined by `and` or a comma: CON, END, contains "x", lacks "x", screen NAME, same screen,
one line of guidance first, offers to continue, identical. A text with quotes, `;` or `->` in it is written "in quotes".

Law of this module: it knows the words of the format and nothing of a wire; `ussd_app/player.py` plays what it reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

_UNITS = {"millisecond": 1, "second": 1_000, "minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_PLAIN = ("same screen", "one line of guidance first", "offers to continue", "identical")


@dataclass(frozen=True)
class Shown:
    """What one callback brought to the phone.

    `text` is the screen without its CON or END; `more` tells whether an input is awaited; `screen` is the screen's
    name where the wire tells it; `septets` counts the text with `CON ` before it; `ms` is the time to answer in
    milliseconds; `raw` is the reply's body, byte for byte.
    """

    text: str
    more: bool
    screen: str = ""
    septets: int = 0
    ms: int = 0
    raw: bytes = b""


class World(Protocol):
    """What a dialogue is played in. Phones are E.164 with +; each phone has at most one call at a time."""

    def given(self, words: str) -> None:
        """Make what a `given` line tells (its words, `given` left out) true, or raise ValueError saying why not."""

    def dial(self, phone: str, code: str) -> Shown:
        """Begin a call; an empty code is the service's own."""

    def send(self, phone: str, text: str) -> Shown:
        """Answer the screen of the running call."""

    def hang_up(self, phone: str, told: bool) -> None:
        """End the call; `told`: the gateway sends its end-of-session notice."""

    def repeat(self, phone: str, turn: int) -> Shown:
        """Send the callback of a turn of the last call again, same bytes; 0 is the dial, -1 the last."""

    def sms(self, phone: str, text: str) -> None:
        """An SMS from the phone to the market."""

    def inbox(self, phone: str, enough: Callable[[list[str]], bool]) -> list[str]:
        """Texts of the SMS that came to the phone, oldest first; may wait for more while `enough` is False."""

    def wait(self, ms: int) -> None:
        """Let time pass, in milliseconds."""


class BadTranscript(ValueError):
    """The file cannot be read as a transcript; the text begins with file:line."""


@dataclass(frozen=True)
class Expect:
    """One expectation: `kind` is its word in the format, `value` what is in quotes or the screen's name."""

    kind: str
    value: str = ""

    def __str__(self) -> str:
        return (
            f'{self.kind} "{self.value}"' if self.kind in ("contains", "lacks") else f"{self.kind} {self.value}".strip()
        )


@dataclass(frozen=True)
class Step:
    """One step of a dialogue: its line in the file, its verb, what the verb is about, and what must then be seen."""

    line: int
    verb: str
    words: str = ""
    phone: str = ""
    expects: tuple[Expect, ...] = ()


@dataclass(frozen=True)
class Script:
    """A transcript, read: the name its errors begin with, and its steps."""

    name: str
    steps: tuple[Step, ...]


def parse(text: str, name: str = "transcript") -> Script:
    """Read a transcript. `name` is the file's name for errors. Raises BadTranscript."""
    steps: list[Step] = []
    for number, raw in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        try:
            steps.extend(_line(line, number))
        except ValueError as fault:
            raise BadTranscript(f"{name}:{number}: {fault}\n    {line}") from None
    return Script(name, tuple(steps))


def _line(line: str, number: int) -> list[Step]:
    """The steps of one line; expectations belong to the last of them."""
    if line.startswith("given "):
        return [Step(number, "given", line.removeprefix("given ").strip())]
    head, arrow, tail = _cut(line, "->")
    expects = _expects(tail) if arrow else ()
    if arrow and not expects:
        raise ValueError("nothing is expected after ->")
    if not head:
        return [Step(number, "look", expects=expects)]
    steps = [_step(part, number) for part in _parts(head, ";") if part]
    last = steps[-1]
    if expects and last.verb in ("hang up", "drop", "as", "wait", "sms from", "no sms to"):
        raise ValueError(f"{last.verb!r} shows nothing to expect")
    steps[-1] = Step(last.line, last.verb, last.words, last.phone, last.expects + expects)
    return steps


def _step(words: str, number: int) -> Step:
    """One step from its words, without an arrow. Raises ValueError."""
    verb, _, rest = words.partition(" ")
    rest = rest.strip()
    if words in ("hang up", "drop", "repeat", "again"):
        return Step(number, words)
    if verb in ("dial", "send"):
        return Step(number, verb, _unquoted(rest))
    if verb == "as" and rest:
        return Step(number, "as", phone=_unquoted(rest))
    if verb == "late" and rest.isdigit():
        return Step(number, "late", rest)
    if match := re.fullmatch(r"wait (\d+) (millisecond|second|minute|hour|day)s?", words):
        return Step(number, "wait", str(int(match[1]) * _UNITS[match[2]]))
    if match := re.fullmatch(r"sms from (\+\d+) (\".*\")", words):
        return Step(number, "sms from", _unquoted(match[2]), match[1])
    if match := re.fullmatch(r"(sms to|no sms to) (\+\d+)\s*(.*)", words):
        expects = _expects(match[3])
        if any(expect.kind not in ("contains", "lacks") for expect in expects):
            raise ValueError('an SMS can be expected to contain "..." or lack "..." only')
        return Step(number, match[1], phone=match[2], expects=expects)
    raise ValueError("this is no step of a transcript")


def _expects(words: str) -> tuple[Expect, ...]:
    """Expectations from the words after an arrow. Raises ValueError."""
    found: list[Expect] = []
    for clause in (part for piece in _parts(words, " and ") for part in _parts(piece, ",")):
        rest = clause
        for prefix in ("CON", "END"):
            if rest == prefix or rest.startswith(prefix + " "):
                found.append(Expect(prefix))
                rest = rest.removeprefix(prefix).strip()
        if rest:
            found.append(_expect(rest, found))
    return tuple(found)


def _expect(words: str, before: list[Expect]) -> Expect:
    verb, _, rest = words.partition(" ")
    if words in _PLAIN:
        return Expect(words)
    if verb in ("contains", "lacks") and _QUOTED.fullmatch(rest.strip()):
        return Expect(verb, _unquoted(rest.strip()))
    if verb == "screen" and rest:
        return Expect("screen", rest.strip())
    if _QUOTED.fullmatch(words) and before and before[-1].kind in ("contains", "lacks"):
        return Expect(before[-1].kind, _unquoted(words))
    raise ValueError(f"not an expectation: {words}")


def _parts(text: str, separator: str) -> list[str]:
    """Split where the separator stands outside quotes."""
    parts = []
    found = separator
    while found:
        head, found, text = _cut(text, separator)
        parts.append(head)
    return parts


def _cut(text: str, separator: str) -> tuple[str, str, str]:
    """Like str.partition, stripped, and blind inside quotes."""
    hidden = _QUOTED.sub(lambda match: "\0" * len(match[0]), text)
    at = hidden.find(separator)
    if at < 0:
        return text.strip(), "", ""
    return text[:at].strip(), separator, text[at + len(separator) :].strip()


def _unquoted(text: str) -> str:
    match = _QUOTED.fullmatch(text)
    return re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], match[1]) if match else text
