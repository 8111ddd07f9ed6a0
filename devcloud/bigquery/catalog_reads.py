"""Caches what transactions read of the catalog: transactions on the same catalog read the same.

A statement asks for the same datasets and tables a dozen times, and every answer of DuckDB's costs a millisecond.
Every change of the catalog adds a row to `_devcloud.catalog_changes`, and no row is ever removed. Commits come one
after the other, so the number of rows that a transaction finds when it begins says which catalog it sees.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import duckdb

from devcloud.bigquery.duck import one_number, one_row

Known = dict[tuple[str, ...], Any]

_KEPT = 8
_BY_TRANSACTION: WeakKeyDictionary[duckdb.DuckDBPyConnection, Known] = WeakKeyDictionary()


class Catalogs:
    """The cached catalogs of one database."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, Known] = OrderedDict()

    def begin(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Begin the cursor's transaction.

        DuckDB pins its snapshot at its first real read, not at BEGIN. This is that read; it shows which catalog the
        transaction sees.
        """
        seen = one_number(cursor, "BEGIN; SELECT count(*) FROM _devcloud.catalog_changes")
        _BY_TRANSACTION[cursor] = self._known.setdefault(seen, {})
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)


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
    """The answer of `one_row`, cached within a transaction."""
    known, key = _BY_TRANSACTION.get(cursor), (statement, *parameters)
    if known is None:
        return one_row(cursor, statement, parameters)
    if key not in known:
        known[key] = one_row(cursor, statement, parameters)
    return known[key]
