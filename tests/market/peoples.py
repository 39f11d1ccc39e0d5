"""People for the tests of the market: made quickly, with a hash that costs nothing where no PIN is checked."""

from __future__ import annotations

import json
from typing import Any

from ussd_app.market import people
from ussd_app.store import Store, Tx

NOW = 1_790_000_000_000
KEY = "k" * 40
JEANNE = "+250788000001"
ELSEWHERE = "+250788000777"


def seller(
    tx: Tx, *, msisdn: str = JEANNE, name: str = "Jeanne", pin_hash: str = "kept", **more: Any
) -> dict[str, Any]:
    return people.register_seller(
        tx,
        now=more.pop("now", NOW),
        msisdn=msisdn,
        name=name,
        language=more.pop("language", "rw"),
        place="5104",
        pin_hash=pin_hash,
        consent_version="2026-01",
        channel="ussd",
        **more,
    )


def buyer(tx: Tx, **more: Any) -> dict[str, Any]:
    return people.register_buyer(
        tx,
        now=NOW,
        name=more.pop("name", "Marc"),
        language="fr",
        country=more.pop("country", "be"),
        consent_version="2026-01",
        channel=more.pop("channel", "web"),
        **more,
    )


def ordered(store: Store) -> list[dict[str, Any]]:
    """What waits to go out, in the order it was ordered, `values` read back."""
    with store.read() as tx:
        rows = tx.rows("SELECT * FROM outbox ORDER BY created_at, id")
    return [{**row, "values": json.loads(row["values_json"])} for row in rows]
