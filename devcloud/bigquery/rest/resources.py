"""Datasets and tables over REST."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import duckdb

from devcloud.bigquery import access, catalog, changes, results, sizes
from devcloud.bigquery.jobs.writes import clear_rows
from devcloud.bigquery.model import BigQueryError, Json, QueryRequest, TableRef, not_implemented
from devcloud.bigquery.partitions import Destination, parse_destination, partition_start, unexpired
from devcloud.bigquery.rest.app import Call, Routes
from devcloud.bigquery.rest.paging import page_of
from devcloud.bigquery.results import ResultStore
from devcloud.bigquery.row_counts import row_count
from devcloud.bigquery.sql.engine import Engine
from devcloud.bigquery.sql.session import Session
from devcloud.bigquery.transactions import repeatable

_T = TypeVar("_T")
_PROJECT = "/bigquery/v2/projects/<project>"
_DATASET = f"{_PROJECT}/datasets/<dataset>"
_TABLE = f"{_DATASET}/tables/<table>"
_LISTED = (
    *("kind", "id", "tableReference", "type", "labels", "friendlyName", "timePartitioning", "clustering"),
    *("creationTime", "expirationTime", "view"),
)


class Resources:
    """The handlers of datasets and tables."""

    def __init__(self, engine: Engine, stored: ResultStore, default_location: str) -> None:
        self._engine, self._results, self._default_location = engine, stored, default_location
        self.routes = Routes()
        add = self.routes.add
        add("GET", "/bigquery/v2/projects", self._projects)
        add("GET", f"{_PROJECT}/datasets", self._list_datasets)
        add("POST", f"{_PROJECT}/datasets", self._create_dataset)
        add("GET", _DATASET, self._get_dataset)
        add("PATCH", _DATASET, lambda call: self._patch_dataset(call, replace=False))
        add("PUT", _DATASET, lambda call: self._patch_dataset(call, replace=True))
        add("DELETE", _DATASET, self._delete_dataset)
        add("GET", f"{_DATASET}/tables", self._list_tables)
        add("POST", f"{_DATASET}/tables", self._create_table)
        add("GET", _TABLE, self._get_table)
        add("PATCH", _TABLE, lambda call: self._patch_table(call, replace=False))
        add("PUT", _TABLE, lambda call: self._patch_table(call, replace=True))
        add("DELETE", _TABLE, self._delete_table)

    # Datasets ---------------------------------------------------------------------------------------------------------

    def _projects(self, call: Call) -> Json:
        project = call.caller.project
        entry = {"kind": "bigquery#project", "id": project, "projectReference": {"projectId": project}}
        return {"kind": "bigquery#projectList", "projects": [entry], "totalItems": 1}

    def _list_datasets(self, call: Call) -> Json:
        access.check_project(call.caller, call.project, "bigquery.datasets.get")
        found = self._read(lambda cursor: catalog.list_datasets(cursor, call.project))
        wanted = [
            one for one in found if call.is_set("all") or not one["datasetReference"]["datasetId"].startswith("_")
        ]
        kept, token = page_of(_labelled(wanted, call.argument("filter")), call)
        keys = ("kind", "id", "datasetReference", "labels", "friendlyName", "location")
        listed = [{key: one[key] for key in keys if key in one} for one in kept]
        return {"kind": "bigquery#datasetList", "datasets": listed} | token

    def _create_dataset(self, call: Call) -> Json:
        body = call.resource("Dataset")
        reference = body.get("datasetReference") or {}
        project, dataset = reference.get("projectId") or call.project, str(reference.get("datasetId") or "")
        access.check_project(call.caller, project, "bigquery.datasets.create")
        resource = {"location": self._default_location, "access": _owner(call.caller.email)} | body
        return self._write(None, lambda cursor: catalog.create_dataset(cursor, project, dataset, resource))

    def _get_dataset(self, call: Call) -> Json:
        def read(cursor: duckdb.DuckDBPyConnection) -> Json:
            access.check_dataset(cursor, call.caller, call.project, call.names["dataset"], write=False)
            return catalog.get_dataset(cursor, call.project, call.names["dataset"])

        return self._read(read)

    def _patch_dataset(self, call: Call, *, replace: bool) -> Json:
        project, dataset, body = call.project, call.names["dataset"], call.resource("Dataset", nulls=not replace)

        def patch(cursor: duckdb.DuckDBPyConnection) -> Json:
            access.check_dataset(cursor, call.caller, project, dataset, write=True)
            _check_etag(call, catalog.get_dataset(cursor, project, dataset))
            return catalog.patch_dataset(cursor, project, dataset, body, replace=replace)

        return self._write(None, patch)

    def _delete_dataset(self, call: Call) -> None:
        project, dataset = call.project, call.names["dataset"]

        def drop(cursor: duckdb.DuckDBPyConnection) -> None:
            access.check_dataset(cursor, call.caller, project, dataset, write=True)
            catalog.drop_dataset(cursor, project, dataset, delete_contents=call.is_set("deleteContents"))

        self._write(None, drop)

    # Tables -----------------------------------------------------------------------------------------------------------

    def _list_tables(self, call: Call) -> Json:
        def read(cursor: duckdb.DuckDBPyConnection) -> list[Json]:
            access.check_dataset(cursor, call.caller, call.project, call.names["dataset"], write=False)
            return catalog.list_tables(cursor, call.project, call.names["dataset"])

        found = self._read(read)
        kept, token = page_of(found, call)
        listed = [{key: one[key] for key in _LISTED if key in one} for one in kept]
        return {"kind": "bigquery#tableList", "tables": listed, "totalItems": len(found)} | token

    def _create_table(self, call: Call) -> Json:
        body = call.resource("Table")
        reference = body.get("tableReference") or {}
        ref = TableRef(call.project, call.names["dataset"], str(reference.get("tableId") or ""))

        def create(cursor: duckdb.DuckDBPyConnection) -> Json:
            access.check_dataset(cursor, call.caller, ref.project, ref.dataset, write=True)
            return catalog.create_table(cursor, ref, body | self._view_schema(call, ref, body))

        created = self._write({ref}, create)
        return created | {"numRows": "0", "numBytes": "0"}

    def _view_schema(self, call: Call, ref: TableRef, body: Json) -> Json:
        """A view's columns are those of its query."""
        if "view" not in body:
            return {}
        if body["view"].get("useLegacySql", True):
            raise not_implemented("legacy SQL views: set useLegacySql to false")
        with self._engine.session() as session:

            def authorize(table: TableRef, writes: bool) -> None:
                access.check_table(session.cursor, call.caller, table, write=writes)

            sql = str(body["view"].get("query") or "")
            request = QueryRequest(sql, ref.project, dry_run=True, authorize=authorize)
            return {"schema": {"fields": self._engine.run(request, session=session).schema}}

    def _get_table(self, call: Call) -> Json:
        destination = _destination(call)
        ref = destination.ref
        if results.is_anonymous(ref):
            access.check_project(call.caller, ref.project, "bigquery.tables.get")
            return results.table_resource(ref, self._results.get(ref))

        with self._engine.session() as session:
            session.read()
            access.check_table(session.cursor, call.caller, ref, write=False)
            table = catalog.get_table(session.cursor, ref)
            if destination.partition:
                partition_start(table, destination.partition)  # refuses a name that is no partition of the table
            return _with_numbers(session, ref, table)

    def _patch_table(self, call: Call, *, replace: bool) -> Json:
        ref, body = _table(call), call.resource("Table", nulls=not replace)

        def patch(session: Session) -> Json:
            access.check_table(session.cursor, call.caller, ref, write=True)
            _check_etag(call, catalog.get_table(session.cursor, ref))
            changed = body | self._view_schema(call, ref, body)
            return _with_numbers(session, ref, catalog.patch_table(session.cursor, ref, changed, replace=replace))

        return self._transaction({ref}, patch)

    def _delete_table(self, call: Call) -> None:
        destination = _destination(call)
        ref = destination.ref

        def drop(session: Session) -> None:
            access.check_table(session.cursor, call.caller, ref, write=True)
            if destination.partition:
                with session.optimised():
                    clear_rows(session, ref, catalog.get_table(session.cursor, ref), destination.partition)
            else:
                catalog.drop_table(session.cursor, ref)

        self._transaction({ref}, drop)

    # Inside -----------------------------------------------------------------------------------------------------------

    def _read(self, read: Callable[[duckdb.DuckDBPyConnection], _T]) -> _T:
        with self._engine.session() as session:
            session.read()
            return read(session.cursor)

    def _write(self, mutated: set[TableRef] | None, write: Callable[[duckdb.DuckDBPyConnection], _T]) -> _T:
        return self._transaction(mutated, lambda session: write(session.cursor))

    def _transaction(self, mutated: set[TableRef] | None, write: Callable[[Session], _T]) -> _T:
        def work(session: Session) -> _T:
            session.write(mutated)
            answer = write(session)
            session.commit()
            return answer

        return repeatable(self._engine, work)


def _destination(call: Call) -> Destination:
    reference = {"datasetId": call.names["dataset"], "tableId": call.names["table"]}
    return parse_destination(reference, project=call.project)


def _table(call: Call) -> TableRef:
    destination = _destination(call)
    if destination.partition:
        raise BigQueryError("invalid", f'Invalid table ID "{call.names["table"]}": a decorator cannot be used here')
    return destination.ref


def _with_numbers(session: Session, ref: TableRef, resource: Json) -> Json:
    if resource["type"] != "TABLE":
        return resource
    rows = _rows(session, ref, resource)
    changed = changes.last_change(session.cursor, ref)
    modified = max(int(resource["lastModifiedTime"]), int(changed.timestamp() * 1000) if changed else 0)
    size = str(rows * sizes.row_width(resource["schema"]["fields"]))
    return resource | {"numRows": str(rows), "numBytes": size, "lastModifiedTime": str(modified)}


def _rows(session: Session, ref: TableRef, resource: Json) -> int:
    """The rows of the partitions that have not expired."""
    kept = unexpired(resource)
    if not kept:
        return session.rows_of(ref, resource["creationTime"])
    with session.optimised():
        return row_count(session.cursor, ref, where=kept)


def _check_etag(call: Call, resource: Json) -> None:
    wanted = call.request.headers.get("If-Match")
    if wanted not in (None, "*", resource["etag"]):
        raise BigQueryError("conditionNotMet", "Precondition Failed", status=412)


def _labelled(found: list[Json], wanted: str | None) -> list[Json]:
    """Datasets that have the labels of a filter like `labels.team:billing labels.active`."""
    for term in (wanted or "").split():
        key, colon, value = term.removeprefix("labels.").partition(":")
        found = [
            one for one in found if key in (one.get("labels") or {}) and (not colon or one["labels"][key] == value)
        ]
    return found


def _owner(email: str) -> list[Json]:
    return [
        {"role": "WRITER", "specialGroup": "projectWriters"},
        {"role": "OWNER", "specialGroup": "projectOwners"},
        {"role": "OWNER", "userByEmail": email},
        {"role": "READER", "specialGroup": "projectReaders"},
    ]
