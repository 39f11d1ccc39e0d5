"""MTN MoMo on this machine: collections, disbursements and refunds as their sandbox and the Rwandan market answer.

Their test numbers (46733123450 to 64) choose an outcome; any other number pays. `wallet_http` says how to steer it.
"""

from __future__ import annotations

import json
import uuid
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from werkzeug.wrappers import Request, Response

from ussd_app.emulators.wallet import Payment, Wallet, WalletOptions
from ussd_app.emulators.wallet_http import acted_out, body_of, call_back, json_answer, make_app
from ussd_app.emulators.wallet_http import running as serving
from ussd_app.lib.addresses import host_of, is_loopback
from ussd_app.lib.money import decimals

KINDS = {
    ("collection", "requesttopay"): "collection",
    ("disbursement", "transfer"): "disbursement",
    ("disbursement", "deposit"): "disbursement",
    ("disbursement", "refund"): "refund",
}
TOKEN_S = 3600
_TEST = "467331234"
# The last two digits of a test number: what a request to pay ends in.
OUTCOMES = {
    "50": "INTERNAL_PROCESSING_ERROR",
    "51": "APPROVAL_REJECTED",
    "52": "EXPIRED",
    "53": "stay",
    "54": "late",
    "55": "PAYER_NOT_FOUND",
    "56": "PAYEE_NOT_ALLOWED_TO_RECEIVE",
    "61": "INTERNAL_PROCESSING_ERROR",
    "63": "COULD_NOT_PERFORM_TRANSACTION",
    "64": "transferType unknown",
}
TRANSFER_OUTCOMES = OUTCOMES | {"55": "NOT_ENOUGH_FUNDS", "57": "PAYEE_NOT_FOUND", "62": "INTERNAL_PROCESSING_ERROR"}
REFUSED = {
    "57": (500, "NOT_ALLOWED"),
    "58": (500, "NOT_ALLOWED_TARGET_ENVIRONMENT"),
    "59": (500, "INVALID_CALLBACK_URL_HOST"),
    "60": (500, "INVALID_CURRENCY"),
    "62": (503, "SERVICE_UNAVAILABLE"),
}
MESSAGES = {
    "RESOURCE_NOT_FOUND": "Requested resource was not found.",
    "RESOURCE_ALREADY_EXIST": "Duplicated reference id. Creation of resource failed.",
    "INVALID_CALLBACK_URL_HOST": "Callback URL does not match the configured value.",
    "INVALID_CURRENCY": "Currency not supported.",
    "NOT_ALLOWED_TARGET_ENVIRONMENT": "Access to target environment is forbidden.",
}
_SPECIAL = frozenset("'\"<>&;{}[]|\\`$")


@dataclass(frozen=True)
class Options(WalletOptions):
    """How the emulator behaves, beside what every wallet has.

    Args: `environment` and `currency` go together: sandbox takes EUR, mtnrwanda RWF. `api_user`, `api_key` and the two
    subscription keys: any other is refused (empty: any is taken, but none at all is not). `callback_host`: another host
    is refused (empty: any). `reason`: object or string. `amounts`: string, number or decimal (`5000.0`).
    """

    port: int = 8101
    environment: str = "mtnrwanda"
    api_user: str = ""
    api_key: str = field(default="", repr=False)
    collection_key: str = field(default="", repr=False)
    disbursement_key: str = field(default="", repr=False)
    callback_host: str = ""
    reason: str = "object"
    amounts: str = "string"
    token_s: int = TOKEN_S


class MtnMomoEmulator(Wallet):
    """The wallet and its wire."""

    options: Options

    def __init__(self, options: Options) -> None:
        super().__init__(options, self._tell)
        self._users: dict[str, tuple[str, str]] = {}

    def answer(self, asked: Request) -> Response:
        """Answer one request of their API."""
        match asked.method, asked.path.strip("/").split("/"):
            case "POST", [("collection" | "disbursement") as product, "token"]:
                return acted_out(self, asked, "token", partial(self._token, asked, product))
            case _, ["v1_0", "apiuser", *rest]:
                return self._provision(asked, rest)
            case "POST", [product, "v1_0", call] if (product, call) in KINDS:
                return self._send(asked, product, KINDS[product, call])
            case "GET", [product, "v1_0", call, reference] if (product, call) in KINDS:
                return self._fetch(asked, product, reference)
            case "GET", [("collection" | "disbursement") as product, "v1_0", "account", "balance"]:
                return acted_out(self, asked, "balance", partial(self._balance, asked, product))
            case "GET", [("collection" | "disbursement") as product, "v1_0", "accountholder", "msisdn", msisdn, what]:
                work = partial(self._holder, asked, product, msisdn, what)
                return acted_out(self, asked, "holder", work, msisdn=msisdn)
        return json_answer({"statusCode": 404, "message": "Resource not found"}, 404)

    # who may ask

    def _key_ok(self, asked: Request, product: str) -> bool:
        given = asked.headers.get("Ocp-Apim-Subscription-Key", "")
        known = self.options.collection_key if product == "collection" else self.options.disbursement_key
        return bool(given) and known in ("", given)

    def _token(self, asked: Request, product: str) -> Response:
        if not self._key_ok(asked, product):
            return _denied()
        kind, _, basic = asked.headers.get("Authorization", "").partition(" ")
        try:
            user, _, key = b64decode(basic, validate=True).decode().partition(":")
        except ValueError:
            user = key = ""
        known = self._users.get(user, (self.options.api_key, ""))[0]
        wrong = self.options.api_user not in ("", user) and user not in self._users
        if kind != "Basic" or not user or not key or wrong or known not in ("", key):
            return json_answer({"error": "login_failed"}, 401)
        token = self.issue(product, self.options.token_s)
        lasts = {"token_type": "access_token", "expires_in": self.options.token_s}
        return json_answer({"access_token": token, **lasts})

    def _refused(self, asked: Request, product: str) -> Response | None:
        """What stops every business call that is not made as it should be."""
        if not self._key_ok(asked, product) or not self.good_token(asked.headers.get("Authorization", ""), product):
            return _denied()
        if asked.headers.get("X-Target-Environment") != self.options.environment:
            return _error("NOT_ALLOWED_TARGET_ENVIRONMENT", 500)
        return None

    def _provision(self, asked: Request, rest: list[str]) -> Response:
        if not asked.headers.get("Ocp-Apim-Subscription-Key"):
            return _denied()
        match asked.method, rest:
            case "POST", []:
                user = asked.headers.get("X-Reference-Id", "")
                host = (body_of(asked) or {}).get("providerCallbackHost")
                if not _uuid4(user) or not isinstance(host, str):
                    return Response(status=400)
                if user in self._users:
                    return _error("RESOURCE_ALREADY_EXIST", 409)
                self._users[user] = ("", host)
                return Response(status=201)
            case "POST", [user, "apikey"] if user in self._users:
                key = self.random.randbytes(16).hex()
                self._users[user] = (key, self._users[user][1])
                return json_answer({"apiKey": key}, 201)
            case "GET", [user] if user in self._users:
                host = self._users[user][1]
                return json_answer({"providerCallbackHost": host, "targetEnvironment": self.options.environment})
        return _error("RESOURCE_NOT_FOUND", 404)

    # payments

    def _send(self, asked: Request, product: str, kind: str) -> Response:
        body = body_of(asked) or {}
        party = body.get("payer" if kind == "collection" else "payee")
        msisdn = str(party.get("partyId", "")) if isinstance(party, dict) else ""
        reference = asked.headers.get("X-Reference-Id", "")
        work = partial(self._take, asked, product, kind, body, msisdn)
        return acted_out(self, asked, "send", work, msisdn=msisdn, reference=reference)

    def _take(self, asked: Request, product: str, kind: str, body: dict[str, Any], msisdn: str) -> Response:
        refused = self._refused(asked, product)
        if refused:
            return refused
        reference = asked.headers.get("X-Reference-Id", "")
        url = asked.headers.get("X-Callback-Url", "")
        if not _uuid4(reference) or (url and not is_loopback(url) and not url.startswith("https://")):
            return Response(status=400)
        amount = _amount(body.get("amount"), str(body.get("currency", "")))
        if amount is None or not _complete(body, kind, msisdn):
            return Response(status=400)
        if any(_SPECIAL & set(body[name]) or len(body[name]) > 160 for name in ("payerMessage", "payeeNote")):
            return _error("VALIDATION_ERROR", 400)
        if body["currency"] != self.options.currency:
            return _error("INVALID_CURRENCY", 500)
        if url and self.options.callback_host not in ("", host_of(url)):
            return _error("INVALID_CALLBACK_URL_HOST", 500)
        special = msisdn.removeprefix(_TEST) if msisdn.startswith(_TEST) else ""
        if special in REFUSED and (kind == "collection" or special not in TRANSFER_OUTCOMES):
            return _error(REFUSED[special][1], REFUSED[special][0])
        payment = Payment(reference, kind, amount, body["currency"], msisdn, str(body["externalId"]))
        payment.note, payment.callback_url = body["payerMessage"], url
        payment.original = str(body.get("referenceIdToRefund", ""))
        with self.lock:
            if reference in self.payments:
                return _error("RESOURCE_ALREADY_EXIST", 409)
            self.take(payment, self._outcome(payment, special))
        return Response(status=202)

    def _outcome(self, payment: Payment, special: str) -> str:
        if payment.kind == "refund":
            original = self.payments.get(payment.original)
            if original is None or original.kind != "collection" or original.status != "SUCCESSFUL":
                return "TRANSACTION_NOT_FOUND"
            payment.party = original.party
            returned = sum(
                one.amount
                for one in self.payments.values()
                if one.kind == "refund" and one.original == payment.original and one.status != "FAILED"
            )
            return "COULD_NOT_PERFORM_TRANSACTION" if returned + payment.amount > original.amount else "paid"
        if payment.party in self.unknown:
            return "PAYER_NOT_FOUND" if payment.kind == "collection" else "PAYEE_NOT_FOUND"
        return (OUTCOMES if payment.kind == "collection" else TRANSFER_OUTCOMES).get(special, "")

    def _fetch(self, asked: Request, product: str, reference: str) -> Response:
        payment = self.payments.get(reference)
        msisdn = payment.party if payment else ""
        work = partial(self._tell_status, asked, product, reference)
        missing = partial(_error, "RESOURCE_NOT_FOUND", 404)
        return acted_out(self, asked, "fetch", work, msisdn=msisdn, reference=reference, missing=missing)

    def _tell_status(self, asked: Request, product: str, reference: str) -> Response:
        if self.too_many():
            return Response('{"statusCode":429,"message":"Rate limit is exceeded. Try again in 1 seconds."}', 429,
                            {"Retry-After": "1"}, content_type="application/json")  # fmt: skip
        refused = self._refused(asked, product)
        if refused:
            return refused
        payment = self.payments.get(reference)
        wanted = ("collection",) if product == "collection" else ("disbursement", "refund")
        if payment is None or payment.kind not in wanted:
            return _error("RESOURCE_NOT_FOUND", 404)
        return json_answer(self.told(payment, self.faults.tell("word", payment.party, reference)))

    def told(self, payment: Payment, word: str | None = None) -> dict[str, Any]:
        """A payment as a status reply and a callback tell it."""
        with self.lock:
            body: dict[str, Any] = {
                "externalId": payment.external_id,
                "amount": self._shown(payment.amount, payment.currency),
                "currency": payment.currency,
                "status": word or payment.status,
            }
            if payment.transaction_id:
                body["financialTransactionId"] = payment.transaction_id
            if payment.kind != "refund":
                who = "payer" if payment.kind == "collection" else "payee"
                body[who] = {"partyIdType": "MSISDN", "partyId": payment.party}
            if payment.kind == "collection":
                body |= {"payerMessage": payment.note, "payeeNote": payment.note}
            if payment.reason:
                told = {"code": payment.reason, "message": MESSAGES.get(payment.reason, payment.reason)}
                body["reason"] = payment.reason if self.options.reason == "string" else told
            return body

    def _shown(self, amount: int, currency: str) -> object:
        value = Decimal(amount).scaleb(-decimals(currency))
        if self.options.amounts == "number":
            return int(value) if value == int(value) else float(value)
        return f"{value:.1f}" if self.options.amounts == "decimal" else str(value)

    def _tell(self, payment: Payment, method: str) -> int:
        return call_back(payment.callback_url, method, json.dumps(self.told(payment)).encode())

    def _balance(self, asked: Request, product: str) -> Response:
        shown = str(Decimal(self.ours).scaleb(-decimals(self.options.currency)))
        told = {"availableBalance": shown, "currency": self.options.currency}
        return self._refused(asked, product) or json_answer(told)

    def _holder(self, asked: Request, product: str, msisdn: str, what: str) -> Response:
        refused = self._refused(asked, product)
        if refused:
            return refused
        if msisdn in self.unknown or not msisdn.isdigit():
            return _error("RESOURCE_NOT_FOUND", 404)
        if what == "active":
            return json_answer({"result": msisdn not in self.barred})
        given, family = self.names.get(msisdn, ("Demo", f"Holder {msisdn[-3:]}"))
        return json_answer({"given_name": given, "family_name": family, "locale": "rw", "status": "ACTIVE"})


@contextmanager
def running(options: Options) -> Iterator[MtnMomoEmulator]:
    """The emulator on its port (0: any free one) in a thread. `url` is its address."""
    emulator = MtnMomoEmulator(options)
    with serving(emulator, make_app(emulator, emulator.answer)):
        yield emulator


def _uuid4(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower() and uuid.UUID(text).version == 4
    except ValueError:
        return False


def _amount(told: object, currency: str) -> int | None:
    """Minor units of a decimal text; None for what is none, or has more decimals than the currency."""
    try:
        minor = Decimal(told if isinstance(told, str) else "").scaleb(decimals(currency))
    except (InvalidOperation, ValueError):
        return None
    return int(minor) if minor.is_finite() and minor == minor.to_integral_value() and minor > 0 else None


def _complete(body: dict[str, Any], kind: str, msisdn: str) -> bool:
    texts = all(isinstance(body.get(name), str) for name in ("externalId", "payerMessage", "payeeNote", "currency"))
    return texts and (bool(body.get("referenceIdToRefund")) if kind == "refund" else msisdn.isdigit())


def _denied() -> Response:
    return json_answer({"statusCode": 401, "message": "Access denied due to invalid subscription key or token."}, 401)


def _error(code: str, status: int) -> Response:
    return json_answer({"code": code, "message": MESSAGES.get(code, code)}, status)
