"""Deliveries that repeat, executors that die, are overtaken, cancelled or run out of time: nothing lost or doubled."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from decimal import Decimal
from subprocess import PIPE
from typing import Any

import pytest

from devcloud.seed_billing.rows import Plan
from tests.conftest import MakeTenant
from tests.support.executions import Delivery, Executions, Instance, eventually
from tests.support.tenant import Api, Tenant

ALL_DAYS = {"start_date": "2025-11-01", "end_date": "2025-11-30"}
StartInstance = Callable[..., Instance]


@pytest.fixture
def large_tenant(make_tenant: MakeTenant) -> Tenant:
    """A tenant whose export takes a moment to load."""
    tenant = make_tenant()
    plan = Plan(seed=8, start=date(2025, 11, 10), days=4, rows_per_day=500)
    tenant.__dict__["export"] = tenant.seed(plan)
    return tenant


def rows_and_billed(truth: dict[str, Any]) -> tuple[int, Decimal]:
    return truth["rows"], Decimal(truth["total"])


def published(executions: Executions, tenant: Tenant) -> tuple[int, Decimal]:
    found = executions.published(tenant)
    return sum(row["row_count"] for row in found), sum((row["cost"] + row["credits"] for row in found), Decimal(0))


def has_event(executions: Executions, delivery: Delivery, kind: str, step_id: str = "") -> bool:
    return any(
        event["kind"] == kind and step_id in (event["details"] or "") and event["lease_id"] == delivery.lease_id
        for event in executions.events(delivery)
    )


def count_of(executions: Executions, delivery: Delivery, table: str) -> int:
    found = f"SELECT COUNT(*) AS rows_found FROM {table} WHERE pipeline_logging_id = @run_id"
    return int(executions.query(found, run_id=delivery.run_id)[0]["rows_found"])


def test_a_task_delivered_twice_at_once_runs_once(executions: Executions, tenant: Tenant) -> None:
    delivery = executions.admit(tenant, ALL_DAYS)
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda _: executions.deliver(delivery), range(2)))
    assert sorted(answers) == ["DUPLICATE", "SUCCEEDED"]
    assert executions.deliver(delivery) == "DUPLICATE"
    assert published(executions, tenant) == rows_and_billed(tenant.export.truth)


def test_a_task_without_a_current_lease_does_nothing(executions: Executions, tenant: Tenant) -> None:
    old = executions.admit(tenant, ALL_DAYS)
    new = executions.admit_again(old)
    expired = executions.admit(tenant, ALL_DAYS, lease_seconds=-1)
    assert executions.deliver(old) == "STALE"
    assert executions.deliver(expired) == "STALE"
    assert executions.deliver(new) == "SUCCEEDED", executions.error_of(new)


@pytest.mark.parametrize("moment", ["claimed", "extracted"])
def test_a_killed_run_is_completed_by_the_next_attempt(
    executions: Executions, large_tenant: Tenant, start_instance: StartInstance, moment: str
) -> None:
    delivery, instance = executions.admit(large_tenant, ALL_DAYS), start_instance()
    kind, step_id = ("CLAIMED", "") if moment == "claimed" else ("STEP", "extract")
    with ThreadPoolExecutor(2) as threads:
        cut_off = threads.submit(executions.try_to_deliver, delivery, url=instance.url)
        eventually(lambda: has_event(executions, delivery, kind, step_id))
        instance.signal(signal.SIGKILL)
        assert cut_off.result() == "CUT OFF"
        assert list(threads.map(lambda _: executions.deliver(delivery), range(2))) == ["DUPLICATE", "DUPLICATE"]
        rescued = executions.admit_again(delivery)
        answers = list(threads.map(lambda _: executions.deliver(rescued), range(2)))
    assert sorted(answers) == ["DUPLICATE", "SUCCEEDED"]
    assert published(executions, large_tenant) == rows_and_billed(large_tenant.export.truth)
    loads = [job for job in executions.cloud.bigquery.jobs() if delivery.run_id in job["id"] and job["kind"] == "LOAD"]
    assert len(loads) == 1


def test_a_run_that_ended_before_it_could_say_so_is_settled_and_not_repeated(
    executions: Executions, tenant: Tenant
) -> None:
    delivery = executions.run(tenant, ALL_DAYS)
    ended = executions.run_row(delivery)
    logs = [f"{tenant.tenant_id}.{table}" for table in ("x_meta_step_logs", "x_meta_dq_results")]
    logged = [count_of(executions, delivery, log) for log in logs]
    for log in logs:  # which is written last
        executions.query(f"DELETE FROM {log} WHERE pipeline_logging_id = @run_id", run_id=delivery.run_id)
    again = executions.admit_again(delivery)
    assert executions.deliver(again) == "SUCCEEDED"
    assert has_event(executions, again, "SUCCEEDED")
    assert executions.run_row(delivery) == ended
    assert [count_of(executions, delivery, log) for log in logs] == logged


def test_an_executor_frozen_and_overtaken_stops(
    executions: Executions, large_tenant: Tenant, start_instance: StartInstance
) -> None:
    delivery, instance = executions.admit(large_tenant, ALL_DAYS), start_instance()
    fence = f"SELECT lease_id FROM {large_tenant.tenant_id}.x_meta_publish_fence"
    with ThreadPoolExecutor(1) as threads:
        zombie = threads.submit(executions.deliver, delivery, url=instance.url)
        eventually(lambda: executions.query(fence) == [{"lease_id": delivery.lease_id}])
        instance.signal(signal.SIGSTOP)
        rescued = executions.admit_again(delivery)
        assert executions.deliver(rescued) == "SUCCEEDED"
        instance.signal(signal.SIGCONT)
        assert zombie.result() == "FAILED"
    assert published(executions, large_tenant) == rows_and_billed(large_tenant.export.truth)
    assert executions.run_row(delivery)["lease_id"] == rescued.lease_id
    assert "FENCE_LOST" in executions.error_of(delivery)


def test_a_publish_paused_after_its_proof_and_overtaken_aborts(
    executions: Executions, tenant: Tenant, environment: dict[str, str]
) -> None:
    delivery = executions.admit(tenant, ALL_DAYS)
    command = [sys.executable, "-m", "tests.e2e.execution.paused_publish", json.dumps(delivery.to_body())]
    with subprocess.Popen(command, env=environment, stdin=PIPE, stdout=PIPE, text=True) as zombie:
        assert zombie.stdout is not None
        assert zombie.stdout.readline() == "PAUSED\n"
        rescued = executions.admit_again(delivery)
        assert executions.deliver(rescued) == "SUCCEEDED"
        first, ended = executions.published(tenant), executions.run_row(delivery)
        answer, _ = zombie.communicate("go on\n", timeout=60)
    assert answer == "FENCE_LOST another attempt took over (FENCE_LOST)\n"
    assert executions.published(tenant) == first
    assert executions.run_row(delivery) == ended
    assert published(executions, tenant) == rows_and_billed(tenant.export.truth)


def test_what_an_overtaken_attempt_stages_late_is_not_published(
    executions: Executions, large_tenant: Tenant, start_instance: StartInstance, environment: dict[str, str]
) -> None:
    delivery, instance = executions.admit(large_tenant, {}), start_instance()
    fence = f"SELECT lease_id FROM {large_tenant.tenant_id}.x_meta_publish_fence"
    command = [sys.executable, "-m", "tests.e2e.execution.paused_publish"]
    with ThreadPoolExecutor(1) as threads:
        zombie = threads.submit(executions.deliver, delivery, url=instance.url)
        eventually(lambda: executions.query(fence) == [{"lease_id": delivery.lease_id}])
        instance.signal(signal.SIGSTOP)
        executions.run(large_tenant, {})  # moves the watermark, so that the second attempt has less to load
        added = large_tenant.seed(Plan(seed=8, start=date(2025, 11, 21), days=2, rows_per_day=20), append=True)
        rescued = executions.admit_again(delivery)
        command.append(json.dumps(rescued.to_body()))
        with subprocess.Popen(command, env=environment, stdin=PIPE, stdout=PIPE, text=True) as second:
            assert second.stdout is not None
            assert second.stdout.readline() == "PAUSED\n"
            instance.signal(signal.SIGCONT)
            assert zombie.result() == "FAILED"
            answer, _ = second.communicate("go on\n", timeout=60)
    assert answer == "PUBLISHED\n"
    rows, billed = rows_and_billed(large_tenant.export.truth)
    more_rows, more_billed = rows_and_billed(added.truth)
    assert published(executions, large_tenant) == (rows + more_rows, billed + more_billed)


def test_a_run_out_of_time_goes_on_in_the_next_hop(
    executions: Executions, tenant: Tenant, start_instance: StartInstance
) -> None:
    delivery, instance = executions.admit(tenant, ALL_DAYS), start_instance(EXECUTION_BUDGET_SECONDS="0.001")
    assert executions.deliver(delivery, url=instance.url) == "HANDED_OVER"
    eventually(lambda: has_event(executions, delivery, "SUCCEEDED"))
    steps = [json.loads(event["details"]) for event in executions.events(delivery) if event["kind"] == "STEP"]
    assert [step["step_id"] for step in steps] == ["extract", "focus", "checks", "publish"]
    assert published(executions, tenant) == rows_and_billed(tenant.export.truth)


def test_a_cancelled_run_publishes_nothing(executions: Executions, tenant: Tenant) -> None:
    delivery = executions.admit(tenant, ALL_DAYS)
    executions.request_cancel(delivery)
    assert executions.deliver(delivery) == "CANCELLED"
    assert executions.published(tenant) == []
    assert executions.run_row(delivery)["status"] == "CANCELLED"


def test_a_cancel_reaches_a_run_that_is_working(
    executions: Executions, large_tenant: Tenant, start_instance: StartInstance
) -> None:
    delivery, instance = executions.admit(large_tenant, ALL_DAYS), start_instance(HEARTBEAT_SECONDS="0.2")
    api = Api(executions.cloud.ready["gateway"], large_tenant.api_key)
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(executions.deliver, delivery, url=instance.url)
        eventually(lambda: has_event(executions, delivery, "CLAIMED"))
        cancel = api.post(f"/api/v1/pipelines/runs/{large_tenant.tenant_id}/{delivery.run_id}/cancel")
        assert (cancel.status_code, answer.result()) == (202, "CANCELLED")
    assert executions.run_row(delivery)["status"] == "CANCELLED"
    tables = executions.client.list_tables(large_tenant.tenant_id)
    assert "gcp_cost_billing" not in {table.table_id for table in tables} or executions.published(large_tenant) == []


def test_a_run_that_was_published_succeeds_whatever_its_executor_hears_afterwards(
    executions: Executions, large_tenant: Tenant, start_instance: StartInstance
) -> None:
    delivery, instance = executions.admit(large_tenant, ALL_DAYS, max_retries=0), start_instance()
    fence = f"SELECT lease_id FROM {large_tenant.tenant_id}.x_meta_publish_fence"
    with ThreadPoolExecutor(1) as threads:
        first_hop = threads.submit(executions.deliver, delivery, url=instance.url)
        eventually(lambda: executions.query(fence) == [{"lease_id": delivery.lease_id}])
        instance.signal(signal.SIGSTOP)
        assert executions.deliver(replace(delivery, hop=1)) == "SUCCEEDED"
        ended = executions.run_row(delivery)
        executions.request_cancel(delivery)
        instance.signal(signal.SIGCONT)
        assert first_hop.result() == "SUCCEEDED", executions.error_of(delivery)
    assert executions.run_row(delivery) == ended
    assert not has_event(executions, delivery, "CANCELLED")


def test_publishes_of_one_tenant_at_the_same_time_all_succeed(
    executions: Executions, tenant: Tenant, start_instance: StartInstance
) -> None:
    executions.prepare(tenant)
    exports = [tenant.export] + [
        tenant.seed(Plan(seed=seed, start=date(2025, 11, 15), days=2, rows_per_day=20)) for seed in (6, 7)
    ]
    deliveries = [executions.admit(tenant, {**ALL_DAYS, "billing_export_table": export.table}) for export in exports]
    urls = [start_instance().url for _ in deliveries]
    with ThreadPoolExecutor(len(deliveries)) as threads:
        answers = list(
            threads.map(lambda pair: executions.deliver(pair[0], url=pair[1]), zip(deliveries, urls, strict=True))
        )
    assert answers == ["SUCCEEDED"] * 3
    billed = [rows_and_billed(export.truth) for export in exports]
    assert published(executions, tenant) == (sum(rows for rows, _ in billed), sum(cost for _, cost in billed))
