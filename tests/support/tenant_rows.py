"""Rows that a test puts into a tenant's tables itself."""

from __future__ import annotations

from typing import Any

from google.cloud import bigquery


def restatement(restated_at: str, **columns: Any) -> dict[str, Any]:
    """A row of x_meta_restatements: a change of focus_cost, in dollars."""
    restated = {"pipeline_logging_id": "run", "table_name": "focus_cost", "source": "s", "restated_at": restated_at}
    return restated | {"usage_date": "2025-11-15", "billing_currency": "USD"} | columns


def load(client: bigquery.Client, table: str, rows: list[dict[str, Any]]) -> None:
    """Append rows to a table that exists. `table` is the dataset and the table's name."""
    config = bigquery.LoadJobConfig(schema=client.get_table(table).schema)
    client.load_table_from_json(rows, table, job_config=config).result()
