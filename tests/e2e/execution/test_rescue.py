"""A whole run through the API whose executor is killed: the dispatcher rescues it when its lease has run out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest

from devcloud.environment import function_environment
from devcloud.gateway.function_process import FunctionProcess
from devcloud.onboarding import onboard
from devcloud.server import Devcloud
from tests.support.executions import Executions, Instance, eventually
from tests.support.tenant import Api, Tenant

PROCESS_QUEUE = "/api/v1/scheduler/process-queue"


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executions]:
    """A cloud of the test's own, as it kills a function of it."""
    cloud = Devcloud(tmp_path_factory.mktemp("own"), schedules=False)
    with cloud, cloud.clients() as clients:
        yield Executions(cloud, clients.bigquery())


@pytest.fixture
def impatient(own: Executions, tmp_path: Path) -> Iterator[Instance]:
    """A dispatcher that gives an executor up after a second; all others give it as long as the next attempt needs."""
    key_file = tmp_path / "scheduler.json"
    key_file.write_text(json.dumps(own.cloud.identity.mint_key(own.cloud.project, "cvg-scheduler")))
    environment = function_environment(own.cloud.cloud, "process_queue", key_file=key_file) | {"LEASE_SECONDS": "1"}
    log_path = tmp_path / "process_queue.log"
    instance = Instance(FunctionProcess("process_queue", lambda: environment, log_path=log_path))
    yield instance
    instance.stop()


def test_a_killed_run_is_rescued_and_nothing_is_lost_or_doubled(own: Executions, impatient: Instance) -> None:
    onboarded = onboard(own.client, "acme_corp")
    tenant = Tenant(own.cloud, onboarded.tenant_id, onboarded.api_key, project="acme-gcp")
    own.prepare(tenant)
    api = Api(own.cloud.ready["gateway"], tenant.api_key)
    accepted = api.post(
        "/api/v1/pipelines/run/acme_corp/gcp/cost/billing", {"start_date": "2025-11-01", "end_date": "2025-11-30"}
    )
    assert accepted.status_code == 202, accepted.text
    run_id = accepted.json()["pipeline_logging_id"]
    claims = "SELECT lease_id, attempt FROM tenants.pipeline_run_events WHERE kind = 'CLAIMED' ORDER BY occurred_at"
    first = eventually(lambda: own.query(claims))[0]
    assert own.cloud.kill_function("execute_run") is not None
    body = {"run_id": run_id, "tenant_id": "acme_corp", "pipeline_logging_id": run_id, "hop": 0, "closing": None}
    with ThreadPoolExecutor(2) as threads:
        answers = threads.map(lambda _: own.post(body | first).json()["status"], range(2))
    assert set(answers) == {"DUPLICATE"}

    end_grant = (
        "UPDATE tenants.pipeline_execution_queue SET lease_expires_at = CURRENT_TIMESTAMP() WHERE run_id = @run_id"
    )
    own.query(end_grant, run_id=run_id)
    leases = "SELECT lease_id FROM tenants.pipeline_execution_queue WHERE run_id = @run_id"
    admin = {"X-Admin-Key": own.cloud.ready["admin_key"]}

    def is_given_up() -> bool:
        assert Api(impatient.url).post(PROCESS_QUEUE, headers=admin).status_code in (200, 503)
        return own.query(leases, run_id=run_id) != [{"lease_id": first["lease_id"]}]

    def is_completed() -> bool:
        Api(own.cloud.ready["gateway"]).post(PROCESS_QUEUE, headers=admin)
        run = api.get(f"/api/v1/pipelines/runs/acme_corp/{run_id}").json()
        return bool(run["status"] == "COMPLETED")

    eventually(is_given_up)
    eventually(is_completed, within_seconds=180)
    assert [claim["attempt"] for claim in own.query(claims)] == [1, 2]
    truth = tenant.export.truth["invoice_months"]
    assert {row["month"]: (row["row_count"], row["cost"] + row["credits"]) for row in own.published(tenant)} == {
        month: (sums["rows"], Decimal(sums["total"])) for month, sums in truth.items()
    }
