"""Tests whether a tenant's account may open read sessions: every run needs one, so set-up tries it."""

from __future__ import annotations

from typing import Any

from google.api_core import exceptions as google
from google.cloud import bigquery
from google.cloud import bigquery_storage as _untyped_storage
from google.cloud.bigquery_storage_v1.types import DataFormat, ReadSession

from shared.adapters.google.error_table import STORAGE
from shared.adapters.google.retry_budget import RetryBudget

bigquery_storage: Any = _untyped_storage  # a part of the module has no type annotations
PARTITION_TIME = "_PARTITIONTIME"  # the column by which reads filter a table that is partitioned by arrival
_PERMISSION = "bigquery.readsessions.create"
_ROLE = "BigQuery Read Session User"


def demanded_filter(table: bigquery.Table) -> str | None:
    """The column that every read must filter by (require_partition_filter), or None."""
    if not table.require_partition_filter:
        return None
    if by_time := table.time_partitioning:
        return by_time.field or PARTITION_TIME
    return table.range_partitioning.field if table.range_partitioning else None


def project_problem(error: google.GoogleAPICallError) -> str | None:
    """Why Google opens no read session, if the reason is the project; None if the reason is the table."""
    if error.reason == "SERVICE_DISABLED":
        return "has no BigQuery Storage API; enable it there"
    if _PERMISSION in str(error.message):
        return f"does not let this account read; grant it {_ROLE} there"
    return None


def try_read_session(
    credentials: Any,
    table: bigquery.Table,
    *,
    project: str,
    endpoint: str,
    timeout_seconds: float,
    retry_budget: RetryBudget,
) -> None:
    """Open a read session as a run does, and read nothing, which is free. It raises the errors of Google's client."""
    client = bigquery_storage.BigQueryReadClient(
        credentials=credentials, client_options={"api_endpoint": endpoint} if endpoint else None
    )
    column = demanded_filter(table)
    options = ReadSession.TableReadOptions(
        selected_fields=[table.schema[0].name], row_restriction=f"`{column}` IS NULL" if column else ""
    )
    session = ReadSession(table=table.path.removeprefix("/"), data_format=DataFormat.ARROW, read_options=options)
    with client:
        client.create_read_session(
            parent=f"projects/{project}",
            read_session=session,
            max_stream_count=1,
            timeout=timeout_seconds,
            retry=retry_budget.of_service(STORAGE),
        )
