"""Plans the steps of a run from its template: fills placeholders, and computes a hash of each step's input."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.adapters.bigquery.sql import Statement
from shared.configuration.lookups import get_lookup
from shared.domain.templates.step_options import Retry, SqlStep, Step
from shared.domain.templates.templates import Template, substitute, template_variables
from shared.errors import ConfigError
from shared.pipeline.row_days import grain_problems
from shared.pipeline.sql_problems import problems_at_run
from shared.pipeline.statements import statements_named_by, step_statement

CHECKS, PUBLISH = "checks", "publish"  # every run ends with these two steps


@dataclass(frozen=True)
class PlannedStep:
    """A planned step. The same `input_hash` means the same work on the same data. A sql step has a statement."""

    id: str
    uses: str
    values: Mapping[str, Any]
    retry: Retry
    timeout_seconds: int
    input_hash: str
    statement: Statement | None = None
    max_bytes_billed: int | None = None

    def over(self, *read: Any) -> PlannedStep:
        """The step whose input hash also covers the data that it reads.

        A run finds new days by comparing with the published rows, so a later attempt may find fewer days. It must then
        not publish the rows that this attempt left in staging.
        """
        return replace(self, input_hash=_digest(self.input_hash, {"read": read}))


def plan_steps(
    template: Template,
    *,
    tenant_id: str,
    parameters: Mapping[str, Any],
    source: str,
    snapshot_at: datetime,
    watermark: datetime | None,
) -> Sequence[PlannedStep]:
    """The run's steps in order: the template's, then the checks, then the publish.

    It raises ConfigError for a template whose rows cover longer periods than its grain, because its publish would
    replace days that the run did not read. It also raises it for SQL that `validate` refuses, such as SQL that reads
    another tenant's tables.
    """
    for problem in problems_at_run(template):
        raise ConfigError(problem)
    for _, problem in grain_problems(template):
        raise ConfigError(f"{template.pipeline_id}: {problem}")
    variables = template_variables(template, tenant_id, parameters)
    read = {"source": source, "snapshot_at": str(snapshot_at), "watermark": str(watermark)}
    digest = _digest("", read)
    planned = []
    for step in template.steps:
        values = substitute(step.with_.model_dump(), variables)
        statement = step_statement(template, step) if isinstance(step, SqlStep) else None
        asked = _asked(template, statement, variables) if statement else {}
        digest = _digest(digest, {"id": step.id, "uses": step.uses, "with": values, **asked})
        planned.append(_planned(step, values, digest, statement))
    checks = {check.id: substitute(check.with_.given(), variables) for check in template.checks}
    rules = [check.model_dump(mode="json") for check in template.checks]
    named = [
        _asked(template, item, variables) for check in template.checks for item in statements_named_by(template, check)
    ]
    digest = _digest(digest, {"checks": checks, "rules": rules, "statements": named})
    planned.append(PlannedStep(CHECKS, CHECKS, checks, Retry(attempts=3), 900, digest))
    digest = _digest(digest, {"publish": [target.model_dump() for target in template.publish]})
    planned.append(PlannedStep(PUBLISH, PUBLISH, {}, Retry(), 1500, digest))
    return planned


def _planned(step: Step, values: Mapping[str, Any], digest: str, statement: Statement | None) -> PlannedStep:
    limit = step.max_bytes_billed if isinstance(step, SqlStep) else None
    return PlannedStep(step.id, step.uses, values, step.retry, step.timeout_seconds, digest, statement, limit)


def _asked(template: Template, statement: Statement, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a statement other than earlier steps: its text, parameters and lookups."""
    lookups = {name: get_lookup(template, name).digest for name in statement.parameters if name in template.lookups}
    parameters = {name: variables[name] for name in statement.parameters if name in template.parameters}
    return {"sql": statement.text, "types": dict(statement.parameters), "lookups": lookups, "parameters": parameters}


def _digest(before: str, values: Mapping[str, Any]) -> str:
    text = before + json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
