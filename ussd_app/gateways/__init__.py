"""How the networks reach us: one file a gateway, named in the settings.

Law of this package: adapters import `lib`, `messages` and each other's ground (`base`) only, take and return plain
values, know no Flask and no store, and keep nothing of a request on themselves. To add one, write
`ussd_app/gateways/<name>.py` with a function `gateway(settings)` and name it in GATEWAYS.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from ussd_app.gateways.base import SimQuery, SmsGateway, UssdGateway
from ussd_app.lib.clock import Clock
from ussd_app.settings import Settings


def load_gateways(settings: Settings) -> dict[str, UssdGateway | SmsGateway]:
    """The adapters the settings name, for USSD and for SMS, by name; no other adapter is imported.

    Raises LookupError naming the gateway that has no adapter.
    """
    names = dict.fromkeys((*settings.gateways, settings.sms_gateway))
    return {name: _load(name, settings) for name in names}


def load_sim_query(settings: Settings, clock: Clock) -> SimQuery | None:
    """Who is asked about swapped SIMs; None where the settings name nobody."""
    match settings.sim_query:
        case "africastalking":
            from ussd_app.gateways.africastalking_insights import Insights

            return Insights(
                settings.africastalking_username,
                settings.africastalking_api_key,
                settings.africastalking_base_url,
                clock=clock,
            )
        case "simulator":
            from ussd_app.gateways.simulated_sims import SimulatedSims

            return SimulatedSims()
    return None


def _load(name: str, settings: Settings) -> UssdGateway | SmsGateway:
    if not name.isidentifier():
        raise LookupError(f"{name!r} is not a name a gateway can have")
    path = f"{__name__}.{name}"
    try:
        module = import_module(path)
    except ModuleNotFoundError as missing:
        if missing.name != path:
            raise
        raise LookupError(f"there is no gateway adapter named {name!r}") from missing
    return cast("UssdGateway | SmsGateway", module.gateway(settings))
