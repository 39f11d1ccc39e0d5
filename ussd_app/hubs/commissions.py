"""What an agent earns when a seller she registered completes a first sale, and who pays it: dated rows of a hub.

Read apart from the hub: only the worker and the agents' own screens need it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ussd_app.hubs.tables import Folder, HubError, Once, Row

ROOT = Path(__file__).parent
COLUMNS = ("amount", "payer", "valid_from", "source")
_PAYER = re.compile(r"(outside|fees|cooperative)(:[A-Za-z0-9][A-Za-z0-9_-]{0,47}){0,2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Commission:
    """From the day `valid_from` on: `amount` minor units of the hub's currency a seller, out of the account `payer` of
    the books (`outside:<who>` is somebody who owes it to us)."""

    amount: int
    payer: str
    valid_from: str
    source: str


def at(rows: Sequence[Commission], day: str) -> Commission | None:
    """The row in force on `day` (YYYY-MM-DD); None before the first one: nothing is earned then."""
    return next((row for row in reversed(rows) if row.valid_from <= day), None)


@lru_cache(maxsize=16)
def load_commissions(code: str, root: Path = ROOT) -> tuple[Commission, ...]:
    """The rows of `commissions.csv` of hub `code`, the oldest first; none where it has no such file. Raises HubError."""
    folder, once = Folder(root / code), Once()

    def read(row: Row) -> Commission:
        day = row.day("valid_from")
        once.check(row, "valid_from", day)
        payer = row.matches("payer", _PAYER, "outside:programme")
        return Commission(row.whole("amount", 1), payer, day, row.plain("source", 120))

    found = folder.each("commissions.csv", COLUMNS, read, needed=False)
    if folder.faults:
        raise HubError(code, folder.faults)
    return tuple(sorted(found, key=lambda row: row.valid_from))
