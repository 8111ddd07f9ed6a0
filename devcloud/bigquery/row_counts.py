"""Caches the number of rows of tables, because every query needs it to compute the bytes that it reads.

Commits that change rows come one after the other and say how many rows they added. So a cached count stays right. A
count that is made during a commit may be the old or the new one, so it is not cached. `since` shows this: it is the
value of `clock` before the counting transaction took its snapshot.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

from devcloud.bigquery.columns import physical_name
from devcloud.bigquery.duck import one_number
from devcloud.bigquery.model import TableRef


def row_count(cursor: duckdb.DuckDBPyConnection, table: TableRef, *, where: str = "") -> int:
    """The exact number of the table's rows."""
    return one_number(cursor, f"SELECT count(*) FROM {physical_name(table)} WHERE {where or 'TRUE'}")


@dataclass(frozen=True)
class _Count:
    """The rows of a table since the commit that `clock` counts; `created` distinguishes tables of one name."""

    created: str
    rows: int
    clock: int


class RowCounts:
    """Caches row counts by table. The creation time distinguishes a table from a later one of the same name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clock = 0
        self._counts: dict[TableRef, _Count] = {}
        self._changed: dict[TableRef, int] = {}
        self._under_way: set[TableRef] = set()

    def clock(self) -> int:
        """The number of the last commit that changed rows; read it before a transaction begins."""
        with self._lock:
            return self._clock

    @contextmanager
    def changing(self, added: Iterable[tuple[TableRef, int]]) -> Iterator[None]:
        """A commit that adds these numbers of rows to tables (negative: removes). The caller holds the commit lock."""
        tables = Counter[TableRef]()
        for table, rows in added:
            tables[table] += rows
        with self._lock:
            self._under_way.update(tables)
            before = {table: self._counts.pop(table, None) for table in tables}
        committed = False
        try:
            yield
            committed = True
        finally:
            with self._lock:
                self._under_way.difference_update(tables)
                self._clock += 1
                for table, count in before.items():
                    self._changed[table] = self._clock
                    if committed and count is not None:
                        self._counts[table] = _Count(count.created, count.rows + tables[table], self._clock)

    def known(self, table: TableRef, created: str, *, since: int) -> int | None:
        """The number of rows of a table in a snapshot; None if the cache does not have it."""
        count = self._counts.get(table)
        return count.rows if count is not None and count.created == created and count.clock <= since else None

    def get(self, cursor: duckdb.DuckDBPyConnection, table: TableRef, created: str, *, since: int) -> int:
        """The number of rows of a table, counted if the cache does not have it."""
        known = self.known(table, created, since=since)
        if known is not None:
            return known
        rows = row_count(cursor, table)
        with self._lock:
            changed = self._changed.get(table, 0)
            if changed <= since and table not in self._under_way:
                self._counts[table] = _Count(created, rows, changed)
        return rows
