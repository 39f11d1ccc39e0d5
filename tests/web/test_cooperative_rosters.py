"""Rosters through the browser: a dry run row by row, then all or the good rows; and files that mean harm."""

from __future__ import annotations

import io
import re
import zipfile

import pytest

from tests.web.coop_world import CLERK, MANAGER, STRANGER, CoopWorld, send_file, take_file
from tests.web.market_world import Browser, text_of
from ussd_app.lib.clock import ManualClock
from ussd_app.market import roster_files, rosters
from ussd_app.store import Store

GOOD = "name,phone,produce\nUwase Aline,0788123001,coffee.cherry\nMutesi Rose,0788123002,\n"
MIXED = GOOD + "Ineza,12,\nKeza,0788123003,gold\n"


@pytest.fixture
def world(store: Store, clock: ManualClock) -> CoopWorld:
    return CoopWorld(store, clock)


@pytest.fixture
def browser(world: CoopWorld) -> Browser:
    return world.browser(MANAGER)


def people(world: CoopWorld) -> int:
    return len(world.rows("SELECT person_id FROM members WHERE cooperative_id = :id", id=world.id))


def looked_at(world: CoopWorld, browser: Browser, data: bytes, name: str = "members.csv") -> str:
    """The address of the report."""
    answer = send_file(browser, world.at("/roster"), data, name)
    assert answer.status_code == 303, text_of(answer)
    return str(answer.location)


def test_a_file_is_looked_at_then_taken(world: CoopWorld, browser: Browser) -> None:
    report = looked_at(world, browser, GOOD.encode())
    text = text_of(browser.get(report))
    assert "Nothing is written yet." in text and "2 Uwase Aline new" in text and people(world) == 3
    answer = browser.post(report, which="all")
    assert "Saved. 2 rows were taken." in text_of(answer) and people(world) == 5
    (note,) = world.rows("SELECT actor FROM audit WHERE action = 'member.added' AND actor LIKE 'person:%' LIMIT 1")
    assert note["actor"] == f"person:{world.manager}"
    assert browser.post(report, which="all").status_code == 404, "it was taken"
    assert world.rows("SELECT id FROM web_rosters") == []


def test_faults_hold_all_or_are_left_out(world: CoopWorld, browser: Browser) -> None:
    report = looked_at(world, browser, MIXED.encode())
    page = browser.get(report)
    assert "This is no phone number." in text_of(page) and "No such produce: gold" in text_of(page)
    assert 'value="all"' not in page.text
    assert "Uwase" not in text_of(browser.get(report + "?only=fault"))
    browser.get(report)
    assert browser.post(report, which="all").status_code == 422 and people(world) == 3
    answer = browser.post(report, which="good")
    assert "Saved. 2 rows were taken." in text_of(answer) and people(world) == 5
    assert "Ineza" in text_of(answer) and "Uwase" not in text_of(answer)


def test_the_report_is_in_the_readers_language(world: CoopWorld, browser: Browser) -> None:
    browser.get(world.at())
    browser.post("/account/language", language="fr")
    text = text_of(browser.get(looked_at(world, browser, MIXED.encode())))
    assert "This is no phone number." not in text and "Rien n'est encore écrit." in text


def test_a_report_is_of_who_sent_it_for_an_hour(world: CoopWorld, browser: Browser) -> None:
    report = looked_at(world, browser, GOOD.encode())
    stranger = world.browser(STRANGER)
    for other in (world.browser(CLERK), stranger):
        assert other.get(report).status_code == 404
    assert stranger.get(report.replace(world.code, world.other["code"])).status_code == 404
    world.clock.advance(world.clock.wait(3_600_000))
    assert browser.get(report).status_code == 404
    looked_at(world, browser, MIXED.encode())
    assert len(world.rows("SELECT id FROM web_rosters")) == 1


def test_a_form_without_its_token_takes_nothing(world: CoopWorld, browser: Browser) -> None:
    report = looked_at(world, browser, GOOD.encode())
    assert browser.client.post(report, data={"which": "all"}).status_code == 400
    fields = {"file": (io.BytesIO(GOOD.encode()), "x.csv"), "csrf_token": "forged"}
    path = world.at("/roster")
    assert browser.client.post(path, data=fields, content_type="multipart/form-data").status_code == 400
    assert people(world) == 3 and len(world.rows("SELECT id FROM web_rosters")) == 1
    clerk = world.browser(CLERK)
    clerk.get(world.at())
    fields = {"file": (io.BytesIO(GOOD.encode()), "x.csv"), "csrf_token": clerk.token}
    assert clerk.client.post(path, data=fields, content_type="multipart/form-data").status_code == 404


def _bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/sheet1.xml", b"0" * 60_000_000)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "name", "told"),
    [
        (b"", "empty.csv", "The file has no rows."),
        (b"name,phone\n", "head.csv", "The file has no rows."),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "picture.png", "The file is no table."),
        (b"PK\x03\x04 nothing", "broken.xlsx", "The file is no table."),
        (b"%PDF-1.7", "paper.pdf", "A column is missing: name, phone"),
        (b"name\nAline\n", "half.csv", "A column is missing: phone"),
        (_bomb(), "bomb.xlsx", "The file is too large."),
        (b"name,phone\n" + b"Aline,0788123001\n" * 6000, "long.csv", "The file has more than 5000 rows."),
        (b"x" * 1_000_001, "large.csv", "The file is too large."),
    ],
    ids=["empty", "header", "picture", "broken", "pdf", "half", "bomb", "rows", "megabyte"],
)
def test_what_is_no_roster_is_said_so(world: CoopWorld, browser: Browser, data: bytes, name: str, told: str) -> None:
    answer = send_file(browser, world.at("/roster"), data, name)
    assert answer.status_code == 422 and told in text_of(answer)
    assert world.rows("SELECT id FROM web_rosters") == []


def test_ten_megabytes_are_refused_before_they_are_read(world: CoopWorld, browser: Browser) -> None:
    answer = send_file(browser, world.at("/roster"), b"x" * 10_000_000)
    assert answer.status_code == 413 and "The file is too large." in text_of(answer)
    answer = browser.post(world.at("/export"), kind="csv", why="x" * 100_000)
    assert answer.status_code == 413, "only the page that takes a file may be sent so much"


def test_fields_that_the_form_does_not_have_are_refused(world: CoopWorld, browser: Browser) -> None:
    assert send_file(browser, world.at("/roster"), GOOD.encode(), apply="1").status_code == 400
    assert send_file(browser, world.at("/roster"), GOOD.encode(), "").status_code == 422


@pytest.mark.parametrize(
    "data",
    [
        "\ufeffname;phone\nHabimana Jose;0788123009\n".encode(),
        "name;phone\r\nHabimana José;0788123009\r\n".encode("cp1252"),
        "name\tphone\nHabimana José\t0788123009\n".encode("utf-16"),
    ],
    ids=["bom", "1252", "utf-16"],
)
def test_dresses_that_files_come_in(world: CoopWorld, browser: Browser, data: bytes) -> None:
    report = looked_at(world, browser, data)
    browser.get(report)
    assert browser.post(report, which="all").status_code == 200
    assert world.rows("SELECT name FROM people WHERE msisdn = '+250788123009'") == [{"name": "Habimana Jose"}]


def test_formulas_and_markup_in_cells_stay_text(world: CoopWorld, browser: Browser) -> None:
    cells = ['=HYPERLINK("http://x")', "+1+1", "@SUM(A1)", "<script>alert(1)</script>"]
    rows = [{"name": cell, "phone": f"078812301{n}"} for n, cell in enumerate(cells)]
    for kind in ("csv", "xlsx"):
        report = looked_at(world, browser, roster_files.write(rows, kind), f"<b>evil.{kind}")
        page = browser.get(report)
        assert "<script" not in page.text and "<b>evil" not in page.text
        assert text_of(page).count("The name has 2 to 24 letters") == len(cells)
        assert browser.post(report, which="good").status_code == 200
    assert people(world) == 3


def test_members_go_out_with_a_reason_and_come_in_again(world: CoopWorld, browser: Browser) -> None:
    browser.get(world.at("/roster"))
    assert browser.post(world.at("/export"), kind="csv", why="").status_code == 422
    answer = browser.post(world.at("/export"), kind="csv", why="meeting, call 0788123456")
    assert answer.mimetype == "text/csv" and "Jeanne" in answer.text and "+250788000711" in answer.text
    (note,) = world.rows("SELECT actor, evidence FROM audit WHERE action = 'cooperative.exported'")
    assert note["actor"] == f"person:{world.manager}" and "0788123456" not in note["evidence"]
    rows = rosters.read(answer.data, "members.csv")
    with world.store.read() as tx:
        report = rosters.check(tx, hub=world.hub, cooperative_id=world.id, rows=rows)
    assert report.count(rosters.SAME) == 3
    book = take_file(browser, world.at("/export"), kind="xlsx", why="meeting")
    assert len(rosters.read(book.data, "members.xlsx")) == 3


def test_many_rows_are_shown_by_the_hundred(world: CoopWorld, browser: Browser) -> None:
    lines = "".join(f"Uwase {'abcdefghij'[n % 10]}{'klmnopqrst'[n // 10 % 10]},07881{n:05d}\n" for n in range(450))
    page = browser.get(looked_at(world, browser, b"name,phone\n" + lines.encode()))
    assert page.text.count('<th scope="row">') == 100
    following = re.search(r'href="([^"]+)" rel="next"', page.text)
    assert following is not None and browser.get(following[1].replace("&amp;", "&")).status_code == 200
