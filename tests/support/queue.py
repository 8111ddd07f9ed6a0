"""Puts runs into the queue for tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud import bigquery

Json = dict[str, Any]


def enqueue(client: bigquery.Client, *runs: Json) -> None:
    """Append runs to the queue, all at once."""
    insert(client, "pipeline_execution_queue", runs)


def queued_run(tenant_id: str, run_id: str, *, template: str = "billing", **columns: Any) -> Json:
    """A run that waits for its first attempt, as the trigger appends it; `columns` say what is different."""
    now = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    return {
        "run_id": run_id,
        "tenant_id": tenant_id,
        "provider": "gcp",
        "domain": "cost",
        "pipeline_template": template,
        "pipeline_id": f"gcp-cost-{template}",
        "pipeline_logging_id": run_id,
        "trigger_type": "scheduler",
        "state": "QUEUED",
        "priority": 5,
        "scheduled_time": now,
        "available_at": now,
        "added_at": now,
        "attempt": 0,
        "hop": 0,
        "max_retries": 3,
        "parameters": {},
    } | columns


def insert(client: bigquery.Client, table: str, rows: Sequence[Json]) -> None:
    """Append rows to a table of the platform's."""
    config = bigquery.LoadJobConfig(schema=client.get_table(f"tenants.{table}").schema)
    client.load_table_from_json(list(rows), f"tenants.{table}", job_config=config).result()
