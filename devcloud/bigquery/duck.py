"""Small answers from DuckDB, read to the end: a cursor with an unread rest refuses its next work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

Parameters = Sequence[object] | Mapping[str, object]


def one_row(cursor: duckdb.DuckDBPyConnection, statement: str, parameters: Parameters = ()) -> Any:
    """The first row as a tuple, or None; parameters by position or by name."""
    given = dict(parameters) if isinstance(parameters, Mapping) else list(parameters)
    rows = cursor.execute(statement, given).fetchall()
    return rows[0] if rows else None


def one_number(cursor: duckdb.DuckDBPyConnection, statement: str, parameters: Parameters = ()) -> int:
    """The number a statement answers: a count, or the rows that DML touched; 0 without a row."""
    row = one_row(cursor, statement, parameters)
    return int(row[0]) if row else 0
