"""The doors of machines and of development in the whole service: no form of ours stands before them."""

from __future__ import annotations

import pytest

from tests.web.market_world import World
from ussd_app.lib.clock import ManualClock
from ussd_app.store import Store


@pytest.mark.parametrize("provider", ["mtn_momo", "airtel_money"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_wallet_calls_back_without_a_token_of_a_form(store: Store, provider: str, method: str) -> None:
    world = World(store, ManualClock(1_790_000_000_000))
    answer = world.app.test_client().open(
        f"/payments/{provider}/{'t' * 40}", method=method, json={"status": "SUCCESSFUL"}
    )
    assert (answer.status_code, answer.data) == (202, b"")


def test_the_wallet_of_a_phone_is_answered_without_a_token_of_a_form(store: Store) -> None:
    world = World(store, ManualClock(1_790_000_000_000), mtn_momo_base_url="http://127.0.0.1:9")
    told = {"reference": "x", "pin": "1234", "answer": "yes"}
    answer = world.app.test_client().post("/phone/wallet/mtn_momo", json=told)
    assert (answer.status_code, "does not answer" in answer.json["error"]) == (502, True)


def test_a_form_of_people_wants_its_token(store: Store) -> None:
    world = World(store, ManualClock(1_790_000_000_000))
    assert world.app.test_client().post("/sign-in", data={"contact": "+250788000501"}).status_code == 400
