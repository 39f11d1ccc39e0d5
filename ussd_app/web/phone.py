"""The phones in the browser, for development: two feature phones that speak the gateways' real wires.

Law of this module: it shows a page, the demo people and the SMS a number was sent. It makes no turn: the page posts to
the same addresses a gateway does. It hands out the callback secret, so production has no such page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from flask import Blueprint, Response, jsonify, render_template, request, url_for

from ussd_app.lib import gsm7, msisdn
from ussd_app.settings import Settings
from ussd_app.store import Store
from ussd_app.web import phone_wallet

MOST_MESSAGES = 30
NETWORKS = (
    {"name": "mtn", "label": "MTN", "code": "63510"},
    {"name": "airtel", "label": "Airtel", "code": "63514"},
    {"name": "ktrn", "label": "KTRN", "code": "63517"},
)
WIRES = (
    {"name": "africastalking", "label": "Africa's Talking"},
    {"name": "hubtel", "label": "Hubtel"},
    {"name": "simulator", "label": "Simulator"},
)
KEYPAD = (
    ("1", ""), ("2", "abc"), ("3", "def"), ("4", "ghi"), ("5", "jkl"), ("6", "mno"),
    ("7", "pqrs"), ("8", "tuv"), ("9", "wxyz"), ("*", ""), ("0", "+"), ("#", ""),
)  # fmt: skip
# The outbox's states in the words of a person waiting for a message.
STATES = {"leased": "sending", "sending": "sending", "refused": "failed", "dead": "failed"}
CODE_GONE = "(A code. It is not kept once it is sent.)"


class PhoneParts(Protocol):
    """What the phones need of the application."""

    @property
    def settings(self) -> Settings: ...

    @property
    def store(self) -> Store: ...

    @property
    def demo_people(self) -> Callable[[], list[dict[str, Any]]]:
        """Gives the people with name, role, msisdn, pin, language and network, those to show first at the front."""

    @property
    def render_notice(self) -> Callable[[str, str, dict[str, Any]], str]:
        """(template, language, values) -> the text of an outbox row."""


def phones(parts: PhoneParts) -> Blueprint:
    """The blueprint of /phone, /phone/people, /phone/inbox and /phone/wallet. Raises ValueError in production."""
    if parts.settings.production:
        raise ValueError("the phones in the browser are for development only")
    blueprint = Blueprint("phones", __name__, url_prefix="/phone", template_folder="templates", static_folder="static")
    phone_wallet.add_doors(blueprint, parts.settings)

    @blueprint.get("")
    def page() -> str:
        wires = [wire for wire in WIRES if wire["name"] in parts.settings.gateways]
        config = {
            "secret": parts.settings.callback_secrets[0],
            "serviceCode": parts.settings.service_code,
            "networks": NETWORKS,
            "peopleUrl": url_for("phones.people"),
            "inboxUrl": url_for("phones.inbox"),
            "walletUrl": url_for("phones.prompts"),
        }
        return render_template(
            "phone.html",
            config_for_page=config,
            networks=NETWORKS,
            wires=wires,
            keypad=KEYPAD,
            service_code=parts.settings.service_code,
        )

    @blueprint.get("/people")
    def people() -> Response:
        return jsonify(people=parts.demo_people())

    @blueprint.get("/inbox")
    def inbox() -> tuple[Response, int] | Response:
        asked = request.args.get("phone", "").strip()
        # A buyer abroad has no phone: what went to the mail address is shown instead.
        recipient = asked.casefold() if "@" in asked else msisdn.parse(asked)
        if recipient is None:
            return jsonify(error="phone is a number such as +250788000001, or a mail address"), 400
        with parts.store.read() as tx:
            rows = [
                *tx.phone_inbox(recipient=recipient, most=MOST_MESSAGES),
                *tx.phone_mail(msisdn=recipient, most=MOST_MESSAGES),
            ]
        newest_first = sorted(rows, key=lambda row: (row["created_at"], row["id"]), reverse=True)[:MOST_MESSAGES]
        return jsonify(messages=[message(parts, row) for row in newest_first if row["state"] != "cancelled"])

    return blueprint


def message(parts: PhoneParts, row: Mapping[str, Any]) -> dict[str, Any]:
    """One outbox row as the inbox shows it: sender, text, parts, encoding, state, time (epoch milliseconds)."""
    values = json.loads(row["values_json"])
    if row["purpose"] == "code" and not values:
        text = CODE_GONE
    else:
        text = gsm7.fold(parts.render_notice(row["template"], row["language"], values))
    return {
        "id": row["id"],
        "kind": row["kind"],
        "sender": parts.settings.africastalking_sender_id or "Duhahirane",
        "text": text,
        "parts": gsm7.sms_parts(text),
        "encoding": "GSM-7" if gsm7.is_gsm7(text) else "UCS-2",
        "state": state_of(row),
        "at": row["sent_at"] or row["created_at"],
    }


def state_of(row: Mapping[str, Any]) -> str:
    """waiting, held, sending, sent, delivered or failed."""
    if row["state"] == "sent":
        return row["delivery_state"] if row["delivery_state"] in ("delivered", "failed") else "sent"
    return STATES.get(row["state"], str(row["state"]))
