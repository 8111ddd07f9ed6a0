"""Makes the log record of the step that an executor was running when it stopped reporting."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from shared.domain.runs.attempt import Checkpoint
from shared.domain.templates.templates import Template
from shared.pipeline.journal import COMPLETED, FAILED, StepRecord, duration_ms
from shared.pipeline.plan import CHECKS, PUBLISH


def interrupted_step(
    template: Template, checkpoints: Sequence[Checkpoint], *, attempt: int, closed_at: datetime, reason: str | None
) -> StepRecord | None:
    """The record of the step after the last completed one, with the status FAILED for `reason`.

    It returns None if no step was under way: no executor claimed the attempt, or the executor handed over or recorded
    the step's end itself.
    """
    events = [item for item in checkpoints if item.attempt == attempt and item.kind != "CANCEL_REQUESTED"]
    last = events[-1] if events else None
    if last is None or last.kind == "HANDED_OVER" or last.details.get("status") == FAILED:
        return None
    steps = [(step.id, step.uses) for step in template.steps] + [(CHECKS, CHECKS), (PUBLISH, PUBLISH)]
    done = {item.details["step_id"] for item in checkpoints if item.details.get("status") == COMPLETED}
    under_way = next((step for step in steps if step[0] not in done), None)
    if under_way is None:
        return None
    step_id, step_type = under_way
    return StepRecord(
        step_id=step_id,
        step_type=step_type,
        status=FAILED,
        input_hash="",
        attempt=attempt,
        started_at=last.occurred_at.isoformat(),
        completed_at=closed_at.isoformat(),
        duration_ms=duration_ms(last.occurred_at, closed_at),
        error_message=reason,
    )
