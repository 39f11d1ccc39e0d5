"""The mail sender against a server on this machine that speaks just enough SMTP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from ussd_app.worker.mail import MailOut, MailSender

MAIL = MailOut("01J", "buyer@example.org", "Order 1234", "Muraho\nOrder 1234: 40 kg")


class Server:
    """Answers each command by its first word (`answers`, else 250) and keeps what was said."""

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}
        self.said: list[str] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        try:
            while True:
                connection, _ = self.socket.accept()
                with connection, connection.makefile("rwb") as wire:
                    self.talk(wire)
        except OSError:
            return  # closed at the end of the test

    def talk(self, wire: object) -> None:
        def say(text: str) -> None:
            wire.write(text.encode() + b"\r\n")  # type: ignore[attr-defined]
            wire.flush()  # type: ignore[attr-defined]

        say(self.answers.get("hello", "220 here"))
        body = False
        for raw in wire:  # type: ignore[attr-defined]
            line = raw.decode().rstrip("\r\n")
            self.said.append(line)
            word = line.split(" ")[0].split(":")[0].upper()
            if body:
                if line == ".":
                    body = False
                    say(self.answers.get("end", "250 kept"))
            elif word == "QUIT":
                say("221 bye")
                return
            else:
                say(self.answers.get(word, "354 go on" if word == "DATA" else "250 fine"))
                body = word == "DATA" and word not in self.answers


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.socket.shutdown(socket.SHUT_RDWR)
    running.socket.close()
    running.thread.join(5)


def test_a_mail_is_handed_over(server: Server) -> None:
    result = MailSender(f"smtp://127.0.0.1:{server.port}?from=market@example.org").send(MAIL)
    assert (result.outcome, result.external_id) == ("accepted", "01J")
    assert "rcpt TO:<buyer@example.org>" in server.said
    assert "From: market@example.org" in server.said and "Subject: Order 1234" in server.said
    assert "Message-ID: <01J@example.org>" in server.said and "Order 1234: 40 kg" in server.said


@pytest.mark.parametrize(
    ("word", "answer", "outcome"),
    [
        ("RCPT", "550 nobody here", "refused"),
        ("RCPT", "450 later", "retry"),
        ("end", "554 no spam", "refused"),
        ("end", "451 later", "retry"),
        ("MAIL", "530 sign in first", "retry"),
        ("hello", "554 not today", "retry"),
    ],
)
def test_answers_of_the_server(server: Server, word: str, answer: str, outcome: str) -> None:
    server.answers[word] = answer
    assert MailSender(f"smtp://127.0.0.1:{server.port}").send(MAIL).outcome == outcome


def test_a_server_that_is_not_there_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    result = MailSender(f"smtp://127.0.0.1:{port}").send(MAIL)
    assert (result.outcome, result.reason) == ("retry", "ConnectionRefusedError")


def test_a_wrong_address_is_refused() -> None:
    for url in ("", "http://x", "smtp://"):
        with pytest.raises(ValueError, match="MAIL_URL"):
            MailSender(url)


def test_no_header_can_be_slipped_in(server: Server) -> None:
    sender = MailSender(f"smtp://127.0.0.1:{server.port}")
    assert sender.send(MailOut("1", "a@example.org\nBcc: b@example.org", "s", "t")).outcome == "refused"
    assert sender.send(MailOut("1", "a@example.org", "s\nBcc: b@example.org", "t")).outcome == "accepted"
    assert "Subject: s Bcc: b@example.org" in server.said
