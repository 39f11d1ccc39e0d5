"""The bank's tables come to a market that is in use."""

from __future__ import annotations

from tests.market.deals import Deal
from tests.market.trades import Country
from ussd_app.market import rates
from ussd_app.store import Store, migrate, pending

BACK = (
    "DROP TABLE bank_lines", "DROP TABLE bank_transfers", "DROP TABLE exchange_rates", "DROP TABLE wallet_limits",
    "ALTER TABLE settlements DROP COLUMN pay_currency", "DELETE FROM schema_migrations WHERE number = 13",
)  # fmt: skip


def test_a_market_in_use_gets_them_and_keeps_every_row(store: Store) -> None:
    deal = Deal(store)
    order = deal.order()
    deal.know(order["seller_id"])
    deal.deliver(order, 10_000)
    deal.pay()
    before = deal.payments(order), deal.status(order)
    for statement in BACK:
        store.write(lambda tx, statement=statement: tx.rows(statement))  # type: ignore[misc]
    assert "0013_bank" in pending(store)
    assert "0013_bank" in migrate(store) and migrate(store) == []
    store.write(lambda tx: rates.load(tx, Country()))  # type: ignore[arg-type]
    assert (deal.payments(order), deal.status(order)) == before
    with store.read() as tx:
        assert tx.rows("SELECT pay_currency FROM settlements") == [{"pay_currency": ""}]
    deal.pay("disbursement")
    assert deal.state(order) == "settled"
    deal.sound()
