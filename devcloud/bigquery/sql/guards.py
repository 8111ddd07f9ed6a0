"""Enforces BigQuery's conflict rule: records for each table which session changes it and when it was last changed.

DuckDB detects only two writers of one row, and can lose an update to a concurrent delete. Only one process uses the
database file, so these records are in its memory.
"""

from __future__ import annotations

import threading
import time

from devcloud.bigquery.model import TableRef, invalid_query

WAIT_SECONDS = 60.0


class TableGuards:
    """For each table, the owner that mutates it and its version after the last committed mutation."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._holders: dict[TableRef, object] = {}
        self._versions: dict[TableRef, int] = {}
        self._clock = 0

    def clock(self) -> int:
        """The newest version; every snapshot taken from now on contains it."""
        with self._changed:
            return self._clock

    def wait_for(self, owner: object, tables: set[TableRef]) -> None:
        """Wait until nobody else mutates `tables`, then hold them all. Statements outside transactions use it."""
        deadline = time.monotonic() + WAIT_SECONDS
        with self._changed:
            while busy := [table for table in tables if self._holders.get(table, owner) is not owner]:
                if not self._changed.wait(deadline - time.monotonic()):
                    raise invalid_query(f"Could not serialize access to table {busy[0]} due to concurrent update")
            self._holders.update(dict.fromkeys(tables, owner))

    def claim(self, owner: object, tables: set[TableRef], *, snapshot: int) -> bool:
        """Hold `tables` for a transaction. False if another owner mutates one of them, or has since its `snapshot`."""
        with self._changed:
            for table in tables:
                if self._holders.get(table, owner) is not owner or self._versions.get(table, 0) > snapshot:
                    return False
            self._holders.update(dict.fromkeys(tables, owner))
            return True

    def release(self, owner: object, *, committed: bool) -> None:
        """Release all of the owner's tables. After a commit, claims with older snapshots fail."""
        with self._changed:
            held = [table for table, holder in self._holders.items() if holder is owner]
            self._clock += committed and bool(held)
            for table in held:
                del self._holders[table]
                if committed:
                    self._versions[table] = self._clock
            self._changed.notify_all()
