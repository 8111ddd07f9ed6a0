"""POST run answers, stores rows and takes a bounded number of jobs.

tests/security/test_multi_tenant_isolation.py shows that no tenant can start another tenant's run.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from devcloud.server import Devcloud
from shared.domain.runs.acceptance import repeatable_run_id
from shared.domain.runs.limits import next_utc_midnight
from tests.conftest import JobsOf, MakeFrontend
from tests.support.answers import refused_fields
from tests.support.faults import cut_off
from tests.support.frontend import Frontend
from tests.support.run_rows import count_starts_today, log_run_of_200_days_ago
from tests.support.tenant import Api

Json = dict[str, Any]
WITH_IDEMPOTENCY_KEY: dict[str, str | None] = {"Idempotency-Key": "order-1"}


@dataclass(frozen=True)
class Accepted:
    """A run of alice's that was accepted: the tenant's frontend and the answer. Tests only read."""

    frontend: Frontend
    answer: requests.Response

    @property
    def run_id(self) -> str:
        return str(self.answer.json()["pipeline_logging_id"])


@pytest.fixture(scope="module")
def accepted(make_connected: MakeFrontend) -> Accepted:
    frontend = make_connected()
    answer = frontend.run(headers={"X-User-ID": "alice"})
    assert answer.status_code == 202
    return Accepted(frontend, answer)


def test_the_answer_to_an_accepted_run_says_where_to_look_and_when(accepted: Accepted) -> None:
    assert accepted.answer.json() == {
        "pipeline_logging_id": accepted.run_id,
        "tenant_id": accepted.frontend.tenant_id,
        "status": "RUNNING",
        "message": "Pipeline triggered successfully",
    }
    assert accepted.answer.headers["Location"] == f"{accepted.frontend.runs_path}/{accepted.run_id}"
    assert int(accepted.answer.headers["Retry-After"]) > 0


def test_an_accepted_run_is_in_the_tenants_run_log(accepted: Accepted) -> None:
    (logged,) = accepted.frontend.own("x_meta_pipeline_runs")
    assert (logged["pipeline_logging_id"], logged["status"], logged["user_id"]) == (accepted.run_id, "RUNNING", "alice")
    assert (logged["trigger_type"], logged["pipeline_id"]) == ("api", "gcp-cost-billing")
    assert logged["parameters"]["date"] == "2025-11-17"
    assert logged["trigger_by"] == accepted.frontend.central("tenant_api_keys")[0]["api_key_id"]


def test_an_accepted_run_is_in_the_queue_as_it_was_logged(accepted: Accepted) -> None:
    (logged,) = accepted.frontend.own("x_meta_pipeline_runs")
    (item,) = accepted.frontend.central("pipeline_execution_queue")
    assert (item["run_id"], item["pipeline_logging_id"]) == (accepted.run_id, accepted.run_id)
    assert (item["state"], item["priority"], item["attempt"], item["config_id"]) == ("QUEUED", 10, 0, None)
    assert item["source"] == f"gcp:{accepted.frontend.tenant.project}.billing.export"
    assert (item["parameters"], item["trigger_by"]) == (logged["parameters"], logged["trigger_by"])


def test_an_accepted_run_takes_two_jobs(accepted: Accepted, jobs_of: JobsOf) -> None:
    assert len(jobs_of(accepted.answer.headers["X-Request-ID"])) == 2


def test_a_malformed_api_key_takes_no_job(shared_frontend: Frontend, jobs_of: JobsOf) -> None:
    refused = shared_frontend.run(headers={"X-API-Key": "no key at all"})
    assert refused.status_code == 401
    assert jobs_of(refused.headers["X-Request-ID"]) == []


def test_a_refused_run_takes_one_job(shared_frontend: Frontend, jobs_of: JobsOf) -> None:
    answer = shared_frontend.run(date="yesterday")
    assert answer.status_code == 400
    assert len(jobs_of(answer.headers["X-Request-ID"])) == 1


def test_a_run_of_a_busy_source_waits_and_gives_the_reason(connected: Frontend) -> None:
    connected.run()
    body = connected.run().json()
    assert (body["status"], body["wait_reason"], body["queue_position"]) == ("PENDING", "PIPELINE_BUSY", 1)
    statuses = {row["pipeline_logging_id"]: row["status"] for row in connected.own("x_meta_pipeline_runs")}
    assert statuses[body["pipeline_logging_id"]] == "PENDING"


def test_a_run_without_a_free_slot_waits_and_gives_the_reason(make_connected: MakeFrontend) -> None:
    frontend = make_connected(concurrent_limit=2)
    exports = [f"{frontend.tenant.project}.billing.export_{number}" for number in range(3)]
    *started, waiting = [frontend.run(billing_export_table=export).json() for export in exports]
    assert [answer["status"] for answer in started] == ["RUNNING", "RUNNING"]
    assert (waiting["status"], waiting["wait_reason"], waiting["queue_position"]) == ("PENDING", "CONCURRENT_LIMIT", 1)


def test_a_used_up_quota_is_429_with_its_figures(make_connected: MakeFrontend) -> None:
    frontend = make_connected(daily_limit=2)
    assert [frontend.run().status_code for _ in range(2)] == [202, 202]
    before = next_utc_midnight(datetime.now(UTC))
    answer = frontend.run()
    after = next_utc_midnight(datetime.now(UTC))
    assert answer.status_code == 429
    problem = answer.json()
    assert (problem["limit"], problem["used"]) == (2, 2)
    assert datetime.fromisoformat(problem["resets_at"]) in {before, after}  # the call may take past midnight
    assert 0 < int(answer.headers["Retry-After"]) <= 86_401  # a second after midnight, at most a day away


def test_runs_that_were_counted_today_use_the_quota_up(make_connected: MakeFrontend) -> None:
    frontend = make_connected(daily_limit=3)
    count_starts_today(frontend, 3)
    answer = frontend.run()
    assert (answer.status_code, answer.json()["used"]) == (429, 3)
    assert frontend.central("pipeline_execution_queue") == []


def test_a_run_without_credentials_is_409(frontend: Frontend) -> None:
    answer = frontend.run()
    assert answer.status_code == 409
    assert "GCP" in answer.json()["detail"]


@pytest.mark.parametrize("provider", ["gcp", "GCP"])
def test_a_run_is_400_if_neither_request_nor_credential_names_an_export(
    shared_frontend: Frontend, provider: str
) -> None:
    path = f"/api/v1/pipelines/run/{shared_frontend.tenant_id}/{provider}/cost/billing"
    answer = shared_frontend.api.post(path, {"date": "2025-11-17"})
    assert refused_fields(answer) == ["billing_export_table"]


@pytest.mark.parametrize("pipeline", ["gcp/cost/nonsense", "ibm/cost/billing", "gcp/%2e%2e/cost"])
def test_an_unknown_template_is_404(shared_frontend: Frontend, pipeline: str) -> None:
    answer = shared_frontend.api.post(f"/api/v1/pipelines/run/{shared_frontend.tenant_id}/{pipeline}")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"date": "17.11.2025"}, "date"),
        ({"date": "2025-02-30"}, "date"),
        ({"date": 20251117}, "date"),
        ({"start_date": "2025-11-17"}, "date"),  # run() sends a date too
        ({"surprise": 1}, "surprise"),
        ({"billing_export_table": "not a table"}, "billing_export_table"),
    ],
)
def test_a_bad_body_is_refused_and_the_answer_names_the_field(
    shared_frontend: Frontend, changes: Json, field: str
) -> None:
    assert field in refused_fields(shared_frontend.run(**changes))


def test_the_refusal_of_an_unknown_field_lists_the_known_fields(shared_frontend: Frontend) -> None:
    (error,) = shared_frontend.run(spilt="month").json()["errors"]
    other_fields = "billing_export_table, date, end_date, late_hours, preview, split, start_date"
    assert error == {"field": "spilt", "message": f"is unknown; this pipeline takes allow_empty, {other_fields}"}


def test_a_repeated_call_with_an_idempotency_key_gets_the_same_answer_and_runs_once(
    connected: Frontend, jobs_of: JobsOf
) -> None:
    connected.run()  # so that the answer to the next one has a reason and a place in the queue
    first, second = connected.run(headers=WITH_IDEMPOTENCY_KEY), connected.run(headers=WITH_IDEMPOTENCY_KEY)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["wait_reason"] == "PIPELINE_BUSY"
    assert second.json() == first.json()
    assert len(connected.central("pipeline_execution_queue")) == 2
    assert len(jobs_of(second.headers["X-Request-ID"])) == 1


def test_an_idempotency_key_with_another_body_is_422(connected: Frontend) -> None:
    assert connected.run(headers=WITH_IDEMPOTENCY_KEY).status_code == 202
    assert connected.run(headers=WITH_IDEMPOTENCY_KEY, date="2025-11-18").status_code == 422


def test_the_same_idempotency_key_of_two_tenants_starts_a_run_for_each(
    connected: Frontend, make_connected: MakeFrontend
) -> None:
    other = make_connected()
    mine, theirs = connected.run(headers=WITH_IDEMPOTENCY_KEY), other.run(headers=WITH_IDEMPOTENCY_KEY)
    assert (mine.status_code, theirs.status_code) == (202, 202)
    assert mine.json()["pipeline_logging_id"] != theirs.json()["pipeline_logging_id"]


def test_a_repeated_call_gets_the_same_answer_after_its_own_run_used_up_the_quota(
    make_connected: MakeFrontend,
) -> None:
    frontend = make_connected(daily_limit=1)
    first = frontend.run(headers=WITH_IDEMPOTENCY_KEY)
    assert first.status_code == 202
    assert frontend.run(headers=WITH_IDEMPOTENCY_KEY).json() == first.json()
    assert frontend.run(headers={"Idempotency-Key": "order-2"}).status_code == 429


def test_concurrent_calls_with_one_idempotency_key_run_once(connected: Frontend) -> None:
    def post(_: int) -> tuple[int, Any]:
        api = Api(connected.api.url, connected.tenant.api_key)
        answer = api.post(connected.run_path, connected.run_body(), headers=WITH_IDEMPOTENCY_KEY)
        return answer.status_code, answer.json()

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(post, range(4)))
    assert answers[0][0] == 202
    assert answers == [answers[0]] * 4
    assert len(connected.central("pipeline_execution_queue")) == 1


def test_an_idempotency_key_whose_first_job_failed_is_not_used_up(connected: Frontend) -> None:
    connected.client.delete_table(f"{connected.tenant_id}.x_meta_pipeline_runs")
    assert connected.run(headers=WITH_IDEMPOTENCY_KEY).status_code == 500
    assert connected.central("pipeline_execution_queue") == []
    assert connected.store().json()["tables_created"] == ["x_meta_pipeline_runs"]
    first = connected.run(headers=WITH_IDEMPOTENCY_KEY)
    assert first.status_code == 202
    assert connected.run(headers=WITH_IDEMPOTENCY_KEY).json() == first.json()
    assert len(connected.central("pipeline_execution_queue")) == 1


def test_an_idempotency_key_makes_a_new_run_once_bigquery_has_forgotten_its_job(connected: Frontend) -> None:
    pipeline = {"tenant_id": connected.tenant_id, "pipeline_id": "gcp-cost-billing"}
    old = repeatable_run_id(**pipeline, idempotency_key="order-1", number=0)
    log_run_of_200_days_ago(connected, old)
    first = connected.run(headers=WITH_IDEMPOTENCY_KEY)
    assert first.status_code == 202
    assert first.json()["pipeline_logging_id"] != old
    assert connected.run(headers=WITH_IDEMPOTENCY_KEY).json() == first.json()
    assert len(connected.central("pipeline_execution_queue")) == 1


@pytest.mark.parametrize("idempotency_key", ["", "é", "x" * 256])
def test_a_malformed_idempotency_key_is_400(shared_frontend: Frontend, idempotency_key: str) -> None:
    assert refused_fields(shared_frontend.run(headers={"Idempotency-Key": idempotency_key})) == ["Idempotency-Key"]


def test_an_interrupted_call_that_is_repeated_with_its_idempotency_key_runs_once(
    connected: Frontend, cloud: Devcloud
) -> None:
    connected.run(date="nonsense")  # so the function is started
    first = cut_off(cloud, "run_pipeline", lambda headers: connected.run(headers=WITH_IDEMPOTENCY_KEY | headers))
    assert first.status_code == 503
    second = connected.run(headers=WITH_IDEMPOTENCY_KEY)
    assert second.status_code == 202
    run_id = second.json()["pipeline_logging_id"]
    assert [item["run_id"] for item in connected.central("pipeline_execution_queue")] == [run_id]
    assert [row["pipeline_logging_id"] for row in connected.own("x_meta_pipeline_runs")] == [run_id]


@pytest.mark.parametrize(("field", "other_fields"), [("date", {}), ("end_date", {"start_date": "2025-11-17"})])
def test_a_day_that_has_not_begun_in_utc_is_400(shared_frontend: Frontend, field: str, other_fields: Json) -> None:
    future_day = str(datetime.now(UTC).date() + timedelta(days=2))  # tomorrow may begin before the call
    body = {field: future_day, "billing_export_table": "p-12345.d.t"} | other_fields
    answer = shared_frontend.api.post(shared_frontend.run_path, body)
    assert refused_fields(answer) == [field]
    assert re.fullmatch(r"must not be after today, [0-9-]+ in UTC", answer.json()["errors"][0]["message"])
