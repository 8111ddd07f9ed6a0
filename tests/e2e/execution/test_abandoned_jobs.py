"""A job for which no executor waits any more is cancelled, and its result is not used."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from devcloud.clients import warehouse_of
from shared.adapters.bigquery.job_waits import wait_until_done
from shared.adapters.bigquery.sql import Statement
from shared.adapters.google.retry_budget import RetryBudget
from shared.domain.dispatching.retry import MAX_JOBS, MAX_RETRIES, MAX_STEP_TRIES
from shared.errors import FenceLost, JobFailed, RunCancelled, RunError, StepTimedOut, Unavailable
from shared.pipeline.steps.staging_job import staging_job
from shared.pipeline.stop_signal import HandOver
from tests.support.executions import Executions, eventually
from tests.support.faults import refused
from tests.support.own_executor import planned_steps, unrecorded
from tests.support.planted import Planted
from tests.support.tenant import Tenant

SLOW = Statement("slow", "SELECT 1 AS found", {})  # the test decides how long devcloud holds it
FAILING = Statement("divide", "SELECT 1 / 0 AS n", {})


def reason_of(executions: Executions, job_id: str) -> str | None:
    """Why a job failed, once it has ended."""
    job = eventually(lambda: (job := executions.client.get_job(job_id)).done() and job)
    return str(job.error_result["reason"]) if job.error_result else None


@pytest.mark.parametrize("reason", [RunCancelled, StepTimedOut])
def test_an_abandoned_job_is_cancelled_and_the_next_attempt_starts_another(
    executions: Executions, reason: type[RunError]
) -> None:
    warehouse, job_id = warehouse_of(executions.client), f"test-{uuid.uuid4()}"

    def stop(_: float) -> None:
        raise reason

    with executions.cloud.bigquery.hold(statement="slow"):
        with pytest.raises(reason):
            warehouse.once(SLOW, {}, job_id=job_id, pause=stop)
        assert reason_of(executions, f"{job_id}-0") == "stopped"
    again = warehouse.once(SLOW, {}, job_id=job_id)
    assert (again.job_id, warehouse.rows_of(again)) == (f"{job_id}-1", [{"found": 1}])


@pytest.mark.parametrize("reason", [HandOver, FenceLost])
def test_a_job_continues_if_another_hop_or_attempt_will_wait_for_it(
    executions: Executions, reason: type[Exception]
) -> None:
    warehouse = warehouse_of(executions.client)

    def stop(_: float) -> None:
        raise reason

    with executions.cloud.bigquery.hold(statement="slow") as gate:
        job = warehouse.insert(SLOW, {}, job_id=f"test-{uuid.uuid4()}")
        with pytest.raises(reason):
            wait_until_done(job, stop, RetryBudget())
        gate.await_job()
    assert warehouse.rows_of(job) == [{"found": 1}]


def test_a_step_that_is_out_of_time_cancels_its_job_and_its_retry_does_the_work(
    executions: Executions, tenant: Tenant, tmp_path: Path
) -> None:
    planted = Planted(executions, tenant, tmp_path, datetime.now(UTC))
    template = planted.template([], [{}])
    hurried = [step.model_copy(update={"timeout_seconds": 1}) for step in template.steps]
    delivery = executions.admit(tenant, {"date": "2025-11-16"})
    hop = planted.hop(template, delivery)

    with executions.cloud.bigquery.hold(step="planted"), pytest.raises(StepTimedOut):
        unrecorded(replace(hop, template=template.model_copy(update={"steps": hurried}))).run()
    unrecorded(hop).run()

    jobs = [job["id"] for job in executions.jobs_of(delivery) if "-planted-" in job["id"]]
    assert [(job[-2:], reason_of(executions, job)) for job in jobs] == [("-0", "stopped"), ("-1", None)]
    assert [row["cost"] for row in planted.published()] == [1]


@pytest.mark.parametrize(("place", "after", "waits"), [("queries/", 0, False), ("/jobs/test-", 1, True)])
def test_a_failed_request_for_a_jobs_state_starts_no_second_job(
    executions: Executions, place: str, after: int, *, waits: bool
) -> None:
    client, job_id = executions.client, f"test-{uuid.uuid4()}"
    warehouse = warehouse_of(client)
    with executions.cloud.bigquery.hold(statement="slow") as gate:
        job = warehouse.insert(SLOW, {}, job_id=f"{job_id}-0")
        gate.await_job()
        with refused(client, "GET", place, after=after), pytest.raises(Unavailable, match="accessDenied"):
            warehouse.once(SLOW, {}, job_id=job_id, pause=time.sleep if waits else None)
        assert warehouse.find_job(f"{job_id}-1") is None
        assert warehouse.get_job(f"{job_id}-0").state == "RUNNING"
    assert warehouse.rows_of(job) == [{"found": 1}]


def test_a_statement_that_always_fails_ends_with_the_reason(executions: Executions) -> None:
    warehouse, job_id = warehouse_of(executions.client), f"test-{uuid.uuid4()}"
    for number in range(MAX_JOBS - 1):
        warehouse.insert(FAILING, {}, job_id=f"{job_id}-{number}")
    with pytest.raises(JobFailed, match=r"^BigQuery: invalidQuery"):
        warehouse.once(FAILING, {}, job_id=job_id)
    with pytest.raises(JobFailed, match=r"^divide failed 55 times, the last time with: BigQuery: invalidQuery"):
        warehouse.once(FAILING, {}, job_id=job_id)


def test_the_last_try_of_a_run_with_the_most_tries_still_gets_a_job_id(
    executions: Executions, tenant: Tenant, tmp_path: Path
) -> None:
    executions.prepare(tenant)
    planted = Planted(executions, tenant, tmp_path, datetime.now(UTC))
    hop = planted.hop(planted.template([], [{}]), executions.admit(tenant, {"date": "2025-11-16"}))
    step, *_ = planned_steps(hop)
    name, warehouse = f"{hop.task.run_id}-{step.id}-{step.input_hash}", hop.services.warehouse
    for number in range((MAX_RETRIES + 1) * MAX_STEP_TRIES - 1):  # the number of all tries before the last one
        warehouse.insert(FAILING, {}, job_id=f"{name}-{number}")
    passing = Statement("pass", "SELECT 1 AS n", {})
    job = staging_job(hop, step, lambda job_id: warehouse.insert(passing, {}, job_id=job_id))
    assert (job.job_id, job.error_result) == (f"{name}-54", None)
