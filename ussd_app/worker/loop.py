"""The worker's loop: lease what is due, send it, mark what became of it, and run the regular jobs.

Any number of workers may run beside each other: leases and job rows decide who does what. A worker that dies leaves
leases that run out; what it was just sending may then go out twice, never not at all.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, Protocol

from ussd_app.lib.clock import Clock
from ussd_app.lib.crash import crash_here
from ussd_app.lib.gsm7 import fold, sms_parts
from ussd_app.messages import SendResult, SmsOut
from ussd_app.store import Store, Tx, outbox
from ussd_app.worker.jobs import Jobs, Schedule
from ussd_app.worker.mail import MailOut
from ussd_app.worker.rate import Rate

LANES = 4  # sends under way at once: a slow answer keeps only its own lane
IDLE_S = 0.2
LEASE_MS = 30_000
LEASE_LEAST_MS = 20_000  # longer than any gateway call takes, however fast the clock of a rehearsal runs

log = logging.getLogger(__name__)

Render = Callable[[str, str, dict[str, Any]], str]


class Sender(Protocol):
    """Takes one message over: `SmsOut` for the kind 'sms', `MailOut` for 'mail'."""

    name: str

    def send(self, message: Any, /) -> SendResult: ...


class Worker:
    """One worker's parts; see `run`."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        senders: Mapping[str, Sender],
        render: Render,
        stop: threading.Event,
        name: str,
        rate: float,
        opted_out: Callable[[Tx, str], object] | None,
    ) -> None:
        self.store, self.clock, self.senders, self.render = store, clock, senders, render
        self.stop, self.name = stop, name
        self.rate = Rate(rate)
        self.opted_out = opted_out
        self.lease_ms = max(clock.wait(LEASE_MS), LEASE_LEAST_MS)
        self.lanes = ThreadPoolExecutor(LANES, thread_name_prefix="outbox")
        self.under_way: set[Future[None]] = set()

    def lease(self) -> int:
        """Put what is due on the free lanes. Returns how many messages."""
        free = LANES - len(self.under_way)
        now = self.clock.now()
        if free <= 0:
            return 0
        with self.store.read() as tx:
            if not outbox.is_due(tx, now=now, kinds=self.senders):
                return 0
        leased = self.store.write(
            lambda tx: outbox.lease(
                tx, now=now, worker=self.name, limit=free, lease_ms=self.lease_ms, kinds=tuple(self.senders)
            )
        )
        if leased:
            crash_here("outbox.after_lease")
        for message in leased:
            self.under_way.add(self.lanes.submit(self.handle, message))
        return len(leased)

    def settle(self, timeout_s: float) -> None:
        """Wait until a lane is free, at most `timeout_s` seconds, and note what went wrong on the others."""
        done, self.under_way = wait(self.under_way, timeout_s, FIRST_COMPLETED)
        for future in done:
            error = future.exception()
            if error is not None:
                log.error("A message stays leased: %s", type(error).__name__, exc_info=error)

    def handle(self, message: outbox.Message) -> None:
        """Render, send and mark one leased message."""
        try:
            out, parts = self.compose(message)
        except Exception as error:
            # A template that cannot be rendered will not be tomorrow: somebody must look.
            log.exception("Message %s (%s) cannot be rendered", message.id, message.template)
            reason = f"not rendered: {type(error).__name__}"
            self.store.write(lambda tx: outbox.mark_over(tx, message, "dead", reason))
            return
        if not self.rate.take(parts, self.stop):
            return  # stopping; what is leased is given back at the end
        if not self.store.write(
            lambda tx: outbox.mark_sending(tx, message, now=self.clock.now(), lease_ms=self.lease_ms)
        ):
            return
        sender = self.senders[message.kind]
        try:
            result = sender.send(out)
        except Exception as error:
            log.exception("Sender %s broke on message %s", sender.name, message.id)
            result = SendResult("retry", reason=type(error).__name__)
        crash_here("outbox.after_send")
        if not self.store.write(lambda tx: self.mark(tx, message, sender.name, result, parts)):
            log.warning("Message %s: the lease was lost while sending", message.id)
        crash_here("outbox.after_mark")

    def compose(self, message: outbox.Message) -> tuple[SmsOut | MailOut, int]:
        """What to hand to the sender, and how many parts of the rate it takes."""
        text = self.render(message.template, message.language, message.values)
        if message.kind == "mail":
            subject, _, body = text.partition("\n")
            return MailOut(message.id, message.recipient, subject, body.strip() or subject), 1
        text = fold(text)
        return SmsOut(message.id, message.recipient, text), sms_parts(text)

    def mark(self, tx: Tx, message: outbox.Message, gateway: str, result: SendResult, parts: int) -> bool:
        """Note what became of a message. False: the lease was lost, nothing is changed."""
        now = self.clock.now()
        if result.outcome == "accepted":
            return outbox.mark_sent(
                tx,
                message,
                now=now,
                gateway=gateway,
                external_id=result.external_id,
                parts=result.parts if result.parts is not None else parts,
                cost_minor=result.cost_minor,
                cost_currency=result.cost_currency,
            )
        if result.outcome == "retry":
            due_at = self.clock.after(outbox.retry_ms(message.tries + 1))
            return outbox.mark_retry(tx, message, due_at=due_at, reason=result.reason or "retry")
        if result.outcome == "no_balance":
            log.error("Gateway %s takes no messages: the account has no balance", gateway)
            due_at = self.clock.after(outbox.NO_BALANCE_MS)
            return outbox.mark_held(tx, message, due_at=due_at, reason=result.reason or "no balance")
        marked = outbox.mark_refused(tx, message, reason=result.reason or result.outcome)
        if marked and result.outcome == "opted_out" and self.opted_out is not None:
            self.opted_out(tx, message.recipient)
        return marked

    def end(self) -> None:
        """Finish the calls under way and give the rest back."""
        self.lanes.shutdown(wait=True)
        self.settle(0)
        self.store.write(lambda tx: outbox.give_back(tx, worker=self.name))


def run(
    store: Store,
    clock: Clock,
    senders: Mapping[str, Sender],
    render: Render,
    stop_event: threading.Event,
    name: str,
    once: bool = False,
    *,
    rate: float = 20.0,
    jobs: Schedule | None = None,
    opted_out: Callable[[Tx, str], object] | None = None,
) -> int:
    """Work until `stop_event` is set, or with `once` until nothing is due.

    Args: `senders` by kind ('sms', 'mail'; a kind without one waits), `render` gives a template's text in a language
    (the first line of a mail is its subject), `name` is this worker's own among all of them, `rate` is parts a
    second, `jobs` maps a name to (interval in ms, unscaled; function of the store and now), `opted_out` is told, in the
    marking transaction, the number whose owner wants no SMS from us.
    Returns how many messages were taken up. What is being sent when the worker is stopped is finished first.
    """
    worker = Worker(store, clock, senders, render, stop_event, name, rate, opted_out)
    regular = Jobs(store, clock, name, jobs or {}, stop_event)
    count = 0
    if once:
        regular.run_due()
    else:
        regular.start()
    try:
        while not stop_event.is_set():
            try:
                leased = worker.lease()
            except Exception:  # the store is away: the rows wait, and so do we
                if once:
                    raise
                log.exception("The outbox cannot be read")
                stop_event.wait(1)
                continue
            count += leased
            if worker.under_way:
                worker.settle(IDLE_S)
            elif once and not leased:
                break
            elif not leased:
                stop_event.wait(IDLE_S)
    finally:
        if not once:
            stop_event.set()  # whatever ended the loop ends the jobs' thread as well
        worker.end()
        regular.end()
    return count


def worker_name() -> str:
    """A name no other worker has: the machine, the process, the moment."""
    import os
    import socket

    return f"{socket.gethostname()}.{os.getpid()}.{time.monotonic_ns():x}"
