"""Repeated deliveries, and executors that die, are overtaken, cancelled or out of time: nothing is lost or doubled."""

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
DEAF = {"HEARTBEAT_SECONDS": "3600"}  # the executor reads no signals while it waits


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


def test_a_task_delivered_twice_at_once_runs_once(extracting: Executions, reader: Tenant) -> None:
    delivery = extracting.admit(reader, ALL_DAYS)
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda _: extracting.deliver(delivery), range(2)))
    assert sorted(answers) == ["DUPLICATE", "SUCCEEDED"]
    assert extracting.deliver(delivery) == "DUPLICATE"
    assert published(extracting, reader) == rows_and_billed(reader.export.truth)


def test_a_task_without_a_current_lease_does_nothing(extracting: Executions, reader: Tenant) -> None:
    old = extracting.admit(reader, ALL_DAYS)
    new = extracting.admit_again(old)
    expired = extracting.admit(reader, ALL_DAYS, lease_seconds=-1)
    assert extracting.deliver(old) == "STALE"
    assert extracting.deliver(expired) == "STALE"
    assert extracting.deliver(new) == "SUCCEEDED", extracting.error_of(new)


@pytest.mark.parametrize("step", ["begin", "extract", "checks"])
def test_a_killed_run_is_completed_by_the_next_attempt(
    extracting: Executions, reader: Tenant, start_extracting: StartInstance, step: str
) -> None:
    delivery, instance = extracting.admit(reader, ALL_DAYS), start_extracting()
    with extracting.held(delivery, step, url=instance.url) as held, ThreadPoolExecutor(2) as threads:
        instance.signal(signal.SIGKILL)
        assert held.answer.result() == "CUT OFF"
        assert list(threads.map(lambda _: extracting.deliver(delivery), range(2))) == ["DUPLICATE", "DUPLICATE"]
        rescued = extracting.admit_again(delivery)
        held.let_go()
        answers = list(threads.map(lambda _: extracting.deliver(rescued), range(2)))
    assert sorted(answers) == ["DUPLICATE", "SUCCEEDED"]
    assert published(extracting, reader) == rows_and_billed(reader.export.truth)
    loads = [job for job in extracting.cloud.bigquery.jobs() if delivery.run_id in job["id"] and job["kind"] == "LOAD"]
    assert len(loads) == 1


def test_a_run_that_ended_without_its_last_event_is_settled_and_not_repeated(
    extracting: Executions, reader: Tenant
) -> None:
    delivery = extracting.run(reader, ALL_DAYS)
    ended = extracting.run_row(delivery)
    logs = [f"{reader.tenant_id}.{table}" for table in ("x_meta_step_logs", "x_meta_dq_results")]
    logged = [count_of(extracting, delivery, log) for log in logs]
    for log in logs:  # the event is written last
        extracting.query(f"DELETE FROM {log} WHERE pipeline_logging_id = @run_id", run_id=delivery.run_id)
    again = extracting.admit_again(delivery)
    assert extracting.deliver(again) == "SUCCEEDED"
    assert has_event(extracting, again, "SUCCEEDED")
    assert extracting.run_row(delivery) == ended
    assert [count_of(extracting, delivery, log) for log in logs] == logged


def test_an_executor_that_was_frozen_and_overtaken_stops(
    extracting: Executions, reader: Tenant, start_extracting: StartInstance
) -> None:
    delivery, zombie = extracting.admit(reader, ALL_DAYS), start_extracting()
    with extracting.held(delivery, "checks", url=zombie.url) as held:
        zombie.signal(signal.SIGSTOP)
        held.let_go()
        rescued = extracting.admit_again(delivery)
        assert extracting.deliver(rescued) == "SUCCEEDED"
        zombie.signal(signal.SIGCONT)
        assert held.answer.result() == "FAILED"
    assert published(extracting, reader) == rows_and_billed(reader.export.truth)
    assert extracting.run_row(delivery)["lease_id"] == rescued.lease_id
    assert "FENCE_LOST" in extracting.error_of(delivery)


def test_a_publish_that_comes_after_its_executor_was_overtaken_aborts(
    extracting: Executions, reader: Tenant, start_extracting: StartInstance
) -> None:
    delivery, zombie = extracting.admit(reader, ALL_DAYS), start_extracting(**DEAF)
    with extracting.held(delivery, "publish", url=zombie.url) as held, ThreadPoolExecutor(1) as threads:
        rescued = extracting.admit_again(delivery)
        succeeded = threads.submit(extracting.deliver, rescued)
        fence = f"SELECT token, lease_id FROM {reader.tenant_id}.x_meta_publish_fence ORDER BY token"
        tokens = [{"token": 1, "lease_id": delivery.lease_id}, {"token": 2, "lease_id": rescued.lease_id}]
        eventually(lambda: extracting.query(fence) == tokens)
        assert held.end() == "FAILED"
        assert succeeded.result() == "SUCCEEDED", extracting.error_of(rescued)
    assert extracting.error_of(delivery) == "FENCE_LOST: Another attempt took over (FENCE_LOST)."
    row = extracting.run_row(delivery)
    assert (row["lease_id"], row["attempt"]) == (rescued.lease_id, 2)
    # An aborted publish is tried again, so the overtaken executor may take turn 2 before it learns its fate.
    assert row["turn"] in (2, 3)
    assert published(extracting, reader) == rows_and_billed(reader.export.truth)


def test_rows_that_an_overtaken_attempt_stages_late_are_not_published(
    extracting: Executions, tenant: Tenant, start_extracting: StartInstance
) -> None:
    first, later = tenant.export, Plan(SMALL_EXPORT.seed, start=date(2025, 11, 21), days=2, rows_per_day=20)
    more = tenant.seed(later, append=True)
    assert more.table == first.table
    delivery, zombie = extracting.admit(tenant, {}), start_extracting(**DEAF)
    with extracting.held(delivery, "extract", url=zombie.url) as held:  # the rows of all days, as none is published
        # So that the second attempt has less to load.
        between = extracting.run(tenant, ALL_DAYS | {"end_date": "2025-11-20"})
        rescued = extracting.admit_again(delivery)
        with extracting.held(rescued, "publish") as second:
            held.let_go()
            # It waits for its turn, and gets it too late.
            eventually(lambda: has_event(extracting, delivery, "WAITING"))
            assert second.end() == "SUCCEEDED"
            assert held.end() == "FAILED"
    sql = f"SELECT x_pipeline_logging_id AS run, COUNT(*) AS n FROM {tenant.tenant_id}.gcp_cost_billing GROUP BY run"
    assert {row["run"]: row["n"] for row in extracting.query(sql)} == {
        between.run_id: first.truth["rows"], delivery.run_id: more.truth["rows"],
    }  # fmt: skip


def test_a_run_whose_request_is_out_of_time_continues_in_the_next_hop(
    executions: Executions, extracting: Executions, reader: Tenant, start_instance: StartInstance
) -> None:
    extracting.run(reader, ALL_DAYS)
    delivery = executions.admit(reader, ALL_DAYS, template="daily_by_service")
    instance = start_instance(EXECUTION_BUDGET_SECONDS="0.001")
    assert executions.deliver(delivery, url=instance.url) == "HANDED_OVER"
    eventually(lambda: has_event(executions, delivery, "SUCCEEDED"))
    steps = [json.loads(event["details"]) for event in executions.events(delivery) if event["kind"] == "STEP"]
    assert [step["step_id"] for step in steps] == ["summary", "checks", "publish"]
    assert daily_total(executions, reader) == rows_and_billed(reader.export.truth)[1]


def test_a_cancelled_run_publishes_nothing(extracting: Executions, reader: Tenant) -> None:
    delivery = extracting.admit(reader, ALL_DAYS)
    extracting.request_cancel(delivery)
    assert extracting.deliver(delivery) == "CANCELLED"
    assert extracting.published(reader) == []
    assert extracting.run_row(delivery)["status"] == "CANCELLED"


def test_a_running_run_can_be_cancelled(
    extracting: Executions, reader: Tenant, start_extracting: StartInstance
) -> None:
    delivery, instance = extracting.admit(reader, ALL_DAYS), start_extracting(HEARTBEAT_SECONDS="0.2")
    api = Api(extracting.cloud.ready["gateway"], reader.api_key)
    with extracting.held(delivery, "extract", url=instance.url) as held:
        cancel = api.post(f"/api/v1/pipelines/runs/{reader.tenant_id}/{delivery.run_id}/cancel")
        assert (cancel.status_code, held.answer.result()) == (202, "CANCELLED")
    assert extracting.run_row(delivery)["status"] == "CANCELLED"
    assert "gcp_cost_billing" not in {table.table_id for table in extracting.client.list_tables(reader.tenant_id)}


def test_a_published_run_succeeds_whatever_its_executor_reads_afterwards(
    extracting: Executions, reader: Tenant, start_extracting: StartInstance
) -> None:
    delivery, instance = extracting.admit(reader, ALL_DAYS, max_retries=0), start_extracting()
    with extracting.held(delivery, "checks", url=instance.url) as held:
        instance.signal(signal.SIGSTOP)
        held.let_go()
        assert extracting.deliver(replace(delivery, hop=1)) == "SUCCEEDED"
        ended = extracting.run_row(delivery)
        extracting.request_cancel(delivery)
        instance.signal(signal.SIGCONT)
        assert held.answer.result() == "SUCCEEDED", extracting.error_of(delivery)
    assert extracting.run_row(delivery) == ended
    assert not has_event(extracting, delivery, "CANCELLED")


def test_publishes_of_one_tenant_at_the_same_time_all_succeed(
    extracting: Executions, tenant: Tenant, start_extracting: StartInstance
) -> None:
    extracting.prepare(tenant)
    exports = [tenant.export] + [
        tenant.seed(Plan(seed=seed, start=date(2025, 11, 15), days=2, rows_per_day=20)) for seed in (6, 7)
    ]
    deliveries = [extracting.admit(tenant, {**ALL_DAYS, "billing_export_table": export.table}) for export in exports]
    urls = [start_extracting().url for _ in deliveries]
    with ThreadPoolExecutor(len(deliveries)) as threads:
        answers = list(
            threads.map(lambda pair: extracting.deliver(pair[0], url=pair[1]), zip(deliveries, urls, strict=True))
        )
    assert answers == ["SUCCEEDED"] * 3
    billed = [rows_and_billed(export.truth) for export in exports]
    assert published(extracting, tenant) == (sum(rows for rows, _ in billed), sum(cost for _, cost in billed))
