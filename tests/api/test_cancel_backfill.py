"""POST cancel of a backfill: the requests to its runs, its cost in jobs, repeated calls and faults."""

from __future__ import annotations

import uuid

import requests

from devcloud.server import Devcloud
from tests.conftest import JobsOf, MakeFrontend
from tests.support.dispatching import Dispatching
from tests.support.faults import cut_off
from tests.support.frontend import Frontend
from tests.support.run_rows import begin_attempt

TWO_YEARS = {"start_date": "2023-12-01", "end_date": "2025-11-17", "split": "month"}


def begin(frontend: Frontend, **changes: str) -> tuple[str, list[str]]:
    """Request a backfill of two years. Return its id and its runs' ids, newest month first."""
    export = {"billing_export_table": f"{frontend.tenant.project}.billing.export"}
    answer = frontend.api.post(frontend.run_path, TWO_YEARS | export | changes)
    assert answer.status_code == 202
    return answer.json()["backfill_id"], [run["pipeline_logging_id"] for run in answer.json()["runs"]]


def cancel(
    frontend: Frontend, backfill_id: str, *, of: Frontend | None = None, headers: dict[str, str | None] | None = None
) -> requests.Response:
    path = f"/api/v1/pipelines/backfills/{(of or frontend).tenant_id}/{backfill_id}/cancel"
    return frontend.api.post(path, headers=headers)


def requested_cancels(frontend: Frontend) -> list[str]:
    """The runs whose cancellation was requested, once for each request."""
    events = frontend.central("pipeline_run_events")
    return sorted(event["run_id"] for event in events if event["kind"] == "CANCEL_REQUESTED")


def counts(answer: requests.Response) -> tuple[int, int, int]:
    assert answer.status_code == 202, answer.text
    body = answer.json()
    return body["waiting_runs"], body["running_runs"], body["finished_runs"]


def test_the_cancellation_of_every_run_that_has_not_ended_is_requested(connected: Frontend) -> None:
    backfill_id, runs = begin(connected)
    other = connected.start()
    begin_attempt(connected, runs[0])
    connected.finish(runs[1], "COMPLETED")
    answer = cancel(connected, backfill_id)
    assert answer.json() == {
        "backfill_id": backfill_id, "tenant_id": connected.tenant_id, "waiting_runs": 22, "running_runs": 1,
        "finished_runs": 1, "message": "Cancellation requested",
    }  # fmt: skip
    assert requested_cancels(connected) == sorted({*runs} - {runs[1]})
    assert connected.get_run(other)["cancel_requested"] is False
    assert connected.get_run(runs[0])["cancel_requested"] is True


def test_it_takes_two_jobs_however_many_runs_there_are(connected: Frontend, jobs_of: JobsOf) -> None:
    backfill_id, runs = begin(connected, start_date="2022-11-01")
    assert len(runs) == 37
    answer = cancel(connected, backfill_id)
    assert counts(answer) == (37, 0, 0)
    statements = sorted(job["labels"]["statement"] for job in jobs_of(answer.headers["X-Request-ID"]))
    assert statements == ["find_key_owner", "list_runs"]


def test_a_repeated_cancel_requests_nothing_twice(connected: Frontend) -> None:
    backfill_id, runs = begin(connected)
    assert connected.cancel(runs[3]).status_code == 202
    assert [counts(cancel(connected, backfill_id)) for _ in range(2)] == [(24, 0, 0)] * 2
    assert requested_cancels(connected) == sorted(runs)


def test_another_tenants_backfill_is_404_like_an_unknown_one(connected: Frontend, make_connected: MakeFrontend) -> None:
    backfill_id, _ = begin(connected)
    other = make_connected()
    assert cancel(other, backfill_id).status_code == 404
    assert cancel(other, backfill_id, of=connected).status_code == 403
    assert (requested_cancels(connected), requested_cancels(other)) == ([], [])


def test_an_unknown_backfill_is_404_and_a_body_is_400(connected: Frontend) -> None:
    backfill_id, runs = begin(connected)
    assert cancel(connected, str(uuid.uuid4())).status_code == cancel(connected, runs[0]).status_code == 404
    path = f"/api/v1/pipelines/backfills/{connected.tenant_id}/{backfill_id}/cancel"
    assert connected.api.post(path, {"force": True}).status_code == 400
    assert connected.api.get(path).status_code == 405
    assert requested_cancels(connected) == []


def test_an_interrupted_call_is_completed_by_the_next(connected: Frontend, cloud: Devcloud) -> None:
    backfill_id, runs = begin(connected)
    connected.api.get(connected.runs_path)  # so the function is started
    first = cut_off(cloud, "pipeline_runs", lambda headers: cancel(connected, backfill_id, headers=headers), at_job=1)
    assert first.status_code == 503
    assert counts(cancel(connected, backfill_id)) == (24, 0, 0)
    assert requested_cancels(connected) == sorted(runs)


def test_the_dispatchers_next_call_ends_all_waiting_runs(dispatching: Dispatching) -> None:
    frontend = dispatching.frontend(daily_limit=2, concurrent_limit=1)
    frontend.store_keyless()
    backfill_id, runs = begin(frontend)
    dispatching.process()
    begun = [item["run_id"] for item in frontend.central("pipeline_execution_queue") if item["state"] == "PROCESSING"]
    assert begun == runs[:1]
    assert counts(cancel(frontend, backfill_id)) == (23, 1, 0)
    dispatching.process()
    assert [item["run_id"] for item in frontend.central("pipeline_execution_queue")] == begun
    assert counts(cancel(frontend, backfill_id)) == (0, 1, 23)
    shown = frontend.api.get(f"{frontend.runs_path}?backfill_id={backfill_id}&status=CANCELLED").json()["runs"]
    assert {run["pipeline_logging_id"] for run in shown} == set(runs[1:])
    (usage,) = frontend.central("tenant_usage_quotas")
    assert usage["pipelines_run_today"] == 1  # runs that never began are not counted

    dispatching.report(begun[0], "CANCELLED")
    dispatching.process()
    again = cancel(frontend, backfill_id)
    assert (counts(again), again.json()["message"]) == ((0, 0, 24), "All its runs have finished")
