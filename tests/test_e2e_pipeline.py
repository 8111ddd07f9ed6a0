"""Phase 1: from credentials to rows through the API alone: a manual run, the tenant's quota, a scheduled run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.dispatching import Dispatching
from tests.support.executions import eventually
from tests.support.frontend import Frontend
from tests.support.schedules import Schedules

Json = dict[str, Any]
ALICE, BOB = "alice_uuid_from_supabase", "bob_uuid_from_supabase"
ENDED = {"COMPLETED", "FAILED", "CANCELLED"}
ALL_DAYS = {"start_date": "2025-11-01", "end_date": "2025-11-30"}

pytestmark = [pytest.mark.phase1, pytest.mark.timeout(300)]


@pytest.fixture
def frontend(dispatching: Dispatching) -> Frontend:
    """The frontend of a tenant that was just onboarded. Tasks and schedules run by themselves."""
    dispatching.move_on("execute", "kick")
    return dispatching.frontend(daily_limit=2, concurrent_limit=2)


def run_to_its_end(frontend: Frontend, user_id: str, body: Json) -> Json:
    """Start a manual run and poll it until it has ended."""
    accepted = frontend.api.post(frontend.run_path, body, headers={"X-User-ID": user_id})
    assert accepted.status_code == 202, accepted.text
    return await_end(frontend, accepted.json()["pipeline_logging_id"])


def await_end(frontend: Frontend, run_id: str) -> Json:
    def ended() -> Json | None:
        run: Json = frontend.api.get(f"{frontend.runs_path}/{run_id}").json()
        return run if run.get("status") in ENDED else None

    # Tasks run by themselves here, on cores that other tests keep busy.
    found: Json = eventually(ended, within_seconds=200)
    return found


def days(frontend: Frontend) -> dict[str, int]:
    """Published rows by usage date."""
    counted = frontend.sql("SELECT x_usage_date AS day, COUNT(*) AS found FROM {own}.gcp_cost_billing GROUP BY day")
    return {str(row["day"]): row["found"] for row in counted}


def users_in_the_log(frontend: Frontend, run_id: str) -> set[str | None]:
    """The users in the step log of a run, which is written when the run has ended."""

    def logged() -> list[Json]:
        log = [row for row in frontend.own("x_meta_step_logs") if row["pipeline_logging_id"] == run_id]
        return log if {row["step_id"] for row in log} >= {"extract", "checks", "publish"} else []

    return {row["user_id"] for row in eventually(logged)}


def counters(frontend: Frontend) -> tuple[int, int, int]:
    """Runs started and succeeded today, and running now."""
    (row,) = frontend.central("tenant_usage_quotas")
    return row["pipelines_run_today"], row["pipelines_succeeded_today"], row["concurrent_pipelines_running"]


def test_credentials_a_manual_run_and_a_scheduled_run(dispatching: Dispatching, frontend: Frontend) -> None:
    truth = frontend.tenant.export.truth["usage_dates"]

    stored = frontend.store(frontend.tenant.gcp_credentials, user_id=ALICE)
    assert (stored.status_code, stored.json()["dataset_status"]) == (201, "CREATED")
    (logged,) = frontend.own("x_meta_step_logs")
    assert logged["user_id"] == ALICE

    manual = run_to_its_end(frontend, BOB, {"date": "2025-11-16"})
    assert (manual["status"], manual["user_id"], manual["error_message"]) == ("COMPLETED", BOB, None)
    assert manual["config_id"] is None
    assert days(frontend) == {"2025-11-16": truth["2025-11-16"]["rows"]}
    assert users_in_the_log(frontend, manual["pipeline_logging_id"]) == {BOB}
    eventually(lambda: counters(frontend) == (1, 1, 0))

    schedules = Schedules(frontend)
    config_id = schedules.start(user_id=ALICE, parameters={"date": "2025-11-17"})
    schedules.make_due(config_id)
    assert dispatching.trigger()["queued_count"] == 1
    (tick,) = dispatching.runs_of(config_id)
    assert frontend.get_run(tick["pipeline_logging_id"])["config_id"] == config_id
    scheduled = await_end(frontend, tick["pipeline_logging_id"])
    assert (scheduled["status"], scheduled["user_id"], scheduled["trigger_type"]) == ("COMPLETED", None, "scheduler")
    assert scheduled["config_id"] == config_id
    assert days(frontend) == {day: truth[day]["rows"] for day in ("2025-11-16", "2025-11-17")}
    assert users_in_the_log(frontend, tick["pipeline_logging_id"]) == {None}
    eventually(lambda: counters(frontend) == (2, 2, 0))

    runs = sorted(frontend.own("x_meta_pipeline_runs"), key=lambda row: row["created_at"])
    assert [(run["user_id"], run["trigger_type"]) for run in runs] == [(BOB, "api"), (None, "scheduler")]


def test_all_users_of_a_tenant_share_its_quota(frontend: Frontend) -> None:
    frontend.store(frontend.tenant.gcp_credentials)
    for user_id in (ALICE, BOB):
        assert run_to_its_end(frontend, user_id, {"date": "2025-11-16"})["status"] == "COMPLETED"
    refused = frontend.api.post(frontend.run_path, {"date": "2025-11-16"}, headers={"X-User-ID": BOB})
    assert (refused.status_code, refused.json()["limit"], refused.json()["used"]) == (429, 2, 2)
    assert len(frontend.own("x_meta_pipeline_runs")) == 2


def test_a_run_that_fails_says_why_and_publishes_nothing(frontend: Frontend) -> None:
    frontend.store(frontend.tenant.gcp_credentials)
    table = f"{frontend.tenant.project}.billing.nothing_here"
    run = run_to_its_end(frontend, ALICE, ALL_DAYS | {"billing_export_table": table})
    assert (run["status"], run["error_class"]) == ("FAILED", "SOURCE_NOT_FOUND")
    assert table in run["error_message"]
    assert not frontend.has_table("gcp_cost_billing") or days(frontend) == {}
    eventually(lambda: counters(frontend) == (1, 0, 0))
