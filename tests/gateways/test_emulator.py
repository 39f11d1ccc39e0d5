"""The emulator of Africa's Talking over real loopback HTTP: their package on one side, a small service on the other."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from ussd_app.emulators.africastalking import Emulator, Options, http_transport, make_app, running
from ussd_app.emulators.africastalking_phone import CARRIER_ERROR, UssdClient
from ussd_app.gateways.africastalking_sms import ANSWER_LOST, Sender
from ussd_app.messages import SmsOut

MSISDN = "+250788000001"
SECRET = "s" * 24


@dataclass
class Service:
    """What the callbacks reach: keeps them, and answers as told."""

    calls: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    answer: Callable[[str, dict[str, str]], Response] = lambda path, form: Response("OK")
    url: str = ""

    def wsgi(self, environ: Any, start_response: Any) -> Any:
        asked = Request(environ)
        told = asked.form.to_dict()
        self.calls.append((asked.path, told))
        return self.answer(asked.path, told)(environ, start_response)

    def of(self, kind: str) -> list[dict[str, str]]:
        return [form for path, form in self.calls if path == f"/sms/africastalking/{SECRET}/{kind}"]


@contextmanager
def listening(app: Any) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    one = Service()
    with listening(one.wsgi) as one.url:
        yield one


@contextmanager
def emulating(service: Service, **options: Any) -> Iterator[Emulator]:
    with running(Options(port=0, service=service.url, secret=SECRET, time_scale=0.01, **options)) as emulator:
        yield emulator


def until(true: Callable[[], object], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def sender(emulator: Emulator, key: str = "key", **options: Any) -> Sender:
    return Sender("sandbox", key, base_url=emulator.url, **options)


def sms(msisdn: str = MSISDN, text: str = "Muraho é") -> SmsOut:
    return SmsOut("01REF", msisdn, text)


def kinds(emulator: Emulator, kind: str) -> list[dict[str, Any]]:
    return [entry for entry in emulator.journal() if entry["kind"] == kind]


@pytest.mark.parametrize("charset", [False, True])
def test_a_message_is_taken_and_reported(service: Service, charset: bool) -> None:
    with emulating(service, charset=charset, price=9.5) as emulator:
        result = sender(emulator, sender_id="DUHA").send(sms())
        assert (result.outcome, result.parts, result.cost_minor, result.cost_currency) == ("accepted", 1, 95_000, "RWF")
        until(lambda: len(service.of("delivery")) == 3)
    entry = kinds(emulator, "sms")[0]
    sent = {"username": "sandbox", "to": MSISDN, "message": "Muraho é", "bulkSMSMode": "1", "from": "DUHA"}
    assert entry["form"] == sent
    assert [report["status"] for report in service.of("delivery")] == ["Sent", "Buffered", "Success"]
    assert {report["id"] for report in service.of("delivery")} == {result.external_id}


@pytest.mark.parametrize(
    "number, outcome",
    [
        ("+250788990101", "accepted"),
        ("+250788990402", "refused"),
        ("+250788990405", "no_balance"),
        ("+250788990406", "opted_out"),
        ("+250788990500", "retry"),
        ("+250788990003", "refused"),
        ("+12345", "refused"),
    ],
)
def test_the_number_chooses_what_becomes_of_it(service: Service, number: str, outcome: str) -> None:
    with emulating(service, reports="never") as emulator:
        assert sender(emulator).send(sms(number)).outcome == outcome
    told = kinds(emulator, "sms")[0]["recipients"]
    assert all(one["messageId"] == "None" for one in told) or outcome == "accepted"


def test_the_options_choose_too(service: Service) -> None:
    with emulating(service, statuses={MSISDN: 407}, senders=("DUHA",)) as emulator:
        assert "CouldNotRoute" in sender(emulator).send(sms()).reason
        assert sender(emulator, sender_id="OTHER").send(sms()).reason == "InvalidSenderId"


def test_a_wrong_key_is_401_in_plain_text(service: Service) -> None:
    with emulating(service, api_key="right") as emulator:
        refused = sender(emulator, key="wrong").send(sms())
        assert (refused.outcome, refused.reason) == ("retry", "their side refuses our username and key (401)")
        assert sender(emulator, key="right").send(sms()).outcome == "accepted"


def test_a_connection_reset_after_it_was_taken(service: Service) -> None:
    with emulating(service, reports="never") as emulator:
        lost = sender(emulator).send(sms("+250788990002"))
    assert (lost.outcome, lost.reason) == ("retry", ANSWER_LOST)
    assert kinds(emulator, "sms")[0]["recipients"][0]["statusCode"] == 101


def test_every_second_connection_reset(service: Service) -> None:
    with emulating(service, reset_every=2, reports="never") as emulator:
        outcomes = [sender(emulator).send(sms()).outcome for _ in range(4)]
    assert outcomes == ["accepted", "retry", "accepted", "retry"]
    assert len(kinds(emulator, "sms")) == 4


def test_a_side_that_hangs(service: Service) -> None:
    with emulating(service, hang_ms=600, reports="never") as emulator:
        lost = sender(emulator, timeout_s=(1, 0.2)).send(sms("+250788990001"))
    assert (lost.outcome, lost.reason) == ("retry", ANSWER_LOST)


def test_nobody_there() -> None:
    nothing = Sender("sandbox", "key", base_url="http://127.0.0.1:9")
    assert nothing.send(sms()).reason == "no connection"


def test_reports_out_of_order_and_twice(service: Service) -> None:
    with emulating(service, reports="duplicated", seed=4) as emulator:
        sender(emulator).send(sms())
        until(lambda: len(service.of("delivery")) == 6)
    words = [report["status"] for report in service.of("delivery")]
    assert sorted(words) == ["Buffered", "Buffered", "Sent", "Sent", "Success", "Success"]
    assert words != sorted(words, key=["Sent", "Buffered", "Success"].index)


def test_a_report_of_failure_and_silence(service: Service) -> None:
    with emulating(service) as emulator:
        sender(emulator).send(sms("+250788990004"))
        sender(emulator).send(sms("+250788990005"))
        until(lambda: len(service.of("delivery")) == 3)
        time.sleep(0.1)
    assert service.of("delivery")[-1]["failureReason"] == "DeliveryFailure"
    assert {report["phoneNumber"] for report in service.of("delivery")} == {"+250788990005"}


def test_an_incoming_sms_comes_each_minute_until_200(service: Service) -> None:
    service.answer = lambda path, form: Response(status=503 if len(service.calls) < 3 else 200)
    with emulating(service) as emulator:
        told = emulator.incoming(MSISDN, "IBICIRO")
        until(lambda: len(kinds(emulator, "incoming")) == 3)
        time.sleep(0.7)
        entries = kinds(emulator, "incoming")
    assert [entry["status"] for entry in entries] == [503, 503, 200]
    assert {form["id"] for form in service.of("incoming")} == {told}
    assert 500 <= entries[1]["at"] - entries[0]["at"] <= 1500


def test_an_incoming_sms_is_given_up_after_twelve_hours(service: Service) -> None:
    service.answer = lambda path, form: Response(status=404)
    with running(Options(port=0, service=service.url, secret=SECRET, time_scale=0)) as emulator:
        emulator.incoming(MSISDN, "IBICIRO")
        until(lambda: len(service.calls) == 721, 20)
        time.sleep(0.1)
    assert len(service.calls) == 721


def test_an_opt_out_is_told_and_kept(service: Service) -> None:
    with emulating(service) as emulator:
        body = b"phoneNumber=%2B250788000001&senderId=DUHA"
        with urllib.request.urlopen(urllib.request.Request(f"{emulator.url}/optout", body)) as answer:
            assert answer.status == 202
        until(lambda: service.of("optout"))
        assert sender(emulator).send(sms()).outcome == "opted_out"
    assert service.of("optout") == [{"senderId": "DUHA", "phoneNumber": MSISDN}]


def test_the_journal_is_read_and_emptied_over_http(service: Service) -> None:
    with emulating(service, reports="never") as emulator:
        sender(emulator).send(sms())
        sender(emulator).send(sms("+250788990402"))
        with urllib.request.urlopen(f"{emulator.url}/journal?after=1") as answer:
            entries = json.load(answer)
        assert [(entry["n"], entry["recipients"][0]["messageId"]) for entry in entries] == [(2, "None")]
        with urllib.request.urlopen(urllib.request.Request(f"{emulator.url}/journal", method="DELETE")):
            assert emulator.journal() == []


@pytest.mark.parametrize("body", [b"", b"username=x", b"username=x&to=&message=x", b"username=x&to=%2B250788000001"])
def test_a_request_without_what_it_needs(body: bytes) -> None:
    from werkzeug.test import Client

    client = Client(make_app(Options()))
    answer = client.post("/version1/messaging", data=body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400
    assert client.get("/elsewhere").status_code == 404


def test_unknown_options_are_refused() -> None:
    with pytest.raises(ValueError, match="sometimes"):
        Options(reports="sometimes")


# The phone


def phone(service: Service, **options: Any) -> UssdClient:
    return UssdClient(http_transport(), f"{service.url}/ussd/africastalking/{SECRET}", MSISDN, **options)


def turns(service: Service) -> list[dict[str, str]]:
    return [form for path, form in service.calls if not path.endswith("/events")]


def events(service: Service) -> list[dict[str, str]]:
    return [form for path, form in service.calls if path.endswith("/events")]


def says(text: str, **headers: str) -> Response:
    return Response(text, headers={name.replace("_", "-"): value for name, value in headers.items()})


def test_a_whole_session(service: Service) -> None:
    def answer(path: str, form: dict[str, str]) -> Response:
        text = form.get("text", "")
        return says(f"CON [{text}]", at_ussd_hop_metadata="home") if len(text) < 5 else says("END Murakoze")

    service.answer = answer
    one = phone(service)
    assert (one.dial("*384*100#").text, one.send("1").text, one.send("25").text) == ("[]", "[1]", "[1*25]")
    last = one.send("x&y")
    assert (last.text, last.more, one.open) == ("Murakoze", False, False)
    assert [form["text"] for form in turns(service)] == ["", "1", "1*25", "1*25*x&y"]
    fields = ("sessionId", "serviceCode", "phoneNumber", "networkCode", "text")
    assert {tuple(form) for form in turns(service)} == {fields}
    assert len({form["sessionId"] for form in turns(service)}) == 1
    event = events(service)[0]
    assert (event["status"], event["hopsCount"], event["hopsMetadata"]) == ("Success", "4", "home|home|home")
    assert (event["input"], event["lastAppResponse"]) == ("1*25*x&y", "END Murakoze")


@pytest.mark.parametrize(
    "dialled, text",
    [("", ""), ("*384*100#", ""), ("*384*100*1*2#", "1*2"), ("1*2", "1*2"), ("*384*1001#", "*384*1001")],
)
def test_what_is_dialled_after_the_code_is_the_first_text(service: Service, dialled: str, text: str) -> None:
    service.answer = lambda path, form: says("CON x")
    one = phone(service)
    one.dial(dialled)
    one.send("9")
    assert [form["text"] for form in turns(service)] == [text, f"{text}*9" if text else "9"]


@pytest.mark.parametrize(
    "answer",
    [
        Response("CON x", status=201),
        Response("CON x", status=404),
        Response("CON x", status=500),
        Response(""),
        Response(" CON x"),
        Response("\nEND x"),
        Response("\ufeffCON x"),
        Response('"CON x"'),
        Response("CONx"),
        Response("con x"),
    ],
    ids=lambda answer: f"{answer.status_code} {answer.data!r}",
)
def test_an_answer_the_gateway_ends_the_session_over(service: Service, answer: Response) -> None:
    service.answer = lambda path, form: answer
    one = phone(service)
    screen = one.dial()
    assert (screen.text, screen.more, one.open) == (CARRIER_ERROR, False, False)
    assert events(service)[0]["status"] == "Failed"
    assert events(service)[0]["errorMessage"] == screen.fault != ""
    with pytest.raises(RuntimeError):
        one.send("1")


def test_an_answer_that_comes_too_late(service: Service) -> None:
    def slow(path: str, form: dict[str, str]) -> Response:
        time.sleep(0.15)
        return says("CON x")

    service.answer = slow
    assert "100 ms" in phone(service, cut_ms=100, drop_end=True).dial().fault
    hurried = UssdClient(http_transport(0.05), f"{service.url}/ussd", MSISDN, drop_end=True)
    assert hurried.dial().fault == "no answer: TimeoutError"


def test_nobody_answers() -> None:
    one = UssdClient(http_transport(), "http://127.0.0.1:9/ussd", MSISDN)
    assert one.dial().text == CARRIER_ERROR
    assert one.event_status == 0


def test_an_emulator_stays_on_this_machine() -> None:
    with pytest.raises(ValueError, match="this machine"):
        http_transport()("http://192.0.2.1/ussd", {})


def test_the_end_notice_can_be_dropped(service: Service) -> None:
    service.answer = lambda path, form: says("CON x")
    one = phone(service, drop_end=True)
    one.dial()
    one.hang_up()
    assert events(service) == []
    other = phone(service)
    other.dial()
    other.hang_up()
    assert [event["status"] for event in events(service)] == ["Incomplete"]


def test_turns_twice_again_and_late(service: Service) -> None:
    service.answer = lambda path, form: says(f"CON {len(service.calls)}")
    one = phone(service, twice=True)
    one.dial()
    one.send("1")
    assert one.repeats == [(b"CON 1", b"CON 2"), (b"CON 3", b"CON 4")]
    assert one.again().text == "5"
    assert one.late(1).text == "6"
    one.send("2")
    assert [form["text"] for form in turns(service)] == ["", "", "1", "1", "1", "", "1*2", "1*2"]
