"""Makes the labels of BigQuery jobs: function, statement, tenant, pipeline, run and step."""

from __future__ import annotations

import re
from collections.abc import Mapping

from shared.runtime import log

_LABEL = re.compile(r"[^a-z0-9_-]")
# The label of each fact that is bound to the request. With these labels an operator finds the jobs of an answer's
# X-Request-ID, and sees in the bill what a tenant's runs cost.
_BOUND = {
    "request_id": "request_id",
    "tenant_id": "tenant",
    "pipeline_id": "pipeline",
    "run_id": "run",
    "step_id": "step",
}


def bound_labels() -> dict[str, str]:
    """The facts of the present request as labels."""
    found = {label: log.bound_fact(fact) for fact, label in _BOUND.items()}
    return {label: value for label, value in found.items() if value}


def job_labels(facts: Mapping[str, str]) -> dict[str, str]:
    """Facts as BigQuery labels: in lower case, at most 63 of the allowed characters."""
    return {key: _LABEL.sub("_", value.lower())[:63] for key, value in facts.items()}
