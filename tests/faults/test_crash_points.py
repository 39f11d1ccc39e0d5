"""Every named crash point is hit once: the process dies there, is started again without it, and the state is right."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.faults.market import rows
from tests.faults.phones import REGISTER, Answer, NoAnswer, Person, Phone, Tally
from tests.faults.processes import Service, await_true, service
from ussd_app.lib.crash import CRASH_POINTS
from ussd_app.store import Store, open_store, outbox

KILLED = 137
JEANNE = "+250788000001"
LISTED = "SELECT COUNT(*) AS n FROM listings"
SAVED = "SELECT state, tries, fence, external_id FROM outbox WHERE template = 'listing.saved'"
TURN = {"turn.before_commit": 0, "turn.after_commit": 1}
# Point -> what the gateway has when the worker dies, what it has in the end, and how often sending was begun.
OUTBOX = {"outbox.after_lease": (0, 1, 1), "outbox.after_send": (1, 2, 2), "outbox.after_mark": (1, 1, 1)}


def test_every_point_is_tested_here() -> None:
    assert {*TURN, *OUTBOX} == {name for name in CRASH_POINTS if not name.startswith("payment.")}


def to_the_confirmation(market: Service) -> Phone:
    """A seller has registered, and her listing waits for the last key."""
    seller = Person(Phone(market.port, JEANNE), Tally())
    assert seller.does(REGISTER, "home") is not None
    phone = Phone(market.port, JEANNE)
    phone.dial()
    shown: Answer | None = None
    for typed in ("1", "3", "50", "1200"):
        shown = phone.send(typed)
    assert shown is not None and shown.screen == "sell.confirm", shown
    phone.close()
    return phone


def dies_at(market: Service, point: str, act: Callable[[], object]) -> None:
    """Start the web server to die at `point`, see `act` go without an answer and the server's process end."""
    web = market.web(CRASH_AT=point)
    market.until("/healthz", web)  # /readyz writes, so it would be the first to reach the point
    inner = web.children
    with pytest.raises(NoAnswer):
        act()
    await_true(lambda: not any(Path(f"/proc/{child}/cmdline").exists() for child in inner), f"a death at {point}")
    if web.popen.poll() is None:
        web.kill()


@pytest.mark.parametrize(("point", "stored"), TURN.items())
def test_a_web_server_dies_around_the_commit(store_url: str, tmp_path: Path, point: str, stored: int) -> None:
    """Before the commit nothing is there; after it everything is. The gateway's repeat makes both the same."""
    with service(tmp_path, store_url) as market, contextlib.closing(open_store(store_url)) as store:
        web = market.web()
        market.until("/readyz", web)
        phone = to_the_confirmation(market)
        web.end()
        dies_at(market, point, lambda: phone.send("1"))
        phone.close()
        assert rows(store, LISTED) == [{"n": stored}]
        assert len(rows(store, SAVED)) == stored  # the message comes and goes with the listing
        market.until("/readyz", market.web())
        told = phone.again()
        assert told.screen == "sell.save" and told.text.startswith("Listed: ")
        assert phone.again() == told
        phone.close()
        assert rows(store, LISTED) == [{"n": 1}] and len(rows(store, SAVED)) == 1


def order_one(store: Store) -> None:
    now = int(time.time() * 1000)
    store.write(
        lambda tx: outbox.order(
            tx,
            now=now,
            kind="sms",
            to=JEANNE,
            template="listing.saved",
            values={"produce": "beans.dry", "quantity": 50_000, "unit": "g", "price_minor": 400, "currency": "RWF",
                    "expires_at": now + 86_400_000},
            language="en",
            purpose="order",
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("engine", "point"), [*(("sqlite", point) for point in OUTBOX), ("postgres", "outbox.after_send")]
)
def test_a_worker_dies_around_the_sending(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str, point: str
) -> None:
    """The message goes out whatever happens; twice only where the death fell between sending and marking."""
    store_url: str = request.getfixturevalue(f"{engine}_url")
    before, after, tries = OUTBOX[point]
    with service(tmp_path, store_url) as market, contextlib.closing(open_store(store_url)) as store:
        market.emulator()
        order_one(store)
        assert market.worker(CRASH_AT=point).wait() == KILLED
        assert len(market.messages()) == before
        state = {"outbox.after_lease": "leased", "outbox.after_send": "sending", "outbox.after_mark": "sent"}[point]
        assert [row["state"] for row in rows(store, SAVED)] == [state]
        # Until its lease runs out the message is nobody else's; a minute later it is.
        assert market.worker("--once").wait() == 0
        assert len(market.messages()) == before
        later = datetime.now(UTC) + timedelta(minutes=1)
        assert market.worker("--once", CLOCK_AT=f"{later:%Y-%m-%dT%H:%M:%S}").wait() == 0
        sent = market.messages()
        (row,) = rows(store, SAVED)
        assert (len(sent), row["state"], row["tries"]) == (after, "sent", tries)
        assert row["external_id"] == sent[-1]["external_id"]
