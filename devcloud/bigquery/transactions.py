"""Repeats transactions that failed by a temporary error of DuckDB: a conflict or a false alarm."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

import duckdb

from devcloud.bigquery.model import BigQueryError
from devcloud.bigquery.sql.engine import Engine
from devcloud.bigquery.sql.errors import is_conflict, is_false_alarm
from devcloud.bigquery.sql.session import Session

_T = TypeVar("_T")
# The longest pause in seconds before each repetition. The other transaction may still be writing its commit to the
# disk.
_PAUSES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)


def repeatable(engine: Engine, work: Callable[[Session], _T]) -> _T:
    """Run `work`, which commits, in a session of its own, and repeat it after a temporary error."""
    for max_pause in _PAUSES:
        try:
            with engine.session() as session:
                return work(session)
        except (duckdb.Error, BigQueryError) as error:
            cause = error.__cause__ if isinstance(error, BigQueryError) else error
            if not (is_false_alarm(cause) or (isinstance(cause, duckdb.Error) and is_conflict(cause))):
                raise
        time.sleep(random.uniform(0, max_pause))  # noqa: S311 - makes another conflict of the same two unlikely
    with engine.session() as session:
        return work(session)
