"""Rows that a test puts into a tenant's tables itself."""

from __future__ import annotations

from typing import Any

from google.cloud import bigquery

from shared.configuration.tables import get_table


def charge(day: str, **columns: Any) -> dict[str, Any]:
    """A row of focus_cost: a charge of Google Cloud on a day, of 0 dollars unless `columns` say otherwise."""
    named = {"ProviderName": "Google Cloud", "BillingCurrency": "USD", "EffectiveCost": "1"}
    return row_of("focus_cost", day, **(named | columns))


def row_of(table: str, day: str, **columns: Any) -> dict[str, Any]:
    """A row of a table of the tenant's dataset. The required columns that `columns` leaves out say nothing of value."""
    kinds = {"STRING": "x", "NUMERIC": "0", "TIMESTAMP": f"{day}T00:00:00Z", "DATE": day}
    wanted = get_table("tenant_dataset", table).columns
    return {column.name: kinds[column.type] for column in wanted if column.mode == "REQUIRED"} | columns


def restatement(restated_at: str, **columns: Any) -> dict[str, Any]:
    """A row of x_meta_restatements: a change of focus_cost, in dollars."""
    restated = {"pipeline_logging_id": "run", "table_name": "focus_cost", "source": "s", "restated_at": restated_at}
    return restated | {"usage_date": "2025-11-15", "billing_currency": "USD"} | columns


def load(client: bigquery.Client, table: str, rows: list[dict[str, Any]]) -> None:
    """Append rows to a table that exists. `table` is the dataset and the table's name."""
    config = bigquery.LoadJobConfig(schema=client.get_table(table).schema)
    client.load_table_from_json(rows, table, job_config=config).result()
