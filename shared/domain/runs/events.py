"""Defines the events of runs, which are streamed and never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Kind = Literal[
    "ADMITTED", "CLAIMED", "HEARTBEAT", "STEP", "WAITING", "HANDED_OVER", "CANCEL_REQUESTED",
    "SUCCEEDED", "FAILED", "CANCELLED", "PAUSED", "SETTLED", "CLOSED",
]  # fmt: skip
# The event that reports a run's end, by the status of its row.
KIND_OF_STATUS: Mapping[str, Kind] = {"COMPLETED": "SUCCEEDED", "FAILED": "FAILED", "CANCELLED": "CANCELLED"}


@dataclass(frozen=True)
class RunEvent:
    """One row of pipeline_run_events.

    An executor's events have the lease under which they happened; the dispatcher ignores those of an old lease.
    CLAIMED and HANDED_OVER have `details={"hop": n}`, the hop that began or ended, so the dispatcher sees a hop that no
    executor claimed. A FAILED event says whether it is `retryable`. PAUSED ends the lease but not the attempt.
    `event_id` is also the streaming insert id, so appending the same event again changes nothing.
    """

    run_id: str
    tenant_id: str
    kind: Kind
    occurred_at: datetime
    event_id: str
    lease_id: str | None = None
    execution_id: str | None = None
    attempt: int | None = None
    outcome: str | None = None
    details: Mapping[str, Any] | None = None
    retryable: bool | None = None
    error_class: str | None = None
    error_message: str | None = None

    def to_row(self) -> dict[str, Any]:
        """The row for streaming, with times and JSON as text."""
        row = {**vars(self), "occurred_at": self.occurred_at.isoformat()}
        row["details"] = None if self.details is None else json.dumps(self.details, default=str)
        return row
