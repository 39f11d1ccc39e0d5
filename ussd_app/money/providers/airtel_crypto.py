"""What Airtel Money wants encrypted, signed and checked. `cryptography` is imported at the first use."""

from __future__ import annotations

import hmac
import json
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_TRANSACTION = re.compile(r'"transaction"\s*:\s*')
_HASH = re.compile(rb',?\s*"hash"\s*:\s*"[^"\\]*(?:\\.[^"\\]*)*"\s*')


@dataclass(frozen=True)
class Sealed:
    """The two headers of a signed request."""

    signature: str
    key: str


class Signer:
    """Signs bodies as their side asks in some countries: the body encrypted with a fresh AES key, and that key
    encrypted with their public key, which `fetch_key` gets ("" where it cannot) and which is kept until it fails."""

    def __init__(self, fetch_key: Callable[[], str]) -> None:
        self._fetch_key = fetch_key
        self._key = ""

    def sign(self, body: bytes) -> Sealed | None:
        """The headers for `body`; None where there is no usable key."""
        self._key = self._key or self._fetch_key()
        public = load_key(self._key)
        if public is None:
            self._key = ""
            return None
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
        from cryptography.hazmat.primitives.padding import PKCS7

        key, start = secrets.token_bytes(32), secrets.token_bytes(16)
        padder = PKCS7(128).padder()
        cipher = Cipher(algorithms.AES(key), modes.CBC(start)).encryptor()
        signature = cipher.update(padder.update(body) + padder.finalize()) + cipher.finalize()
        both = b64encode(key) + b":" + b64encode(start)
        return Sealed(b64encode(signature).decode(), b64encode(public.encrypt(both, PKCS1v15())).decode())


def encrypt_pin(pin: str, key: str, padding: str = "pkcs1v15") -> str:
    """`pin` encrypted with the public `key`, as Base64; "" where there is no usable key. `padding`: pkcs1v15 or oaep."""
    public = load_key(key)
    if public is None:
        return ""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15

    chosen = PKCS1v15() if padding == "pkcs1v15" else OAEP(MGF1(hashes.SHA1()), hashes.SHA1(), None)
    return b64encode(public.encrypt(pin.encode(), chosen)).decode()


def load_key(text: str) -> Any:
    """A public RSA key given as bare Base64 of its DER, as PEM, or as Base64 of either; None for anything else."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

    data = text.strip().encode()
    for _ in range(3):
        try:
            key = load_pem_public_key(data) if data.startswith(b"-----") else load_der_public_key(data)
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if key is not None:
            return key if isinstance(key, RSAPublicKey) else None
        try:
            data = b64decode(b"".join(data.split()), validate=True)
        except ValueError:
            return None
        if not data:
            return None
    return None


def verify_hash(body: bytes, told: object, key: str) -> bool | None:
    """Whether `told` is the keyed hash of a callback's `body`; None where there is no hash, or no key to check with.

    Which bytes are hashed is not published: the transaction as it stands in the body, the same written compactly, and
    the body without its hash are tried.
    """
    if not key or not isinstance(told, str) or not told:
        return None
    wanted = told.encode()
    matches = [hmac.compare_digest(_hash(one, key), wanted) for one in _payloads(body)]
    return any(matches)


def _hash(payload: bytes, key: str) -> bytes:
    return b64encode(hmac.digest(key.encode(), payload, "sha256"))


def _payloads(body: bytes) -> list[bytes]:
    text = body.decode("utf-8", "replace")
    found = _TRANSACTION.search(text)
    payloads = [_HASH.sub(b"", body)]
    if found:
        try:
            inner, end = json.JSONDecoder().raw_decode(text, found.end())
            rest = {name: value for name, value in json.loads(text).items() if name != "hash"}
        except (ValueError, AttributeError, RecursionError):
            return payloads
        payloads.append(text[found.end() : end].encode())
        payloads += [_compact(inner), _compact(rest)]
    return payloads


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
