"""A market of four screens that speaks the gateways' wires by itself: the other side for tests of phones and
transcripts, so that they can fail for no other reason than their own."""

from __future__ import annotations

import json
from typing import Any

from flask import Flask, Response, abort, request

SECRET = "s3cret"
HOME = "Murakaza neza\n1 Gurisha\n2 Ibiciro\n0 Gusohoka"
PRODUCE = "Igicuruzwa:\n1 Kawa\n2 Ibirayi\n0 Inyuma"
QUANTITY = "Kawa\nIngano (kg):\n0 Inyuma"
GUIDANCE = "Andika umubare."


class FakeMarket:
    """`app` answers USSD and SMS; `posted` keeps what came in, `inbox` what each phone was sent, `answer` if set
    replaces the next USSD reply (status, body). A `forgetful` one works a callback out anew when it comes again."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, dict[str, Any]]] = []
        self.inbox: dict[str, list[str]] = {}
        self.paths: dict[str, list[str]] = {}
        self.replies: dict[tuple[str, int | str], tuple[str, bool, str]] = {}
        self.unfinished: set[str] = set()
        self.forgetful = False
        self.answer: tuple[int, str] | None = None
        self.app = Flask("fake_market")
        self.app.post("/ussd/<gateway>/<secret>")(self._ussd)
        self.app.post("/ussd/<gateway>/<secret>/events")(self._event)
        self.app.post("/sms/<gateway>/<secret>/incoming")(self._sms)

    def _told(self, secret: str) -> dict[str, Any]:
        if secret != SECRET:
            abort(404)
        told = dict(request.form) or request.get_json()
        self.posted.append((request.path, told))
        return told

    def _event(self, gateway: str, secret: str) -> str:
        self._told(secret)
        return ""

    def _sms(self, gateway: str, secret: str) -> str:
        told = self._told(secret)
        self.inbox.setdefault(told["from"], []).append(f"{told['text']}: 650 RWF")
        return ""

    def _ussd(self, gateway: str, secret: str) -> Response:
        told = self._told(secret)
        if self.answer:
            (status, body), self.answer = self.answer, None
            return Response(body, status)
        if gateway == "africastalking":
            typed = told["text"].split("*") if told["text"] else []
            told_before = (told["sessionId"], told["text"])
            if self.forgetful or told_before not in self.replies:
                self.replies[told_before] = self._walk(told["phoneNumber"], typed)
            text, more, screen = self.replies[told_before]
            body = f"{'CON' if more else 'END'} {text}"
            return Response(body, content_type="text/plain", headers={"at-ussd-hop-metadata": screen})
        if gateway == "hubtel":
            if told["Type"] in ("Release", "Timeout"):
                return Response("{}", content_type="application/json")
            turn = int(told.get("ClientState") or 0)
            dialled = told["Message"].removeprefix("*384*100").strip("*#")
            typed_now = dialled if told["Type"] == "Initiation" else told["Message"]
            text, more, screen = self._latest(told["SessionId"], "+" + told["Mobile"], turn, typed_now)
            reply = {"Type": "response" if more else "release", "Message": text, "Label": screen}
            return Response(json.dumps(reply | {"ClientState": str(turn + 1)}), content_type="application/json")
        text, more, screen = self._latest(told["session_id"], told["phone"], told["turn"], told["text"])
        reply = {"text": text, "more": more, "screen": screen, "turn": told["turn"] + 1}
        return Response(json.dumps(reply), content_type="application/json")

    def _latest(self, session: str, phone: str, turn: int, typed: str) -> tuple[str, bool, str]:
        """A wire that tells only the newest input: a turn told again is answered as before."""
        if (session, turn) not in self.replies:
            path = self.paths.setdefault(session, [])
            path.extend(typed.split("*") if turn == 0 and typed else [typed] if turn else [])
            self.replies[session, turn] = self._walk(phone, path)
        return self.replies[session, turn]

    def _walk(self, phone: str, typed: list[str]) -> tuple[str, bool, str]:
        screen, text, more, guided = "home", HOME, True, ""
        if not typed and phone in self.unfinished:
            return "1 Komeza\n2 Tangira bundi bushya", True, "resume"
        for word in typed:
            guided = ""
            if (screen, word) == ("home", "1"):
                screen, text = "sell.produce", PRODUCE
            elif (screen, word) == ("sell.produce", "1"):
                screen, text = "sell.quantity", QUANTITY
            elif screen == "sell.quantity" and word.isdigit():
                screen, text, more = "sell.done", f"Byemejwe: {word} kg", False
                self.inbox.setdefault(phone, []).append(f"Kawa {word} kg iri ku isoko.")
            else:
                guided = GUIDANCE
        (self.unfinished.add if more and screen != "home" else self.unfinished.discard)(phone)
        return f"{guided}\n{text}" if guided else text, more, screen
