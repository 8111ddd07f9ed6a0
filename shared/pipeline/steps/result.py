"""What a step answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class StepResult:
    """What came of a step; `details` is JSON and is what later steps build on."""

    rows: int | None = None
    bytes_billed: int | None = None
    job_id: str | None = None
    output_table: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    checks: Sequence[Mapping[str, Any]] = ()
