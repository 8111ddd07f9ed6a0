"""Resolves a table's name: a stored table, a temporary one, a view, a wildcard or a metadata view."""

from __future__ import annotations

import sqlglot

from devcloud.bigquery.model import Json, TableRef, invalid_query, not_found, not_implemented
from devcloud.bigquery.partitions import unexpired
from devcloud.bigquery.sql.binder import Binder
from devcloud.bigquery.sql.context import columns_of
from devcloud.bigquery.sql.dialect import GoogleSql
from devcloud.bigquery.sql.information_schema import bind_information_schema
from devcloud.bigquery.sql.literals import quote_text
from devcloud.bigquery.sql.scope import Column, Relation, Scope
from devcloud.bigquery.types import DATE, STRING, TIMESTAMP, quoted

PARTITION_TIME = "_PARTITIONTIME"
_METADATA_TABLES = ("__TABLES__", "__TABLES_SUMMARY__", "__DATASETS__")


def physical(ref: TableRef) -> str:
    """DuckDB's name of the table."""
    return f"{quoted(ref.schema)}.{quoted(ref.table)}"


def temporary(name: str) -> str:
    """DuckDB's name of a session's temporary table."""
    return f'"temp"."main".{quoted(name)}'


def bind_table(binder: Binder, parts: list[str]) -> Relation:
    """The relation a path in FROM names; raises notFound."""
    context = binder.context
    if parts[-1].upper().startswith("INFORMATION_SCHEMA."):
        return bind_information_schema(binder, parts)
    if len(parts) == 1 and parts[0].lower() in context.temp_tables:
        columns = [Column(name, kind, quoted(name)) for name, kind in context.temp_tables[parts[0].lower()]]
        return Relation(temporary(parts[0].lower()), columns)
    ref = context.table_ref(parts)
    if ref.table.upper() in _METADATA_TABLES:
        raise not_implemented(f"the metadata table {ref.table}")
    if "@" in ref.table:
        raise not_implemented(f"the time decorator of {ref.table}")
    if ref.table.endswith("*"):
        return _bind_wildcard(binder, ref)
    resource = context.table(ref)
    if resource.get("type") == "VIEW":
        return _bind_view(binder, resource)
    kept = unexpired(resource)
    rows = f"SELECT * FROM {physical(ref)} WHERE {kept}" if kept else physical(ref)
    return Relation(rows, stored_columns(resource), resource=resource)


def stored_columns(resource: Json) -> list[Column]:
    """The columns of a stored table, pseudo columns included."""
    columns = [Column(name, kind, quoted(name)) for name, kind in columns_of(resource)]
    partitioning = resource.get("timePartitioning")
    if partitioning and not partitioning.get("field"):
        columns.append(Column(PARTITION_TIME, TIMESTAMP, quoted(PARTITION_TIME), hidden=True))
    return columns


def partition_date(partition_time: Column) -> Column:
    """The pseudo column _PARTITIONDATE beside _PARTITIONTIME."""
    return Column("_PARTITIONDATE", DATE, f"CAST(timezone('UTC', {partition_time.sql}) AS DATE)", hidden=True)


def _bind_view(binder: Binder, resource: Json) -> Relation:
    view = resource["view"]
    if view.get("useLegacySql"):
        raise not_implemented("legacy SQL views")
    return binder.query(sqlglot.parse_one(view["query"], dialect=GoogleSql), Scope())


def _bind_wildcard(binder: Binder, ref: TableRef) -> Relation:
    """Every table of that prefix, with the columns of the one created last and `_TABLE_SUFFIX`."""
    context, prefix = binder.context, ref.table[:-1]
    context.volatile_metadata = True
    listed = [
        table
        for table in context.list_tables(ref.project, ref.dataset)
        if table["tableReference"]["tableId"].startswith(prefix) and table.get("type") == "TABLE"
    ]
    if not listed:
        raise not_found(f"{ref} does not match any table.")
    latest = max(listed, key=lambda table: (int(table.get("creationTime", 0)), table["tableReference"]["tableId"]))
    columns = stored_columns(latest)
    texts = []
    for table in listed:
        name = table["tableReference"]["tableId"]
        texts.append(_wildcard_branch(TableRef(ref.project, ref.dataset, name), table, columns, name[len(prefix) :]))
        context.table(TableRef(ref.project, ref.dataset, name))
    columns.append(Column("_TABLE_SUFFIX", STRING, '"_TABLE_SUFFIX"', hidden=True))
    return Relation(" UNION ALL ".join(texts), columns)


def _wildcard_branch(ref: TableRef, table: Json, columns: list[Column], suffix: str) -> str:
    own = {column.name.lower(): column for column in stored_columns(table)}
    parts = []
    for column in columns:
        match = own.get(column.name.lower())
        if match is not None and match.type != column.type:
            raise invalid_query(f"Cannot read field '{column.name}' of type {match.type} as {column.type}")
        parts.append(f"{match.sql if match else f'CAST(NULL AS {column.type.duckdb})'} AS {column.sql}")
    kept = unexpired(table)
    where = f" WHERE {kept}" if kept else ""
    return f'SELECT {", ".join(parts)}, {quote_text(suffix)} AS "_TABLE_SUFFIX" FROM {physical(ref)}{where}'
