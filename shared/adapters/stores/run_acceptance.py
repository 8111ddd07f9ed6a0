"""Reads what the acceptance of manual runs and backfills depends on, and accepts them in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC

from google.cloud import bigquery

from shared.adapters.bigquery.job_errors import AssertionFailed, DuplicateJob
from shared.adapters.bigquery.sql import statement
from shared.adapters.bigquery.warehouse import JobOptions, Row, Warehouse
from shared.domain.dispatching.next_starts import AGEING_STEP
from shared.domain.requests.auth import KeyOwner, PresentedKey
from shared.domain.runs.acceptance import MANUAL_MAX_RETRIES, MANUAL_PRIORITY, AcceptedRun, QueueableRuns, Standing
from shared.domain.runs.backfill import BACKFILL_PRIORITY, BackfillQuota
from shared.domain.runs.limits import QueuedGroup, Start, Usage

_OWNER_COLUMNS = tuple(field.name for field in fields(KeyOwner))
_QUOTA_LABELS = frozenset(field.name for field in fields(BackfillQuota))


@dataclass(frozen=True)
class RunAcceptance:
    """Reads what an acceptance depends on, accepts runs, and finds what was accepted before."""

    warehouse: Warehouse

    def find_standing(self, key: PresentedKey) -> Standing | None:
        """The key's owner with the tenant's usage, queue and credentials, or None for an unknown key. One job."""
        values = {
            "api_key_hash": key.api_key_hash,
            "tenant_id": key.tenant_id,
            "manual_priority": MANUAL_PRIORITY,
            "ageing_seconds": int(AGEING_STEP.total_seconds()),
        }
        rows = self.warehouse.read(statement("run_acceptance", "find_standing"), values)
        return _standing(rows[0]) if rows else None

    def accept(self, queueable: QueueableRuns, answer: AcceptedRun) -> AcceptedRun | None:
        """Insert the runs and their queue items under the request's id, once. One job.

        It returns `answer`, or the earlier answer, marked as replayed, if this id was accepted before. It returns None
        if the id is used up: its job failed, or BigQuery has forgotten the job of a run that exists.
        """
        runs = [{**run, "position": position} for position, run in enumerate(queueable.runs)]
        values = {
            **asdict(queueable),
            "runs": json.dumps(runs),
            "status": answer.start.status,
            "wait_reason": answer.start.wait_reason,
            "priority": BACKFILL_PRIORITY if queueable.backfill_id else MANUAL_PRIORITY,
            "max_retries": MANUAL_MAX_RETRIES,
        }
        try:
            job = self.warehouse.insert(
                statement("run_acceptance", "accept_runs"),
                values,
                job_id=_job_id(queueable.request_id),
                dataset=queueable.tenant_id,
                options=JobOptions(_labels(answer)),
            )
            self.warehouse.finished(job)
        except DuplicateJob:
            return self._read_answer(queueable.request_id, self.warehouse.get_job(_job_id(queueable.request_id)))
        except AssertionFailed:
            return None
        return answer

    def find_accepted(self, request_id: str) -> AcceptedRun | None:
        """The answer to the call that was accepted under this id. None if there is no such job, or if it failed."""
        job = self.warehouse.find_job(_job_id(request_id))
        return self._read_answer(request_id, job) if job else None

    def is_used(self, request_id: str) -> bool:
        """Whether a job, failed or not, has used this id."""
        return self.warehouse.find_job(_job_id(request_id)) is not None

    def _read_answer(self, request_id: str, job: bigquery.QueryJob) -> AcceptedRun | None:
        if self.warehouse.failure(job):
            return None
        return replace(_from_labels(request_id, job), is_replayed=True)


def _standing(row: Row) -> Standing:
    owner = KeyOwner(**{name: row[name] for name in _OWNER_COLUMNS})
    usage = Usage(
        now=owner.read_at,
        daily_limit=owner.daily_limit or 0,
        concurrent_limit=owner.concurrent_limit or 0,
        started_today=row["started_today"],
        schedules=row["schedules"],
        due_today=row["due_today"],
        queue=tuple(QueuedGroup(**group) for group in row["queued_groups"] or ()),
    )
    credentials = {held["provider"]: held["source"] for held in row["credentials"] or ()}
    return Standing(owner=owner, api_key_id=row["api_key_id"], usage=usage, credentials=credentials)


def _job_id(request_id: str) -> str:
    return f"cvg-accept-{request_id}"


def _labels(answer: AcceptedRun) -> dict[str, str]:
    """The labels of the job. They keep the answer, so that a repeated call reads it without a query."""
    quota = vars(answer.quota) if answer.quota else {}
    facts = {"body": answer.body_digest, **vars(answer.start), **quota}
    return {name: str(value) for name, value in facts.items() if value is not None}


def _from_labels(request_id: str, job: bigquery.QueryJob) -> AcceptedRun:
    """The answer that `_labels` kept. BigQuery's labels are in lower case, statuses and reasons in upper case."""
    labels = job.labels
    position, reason = labels.get("queue_position"), labels.get("wait_reason")
    start = Start(labels["status"].upper(), reason.upper() if reason else None, int(position) if position else None)
    quota = _quota(labels) if labels.keys() >= _QUOTA_LABELS else None
    return AcceptedRun(request_id, start, labels["body"], job.created.astimezone(UTC), quota)


def _quota(labels: Mapping[str, str]) -> BackfillQuota:
    return BackfillQuota(**{name: int(labels[name]) for name in _QUOTA_LABELS})
