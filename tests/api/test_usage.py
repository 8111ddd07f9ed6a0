"""GET usage: the figures by which a request for a run is accepted or refused."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.conftest import JobsOf
from tests.support.frontend import Frontend


def path_of(frontend: Frontend) -> str:
    return f"/api/v1/usage/{frontend.tenant_id}"


def test_usage_counts_waiting_runs_and_says_what_is_left(frontend: Frontend, jobs_of: JobsOf) -> None:
    frontend.store_keyless()
    before = frontend.api.get(path_of(frontend)).json()
    assert (before["used_today"], before["remaining_today"]) == (0, before["daily_limit"])
    frontend.start()
    asked_at = datetime.now(UTC)
    answer = frontend.api.get(path_of(frontend))
    after = answer.json()
    assert after == before | {
        "used_today": 1,
        "remaining_today": before["daily_limit"] - 1,
        "waiting": 1,
        "resets_at": after["resets_at"],
    }
    assert after["waiting"] < after["waiting_limit"]
    resets_at = datetime.fromisoformat(after["resets_at"])
    assert (resets_at.time().isoformat(), asked_at < resets_at) == ("00:00:00", True)
    assert len(jobs_of(answer.headers["X-Request-ID"])) == 1


def test_a_field_that_is_unknown_is_refused_by_name(frontend: Frontend) -> None:
    answer = frontend.api.get(path_of(frontend), params={"day": "today"})
    assert answer.status_code == 400
    assert "day: is unknown" in answer.json()["detail"]


def test_another_tenants_key_is_refused(frontend: Frontend, shared_frontend: Frontend) -> None:
    assert frontend.api.get(path_of(shared_frontend)).status_code == 403


def test_usage_is_not_shown_without_a_key(frontend: Frontend) -> None:
    assert frontend.api.get(path_of(frontend), headers={"X-API-Key": None}).status_code == 401
