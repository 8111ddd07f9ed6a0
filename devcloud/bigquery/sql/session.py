"""A job's hold on the database: its cursor, transaction, temporary tables, variables and changed tables.

    with engine.session() as session:
        result = engine.run(request, session=session)
        ...                       # destination table, result rows, the job's DONE record: all through session.cursor
        session.commit()          # one commit makes the statement's effect and its job record durable together

The last transaction of a script stays open until `commit`, so that a crash never separates an effect from its record.
So COMMIT TRANSACTION takes effect at the next write or at `commit`. A block that ends without `commit` rolls back.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import duckdb

from devcloud.bigquery import changes
from devcloud.bigquery.catalog_reads import Catalogs
from devcloud.bigquery.duck import execute
from devcloud.bigquery.model import BigQueryError, TableRef, invalid_query
from devcloud.bigquery.optimiser import Optimiser
from devcloud.bigquery.row_counts import RowCounts, row_count
from devcloud.bigquery.sql.clock import Clock
from devcloud.bigquery.sql.guards import TableGuards
from devcloud.bigquery.types import SqlType


@dataclass
class Variable:
    """A script variable; `value` is what DuckDB takes as a parameter of that type."""

    type: SqlType
    value: Any


class Session:
    """One job's hold on the database. Not thread-safe: one job, one thread."""

    def __init__(
        self,
        database: duckdb.DuckDBPyConnection,
        guards: TableGuards,
        row_counts: RowCounts,
        catalogs: Catalogs,
        *,
        optimiser: Optimiser,
        clock: Clock,
    ) -> None:
        self.cursor, self.clock = database.cursor(), clock
        self.transaction_id = uuid.uuid4().hex
        self.in_transaction = self.has_committed = False
        self.variables: dict[str, Variable] = {}
        self.temp_tables: dict[str, list[tuple[str, SqlType]]] = {}
        self.row_count: int | None = None
        self._guards, self._row_counts, self._catalogs = guards, row_counts, catalogs
        self._optimiser = optimiser
        self._open = False
        self._dirty = False
        self._snapshot = self._counted_since = 0
        self._changes: list[changes.Change] = []
        self._writes: list[tuple[str, dict[str, Any]]] = []
        self._temp_tables_before: dict[str, list[tuple[str, SqlType]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rollback()
        self.cursor.close()

    # What statements ask for ------------------------------------------------------------------------------------------

    def read(self) -> None:
        """Make sure that a snapshot is open. Reads join the current transaction."""
        if not self._open:
            self._begin()

    def write(self, mutated: set[TableRef] | None = None) -> bool:
        """Prepare to change data. `mutated` are the tables that an UPDATE, DELETE, MERGE, TRUNCATE or DDL changes.

        Inside a transaction a conflict aborts it, as in BigQuery. Outside one, the statement waits for its tables.
        Returns whether the statement has a new snapshot now. For an INSERT pass no tables.
        """
        if self.in_transaction:
            for table in sorted(mutated or (), key=str):
                self._claim(table)
            return False
        if is_late := self._dirty or not self._may_go_on(mutated or set()):
            self.commit()
            self._guards.wait_for(self, mutated or set())
        self.read()
        self._dirty = True
        return is_late

    def _may_go_on(self, mutated: set[TableRef]) -> bool:
        """Hold the tables for this session; False if another session changes one or did so after the snapshot."""
        return not mutated or (self._open and self._guards.claim(self, mutated, snapshot=self._snapshot))

    def execute(self, sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Run one write of this transaction and return its rows."""
        rows = execute(self.cursor, sql, parameters).fetchall()
        self._writes.append((sql, parameters))
        return rows

    def changed(self, table: TableRef, *, added: int, rewritten: bool = False) -> None:
        """Record how a statement changed a table's rows, for snapshots of the past. Every writer calls this.

        `added` is inserted minus deleted rows. `rewritten` says that an UPDATE, DELETE, MERGE or TRUNCATE changed
        existing rows.
        """
        self._changes.append(changes.Change(table, added, rewritten))

    def rows_of(self, table: TableRef, created: str) -> int:
        """The number of rows that this session sees in the table; `created` is the table's creation time."""
        own = [change.added for change in self._changes if change.ref == table]
        before = self._row_counts.known(table, created, since=self._counted_since)
        if before is not None:
            return before + sum(own)
        with self.optimised():  # otherwise all columns would be read to count
            if own:
                return row_count(self.cursor, table)
            return self._row_counts.get(self.cursor, table, created, since=self._counted_since)

    def optimised(self, rows: int | None = None) -> AbstractContextManager[None]:
        """A block whose statements DuckDB optimises, unless they read only a few rows. None: it is not known."""
        return self._optimiser.on(rows=rows)

    def begin_transaction(self) -> None:
        """BEGIN TRANSACTION: commit pending writes and pin the snapshot."""
        if self.in_transaction:
            raise invalid_query("Transactions cannot be nested")
        self.commit()
        self._begin()
        self.in_transaction = self._dirty = True

    def commit_transaction(self) -> None:
        """COMMIT TRANSACTION: it becomes durable at the next write or at `commit`."""
        if not self.in_transaction:
            raise invalid_query("Cannot commit: there is no transaction in progress")
        self.in_transaction = False

    def rollback_transaction(self) -> None:
        """ROLLBACK TRANSACTION."""
        if not self.in_transaction:
            raise invalid_query("Cannot roll back: there is no transaction in progress")
        self.rollback()

    # The requests of the job ------------------------------------------------------------------------------------------

    def commit(self) -> None:
        """Make everything so far durable, also the caller's own writes through `cursor`."""
        if not self._open:
            return
        try:
            with self._committing():
                changes.record(self.cursor, self._changes)
                self._catalogs.commit(self.cursor)
        except duckdb.Error as error:
            self.rollback()
            raise invalid_query(f"Transaction is aborted due to concurrent update. {error}") from error
        self._closed(committed=True)

    def rollback(self) -> None:
        """Undo what is not committed; harmless when nothing is open."""
        if not self._open:
            return
        self._catalogs.rollback(self.cursor)
        self.temp_tables = self._temp_tables_before
        self._closed(committed=False)

    def keep_finished_writes(self) -> None:
        """Undo the last statement, which failed, but commit the writes of the script's earlier statements.

        DuckDB aborts the whole transaction on any error, so the earlier writes are repeated. A transaction that the
        script left open is rolled back.
        """
        if self.in_transaction or not self._writes:
            return self.rollback()
        writes, noted = self._writes, self._changes
        self._catalogs.rollback(self.cursor)
        self._catalogs.begin(self.cursor)
        self._writes, self._changes = [], noted
        for sql, parameters in writes:
            self.execute(sql, parameters)
        return self.commit()

    def aborted(self, table: TableRef | str) -> BigQueryError:
        """Roll back and return BigQuery's words for a transaction that lost `table` to another."""
        self.rollback()
        return invalid_query(
            f"Transaction is aborted due to concurrent update against table {table}. "
            f"Transaction ID: {self.transaction_id}"
        )

    def _claim(self, table: TableRef) -> None:
        if not self._guards.claim(self, {table}, snapshot=self._snapshot):
            raise self.aborted(table)

    @contextmanager
    def _committing(self) -> Iterator[None]:
        """A block for the session's COMMIT. Commits that change rows come one after the other."""
        if not self._changes:
            yield
            return
        with changes.COMMIT_LOCK, self._row_counts.changing((one.ref, one.added) for one in self._changes):
            yield

    def _begin(self) -> None:
        self._snapshot, self._counted_since = self._guards.clock(), self._row_counts.clock()
        self._catalogs.begin(self.cursor)
        self._open = True
        self._temp_tables_before = dict(self.temp_tables)

    def _closed(self, *, committed: bool) -> None:
        self.has_committed |= committed and self._dirty
        self._open = self._dirty = self.in_transaction = False
        self._changes, self._writes = [], []
        self._guards.release(self, committed=committed)
