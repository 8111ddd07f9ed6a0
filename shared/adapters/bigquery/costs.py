"""The costs of queries: estimated by a dry run, which also returns the columns, and read from the finished job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.cloud import bigquery

from shared.domain.column_types import api_type

LEAST_BILLED_BYTES = 10 * 1024 * 1024  # a query bills at least this for each table that it reads


@dataclass(frozen=True)
class ResultColumn:
    """A column's type, and whether it is an array: a result and its table must agree on both."""

    type: str
    is_repeated: bool
    fields: Mapping[str, ResultColumn]

    @staticmethod
    def of_api(field: Mapping[str, Any]) -> ResultColumn:
        """The column of a REST TableFieldSchema."""
        fields = {item["name"]: ResultColumn.of_api(item) for item in field.get("fields") or []}
        return ResultColumn(api_type(str(field["type"])), field.get("mode") == "REPEATED", fields)

    def __str__(self) -> str:
        inside = ", ".join(f"{name} {field}" for name, field in self.fields.items())
        kind = f"{self.type}<{inside}>" if self.fields else self.type
        return f"ARRAY<{kind}>" if self.is_repeated else kind


@dataclass(frozen=True)
class Estimate:
    """The upper bound of a query's cost, and its result's columns by name."""

    bytes_billed: int
    columns: Mapping[str, ResultColumn]

    @staticmethod
    def of_job(job: bigquery.QueryJob) -> Estimate:
        """The estimate of a dry run."""
        least = LEAST_BILLED_BYTES * len(job.referenced_tables)
        columns = {field.name: ResultColumn.of_api(field.to_api_repr()) for field in job.schema or []}
        return Estimate(max(int(job.total_bytes_processed or 0), least), columns)


@dataclass(frozen=True)
class JobCosts:
    """The costs of a finished job; None where BigQuery does not report them."""

    bytes_billed: int | None = None
    bytes_processed: int | None = None
    slot_millis: int | None = None

    @staticmethod
    def of_job(job: bigquery.QueryJob | bigquery.LoadJob) -> JobCosts:
        """The costs in a job's statistics. Load jobs are free."""
        if isinstance(job, bigquery.LoadJob):
            return JobCosts(bytes_billed=0)
        return JobCosts(job.total_bytes_billed or 0, job.total_bytes_processed or 0, job.slot_millis or 0)


def tables_read(job: bigquery.QueryJob | bigquery.LoadJob) -> list[tuple[str, str, str]]:
    """Project, dataset and table of each table that a finished query read."""
    tables = [] if isinstance(job, bigquery.LoadJob) else job.referenced_tables
    return [(table.project, table.dataset_id, table.table_id) for table in tables]
