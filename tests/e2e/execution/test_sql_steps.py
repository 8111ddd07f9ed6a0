"""gcp/cost/daily_by_service, a pipeline that is a YAML file and its SQL: from published rows to published sums."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from devcloud.seed_billing.rows import Plan
from tests.executions import Delivery, Executions
from tests.tenant import SMALL_EXPORT, Tenant

DAILY = "daily_by_service"
ALL_DAYS = {"start_date": "2025-11-01", "end_date": "2025-11-30"}
ONE_DAY = {"date": "2025-11-16"}


BILLING = (
    "gcp_cost_billing",
    "COUNT(*)",
    "COALESCE((SELECT SUM(credit.amount) FROM UNNEST(credits) AS credit), 0)",
)
SUMS = ("gcp_cost_daily_by_service", "SUM(row_count)", "credit_amount")


def totals(executions: Executions, tenant: Tenant, of: tuple[str, str, str] = SUMS) -> dict[str, Any]:
    """Rows, cost and credits of the billing rows, or of what was added up from them."""
    table, rows, credit = of
    (found,) = executions.query(
        f"SELECT {rows} AS row_count, SUM(cost) AS cost, SUM({credit}) AS credits FROM {tenant.tenant_id}.{table}"
    )
    return found


def wanted(truth: dict[str, Any]) -> dict[str, Any]:
    return {"row_count": truth["rows"], "cost": Decimal(truth["cost"]), "credits": Decimal(truth["credits"])}


def failure(executions: Executions, tenant: Tenant, parameters: dict[str, Any]) -> str:
    delivery = executions.admit(tenant, parameters, template=DAILY)
    assert executions.deliver(delivery) == "FAILED"
    assert executions.run_row(delivery)["status"] == "FAILED"
    return executions.error_of(delivery)


def details_of(executions: Executions, delivery: Delivery, step_id: str) -> dict[str, Any]:
    (row,) = executions.query(
        f"SELECT * FROM {delivery.tenant.tenant_id}.x_meta_step_logs"
        " WHERE pipeline_logging_id = @run_id AND step_id = @step_id",
        run_id=delivery.run_id,
        step_id=step_id,
    )
    return row


def test_the_sums_equal_the_billing_rows_to_the_last_digit(executions: Executions, tenant: Tenant) -> None:
    executions.run(tenant, ALL_DAYS)
    executions.run(tenant, ALL_DAYS, template=DAILY)
    assert totals(executions, tenant) == totals(executions, tenant, BILLING) == wanted(tenant.export.truth)


def test_a_repeated_run_gives_the_same_sums_and_a_day_only_its_own(executions: Executions, tenant: Tenant) -> None:
    executions.run(tenant, ALL_DAYS)
    first = executions.run(tenant, ONE_DAY, template=DAILY)
    day = tenant.export.truth["usage_dates"][ONE_DAY["date"]]
    assert totals(executions, tenant)["row_count"] == day["rows"]
    executions.run(tenant, ALL_DAYS, template=DAILY)
    executions.run(tenant, ALL_DAYS, template=DAILY)
    assert totals(executions, tenant) == wanted(tenant.export.truth)
    assert executions.run_row(first)["rows_published"] == details_of(executions, first, "summary")["rows"]


def test_two_sources_of_one_tenant_leave_each_others_sums_alone(executions: Executions, tenant: Tenant) -> None:
    second = tenant.seed(Plan(seed=6, start=SMALL_EXPORT.start, days=2, rows_per_day=20))
    for source in ({}, {"billing_export_table": second.table}):
        executions.run(tenant, ALL_DAYS | source)
        executions.run(tenant, ALL_DAYS | source, template=DAILY)
    executions.run(tenant, ALL_DAYS, template=DAILY)
    both = [wanted(truth) for truth in (tenant.export.truth, second.truth)]
    assert totals(executions, tenant) == {key: both[0][key] + both[1][key] for key in both[0]}


def test_a_tenant_without_billing_rows_is_told_what_is_missing(executions: Executions, tenant: Tenant) -> None:
    found = failure(executions, tenant, ONE_DAY)
    assert "SOURCE_NOT_FOUND: steps.summary reads what is not there" in found
    assert "gcp_cost_billing" in found
