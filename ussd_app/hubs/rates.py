"""The dated rows of a hub (official prices, fees, seasons) and the texts of consent, as their files have them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ussd_app.hubs.tables import Folder, Once, Row

FEE_KINDS = ("cash_out", "transfer", "service")
FLOOR_KINDS = ("minimum", "fixed")
_MONTH_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", re.ASCII)
_ESTIMATE, _DEMONSTRATION = "estimate", "demonstration"
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_RATE = re.compile(r"(?=.*[1-9])[0-9]{1,9}(\.[0-9]{1,8})?", re.ASCII)
_ACCOUNT = re.compile(r"[A-Z0-9][A-Z0-9 -]{3,40}", re.ASCII)
_BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class FloorPrice:
    """An official price at the farm gate, in minor units for one kg (litre, piece), from the day `valid_from` on.

    `kind` 'minimum' means nobody may pay less, 'fixed' that everybody pays just this. `price_floaters` is None where no
    price for floaters was set.
    """

    product: str
    kind: str
    price_good: int
    price_floaters: int | None
    valid_from: str
    source: str


@dataclass(frozen=True, slots=True)
class Fee:
    """What a wallet takes from `amount_from` to `amount_to`, both included; all in minor units of the hub's currency.

    `kind` is 'cash_out' (at an agent, on the receiver), 'transfer' (on the sender) or 'service' (ours).
    """

    kind: str
    wallet: str
    amount_from: int
    amount_to: int
    fee: int
    valid_from: str
    source: str

    @property
    def estimate(self) -> bool:
        """Whether no tariff was seen, so that a screen should say "about"."""
        return self.source.startswith(_ESTIMATE)


@dataclass(frozen=True, slots=True)
class WalletLimit:
    """What a wallet lets one customer move, minor units of the hub's currency: in one `transaction`, and in a `day`."""

    wallet: str
    transaction: int
    day: int
    valid_from: str
    source: str

    @property
    def estimate(self) -> bool:
        """Whether the wallet's own figure was not seen."""
        return self.source.startswith(_ESTIMATE)


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """1 `currency` = `rate` (a decimal as text) of the hub's currency, from the day `valid_from` on."""

    currency: str
    rate: str
    valid_from: str
    source: str

    @property
    def estimate(self) -> bool:
        """Whether nobody published it."""
        return self.source.startswith(_ESTIMATE)


@dataclass(frozen=True, slots=True)
class BankAccount:
    """Where transfers in `currency` go; `source` "demonstration" for an invented one, which production must not show."""

    currency: str
    holder: str
    bank: str
    account: str
    bic: str
    source: str

    @property
    def invented(self) -> bool:
        """Whether there is no such account."""
        return self.source.startswith(_DEMONSTRATION)


@dataclass(frozen=True, slots=True)
class Season:
    """A harvest season of a group of produce, the same days (MM-DD, both included) every year."""

    group: str
    name: str
    starts: str
    ends: str

    def holds(self, day: str) -> bool:
        """Whether `day` (YYYY-MM-DD) is in the season, which may run over the New Year."""
        date = day[5:]
        if self.starts <= self.ends:
            return self.starts <= date <= self.ends
        return date >= self.starts or date <= self.ends


@dataclass(frozen=True, slots=True)
class Consent:
    """What people are asked before anything of theirs is kept: one version, its text by language."""

    version: str
    texts: Mapping[str, str] = field(hash=False)


def read_floor_prices(folder: Folder, products: Mapping[str, bool]) -> tuple[FloorPrice, ...]:
    """floor_prices.csv, the oldest first; `products` are the known codes and whether each has floaters."""
    once = Once()

    def read(row: Row) -> FloorPrice:
        product, day = row.choice("product", products), row.day("valid_from")
        once.check(row, "valid_from", (product, day))
        floaters = row.whole("price_floaters", 1) if row.cells["price_floaters"] else None
        if floaters is not None and not products.get(product):
            row.fault("price_floaters", "is for a produce that has no floaters")
        kind = row.choice("kind", FLOOR_KINDS)
        return FloorPrice(product, kind, row.whole("price_good", 1), floaters, day, row.plain("source", 120))

    columns = ("product", "kind", "price_good", "price_floaters", "valid_from", "source")
    found = folder.each("floor_prices.csv", columns, read, needed=False)
    return tuple(sorted(found, key=lambda price: (price.product, price.valid_from)))


def read_fees(folder: Folder, wallets: Collection[str]) -> tuple[Fee, ...]:
    """fees.csv by kind, wallet, day and amount; bands of one tariff follow each other without gap or overlap."""

    def read(row: Row) -> tuple[Row, Fee]:
        least = row.whole("amount_from")
        amounts = (least, row.whole("amount_to", least), row.whole("fee"))
        kind, wallet = row.choice("kind", FEE_KINDS), row.choice("wallet", wallets)
        return row, Fee(kind, wallet, *amounts, row.day("valid_from"), row.plain("source", 120))

    columns = ("kind", "wallet", "amount_from", "amount_to", "fee", "valid_from", "source")
    found = folder.each("fees.csv", columns, read, needed=False)
    found.sort(key=lambda pair: (pair[1].kind, pair[1].wallet, pair[1].valid_from, pair[1].amount_from))
    for (_, lower), (row, upper) in pairwise(found):
        same = (lower.kind, lower.wallet, lower.valid_from) == (upper.kind, upper.wallet, upper.valid_from)
        if same and upper.amount_from != lower.amount_to + 1:
            row.fault("amount_from", f"does not follow the band that ends at {lower.amount_to}")
    return tuple(fee for _, fee in found)


def read_wallet_limits(folder: Folder, wallets: Collection[str]) -> tuple[WalletLimit, ...]:
    """wallet_limits.csv, the oldest first."""
    once = Once()

    def read(row: Row) -> WalletLimit:
        wallet, day = row.choice("wallet", wallets), row.day("valid_from")
        once.check(row, "valid_from", (wallet, day))
        most = row.whole("transaction", 1)
        return WalletLimit(wallet, most, row.whole("day", most), day, row.plain("source", 120))

    columns = ("wallet", "transaction", "day", "valid_from", "source")
    found = folder.each("wallet_limits.csv", columns, read, needed=False)
    return tuple(sorted(found, key=lambda limit: (limit.wallet, limit.valid_from)))


def read_exchange_rates(folder: Folder, home: str) -> tuple[ExchangeRate, ...]:
    """exchange_rates.csv, the oldest first; `home` is the hub's own currency."""
    once = Once()

    def read(row: Row) -> ExchangeRate:
        currency, day = row.matches("currency", _CURRENCY, "EUR"), row.day("valid_from")
        once.check(row, "valid_from", (currency, day))
        if currency == home:
            row.fault("currency", "is the hub's own")
        return ExchangeRate(currency, row.matches("rate", _RATE, "1652.30"), day, row.plain("source", 120))

    found = folder.each("exchange_rates.csv", ("currency", "rate", "valid_from", "source"), read, needed=False)
    return tuple(sorted(found, key=lambda rate: (rate.currency, rate.valid_from)))


def read_bank_accounts(folder: Folder) -> tuple[BankAccount, ...]:
    """bank_accounts.csv: one account a currency."""
    once = Once()

    def read(row: Row) -> BankAccount:
        currency = row.matches("currency", _CURRENCY, "EUR")
        once.check(row, "currency", currency)
        names = (row.plain("holder"), row.plain("bank"), row.matches("account", _ACCOUNT, "00040 0000000 01"))
        return BankAccount(currency, *names, row.matches("bic", _BIC, "BKIGRWRW"), row.plain("source", 120))

    columns = ("currency", "holder", "bank", "account", "bic", "source")
    return tuple(folder.each("bank_accounts.csv", columns, read, needed=False))


def read_seasons(folder: Folder, groups: Collection[str]) -> tuple[Season, ...]:
    """seasons.csv in its own order."""

    def read(row: Row) -> Season:
        starts, ends = (row.matches(column, _MONTH_DAY, "03-01") for column in ("starts", "ends"))
        return Season(row.choice("group", groups), row.plain("name", 20), starts, ends)

    return tuple(folder.each("seasons.csv", ("group", "name", "starts", "ends"), read, needed=False))


def read_consents(folder: Folder, hub_name: str, languages: Sequence[str]) -> tuple[Consent, ...]:
    """consent.csv, the current version last; every version must speak every language. `{hub}` becomes the name."""
    once = Once()
    versions: dict[str, dict[str, str]] = {}

    def read(row: Row) -> None:
        version, language = row.plain("version", 20), row.choice("language", languages)
        once.check(row, "language", (version, language))
        row.cells["text"] = row.cells["text"].replace("{hub}", hub_name)
        versions.setdefault(version, {})[language] = row.plain("text", 115)  # the choices stand below it

    folder.each("consent.csv", ("version", "language", "text"), read)
    for version, texts in versions.items():
        if missing := [language for language in languages if language not in texts]:
            folder.faults.append(f"consent.csv: version {version} is not there in {', '.join(missing)}.")
    return tuple(Consent(version, texts) for version, texts in versions.items())
