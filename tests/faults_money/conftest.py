"""The faults are played on the same cashier as the other tests of money."""

from __future__ import annotations

from tests.money.conftest import cashier

__all__ = ("cashier",)
