"""Runs whose executor died without a word: a closing task finds out how they ended, and that is what counts."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from subprocess import PIPE

import pytest
import requests

from tests.support.executions import Delivery, Executions, Instance, Json, eventually, served
from tests.support.tenant import Tenant

PROCESS_QUEUE = "/api/v1/scheduler/process-queue"
SILENT = {"status": "FAILED", "error_class": "LEASE_EXPIRED", "error_message": "the executor stopped reporting"}
CANCELLED = {"status": "CANCELLED", "error_class": "CANCELLED", "error_message": "on request"}
StartInstance = Callable[..., Instance]

pytestmark = pytest.mark.usefixtures("live_dispatcher")


@contextmanager
def paused(delivery: Delivery, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """An executor of the delivery's that has stopped right before it publishes."""
    command = [sys.executable, "-m", "tests.e2e.execution.paused_publish", json.dumps(delivery.to_body())]
    with subprocess.Popen(command, env=environment, stdin=PIPE, stdout=PIPE, text=True) as executor:
        assert executor.stdout is not None
        assert executor.stdout.readline() == "PAUSED\n"
        yield executor


def settled_as(executions: Executions, delivery: Delivery) -> list[tuple[str, str | None]]:
    """How the dispatcher settled a run whose executor claimed it for the last time and went silent long ago."""
    executions.query(
        "INSERT INTO tenants.pipeline_run_events (event_id, run_id, tenant_id, lease_id, kind, occurred_at)"
        " VALUES (GENERATE_UUID(), @run_id, @tenant_id, @lease_id, 'CLAIMED',"
        " TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 HOUR))",
        run_id=delivery.run_id,
        tenant_id=delivery.tenant.tenant_id,
        lease_id=delivery.lease_id,
    )
    executions.query(
        "UPDATE tenants.pipeline_execution_queue SET lease_expires_at = TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL"
        " 1 HOUR) WHERE run_id = @run_id",
        run_id=delivery.run_id,
    )
    function_url = f"{executions.cloud.ready['gateway']}/process_queue"
    account = f"cvg-scheduler-invoker@{executions.cloud.project}.iam.gserviceaccount.com"
    headers = {"Authorization": f"Bearer {executions.cloud.identity.id_token(account, function_url)}"}
    served(lambda: requests.post(f"{function_url}{PROCESS_QUEUE}", json={}, headers=headers, timeout=100))
    settled = (
        "SELECT outcome, error_class FROM tenants.pipeline_run_events"
        " WHERE run_id = @run_id AND kind = 'SETTLED' ORDER BY occurred_at"
    )
    found = eventually(lambda: executions.query(settled, run_id=delivery.run_id))
    return [(event["outcome"], event["error_class"]) for event in found]


def test_a_last_attempt_that_published_and_died_before_it_said_so_has_succeeded(
    executions: Executions, tenant: Tenant, environment: dict[str, str]
) -> None:
    delivery = executions.admit(tenant, {"date": "2025-11-16"}, max_retries=0)
    command = [sys.executable, "-m", "tests.e2e.execution.paused_publish", json.dumps(delivery.to_body())]
    said = subprocess.run(command, env=environment, input="go on\n", capture_output=True, text=True, check=True)
    assert said.stdout == "PAUSED\nPUBLISHED\n", said.stderr
    ended = executions.run_row(delivery)
    assert (ended["status"], executions.events(delivery)) == ("COMPLETED", [])
    assert settled_as(executions, delivery) == [("COMPLETED", None)]
    assert executions.run_row(delivery) == ended


@pytest.mark.parametrize("max_retries", [0, 3])
def test_a_run_that_published_while_it_was_cancelled_and_then_died_has_succeeded(
    executions: Executions, tenant: Tenant, environment: dict[str, str], max_retries: int
) -> None:
    delivery = executions.admit(tenant, {"date": "2025-11-16"}, max_retries=max_retries)
    with paused(delivery, environment) as executor:
        executions.request_cancel(delivery)
        answer, _ = executor.communicate("go on\n", timeout=60)
    assert answer == "PUBLISHED\n"
    assert settled_as(executions, delivery) == [("COMPLETED", None)]
    assert executions.run_row(delivery)["status"] == "COMPLETED"


def test_a_last_attempt_that_fails_and_knows_how_it_ended_needs_no_closing(
    executions: Executions, tenant: Tenant, environment: dict[str, str], start_instance: StartInstance
) -> None:
    keyless = start_instance(KMS_KEY=f"{environment['KMS_KEY']}-gone")
    facts = []
    for max_retries in (1, 0):
        delivery = executions.admit(tenant, {"date": "2025-11-16"}, max_retries=max_retries)
        assert executions.deliver(delivery, url=keyless.url) == "FAILED"
        facts.append((executions.events(delivery)[-1]["retryable"], executions.run_row(delivery)["status"]))
    assert facts == [(True, "RUNNING"), (False, "FAILED")]


def test_a_last_attempt_that_died_before_it_published_has_failed(executions: Executions, tenant: Tenant) -> None:
    delivery = executions.admit(tenant, {"date": "2025-11-16"}, max_retries=0)
    assert settled_as(executions, delivery) == [("FAILED", "LEASE_EXPIRED")]
    queued = "SELECT 1 FROM tenants.pipeline_execution_queue WHERE run_id = @run_id"
    assert executions.query(queued, run_id=delivery.run_id) == []


def test_a_last_attempt_given_up_before_it_published_publishes_nothing(
    executions: Executions, tenant: Tenant, environment: dict[str, str]
) -> None:
    delivery = executions.admit(tenant, {"date": "2025-11-16"}, max_retries=0)
    with paused(delivery, environment) as zombie:
        assert settled_as(executions, delivery) == [("FAILED", "LEASE_EXPIRED")]
        answer, _ = zombie.communicate("go on\n", timeout=60)
    assert answer.startswith("FENCE_LOST")
    assert executions.published(tenant) == []
    assert executions.run_row(delivery)["status"] == "FAILED"


def test_a_run_that_was_closed_as_cancelled_before_anybody_said_so_is_cancelled(
    executions: Executions, tenant: Tenant, environment: dict[str, str]
) -> None:
    delivery = executions.admit(tenant, {"date": "2025-11-16"}, max_retries=0)
    with paused(delivery, environment) as executor:
        closed = executions.post(delivery.to_body() | {"lease_id": None, "closing": CANCELLED})
        assert closed.json() == {"status": "CLOSED"}
        executor.kill()
    assert settled_as(executions, delivery) == [("CANCELLED", "CANCELLED")]
    assert executions.run_row(delivery)["status"] == "CANCELLED"


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_the_log_of_a_killed_run_says_what_it_did_and_what_it_was_doing(
    executions: Executions, tenant: Tenant, start_instance: StartInstance, is_cancelled: bool
) -> None:
    delivery, instance = executions.admit(tenant, {"date": "2025-11-16"}, max_retries=0), start_instance()
    with ThreadPoolExecutor(1) as threads:
        cut_off = threads.submit(executions.try_to_deliver, delivery, url=instance.url)
        eventually(lambda: executions.steps_of(delivery))
        instance.signal(signal.SIGKILL)
        assert cut_off.result() == "CUT OFF"
    if is_cancelled:
        executions.request_cancel(delivery)
    done = [step["step_id"] for step in executions.steps_of(delivery)]
    interrupted = ["extract", "focus", "checks", "publish"][len(done)]
    closing = delivery.to_body() | {"hop": 1, "closing": SILENT}
    status = "CANCELLED" if is_cancelled else "FAILED"
    assert [executions.post(closing).json()["status"] for _ in range(2)] == [status, status]

    ended = executions.run_row(delivery)
    assert ended["status"] == status
    assert ended["bytes_billed"] == sum(step["bytes_billed"] or 0 for step in executions.steps_of(delivery))
    assert steps_logged(executions, delivery) == [
        *((step_id, "COMPLETED", None) for step_id in done),
        (interrupted, "FAILED", ended["error_message"]),
    ]
    checked = f"SELECT check_id FROM {tenant.tenant_id}.x_meta_dq_results WHERE pipeline_logging_id = @run_id"
    assert {"check_id": "extract.rows_have_a_usage_day"} in executions.query(checked, run_id=delivery.run_id)


def steps_logged(executions: Executions, delivery: Delivery) -> list[tuple[str, str, str | None]]:
    logged = (
        f"SELECT step_id, status, error_message FROM {delivery.tenant.tenant_id}.x_meta_step_logs"
        " WHERE pipeline_logging_id = @run_id AND action = 'STEP' ORDER BY started_at"
    )
    found: list[Json] = executions.query(logged, run_id=delivery.run_id)
    return [(row["step_id"], row["status"], row["error_message"]) for row in found]


def test_a_closing_task_ends_a_run_once(executions: Executions, tenant: Tenant) -> None:
    delivery = executions.run(tenant, {"date": "2025-11-16"})
    ended = executions.run_row(delivery)
    body = delivery.to_body() | {"lease_id": None, "closing": SILENT}
    assert executions.post(body).json() == {"status": "CLOSED"}
    assert executions.run_row(delivery) == ended
