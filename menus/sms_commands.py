"""SMS keywords in four languages. An SMS may ask, stop, or begin a draft; it never takes, accepts or agrees anything:
a sender's number can be forged, and a phone is often read by others."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from menus import sms_reg
from menus.words import nearby
from ussd_app.engine.visit import State, Visit
from ussd_app.lib import typed
from ussd_app.lib.gsm7 import fold_ascii
from ussd_app.market import accounts, calls, people, rates, terms
from ussd_app.messages import SmsIn
from ussd_app.store import Tx, outbox

KEYWORDS = {
    "price": ("PRICE", "PRICES", "IGICIRO", "IBICIRO", "PRIX", "BEI"),
    "offers": ("OFFERS", "OFFER", "ABAGUZI", "OFFRES", "OFFRE", "OFA"),
    "help": ("HELP", "UBUFASHA", "AIDE", "MSAADA"),
    "stop": ("STOP", "HAGARIKA", "ARRET", "ACHA"),
    "start": ("START", "TANGIRA", "DEBUT", "ANZA"),
    "sell": ("SELL", "GURISHA", "VENDRE", "UZA"),
}
LANGUAGE_OF = {word: ("en", "rw", "fr", "sw")[min(n, 3)] for words in KEYWORDS.values() for n, word in enumerate(words)}
LANGUAGE_OF |= {"PRICES": "en", "IGICIRO": "rw", "IBICIRO": "rw", "PRIX": "fr", "BEI": "sw"}
LANGUAGE_OF |= {"OFFER": "en", "ABAGUZI": "rw", "OFFRES": "fr", "OFFRE": "fr", "OFA": "sw"}
VERBS = {word: verb for verb, words in KEYWORDS.items() for word in words}
BETWEEN_WORDS = re.compile(r"(?<!\d),|,(?!\d)")  # the comma of 40,5 or 1,200 belongs to its number
# `12345 40`, `KODE 12345: 40,5 kg`, `12345-40`: the code of a call, then how much.
PLEDGE = re.compile(r"\D{0,20}(\d{5})(?!\d)\W*(.*)$", re.DOTALL)
READERS = {"g": typed.grams, "ml": typed.millilitres, "piece": typed.pieces}
MOST_REPLIES_A_DAY = 20  # an SMS costs money: nobody makes us send without end


def answer(tx: Tx, services: Any, sms: SmsIn) -> None:
    """Answer one SMS; what cannot be understood gets the list of keywords."""
    now = services.clock.now()
    words = BETWEEN_WORDS.sub(" ", fold_ascii(sms.text).upper()).split()
    words = [word for word in (word.strip(".!#*:;") for word in words) if word]
    verb = VERBS.get(words[0]) if words else None
    here = people.on_number(tx, sms.msisdn)
    language = here[0]["language"] if here else LANGUAGE_OF.get(words[0] if words else "", "rw")
    visit = Visit(tx, services, now, sms.msisdn, State(shared=len(here) > 1, language=language))
    if len(here) == 1:
        visit.person = tx.person_load(id=here[0]["id"])
    if sms_reg.asked(sms) and (done := sms_reg.answer(tx, services, sms)) is not None:
        agent = done.pop("agent")
        visit.person, visit.state.language = tx.person_load(id=agent["person_id"]), ""
        _reply(tx, visit, sms, "agent.reg", done)
        return
    template, values = _pledge(visit, sms.text) or _ANSWERS.get(verb or "", _help)(visit, words[1:])
    _reply(tx, visit, sms, template, values)


def _reply(tx: Tx, visit: Visit, sms: SmsIn, template: str, values: dict[str, Any]) -> None:
    if tx.sms_count_from(msisdn=sms.msisdn, since=visit.now - 86_400_000) > MOST_REPLIES_A_DAY:
        return
    outbox.order(
        tx,
        now=visit.now,
        kind="sms",
        to=sms.msisdn,
        template=template,
        values=values,
        language=visit.language,
        purpose="reply",
        person_id=visit.person["id"] if visit.person else None,
        dedupe=f"reply:{sms.gateway}:{sms.external_id}",
    )


def _help(visit: Visit, words: list[str]) -> tuple[str, dict[str, Any]]:
    return "sms.help", {}


def _price(visit: Visit, words: list[str]) -> tuple[str, dict[str, Any]]:
    produce = _produce(visit, words)
    if produce is None:
        return "sms.which_produce", {}
    floor = rates.floor_for(visit.tx, produce.code, visit.hub.currency, visit.now)
    near = nearby(visit, produce.code, visit.person["place"] if visit.person else None)
    values: dict[str, Any] = {"produce": produce.code}
    if floor.price:
        values["floor"] = str(floor.price)
    ending = "" if floor.price else ".no_minimum"
    if near is None:
        return f"sms.price_none{ending}", values
    return f"sms.price{ending}", values | {
        "median": str(near.median),
        "low": str(near.low),
        "high": str(near.high),
        "n": near.trades,
    }


def _offers(visit: Visit, words: list[str]) -> tuple[str, dict[str, Any]]:
    """How many wait; amounts only to a number of one person who wants them in messages."""
    if visit.person is None:
        return ("sms.dial", {}) if visit.state.shared else ("sms.register", {})
    rows = visit.tx.offers_for_seller(seller_id=visit.person["id"], now=visit.now, limit=20)
    if not rows:
        return "sms.no_offers", {}
    if not visit.person["amounts_in_sms"]:
        return "sms.offers.plain", {"n": len(rows)}
    best = rows[0]
    return "sms.offers", {
        "n": len(rows), "net_minor": best["take_home"], "currency": best["currency"], "produce": best["produce"],
    }  # fmt: skip


def _stop(visit: Visit, words: list[str]) -> tuple[str, dict[str, Any]]:
    accounts.stop_news_on_number(visit.tx, now=visit.now, msisdn=visit.msisdn)
    return "sms.stopped", {}


def _start(visit: Visit, words: list[str]) -> tuple[str, dict[str, Any]]:
    version = visit.hub.consent.version
    accounts.start_news_on_number(visit.tx, now=visit.now, msisdn=visit.msisdn, version=version, channel="sms")
    return "sms.started", {}


def _sell(visit: Visit, words: list[str]) -> tuple[str, dict[str, Any]]:
    """`SELL COFFEE 50 600`: a draft that the next call confirms. Nothing is for sale yet."""
    if visit.person is None:
        return ("sms.dial", {}) if visit.state.shared else ("sms.register", {})
    produce = _produce(visit, words)
    if produce is None:
        return "sms.which_produce", {}
    quantity, price = _numbers(visit, produce, words)
    if quantity is None or price is None:
        return "sms.sell_how", {}
    try:
        rates.floor_for(visit.tx, produce.code, visit.hub.currency, visit.now).check(price)
    except terms.Refused as refused:
        return "sms.below_floor", {"floor": str(refused.facts["floor"]), "produce": produce.code}
    _keep_draft(visit, {"produce": produce.code, "quantity": quantity, "price": price})
    return "sms.sell_draft", {"produce": produce.code, "quantity": quantity, "unit": produce.unit, "price": str(price)}


def _pledge(visit: Visit, text: str) -> tuple[str, dict[str, Any]] | None:
    """`12345 40`: a member answers her cooperative's call; only where the route carries replies. None: it is no answer.

    Of several people on one phone it is the one who is a member and grows it, if that is one alone.
    """
    said = PLEDGE.match(typed.normalise(text)) if visit.settings.sms_replies else None
    call = calls.by_code(visit.tx, said[1]) if said else None
    if said is None or call is None:
        return None
    values = {name: call[name] for name in ("code", "produce", "unit", "cooperative")}
    growers = visit.tx.people_growing_on_number(
        msisdn=visit.msisdn, cooperative_id=call["cooperative_id"], produce=call["produce"]
    )
    if len(growers) != 1:
        return ("sms.dial", {}) if growers else ("pledge.not_member", values)
    produce = visit.hub.produce_by(call["produce"])
    quantity = _read(said[2].split(), lambda text: READERS[produce.unit](text, produce.max_quantity))
    if quantity is None:
        return "pledge.how", values
    which = {"person_id": growers[0]["id"], "call_id": call["id"], "quantity": quantity}
    try:
        done = calls.pledge(visit.tx, hub=visit.hub, now=visit.now, via="sms", **which)
    except terms.Refused:
        return "pledge.late", values
    values |= {"quantity": done.taken, "station": call["station"], "until_at": call["until_at"]}
    return ("pledge.saved.part", values | {"asked_quantity": done.asked}) if done.in_part else ("pledge.saved", values)


def _numbers(visit: Visit, produce: Any, words: list[str]) -> tuple[int | None, int | None]:
    """The quantity (base units) and the price (minor units) of `50 600`, `40,5 KG 650 FRW`, `2 TONI 600`.

    With a third number nobody can say which belong together (`1 200 600`): then neither is taken.
    """
    starts = [position for position, word in enumerate(words) if word[:1].isdigit()]
    if len(starts) != 2:
        return None, None
    quantity = words[starts[0] : starts[1]]
    price = words[starts[1] :]
    return (
        _read(quantity, lambda text: READERS[produce.unit](text, produce.max_quantity)),
        _read(price, lambda text: typed.minor(text, visit.hub.currency, produce.max_price)),
    )


def _read(words: list[str], reader: Callable[[str], int | None]) -> int | None:
    """A number with the unit written behind it; else the number alone, for other words may follow."""
    for size in (2, 1):
        value = reader(" ".join(words[:size]))
        if value is not None:
            return value
    return None


def _keep_draft(visit: Visit, draft: dict[str, Any]) -> None:
    """The draft as a conversation that stands on its confirmation: the next call offers to continue it."""
    assert visit.person is not None
    state = State(
        screen="sell.confirm",
        stack=["home", "sell.price"],
        kind="confirm",
        draft=draft,
        person_id=visit.person["id"],
    )
    visit.tx.session_save(
        gateway="sms",
        session_id=f"{visit.msisdn} {visit.now}",
        msisdn=visit.msisdn,
        person_id=visit.person["id"],
        network="",
        state="open",
        screen=state.screen,
        data=json.dumps(state.as_dict(), separators=(",", ":")),
        turns=0,
        text_length=0,
        text_hash="",
        now=visit.now,
    )


def _produce(visit: Visit, words: list[str]) -> Any:
    """The produce named by the words before the first number; two words before one (`GREEN COFFEE`)."""
    names = []
    for word in words:
        if word[:1].isdigit():
            break
        names.append(word)
    for size in range(len(names), 0, -1):
        found = visit.hub.produce_by_word(" ".join(names[:size]))
        if found is not None:
            return found
    return None


_ANSWERS = {
    "price": _price,
    "offers": _offers,
    "stop": _stop,
    "start": _start,
    "sell": _sell,
}
