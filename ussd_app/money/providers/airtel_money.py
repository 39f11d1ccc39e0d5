"""Airtel Money (Open API of one country's host): collections by USSD push, and disbursements.

A business refusal comes with HTTP 200. Codes differ between countries, so what became of a payment is decided by its
status (TS, TF, TE) alone; codes decide only where they say that nothing was taken. A refund goes out as a disbursement
to the payer: their refund call takes no id of ours, so it could neither be repeated safely nor asked about.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from ussd_app.money.http import Answer, Http, json_object
from ussd_app.money.providers.airtel_crypto import Sealed, Signer, encrypt_pin, verify_hash
from ussd_app.money.providers.base import (
    CallbackHint,
    Holder,
    Instruction,
    Sent,
    Status,
    amount_text,
    hash_of,
    parse_amount,
    schedule,
    word,
)
from ussd_app.money.providers.tokens import Tokens
from ussd_app.settings import Settings

STATES = {"TS": "paid", "TF": "failed", "TE": "failed", "TIP": "pending", "TI": "pending", "TA": "unknown"}
DUPLICATE = {"ESB000041", "DP00900001011"}
NOT_FOUND = {"DP00800001025", "ESB000045"}
# Said before anything is taken: a field they cannot read, a number of the wrong length or of nobody.
REFUSALS = {"ESB000008", "ESB000033", "ESB000036", "DP00900001004", "DP00900001012"}
MISCONFIGURED = {"DP00800001026", "DP00900001016", "DP00900001013", "ROUTER110"}
_WRONG_LENGTH = "msisdn length"


class AirtelMoney:
    """One country of Airtel Money.

    Args: `prefix` is the country's calling code. `pin` authorises payouts and leaves here encrypted with `pin_key`
    (empty: with the key their side gives out). `hmac_key` checks callbacks. `signing`: every body is signed.
    `version` of the payment calls, 1 or 2. `padding` of the encrypted PIN, pkcs1v15 or oaep.
    """

    name = "airtel_money"
    polls = schedule(180)
    window_ms = 300_000
    tells_amount = False
    status_rate = 10.0
    needs_callback_per_payment = False

    def __init__(
        self,
        http: Http,
        *,
        client_id: str,
        client_secret: str,
        country: str,
        currency: str,
        prefix: str = "250",
        pin: str = "",
        pin_key: str = "",
        hmac_key: str = "",
        signing: bool = False,
        version: int = 1,
        padding: str = "pkcs1v15",
    ) -> None:
        self._http = http
        self._login = {"client_id": client_id, "client_secret": client_secret, "grant_type": "client_credentials"}
        self._country, self._currency, self._prefix = country, currency, prefix
        self._pin, self._pin_key, self._hmac_key, self._padding = pin, pin_key, hmac_key, padding
        self._version = version
        self._signer = Signer(self._encryption_key) if signing else None
        self._tokens = Tokens(self._token)

    def send(self, instruction: Instruction) -> Sent:
        """Hand one instruction over; success says only that the prompt, or the payout, is on its way."""
        if instruction.kind == "collection":
            path, body = f"/merchant/v{self._version}/payments/", self._collection(instruction)
        else:
            pin = encrypt_pin(self._pin, self._pin_key or self._encryption_key(), self._padding)
            if not pin:
                return Sent("not_sent", "no key to encrypt the PIN with")
            path, body = f"/standard/v{self._version}/disbursements/", self._disbursement(instruction, pin)
        raw = json.dumps(body, separators=(",", ":")).encode()
        signature: Sealed | None = None
        if self._signer is not None:
            signature = self._signer.sign(raw)
            if signature is None:
                return Sent("not_sent", "no key to sign with")
        return _sent(self._ask("POST", path, raw, signature))

    def fetch(self, instruction: Instruction) -> Status:
        """Ask what became of an instruction. No amount, currency or number is told."""
        ours = their_id(instruction.reference_id)
        if instruction.kind == "collection":
            path = f"/standard/v1/payments/{ours}"
        else:
            query = "?transactionType=B2C" if self._version == 2 else ""
            path = f"/standard/v{self._version}/disbursements/{ours}{query}"
        return _status(self._ask("GET", path), ours, instruction.external_id)

    def balance(self) -> int | None:
        """What our account holds, minor units of our currency; None where it is not told."""
        told = _part(self._ask("GET", "/standard/v1/users/balance"), "data")
        if told.get("currency") != self._currency:
            return None
        return parse_amount(told.get("balance"), self._currency, grouping=True)

    def holder(self, msisdn: str) -> Holder:
        """Whose wallet `msisdn` (E.164) is; a barred one is not active."""
        answer = self._ask("GET", f"/standard/v1/users/{self._national(msisdn)}")
        if answer.fault or answer.status >= 500 or not answer.data:
            return Holder()
        told = _part(answer, "data")
        if not told:
            codes = _codes(answer)
            return Holder(active=False) if codes & NOT_FOUND or answer.status == 404 else Holder()
        barred = told.get("is_barred")
        active = not barred if isinstance(barred, bool) else None
        names = [word(told.get(part)) for part in ("first_name", "last_name")]
        return Holder(active, " ".join(name for name in names if name) or None)

    def read_callback(self, body: bytes, headers: Mapping[str, str], token: str) -> CallbackHint:
        """What a callback claims, and whether it is signed with our key."""
        told = json_object(body)
        about = told.get("transaction")
        about = about if isinstance(about, dict) else {}
        return CallbackHint(
            reference_id=_ours(word(about.get("id"))),
            external_id=word(about.get("airtel_money_id")),
            state=STATES.get(word(about.get("status_code") or about.get("status")), "unknown"),
            raw_hash=hash_of(body),
            signed=verify_hash(body, told.get("hash"), self._hmac_key),
        )

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def _national(self, msisdn: str) -> str:
        return msisdn.removeprefix("+").removeprefix(self._prefix)

    def _collection(self, instruction: Instruction) -> dict[str, object]:
        where = {"country": self._country, "currency": instruction.currency}
        return {
            "reference": _reference(instruction.external_id),
            "subscriber": {**where, "msisdn": self._national(instruction.msisdn)},
            "transaction": {**where, "amount": _number(instruction), "id": their_id(instruction.reference_id)},
        }

    def _disbursement(self, instruction: Instruction, pin: str) -> dict[str, object]:
        payee = {"msisdn": self._national(instruction.msisdn)}
        about: dict[str, object] = {"id": their_id(instruction.reference_id)}
        if self._version == 2:
            payee["currency"] = instruction.currency
            about |= {"amount": _number(instruction), "type": "B2C"}
        else:
            about["amount"] = amount_text(instruction.amount, instruction.currency)
        return {"payee": payee, "reference": _reference(instruction.external_id), "pin": pin, "transaction": about}

    def _ask(self, method: str, path: str, body: bytes | None = None, signature: Sealed | None = None) -> Answer:
        headers = {"X-Country": self._country, "X-Currency": self._currency, "Accept": "*/*"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if signature is not None:
            headers |= {"x-signature": signature.signature, "x-key": signature.key}
        return self._tokens.authorised(
            "all", lambda token: self._http.ask(method, path, headers | {"Authorization": f"Bearer {token}"}, body)
        )

    def _token(self, product: str) -> Answer:
        headers = {"Content-Type": "application/json", "Accept": "*/*"}
        return self._http.ask("POST", "/auth/oauth2/token", headers, json.dumps(self._login).encode())

    def _encryption_key(self) -> str:
        """The public key their side gives out; "" where it does not."""
        return word_of_key(_part(self._ask("GET", "/v1/rsa/encryption-keys"), "data").get("key"))


def provider(settings: Settings) -> AirtelMoney:
    """The adapter as the settings say. Raises ValueError for an address that cannot be used."""
    return AirtelMoney(
        Http(settings.airtel_money_base_url),
        client_id=settings.airtel_money_client_id,
        client_secret=settings.airtel_money_client_secret,
        country=settings.airtel_money_country,
        currency=settings.airtel_money_currency,
        pin=settings.airtel_money_pin,
        pin_key=settings.airtel_money_pin_key,
        hmac_key=settings.airtel_money_hmac_key,
        signing=settings.airtel_money_signing,
        version=settings.airtel_money_version,
        padding=settings.airtel_money_pin_padding,
    )


def their_id(reference_id: str) -> str:
    """Our reference as they take it: letters and digits only."""
    return reference_id.replace("-", "")


def word_of_key(told: object) -> str:
    """A key as text; "" for anything else."""
    return told if isinstance(told, str) and len(told) < 8_192 else ""


def _ours(their: str) -> str:
    """Our reference again; "" for what cannot be one of ours."""
    if len(their) != 32 or not their.isascii() or not their.isalnum():
        return ""
    try:
        return str(uuid.UUID(hex=their))
    except ValueError:
        return ""


def _reference(code: str) -> str:
    """Letters and digits, 4 to 64 of them."""
    kept = "".join(char for char in code if char.isascii() and char.isalnum())[:64]
    return kept.rjust(4, "0")


def _number(instruction: Instruction) -> int | float:
    text = amount_text(instruction.amount, instruction.currency)
    return float(text) if "." in text else int(text)


def _part(answer: Answer, name: str) -> dict[str, Any]:
    """An object within the answer; {} where it has none."""
    found = answer.data.get(name)
    return found if isinstance(found, dict) else {}


def _codes(answer: Answer) -> set[str]:
    """Every code an answer carries: they have three places for it."""
    status = _part(answer, "status")
    told = (status.get("response_code"), status.get("result_code"), answer.data.get("status_code"))
    return {word(one) for one in told if word(one)}


def _transaction(answer: Answer) -> dict[str, Any]:
    found = _part(answer, "data").get("transaction")
    return found if isinstance(found, dict) else {}


def _sent(answer: Answer) -> Sent:
    codes = _codes(answer)
    said = word(_part(answer, "status").get("message")).lower()
    if answer.fault:
        outcome = "not_sent" if answer.fault == "not_sent" else "unknown"
    elif answer.status == 409 or codes & DUPLICATE:
        outcome = "duplicate"
    elif answer.status in (401, 403):
        outcome = "unauthorised"
    elif answer.status == 429:
        outcome = "busy"
    elif answer.status >= 500 or answer.status == 408:
        outcome = "unknown"
    elif codes & REFUSALS or (codes & MISCONFIGURED and said.startswith(_WRONG_LENGTH)):
        outcome = "refused"
    elif codes & MISCONFIGURED:
        outcome = "misconfigured"
    elif answer.status == 200 and _part(answer, "status").get("success") is True:
        outcome = "accepted"
    else:
        outcome = "unknown"
    return Sent(outcome, _why(answer), answer.hash, answer.wait_ms)


def _status(answer: Answer, ours: str, external_id: str) -> Status:
    about = _transaction(answer)
    said = word(about.get("status"))
    if answer.status == 200 and said in STATES:
        told = word(about.get("id"))
        return Status(
            STATES[said],
            external_id=word(about.get("airtel_money_id")),
            # They echo our id, not the order's code: another id is shown, so that it is seen to be another's.
            our_external=external_id if told in (ours, "") else told,
            reason="" if said == "TS" else "TE" if said == "TE" else _why(answer),
            raw_hash=answer.hash,
        )
    if answer.status in (200, 400, 404) and _codes(answer) & NOT_FOUND:
        return Status("not_found", reason=_why(answer), raw_hash=answer.hash)
    return Status("unknown", reason=said or _why(answer), raw_hash=answer.hash, wait_ms=answer.wait_ms)


def _why(answer: Answer) -> str:
    """The most telling code of an answer, else what went wrong on the way."""
    status = _part(answer, "status")
    codes = (status.get("response_code"), status.get("result_code"), answer.data.get("status_code"))
    told = next((word(one) for one in codes if word(one)), "")
    return told or word(answer.data.get("error")) or answer.reason or f"status {answer.status}"
