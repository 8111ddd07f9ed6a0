"""The record of the step at which an executor stopped reporting."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.configuration.templates import get_template
from shared.domain.runs.attempt import Checkpoint
from shared.pipeline.interrupted import interrupted_step

BEGUN = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLAIMED: tuple[str, Mapping[str, Any]] = ("CLAIMED", {"hop": 0})
HANDED_OVER: tuple[str, Mapping[str, Any]] = ("HANDED_OVER", {"hop": 0})


def step(step_id: str, status: str = "COMPLETED") -> tuple[str, Mapping[str, Any]]:
    return "STEP", {"step_id": step_id, "status": status}


def interrupted_after(*events: tuple[str, Mapping[str, Any]], attempt: int = 1) -> str | None:
    """The unfinished step of gcp/cost/billing after these events of a first attempt, which are a minute apart."""
    checkpoints = [
        Checkpoint(str(number), kind, "lease", 1, details, BEGUN + timedelta(minutes=number))
        for number, (kind, details) in enumerate(events)
    ]
    closed_at = BEGUN + timedelta(minutes=len(events) + 4)
    template = get_template("gcp", "cost", "billing")
    found = interrupted_step(template, checkpoints, attempt=attempt, closed_at=closed_at, reason="silent")
    if found is None:
        return None
    assert (found.status, found.error_message, found.attempt) == ("FAILED", "silent", attempt)
    assert (found.completed_at, found.duration_ms) == (closed_at.isoformat(), 5 * 60 * 1000)
    return found.step_id


@pytest.mark.parametrize("done", range(4))
def test_the_step_after_the_completed_ones_was_interrupted(done: int) -> None:
    steps = ["extract", "focus", "checks", "publish"]
    assert interrupted_after(CLAIMED, *map(step, steps[:done])) == steps[done]


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([], id="nobody claimed it"),
        pytest.param([CLAIMED, step("extract"), HANDED_OVER], id="between two hops"),
        pytest.param([CLAIMED, step("extract", "FAILED")], id="it noted the failure itself"),
        pytest.param([CLAIMED, *map(step, ["extract", "focus", "checks", "publish"])], id="it had done everything"),
    ],
)
def test_no_step_is_recorded_if_none_was_interrupted(events: list[tuple[str, Mapping[str, Any]]]) -> None:
    assert interrupted_after(*events) is None


def test_an_attempt_that_was_not_claimed_has_no_interrupted_step() -> None:
    assert interrupted_after(CLAIMED, step("extract"), attempt=2) is None
