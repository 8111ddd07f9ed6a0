"""A tenant with a full queue gets 429 with the name of the limit."""

from __future__ import annotations

from tests.conftest import MakeFrontend

YEARS = {"start_date": "2022-11-10", "end_date": "2025-11-17", "split": "month"}  # 37 months
KEY: dict[str, str | None] = {"Idempotency-Key": "third"}


def test_backfills_beyond_the_queues_limit_are_429_and_queue_nothing(make_connected: MakeFrontend) -> None:
    frontend = make_connected(daily_limit=5)

    def fill(number: int, headers: dict[str, str | None] | None = None) -> tuple[int, dict[str, object], str | None]:
        body = YEARS | {"billing_export_table": f"{frontend.tenant.project}.billing.t{number}"}
        answer = frontend.api.post(frontend.run_path, body, headers=headers)
        return answer.status_code, answer.json(), answer.headers.get("Retry-After")

    assert [fill(0)[0], fill(1)[0]] == [202, 202]
    status, problem, retry_after = fill(2, KEY)
    assert (status, problem["type"]) == (429, "urn:convergence:error:too-many-waiting")
    assert (problem["cap"], problem["limit"], problem["waiting"]) == ("waiting_runs", 100, 74)
    assert retry_after is not None
    assert int(retry_after) > 0
    assert len(frontend.central("pipeline_execution_queue")) == 74
    assert frontend.run().status_code == 202  # there is room for one

    frontend.sql("DELETE FROM {tenants}.pipeline_execution_queue WHERE tenant_id = @tenant_id")
    assert fill(2, KEY)[0] == 202  # the key was not used up
    assert fill(2, KEY)[0] == 202  # the repeated request gets the same answer although the queue is full again
