"""GET, cancel and retry of runs, called by a frontend."""

from __future__ import annotations

import uuid

import pytest
import requests

from tests.conftest import JobsOf
from tests.support.answers import refused_fields
from tests.support.frontend import Frontend
from tests.support.run_rows import (
    fail_attempt,
    leave_queue,
    log_many_restatements,
    log_passed_check,
    log_restated_day,
    log_step,
    settle,
    wait_for_retry,
)


def test_tenant_without_a_dataset_has_no_runs(frontend: Frontend) -> None:
    answer = frontend.api.get(frontend.runs_path)
    assert (answer.status_code, answer.json()) == (200, {"runs": [], "next_page_token": None})
    assert frontend.api.get(f"{frontend.runs_path}/{uuid.uuid4()}").status_code == 404


def test_accepted_run_is_shown_as_in_the_answer_to_its_request(connected: Frontend) -> None:
    run_id = connected.start()
    (run,) = connected.api.get(connected.runs_path).json()["runs"]
    assert (run["pipeline_logging_id"], run["status"], run["pipeline_id"]) == (run_id, "RUNNING", "gcp-cost-billing")
    assert (run["trigger_type"], run["attempt"], run["wait_reason"], run["queue_position"]) == ("api", 0, None, None)
    assert run["parameters"]["date"] == "2025-11-17"
    assert run["created_at"].endswith("Z")


def test_waiting_run_shows_its_reason_and_its_place_in_the_queue(connected: Frontend) -> None:
    connected.start()
    waiting = connected.start()
    run = connected.get_run(waiting)
    assert (run["status"], run["wait_reason"], run["queue_position"]) == ("PENDING", "PIPELINE_BUSY", 1)


def test_a_run_says_when_to_look_again_until_it_has_ended(connected: Frontend) -> None:
    run_id = connected.start()
    first = connected.api.get(f"{connected.runs_path}/{run_id}")
    assert int(first.headers["Retry-After"]) > 0
    connected.finish(run_id, "COMPLETED")
    assert "Retry-After" not in connected.api.get(f"{connected.runs_path}/{run_id}").headers


def test_pages_show_every_run_once_newest_first(connected: Frontend) -> None:
    started = [connected.start() for _ in range(5)]
    shown: list[str] = []
    token: str | None = None
    for _ in range(3):
        page = connected.api.get(connected.runs_path, params={"limit": 2, "page_token": token}).json()
        shown += [run["pipeline_logging_id"] for run in page["runs"]]
        token = page["next_page_token"]
    assert token is None
    assert shown == started[::-1]


def test_list_is_filtered_by_status_and_pipeline(connected: Frontend) -> None:
    done, waiting = connected.start(), connected.start()
    connected.finish(done, "COMPLETED")
    assert connected.list_run_ids(status="COMPLETED") == [done]
    assert connected.list_run_ids(status="PENDING") == [waiting]
    assert connected.list_run_ids(pipeline_id="gcp-cost-billing") == [waiting, done]
    assert connected.list_run_ids(pipeline_id="aws-cost-cur") == []


@pytest.mark.parametrize(
    "query",
    [{"limit": "0"}, {"limit": "201"}, {"limit": "x"}, {"page_token": "x"}, {"status": "DONE"}, {"surprise": "1"}],
)
def test_bad_query_is_400_naming_the_parameter(shared_frontend: Frontend, query: dict[str, str]) -> None:
    answer = shared_frontend.api.get(shared_frontend.runs_path, params=query)
    assert refused_fields(answer) == list(query)


def test_run_is_shown_with_its_steps_checks_and_restated_days(connected: Frontend) -> None:
    run_id = connected.start()
    connected.finish(run_id, "COMPLETED")
    log_step(connected, run_id, rows=7)
    log_passed_check(connected, run_id, "not_null")
    log_restated_day(connected, run_id, "2025-11-17", cost_after="2.2")
    log_restated_day(connected, run_id, "2025-11-16", cost_after="1.1", rows_after=1)  # as before: no change
    run = connected.get_run(run_id)
    assert (run["status"], run["rows_published"]) == ("COMPLETED", 7)
    assert [(step["step_id"], step["rows"]) for step in run["steps"]] == [("extract", 7)]
    assert [(check["check_id"], check["passed"]) for check in run["checks"]] == [("not_null", True)]
    assert [(day["usage_date"], day["cost_after"]) for day in run["restated_dates"]] == [("2025-11-17", "2.2")]
    assert run["restated_dates_total"] == 1


def test_the_newest_of_many_restated_days_are_shown_and_all_are_counted(connected: Frontend) -> None:
    run_id = connected.start()
    connected.finish(run_id, "COMPLETED")
    logged = log_many_restatements(connected, run_id)
    run = connected.get_run(run_id)
    shown = [(day["usage_date"], day["cost_after"]) for day in run["restated_dates"]]
    assert shown == logged[::-1][:200]
    assert run["restated_dates_total"] == len(logged)
    assert {day["billing_currency"] for day in run["restated_dates"]} == {"x" * 199 + "…"}


def test_failed_run_with_a_retry_left_is_shown_as_waiting(connected: Frontend) -> None:
    run_id = connected.start()
    fail_attempt(connected, run_id)
    wait_for_retry(connected, run_id, attempt=1)
    run = connected.get_run(run_id)
    assert (run["status"], run["attempt"], run["wait_reason"]) == ("PENDING", 1, "RETRY_BACKOFF")


def test_a_run_that_waits_for_its_next_attempt_says_why_the_last_one_failed(connected: Frontend) -> None:
    run_id = connected.start()
    settle(connected, run_id, "RETRY", "UNAVAILABLE")
    settle(connected, run_id, "RETRY", "STEP_FAILED")

    assert connected.get_run(run_id)["error_class"] is None  # the next attempt runs
    wait_for_retry(connected, run_id, attempt=2)
    assert connected.get_run(run_id)["error_class"] == "STEP_FAILED"


def test_run_shows_how_it_ended_although_its_row_does_not_have_it_yet(connected: Frontend) -> None:
    run_id = connected.start()
    leave_queue(connected, run_id)
    settle(connected, run_id, "RETRY", "STEP_FAILED")
    settle(connected, run_id, "CANCELLED", "CANCELLED")
    run = connected.get_run(run_id)
    assert (run["status"], run["error_class"]) == ("CANCELLED", "CANCELLED")


def test_completed_run_does_not_show_the_error_of_an_earlier_attempt(connected: Frontend) -> None:
    run_id = connected.start()
    settle(connected, run_id, "RETRY", "STEP_FAILED")
    connected.finish(run_id, "COMPLETED")
    run = connected.get_run(run_id)
    assert (run["status"], run["error_class"]) == ("COMPLETED", None)


def test_repeated_cancel_requests_the_cancellation_once(connected: Frontend) -> None:
    run_id = connected.start()
    for _ in range(2):
        answer = connected.cancel(run_id)
        assert (answer.status_code, answer.json()["pipeline_logging_id"]) == (202, run_id)
    assert [event["kind"] for event in connected.central("pipeline_run_events")] == ["CANCEL_REQUESTED"]
    assert connected.get_run(run_id)["cancel_requested"] is True


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "CANCELLED"])
def test_finished_run_cannot_be_cancelled(connected: Frontend, status: str) -> None:
    run_id = connected.start()
    connected.finish(run_id, status)
    answer = connected.cancel(run_id)
    assert (answer.status_code, answer.json()["run_status"]) == (409, status)


def test_retry_is_a_new_run_with_the_same_parameters(connected: Frontend) -> None:
    first = connected.start(date="2025-11-16")
    connected.finish(first, "FAILED")
    answer = connected.retry(first, headers={"X-User-ID": "bob"})
    assert answer.status_code == 202
    assert answer.json()["retry_of"] == first
    again = connected.get_run(answer.json()["pipeline_logging_id"])
    assert (again["retry_of"], again["user_id"], again["parameters"]["date"]) == (first, "bob", "2025-11-16")


def test_each_route_takes_the_documented_number_of_jobs(connected: Frontend, jobs_of: JobsOf) -> None:
    finished, live = connected.start(), connected.start()
    connected.finish(finished, "COMPLETED")

    def statements(answer: requests.Response) -> list[str]:
        return sorted(job["labels"]["statement"] for job in jobs_of(answer.headers["X-Request-ID"]))

    path = connected.runs_path
    assert statements(connected.api.get(path)) == ["find_key_owner", "list_runs"]
    assert statements(connected.api.get(path)) == ["list_runs"]  # the key was proved a moment ago
    assert statements(connected.api.get(f"{path}/{live}")) == ["find_run"]
    assert statements(connected.api.get(f"{path}/{finished}")) == ["find_run", "find_run_details"]
    assert statements(connected.api.post(f"{path}/{live}/cancel")) == ["find_run"]
    assert statements(connected.api.post(f"{path}/{finished}/retry")) == ["accept_runs", "find_run", "find_standing"]


def test_live_run_cannot_be_retried(connected: Frontend) -> None:
    assert connected.retry(connected.start()).status_code == 409


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_action_on_an_unknown_run_is_404(shared_frontend: Frontend, action: str) -> None:
    assert shared_frontend.api.post(f"{shared_frontend.runs_path}/{uuid.uuid4()}/{action}").status_code == 404


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_action_with_a_body_is_400(shared_frontend: Frontend, action: str) -> None:
    answer = shared_frontend.api.post(f"{shared_frontend.runs_path}/{uuid.uuid4()}/{action}", {"force": True})
    assert refused_fields(answer) == ["force"]
