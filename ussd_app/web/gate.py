"""Who may come in by the doors of machines: a live secret in the address, and a network that is allowed."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress

from werkzeug.wrappers import Request

from ussd_app.gateways.base import HttpIn
from ussd_app.settings import Settings

BODY_BYTES = 16 * 1024

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Gate:
    """The secrets and networks of the settings, as every door asks for them."""

    def __init__(self, settings: Settings) -> None:
        self._secrets = tuple(_digest(secret) for secret in settings.callback_secrets)
        self._sources = tuple(ipaddress.ip_network(source) for source in settings.callback_sources)
        self._trusted_proxies = settings.trusted_proxies

    def knows(self, secret: str) -> bool:
        """Whether `secret` is live. Every one is compared, whatever the first says, in constant time."""
        given = _digest(secret)
        known = False
        for live in self._secrets:
            known |= hmac.compare_digest(given, live)
        return known

    def admits(self, asked: Request) -> bool:
        """Whether who asks does so from an allowed network; from anywhere where none is named."""
        return not self._sources or allowed(client_address(asked, self._trusted_proxies), self._sources)


def client_address(asked: Request, trusted_proxies: int) -> str:
    """Who asks: the peer, or behind N trusted proxies the Nth address from the right of X-Forwarded-For. What stands
    further left was written by whoever asked, and is never believed."""
    if trusted_proxies > 0:
        chain = asked.headers.get("X-Forwarded-For", "").split(",")
        if len(chain) >= trusted_proxies:
            return chain[-trusted_proxies].strip()
    return asked.remote_addr or ""


def allowed(address: str, networks: tuple[Network, ...]) -> bool:
    """Whether `address` lies in one of `networks`; what is no address lies in none."""
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return any(ip in network for network in networks)


def http_of(asked: Request) -> HttpIn:
    """The request as plain values. Raises RequestEntityTooLarge (413) past 16 KB."""
    asked.max_content_length = BODY_BYTES
    return HttpIn(asked.get_data(cache=False), asked.content_type or "", asked.method, asked.headers)


def _digest(secret: str) -> bytes:
    """Of one length whatever the secret's, so that comparing tells not even that."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
