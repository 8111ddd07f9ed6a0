"""A value that NUMERIC cannot hold fails the run in one attempt, and the error names column and row."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud import bigquery

from devcloud.seed_billing.export import load_schema
from tests.support.executions import Executions
from tests.support.focus.statements import credit, row
from tests.support.tenant import Tenant

Json = dict[str, Any]

DAY = "2025-11-16"
HUGE = 1e30


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("usage.amount", {"usage": {"amount": HUGE, "unit": "seconds"}}),
        ("cost", {"cost": HUGE}),
        ("cost_at_list", {"cost_at_list": -HUGE}),
        ("credits.amount", {"credits": [credit("DISCOUNT", "-1"), credit("DISCOUNT", "-1e30")]}),
        ("currency_conversion_rate", {"currency_conversion_rate": "NaN"}),
    ],
)
def test_the_column_and_the_row_are_named_and_nothing_is_tried_again(
    executions: Executions, tenant: Tenant, column: str, change: Json
) -> None:
    executions.prepare(tenant)
    table = f"{tenant.project}.billing.too_large"
    usual = row(usage_start_time=f"{DAY}T10:00:00Z", usage_end_time=f"{DAY}T11:00:00Z")
    known = {each["name"] for each in load_schema()}
    rows = [
        {name: value for name, value in line.items() if name in known}
        for line in [usual, usual | change | {"sku": {"id": "TOO-LARGE"}}, usual]
    ]
    columns = [each | {"type": "FLOAT"} if each["name"] in ("cost", "cost_at_list") else each for each in load_schema()]
    for each in columns:
        if each["name"] == "credits":
            each["fields"] = [
                field | {"type": "FLOAT"} if field["name"] == "amount" else field for field in each["fields"]
            ]
    config = bigquery.LoadJobConfig(schema=[bigquery.SchemaField.from_api_repr(each) for each in columns])
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        clients.bigquery().load_table_from_json(rows, table, job_config=config).result()
    delivery = executions.admit(tenant, {"date": DAY, "billing_export_table": table})
    assert executions.deliver(delivery) == "FAILED"
    last = executions.events(delivery)[-1]
    assert (last["error_class"], last["retryable"]) == ("STEP_FAILED", False)
    assert last["error_message"].startswith(f"column {column}")
    assert f"the row of {DAY} 10:00:00+00:00, SKU TOO-LARGE, project shop-prod" in last["error_message"]
    assert [step["step_id"] for step in executions.steps_of(delivery)] == ["extract"]
