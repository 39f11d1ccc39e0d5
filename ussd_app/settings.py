"""What the environment may say, read once into a frozen value. All faults are named in one message."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ussd_app.lib.addresses import host_of, is_loopback

ENVIRONMENTS = ("development", "production")
KNOWN_GATEWAYS = ("africastalking", "hubtel", "simulator")
KNOWN_SETTLEMENTS = ("pass_through", "outside", "held")  # held holds money of others: only where it is named
KNOWN_SMS_GATEWAYS = ("simulator", "africastalking")
KNOWN_SIM_QUERIES = ("", "africastalking", "simulator")
KNOWN_PROVIDERS = ("mtn_momo", "airtel_money", "outside")
EMULATED_WALLETS = {"mtn_momo": "http://127.0.0.1:8101", "airtel_money": "http://127.0.0.1:8102"}
EMULATED = "emulated"  # what the emulated wallets take for a key
WEAK = {"", "secret", "changeme", "change-me", "development", "dev", "password", "test"}


class BadSettings(Exception):
    """The environment cannot be used; `faults` says why, one line each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("Settings are not usable:\n" + "\n".join(f"  {line}" for line in faults))
        self.faults = faults


@dataclass(frozen=True)
class Settings:
    """Every setting of the service. Names in the environment are the same in capitals (see .env.example)."""

    environment: str = "development"
    service_code: str = "*384*100#"
    public_url: str = "http://127.0.0.1:8000"
    support_phone: str = "+250788000000"
    database_url: str = "sqlite:///var/market.db"
    secret_key: str = field(default="", repr=False)
    pin_key: str = field(default="", repr=False)
    hub: str = "rw"
    settlement: tuple[str, ...] = ("pass_through", "outside")
    gateways: tuple[str, ...] = ("africastalking", "simulator")
    sms_gateway: str = "simulator"
    sms_replies: bool = False
    sms_rate: float = 20.0
    callback_secrets: tuple[str, ...] = field(default=(), repr=False)
    callback_sources: tuple[str, ...] = ()
    trusted_proxies: int = 0
    africastalking_username: str = "sandbox"
    africastalking_api_key: str = field(default="", repr=False)
    africastalking_sender_id: str = ""
    africastalking_base_url: str = ""
    sim_query: str = ""
    providers: tuple[str, ...] = KNOWN_PROVIDERS
    mtn_momo_base_url: str = EMULATED_WALLETS["mtn_momo"]
    mtn_momo_target_environment: str = "mtnrwanda"
    mtn_momo_currency: str = "RWF"
    mtn_momo_callback_host: str = ""
    mtn_momo_collection_key: str = field(default=EMULATED, repr=False)
    mtn_momo_disbursement_key: str = field(default=EMULATED, repr=False)
    mtn_momo_api_user: str = field(default=EMULATED, repr=False)
    mtn_momo_api_key: str = field(default=EMULATED, repr=False)
    airtel_money_base_url: str = EMULATED_WALLETS["airtel_money"]
    airtel_money_client_id: str = field(default=EMULATED, repr=False)
    airtel_money_client_secret: str = field(default=EMULATED, repr=False)
    airtel_money_country: str = "RW"
    airtel_money_currency: str = "RWF"
    airtel_money_pin: str = field(default=EMULATED, repr=False)
    airtel_money_pin_key: str = ""
    airtel_money_pin_padding: str = "pkcs1v15"
    airtel_money_hmac_key: str = field(default="", repr=False)
    airtel_money_signing: bool = False
    airtel_money_version: int = 1
    mail_url: str = field(default="", repr=False)
    metrics_token: str = field(default="", repr=False)
    time_scale: float = 1.0
    clock_at: int | None = None
    crash_at: str = ""
    made_up: tuple[str, ...] = ()  # secrets nobody set: another process has others

    @property
    def production(self) -> bool:
        return self.environment == "production"


def from_environment(env: Mapping[str, str] | None = None) -> Settings:
    """Read the settings; a missing secret is made up in development only (and lasts as long as the process).

    Raises BadSettings naming every fault at once.
    """
    source: Mapping[str, str] = os.environ if env is None else env
    read = _Reader(source)
    environment = read.choice("ENVIRONMENT", "development", ENVIRONMENTS)
    values = Settings(
        environment=environment,
        service_code=read.service_code("SERVICE_CODE", "*384*100#"),
        public_url=read.text("PUBLIC_URL", "http://127.0.0.1:8000"),
        support_phone=read.phone("SUPPORT_PHONE", "+250788000000"),
        database_url=read.database("DATABASE_URL", "sqlite:///var/market.db"),
        secret_key=read.secret("SECRET_KEY", environment),
        pin_key=read.secret("PIN_KEY", environment),
        hub=read.text("HUB", "rw"),
        settlement=read.names("SETTLEMENT", "pass_through,outside", KNOWN_SETTLEMENTS),
        gateways=read.names("GATEWAYS", "africastalking,simulator", KNOWN_GATEWAYS),
        sms_gateway=read.choice("SMS_GATEWAY", "simulator", KNOWN_SMS_GATEWAYS),
        sms_replies=read.flag("SMS_REPLIES"),
        sms_rate=read.number("SMS_RATE", 20.0),
        callback_secrets=read.callback_secrets("CALLBACK_SECRETS", environment),
        callback_sources=read.networks("CALLBACK_SOURCES"),
        trusted_proxies=read.whole("TRUSTED_PROXIES", 0),
        africastalking_username=read.text("AFRICASTALKING_USERNAME", "sandbox"),
        africastalking_api_key=read.text("AFRICASTALKING_API_KEY", ""),
        africastalking_sender_id=read.text("AFRICASTALKING_SENDER_ID", ""),
        africastalking_base_url=read.text("AFRICASTALKING_BASE_URL", ""),
        sim_query=read.choice("SIM_QUERY", "", KNOWN_SIM_QUERIES),
        providers=_providers(read, environment),
        **_mtn_momo(read, environment),
        **_airtel_money(read, environment),
        mail_url=read.mail("MAIL_URL"),
        metrics_token=read.text("METRICS_TOKEN", ""),
        time_scale=read.number("TIME_SCALE", 1.0),
        clock_at=read.moment("CLOCK_AT"),
        crash_at=read.text("CRASH_AT", ""),
        made_up=tuple(read.made_up),
    )
    faults = read.faults + _production_faults(values)
    if faults:
        raise BadSettings(faults)
    return values


def _providers(read: _Reader, environment: str) -> tuple[str, ...]:
    """The wallets named; where none are, all: in production, of the two only those that anything is said about."""
    named = read.names("PROVIDERS", ",".join(KNOWN_PROVIDERS), KNOWN_PROVIDERS)
    if environment != "production" or read.text("PROVIDERS", ""):
        return named
    said = [name for name, value in read.source.items() if value.strip()]
    return tuple(one for one in named if one == "outside" or any(name.startswith(one.upper() + "_") for name in said))


def _mtn_momo(read: _Reader, environment: str) -> dict[str, Any]:
    """The settings of MTN MoMo; in development, what its emulator takes where nothing is said."""
    return {
        "mtn_momo_base_url": read.wallet("MTN_MOMO_BASE_URL", environment, "mtn_momo"),
        "mtn_momo_target_environment": read.text("MTN_MOMO_TARGET_ENVIRONMENT", "mtnrwanda"),
        "mtn_momo_currency": read.currency("MTN_MOMO_CURRENCY", "RWF"),
        "mtn_momo_callback_host": read.text("MTN_MOMO_CALLBACK_HOST", ""),
        "mtn_momo_collection_key": read.credential("MTN_MOMO_COLLECTION_KEY", environment),
        "mtn_momo_disbursement_key": read.credential("MTN_MOMO_DISBURSEMENT_KEY", environment),
        "mtn_momo_api_user": read.credential("MTN_MOMO_API_USER", environment),
        "mtn_momo_api_key": read.credential("MTN_MOMO_API_KEY", environment),
    }


def _airtel_money(read: _Reader, environment: str) -> dict[str, Any]:
    """The settings of Airtel Money; in development, what its emulator takes where nothing is said."""
    return {
        "airtel_money_base_url": read.wallet("AIRTEL_MONEY_BASE_URL", environment, "airtel_money"),
        "airtel_money_client_id": read.credential("AIRTEL_MONEY_CLIENT_ID", environment),
        "airtel_money_client_secret": read.credential("AIRTEL_MONEY_CLIENT_SECRET", environment),
        "airtel_money_country": read.text("AIRTEL_MONEY_COUNTRY", "RW"),
        "airtel_money_currency": read.currency("AIRTEL_MONEY_CURRENCY", "RWF"),
        "airtel_money_pin": read.credential("AIRTEL_MONEY_PIN", environment),
        "airtel_money_pin_key": read.text("AIRTEL_MONEY_PIN_KEY", ""),
        "airtel_money_pin_padding": read.choice("AIRTEL_MONEY_PIN_PADDING", "pkcs1v15", ("pkcs1v15", "oaep")),
        "airtel_money_hmac_key": read.text("AIRTEL_MONEY_HMAC_KEY", ""),
        "airtel_money_signing": read.flag("AIRTEL_MONEY_SIGNING"),
        "airtel_money_version": 2 if read.choice("AIRTEL_MONEY_VERSION", "1", ("1", "2")) == "2" else 1,
    }


def _wallet_faults(s: Settings) -> list[str]:
    """What keeps a wallet from moving real money, and what would let it move none."""
    needed = {
        "mtn_momo": ("base_url", "collection_key", "disbursement_key", "api_user", "api_key"),
        "airtel_money": ("base_url", "client_id", "client_secret", "pin", "pin_key"),
    }
    faults = []
    for provider, names in needed.items():
        if provider not in s.providers:
            continue
        values = {f"{provider}_{name}".upper(): str(getattr(s, f"{provider}_{name}")) for name in names}
        faults += [f"{name} is missing." for name, value in values.items() if value in ("", EMULATED)]
        url = values[f"{provider}_BASE_URL".upper()]
        if url and is_loopback(url):
            faults.append(f"{provider.upper()}_BASE_URL is an emulated wallet's: name the live one.")
    sandboxed = "sandbox" in host_of(s.mtn_momo_base_url) or s.mtn_momo_target_environment.lower() == "sandbox"
    if "mtn_momo" in s.providers and sandboxed:
        faults.append("the MTN sandbox is refused in production: set MTN_MOMO_BASE_URL and _TARGET_ENVIRONMENT.")
    if "airtel_money" in s.providers and "openapiuat" in host_of(s.airtel_money_base_url):
        faults.append("Airtel's test host is refused in production: set AIRTEL_MONEY_BASE_URL.")
    return faults


def _production_faults(s: Settings) -> list[str]:
    """What development may do and production must not."""
    if not s.production:
        return []
    faults = []
    if s.time_scale != 1.0:
        faults.append("TIME_SCALE must be 1 in production.")
    if s.clock_at is not None:
        faults.append("CLOCK_AT is refused in production.")
    if s.crash_at:
        faults.append("CRASH_AT is refused in production.")
    if "simulator" in s.gateways or s.sms_gateway == "simulator":
        faults.append("the simulator is refused in production: set GATEWAYS and SMS_GATEWAY to real ones.")
    if s.sim_query == "simulator":
        faults.append("SIM_QUERY is the simulator's: name a real one, or none.")
    if "africastalking" in (s.sms_gateway, s.sim_query) and not s.africastalking_api_key:
        faults.append("AFRICASTALKING_API_KEY is missing.")
    if s.africastalking_username == "sandbox" and "africastalking" in (s.sms_gateway, s.sim_query):
        faults.append("AFRICASTALKING_USERNAME is the sandbox's: name the live one.")
    faults += _wallet_faults(s)
    if not s.metrics_token:
        faults.append("METRICS_TOKEN is missing.")
    path = s.database_url.removeprefix("sqlite:///")
    if path != s.database_url and Path(path).exists() and Path(path).stat().st_mode & 0o004:
        faults.append("DATABASE_URL: the database file is readable by everyone on this machine (chmod 600).")
    return faults


class _Reader:
    """Reads one setting at a time and collects the faults."""

    def __init__(self, source: Mapping[str, str]) -> None:
        self.source = source
        self.faults: list[str] = []
        self.made_up: list[str] = []

    def text(self, name: str, default: str) -> str:
        return self.source.get(name, "").strip() or default

    def choice(self, name: str, default: str, known: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in known:
            self.faults.append(f"{name} is {value!r}; it can be {', '.join(filter(None, known))}.")
        return value

    def names(self, name: str, default: str, known: tuple[str, ...]) -> tuple[str, ...]:
        values = tuple(part.strip() for part in self.text(name, default).split(",") if part.strip())
        for value in values:
            if value not in known:
                self.faults.append(f"{name} names {value!r}; known are {', '.join(known)}.")
        if not values:
            self.faults.append(f"{name} names nothing; known are {', '.join(known)}.")
        return values

    def flag(self, name: str) -> bool:
        value = self.text(name, "0").lower()
        if value not in ("0", "1", "true", "false", "yes", "no"):
            self.faults.append(f"{name} is {value!r}; say 1 or 0.")
        return value in ("1", "true", "yes")

    def number(self, name: str, default: float) -> float:
        value = self.text(name, str(default))
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not 0 <= number < 1e9:
            self.faults.append(f"{name} is {value!r}; it must be a number from 0 up.")
            return default
        return number

    def wallet(self, name: str, environment: str, provider: str) -> str:
        """The address of a wallet; in development its emulator's where none is given."""
        value = self.text(name, "" if environment == "production" else EMULATED_WALLETS[provider]).rstrip("/")
        if value and not (value.startswith("https://") or (value.startswith("http://") and is_loopback(value))):
            self.faults.append(f"{name} must begin with https:// (http:// on this machine only).")
            return ""
        return value

    def credential(self, name: str, environment: str) -> str:
        """A key to a wallet; in development what its emulator takes where none is given."""
        return self.text(name, "" if environment == "production" else EMULATED)

    def currency(self, name: str, default: str) -> str:
        value = self.text(name, default)
        if len(value) != 3 or not (value.isascii() and value.isalpha() and value.isupper()):
            self.faults.append(f"{name} is {value!r}; it looks like RWF.")
            return default
        return value

    def whole(self, name: str, default: int) -> int:
        number = self.number(name, float(default))
        if not number.is_integer():
            self.faults.append(f"{name} is {self.text(name, '')!r}; it must be a whole number.")
        return int(number)

    def phone(self, name: str, default: str) -> str:
        value = self.text(name, default)
        if not re.fullmatch(r"\+?[0-9 ]{3,20}", value):
            self.faults.append(f"{name} is {value!r}; it looks like +250788000000, or a short number such as 3420.")
        return value

    def mail(self, name: str) -> str:
        value = self.text(name, "")
        if value and not re.match(r"smtps?://[^/?#]", value):
            self.faults.append(f"{name} looks like smtp://name:password@host:port.")
        return value

    def service_code(self, name: str, default: str) -> str:
        value = self.text(name, default)
        if not (value.startswith("*") and value.endswith("#") and value[1:-1].replace("*", "").isdigit()):
            self.faults.append(f"{name} is {value!r}; it looks like *384*100#.")
        return value

    def database(self, name: str, default: str) -> str:
        value = self.text(name, default)
        if not value.startswith(("sqlite:///", "postgresql://")):
            self.faults.append(f"{name} must begin with sqlite:/// or postgresql://.")
        return value

    def secret(self, name: str, environment: str) -> str:
        value = self.source.get(name, "").strip()
        if environment == "production":
            if len(value) < 32 or value.lower() in WEAK:
                self.faults.append(f"{name} is missing or short: at least 32 characters.")
            return value
        if not value:
            self.made_up.append(name)
        return value or secrets.token_urlsafe(32)

    def callback_secrets(self, name: str, environment: str) -> tuple[str, ...]:
        values = tuple(part.strip() for part in self.source.get(name, "").split(",") if part.strip())
        if len(values) > 2:
            self.faults.append(f"{name} may hold one secret, or two while rotating.")
        if environment == "production" and (not values or any(len(v) < 22 or v.lower() in WEAK for v in values)):
            self.faults.append(f"{name} is missing or short: at least 22 characters (128 bits).")
        if not values:
            self.made_up.append(name)
        return values or (secrets.token_urlsafe(24),)

    def moment(self, name: str) -> int | None:
        """A calendar moment such as 2026-03-10T08:00 (UTC unless it says otherwise), as epoch milliseconds."""
        value = self.source.get(name, "").strip()
        if not value:
            return None
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            self.faults.append(f"{name} is {value!r}; it looks like 2026-03-10T08:00.")
            return None
        return int((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp() * 1000)

    def networks(self, name: str) -> tuple[str, ...]:
        values = tuple(part.strip() for part in self.source.get(name, "").split(",") if part.strip())
        for value in values:
            try:
                ipaddress.ip_network(value)
            except ValueError:
                self.faults.append(f"{name} holds {value!r}, which is not a network such as 10.1.0.0/16.")
        return values
