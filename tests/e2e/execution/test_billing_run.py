"""gcp/cost/billing from the export to published rows: exact costs, and none twice, also after repeated runs."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from devcloud.seed_billing.rows import Plan
from tests.conftest import MakeTenant
from tests.support.executions import Delivery, Executions
from tests.support.reconciled import assert_reconciled
from tests.support.tenant import SMALL_EXPORT, Tenant

ALL_DAYS = {"start_date": "2025-11-01", "end_date": "2025-11-30"}


def assert_equals_truth(found: list[dict[str, Any]], truth: dict[str, Any]) -> None:
    wanted = truth["invoice_months"]
    assert [row["month"] for row in found] == list(wanted)
    for row, sums in zip(found, wanted.values(), strict=True):
        assert (row["row_count"], row["cost"], row["credits"]) == (
            sums["rows"], Decimal(sums["cost"]), Decimal(sums["credits"]),
        )  # fmt: skip


def rows_of(executions: Executions, delivery: Delivery, table: str) -> int:
    """The number of a table's rows that a run published."""
    sql = f"SELECT COUNT(*) AS n FROM {delivery.tenant.tenant_id}.{table} WHERE x_pipeline_logging_id = @run_id"
    [row] = executions.query(sql, run_id=delivery.run_id)
    return int(row["n"])


def assert_published(executions: Executions, delivery: Delivery, rows: int) -> None:
    """Assert that the run published this number of the export's rows, and shows the sum of these and FOCUS's rows."""
    assert rows_of(executions, delivery, "gcp_cost_billing") == rows
    assert executions.run_row(delivery)["rows_published"] == rows + rows_of(executions, delivery, "focus_cost")


@pytest.fixture(scope="module")
def whole(executions: Executions, make_reader: MakeTenant) -> Delivery:
    """A run over all days of its tenant's export; tests may repeat it, which changes nothing."""
    return executions.run(make_reader(), ALL_DAYS)


@pytest.fixture(scope="module")
def one_day(executions: Executions, make_reader: MakeTenant) -> Delivery:
    """A run over one day of its tenant's export; tests only look at it."""
    return executions.run(make_reader(), {"date": "2025-11-16"})


def test_the_published_totals_equal_the_truth_to_the_last_digit(executions: Executions, whole: Delivery) -> None:
    assert_equals_truth(executions.published(whole.tenant), whole.tenant.export.truth)


def test_a_repeated_run_gives_the_same_table(executions: Executions, whole: Delivery) -> None:
    first = executions.published(whole.tenant)
    second = executions.run(whole.tenant, ALL_DAYS)
    assert executions.published(whole.tenant) == first
    assert_published(executions, second, whole.tenant.export.truth["rows"])


def test_a_date_publishes_that_utc_day_and_no_other(executions: Executions, one_day: Delivery) -> None:
    days = executions.query(
        f"SELECT DISTINCT x_usage_date AS day, DATE(usage_start_time) AS used, x_pipeline_logging_id AS run"
        f" FROM {one_day.tenant.tenant_id}.gcp_cost_billing"
    )
    assert days == [{"day": date(2025, 11, 16), "used": date(2025, 11, 16), "run": one_day.run_id}]
    assert_published(executions, one_day, one_day.tenant.export.truth["usage_dates"]["2025-11-16"]["rows"])


def test_a_run_records_which_billing_periods_are_final(executions: Executions, whole: Delivery) -> None:
    executions.run(whole.tenant, ALL_DAYS)  # the same charges again
    periods = executions.query(f"SELECT * FROM {whole.tenant.tenant_id}.focus_billing_period")
    found = {f"{period['BillingPeriodStart']:%Y%m}": period["BillingPeriodStatus"] for period in periods}
    assert_reconciled(whole.tenant, "2025-10-01", "2025-12-31", billed=Decimal(whole.tenant.export.truth["total"]))
    assert found == dict.fromkeys(whole.tenant.export.truth["invoice_months"], "Closed")
    assert {period["x_restated_at"] for period in periods} == {None}


def test_a_run_logs_its_row_its_steps_and_its_checks(executions: Executions, one_day: Delivery) -> None:
    row, dataset = executions.run_row(one_day), one_day.tenant.tenant_id
    assert (row["status"], row["attempt"], row["lease_id"]) == ("COMPLETED", 1, one_day.lease_id)
    assert row["started_at"] <= row["completed_at"]
    steps = executions.query(
        f"SELECT step_id, status, `rows` FROM {dataset}.x_meta_step_logs"
        f" WHERE pipeline_logging_id = '{one_day.run_id}' ORDER BY started_at"
    )
    assert [(step["step_id"], step["status"]) for step in steps] == [
        ("extract", "COMPLETED"), ("focus", "COMPLETED"), ("checks", "COMPLETED"), ("publish", "COMPLETED"),
    ]  # fmt: skip
    checks = executions.query(
        f"SELECT check_id, passed FROM {dataset}.x_meta_dq_results WHERE pipeline_logging_id = '{one_day.run_id}'"
    )
    assert {check["check_id"] for check in checks} >= {"same_as_source", "days_not_emptied", "required_columns.cost"}
    assert all(check["passed"] for check in checks)
    assert [event["kind"] for event in executions.events(one_day)] == [
        "CLAIMED", "STEP", "STEP", "STEP", "STEP", "SUCCEEDED",
    ]  # fmt: skip


def test_the_first_incremental_run_loads_all_and_the_next_one_only_what_is_new(
    executions: Executions, tenant: Tenant
) -> None:
    executions.run(tenant, {})
    assert_equals_truth(executions.published(tenant), tenant.export.truth)
    assert executions.run_row(executions.run(tenant, {}))["rows_published"] == 0
    later = Plan(seed=SMALL_EXPORT.seed, start=date(2025, 11, 21), days=2, rows_per_day=20)
    added = tenant.seed(later, append=True)
    third = executions.run(tenant, {})
    assert_published(executions, third, added.truth["rows"])
    total = sum(row["row_count"] for row in executions.published(tenant))
    assert total == tenant.export.truth["rows"] + added.truth["rows"]


def test_restated_days_are_logged_with_cost_before_and_after(extracting: Executions, tenant: Tenant) -> None:
    extracting.run(tenant, ALL_DAYS)
    late = tenant.seed(Plan(seed=SMALL_EXPORT.seed, start=date(2025, 11, 16), days=1, rows_per_day=10), append=True)
    delivery = extracting.run(tenant, ALL_DAYS)
    changes = extracting.query(
        f"SELECT usage_date, SUM(rows_after - rows_before) AS new_rows, SUM(cost_after - cost_before) AS new_cost"
        f" FROM {tenant.tenant_id}.x_meta_restatements WHERE pipeline_logging_id = '{delivery.run_id}'"
        f" AND table_name = 'gcp_cost_billing' GROUP BY usage_date ORDER BY usage_date"
    )
    assert len(changes) == SMALL_EXPORT.days
    assert sum(row["new_rows"] for row in changes) == late.truth["rows"]
    assert sum(row["new_cost"] for row in changes) == Decimal(late.truth["total"])


def test_two_exports_of_one_tenant_do_not_change_each_others_rows(extracting: Executions, tenant: Tenant) -> None:
    extracting.run(tenant, ALL_DAYS)
    second = tenant.seed(Plan(seed=6, start=SMALL_EXPORT.start, days=2, rows_per_day=20))
    assert second.table != tenant.export.table
    extracting.run(tenant, {**ALL_DAYS, "billing_export_table": second.table})
    extracting.run(tenant, ALL_DAYS)
    by_source = extracting.query(
        f"SELECT x_source AS source, COUNT(*) AS row_count FROM {tenant.tenant_id}.gcp_cost_billing GROUP BY source"
    )
    assert {row["source"]: row["row_count"] for row in by_source} == {
        f"gcp:{tenant.export.table}": tenant.export.truth["rows"],
        f"gcp:{second.table}": second.truth["rows"],
    }


def test_an_export_that_lost_its_rows_does_not_empty_published_days(executions: Executions, tenant: Tenant) -> None:
    executions.run(tenant, ALL_DAYS)
    before = executions.published(tenant)
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        client = clients.bigquery()
        client.query_and_wait(f"TRUNCATE TABLE `{tenant.export.table}`")
    delivery = executions.admit(tenant, ALL_DAYS)
    assert executions.deliver(delivery) == "FAILED"
    assert "CHECK_FAILED" in executions.error_of(delivery)
    assert executions.published(tenant) == before
    failed, billed = executions.run_row(delivery), [step["bytes_billed"] or 0 for step in executions.steps_of(delivery)]
    assert failed["status"] == "FAILED"
    assert failed["bytes_billed"] == sum(billed) > 0
    executions.run(tenant, {**ALL_DAYS, "allow_empty": True})
    assert executions.published(tenant) == []
    tenant.seed(SMALL_EXPORT, append=True)
    executions.run(tenant, ALL_DAYS)
    (log,) = executions.query(
        "SELECT SUM(rows_after - rows_before) AS new_rows, SUM(cost_after - cost_before) AS new_cost"
        f" FROM {tenant.tenant_id}.x_meta_restatements"
    )
    assert executions.published(tenant) == before
    assert log == {"new_rows": 0, "new_cost": 0}, "a day that was emptied and filled again is as it was"
