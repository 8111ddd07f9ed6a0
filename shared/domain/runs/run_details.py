"""Collects a run's steps and checks from the tenant's log, and from streamed events that the log does not have yet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

Record = Mapping[str, Any]
FINISHED = frozenset({"COMPLETED", "FAILED", "CANCELLED"})  # a run's last status
_STEP = (
    "step_id", "step_type", "status", "attempt", "rows", "bytes_billed", "job_id", "output_table", "started_at",
    "completed_at", "duration_ms", "error_message",
)  # fmt: skip
_CHECK = (
    "check_id", "step_id", "table_name", "severity", "passed", "observed", "expected", "failed_rows", "sample",
    "checked_at",
)  # fmt: skip


def merged_steps(logged: Sequence[Record], streamed: Sequence[Record]) -> list[Record]:
    """Every step once, in the order of their beginnings. A log entry has the id of the event that it was made from."""
    known = {step["log_id"] for step in logged}
    steps = [_shown(step, _STEP) for step in logged]
    steps += [_shown(json.loads(event["details"]), _STEP) for event in streamed if event["event_id"] not in known]
    return sorted(steps, key=lambda step: (_moment(step["started_at"]), step["step_id"]))


def merged_checks(logged: Sequence[Record], streamed: Sequence[Record]) -> list[Record]:
    """Every check once, in the order in which they ran. A result's id begins with the id of its event."""
    known = {check["dq_result_id"] for check in logged}
    checks = [_shown(check, _CHECK) for check in logged]
    for event in streamed:
        found = json.loads(event["details"]).get("checks") or ()
        checks += [_shown(check, _CHECK) for check in found if f"{event['event_id']}-{check['check_id']}" not in known]
    return sorted(checks, key=lambda check: (_moment(check["checked_at"]), check["check_id"]))


def billed_for(steps: Sequence[Record], *, otherwise: int | None) -> int | None:
    """The bytes billed for a run: the sum of its steps. A run without steps has `otherwise`, the value of its row.

    The sum is exact; the publish writes the row before the publish's own billed bytes are known.
    """
    return sum(step["bytes_billed"] or 0 for step in steps) if steps else otherwise


def _shown(record: Record, names: Sequence[str]) -> Record:
    return {name: _typed(name, record.get(name)) for name in names}


def _typed(name: str, value: Any) -> Any:
    if name == "sample" and isinstance(value, str):
        return json.loads(value)
    return datetime.fromisoformat(value) if name.endswith("_at") and isinstance(value, str) else value


def _moment(value: datetime | None) -> float:
    return value.timestamp() if value else 0.0
