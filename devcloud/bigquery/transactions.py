"""Transactions that may simply be done again when DuckDB says that another one changed the same definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import duckdb

from devcloud.bigquery.model import BigQueryError
from devcloud.bigquery.sql.engine import Engine
from devcloud.bigquery.sql.errors import is_conflict
from devcloud.bigquery.sql.session import Session

_T = TypeVar("_T")
_TRIES = 5


def repeatable(engine: Engine, work: Callable[[Session], _T]) -> _T:
    """Run `work` in a session of its own, again after a conflict; `work` commits."""
    for _ in range(_TRIES - 1):
        try:
            with engine.session() as session:
                return work(session)
        except (duckdb.Error, BigQueryError) as error:
            cause = error.__cause__ if isinstance(error, BigQueryError) else error
            if not (isinstance(cause, duckdb.Error) and is_conflict(cause)):
                raise
    with engine.session() as session:
        return work(session)
