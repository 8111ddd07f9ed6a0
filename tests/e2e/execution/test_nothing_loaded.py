"""A run shows its loaded days and billed bytes, and warns of days without rows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import MakeTenant
from tests.support.executions import Delivery, Executions, Json
from tests.support.tenant import SMALL_EXPORT, Api, Tenant

FIRST = SMALL_EXPORT.start
EMPTY = "2025-10-03"  # long before the export's first day
HAS_ROWS = "gcp_cost_billing.has_rows"


@pytest.fixture(scope="module")
def tenant(make_tenant: MakeTenant) -> Tenant:
    return make_tenant()


@pytest.fixture(scope="module")
def api(tenant: Tenant) -> Iterator[Api]:
    opened = Api(tenant.cloud.ready["gateway"], tenant.api_key)
    yield opened
    opened.session.close()


def seen(api: Api, delivery: Delivery) -> tuple[Json, Json]:
    """A run as its own route shows it, and as the list shows it."""
    path = f"/api/v1/pipelines/runs/{delivery.tenant.tenant_id}"
    listed = {run["pipeline_logging_id"]: run for run in api.get(path).json()["runs"]}
    run: Json = api.get(f"{path}/{delivery.run_id}").json()
    assert {name: run[name] for name in listed[delivery.run_id]} == listed[delivery.run_id]
    return run, listed[delivery.run_id]


def test_a_run_warns_of_days_without_rows(extracting: Executions, tenant: Tenant, api: Api) -> None:
    run, listed = seen(api, extracting.run(tenant, {"date": EMPTY}))
    assert (run["status"], listed["rows_published"]) == ("COMPLETED", 0)
    assert run["dates"] == [listed["first_date"]] == [listed["last_date"]] == [EMPTY]
    (check,) = [check for check in run["checks"] if check["check_id"] == HAS_ROWS]
    assert (check["severity"], check["passed"], check["failed_rows"]) == ("warn", False, 1)
    assert listed["warnings"] == [HAS_ROWS]
    assert check["observed"] == f"1 of 1 days have no rows, the first is {EMPTY}"
    assert check["sample"] == [{"usage_date": EMPTY}]


def test_a_run_shows_the_days_it_loaded_and_everything_billed(executions: Executions, tenant: Tenant, api: Api) -> None:
    delivery = executions.run(tenant, {})
    run, listed = seen(api, delivery)
    assert run["dates"] == sorted(tenant.export.truth["usage_dates"])
    assert (listed["first_date"], listed["last_date"]) == (run["dates"][0], run["dates"][-1])
    assert listed["rows_published"] > 0
    assert listed["warnings"] == [check["check_id"] for check in run["checks"] if not check["passed"]] == []
    assert [check["passed"] for check in run["checks"] if check["check_id"] == HAS_ROWS] == [True]
    steps = {step["step_id"]: step["bytes_billed"] for step in run["steps"]}
    assert steps["publish"] > 0
    assert run["bytes_billed"] == sum(steps.values())
    nothing, listed = seen(api, executions.run(tenant, {}))
    assert (nothing["dates"], listed["first_date"], listed["rows_published"]) == ([], None, 0)


def test_a_pipeline_over_published_rows_warns_of_days_that_are_not_published(
    executions: Executions, extracting: Executions, tenant: Tenant, api: Api
) -> None:
    extracting.run(tenant, {"date": str(FIRST)})
    run, _ = seen(api, executions.run(tenant, {"date": EMPTY}, template="daily_by_service"))
    (check,) = [check for check in run["checks"] if check["check_id"] == "gcp_cost_daily_by_service.has_rows"]
    assert (check["severity"], check["passed"]) == ("warn", False)
    monthly, _ = seen(api, executions.run(tenant, {"date": EMPTY}, template="monthly_by_service"))
    (check,) = [check for check in monthly["checks"] if check["check_id"] == "gcp_cost_monthly_by_service.has_rows"]
    assert check["observed"] == "1 of 1 months have no rows, the first is 2025-10-01"
    assert (len(monthly["dates"]), monthly["dates"][0], monthly["dates"][-1]) == (31, "2025-10-01", "2025-10-31")
