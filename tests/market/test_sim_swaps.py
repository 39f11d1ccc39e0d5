"""A swapped SIM holds a change of wallet and a PIN reset; where nobody answers, two people decide."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.market.deals import Deal
from tests.market.test_wallets import OTHER, choose, told
from tests.market.trades import hours, refused
from ussd_app.gateways.base import SimAnswer
from ussd_app.market import accounts, sim_swaps, wallets
from ussd_app.running import look_at_sims
from ussd_app.store import Store


class Network:
    """Says what it is told to say."""

    name = "scripted"

    def __init__(self, *said: str) -> None:
        self.said, self.asked = list(said), list[str]()

    def ask(self, msisdn: str) -> SimAnswer:
        self.asked.append(msisdn)
        swap: Any = self.said.pop(0) if len(self.said) > 1 else self.said[0]
        return SimAnswer(swap, reference=f"ref{len(self.asked)}" if swap == "queued" else "")


@pytest.fixture
def deal(store: Store) -> Deal:
    return Deal(store)


def look(deal: Deal, network: Network) -> None:
    """One round of the worker's job."""
    look_at_sims(SimpleNamespace(store=deal.store, clock=deal.clock, sim_query=network), deal.now)


def begin(deal: Deal, sim_query: bool = True) -> int:
    return deal.store.write(lambda tx: wallets.activate_due(tx, now=deal.now, sim_query=sim_query))


def check(deal: Deal, subject: str, kind: str = "wallet") -> Any:
    with deal.store.read() as tx:
        return tx.sim_check(kind=kind, subject_id=subject)


def allow(deal: Deal, subject: str, by: str, kind: Any = "wallet", why: str = "rang her, knows her plot") -> str:
    return deal.store.write(
        lambda tx: sim_swaps.let_pass(tx, now=deal.now, kind=kind, subject_id=subject, by=by, why=why)
    )


def trail(deal: Deal, subject: str) -> list[tuple[str, str]]:
    with deal.store.read() as tx:
        rows = tx.rows("SELECT actor, action FROM audit WHERE subject = :subject ORDER BY at, id", subject=subject)
    return [(row["actor"], row["action"]) for row in rows if row["action"].startswith("sim.")]


def ask_pin(deal: Deal, person: str) -> Any:
    return deal.store.write(lambda tx: accounts.ask_pin_reset(tx, now=deal.now, clock=deal.clock, person_id=person))


def set_pin(deal: Deal, person: str, sim_query: bool = True) -> bool:
    with deal.store.read() as tx:
        number = tx.person_by_id(id=person)["msisdn"]
    return deal.store.write(
        lambda tx: accounts.finish_pin_reset(
            tx, now=deal.now, person_id=person, msisdn=number, pin_hash="hash", sim_query=sim_query
        )
    )


def number_of(deal: Deal, person: str) -> str:
    with deal.store.read() as tx:
        return str(tx.person_by_id(id=person)["msisdn"])


def test_a_kept_sim_lets_the_change_begin_when_its_wait_is_over(deal: Deal) -> None:
    person = deal.person()
    change, network = choose(deal, person), Network("kept")
    look(deal, network)
    assert network.asked == [number_of(deal, person)], "the SIM she dials from proves that it is her"
    assert begin(deal) == 0
    deal.clock.advance(hours(24))
    look(deal, network)
    deal.clock.advance(hours(24) - 1)
    look(deal, network)
    assert begin(deal) == 0
    deal.clock.advance(1)
    assert begin(deal) == 1
    assert "wallet.held" not in told(deal, OTHER)
    assert trail(deal, f"wallet:{change['id']}") == [("worker", "sim.kept")]


def test_an_answer_counts_for_a_day(deal: Deal) -> None:
    change = choose(deal, deal.person())
    look(deal, Network("kept"))
    deal.clock.advance(hours(48))
    assert begin(deal) == 0, "what was said two days ago is no answer"
    look(deal, Network("unknown"))
    assert check(deal, change["id"])["state"] == "unanswered"


def test_a_swapped_sim_holds_it_and_every_number_hears(deal: Deal) -> None:
    person = deal.person()
    change, network = choose(deal, person), Network("swapped")
    look(deal, network)
    look(deal, network)
    assert len(network.asked) == 1
    assert told(deal, number_of(deal, person)).count("wallet.held") == 1 and told(deal, OTHER).count("wallet.held") == 1
    deal.clock.advance(hours(500))
    assert begin(deal) == 0
    assert begin(deal, sim_query=False) == 0, "held stays held, though nobody is asked any more"
    with deal.store.read() as tx:
        assert [(row["kind"], row["state"]) for row in sim_swaps.held(tx)] == [("wallet", "swapped")]
    with refused("no_reason"):
        allow(deal, change["id"], "aline", why=" ")
    assert allow(deal, change["id"], "aline") == "second_needed" and begin(deal) == 0
    with refused("same_operator"):
        allow(deal, change["id"], " aline ")
    assert begin(deal) == 0
    assert allow(deal, change["id"], "eric") == "released" and begin(deal) == 1
    assert trail(deal, f"wallet:{change['id']}") == [
        ("worker", "sim.swapped"), ("operator:aline", "sim.first_yes"), ("operator:eric", "sim.released"),
    ]  # fmt: skip
    with refused("not_found"):
        allow(deal, change["id"], "claude")


def test_no_answer_in_time_asks_for_two_people_and_a_late_one_still_counts(deal: Deal) -> None:
    one, two = deal.person(), deal.person()
    first, second = choose(deal, one), choose(deal, two, "+250728000556")
    away = Network("unknown")
    look(deal, away)
    assert len(away.asked) == 1, "who is away is not asked about the next number in the same round"
    deal.clock.advance(hours(48))
    assert begin(deal) == 0
    look(deal, away)
    assert {check(deal, row["id"])["state"] for row in (first, second)} == {"unanswered"}
    assert told(deal, number_of(deal, one)).count("wallet.held") == 1
    assert allow(deal, first["id"], "aline") == "second_needed"
    deal.clock.advance(hours(3))
    back = Network("kept")
    look(deal, back)
    look(deal, back)
    assert check(deal, first["id"])["state"] == "kept" and begin(deal) == 2
    assert told(deal, number_of(deal, one)).count("wallet.held") == 1


def test_a_change_nobody_looked_at_waits_only_where_networks_can_be_asked(deal: Deal) -> None:
    choose(deal, deal.person())
    deal.clock.advance(hours(48))
    assert begin(deal) == 0, "the job has not run: that is no answer"
    assert begin(deal, sim_query=False) == 1


def test_the_answer_that_comes_later_finds_its_change_once(deal: Deal) -> None:
    change = choose(deal, deal.person())
    look(deal, Network("queued"))
    assert (check(deal, change["id"])["state"], check(deal, change["id"])["reference"]) == ("asking", "ref1")

    def later(reference: str, said: str) -> bool:
        return deal.store.write(
            lambda tx: sim_swaps.note_later(tx, clock=deal.clock, now=deal.now, reference=reference, said=said)
        )

    assert not later("", "kept") and not later("another", "kept")
    assert later("ref1", "unknown") and check(deal, change["id"])["state"] == "asking"
    assert later("ref1", "swapped") and check(deal, change["id"])["state"] == "swapped"
    assert not later("ref1", "kept") and check(deal, change["id"])["state"] == "swapped"


def test_one_operator_may_end_what_is_held(deal: Deal) -> None:
    person = deal.person()
    change = choose(deal, person)
    with refused("not_found"):
        deal.store.write(
            lambda tx: sim_swaps.refuse(tx, now=deal.now, kind="wallet", subject_id=change["id"], by="a", why="b")
        )
    look(deal, Network("swapped"))
    deal.store.write(
        lambda tx: sim_swaps.refuse(
            tx, now=deal.now, kind="wallet", subject_id=change["id"], by="aline", why="she rang: not her"
        )
    )
    with deal.store.read() as tx:
        assert wallets.shown(tx, person)["waiting"] is None and sim_swaps.held(tx) == []
    assert told(deal, number_of(deal, person))[-1] == "wallet.cancelled"


@pytest.mark.parametrize("said", ["swapped", "unknown"])
def test_a_pin_reset_is_held_the_same_way(deal: Deal, said: str) -> None:
    person = deal.person()
    reset = ask_pin(deal, person)
    look(deal, Network(said))
    deal.clock.advance(hours(24))
    look(deal, Network(said))
    assert told(deal, number_of(deal, person)).count("pin.reset_held") == 1
    assert not set_pin(deal, person)
    assert allow(deal, reset["id"], "aline", "pin") == "second_needed" and not set_pin(deal, person)
    assert allow(deal, reset["id"], "eric", "pin") == "released" and set_pin(deal, person)


def test_a_pin_reset_of_a_kept_sim_goes_on_and_one_refused_ends(deal: Deal) -> None:
    kept, thief = deal.person(), deal.person()
    ask_pin(deal, kept)
    deal.clock.advance(hours(24))
    assert not set_pin(deal, kept), "nobody was asked yet"
    look(deal, Network("kept"))
    assert set_pin(deal, kept)
    reset = ask_pin(deal, thief)
    look(deal, Network("swapped"))
    deal.store.write(
        lambda tx: sim_swaps.refuse(tx, now=deal.now, kind="pin", subject_id=reset["id"], by="aline", why="not her")
    )
    deal.clock.advance(hours(24))
    assert not set_pin(deal, thief, sim_query=False)
    assert told(deal, number_of(deal, thief))[-1] == "pin.reset_cancelled"


def test_what_is_over_is_asked_about_no_more(deal: Deal) -> None:
    person = deal.person()
    choose(deal, person)
    network = Network("kept")
    look(deal, network)
    assert deal.store.write(lambda tx: wallets.cancel(tx, now=deal.now, person_id=person))
    deal.clock.advance(hours(100))
    look(deal, network)
    assert len(network.asked) == 1


def test_screens_say_that_it_is_held(deal: Deal) -> None:
    change = choose(deal, deal.person())

    def holds(sim_query: bool = True) -> bool:
        with deal.store.read() as tx:
            return sim_swaps.holds(
                tx, now=deal.now, kind="wallet", subject_id=change["id"], ready_at=change["ready_at"],
                sim_query=sim_query,
            )  # fmt: skip

    assert not holds()
    look(deal, Network("swapped"))
    assert holds() and holds(sim_query=False)
    allow(deal, change["id"], "aline")
    allow(deal, change["id"], "eric")
    assert not holds()


def test_without_a_query_nothing_is_asked(deal: Deal) -> None:
    choose(deal, deal.person())
    look_at_sims(SimpleNamespace(store=deal.store, clock=deal.clock, sim_query=None), deal.now)
    with deal.store.read() as tx:
        assert tx.rows("SELECT * FROM sim_checks") == []
