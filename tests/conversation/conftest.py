"""Fixtures of the conversation's tests: the whole service over a fresh store."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Postgres
from tests.conversation.world import Market, market


@pytest.fixture
def here(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Market]:
    """The service on SQLite."""
    with market(sqlite_url, monkeypatch) as opened:
        yield opened


@pytest.fixture
def everywhere(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Market]:
    """The service, once on each engine."""
    with market(store_url, monkeypatch) as opened:
        yield opened


@pytest.fixture
def fresh_sqlite(_sqlite_template: Path, tmp_path: Path) -> Callable[[], str]:
    """Makes the address of one more fresh SQLite database."""
    count = itertools.count()

    def fresh() -> str:
        path = tmp_path / f"market{next(count)}.db"
        shutil.copyfile(_sqlite_template, path)
        path.chmod(0o600)
        return f"sqlite:///{path}"

    return fresh


@pytest.fixture
def fresh_postgres(postgres: Postgres, _postgres_template: str) -> Iterator[Callable[[], str]]:
    """Makes the address of one more fresh PostgreSQL database."""
    used: list[str] = []

    def fresh() -> str:
        used.append(postgres.clean.pop() if postgres.clean else postgres.create(_postgres_template))
        return used[-1]

    yield fresh
    for url in used:
        postgres.give_back(url)
