"""Deliveries that repeat, executors that die, are overtaken, cancelled or run out of time: nothing lost or doubled."""

from __future__ import annotations

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from devcloud.seed_billing.rows import Plan
from tests.e2e.execution.conftest import StartInstance
from tests.support.executions import Delivery, Executions, eventually
from tests.support.tenant import SMALL_EXPORT, Api, Tenant

ALL_DAYS = {"start_date": "2025-11-01", "end_date": "2025-11-30"}
DEAF = {"HEARTBEAT_SECONDS": "3600"}  # it hears nothing while it waits


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


def daily_total(executions: Executions, tenant: Tenant) -> Decimal:
    """Net cost in the summary by day and service."""
    sums = "SELECT SUM(cost) + SUM(credit_amount) AS total FROM {dataset}.gcp_cost_daily_by_service"
    total: Decimal = executions.query(sums.format(dataset=tenant.tenant_id))[0]["total"]
    return total


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


@pytest.mark.parametrize("step", ["begin", "extract", "focus"])
def test_a_killed_run_is_completed_by_the_next_attempt(
    executions: Executions, tenant: Tenant, start_instance: StartInstance, step: str
) -> None:
    delivery, instance = executions.admit(tenant, ALL_DAYS), start_instance()
    with executions.held(delivery, step, url=instance.url) as held, ThreadPoolExecutor(2) as threads:
        instance.signal(signal.SIGKILL)
        assert held.answer.result() == "CUT OFF"
        assert list(threads.map(lambda _: executions.deliver(delivery), range(2))) == ["DUPLICATE", "DUPLICATE"]
        rescued = executions.admit_again(delivery)
        held.let_go()
        answers = list(threads.map(lambda _: executions.deliver(rescued), range(2)))
    assert sorted(answers) == ["DUPLICATE", "SUCCEEDED"]
    assert published(executions, tenant) == rows_and_billed(tenant.export.truth)
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
    executions: Executions, tenant: Tenant, start_instance: StartInstance
) -> None:
    delivery, zombie = executions.admit(tenant, ALL_DAYS), start_instance()
    with executions.held(delivery, "focus", url=zombie.url) as held:
        zombie.signal(signal.SIGSTOP)
        held.let_go()
        rescued = executions.admit_again(delivery)
        assert executions.deliver(rescued) == "SUCCEEDED"
        zombie.signal(signal.SIGCONT)
        assert held.answer.result() == "FAILED"
    assert published(executions, tenant) == rows_and_billed(tenant.export.truth)
    assert executions.run_row(delivery)["lease_id"] == rescued.lease_id
    assert "FENCE_LOST" in executions.error_of(delivery)


def test_a_publish_that_comes_after_its_executor_was_overtaken_aborts(
    executions: Executions, tenant: Tenant, start_instance: StartInstance
) -> None:
    delivery, zombie = executions.admit(tenant, ALL_DAYS), start_instance(**DEAF)
    with executions.held(delivery, "publish", url=zombie.url) as held, ThreadPoolExecutor(1) as threads:
        rescued = executions.admit_again(delivery)
        succeeded = threads.submit(executions.deliver, rescued)
        fence = f"SELECT token, lease_id FROM {tenant.tenant_id}.x_meta_publish_fence ORDER BY token"
        tokens = [{"token": 1, "lease_id": delivery.lease_id}, {"token": 2, "lease_id": rescued.lease_id}]
        eventually(lambda: executions.query(fence) == tokens)
        assert held.end() == "FAILED"
        assert succeeded.result() == "SUCCEEDED", executions.error_of(rescued)
    assert executions.error_of(delivery) == "FENCE_LOST: another attempt took over (FENCE_LOST)"
    row = executions.run_row(delivery)
    assert (row["lease_id"], row["attempt"], row["turn"]) == (rescued.lease_id, 2, 2)
    assert published(executions, tenant) == rows_and_billed(tenant.export.truth)


def test_what_an_overtaken_attempt_stages_late_is_not_published(
    executions: Executions, tenant: Tenant, start_instance: StartInstance
) -> None:
    first, later = tenant.export, Plan(SMALL_EXPORT.seed, start=date(2025, 11, 21), days=2, rows_per_day=20)
    more = tenant.seed(later, append=True)
    assert more.table == first.table
    delivery, zombie = executions.admit(tenant, {}), start_instance(**DEAF)
    with executions.held(delivery, "extract", url=zombie.url) as held:  # of all days, as none is published
        between = executions.run(tenant, ALL_DAYS | {"end_date": "2025-11-20"})  # so that the second has less to load
        rescued = executions.admit_again(delivery)
        with executions.held(rescued, "publish") as second:
            held.let_go()
            eventually(lambda: has_event(executions, delivery, "WAITING"))  # for its turn, which it gets too late
            assert second.end() == "SUCCEEDED"
            assert held.end() == "FAILED"
    sql = f"SELECT x_pipeline_logging_id AS run, COUNT(*) AS n FROM {tenant.tenant_id}.gcp_cost_billing GROUP BY run"
    assert {row["run"]: row["n"] for row in executions.query(sql)} == {
        between.run_id: first.truth["rows"], delivery.run_id: more.truth["rows"],
    }  # fmt: skip


def test_a_run_out_of_time_goes_on_in_the_next_hop(
    executions: Executions, tenant: Tenant, start_instance: StartInstance
) -> None:
    executions.run(tenant, ALL_DAYS)
    delivery = executions.admit(tenant, ALL_DAYS, template="daily_by_service")
    instance = start_instance(EXECUTION_BUDGET_SECONDS="0.001")
    assert executions.deliver(delivery, url=instance.url) == "HANDED_OVER"
    eventually(lambda: has_event(executions, delivery, "SUCCEEDED"))
    steps = [json.loads(event["details"]) for event in executions.events(delivery) if event["kind"] == "STEP"]
    assert [step["step_id"] for step in steps] == ["summary", "checks", "publish"]
    assert daily_total(executions, tenant) == rows_and_billed(tenant.export.truth)[1]


def test_a_cancelled_run_publishes_nothing(executions: Executions, tenant: Tenant) -> None:
    delivery = executions.admit(tenant, ALL_DAYS)
    executions.request_cancel(delivery)
    assert executions.deliver(delivery) == "CANCELLED"
    assert executions.published(tenant) == []
    assert executions.run_row(delivery)["status"] == "CANCELLED"


def test_a_cancel_reaches_a_run_that_is_working(
    executions: Executions, tenant: Tenant, start_instance: StartInstance
) -> None:
    delivery, instance = executions.admit(tenant, ALL_DAYS), start_instance(HEARTBEAT_SECONDS="0.2")
    api = Api(executions.cloud.ready["gateway"], tenant.api_key)
    with executions.held(delivery, "focus", url=instance.url) as held:
        cancel = api.post(f"/api/v1/pipelines/runs/{tenant.tenant_id}/{delivery.run_id}/cancel")
        assert (cancel.status_code, held.answer.result()) == (202, "CANCELLED")
    assert executions.run_row(delivery)["status"] == "CANCELLED"
    assert "gcp_cost_billing" not in {table.table_id for table in executions.client.list_tables(tenant.tenant_id)}


def test_a_run_that_was_published_succeeds_whatever_its_executor_hears_afterwards(
    executions: Executions, tenant: Tenant, start_instance: StartInstance
) -> None:
    delivery, instance = executions.admit(tenant, ALL_DAYS, max_retries=0), start_instance()
    with executions.held(delivery, "focus", url=instance.url) as held:
        instance.signal(signal.SIGSTOP)
        held.let_go()
        assert executions.deliver(replace(delivery, hop=1)) == "SUCCEEDED"
        ended = executions.run_row(delivery)
        executions.request_cancel(delivery)
        instance.signal(signal.SIGCONT)
        assert held.answer.result() == "SUCCEEDED", executions.error_of(delivery)
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
