"""From a template to the steps of one run: placeholders filled, and each step's input summed up in a hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain.templates import Retry, Template, substitute, template_variables

CHECKS, PUBLISH = "checks", "publish"  # the two steps every run ends with


@dataclass(frozen=True)
class PlannedStep:
    """One step of a run; the same `input_hash` means the same work on the same data."""

    id: str
    uses: str
    values: Mapping[str, Any]
    retry: Retry
    timeout_seconds: int
    input_hash: str


def plan_steps(
    template: Template,
    *,
    tenant_id: str,
    parameters: Mapping[str, Any],
    source: str,
    snapshot_at: datetime,
    watermark: datetime | None,
) -> Sequence[PlannedStep]:
    """The run's steps in order: the template's, then the checks, then the publish."""
    variables = template_variables(template, tenant_id, parameters)
    read = {"source": source, "snapshot_at": str(snapshot_at), "watermark": str(watermark)}
    digest = _digest("", read)
    planned = []
    for step in template.steps:
        values = substitute(step.with_, variables)
        digest = _digest(digest, {"id": step.id, "uses": step.uses, "with": values})
        planned.append(PlannedStep(step.id, step.uses, values, step.retry, step.timeout_seconds, digest))
    checks = {check.id: substitute(check.with_, variables) for check in template.checks}
    digest = _digest(digest, {"checks": checks, "rules": [check.model_dump() for check in template.checks]})
    planned.append(PlannedStep(CHECKS, CHECKS, checks, Retry(attempts=3), 900, digest))
    digest = _digest(digest, {"publish": [target.model_dump() for target in template.publish]})
    planned.append(PlannedStep(PUBLISH, PUBLISH, {}, Retry(), 1500, digest))
    return planned


def _digest(before: str, values: Mapping[str, Any]) -> str:
    text = before + json.dumps(values, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
