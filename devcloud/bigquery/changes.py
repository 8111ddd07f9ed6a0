"""Records when each table's rows arrived and whether old rows were rewritten, for snapshots of the past.

DuckDB keeps rows in the order in which commits appended them. If all changes since a moment were appends, the table's
rows at that moment are its first N rows, where N is the number of rows that the earlier commits had added.
"""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import dataclass
from typing import Any

import duckdb

from devcloud.bigquery.catalog_reads import TABLE, remembered_row
from devcloud.bigquery.duck import execute, one_row
from devcloud.bigquery.model import BigQueryError, TableRef, not_implemented
from devcloud.bigquery.row_counts import row_count

# A commit holds this lock from the time stamp of its changes until its end. A snapshot holds it while it is pinned. So
# the log is in the order of commits, and a snapshot contains every change with an earlier stamp.
COMMIT_LOCK = threading.RLock()
KEPT = dt.timedelta(days=7)


@dataclass(frozen=True)
class Change:
    """The effect of a statement on a table: rows added (negative: removed), and whether it changed existing rows."""

    ref: TableRef
    added: int
    rewritten: bool = False


def record(cursor: duckdb.DuckDBPyConnection, changes: list[Change]) -> None:
    """Log a transaction's changes with the current time; the caller holds COMMIT_LOCK until its COMMIT ends."""
    now, values = dt.datetime.now(dt.UTC), list[object]()
    for change in changes:
        if uid := _uid(cursor, change.ref):
            values += [uid, now, change.added, change.rewritten]
    if values:
        rows = ", ".join(["(?, ?, ?, ?)"] * (len(values) // 4))
        execute(cursor, f"INSERT INTO _devcloud.changes VALUES {rows}", values)


def last_change(cursor: duckdb.DuckDBPyConnection, ref: TableRef) -> dt.datetime | None:
    """The time of the last change of the table's rows, or None."""
    latest: dt.datetime | None = _one(cursor, ref, "max(changed_at)", [])[0]
    return latest


def rows_at(cursor: duckdb.DuckDBPyConnection, ref: TableRef, moment: dt.datetime) -> int:
    """The number of rows that the table had at `moment`; raises if that is no longer known."""
    now = dt.datetime.now(dt.UTC)
    if not now - KEPT <= moment <= now:
        raise BigQueryError("invalid", f"Invalid snapshot time {moment.isoformat()} for table {ref}")
    total, then, rewritten = _one(
        cursor,
        ref,
        "coalesce(sum(added), 0), coalesce(sum(added) FILTER (changed_at <= ?), 0),"
        " coalesce(bool_or(rewritten AND changed_at > ?), FALSE)",
        [moment, moment],
    )
    counted = row_count(cursor, ref)
    if rewritten or int(total) != counted:
        raise not_implemented(f"snapshots from before an UPDATE, DELETE, MERGE or truncation (of table {ref})")
    return int(then)


def _one(cursor: duckdb.DuckDBPyConnection, ref: TableRef, what: str, parameters: list[object]) -> tuple[Any, ...]:
    statement = f"SELECT {what} FROM _devcloud.changes WHERE uid = ?"
    return one_row(cursor, statement, [*parameters, _uid(cursor, ref)])  # type: ignore[no-any-return]


def _uid(cursor: duckdb.DuckDBPyConnection, ref: TableRef) -> str | None:
    """The table's id; None if there is no table. Another table that had the same name has another id."""
    row = remembered_row(cursor, TABLE, ref.path)
    return None if row is None else str(row[1])
