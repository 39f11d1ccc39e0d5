"""A country as data: `load_hub("rw")` reads ussd_app/hubs/rw/ once into frozen values.

Another country is another folder of the same files, and no code (hubs/rw/README.md says what each file holds).

Law of this package: it imports the standard library alone, so that every layer may use it.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ussd_app.hubs.demo import Demo, DemoBuyer, DemoCooperative, DemoName, read_demo
from ussd_app.hubs.places import Place, Places, fold, read_places
from ussd_app.hubs.produce import Produce, read_produce
from ussd_app.hubs.rates import (
    BankAccount,
    Consent,
    ExchangeRate,
    Fee,
    FloorPrice,
    Season,
    WalletLimit,
    read_bank_accounts,
    read_consents,
    read_exchange_rates,
    read_fees,
    read_floor_prices,
    read_seasons,
    read_wallet_limits,
)
from ussd_app.hubs.tables import Folder, HubError

__all__ = [
    "BankAccount", "Consent", "Demo", "DemoBuyer", "DemoCooperative", "DemoName", "ExchangeRate", "Fee", "FloorPrice",
    "Hub", "HubError", "Place", "Places", "Produce", "Season", "Support", "WalletLimit", "load_demo", "load_hub",
]  # fmt: skip

ROOT = Path(__file__).parent
_HUB_CODE = re.compile(r"[a-z]{2,8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Support:
    """Whom people call: E.164 number and opening hours in the hub's own time."""

    phone: str
    hours: str


@dataclass(frozen=True, slots=True, eq=False)
class Hub:
    """A country. `currency` is ISO 4217, `country` ISO 3166, `languages` the first of them the usual one."""

    code: str
    name: str
    currency: str
    country: str
    timezone: str
    languages: tuple[str, ...]
    wallets: tuple[str, ...]
    support: Support
    places: Places
    produce: tuple[Produce, ...]
    floor_prices: tuple[FloorPrice, ...]
    fees: tuple[Fee, ...]
    wallet_limits: tuple[WalletLimit, ...]
    exchange_rates: tuple[ExchangeRate, ...]
    bank_accounts: tuple[BankAccount, ...]
    seasons: tuple[Season, ...]
    consents: tuple[Consent, ...]
    _by_code: dict[str, Produce] = field(init=False, repr=False)
    _by_number: dict[int, Produce] = field(init=False, repr=False)
    _by_word: dict[str, Produce] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "_by_code", {produce.code: produce for produce in self.produce})
        put(self, "_by_number", {produce.number: produce for produce in self.produce})
        put(self, "_by_word", {word: produce for produce in self.produce for word in produce.words})

    @property
    def consent(self) -> Consent:
        """The version in force: the last in its file."""
        return self.consents[-1]

    def produce_by(self, code: str) -> Produce:
        """The produce with this code ("coffee.cherry"). Raises KeyError where there is none."""
        return self._by_code[code]

    def produce_by_number(self, number: int) -> Produce | None:
        """The produce with this list number, or None."""
        return self._by_number.get(number)

    def produce_by_word(self, word: str) -> Produce | None:
        """The produce that `word` names in any of the languages ("KAWA", "cafe", "Green coffee"), or None.

        Case, accents, apostrophes and spaces do not matter.
        """
        return self._by_word.get(fold(word))

    def floor_price(self, product: str, day: str) -> FloorPrice | None:
        """The official price of `product` (a code) in force on `day` (YYYY-MM-DD), or None where there is none."""
        found = [price for price in self.floor_prices if price.product == product and price.valid_from <= day]
        return found[-1] if found else None

    def bank_account(self, currency: str) -> BankAccount | None:
        """Where transfers in `currency` (ISO 4217) go, None where there is no account."""
        return next((account for account in self.bank_accounts if account.currency == currency), None)

    def fee(self, kind: str, wallet: str, amount: int, day: str) -> Fee | None:
        """The band for `amount` (minor units) of the tariff in force on `day` (YYYY-MM-DD), or None."""
        tariff = [fee for fee in self.fees if (fee.kind, fee.wallet) == (kind, wallet) and fee.valid_from <= day]
        newest = max((fee.valid_from for fee in tariff), default="")
        bands = (fee for fee in tariff if fee.valid_from == newest and fee.amount_from <= amount <= fee.amount_to)
        return next(bands, None)


def load_hub(code: str, root: Path = ROOT) -> Hub:
    """The hub in the folder `root`/`code`, read once a process.

    Raises HubError naming every fault with its file, row and column.
    """
    return _load(code, root)


def load_demo(code: str, root: Path = ROOT) -> Demo:
    """The names, buyers and cooperatives of `code` that demonstration data is made of. Raises HubError as load_hub."""
    folder = Folder(root / code)
    demo = read_demo(folder, load_hub(code, root))
    if folder.faults:
        raise HubError(code, folder.faults)
    return demo


@lru_cache(maxsize=16)
def _load(code: str, root: Path) -> Hub:
    folder = Folder(root / code)
    if not _HUB_CODE.fullmatch(code) or not (folder.path / "hub.toml").is_file():
        raise HubError(code, [f"there is no {folder.path / 'hub.toml'}."])
    try:
        told = tomllib.loads((folder.path / "hub.toml").read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise HubError(code, [f"hub.toml: {error}."]) from error
    if faults := _toml_faults(told):
        raise HubError(code, faults)
    languages, wallets = tuple(told["languages"]), tuple(told["wallets"])
    produce = read_produce(folder, languages)
    hub = Hub(
        code=code,
        name=told["name"],
        currency=told["currency"],
        country=told["country"],
        timezone=told["timezone"],
        languages=languages,
        wallets=wallets,
        support=Support(**told["support"]),
        places=read_places(folder, told["place_words"]),
        produce=produce,
        floor_prices=read_floor_prices(folder, {item.code: item.floater for item in produce}),
        fees=read_fees(folder, wallets),
        wallet_limits=read_wallet_limits(folder, wallets),
        exchange_rates=read_exchange_rates(folder, told["currency"]),
        bank_accounts=read_bank_accounts(folder),
        seasons=read_seasons(folder, {item.group for item in produce}),
        consents=read_consents(folder, told["name"], languages),
    )
    for file, found in (("places.csv", len(hub.places)), ("produce.csv", produce), ("consent.csv", hub.consents)):
        if not found and not any(fault.startswith(file) for fault in folder.faults):
            folder.faults.append(f"{file}: it has no rows.")
    if folder.faults:
        raise HubError(code, folder.faults)
    return hub


_TEXTS = {
    "name": r"[A-Za-z][A-Za-z0-9 .'-]{1,15}",
    "currency": r"[A-Z]{3}",
    "country": r"[A-Z]{2}",
    "timezone": r"[A-Z][A-Za-z_]+(/[A-Z][A-Za-z_]+)+",
}
_LISTS = {"languages": r"[a-z]{2}", "wallets": r"[a-z_]+", "place_words": r"[^\W\d_]+"}
_SUPPORT = {"phone": r"\+[1-9]\d{7,14}", "hours": r"\d\d:\d\d-\d\d:\d\d"}


def _toml_faults(told: dict[str, Any]) -> list[str]:
    """What hub.toml lacks or has wrong, and what it has that nothing reads (a slip of the pen, most often)."""
    known = {*_TEXTS, *_LISTS, "support"}
    faults = [f"hub.toml: {name} means nothing here." for name in told if name not in known]
    for name, pattern in _TEXTS.items():
        if not _is_like(told.get(name), pattern):
            faults.append(f"hub.toml, {name}: {told.get(name)!r} does not look like {pattern}.")
    for name, pattern in _LISTS.items():
        values = told.get(name)
        if not isinstance(values, list) or not all(_is_like(value, pattern) for value in values):
            faults.append(f"hub.toml, {name}: {values!r} is not a list of {pattern}.")
    if isinstance(told.get("languages"), list) and "en" not in told["languages"]:
        faults.append("hub.toml, languages: 'en' is missing, which names fall back to.")
    support = told.get("support")
    if not isinstance(support, dict) or set(support) != set(_SUPPORT):
        return [*faults, f"hub.toml, support: it holds {', '.join(_SUPPORT)} and nothing else."]
    for name, pattern in _SUPPORT.items():
        if not _is_like(support[name], pattern):
            faults.append(f"hub.toml, support.{name}: {support[name]!r} does not look like {pattern}.")
    return faults


def _is_like(value: object, pattern: str) -> bool:
    return isinstance(value, str) and re.fullmatch(pattern, value) is not None
