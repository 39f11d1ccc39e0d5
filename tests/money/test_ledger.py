"""The books: what a transfer may be, how a hold ends, what a balance says, and what the database refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.money.spoil import spoil
from ussd_app.money import ledger
from ussd_app.money.ledger import Balance, Conflict, Short
from ussd_app.store import Store, Tx

NOW = 1_790_000_000_000
WALLET = "wallet:mtn_momo"
HELD = "order:01ORDER:held"
SELLER = "seller:01SELLER:payable"


def hold(tx: Tx, amount: int = 1000, payment_id: str = "p1", **terms: Any) -> str:
    terms = {"source": WALLET, "destination": HELD, "currency": "RWF"} | terms
    return ledger.hold(tx, now=NOW, payment_id=payment_id, amount=amount, **terms)


def move(tx: Tx, amount: int, source: str = WALLET, destination: str = HELD, **terms: Any) -> str:
    terms = {"currency": "RWF", "why": "test"} | terms
    return ledger.move(tx, now=NOW, source=source, destination=destination, amount=amount, **terms)


def stands(store: Store, account: str, currency: str = "RWF") -> Balance:
    with store.read() as tx:
        return ledger.balance(tx, account, currency)


def assert_sound(store: Store) -> None:
    with store.read() as tx:
        assert ledger.check(tx) == []


def test_a_hold_is_pending_on_both_sides_until_it_is_posted(store: Store) -> None:
    held = store.write(hold)
    assert stands(store, HELD) == Balance(0, 1000, 0)
    assert stands(store, WALLET) == Balance(0, 0, 1000)
    assert store.write(lambda tx: ledger.post(tx, held, 1000, NOW + 1))
    assert stands(store, HELD) == Balance(1000, 0, 0)
    assert stands(store, WALLET) == Balance(-1000, 0, 0)
    with store.read() as tx:
        assert [row["kind"] for row in ledger.of_payment(tx, "p1")] == ["pending", "post"]
        ended = ledger.ending(tx, held)
        assert ended is not None and (ended["kind"], ended["amount"], ended["at"]) == ("post", 1000, NOW + 1)
    assert_sound(store)


def test_what_is_posted_is_what_was_verified_and_the_rest_is_let_go(store: Store) -> None:
    held = store.write(hold)
    store.write(lambda tx: ledger.post(tx, held, 400, NOW))
    assert stands(store, HELD) == Balance(400, 0, 0)
    assert stands(store, WALLET) == Balance(-400, 0, 0)
    assert_sound(store)


def test_more_than_was_held_is_posted_on_evidence_alone(store: Store) -> None:
    held = store.write(hold)
    with pytest.raises(ValueError, match="provider's word"):
        store.write(lambda tx: ledger.post(tx, held, 1001, NOW))
    assert store.write(lambda tx: ledger.post(tx, held, 1001, NOW, evidence="blake2b:ab"))
    assert stands(store, HELD) == Balance(1001, 0, 0)
    assert_sound(store)


def test_a_voided_hold_moves_nothing(store: Store) -> None:
    held = store.write(hold)
    assert store.write(lambda tx: ledger.void(tx, held, NOW))
    assert stands(store, HELD) == stands(store, WALLET) == Balance(0, 0, 0)
    assert_sound(store)


@pytest.mark.parametrize("first", ["post", "void"])
@pytest.mark.parametrize("second", ["post", "void"])
def test_a_hold_ends_once(store: Store, first: str, second: str) -> None:
    acts: dict[str, Callable[[Tx, str], str | None]] = {
        "post": lambda tx, held: ledger.post(tx, held, 1000, NOW),
        "void": lambda tx, held: ledger.void(tx, held, NOW),
    }
    held = store.write(hold)
    assert store.write(lambda tx: acts[first](tx, held)) is not None
    before = stands(store, HELD)
    assert store.write(lambda tx: acts[second](tx, held)) is None
    assert stands(store, HELD) == before
    with store.read() as tx:
        ended = ledger.ending(tx, held)
        assert ended is not None and ended["kind"] == first
    assert_sound(store)


def test_wrong_money_is_parked_in_suspense(store: Store) -> None:
    """A collection's goes there in place of the order, a payout's comes from there in place of the seller."""
    held = store.write(hold)
    store.write(lambda tx: ledger.post(tx, held, 900, NOW, suspense=True))
    assert stands(store, HELD) == Balance(0, 0, 0)
    assert stands(store, "suspense") == Balance(900, 0, 0)
    store.write(lambda tx: move(tx, 1000, destination=SELLER))
    payout = store.write(lambda tx: hold(tx, 1000, "p2", source=SELLER, destination=WALLET))
    store.write(lambda tx: ledger.post(tx, payout, 1200, NOW, evidence="blake2b:ab", suspense=True))
    assert stands(store, SELLER) == Balance(1000, 0, 0)
    assert stands(store, "suspense") == Balance(-300, 0, 0)
    assert stands(store, WALLET) == Balance(-900 - 1000 + 1200, 0, 0)
    inner = store.write(lambda tx: hold(tx, 10, "p3", source=SELLER, destination="fees:service"))
    with pytest.raises(ValueError, match="suspense stands in"):
        store.write(lambda tx: ledger.post(tx, inner, 10, NOW, suspense=True))
    assert_sound(store)


def test_a_payment_holds_once(store: Store) -> None:
    held = store.write(hold)
    assert store.write(hold) == held
    for other in ({"amount": 999}, {"currency": "EUR"}, {"destination": "order:01OTHER:held"}):
        with pytest.raises(Conflict):
            store.write(lambda tx, other=other: hold(tx, **other))
    assert stands(store, HELD) == Balance(0, 1000, 0)


def test_a_move_named_once_happens_once(store: Store) -> None:
    done = store.write(lambda tx: move(tx, 70, once="delivery:1:share"))
    assert store.write(lambda tx: move(tx, 70, once="delivery:1:share")) == done
    with pytest.raises(Conflict):
        store.write(lambda tx: move(tx, 71, once="delivery:1:share"))
    assert store.write(lambda tx: move(tx, 70)) != store.write(lambda tx: move(tx, 70))
    assert stands(store, HELD) == Balance(210, 0, 0)
    assert_sound(store)


def test_nothing_leaves_a_guarded_account_that_is_not_there(store: Store) -> None:
    store.write(lambda tx: move(tx, 1000))
    with pytest.raises(Short):
        store.write(lambda tx: move(tx, 1001, HELD, SELLER))
    payout = store.write(lambda tx: hold(tx, 600, source=HELD, destination=WALLET))
    assert stands(store, HELD).available == 400
    for act in (
        lambda tx: move(tx, 401, HELD, SELLER),  # what is held to leave is not there for another
        lambda tx: hold(tx, 401, "p2", source=HELD, destination=WALLET),
        lambda tx: ledger.post(tx, payout, 1001, NOW, evidence="blake2b:ab"),
        lambda tx: move(tx, 1, HELD, SELLER, currency="EUR"),
    ):
        with pytest.raises(Short):
            store.write(act)
    assert store.write(lambda tx: ledger.post(tx, payout, 1000, NOW, evidence="blake2b:ab"))
    assert stands(store, HELD) == Balance(0, 0, 0)
    assert_sound(store)


def test_pending_money_cannot_be_spent(store: Store) -> None:
    store.write(hold)
    with pytest.raises(Short):
        store.write(lambda tx: move(tx, 1, HELD, SELLER))


@pytest.mark.parametrize(
    ("account", "may"),
    [
        ("order:1:held", False),
        ("order:1:held:part", False),
        ("order:1:heldback", True),
        ("order:1:due", True),
        ("seller:1", False),
        ("seller:1:payable", False),
        ("fees:service", False),
        ("buyer:1", True),
        ("buyer:1:credit", False),
        ("wallet:mtn_momo", True),
        ("suspense", True),
        ("outside", True),
    ],
)
def test_which_accounts_may_be_negative(account: str, may: bool) -> None:
    assert ledger.ACCOUNT.fullmatch(account)
    assert ledger.may_go_negative(account) is may


@pytest.mark.parametrize(
    "bad",
    [
        {"source": "wallets:mtn"},
        {"source": "wallet:"},
        {"source": "wallet:mtn momo"},
        {"source": "wallet:+250788000001"},
        {"source": "wallet:a\n"},
        {"source": HELD},
        {"amount": 0},
        {"amount": -1},
        {"amount": 1.0},
        {"amount": True},
        {"amount": 10**15 + 1},
        {"currency": "rwf"},
        {"currency": "RWFX"},
        {"payment_id": ""},
    ],
)
def test_malformed_transfers_are_refused(store: Store, bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        store.write(lambda tx: hold(tx, **bad))


def test_what_is_no_hold_cannot_end(store: Store) -> None:
    moved = store.write(lambda tx: move(tx, 5))
    for pending_id in (moved, "nothing"):
        with pytest.raises(Conflict):
            store.write(lambda tx, it=pending_id: ledger.post(tx, it, 5, NOW))
        with pytest.raises(Conflict):
            store.write(lambda tx, it=pending_id: ledger.void(tx, it, NOW))


def test_currencies_are_kept_apart_and_totals_add_up(store: Store) -> None:
    store.write(lambda tx: move(tx, 1000))
    store.write(lambda tx: move(tx, 300, HELD, SELLER))
    store.write(lambda tx: move(tx, 12_50, "bank", "order:01ABROAD:held", currency="EUR"))
    store.write(lambda tx: hold(tx, 200, source=SELLER, destination=WALLET))
    with store.read() as tx:
        totals = ledger.totals(tx)
    assert {currency: (whole["debits"], whole["credits"]) for currency, whole in totals.items()} == {
        "EUR": (1250, 1250),
        "RWF": (1300, 1300),
    }
    accounts = totals["RWF"]["accounts"]
    assert sorted(accounts) == ["order", "seller", WALLET]
    assert accounts["order"] == {"debits": 300, "credits": 1000, "pending_debits": 0, "pending_credits": 0}
    assert accounts["seller"]["pending_debits"] == totals["RWF"]["pending_credits"] == 200
    assert stands(store, HELD, "EUR") == Balance(0, 0, 0)


@pytest.mark.parametrize("table", ["transfers", "entries", "audit", "audit_seals"])
@pytest.mark.parametrize("act", ["UPDATE", "DELETE", "REPLACE", "TRUNCATE"])
def test_rows_stay_as_they_were_written(store: Store, table: str, act: str) -> None:
    from ussd_app.money import audit

    store.write(hold)
    store.write(lambda tx: audit.note(tx, now=NOW, actor="worker", action="test", subject="payment:1"))
    audit.seal(store, NOW)
    column = {"transfers": "amount", "entries": "posted", "audit": "at", "audit_seals": "sealed_at"}[table]
    statement = {
        "UPDATE": f"UPDATE {table} SET {column} = {column} + 1",
        "DELETE": f"DELETE FROM {table}",
        "REPLACE": f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
        "TRUNCATE": f"TRUNCATE {table} CASCADE",
    }[act]
    if act == ("TRUNCATE" if store.engine == "sqlite" else "REPLACE"):
        return  # the other engine's statement
    with pytest.raises(store.refusals, match="append-only"):
        store.write(lambda tx: tx.rows(statement))


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 1001},
        {"currency": "EUR"},
        {"payment_id": "p2"},
        {"source": "wallet:airtel_money"},
        {"source": "suspense", "destination": "order:2:held"},
        {"pending_id": "01MOVE"},
    ],
)
@pytest.mark.spoils_books
def test_the_database_refuses_an_end_that_is_not_the_hold_s(store: Store, change: dict[str, Any]) -> None:
    held = store.write(hold)
    row: dict[str, Any] = {"id": "01POST", "kind": "post", "payment_id": "p1", "pending_id": held, "once": None}
    row |= {"source": WALLET, "destination": HELD, "amount": 1000, "currency": "RWF", "why": "", "evidence": ""}
    move_row = row | {"id": "01MOVE", "kind": "move", "pending_id": None, "now": NOW}
    store.write(lambda tx: tx.transfer_add(**move_row))
    with pytest.raises(store.refusals):
        store.write(lambda tx: tx.transfer_add(**row | {"now": NOW} | change))
    assert store.write(lambda tx: tx.transfer_add(**row, now=NOW)) == "01POST"


def test_the_database_refuses_a_second_end(store: Store) -> None:
    held = store.write(hold)
    store.write(lambda tx: ledger.void(tx, held, NOW))
    second = (
        "INSERT INTO transfers (id, kind, payment_id, pending_id, source, destination, amount, currency, at)"
        f" VALUES ('2', 'post', 'p1', :held, '{WALLET}', '{HELD}', 1000, 'RWF', 1)"
    )
    with pytest.raises(store.refusals):
        store.write(lambda tx: tx.rows(second, held=held))


SPOILED = {
    "UPDATE entries SET posted = posted + 1 WHERE side = 'credit' AND posted = 1000": ("are not credits", "balance"),
    "UPDATE entries SET posted = posted + 1 WHERE posted = 1000": ("is not what its entries say",),
    "UPDATE entries SET account = 'order:2:held' WHERE account = 'order:01ORDER:held' AND posted = 1000": (
        "is not what its entries say",
    ),
    "UPDATE entries SET currency = 'EUR' WHERE posted = 300": ("is not what its entries say",),
    "UPDATE entries SET pending = pending - 1 WHERE pending < 0": ("is not what its entries say", "less than nothing"),
    "DELETE FROM entries WHERE posted = 300": ("does not balance", "is not what its entries say"),
    "UPDATE transfers SET amount = 999 WHERE kind = 'post'": ("is not what its entries say",),
    "UPDATE transfers SET payment_id = 'p9' WHERE kind = 'post'": ("wrongly ends a hold",),
    "DELETE FROM transfers WHERE kind = 'pending'": ("wrongly ends a hold",),
    "UPDATE transfers SET amount = 999 WHERE kind = 'pending'": ("wrongly ends a hold", "entries say"),
    "UPDATE entries SET posted = 2000 WHERE posted = 300": ("order:01ORDER:held RWF may not be negative and is -1000",),
}


@pytest.mark.spoils_books
@pytest.mark.parametrize("statement", SPOILED)
def test_check_names_what_is_wrong(store: Store, statement: str) -> None:
    held = store.write(hold)
    store.write(lambda tx: ledger.post(tx, held, 1000, NOW))
    store.write(lambda tx: move(tx, 300, HELD, SELLER))
    assert_sound(store)
    spoil(store, statement)
    with store.read() as tx:
        faults = "\n".join(ledger.check(tx))
    for words in SPOILED[statement]:
        assert words in faults


def test_a_balance_reads_the_entries_of_its_account_alone(store: Store) -> None:
    if store.engine == "sqlite":
        from ussd_app.store.sql import queries

        plan = "EXPLAIN QUERY PLAN " + queries("sqlite")["entries_balance"].sql
        with store.read() as tx:
            told = [row["detail"] for row in tx.rows(plan, account=HELD, currency="RWF")]
        assert told == ["SEARCH entries USING COVERING INDEX entries_by_account (account=? AND currency=?)"]
        return
    with store.read() as tx:
        tx.rows("SET LOCAL enable_seqscan = off")  # a table of a few rows is read whole otherwise
        plan = f"EXPLAIN SELECT SUM(posted) FROM entries WHERE account = '{HELD}' AND currency = 'RWF'"
        assert "entries_by_account" in str(tx.rows(plan))
