"""The faults are played on the same cashier as the other tests of money, and on one whose wallet tells no amounts."""

from __future__ import annotations

import pytest

from tests.money.cashier import Cashier
from tests.money.conftest import cashier
from tests.money.scripted import Wallet
from ussd_app.lib.clock import ManualClock
from ussd_app.store import Store

__all__ = ("airtel", "cashier")


@pytest.fixture
def airtel(store: Store) -> Cashier:
    """A cashier whose wallet tells no amounts and is first asked after three minutes."""
    return Cashier(store, ManualClock(), Wallet("airtel_money", tells_amount=False, first_s=180))
