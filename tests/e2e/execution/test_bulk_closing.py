"""One task closes the rows of many runs of a tenant that ended without an executor."""

from __future__ import annotations

import uuid

import requests

from tests.support.executions import Delivery, Executions, Json
from tests.support.tenant import Tenant

CLOSE = "/api/v1/internal/close"


def close(executions: Executions, tenant_id: str, *run_ids: str) -> requests.Response:
    """Deliver the task that closes these cancelled runs of the tenant."""
    url = f"{executions.cloud.ready['gateway']}/execute_run"
    account = f"cvg-tasks-invoker@{executions.cloud.project}.iam.gserviceaccount.com"
    ended = {"attempt": 0, "status": "CANCELLED", "error_class": "CANCELLED", "error_message": "on request"}
    runs = [{"run_id": run_id, "pipeline_logging_id": run_id, **ended} for run_id in run_ids]
    headers = {"Authorization": f"Bearer {executions.cloud.identity.id_token(account, url)}"}
    return requests.post(url + CLOSE, json={"tenant_id": tenant_id, "runs": runs}, headers=headers, timeout=90)


def waiting(executions: Executions, tenant: Tenant) -> list[str]:
    """A waiting manual run, which has a row, and a waiting scheduled run, which has no row before it begins."""
    manual, scheduled = str(uuid.uuid4()), str(uuid.uuid4())
    executions.query(
        f"INSERT INTO {tenant.tenant_id}.x_meta_pipeline_runs (pipeline_logging_id, tenant_id, run_id, pipeline_id,"
        " user_id, trigger_type, status, created_at)"
        " VALUES (@run_id, @tenant_id, @run_id, 'gcp-cost-billing', 'alice', 'api', 'PENDING', CURRENT_TIMESTAMP())",
        run_id=manual,
        tenant_id=tenant.tenant_id,
    )
    executions.query(
        "INSERT INTO tenants.scheduled_pipeline_runs (run_id, config_id, tenant_id, pipeline_id, state, scheduled_time,"
        " pipeline_logging_id, parameters, retry_count, max_retries, created_at)"
        " VALUES (@run_id, 'c', @tenant_id, 'gcp-cost-billing', 'CANCELLED', CURRENT_TIMESTAMP(), @run_id,"
        " PARSE_JSON('{}'), 0, 3, CURRENT_TIMESTAMP())",
        run_id=scheduled,
        tenant_id=tenant.tenant_id,
    )
    return [manual, scheduled]


def row(executions: Executions, tenant: Tenant, run_id: str) -> Json:
    return executions.run_row(Delivery(tenant, run_id, lease_id=""))


def test_rows_of_many_runs_are_closed_in_one_job_and_ended_runs_do_not_change(
    extracting: Executions, reader: Tenant
) -> None:
    done = extracting.run(reader, {"date": "2025-11-16"})
    ended = extracting.run_row(done)
    manual, scheduled = waiting(extracting, reader)

    answer = close(extracting, reader.tenant_id, manual, scheduled, done.run_id)
    assert (answer.status_code, answer.json()) == (200, {"status": "CLOSED"})
    again = close(extracting, reader.tenant_id, manual, scheduled, done.run_id)
    assert again.json() == {"status": "CLOSED"}

    for run_id, user_id, config_id in ((manual, "alice", None), (scheduled, None, "c")):
        closed = row(extracting, reader, run_id)
        assert (closed["status"], closed["error_class"], closed["user_id"]) == ("CANCELLED", "CANCELLED", user_id)
        assert closed["config_id"] == config_id
        assert closed["completed_at"] is not None
    assert extracting.run_row(done) == ended
    sent = [
        job["labels"].get("statement")
        for job in extracting.cloud.bigquery.jobs()
        if job["labels"].get("request_id") == answer.headers["X-Request-ID"]
    ]
    assert sent == ["close_runs"]
    closed_runs = "SELECT run_id FROM tenants.pipeline_run_events WHERE tenant_id = @tenant_id AND kind = 'CLOSED'"
    known = {event["run_id"] for event in extracting.query(closed_runs, tenant_id=reader.tenant_id)}
    assert known == {manual, scheduled, done.run_id}


def test_a_tenant_whose_dataset_is_gone_has_nothing_left_to_close(executions: Executions) -> None:
    answer = close(executions, f"tenant_{uuid.uuid4().hex[:12]}", "some-run")
    assert (answer.status_code, answer.json()) == (200, {"status": "GONE"})
