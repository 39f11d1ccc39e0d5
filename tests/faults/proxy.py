"""A door before PostgreSQL that tests can shut: connections break, or hang, and new ones are refused."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit, urlunsplit


class Proxy:
    """Carries bytes between a port of this machine and the server behind `url` (a Unix socket, or a port)."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        given = parse_qs(parts.query).get("host", [""])[0]
        self._target = f"{given}/.s.PGSQL.{parts.port or 5432}" if given.startswith("/") else ""
        self._address = (parts.hostname or given or "127.0.0.1", parts.port or 5432)
        self._open = threading.Event()
        self._flowing = threading.Event()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open.set()
        self._flowing.set()
        login = f"{parts.username or 'postgres'}@127.0.0.1:{self._server.getsockname()[1]}"
        self.url = urlunsplit(parts._replace(netloc=login, query="sslmode=disable&gssencmode=disable"))
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def stop(self) -> None:
        """As when the server is stopped: every connection ends, and new ones are refused."""
        self._open.clear()
        with self._lock:
            for pair in self._pairs:
                for one in pair:
                    with contextlib.suppress(OSError):
                        one.shutdown(socket.SHUT_RDWR)
            self._pairs.clear()

    def freeze(self) -> None:
        """As when the machine or the network hangs: connections stay open and nothing comes through."""
        self._flowing.clear()

    def start(self) -> None:
        """All is well again."""
        self._flowing.set()
        self._open.set()

    def close(self) -> None:
        self.start()
        self.stop()
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                client = self._server.accept()[0]
            except OSError:
                return
            if not self._open.is_set():
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX) if self._target else socket.socket()
            server.connect(self._target or self._address)
            with self._lock:
                self._pairs.append((client, server))
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                self._flowing.wait()
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        one.close()


@contextmanager
def before(url: str) -> Iterator[Proxy]:
    """A proxy before the database at `url`."""
    proxy = Proxy(url)
    try:
        yield proxy
    finally:
        proxy.close()
