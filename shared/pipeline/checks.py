"""Runs all quality checks of a template on the staged rows in one job, and returns their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from shared.adapters.bigquery.costs import JobCosts
from shared.adapters.bigquery.job_errors import InvalidStatement
from shared.errors import ConvergenceError, InvalidTemplate, JobFailed
from shared.pipeline.check_statements import (
    Checked,
    RenderedCheck,
    checks_statement,
    render_checks,
)
from shared.pipeline.context import HopContext
from shared.pipeline.guards import render_guards
from shared.pipeline.journal import StepRecord
from shared.pipeline.plan import PlannedStep
from shared.pipeline.samples import bounded_sample
from shared.pipeline.steps.result import StepResult
from shared.pipeline.steps.sql import run_values
from shared.runtime import log

_MAX_CHARACTERS = 1000
_SHOWING_VALUES = frozenset({"accepted_values", "range"})


def run_checks(
    hop: HopContext, step: PlannedStep, records: Mapping[str, StepRecord], *, max_bytes_billed: int | None
) -> StepResult:
    """Run every check in one job. The result has the observed values; `failed_checks` says if the run may continue."""
    checked = _checked(hop, records)
    rendered = [*render_checks(hop.template, step.values, checked), *render_guards(hop.template, checked)]
    found, values = checks_statement(rendered)
    warehouse = hop.services.warehouse
    job_id = f"{hop.task.run_id}-{step.id}-{step.over(found.text, values).input_hash}"
    try:
        job = hop.ask(found, values, job_id=job_id, max_bytes_billed=max_bytes_billed)
    except JobFailed:
        _require_valid(hop, rendered)
        raise
    rows = {row["check_id"]: row for row in warehouse.rows_of(job)}
    checked_at = str(job.ended or hop.run.read_at)
    results = [_result(item, rows[item.check_id], checked_at) for item in rendered]
    return StepResult(rows=len(results), job_id=job.job_id, checks=results, costs=JobCosts.of_job(job))


def _require_valid(hop: HopContext, rendered: Sequence[RenderedCheck]) -> None:
    """Raise InvalidTemplate, which is not retried, for a check whose SQL BigQuery refuses for any rows.

    It is called only after the job has failed, so that a valid run does not wait for these dry runs.
    """
    for item in rendered:
        try:
            hop.services.warehouse.estimate(item.statement, item.values, dataset=hop.task.tenant_id)
        except InvalidStatement as error:
            raise InvalidTemplate(f"{hop.template.pipeline_id}: checks.{item.check_id}: {error.message}") from error
        except ConvergenceError as error:  # a passing error or a missing table: the next attempt tries again
            log.warning("check not looked at", check_id=item.check_id, error_class=type(error).__name__)
            return


def _checked(hop: HopContext, records: Mapping[str, StepRecord]) -> Checked:
    details = {step_id: record.details for step_id, record in records.items()}
    return Checked(
        staged={step_id: f"{{staging}}.{record.output_table}" for step_id, record in records.items()},
        dates={name: [date.fromisoformat(day) for day in known.get("dates", [])] for name, known in details.items()},
        counted={name: known.get("counted", []) for name, known in details.items()},
        values=run_values(hop),
    )


def _result(item: RenderedCheck, row: Mapping[str, Any], checked_at: str) -> dict[str, Any]:
    """A row of x_meta_dq_results with the observed value and a few failing rows. It is small enough for an event."""
    result = {
        "step_id": item.step,
        "check_id": item.check_id,
        "table_name": item.table,
        "severity": item.severity,
        "uses": item.uses,
        "passed": row["failed_rows"] == 0,
        "observed": row["observed"][:_MAX_CHARACTERS],
        "expected": row["expected"][:_MAX_CHARACTERS],
        "failed_rows": row["failed_rows"],
        "checked_at": checked_at,
    }
    return result | ({"sample": bounded_sample(row["sample"])} if row["sample"] else {})


def failed_checks(results: Sequence[Mapping[str, Any]]) -> str:
    """The checks of severity fail that did not pass, as text. It is empty if the run may continue."""
    failed = [result for result in results if result["severity"] == "fail" and not result["passed"]]
    return "; ".join(f"{result['check_id']}: {_in_words(result)}" for result in failed)


def warnings_of(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """The ids of the checks of severity warn that did not pass."""
    return [result["check_id"] for result in results if result["severity"] == "warn" and not result["passed"]]


def _in_words(result: Mapping[str, Any]) -> str:
    """The observed and the expected value as text, with the number of failing rows if the check shows values."""
    words = f"{result['observed']}, expected {result['expected']}"
    if result.get("uses") not in _SHOWING_VALUES:
        return words
    rows = result["failed_rows"]
    return f"{words} ({rows} {'row fails' if rows == 1 else 'rows fail'})"
