"""The trail: rows without personal data, sealed in the order they are found, and every change of them found."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.money.spoil import at_once, spoil
from ussd_app.money import audit
from ussd_app.money.audit import Head, Verdict
from ussd_app.store import Store, Tx

NOW = 1_790_000_000_000


def note(tx: Tx, number: int = 1, **more: Any) -> str:
    told = {"actor": "worker", "action": "payment.paid", "subject": f"payment:{number}", "was": "pending"}
    told |= {"becomes": "paid", "evidence": "blake2b:00ff"}
    return audit.note(tx, now=NOW + number, **told | more)


def notes(store: Store, count: int) -> list[str]:
    return store.write(lambda tx: [note(tx, number) for number in range(count)])


def verify(store: Store, known: Any = ()) -> Verdict:
    with store.read() as tx:
        return audit.verify(tx, known)


def head(store: Store) -> Head:
    with store.read() as tx:
        return audit.head(tx)


def test_a_note_is_one_statement_and_waits_for_its_seal(store: Store) -> None:
    def work(tx: Tx) -> int:
        note(tx)
        return tx.statement_count

    assert store.write(work) == 1
    assert verify(store) == Verdict(sealed=0, unsealed=1, oldest=NOW + 1)
    assert head(store) == Head(0, audit.GENESIS, 0)
    assert audit.seal(store, NOW + 9) == 1
    assert audit.seal(store, NOW + 10) == 0
    assert verify(store) == Verdict(sealed=1, unsealed=0, oldest=None)
    assert head(store).sequence == 1 and head(store).sealed_at == NOW + 9


def test_what_is_rolled_back_leaves_no_trace(store: Store) -> None:
    def work(tx: Tx) -> None:
        note(tx)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.write(work)
    assert audit.seal(store, NOW) == 0
    assert verify(store).unsealed == 0


def test_more_rows_than_a_batch_are_sealed_densely_and_verified_in_pages(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "BATCH", 7)
    monkeypatch.setattr(audit, "PAGE", 5)
    ids = notes(store, 21)
    assert audit.seal(store, NOW) == 21
    with store.read() as tx:
        seals = tx.audit_seals_after(sequence=0, limit=100)
    assert [row["sequence"] for row in seals] == list(range(1, 22))
    assert [row["audit_id"] for row in seals] == ids
    assert verify(store) == Verdict(21, 0, None)


def test_a_row_with_an_older_id_is_sealed_where_the_chain_ends(store: Store) -> None:
    notes(store, 3)
    audit.seal(store, NOW)
    late = {"actor": "worker", "action": "a", "subject": "payment:9", "was": "", "becomes": "", "evidence": ""}
    store.write(lambda tx: tx.audit_add(id="00OLDER", now=NOW - 99, **late))
    assert audit.seal(store, NOW) == 1
    assert verify(store) == Verdict(4, 0, None)
    with store.read() as tx:
        assert tx.audit_seals_after(sequence=3, limit=9)[0]["audit_id"] == "00OLDER"


def test_a_row_that_commits_late_is_not_passed_over(postgres_url: str) -> None:
    """Its id is older than rows already sealed, which were written later and committed earlier."""
    from ussd_app.store import open_store

    store = open_store(postgres_url)
    written, go_on = threading.Event(), threading.Event()

    def slowly(tx: Tx) -> str:
        audit_id = note(tx, 1)
        written.set()
        assert go_on.wait(10)
        return audit_id

    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(store.write(slowly)))
    thread.start()
    assert written.wait(10)
    early = store.write(lambda tx: note(tx, 2))
    assert audit.seal(store, NOW) == 1
    go_on.set()
    thread.join(10)
    assert found[0] < early
    assert verify(store).unsealed == 1
    assert audit.seal(store, NOW) == 1
    assert verify(store) == Verdict(2, 0, None)
    store.close()


def test_several_workers_seal_while_others_write(store: Store) -> None:
    def write() -> int:
        for number in range(20):
            store.write(lambda tx, number=number: note(tx, number))
        return 20

    def seal() -> int:
        return sum(audit.seal(store, NOW) for _ in range(10))

    results = at_once([write, seal] * 4)
    assert not [one for one in results if isinstance(one, Exception)]
    assert sum(results[1::2]) + audit.seal(store, NOW) == 80
    assert verify(store) == Verdict(80, 0, None)


COLUMNS = ("at", "actor", "action", "subject", "was", "becomes", "evidence")


@pytest.mark.parametrize("column", COLUMNS)
def test_one_changed_byte_of_a_row_is_named(store: Store, column: str) -> None:
    ids = notes(store, 5)
    audit.seal(store, NOW)
    # The last letter or digit becomes another.
    changed = "at + 1" if column == "at" else f"substr({column}, 1, length({column}) - 1) || 'X'"
    spoil(store, f"UPDATE audit SET {column} = {changed} WHERE id = '{ids[2]}'")
    verdict = verify(store)
    assert not verdict.sound
    assert (verdict.sequence, verdict.audit_id, verdict.sealed) == (3, ids[2], 2)
    assert verdict.broken == f"seal 3: row {ids[2]} or its seal was changed"


@pytest.mark.parametrize("table", ["audit", "audit_seals"])
def test_any_flipped_bit_of_any_byte_is_named(store: Store, table: str) -> None:
    """Every byte of a row and of its seal in turn, one bit of each; PostgreSQL keeps no byte that is not a letter."""
    notes(store, 3)
    audit.seal(store, NOW)
    which = {"audit": "subject = 'payment:1'", "audit_seals": "sequence = 2"}[table]
    with store.read() as tx:
        row = tx.rows(f"SELECT * FROM {table} WHERE {which}")[0]
    flips = 0
    for column, value in row.items():
        if column == "sequence":
            continue  # another place in the chain: the tests above
        # The row's own name is changed too, so it is found by what is not being changed.
        found_by = which if column != "subject" else f"id = '{row['id']}'"
        size = 6 if isinstance(value, int) else len(value)
        for place in range(size):
            bit = 1 << (place % (8 if store.engine == "sqlite" else 3))
            if isinstance(value, int):
                changed, back = str(value ^ bit << 8 * place), str(value)
            else:
                raw = bytearray(value.encode())
                raw[place] ^= bit
                changed, back = f"CAST(X'{raw.hex()}' AS TEXT)", f"'{value}'"
                if store.engine == "postgres":
                    changed = f"convert_from('\\x{raw.hex()}', 'UTF8')"
            spoil(store, f"UPDATE {table} SET {column} = {changed} WHERE {found_by}")
            verdict = verify(store)
            assert (verdict.sound, verdict.sequence) == (False, 2), (column, place)
            spoil(store, f"UPDATE {table} SET {column} = {back} WHERE {found_by}")
            flips += 1
    assert flips > 80
    assert verify(store).sound


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE audit_seals SET hash = 'X' || substr(hash, 2) WHERE sequence = 3", "seal 3: row {2} or its seal"),
        ("UPDATE audit_seals SET sealed_at = sealed_at + 1 WHERE sequence = 3", "seal 3: row {2} or its seal"),
        ("UPDATE audit_seals SET audit_id = 'X' WHERE sequence = 3", "seal 3: row X is gone"),
        ("UPDATE audit_seals SET sequence = 7 WHERE sequence = 3", "seal 3 is gone"),
        ("DELETE FROM audit_seals WHERE sequence = 3", "seal 3 is gone"),
        ("DELETE FROM audit_seals WHERE sequence = 5", "row {4} has lost its seal"),
        ("DELETE FROM audit WHERE id = '{2}'", "seal 3: row {2} is gone"),
        ("UPDATE audit SET id = 'X' WHERE id = '{2}'", "seal 3: row {2} is gone"),
        ("UPDATE audit_waiting SET audit_id = 'X'", "row {5} has lost its seal or its place in the queue (1 such"),
        ("DELETE FROM audit WHERE id = '{5}'", "1 rows that waited for a seal are gone"),
    ],
)
def test_every_spoiled_seal_or_row_is_named(store: Store, statement: str, broken: str) -> None:
    ids = notes(store, 5)
    audit.seal(store, NOW)
    ids.append(store.write(note))
    assert verify(store) == Verdict(5, 1, NOW + 1)
    spoil(store, statement.format(*ids))
    assert verify(store).broken.startswith(broken.format(*ids))


def test_two_rows_that_changed_places_are_found(store: Store) -> None:
    ids = notes(store, 5)
    audit.seal(store, NOW)
    spoil(
        store,
        "UPDATE audit_seals SET audit_id = 'X' WHERE sequence = 2",
        f"UPDATE audit_seals SET audit_id = '{ids[1]}' WHERE sequence = 3",
        f"UPDATE audit_seals SET audit_id = '{ids[2]}' WHERE sequence = 2",
    )
    assert verify(store).sequence == 2


@pytest.mark.parametrize("where", ["audit SET was", "audit_seals SET hash", "audit SET id"])
def test_a_byte_that_makes_a_text_unreadable_is_found(sqlite_url: str, where: str) -> None:
    from ussd_app.store import open_store

    store = open_store(sqlite_url)
    ids = notes(store, 5)
    audit.seal(store, NOW)
    which = "sequence = 3" if "seals" in where else f"id = '{ids[2]}'"
    spoil(store, f"UPDATE {where} = CAST(X'E170' AS TEXT) WHERE {which}")
    assert verify(store).sequence == 3
    store.close()


def test_an_unreadable_row_that_never_was_sealed_is_found(sqlite_url: str) -> None:
    from ussd_app.store import open_store

    store = open_store(sqlite_url)
    notes(store, 1)
    spoil(store, "UPDATE audit SET id = CAST(X'E170' AS TEXT)")
    assert "cannot be read" in verify(store).broken
    store.close()


def test_a_chain_cut_short_or_written_anew_does_not_hold_the_exported_head(store: Store) -> None:
    ids = notes(store, 5)
    audit.seal(store, NOW)
    kept = head(store)
    known = [(kept.sequence, kept.hash)]
    assert verify(store, known).sound
    spoil(store, "DELETE FROM audit_seals WHERE sequence = 5", f"DELETE FROM audit WHERE id = '{ids[4]}'")
    assert verify(store).sound  # why the head is to be kept elsewhere
    assert verify(store, known).broken == "seal 5 was exported and is gone"
    spoil(store, "DELETE FROM audit_seals", f"INSERT INTO audit_waiting SELECT id FROM audit WHERE id <> '{ids[4]}'")
    store.write(note)
    audit.seal(store, NOW + 1)
    assert verify(store).sound
    assert verify(store, known).broken == "seal 5 is not the one that was exported"


@pytest.mark.parametrize(
    "bad",
    [
        {"subject": "payment"},
        {"subject": "payment:"},
        {"subject": "Payment:1"},
        {"subject": "person:+250788000001"},
        {"subject": "person:250788000001"},
        {"actor": ""},
        {"action": ""},
        {"actor": "operator:0788000001"},
        {"was": "from +250788000001"},
        {"becomes": "250788000001"},
        {"evidence": "mail x@example.rw"},
        {"evidence": "x" * 201},
    ],
)
def test_personal_data_and_malformed_notes_are_refused(store: Store, bad: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        store.write(lambda tx: note(tx, **bad))  # type: ignore[arg-type]


def test_ids_and_hashes_that_hold_digits_are_not_taken_for_numbers(store: Store) -> None:
    for fine in (
        {"subject": "payment:0788000001ab-250788000001"},
        {"subject": "payment:8d1f0e6a-0788-4000-8000-250788000001"},
        {"evidence": "blake2b:a250788000001f0788000001"},
        {"was": "12000 RWF", "becomes": "0"},
    ):
        store.write(lambda tx, fine=fine: note(tx, **fine))  # type: ignore[arg-type]
    with store.read() as tx:
        assert [row["was"] for row in audit.of_subject(tx, "payment:1")] == ["12000 RWF", "pending"]
