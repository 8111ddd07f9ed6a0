"""Keeps the records of steps: each is a STEP event, and at the end of the hop a row of the tenant's step log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from shared.domain.runs.attempt import Checkpoint

COMPLETED, FAILED = "COMPLETED", "FAILED"


@dataclass(frozen=True)
class StepRecord:
    """The record of a step. It is valid only for a step with the same `input_hash`."""

    step_id: str
    step_type: str
    status: str
    input_hash: str
    attempt: int
    started_at: str
    completed_at: str
    duration_ms: int
    rows: int | None = None
    bytes_billed: int | None = None
    bytes_processed: int | None = None
    slot_millis: int | None = None
    job_id: str | None = None
    output_table: str | None = None
    error_message: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    checks: Sequence[Mapping[str, Any]] = ()

    def to_details(self) -> dict[str, Any]:
        """The `details` of its STEP event."""
        return asdict(self)


class Journal:
    """The steps of this hop and of the hops before it, by their events."""

    def __init__(self, checkpoints: Sequence[Checkpoint]) -> None:
        steps = [item for item in checkpoints if item.kind == "STEP"]
        self._entries = [(item.event_id, _record(item.details)) for item in steps]

    def add(self, event_id: str, record: StepRecord) -> None:
        """Add a step of this hop."""
        self._entries.append((event_id, record))

    def find(self, step_id: str, input_hash: str) -> StepRecord | None:
        """The record of this step if it was completed with this input, or None."""
        for _, record in reversed(self._entries):
            if (record.step_id, record.input_hash, record.status) == (step_id, input_hash, COMPLETED):
                return record
        return None

    @property
    def bytes_billed(self) -> int:
        """Bytes billed for all steps so far."""
        return sum(record.bytes_billed or 0 for _, record in self._entries)

    def step_rows(self) -> list[dict[str, Any]]:
        """Rows of x_meta_step_logs; their ids are the events', so that a repeat is recognised."""
        return [
            {"log_id": event_id, **{key: value for key, value in asdict(record).items() if key != "checks"}}
            for event_id, record in self._entries
        ]

    def check_rows(self) -> list[dict[str, Any]]:
        """Rows of x_meta_dq_results."""
        return [
            {"dq_result_id": f"{event_id}-{check['check_id']}", **check}
            for event_id, record in self._entries
            for check in record.checks
        ]


def _record(details: Mapping[str, Any]) -> StepRecord:
    known = StepRecord.__dataclass_fields__
    return StepRecord(**{name: value for name, value in details.items() if name in known})


def duration_ms(started_at: datetime, completed_at: datetime) -> int:
    """Whole milliseconds between two moments."""
    return round((completed_at - started_at).total_seconds() * 1000)
