"""Whose wallet the money goes to: chosen by her alone, changed slowly and aloud, and asked for its holder's name.

Until she chooses another, it is the number she dials from. A prefix is a hint of the network and no more.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ussd_app.lib import ids
from ussd_app.lib import msisdn as numbers
from ussd_app.lib.clock import Clock
from ussd_app.market import accounts, holders, people
from ussd_app.market.terms import Refused
from ussd_app.money import audit
from ussd_app.store import Tx, outbox

Wallet = dict[str, Any]

PROVIDERS = ("mtn_momo", "airtel_money")
CHANGE_WAIT_MS = 48 * 3_600_000  # time for the rightful owner of the old number to see the SMS and cancel
LOOK_AGAIN_MS = 10 * 60_000  # a wallet that does not say whose it is
LOOKS = 3
INACTIVE_AGAIN_MS = 24 * 3_600_000
MOST_ON_NUMBER = 5  # people whose money goes to one number: a family, not a business

_HINTS = {"mtn": "mtn_momo", "airtel": "airtel_money"}


class Gate(NamedTuple):
    """Whether money may go out to a person: `reason` '' for yes, else no_wallet, number_moved (until `until`, epoch ms),
    name_unasked, name_differs, name_unknown, wallet_inactive, name_forbidden."""

    wallet: Wallet | None
    reason: str
    until: int | None = None


def of(tx: Tx, *, now: int, person_id: str) -> Wallet | None:
    """The person's wallet; her own number becomes it where she chose none. None: no number, or the network is unknown.

    Writes on first use and after her number moved, so it needs a writing transaction (see `shown` for a screen).
    """
    row: Wallet | None = tx.wallet_active(person_id=person_id)
    person = people.by_id(tx, person_id)
    if person is None or not person["msisdn"] or (row and (not row["own"] or row["msisdn"] == person["msisdn"])):
        return row
    provider = hint(person["msisdn"])
    if provider is None:
        return None
    _lock(tx, person_id)
    if row is not None:
        tx.wallet_replace(person_id=person_id, now=now)
    return _add_own(tx, now, person, provider)


def shown(tx: Tx, person_id: str) -> dict[str, Wallet | None]:
    """For a screen: `active` (None: her own number, not used yet) and `waiting`, the change under way."""
    return {"active": tx.wallet_active(person_id=person_id), "waiting": tx.wallet_waiting(person_id=person_id)}


def hint(msisdn: str) -> str | None:
    """The wallet a number probably has, by its prefix (E.164); None where that tells nothing."""
    return _HINTS.get(numbers.network_hint(msisdn) or "")


def choose(tx: Tx, *, clock: Clock, now: int, person_id: str, provider: str, msisdn: str, by: str = "self") -> Wallet:
    """She wants her money at another wallet. The caller has checked her PIN just before.

    Args: `provider` one of PROVIDERS; `msisdn` E.164; `by` 'self', or the operator's name: then a second one must
    `approve` it. An agent has no way to call this.
    The same number at the other wallet is taken at once. Another number waits 48 hours (scaled); both numbers are told;
    where it is another person's, that person must say yes (`say_yes`).
    Returns the wallet's row ('active' or 'waiting'). Raises Refused: not_found, unknown_wallet, same_wallet,
    change_waits (ready_at), agent_wallet, number_full (most).
    """
    if provider not in PROVIDERS:
        raise Refused("unknown_wallet")
    _lock(tx, person_id)
    person = people.by_id(tx, person_id)
    if person is None or person["state"] != "active" or not person["msisdn"]:
        raise Refused("not_found")
    waiting = tx.wallet_waiting(person_id=person_id)
    if waiting is not None:
        raise Refused("change_waits", ready_at=waiting["ready_at"])
    current = of(tx, now=now, person_id=person_id)
    if current is None and msisdn == person["msisdn"]:
        return _add_own(tx, now, person, provider)
    if current is not None and msisdn == current["msisdn"]:
        return _other_provider(tx, now, current, provider)
    return _begin(tx, clock, now, person, current, provider, msisdn, by.strip())


def approve(tx: Tx, *, now: int, wallet_id: str, by: str) -> bool:
    """A second operator agrees to a change that the first one began. False: decided already, hers, or the same one."""
    row = tx.wallet_approve(id=wallet_id, approved_by=by.strip(), now=now)
    if row is None:
        return False
    _note(tx, now, f"operator:{by.strip()}", "wallet.change_approved", row, "waiting", "waiting")
    return True


def cancel(tx: Tx, *, now: int, person_id: str) -> bool:
    """It was not her, or she thought better of it: the change that waits ends. False when none waits."""
    _lock(tx, person_id)
    waiting = tx.wallet_waiting(person_id=person_id)
    if waiting is None or tx.wallet_cancel(id=waiting["id"], now=now) is None:
        return False
    _note(tx, now, f"person:{person_id}", "wallet.change_cancelled", waiting, "waiting", "cancelled")
    _tell(tx, now, people.by_id(tx, person_id), "wallet.cancelled", waiting)
    return True


def asked_of(tx: Tx, owner_id: str) -> list[Wallet]:
    """Changes that wait for this person's yes, because the money would go to the number she dials from."""
    rows: list[Wallet] = tx.wallets_waiting_for_owner(owner_id=owner_id)
    return rows


def say_yes(tx: Tx, *, now: int, owner_id: str, wallet_id: str) -> Wallet:
    """The person at that number agrees to get the other's money. Raises Refused not_found."""
    row: Wallet | None = tx.wallet_owner_yes(id=wallet_id, owner_id=owner_id, now=now)
    if row is None:
        raise Refused("not_found")
    _note(tx, now, f"person:{owner_id}", "wallet.owner_agreed", row, "waiting", "waiting")
    return row


def say_no(tx: Tx, *, now: int, owner_id: str, wallet_id: str) -> None:
    """The person at that number does not want it: the change ends. Raises Refused not_found."""
    row = tx.wallet_by_id(id=wallet_id)
    if row is None or row["owner_id"] != owner_id or tx.wallet_cancel(id=wallet_id, now=now) is None:
        raise Refused("not_found")
    _note(tx, now, f"person:{owner_id}", "wallet.owner_refused", row, "waiting", "cancelled")
    _tell(tx, now, people.by_id(tx, row["person_id"]), "wallet.cancelled", row)


def activate_due(tx: Tx, *, now: int, sim_query: bool = False, limit: int = 100) -> int:
    """Let changes begin whose wait is over and that have every yes they need. Returns how many.

    Where the networks can be asked about SIMs (`sim_query`), one must have said that hers was not swapped, or two
    people let it pass (see `sim_swaps`); what is held stays held even when nobody can be asked any more.
    """
    count, must = 0, int(sim_query)
    for row in tx.wallets_ready(must=must, now=now, limit=limit):
        _lock(tx, row["person_id"])
        fresh = tx.wallet_by_id(id=row["id"])
        if fresh["state"] != "waiting":
            continue
        tx.wallet_replace(person_id=row["person_id"], now=now)
        if tx.wallet_activate(id=row["id"], must=must, now=now) is None:
            raise RuntimeError("a change of wallet was ready and is not")
        _note(tx, now, "worker", "wallet.changed", row, "waiting", "active")
        _tell(tx, now, people.by_id(tx, row["person_id"]), "wallet.changed", row)
        tx.settlements_wake(seller_id=row["person_id"], now=now)
        tx.shares_wake(person_id=row["person_id"], now=now)
        count += 1
    return count


# --- the holder's name -------------------------------------------------------------------------------------------


def to_look_at(tx: Tx, *, now: int, limit: int = 20) -> list[Wallet]:
    """Wallets whose holder is to be asked for: id, provider, msisdn. The caller asks outside any transaction."""
    rows: list[Wallet] = tx.wallets_to_look_at(now=now, limit=limit)
    return rows


def note_holder(tx: Tx, *, clock: Clock, now: int, wallet_id: str, active: bool | None, name: str | None) -> str:
    """What the provider says of a wallet's holder (None: nothing). Returns the verdict: same, part, differs, unknown,
    inactive, unasked (look again later), or '' when it was decided by people meanwhile or is no longer used."""
    wallet = tx.wallet_by_id(id=wallet_id)
    if wallet is None:
        return ""
    looks, again = wallet["looks"] + 1, None
    if active is False:
        verdict, again = "inactive", now + clock.wait(INACTIVE_AGAIN_MS)
    elif not (name or "").strip():
        verdict = "unknown" if looks >= LOOKS else "unasked"
        again = None if looks >= LOOKS else now + clock.wait(LOOK_AGAIN_MS * looks)
    else:
        who = wallet["owner_id"] if wallet["owner_yes_at"] else wallet["person_id"]
        person = people.by_id(tx, who)
        verdict = holders.compare(person["name"] if person else "", name or "")
    row = tx.wallet_judge(
        id=wallet_id, holder=verdict, holder_name=(name or "").strip()[:60], looks=looks, look_at=again, now=now
    )
    if row is None:
        return ""
    if verdict != wallet["holder"]:
        _note(tx, now, "worker", "wallet.holder", row, wallet["holder"], verdict)
    tx.settlements_wake(seller_id=row["person_id"], now=now)
    tx.shares_wake(person_id=row["person_id"], now=now)
    return verdict


def may_pay(tx: Tx, *, now: int, person_id: str) -> Gate:
    """Whether money may go out to this person now, and where. The first time, the holder of the wallet is asked for."""
    wallet = of(tx, now=now, person_id=person_id)
    until = accounts.payout_hold(tx, now=now, person_id=person_id)
    if until is not None:
        return Gate(wallet, "number_moved", until)
    if wallet is None:
        return Gate(None, "no_wallet")
    holder = wallet["holder"]
    if holder == "unasked":
        tx.wallet_look(id=wallet["id"], now=now)
    # Little to go by is enough for the number she dials from, which a SIM proves, and for no other.
    if holder in ("same", "allowed") or (holder == "part" and wallet["own"]):
        return Gate(wallet, "")
    words = {"unasked": "name_unasked", "unknown": "name_unknown", "inactive": "wallet_inactive"}
    return Gate(wallet, words.get(holder, "name_forbidden" if holder == "forbidden" else "name_differs"))


def to_decide(tx: Tx, limit: int = 100) -> list[Wallet]:
    """Wallets in use that an operator must judge, with `person_name` and `holder_name`."""
    rows: list[Wallet] = tx.wallets_to_decide(limit=limit)
    return rows


def decide(tx: Tx, *, now: int, wallet_id: str, by: str, allow: bool, why: str) -> Wallet:
    """An operator (or her cooperative, by name) judges whether this wallet is hers, in writing.

    Raises Refused: not_found, no_reason.
    """
    if not why.strip() or not by.strip():
        raise Refused("no_reason")
    verdict = "allowed" if allow else "forbidden"
    was = tx.wallet_by_id(id=wallet_id)
    row: Wallet | None = tx.wallet_decide(id=wallet_id, holder=verdict, by=by.strip(), why=why.strip()[:200], now=now)
    if row is None:
        raise Refused("not_found")
    _note(tx, now, f"operator:{by.strip()}", "wallet.decided", row, was["holder"], verdict)
    tx.settlements_wake(seller_id=row["person_id"], now=now)
    tx.shares_wake(person_id=row["person_id"], now=now)
    return row


def tell_held(tx: Tx, *, now: int, wallet_id: str) -> None:
    """Her number, the number her money goes to and the one it was to go to hear that a change is held."""
    row = tx.wallet_by_id(id=wallet_id)
    person = people.by_id(tx, row["person_id"])
    if person is None:
        return
    active = tx.wallet_active(person_id=person["id"])
    told = {person["msisdn"], row["msisdn"], active["msisdn"] if active else ""} - {None, ""}
    for number in sorted(told):
        _tell(tx, now, person, "wallet.held", row, to=number)


def refuse(tx: Tx, *, now: int, wallet_id: str, by: str) -> bool:
    """An operator ends a change that was held; she is told. False when none waits."""
    row = tx.wallet_cancel(id=wallet_id, now=now)
    if row is None:
        return False
    _note(tx, now, f"operator:{by}", "wallet.change_cancelled", row, "waiting", "cancelled")
    _tell(tx, now, people.by_id(tx, row["person_id"]), "wallet.cancelled", row)
    return True


def forget(tx: Tx, *, now: int, person_id: str) -> None:
    """Blank the numbers and names of a person who is erased."""
    tx.wallets_forget(person_id=person_id, now=now)


def _add_own(tx: Tx, now: int, person: people.Person, provider: str) -> Wallet:
    row: Wallet | None = tx.wallet_add(
        id=ids.new_id(), person_id=person["id"], provider=provider, msisdn=person["msisdn"], own=1, state="active",
        asked_by="self", owner_id=None, ready_at=now, look_at=None, now=now,
    )  # fmt: skip
    if row is None:
        row = tx.wallet_active(person_id=person["id"])
    assert row is not None
    return row


def _other_provider(tx: Tx, now: int, current: Wallet, provider: str) -> Wallet:
    if provider == current["provider"]:
        raise Refused("same_wallet")
    row: Wallet = tx.wallet_set_provider(id=current["id"], provider=provider, now=now)
    _note(tx, now, f"person:{row['person_id']}", "wallet.provider", row, current["provider"], provider)
    return row


def _begin(
    tx: Tx, clock: Clock, now: int, person: people.Person, current: Wallet | None, provider: str, msisdn: str, by: str
) -> Wallet:
    """A change of number: it waits."""
    own = msisdn == person["msisdn"]
    others = [] if own else [one for one in tx.people_on_number(msisdn=msisdn) if one["state"] == "active"]
    owner = others[0] if others else None
    if person["registered_by"] and any(one["id"] == person["registered_by"] for one in others):
        raise Refused("agent_wallet")
    if not own and len({row["person_id"] for row in tx.wallets_of_number(msisdn=msisdn)}) >= MOST_ON_NUMBER:
        raise Refused("number_full", most=MOST_ON_NUMBER)
    row: Wallet | None = tx.wallet_add(
        id=ids.new_id(), person_id=person["id"], provider=provider, msisdn=msisdn, own=int(own), state="waiting",
        asked_by=by, owner_id=owner["id"] if owner else None, ready_at=now + clock.wait(CHANGE_WAIT_MS), look_at=now,
        now=now,
    )  # fmt: skip
    assert row is not None, "the lock keeps a second change away"
    actor = f"person:{person['id']}" if by == "self" else f"operator:{by}"
    _note(tx, now, actor, "wallet.change_asked", row, "", "waiting")
    old = {person["msisdn"], current["msisdn"] if current else person["msisdn"]} - {msisdn}
    for number in sorted(old):
        _tell(tx, now, person, "wallet.change_old", row, to=number)
    _tell(tx, now, owner or person, "wallet.yes_asked" if owner else "wallet.change_new", row, to=msisdn, whose=person)
    return row


def _lock(tx: Tx, person_id: str) -> None:
    """One change to a person's wallets at a time."""
    tx.lock(f"wallet:{person_id}")


def _note(tx: Tx, now: int, actor: str, action: str, row: Wallet, was: str, becomes: str) -> None:
    audit.note(tx, now=now, actor=actor, action=action, subject=f"wallet:{row['id']}", was=was, becomes=becomes)


def _tell(
    tx: Tx,
    now: int,
    person: people.Person | None,
    template: str,
    row: Wallet,
    *,
    to: str | None = None,
    whose: people.Person | None = None,
) -> None:
    """An SMS about a wallet, to `to` (else the person's own number); `whose` it is to be, else hers."""
    if person is None or not (to or person["msisdn"]):
        return
    values = {"name": (whose or person)["name"], "wallet": row["provider"], "new": numbers.mask(row["msisdn"])}
    outbox.order(
        tx,
        now=now,
        kind="sms",
        to=to or person["msisdn"],
        template=template,
        values=values | {"ready_at": row["ready_at"]},
        language=person["language"],
        purpose="account",
        person_id=person["id"],
    )
