"""Writes runs with their steps and checks as executors leave them, so that pages have every kind of run to show."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.frontend import Frontend
from tests.support.tenant_rows import load

BEGAN = datetime(2025, 11, 18, 9, 30, tzinfo=UTC)
EXTRACT = {"step_id": "extract", "step_type": "gcp_billing_export", "rows": 302, "bytes_billed": 0}
STEPS: tuple[dict[str, Any], ...] = (
    EXTRACT | {"seconds": (1.0, 5.25)},
    {"step_id": "focus", "step_type": "sql", "rows": 302, "bytes_billed": 10485760, "seconds": (5.25, 11.5)},
    {"step_id": "run_checks", "step_type": "checks", "bytes_billed": 20971520, "seconds": (11.5, 13.0)},
    {"step_id": "publish", "step_type": "publish", "rows": 604, "bytes_billed": 31457280, "seconds": (13.0, 16.75)},
)


def plant_run(frontend: Frontend, *, steps: tuple[dict[str, Any], ...] = (), **columns: Any) -> str:
    """A run that has ended, COMPLETED unless `columns` say otherwise. Return its id."""
    run_id = str(uuid.uuid4())
    row = {
        "pipeline_logging_id": run_id,
        "tenant_id": frontend.tenant_id,
        "run_id": run_id,
        "pipeline_id": "gcp-cost-billing",
        "trigger_type": "api",
        "user_id": "user_4711",
        "status": "COMPLETED",
        "attempt": 1,
        "created_at": BEGAN.isoformat(),
        "started_at": _at(1.0),
        "completed_at": _at(17.0),
        "parameters": {"start_date": "2025-11-16", "end_date": "2025-11-17"},
        "warnings": [],
        "dates": [],
    }
    _load(frontend, "x_meta_pipeline_runs", [row | columns])
    if steps:
        _load(frontend, "x_meta_step_logs", [_step(frontend, run_id, step) for step in steps])
    return run_id


def plant_check(frontend: Frontend, run_id: str, **columns: Any) -> None:
    """A check of a run. It passed unless `columns` say otherwise."""
    row = {
        "dq_result_id": uuid.uuid4().hex,
        "tenant_id": frontend.tenant_id,
        "pipeline_logging_id": run_id,
        "step_id": "run_checks",
        "check_id": "same_as_source",
        "table_name": "gcp_cost_billing",
        "severity": "fail",
        "passed": True,
        "observed": "302 rows, 117.25",
        "expected": "302 rows, 117.25",
        "failed_rows": 0,
        "checked_at": _at(12.0),
    }
    _load(frontend, "x_meta_dq_results", [row | columns])


def _step(frontend: Frontend, run_id: str, step: dict[str, Any]) -> dict[str, Any]:
    begins, ends = step["seconds"]
    return {
        "log_id": f"{run_id}-{step['step_id']}",
        "tenant_id": frontend.tenant_id,
        "pipeline_logging_id": run_id,
        "action": "STEP",
        "status": "COMPLETED",
        "attempt": 1,
        "started_at": _at(begins),
        "completed_at": _at(ends),
        "duration_ms": int((ends - begins) * 1000),
        "timestamp": _at(ends),
    } | {name: value for name, value in step.items() if name != "seconds"}


def _at(seconds: float) -> str:
    return (BEGAN + timedelta(seconds=seconds)).isoformat()


def _load(frontend: Frontend, table: str, rows: list[dict[str, Any]]) -> None:
    load(frontend.client, f"{frontend.tenant_id}.{table}", rows)
