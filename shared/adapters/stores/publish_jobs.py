"""Starts and finds a tenant's publish jobs. A job's number is its turn, which only one job gets; see docs/adr/0017."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.cloud import bigquery

from shared.adapters.bigquery.job_errors import DuplicateJob
from shared.adapters.bigquery.job_waits import Pause, await_end
from shared.adapters.bigquery.sql import Statement
from shared.adapters.bigquery.warehouse import JobOptions, Warehouse
from shared.domain.runs.delivery import RunTask
from shared.domain.runs.turns import Holder

_LEASE, _FENCE = "lease", "fence"


@dataclass(frozen=True)
class PublishJobs:
    """The publish jobs of the tenant of a task. The holder of the task's lease starts and looks them up."""

    warehouse: Warehouse
    task: RunTask
    fence: str
    _known: dict[int, bigquery.QueryJob] = field(default_factory=dict)

    def start(
        self,
        turn: int,
        script: Statement,
        values: Mapping[str, Any],
        *,
        max_bytes_billed: int | None,
        timeout_seconds: int,
    ) -> Holder | None:
        """Start the job of a turn. If the turn is taken, it returns the holder. The job ends within its time limit."""
        try:
            self._known[turn] = self.warehouse.insert(
                script,
                values,
                job_id=self._job_id(turn),
                dataset=self.task.tenant_id,
                options=JobOptions(
                    labels={_LEASE: self.task.lease_id or "", _FENCE: self.fence},
                    max_bytes_billed=max_bytes_billed,
                    timeout_seconds=timeout_seconds,
                ),
            )
        except DuplicateJob:
            return _holder(self.get(turn))
        return None

    def find(self, turn: int) -> Holder | None:
        """The holder of a turn, or None if the turn is free."""
        job = self.warehouse.find_job(self._job_id(turn))
        if job is None:
            return None
        self._known[turn] = job
        return _holder(job)

    def get(self, turn: int) -> bigquery.QueryJob:
        """The job of a turn that is taken."""
        if turn not in self._known:
            self._known[turn] = self.warehouse.get_job(self._job_id(turn))
        return self._known[turn]

    def await_end(self, turn: int, pause: Pause) -> None:
        """Wait until the job of a taken turn has ended. Its own executor handles an error of it."""
        await_end(self.get(turn), pause, self.warehouse.retry_budget)

    def finished(self, turn: int, pause: Pause) -> bigquery.QueryJob:
        """Wait for the job of this lease's turn, and raise its error."""
        return self.warehouse.finished(self.get(turn), pause)

    def _job_id(self, turn: int) -> str:
        return f"cvg-publish-{_digest(self.task.tenant_id)}-{turn}"


def fence_of(pipeline_id: str, source: str) -> str:
    """The label's value for a pipeline and source."""
    return _digest(f"{pipeline_id}\n{source}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _holder(job: bigquery.QueryJob) -> Holder:
    return Holder(job.labels.get(_LEASE, ""), job.labels.get(_FENCE, ""), job.state == "DONE")
