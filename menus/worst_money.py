"""The worst cases of money: the longest receipts, every state a payment may be in, holds, changes of wallets, disputes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ussd_app.engine.check import Caller
from ussd_app.market import deliveries, disputes, orders, proformas, receipts, settlement, terms, wallets
from ussd_app.money import payments
from ussd_app.trade_words import HELD, NOT_PAID

if TYPE_CHECKING:
    from menus.worst_case import WorstWorld

FLOWS = ("pay", "weigh", "wallet", "dispute")
EXTERNAL = "MP261122.2359.L0694112345"
MOST_AT_ONCE = 2_000_000  # francs: what a wallet usually moves at once
Row = dict[str, Any]


def callers(world: WorstWorld, language: str) -> Iterator[Caller]:
    """Sellers and buyers with money in every state, each begun where that state is shown."""
    cherry = world.hub.produce_by("coffee.cherry")
    seller, buyer = world.a_seller(language), world.a_buyer(language)
    order = _order(world, seller, buyer, cherry, "outside")
    yield Caller(
        "weighing buyer", world.calls(buyer, language, draft={"order": order["id"]}), "orders.one", ("orders", *FLOWS)
    )
    _deliver(world, order, agree=False)
    yield Caller(
        "asked seller", world.calls(seller, language, draft={"order": order["id"]}), "orders.one", ("orders", *FLOWS)
    )
    yield Caller("asked seller at home", world.calls(seller, language), "pay.latest", FLOWS)
    yield from _outside(world, language, cherry)
    yield from _states(world, language, cherry)
    yield from _by_bank(world, language, cherry)
    yield from _wallets(world, language)
    yield from _disputes(world, language, cherry)


def _order(world: WorstWorld, seller: Row, buyer: Row, produce: Any, mode: str) -> Row:
    """An order nobody may undo any more."""
    listing = world.listing(seller, produce)
    offer = world.offer(buyer, listing, share=50)
    world.tx.worst_settlement(id=offer["id"], settlement=mode)
    now = world.clock.now()
    order = orders.accept(world.tx, clock=world.clock, now=now, person_id=seller["id"], offer_id=offer["id"])
    world.tx.worst_past_order(id=order["id"], now=now)
    return order


def _deliver(world: WorstWorld, order: Row, agree: bool = True) -> Row:
    now = world.clock.now()
    floaters = order["quantity"] // 3 if order["price_floaters"] is not None else 0
    worth = terms.amount(order["quantity"] - floaters, order["price"], order["unit"])
    named = [(name, worth // 20 - place) for place, name in enumerate(receipts.DEDUCTIONS)]
    row = deliveries.record(
        world.tx,
        clock=world.clock,
        now=now,
        order_id=order["id"],
        buyer_id=order["buyer_id"],
        gross=order["quantity"],
        floaters=floaters,
        deductions=named,
    )
    if agree:
        deliveries.agree(world.tx, clock=world.clock, now=now, seller_id=order["seller_id"], delivery_id=row["id"])
    return row


def _outside(world: WorstWorld, language: str, produce: Any) -> Iterator[Caller]:
    seller, buyer = world.a_seller(language), world.a_buyer(language)
    order = _order(world, seller, buyer, produce, "outside")
    _deliver(world, order)
    yield Caller("unpaid seller", world.calls(seller, language), "pay.latest", FLOWS)
    yield Caller("owing buyer", world.calls(buyer, language), "pay.latest", FLOWS)
    settlement.confirm_received(
        world.tx, clock=world.clock, now=world.clock.now(), seller_id=seller["id"], order_id=order["id"]
    )
    yield Caller("seller with her money", world.calls(seller, language), "pay.latest", ("pay",))
    yield Caller("buyer who paid outside", world.calls(buyer, language), "pay.latest", ("pay",))


def _states(world: WorstWorld, language: str, produce: Any) -> Iterator[Caller]:
    """Every state of a collection, a payout and a refund, as both sides see it."""
    cases = [("collection", state, "") for state in ("created", "review", "paid")]
    cases += [("collection", "failed", reason) for reason in ("other", *NOT_PAID)]
    cases += [("disbursement", state, "limit") for state in ("created", "review", "failed", "paid")]
    for kind, state, reason in cases:
        seller, buyer = world.a_seller(language), world.a_buyer(language)
        order = _order(world, seller, buyer, produce, "pass_through")
        _deliver(world, order)
        payment = world.tx.payments_of_order(order_id=order["id"])[0]
        if kind != "collection":
            payment = _payout(world, order)
        external = f"{EXTERNAL[:-5]}{world.count:05d}" if state == "paid" else None
        told = {"state": state, "reason": reason, "amount": payment["amount"], "external_id": external}
        world.tx.worst_payment(id=payment["id"], now=world.clock.now(), **told)
        yield Caller(f"seller: {kind} {state} {reason}", world.calls(seller, language), "pay.latest", ("pay",))
        yield Caller(f"buyer: {kind} {state} {reason}", world.calls(buyer, language), "pay.latest", ("pay",))
        draft = {"code": external or order["code"]}
        yield Caller(
            f"code of {kind} {state}", world.calls(seller, language, draft=draft, stack=["home"]), "pay.real", ()
        )
        if (kind, state) == ("collection", "paid"):
            for hold in HELD:
                world.tx.worst_hold(order_id=order["id"], hold=hold)
                yield Caller(f"held: {hold}", world.calls(seller, language), "pay.latest", ())


def _by_bank(world: WorstWorld, language: str, produce: Any) -> Iterator[Caller]:
    """A transfer that is waited for."""
    seller, buyer = world.a_seller(language), world.a_buyer(language)
    order = _order(world, seller, buyer, produce, "pass_through")
    _deliver(world, order)
    proformas.ask(
        world.tx, clock=world.clock, now=world.clock.now() + 1, buyer_id=buyer["id"], order_id=order["id"],
        currency=order["currency"],
    )  # fmt: skip
    yield Caller("seller: bank transfer", world.calls(seller, language), "pay.latest", ("pay",))
    yield Caller("buyer: bank transfer", world.calls(buyer, language), "pay.latest", ("pay",))


def _payout(world: WorstWorld, order: Row) -> Row:
    return payments.ask(
        world.tx,
        now=world.clock.now() + 1,
        kind="disbursement",
        provider="airtel_money",
        person_id=order["seller_id"],
        msisdn="+250728000001",
        amount=MOST_AT_ONCE,
        currency="RWF",
        order_id=order["id"],
        external=order["code"],
    )


def _wallets(world: WorstWorld, language: str) -> Iterator[Caller]:
    now = world.clock.now()
    seller, owner, fresh = world.a_seller(language), world.a_seller(language), world.a_seller(language)
    change = {"clock": world.clock, "now": now, "person_id": seller["id"]}
    wallets.choose(world.tx, provider="airtel_money", msisdn=seller["msisdn"], **change)
    yield Caller("chosen wallet", world.calls(seller, language), "wallet.mine", ("wallet",))
    wallets.choose(world.tx, provider="airtel_money", msisdn=owner["msisdn"], **change)
    yield Caller("changing wallet", world.calls(seller, language), "wallet.mine", ("wallet",))
    yield Caller("owner of a wallet", world.calls(owner, language), "wallet.mine", ("wallet",))
    yield Caller("no wallet yet", world.calls(fresh, language), "wallet.mine", ("wallet",))


def _disputes(world: WorstWorld, language: str, produce: Any) -> Iterator[Caller]:
    seller, buyer = world.a_seller(language), world.a_buyer(language)
    order = _order(world, seller, buyer, produce, "pass_through")
    _deliver(world, order)
    now, draft = world.clock.now(), {"order": order["id"]}
    row = disputes.begin(world.tx, now=now, person_id=buyer["id"], order_id=order["id"], kind="not_received")
    yield Caller("buyer with a problem", world.calls(buyer, language, draft=draft), "dispute.one", ("dispute",))
    yield Caller("seller with a problem", world.calls(seller, language), "pay.latest", ("pay", "dispute"))
    disputes.propose(world.tx, now=now, person_id=buyer["id"], dispute_id=row["id"], becomes="settled")
    yield Caller("seller with a proposal", world.calls(seller, language, draft=draft), "dispute.one", ("dispute",))
    yield Caller("buyer who proposed", world.calls(buyer, language, draft=draft), "dispute.one", ("dispute",))
