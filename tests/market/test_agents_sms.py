"""REG lines by SMS: forgiving of how they are written, the same again is the same, and nothing breaks on any text."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from menus import sms_reg
from tests.market.agency import AGENT_PHONE, HERS, HUB, KEY, NOW, Agency
from ussd_app.lib import gsm7
from ussd_app.market import agents
from ussd_app.notices import REGISTERED, Notices
from ussd_app.settings import Settings
from ussd_app.store import Store, open_store


def sent(agency: Agency, text: str, phone: str = AGENT_PHONE) -> Any:
    services = SimpleNamespace(hub=HUB, clock=agency.clock, settings=SimpleNamespace(secret_key=KEY))
    sms = SimpleNamespace(msisdn=phone, text=text)
    found = agency.store.turn(lambda tx: sms_reg.answer(tx, services, sms))  # type: ignore[arg-type]
    return None if found is None else found["answers"]


def sellers(agency: Agency) -> int:
    with agency.store.read() as tx:
        return agents.count(tx, agency.agent)["sellers"]


@pytest.mark.parametrize(
    "line",
    [
        "REG Alice Uwimana; 0788000101; Kanjongo; coffee",
        "reg: alice uwimana , 0788 000 101 , kanjongo , kawa",
        "REG Alice Uwimana|+250788000101|Kanjongo (Nyamasheke)|ikawa",
        "REG\nAlice Uwimana / 0788-000-101 / Kanjongo / COFFEE.",
        "REG 0788000101; Alice Uwimana; kanjongo nyamasheke; cherries coffee",
        "REG Alice Uwimana 0788000101 Kanjongo coffee",
        " Reg Alice Uwimana\uff1b0788000101\uff1bKanjongo\uff1bcoffee",
    ],
)
def test_a_line_is_read_however_it_is_written(store: Store, line: str) -> None:
    agency = Agency(store)
    assert sms_reg.asked(SimpleNamespace(text=line))  # type: ignore[arg-type]
    (answer,) = sent(agency, line)
    assert answer[2] == "ok"
    with store.read() as tx:
        (row,) = agents.pending_on(tx, HERS)
    assert (row["name"].casefold(), row["place"]) == ("alice uwimana", "3706")


def test_sent_again_it_is_the_same_answer_and_no_second_person(store: Store) -> None:
    agency = Agency(store, daily_cap=2)
    text = "REG Alice; 0788000101; Kanjongo; coffee\nBeatha; 0788000102; Kanjongo; coffee REG\nREG Clara; 0788000103; Kanjongo; coffee"
    first = sent(agency, text)
    assert [answer[2] for answer in first] == ["ok", "ok", "cap"]
    assert sent(agency, text) == first and sellers(agency) == 2
    assert agency.sent() == ["activation.code"]


def test_every_reason_has_its_word(store: Store) -> None:
    agency = Agency(store, districts=["37"])
    agency.person("Jeanne", "+250788000555")
    lines = [
        f"Alice; {AGENT_PHONE}; Kanjongo; coffee", "Jeanne; 0788000555; Kanjongo; coffee", "Al1ce; 0788000101; Kanjongo; coffee",
        "Alice; 078800; Kanjongo; coffee", "Alice; 0788000101; Remera; coffee", "Alice; 0788000101; Kanjongo; gold", "nothing",
    ]  # fmt: skip
    answers = sent(agency, "REG " + "\n".join(lines))
    assert [answer[2] for answer in answers] == ["own", "known", "name", "phone", "place", "produce", "line"]
    assert sellers(agency) == 0


def test_only_an_agents_number_registers(store: Store) -> None:
    agency = Agency(store)
    agency.person("Jeanne", "+250788000555")
    line = "REG Alice; 0788000101; Kanjongo; coffee"
    assert sent(agency, line, "+250788000555") is None and sent(agency, line, "+250788000556") is None
    store.write(lambda tx: agents.remove(tx, now=NOW, agent_id=agency.agent, by="operator:a", why="left"))
    assert sent(agency, line) is None and sellers(agency) == 0


def test_what_is_too_long_is_said(store: Store) -> None:
    agency = Agency(store, daily_cap=100)
    text = "REG " + "\n".join(f"Seller {chr(65 + n)}; 07880003{n:02d}; Kanjongo; coffee" for n in range(14))
    answers = sent(agency, text)
    assert len(answers) == 11 and answers[-1][2] == "more" and sellers(agency) == 10


NASTY = st.text(
    st.sampled_from("REGreg ;,|/\t\n\r\u2028\uff1b0788000101KanjongoAlice'%_\\\"\x00\u202e\U0001f600-+()#*"),
    max_size=200,
)
PIECES = st.lists(
    st.sampled_from(
        [
            "REG ",
            "Alice",
            "; ",
            ";",
            "0788000101",
            "07880001",
            "\n",
            "Kanjongo",
            " ",
            "coffee",
            "REG",
            ",",
            "|",
            "x" * 60,
        ]
    ),
    max_size=40,
).map("".join)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from ussd_app.store import migrate

    url = f"sqlite:///{tmp_path_factory.mktemp('reg') / 'reg.db'}"
    migrate(url)
    opened = open_store(url)
    yield Agency(opened, daily_cap=500)
    opened.close()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=NASTY | PIECES | st.text(max_size=300))
def test_any_text_is_answered_in_three_parts_and_no_number_is_echoed(shared: Agency, text: str) -> None:
    answers = sent(shared, "REG " + text)
    assert 1 <= len(answers) <= sms_reg.MOST_LINES + 1
    assert all(answer[2] in REGISTERED for answer in answers)
    for language in ("rw", "en", "fr", "sw"):
        reply = Notices(HUB, Settings()).render("agent.reg", language, {"answers": answers})
        assert gsm7.is_gsm7(reply) and gsm7.sms_parts(reply) <= 3
        assert not any(char.isdigit() for line in answers for char in str(line[1]))
    assert sent(shared, "REG " + text) == answers
