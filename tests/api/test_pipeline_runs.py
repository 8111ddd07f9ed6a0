"""GET, cancel and retry of runs, called by a frontend."""

from __future__ import annotations

import uuid

import pytest
import requests

from tests.conftest import JobsOf
from tests.support.frontend import Frontend


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
    run = connected.api.get(f"{connected.runs_path}/{waiting}").json()
    assert (run["status"], run["wait_reason"], run["queue_position"]) == ("PENDING", "PIPELINE_BUSY", 2)


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

    def shown(**query: str) -> list[str]:
        page = connected.api.get(connected.runs_path, params=query).json()
        return [run["pipeline_logging_id"] for run in page["runs"]]

    assert shown(status="COMPLETED") == [done]
    assert shown(status="PENDING") == [waiting]
    assert shown(pipeline_id="gcp-cost-billing") == [waiting, done]
    assert shown(pipeline_id="aws-cost-cur") == []


@pytest.mark.parametrize(
    "query",
    [{"limit": "0"}, {"limit": "201"}, {"limit": "x"}, {"page_token": "x"}, {"status": "DONE"}, {"surprise": "1"}],
)
def test_bad_query_is_400_naming_the_parameter(onlooker: Frontend, query: dict[str, str]) -> None:
    answer = onlooker.api.get(onlooker.runs_path, params=query)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == next(iter(query))


def test_run_is_shown_with_its_steps_checks_and_restated_days(connected: Frontend) -> None:
    run_id = connected.start()
    connected.finish(run_id, "COMPLETED")
    connected.sql(
        "INSERT INTO {own}.x_meta_step_logs (log_id, tenant_id, pipeline_logging_id, step_id, action, status, `rows`, "
        "timestamp) VALUES ('1', @tenant_id, @run_id, 'extract', 'STEP', 'COMPLETED', 7, CURRENT_TIMESTAMP())",
        run_id=run_id,
    )
    connected.sql(
        "INSERT INTO {own}.x_meta_dq_results (dq_result_id, tenant_id, pipeline_logging_id, step_id, check_id, "
        "table_name, severity, passed, checked_at) VALUES ('1', @tenant_id, @run_id, 'extract', 'not_null', "
        "'gcp_cost_billing', 'fail', TRUE, CURRENT_TIMESTAMP())",
        run_id=run_id,
    )
    connected.sql(
        "INSERT INTO {own}.x_meta_restatements (pipeline_logging_id, table_name, source, usage_date, rows_before, "
        "rows_after, cost_before, cost_after, restated_at) VALUES (@run_id, 'gcp_cost_billing', 's', "
        "DATE '2025-11-17', 1, 2, NUMERIC '1.1', NUMERIC '2.2', CURRENT_TIMESTAMP())",
        run_id=run_id,
    )
    run = connected.api.get(f"{connected.runs_path}/{run_id}").json()
    assert (run["status"], run["rows_published"]) == ("COMPLETED", 7)
    assert [(step["step_id"], step["rows"]) for step in run["steps"]] == [("extract", 7)]
    assert [(check["check_id"], check["passed"]) for check in run["checks"]] == [("not_null", True)]
    assert [(day["usage_date"], day["cost_after"]) for day in run["restated_dates"]] == [("2025-11-17", "2.2")]
    assert run["restated_dates_total"] == 1


def test_the_newest_of_many_restated_days_are_shown_and_all_are_counted(connected: Frontend) -> None:
    run_id = connected.start()
    connected.finish(run_id, "COMPLETED")
    connected.sql(
        "INSERT INTO {own}.x_meta_restatements (pipeline_logging_id, table_name, source, usage_date, rows_before, "
        "rows_after, cost_before, cost_after, billing_currency, restated_at) "
        "SELECT @run_id, 'gcp_cost_billing', 's', DATE_ADD(DATE '2025-11-01', INTERVAL DIV(number, 200) DAY), 1, 1, "
        "0, -number, CONCAT(REPEAT('x', 300), CAST(number AS STRING)), CURRENT_TIMESTAMP() "
        "FROM UNNEST(GENERATE_ARRAY(1, 250)) AS number",
        run_id=run_id,
    )
    run = connected.api.get(f"{connected.runs_path}/{run_id}").json()
    shown = [(day["usage_date"], day["cost_after"]) for day in run["restated_dates"]]
    assert shown[:51] == [("2025-11-02", str(-number)) for number in range(250, 199, -1)]
    assert shown[51:] == [("2025-11-01", str(-number)) for number in range(199, 50, -1)]
    assert run["restated_dates_total"] == 250
    assert {day["billing_currency"] for day in run["restated_dates"]} == {"x" * 199 + "…"}


def test_failed_run_with_a_retry_left_is_shown_as_waiting(connected: Frontend) -> None:
    run_id = connected.start()
    connected.sql("UPDATE {own}.x_meta_pipeline_runs SET status = 'FAILED' WHERE run_id = @run_id", run_id=run_id)
    connected.sql(
        "UPDATE {tenants}.pipeline_execution_queue SET attempt = 1, wait_reason = 'RETRY_BACKOFF' "
        "WHERE run_id = @run_id",
        run_id=run_id,
    )
    run = connected.api.get(f"{connected.runs_path}/{run_id}").json()
    assert (run["status"], run["attempt"], run["wait_reason"]) == ("PENDING", 1, "RETRY_BACKOFF")


def test_a_run_that_waits_for_its_next_attempt_says_why_the_last_one_failed(connected: Frontend) -> None:
    run_id = connected.start()
    settle(connected, run_id, "RETRY", "UNAVAILABLE")
    settle(connected, run_id, "RETRY", "STEP_FAILED")

    def shown() -> str | None:
        error_class: str | None = connected.api.get(f"{connected.runs_path}/{run_id}").json()["error_class"]
        return error_class

    assert shown() is None  # the next attempt runs
    connected.sql(
        "UPDATE {tenants}.pipeline_execution_queue SET state = 'QUEUED', attempt = 2, wait_reason = 'RETRY_BACKOFF' "
        "WHERE run_id = @run_id",
        run_id=run_id,
    )
    assert shown() == "STEP_FAILED"


def settle(frontend: Frontend, run_id: str, outcome: str, error_class: str) -> None:
    """Append the dispatcher's SETTLED event, as its transaction does."""
    frontend.sql(
        "INSERT INTO {tenants}.pipeline_run_events (event_id, run_id, tenant_id, kind, outcome, error_class, "
        "occurred_at) VALUES (GENERATE_UUID(), @run_id, @tenant_id, 'SETTLED', @outcome, @error, CURRENT_TIMESTAMP())",
        run_id=run_id,
        outcome=outcome,
        error=error_class,
    )


def test_run_shows_how_it_ended_although_its_row_does_not_have_it_yet(connected: Frontend) -> None:
    run_id = connected.start()
    connected.sql("DELETE FROM {tenants}.pipeline_execution_queue WHERE run_id = @run_id", run_id=run_id)
    settle(connected, run_id, "RETRY", "STEP_FAILED")
    settle(connected, run_id, "CANCELLED", "CANCELLED")
    run = connected.api.get(f"{connected.runs_path}/{run_id}").json()
    assert (run["status"], run["error_class"]) == ("CANCELLED", "CANCELLED")


def test_completed_run_does_not_show_the_error_of_an_earlier_attempt(connected: Frontend) -> None:
    run_id = connected.start()
    settle(connected, run_id, "RETRY", "STEP_FAILED")
    connected.finish(run_id, "COMPLETED")
    run = connected.api.get(f"{connected.runs_path}/{run_id}").json()
    assert (run["status"], run["error_class"]) == ("COMPLETED", None)


def test_repeated_cancel_requests_the_cancellation_once(connected: Frontend) -> None:
    run_id = connected.start()
    for _ in range(2):
        answer = connected.api.post(f"{connected.runs_path}/{run_id}/cancel")
        assert (answer.status_code, answer.json()["pipeline_logging_id"]) == (202, run_id)
    assert [event["kind"] for event in connected.central("pipeline_run_events")] == ["CANCEL_REQUESTED"]
    assert connected.api.get(f"{connected.runs_path}/{run_id}").json()["cancel_requested"] is True


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "CANCELLED"])
def test_finished_run_cannot_be_cancelled(connected: Frontend, status: str) -> None:
    run_id = connected.start()
    connected.finish(run_id, status)
    answer = connected.api.post(f"{connected.runs_path}/{run_id}/cancel")
    assert (answer.status_code, answer.json()["run_status"]) == (409, status)


def test_retry_is_a_new_run_with_the_same_parameters(connected: Frontend) -> None:
    first = connected.start(date="2025-11-16")
    connected.finish(first, "FAILED")
    answer = connected.api.post(f"{connected.runs_path}/{first}/retry", headers={"X-User-ID": "bob"})
    assert answer.status_code == 202
    assert answer.json()["retry_of"] == first
    again = connected.api.get(f"{connected.runs_path}/{answer.json()['pipeline_logging_id']}").json()
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
    assert connected.api.post(f"{connected.runs_path}/{connected.start()}/retry").status_code == 409


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_action_on_an_unknown_run_is_404_and_with_a_body_400(onlooker: Frontend, action: str) -> None:
    path = f"{onlooker.runs_path}/{uuid.uuid4()}/{action}"
    assert onlooker.api.post(path).status_code == 404
    assert onlooker.api.post(path, {"force": True}).status_code == 400
