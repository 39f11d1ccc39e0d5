"""One visit of a caller: everything a screen may see, and the state that lasts between turns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ussd_app.i18n import Msg


@dataclass
class State:
    """What is kept of a conversation between two turns; JSON-able, and free of PINs.

    `keys` maps what may be typed on the shown menu to (where it leads, its value): a key always means what was shown,
    whatever changed behind it meanwhile. `saved` holds a dropped conversation that the caller may take up again.
    `shared` says that several people use this number: nothing private is shown before a PIN. `before` is the screen
    that was left for the home menu, so that help knows where somebody was stuck. `led_by` is the answer that led to the
    screen, kept only where the gateway cannot tell a repeat of it from a new answer: it commits nothing there.
    """

    screen: str = ""
    page: int = 0
    stack: list[str] = field(default_factory=list)
    draft: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, list[Any]] = field(default_factory=dict)
    kind: str = ""
    pages: int = 1
    person_id: str | None = None
    language: str = ""
    verified_until: int = 0
    saved: dict[str, Any] | None = None
    shared: bool = False
    before: str = ""
    led_by: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Only what differs from a fresh state, to keep the row short."""
        fresh = _FRESH
        return {name: value for name, value in self.__dict__.items() if value != fresh[name]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> State:
        """Read a stored state; a field that this version no longer knows is left out, not an error."""
        return cls(**{name: value for name, value in data.items() if name in _FRESH})

    @property
    def unfinished(self) -> bool:
        """Is there anything to come back to?"""
        return bool(self.stack) and bool(self.draft) and self.kind != "done"

    def restore(self) -> None:
        """Take up the dropped conversation again, under the person and language of today's session."""
        kept = (self.person_id, self.language, self.verified_until, self.shared)
        self.__dict__.update(State.from_dict(self.saved or {}).__dict__)
        language = self.language
        self.person_id, self.language, self.verified_until, self.shared = kept
        self.language = self.language or language
        self.saved = None


_FRESH = dict(State().__dict__)


@dataclass
class Visit:
    """What a screen or action works with during one turn.

    `tx` is the turn's transaction, `person` the caller's row (None before registration), `services` the hub, settings
    and clock. `guidance` is one line shown above the next screen. `came_by` is this turn's answer, as a key, where it may
    come twice unnoticed.
    """

    tx: Any
    services: Any
    now: int
    msisdn: str
    state: State
    person: dict[str, Any] | None = None
    gateway: str = ""
    guidance: Msg | None = None
    came_by: str = ""

    @property
    def draft(self) -> dict[str, Any]:
        return self.state.draft

    @property
    def language(self) -> str:
        if self.state.language:
            return self.state.language
        return str(self.person["language"]) if self.person else "rw"

    @property
    def hub(self) -> Any:
        return self.services.hub

    @property
    def settings(self) -> Any:
        return self.services.settings

    @property
    def clock(self) -> Any:
        return self.services.clock

    @property
    def me(self) -> dict[str, Any]:
        """The caller's row; only for screens behind registration."""
        if self.person is None:
            raise LookupError("this screen needs a registered person")
        return self.person

    @property
    def verified(self) -> bool:
        """Has the caller given her PIN in this session, recently enough?"""
        return self.now < self.state.verified_until

    def become(self, person: dict[str, Any]) -> None:
        """From here on the session speaks for `person`."""
        self.person = person
        self.state.person_id = person["id"]
        self.state.language = ""

    def guide(self, line: Msg) -> None:
        self.guidance = line
