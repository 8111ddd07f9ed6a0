"""A run into a table of an earlier release that was not migrated fails at once and names the command."""

from __future__ import annotations

from google.cloud import bigquery

from tests.support.executions import Executions
from tests.support.tenant import Tenant

DAY = {"date": "2025-11-16"}


def test_a_run_into_a_table_that_lacks_columns_ends_at_once_and_names_the_command(
    executions: Executions, reader: Tenant
) -> None:
    executions.prepare(reader)
    table = f"{executions.cloud.project}.{reader.tenant_id}.gcp_cost_billing"
    older = [bigquery.SchemaField("x_usage_date", "DATE"), bigquery.SchemaField("x_source", "STRING")]
    executions.client.create_table(bigquery.Table(table, schema=older))
    delivery = executions.admit(reader, DAY)
    assert executions.deliver(delivery) == "FAILED"
    last = executions.events(delivery)[-1]
    assert (last["error_class"], last["retryable"]) == ("STEP_FAILED", False)
    assert last["error_message"].startswith("gcp_cost_billing of this tenant lacks the columns ")
    assert last["error_message"].endswith("x_ingested_at; an operator has to run python -m shared.commands.migrate")
    assert [step["step_id"] for step in executions.steps_of(delivery)] == ["extract", "focus", "checks"]
