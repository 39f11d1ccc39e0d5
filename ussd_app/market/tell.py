"""Who hears what: one outbox row for each event and person.

People who share a phone may ask for no amounts in their messages; theirs is the same template with `.plain` behind its
name and no money among its values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ussd_app.store import Tx, outbox


def tell(tx: Tx, now: int, person: Mapping[str, Any], template: str, event: str, values: dict[str, Any]) -> None:
    """Order a message about the trade for `person`.

    Args: `now` epoch ms; `person` a row with id, msisdn, mail, language, amounts_in_sms; `template` a notice's name;
    `event` the id of what happened, so that nobody hears of it twice; `values` the template's holes.
    A cooperative's account (its msisdn is empty) has no phone: its managers are told. A person whom nothing can reach
    any more (erased) is passed over.
    """
    if person["msisdn"] == "":
        for manager in tx.cooperative_told(account_id=person["id"]):
            tell(tx, now, manager, template, event, values)
        return
    to = person["msisdn"] or person["mail"]
    if not to:
        return
    if not person["amounts_in_sms"]:
        template += ".plain"
        values = {name: value for name, value in values.items() if name != "currency" and not name.endswith("_minor")}
    outbox.order(
        tx,
        now=now,
        kind="sms" if person["msisdn"] else "mail",
        to=to,
        template=template,
        values=values,
        language=person["language"],
        purpose="order",
        person_id=person["id"],
        dedupe=f"{template}:{event}:{person['id']}",
    )


def both(tx: Tx, seller_id: str, buyer_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The seller and the buyer as `tell` needs them, with `name` (a buyer's company before her own name)."""
    rows = {row["id"]: row for row in tx.contacts_of_trade(seller_id=seller_id, buyer_id=buyer_id)}
    return rows[seller_id], rows[buyer_id]


def goods(row: Mapping[str, Any]) -> dict[str, Any]:
    """The values every message about a listing, an offer or an order names: produce, quantity, unit, price."""
    return {name: row[name] for name in ("produce", "quantity", "unit", "currency")} | {"price_minor": row["price"]}
