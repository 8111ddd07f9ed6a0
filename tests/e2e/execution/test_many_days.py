"""If there are more new days than partitions that one BigQuery job may change, consecutive runs load all of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import yaml

from shared.configuration.platform_config import CONFIGS
from shared.domain.templates.templates import MAX_DAYS
from tests.conftest import MakeTenant
from tests.e2e.execution.conftest import WithChanges
from tests.support.arriving_exports import make_export, usage
from tests.support.executions import Delivery, Executions, Json
from tests.support.tenant import Tenant

FIRST = date(2010, 1, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(MAX_DAYS + 3)]
EXPORTED = datetime(2025, 11, 12, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def owner(make_tenant: MakeTenant) -> Tenant:
    """A tenant whose export has more days than one run loads; nothing of it is published."""
    owner = make_tenant()
    with owner.cloud.clients(owner.gcp_key) as clients:
        make_export(clients.bigquery(), owner).add([usage(day, exported=EXPORTED) for day in DAYS])
    return owner


@pytest.fixture
def long_ago(owner: Tenant, tenant: Tenant) -> Tenant:
    """Another tenant of the same project, which reads that export."""
    tenant.project = owner.project
    tenant.__dict__["export"] = owner.export
    return tenant


def published(executions: Executions, tenant: Tenant) -> list[date]:
    days = executions.query(f"SELECT x_usage_date AS day FROM {tenant.tenant_id}.gcp_cost_billing ORDER BY day")
    return [row["day"] for row in days]


def watermark(executions: Executions, tenant: Tenant) -> datetime | None:
    """The watermark of the next run without dates."""
    log = f"{tenant.tenant_id}.x_meta_pipeline_runs"
    said = executions.query(f"SELECT loaded_until FROM {log} WHERE loaded_until IS NOT NULL ORDER BY completed_at")
    found: datetime | None = said[-1]["loaded_until"] if said else None
    return found


def left(executions: Executions, delivery: Delivery) -> list[Json]:
    """The run's log entry about the days that it did not load."""
    return executions.query(
        f"SELECT severity, passed, observed FROM {delivery.tenant.tenant_id}.x_meta_dq_results"
        " WHERE pipeline_logging_id = @run_id AND check_id = 'extract.no_days_are_left'",
        run_id=delivery.run_id,
    )


@pytest.mark.timeout(300)
def test_more_days_than_one_run_loads_are_loaded_by_the_next_oldest_first(
    executions: Executions, long_ago: Tenant
) -> None:
    first = executions.run(long_ago, {})
    assert published(executions, long_ago) == DAYS[:MAX_DAYS]
    assert watermark(executions, long_ago) is None
    assert left(executions, first) == [
        {"severity": "warn", "passed": False, "observed": "3 newer days left to the next run"}
    ]
    second = executions.run(long_ago, {})
    assert published(executions, long_ago) == DAYS
    assert (watermark(executions, long_ago), left(executions, second)) == (EXPORTED, [])
    assert executions.run_row(second)["rows_published"] == 2 * 3  # in each of the two tables


def test_days_that_cannot_be_compared_are_refused_and_the_error_suggests_a_backfill(
    with_changes: WithChanges, owner: Tenant
) -> None:
    billing = yaml.safe_load((CONFIGS / "gcp/cost/billing.yml").read_text())
    only_focus = [target for target in billing["publish"] if target["step"] == "focus"]
    executions = with_changes({"publish": only_focus, "checks": []})
    delivery = executions.admit(owner, {})
    assert executions.deliver(delivery) == "FAILED"
    assert executions.error_of(delivery) == (
        f"INVALID_PARAMETERS: {len(DAYS)} days are new, and a run loads at most {MAX_DAYS};"
        " request them by start_date and end_date, or as a backfill."
    )
