"""trigger_due_pipelines through the gateway: each due tick gets one outcome, in two jobs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.dispatching import Dispatching, statements

Json = dict[str, Any]
# The only tick of a daily schedule since yesterday: the next one is two hours away.
YESTERDAY = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=22)


def test_nothing_due_costs_one_job(dispatching: Dispatching) -> None:
    answer = dispatching.trigger()
    assert statements(dispatching, answer) == ["read_due"]
    counts = [answer["triggered_count"], answer["queued_count"], answer["skipped_count"], answer["skipped"]]
    assert counts == [0, 0, 0, []]
    next_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    assert datetime.fromisoformat(answer["next_trigger_time"]) == next_hour


def test_a_due_tick_is_queued_and_its_schedule_moved_in_two_jobs(dispatching: Dispatching, tenant_id: str) -> None:
    config_id = dispatching.schedule(tenant_id, next_run_time=YESTERDAY, parameters={"date": "{date}"}, priority=7)

    answer = dispatching.trigger()

    assert statements(dispatching, answer) == ["read_due", "apply_plans"]
    assert (answer["triggered_count"], answer["queued_count"]) == (1, 1)
    (run,) = dispatching.runs_of(config_id)
    day = (YESTERDAY - timedelta(days=1)).date().isoformat()
    assert (run["state"], run["scheduled_time"], run["tick_count"]) == ("PENDING", YESTERDAY, 1)
    assert run["parameters"] == {"allow_empty": False, "late_hours": 72, "date": day}
    item = dispatching.item(run["run_id"])
    assert (item["state"], item["priority"], item["trigger_by"]) == ("QUEUED", 7, "cloud_scheduler")
    assert (item["parameters"], item["user_id"]) == (run["parameters"], None)
    assert dispatching.config(config_id)["next_run_time"] > datetime.now(UTC)
    assert len(dispatching.kicks()) == 1


def test_a_trigger_that_is_repeated_finds_nothing(dispatching: Dispatching, tenant_id: str) -> None:
    config_id = dispatching.schedule(tenant_id, next_run_time=YESTERDAY)
    dispatching.trigger()
    assert dispatching.trigger()["queued_count"] == 0
    assert len(dispatching.runs_of(config_id)) == 1


def test_triggers_at_the_same_instant_queue_each_tick_once(dispatching: Dispatching, tenant_id: str) -> None:
    configs = [dispatching.schedule(tenant_id, next_run_time=YESTERDAY) for _ in range(5)]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: dispatching.call_scheduled("trigger_due_pipelines", "trigger"), range(8)))
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert sum(answer.json()["queued_count"] for answer in answers if answer.status_code == 200) == 5
    assert [len(dispatching.runs_of(config_id)) for config_id in configs] == [1] * 5


def test_missed_ticks_get_one_run_over_all_their_dates(dispatching: Dispatching, tenant_id: str) -> None:
    config_id = dispatching.schedule(
        tenant_id, next_run_time=YESTERDAY - timedelta(days=3), parameters={"date": "{date}"}
    )
    dispatching.trigger()
    (run,) = dispatching.runs_of(config_id)
    assert run["tick_count"] == 4
    first, last = (YESTERDAY - timedelta(days=4)).date(), (YESTERDAY - timedelta(days=1)).date()
    assert (run["parameters"]["start_date"], run["parameters"]["end_date"]) == (first.isoformat(), last.isoformat())


def test_a_skipped_tick_is_recorded_with_its_reason(dispatching: Dispatching, tenant_id: str) -> None:
    config_id = dispatching.schedule(tenant_id, next_run_time=YESTERDAY, misfire_policy="skip")
    answer = dispatching.trigger()
    assert (answer["queued_count"], answer["skipped"]) == (0, [{"config_id": config_id, "reason": "MISFIRE"}])
    (run,) = dispatching.runs_of(config_id)
    assert (run["state"], run["outcome_reason"], run["pipeline_logging_id"]) == ("SKIPPED", "MISFIRE", None)
    assert dispatching.config(config_id)["last_run_status"] == "SKIPPED"


def test_a_tick_that_would_overlap_is_skipped(dispatching: Dispatching, tenant_id: str) -> None:
    config_id = dispatching.schedule(tenant_id, next_run_time=YESTERDAY, overlap_policy="skip")
    dispatching.enqueue(tenant_id, "gcp-cost-billing", config_id=config_id)
    assert dispatching.trigger()["skipped"] == [{"config_id": config_id, "reason": "OVERLAP"}]


def test_a_tenant_at_its_daily_limit_keeps_its_tick_due(dispatching: Dispatching) -> None:
    tenant_id = dispatching.onboard(daily_limit=0)
    config_id = dispatching.schedule(tenant_id, next_run_time=YESTERDAY, misfire_policy="skip")
    assert dispatching.trigger()["skipped"] == [{"config_id": config_id, "reason": "DAILY_LIMIT"}]
    assert dispatching.config(config_id)["next_run_time"] == YESTERDAY
    dispatching.query(
        "UPDATE tenants.tenant_subscriptions SET daily_limit = 5 WHERE tenant_id = @tenant_id", tenant_id=tenant_id
    )
    assert dispatching.trigger()["queued_count"] == 1  # deferred is not missed


def test_a_tenant_with_more_schedules_than_runs_a_day_queues_no_more_than_it_can_start(
    dispatching: Dispatching,
) -> None:
    tenant_id = dispatching.onboard(daily_limit=2)
    dispatching.schedule(tenant_id, next_run_time=YESTERDAY, count=4)
    assert dispatching.trigger()["queued_count"] == 4
    dispatching.process()

    config_id = dispatching.schedule(tenant_id, next_run_time=YESTERDAY)
    dispatching.query("DELETE FROM tenants.tenant_usage_quotas WHERE tenant_id = @tenant_id", tenant_id=tenant_id)
    assert dispatching.trigger()["skipped"] == [{"config_id": config_id, "reason": "DAILY_LIMIT"}]

    dispatching.query(
        "DELETE FROM tenants.pipeline_execution_queue WHERE tenant_id = @tenant_id AND quota_date IS NULL",
        tenant_id=tenant_id,
    )
    assert dispatching.trigger()["queued_count"] == 1


def test_a_suspended_tenants_ticks_stay_due(dispatching: Dispatching, tenant_id: str) -> None:
    config_id = dispatching.schedule(tenant_id, next_run_time=YESTERDAY)
    dispatching.query(
        "UPDATE tenants.tenant_profiles SET status = 'SUSPENDED' WHERE tenant_id = @tenant_id", tenant_id=tenant_id
    )
    assert dispatching.trigger()["skipped"] == [{"config_id": config_id, "reason": "TENANT_NOT_ACTIVE"}]
    assert dispatching.config(config_id)["next_run_time"] == YESTERDAY


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"pipeline_template": "no_such_template"}, "TEMPLATE_GONE"),
        ({"timezone": "Mars/Base"}, "INVALID_SCHEDULE"),
    ],
)
def test_a_schedule_that_cannot_run_is_set_inactive_and_stops_no_other(
    dispatching: Dispatching, tenant_id: str, columns: Json, reason: str
) -> None:
    broken = dispatching.schedule(tenant_id, next_run_time=YESTERDAY, **columns)
    dispatching.schedule(tenant_id, next_run_time=YESTERDAY)
    answer = dispatching.trigger()
    assert (answer["queued_count"], answer["skipped"]) == (1, [{"config_id": broken, "reason": reason}])
    assert dispatching.config(broken)["is_active"] is False
    assert [run["outcome_reason"] for run in dispatching.runs_of(broken)] == [reason]


def test_a_triggered_run_goes_through_the_dispatcher(dispatching: Dispatching, tenant_id: str) -> None:
    config_id = dispatching.schedule(tenant_id, next_run_time=YESTERDAY)
    dispatching.trigger()
    dispatching.process()
    (run,) = dispatching.runs_of(config_id)
    assert run["state"] == "RUNNING"
    dispatching.report(run["run_id"], "SUCCEEDED")
    dispatching.process()
    assert [run["state"] for run in dispatching.runs_of(config_id)] == ["COMPLETED"]
    config = dispatching.config(config_id)
    assert (config["last_run_status"], config["last_run_time"] is None) == ("SUCCESS", False)


def test_a_thousand_due_schedules_cost_two_jobs(dispatching: Dispatching) -> None:
    dispatching.schedule(dispatching.onboard(daily_limit=100), count=1_000, next_run_time=YESTERDAY)
    answer = dispatching.trigger()
    assert (answer["queued_count"], statements(dispatching, answer)) == (1_000, ["read_due", "apply_plans"])
