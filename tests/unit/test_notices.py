"""Messages as the worker renders them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ussd_app.hubs import load_hub
from ussd_app.notices import Notices
from ussd_app.settings import Settings


@pytest.mark.parametrize(("template", "word"), [("sms.stopped", "START"), ("sms.started", "STOP")])
def test_an_answer_by_sms_is_asked_for_only_where_the_route_carries_one(template: str, word: str) -> None:
    settings, hub = Settings(), load_hub("rw")
    assert f"send {word}" not in Notices(hub, settings).render(template, "en", {})
    assert f"send {word}" in Notices(hub, replace(settings, sms_replies=True)).render(template, "en", {})


def test_values_are_shown_as_people_read_them() -> None:
    text = Notices(load_hub("rw"), Settings()).render(
        "listing.saved",
        "en",
        {
            "produce": "beans.dry",
            "quantity": 40_500,
            "unit": "g",
            "price_minor": 1200,
            "currency": "RWF",
            "expires_at": 0,
        },
    )
    assert "Beans 40.5 kg, 1 200 RWF. Until 01/01 02:00." in text


def test_a_template_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError):
        Notices(load_hub("rw"), Settings()).render("no.such", "en", {})
