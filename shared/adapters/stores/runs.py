"""The store of runs for executors: it claims a run by a job's id, begins it under a fence, closes and logs it."""

from __future__ import annotations

import contextvars
import json
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from shared import errors
from shared.adapters.bigquery.contended import retried
from shared.adapters.bigquery.job_errors import DuplicateJob
from shared.adapters.bigquery.sql import joined, statement
from shared.adapters.bigquery.warehouse import JobOptions, Row, Warehouse
from shared.adapters.stores.events import RunEvents
from shared.domain.credentials.sealed import SealedCredential
from shared.domain.runs.attempt import Begun, Checkpoint, ClaimedRun, Ending, Signals
from shared.domain.runs.delivery import Closing, RunTask
from shared.domain.runs.events import RunEvent
from shared.domain.runs.turns import Line

_CLAIM_SUFFIXES = 20


@dataclass(frozen=True)
class Runs:
    """Reads and changes one run's rows."""

    warehouse: Warehouse

    def claim(self, task: RunTask, *, execution_id: str) -> ClaimedRun | None:
        """Claim the run for this delivery; None if the lease is not current. A second delivery raises DuplicateJob.

        The claim is the id of the job that reads: BigQuery accepts an id once.
        """
        values = {"run_id": task.run_id, "tenant_id": task.tenant_id, "lease_id": task.lease_id}
        claim, labelled = statement("run_execution", "claim_run"), JobOptions({"execution": execution_id})
        for suffix in range(_CLAIM_SUFFIXES):
            job_id = f"cvg-claim-{task.lease_id}-{task.hop}-{suffix}"
            try:
                job = self.warehouse.insert(claim, values, job_id=job_id, options=labelled)
            except DuplicateJob:
                job = self.warehouse.get_job(job_id)
                failed = self.warehouse.failure(job) is not None
                if not failed and job.labels.get("execution") != execution_id:
                    raise
                if failed:
                    continue
            rows = self.warehouse.rows_of(self.warehouse.finished(job))
            return _claimed(task.tenant_id, rows) if rows else None
        raise errors.Unavailable(retry_after=5)

    def find(self, task: RunTask) -> ClaimedRun | None:
        """The run of a lease, read without claiming it, or None if the lease is not current."""
        values = {"run_id": task.run_id, "tenant_id": task.tenant_id, "lease_id": task.lease_id}
        rows = self.warehouse.read(statement("run_execution", "claim_run"), values)
        return _claimed(task.tenant_id, rows) if rows else None

    def signals(self, task: RunTask) -> Signals:
        """Whether the lease is still current, and whether the run is to be cancelled."""
        values = {"run_id": task.run_id, "tenant_id": task.tenant_id, "lease_id": task.lease_id}
        return Signals(**self.warehouse.read(statement("run_execution", "read_signals"), values)[0])

    def begin(self, task: RunTask, run: ClaimedRun, *, pipeline_id: str, source: str | None) -> Begun:
        """Take the fence of (pipeline, source) and read the run's state. It raises FenceLost if the lease is lost.

        It only appends, so it conflicts with no other write. The publish looks up the token itself, so the read does
        not wait for the append.
        """
        parts = [statement("run_begin", "take_token")]
        if run.trigger_type == "scheduler":
            parts.insert(0, statement("run_begin", "log_scheduled_run"))
        begin = joined("begin_attempt", parts, "\n\n")
        known = {**run_values(task, run), "pipeline_id": pipeline_id, "source": source}
        values, job_id = {name: known[name] for name in begin.parameters}, f"cvg-begin-{task.lease_id}-{task.hop}"
        append = partial(self.warehouse.once, begin, values, job_id=job_id, dataset=task.tenant_id)
        with ThreadPoolExecutor(1) as threads:
            appended = threads.submit(contextvars.copy_context().run, append)
            found = self.find_begun(task, pipeline_id=pipeline_id, source=source)
            appended.result()
        return found

    def find_begun(self, task: RunTask, *, pipeline_id: str, source: str | None) -> Begun:
        """The run's present state. It raises FenceLost if the lease is lost."""
        read = statement("run_begin", "read_begun")
        known = {**vars(task), "pipeline_id": pipeline_id, "source": source}
        (row,) = self.warehouse.read(read, {name: known[name] for name in read.parameters}, dataset=task.tenant_id)
        found = dict(row)
        if not found.pop("lease_is_held"):
            raise errors.FenceLost("Another attempt took over (LEASE_LOST).")
        return Begun(**{**found, "deliveries": json.loads(found["deliveries"] or "null") or {}})

    def join_line(self, task: RunTask, *, now: datetime) -> Line:
        """Record that the lease waits for a turn to publish. Return the tenant's leases that came before it."""
        waits = RunEvent(
            run_id=task.run_id,
            tenant_id=task.tenant_id,
            kind="WAITING",
            occurred_at=now,
            event_id=uuid.uuid4().hex,
            lease_id=task.lease_id,
            attempt=task.attempt,
        )
        RunEvents(self.warehouse).append([waits])
        values = {"tenant_id": task.tenant_id, "lease_id": task.lease_id, "now": now}
        (row,) = self.warehouse.read(statement("run_begin", "read_line"), values, dataset=task.tenant_id)
        return Line(tuple(row["ahead"]), row["newest"])

    def close(self, task: RunTask, closing: Closing, *, bytes_billed: int | None) -> Ending:
        """End a run that has no executor any more and has not ended. A repeated delivery changes nothing.

        It returns how the run ended, as its row says, or as `closing` says if there is no row.
        """
        values = {
            "run_id": task.run_id,
            "tenant_id": task.tenant_id,
            "pipeline_logging_id": task.pipeline_logging_id,
            "attempt": task.attempt,
            "status": closing.status,
            "error_class": closing.error_class,
            "error_message": closing.error_message,
            "bytes_billed": bytes_billed,
        }
        close = statement("run_execution", "close_run")
        once = partial(self.warehouse.once, close, values, job_id=f"cvg-close-{task.run_id}", dataset=task.tenant_id)
        rows = self.warehouse.rows_of(retried(once))
        return Ending(**(rows[0] if rows else dict(closing)))

    def close_attempt(
        self,
        task: RunTask,
        run: ClaimedRun,
        *,
        status: str,
        error_class: str | None,
        error_message: str | None,
        bytes_billed: int,
    ) -> str | None:
        """End the run under this task's lease, unless it has ended. It returns the status of the end; it returns None
        and changes nothing once another attempt has taken over.
        """
        close = statement("run_execution", "close_attempt")
        ended = {"status": status, "error_class": error_class, "error_message": error_message}
        known = {**run_values(task, run), **ended, "bytes_billed": bytes_billed}
        values = {name: known[name] for name in close.parameters}
        rows = self.warehouse.rows_of(retried(partial(self.warehouse.change, close, values, dataset=task.tenant_id)))
        return str(rows[0]["status"]) if rows else None

    def log(
        self, task: RunTask, run: ClaimedRun, *, steps: Sequence[Mapping[str, Any]], checks: Sequence[Mapping[str, Any]]
    ) -> None:
        """Append the step logs and check results that are not there yet."""
        values = {
            "tenant_id": task.tenant_id,
            "user_id": run.user_id,
            "pipeline_logging_id": task.pipeline_logging_id,
            "provider": run.provider.upper(),
            "steps": json.dumps(list(steps), default=str),
            "checks": json.dumps(list(checks), default=str),
        }
        job_id = f"cvg-log-{task.lease_id}-{task.hop}"
        self.warehouse.once(statement("run_steps", "log_steps"), values, job_id=job_id, dataset=task.tenant_id)


def run_values(task: RunTask, run: ClaimedRun) -> dict[str, Any]:
    """The values of a run for the statements about its row and its fence."""
    return {
        "pipeline_logging_id": task.pipeline_logging_id,
        "tenant_id": task.tenant_id,
        "run_id": task.run_id,
        "user_id": run.user_id,
        "trigger_type": run.trigger_type,
        "trigger_by": run.trigger_by,
        "config_id": run.config_id,
        "parameters": json.dumps(dict(run.parameters)),
        "created_at": run.added_at,
        "started_at": run.started_at,
        "lease_id": task.lease_id,
        "attempt": task.attempt,
        "source": run.accepted_source,
    }


def _claimed(tenant_id: str, rows: Sequence[Row]) -> ClaimedRun:
    first = rows[0]
    credential = None
    if first["credential_id"] is not None:
        credential = SealedCredential(
            credential_id=first["credential_id"],
            tenant_id=tenant_id,
            provider=first["credential_provider"],
            credential_kind=first["credential_kind"],
            encrypted_credentials=first["encrypted_credentials"],
            kms_key_version=first["kms_key_version"],
            source=first["credential_source"],
        )
    return ClaimedRun(
        provider=first["provider"],
        domain=first["domain"],
        pipeline_template=first["pipeline_template"],
        trigger_type=first["trigger_type"],
        trigger_by=first["trigger_by"],
        config_id=first["config_id"],
        user_id=first["user_id"],
        max_retries=first["max_retries"],
        added_at=first["added_at"],
        lease_expires_at=first["lease_expires_at"],
        parameters=json.loads(first["parameters"] or "{}") or {},
        accepted_source=first["accepted_source"],
        credential=credential,
        checkpoints=[_checkpoint(row) for row in rows if row["event_id"] is not None],
        read_at=first["read_at"],
    )


def _checkpoint(row: Row) -> Checkpoint:
    return Checkpoint(
        event_id=row["event_id"],
        kind=row["event_kind"],
        lease_id=row["event_lease_id"],
        attempt=row["event_attempt"],
        details=json.loads(row["event_details"] or "{}") or {},
        occurred_at=row["event_occurred_at"],
    )
