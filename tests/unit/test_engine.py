"""The engine alone: no store, no Flask. A small conversation that shows each rule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ussd_app.engine.answers import Code, Money, PhoneNumber, QuantityOf, Words
from ussd_app.engine.check import Caller, Report, check
from ussd_app.engine.graph import edges, mermaid, svg
from ussd_app.engine.screen import Ask, Confirm, Done, Menu, Option, Pages, Screens, Secret, Wrong
from ussd_app.engine.session import CONTINUE, Engine, SecretTyped, Shown, key_of
from ussd_app.engine.visit import State, Visit
from ussd_app.i18n import Msg, _
from ussd_app.lib.clock import ManualClock
from ussd_app.lib.gsm7 import septets


class Services:
    clock = ManualClock()
    hub = None
    settings = None


def conversation() -> tuple[Screens, list[Any]]:
    """home -> list of 14 fixed options, a question, a confirmation, a PIN, something to read."""
    screens, done = Screens(), []

    @screens.screen("home", goes=("pick", "ask", "read", "pin", "note"), entry=True)
    def home(visit: Visit) -> Menu:
        return Menu("Home", [
            Option("Pick", "pick", number=1),
            Option("Quantity", "ask", number=2),
            Option("Read", "read", number=3),
            Option("Secret", "pin", number=5),
            Option("At once", "note", number=7, confirms=True),
        ], back=False)  # fmt: skip

    @screens.screen("pick", goes=("picked",))
    def pick(visit: Visit) -> Menu:
        numbers = [n for n in range(1, 16) if n != 9]
        return Menu("Which one?", [Option(f"Thing {n}", "picked", f"t{n}", n) for n in numbers], keep="thing")

    @screens.screen("picked", goes=("done",))
    def picked(visit: Visit) -> Confirm:
        return Confirm(f"Take {visit.draft['thing']}?", "done", "Yes please", [Option("Other", "pick", number=2)])

    @screens.action("done")
    def finish(visit: Visit) -> Done:
        done.append(dict(visit.draft))
        return Done(f"Took {visit.draft['thing']}")

    @screens.action("note", goes=("home",))
    def note(visit: Visit) -> str:
        done.append("note")
        visit.guide(_("Noted."))
        return "home"

    @screens.screen("ask", goes=("shown",))
    def ask(visit: Visit) -> Ask:
        return Ask("How many kg?", QuantityOf("g", 1_000_000), "quantity", "shown")

    @screens.screen("shown", goes=())
    def shown(visit: Visit) -> Pages:
        return Pages(f"You said {visit.draft['quantity']}")

    @screens.screen("read", goes=())
    def read(visit: Visit) -> Pages:
        return Pages("word " * 80)

    @screens.screen("pin", goes=("opened",))
    def pin(visit: Visit) -> Secret:
        return Secret("PIN:", "opened")

    @screens.screen("opened", goes=())
    def opened(visit: Visit) -> Pages:
        return Pages("Open" if visit.verified else "Shut")

    return screens, done


class Call:
    """One caller on one engine, state carried from turn to turn as JSON would."""

    def __init__(self, screens: Screens) -> None:
        self.engine = Engine(screens, lambda pin, msisdn: pin == "11111")
        self.state = State()
        self.shown: Shown | SecretTyped = self._turn(lambda visit: self.engine.begin(visit, "home"))

    def _turn(self, act: Any) -> Any:
        self.visit = Visit(None, Services(), Services.clock.now(), "+250788000001", self.state)
        self.visit.state.language = "en"
        result = act(self.visit)
        self.state = State.from_dict(self.visit.state.as_dict())
        return result

    def send(self, typed: str) -> Any:
        self.shown = self._turn(lambda visit: self.engine.answer(visit, typed))
        return self.shown

    def dial(self, typed: str) -> Any:
        self.state = State()
        self._turn(lambda visit: self.engine.begin(visit, "home"))
        self.shown = self._turn(lambda visit: self.engine.direct_dial(visit, typed))
        return self.shown


@pytest.fixture
def call() -> Call:
    screens, done = conversation()
    made = Call(screens)
    made.done = done  # type: ignore[attr-defined]
    return made


def text(shown: Any) -> str:
    assert isinstance(shown, Shown)
    return shown.text


def test_a_long_list_pages_with_at_most_six_options_and_every_key_works_from_any_page(call: Call) -> None:
    first = text(call.send("1"))
    assert [line.split()[0] for line in first.splitlines()[1:-1]] == ["1", "2", "3", "4", "5", "6"]
    assert first.endswith("0 Back 9 More")
    assert "\n7 Thing 7\n" in text(call.send("9"))
    assert "Take t15?" in text(call.send("15"))


def test_back_more_and_home(call: Call) -> None:
    call.send("1")
    call.send("9")
    assert text(call.send("0")).startswith("Which one?\n1 Thing 1")
    assert text(call.send("0")).startswith("Home")
    call.send("1")
    call.send("3")
    assert text(call.send("00")).startswith("Home")
    assert call.state.stack == [] and call.state.draft == {}


def test_an_invalid_answer_repeats_the_same_screen_under_one_line_and_keeps_the_page(call: Call) -> None:
    call.send("1")
    call.send("9")
    wrong = text(call.send("banana"))
    assert wrong.splitlines()[0] == "Not a valid choice. Try again."
    assert "7 Thing 7" in wrong and call.state.page == 1


@pytest.mark.parametrize("typed", ["1", " 1 ", "01", "1.", "1#", "１", "١", "pick", "PICK"])
def test_many_ways_to_press_one_key(call: Call, typed: str) -> None:
    assert text(call.send(typed)).startswith("Which one?")


@pytest.mark.parametrize(("typed", "taken"), [("yego", True), ("Yes please", True), ("oui", True), ("oya", False)])
def test_yes_and_no_answer_a_confirmation_in_words(call: Call, typed: str, taken: bool) -> None:
    call.send("1")
    call.send("4")
    call.send(typed)
    assert bool(call.done) is taken  # type: ignore[attr-defined]


def test_on_a_typed_question_zero_is_back_and_nine_is_a_value(call: Call) -> None:
    call.send("2")
    assert text(call.send("9")).startswith("You said 9000")
    call.send("0")
    assert text(call.send("0")).startswith("Home")


def test_a_direct_dial_runs_the_steps_and_stops_before_what_commits(call: Call) -> None:
    assert text(call.dial("2*50")).startswith("You said 50000")
    assert text(call.dial("1*4*1")).startswith("Take t4?")
    assert text(call.dial("5*12345")).startswith("PIN:")
    assert text(call.dial("7")).startswith("Home")
    assert text(call.dial("2*lots*5")).startswith("Write numbers only")
    assert call.done == []  # type: ignore[attr-defined]


def test_several_answers_in_one_stop_before_a_confirmation_too(call: Call) -> None:
    assert text(call.send("1*4*1")).startswith("Take t4?")
    assert text(call.send("1")) == "Took t4"


def test_a_key_means_what_was_shown_whatever_changed_behind_it() -> None:
    screens, shelf = Screens(), ["a", "b"]

    @screens.screen("home", goes=("one",), entry=True)
    def home(visit: Visit) -> Menu:
        return Menu("List", [Option(name, "one", name) for name in shelf], keep="one", back=False)

    @screens.screen("one")
    def one(visit: Visit) -> Pages:
        return Pages(f"chose {visit.draft['one']}")

    call = Call(screens)
    shelf.insert(0, "new")
    assert text(call.send("1")).startswith("chose a")


def test_a_pin_leaves_the_engine_unjudged_and_is_nowhere_in_the_state(call: Call) -> None:
    call.send("5")
    typed = call.send("24680")
    assert typed == SecretTyped("check", "24680", "pin") and "24680" not in str(call.state.as_dict())
    wrong = call._turn(lambda visit: call.engine.secret_answered(visit, False, _("Wrong PIN. Tries left: {n}", n=2)))
    assert wrong.text.splitlines()[:2] == ["Wrong PIN. Tries left: 2", "PIN:"]
    right = call._turn(lambda visit: call.engine.secret_answered(visit, True))
    assert right.text.startswith("Open")
    assert text(call.send("0")).startswith("Home"), "nobody goes back into a PIN question"


def test_a_dropped_conversation_is_taken_up_again_with_its_draft(call: Call) -> None:
    call.send("1")
    call.send("4")
    dropped = call.state.as_dict()
    fresh = State(saved=dropped, language="en", verified_until=5)
    visit = Visit(None, Services(), Services.clock.now(), "+250788000001", fresh)
    assert text(call.engine.go(visit, CONTINUE)).startswith("Take t4?")
    assert visit.state.saved is None and visit.state.verified_until == 5


def test_long_texts_flow_over_pages_within_the_limit(call: Call) -> None:
    words, shown = 0, call.send("3")
    for _page in range(9):
        assert septets(text(shown)) + 4 <= 160
        words += text(shown).count("word")
        if "9 More" not in text(shown):
            break
        shown = call.send("9")
    assert words == 80


def test_an_action_that_leads_where_it_does_not_declare_is_refused() -> None:
    screens = Screens()
    screens.screen("home", goes=("act",), entry=True)(lambda visit: Menu("Home", [Option("Act", "act")], back=False))
    screens.action("act")(lambda visit: "home")
    with pytest.raises(LookupError, match="does not declare"):
        Call(screens).send("1")


# answers


@pytest.mark.parametrize(
    ("typed", "grams"),
    [("40", 40_000), ("40 kg", 40_000), ("40kg", 40_000), ("40,5", 40_500), ("1 200", 1_200_000), ("٤٠", 40_000)],
)
def test_quantities_are_read_as_people_write_them(typed: str, grams: int) -> None:
    assert QuantityOf("g", 9_000_000).read(typed) == grams


@pytest.mark.parametrize("typed", ["12OO", "-1", "NaN", "", "0", "a billion", "1e9"])
def test_what_is_no_quantity_gets_a_line_and_an_example(typed: str) -> None:
    answer = QuantityOf("g", 9_000_000).read(typed)
    assert isinstance(answer, Wrong) and "Example: 50" in answer.guidance.render("en")


def test_too_much_is_told_with_the_most_that_is_believed() -> None:
    answer = QuantityOf("g", 9_000_000).read("1000000000")
    assert isinstance(answer, Wrong) and answer.guidance.render("en") == "At most 9 000 kg."
    answer = Money("RWF", 5_000).read("5001")
    assert isinstance(answer, Wrong) and answer.guidance.render("en") == "At most 5 000 RWF."


def test_a_price_may_be_refused_with_its_own_line() -> None:
    floor: Any = lambda minor: _("Below {floor}", floor=600) if minor < 600 else None  # noqa: E731
    answer = Money("RWF", 5_000, floor).read("599")
    assert isinstance(answer, Wrong) and answer.guidance.render("en") == "Below 600"
    assert Money("RWF", 5_000, floor).read("1 200 frw") == 1_200


def test_codes_phone_numbers_and_words() -> None:
    assert Code(6).read(" 123 456 ") == "123456" and isinstance(Code(6).read("12345"), Wrong)
    assert PhoneNumber().read("0788 123 456") == "+250788123456" and isinstance(PhoneNumber().read("12"), Wrong)
    short = Words(lambda typed: typed if len(typed) < 4 else None, Msg("too long", {}))
    assert short.read("abc") == "abc" and short.read("abcd") == Wrong(Msg("too long", {}))


# the proof finds what it must find


class SmallWorld:
    """Nothing behind it: one caller, who begins on `first`."""

    def __init__(self, first: str = "home") -> None:
        self.first = first

    def callers(self, language: str) -> Iterator[Caller]:
        def visit(kept: State | None) -> Visit:
            return Visit(None, Services(), 1_000_000, "+250788000001", kept or State(language=language))

        yield Caller("somebody", visit, self.first, ("home", "next"))

    @contextmanager
    def undone(self) -> Iterator[None]:
        yield


def proved(screens: Screens, first: str = "home", limit: int = 160) -> Report:
    return check(screens, Engine(screens, lambda pin, msisdn: False, limit), SmallWorld(first), ["en"])


def broken(title: str = "Next", goes: tuple[str, ...] = ("next",), **more: Any) -> Screens:
    screens = Screens()

    @screens.screen("home", goes=goes, entry=True)
    def home(visit: Visit) -> Menu:
        return Menu("Home", [Option("Next", "next")], back=False)

    @screens.screen("next", goes=more.get("next_goes", ()))
    def following(visit: Visit) -> Any:
        result = more.get("shown") or Pages(title)
        return result

    if more.get("orphan"):
        screens.screen("lost")(lambda visit: Pages("Lost"))
    return screens


def test_a_sound_conversation_has_no_faults() -> None:
    report = proved(broken())
    assert report.faults == [] and report.shown == {"home": {"en"}, "next": {"en"}}


@pytest.mark.parametrize(
    ("screens", "fault"),
    [
        (broken(shown=Done("x" * 170)), "the title is cut"),
        (broken(shown=Menu("word " * 40, [Option("Next", "next")]), next_goes=("next",)), "the title is cut"),
        (broken(goes=("next", "nowhere")), "goes to nowhere, which does not exist"),
        (broken(goes=()), "leads to next, which it does not declare"),
        (broken(orphan=True), "lost: orphan"),
        (broken(orphan=True), "the walk never shows it in en"),
        (broken(shown=Done(" ")), "an empty screen"),
    ],
)
def test_the_proof_names_each_fault(screens: Screens, fault: str) -> None:
    assert any(fault in line for line in proved(screens).faults), proved(screens).faults


def test_a_screen_without_any_way_on_is_a_dead_end() -> None:
    nothing = Menu("Nothing here", [], back=False)
    assert any("dead end" in line for line in proved(broken(shown=nothing), first="next").faults)


def test_what_no_page_can_hold_is_named_with_its_septets() -> None:
    screens = broken(shown=Menu("Next", [Option("a label that is far too long", "next")]), next_goes=("next",))
    assert any("septets, 30 fit" in line for line in proved(screens, limit=30).faults)


def test_a_committing_key_may_not_be_valid_on_the_screen_that_follows_it() -> None:
    screens = Screens()
    home = Menu("Home", [Option("Do it", "act", confirms=True)], back=False)
    after = Menu("Done", [Option("Home", "home")], back=False)
    screens.screen("home", goes=("act",), entry=True)(lambda visit: home)
    screens.action("act", goes=("after",))(lambda visit: "after")
    screens.screen("after", goes=("home",))(lambda visit: after)
    assert any("key 1 commits, and is valid again on after" in line for line in proved(screens).faults)


def sure() -> Screens:
    """Key 1, or the label, leads to a confirmation on key 1 of the same label."""
    screens = Screens()
    home = Menu("Home", [Option("Undo", "sure")], back=False)
    screens.screen("home", goes=("sure",), entry=True)(lambda visit: home)
    others = [Option("Something else", "home", number=8)]
    screens.screen("sure", goes=("act", "home"))(lambda visit: Confirm("Undo it?", "act", "Undo", others))
    screens.action("act")(lambda visit: Done("Undone"))
    return screens


@pytest.mark.parametrize(("typed", "key"), [("1", "7"), ("Undo", "1"), (" 1# ", "7")])
def test_the_answer_that_led_to_a_confirmation_does_not_confirm_it_where_it_may_come_twice(
    typed: str, key: str
) -> None:
    engine = Engine(sure(), lambda pin, msisdn: False)

    def visit(state: State, came_by: str) -> Visit:
        return Visit(None, Services(), 0, "+250788000001", State.from_dict(state.as_dict()), came_by=came_by)

    first = visit(State(language="en"), "")
    engine.begin(first, "home")
    first = visit(first.state, key_of(typed))
    assert f"{key} Undo" in text(engine.answer(first, typed))
    again = visit(first.state, key_of(typed))
    assert text(engine.answer(again, typed)).startswith("Not a valid choice")
    assert text(engine.answer(visit(again.state, key_of(key)), key)) == "Undone"


def test_the_proof_finds_an_answer_that_commits_when_it_comes_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proved(sure()).faults == []
    monkeypatch.setattr("ussd_app.engine.check.key_of", lambda typed: "")  # as over a gateway that tells repeats apart
    assert "home: '1' leads to sure, and commits there when it comes twice" in proved(sure()).faults


def test_the_drawing_holds_every_declared_step() -> None:
    screens, _done = conversation()
    assert ("home", "pick") in edges(screens)
    assert "home --> pick" in mermaid(screens) and "done([done])" in mermaid(screens)
    assert svg(screens).startswith("<svg") and ">picked</text>" in svg(screens)
