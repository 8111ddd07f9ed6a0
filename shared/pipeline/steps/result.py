"""Defines the result of a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.adapters.bigquery.costs import JobCosts


@dataclass(frozen=True)
class StepResult:
    """The result of a step. Later steps use its `details`, which are JSON."""

    rows: int | None = None
    costs: JobCosts = field(default_factory=JobCosts)
    job_id: str | None = None
    output_table: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    checks: Sequence[Mapping[str, Any]] = ()
