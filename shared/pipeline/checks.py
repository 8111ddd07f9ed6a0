"""Quality checks on staging: all of a template's in one job, and what each of them found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from shared.adapters.query_costs import JobCosts
from shared.pipeline.check_statements import (
    Checked,
    RenderedCheck,
    checks_statement,
    render_checks,
    render_guards,
)
from shared.pipeline.hop import Hop
from shared.pipeline.journal import StepRecord
from shared.pipeline.plan import PlannedStep
from shared.pipeline.samples import bounded_sample
from shared.pipeline.steps.result import StepResult
from shared.pipeline.steps.sql import run_values

_MOST_CHARACTERS = 1000


def run_checks(
    hop: Hop, step: PlannedStep, records: Mapping[str, StepRecord], *, max_bytes_billed: int | None
) -> StepResult:
    """Run every check in one job. The result holds what each saw; whether the run may go on is `failed_checks`."""
    checked = _checked(hop, records)
    rendered = [*render_checks(hop.template, step.values, checked), *render_guards(hop.template, checked)]
    found, values = checks_statement(rendered)
    warehouse = hop.services.warehouse
    job_id = f"{hop.task.run_id}-{step.id}-{step.over(found.text, values).input_hash}"
    job = warehouse.once(
        found,
        values,
        job_id=job_id,
        dataset=hop.task.tenant_id,
        pause=hop.control.pause_for_job,
        max_bytes_billed=max_bytes_billed,
    )
    rows = {row["check_id"]: row for row in warehouse.rows_of(job)}
    checked_at = str(job.ended or hop.run.read_at)
    results = [_result(item, rows[item.check_id], checked_at) for item in rendered]
    return StepResult(rows=len(results), job_id=job.job_id, checks=results, costs=JobCosts.of_job(job))


def _checked(hop: Hop, records: Mapping[str, StepRecord]) -> Checked:
    details = {step_id: record.details for step_id, record in records.items()}
    return Checked(
        staged={step_id: f"{{staging}}.{record.output_table}" for step_id, record in records.items()},
        dates={name: [date.fromisoformat(day) for day in known.get("dates", [])] for name, known in details.items()},
        counted={name: known.get("counted", []) for name, known in details.items()},
        values=run_values(hop),
    )


def _result(item: RenderedCheck, row: Mapping[str, Any], checked_at: str) -> dict[str, Any]:
    """A row of x_meta_dq_results, small enough for an event: what was seen, and a few of the rows that fail."""
    result = {
        "step_id": item.step,
        "check_id": item.check_id,
        "table_name": item.table,
        "severity": item.severity,
        "passed": row["failed_rows"] == 0,
        "observed": row["observed"][:_MOST_CHARACTERS],
        "expected": row["expected"][:_MOST_CHARACTERS],
        "failed_rows": row["failed_rows"],
        "checked_at": checked_at,
    }
    return result | ({"sample": bounded_sample(row["sample"])} if row["sample"] else {})


def failed_checks(results: Sequence[Mapping[str, Any]]) -> str:
    """The checks of severity fail that did not pass, in words; empty when the run may go on."""
    return "; ".join(
        f"{result['check_id']}: {result['observed']}, expected {result['expected']}"
        for result in results
        if result["severity"] == "fail" and not result["passed"]
    )
