"""Airtel Money on this machine: USSD push collections and disbursements, as their country hosts answer.

Business refusals come with HTTP 200; no status tells an amount. Their documents name no test numbers: an outcome is
chosen by a fault (see `faults`). `wallet_http` says how to steer it.
"""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from werkzeug.wrappers import Request, Response

from ussd_app.emulators.wallet import Payment, Wallet, WalletOptions
from ussd_app.emulators.wallet_http import acted_out, body_of, call_back, json_answer, make_app
from ussd_app.emulators.wallet_http import running as serving
from ussd_app.lib.money import decimals

TOKEN_S = 180
WORDS = {"SUCCESSFUL": "TS", "FAILED": "TF", "PENDING": "TIP", "CREATED": "TI"}
# Why a payment failed, in their codes (collection, disbursement).
CODES = {
    "NOT_ENOUGH_FUNDS": ("DP00800001007", "DP00900001007"),
    "APPROVAL_REJECTED": ("DP00800001008", "DP00900001008"),
    "PAYMENT_NOT_APPROVED": ("DP00800001002", "DP00900001008"),
    "EXPIRED": ("DP00800001024", "DP00900001024"),
    "PAYER_NOT_FOUND": ("ESB000033", "ESB000033"),
    "PAYEE_NOT_FOUND": ("DP00900001012", "DP00900001012"),
}
MESSAGES = {
    "ESB000010": "SUCCESS",
    "ESB000008": "Field validation failed.",
    "ESB000033": "Invalid MSISDN Length. MSISDN Length should be 9",
    "ESB000041": "Transaction with this id exists already.",
    "ESB000045": "No transaction found with the provided id.",
    "DP00800001025": "Transaction not found.",
    "DP00800001026": "Signature mismatch.",
    "DP00900001004": "Invalid amount.",
    "DP00900001008": "Incorrect PIN.",
    "DP00900001011": "Duplicate exttRID",
    "DP00900001012": "Invalid mobile number entered.",
    "DP00900001013": "Invalid currency or header.",
    "DP00900001016": "Signature mismatch.",
}


@dataclass(frozen=True)
class Options(WalletOptions):
    """How the emulator behaves, beside what every wallet has.

    Args: `client_id`, `client_secret`, `pin`: any other is refused (empty: any is taken, but none at all is not).
    `service` and `secret` say where the callbacks go (empty service: none). `hmac_key`: callbacks carry a hash, of the
    `hash_of` transaction or body. `signing`: unsigned bodies are refused.
    """

    port: int = 8102
    country: str = "RW"
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    pin: str = field(default="", repr=False)
    service: str = ""
    secret: str = field(default="", repr=False)
    hmac_key: str = field(default="", repr=False)
    hash_of: str = "transaction"
    signing: bool = False
    prefix: str = "250"
    token_s: int = TOKEN_S


class AirtelMoneyEmulator(Wallet):
    """The wallet and its wire. Its RSA key is made anew at every start."""

    options: Options

    def __init__(self, options: Options) -> None:
        from cryptography.hazmat.primitives.asymmetric import rsa

        super().__init__(options, self._tell)
        self._private = rsa.generate_private_key(65537, 1024)

    @property
    def public_key(self) -> str:
        """The key that PINs and signatures are encrypted with: Base64 of its DER."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        der = self._private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return b64encode(der).decode()

    def answer(self, asked: Request) -> Response:
        """Answer one request of their API."""
        match asked.method, asked.path.strip("/").split("/"):
            case "POST", ["auth", "oauth2", "token"]:
                return acted_out(self, asked, "token", partial(self._token, asked))
            case "POST", ["merchant", ("v1" | "v2"), "payments"]:
                return self._send(asked, "collection")
            case "POST", ["standard", ("v1" | "v2"), "disbursements"]:
                return self._send(asked, "disbursement")
            case "GET", ["standard", ("v1" | "v2"), "payments", reference]:
                return self._fetch(asked, "collection", reference)
            case "GET", ["standard", ("v1" | "v2"), "disbursements", reference]:
                return self._fetch(asked, "disbursement", reference)
            case "GET", ["standard", "v1", "users", "balance"]:
                return acted_out(self, asked, "balance", partial(self._balance, asked))
            case "GET", ["standard", "v1", "users", msisdn]:
                return acted_out(self, asked, "holder", partial(self._holder, asked, msisdn))
            case "GET", ["v1", "rsa", "encryption-keys"]:
                key = {"key_id": 100, "key": self.public_key, "valid_upto": "31-12-2099 21:29:26"}
                return self._refused(asked) or json_answer({"data": key, "status": _status("ESB000010")})
        return json_answer({"status_code": "ROUTER006", "status_message": "Not found"}, 404)

    # who may ask

    def _token(self, asked: Request) -> Response:
        body = body_of(asked) or {}
        given, secret = body.get("client_id"), body.get("client_secret")
        known = self.options.client_id in ("", given) and self.options.client_secret in ("", secret)
        if not given or not secret or not known or body.get("grant_type") != "client_credentials":
            wrong = {"error": "invalid_client", "error_description": "Invalid client authentication"}
            return json_answer(wrong)
        lasts = {"expires_in": str(self.options.token_s), "token_type": "bearer"}
        return json_answer({"access_token": self.issue("all", self.options.token_s), **lasts})

    def _refused(self, asked: Request) -> Response | None:
        if not self.good_token(asked.headers.get("Authorization", ""), "all"):
            return json_answer({"error": "invalid_token", "error_description": "Invalid access token"}, 403)
        if not asked.headers.get("X-Country") or not asked.headers.get("X-Currency"):
            told = {"status_code": "ROUTER110", "status_message": "X-Country or X-Currency is missing."}
            return json_answer(told, 400)
        return None

    # payments

    def _send(self, asked: Request, kind: str) -> Response:
        body = body_of(asked) or {}
        party = _part(body, "subscriber" if kind == "collection" else "payee")
        about = _part(body, "transaction")
        msisdn, reference = str(party.get("msisdn", "")), str(about.get("id", ""))
        work = partial(self._take, asked, kind, body, msisdn, reference)
        return acted_out(self, asked, "send", work, msisdn=self.options.prefix + msisdn, reference=reference)

    def _take(self, asked: Request, kind: str, body: dict[str, Any], msisdn: str, reference: str) -> Response:
        refused = self._refused(asked)
        if refused:
            return refused
        fault = self._fault_of(asked, kind, body, msisdn, reference)
        if fault:
            return _no(fault)
        currency = self.options.currency
        amount = _amount(_part(body, "transaction").get("amount"), currency) or 0
        payment = Payment(reference, kind, amount, currency, self.options.prefix + msisdn, reference)
        payment.note = str(body["reference"])
        with self.lock:
            if reference in self.payments:
                return _no("ESB000041" if kind == "collection" else "DP00900001011")
            self.take(payment, self._outcome(payment))
        code = "DP00800001006" if kind == "collection" else "DP00900001001"
        told = {"id": reference, "status": "SUCCESS" if kind == "collection" else "TS", "reference_id": reference[:20]}
        return json_answer({"data": {"transaction": told}, "status": _status("ESB000010", code)})

    def _fault_of(self, asked: Request, kind: str, body: dict[str, Any], msisdn: str, reference: str) -> str:
        """The code of what is wrong with a request; "" for nothing."""
        collection = kind == "collection"
        if self.options.signing and not self._signed(asked):
            return "DP00800001026" if collection else "DP00900001016"
        wrong = asked.headers["X-Country"] != self.options.country, asked.headers["X-Currency"] != self.options.currency
        if any(wrong):
            return "ESB000008" if collection else "DP00900001013"
        if not reference.isalnum() or not 4 <= len(str(body.get("reference", ""))) <= 64:
            return "ESB000008"
        if len(msisdn) != 9 or not msisdn.isdigit():
            return "ESB000033" if collection else "DP00900001012"
        if _amount(_part(body, "transaction").get("amount"), self.options.currency) is None:
            return "ESB000008" if collection else "DP00900001004"
        if not collection and not self._pin_ok(body.get("pin")):
            return "DP00900001008"
        return ""

    def _outcome(self, payment: Payment) -> str:
        if payment.party in self.unknown:
            return "PAYER_NOT_FOUND" if payment.kind == "collection" else "PAYEE_NOT_FOUND"
        return ""

    def _decrypt(self, told: object) -> bytes:
        """What was encrypted with our key; empty for what was not."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

        try:
            return self._private.decrypt(b64decode(str(told), validate=True), PKCS1v15())
        except ValueError:
            return b""

    def _pin_ok(self, told: object) -> bool:
        pin = self._decrypt(told)
        return bool(pin) and (not self.options.pin or hmac.compare_digest(pin, self.options.pin.encode()))

    def _signed(self, asked: Request) -> bool:
        """Whether x-signature, decrypted with the key in x-key, is the body."""
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
        from cryptography.hazmat.primitives.padding import PKCS7

        try:
            key, start = (b64decode(one) for one in self._decrypt(asked.headers.get("x-key", "")).split(b":"))
            cipher = Cipher(algorithms.AES256(key), modes.CBC(start)).decryptor()
            padded = cipher.update(b64decode(asked.headers.get("x-signature", ""))) + cipher.finalize()
            opener = PKCS7(128).unpadder()
            return opener.update(padded) + opener.finalize() == asked.get_data()
        except ValueError:
            return False

    def _fetch(self, asked: Request, kind: str, reference: str) -> Response:
        payment = self.payments.get(reference)
        msisdn = payment.party if payment else ""
        work = partial(self._tell_status, asked, kind, reference)
        missing = partial(_no, _not_found(kind))
        return acted_out(self, asked, "fetch", work, msisdn=msisdn, reference=reference, missing=missing)

    def _tell_status(self, asked: Request, kind: str, reference: str) -> Response:
        if self.too_many():
            told = {"status_code": "ROUTER429", "status_message": "Too many requests"}
            return Response(json.dumps(told), 429, {"Retry-After": "1"}, content_type="application/json")
        refused = self._refused(asked)
        if refused:
            return refused
        payment = self.payments.get(reference)
        if payment is None or payment.kind != kind:
            return _no(_not_found(kind))
        about = self._about(payment, "status", self.faults.tell("word", payment.party, reference))
        code = self._code(payment) if payment.reason else "ESB000010"
        return json_answer({"data": {"transaction": about}, "status": _status("ESB000010", code)})

    def _about(self, payment: Payment, name: str, word: str | None = None) -> dict[str, str]:
        said = word or WORDS[payment.status]
        if not word and payment.reason == "EXPIRED":
            said = "TE"
        told = {"id": payment.external_id, "message": payment.reason or "Paid", name: said}
        return told | ({"airtel_money_id": payment.transaction_id} if said == "TS" else {})

    def money_id(self, payment: Payment, serial: int) -> str:
        """Their ids tell the kind, the day and the minute."""
        lead = "MP" if payment.kind == "collection" else "CI"
        return f"{lead}{datetime.now(UTC):%y%m%d.%H%M}.L{serial}"

    def _code(self, payment: Payment) -> str:
        """The code of why it failed; a code given as the outcome stands for itself."""
        codes = CODES.get(payment.reason, (payment.reason, payment.reason))
        return codes[0 if payment.kind == "collection" else 1]

    def _tell(self, payment: Payment, method: str) -> int:
        if not self.options.service:
            return call_back("", method, b"")
        about = self._about(payment, "status_code")
        body: dict[str, object] = {"transaction": about}
        if self.options.hmac_key:
            signed = about if self.options.hash_of == "transaction" else body
            digest = hmac.digest(self.options.hmac_key.encode(), _compact(signed), "sha256")
            body = body | {"hash": b64encode(digest).decode()}
        url = f"{self.options.service.rstrip('/')}/payments/airtel_money/{self.options.secret}"
        return call_back(url, method, _compact(body))

    def _balance(self, asked: Request) -> Response:
        shown = f"{Decimal(self.ours).scaleb(-decimals(self.options.currency)):,.2f}"
        told = {"balance": shown, "currency": self.options.currency, "account_status": "Active"}
        return self._refused(asked) or json_answer({"data": told, "status": _status("ESB000010")})

    def _holder(self, asked: Request, national: str) -> Response:
        refused = self._refused(asked)
        if refused:
            return refused
        msisdn = self.options.prefix + national
        if len(national) != 9 or not national.isdigit():
            return _no("ESB000033")
        if msisdn in self.unknown:
            return _no("ESB000045")
        given, family = self.names.get(msisdn, ("Demo", f"Holder {msisdn[-3:]}"))
        about = {"first_name": given, "last_name": family, "grade": "SUBS", "is_pin_set": True}
        told = about | {"is_barred": msisdn in self.barred, "msisdn": national}
        return json_answer({"data": told, "status": _status("ESB000010")})


@contextmanager
def running(options: Options) -> Iterator[AirtelMoneyEmulator]:
    """The emulator on its port (0: any free one) in a thread. `url` is its address."""
    emulator = AirtelMoneyEmulator(options)
    with serving(emulator, make_app(emulator, emulator.answer)):
        yield emulator


def _part(body: dict[str, Any], name: str) -> dict[str, Any]:
    found = body.get(name)
    return found if isinstance(found, dict) else {}


def _amount(told: object, currency: str) -> int | None:
    """Minor units of a number or a decimal text; None for what is none."""
    try:
        minor = Decimal(str(told)).scaleb(decimals(currency))
    except InvalidOperation:
        return None
    return int(minor) if minor.is_finite() and minor == minor.to_integral_value() and minor > 0 else None


def _not_found(kind: str) -> str:
    return "DP00800001025" if kind == "collection" else "ESB000045"


def _status(result: str, response: str = "") -> dict[str, object]:
    """The `status` object of an answer they take as good."""
    told = {"code": "200", "message": MESSAGES.get(result, result), "result_code": result}
    return told | {"response_code": response or "DP00800001001", "success": True}


def _no(code: str) -> Response:
    """A refusal, with HTTP 200 as they do."""
    result = code if code.startswith("ESB") else "ESB000011"
    status: dict[str, object] = {"code": "200", "message": MESSAGES.get(code, code), "result_code": result}
    return json_answer({"status": status | {"response_code": code, "success": False}})


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
