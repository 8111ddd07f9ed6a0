"""Writes rows into a table as load, query and copy jobs do: dispositions, partitions, schema updates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import duckdb

from devcloud.bigquery import catalog
from devcloud.bigquery.columns import PARTITION_TIME, is_ingestion_partitioned, physical_name
from devcloud.bigquery.duck import one_number
from devcloud.bigquery.jobs.schemas import differ, first_new, merged_fields, mismatch
from devcloud.bigquery.model import BigQueryError, Json, TableRef, not_found, not_implemented
from devcloud.bigquery.partitions import Destination, partition_condition, partition_start
from devcloud.bigquery.row_counts import row_count
from devcloud.bigquery.sql.session import Session
from devcloud.bigquery.types import duckdb_type, quoted

_PROPERTIES = ("description", "friendlyName", "labels", "expirationTime")
_DISPOSITIONS = {
    "createDisposition": ("CREATE_IF_NEEDED", "CREATE_NEVER"),
    "writeDisposition": ("WRITE_APPEND", "WRITE_TRUNCATE", "WRITE_TRUNCATE_DATA", "WRITE_EMPTY"),
}


@dataclass(frozen=True)
class WriteOptions:
    """The way in which a job writes; `resource` has the properties of a new table besides its schema."""

    create: str = "CREATE_IF_NEEDED"
    write: str = "WRITE_APPEND"
    schema_updates: tuple[str, ...] = ()
    resource: Json = field(default_factory=dict)
    partition_time: bool = False  # the source has `_PARTITIONTIME` too: a copy keeps the rows' partitions


def options_of(configuration: Json, *, write: str) -> WriteOptions:
    """The options in a JobConfigurationLoad or -Query; `write` is that job's default disposition."""
    properties = configuration.get("destinationTableProperties") or {}
    resource = {key: properties[key] for key in _PROPERTIES if key in properties}
    resource |= {key: configuration[key] for key in ("timePartitioning", "clustering") if configuration.get(key)}
    for name, known in _DISPOSITIONS.items():
        if configuration.get(name) not in (None, *known):
            raise BigQueryError("invalid", f"Invalid value for {name}: {configuration[name]}")
    if "ALLOW_FIELD_RELAXATION" in (configuration.get("schemaUpdateOptions") or ()):
        raise not_implemented("the schema update option ALLOW_FIELD_RELAXATION")
    return WriteOptions(
        create=configuration.get("createDisposition") or "CREATE_IF_NEEDED",
        write=configuration.get("writeDisposition") or write,
        schema_updates=tuple(configuration.get("schemaUpdateOptions") or ()),
        resource=resource,
    )


def write_rows(
    session: Session,
    destination: Destination,
    source: str,
    schema: list[Json],
    options: WriteOptions,
    *,
    values: Mapping[str, object] | None = None,
) -> int:
    """Write the rows of DuckDB relation `source`, whose columns are `schema`, and return their number.

    If `source` is a query, `values` are the values of its parameters.
    Runs in the session's transaction. If rows are replaced, it first waits until no other session changes the table.
    """
    ref = destination.ref
    replaces = options.write != "WRITE_APPEND"
    session.write({ref} if replaces or catalog.find_table(_reading(session), ref) is None else None)
    table = _ready(session, destination, schema, options)
    if destination.partition:
        _check_partition(session.cursor, table, destination.partition, source, schema)
    keeps = options.partition_time
    written = _insert(session, destination, table, source, schema, keep_partition=keeps, given=values)
    session.changed(ref, added=written)
    return written


def _reading(session: Session) -> duckdb.DuckDBPyConnection:
    session.read()
    return session.cursor


def _ready(session: Session, destination: Destination, schema: list[Json], options: WriteOptions) -> Json:
    """The table. The dispositions decide whether it is first created, emptied or given columns."""
    cursor, ref = session.cursor, destination.ref
    table = catalog.find_table(cursor, ref)
    if table is None:
        catalog.get_dataset(cursor, ref.project, ref.dataset)
        if options.create == "CREATE_NEVER":
            raise not_found(f"Table {ref}")
        return catalog.create_table(cursor, ref, options.resource | {"schema": {"fields": schema}})
    if table["type"] != "TABLE":
        raise BigQueryError("invalid", f"Cannot write to {ref}: it is a view")
    _check_same_partitioning(table, options.resource)
    if options.write == "WRITE_EMPTY" and row_count(cursor, ref):
        raise BigQueryError("duplicate", f"Already Exists: Table {ref}", status=409)
    if options.write in ("WRITE_TRUNCATE", "WRITE_TRUNCATE_DATA"):
        if (
            options.write == "WRITE_TRUNCATE"
            and not destination.partition
            and schema
            and differ(table["schema"]["fields"], schema)
        ):
            return _replaced(session, ref, table, schema, options)
        clear_rows(session, ref, table, destination.partition)
    return _widened(cursor, ref, table, schema, options)


def _replaced(session: Session, ref: TableRef, table: Json, schema: list[Json], options: WriteOptions) -> Json:
    resource = table | options.resource | {"schema": {"fields": schema}}
    return catalog.replace_table(session.cursor, ref, resource)


def clear_rows(session: Session, ref: TableRef, table: Json, partition: str | None) -> None:
    """Delete all rows, or those of one partition."""
    condition, parameters = ("TRUE", []) if partition is None else partition_condition(table, partition)
    removed = one_number(session.cursor, f"DELETE FROM {physical_name(ref)} WHERE {condition}", parameters)
    if removed:
        session.changed(ref, added=-removed, rewritten=True)


def _widened(
    cursor: duckdb.DuckDBPyConnection, ref: TableRef, table: Json, schema: list[Json], options: WriteOptions
) -> Json:
    """The table with the new fields of the rows, if the job may add fields; raises for other differences."""
    existing = table["schema"]["fields"]
    merged = merged_fields(ref, existing, schema)
    if merged == existing:
        return table
    if existing and "ALLOW_FIELD_ADDITION" not in options.schema_updates:
        raise mismatch(ref, f"Cannot add fields (field: {first_new(existing, merged)})")
    return catalog.patch_table(cursor, ref, {"schema": {"fields": merged}})


def _check_same_partitioning(table: Json, resource: Json) -> None:
    wanted = resource.get("timePartitioning")
    if wanted is None:
        return
    have = table.get("timePartitioning") or {}
    if (have.get("type"), have.get("field")) != (wanted.get("type") or "DAY", wanted.get("field")):
        reference = table["tableReference"]
        name = f"{reference['projectId']}:{reference['datasetId']}.{reference['tableId']}"
        what = f"Incompatible table partitioning specification. The partitioning of table {name} is another"
        raise BigQueryError("invalid", what)


def _check_partition(
    cursor: duckdb.DuckDBPyConnection, table: Json, partition: str, source: str, schema: list[Json]
) -> None:
    condition, parameters = partition_condition(table, partition)
    if is_ingestion_partitioned(table):
        return
    statement = f"SELECT count(*) FROM (SELECT {_casts(table, schema)} FROM {source}) WHERE NOT {condition}"
    if one_number(cursor, statement, parameters):
        what = f"Some rows belong to different partitions rather than destination partition {partition}"
        raise BigQueryError("invalid", what)


def _casts(table: Json, schema: list[Json]) -> str:
    given = {str(new["name"]).lower() for new in schema}
    return ", ".join(_cast(old) for old in table["schema"]["fields"] if old["name"].lower() in given)


def _cast(old: Json) -> str:
    name, kind = quoted(old["name"]), duckdb_type(old)
    value = f"coalesce(CAST({name} AS {kind}), [])" if old["mode"] == "REPEATED" else f"CAST({name} AS {kind})"
    return f"{value} AS {name}"


def _insert(
    session: Session,
    destination: Destination,
    table: Json,
    source: str,
    schema: list[Json],
    *,
    keep_partition: bool,
    given: Mapping[str, object] | None,
) -> int:
    partition = destination.partition
    written = {str(new["name"]).lower() for new in schema}
    names = [quoted(old["name"]) for old in table["schema"]["fields"] if old["name"].lower() in written]
    if not names:
        return 0
    values, parameters = [_casts(table, schema)], []
    if is_ingestion_partitioned(table) and (partition or keep_partition):
        names.append(PARTITION_TIME)
        values.append("?::TIMESTAMPTZ" if partition else PARTITION_TIME)
        parameters = [partition_start(table, partition)] if partition else []
    statement = (
        f"INSERT INTO {physical_name(destination.ref)} ({', '.join(names)}) SELECT {', '.join(values)} FROM {source}"
    )
    try:
        return one_number(session.cursor, statement, parameters if given is None else given)
    except duckdb.ConstraintException as error:
        raise _required(table, error) from error
    except duckdb.ConversionException as error:
        if given is not None:
            raise  # the query failed, not the reading of its rows
        raise BigQueryError("invalid", f"Error while reading data, error message: {error}") from error


def _required(table: Json, error: duckdb.ConstraintException) -> BigQueryError:
    text = str(error)
    required = [f["name"] for f in table["schema"]["fields"] if f["mode"] == "REQUIRED"]
    name = next((name for name in required if text.rstrip().endswith(f".{name}")), required[0] if required else "?")
    return BigQueryError("invalid", f"Required field {name} cannot be null")
