"""Exports that were made elsewhere, with every kind of row that Google bills, are published exactly."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from google.cloud import bigquery

from tests.support.executions import Executions
from tests.support.tenant import Tenant

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
EXPORTS = sorted((DATA / "gcp").glob("gcp_synth_dev_*.jsonl"))
pytestmark = pytest.mark.skipif(not EXPORTS, reason="the exports are not beside this checkout (../shared/data/gcp)")


def load(tenant: Tenant, export: Path) -> str:
    """Load the export into the tenant's project, partitioned by arrival like Google's own; return its full name."""
    schema = json.loads((DATA / "gcp_billing_export_schema.json").read_text())["gcp_billing_export_resource_v1"]
    reference = bigquery.TableReference.from_string(f"{tenant.project}.billing.{export.stem}")
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        client = clients.bigquery()
        client.create_dataset(reference.dataset_id, exists_ok=True)
        table = bigquery.Table(reference, schema=[bigquery.SchemaField.from_api_repr(field) for field in schema])
        table.time_partitioning = bigquery.TimePartitioning(type_=bigquery.TimePartitioningType.DAY)
        client.create_table(table)
        config = bigquery.LoadJobConfig(source_format=bigquery.SourceFormat.NEWLINE_DELIMITED_JSON, schema=table.schema)
        with export.open("rb") as file:
            client.load_table_from_file(file, reference, job_config=config).result()
    return f"{tenant.project}.billing.{export.stem}"


def sums(executions: Executions, tenant: Tenant) -> dict[str, dict[str, Decimal]]:
    """The published sums by invoice month in the form of the truth files: costs by type, credits by type, rows."""
    table = f"{tenant.tenant_id}.gcp_cost_billing"
    parts = executions.query(f"""
        SELECT invoice.month AS month, CONCAT('cost:', cost_type) AS part, SUM(cost) AS amount
        FROM {table} GROUP BY month, part
        UNION ALL
        SELECT invoice.month AS month, CONCAT('credit:', credit.type) AS part, SUM(credit.amount) AS amount
        FROM {table} CROSS JOIN UNNEST(credits) AS credit GROUP BY month, part
        UNION ALL
        SELECT invoice.month AS month, 'rows' AS part, CAST(COUNT(*) AS NUMERIC) AS amount
        FROM {table} GROUP BY month
        """)
    found: dict[str, dict[str, Decimal]] = {}
    for row in parts:
        found.setdefault(row["month"], {})[row["part"]] = row["amount"]
    return found


@pytest.mark.parametrize("export", EXPORTS, ids=lambda path: path.stem)
def test_every_part_of_the_bill_is_published_to_the_last_digit(
    executions: Executions, tenant: Tenant, export: Path
) -> None:
    truth: dict[str, dict[str, Any]] = json.loads(export.with_suffix(".truth.json").read_text())
    executions.run(tenant, {"billing_export_table": load(tenant, export)})
    wanted = {month: {part: Decimal(amount) for part, amount in parts.items()} for month, parts in truth.items()}
    assert sums(executions, tenant) == wanted
