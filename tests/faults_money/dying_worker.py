"""A worker's process that may be told to die at a named point: it does what is due once, at a moment that is given.

Its wallet writes down in a file what reached it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.money.cashier import Cashier
from tests.money.scripted import Record, Wallet
from ussd_app.lib.clock import ManualClock
from ussd_app.money.driver import instruction_of
from ussd_app.money.providers.base import Instruction, Sent
from ussd_app.store import Store, open_store


class WrittenWallet(Wallet):
    """A wallet whose memory outlives the process: a line a reference; `paid` after it once it is approved."""

    def __init__(self, journal: Path) -> None:
        super().__init__()
        self.journal = journal

    def recall(self, store: Store) -> None:
        for line in self.journal.read_text().splitlines() if self.journal.exists() else []:
            reference, _, state = line.partition(" ")
            with store.read() as tx:
                self.records[reference] = Record(instruction_of(tx, tx.payment_by_id(id=reference)))
            if state:
                self.approve(reference)

    def send(self, instruction: Instruction) -> Sent:
        answer = super().send(instruction)
        if answer.outcome == "accepted":
            with self.journal.open("a") as journal:
                journal.write(f"{instruction.reference_id}\n")
        return answer


def main(url: str, journal: str, now: str) -> None:
    store = open_store(url)
    wallet = WrittenWallet(Path(journal))
    wallet.recall(store)
    Cashier(store, ManualClock(int(now)), wallet).driver.run_due()
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
