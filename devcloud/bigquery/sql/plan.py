"""A bound statement, ready to run: DuckDB text, its values, and the tables that it reads and changes."""

from __future__ import annotations

from dataclasses import dataclass, field

from devcloud.bigquery.model import Json, TableRef
from devcloud.bigquery.sql.scope import Column


@dataclass(frozen=True)
class Check:
    """A query that must return no row before the statement runs, and BigQuery's error if it returns one."""

    sql: str
    message: str


@dataclass
class Plan:
    """One bound SELECT or DML statement."""

    statement_type: str
    sql: str
    columns: list[Column] = field(default_factory=list)
    target: TableRef | None = None
    mutates: bool = False
    checks: list[Check] = field(default_factory=list)
    # Each DuckDB parameter and the meaning that the context has recorded for it.
    used: dict[str, tuple[str, str]] = field(default_factory=dict)
    referenced: dict[TableRef, Json] = field(default_factory=dict)
    cacheable: bool = True
