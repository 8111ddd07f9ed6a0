"""Closes runs that no executor will end: many rows of one tenant in one statement."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from shared.adapters.bigquery.contended import retried
from shared.adapters.bigquery.sql import statement
from shared.adapters.bigquery.warehouse import Row, Warehouse
from shared.domain.runs.delivery import CloseTask


@dataclass(frozen=True)
class Closings:
    """Changes x_meta_pipeline_runs of a tenant."""

    warehouse: Warehouse

    def close(self, task: CloseTask) -> Sequence[Row]:
        """Close the runs that have not ended. It returns the runs that had ended with another status. One job.

        It raises Missing if the tenant has no dataset, Unavailable if other writers of the tables aborted every try.
        """
        closings = json.dumps([run.model_dump() for run in task.runs])
        digest = hashlib.sha256(f"{task.tenant_id} {closings}".encode()).hexdigest()[:40]
        values = {"tenant_id": task.tenant_id, "closings": closings}
        script = statement("closings", "close_runs")
        once = partial(self.warehouse.once, script, values, job_id=f"cvg-closings-{digest}", dataset=task.tenant_id)
        return self.warehouse.rows_of(retried(once))
