"""Caches the catalog rows that transactions read. Transactions with the same snapshot of the catalog share them.

A statement asks for the same datasets and tables a dozen times, and DuckDB needs half a millisecond for each answer. A
row stays in the cache until a transaction commits a new one. A lock serialises each BEGIN and each COMMIT that changes
the catalog. So the cache at a transaction's BEGIN agrees with the transaction's snapshot.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import duckdb

from devcloud.bigquery.duck import execute, one_row

Name = tuple[str, ...]  # of a dataset or a table
Known = dict[tuple[str, Name], Any]
DATASET = "SELECT resource FROM _devcloud.datasets WHERE project = ? AND dataset = ?"
TABLE = "SELECT resource, uid FROM _devcloud.tables WHERE project = ? AND dataset = ? AND name = ?"


@dataclass
class _View:
    """The cached rows that one transaction sees, and the names whose rows it has changed."""

    known: Known
    changed: set[Name] = field(default_factory=set)


_BY_TRANSACTION: WeakKeyDictionary[duckdb.DuckDBPyConnection, _View] = WeakKeyDictionary()


class Catalogs:
    """The cached catalog of one database, as it is now."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self._lock = threading.Lock()
        self._known: Known = {}
        # Otherwise DuckDB takes a transaction's snapshot at its first read, not at its BEGIN.
        database.execute("SET GLOBAL immediate_transaction_mode = true")

    def begin(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Begin the cursor's transaction and pin its snapshot."""
        with self._lock:
            execute(cursor, "BEGIN")
            _BY_TRANSACTION[cursor] = _View(self._known)

    def commit(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Commit the cursor's transaction. Reads bypass the cache until the next transaction begins."""
        view = _BY_TRANSACTION[cursor]
        if not view.changed:
            execute(cursor, "COMMIT")
        else:
            with self._lock:
                execute(cursor, "COMMIT")
                others = {at: row for at, row in self._known.items() if at[1] not in view.changed}
                self._known = others | {at: row for at, row in view.known.items() if at[1] in view.changed}
        _BY_TRANSACTION.pop(cursor, None)

    def rollback(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Undo the cursor's transaction."""
        execute(cursor, "ROLLBACK")
        _BY_TRANSACTION.pop(cursor, None)


def change(
    cursor: duckdb.DuckDBPyConnection, statement: str, parameters: Sequence[object], *, read: tuple[str, Name], row: Any
) -> None:
    """Run a statement that changes the row of a dataset or a table in this transaction, which `Catalogs` began.

    `read` is the statement that reads the row, DATASET or TABLE, with the name. `row` is its new answer.
    """
    view = _BY_TRANSACTION[cursor]
    execute(cursor, statement, parameters)
    view.changed.add(read[1])
    # From here on only this transaction sees the changed row.
    view.known = view.known | {read: row}


def remembered_row(cursor: duckdb.DuckDBPyConnection, statement: str, name: Name) -> Any:
    """The result of `one_row` with the name as parameters, from the cache if a transaction is open."""
    view = _BY_TRANSACTION.get(cursor)
    if view is None:
        return one_row(cursor, statement, name)
    if (statement, name) not in view.known:
        view.known[statement, name] = one_row(cursor, statement, name)
    return view.known[statement, name]
