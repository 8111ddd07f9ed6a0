"""An export that cannot be read fails the run with a reason, and nothing changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from google.cloud import bigquery

from devcloud.seed_billing.rows import Plan
from shared.adapters.google.tenant_export import TenantExport
from shared.errors import SourceNotFound
from tests.conftest import MakeTenant
from tests.support.executions import Delivery, Executions
from tests.support.tenant import SMALL_EXPORT, Api, Tenant


def failed(executions: Executions, tenant: Tenant, **parameters: str) -> str:
    """The error of a run that must fail without a retry."""
    delivery: Delivery = executions.admit(tenant, {"date": "2025-11-16", **parameters})
    assert executions.deliver(delivery) == "FAILED"
    last = executions.events(delivery)[-1]
    assert (last["kind"], last["retryable"]) == ("FAILED", False)
    row = executions.run_row(delivery)
    assert (row["status"], row["error_class"]) == ("FAILED", last["error_class"])
    assert row["completed_at"] is not None
    assert executions.deliver(delivery) == "DUPLICATE"
    return f"{last['error_class']}: {last['error_message']}"


def test_an_export_in_another_location_is_refused_by_name(executions: Executions, tenant: Tenant) -> None:
    table = f"{tenant.project}.abroad.gcp_billing_export_v1"
    dataset = bigquery.Dataset(f"{tenant.project}.abroad")
    dataset.location = "EU"
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        client = clients.bigquery()
        client.create_dataset(dataset)
        client.create_table(bigquery.Table(table, schema=[bigquery.SchemaField("cost", "FLOAT")]))
    error = failed(executions, tenant, billing_export_table=table)
    assert error == f"LOCATION_MISMATCH: {table} is in EU, but the platform is in US."


def test_a_missing_export_is_reported_as_missing(executions: Executions, reader: Tenant) -> None:
    table = f"{reader.project}.billing.nothing_here"
    assert failed(executions, reader, billing_export_table=table) == f"SOURCE_NOT_FOUND: {table} does not exist"


def test_another_tenants_export_cannot_be_read(executions: Executions, make_tenant: MakeTenant) -> None:
    tenant, other = make_tenant(), make_tenant()
    error = failed(executions, tenant, billing_export_table=other.export.table)
    assert error == f"SOURCE_NOT_FOUND: {other.export.table} may not be read with the tenant's credentials"


def test_the_platforms_own_tables_cannot_be_read(executions: Executions, reader: Tenant) -> None:
    table = f"{executions.cloud.project}.tenants.tenant_api_keys"
    assert "may not be read" in failed(executions, reader, billing_export_table=table)


def test_an_export_read_without_a_key_must_name_its_tenant(make_tenant: MakeTenant) -> None:
    owner, other = make_tenant(), make_tenant()
    with owner.cloud.clients(owner.gcp_key) as clients:
        client = clients.bigquery()
        export = TenantExport(client, None, owner.project, owner.export.table)
        with pytest.raises(SourceNotFound) as unlabelled:
            export.describe_for(owner.tenant_id)
        assert f"needs the label convergence_tenant with the value {owner.tenant_id}" in str(unlabelled.value)
        labelled = client.get_table(owner.export.table)
        labelled.labels = {"convergence_tenant": owner.tenant_id}
        client.update_table(labelled, ["labels"])
        assert export.describe_for(owner.tenant_id).kind == "TABLE"
        with pytest.raises(SourceNotFound):
            export.describe_for(other.tenant_id)


def test_the_error_for_a_keyless_export_without_its_label_reveals_nothing_about_the_table(
    make_tenant: MakeTenant,
) -> None:
    owner = make_tenant()
    view, missing = (f"{owner.project}.billing.{name}" for name in ("a_view", "nothing_here"))
    with owner.cloud.clients(owner.gcp_key) as clients:
        client = clients.bigquery()
        client.query_and_wait(f"CREATE VIEW `{view}` AS SELECT 1 AS cost FROM `{owner.export.table}`")
        messages = set()
        for table in (owner.export.table, view, missing):
            with pytest.raises(SourceNotFound) as caught:
                TenantExport(client, None, owner.project, table).describe_for("somebody_else")
            messages.add(str(caught.value).removeprefix(table))
    assert len(messages) == 1


@pytest.mark.parametrize(
    "partitioning",
    [
        bigquery.TimePartitioning(),
        bigquery.TimePartitioning(field="export_time"),
        bigquery.TimePartitioning(field="usage_start_time"),
    ],
    ids=lambda partitioning: partitioning.field or "by arrival",
)
def test_an_export_whose_owner_demands_a_filter_on_the_partition_is_read(
    extracting: Executions, tenant: Tenant, partitioning: bigquery.TimePartitioning
) -> None:
    extracting.prepare(tenant)
    guarded = f"{tenant.project}.billing.guarded"
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        client = clients.bigquery()
        table = bigquery.Table(guarded, client.get_table(tenant.export.table).schema)
        table.time_partitioning, table.require_partition_filter = partitioning, True
        client.create_table(table)
        client.query_and_wait(f"INSERT INTO `{guarded}` SELECT * FROM `{tenant.export.table}`")
    for parameters in ({"date": "2025-11-16"}, {}):
        extracting.run(tenant, {"billing_export_table": guarded, **parameters})
    (found,) = extracting.query(f"SELECT COUNT(*) AS row_count FROM {tenant.tenant_id}.gcp_cost_billing")
    assert found["row_count"] == tenant.export.truth["rows"]


def test_a_run_whose_credential_names_another_export_fails_and_takes_no_fence(
    extracting: Executions, tenant: Tenant, api: Api
) -> None:
    day = {"date": "2025-11-16"}
    asked = extracting.admit(tenant, day)
    moved = replace(tenant)
    moved.__dict__["export"] = tenant.seed(Plan(seed=6, start=SMALL_EXPORT.start, days=2, rows_per_day=5))
    assert api.post(f"/api/v1/tenants/{tenant.tenant_id}/credentials", moved.gcp_credentials).status_code == 200
    newer = extracting.admit(moved, day)
    assert extracting.deliver(asked) == "FAILED"
    before, now = f"gcp:{tenant.export.table}", f"gcp:{moved.export.table}"
    changed = f"The credential names {now}, but the run was accepted for {before}; start it again."
    assert extracting.error_of(asked) == f"SOURCE_CHANGED: {changed}"
    assert extracting.run_row(asked)["error_class"] == "SOURCE_CHANGED"
    assert extracting.query(f"SELECT source FROM {tenant.tenant_id}.x_meta_publish_fence") == []
    assert extracting.deliver(newer) == "SUCCEEDED"


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("CREATE VIEW `{table}` AS SELECT 1 AS cost", "is a VIEW; only a table can be read"),
        ("CREATE TABLE `{table}` AS SELECT 1 AS cost", "is no billing export: it has no column usage_start_time"),
    ],
)
def test_a_table_that_is_no_billing_export_is_refused(
    executions: Executions, tenant: Tenant, sql: str, reason: str
) -> None:
    executions.prepare(tenant)
    table = f"{tenant.project}.billing.something_else"
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        clients.bigquery().query_and_wait(sql.format(table=table))
    assert failed(executions, tenant, billing_export_table=table) == f"SOURCE_NOT_FOUND: {table} {reason}"


def test_the_standard_export_without_prices_is_loaded_with_nulls(executions: Executions, tenant: Tenant) -> None:
    executions.prepare(tenant)
    standard = f"{tenant.project}.billing.gcp_billing_export_v1"
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        client: bigquery.Client = clients.bigquery()
        client.query_and_wait(
            f"CREATE TABLE `{standard}` AS SELECT * EXCEPT (resource, price, subscription, consumption_model)"
            f" FROM `{tenant.export.table}`"
        )
    delivery = executions.run(tenant, {"date": "2025-11-16", "billing_export_table": standard})
    found = executions.query(
        f"SELECT COUNT(*) AS row_count, COUNTIF(price IS NULL AND resource IS NULL) AS without"
        f" FROM {tenant.tenant_id}.gcp_cost_billing WHERE x_pipeline_logging_id = @run_id",
        run_id=delivery.run_id,
    )
    wanted = tenant.export.truth["usage_dates"]["2025-11-16"]["rows"]
    assert found == [{"row_count": wanted, "without": wanted}]
