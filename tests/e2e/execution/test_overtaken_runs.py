"""If another run of the source publishes while a run waits for its next attempt, the newest data stays."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tests.support.arriving_exports import ArrivingExport, make_export, usage
from tests.support.executions import Delivery, Executions
from tests.support.tenant import Tenant

DAY, NEXT_DAY = date(2025, 11, 2), date(2025, 11, 3)
NOW = datetime(2025, 11, 4, tzinfo=UTC)


@pytest.fixture
def export(tenant: Tenant) -> Iterator[ArrivingExport]:
    """The tenant's export, with one row of a day."""
    with tenant.cloud.clients(tenant.gcp_key) as clients:
        export = make_export(clients.bigquery(), tenant)
        export.add([usage(DAY, exported=NOW)])
        yield export


def lose_before_the_publish(executions: Executions, tenant: Tenant, day: date, template: str = "billing") -> Delivery:
    """Return a run's next attempt. The first one staged and checked all rows and lost its lease before its publish."""
    first = executions.admit(tenant, {"date": str(day)}, template=template)
    with executions.held(first, "checks") as held:
        again = executions.admit_again(first)
        assert held.end() == "FAILED"
    return again


def test_an_attempt_does_not_replace_newer_days_of_another_run_with_older_ones(
    executions: Executions, tenant: Tenant, export: ArrivingExport
) -> None:
    overtaken = lose_before_the_publish(executions, tenant, DAY)
    export.add([usage(DAY, exported=NOW, cost=1300.0)])
    executions.run(tenant, {"date": str(DAY)})
    assert executions.deliver(overtaken) == "SUCCEEDED"
    (total,) = executions.query(
        f"SELECT (SELECT SUM(cost) FROM {tenant.tenant_id}.gcp_cost_billing) AS cost,"
        f" (SELECT SUM(BilledCost) FROM {tenant.tenant_id}.focus_cost) AS billed"
    )
    assert (total["cost"], total["billed"]) == (Decimal("1301.5"), Decimal("1301.5"))


def test_an_attempt_does_not_remove_a_day_from_a_month_that_another_run_has_published(
    executions: Executions, extracting: Executions, tenant: Tenant, export: ArrivingExport
) -> None:
    extracting.run(tenant, {"date": str(DAY)})
    overtaken = lose_before_the_publish(executions, tenant, DAY, "monthly_by_service")
    export.add([usage(NEXT_DAY, exported=NOW)])
    extracting.run(tenant, {"date": str(NEXT_DAY)})
    executions.run(tenant, {"date": str(NEXT_DAY)}, template="monthly_by_service")
    assert executions.deliver(overtaken) == "SUCCEEDED"
    (month,) = executions.query(f"SELECT net_cost, last_day FROM {tenant.tenant_id}.gcp_cost_monthly_by_service")
    assert (month["net_cost"], month["last_day"]) == (Decimal(3), NEXT_DAY)


def test_an_attempt_uses_staged_rows_if_no_other_run_has_published(
    extracting: Executions, tenant: Tenant, export: ArrivingExport
) -> None:
    extracting.run(tenant, {"date": str(DAY)})
    export.add([usage(NEXT_DAY, exported=NOW)])
    again = lose_before_the_publish(extracting, tenant, NEXT_DAY)
    assert extracting.deliver(again) == "SUCCEEDED"
    done = [(step["step_id"], step["status"]) for step in extracting.steps_of(again)]
    assert done.count(("extract", "COMPLETED")) == 1
