"""A whole run through the API whose executor is killed: the dispatcher rescues it when its lease has run out."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from devcloud.onboarding import onboard
from devcloud.server import Devcloud
from tests.executions import Executions, eventually
from tests.tenant import Api, Tenant

SHORT = {"LEASE_SECONDS": "5", "HEARTBEAT_SECONDS": "1"}


@pytest.fixture
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executions]:
    """A cloud in which leases are short."""
    settings = {"execute_run": SHORT, "process_queue": SHORT}
    cloud = Devcloud(tmp_path_factory.mktemp("hasty"), schedules=False, function_env=settings)
    with cloud, cloud.clients() as clients:
        yield Executions(cloud, clients.bigquery())


def test_a_killed_run_is_rescued_and_nothing_is_lost_or_doubled(hasty: Executions) -> None:
    onboarded = onboard(hasty.client, "acme_corp")
    tenant = Tenant(hasty.cloud, onboarded.tenant_id, onboarded.api_key, project="acme-gcp")
    hasty.prepare(tenant)
    api = Api(hasty.cloud.ready["gateway"], tenant.api_key)
    accepted = api.post(
        "/api/v1/pipelines/run/acme_corp/gcp/cost/billing", {"start_date": "2025-11-01", "end_date": "2025-11-30"}
    )
    assert accepted.status_code == 202, accepted.text
    run_id = accepted.json()["pipeline_logging_id"]
    claims = "SELECT lease_id, attempt FROM tenants.pipeline_run_events WHERE kind = 'CLAIMED' ORDER BY occurred_at"
    first = eventually(lambda: hasty.query(claims))[0]
    assert hasty.cloud.kill_function("execute_run") is not None
    body = {"run_id": run_id, "tenant_id": "acme_corp", "pipeline_logging_id": run_id, "hop": 0, "closing": None}
    with ThreadPoolExecutor(2) as threads:
        answers = threads.map(lambda _: hasty.post(body | first).json()["status"], range(2))
    assert set(answers) == {"DUPLICATE"}

    def is_completed() -> bool:
        admin = Api(hasty.cloud.ready["gateway"])
        admin.post("/api/v1/scheduler/process-queue", headers={"X-Admin-Key": hasty.cloud.ready["admin_key"]})
        run = api.get(f"/api/v1/pipelines/runs/acme_corp/{run_id}").json()
        return bool(run["status"] == "COMPLETED")

    eventually(is_completed, within_seconds=90)
    assert [claim["attempt"] for claim in hasty.query(claims)] == [1, 2]
    truth = tenant.export.truth["invoice_months"]
    assert {row["month"]: (row["row_count"], row["cost"] + row["credits"]) for row in hasty.published(tenant)} == {
        month: (sums["rows"], Decimal(sums["total"])) for month, sums in truth.items()
    }
