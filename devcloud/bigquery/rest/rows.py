"""Rows over REST: tabledata.list, insertAll, and the pages of query results."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from devcloud.bigquery import access, catalog, results, sizes
from devcloud.bigquery.arrow import arrow_schema
from devcloud.bigquery.columns import physical_name
from devcloud.bigquery.duck import arrow_table, one_number
from devcloud.bigquery.jobs.writes import WriteOptions, write_rows
from devcloud.bigquery.model import BigQueryError, Json, TableRef
from devcloud.bigquery.partitions import Destination, parse_destination, partition_condition, unexpired
from devcloud.bigquery.rest.app import Call, Routes
from devcloud.bigquery.rest.cells import encode_rows, selected
from devcloud.bigquery.rest.paging import start_of, token_for
from devcloud.bigquery.results import PAGE_BYTES, ResultStore
from devcloud.bigquery.sql.engine import Engine
from devcloud.bigquery.sql.session import Session
from devcloud.bigquery.transactions import repeatable
from devcloud.bigquery.types import quoted
from devcloud.bigquery.values import Reading, ValueProblem, row_decoder

_TABLE = "/bigquery/v2/projects/<project>/datasets/<dataset>/tables/<table>"
_ROWS = "_devcloud_inserted"
# BigQuery remembers insert ids for about a minute, without a guarantee.
_REMEMBERED_SECONDS, _REMEMBERED = 60.0, 100_000


@dataclass(frozen=True)
class Page:
    """A page of rows and what comes after it."""

    schema: list[Json]
    rows: pa.Table
    total: int
    next_token: str | None


class Rows:
    """The handlers of rows; also makes the pages of query answers."""

    def __init__(self, engine: Engine, stored: ResultStore) -> None:
        self._engine, self._results = engine, stored
        self._seen = _SeenIds()
        self.routes = Routes()
        self.routes.add("GET", f"{_TABLE}/data", self._list)
        self.routes.add("POST", f"{_TABLE}/insertAll", self._insert_all)

    def page(self, ref: TableRef, start: int, limit: int | None, *, fields: str | None = None) -> Page:
        """Rows of a stored result or of a table, from `start`."""
        result = self._results.find(ref)
        if result is None:
            return self._table_page(ref, None, start, limit, fields)
        schema = selected(result.schema, fields)
        rows = result.page(start, limit)
        if fields:
            rows = rows.select([field["name"] for field in schema])
        return _page(schema, rows, start, result.rows.num_rows)

    def _list(self, call: Call) -> Json:
        destination = parse_destination(
            {"datasetId": call.names["dataset"], "tableId": call.names["table"]}, project=call.project
        )
        ref = destination.ref
        start = call.number("startIndex") or start_of(call.argument("pageToken"))
        limit, fields = call.number("maxResults"), call.argument("selectedFields")
        if results.is_anonymous(ref):
            access.check_project(call.caller, ref.project, "bigquery.tables.getData")
            page = self.page(ref, start, limit, fields=fields)
        else:
            with self._engine.session() as session:
                session.read()
                access.check_table(session.cursor, call.caller, ref, write=False)
            page = self._table_page(ref, destination.partition, start, limit, fields)
        body: Json = {"kind": "bigquery#tableDataList", "totalRows": str(page.total)}
        if page.rows.num_rows:
            body["rows"] = encode_rows(page.rows, page.schema, call.formats())
        return body | ({"pageToken": page.next_token} if page.next_token else {})

    def _table_page(
        self, ref: TableRef, partition: str | None, start: int, limit: int | None, fields: str | None
    ) -> Page:
        with self._engine.session() as session:
            session.read()
            table = catalog.get_table(session.cursor, ref)
            if table["type"] != "TABLE":
                raise BigQueryError("invalid", f"Cannot list a table of type {table['type']}.")
            condition, parameters = partition_condition(table, partition) if partition else ("TRUE", [])
            condition = f"{condition} AND {unexpired(table) or 'TRUE'}"
            schema = selected(table["schema"]["fields"], fields)
            most = max(1, PAGE_BYTES // max(1, sizes.row_width(schema)))
            names = ", ".join(quoted(field["name"]) for field in schema) or "NULL"
            statement = f"SELECT {names} FROM {physical_name(ref)} WHERE {condition} LIMIT ? OFFSET ?"
            size = most if limit is None else min(limit, most)
            with session.optimised(session.rows_of(ref, table["creationTime"])):
                counting = f"SELECT count(*) FROM {physical_name(ref)} WHERE {condition}"
                total = one_number(session.cursor, counting, parameters)
                rows = arrow_table(session.cursor, statement, [*parameters, size, start])
        return _page(schema, rows, start, total)

    def _insert_all(self, call: Call) -> Json:
        body = call.resource("TableDataInsertAllRequest")
        destination = parse_destination(
            {"datasetId": call.names["dataset"], "tableId": call.names["table"]}, project=call.project
        )
        problems = repeatable(self._engine, lambda session: self._inserted(session, call, destination, body))
        answer: Json = {"kind": "bigquery#tableDataInsertAllResponse"}
        return answer | ({"insertErrors": problems} if problems else {})

    def _inserted(self, session: Session, call: Call, destination: Destination, body: Json) -> list[Json]:
        """Insert and commit the rows that are valid and new; returns the errors of the other rows."""
        session.read()
        access.check_table(session.cursor, call.caller, destination.ref, write=True)
        fields = catalog.get_table(session.cursor, destination.ref)["schema"]["fields"]
        good, problems = _decoded(body, fields)
        if problems and not body.get("skipInvalidRows"):
            return _all_stopped(len(body["rows"]), problems)
        fresh = [(insert_id, row) for insert_id, row in good if self._seen.is_new(destination.ref, insert_id)]
        if fresh:
            rows = pa.Table.from_pylist([row for _, row in fresh], schema=arrow_schema(fields))
            session.cursor.register(_ROWS, rows)
            with session.optimised(len(fresh)):
                write_rows(session, destination, _ROWS, fields, WriteOptions(create="CREATE_NEVER"))
            session.cursor.unregister(_ROWS)
            session.commit()
            self._seen.add(destination.ref, [insert_id for insert_id, _ in fresh])
        return problems


def _page(schema: list[Json], rows: pa.Table, start: int, total: int) -> Page:
    end = start + rows.num_rows
    return Page(schema, rows, total, token_for(end) if end < total and rows.num_rows else None)


def _decoded(body: Json, fields: list[Json]) -> tuple[list[tuple[str | None, dict[str, Any]]], list[Json]]:
    """The valid rows with their insert ids, and an InsertError for each invalid row."""
    decode = row_decoder(fields, Reading(ignore_unknown=bool(body.get("ignoreUnknownValues")), json_text=True))
    rows = body.get("rows")
    if not rows:
        raise BigQueryError("invalid", "No rows present in the request.")
    good, problems = [], []
    for index, row in enumerate(rows):
        if not isinstance(row, dict) or not isinstance(row.get("json") or {}, dict):
            raise BigQueryError("invalid", f"Invalid JSON payload received. Invalid value at 'rows[{index}]'.")
        try:
            good.append((row.get("insertId"), decode(row.get("json") or {})))
        except ValueProblem as problem:
            error = {"reason": "invalid", "location": problem.field, "debugInfo": "", "message": problem.message}
            problems.append({"index": index, "errors": [error]})
    return good, problems


def _all_stopped(count: int, problems: list[Json]) -> list[Json]:
    """The errors of a request that an invalid row stops. They include an error for each valid row."""
    bad = {problem["index"]: problem for problem in problems}
    stopped = {"reason": "stopped", "location": "", "debugInfo": "", "message": ""}
    return [bad.get(index, {"index": index, "errors": [stopped]}) for index in range(count)]


class _SeenIds:
    """Remembers the insert ids of the last minute, so that a repeated request inserts nothing twice."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: OrderedDict[tuple[TableRef, str], float] = OrderedDict()

    def is_new(self, ref: TableRef, insert_id: str | None) -> bool:
        """Whether no row with this id was inserted yet."""
        with self._lock:
            seen = None if insert_id is None else self._seen.get((ref, insert_id))
            return seen is None or seen < time.monotonic() - _REMEMBERED_SECONDS

    def add(self, ref: TableRef, insert_ids: list[str | None]) -> None:
        """Remember ids whose rows are committed."""
        with self._lock:
            for insert_id in insert_ids:
                if insert_id is not None:
                    self._seen[ref, insert_id] = time.monotonic()
            while len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
