"""Exports with unknown columns: their values are kept, and the run names them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.cloud import bigquery

from devcloud.seed_billing.export import load_schema
from tests.support.executions import Executions
from tests.support.tenant import Tenant

Json = dict[str, Any]

DAY = {"date": "2025-11-16"}
MODEL = {"id": "7754-699E-0EBF", "description": "Compute Flexible CUDs - 1 Year"}
ROWS: list[Json] = [
    {
        "consumption_model": MODEL | {"applied_subscription_instance_id": subscription},
        "invoice": {"month": "202511", "publisher_type": "PARTNER"},
        "credits": [{"name": "spent", "amount": -0.5}, {"name": "new", "amount": -0.25, "origin": "東京"}],
        "some_column_of_next_year": {"note": number, "is_odd": True},
    }
    for number, subscription in enumerate(["sub-1", "sub-2"])
]


def columns_of_next_year() -> list[Json]:
    """The export's columns, with two that Google has added lately and three that it might add."""
    columns = {column["name"]: column for column in load_schema()}
    columns["invoice"]["fields"].append({"name": "publisher_type", "type": "STRING"})
    columns["consumption_model"]["fields"].append({"name": "applied_subscription_instance_id", "type": "STRING"})
    columns["credits"]["fields"].append({"name": "origin", "type": "STRING"})
    fields = [{"name": "note", "type": "INTEGER"}, {"name": "is_odd", "type": "BOOLEAN"}]
    columns["some_column_of_next_year"] = {
        "name": "some_column_of_next_year", "type": "RECORD", "fields": fields
    }  # fmt: skip
    return list(columns.values())


@pytest.fixture
def drifted(tenant: Tenant) -> str:
    """An export with those columns and two rows."""
    table = f"{tenant.project}.drifted.export"
    usual: Json = {
        "billing_account_id": "01AAAA-BBBBBB-CCCCCC",
        "usage_start_time": "2025-11-16T10:00:00Z",
        "usage_end_time": "2025-11-16T11:00:00Z",
        "export_time": "2025-11-16T18:00:00Z",
        "service": {"id": "6F81-5844-456A", "description": "Compute Engine"},
        "sku": {"id": "2E27", "description": "N1 Core"},
        "usage": {"amount": 3600.0, "unit": "seconds", "amount_in_pricing_units": 1.0, "pricing_unit": "hour"},
        "cost": 1.0,
        "currency": "USD",
    }
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        client = clients.bigquery()
        client.create_dataset("drifted")
        schema = [bigquery.SchemaField.from_api_repr(column) for column in columns_of_next_year()]
        config = bigquery.LoadJobConfig(schema=schema)
        client.load_table_from_json([usual | row for row in ROWS], table, job_config=config).result()
    return table


def test_columns_that_are_not_known_are_kept_and_named(extracting: Executions, tenant: Tenant, drifted: str) -> None:
    delivery = extracting.run(tenant, DAY | {"billing_export_table": drifted})
    found = extracting.query(
        "SELECT invoice.publisher_type AS publisher, x_other_columns AS other,"
        " consumption_model.applied_subscription_instance_id AS subscription"
        f" FROM {tenant.tenant_id}.gcp_cost_billing ORDER BY subscription"
    )
    assert [(row["publisher"], row["subscription"]) for row in found] == [("PARTNER", "sub-1"), ("PARTNER", "sub-2")]
    assert [json.loads(row["other"]) for row in found] == [
        {"credits": [None, {"origin": "東京"}], "some_column_of_next_year": {"is_odd": True, "note": number}}
        for number in range(2)
    ]
    (check,) = extracting.query(
        f"SELECT passed, severity, observed, failed_rows FROM {tenant.tenant_id}.x_meta_dq_results"
        " WHERE pipeline_logging_id = @run_id AND check_id = 'extract.columns_are_known'",
        run_id=delivery.run_id,
    )
    assert (check["passed"], check["severity"], check["failed_rows"]) == (False, "warn", 2)
    assert check["observed"].endswith("kept in x_other_columns: credits.origin, some_column_of_next_year")


def test_the_subscription_in_the_export_becomes_the_commitments_id(
    executions: Executions, tenant: Tenant, drifted: str
) -> None:
    executions.run(tenant, DAY | {"billing_export_table": drifted})
    found = executions.query(
        "SELECT CommitmentDiscountId AS id, CommitmentDiscountStatus AS status, CommitmentDiscountCategory AS category"
        f" FROM {tenant.tenant_id}.focus_cost ORDER BY id"
    )
    assert found == [{"id": f"sub-{number}", "status": "Used", "category": "Spend"} for number in (1, 2)]


def test_names_in_another_case_are_read_and_a_missing_column_is_named(executions: Executions, tenant: Tenant) -> None:
    executions.prepare(tenant)
    table = f"{tenant.project}.billing.other_case"
    as_credits = "ARRAY(SELECT AS STRUCT credit.type, credit.amount AS Amount FROM UNNEST(credits) AS credit)"
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        clients.bigquery().query_and_wait(
            f"CREATE TABLE `{table}` AS SELECT * EXCEPT (cost, credits, usage), cost AS Cost, {as_credits} AS CREDITS"
            f" FROM `{tenant.export.table}` WHERE DATE(usage_start_time) = '{DAY['date']}'"
        )
        (exported,) = clients.bigquery().query_and_wait(
            "SELECT COUNT(*) AS row_count, SUM(CAST(cost AS NUMERIC) + COALESCE("
            "(SELECT SUM(CAST(credit.amount AS NUMERIC)) FROM UNNEST(credits) AS credit), 0)) AS net"
            f" FROM `{tenant.export.table}` WHERE DATE(usage_start_time) = '{DAY['date']}'"
        )
    delivery = executions.run(tenant, DAY | {"billing_export_table": table})
    (published,) = executions.query(
        f"SELECT COUNTIF(x_other_columns IS NOT NULL) AS others, COUNT(*) AS row_count, SUM(cost + COALESCE("
        "(SELECT SUM(credit.amount) FROM UNNEST(credits) AS credit), 0)) AS net"
        f" FROM {tenant.tenant_id}.gcp_cost_billing"
    )
    assert published == {"others": 0, **exported}
    (check,) = executions.query(
        f"SELECT passed, severity, observed FROM {tenant.tenant_id}.x_meta_dq_results"
        " WHERE pipeline_logging_id = @run_id AND check_id = 'extract.columns_are_there'",
        run_id=delivery.run_id,
    )
    missing = "usage, credits.name, credits.full_name, credits.id"
    observed = f"columns that every export has and this one lacks, taken as NULL: {missing}"
    assert check == {"passed": False, "severity": "warn", "observed": observed}


def test_an_export_without_credits_ends_the_run(executions: Executions, tenant: Tenant) -> None:
    executions.prepare(tenant)
    table = f"{tenant.project}.billing.no_credits"
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        clients.bigquery().query_and_wait(
            f"CREATE TABLE `{table}` AS SELECT * EXCEPT (credits) FROM `{tenant.export.table}`"
        )
    delivery = executions.admit(tenant, DAY | {"billing_export_table": table})
    assert executions.deliver(delivery) == "FAILED"
    reason = "is no billing export: it has no column credits"
    assert executions.error_of(delivery) == f"SOURCE_NOT_FOUND: {table} {reason}"


def test_a_column_of_another_type_ends_the_run_and_is_named(executions: Executions, tenant: Tenant) -> None:
    executions.prepare(tenant)
    table = f"{tenant.project}.billing.other_types"
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        clients.bigquery().query_and_wait(
            f"CREATE TABLE `{table}` AS SELECT * REPLACE (sku.description AS sku) FROM `{tenant.export.table}`"
        )
    delivery = executions.admit(tenant, DAY | {"billing_export_table": table})
    assert executions.deliver(delivery) == "FAILED"
    reason = "is no billing export: its column sku is STRING, and must be RECORD"
    assert executions.error_of(delivery) == f"SOURCE_NOT_FOUND: {table} {reason}"
