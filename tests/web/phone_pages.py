"""The phones over the fake market: a page to test that has nothing of the real conversation in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Response

from tests.fake_market import SECRET, FakeMarket
from ussd_app.settings import Settings
from ussd_app.web.phone import phones

SELLER = {
    "name": "Mukamana Alice",
    "role": "seller",
    "msisdn": "+250788000001",
    "pin": "13579",
    "language": "rw",
    "network": "mtn",
}
NEIGHBOUR = SELLER | {"name": "Habimana Jean", "msisdn": "+250728000002", "network": "airtel"}
MANAGER = SELLER | {"name": "Uwase Grace", "role": "cooperative manager", "msisdn": "+250788000003", "language": "en"}
CSP = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"


class _Inbox:
    """Stands where the store stands and knows its queries: the SMS the fake market sent."""

    def __init__(self, market: FakeMarket) -> None:
        self.market = market

    @contextmanager
    def read(self) -> Iterator[_Inbox]:
        yield self

    def phone_inbox(self, recipient: str, most: int) -> list[dict[str, Any]]:
        texts = self.market.inbox.get(recipient, [])
        rows = [
            {
                "id": f"{recipient}-{number}",
                "kind": "sms",
                "template": "plain",
                "language": "rw",
                "values_json": json.dumps({"text": text}),
                "purpose": "reply",
                "state": "sent",
                "delivery_state": "delivered",
                "created_at": 1_790_000_000_000 + number,
                "sent_at": None,
            }
            for number, text in enumerate(texts)
        ]
        return rows[::-1][:most]

    def phone_mail(self, msisdn: str, most: int) -> list[dict[str, Any]]:
        return []


@dataclass
class PhoneParts:
    """Parts for the phones alone."""

    market: FakeMarket = field(default_factory=FakeMarket)
    settings: Settings = field(
        default_factory=lambda: Settings(callback_secrets=(SECRET,), gateways=("africastalking", "hubtel", "simulator"))
    )

    store: Any = None

    def __post_init__(self) -> None:
        self.store = self.store or _Inbox(self.market)

    def demo_people(self) -> list[dict[str, Any]]:
        return [SELLER, NEIGHBOUR, MANAGER]

    def render_notice(self, template: str, language: str, values: dict[str, Any]) -> str:
        return str(values["text"])


def fake_market_with_phones() -> FakeMarket:
    """A fake market whose application also serves /phone, under the strict policy of the real one."""
    parts = PhoneParts()
    parts.market.app.register_blueprint(phones(parts))

    def strict(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = CSP
        return response

    parts.market.app.after_request(strict)
    return parts.market
