"""Caches the number of rows of tables, because every query needs it for the bytes that it reads.

A count is valid until a commit changes the table's rows. A count that was made during such a commit may be the old or
the new one, so it is not kept: `since` is the value of `clock` before the counting transaction took its snapshot.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

import duckdb

from devcloud.bigquery.columns import physical_name
from devcloud.bigquery.duck import one_number
from devcloud.bigquery.model import TableRef


def row_count(cursor: duckdb.DuckDBPyConnection, table: TableRef, *, where: str = "") -> int:
    """The exact number of the table's rows."""
    return one_number(cursor, f"SELECT count(*) FROM {physical_name(table)} WHERE {where or 'TRUE'}")


class RowCounts:
    """Caches row counts by table. The creation time distinguishes a table from a later one of the same name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clock = 0
        self._counts: dict[TableRef, tuple[str, int]] = {}
        self._changed: dict[TableRef, int] = {}

    def clock(self) -> int:
        """The number of the last commit that changed rows; read it before a transaction begins."""
        with self._lock:
            return self._clock

    def changed(self, tables: Iterable[TableRef]) -> None:
        """Forget the counts of these tables, because a commit changed their rows."""
        with self._lock:
            self._clock += 1
            for table in tables:
                self._counts.pop(table, None)
                self._changed[table] = self._clock

    def get(self, cursor: duckdb.DuckDBPyConnection, table: TableRef, created: str, *, since: int) -> int:
        """The rows of a table; counted when they are not known."""
        known = self._counts.get(table)
        if known is not None and known[0] == created:
            return known[1]
        rows = row_count(cursor, table)
        with self._lock:
            if self._changed.get(table, 0) <= since:
                self._counts[table] = created, rows
        return rows
