"""process_queue through the gateway, against BigQuery and Cloud Tasks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.dispatching import Dispatching, statements
from tests.support.executions import eventually

Json = dict[str, Any]


def test_an_empty_queue_costs_one_job_and_nothing_else(dispatching: Dispatching) -> None:
    answer = dispatching.process()
    assert (answer["processed"], answer["message"]) == (False, "No pipelines in queue")
    assert statements(dispatching, answer) == ["read_queue"]
    assert dispatching.kicks() == []


def test_a_waiting_run_is_admitted_counted_and_delivered_in_two_jobs(dispatching: Dispatching, tenant_id: str) -> None:
    (run_id,) = dispatching.enqueue(tenant_id, "gcp-cost-billing")

    answer = dispatching.process()

    assert statements(dispatching, answer) == ["read_queue", "apply_decision"]
    del answer["request_id"]
    run = {
        "pipeline_logging_id": run_id,
        "tenant_id": tenant_id,
        "pipeline_id": "gcp-cost-billing",
        "status": "PROCESSING",
    }
    assert answer == run | {
        "processed": True,
        "message": f"Pipeline started processing for tenant {tenant_id}",
        "runs": [run],
        "processed_count": 1,
        "settled_count": 0,
        "rescued_count": 0,
        "waiting_count": 0,
    }
    item = dispatching.item(run_id)
    assert (item["state"], item["attempt"]) == ("PROCESSING", 1)
    assert (
        item["quota_date"] == item["processing_started_at"].date()
    )  # the UTC day, even if the test takes past midnight
    assert item["lease_expires_at"] - item["processing_started_at"] == timedelta(seconds=300)
    assert dispatching.scheduled(run_id)["state"] == "RUNNING"
    usage = dispatching.usage(tenant_id)
    assert (usage["pipelines_run_today"], usage["concurrent_pipelines_running"]) == (1, 1)
    assert (usage["daily_limit"], usage["concurrent_limit"]) == (10, 2)
    assert [event["kind"] for event in dispatching.events(run_id)] == ["ADMITTED"]
    assert dispatching.deliveries(run_id) == [
        {
            "run_id": run_id,
            "tenant_id": tenant_id,
            "pipeline_logging_id": run_id,
            "lease_id": item["lease_id"],
            "attempt": 1,
            "hop": 0,
            "closing": None,
            "pipeline_id": "gcp-cost-billing",
        }
    ]


def test_a_second_call_changes_nothing_and_kicks_for_the_moment_when_a_claim_is_overdue(
    dispatching: Dispatching, tenant_id: str
) -> None:
    (run_id,) = dispatching.enqueue(tenant_id, "a")
    dispatching.process()
    answer = dispatching.process()
    assert statements(dispatching, answer) == ["read_queue"]
    overdue_at = dispatching.item(run_id)["processing_started_at"] + timedelta(seconds=10)
    (kick,) = dispatching.kicks()
    assert timedelta(0) < kick - overdue_at <= timedelta(seconds=0.6)


def test_a_run_that_succeeded_leaves_the_queue_and_frees_its_slot(dispatching: Dispatching, tenant_id: str) -> None:
    first, second, third = dispatching.enqueue(tenant_id, "a", "b", "c")
    assert dispatching.process()["waiting_count"] == 1
    (waiting,) = [run_id for run_id in (first, second, third) if dispatching.item(run_id)["state"] == "QUEUED"]
    assert dispatching.item(waiting)["wait_reason"] == "CONCURRENT_LIMIT"
    (done, _) = [run_id for run_id in (first, second, third) if run_id != waiting]
    dispatching.report(done, "SUCCEEDED")

    answer = dispatching.process()

    assert (answer["settled_count"], answer["processed_count"], answer["waiting_count"]) == (1, 1, 0)
    assert dispatching.item(done) == {}
    assert dispatching.scheduled(done)["state"] == "COMPLETED"
    assert dispatching.item(waiting)["wait_reason"] is None
    usage = dispatching.usage(tenant_id)
    assert (usage["pipelines_run_today"], usage["pipelines_succeeded_today"]) == (3, 1)
    assert usage["concurrent_pipelines_running"] == 2
    assert [event["kind"] for event in dispatching.events(done)] == ["ADMITTED", "SUCCEEDED", "SETTLED"]


def test_a_failed_run_backs_off_and_its_schedule_shows_it(dispatching: Dispatching, tenant_id: str) -> None:
    (run_id,) = dispatching.enqueue(tenant_id, "a")
    dispatching.process()
    dispatching.report(run_id, "FAILED", retryable=True, error_class="STEP_FAILED", error_message="a step failed")
    dispatching.process()
    item, scheduled = dispatching.item(run_id), dispatching.scheduled(run_id)
    assert (item["state"], item["priority"], item["lease_id"]) == ("QUEUED", 4, None)
    assert (scheduled["state"], scheduled["retry_count"]) == ("FAILED", 1)
    assert (scheduled["outcome_reason"], scheduled["error_message"]) == ("STEP_FAILED", "a step failed")
    assert dispatching.usage(tenant_id)["pipelines_failed_today"] == 0
    assert dispatching.usage(tenant_id)["concurrent_pipelines_running"] == 0


def test_a_run_that_failed_for_good_is_counted_and_closed(dispatching: Dispatching, tenant_id: str) -> None:
    (run_id,) = dispatching.enqueue(tenant_id, "a")
    dispatching.process()
    dispatching.report(run_id, "FAILED", retryable=False, error_class="CHECK_FAILED", error_message="no rows")
    dispatching.process()
    assert dispatching.item(run_id) == {}
    assert dispatching.scheduled(run_id)["completed_at"] is not None
    assert dispatching.usage(tenant_id)["pipelines_failed_today"] == 1
    (closing,) = dispatching.closings(run_id)
    reported = [closing[name] for name in ("status", "error_class", "error_message")]
    assert reported == ["FAILED", "CHECK_FAILED", "no rows"]


def test_a_waiting_run_that_is_cancelled_ends_at_once(dispatching: Dispatching, tenant_id: str) -> None:
    (run_id,) = dispatching.enqueue(tenant_id, "a", available_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    dispatching.report(run_id, "CANCEL_REQUESTED")
    dispatching.process()
    assert dispatching.item(run_id) == {}
    assert dispatching.scheduled(run_id)["state"] == "CANCELLED"
    assert dispatching.events(run_id)[-1]["outcome"] == "CANCELLED"
    assert [run["status"] for run in dispatching.closings(run_id)] == ["CANCELLED"]


def test_a_cancel_stays_valid_as_long_as_its_run_waits(dispatching: Dispatching, tenant_id: str) -> None:
    (run_id,) = dispatching.enqueue(tenant_id, "a")
    dispatching.query(
        "INSERT INTO tenants.pipeline_run_events (event_id, run_id, tenant_id, kind, occurred_at) VALUES"
        " (GENERATE_UUID(), @run_id, @tenant_id, 'CANCEL_REQUESTED',"
        " TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 20 DAY))",
        run_id=run_id,
        tenant_id=tenant_id,
    )
    dispatching.process()
    assert dispatching.scheduled(run_id)["state"] == "CANCELLED"


def test_a_manual_run_beyond_the_daily_limit_is_refused_and_a_scheduled_one_waits(dispatching: Dispatching) -> None:
    tenant = dispatching.onboard(daily_limit=1, concurrent_limit=5)
    first, late = dispatching.enqueue(tenant, "a", "b")
    (manual,) = dispatching.enqueue(tenant, "c", is_manual=True, priority=0)
    dispatching.process({"max_runs": 1})
    dispatching.process()
    (waiting,) = [run_id for run_id in (first, late) if dispatching.item(run_id)["state"] == "QUEUED"]
    assert dispatching.item(waiting)["wait_reason"] == "DAILY_LIMIT"
    assert [run["error_class"] for run in dispatching.closings(manual)] == ["QUOTA_EXCEEDED"]
    assert dispatching.usage(tenant)["pipelines_run_today"] == 1


def test_a_lost_task_is_created_again(dispatching: Dispatching, tenant_id: str) -> None:
    started = (datetime.now(UTC) - timedelta(seconds=30)).isoformat()
    expires = (datetime.now(UTC) + timedelta(seconds=270)).isoformat()
    (run_id,) = dispatching.enqueue(
        tenant_id, "a", state="PROCESSING", attempt=1, lease_id="lease", processing_started_at=started,
        lease_expires_at=expires,
    )  # fmt: skip
    answer = dispatching.process()
    assert answer["rescued_count"] == 1
    assert [task["lease_id"] for task in dispatching.deliveries(run_id)] == ["lease"]


def test_a_silent_executor_loses_its_lease(dispatching: Dispatching, tenant_id: str) -> None:
    past = (datetime.now(UTC) - timedelta(minutes=6)).isoformat()
    (run_id,) = dispatching.enqueue(
        tenant_id, "a", state="PROCESSING", attempt=1, lease_id="lease", processing_started_at=past,
        lease_expires_at=past,
    )  # fmt: skip
    dispatching.report(run_id, "CLAIMED", occurred_at=past)
    answer = dispatching.process()
    assert (answer["rescued_count"], dispatching.item(run_id)["wait_reason"]) == (1, "RETRY_BACKOFF")
    assert dispatching.scheduled(run_id)["outcome_reason"] == "LEASE_EXPIRED"


def test_eight_calls_at_once_admit_each_run_once_and_within_the_limits(dispatching: Dispatching) -> None:
    tenants = [dispatching.onboard(daily_limit=4, concurrent_limit=3) for _ in range(4)]
    runs = [run_id for tenant in tenants for run_id in dispatching.enqueue(tenant, *"abcdef")]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: dispatching.call({"max_runs": 2}), range(8)))
    assert {answer.status_code for answer in answers} <= {200, 503}
    dispatching.process()
    for tenant in tenants:
        assert dispatching.usage(tenant)["pipelines_run_today"] == 3
    admissions = [event for run_id in runs for event in dispatching.events(run_id)]
    assert len(admissions) == len({event["run_id"] for event in admissions}) == 12
    assert len(dispatching.deliveries(*runs)) == 12


def test_each_call_is_recorded_as_a_job_run(dispatching: Dispatching) -> None:
    before = datetime.now(UTC)
    dispatching.process()
    sql = "SELECT outcome, TO_JSON_STRING(counts) AS counts, started_at FROM tenants.scheduler_job_runs"
    recorded = [row for row in dispatching.query(sql) if row["started_at"] >= before]
    assert [(row["outcome"], '"processed_count":0' in row["counts"]) for row in recorded] == [("SUCCESS", True)]


@pytest.mark.parametrize("body", [{"max_runs": 0}, {"max_runs": "5"}, {"limit": 5}, {"max_runs": 1.5}])
def test_a_bad_body_is_refused_by_name(dispatching: Dispatching, body: Json) -> None:
    answer = dispatching.call(body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == next(iter(body))


class TestCallers:
    def test_a_call_without_a_token_is_refused(self, dispatching: Dispatching) -> None:
        assert dispatching.call(headers={}).status_code in {401, 403}

    def test_a_token_for_another_function_is_refused(self, dispatching: Dispatching) -> None:
        token = dispatching.token("cvg-tasks-invoker", audience="execute_run")
        assert dispatching.call(headers={"Authorization": f"Bearer {token}"}).status_code in {401, 403}

    def test_a_token_of_an_account_that_is_no_invoker_is_refused(self, dispatching: Dispatching) -> None:
        token = dispatching.token("cvg-api")
        assert dispatching.call(headers={"Authorization": f"Bearer {token}"}).status_code in {401, 403}

    def test_the_scheduler_may_call(self, dispatching: Dispatching) -> None:
        token = dispatching.token("cvg-scheduler-invoker")
        assert dispatching.call(headers={"Authorization": f"Bearer {token}"}).status_code == 200

    def test_an_invoker_with_a_wrong_admin_key_is_refused(self, dispatching: Dispatching) -> None:
        headers = {"Authorization": f"Bearer {dispatching.token('cvg-tasks-invoker')}", "X-Admin-Key": "wrong"}
        assert dispatching.call(headers=headers).status_code == 401

    def test_an_invoker_with_the_admin_key_may_call(self, dispatching: Dispatching) -> None:
        key = dispatching.cloud.ready["admin_key"]
        headers = {"Authorization": f"Bearer {dispatching.token('cvg-tasks-invoker')}", "X-Admin-Key": key}
        assert dispatching.call(headers=headers).status_code == 200


def test_a_dispatcher_killed_in_the_middle_loses_no_run_and_delivers_none_twice(
    dispatching: Dispatching, tenant_id: str
) -> None:
    (run_id,) = dispatching.enqueue(tenant_id, "a")
    epoch = dispatching.epoch()
    with ThreadPoolExecutor(1) as threads, dispatching.cloud.bigquery.hold(statement="apply_decision") as gate:
        call = threads.submit(dispatching.call)
        decision = gate.await_job()
        dispatching.cloud.kill_function("process_queue")
        assert call.result().status_code == 503
    eventually(lambda: dispatching.client.get_job(decision).done())
    # The decision is applied, and no task is created.
    assert (dispatching.epoch(), dispatching.deliveries(run_id)) == (epoch + 1, [])
    dispatching.query(  # the claim that never came is overdue
        "UPDATE tenants.pipeline_execution_queue"
        " SET processing_started_at = TIMESTAMP_SUB(processing_started_at, INTERVAL 1 MINUTE) WHERE run_id = @run_id",
        run_id=run_id,
    )
    for _ in range(2):  # the second call finds the task, which no executor has taken yet
        assert dispatching.process()["rescued_count"] == 1
    assert len(dispatching.deliveries(run_id)) == 1
    assert dispatching.usage(tenant_id)["pipelines_run_today"] == 1
