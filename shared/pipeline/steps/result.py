"""What a step answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.adapters.bigquery.costs import JobCosts


@dataclass(frozen=True)
class StepResult:
    """What came of a step; `details` is JSON and is what later steps build on."""

    rows: int | None = None
    costs: JobCosts = field(default_factory=JobCosts)
    job_id: str | None = None
    output_table: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    checks: Sequence[Mapping[str, Any]] = ()
