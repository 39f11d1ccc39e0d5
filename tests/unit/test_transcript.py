"""The transcript format: what it reads, what it refuses, and that it fails where the dialogue goes otherwise."""

from __future__ import annotations

import pytest

from tests.fake_market import SECRET, FakeMarket
from ussd_app.handset import HttpWorld
from ussd_app.player import Player, Unexpected
from ussd_app.transcript import BadTranscript, Expect, Shown, parse

PHONE = "+250788000001"
DIALOGUE = f"""# a sale, and all that a network does on the way
given seller Mukamana {PHONE} speaks rw at Remera pin 13579
dial *384*100#   -> CON contains "Gurisha" and screen home
-> lacks "Kawa"
send 1           -> CON contains "Igicuruzwa", screen sell.produce
send abc         -> CON same screen, one line of guidance first
again            -> same screen, one line of guidance first
repeat           -> identical
hang up; dial    -> CON offers to continue
dial *384*100*1*1# -> CON contains "Ingano" and "Kawa"
send 40          -> END contains "40 kg" and screen sell.done
late 0           -> CON screen sell.quantity and identical
sms to {PHONE} contains "40 kg" and lacks "RWF"
as +250728000002
sms from +250728000002 "IGICIRO KAWA"
sms to +250728000002 contains "650 RWF"
no sms to +250728000003
as mukamana
wait 11 minutes
"""


class Server:
    """A fake market and a handset on one wire to it, with people and time of its own."""

    def __init__(self, wire: str = "africastalking") -> None:
        self.market = FakeMarket()
        self.given: list[str] = []
        self.waited: list[int] = []
        self.world = HttpWorld(
            self.market.app,
            SECRET,
            wire,
            on_given=self.given.append,
            on_wait=self.waited.append,
            on_inbox=lambda phone: self.market.inbox.get(phone, []),
        )

    def play(self, text: str) -> int:
        return Player(self.world).play(parse(text, "sale.txt"))


@pytest.mark.parametrize("wire", ["africastalking", "hubtel", "simulator"])
def test_the_same_dialogue_plays_over_every_wire(wire: str) -> None:
    server = Server(wire)
    assert server.play(DIALOGUE) == 9
    assert server.given == [f"seller Mukamana {PHONE} speaks rw at Remera pin 13579"]
    assert server.waited == [660_000]


def test_africas_talking_gets_the_five_fields_and_the_whole_path() -> None:
    server = Server()
    server.play("dial\nsend 1\nsend\nsend 7*7\nhang up")
    turns, ends = [told for path, told in server.market.posted if not path.endswith("events")], server.market.posted[-1]
    assert [turn["text"] for turn in turns] == ["", "1", "1*", "1**7*7"]
    assert {tuple(turn) for turn in turns} == {("sessionId", "serviceCode", "phoneNumber", "networkCode", "text")}
    assert len({turn["sessionId"] for turn in turns}) == 1
    assert turns[0]["networkCode"] == "63510"
    assert ends[0] == f"/ussd/africastalking/{SECRET}/events"
    assert (ends[1]["status"], ends[1]["hopsCount"], ends[1]["input"]) == ("Incomplete", "4", "1**7*7")


def test_drop_tells_nobody_and_hang_up_does() -> None:
    server = Server()
    server.play("dial; drop")
    assert [path for path, _ in server.market.posted] == [f"/ussd/africastalking/{SECRET}"]
    server.play("dial; hang up")
    assert server.market.posted[-1][0].endswith("/events")


def test_a_repeat_sends_the_same_bytes() -> None:
    server = Server("simulator")
    server.play("dial\nsend 1\nrepeat -> identical\nsend 1 -> screen sell.quantity")
    told = [body for _, body in server.market.posted]
    assert told[1] == told[2] != told[3]


def test_a_dialogue_goes_on_from_where_a_late_callback_found_it() -> None:
    text = "dial; send 1\nlate 0 -> identical and screen home\n-> screen sell.produce\n"
    again = "send abc -> same screen, one line of guidance first\nsend 1 -> screen sell.quantity"
    assert Server().play(text + again) == 5


def test_a_late_callback_that_is_answered_otherwise_is_a_fault() -> None:
    server = Server()
    server.market.forgetful = True
    with pytest.raises(Unexpected, match=r"sale\.txt:2: expected identical; before it was:\n    \| CON  \[home\]"):
        server.play("dial; send 1\nlate 0 -> identical")


FAILING = [
    ('dial -> CON contains "Kugura"', 'sale.txt:1: expected contains "Kugura" (not there)'),
    ('dial -> CON lacks "Gurisha"', 'sale.txt:1: expected lacks "Gurisha" (there)'),
    ("dial -> END", "sale.txt:1: expected END, not CON"),
    ("dial\n\nsend 1 -> screen home", "sale.txt:3: expected screen home, not sell.produce"),
    ("dial; send 1 -> CON same screen", "expected same screen; before it was:"),
    ("dial; send 1 -> one line of guidance first", "expected one line of guidance first; before"),
    ("dial; send 1 -> identical", "expected identical; before"),
    ("dial -> offers to continue", "expected offers to continue (no such option)"),
    ("send 1", "sale.txt:1: no call is running: dial first"),
    ("dial *123#", "sale.txt:1: *123# is not *384*100# or a code under it"),
    ("-> CON", "nothing is on the screen yet"),
    ("as nobody", "nobody was given by the name 'nobody'"),
    ('sms to +250788000001 contains "x"', 'expected sms to ...001 contains "x"\nthe inbox holds:\n    | (empty)'),
    ('sms from +250788000001 "A"\nno sms to +250788000001', "sale.txt:2: expected no sms to ...001"),
    ("dial; late 1", "there is no such callback to repeat"),
]


@pytest.mark.parametrize(("text", "told"), FAILING)
def test_what_goes_otherwise_is_told_by_file_and_line(text: str, told: str) -> None:
    with pytest.raises(Unexpected) as fault:
        Server().play(text)
    assert told in str(fault.value)


def test_a_fault_shows_the_screen() -> None:
    with pytest.raises(Unexpected) as fault:
        Server().play("dial -> END")
    assert "shown:\n    | CON  [home]\n    | Murakaza neza\n    | 1 Gurisha" in str(fault.value)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((200, "CON " + "a" * 157), "at most 160 septets, not 161"),
        ((200, " CON hello"), "begins neither with CON nor with END"),
        ((500, "CON hello"), "status 500"),
        ((200, "CON ç"), "not in the GSM-7 alphabet"),
    ],
)
def test_an_answer_no_gateway_shows_is_a_fault(answer: tuple[int, str], told: str) -> None:
    server = Server()
    server.market.answer = answer
    with pytest.raises(Unexpected, match=r"sale\.txt:1: ") as fault:
        server.play("dial")
    assert told in str(fault.value)


BAD = [
    ("ring *384*100#", "this is no step"),
    ("dial ->", "nothing is expected after ->"),
    ("dial -> says hello", "not an expectation: says hello"),
    ('dial -> "x"', 'not an expectation: "x"'),
    ("hang up -> CON", "'hang up' shows nothing to expect"),
    ("wait 3 moons", "this is no step"),
    ("sms to +250788000001 screen home", "an SMS can be expected to contain"),
    ("late soon", "this is no step"),
]


@pytest.mark.parametrize(("line", "told"), BAD)
def test_a_line_that_cannot_be_read_is_told_by_file_and_line(line: str, told: str) -> None:
    with pytest.raises(BadTranscript) as fault:
        parse(f"# first\n{line}", "sale.txt")
    assert str(fault.value).startswith(f"sale.txt:2: {told}")
    assert str(fault.value).endswith(line)


def test_quotes_hide_what_would_divide_a_line() -> None:
    script = parse('send "a; b -> c and, d" -> contains "x -> y; z and \\"q\\", \\\\ \\n"')
    assert [step.words for step in script.steps] == ["a; b -> c and, d"]
    assert script.steps[0].expects == (Expect("contains", 'x -> y; z and "q", \\ \n'),)


def test_every_screen_is_shown_to_who_asks() -> None:
    server, seen = Server(), []

    def on_shown(step: object, shown: Shown) -> None:
        seen.append((shown.screen, shown.septets))

    Player(server.world, PHONE, on_shown).play(parse("dial; send 1"))
    assert seen == [("home", 4 + 44), ("sell.produce", 4 + 37)]


def test_a_wait_on_a_running_server_is_short_or_refused() -> None:
    world = HttpWorld(FakeMarket().app, SECRET)
    world.wait(1)
    with pytest.raises(ValueError, match="clock of its own"):
        world.wait(61_000)
