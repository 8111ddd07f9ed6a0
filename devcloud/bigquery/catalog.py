"""Keeps the REST resources of datasets and tables, and their DuckDB tables. Both change in one transaction.

Every function takes the DuckDB cursor of the current transaction. The metadata tables need no keys, because two
transactions that make the same schema or table conflict in DuckDB.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from copy import deepcopy

import duckdb

from devcloud.bigquery import columns
from devcloud.bigquery.catalog_reads import DATASET, TABLE, change, remembered_row
from devcloud.bigquery.columns import physical_name
from devcloud.bigquery.labels import check_labels
from devcloud.bigquery.model import BigQueryError, Json, TableRef, not_found, not_implemented
from devcloud.bigquery.places import check_place
from devcloud.bigquery.table_rules import check_table
from devcloud.bigquery.types import quoted

_SETUP = """
CREATE SCHEMA IF NOT EXISTS _devcloud;
CREATE TABLE IF NOT EXISTS _devcloud.datasets (project VARCHAR, dataset VARCHAR, resource VARCHAR);
CREATE TABLE IF NOT EXISTS _devcloud.tables
    (project VARCHAR, dataset VARCHAR, name VARCHAR, uid VARCHAR, resource VARCHAR);
CREATE TABLE IF NOT EXISTS _devcloud.changes (uid VARCHAR, changed_at TIMESTAMPTZ, added BIGINT, rewritten BOOLEAN);
"""
_DATASET_NAME = re.compile(r"[A-Za-z0-9_]{1,1024}")
_TABLE_NAME = re.compile(r"[\w\- ]{1,1024}")
_OUTPUT_ONLY = ("id", "etag", "selfLink", "creationTime", "lastModifiedTime", "numRows", "numBytes", "kind")


def set_up(cursor: duckdb.DuckDBPyConnection) -> None:
    """Create the metadata tables of a new state directory."""
    cursor.execute(_SETUP)


# Datasets ---------------------------------------------------------------------------------------------------------


def find_dataset(cursor: duckdb.DuckDBPyConnection, project: str, dataset: str) -> Json | None:
    """The REST Dataset resource, or None."""
    row = remembered_row(cursor, DATASET, (project, dataset))
    return None if row is None else json.loads(row[0])


def get_dataset(cursor: duckdb.DuckDBPyConnection, project: str, dataset: str) -> Json:
    """The REST Dataset resource; raises notFound."""
    resource = find_dataset(cursor, project, dataset)
    if resource is None:
        raise not_found(f"Dataset {project}:{dataset}")
    return resource


def list_datasets(cursor: duckdb.DuckDBPyConnection, project: str) -> list[Json]:
    """The resources of a project's datasets by name."""
    rows = cursor.execute(
        "SELECT resource FROM _devcloud.datasets WHERE project = ? ORDER BY dataset", [project]
    ).fetchall()
    return [json.loads(row[0]) for row in rows]


def create_dataset(
    cursor: duckdb.DuckDBPyConnection, project: str, dataset: str, resource: Json, *, exists_ok: bool = False
) -> Json:
    """Create the dataset and its schema; raises duplicate (409) unless `exists_ok`."""
    if not _DATASET_NAME.fullmatch(dataset):
        raise BigQueryError(
            "invalid", f'Invalid dataset ID "{dataset}". Dataset IDs must be alphanumeric (plus underscores)'
        )
    existing = find_dataset(cursor, project, dataset)
    if existing is not None:
        if exists_ok:
            return existing
        raise BigQueryError("duplicate", f"Already Exists: Dataset {project}:{dataset}", status=409)
    resource = {key: value for key, value in resource.items() if value is not None}
    check_labels(resource.get("labels"))
    check_place(str(resource.get("location") or "US"))
    cursor.execute(f"CREATE SCHEMA {quoted(f'{project}__{dataset}')}")
    resource = _stamped(
        {"location": "US", "access": [], "type": "DEFAULT"}
        | resource
        | {
            "kind": "bigquery#dataset",
            "id": f"{project}:{dataset}",
            "datasetReference": {"projectId": project, "datasetId": dataset},
        },
        created=True,
    )
    text = json.dumps(resource)
    statement = "INSERT INTO _devcloud.datasets VALUES (?, ?, ?)"
    change(cursor, statement, [project, dataset, text], read=(DATASET, (project, dataset)), row=(text,))
    return resource


def patch_dataset(
    cursor: duckdb.DuckDBPyConnection, project: str, dataset: str, changes: Json, *, replace: bool = False
) -> Json:
    """Merge `changes` into the dataset's resource, or replace it with `replace`."""
    old = get_dataset(cursor, project, dataset)
    if str(changes.get("location") or old["location"]).lower() != str(old["location"]).lower():
        raise BigQueryError("invalid", "Dataset location cannot be changed")
    kept = ("location", "datasetReference", "access", "type", "creationTime", "id", "kind")
    resource = _stamped(_changed(old, changes, kept if replace else None))
    check_labels(resource.get("labels"))
    text = json.dumps(resource)
    statement = "UPDATE _devcloud.datasets SET resource = ? WHERE project = ? AND dataset = ?"
    change(cursor, statement, [text, project, dataset], read=(DATASET, (project, dataset)), row=(text,))
    return resource


def drop_dataset(
    cursor: duckdb.DuckDBPyConnection, project: str, dataset: str, *, delete_contents: bool = False
) -> None:
    """Drop the dataset; raises resourceInUse when it has tables and `delete_contents` is not set."""
    get_dataset(cursor, project, dataset)
    tables = [TableRef(project, dataset, name) for name, _ in _tables(cursor, project, dataset)]
    if tables and not delete_contents:
        raise BigQueryError("resourceInUse", f"Dataset {project}:{dataset} is still in use")
    for ref in tables:
        drop_table(cursor, ref)
    cursor.execute(f"DROP SCHEMA {quoted(f'{project}__{dataset}')} CASCADE")
    statement = "DELETE FROM _devcloud.datasets WHERE project = ? AND dataset = ?"
    change(cursor, statement, [project, dataset], read=(DATASET, (project, dataset)), row=None)


# Tables -----------------------------------------------------------------------------------------------------------


def find_table(cursor: duckdb.DuckDBPyConnection, ref: TableRef) -> Json | None:
    """The REST Table resource; None if there is none or the table has expired."""
    row = remembered_row(cursor, TABLE, ref.path)
    resource: Json | None = None if row is None else json.loads(row[0])
    if resource and int(resource.get("expirationTime") or 2**63) <= time.time() * 1000:
        return None
    return resource


def get_table(cursor: duckdb.DuckDBPyConnection, ref: TableRef) -> Json:
    """The REST Table resource; raises notFound for the dataset or the table."""
    resource = find_table(cursor, ref)
    if resource is None:
        get_dataset(cursor, ref.project, ref.dataset)
        raise not_found(f"Table {ref}")
    return resource


def list_tables(cursor: duckdb.DuckDBPyConnection, project: str, dataset: str) -> list[Json]:
    """The resources of a dataset's tables by name; raises notFound for the dataset."""
    get_dataset(cursor, project, dataset)
    found = (find_table(cursor, TableRef(project, dataset, name)) for name, _ in _tables(cursor, project, dataset))
    return [resource for resource in found if resource is not None]


def create_table(cursor: duckdb.DuckDBPyConnection, ref: TableRef, resource: Json, *, exists_ok: bool = False) -> Json:
    """Create the table (or view) and its metadata; raises duplicate (409) unless `exists_ok`."""
    dataset = get_dataset(cursor, ref.project, ref.dataset)
    existing = find_table(cursor, ref)
    if existing is not None:
        if exists_ok:
            return existing
        raise BigQueryError("duplicate", f"Already Exists: Table {ref}", status=409)
    if not _TABLE_NAME.fullmatch(ref.table):
        raise BigQueryError("invalid", f'Invalid table ID "{ref.table}".')
    _forget(cursor, ref)  # an expired table is removed before another takes its name
    resource = _new_table(ref, dataset, resource)
    if resource["type"] == "TABLE":
        cursor.execute(f"CREATE TABLE {physical_name(ref)} ({columns.definitions(resource)})")
    uid, text = uuid.uuid4().hex, json.dumps(resource)
    statement = "INSERT INTO _devcloud.tables VALUES (?, ?, ?, ?, ?)"
    change(cursor, statement, [*ref.path, uid, text], read=(TABLE, ref.path), row=(text, uid))
    return resource


def replace_table(cursor: duckdb.DuckDBPyConnection, ref: TableRef, resource: Json) -> Json:
    """Drop the table if it exists and create it again: CREATE OR REPLACE."""
    _forget(cursor, ref)
    return create_table(cursor, ref, resource)


def drop_table(cursor: duckdb.DuckDBPyConnection, ref: TableRef) -> None:
    """Drop the table; raises notFound."""
    get_table(cursor, ref)
    _forget(cursor, ref)


def patch_table(cursor: duckdb.DuckDBPyConnection, ref: TableRef, changes: Json, *, replace: bool = False) -> Json:
    """Merge `changes` into the resource, or replace it with `replace`. A new schema may add columns and relax modes."""
    old = get_table(cursor, ref)
    kept = ("tableReference", "type", "schema", "timePartitioning", "creationTime", "id", "kind", "location")
    resource = _changed(old, changes, kept if replace else None)
    if old.get("timePartitioning", {}).get("field") != resource.get("timePartitioning", {}).get("field"):
        raise BigQueryError("invalid", "Cannot change partitioning spec for a partitioned/clustered table.")
    if old["type"] == "TABLE":
        resource["schema"] = {"fields": [columns.normal_field(field) for field in resource["schema"]["fields"]]}
        check_table(resource)
        columns.alter(cursor, ref, old["schema"]["fields"], resource["schema"]["fields"])
    resource = _stamped(resource)
    _, uid = remembered_row(cursor, TABLE, ref.path)
    text = json.dumps(resource)
    statement = "UPDATE _devcloud.tables SET resource = ? WHERE project = ? AND dataset = ? AND name = ?"
    change(cursor, statement, [text, *ref.path], read=(TABLE, ref.path), row=(text, uid))
    return resource


# Inside -----------------------------------------------------------------------------------------------------------


def _tables(cursor: duckdb.DuckDBPyConnection, project: str, dataset: str) -> list[tuple[str, str]]:
    return cursor.execute(
        "SELECT name, uid FROM _devcloud.tables WHERE project = ? AND dataset = ? ORDER BY name", [project, dataset]
    ).fetchall()


def _forget(cursor: duckdb.DuckDBPyConnection, ref: TableRef) -> None:
    cursor.execute(f"DROP TABLE IF EXISTS {physical_name(ref)}")
    statement = "DELETE FROM _devcloud.tables WHERE project = ? AND dataset = ? AND name = ?"
    change(cursor, statement, ref.path, read=(TABLE, ref.path), row=None)


def _new_table(ref: TableRef, dataset: Json, resource: Json) -> Json:
    given = {key: value for key, value in resource.items() if key not in _OUTPUT_ONLY and value is not None}
    if "rangePartitioning" in given:
        raise not_implemented("tables with rangePartitioning")
    given["schema"] = {"fields": [columns.normal_field(field) for field in given.get("schema", {}).get("fields", [])]}
    given |= _inherited(given, dataset)
    made = _stamped(
        given
        | {
            "kind": "bigquery#table",
            "id": str(ref),
            "tableReference": ref.to_api(),
            "type": "VIEW" if "view" in given else "TABLE",
            "location": dataset["location"],
        },
        created=True,
    )
    check_table(made)
    return made


def _inherited(given: Json, dataset: Json) -> Json:
    """The expiry of the table or of its partitions: the given one, or else the dataset's default.

    If the dataset has both defaults, a partitioned table gets the default for partitions:
    https://cloud.google.com/bigquery/docs/updating-datasets#partition-expiration
    """
    default = dataset.get("defaultPartitionExpirationMs")
    if "timePartitioning" in given:
        expires = {"expirationMs": default} if default else {}
        partitioning = {"timePartitioning": {"type": "DAY"} | expires | given["timePartitioning"]}
        if default:
            return partitioning
    else:
        partitioning = {}
    if "expirationTime" not in given and dataset.get("defaultTableExpirationMs"):
        now_ms = int(time.time() * 1000)
        partitioning["expirationTime"] = str(now_ms + int(dataset["defaultTableExpirationMs"]))
    return partitioning


def _changed(old: Json, changes: Json, kept: tuple[str, ...] | None) -> Json:
    given = {key: value for key, value in changes.items() if key not in _OUTPUT_ONLY}
    if kept is None:
        return _merged(old, given)
    return {key: old[key] for key in kept if key in old} | {key: v for key, v in given.items() if v is not None}


def _merged(old: Json, changes: Json) -> Json:
    merged = deepcopy(old)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            before = merged.get(key)
            merged[key] = _merged(before if isinstance(before, dict) else {}, value)
        else:
            merged[key] = value
    return merged


def _stamped(resource: Json, *, created: bool = False) -> Json:
    now = str(time.time_ns() // 1_000_000)
    stamped = resource | {"lastModifiedTime": now, "etag": uuid.uuid4().hex}
    return stamped | {"creationTime": now} if created else stamped
