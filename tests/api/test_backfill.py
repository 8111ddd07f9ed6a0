"""POST run with `split`: its answers, the runs it queues, its cost in jobs, and repeated calls."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from devcloud.server import Devcloud
from tests.conftest import JobsOf, MakeFrontend
from tests.support.answers import refused_fields
from tests.support.faults import cut_off
from tests.support.frontend import Frontend
from tests.support.schedules import Schedules

Json = dict[str, Any]
KEY: dict[str, str | None] = {"Idempotency-Key": "year-1"}
YEAR = {"start_date": "2024-12-10", "end_date": "2025-11-17", "split": "month"}


def ask(
    frontend: Frontend, *, headers: dict[str, str | None] | None = None, path: str | None = None, **changes: Any
) -> requests.Response:
    body = YEAR | {"billing_export_table": f"{frontend.tenant.project}.billing.export"} | changes
    return frontend.api.post(path or frontend.run_path, body, headers=headers)


def test_a_year_is_queued_as_a_run_for_each_month_newest_first(connected: Frontend) -> None:
    answer = ask(connected, headers={"X-User-ID": "alice"})
    assert answer.status_code == 202
    body = answer.json()
    assert answer.headers["Location"] == f"{connected.runs_path}?backfill_id={body['backfill_id']}"
    months = [(run["start_date"], run["end_date"]) for run in body["runs"]]
    assert (len(months), months[0], months[-1]) == (12, ("2025-11-01", "2025-11-17"), ("2024-12-10", "2024-12-31"))
    assert (body["status"], body["pipeline_id"]) == ("PENDING", "gcp-cost-billing")
    assert body["quota"] == {
        "daily_limit": 25, "used_today": 0, "reserved_today": 0, "remaining_today": 25, "runs_needed": 12,
        "days_until_done": 0,
    }  # fmt: skip
    items = sorted(connected.central("pipeline_execution_queue"), key=lambda item: item["scheduled_time"])
    assert [item["run_id"] for item in items] == [run["pipeline_logging_id"] for run in body["runs"]]
    assert {(item["backfill_id"], item["priority"], item["state"]) for item in items} == {
        (body["backfill_id"], -100, "QUEUED")
    }
    logged = {row["pipeline_logging_id"]: row for row in connected.own("x_meta_pipeline_runs")}
    for item, (start, end) in zip(items, months, strict=True):
        row = logged[item["run_id"]]
        assert row["parameters"] == item["parameters"]
        assert (item["parameters"]["start_date"], item["parameters"]["end_date"]) == (start, end)
        assert (row["status"], row["user_id"], row["backfill_id"]) == ("PENDING", "alice", body["backfill_id"])


def test_the_runs_of_a_backfill_are_listed(connected: Frontend) -> None:
    body = ask(connected).json()
    other = connected.start()
    listed = connected.api.get(f"{connected.runs_path}?backfill_id={body['backfill_id']}").json()["runs"]
    assert [run["pipeline_logging_id"] for run in listed] == [run["pipeline_logging_id"] for run in body["runs"]]
    assert {(run["status"], run["backfill_id"]) for run in listed} == {("PENDING", body["backfill_id"])}
    everything = connected.api.get(connected.runs_path).json()["runs"]
    assert {run["backfill_id"] for run in everything if run["pipeline_logging_id"] == other} == {None}


def test_it_takes_two_jobs_whatever_the_number_of_months(connected: Frontend, jobs_of: JobsOf) -> None:
    answer = ask(connected, start_date="2022-11-01")
    assert (answer.status_code, len(answer.json()["runs"])) == (202, 37)
    assert len(jobs_of(answer.headers["X-Request-ID"])) == 2


def test_a_preview_takes_one_job_and_writes_nothing(connected: Frontend, jobs_of: JobsOf) -> None:
    preview = ask(connected, preview=True)
    assert preview.status_code == 200
    assert len(jobs_of(preview.headers["X-Request-ID"])) == 1
    assert connected.central("pipeline_execution_queue") == connected.own("x_meta_pipeline_runs") == []
    accepted = ask(connected).json()
    assert preview.json()["quota"] == accepted["quota"]
    dates = [{name: run[name] for name in ("start_date", "end_date")} for run in accepted["runs"]]
    assert preview.json()["runs"] == dates


def test_the_preview_leaves_schedules_and_waiting_runs_their_share(make_connected: MakeFrontend) -> None:
    frontend = make_connected(daily_limit=5)
    schedules = Schedules(frontend)
    schedules.make_due(schedules.start())
    frontend.start()
    assert ask(frontend, preview=True).json()["quota"] == {
        "daily_limit": 5, "used_today": 1, "reserved_today": 1, "remaining_today": 3, "runs_needed": 12,
        "days_until_done": 3,
    }  # fmt: skip


def test_a_backfill_is_queued_although_the_quota_is_used_up_and_ordinary_runs_are_unaffected(
    make_connected: MakeFrontend,
) -> None:
    frontend = make_connected(daily_limit=2)
    schedules = Schedules(frontend)
    schedules.make_due(schedules.start())
    frontend.start()
    queued = ask(frontend).json()["backfill_id"]
    listed = frontend.api.get(f"{frontend.runs_path}?backfill_id={queued}").json()["runs"]
    assert {(run["status"], run["wait_reason"]) for run in listed} == {("PENDING", "DAILY_LIMIT")}
    second = frontend.run(date="2025-11-16", billing_export_table=f"{frontend.tenant.project}.billing.other")
    assert (second.status_code, second.json()["status"]) == (202, "RUNNING")
    assert frontend.run().status_code == 429


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"split": "week"}, {"split"}),
        ({"preview": "yes"}, {"preview"}),
        ({"date": "2025-11-01"}, {"date"}),
        ({"start_date": "2021-01-01"}, {"end_date"}),
        ({"end_date": "2099-01-01", "start_date": "2098-12-01"}, {"end_date"}),
        ({"start_date": "November", "surprise": 1}, {"start_date", "surprise"}),
    ],
)
def test_a_bad_backfill_is_refused_by_field(shared_frontend: Frontend, changes: Json, fields: set[str]) -> None:
    answer = ask(shared_frontend, **changes)
    assert set(refused_fields(answer)) == fields
    assert shared_frontend.central("pipeline_execution_queue") == []


def test_a_backfill_without_credentials_is_409(frontend: Frontend) -> None:
    assert ask(frontend).status_code == ask(frontend, preview=True).status_code == 409


def test_another_tenants_key_is_403_and_queues_nothing(connected: Frontend, make_connected: MakeFrontend) -> None:
    other = make_connected()
    assert ask(other, path=connected.run_path).status_code == 403
    assert [*connected.central("pipeline_execution_queue"), *other.central("pipeline_execution_queue")] == []
    body = ask(connected).json()
    assert other.api.get(f"{other.runs_path}?backfill_id={body['backfill_id']}").json()["runs"] == []


def test_a_second_backfill_waits_for_the_first(connected: Frontend) -> None:
    first = ask(connected)
    assert first.status_code == 202
    for again in (ask(connected), ask(connected, preview=True)):
        problem = again.json()
        assert (again.status_code, problem["waiting_runs"], problem["backfill_id"]) == (
            409,
            12,
            first.json()["backfill_id"],
        )
    assert ask(connected, billing_export_table=f"{connected.tenant.project}.billing.other").status_code == 202


def test_a_repeated_call_gets_the_same_answer_and_queues_once(connected: Frontend) -> None:
    first = ask(connected, headers=KEY)
    connected.start()
    second = ask(connected, headers=KEY)
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json() == first.json()
    assert len(connected.central("pipeline_execution_queue")) == 13


def test_a_key_with_another_body_is_422(connected: Frontend) -> None:
    assert ask(connected, headers=KEY).status_code == 202
    assert ask(connected, headers=KEY, start_date="2025-01-01").status_code == 422
    assert connected.run(headers=KEY).status_code == 422


def test_concurrent_calls_with_one_key_queue_one_backfill(connected: Frontend) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = [answer.json() for answer in threads.map(lambda _: ask(connected, headers=KEY), range(4))]
    assert answers == [answers[0]] * 4
    assert len(connected.central("pipeline_execution_queue")) == 12


def test_a_call_that_is_interrupted_and_repeated_queues_once(connected: Frontend, cloud: Devcloud) -> None:
    ask(connected, preview=True)  # so the function is started
    first = cut_off(cloud, "run_pipeline", lambda headers: ask(connected, headers=KEY | headers))
    assert first.status_code == 503
    second = ask(connected, headers=KEY)
    assert second.status_code == 202
    ids = sorted(run["pipeline_logging_id"] for run in second.json()["runs"])
    assert sorted(item["run_id"] for item in connected.central("pipeline_execution_queue")) == ids
    assert sorted(row["pipeline_logging_id"] for row in connected.own("x_meta_pipeline_runs")) == ids
