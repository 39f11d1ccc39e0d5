"""What must be true when a run is over, compared with what the wallets' journals say has moved."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from tests.money.invariants import broken
from tests.simulation.virtual_wallets import FLOAT, ours_of, theirs
from ussd_app.money import audit, ledger
from ussd_app.money.providers.base import FAIL_REASONS

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

Row = dict[str, Any]
POLLS_AFTER_RECOVERY = 2

# Why a payment may stand on the list, and what must have befallen it for that.
EXPLAINED = {
    "wrong_amount": {"settle: amount"},
    "wrong_currency": {"settle: currency"},
    "wrong_payer": {"settle: payer"},
    "same_transaction": {"settle: same id"},
    "reference_in_use": {"send: 409 falsely", "send: 409 by a ghost"},
    "foreign_evidence": {"settle: external", "fetch: another's answer"},
    "late_success": {"settled after it had failed"},
    "statement_amount": {"settle: amount", "settle: same id"},
}


def rows_of(one: Simulation) -> list[Row]:
    with one.books.read() as tx:
        return [*tx.rows("SELECT * FROM payments ORDER BY created_at, id")]


def unsettled(one: Simulation) -> list[Row]:
    """What is still open and could be settled: not what the wallet itself never ends."""
    with one.books.read() as tx:
        rows = tx.rows("SELECT * FROM payments WHERE state IN ('created', 'sending', 'pending', 'unknown')")
    return [
        row
        for row in rows
        if not one.world.befallen.get(row["id"], set()) & {"settle: never settles", "settle: external"}
    ]


def judge(one: Simulation) -> None:
    """Everything but the statements; what is wrong goes into the report, with the payment's last events."""
    report, rows = one.report, rows_of(one)
    with one.books.read() as tx:
        cases = tx.rows("SELECT * FROM payment_reviews ORDER BY opened_at, id")
        told = [row["values_json"] for row in tx.rows("SELECT values_json FROM outbox")]
    report.payments, report.states = len(rows), dict(Counter(row["state"] for row in rows))
    report.met = {name: count for name, count in one.world.met.items() if count}
    report.polls = sum(row["polls"] for row in rows)
    report.reviews = dict(Counter(f"{case['why']} ({case['state']})" for case in cases))
    report.faults += [f"an exception in the logs: {what}" for what in one.broke]
    report.faults += [f"told {count} times: {what}" for what, count in Counter(told).items() if count > 1]
    _moved_as_we_say(one, rows, cases)
    _moved_once_an_intent(one, rows, cases)
    _settled_soon(one, rows)
    _cases_explained(one, rows, cases)
    report.faults += broken(one.books)
    _audit(one)


def judge_after_statement(one: Simulation) -> None:
    """With the statements read, our accounts at the wallets are what the wallets say, to the franc."""
    rows = {row["id"]: row for row in rows_of(one)}
    for name, wallet in one.wallets.items():
        emulator, unbooked = wallet.network.emulator, Counter[str]()
        moved = Counter[str]()
        for reference, line in emulator.settled().items():
            amount = line["amount"] if line["payment"] == "collection" else -line["amount"]
            moved[line["currency"]] += amount
            row = rows.get(ours_of(reference))
            if row is None:
                one.report.faults.append(
                    f"{name}: {amount} moved under {reference}, a reference of none of our payments"
                )
                continue
            if row["state"] in ("pending", "unknown") or _shares_an_id(one, row) or _under_a_used_reference(one, row):
                unbooked[line["currency"]] += amount  # another order's name, or another's transaction: people look
            if row["state"] == "paid" and line["currency"] != row["currency"]:  # a case too, which people set right
                unbooked[line["currency"]] += amount
                unbooked[row["currency"]] -= amount
        with one.books.read() as tx:
            for currency in ("RWF", "EUR"):
                amount = moved[currency]
                ours = -ledger.balance(tx, f"wallet:{name}", currency).posted
                if ours != amount - unbooked[currency]:
                    lacking = f"{amount} less {unbooked[currency]} unexplained"
                    one.report.faults.append(f"{name}: our books hold {ours} {currency}, its journal {lacking}")
        if emulator.ours - FLOAT != moved.total():
            one.report.faults.append(f"{name}: its own journal does not add up")
    with one.books.read() as tx:
        one.report.faults += ledger.check(tx)
    _audit(one)


def explain_difference(one: Simulation, found: Row) -> list[str]:
    """A difference between a statement and our payments, where nothing that happened explains it."""
    happened = one.world.befallen.get(found["payment_id"], set())
    explained = {"settle: amount", "settle: currency", "settle: payer", "settle: same id", "settle: external"}
    explained |= {"settled after it had failed"}
    shared = found["external_id"] and any(
        one_row["external_id"] == found["external_id"] for one_row in rows_of(one) if _shares_an_id(one, one_row)
    )
    if happened & explained or shared or _twin(one, found):
        return []
    return [_wrong(one, found["payment_id"], f"{found['what']}: ours {found['ours']}, theirs {found['theirs']}")]


def _twin(one: Simulation, found: Row) -> bool:
    """Whether the line's transaction id was given to two payments by the wallet."""
    emulator = one.wallets[found["provider"]].network.emulator
    same = [it for it in emulator.payments.values() if it.transaction_id and it.transaction_id == found["external_id"]]
    return len(same) > 1


def _shares_an_id(one: Simulation, row: Row) -> bool:
    emulator = one.wallets[row["provider"]].network.emulator
    kept = emulator.payments.get(theirs(row["provider"], row["id"]))
    return row["state"] == "review" and kept is not None and row["reason"] == "same_transaction"


def _under_a_used_reference(one: Simulation, row: Row) -> bool:
    """Whether what moved under a reference that was in use differs from what we asked: people book it, nobody else."""
    with one.books.read() as tx:
        case = tx.payment_review_by_once(once=f"reference_in_use:{row['id']}")
    return case is not None and not case["in_suspense"]


def _moved_as_we_say(one: Simulation, rows: list[Row], cases: list[Row]) -> None:
    """Paid where, and only where, the wallet moved that money; nothing given up has moved, but what is on the list."""
    listed = {case["payment_id"] for case in cases if case["state"] == "open"}
    listed |= {row["original_id"] for row in rows if row["state"] == "review" and row["original_id"]}
    for row in rows:
        if row["original_id"] and row["kind"] != "refund":
            continue  # money that came late: its reference is the earlier one's
        wallet, happened = one.wallets[row["provider"]], one.world.befallen.get(row["id"], set())
        line = wallet.network.emulator.settled_of(theirs(row["provider"], row["id"]))
        count, amount = (line["count"], line["amount"]) if line else (0, 0)
        if count > 1:
            _add(one, row, f"the wallet moved money {count} times")
        match row["state"]:
            case "paid" if not line:
                _add(one, row, "paid, and nothing has moved")
            case "paid" if not wallet.tells_amount and happened & {
                "settle: amount",
                "settle: currency",
                "settle: payer",
            }:
                pass  # no status tells it; the statement does
            case "paid" if (amount, line["currency"]) != (row["settled_amount"], row["currency"]):
                _add(one, row, f"paid {row['settled_amount']} {row['currency']}, and {amount} {line['currency']} moved")
            case "failed" | "cancelled" if line and row["id"] not in listed:
                if "settled after it had failed" not in happened:  # unless the wallet told so later, and told nobody
                    _add(one, row, f"{row['state']}, and {amount} moved")
            case "failed" if row["reason"] not in {*FAIL_REASONS.values(), "other"}:
                _add(one, row, f"failed for {row['reason']!r}")
            case "created" if theirs(row["provider"], row["id"]) in wallet.network.emulator.payments:
                _add(one, row, "never sent by our books, and the wallet has it")


def _moved_once_an_intent(one: Simulation, rows: list[Row], cases: list[Row]) -> None:
    """Nobody is charged or paid twice for one part of an order, whatever references it was asked under."""
    listed = {row["original_id"] for row in rows if row["state"] == "review" and row["original_id"]}
    moved: dict[tuple[str, str, int], list[str]] = defaultdict(list)
    for row in rows:
        late = "settled after it had failed" in one.world.befallen.get(row["id"], set())
        line = one.wallets[row["provider"]].network.emulator.settled_of(theirs(row["provider"], row["id"]))
        if line and row["id"] not in listed and not late:
            moved[row["order_id"], row["kind"], row["part"]].append(row["id"])
    for intent, references in moved.items():
        if len(references) > 1:
            one.report.faults.append(_wrong(one, references[-1], f"{intent} moved under {len(references)} references"))


def _settled_soon(one: Simulation, rows: list[Row]) -> None:
    """Two looks after the wallet is back, whatever it has ended is settled here."""
    open_still = {row["id"]: row for row in unsettled(one)}
    for row in open_still.values():
        _add(
            one,
            row,
            f"still {row['state']} ({row['reason']}), asked about {row['polls']} times, next at {row['next_at']}",
        )
    listed = _overdue(one)
    for row in rows:
        clean = one.wallets[row["provider"]].network.clean[row["id"]]
        if "settle: external" not in one.world.befallen.get(row["id"], set()):
            one.report.most_polls = max(one.report.most_polls, clean)
            if clean > POLLS_AFTER_RECOVERY:
                _add(one, row, f"asked about {clean} times after the wallet was back and had ended it")
        if (
            row["state"] in ("pending", "unknown", "created")
            and row["id"] not in open_still
            and row["id"] not in listed
        ):
            _add(one, row, f"{row['state']} for more than a day, and on nobody's list")


def _overdue(one: Simulation) -> set[str]:
    with one.books.read() as tx:
        return {row["payment_id"] for row in tx.rows("SELECT payment_id FROM payment_reviews WHERE state = 'open'")}


def _cases_explained(one: Simulation, rows: list[Row], cases: list[Row]) -> None:
    """Nothing ordinary comes to people: each case has a cause among what befell its payment."""
    by_id = {row["id"]: row for row in rows}
    for case in cases:
        row = by_id[case["payment_id"]]
        about = row["original_id"] if case["why"] == "late_success" else row["id"]
        happened = one.world.befallen.get(about, set())
        if case["why"] == "overdue":
            if (
                case["state"] == "open"
                and row["state"] != "review"
                and not happened & {"settle: never settles", "settle: external"}
            ):
                _add(one, row, "on the list for its age, though the wallet could be asked")
        elif case["why"] == "same_transaction" and _twin(
            one, {"provider": case["provider"], "external_id": case["told_external"]}
        ):
            pass  # the wallet gave one id to two payments: the other one may have been settled here first
        elif not happened & EXPLAINED.get(case["why"], set()):
            _add(one, row, f"on the list for {case['why']} ({case['detail']}), and nothing explains it")
    for row in rows:
        if row["state"] == "review" and row["id"] not in {case["payment_id"] for case in cases}:
            _add(one, row, "in review, and on no list")


def _audit(one: Simulation) -> None:
    """The trail is a sound chain, and all of it is sealed."""
    audit.seal(one.books, one.clock.now())
    with one.books.read() as tx:
        found = audit.verify(tx)
    if not found.sound or found.unsealed:
        one.report.faults.append(f"the trail: {found.broken or 'not all of it is sealed'}")


def _add(one: Simulation, row: Row, what: str) -> None:
    one.report.faults.append(_wrong(one, row["id"], f"{row['kind']} {row['state']}: {what}"))


def _wrong(one: Simulation, payment_id: str, what: str) -> str:
    return "\n    ".join([f"payment {payment_id}: {what}", *one.world.told.get(payment_id, [])])
