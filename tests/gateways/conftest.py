"""What the tests of doors share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from tests.gateways.doors import (
    Parts,
    client_of,
    parts_with,
)
from ussd_app.store import open_store


@pytest.fixture
def parts() -> Parts:
    return parts_with()


@pytest.fixture
def client(parts: Parts) -> FlaskClient:
    return client_of(parts)


@pytest.fixture(params=["sqlite", "postgres"])
def stored(request: pytest.FixtureRequest) -> Iterator[Parts]:
    store = open_store(request.getfixturevalue(f"{request.param}_url"))
    yield parts_with(store)
    store.close()
