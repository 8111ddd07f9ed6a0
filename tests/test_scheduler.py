"""Phase 2: schedules created through the API, and the three jobs that run them: trigger, process-queue, daily reset."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from shared.configuration.templates import get_template
from shared.domain.credentials.notices import not_set_up
from tests.support.dispatching import Dispatching
from tests.support.executions import eventually
from tests.support.frontend import Frontend
from tests.support.schedules import Schedules

Json = dict[str, Any]
FLOWS = Path(__file__).resolve().parents[1] / "COMPLETE_FLOWS.md"

pytestmark = pytest.mark.phase2


@pytest.fixture
def schedules(dispatching: Dispatching) -> Schedules:
    """The schedules of a tenant with an export. Executors run by themselves, the dispatcher only when called."""
    frontend = dispatching.frontend()
    assert frontend.store(frontend.tenant.gcp_credentials).status_code == 201
    dispatching.move_on("execute")
    return Schedules(frontend)


def await_event(dispatching: Dispatching, run_id: str, kind: str) -> None:
    eventually(lambda: kind in {event["kind"] for event in dispatching.events(run_id)})


def published(frontend: Frontend) -> tuple[int, Decimal]:
    """Rows and cost of the tenant's bill."""
    credited = "COALESCE((SELECT SUM(credit.amount) FROM UNNEST(credits) AS credit), 0)"
    (row,) = frontend.sql(
        f"SELECT COUNT(*) AS row_count, SUM(cost + {credited}) AS total FROM {{own}}.gcp_cost_billing"
    )
    return row["row_count"], row["total"]


def end_the_day(dispatching: Dispatching, tenant_id: str) -> date:
    """Move the usage to the day before, as if it were after midnight, and return that day."""
    dispatching.query(
        "UPDATE tenants.tenant_usage_quotas SET usage_date = DATE_SUB(usage_date, INTERVAL 1 DAY) "
        "WHERE tenant_id = @tenant_id",
        tenant_id=tenant_id,
    )
    day: date = dispatching.usage(tenant_id)["usage_date"]
    return day


def test_a_schedule_runs_at_its_tick_and_its_day_is_archived(dispatching: Dispatching, schedules: Schedules) -> None:
    frontend, export = schedules.frontend, schedules.frontend.tenant.export
    config_id = schedules.start(parameters={"date": "2025-11-16"})
    assert dispatching.trigger()["queued_count"] == 0  # not due before tonight
    tick = schedules.make_due(config_id)

    triggered = dispatching.trigger()
    assert (triggered["triggered_count"], triggered["queued_count"], triggered["skipped"]) == (1, 1, [])
    (run,) = dispatching.runs_of(config_id)
    assert (run["state"], run["scheduled_time"]) == ("PENDING", tick)
    assert dispatching.trigger()["queued_count"] == 0

    started = dispatching.process()
    assert [run["tenant_id"] for run in started["runs"]] == [frontend.tenant_id]
    await_event(dispatching, run["run_id"], "SUCCEEDED")
    assert dispatching.process()["settled_count"] == 1
    assert dispatching.process()["message"] == "No pipelines in queue"

    day = export.truth["usage_dates"]["2025-11-16"]
    assert published(frontend) == (day["rows"], Decimal(day["total"]))
    assert [run["state"] for run in dispatching.runs_of(config_id)] == ["COMPLETED"]
    (shown,) = frontend.api.get(schedules.path).json()["pipelines"]
    assert (shown["last_run_status"], shown["is_active"]) == ("SUCCESS", True)
    assert datetime.fromisoformat(shown["next_run_time"]) > datetime.now(UTC)

    ended = end_the_day(dispatching, frontend.tenant_id)
    reset = dispatching.reset()
    assert reset["status"] == "success"
    (archived,) = frontend.central("tenant_usage_history")
    assert (archived["usage_date"], archived["pipelines_run_today"]) == (ended, 1)
    usage = {row["usage_date"]: row["pipelines_run_today"] for row in frontend.central("tenant_usage_quotas")}
    assert usage == {ended: 0, datetime.fromisoformat(reset["executed_at"]).date(): 0}


def test_a_run_takes_the_five_jobs_of_its_own_that_the_flows_name(
    dispatching: Dispatching, schedules: Schedules
) -> None:
    config_id = schedules.start(parameters={"date": "2025-11-16"})
    schedules.make_due(config_id)
    dispatching.trigger()
    before = len(dispatching.cloud.bigquery.jobs())
    dispatching.process()
    (run,) = dispatching.runs_of(config_id)
    await_event(dispatching, run["run_id"], "SUCCEEDED")

    jobs = [job["labels"] for job in dispatching.cloud.bigquery.jobs()[before:]]
    executors = [labels for labels in jobs if labels.get("function") == "execute_run"]
    of_the_data = {"checks", *(step.id for step in get_template("gcp", "cost", "billing").steps)}
    own = [labels["statement"] for labels in executors if labels["step"] not in of_the_data]
    text = " ".join(FLOWS.read_text(encoding="utf-8").split())
    (sentence,) = re.findall(r"five BigQuery jobs of its own, [^.]*", text)
    assert (len(own), sorted(own)) == (5, sorted(re.findall(r"`(\w+)`", sentence)))


def test_a_tick_beyond_the_daily_limit_runs_after_the_reset(dispatching: Dispatching) -> None:
    frontend = dispatching.frontend(daily_limit=1)
    frontend.store_keyless()
    schedules = Schedules(frontend)
    first, second = schedules.start(), schedules.start()
    schedules.make_due(first)
    dispatching.trigger()
    dispatching.process()
    (run,) = dispatching.runs_of(first)
    dispatching.report(run["run_id"], "SUCCEEDED")
    dispatching.process()

    tick = schedules.make_due(second)
    assert dispatching.trigger()["skipped"] == [{"config_id": second, "reason": "DAILY_LIMIT"}]
    assert dispatching.runs_of(second) == []

    end_the_day(dispatching, frontend.tenant_id)
    dispatching.reset()
    assert dispatching.trigger()["queued_count"] == 1
    assert [run["scheduled_time"] for run in dispatching.runs_of(second)] == [tick]
    assert dispatching.process()["processed_count"] == 1


def test_a_run_cancelled_before_it_began_stays_in_the_tenants_list(
    dispatching: Dispatching, schedules: Schedules
) -> None:
    frontend = schedules.frontend
    config_id = schedules.start(parameters={"date": "2025-11-16"})
    schedules.make_due(config_id)
    dispatching.trigger()
    assert schedules.remove(config_id).json()["cancelled_runs"] == 1
    dispatching.process()
    (row,) = eventually(lambda: frontend.own("x_meta_pipeline_runs"))
    (shown,) = frontend.api.get(frontend.runs_path).json()["runs"]
    assert (row["status"], row["user_id"], row["attempt"], row["started_at"]) == ("CANCELLED", None, 0, None)
    assert (shown["status"], shown["error_class"], shown["trigger_type"]) == ("CANCELLED", "CANCELLED", "scheduler")
    assert (shown["parameters"]["date"], shown["config_id"]) == ("2025-11-16", config_id)


def test_a_run_of_a_removed_credential_has_the_error_that_a_request_gets(
    dispatching: Dispatching, schedules: Schedules
) -> None:
    frontend, config_id = schedules.frontend, schedules.start()
    schedules.make_due(config_id)
    assert frontend.api.delete(f"{frontend.credentials_path}/GCP").status_code == 200
    dispatching.trigger()
    dispatching.process()
    (run,) = dispatching.runs_of(config_id)
    await_event(dispatching, run["run_id"], "FAILED")
    dispatching.process()
    (shown,) = frontend.api.get(frontend.runs_path).json()["runs"]
    assert (shown["error_class"], shown["error_message"]) == ("CREDENTIALS_REJECTED", not_set_up("GCP"))


def test_a_run_that_cannot_succeed_fails_and_its_schedule_continues(
    dispatching: Dispatching, schedules: Schedules
) -> None:
    table = f"{schedules.frontend.tenant.project}.billing.nothing_here"
    config_id = schedules.start(parameters={"billing_export_table": table})
    schedules.make_due(config_id)
    dispatching.trigger()
    dispatching.process()
    (run,) = dispatching.runs_of(config_id)
    await_event(dispatching, run["run_id"], "FAILED")
    dispatching.process()
    (run,) = dispatching.runs_of(config_id)
    assert (run["state"], run["outcome_reason"], run["retry_count"]) == ("FAILED", "SOURCE_NOT_FOUND", 0)
    config = dispatching.config(config_id)
    assert (config["last_run_status"], config["is_active"]) == ("FAILED", True)
    assert config["next_run_time"] > datetime.now(UTC)


def test_a_removed_schedule_no_longer_fires(dispatching: Dispatching, schedules: Schedules) -> None:
    config_id = schedules.start()
    schedules.make_due(config_id)
    assert schedules.remove(config_id).status_code == 200
    assert dispatching.trigger()["queued_count"] == 0
    assert dispatching.runs_of(config_id) == []


def test_cloud_scheduler_runs_every_job(dispatching: Dispatching) -> None:
    before = datetime.now(UTC)
    functions = {name: function.schedule for name, function in dispatching.cloud.platform.functions.items()}
    jobs = {name: schedule.job for name, schedule in functions.items() if schedule}
    parent = f"projects/{dispatching.cloud.project}/locations/{dispatching.cloud.region}"
    with dispatching.cloud.clients() as clients:
        scheduler = clients.scheduler()
        for job in jobs.values():
            scheduler.run_job(name=f"{parent}/jobs/{job}")
    sql = (
        "SELECT job FROM tenants.scheduler_job_runs"
        " WHERE started_at >= CAST(@since AS TIMESTAMP) AND outcome = 'SUCCESS'"
    )

    def succeeded() -> set[str]:
        return {row["job"] for row in dispatching.query(sql, since=before.isoformat())}

    eventually(lambda: succeeded() == jobs.keys())
    assert len(jobs) == 4
