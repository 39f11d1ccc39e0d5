"""The lists of the screens come in the order of the indices made for them."""

from __future__ import annotations

import contextlib
import re
import sqlite3

from ussd_app.store.sql import queries


def test_the_screens_lists_use_the_indices_made_for_them(sqlite_url: str) -> None:
    wanted = {
        "offers_for_seller": "offers_open_for_seller",
        "offers_for_buyer": "offers_open_for_buyer",
        "offers_open_shown_to_buyer": "offers_open_for_buyer",
        "listings_by_district": "listings_open_by_district",
        "listings_by_produce": "listings_open_by_produce",
        "listings_open_of_seller": "listings_open_by_seller",
        "listings_due": "listings_open_by_expiry",
        "offers_due": "offers_open_by_expiry",
        "orders_of_seller": "orders_by_seller",
        "orders_of_buyer": "orders_by_buyer",
        "offers_open_on_listing": "offers_open_on_listing",
        "offer_count_of_buyer": "offers_open_for_buyer",
        "listing_sold": "orders_live_by_listing",
    }
    wrong = {}
    with contextlib.closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        for name, index in wanted.items():
            sql = queries("sqlite")[name].sql
            params = dict.fromkeys(re.findall(r"(?<!:):(\w+)", sql), 1)
            plan = " ".join(str(row[3]) for row in connection.execute("EXPLAIN QUERY PLAN " + sql, params))
            if not re.search(rf"INDEX {index}\b", plan):
                wrong[name] = plan
    assert not wrong
