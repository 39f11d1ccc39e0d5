"""The named queries of `queries/*.sql`, read by aiosql and bound as methods of an engine's transaction handle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from aiosql import from_path
from aiosql.types import SQLOperationType

from ussd_app.store.base import Row, Tx

QUERIES = Path(__file__).parent / "queries"
_DRIVERS = {"sqlite": "sqlite3", "postgres": "psycopg"}


class Query(NamedTuple):
    """One named query: its text for one engine's driver, what it gives, the parameters it takes, the file it is in."""

    name: str
    sql: str
    operation: SQLOperationType
    params: tuple[str, ...]
    file: str


@cache
def queries(engine: str) -> dict[str, Query]:
    """Every named query for `engine` ('sqlite' or 'postgres'), its overrides applied.

    Raises ValueError where a name is given twice, hides a method of Tx, an override changes what callers see, or the
    text holds a `%` (psycopg would take it for a parameter).
    """
    found = _load(QUERIES, engine)
    if engine == "postgres":
        for name, query in _load(QUERIES / "postgres", engine).items():
            base = found.get(name)
            if base is None or base.operation != query.operation or sorted(base.params) != sorted(query.params):
                raise ValueError(f"{query.file}: {name} does not override a query of the same kind and parameters")
            found[name] = query
    return found


def _load(folder: Path, engine: str) -> dict[str, Query]:
    found: dict[str, Query] = {}
    for file in sorted(folder.glob("*.sql")):
        if "%" in file.read_text("utf-8"):
            raise ValueError(f"{file.name}: a literal % cannot stay; pass the pattern as a parameter")
        loaded = from_path(file, _DRIVERS[engine], encoding="utf-8")
        for name in loaded.available_queries:
            if name.endswith("_cursor"):
                continue
            query = getattr(loaded, name)
            if name in found or hasattr(Tx, name):
                raise ValueError(f"{file.name}: the name {name} is taken")
            params = tuple(query.parameters or ())
            found[name] = Query(name, query.sql.rstrip().rstrip(";"), query.operation, params, file.name)
    return found


def bind(base: type[Tx]) -> type[Tx]:
    """`base` with every named query of its engine as a method."""
    methods = {name: _method(query) for name, query in queries(base.engine).items()}
    return type(f"Bound{base.__name__}", (base,), methods)


def _method(query: Query) -> Callable[..., Any]:
    """A method made for one query: no look-up and no branch is left for the call."""
    sql = query.sql

    def all_rows(self: Tx, **params: Any) -> list[Row]:
        return self._all(sql, params)

    def one_row(self: Tx, **params: Any) -> Row | None:
        return self._one(sql, params)

    def one_value(self: Tx, **params: Any) -> Any:
        return self._value(sql, params)

    def row_count(self: Tx, **params: Any) -> int:
        return self._count(sql, params)

    def many_rows(self: Tx, rows: Sequence[Row]) -> int:
        return self._many(sql, rows)

    kinds: dict[SQLOperationType, Callable[..., Any]] = {
        SQLOperationType.SELECT: all_rows,
        SQLOperationType.SELECT_ONE: one_row,
        SQLOperationType.SELECT_VALUE: one_value,
        SQLOperationType.INSERT_UPDATE_DELETE: row_count,
        SQLOperationType.INSERT_UPDATE_DELETE_MANY: many_rows,
    }
    if query.operation not in kinds:
        raise ValueError(f"{query.file}: {query.name} is of a kind that does not work on both engines")
    method = kinds[query.operation]
    method.__name__ = query.name
    return method
