"""Queries BigQuery for tests, with values as named parameters."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from google.cloud import bigquery

Json = dict[str, Any]
_KINDS: dict[type, str] = {str: "STRING", int: "INT64", bool: "BOOL", datetime: "TIMESTAMP"}


def ask(client: bigquery.Client, sql: str, **values: Any) -> list[Json]:
    """The rows of a query."""
    parameters = [bigquery.ScalarQueryParameter(name, _KINDS[type(value)], value) for name, value in values.items()]
    config = bigquery.QueryJobConfig(query_parameters=parameters)
    return [dict(row.items()) for row in client.query_and_wait(sql, job_config=config)]
