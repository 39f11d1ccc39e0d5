"""The parts of a running service, wired once by `create_app` and handed to whoever needs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ussd_app.hubs import Hub
from ussd_app.lib.clock import Clock
from ussd_app.settings import Settings

if TYPE_CHECKING:
    from ussd_app.conversation import Conversation
    from ussd_app.gateways.base import SimQuery
    from ussd_app.metrics import Metrics
    from ussd_app.money.service import Money
    from ussd_app.store import Store, Tx


@dataclass
class Services:
    """What screens may ask besides the store."""

    settings: Settings
    clock: Clock
    hub: Hub


@dataclass
class Parts(Services):
    """Everything of one process. `render_notice(template, language, values)` gives the text of a message."""

    store: Store
    gateways: Mapping[str, Any]
    conversation: Conversation
    money: Money
    metrics: Metrics
    opt_out: Callable[[Tx, str, bool], object]
    render_notice: Callable[[str, str, dict[str, Any]], str]
    demo_people: Callable[[], list[dict[str, Any]]]
    sim_query: SimQuery | None = None
