"""Run a conversation: what is shown on a screen, what an answer to it does.

`Engine.begin`, `Engine.answer` and `Engine.secret_answered` change the visit's state and return what the phone shows.
A PIN is never judged here: `answer` returns `SecretTyped` and the conversation, which may use the CPU outside a
transaction, comes back with the verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ussd_app.engine import paging
from ussd_app.engine.screen import (
    Ask,
    Confirm,
    Done,
    Menu,
    Option,
    Pages,
    Screen,
    Screens,
    Secret,
    Wrong,
)
from ussd_app.engine.visit import State, Visit
from ussd_app.i18n import Msg, Text, _, show
from ussd_app.lib.gsm7 import fold_ascii
from ussd_app.lib.typed import normalise, yes_no

HOME = "home"
WELCOME = "welcome"  # before registration
WHO = "who"  # the choice among the people of a shared phone
RESUME = "resume"
CONTINUE = "resume.continue"  # not a screen: takes up the dropped conversation where it was
STACK_LIMIT = 24
VERIFIED_MS = 180_000  # a PIN given opens private screens for one session of the network, no longer
ACTIONS_IN_A_ROW = 8
_SPARE = (*range(8, 0, -1), *range(12, 100))  # keys for what commits, in the place of one that may come twice
LayOut = Callable[[str, tuple[str, ...], str, str, int, int, str], paging.Page]


@dataclass(frozen=True)
class Shown:
    """What the phone shows after a turn. `cut` is True where a title had to be cut to fit (the proof run forbids it)."""

    text: str
    more: bool
    screen: str
    cut: bool = False


@dataclass(frozen=True)
class SecretTyped:
    """A PIN was typed on screen `screen`: `purpose` check, choose or again. Somebody must judge it and call
    `secret_answered`."""

    purpose: str
    pin: str
    screen: str


class Engine:
    """The conversation over a register of screens; holds no state of any caller.

    `weak_pin(pin, msisdn)` says which new PINs are refused.
    """

    def __init__(self, screens: Screens, weak_pin: Callable[[str, str], bool], limit_septets: int = 160) -> None:
        self.screens = screens
        self.weak_pin = weak_pin
        self.limit = limit_septets

    def begin(self, visit: Visit, first: str, limit: int | None = None) -> Shown:
        """Show screen `first` of a fresh session."""
        return self._go(visit, first, limit or self.limit)

    def answer(self, visit: Visit, typed: str, limit: int | None = None) -> Shown | SecretTyped:
        """Take one answer to the screen that is shown.

        A typed `*` separates several answers (a direct dial): they run one by one, and stop before a PIN, before a
        key that commits something, and at the first one that is not understood.
        """
        limit = limit or self.limit
        result: Shown | SecretTyped | None = None
        for position, part in enumerate(typed.split("*")):
            if position and (not isinstance(result, Shown) or not result.more or self._guarded(visit, part)):
                break
            before = visit.guidance
            result = self._answer_one(visit, part, limit)
            if visit.guidance is not before:
                break
        assert result is not None
        return result

    def direct_dial(self, visit: Visit, typed: str, limit: int | None = None) -> Shown:
        """Run what was dialled after the service code against the screen that `begin` just showed."""
        limit = limit or self.limit
        shown: Shown | SecretTyped = self._show(visit, limit)
        for part in typed.split("*"):
            if self._guarded(visit, part) or not (isinstance(shown, Shown) and shown.more):
                break
            shown = self._answer_one(visit, part, limit)
            if visit.guidance is not None:
                break
        assert isinstance(shown, Shown)
        return shown

    def secret_answered(self, visit: Visit, ok: bool, guidance: Msg | None = None, limit: int | None = None) -> Shown:
        """Go on after a PIN was judged; `guidance` is shown above the same question when it was wrong."""
        limit = limit or self.limit
        secret = self._run_screen(visit, visit.state.screen)
        if not isinstance(secret, Secret):
            return self._show(visit, limit)  # what the PIN was for went away while it was judged
        if not ok:
            visit.guidance = guidance
            if secret.failed:
                return self._go(visit, secret.failed, limit)
            return self._show(visit, limit)
        if secret.purpose == "check":
            visit.state.verified_until = visit.now + visit.clock.wait(VERIFIED_MS)
        return self._go(visit, secret.then, limit)

    def go(self, visit: Visit, name: str, limit: int | None = None) -> Shown:
        """Lead the caller to a screen or action from outside (a lock, a resumed draft)."""
        return self._go(visit, name, limit or self.limit)

    def resume(self, visit: Visit, limit: int | None = None) -> Shown:
        """Show again the screen that the state stands on."""
        return self._show(visit, limit or self.limit)

    # one answer

    def _guarded(self, visit: Visit, typed: str) -> bool:
        """Would `typed` commit something or be a PIN? A direct dial never does either."""
        state = visit.state
        if state.kind in ("secret", "confirm"):
            return True
        key = state.keys.get(key_of(typed))
        return bool(key and _commits(key))

    def _answer_one(self, visit: Visit, typed: str, limit: int) -> Shown | SecretTyped:
        state = visit.state
        key = key_of(typed)
        if key == "00":
            return self._home(visit, limit)
        may_go_back = state.stack or state.kind in ("menu", "confirm", "pages", "ask", "secret")
        if key == "0" and may_go_back and not self._zero_answers(visit):
            return self._back(visit, limit)
        if state.kind in ("ask", "secret"):
            return self._typed_answer(visit, typed, limit)
        if key == "9" and state.pages > 1:
            state.page = (state.page + 1) % state.pages
            return self._show(visit, limit)
        chosen = self._chosen(visit, typed)
        if chosen is None:
            visit.guide(_("Not a valid choice. Try again."))
            return self._show(visit, limit)
        return self._choose(visit, chosen, limit)

    def _zero_answers(self, visit: Visit) -> bool:
        """Is 0 an answer to the question that is shown, and not the way back?"""
        if visit.state.kind != "ask":
            return False
        question = self._run_screen(visit, visit.state.screen)
        return isinstance(question, Ask) and question.zero

    def would_commit(self, visit: Visit, typed: str) -> bool:
        """Would this one answer to the shown menu commit something?"""
        chosen = self._chosen(visit, typed)
        return chosen is not None and _commits(chosen)

    def _chosen(self, visit: Visit, typed: str) -> list[Any] | None:
        """What the answer stands for; None for nothing, or for a commit that may be the last answer come twice."""
        state, key = visit.state, key_of(typed)
        chosen = state.keys.get(key) or self._by_label(visit, typed)
        if chosen and key == state.led_by and _commits(chosen):
            return None
        return chosen

    def _choose(self, visit: Visit, chosen: list[Any], limit: int) -> Shown:
        to, value = chosen[0], chosen[1]
        keep = chosen[3] if len(chosen) > 3 else ""
        if keep:
            visit.draft[keep] = value
        return self._go(visit, to, limit)

    def _typed_answer(self, visit: Visit, typed: str, limit: int) -> Shown | SecretTyped:
        """Read an answer to a typed question; what cannot be read leaves everything as it was."""
        question = self._run_screen(visit, visit.state.screen)
        if isinstance(question, Secret):
            return self._typed_pin(visit, question, typed, limit)
        if not isinstance(question, Ask):
            return self._show(visit, limit)
        value = question.accept.read(typed)
        if isinstance(value, Wrong):
            visit.guide(value.guidance)
            return self._show(visit, limit)
        visit.draft[question.keep] = value
        return self._go(visit, question.then, limit)

    def _typed_pin(self, visit: Visit, secret: Secret, typed: str, limit: int) -> Shown | SecretTyped:
        pin = normalise(typed).replace(" ", "")
        if not (len(pin) == 5 and pin.isascii() and pin.isdigit()):
            visit.guide(_("The PIN has 5 digits."))
            return self._show(visit, limit)
        if secret.purpose == "choose" and self.weak_pin(pin, visit.msisdn):
            visit.guide(_("This PIN is easy to guess. Choose another."))
            return self._show(visit, limit)
        return SecretTyped(secret.purpose, pin, visit.state.screen)

    def _by_label(self, visit: Visit, typed: str) -> list[Any] | None:
        """The option whose label was typed instead of its number; `yego` and `oya` on a confirmation."""
        wanted = fold_ascii(normalise(typed)).casefold().strip()
        if not wanted or wanted.isdigit():
            return None
        state = visit.state
        if state.kind == "confirm":
            answer = yes_no(typed)
            if answer is not None:
                return next(filter(_commits, state.keys.values())) if answer else [HOME, None]
        found: list[list[Any]] = []
        for option, number in self._numbered(self._run_screen(visit, state.screen), state.led_by):
            label = paging.plain(show(option.label, visit.language)).casefold()
            if label == wanted:
                return state.keys.get(str(number))
            if len(wanted) >= 3 and label.startswith(wanted) and str(number) in state.keys:
                found.append(state.keys[str(number)])
        return found[0] if len(found) == 1 else None

    # moving

    def _home(self, visit: Visit, limit: int) -> Shown:
        state = visit.state
        if state.screen != HOME:
            state.before = state.screen
        state.stack, state.draft, state.page = [], {}, 0
        home = self._home_of(visit)
        if home == HOME:
            state.saved = None
        return self._land(visit, home, limit)

    def _home_of(self, visit: Visit) -> str:
        """Where home is for this caller: nobody enters a shared phone's before her PIN, nor one before registering."""
        if visit.state.shared and not visit.verified:
            return WHO
        return HOME if visit.person or WELCOME not in self.screens.steps else WELCOME

    def _back(self, visit: Visit, limit: int) -> Shown:
        state = visit.state
        if state.page and state.kind in ("menu", "pages", "confirm"):
            state.page -= 1
            return self._show(visit, limit)
        if not state.stack:
            return self._show(visit, limit)
        state.page = 0
        return self._land(visit, state.stack.pop(), limit)

    def _go(self, visit: Visit, name: str, limit: int) -> Shown:
        """Follow actions until a screen is reached, and remember where we came from."""
        if name == CONTINUE:
            visit.state.restore()
            visit.state.led_by = visit.came_by
            return self._show(visit, limit)
        came_from = visit.state.screen
        for _round in range(ACTIONS_IN_A_ROW):
            step = self.screens[name]
            if not step.is_action:
                break
            result = step.run(visit)
            if isinstance(result, Done):
                return self._end(visit, name, result, limit)
            if result not in step.goes:
                raise LookupError(f"{name} led to {result}, which it does not declare")
            name = result
        else:
            raise LookupError(f"actions without end at {name}")
        state = visit.state
        state.page = 0
        if name == HOME:
            name = self._home_of(visit)
        if name == HOME:
            state.stack, state.draft = [], {}
        elif name in state.stack:
            del state.stack[state.stack.index(name) :]
        elif came_from and came_from != name and self._returnable(state):
            state.stack.append(came_from)
            del state.stack[:-STACK_LIMIT]
        return self._land(visit, name, limit)

    def _returnable(self, state: State) -> bool:
        """Is the screen we come from one to go back to? Never a PIN, nor the offer to resume."""
        return state.kind != "secret" and state.screen != RESUME and state.screen in self.screens.steps

    def _land(self, visit: Visit, name: str, limit: int) -> Shown:
        visit.state.screen, visit.state.led_by = name, visit.came_by
        return self._show(visit, limit)

    # showing

    def _run_screen(self, visit: Visit, name: str) -> Screen:
        result: Screen = self.screens[name].run(visit)
        return result

    def _show(self, visit: Visit, limit: int) -> Shown:
        state = visit.state
        shown = self._run_screen(visit, state.screen)
        if isinstance(shown, Done):
            return self._end(visit, state.screen, shown, limit)
        language = visit.language
        say = _Speaker(language)
        guidance = say(visit.guidance) if visit.guidance else ""
        state.kind = type(shown).__name__.lower()
        if isinstance(shown, (Ask, Secret)):
            state.keys, state.pages = {}, 1
            page = self._laid_out(paging.fit, visit, shown, say(shown.title), (), guidance, limit)
            return Shown(page.text, True, state.screen, page.cut)
        numbered = self._numbered(shown, state.led_by)
        keep = shown.keep if isinstance(shown, Menu) else ""
        state.keys = {str(n): _target(option, keep) for option, n in numbered}
        lines = tuple([f"{number} {say(option.label)}" for option, number in numbered])
        lay_out = paging.flow if isinstance(shown, Pages) else paging.fit
        title = shown.text if isinstance(shown, Pages) else shown.title
        page = self._laid_out(lay_out, visit, shown, say(title), lines, guidance, limit)
        state.pages = page.pages
        return Shown(page.text, True, state.screen, page.cut)

    def _laid_out(
        self,
        lay_out: LayOut,
        visit: Visit,
        shown: Screen,
        title: str,
        lines: tuple[str, ...],
        guidance: str,
        limit: int,
    ) -> paging.Page:
        """The page with full navigation; where the words `00 Home` alone would cost a page, without them (00 still works)."""
        say = _Speaker(visit.language)
        pages: list[paging.Page] = []
        for navigation in self._navigations(visit, shown):
            page = lay_out(title, lines, say(navigation), say(_("9 More")), visit.state.page, limit, guidance)
            if page.pages == 1 and not page.cut:
                return page
            pages.append(page)
        if guidance and all(page.cut for page in pages):
            # A question as long as the phone's screen: the guidance takes the place of its first lines.
            rest = title.partition("\n")[2]
            if rest:
                return self._laid_out(lay_out, visit, shown, rest, lines, guidance, limit)
            return self._laid_out(lay_out, visit, shown, guidance, lines, "", limit)
        return min(pages, key=lambda page: (page.cut, page.pages))

    def _navigations(self, visit: Visit, shown: Screen) -> list[Text]:
        """The navigation line, and the shorter one to fall back to."""
        if isinstance(shown, Done) or not shown.back or visit.state.screen == HOME:
            return [""]
        if isinstance(shown, Ask) and shown.zero:
            return [_("00 Home")]
        if len(visit.state.stack) > 1:
            return [_("0 Back 00 Home"), _("0 Back")]
        return [_("0 Back")]

    def _end(self, visit: Visit, name: str, done: Done, limit: int) -> Shown:
        visit.state.kind, visit.state.keys, visit.state.stack = "done", {}, []
        visit.state.screen = name
        say = _Speaker(visit.language)
        guidance = say(visit.guidance) if visit.guidance else ""
        page = paging.fit(say(done.text), (), "", "", 0, limit, guidance)
        return Shown(page.text, False, name, page.cut)

    @staticmethod
    def _numbered(shown: Screen, led_by: str) -> list[tuple[Option, int]]:
        """Options with their keys: lifelong where given, else counted from 1 without 9. What commits something never
        stands on the key that led here (`State.led_by`)."""
        if isinstance(shown, Confirm):
            options = [Option(shown.yes_label, shown.yes, confirms=True, number=1), *shown.others]
        elif isinstance(shown, (Menu, Pages)):
            options = list(shown.options)
        else:
            return []
        numbered: list[tuple[Option, int]] = []
        following = 1
        for option in options:
            number = option.number or following
            if option.number is None and number == 9:
                number = 10
            following = max(following, number) + 1
            numbered.append((option, number))
        if not led_by:
            return numbered
        taken = {str(number) for _option, number in numbered}
        free = next(number for number in _SPARE if str(number) not in taken)
        return [(one, free if one.confirms and str(number) == led_by else number) for one, number in numbered]


class _Speaker:
    """Says texts in one language, in letters every handset can draw."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, text: Text) -> str:
        return paging.plain(show(text, self.language))


def _target(option: Option, keep: str) -> list[Any]:
    """How a key is stored: where it leads, its value, whether it commits, where the value is kept."""
    target: list[Any] = [option.to, option.value]
    if option.confirms or (keep and option.value is not None):
        target.append(option.confirms)
    if keep and option.value is not None:
        target.append(keep)
    return target


def _commits(target: list[Any]) -> bool:
    return len(target) > 2 and bool(target[2])


def key_of(typed: str) -> str:
    """A menu key as typed: `1.`, ` 01`, `1#` and full-width digits all mean 1."""
    key = normalise(typed).strip(" .#)")
    if key.isdigit() and key not in ("00", "0"):
        return key.lstrip("0") or "00"
    return key
