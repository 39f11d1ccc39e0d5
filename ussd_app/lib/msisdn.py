"""Phone numbers: read in any usual way of writing, kept as E.164 with +, shown by their last three digits."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Mobile numbers of Rwanda are read here, in a microsecond; all others by `phonenumbers`, loaded when first needed.
_RWANDA = re.compile(r"(?:\+|00)?250(?:0|\(0\))?(7[23789][0-9]{7})")
_AT_HOME = re.compile(r"0?(7[23789][0-9]{7})")
_NUMBER = re.compile(r"(?:\+|00)?[0-9]{6,15}")
_SEPARATORS = re.compile(r"[\s\-./()]+")
_LONGEST = 40

_NETWORKS = {"78": "mtn", "79": "mtn", "72": "airtel", "73": "airtel", "77": "ktrn"}


def parse(text: str, country: str = "RW") -> str | None:
    """The mobile number `text` holds as E.164 (`+250788123456`), or None where it holds none, several or a landline.

    Args: `country` (two letters) is where a number without its country's code belongs. A number of another country may
    come with `+`, with `00`, or with its bare country code where that cannot be a number at home.
    """
    found = _rwandan(text, country)
    if found:
        return found
    if len(text) > _LONGEST:
        return None
    compact = _plain(text)
    found = _rwandan(compact, country)
    if found:
        return found
    return _elsewhere(compact, country) if _NUMBER.fullmatch(compact) else None


def mask(msisdn: str) -> str:
    """A number as it may be logged or shown to others: `...001`, its last three digits, and nothing of a short one."""
    digits = [char for char in msisdn if char.isdigit()]
    return "..." + "".join(digits[-3:]) if len(digits) > 6 else "..."


def network_hint(msisdn: str) -> str | None:
    """The network an E.164 number of Rwanda was first given to: mtn, airtel or ktrn; None elsewhere.

    A hint only: numbers move between networks.
    """
    return _NETWORKS.get(msisdn[4:6]) if msisdn.startswith("+250") and len(msisdn) == 13 else None


def _rwandan(text: str, country: str) -> str | None:
    found = _RWANDA.fullmatch(text) or (_AT_HOME.fullmatch(text) if country == "RW" else None)
    return f"+250{found[1]}" if found else None


def _plain(text: str) -> str:
    """Digits of any script as 0-9, invisible characters and the usual separators gone, a closing # as well."""
    if not text.isascii():
        shown = (char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")
        text = "".join(str(unicodedata.decimal(char, char)) for char in shown)
        text = re.sub("[\u2010-\u2015\u2212]", "-", text)
    text = text.strip().removesuffix("#")
    if text.startswith("+"):
        text = text.replace("(0)", "", 1)
    return _SEPARATORS.sub("", text).rstrip(",;:")


@lru_cache(maxsize=1024)
def _elsewhere(compact: str, country: str) -> str | None:
    international = "+" + compact[2:] if compact.startswith("00") else compact
    found = _valid(international, country)
    # Without its +, a Russian number and a Rwandan one with two digits too many look alike: +7 keeps its plus.
    if found is None and len(compact) >= 11 and compact[0] not in "+07":
        found = _valid("+" + compact, country)
    return found


def _valid(number: str, country: str) -> str | None:
    import phonenumbers as library

    try:
        parsed = library.parse(number, country)
    except library.NumberParseException:
        return None
    mobile = (library.PhoneNumberType.MOBILE, library.PhoneNumberType.FIXED_LINE_OR_MOBILE)
    if library.number_type(parsed) not in mobile:  # also says no to what is not valid
        return None
    return str(library.format_number(parsed, library.PhoneNumberFormat.E164))
