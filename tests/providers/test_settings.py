"""What the settings say of wallets: emulated ones in development, real ones and nothing less in production."""

from __future__ import annotations

import pytest

from ussd_app.money.providers import load_providers
from ussd_app.settings import BadSettings, from_environment

LIVE = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "s" * 40,
    "PIN_KEY": "p" * 40,
    "CALLBACK_SECRETS": "c" * 24,
    "METRICS_TOKEN": "m" * 24,
    "GATEWAYS": "africastalking",
    "SMS_GATEWAY": "africastalking",
    "AFRICASTALKING_USERNAME": "market",
    "AFRICASTALKING_API_KEY": "k" * 32,
    "MTN_MOMO_BASE_URL": "https://momo.example",
    "MTN_MOMO_COLLECTION_KEY": "a",
    "MTN_MOMO_DISBURSEMENT_KEY": "b",
    "MTN_MOMO_API_USER": "c",
    "MTN_MOMO_API_KEY": "d",
    "AIRTEL_MONEY_BASE_URL": "https://airtel.example",
    "AIRTEL_MONEY_CLIENT_ID": "e",
    "AIRTEL_MONEY_CLIENT_SECRET": "f",
    "AIRTEL_MONEY_PIN": "4411",
    "AIRTEL_MONEY_PIN_KEY": "g",
}


def faults(**changes: str) -> str:
    with pytest.raises(BadSettings) as raised:
        from_environment(LIVE | changes)
    return "\n".join(raised.value.faults)


def test_development_speaks_to_the_emulated_wallets() -> None:
    settings = from_environment({})
    assert settings.providers == ("mtn_momo", "airtel_money", "outside")
    assert settings.mtn_momo_base_url == "http://127.0.0.1:8101"
    assert settings.airtel_money_base_url == "http://127.0.0.1:8102"
    assert set(load_providers(settings)) == set(settings.providers)


def test_production_with_real_wallets() -> None:
    settings = from_environment(LIVE)
    assert settings.mtn_momo_target_environment == "mtnrwanda"
    shown = repr(settings)
    assert "4411" not in shown and "mtn_momo_api_key" not in shown and "airtel_money_pin=" not in shown


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"MTN_MOMO_BASE_URL": "https://sandbox.momodeveloper.mtn.com"}, "MTN sandbox is refused"),
        ({"MTN_MOMO_TARGET_ENVIRONMENT": "sandbox"}, "MTN sandbox is refused"),
        ({"MTN_MOMO_BASE_URL": "http://127.0.0.1:8101"}, "MTN_MOMO_BASE_URL is an emulated wallet's"),
        ({"AIRTEL_MONEY_BASE_URL": "http://localhost:8102"}, "AIRTEL_MONEY_BASE_URL is an emulated wallet's"),
        ({"AIRTEL_MONEY_BASE_URL": "https://[::1]:8102"}, "AIRTEL_MONEY_BASE_URL is an emulated wallet's"),
        ({"AIRTEL_MONEY_BASE_URL": "https://openapiuat.airtel.co.rw"}, "Airtel's test host is refused"),
        ({"AIRTEL_MONEY_BASE_URL": "http://airtel.example"}, "AIRTEL_MONEY_BASE_URL must begin with https://"),
        ({"MTN_MOMO_API_KEY": ""}, "MTN_MOMO_API_KEY is missing"),
        ({"MTN_MOMO_API_KEY": "emulated"}, "MTN_MOMO_API_KEY is missing"),
        ({"AIRTEL_MONEY_PIN_KEY": ""}, "AIRTEL_MONEY_PIN_KEY is missing"),
        ({"MTN_MOMO_BASE_URL": ""}, "MTN_MOMO_BASE_URL is missing"),
        ({"PROVIDERS": "mtn_momo,mpesa"}, "PROVIDERS names 'mpesa'"),
        ({"MTN_MOMO_CURRENCY": "francs"}, "MTN_MOMO_CURRENCY is 'francs'"),
        ({"AIRTEL_MONEY_VERSION": "3"}, "AIRTEL_MONEY_VERSION is '3'"),
        ({"AIRTEL_MONEY_SIGNING": "perhaps"}, "AIRTEL_MONEY_SIGNING"),
    ],
)
def test_production_refuses(changes: dict[str, str], said: str) -> None:
    told = faults(**changes)
    assert said in told
    assert len(told.splitlines()) <= 2


def test_a_wallet_that_is_not_named_needs_nothing() -> None:
    without = {name: value for name, value in LIVE.items() if not name.startswith(("MTN_", "AIRTEL_"))}
    assert from_environment(without | {"PROVIDERS": "outside"}).providers == ("outside",)
    assert from_environment(without).providers == ("outside",)


def test_a_wallet_of_which_anything_is_said_must_be_whole() -> None:
    without = {name: value for name, value in LIVE.items() if not name.startswith(("MTN_", "AIRTEL_"))}
    for change in ({"MTN_MOMO_API_KEY": "d"}, {"MTN_MOMO_TARGET_ENVIRONMENT": "sandbox"}, {"PROVIDERS": "mtn_momo"}):
        with pytest.raises(BadSettings, match="MTN_MOMO_BASE_URL is missing"):
            from_environment(without | change)


def test_no_secret_of_a_wallet_is_quoted() -> None:
    told = faults(MTN_MOMO_BASE_URL="", AIRTEL_MONEY_PIN_KEY="")
    assert "4411" not in told
