"""One turn of a phone: one transaction that loads the session, takes the answer and saves the reply.

The rules of repeats (a gateway may send anything twice, late or out of order):
- the same text again gets the stored reply, byte for byte, and changes nothing;
- a longer text whose beginning is the last one is the next answer;
- anything else (shorter, diverging, another number's session, a session that is over) is told to dial again and
  changes nothing.
Gateways that send only the last input are told apart by the turn number they echo. Where a gateway echoes none, a repeat
looks like the same answer given again. There nothing is committed by the answer that led to the screen (what commits
stands on another key then), and no key that commits something is valid on the screen that follows it; `flask menus
check` proves both.

A turn with a PIN is two transactions with the hashing between them: the first writes the try as spent, the second
stores the reply and gives the try back if it was right. So a hundred sessions at once get no more guesses than one.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ussd_app.engine.session import HOME, RESUME, WELCOME, WHO, Engine, SecretTyped, Shown, key_of
from ussd_app.engine.visit import State, Visit
from ussd_app.i18n import _
from ussd_app.lib.ids import code_digits
from ussd_app.lib.msisdn import mask
from ussd_app.market import pins
from ussd_app.messages import SmsIn, UssdReply, UssdRequest
from ussd_app.store import Store, Tx, Withdrawn

log = logging.getLogger(__name__)

SESSION_MS = 180_000  # networks end a session after 120 to 180 s (gateways' help pages); nothing of it is valid later
RESUME_MS = 600_000
SMS_DRAFT_MS = 86_400_000  # a draft begun by SMS waits a day for the call that confirms it
SORRY = {
    "rw": "Mwihangane, habaye ikibazo. Ongera uhamagare. {ref}",
    "en": "Sorry, an error happened. Please dial again. {ref}",
    "fr": "Desole, une erreur s'est produite. Rappelez. {ref}",
    "sw": "Samahani, kuna hitilafu. Piga tena. {ref}",
}
_written = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
OVER = "Igihe cyarangiye. Ongera uhamagare {code}\nTime is over. Please dial {code} again"


@dataclass
class Heard:
    """What this turn already knows of its caller, for a sorry in her own language."""

    language: str = ""


@dataclass(frozen=True)
class PinWork:
    """A typed PIN on its way between the two transactions of its turn."""

    purpose: str
    pin: str = field(repr=False)
    stored_hash: str = field(default="", repr=False)
    person_id: str = ""
    spent_at: int = 0
    turns: int = 0


@dataclass(frozen=True)
class Verdict:
    """The judgement of a typed PIN: right or wrong, or the hash of a new one."""

    work: PinWork
    ok: bool
    new_hash: str = field(default="", repr=False)


class Conversation:
    """All phones' turns, over one store and one register of screens.

    `services` gives screens the hub, settings and clock; `answer_sms` knows the keywords.
    """

    def __init__(
        self, store: Store, engine: Engine, services: Any, answer_sms: Callable[[Tx, Any, SmsIn], None]
    ) -> None:
        self.store = store
        self.engine = engine
        self.services = services
        self.clock = services.clock
        self._answer_sms = answer_sms
        settings = services.settings
        self._text_key = hashlib.blake2b(settings.secret_key.encode(), digest_size=32, person=b"turn text").digest()
        self._pin_key = settings.pin_key

    def ussd(self, request: UssdRequest) -> UssdReply:
        """Answer one turn. Never raises: a failure is rolled back, logged under a reference, and said sorry for."""
        heard = Heard()
        try:
            result = self.store.turn(lambda tx: self._turn(tx, request, heard, None))
            if isinstance(result, PinWork):
                verdict = self._judge(result)
                result = self.store.turn(lambda tx: self._turn(tx, request, heard, verdict))
            assert isinstance(result, UssdReply)
            return result
        except Withdrawn:
            return self._sorry(heard, "")
        except Exception:
            reference = f"Ref {code_digits(6)}"
            log.exception("a turn failed: %s, gateway %s, caller %s", reference, request.gateway, mask(request.msisdn))
            return self._sorry(heard, reference)

    def sms(self, tx: Tx, sms: SmsIn) -> None:
        """Answer an SMS within the transaction that keeps it; the reply is an outbox row."""
        self._answer_sms(tx, self.services, sms)

    # the turn

    def _turn(self, tx: Tx, request: UssdRequest, heard: Heard, verdict: Verdict | None) -> UssdReply | PinWork:
        tx.lock(f"session {request.gateway} {request.session_id}")
        row = tx.session_load(gateway=request.gateway, session_id=request.session_id)
        if row is None:
            if request.first is False or request.turn:
                return self._over()
            return self._start(tx, request, heard)
        if row["session_msisdn"] != request.msisdn:
            log.warning("session of another number at gateway %s, caller %s", request.gateway, mask(request.msisdn))
            return self._over()
        heard.language = row["language"] or ""
        typed = self._typed(tx, request, row)
        if isinstance(typed, UssdReply):
            if verdict and verdict.work.purpose == "check":
                pins.refund_one(tx, verdict.work.person_id)
            return typed
        if row["session_state"] != "open" or self.clock.now() > row["session_at"] + self.clock.wait(SESSION_MS):
            return self._over()
        if row["person_id"] and not row["id"]:
            return self._over()
        visit = self._visit(tx, request, row if row["id"] else None, State.from_dict(json.loads(row["data"])))
        heard.language = visit.language
        if verdict is None:
            visit.came_by = _may_come_twice(request, typed)
            shown = self.engine.answer(visit, typed, request.limit_septets)
        elif verdict.work.turns != row["turns"]:
            return self._over()
        else:
            shown = self._after_pin(visit, verdict, request.limit_septets)
        if isinstance(shown, SecretTyped):
            work = self._spend(visit, shown, row["turns"])
            if work is not None:
                return work
            shown = self.engine.go(visit, "pin.locked", request.limit_septets)
        return self._save(visit, request, shown, row["turns"])

    def _start(self, tx: Tx, request: UssdRequest, heard: Heard) -> UssdReply:
        """A session begins: who is on this number, what did she leave unfinished, what did she dial."""
        now = self.clock.now()
        rows = tx.caller_load(
            msisdn=request.msisdn,
            since=now - self.clock.wait(RESUME_MS),
            sms_since=now - self.clock.wait(SMS_DRAFT_MS),
        )
        people = {row["id"]: row for row in rows if row["id"]}
        state = State(shared=len(people) > 1)
        visit = self._visit(tx, request, None, state)
        visit.came_by = _may_come_twice(request, request.text)
        saved = _dropped(rows[0])
        if rows[0]["last_session_id"]:
            tx.session_leave(gateway=rows[0]["last_gateway"], session_id=rows[0]["last_session_id"])
        if state.shared:
            spoken = {person["language"] for person in people.values()}
            state.language = spoken.pop() if len(spoken) == 1 else ""
        if len(people) == 1:
            visit.become(next(iter(people.values())))
            heard.language = visit.language
        first = WHO if state.shared else HOME if people else WELCOME
        if request.text and people and not state.shared:
            self.engine.begin(visit, first, request.limit_septets)
            return self._save(visit, request, self.engine.direct_dial(visit, request.text, request.limit_septets), 0)
        if saved is not None:
            state.saved = saved
            state.before = saved["screen"]
            state.language = state.language or (saved.get("language", "") if not people else "")
            first = WHO if state.shared else RESUME
        return self._save(visit, request, self.engine.begin(visit, first, request.limit_septets), 0)

    def _typed(self, tx: Tx, request: UssdRequest, row: dict[str, Any]) -> str | UssdReply:
        """What is new in this callback: the typed answer, or the reply to a repeat, or "dial again"."""
        text = request.text
        if self._may_repeat(request, row):
            turns = row["turns"] - 1
            stored = tx.turn_load(
                gateway=request.gateway, session_id=request.session_id, text_hash=self._hash(request, turns)
            )
            if stored:
                return UssdReply(stored["reply"], bool(stored["more"]), stored["screen"], stored["turn"])
        if not request.cumulative:
            fresh = request.first is not True and request.turn in (None, row["turns"])
            return text if fresh else self._over()
        length = row["text_length"]
        if len(text) <= length or self._digest(text[:length]) != row["text_hash"]:
            return self._over()
        if length and text[length] != "*":
            return self._over()
        return text[length + 1 :] if length else text

    @staticmethod
    def _may_repeat(request: UssdRequest, row: dict[str, Any]) -> bool:
        """Can this callback be one that was answered before? Spares the look-up on the common turn."""
        if request.cumulative:
            return len(request.text) <= int(row["text_length"])
        if request.first or request.turn is not None:
            return bool(request.first) or request.turn != int(row["turns"])
        # Without a turn number a repeat cannot be told from the same key pressed again, until the session is over.
        return bool(row["session_state"] != "open")

    # PINs

    def _spend(self, visit: Visit, typed: SecretTyped, turns: int) -> PinWork | None:
        """Write the try as spent before anybody looks at it. None: she is locked."""
        if typed.purpose == "choose":
            return PinWork("choose", typed.pin, turns=turns)
        if typed.purpose == "again":
            return PinWork("again", typed.pin, str(visit.draft["new_pin"]), turns=turns)
        spent = pins.spend_try(visit.tx, visit.me["id"], visit.now, self.clock)
        if isinstance(spent, pins.Locked):
            return None
        return PinWork("check", typed.pin, spent.pin_hash, visit.me["id"], spent.spent_at, turns)

    def _judge(self, work: PinWork) -> Verdict:
        """The slow part, with nothing open."""
        if work.purpose == "choose":
            return Verdict(work, True, pins.hash_pin(work.pin, self._pin_key))
        return Verdict(work, bool(work.stored_hash) and pins.check_pin(work.stored_hash, work.pin, self._pin_key))

    def _after_pin(self, visit: Visit, verdict: Verdict, limit: int) -> Shown:
        work = verdict.work
        if work.purpose == "choose":
            visit.draft["new_pin"] = verdict.new_hash
            return self.engine.secret_answered(visit, True, limit=limit)
        if work.purpose == "again":
            return self.engine.secret_answered(visit, verdict.ok, _("The two PINs differ. Choose again."), limit)
        self._note_check(visit, verdict.ok)
        if verdict.ok:
            pins.give_back(visit.tx, work.person_id, work.spent_at)
            return self.engine.secret_answered(visit, True, limit=limit)
        left = pins.tries_left(work.spent_at)
        if not left:
            return self.engine.go(visit, "pin.locked", limit)
        return self.engine.secret_answered(visit, False, _("Wrong PIN. Tries left: {n}", n=left), limit)

    @staticmethod
    def _note_check(visit: Visit, right: bool) -> None:
        """Count right and wrong PINs per gateway and hour: one PIN tried on many numbers shows nowhere else."""
        pins.note_check(visit.tx, now=visit.now, gateway=visit.gateway, right=right)
        if not right and pins.spraying(visit.tx, visit.gateway, visit.now):
            log.error(
                "many wrong PINs over gateway %s this hour: somebody may be trying one PIN on many numbers",
                visit.gateway,
            )

    # rows

    def _visit(self, tx: Tx, request: UssdRequest, person: dict[str, Any] | None, state: State) -> Visit:
        return Visit(tx, self.services, self.clock.now(), request.msisdn, state, person, request.gateway)

    def _save(self, visit: Visit, request: UssdRequest, shown: Shown, turns: int) -> UssdReply:
        state = visit.state
        visit.tx.session_save(
            gateway=request.gateway,
            session_id=request.session_id,
            msisdn=request.msisdn,
            person_id=state.person_id,
            network=request.network,
            state="open" if shown.more else "done",
            screen=shown.screen,
            data=_written(state.as_dict()) if shown.more else "{}",
            turns=turns + 1,
            text_length=len(request.text) if request.cumulative else 0,
            text_hash=self._digest(request.text) if request.cumulative else "",
            now=visit.now,
        )
        visit.tx.turn_save(
            gateway=request.gateway,
            session_id=request.session_id,
            text_hash=self._hash(request, turns),
            turn=turns + 1,
            reply=shown.text,
            more=int(shown.more),
            screen=shown.screen,
            now=visit.now,
        )
        return UssdReply(shown.text, shown.more, shown.screen, turns + 1)

    def _hash(self, request: UssdRequest, turns: int) -> str:
        """The key under which a turn's reply is found again. `turns`: how many the session had before it."""
        if request.cumulative:
            return self._digest(request.text)
        turn = 0 if request.first else turns if request.turn is None else request.turn
        return self._digest(f"{turn} {request.text}")

    def _digest(self, text: str) -> str:
        return hashlib.blake2b(text.encode(), digest_size=16, key=self._text_key).hexdigest()

    # plain words

    def _over(self) -> UssdReply:
        return UssdReply(OVER.format(code=self.services.settings.service_code), False, "over")

    @staticmethod
    def _sorry(heard: Heard, reference: str) -> UssdReply:
        languages = [heard.language] if heard.language in SORRY else ["rw", "en"]
        return UssdReply("\n".join(SORRY[lang].format(ref=reference).strip() for lang in languages), False, "sorry")


def _may_come_twice(request: UssdRequest, typed: str) -> str:
    """The key that a repeat of this callback would press; empty where repeats are told apart. A PIN is never kept so:
    its screen moves on in the second transaction of its turn."""
    if request.cumulative or request.turn is not None:
        return ""
    return key_of(typed.partition("*")[0])


def _dropped(row: dict[str, Any]) -> dict[str, Any] | None:
    """The conversation that this number left unfinished, as the state to take up again."""
    if not row["last_data"]:
        return None
    state = State.from_dict(json.loads(row["last_data"]))
    if state.saved is not None:
        return state.saved
    if not state.unfinished or state.screen in (HOME, RESUME) or state.screen.startswith(WHO):
        return None
    return state.as_dict()
