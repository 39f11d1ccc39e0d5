"""MTN Mobile Money (MoMo Open API): collections, disbursements and refunds, each of its product.

A collection is asked of product `collection`; transfers and refunds of product `disbursement`. Each product has its own
subscription key and token. Our reference is their transaction's id, so the same instruction sent twice is one.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping

from ussd_app.lib.addresses import host_of, is_loopback
from ussd_app.money.http import Answer, Http, json_object
from ussd_app.money.providers.base import (
    CallbackHint,
    Holder,
    Instruction,
    Sent,
    Status,
    amount_text,
    e164,
    hash_of,
    parse_amount,
    plain_note,
    schedule,
    word,
)
from ussd_app.money.providers.tokens import Tokens
from ussd_app.settings import Settings

PATHS = {
    "collection": ("collection", "/collection/v1_0/requesttopay"),
    "disbursement": ("disbursement", "/disbursement/v1_0/transfer"),
    "refund": ("disbursement", "/disbursement/v1_0/refund"),
}
STATES = {
    "SUCCESSFUL": "paid",
    "FAILED": "failed",
    "REJECTED": "failed",
    "TIMEOUT": "failed",
    "EXPIRED": "failed",
    "CREATED": "pending",
    "PENDING": "pending",
    "ONGOING": "pending",
}
# Codes that say our settings are wrong. They come with status 500.
MISCONFIGURED = {"NOT_ALLOWED", "NOT_ALLOWED_TARGET_ENVIRONMENT", "INVALID_CALLBACK_URL_HOST", "INVALID_CURRENCY"}
# With a 4xx these are definite: nothing was stored. Any other code leaves the outcome to a status query.
REFUSALS = {
    "PAYEE_NOT_FOUND",
    "PAYER_NOT_FOUND",
    "NOT_ENOUGH_FUNDS",
    "PAYER_LIMIT_REACHED",
    "PAYEE_LIMIT_REACHED",
    "PAYEE_NOT_ALLOWED_TO_RECEIVE",
    "SENDER_ACCOUNT_NOT_ACTIVE",
    "TRANSACTION_NOT_FOUND",
    "VALIDATION_ERROR",
}
NOT_FOUND = {"RESOURCE_NOT_FOUND", "TRANSACTION_NOT_FOUND"}


class MtnMomo:
    """One market of MTN MoMo.

    Args: `keys` are the subscription keys by product. `callback_host` is the host their side knows for us; empty: no
    callback is asked for, and payments are found by polling alone.
    """

    name = "mtn_momo"
    polls = schedule(15, 30, 60, 120)
    window_ms = 300_000
    tells_amount = True
    status_rate = 10.0

    def __init__(
        self,
        http: Http,
        *,
        environment: str,
        currency: str,
        api_user: str,
        api_key: str,
        keys: Mapping[str, str],
        callback_host: str = "",
    ) -> None:
        self._http = http
        self._environment, self._currency = environment, currency
        self._basic = b64encode(f"{api_user}:{api_key}".encode()).decode()
        self._keys = keys
        self._callback_host = callback_host.lower()
        self._tokens = Tokens(self._token)

    @property
    def needs_callback_per_payment(self) -> bool:
        """Whether each request says where to call back."""
        return bool(self._callback_host)

    def send(self, instruction: Instruction) -> Sent:
        """Hand one instruction over: 202 and an empty body is all they say to a good one."""
        product, path = PATHS[instruction.kind]
        headers = {"X-Reference-Id": instruction.reference_id, "Content-Type": "application/json"}
        if self._may_call(instruction.callback_url):
            headers["X-Callback-Url"] = instruction.callback_url
        return _sent(self._ask("POST", product, path, headers, json.dumps(_body(instruction)).encode()))

    def fetch(self, instruction: Instruction) -> Status:
        """Ask what became of an instruction."""
        product, path = PATHS[instruction.kind]
        return _status(self._ask("GET", product, f"{path}/{instruction.reference_id}"))

    def balance(self, product: str = "disbursement") -> int | None:
        """What our account of `product` holds, minor units of our currency; None where it is not told."""
        answer = self._ask("GET", product, f"/{product}/v1_0/account/balance")
        if answer.status != 200 or answer.data.get("currency") != self._currency:
            return None
        return parse_amount(answer.data.get("availableBalance"), self._currency)

    def holder(self, msisdn: str) -> Holder:
        """Whether `msisdn` (E.164) has an active wallet, and the name it is registered on."""
        product = "disbursement" if self._keys.get("disbursement") else "collection"
        path = f"/{product}/v1_0/accountholder/msisdn/{msisdn.removeprefix('+')}"
        answer = self._ask("GET", product, f"{path}/active")
        if answer.status == 404:
            return Holder(active=False)
        said = answer.data.get("result")
        active = said if answer.status == 200 and isinstance(said, bool) else None
        if active is False:
            return Holder(active=False)
        told = self._ask("GET", product, f"{path}/basicuserinfo")
        names = [word(told.data.get(part)) for part in ("given_name", "family_name")] if told.status == 200 else []
        return Holder(active, " ".join(name for name in names if name) or None)

    def read_callback(self, body: bytes, headers: Mapping[str, str], token: str) -> CallbackHint:
        """What a callback claims. It carries no reference of ours and no signature: the address's token tells which
        payment it is about."""
        told = json_object(body)
        return CallbackHint(
            external_id=word(told.get("financialTransactionId")),
            our_external=word(told.get("externalId")),
            state=STATES.get(word(told.get("status")), "unknown"),
            raw_hash=hash_of(body),
        )

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def _may_call(self, url: str) -> bool:
        """A callback address of another host, or in the clear, makes them refuse the whole request."""
        if not url or not self._callback_host or host_of(url) != self._callback_host:
            return False
        return url.startswith("https://") or is_loopback(url)

    def _ask(
        self, method: str, product: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        common = {
            "Ocp-Apim-Subscription-Key": self._keys.get(product, ""),
            "X-Target-Environment": self._environment,
            **(headers or {}),
        }
        return self._tokens.authorised(
            product,
            lambda token: self._http.ask(method, path, common | {"Authorization": f"Bearer {token}"}, body),
        )

    def _token(self, product: str) -> Answer:
        headers = {
            "Authorization": f"Basic {self._basic}",
            "Ocp-Apim-Subscription-Key": self._keys.get(product, ""),
        }
        return self._http.ask("POST", f"/{product}/token/", headers, b"")


def provider(settings: Settings) -> MtnMomo:
    """The adapter as the settings say. Raises ValueError for an address that cannot be used."""
    return MtnMomo(
        Http(settings.mtn_momo_base_url),
        environment=settings.mtn_momo_target_environment,
        currency=settings.mtn_momo_currency,
        api_user=settings.mtn_momo_api_user,
        api_key=settings.mtn_momo_api_key,
        keys={"collection": settings.mtn_momo_collection_key, "disbursement": settings.mtn_momo_disbursement_key},
        callback_host=settings.mtn_momo_callback_host,
    )


def _body(instruction: Instruction) -> dict[str, object]:
    note = plain_note(instruction.note)
    body: dict[str, object] = {
        "amount": amount_text(instruction.amount, instruction.currency),
        "currency": instruction.currency,
        "externalId": instruction.external_id,
        "payerMessage": note,
        "payeeNote": note,
    }
    party = {"partyIdType": "MSISDN", "partyId": instruction.msisdn.removeprefix("+")}
    match instruction.kind:
        case "collection":
            body["payer"] = party
        case "disbursement":
            body["payee"] = party
        case _:
            body["referenceIdToRefund"] = instruction.original_reference
    return body


def _sent(answer: Answer) -> Sent:
    code = word(answer.data.get("code"))
    if answer.fault:
        outcome = "not_sent" if answer.fault == "not_sent" else "unknown"
    elif answer.status == 202 and (not answer.body.strip() or answer.data):
        outcome = "accepted"
    elif answer.status == 409:
        outcome = "duplicate"
    elif answer.status in (401, 403):
        outcome = "unauthorised"
    elif answer.status == 429:
        outcome = "busy"
    elif answer.status >= 400 and code in MISCONFIGURED:
        outcome = "misconfigured"
    elif 400 <= answer.status < 500 and answer.status != 408 and code in REFUSALS:
        outcome = "refused"
    else:
        outcome = "unknown"
    return Sent(outcome, code or answer.reason or f"status {answer.status}", answer.hash, answer.wait_ms)


def _status(answer: Answer) -> Status:
    told = answer.data
    code = word(told.get("code"))
    said = word(told.get("status"))
    if answer.status == 404 and code in NOT_FOUND:
        return Status("not_found", reason=code, raw_hash=answer.hash)
    if answer.status != 200 or not said:
        why = code or answer.reason or f"status {answer.status}"
        return Status("unknown", reason=why, raw_hash=answer.hash, wait_ms=answer.wait_ms)
    currency = word(told.get("currency"))
    party = told.get("payer") or told.get("payee")
    return Status(
        STATES.get(said, "unknown"),
        external_id=word(told.get("financialTransactionId")),
        amount=parse_amount(told.get("amount"), currency),
        currency=currency,
        msisdn=_party(party),
        our_external=word(told.get("externalId")),
        reason=_reason(told.get("reason")) or ("" if said == "SUCCESSFUL" else said),
        raw_hash=answer.hash,
    )


def _party(told: object) -> str:
    """The number of a party; a party that is no number is told as it is, so that it equals none of ours."""
    if not isinstance(told, dict):
        return ""
    name = word(told.get("partyId"))
    return e164(name) or name


def _reason(told: object) -> str:
    """Why it failed: a bare word, or an object with a code."""
    return word(told.get("code")) if isinstance(told, dict) else word(told)
