"""A run's steps and checks are complete and without duplicates, whether logged or only streamed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from shared.domain.runs.run_details import merged_checks, merged_steps

FIRST, SECOND = datetime(2025, 11, 17, 8, tzinfo=UTC), datetime(2025, 11, 17, 9, tzinfo=UTC)


def event(event_id: str, step_id: str, started_at: datetime, *checks: str) -> dict[str, Any]:
    made = [{"check_id": check, "checked_at": str(started_at), "passed": True} for check in checks]
    details = {"step_id": step_id, "started_at": started_at.isoformat(), "rows": 7, "input_hash": "x", "checks": made}
    return {"event_id": event_id, "details": json.dumps(details)}


def test_step_that_is_logged_is_not_shown_again_from_its_event() -> None:
    logged = [{"log_id": "1", "step_id": "extract", "started_at": FIRST}]
    steps = merged_steps(logged, [event("1", "extract", FIRST), event("2", "publish", SECOND)])
    assert [step["step_id"] for step in steps] == ["extract", "publish"]
    assert (steps[1]["started_at"], steps[1]["rows"]) == (SECOND, 7)
    assert steps[0].keys() == steps[1].keys()
    assert "input_hash" not in steps[1]


def test_check_that_is_logged_is_not_shown_again_from_its_event() -> None:
    logged = [{"dq_result_id": "1-not_null", "check_id": "not_null", "checked_at": FIRST}]
    checks = merged_checks(logged, [event("1", "checks", FIRST, "not_null", "reconciled")])
    assert [(check["check_id"], check["checked_at"]) for check in checks] == [
        ("not_null", FIRST),
        ("reconciled", FIRST),
    ]


def test_a_logged_and_a_streamed_sample_are_the_same() -> None:
    sample = [{"cost": None, "x_usage_date": "2025-11-17"}]
    streamed = {"check_id": "b", "checked_at": str(FIRST), "sample": sample}
    events = [{"event_id": "1", "details": json.dumps({"checks": [streamed]})}]
    logged = [
        {"dq_result_id": "1-a", "check_id": "a", "checked_at": FIRST, "sample": json.dumps(sample)},
        {"dq_result_id": "1-c", "check_id": "c", "checked_at": FIRST, "sample": "null"},
    ]
    assert [check["sample"] for check in merged_checks(logged, events)] == [sample, sample, None]


def test_steps_of_a_running_run_are_in_the_order_in_which_they_began() -> None:
    steps = merged_steps([], [event("2", "publish", SECOND), event("1", "extract", FIRST)])
    assert [step["step_id"] for step in steps] == ["extract", "publish"]
