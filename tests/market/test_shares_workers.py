"""Shares under several workers, and after one died between two shares: each share goes out once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.market.coops import CoopDeal
from ussd_app.market import settlement, share_pay
from ussd_app.store import Store, Tx


@pytest.fixture
def deal(store: Store) -> CoopDeal:
    return CoopDeal(store)


def test_many_looks_at_once_ask_for_each_share_once(deal: CoopDeal) -> None:
    goods = {deal.member(): 1_000 + place for place in range(8)}
    order = deal.sold(goods)
    deal.pay()
    pay_list = deal.draft(order)

    def look(_n: int) -> None:
        deal.store.write(lambda tx: settlement.advance(tx, clock=deal.clock, now=deal.now, order_id=order["id"]))

    deal.approve(pay_list)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(look, range(18)))
    sent = deal.pay("disbursement")
    assert len(sent) == len({one.external_id for one in sent}) == 8
    assert sum(one.amount for one in sent) == pay_list["total"] and deal.state(order) == "settled"
    deal.sound()


def test_a_worker_that_dies_between_two_shares_leaves_nothing_half_done(
    deal: CoopDeal, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = deal.member(), deal.member()
    order = deal.sold({first: 5_000, second: 5_000})
    draft = deal.draft(order)
    deal.approve(draft)
    usual, seen = share_pay._pay_one, []

    def dies(tx: Tx, *rest: object) -> int:
        seen.append(1)
        if len(seen) == 2:
            raise SystemError("killed")
        return usual(tx, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(share_pay, "_pay_one", dies)
    with pytest.raises(SystemError):
        deal.pay()
    assert deal.states(draft) == ["waiting", "waiting"] and deal.status(order)["paying_out"] == 0
    deal.sound()
    monkeypatch.undo()
    deal.clock.advance(600_000)
    deal.hear([row.instruction.reference_id for row in deal.wallet.records.values()])
    assert sorted(one.amount for one in deal.pay("disbursement")) == [2_000, 2_000]
    assert deal.states(draft) == ["paid", "paid"] and deal.state(order) == "settled"
    deal.sound()
