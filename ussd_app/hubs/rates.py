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
_ESTIMATE = "estimate"


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
