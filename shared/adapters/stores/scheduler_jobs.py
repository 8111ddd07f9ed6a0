"""Records each run of a scheduler function with its outcome, so that a missing run can be detected."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.adapters.bigquery.job_errors import translated
from shared.adapters.bigquery.sql import statement
from shared.adapters.bigquery.warehouse import Row, Warehouse
from shared.errors import JobFailed, Unavailable
from shared.runtime import log


@dataclass(frozen=True)
class SchedulerJobs:
    """Appends to scheduler_job_runs."""

    warehouse: Warehouse
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    @contextmanager
    def recording(self, job: str) -> Iterator[dict[str, int]]:
        """Record the block as a run of `job`, with the counts it puts into the mapping, or the error it raises."""
        counts: dict[str, int] = {}
        started_at, outcome = self.clock(), "SUCCESS"
        try:
            yield counts
        except Exception as error:
            outcome = type(error).__name__
            raise
        finally:
            log.info("scheduler job ended", job=job, outcome=outcome, **counts)
            self._append(job, started_at, outcome, counts)

    def read_status(self, *, near_percent: int) -> Row:
        """Read all that scheduler_status shows. A tenant is near its limit from `near_percent` of it on. One job."""
        (row,) = self.warehouse.read(statement("status", "read_status"), {"near_percent": near_percent})
        return row

    def begun_at(self) -> datetime:
        """The time at which the platform was created and job runs began to be recorded. No BigQuery job."""
        table = f"{self.warehouse.project}.{self.warehouse.central}.scheduler_job_runs"
        with translated():
            found: datetime = self.warehouse.client.get_table(table, retry=self.warehouse.retry_budget.calls).created
        return found

    def _append(self, job: str, started_at: datetime, outcome: str, counts: dict[str, int]) -> None:
        row = {
            "job": job,
            "started_at": started_at.isoformat(),
            "completed_at": self.clock().isoformat(),
            "outcome": outcome,
            "counts": json.dumps(counts),
        }
        try:
            self.warehouse.stream("scheduler_job_runs", [row], row_ids=[uuid.uuid4().hex])
        except (Unavailable, JobFailed) as error:  # the job is done, so its caller gets an answer
            log.warning("scheduler job not recorded", job=job, error_class=type(error).__name__)
