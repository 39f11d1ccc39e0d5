"""What tests of money share: a cashier, whose books and payments are looked through when the test is over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.money.cashier import Cashier
from tests.money.invariants import broken
from ussd_app.lib.clock import ManualClock
from ussd_app.store import Store


@pytest.fixture
def cashier(store: Store) -> Iterator[Cashier]:
    """One wallet that tells amounts, on each engine. After the test every invariant is checked."""
    desk = Cashier(store, ManualClock())
    yield desk
    assert broken(store) == []
