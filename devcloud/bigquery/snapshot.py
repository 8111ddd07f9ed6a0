"""Remembers what transactions have read of the catalog: every one that sees the same catalog reads the same.

A statement asks for the same datasets and tables a dozen times, and every answer of DuckDB's costs a millisecond.
Whoever changes the catalog adds a row to `_devcloud.catalog_changes`, which nobody ever removes, so that the rows a
transaction sees of it say which catalog it sees.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import duckdb

from devcloud.bigquery.duck import one_row

Known = dict[tuple[str, ...], Any]

_KEPT = 8
_BY_CATALOG: OrderedDict[Any, Known] = OrderedDict()
_BY_TRANSACTION: WeakKeyDictionary[duckdb.DuckDBPyConnection, Known] = WeakKeyDictionary()


def begin(cursor: duckdb.DuckDBPyConnection) -> None:
    """The cursor's transaction has begun; its first read, which pins its snapshot, finds out what catalog it sees."""
    seen = one_row(cursor, "SELECT count(*), max_by(id, rowid) FROM _devcloud.catalog_changes")
    _BY_TRANSACTION[cursor] = _BY_CATALOG.setdefault(seen, {})
    while len(_BY_CATALOG) > _KEPT:
        _BY_CATALOG.popitem(last=False)


def end(cursor: duckdb.DuckDBPyConnection) -> None:
    """The transaction is over; until the next one begins everything is read anew."""
    _BY_TRANSACTION.pop(cursor, None)


def change(cursor: duckdb.DuckDBPyConnection, statement: str, parameters: Sequence[object]) -> None:
    """Run a statement that changes the catalog; what is read from here on is this transaction's own."""
    cursor.execute(statement, list(parameters))
    cursor.execute("INSERT INTO _devcloud.catalog_changes VALUES (?)", [uuid.uuid4().hex])
    if cursor in _BY_TRANSACTION:
        _BY_TRANSACTION[cursor] = {}


def remembered_row(cursor: duckdb.DuckDBPyConnection, statement: str, parameters: Sequence[str]) -> Any:
    """What `one_row` answers; outside a transaction nothing is remembered."""
    known, key = _BY_TRANSACTION.get(cursor), (statement, *parameters)
    if known is None:
        return one_row(cursor, statement, parameters)
    if key not in known:
        known[key] = one_row(cursor, statement, parameters)
    return known[key]
