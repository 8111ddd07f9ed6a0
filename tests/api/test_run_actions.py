"""Cancel and retry of a run, and removal of a credential: refusals, repeated calls and interrupted calls."""

from __future__ import annotations

from devcloud.server import Devcloud
from tests.conftest import MakeFrontend
from tests.support.faults import cut_off
from tests.support.frontend import Frontend


def retries_of(frontend: Frontend, first: str) -> set[str]:
    """The ids of the logged runs that retry this one."""
    return {row["run_id"] for row in frontend.own("x_meta_pipeline_runs") if row["retry_of"] == first}


def queued_retries_of(frontend: Frontend, first: str) -> set[str]:
    """The same for a tenant without other waiting runs, whose queue must have these runs."""
    logged = retries_of(frontend, first)
    assert {item["run_id"] for item in frontend.central("pipeline_execution_queue")} == logged
    return logged


def test_retry_beyond_the_quota_is_429_with_its_figures(make_connected: MakeFrontend) -> None:
    frontend = make_connected(daily_limit=2)
    first = frontend.start()
    frontend.finish(first, "FAILED")
    accepted = [frontend.retry(first), frontend.retry(first)]
    assert [answer.status_code for answer in accepted] == [202, 202]
    refused = frontend.retry(first)
    assert (refused.status_code, refused.json()["limit"], refused.json()["used"]) == (429, 2, 2)
    assert queued_retries_of(frontend, first) == {answer.json()["pipeline_logging_id"] for answer in accepted}


def test_a_retry_with_the_same_key_starts_one_run_and_is_marked_as_replayed(connected: Frontend) -> None:
    first, second = connected.start(date="2025-11-15"), connected.start(date="2025-11-16")
    for run_id in (first, second):
        connected.finish(run_id, "FAILED")
    key: dict[str, str | None] = {"Idempotency-Key": "one-click"}
    answers = [connected.retry(first, headers=key) for _ in range(3)]
    assert [answer.json() for answer in answers] == [answers[0].json()] * 3
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers] == [None, "true", "true"]
    other = connected.retry(second, headers=key).json()
    assert other["retry_of"] == second
    assert other["pipeline_logging_id"] != answers[0].json()["pipeline_logging_id"]
    assert len(retries_of(connected, first)) == len(retries_of(connected, second)) == 1


def test_retry_without_credentials_is_409(connected: Frontend) -> None:
    first = connected.start()
    connected.finish(first, "FAILED")
    assert connected.api.delete(f"{connected.credentials_path}/GCP").status_code == 200
    answer = connected.retry(first)
    assert (answer.status_code, answer.json()["detail"]) == (409, "No GCP credentials are stored; store them first.")
    assert queued_retries_of(connected, first) == set()


def test_interrupted_retry_leaves_a_complete_run_or_none(connected: Frontend, cloud: Devcloud) -> None:
    first = connected.start()
    connected.finish(first, "FAILED")
    cut = cut_off(cloud, "pipeline_runs", lambda headers: connected.retry(first, headers=headers))
    assert cut.status_code == 503
    before = queued_retries_of(connected, first)
    assert len(before) <= 1
    again = connected.retry(first)
    assert again.status_code == 202
    assert queued_retries_of(connected, first) == before | {again.json()["pipeline_logging_id"]}


def test_interrupted_cancel_is_completed_by_the_next(connected: Frontend, cloud: Devcloud) -> None:
    path = f"{connected.runs_path}/{connected.start()}/cancel"
    connected.api.get(connected.runs_path)  # so the function is started
    cut = cut_off(cloud, "pipeline_runs", lambda headers: connected.api.post(path, headers=headers), at_job=1)
    assert cut.status_code == 503
    assert connected.api.post(path).status_code == 202
    assert [event["kind"] for event in connected.central("pipeline_run_events")] == ["CANCEL_REQUESTED"]


def test_interrupted_removal_of_a_credential_is_logged_once(connected: Frontend, cloud: Devcloud) -> None:
    path = f"{connected.credentials_path}/GCP"
    cut = cut_off(cloud, "setup_credentials", lambda headers: connected.api.delete(path, headers=headers))
    again = connected.api.delete(path)
    assert (cut.status_code, again.status_code) in {(503, 404), (503, 200)}
    assert connected.central("tenant_cloud_credentials") == []
    assert connected.logged_actions() == ["CREDENTIAL_ADDED", "CREDENTIAL_DELETED"]
