"""Quality checks on staging: all of a template's in one job, each one statement of shared/sql/pipeline/checks.sql."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from shared.adapters.sql import Statement, joined, load_statements, statement
from shared.domain.templates import Check, Template
from shared.errors import InvalidTemplate
from shared.pipeline.hop import Hop
from shared.pipeline.journal import StepRecord
from shared.pipeline.plan import PlannedStep
from shared.pipeline.steps.result import StepResult
from shared.templates import sql_file

_CHECKS = "pipeline/checks"


@dataclass(frozen=True)
class RenderedCheck:
    """One statement of the job and its parameters; a check on several columns has several."""

    check: Check
    check_id: str
    statement: Statement
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Checked:
    """What a check is about: a step's staging table, as `{staging}.name`, and what its extract counted."""

    table: str
    source: str
    dates: Sequence[date]
    counted: Sequence[Mapping[str, Any]]


def render_checks(
    template: Template, values: Mapping[str, Mapping[str, Any]], checked: Mapping[str, Checked]
) -> list[RenderedCheck]:
    """The checks of a run: `values` by check id with placeholders filled, `checked` by step id."""
    rendered: list[RenderedCheck] = []
    for check in template.checks:
        try:
            rendered += _rendered(template, check, values[check.id], checked[check.step])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidTemplate(f"checks.{check.id}: {error}") from error
    return rendered


def _rendered(template: Template, check: Check, given: Mapping[str, Any], checked: Checked) -> list[RenderedCheck]:
    found = statement(_CHECKS, check.uses).naming(staged=checked.table)
    run = {"source": checked.source, "dates": list(checked.dates)}
    target = next((item for item in template.publish if item.step == check.step), None)
    match check.uses:
        case "not_null":
            return [_one(check, found.naming(column=column), {}, suffix=f".{column}") for column in given["columns"]]
        case "unique":
            return [_one(check, found.naming(columns=given["columns"]), {})]
        case "accepted_values":
            return [_one(check, found.naming(column=given["column"]), {"accepted": given["values"]})]
        case "row_count":
            return [_one(check, found, {"minimum": given.get("minimum"), "maximum": given.get("maximum")})]
        case "reconciliation" if target:
            billed = load_statements(sql_file(template))[target.billed].naming(rows=checked.table)
            return [_one(check, found.naming(billed=billed), {**run, "counted": json.dumps(list(checked.counted))})]
        case "not_emptied" if target:
            named = found.naming(target=f"{{dataset}}.{target.table}", date_column=target.date_column)
            return [_one(check, named, {**run, "allow_empty": given["allow_empty"]})]
    raise ValueError(f"{check.uses} needs a step that is published")


def _one(check: Check, found: Statement, values: Mapping[str, Any], suffix: str = "") -> RenderedCheck:
    check_id = f"{check.id}{suffix}"
    return RenderedCheck(check, check_id, found, {"check_id": check_id, **values})


def checks_statement(rendered: Sequence[RenderedCheck]) -> tuple[Statement, dict[str, Any]]:
    """All checks as one statement, and its parameters."""
    statements: list[Statement] = []
    values: dict[str, Any] = {}
    for number, item in enumerate(rendered):
        prefix = f"check{number}_"
        statements.append(item.statement.prefixed(prefix))
        values |= {f"{prefix}{name}": value for name, value in item.values.items()}
    return joined("run_checks", statements, "\nUNION ALL\n"), values


def run_checks(hop: Hop, step: PlannedStep, records: Mapping[str, StepRecord]) -> StepResult:
    """Run every check in one job. The result holds what each saw; whether the run may go on is `failed_checks`."""
    checked = {step_id: checked_of(hop, record) for step_id, record in records.items()}
    rendered = render_checks(hop.template, step.values, checked)
    if not rendered:
        return StepResult()
    found, values = checks_statement(rendered)
    warehouse = hop.services.warehouse
    job_id = f"{hop.task.run_id}-{step.id}-{step.input_hash}"
    job = warehouse.once(
        found,
        values,
        job_id=job_id,
        dataset=hop.task.tenant_id,
        labels={**hop.labels, "step": step.id},
        pause=hop.control.pause_for_job,
    )
    rows = {row["check_id"]: row for row in warehouse.rows_of(job)}
    checked_at = str(job.ended or hop.run.read_at)
    results = [_result(item, rows[item.check_id], hop.template, checked_at) for item in rendered]
    return StepResult(rows=len(results), bytes_billed=job.total_bytes_billed or 0, job_id=job.job_id, checks=results)


def checked_of(hop: Hop, record: StepRecord) -> Checked:
    """What the checks of a step are about."""
    details = record.details
    return Checked(
        table=f"{{staging}}.{record.output_table}",
        source=hop.source,
        dates=[date.fromisoformat(day) for day in details.get("dates", [])],
        counted=details.get("counted", []),
    )


def _result(item: RenderedCheck, row: Mapping[str, Any], template: Template, checked_at: str) -> Mapping[str, Any]:
    target = next((target.table for target in template.publish if target.step == item.check.step), item.check.step)
    return {
        "step_id": item.check.step,
        "check_id": item.check_id,
        "table_name": target,
        "severity": item.check.severity,
        "passed": row["failed_rows"] == 0,
        "observed": row["observed"],
        "expected": row["expected"],
        "failed_rows": row["failed_rows"],
        "checked_at": checked_at,
    }


def failed_checks(results: Sequence[Mapping[str, Any]]) -> str:
    """The checks of severity fail that did not pass, in words; empty when the run may go on."""
    return "; ".join(
        f"{result['check_id']}: {result['observed']}, expected {result['expected']}"
        for result in results
        if result["severity"] == "fail" and not result["passed"]
    )
