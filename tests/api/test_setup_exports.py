"""A credential whose export no run could read is refused before anything is stored."""

from __future__ import annotations

import pytest

from shared.domain.credentials.billing_exports import late_rows_warning
from tests.support.frontend import Frontend

OTHERS = "CURRENT_TIMESTAMP() AS export_time, 1.5 AS cost, 'USD' AS currency, [STRUCT(0.5 AS amount)] AS credits"
NO_EXPORTS = [
    ("a_view", "CREATE VIEW `{table}` AS SELECT 1 AS cost", "is a VIEW; only a table can be read"),
    ("no_export", "CREATE TABLE `{table}` (cost FLOAT64)", "is no billing export: it has no column usage_start_time"),
    (
        "by_date",
        "CREATE TABLE `{table}` AS SELECT DATE '2025-11-16' AS usage_start_time, {others}",
        "is no billing export: its column usage_start_time is DATE, and must be TIMESTAMP",
    ),
]


@pytest.mark.parametrize(("name", "sql", "message"), NO_EXPORTS, ids=[name for name, _, _ in NO_EXPORTS])
def test_a_table_that_is_no_export_is_refused_by_name_and_the_old_credential_stays(
    connected: Frontend, name: str, sql: str, message: str
) -> None:
    tenant = connected.tenant
    table = f"{tenant.export.table.rpartition('.')[0]}.{name}"
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        clients.bigquery().query_and_wait(sql.format(table=table, others=OTHERS))
    stored = connected.api.get(connected.credentials_path).json()
    answer = connected.store(connected.gcp_body(billing_export_table=table))
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"] == [{"field": "credentials.billing_export_table", "message": message}]
    assert connected.api.get(connected.credentials_path).json() == stored


def test_a_project_that_the_key_may_not_use_is_refused_by_name_and_the_old_credential_stays(
    connected: Frontend,
) -> None:
    stored = connected.api.get(connected.credentials_path).json()
    export = connected.tenant.export.table
    answer = connected.store(connected.gcp_body(project_id="somebody-elses-project", billing_export_table=export))
    assert answer.status_code == 400, answer.text
    message = "does not let this account read; grant it BigQuery Read Session User there"
    assert answer.json()["errors"] == [{"field": "credentials.project_id", "message": message}]
    assert connected.api.get(connected.credentials_path).json() == stored


def test_an_export_that_requires_a_partition_filter_is_accepted(connected: Frontend) -> None:
    tenant = connected.tenant
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        table = clients.bigquery().get_table(tenant.export.table)
        table.require_partition_filter = True
        clients.bigquery().update_table(table, ["require_partition_filter"])
    assert connected.store(connected.gcp_body(billing_export_table=tenant.export.table)).status_code == 200


def test_an_account_of_the_platforms_own_project_is_refused(frontend: Frontend) -> None:
    account = f"cvg-worker@{frontend.tenant.cloud.project}.iam.gserviceaccount.com"
    keyless = {"project_id": frontend.tenant.project, "impersonate_service_account": account}
    answer = frontend.store({"provider": "GCP", "credentials": keyless})
    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["field"] == "credentials.impersonate_service_account"
    key = frontend.tenant.cloud.identity.mint_key(frontend.tenant.cloud.project, "cvg-worker")
    answer = frontend.store(frontend.gcp_body(key=key))
    assert answer.status_code == 400
    assert "is an account of the platform" in answer.text


def test_a_missing_column_that_every_export_has_is_named(connected: Frontend) -> None:
    table = connected.tenant.export.table
    without = f"{table.rpartition('.')[0]}.without_usage"
    with connected.tenant.cloud.clients(connected.tenant.gcp_key) as clients:
        clients.bigquery().query_and_wait(f"CREATE TABLE `{without}` AS SELECT * EXCEPT (usage) FROM `{table}`")
    answer = connected.store(connected.gcp_body(billing_export_table=without))
    assert answer.status_code == 200, answer.text
    assert any("lacks 1 column that every billing export has: usage." in text for text in answer.json()["warnings"])


def test_an_export_without_partitions_by_arrival_gets_a_warning_about_late_rows(connected: Frontend) -> None:
    table = connected.tenant.export.table
    copy = f"{table.rpartition('.')[0]}.by_usage"
    with connected.tenant.cloud.clients(connected.tenant.gcp_key) as clients:
        clients.bigquery().query_and_wait(
            f"CREATE TABLE `{copy}` PARTITION BY DATE(usage_start_time) AS SELECT * FROM `{table}`"
        )
    (warning,) = connected.store(connected.gcp_body(billing_export_table=copy)).json()["warnings"]
    assert warning == late_rows_warning(is_partitioned_by_arrival=False)
    assert late_rows_warning(is_partitioned_by_arrival=True) is None


def test_columns_that_are_not_known_are_named_in_the_answer(connected: Frontend) -> None:
    table = connected.tenant.export.table
    assert connected.store(connected.gcp_body(billing_export_table=table)).json()["warnings"] == []
    with connected.tenant.cloud.clients(connected.tenant.gcp_key) as clients:
        clients.bigquery().query_and_wait(f"ALTER TABLE `{table}` ADD COLUMN some_column_of_next_year STRING")
    answer = connected.store(connected.gcp_body(billing_export_table=table))
    assert answer.status_code == 200, answer.text
    (warning,) = answer.json()["warnings"]
    assert "1 column that is not known here: some_column_of_next_year." in warning
