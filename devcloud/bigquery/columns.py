"""Maps a table's REST schema to DuckDB columns, and checks which later changes are allowed."""

from __future__ import annotations

import duckdb

from devcloud.bigquery.model import BigQueryError, Json, TableRef, not_implemented
from devcloud.bigquery.types import duckdb_type, quoted

# The hidden column of ingestion-time partitioned tables: selectable by name, absent from `SELECT *`.
PARTITION_TIME = "_PARTITIONTIME"
_API_NAMES = {"INT64": "INTEGER", "FLOAT64": "FLOAT", "BOOL": "BOOLEAN", "STRUCT": "RECORD", "DECIMAL": "NUMERIC"}


def physical_name(ref: TableRef) -> str:
    """DuckDB's quoted name of the table."""
    return f"{quoted(ref.schema)}.{quoted(ref.table)}"


def is_ingestion_partitioned(resource: Json) -> bool:
    """Whether the table is partitioned by arrival: it has the hidden column `_PARTITIONTIME`."""
    return "timePartitioning" in resource and not resource["timePartitioning"].get("field")


def normal_field(field: Json) -> Json:
    """A REST TableFieldSchema as BigQuery returns it: with the API's type names, in upper case, and with a mode."""
    if field.get("defaultValueExpression"):
        raise not_implemented("default values of columns")
    if missing := [key for key in ("name", "type") if not field.get(key)]:
        raise BigQueryError("required", f"Required parameter is missing: schema.fields.{missing[0]}")
    kind, mode = str(field["type"]).upper(), str(field.get("mode") or "NULLABLE").upper()
    if mode not in ("NULLABLE", "REQUIRED", "REPEATED"):
        raise BigQueryError("invalid", f"Invalid value for mode: {mode} is not a valid value")
    normal = {**field, "type": _API_NAMES.get(kind, kind), "mode": mode}
    if "fields" in field:
        normal["fields"] = [normal_field(child) for child in field["fields"]]
    return normal


def definitions(resource: Json) -> str:
    """The column list of CREATE TABLE for a Table resource, the hidden column last."""
    columns = [_definition(field) for field in resource["schema"]["fields"]]
    if is_ingestion_partitioned(resource):
        unit = resource["timePartitioning"]["type"].lower()
        columns.append(f"{PARTITION_TIME} TIMESTAMPTZ DEFAULT date_trunc('{unit}', current_timestamp)")
    # DuckDB has no tables without columns. In BigQuery a table's schema may come with the first load.
    return ", ".join(columns) or "_devcloud_empty BOOLEAN"


def _definition(field: Json) -> str:
    extra = {"REQUIRED": " NOT NULL", "REPEATED": " DEFAULT []"}.get(field["mode"], "")
    return f"{quoted(field['name'])} {duckdb_type(field)}{extra}"


def alter(cursor: duckdb.DuckDBPyConnection, ref: TableRef, old: list[Json], new: list[Json]) -> None:
    """Add new fields at any depth and relax REQUIRED ones; raises for other changes, as BigQuery does."""
    _alter(cursor, ref, old, new, path="")
    if not old and new:
        cursor.execute(f"ALTER TABLE {physical_name(ref)} DROP COLUMN _devcloud_empty")


def _alter(cursor: duckdb.DuckDBPyConnection, ref: TableRef, old: list[Json], new: list[Json], path: str) -> None:
    known = {field["name"].lower(): field for field in old}
    if missing := known.keys() - {field["name"].lower() for field in new}:
        raise _mismatch(ref, f"Field {sorted(missing)[0]} is missing in new schema")
    for field in new:
        before = known.get(field["name"].lower())
        if before is None:
            _add(cursor, ref, field, path)
        else:
            _change(cursor, ref, before, field, path)


def _add(cursor: duckdb.DuckDBPyConnection, ref: TableRef, field: Json, path: str) -> None:
    if field["mode"] == "REQUIRED":
        raise _mismatch(ref, f"Cannot add required fields to an existing schema. (field: {field['name']})")
    default = " DEFAULT []" if field["mode"] == "REPEATED" and not path else ""
    cursor.execute(
        f"ALTER TABLE {physical_name(ref)} ADD COLUMN {path}{quoted(field['name'])} {duckdb_type(field)}{default}"
    )


def _change(cursor: duckdb.DuckDBPyConnection, ref: TableRef, before: Json, field: Json, path: str) -> None:
    if before["type"] != field["type"]:
        what = f"Field {field['name']} has changed type from {before['type']} to {field['type']}"
        raise _mismatch(ref, what)
    if before["mode"] != field["mode"]:
        if (before["mode"], field["mode"]) != ("REQUIRED", "NULLABLE"):
            what = f"Field {field['name']} has changed mode from {before['mode']} to {field['mode']}"
            raise _mismatch(ref, what)
        if not path:
            cursor.execute(f"ALTER TABLE {physical_name(ref)} ALTER {quoted(field['name'])} DROP NOT NULL")
    if before["type"] == "RECORD":
        inner = f"{path}{quoted(field['name'])}." + ("element." if before["mode"] == "REPEATED" else "")
        _alter(cursor, ref, before["fields"], field["fields"], inner)


def _mismatch(ref: TableRef, what: str) -> BigQueryError:
    return BigQueryError("invalid", f"Provided Schema does not match Table {ref}. {what}")
