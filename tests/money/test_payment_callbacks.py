"""The wallets' door: whatever knocks is answered 2xx or 4xx, kept as a hash, and moves nothing."""

from __future__ import annotations

import gzip
import http
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.money.cashier import Cashier
from ussd_app.money import callbacks
from ussd_app.money.providers.base import CallbackHint, hash_of
from ussd_app.settings import Settings
from ussd_app.store import StoreError
from ussd_app.web.gate import BODY_BYTES
from ussd_app.web.payment_callbacks import payment_callbacks

SECRET = "the-secret-all-callbacks-share"


@pytest.fixture
def parts(cashier: Cashier) -> Any:
    return SimpleNamespace(
        settings=Settings(callback_secrets=(SECRET, "the-one-before")),
        clock=cashier.clock,
        store=cashier.store,
        money=SimpleNamespace(providers=cashier.wallets),
        metrics=None,
    )


@pytest.fixture
def door(parts: Any) -> FlaskClient:
    app = Flask("door")
    app.register_blueprint(payment_callbacks(parts))
    return app.test_client()


def kept(cashier: Cashier) -> list[dict[str, Any]]:
    with cashier.store.read() as tx:
        rows: list[dict[str, Any]] = tx.rows("SELECT * FROM payment_evidence ORDER BY first_at, id")
        return rows


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_true_callback_has_the_payment_looked_at_now(cashier: Cashier, door: FlaskClient, method: str) -> None:
    asked = cashier.ask()
    cashier.run()
    cashier.wallet.approve(asked["id"])
    answer = door.open(f"/payments/mtn_momo/{asked['callback_token']}", method=method, data=b"paid:")
    assert (answer.status_code, answer.data) == (202, b"")
    cashier.expect(asked, "pending")  # the callback itself moves nothing
    cashier.run(1)
    cashier.expect(asked, "paid")
    (evidence,) = kept(cashier)
    assert (evidence["payment_id"], evidence["verdict"], evidence["claimed"]) == (asked["id"], "hint", "paid")
    assert evidence["body_hash"] == hash_of(b"paid:")


@pytest.mark.parametrize("token", [SECRET, "the-one-before"])
def test_at_the_shared_address_the_body_names_the_payment(cashier: Cashier, door: FlaskClient, token: str) -> None:
    asked = cashier.ask()
    cashier.run()
    assert door.post(f"/payments/mtn_momo/{token}", data=f"paid:{asked['id']}").status_code == 202
    assert [row["verdict"] for row in kept(cashier)] == ["hint"]


@pytest.mark.parametrize(
    ("path", "body", "status", "verdicts"),
    [
        ("/payments/mtn_momo/nobodys-token", b"paid:", 202, ["unknown"]),
        ("/payments/mtn_momo/" + SECRET, b"", 202, ["unknown"]),
        ("/payments/mtn_momo/" + SECRET, b"\xff\x00<html>", 202, []),  # not even read by this wallet
        ("/payments/mtn_momo/" + SECRET, b"x" * (BODY_BYTES + 1), 413, []),
        ("/payments/nobody/" + SECRET, b"paid:", 404, []),
        ("/payments/airtel_money/" + SECRET, b"paid:", 404, []),
        ("/payments/mtn_momo/", b"paid:", 404, []),
    ],
)
def test_what_is_no_callback_of_ours(
    cashier: Cashier, door: FlaskClient, path: str, body: bytes, status: int, verdicts: list[str]
) -> None:
    asked = cashier.ask()
    cashier.run()
    before = cashier.row(asked)
    assert door.post(path, data=body).status_code == status
    assert [row["verdict"] for row in kept(cashier)] == verdicts
    assert cashier.row(asked) == before


def test_nothing_packed_is_taken(cashier: Cashier, door: FlaskClient) -> None:
    asked = cashier.ask()
    bomb = gzip.compress(b"\0" * 10_000_000)
    for encoding in ("gzip", "deflate", "br", "x"):
        answer = door.post(
            f"/payments/mtn_momo/{asked['callback_token']}", data=bomb[:9_000], headers={"Content-Encoding": encoding}
        )
        assert answer.status_code == http.HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    assert kept(cashier) == []


def test_it_cannot_be_asked_for_anything(door: FlaskClient) -> None:
    for method in ("GET", "DELETE", "PATCH"):
        assert door.open(f"/payments/mtn_momo/{SECRET}", method=method).status_code == 405


def test_a_store_that_is_away_is_no_reason_for_a_5xx(parts: Any, door: FlaskClient) -> None:
    def away(_work: object) -> None:
        raise StoreError("away")

    parts.store = SimpleNamespace(write=away)
    assert door.post(f"/payments/mtn_momo/{SECRET}", data=b"paid:").status_code == 202


def test_a_wrong_signature_is_kept_and_nothing_is_looked_at(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.run()
    before = cashier.row(asked)
    hint = CallbackHint(reference_id=asked["id"], state="paid", raw_hash=hash_of(b"1"), signed=False)
    verdict = cashier.store.write(lambda tx: callbacks.callback(tx, now=1, provider="mtn_momo", hint=hint, shared=True))
    assert verdict == "forged" and cashier.row(asked) == before


def test_another_wallets_token_fits_nothing(cashier: Cashier) -> None:
    asked = cashier.ask()
    hint = CallbackHint(state="paid", raw_hash=hash_of(b"1"))
    verdict = cashier.store.write(
        lambda tx: callbacks.callback(tx, now=1, provider="airtel_money", hint=hint, token=asked["callback_token"])
    )
    assert verdict == "unknown"


def test_without_a_reference_the_orders_code_finds_what_is_under_way(cashier: Cashier) -> None:
    asked = cashier.ask()
    cashier.run()
    hint = CallbackHint(our_external="1234567", state="paid", raw_hash=hash_of(b"1"))
    now = cashier.clock.now()
    verdict = cashier.store.write(
        lambda tx: callbacks.callback(tx, now=now, provider="mtn_momo", hint=hint, shared=True)
    )
    assert (verdict, cashier.row(asked)["next_at"]) == ("hint", now)


def test_a_flood_of_strange_callbacks_is_not_kept(cashier: Cashier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callbacks, "STRANGE_AN_HOUR", 3)
    for number in range(6):
        hint = CallbackHint(state="paid", raw_hash=hash_of(bytes([number])))
        cashier.store.write(
            lambda tx, hint=hint: callbacks.callback(tx, now=1_000, provider="mtn_momo", hint=hint, token="x")
        )
    assert len(kept(cashier)) == 3
    assert cashier.store.write(lambda tx: callbacks.forget(tx, now=1_001 + callbacks.KEPT_MS)) == 3
