"""Reads DuckDB's answers to the end, because a cursor with unread rows refuses its next statement."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

Parameters = Sequence[object] | Mapping[str, object]

# DuckDB recommends `cursor.sql`, but that binds a statement twice, and binding takes longer than copying.
warnings.filterwarnings("ignore", "Arrow output on a DB-API result", UserWarning)


def one_row(cursor: duckdb.DuckDBPyConnection, statement: str, parameters: Parameters = ()) -> Any:
    """The first row as a tuple, or None; parameters by position or by name."""
    rows = cursor.execute(statement, _given(parameters)).fetchall()
    return rows[0] if rows else None


def one_number(cursor: duckdb.DuckDBPyConnection, statement: str, parameters: Parameters = ()) -> int:
    """The number a statement answers: a count, or the rows that DML touched; 0 without a row."""
    row = one_row(cursor, statement, parameters)
    return int(row[0]) if row else 0


def arrow_table(cursor: duckdb.DuckDBPyConnection, statement: str, parameters: Parameters = ()) -> pa.Table:
    """All rows of a SELECT."""
    table = cursor.execute(statement, _given(parameters)).to_arrow_table()
    assert table is not None  # noqa: S101 - a SELECT answers rows
    return table


def _given(parameters: Parameters) -> dict[str, object] | list[object] | None:
    return (dict(parameters) if isinstance(parameters, Mapping) else list(parameters)) or None
