"""The store: every row of the market, on SQLite or on PostgreSQL, through named queries alone.

Law of this package: it imports `lib` and nothing else of ours. Whoever changes rows does it inside `Store.turn` (or its
patient sister `Store.write`), and whoever only looks does it inside `Store.read`.
"""

from __future__ import annotations

from ussd_app.store.base import CommitFailed, Store, StoreError, Tx, Unfinished, Withdrawn
from ussd_app.store.migrate import MigrationError, migrate, pending

__all__ = (
    "CommitFailed",
    "MigrationError",
    "Store",
    "StoreError",
    "Tx",
    "Unfinished",
    "Withdrawn",
    "migrate",
    "open_store",
    "pending",
)


def open_store(url: str) -> Store:
    """Open the store named by `url`: `sqlite:///relative/path.db`, `sqlite:////absolute/path.db` or `postgresql://...`.

    The SQLite file is made where there is none, readable by its owner alone; nothing is migrated.
    Raises ValueError for any other kind of address.
    """
    if url.startswith("sqlite:///"):
        from ussd_app.store.sqlite import SqliteStore

        return SqliteStore(url.removeprefix("sqlite:///"))
    if url.startswith(("postgresql://", "postgres://")):
        from ussd_app.store.postgres import PostgresStore

        return PostgresStore(url)
    raise ValueError("a store's address begins with sqlite:/// or postgresql://")
