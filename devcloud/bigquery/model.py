"""The types that the REST API and the SQL engine share: references, requests, results and errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

Json = dict[str, Any]


@dataclass(frozen=True)
class TableRef:
    """A table without a partition decorator. `schema` is the DuckDB schema of its dataset."""

    project: str
    dataset: str
    table: str

    @property
    def path(self) -> tuple[str, str, str]:
        """Its three names."""
        return self.project, self.dataset, self.table

    @property
    def schema(self) -> str:
        """The unquoted name of the dataset's DuckDB schema."""
        return f"{self.project}__{self.dataset}"

    def __str__(self) -> str:
        return f"{self.project}:{self.dataset}.{self.table}"

    def to_api(self) -> Json:
        """The REST TableReference."""
        return {"projectId": self.project, "datasetId": self.dataset, "tableId": self.table}


class BigQueryError(Exception):
    """An error as BigQuery words it: `reason`, HTTP `status`, `location` and a message."""

    def __init__(self, reason: str, message: str, *, status: int = 400, location: str | None = None) -> None:
        super().__init__(message)
        self.reason, self.message, self.status, self.location = reason, message, status, location

    def to_api(self) -> Json:
        """The REST ErrorProto."""
        body = {"reason": self.reason, "message": self.message}
        return body | {"location": self.location} if self.location else body


def invalid_query(message: str) -> BigQueryError:
    """400 invalidQuery, located in the query."""
    return BigQueryError("invalidQuery", message, status=400, location="query")


def not_implemented(feature: str) -> BigQueryError:
    """501 notImplemented with the feature's name, so that no answer is silently wrong."""
    return BigQueryError("notImplemented", f"devcloud does not implement {feature}", status=501)


def not_found(what: str) -> BigQueryError:
    """404 notFound, e.g. `Not found: Table p:d.t`; `what` is `Table p:d.t`."""
    return BigQueryError("notFound", f"Not found: {what}", status=404)


def unexpected(error: Exception) -> BigQueryError:
    """500 for a defect of devcloud. It is not BigQuery's internalError, because clients retry that for minutes."""
    return BigQueryError("devcloudError", f"devcloud failed: {type(error).__name__}: {error}", status=500)


@dataclass(frozen=True)
class QueryRequest:
    """One statement or script, as jobs.query and jobs.insert give it.

    `parameters` are REST queryParameters. `destination` is a REST TableReference whose tableId may have a partition
    decorator. `configuration` is the whole REST JobConfigurationQuery. `authorize(table, writes)` is called for every
    table of a statement before the table is read or changed. It raises accessDenied or notFound, also if the dataset
    is in another location than the job. `delay(text)` is called before each statement, except before one that only
    begins or ends a transaction. `check(result)` is called before a single statement runs, with its dry run's result.
    """

    sql: str
    project: str
    default_dataset: tuple[str, str] | None = None
    parameters: tuple[Json, ...] = ()
    parameter_mode: str = "NAMED"
    dry_run: bool = False
    destination: Json | None = None
    configuration: Json = field(default_factory=dict)
    authorize: Callable[[TableRef, bool], None] | None = None
    delay: Callable[[str], None] | None = None
    check: Callable[[QueryResult], None] | None = None


@dataclass
class QueryResult:
    """The result of a statement: `schema` is a list of REST TableFieldSchema, `rows` are its values in Arrow.

    If a SELECT has a destination, `kept` stands for its rows. It is a temporary table of the session. If `values` are
    given, it is a query with these values, which runs when its rows are written. It reads `rows_read` rows, if known.
    """

    statement_type: str
    schema: list[Json] = field(default_factory=list)
    rows: pa.Table | None = None
    kept: str = ""
    values: dict[str, Any] | None = None
    rows_read: int | None = None
    dml_affected_rows: int | None = None
    dml_stats: Json | None = None
    referenced_tables: list[TableRef] = field(default_factory=list)
    written_table: TableRef | None = None
    ddl_operation: str | None = None
    bytes_processed: int = 0
    children: list[QueryResult] = field(default_factory=list)
