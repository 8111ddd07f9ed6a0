"""Decides by the amount of data that a statement reads whether DuckDB should optimise it."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from contextlib import AbstractContextManager

from devcloud.bigquery.model import Json, TableRef
from devcloud.bigquery.optimiser import SMALL_ROWS
from devcloud.bigquery.sql.session import Session

_LONG_TEXT = 50_000


def optimised(
    session: Session, tables: Mapping[TableRef, Json], values: Mapping[str, object]
) -> AbstractContextManager[None]:
    """A block that runs a statement over these tables. The statement is optimised unless it reads only a few rows."""
    return session.optimised(rows_read(session, tables, values))


def rows_read(session: Session, tables: Mapping[TableRef, Json], values: Mapping[str, object]) -> int | None:
    """The number of rows that a statement over these tables reads; None if it is not known."""
    if session.temp_tables or any(_is_long(value) for value in values.values()):
        return None
    stored = {ref: table["creationTime"] for ref, table in tables.items() if table["type"] == "TABLE"}
    return sum(session.rows_of(ref, created) for ref, created in stored.items())


def _is_long(value: object) -> bool:
    """Whether a parameter may be an array of many rows, or their JSON."""
    return isinstance(value, Sized) and len(value) > (_LONG_TEXT if isinstance(value, (str, bytes)) else SMALL_ROWS)
