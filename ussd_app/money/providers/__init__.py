"""The wallets money moves through: one file each, behind one small interface (`base.Provider`).

Law of this package: a wallet's file knows its wire, `money.http`, `lib` and the settings, no store and no payment
state; it turns all that networks and wallets do into values. To add one, write `ussd_app/money/providers/<name>.py`
with a function `provider(settings)`, name it in KNOWN_PROVIDERS of the settings, and run the contract suite over it.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from ussd_app.money.providers.base import Provider
from ussd_app.settings import Settings


def load_providers(settings: Settings) -> dict[str, Provider]:
    """The wallets the settings name, by name; no other is imported.

    Raises LookupError for a name without a file, ValueError for settings a wallet cannot work with.
    """
    return {name: _load(name, settings) for name in settings.providers}


def _load(name: str, settings: Settings) -> Provider:
    path = f"{__name__}.{name}"
    try:
        module = import_module(path)
    except ModuleNotFoundError as missing:
        if missing.name != path:
            raise
        raise LookupError(f"there is no wallet named {name!r}") from missing
    if not hasattr(module, "provider"):
        raise LookupError(f"{name!r} is no wallet")
    return cast("Provider", module.provider(settings))
