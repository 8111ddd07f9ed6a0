"""Remembers what a transaction has read of the catalog: inside one snapshot it reads the same until it changes it.

A statement asks for the same datasets and tables a dozen times, and every answer of DuckDB's costs a millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import duckdb

from devcloud.bigquery.duck import one_row

_REMEMBERED: WeakKeyDictionary[duckdb.DuckDBPyConnection, dict[Any, Any]] = WeakKeyDictionary()


def begin(cursor: duckdb.DuckDBPyConnection) -> None:
    """The cursor's transaction has begun: remember from here on."""
    _REMEMBERED[cursor] = {}


def end(cursor: duckdb.DuckDBPyConnection) -> None:
    """The transaction is over; until the next one begins everything is read anew."""
    _REMEMBERED.pop(cursor, None)


def change(cursor: duckdb.DuckDBPyConnection, statement: str, parameters: Sequence[object]) -> None:
    """Run a statement that changes the catalog."""
    cursor.execute(statement, list(parameters))
    if cursor in _REMEMBERED:
        _REMEMBERED[cursor] = {}


def remembered_row(cursor: duckdb.DuckDBPyConnection, statement: str, parameters: Sequence[str]) -> Any:
    """What `one_row` answers; outside a transaction nothing is remembered."""
    known, key = _REMEMBERED.get(cursor), (statement, *parameters)
    if known is None:
        return one_row(cursor, statement, parameters)
    if key not in known:
        known[key] = one_row(cursor, statement, parameters)
    return known[key]
