"""gcp/cost/monthly_by_service: runs of single days, in any order, replace whole months and include late rows."""

from __future__ import annotations

import json
import random
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import MakeTenant
from tests.support.executions import Delivery, Executions
from tests.support.tenant import Api, Tenant

MONTHLY = "monthly_by_service"
BILLED = {"start_date": "2025-11-01", "end_date": "2025-11-30"}
# Some days of both months, with and without rows; another seed makes another order.
ASKED = ["2025-10-01", "2025-10-14", "2025-10-31", "2025-11-01", "2025-11-16", "2025-11-30"]

Months = dict[tuple[date, str], tuple[int, Decimal, Decimal]]


@pytest.fixture(scope="module")
def tenant(executions: Executions, extracting: Executions, make_reader: MakeTenant) -> Tenant:
    """A tenant with published billing rows of two months: its export's rows, and copies of them 20 days earlier."""
    tenant = make_reader()
    extracting.run(tenant, BILLED)
    plant(executions, tenant, "DATE_SUB(x_usage_date, INTERVAL 20 DAY)", "cost")
    return tenant


def plant(executions: Executions, tenant: Tenant, day: str, cost: str, where: str = "TRUE") -> None:
    """Insert a copy of published billing rows with another day and cost."""
    table = f"{tenant.tenant_id}.gcp_cost_billing"
    executions.query(
        f"INSERT INTO {table} SELECT * REPLACE ({day} AS x_usage_date, {cost} AS cost) FROM {table} WHERE {where}"
    )


def months(executions: Executions, tenant: Tenant) -> Months:
    """The published sums, by month and currency."""
    rows = executions.query(
        "SELECT usage_month, currency, SUM(row_count) AS row_count, SUM(gross_cost) AS gross, SUM(net_cost) AS net"
        f" FROM {tenant.tenant_id}.gcp_cost_monthly_by_service GROUP BY usage_month, currency"
    )
    return {(row["usage_month"], row["currency"]): (row["row_count"], row["gross"], row["net"]) for row in rows}


def truth(executions: Executions, tenant: Tenant) -> Months:
    """The sums of the billing rows."""
    credit = "COALESCE((SELECT SUM(credit.amount) FROM UNNEST(credits) AS credit), 0)"
    rows = executions.query(
        "SELECT DATE_TRUNC(x_usage_date, MONTH) AS usage_month, currency, COUNT(*) AS row_count, SUM(cost) AS gross,"
        f" SUM(cost + {credit}) AS net FROM {tenant.tenant_id}.gcp_cost_billing GROUP BY usage_month, currency"
    )
    return {(row["usage_month"], row["currency"]): (row["row_count"], row["gross"], row["net"]) for row in rows}


@pytest.mark.parametrize("seed", [1, 2])
def test_single_days_in_any_order_end_with_the_months_of_one_clean_run(
    executions: Executions, tenant: Tenant, seed: int
) -> None:
    wanted = truth(executions, tenant)
    assert {month for month, _ in wanted} == {date(2025, 10, 1), date(2025, 11, 1)}
    days = [*random.Random(seed).sample(ASKED, k=4), "2025-10-31", "2025-11-30"]  # noqa: S311 - only an order
    for day in days:
        executions.run(tenant, {"date": day}, template=MONTHLY)
    assert months(executions, tenant) == wanted
    executions.run(tenant, {"start_date": "2025-10-20", "end_date": "2025-11-02"}, template=MONTHLY)
    assert months(executions, tenant) == wanted


def test_a_run_of_any_day_of_a_month_includes_the_months_late_rows(executions: Executions, tenant: Tenant) -> None:
    executions.run(tenant, {"date": "2025-11-20"}, template=MONTHLY)
    before = months(executions, tenant)
    plant(executions, tenant, "DATE '2025-11-03'", "NUMERIC '0.000000001'", "x_usage_date = '2025-11-16'")
    assert months(executions, tenant) == before != truth(executions, tenant)
    late = executions.run(tenant, {"date": "2025-11-28"}, template=MONTHLY)
    executions.run(tenant, {"date": "2025-10-28"}, template=MONTHLY)
    assert months(executions, tenant) == truth(executions, tenant)
    restated = executions.query(
        f"SELECT usage_date FROM {tenant.tenant_id}.x_meta_restatements WHERE pipeline_logging_id = @run_id",
        run_id=late.run_id,
    )
    assert [row["usage_date"] for row in restated] == [date(2025, 11, 1)]


def test_days_that_were_not_loaded_are_counted(
    executions: Executions, extracting: Executions, make_reader: MakeTenant
) -> None:
    tenant = make_reader()
    for day in ("2025-11-15", "2025-11-18"):
        extracting.run(tenant, {"date": day})
    gaps = executions.run(tenant, {"date": "2025-11-18"}, template=MONTHLY)
    assert without_rows(executions, gaps) == [(date(2025, 11, 1), date(2025, 11, 18), 16)]
    for number in range(1, 18):
        if number != 15:
            plant(executions, tenant, f"DATE '2025-11-{number:02}'", "cost", "x_usage_date = '2025-11-15'")
    whole = executions.run(tenant, {"date": "2025-11-18"}, template=MONTHLY)
    assert without_rows(executions, whole) == []


def without_rows(executions: Executions, delivery: Delivery) -> list[tuple[date, date, int]]:
    """The result of a run's check: month, last day with rows, and the number of days without rows before it."""
    (check,) = executions.query(
        f"SELECT severity, passed, TO_JSON_STRING(sample) AS sample FROM {delivery.tenant.tenant_id}.x_meta_dq_results"
        " WHERE pipeline_logging_id = @run_id AND check_id = 'days_without_rows'",
        run_id=delivery.run_id,
    )
    found = json.loads(check["sample"] or "null") or []
    assert (check["severity"], check["passed"]) == ("warn", not found)
    return [
        (date.fromisoformat(row["usage_month"]), date.fromisoformat(row["last_day"]), row["days_without_rows"])
        for row in found
    ]


def test_a_month_to_date_is_scheduled_nightly_and_needs_a_day(executions: Executions, tenant: Tenant) -> None:
    executions.prepare(tenant)
    api = Api(executions.cloud.ready["gateway"], tenant.api_key)
    path = f"/api/v1/scheduler/customer/{tenant.tenant_id}/pipelines"
    nightly: dict[str, Any] = {
        "provider": "gcp", "domain": "cost", "template": MONTHLY, "cron_expression": "0 4 * * *",
        "parameters": {"date": "{date}"},
    }  # fmt: skip
    made = api.post(path, nightly)
    assert made.status_code == 201, made.text
    refused = api.post(path, nightly | {"parameters": {}})
    assert refused.status_code == 400
    assert [item["field"] for item in refused.json()["errors"]] == ["parameters.date"]
    api.session.close()
