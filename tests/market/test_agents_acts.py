"""What agents do for sellers: nothing is listed without her yes, no PIN and no wallet is within reach."""

from __future__ import annotations

import ast
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.market.agency import AGENT_PHONE, HERS, HUB, KANJONGO, KEY, NOW, Agency
from tests.market.peoples import ordered
from tests.market.test_agents import refusal
from ussd_app.hubs.distances import Distances, load_distances
from ussd_app.market import accounts, agent_acts, agents, people
from ussd_app.market import help as helping
from ussd_app.market.agent_acts import DRAFT_LIVES_MS
from ussd_app.market.terms import Refused
from ussd_app.store import Store

ROOT = Path(__file__).resolve().parents[2]


class Drafting(Agency):
    def draft(self, seller_id: str, quantity: int = 40_000, price: int = 650, **more: Any) -> Any:
        told = {"agent_id": self.agent, "produce": "coffee.cherry"} | more
        return self.store.turn(
            lambda tx: agent_acts.draft(
                tx, hub=HUB, clock=self.clock, now=self.now, key=KEY, seller_id=seller_id, quantity=quantity,
                price=price, **told,
            )
        )  # fmt: skip

    def by_code(self, draft_id: str, code: str, agent_id: str = "") -> Any:
        return self.store.turn(
            lambda tx: agent_acts.list_by_code(
                tx, hub=HUB, clock=self.clock, now=self.now, key=KEY, agent_id=agent_id or self.agent,
                draft_id=draft_id, code=code,
            )
        )  # fmt: skip

    def yes(self, seller_id: str, draft_id: str) -> Any:
        return self.store.turn(
            lambda tx: agent_acts.say_yes(
                tx, hub=HUB, clock=self.clock, now=self.now, seller_id=seller_id, draft_id=draft_id
            )
        )

    def listings(self) -> list[dict[str, Any]]:
        with self.store.read() as tx:
            found: list[dict[str, Any]] = tx.rows("SELECT * FROM listings ORDER BY id")
        return found


def test_nothing_is_listed_before_her_yes_by_code(store: Store) -> None:
    agency = Drafting(store)
    hers = agency.begun()
    agency.pass_time(60_000)
    row = agency.draft(hers)
    code = agency.codes()[-1]
    assert row["sent"] and agency.sent()[-1] == "agent.listing" and agency.listings() == []
    wrong = "0" * 6 if code != "0" * 6 else "1" * 6
    assert agency.by_code(row["id"], wrong) == "wrong" and agency.listings() == []
    listing = agency.by_code(row["id"], code)
    assert (listing["seller_id"], listing["place"], listing["price"]) == (hers, KANJONGO, 650)
    assert refusal(agency.by_code, row["id"], code).reason == "gone"
    assert len(agency.listings()) == 1


def test_she_may_say_yes_or_no_on_her_own_phone(store: Store) -> None:
    agency = Drafting(store)
    hers = agency.begun()
    row = agency.draft(hers)
    with store.read() as tx:
        waits = agent_acts.waiting(tx, now=agency.now, seller_id=hers)
        assert waits is not None and (waits["id"], waits["agent"]) == (row["id"], "Ange")
    store.turn(lambda tx: agent_acts.say_no(tx, now=agency.now, seller_id=hers, draft_id=row["id"]))
    assert refusal(agency.yes, hers, row["id"]).reason == "gone" and agency.listings() == []
    second = agency.draft(hers)
    stranger = agency.person("Jeanne", "+250788000555")
    assert refusal(agency.yes, stranger, second["id"]).reason == "gone"
    agency.yes(hers, second["id"])
    assert len(agency.listings()) == 1


def test_two_yeses_at_once_list_once(store: Store) -> None:
    agency = Drafting(store)
    hers = agency.begun()
    row = agency.draft(hers)
    answers: list[str] = []

    def say() -> None:
        try:
            agency.yes(hers, row["id"])
            answers.append("listed")
        except Refused as refused:
            answers.append(refused.reason)

    threads = [threading.Thread(target=say) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["gone"] * 5 + ["listed"] and len(agency.listings()) == 1


def test_a_draft_ends_with_its_time_its_agent_and_its_successor(store: Store) -> None:
    agency = Drafting(store)
    hers = agency.begun()
    first = agency.draft(hers)
    second = agency.draft(hers, quantity=50_000)
    assert refusal(agency.yes, hers, first["id"]).reason == "gone"
    agency.pass_time(DRAFT_LIVES_MS)
    assert refusal(agency.yes, hers, second["id"]).reason == "gone"
    third = agency.draft(hers)
    store.write(lambda tx: agents.remove(tx, now=agency.now, agent_id=agency.agent, by="operator:a", why="left"))
    assert refusal(agency.yes, hers, third["id"]).reason == "gone"
    assert refusal(agency.by_code, third["id"], "123456").reason == "not_allowed"
    assert agency.listings() == []


def test_an_agent_drafts_only_for_her_own_active_sellers_and_within_the_rules(store: Store) -> None:
    agency = Drafting(store)
    pending = agency.register()["person_id"]
    assert refusal(agency.draft, pending).reason == "not_found"
    stranger = agency.person("Jeanne", "+250788000555")
    assert refusal(agency.draft, stranger).reason == "not_found"
    hers = agency.begun("+250788000102", "Beatha")
    assert refusal(agency.draft, hers, price=100).reason == "below_floor"
    assert refusal(agency.draft, hers, quantity=0).reason == "bad_quantity"
    other = agency.person("Berthe", "+250788000902")
    agency.make(other)
    assert refusal(agency.draft, hers, agent_id=other).reason == "not_found"
    row = agency.draft(hers)
    assert refusal(agency.by_code, row["id"], "123456", other).reason == "gone"


def test_without_amounts_in_messages_she_dials_and_sees_the_price(store: Store) -> None:
    agency = Drafting(store)
    hers = agency.begun()
    store.write(lambda tx: accounts.set_amounts_in_sms(tx, now=NOW, person_id=hers, on=False))
    assert not agency.draft(hers)["sent"]
    last = ordered(store)[-1]
    assert last["template"] == "agent.listing.plain" and not {"code", "price_minor"} & set(last["values"])


def test_an_agent_begins_a_reset_and_never_ends_it(store: Store) -> None:
    agency = Drafting(store)
    hers = agency.begun()
    reset = store.turn(
        lambda tx: agent_acts.ask_pin_reset(
            tx, clock=agency.clock, now=agency.now, agent_id=agency.agent, seller_id=hers
        )
    )
    assert reset["asked_by"] == f"agent:{agency.agent}" and agency.sent()[-1] == "pin.reset_asked"
    agency.pass_time(accounts.RESET_WAIT_MS)
    finish = {"now": agency.now, "person_id": hers, "pin_hash": "the agent's"}
    assert not store.write(lambda tx: accounts.finish_pin_reset(tx, msisdn=AGENT_PHONE, **finish))
    assert store.write(lambda tx: accounts.finish_pin_reset(tx, msisdn=HERS, **finish))


def test_a_pin_cannot_come_with_a_registration(store: Store) -> None:
    agency = Agency(store)
    with pytest.raises(people.Refused) as refused:
        store.write(
            lambda tx: people.register_seller(
                tx, now=NOW, msisdn=HERS, name="Alice", language="rw", place=KANJONGO, pin_hash="mine",
                consent_version="", channel="", registered_by=agency.agent,
            )
        )  # fmt: skip
    assert refused.value.reason == "agent_sets_no_pin"


FORBIDDEN = ("wallets", "pins", "deliveries", "settlement", "payouts", "payments")
SETS = ("wallet_", "pin_set", "pin_reset_finish", "person_confirm", "person_set_msisdn", "number_move", "delivery_")


@pytest.mark.parametrize(
    "file",
    ["ussd_app/market/agents.py", "ussd_app/market/agent_acts.py", "ussd_app/market/commissions.py", "menus/agent.py",
     "menus/agent_sell.py", "menus/agent_plots.py", "menus/sms_reg.py", "ussd_app/cli_agents.py"],
)  # fmt: skip
def test_no_agents_path_reaches_a_wallet_a_pin_or_a_weight(file: str) -> None:
    """No module of the agents imports one that names wallets, sets PINs or records weights, or calls such a query."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert not {alias.name for alias in node.names} & set(FORBIDDEN)
            assert not any((node.module or "").endswith(f".{name}") for name in FORBIDDEN)
        if isinstance(node, ast.Attribute):
            assert not node.attr.startswith(SETS), node.attr
            assert node.attr not in ("confirm_seller", "finish_pin_reset", "change_pin", "set_pin", "start_move")


def test_a_problem_rings_the_seller_and_not_the_agent(store: Store) -> None:
    agency = Drafting(store)
    hers = agency.register()["person_id"]
    ticket = store.turn(
        lambda tx: agent_acts.problem(tx, now=NOW, agent_id=agency.agent, seller_id=hers, about="payment")
    )
    with store.read() as tx:
        (row,) = helping.open_call_backs(tx)
    assert (row["code"], row["msisdn"], row["screen"]) == (ticket, HERS, "agent.problem.payment")


# plots


def plot(agency: Agency, seller_id: str, **told: Any) -> Any:
    return agency.store.turn(
        lambda tx: agent_acts.note_plot(tx, hub=HUB, now=agency.now, agent_id=agency.agent, seller_id=seller_id, **told)
    )


def test_a_seller_has_several_plots(store: Store) -> None:
    agency = Agency(store)
    hers = agency.register()["person_id"]
    first = plot(agency, hers, ares=25, village="37061234")
    second = plot(
        agency, hers, ares=140, point=(-2_345_678, 29_123_400), decimals=4, method="gps", taken_day="2026-09-20"
    )
    assert (first["number"], second["number"]) == (1, 2)
    with store.read() as tx:
        rows = agent_acts.plots(tx, hers)
    assert [(row["kind"], row["village"], row["latitude"], row["method"]) for row in rows] == [
        ("village", "37061234", None, "village"),
        ("point", "", -2_345_678, "gps"),
    ]
    assert rows[0]["taken_day"] == "2026-09-21" and rows[1]["noted_by"] == f"agent:{agency.agent}"


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"ares": 0, "village": "37061234"}, "bad_quantity"),
        ({"ares": 1, "village": "99991234"}, "bad_place"),
        ({"ares": 1, "village": "3706123"}, "bad_place"),
        ({"ares": 1, "point": (1, 1), "method": "guess"}, "bad_terms"),
        ({"ares": 1, "point": (1, 1), "method": "gps", "taken_day": "2026-09-22"}, "bad_time"),
        ({"ares": 1, "point": (1, 1), "method": "gps", "taken_day": "2026-02-30"}, "bad_time"),
    ],
)
def test_plots_that_cannot_be(store: Store, told: dict[str, Any], reason: str) -> None:
    agency = Agency(store)
    hers = agency.register()["person_id"]
    assert refusal(plot, agency, hers, **told).reason == reason


HERE = Distances({"3706": (-2.35, 29.13)}, (), ())


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("2.34567 29.1234", ((-2_345_670, 29_123_400), 4)),
        ("-2,345678 29,123456", ((-2_345_678, 29_123_456), 6)),
        ("S2.345678 E29.123456", ((-2_345_678, 29_123_456), 6)),
        ("2.34567S, 29.12345E", ((-2_345_670, 29_123_450), 5)),
        ("2.34567890 29.12345678", ((-2_345_678, 29_123_456), 6)),
        ("+2.34567 29.1234", None),  # the other half of the globe
        ("29.1234 2.34567", None),
        ("2.345 29.123", None),  # a hundred metres
        ("2.34567", None),
        ("near the church", None),
        ("95.34567 29.12345", None),
    ],
)
def test_coordinates_as_people_type_them(typed: str, read: Any) -> None:
    assert agent_acts.read_point(HERE, typed, "3706") == read


def test_the_hub_knows_the_middle_of_the_place() -> None:
    assert agent_acts.read_point(load_distances("rw"), "2.34567 29.1234", KANJONGO) is not None
