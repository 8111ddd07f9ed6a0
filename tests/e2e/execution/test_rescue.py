"""The executor of a run through the API is killed, and the dispatcher rescues the run when its lease has expired."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from tests.support.dispatching import Dispatching
from tests.support.executions import Executions, eventually
from tests.support.tenant import Api, Tenant

CLAIMS = (
    "SELECT lease_id, attempt FROM tenants.pipeline_run_events WHERE run_id = @run_id AND kind = 'CLAIMED'"
    " ORDER BY occurred_at"
)


def test_a_killed_run_is_rescued_and_nothing_is_lost_or_doubled(
    executions: Executions, tenant: Tenant, live_dispatcher: Dispatching
) -> None:
    cloud, api = executions.cloud, Api(executions.cloud.ready["gateway"], tenant.api_key)
    executions.prepare(tenant)
    asked = {"start_date": "2025-11-01", "end_date": "2025-11-30"}
    with cloud.bigquery.hold(tenant=tenant.tenant_id, step="focus") as gate:
        accepted = api.post(f"/api/v1/pipelines/run/{tenant.tenant_id}/gcp/cost/billing", asked)
        assert accepted.status_code == 202, accepted.text
        run_id = accepted.json()["pipeline_logging_id"]
        gate.await_job()
        (first,) = executions.query(CLAIMS, run_id=run_id)
        assert cloud.kill_function("execute_run") is not None
    names = {"run_id": run_id, "tenant_id": tenant.tenant_id, "pipeline_logging_id": run_id}
    body = names | first | {"hop": 0, "closing": None}
    with ThreadPoolExecutor(2) as threads:
        answers = threads.map(lambda _: executions.post(body).json()["status"], range(2))
    assert set(answers) == {"DUPLICATE"}

    executions.fall_silent(run_id)
    live_dispatcher.process()
    item = live_dispatcher.item(run_id)
    assert item["available_at"] > item["added_at"]  # a pause for which the test need not wait
    due = "UPDATE tenants.pipeline_execution_queue SET available_at = added_at WHERE run_id = @run_id"
    executions.query(due, run_id=run_id)
    live_dispatcher.process()
    run = f"/api/v1/pipelines/runs/{tenant.tenant_id}/{run_id}"
    eventually(lambda: api.get(run).json()["status"] == "COMPLETED", within_seconds=180)
    assert [claim["attempt"] for claim in executions.query(CLAIMS, run_id=run_id)] == [1, 2]
    truth = tenant.export.truth["invoice_months"]
    assert {row["month"]: (row["row_count"], row["cost"] + row["credits"]) for row in executions.published(tenant)} == {
        month: (sums["rows"], Decimal(sums["total"])) for month, sums in truth.items()
    }
