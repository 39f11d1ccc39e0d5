"""Callers in a process of their own: `python -m tests.bench.loadgen`, orders as JSON on its input, figures as JSON out.

Closed: each of N callers keeps one connection and sends its next turn when the last is answered. Open: turns come at a
fixed rate whatever is answered, and a turn's time runs from when it was due, so that a stall is counted against every
caller who would have met it.
"""

from __future__ import annotations

import json
import os
import secrets
import selectors
import socket
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

PATIENCE_S = 30.0
Step = tuple[str, str]


@dataclass
class Orders:
    """What to send. `walk`: what is typed and the screen that must answer it ('' = any), over and over, by a phone
    chosen anew for each call from `phones`. `rate` turns a second (0 = closed)."""

    port: int
    path: str
    callers: int
    seconds: float
    warm_s: float
    walk: list[Step]
    phones: list[str]
    rate: float = 0.0
    cpus: list[int] = field(default_factory=list)


class Caller:
    """One keep-alive connection and the call made over it."""

    def __init__(self, orders: Orders, phones: deque[str]) -> None:
        self.orders = orders
        self.phones = phones
        self.sock = socket.create_connection(("127.0.0.1", orders.port), PATIENCE_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.since = 0.0
        self.step = len(orders.walk)
        self.phone = self.session = ""
        self.typed: list[str] = []

    def send(self, since: float) -> None:
        """Send the next turn of the call, or dial anew; `since` is when its time began."""
        if self.step >= len(self.orders.walk):
            if self.phone:
                self.phones.append(self.phone)
            self.phone, self.session = self.phones.popleft(), f"ATUid_{secrets.token_hex(16)}"
            self.step, self.typed = 0, []
        typed = self.orders.walk[self.step][0]
        if typed:
            self.typed.append(typed)
        body = (
            f"sessionId={self.session}&serviceCode=%2A384%2A100%23&phoneNumber={quote(self.phone)}&networkCode=63510"
            f"&text={quote('*'.join(self.typed))}"
        ).encode()
        head = (
            f"POST {self.orders.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        ).encode()
        self.since = since
        self.sock.sendall(head + body)

    def receive(self) -> str | None:
        """Take what has come; returns None while the answer is not whole, else '' or what is wrong with it."""
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = self.buffer[:end].lower()
        at = head.find(b"content-length: ")
        if at < 0:
            raise ConnectionError("an answer without a length")
        whole = end + 4 + int(head[at + 16 :].split(b"\r\n", 1)[0])
        if len(self.buffer) < whole:
            return None
        body, self.buffer = self.buffer[end + 4 : whole], self.buffer[whole:]
        wanted = self.orders.walk[self.step][1]
        self.step += 1
        if not head.startswith(b"http/1.1 200") or body[:4] not in (b"CON ", b"END "):
            return f"not an answer: {head[:12].decode('ascii', 'replace')}"
        if wanted and f"at-ussd-hop-metadata: {wanted}\r\n".encode() not in head + b"\r\n":
            return f"not {wanted}: {body[:40].decode('ascii', 'replace')}"
        return ""


@dataclass
class Heard:
    """What came back. Latencies in milliseconds, of the answers within the counted seconds alone."""

    latencies: list[float] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)
    answers: int = 0

    def note(self, caller: Caller, trouble: str, now: float, counted_from: float) -> None:
        self.answers += 1
        if trouble:
            self.wrong[trouble] += 1
            caller.step = len(caller.orders.walk)  # this call is lost: dial again
        if now >= counted_from:
            self.latencies.append((now - caller.since) * 1000)


def closed(orders: Orders) -> dict[str, Any]:
    """As fast as the server lets N callers be."""
    callers, chooser = _callers(orders)
    heard = Heard()
    counted_from = time.perf_counter() + orders.warm_s
    end = counted_from + orders.seconds
    for caller in callers:
        caller.send(time.perf_counter())
    waiting = len(callers)
    stopped = 0.0
    while waiting:
        for key, _ in chooser.select(PATIENCE_S) or _nobody():
            caller = key.data
            trouble = caller.receive()
            if trouble is None:
                continue
            now = time.perf_counter()
            heard.note(caller, trouble, now, counted_from)
            if now < end:
                caller.send(now)
            else:  # whoever waited over the end counted too: the slowest answers are the ones that are cut off
                waiting -= 1
                stopped = now
    return _figures(heard, stopped - counted_from)


def opened(orders: Orders) -> dict[str, Any]:
    """`rate` turns a second, each timed from when it was due."""
    callers, chooser = _callers(orders)
    heard = Heard()
    began = time.perf_counter()
    counted_from = began + orders.warm_s
    end = counted_from + orders.seconds
    free, due = deque(callers), deque[float]()
    number = 0
    while True:
        now = time.perf_counter()
        while (at := began + number / orders.rate) <= now and at < end:
            due.append(at)
            number += 1
        while due and free:
            free.popleft().send(due.popleft())
        if at >= end and not due and len(free) == len(callers):
            break
        timeout = max(0.0, at - now) if at < end else PATIENCE_S
        for key, _ in chooser.select(timeout):
            trouble = key.data.receive()
            if trouble is not None:
                heard.note(key.data, trouble, time.perf_counter(), counted_from)
                free.append(key.data)
        if now > end + PATIENCE_S:
            _nobody()
    return _figures(heard, orders.seconds)


def _callers(orders: Orders) -> tuple[list[Caller], selectors.BaseSelector]:
    line = deque(orders.phones)
    chooser = selectors.DefaultSelector()
    callers = [Caller(orders, line) for _ in range(orders.callers)]
    for caller in callers:
        chooser.register(caller.sock, selectors.EVENT_READ, caller)
    return callers, chooser


def _nobody() -> list[Any]:
    raise TimeoutError(f"no answer within {PATIENCE_S:.0f} s")


def _figures(heard: Heard, seconds: float) -> dict[str, Any]:
    ordered = sorted(heard.latencies)
    if not ordered:
        raise TimeoutError("nothing was answered in the counted seconds")
    return {
        "answers": heard.answers,
        "counted": len(ordered),
        "rate": len(ordered) / seconds,
        "p50": ordered[len(ordered) // 2],
        "p99": ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
        "max": ordered[-1],
        "wrong": sum(heard.wrong.values()),
        "troubles": heard.wrong.most_common(3),
    }


def main() -> int:
    orders = Orders(**json.load(sys.stdin))
    if orders.cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, orders.cpus)
    json.dump(opened(orders) if orders.rate else closed(orders), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
