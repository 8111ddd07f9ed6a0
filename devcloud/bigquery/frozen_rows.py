"""Freezes a table's rows of now or of an earlier moment in an Arrow file, in batches of bounded size."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, cast

import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from devcloud.bigquery import access, catalog, changes
from devcloud.bigquery.arrow import arrow_schema
from devcloud.bigquery.columns import PARTITION_TIME, physical_name
from devcloud.bigquery.model import BigQueryError, Json, TableRef, not_implemented
from devcloud.bigquery.partition_filter import PartitionFilter
from devcloud.bigquery.partitions import unexpired
from devcloud.bigquery.results import Result, ResultStore, is_anonymous
from devcloud.bigquery.sql.binder import Binder
from devcloud.bigquery.sql.context import Context
from devcloud.bigquery.sql.dialect import GoogleSql
from devcloud.bigquery.sql.engine import Engine
from devcloud.bigquery.sql.scope import Column, Scope, Source
from devcloud.bigquery.sql.session import Session
from devcloud.bigquery.sql.tables import partition_date, stored_columns
from devcloud.bigquery.types import quoted
from devcloud.identity import Caller

_BATCH_ROWS = 2_048  # the number of rows that DuckDB returns at a time
_BATCH_BYTES = 1_000_000


@dataclass(frozen=True)
class Selection:
    """The columns and rows to freeze, and the moment (None: now)."""

    fields: tuple[str, ...] = ()
    restriction: str = ""
    at: dt.datetime | None = None


@dataclass(frozen=True)
class Frozen:
    """The file that was written."""

    schema: pa.Schema
    rows: int
    location: str


def freeze(
    engine: Engine, results: ResultStore, ref: TableRef, selection: Selection, *, caller: Caller, file: Path
) -> Frozen:
    """Write the selected rows to `file`; raises the errors of reading the table."""
    if is_anonymous(ref):
        access.check_project(caller, ref.project, "bigquery.tables.getData")
        return _freeze_result(results.get(ref), selection, file)
    with engine.session() as session:
        # No commit may run while the snapshot is pinned. Otherwise the log could have changes that the rows lack.
        with changes.COMMIT_LOCK:
            session.read()
        access.check_table(session.cursor, caller, ref, write=False)
        table = catalog.get_table(session.cursor, ref)
        if table["type"] != "TABLE":
            raise BigQueryError("invalid", f"request failed: {table['type']} cannot be read: {ref}")
        with session.optimised(session.rows_of(ref, table["creationTime"])):
            return _freeze_table(session, ref, table, selection, file)


def _freeze_result(result: Result, selection: Selection, file: Path) -> Frozen:
    if selection.restriction or selection.at:
        raise not_implemented("row restrictions and snapshot times on query results")
    fields = _selected(result.schema, selection.fields)
    rows = result.rows.select([field["name"] for field in fields])
    schema = arrow_schema(fields, named=True)
    return Frozen(schema, _write(file, schema, iter(rows.to_batches(max_chunksize=_BATCH_ROWS))), "US")


def _freeze_table(session: Session, ref: TableRef, table: Json, selection: Selection, file: Path) -> Frozen:
    fields = _selected(table["schema"]["fields"], selection.fields)
    schema = arrow_schema(fields, named=True)
    names = ", ".join(quoted(field["name"]) for field in fields)
    source = physical_name(ref)
    if selection.at is not None:
        source = f"(FROM {source} LIMIT {_rows_then(session, ref, table, selection.at)})"
    condition = f"({_condition(ref, table, selection.restriction)}) AND {unexpired(table) or 'TRUE'}"
    found = session.cursor.sql(f"SELECT {names} FROM {source} WHERE {condition}")
    return Frozen(schema, _write(file, schema, found.to_arrow_reader(_BATCH_ROWS)), table["location"])


def _rows_then(session: Session, ref: TableRef, table: Json, moment: dt.datetime) -> int:
    created = dt.datetime.fromtimestamp(int(table["creationTime"]) / 1000, dt.UTC)
    if moment < created:
        raise BigQueryError(
            "invalid",
            f"Invalid snapshot time {moment.isoformat()} for table {ref}. Cannot read before {created.isoformat()}",
        )
    return changes.rows_at(session.cursor, ref, moment)


def _condition(ref: TableRef, table: Json, restriction: str) -> str:
    """The DuckDB text of a row restriction: a GoogleSQL condition over the table's columns."""
    demanded = PartitionFilter.demanded_by(table)
    if not restriction.strip():
        if demanded:
            demanded.check([])
        return "TRUE"
    context = Context(ref.project, None, find_table=_nothing_else, list_tables=_nothing_else, parameters={})
    try:
        parsed = cast("exp.Expression", sqlglot.parse_one(restriction, dialect=GoogleSql))
    except SqlglotError as error:
        raise BigQueryError("invalid", f"request failed: Query error: {error}") from error
    if demanded:
        demanded.check([parsed])
    condition = Binder(context).condition(
        parsed, Scope(sources=[Source(ref.table, _columns(table))]), "row_restriction"
    )
    if context.used:
        raise not_implemented("the current time in row restrictions")
    return condition


def _columns(table: Json) -> list[Column]:
    columns = stored_columns(table)
    return columns + [partition_date(column) for column in columns if column.name == PARTITION_TIME]


def _nothing_else(*_: object) -> NoReturn:
    raise BigQueryError("invalid", "request failed: a row restriction names its own table's columns only")


def _selected(fields: list[Json], names: tuple[str, ...]) -> list[Json]:
    if nested := [name for name in names if "." in name]:
        raise not_implemented(f"selected_fields inside records ({nested[0]})")
    wanted = {name.lower() for name in names}
    if unknown := wanted - {field["name"].lower() for field in fields}:
        what = f"request failed: The following selected fields do not exist in the table schema: {sorted(unknown)[0]}"
        raise BigQueryError("invalid", what)
    return [field for field in fields if not wanted or field["name"].lower() in wanted]


def _write(file: Path, schema: pa.Schema, batches: Iterator[pa.RecordBatch] | pa.RecordBatchReader) -> int:
    """Write batches that each fit into one response; returns the number of rows."""
    written = 0
    with pa.ipc.new_file(str(file), schema) as writer:
        for found in batches:
            columns = [found.column(index).cast(schema.field(index).type) for index in range(found.num_columns)]
            batch = pa.RecordBatch.from_arrays(columns, schema=schema)
            step = max(1, batch.num_rows * _BATCH_BYTES // max(batch.nbytes, _BATCH_BYTES))
            for start in range(0, batch.num_rows, step):
                writer.write_batch(batch.slice(start, step))
            written += batch.num_rows
    return written
