"""Amounts as people read them: one house style on every channel and in every language, with ordinary spaces.

`12.500` is twelve thousand to one reader and twelve and a half to another, and the spaces that locale data puts in
amounts are outside the SMS alphabet; so nothing here asks a locale.
"""

from __future__ import annotations

# ISO 4217: what is not listed has two decimals.
_WITHOUT_DECIMALS = frozenset({
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV",
    "XAF", "XOF", "XPF",
})  # fmt: skip
_THREE_DECIMALS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


def decimals(currency: str) -> int:
    """How many decimals `currency` (ISO 4217, three capitals) has: 1 unit is 10 ** decimals minor units.

    Raises ValueError for what cannot be a currency code.
    """
    if currency in _WITHOUT_DECIMALS:
        return 0
    if currency in _THREE_DECIMALS:
        return 3
    if len(currency) != 3 or not (currency.isascii() and currency.isalpha() and currency.isupper()):
        raise ValueError(f"not a currency code: {currency!r}")
    return 2


def show(amount_minor: int, currency: str) -> str:
    """`amount_minor` (minor units of `currency`) as `12 500 RWF` or `12.50 EUR`.

    Raises ValueError as `decimals` does.
    """
    places = decimals(currency)
    whole, part = divmod(abs(amount_minor), 10**places)
    sign = "-" if amount_minor < 0 else ""
    grouped = f"{whole:,}".replace(",", " ")
    return f"{sign}{grouped}.{part:0{places}d} {currency}" if places else f"{sign}{grouped} {currency}"
