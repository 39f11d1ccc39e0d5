"""Phones over real HTTP in the wire of Africa's Talking, and people who know what to answer on each screen."""

from __future__ import annotations

import http.client
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from tests.faults.processes import SECRET, SERVICE_CODE

PIN = "48291"
HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}
PATH = f"/ussd/africastalking/{SECRET}"
GIVE_UP_S = 60.0


class NoAnswer(Exception):
    """The connection was refused or broke: nobody knows whether the turn was taken."""


@dataclass(frozen=True)
class Answer:
    """A screen as the gateway got it."""

    body: str
    screen: str

    @property
    def more(self) -> bool:
        return self.body.startswith("CON ")

    @property
    def text(self) -> str:
        return self.body[4:]


@dataclass
class Phone:
    """One handset. A gateway gives a session an id and sends the whole path typed so far at every turn."""

    port: int
    msisdn: str
    session: str = ""
    typed: list[str] = field(default_factory=list)
    answered: int = 0  # callbacks of this session that were answered
    _connection: http.client.HTTPConnection | None = None

    def dial(self) -> Answer:
        """Begin a new session. Raises NoAnswer."""
        self.session, self.typed, self.answered = f"ATUid_{secrets.token_hex(12)}", [], 0
        return self._post()

    def send(self, text: str) -> Answer:
        """Answer the screen. Raises NoAnswer; `again` then sends the same callback once more."""
        self.typed.append(text)
        return self._post()

    def again(self) -> Answer:
        """The last callback once more, the same bytes."""
        return self._post()

    def before(self) -> Answer:
        """The callback before the last once more."""
        return self._ask("*".join(self.typed[:-1]))

    def _post(self) -> Answer:
        answer = self._ask("*".join(self.typed))
        self.answered = 1 + len(self.typed)
        return answer

    def _ask(self, text: str) -> Answer:
        form = {"sessionId": self.session, "serviceCode": SERVICE_CODE, "phoneNumber": self.msisdn}
        body = urlencode({**form, "networkCode": "63510", "text": text})
        connection = self._connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        self._connection = connection
        try:
            connection.request("POST", PATH, body, HEADERS)
            reply = connection.getresponse()
            told = reply.read().decode("utf-8")
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self._connection = None
            raise NoAnswer(f"{type(error).__name__}: {error}") from error
        assert reply.status == 200, f"a turn was answered with status {reply.status}: {told[:200]}"
        assert told[:4] in ("CON ", "END "), told[:200]
        return Answer(told, reply.getheader("at-ussd-hop-metadata", ""))

    def close(self) -> None:
        """Hang the connection up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


Script = Mapping[str, str]

REGISTER: Script = {
    "welcome": "2",
    "register.consent": "1",
    "register.name": "Uwase Claire",
    "register.place": "Remera",
    "register.place_pick": "1",
    "register.pin": PIN,
    "register.pin_again": PIN,
}
REPEAT: Script = {"home": "7"}
ACCEPT: Script = {"home": "2", "offers.list": "1", "offers.one": "1", "offers.pin": PIN}
ACCEPT_COUNTER: Script = {"home": "2", "buy.offers": "1", "buy.offer": "1", "offers.pin": PIN}


def selling(produce: int, price: int, kilos: int = 50) -> Script:
    """What a seller answers until her listing stands."""
    steps = {"sell.produce": str(produce), "sell.quantity": str(kilos), "sell.price": str(price), "sell.confirm": "1"}
    return {"home": "1", **steps}


def buying(produce: int, price: int) -> Script:
    """What a buyer answers until his offer on the cheapest goods is sent."""
    steps = {"buy.produce": str(produce), "buy.where": "1", "buy.list": "1", "buy.one": "1", "buy.price": str(price)}
    return {"home": "1", **steps, "buy.confirm": "1"}


@dataclass
class Tally:
    """What the people of one run were told, and what they had to do to hear it."""

    repeats: int = 0  # callbacks sent again after a broken connection
    compared: int = 0  # answers of before a kill that were asked for again, and were the same bytes
    redials: int = 0
    locked: int = 0  # three kills fell into the checks of one PIN: a try is spent before it is judged
    turns: dict[str, int] = field(default_factory=dict)  # session -> callbacks answered
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, repeats: int = 0, compared: int = 0, redials: int = 0, locked: int = 0) -> None:
        with self.lock:
            self.locked += locked
            self.repeats += repeats
            self.compared += compared
            self.redials += redials

    def note(self, phone: Phone) -> None:
        with self.lock:
            self.turns[phone.session] = phone.answered


@dataclass
class Person:
    """Somebody with a phone. `patient`: the gateway sends a turn without an answer again until it is answered (so each
    step is known to have been taken once); otherwise the call drops and she dials again."""

    phone: Phone
    tally: Tally
    patient: bool = True
    dropped: bool = False  # this dialogue broke off once: what is offered to go on with is this dialogue's own

    def does(self, script: Script, until: str) -> Answer | None:
        """Answer every screen by `script` until the screen `until` is shown or the call ends there.

        None: the call dropped at the last step, and after dialling again she cannot tell whether it was taken; or her
        PIN is locked.
        """
        self.dropped = False
        try:
            return self._through(script, until)
        finally:
            self.phone.close()

    def _through(self, script: Script, until: str) -> Answer | None:
        answer: Answer | None = self._call(self.phone.dial)
        seen: Answer | None = None
        last = False
        for _ in range(40):
            if answer is not None and answer.screen == "pin.locked":
                self.tally.add(locked=1)
                answer = None
            if answer is None:
                return None
            if answer.screen == until and (last or not answer.more):
                return answer
            assert answer.more, f"the call ended on {answer.screen!r}, not on {until!r}: {answer.text}"
            resume = "1" if self.dropped else "2"
            seen, typed = answer, resume if answer.screen == "resume" else script.get(answer.screen)
            assert typed is not None, f"nobody told what to answer on {answer.screen!r}: {answer.text}"
            last = answer.screen == [*script][-1]
            answer = self._send(typed, seen, last)
        raise AssertionError(f"the dialogue does not end: {seen}")

    def _send(self, typed: str, before: Answer, last: bool) -> Answer | None:
        try:
            answer = self.phone.send(typed)
        except NoAnswer:
            if self.patient:
                answer = self._until_answered(before)
            else:
                self.tally.add(redials=1)
                self.dropped = True
                return None if last else self._call(self.phone.dial)
        self._judge(answer)
        return answer

    def _call(self, dial: Callable[[], Answer]) -> Answer:
        end = time.monotonic() + GIVE_UP_S
        while True:
            try:
                answer = dial()
                self._judge(answer)
                return answer
            except NoAnswer:
                assert time.monotonic() < end, "nobody answers"
                self.tally.add(repeats=1)
                time.sleep(0.1)
                if self.patient:
                    dial = self.phone.again

    def _until_answered(self, before: Answer) -> Answer:
        """The answer of before must still be there, the same bytes; then the turn that broke is sent until it is."""
        end = time.monotonic() + GIVE_UP_S
        compared = False
        while True:
            try:
                if not compared:
                    assert self.phone.before() == before, "an answer that was given is no longer there"
                    self.tally.add(compared=1)
                    compared = True
                return self.phone.again()
            except NoAnswer:
                assert time.monotonic() < end, "nobody answers"
                self.tally.add(repeats=1)
                time.sleep(0.1)

    def _judge(self, answer: Answer) -> None:
        assert answer.screen not in ("sorry", "over"), f"{answer.screen}: {answer.text}"
        self.tally.note(self.phone)
