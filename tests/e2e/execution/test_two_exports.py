"""Rows of two exports of one billing account are published next to each other, and a run warns of it."""

from __future__ import annotations

import json
from typing import Any

from tests.support.executions import Delivery, Executions
from tests.support.tenant import Tenant

DAY = {"date": "2025-11-16"}


def others(executions: Executions, tenant: Tenant, delivery: Delivery) -> dict[str, Any]:
    """The result of a run's check for other exports."""
    (check,) = executions.query(
        f"SELECT passed, severity, TO_JSON_STRING(sample) AS sample FROM {tenant.tenant_id}.x_meta_dq_results"
        " WHERE pipeline_logging_id = @run_id AND check_id = 'other_exports'",
        run_id=delivery.run_id,
    )
    return check


def test_a_run_names_another_export_of_the_same_account_and_days(extracting: Executions, tenant: Tenant) -> None:
    old = tenant.export.table
    new, elsewhere = f"{tenant.project}.billing.detailed", f"{tenant.project}.billing.elsewhere"
    assert others(extracting, tenant, extracting.run(tenant, DAY))["passed"]
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        client = clients.bigquery()
        client.query_and_wait(f"CREATE TABLE `{new}` AS SELECT * FROM `{old}`")
        client.query_and_wait(
            f"CREATE TABLE `{elsewhere}` AS SELECT * REPLACE ('B' AS billing_account_id) FROM `{old}`"
        )
    (published,) = extracting.query(f"SELECT COUNT(*) AS row_count FROM {tenant.tenant_id}.gcp_cost_billing")
    found = others(extracting, tenant, extracting.run(tenant, DAY | {"billing_export_table": new}))
    assert (found["passed"], found["severity"]) == (False, "warn")
    (other,) = json.loads(found["sample"])
    assert other["other_source"] == f"gcp:{old}"
    assert (other["row_count"], other["first_day"], other["last_day"]) == (
        published["row_count"],
        *DAY.values(),
        *DAY.values(),
    )
    apart = extracting.run(tenant, DAY | {"billing_export_table": elsewhere})
    assert others(extracting, tenant, apart)["passed"], "another account's costs are no duplicates"
