"""INFORMATION_SCHEMA: makes rows from the catalog's resources when a statement is bound."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from devcloud.bigquery.model import Json, not_implemented
from devcloud.bigquery.sql.binder import Binder
from devcloud.bigquery.sql.literals import quote_text, timestamp_sql
from devcloud.bigquery.sql.scope import LATER, Column, Relation
from devcloud.bigquery.types import INT64, STRING, TIMESTAMP, SqlType, field_type, quoted

_Rows = list[dict[str, object]]
_Shape = dict[str, SqlType]


def bind_information_schema(binder: Binder, parts: list[str]) -> Relation:
    """The relation of `dataset.INFORMATION_SCHEMA.VIEW`; raises notImplemented for other views and scopes."""
    view = parts[-1].split(".", 1)[1].upper()
    if view not in _VIEWS:
        raise not_implemented(f"INFORMATION_SCHEMA.{view}")
    context = binder.context
    context.volatile_metadata = True
    shape, rows_of = _VIEWS[view]
    dataset = parts[-2] if len(parts) > 1 else (context.default_dataset or ("", ""))[1]
    project = ".".join(parts[:-2]) or context.project
    return _values(view, shape, rows_of(context.list_tables(project, dataset)))


def _values(view: str, shape: _Shape, rows: _Rows) -> Relation:
    columns = [Column(name, kind, quoted(name)) for name, kind in shape.items()]
    columns += [Column(name, STRING, LATER, hidden=True) for name in _LATER_COLUMNS.get(view, "").split()]
    names = ", ".join(quoted(name) for name in shape)
    listed = [", ".join(_literal(row.get(name), kind) for name, kind in shape.items()) for row in rows]
    nothing = ", ".join(f"CAST(NULL AS {kind.duckdb}) AS {quoted(name)}" for name, kind in shape.items())
    if not listed:
        return Relation(f"SELECT {nothing} WHERE FALSE", columns)
    values = ", ".join(f"({row})" for row in listed)
    return Relation(f"SELECT * FROM (VALUES {values}) AS v({names})", columns)


def _literal(value: object, kind: SqlType) -> str:
    if value is None:
        return f"CAST(NULL AS {kind.duckdb})"
    if kind == TIMESTAMP:
        return timestamp_sql(datetime.fromtimestamp(int(str(value)) / 1000, tz=UTC))
    return f"CAST({quote_text(str(value))} AS {kind.duckdb})"


def _reference(table: Json) -> dict[str, object]:
    ref = table["tableReference"]
    return {
        "table_catalog": ref["projectId"],
        "table_schema": ref["datasetId"],
        "table_name": ref["tableId"],
    }


def _tables(tables: list[Json]) -> _Rows:
    kinds = {"TABLE": "BASE TABLE"}
    return [
        _reference(table)
        | {
            "table_type": kinds.get(table["type"], table["type"]),
            "is_insertable_into": "YES" if table["type"] == "TABLE" else "NO",
            "is_typed": "NO",
            "creation_time": table.get("creationTime"),
        }
        for table in tables
    ]


def _columns(tables: list[Json]) -> _Rows:
    rows: _Rows = []
    for table in tables:
        fields = table.get("schema", {}).get("fields", [])
        partition = table.get("timePartitioning", {}).get("field")
        clustering = table.get("clustering", {}).get("fields", [])
        for at, field in enumerate(fields, start=1):
            rows.append(
                _reference(table)
                | {
                    "column_name": field["name"],
                    "ordinal_position": at,
                    "is_nullable": "NO" if field.get("mode") == "REQUIRED" else "YES",
                    "data_type": str(field_type(field)),
                    "is_hidden": "NO",
                    "is_system_defined": "NO",
                    "is_partitioning_column": "YES" if field["name"] == partition else "NO",
                    "clustering_ordinal_position": (
                        clustering.index(field["name"]) + 1 if field["name"] in clustering else None
                    ),
                }
            )
    return rows


def _options(tables: list[Json]) -> _Rows:
    rows: _Rows = []
    for table in tables:
        for key, option in (("description", "description"), ("friendlyName", "friendly_name")):
            if table.get(key):
                text = str(table[key]).replace("\\", "\\\\").replace('"', '\\"')
                value = {"option_name": option, "option_type": "STRING", "option_value": f'"{text}"'}
                rows.append(_reference(table) | value)
        if table.get("labels"):
            pairs = ", ".join(f'STRUCT("{k}", "{v}")' for k, v in sorted(table["labels"].items()))
            kind = "ARRAY<STRUCT<STRING, STRING>>"
            rows.append(
                _reference(table) | {"option_name": "labels", "option_type": kind, "option_value": f"[{pairs}]"}
            )
    return rows


def _views(tables: list[Json]) -> _Rows:
    return [
        _reference(table) | {"view_definition": table["view"]["query"], "use_standard_sql": "YES"}
        for table in tables
        if table["type"] == "VIEW"
    ]


# BigQuery's other columns. They are not implemented, so a query that names one is refused.
_LATER_COLUMNS = {
    "TABLES": "managed_table_type is_fine_grained_mutations_enabled base_table_catalog base_table_schema "
    "base_table_name snapshot_time_ms replica_source_catalog replica_source_schema replica_source_name "
    "replication_status replication_error ddl default_collation_name upsert_stream_apply_watermark "
    "sync_status is_change_history_enabled",
    "COLUMNS": "is_generated generation_expression is_stored is_updatable collation_name column_default "
    "rounding_mode data_policies policy_tags",
}
_NAMED: _Shape = {"table_catalog": STRING, "table_schema": STRING, "table_name": STRING}
_VIEWS: dict[str, tuple[_Shape, Callable[[list[Json]], _Rows]]] = {
    "TABLES": (
        _NAMED | {"table_type": STRING, "is_insertable_into": STRING, "is_typed": STRING, "creation_time": TIMESTAMP},
        _tables,
    ),
    "COLUMNS": (
        _NAMED
        | {
            "column_name": STRING,
            "ordinal_position": INT64,
            "is_nullable": STRING,
            "data_type": STRING,
            "is_hidden": STRING,
            "is_system_defined": STRING,
            "is_partitioning_column": STRING,
            "clustering_ordinal_position": INT64,
        },
        _columns,
    ),
    "TABLE_OPTIONS": (_NAMED | {"option_name": STRING, "option_type": STRING, "option_value": STRING}, _options),
    "VIEWS": (
        _NAMED | {"view_definition": STRING, "check_option": STRING, "use_standard_sql": STRING},
        _views,
    ),
}
