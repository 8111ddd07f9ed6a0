"""Runs GoogleSQL, a statement or a script, inside a session."""

from __future__ import annotations

import duckdb

from devcloud.bigquery.model import QueryRequest, QueryResult
from devcloud.bigquery.sql.guards import TableGuards
from devcloud.bigquery.sql.session import Session


class Engine:
    """GoogleSQL over one DuckDB database."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self._database = database
        self._guards = TableGuards()

    def session(self) -> Session:
        """A new session: one per job."""
        return Session(self._database, self._guards)

    def run(self, request: QueryRequest, *, session: Session) -> QueryResult:
        """Run one statement or a script and return its result; raises BigQueryError, all undone that is not committed.

        The rows of the last SELECT are in `rows` (Arrow, complete), its REST schema in `schema`; a script has one
        `children` entry per statement. With `dry_run` nothing runs and `schema`, `statement_type` and
        `referenced_tables` are filled. The transaction of the last statement stays open: store the result through
        `session.cursor`, then `session.commit()`. Destination and dispositions are the caller's.
        """
        raise NotImplementedError
