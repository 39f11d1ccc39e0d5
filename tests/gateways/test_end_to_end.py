"""The doors, the adapter and their package against the emulator, over real loopback HTTP."""

from __future__ import annotations

from flask import Flask

from tests.gateways.doors import SECRETS, client_of, delivered, ordered, parts_with, rows
from tests.gateways.test_contract import MSISDN
from tests.gateways.test_emulator import listening, until
from ussd_app.emulators.africastalking import Options, UssdClient, http_transport, running
from ussd_app.emulators.africastalking_phone import client_transport
from ussd_app.gateways.africastalking import AfricasTalking
from ussd_app.gateways.africastalking_sms import Sender
from ussd_app.messages import SmsOut
from ussd_app.store import open_store, outbox
from ussd_app.web.callbacks import register


def test_an_sms_out_its_reports_an_sms_in_and_a_call(sqlite_url: str) -> None:
    store = open_store(sqlite_url)
    parts = parts_with(store)
    app = Flask("doors")
    register(app, parts)
    with (
        listening(app) as address,
        running(
            Options(port=0, service=address, secret=SECRETS[1], api_key="k", reports="duplicated", time_scale=0.01)
        ) as emulator,
    ):
        gateway = AfricasTalking(Sender("sandbox", "k", base_url=emulator.url))
        message = ordered(parts)
        result = gateway.send(SmsOut(message.id, message.recipient, "Muraho"))
        until(lambda: len(rows(store, "SELECT * FROM delivery_reports")) == 3)  # all came before our own note
        store.write(
            lambda tx: outbox.mark_sent(
                tx, message, now=parts.clock.now(), gateway="africastalking", external_id=result.external_id
            )
        )
        assert delivered(parts) == [("delivered", "Success")]

        emulator.incoming(MSISDN, "IBICIRO ibirayi")
        until(lambda: parts.conversation.texts)
        assert parts.conversation.texts == ["IBICIRO ibirayi"]

        phone = UssdClient(http_transport(), f"{address}/ussd/africastalking/{SECRETS[0]}", MSISDN)
        assert [phone.dial("*384*100*1#").text, phone.send("2").text] == ["[1]", "[1*2]"]
        phone.hang_up()
        assert phone.event_status == 200
        assert phone.event["hopsMetadata"] == "home|home"
        ends = rows(store, "SELECT session_id, status, hops FROM session_ends WHERE hops = 2")
        assert ends == [{"session_id": phone.session_id, "status": "incomplete", "hops": 2}]
    store.close()


def test_the_phone_needs_no_socket() -> None:
    phone = UssdClient(client_transport(client_of(parts_with())), f"/ussd/africastalking/{SECRETS[0]}", MSISDN)
    assert phone.dial().text == "[]"
    assert phone.send("1").text == "[1]"
    wrong = UssdClient(client_transport(client_of(parts_with())), "/ussd/africastalking/wrong", MSISDN)
    assert wrong.dial().fault == "HTTP 404"
