"""Amounts, notes, schedules, tokens and HTTP: what both wallets stand on."""

from __future__ import annotations

import json
import threading
import time
from decimal import Decimal
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from tests.providers.wallets import listening
from ussd_app.money.http import LARGEST_BODY, Answer, Http, json_object
from ussd_app.money.providers.base import (
    FAIL_REASONS,
    amount_text,
    e164,
    parse_amount,
    plain_note,
    plain_reason,
    schedule,
    word,
)
from ussd_app.money.providers.tokens import Token, Tokens


@pytest.mark.parametrize(
    ("told", "currency", "minor"),
    [
        ("5000", "RWF", 5_000),
        (5000, "RWF", 5_000),
        ("100.0", "RWF", 100),
        ("100.00", "RWF", 100),
        (Decimal("100.0"), "RWF", 100),
        (" 100 ", "RWF", 100),
        ("100.5", "RWF", None),
        (Decimal("100.5"), "RWF", None),
        ("12.5", "EUR", 1_250),
        ("12.50", "EUR", 1_250),
        ("12.505", "EUR", None),
        (12, "EUR", 1_200),
        ("-100", "RWF", None),
        ("+100", "RWF", None),
        ("1e3", "RWF", None),
        (Decimal("1e3"), "RWF", 1_000),
        (Decimal("1e999999"), "RWF", None),
        (Decimal("NaN"), "RWF", None),
        (Decimal("Infinity"), "RWF", None),
        (10**15, "RWF", None),
        ("9" * 16, "RWF", None),
        ("NaN", "RWF", None),
        ("", "RWF", None),
        ("1,000", "RWF", None),
        ("٥٠٠", "RWF", None),
        (None, "RWF", None),
        (True, "RWF", None),
        ({}, "RWF", None),
        (["5000"], "RWF", None),
        ("5000", "", None),
        ("5000", "rwf", None),
        ("5000", "RWFX", None),
    ],
)
def test_an_amount_is_read_exactly_or_not_at_all(told: object, currency: str, minor: int | None) -> None:
    assert parse_amount(told, currency) == minor


def test_a_balance_may_have_commas() -> None:
    assert parse_amount("37,600.00", "UGX", grouping=True) == 37_600


def test_amounts_go_out_as_wallets_take_them() -> None:
    assert [amount_text(5_000, "RWF"), amount_text(5_005, "EUR"), amount_text(7, "EUR")] == ["5000", "50.05", "0.07"]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("n'ibirayi", "nibirayi"),
        ("Order 47: 12.5 kg, é", "Order 47: 12.5 kg,"),
        ("<b>&\"'`;", "b"),
        ("''", "-"),
        ("", "-"),
        ("a" * 300, "a" * 100),
    ],
)
def test_a_note_is_plain(text: str, note: str) -> None:
    assert plain_note(text) == note


def test_every_reason_is_one_of_ours() -> None:
    ours = {"rejected", "expired", "no_funds", "payer_unknown", "payee_unknown", "limit", "not_allowed", "other"}
    assert set(FAIL_REASONS.values()) <= ours
    assert plain_reason("APPROVAL_REJECTED") == "rejected"
    assert plain_reason("INTERNAL_PROCESSING_ERROR") == plain_reason("") == plain_reason("ANYTHING") == "other"


def test_words_are_one_short_line() -> None:
    assert word("a\x00b\nc" + "d" * 500) == "abc" + "d" * 117
    assert (word(None), word(True), word(["x"]), word(12), word(10**40)) == ("", "", "", "12", "")
    assert (e164("250788000001"), e164("+250788000001"), e164(250788000001), e164("x")) == (
        "+250788000001", "+250788000001", "+250788000001", "",
    )  # fmt: skip


def test_the_schedule_goes_on_for_a_week() -> None:
    minutes = [one / 60_000 for one in schedule(15, 30, 60, 120)]
    assert minutes[:8] == [0.25, 0.5, 1, 2, 5, 10, 15, 20]
    assert minutes[14:18] == [55, 60, 120, 180]
    assert len([one for one in minutes if one > 1440]) == 6 and minutes[-1] == 7 * 1440


# tokens


class Issuer:
    """Gives out tokens that last `seconds`, or what `instead` says."""

    def __init__(self, seconds: object = 3600) -> None:
        self.seconds, self.count = seconds, 0
        self.instead: Answer | None = None

    def __call__(self, product: str) -> Answer:
        self.count += 1
        time.sleep(0.01)
        body = {"access_token": f"{product}-{self.count}", "expires_in": self.seconds}
        return self.instead or Answer(200, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("told", "kept_s"), [(3600, 3_000), ("3600", 3_000), ("180", 150), (None, 50), ("soon", 50), (-5, 50)]
)
def test_a_token_is_kept_until_shortly_before_it_ends(told: object, kept_s: float) -> None:
    issuer, now = Issuer(told), [1_000.0]
    tokens = Tokens(issuer, lambda: now[0])
    first = tokens.get("collection")
    now[0] += kept_s - 1
    assert tokens.get("collection") == first
    now[0] += 2
    assert tokens.get("collection") != first
    assert issuer.count == 2


def test_each_product_has_its_own_token() -> None:
    tokens = Tokens(Issuer())
    one, other = tokens.get("collection"), tokens.get("disbursement")
    assert isinstance(one, Token) and isinstance(other, Token)
    assert one.value.startswith("collection") and other.value.startswith("disbursement")


def test_threads_whose_token_was_refused_renew_it_once() -> None:
    issuer = Issuer()
    tokens = Tokens(issuer)
    tokens.get("collection")

    def ask(token: str) -> Answer:
        return Answer(401 if token == "collection-1" else 200)

    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(tokens.authorised("collection", ask))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status for answer in answers] == [200] * 10
    assert issuer.count == 2


@pytest.mark.parametrize(
    ("answer", "status", "fault"),
    [
        (Answer(fault="lost", reason="no answer in time"), 0, "not_sent"),
        (Answer(fault="not_sent", reason="no connection"), 0, "not_sent"),
        (Answer(503, b"<html>"), 0, "not_sent"),
        (Answer(200, b"<html>"), 0, "not_sent"),
        (Answer(200, b'{"access_token":"a\\nb"}'), 0, "not_sent"),
        (Answer(200, b'{"error":"invalid_client"}'), 401, ""),
        (Answer(401, b""), 401, ""),
        (Answer(429, b"", {"retry-after": "7"}), 429, ""),
    ],
)
def test_without_a_token_nothing_is_asked(answer: Answer, status: int, fault: str) -> None:
    issuer = Issuer()
    issuer.instead = answer
    got = Tokens(issuer).authorised("collection", lambda token: pytest.fail("it was asked"))
    assert (got.status, got.fault) == (status, fault)


# HTTP


def test_json_is_an_object_or_nothing() -> None:
    assert json_object(b'{"a": 1.10}') == {"a": Decimal("1.10")}
    deep = b'{"a":' * 100_000
    huge = b'{"a": ' + b"9" * 10_000 + b"}"
    for body in (b"", b"[]", b"1", b"null", b"<html>", b"\xff\xfe", b'{"a":', deep, huge):
        assert json_object(body) == {}, body[:20]


@pytest.mark.parametrize("url", ["http://wallet.example", "ftp://127.0.0.1", "", "https://", "wallet.example"])
def test_a_wallet_is_asked_over_https_except_here(url: str) -> None:
    with pytest.raises(ValueError, match="wallet"):
        Http(url)


def test_no_redirect_is_followed_and_no_other_host_asked() -> None:
    asked: list[str] = []

    def answer(request: Request) -> Response:
        asked.append(request.path)
        return Response("", 302, {"Location": "/elsewhere", "Set-Cookie": "a=b"})

    with listening(answer) as url:
        http = Http(url)
        assert http.ask("GET", "/first", {}).status == 302
        assert http.ask("GET", "@elsewhere.example/", {}).fault == "not_sent"
        assert http.ask("GET", ".elsewhere.example/", {}).fault == "not_sent"
        http.close()
    assert asked == ["/first"]


def test_no_cookie_is_kept_and_no_proxy_or_login_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    seen: list[str | None] = []

    def answer(request: Request) -> Response:
        seen.append(request.headers.get("Cookie"))
        return Response("{}", 200, {"Set-Cookie": "a=b; Path=/"})

    with listening(answer) as url:
        http = Http(url)
        assert [http.ask("GET", "/", {}).status for _ in range(2)] == [200, 200]
        http.close()
    assert seen == [None, None]


def test_an_answer_that_never_ends_is_given_up() -> None:
    def dripping() -> Any:
        for _ in range(100):
            yield b" "
            time.sleep(0.05)

    def answer(request: Request) -> Response:
        return Response(b"x" * (LARGEST_BODY + 1)) if request.path == "/long" else Response(dripping())

    with listening(answer) as url:
        http = Http(url, connect_s=0.1, read_s=0.2)
        assert http.ask("GET", "/long", {}).reason == "the answer is too long"
        began = time.monotonic()
        slow = http.ask("GET", "/slow", {})
        assert (slow.fault, slow.hash) == ("lost", "")
        assert time.monotonic() - began < 2
        http.close()


def test_a_header_that_cannot_be_sent_is_not_sent() -> None:
    with listening(lambda request: pytest.fail("it was sent")) as url:
        http = Http(url)
        assert http.ask("GET", "/", {"X-Reference-Id": "a\r\nb: c"}).fault == "not_sent"
        http.close()


@pytest.mark.parametrize(
    ("told", "wait_ms"), [("3", 3_000), ("", 5_000), ("tomorrow", 5_000), ("-1", 5_000), ("99999", 3_600_000)]
)
def test_a_busy_side_says_how_long(told: str, wait_ms: int) -> None:
    assert Answer(429, headers={"retry-after": told}).wait_ms == wait_ms
    assert Answer(503, headers={"retry-after": told}).wait_ms == 0
