"""The phone in the terminal: dial by hand, run a list of inputs, or replay a transcript."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ussd_app.handset import HttpWorld, suffix_of
from ussd_app.player import SEPTETS, Player, Unexpected
from ussd_app.transcript import BadTranscript, Shown, Step, parse

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

DONE, FOUND, WRONG_USE = 0, 1, 2
_COLUMNS = 30


@dataclass(frozen=True)
class Paper:
    """Where the phone is drawn, and how: frames for people, or one JSON object a screen."""

    out: TextIO
    err: TextIO
    as_json: bool

    def show(self, typed: str, shown: Shown) -> None:
        """Draw one screen."""
        if self.as_json:
            told = {
                "input": typed,
                "text": shown.text,
                "more": shown.more,
                "screen": shown.screen,
                "septets": shown.septets,
                "ms": shown.ms,
            }
            print(json.dumps(told, ensure_ascii=False), file=self.out, flush=True)
        else:
            print(framed(shown), file=self.out, flush=True)

    def complain(self, text: str) -> None:
        print(text, file=self.err, flush=True)


def dial(
    target: str | WSGIApplication,
    code: str,
    *,
    phone: str,
    secret: str,
    wire: str = "africastalking",
    service_code: str = "*384*100#",
    keys: str | None = None,
    script: str | Path | None = None,
    as_json: bool = False,
    on_given: Callable[[str], None] | None = None,
    stdin: TextIO | None = None,
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
) -> int:
    """A phone in the terminal.

    `target` is a server's address or a WSGI application, `code` what is dialled (the service code or a code under it,
    as `*384*100*1*2#`), `phone` an E.164 number, `secret` the callback secret. `keys` are inputs separated by commas,
    run one after the other; `script` is a transcript to replay (its own `dial` lines count, `code` does not). Without
    either, answers are read from `stdin`. `as_json` prints one object a screen. `on_given` as in HttpWorld.
    Returns 0 when all went well, 1 when something was found (an answer no gateway could show, an expectation not met,
    an input left over), 2 for wrong use.
    """
    paper = Paper(stdout or sys.stdout, stderr or sys.stderr, as_json)
    if keys is not None and script is not None:
        paper.complain("Use --keys or --script, not both.")
        return WRONG_USE
    try:
        world = HttpWorld(target, secret, wire, service_code, on_given=on_given)
    except ValueError as fault:
        paper.complain(f"{fault}.")
        return WRONG_USE
    try:
        if script is not None:
            return _replay(world, Path(script), phone, paper)
        if keys is not None:
            return _run(world, code, phone, keys.split(",") if keys else [], paper)
        return _talk(world, code, phone, stdin or sys.stdin, paper)
    except ValueError as fault:
        paper.complain(str(fault))
        return FOUND
    except OSError as fault:  # requests' errors are among them
        paper.complain(f"Nothing answers there: {type(fault).__name__}. Is the server running?")
        return FOUND


def framed(shown: Shown) -> str:
    """The screen in a box, with its septets, its answer time in milliseconds and its name below."""
    rows = [row for line in shown.text.split("\n") for row in (textwrap.wrap(line, _COLUMNS) or [""])]
    box = [f"  ┌{'─' * (_COLUMNS + 2)}┐", *(f"  │ {row:<{_COLUMNS}} │" for row in rows), f"  └{'─' * (_COLUMNS + 2)}┘"]
    facts = [f"{shown.septets}/{SEPTETS} septets", f"{shown.ms} ms", *([shown.screen] if shown.screen else [])]
    ended = [] if shown.more else ["the call has ended"]
    return "\n".join([*box, "    " + " · ".join([*facts, *ended])])


def _talk(world: HttpWorld, code: str, phone: str, stdin: TextIO, paper: Paper) -> int:
    """By hand: every line is an answer, an end of file hangs up."""
    if not _dialled(world, code, phone, paper):
        return WRONG_USE
    while world.calls[phone].open:
        if not paper.as_json:
            print("  > ", end="", file=paper.out, flush=True)
        typed = stdin.readline()
        if not typed:
            world.hang_up(phone, told=True)
            if not paper.as_json:
                print("\n    you hung up", file=paper.out)
            break
        typed = typed.rstrip("\r\n")
        paper.show(typed, world.send(phone, typed))
    return DONE


def _run(world: HttpWorld, code: str, phone: str, inputs: list[str], paper: Paper) -> int:
    """A list of inputs, then hang up."""
    if not _dialled(world, code, phone, paper):
        return WRONG_USE
    for position, typed in enumerate(inputs):
        if not world.calls[phone].open:
            paper.complain(f"The call ended before input {position + 1} of {len(inputs)}.")
            return FOUND
        paper.show(typed, world.send(phone, typed))
    world.hang_up(phone, told=True)
    return DONE


def _dialled(world: HttpWorld, code: str, phone: str, paper: Paper) -> bool:
    """Begin the call; False where the code or the number cannot be dialled at all."""
    try:
        suffix_of(code or world.service_code, world.service_code)
    except ValueError as fault:
        paper.complain(f"{fault}.")
        return False
    if not (phone.startswith("+") and phone[1:].isdigit()):
        paper.complain("--phone is a number such as +250788000001.")
        return False
    paper.show(code, world.dial(phone, code))
    return True


def _replay(world: HttpWorld, path: Path, phone: str, paper: Paper) -> int:
    """A transcript; the first thing that goes otherwise ends it."""

    def on_shown(step: Step, shown: Shown) -> None:
        if not paper.as_json:
            print(f"  {step.verb} {step.words}".rstrip(), file=paper.out)
        paper.show(step.words, shown)

    try:
        script = parse(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as fault:
        paper.complain(f"{path} cannot be read: {type(fault).__name__}.")
        return WRONG_USE
    except BadTranscript as fault:
        paper.complain(str(fault))
        return WRONG_USE
    try:
        screens = Player(world, phone, on_shown).play(script)
    except Unexpected as fault:
        paper.complain(str(fault))
        return FOUND
    if not paper.as_json:
        print(f"{path.name}: {len(script.steps)} steps, {screens} screens, all as written", file=paper.out)
    return DONE
