"""Runs statements in DuckDB. Callers read all rows, because a cursor with unread rows refuses its next statement."""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

Parameters = Sequence[object] | Mapping[str, object]
_KEPT = 500
_LONGEST = 100_000  # characters; a parsed statement needs much more memory than its text

# DuckDB recommends `cursor.sql`, but that binds each statement twice, which takes longer than copying the rows.
warnings.filterwarnings("ignore", "Arrow output on a DB-API result", UserWarning)


class _Parsed:
    """Keeps parsed statements, because the same few texts run again and again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, duckdb.Statement] = OrderedDict()

    def get(self, cursor: duckdb.DuckDBPyConnection, text: str) -> duckdb.Statement | str:
        """The parsed statement, or the text itself if it is a script or too long to keep."""
        with self._lock:
            if (known := self._known.get(text)) is not None:
                self._known.move_to_end(text)
                return known
        if len(text) > _LONGEST:
            return text
        statements = cursor.extract_statements(text)
        if len(statements) != 1:
            return text
        with self._lock:
            self._known[text] = statements[0]
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return statements[0]


_PARSED = _Parsed()


def execute(
    cursor: duckdb.DuckDBPyConnection, statement: str, parameters: Parameters = ()
) -> duckdb.DuckDBPyConnection:
    """Run one statement, with parameters by position or by name. It is parsed only once for all its runs."""
    return cursor.execute(_PARSED.get(cursor, statement), _given(parameters))


def one_row(cursor: duckdb.DuckDBPyConnection, statement: str, parameters: Parameters = ()) -> Any:
    """The first row as a tuple, or None."""
    rows = execute(cursor, statement, parameters).fetchall()
    return rows[0] if rows else None


def one_number(cursor: duckdb.DuckDBPyConnection, statement: str, parameters: Parameters = ()) -> int:
    """The number that a statement returns: a count, or the rows that DML changed; 0 if it returns no row."""
    row = one_row(cursor, statement, parameters)
    return int(row[0]) if row else 0


def arrow_table(cursor: duckdb.DuckDBPyConnection, statement: str, parameters: Parameters = ()) -> pa.Table:
    """All rows of a SELECT."""
    table = execute(cursor, statement, parameters).to_arrow_table()
    assert table is not None  # noqa: S101 - a SELECT returns rows
    return table


def _given(parameters: Parameters) -> dict[str, object] | list[object] | None:
    return (dict(parameters) if isinstance(parameters, Mapping) else list(parameters)) or None
