"""The product's conversations: what is asked and said, flow by flow, and nothing else.

Law of this package: a screen reads through one query or none, an action calls one rule of `ussd_app.market` and says
what became of it. No CON or END, no counting of characters, no SQL. Keys that people learn by heart (`tasks.py`) are
bound to names and never renumbered.
"""

from menus import (
    account,
    ask_coops,
    buy,
    coop_calls,
    coop_orders,
    dispute,
    help,
    home,
    listings,
    matches,
    members,
    offers,
    orders,
    pay,
    pledges,
    prices,
    register,
    sell,
    standing,
    wallet,
    weigh,
    written_down,
)
from ussd_app.engine.screen import SCREENS

__all__ = [
    "SCREENS",
    "account",
    "ask_coops",
    "buy",
    "coop_calls",
    "coop_orders",
    "dispute",
    "help",
    "home",
    "listings",
    "matches",
    "members",
    "offers",
    "orders",
    "pay",
    "pledges",
    "prices",
    "register",
    "sell",
    "standing",
    "wallet",
    "weigh",
    "written_down",
]
